//! Names of files: as people gave them, and as they lie on the disk.

use tidegate_schema::{Error, Result, model::base_name};

/// Most characters of a file's name.
const MOST_CHARS: usize = 255;
/// Characters of the name on the disk, before and behind its last dot. At four bytes each they fit every file system.
const STEM_CHARS: usize = 50;
const ENDING_CHARS: usize = 10;

/// Endings of files that are read as tables.
const TABLES: [&str; 13] = [
    "csv", "tsv", "tab", "txt", "xlsx", "xlsm", "xlsb", "xls", "ods", "json", "jsonl", "ndjson",
    "parquet",
];

/// A file's name without its path.
///
/// # Errors
/// [`Error::Invalid`] naming `field` for a name that is none.
pub(super) fn bare(field: &str, name: &str) -> Result<String> {
    let refused = |reason: &str| Err(Error::invalid(field, reason));
    let name = base_name(name);
    if name.is_empty() || name.chars().all(|letter| letter == '.') {
        return refused("the file has no name; send it with one, as sales.csv");
    }
    if name.chars().any(char::is_control) {
        return refused("the file's name holds control characters; give it another name");
    }
    if name.chars().nth(MOST_CHARS).is_some() {
        return refused("the file's name has more than 255 characters; give it a shorter one");
    }
    Ok(name.to_owned())
}

/// The name a file lies on the disk by: letters, digits and underscores, and its ending. Tables are named after it.
pub(super) fn on_disk(name: &str) -> String {
    let (stem, ending) = name.rsplit_once('.').unwrap_or((name, ""));
    let mut plain = String::new();
    for letter in stem.chars() {
        if letter.is_alphanumeric() {
            plain.push(letter);
        } else if !plain.is_empty() && !plain.ends_with('_') {
            plain.push('_');
        }
        if plain.chars().count() == STEM_CHARS {
            break;
        }
    }
    let plain = plain.trim_end_matches('_');
    let stem = if plain.is_empty() { "data" } else { plain };
    let is_plain = |ending: &str| {
        ending.len() <= ENDING_CHARS && ending.bytes().all(|b| b.is_ascii_alphanumeric())
    };
    if ending.is_empty() || !is_plain(ending) {
        return format!("{stem}.bin");
    }
    format!("{stem}.{}", ending.to_ascii_lowercase())
}

/// Whether a file of that name can be read as tables.
pub(super) fn has_tables(name: &str) -> bool {
    TABLES.contains(&ending(name).as_str())
}

/// Whether it is shown as records rather than as the text it is.
pub(super) fn is_shown_as_records(name: &str) -> bool {
    has_tables(name) && ending(name) != "txt"
}

/// Whether what cannot be read as tables can be shown as text.
pub(super) fn may_be_text(name: &str) -> bool {
    matches!(
        ending(name).as_str(),
        "csv" | "tsv" | "tab" | "txt" | "json" | "jsonl" | "ndjson"
    )
}

/// Refuses a file that cannot be read as tables.
pub(super) fn check_has_tables(field: &str, name: &str) -> Result<()> {
    if has_tables(name) {
        return Ok(());
    }
    let known: Vec<String> = TABLES.iter().map(|ending| format!(".{ending}")).collect();
    Err(Error::invalid(
        field,
        format!(
            "'{name}' is no file of tables; send one that ends in {}",
            known.join(", ")
        ),
    ))
}

fn ending(name: &str) -> String {
    name.rsplit_once('.')
        .map_or(String::new(), |(_, ending)| ending.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_part_of_a_path_is_left_of_a_name() {
        for (sent, kept) in [
            ("sales.csv", "sales.csv"),
            ("../../etc/passwd.csv", "passwd.csv"),
            ("C:\\Users\\x\\销售 数据.xlsx", "销售 数据.xlsx"),
            (" a.b.csv ", "a.b.csv"),
            (".csv", ".csv"),
        ] {
            assert_eq!(bare("f", sent).expect("a name"), kept);
        }
        let long = "x".repeat(256);
        for bad in [
            "",
            "  ",
            "a/",
            "..",
            "/..",
            "a\0.csv",
            "a\n.csv",
            long.as_str(),
        ] {
            let refused = bare("body.doc_file", bad).expect_err("refused");
            assert!(refused.to_string().starts_with("body.doc_file: "), "{bad}");
        }
    }

    #[test]
    fn a_name_on_the_disk_is_plain_and_fits() {
        for (name, expected) in [
            ("sales.csv", "sales.csv"),
            ("Sales 2024 (final).CSV", "Sales_2024_final.csv"),
            ("销售 数据.xlsx", "销售_数据.xlsx"),
            ("a.b.csv", "a_b.csv"),
            (".csv", "data.csv"),
            ("readme", "readme.bin"),
            ("x.tar/gz", "x.bin"),
            ("notes.verylongending", "notes.bin"),
        ] {
            assert_eq!(on_disk(name), expected, "{name}");
        }
        let long = on_disk(&format!("{}.csv", "字𠀀".repeat(120)));
        assert!(long.len() <= 255, "{long}");
        assert_eq!(long.rsplit_once('.').map(|(_, end)| end), Some("csv"));
    }

    #[test]
    fn files_of_tables_are_told_by_their_endings() {
        assert!(has_tables("a.CSV") && has_tables("a.b.parquet"));
        assert!(!has_tables("csv") && !has_tables("a.pdf"));
        assert!(!is_shown_as_records("a.txt") && is_shown_as_records("a.xlsx"));
        let refused = check_has_tables("body.doc_file", "a.pdf").expect_err("refused");
        assert!(refused.to_string().contains("'a.pdf'"), "{refused}");
        assert!(refused.to_string().contains(".parquet"), "{refused}");
    }
}
