//! How names, texts, defaults and types are spelled in the catalogue and in our own queries.

use super::session::Flavour;

/// A default as SQL. MariaDB tells it so; MySQL tells the value, bare.
pub(super) fn default_sql(
    flavour: Flavour,
    kind: &str,
    extra: &str,
    text: String,
) -> Option<String> {
    if flavour == Flavour::MariaDb {
        return (!text.eq_ignore_ascii_case("null")).then_some(text);
    }
    let is_expression = extra.to_ascii_uppercase().contains("DEFAULT_GENERATED")
        || text.to_ascii_uppercase().starts_with("CURRENT_TIMESTAMP");
    let kind = kind.to_ascii_lowercase();
    let is_number = [
        "int", "decimal", "float", "double", "bit", "year", "numeric",
    ]
    .iter()
    .any(|part| kind.contains(part));
    Some(if is_expression || is_number {
        text
    } else {
        literal(&text)
    })
}

/// The labels of an ENUM, from its type as the server writes it: `enum('a','it''s')`.
pub(super) fn labels(data_type: &str) -> Option<Vec<String>> {
    let head = data_type.get(..5)?;
    let inside = data_type.get(5..)?.strip_suffix(')')?;
    if !head.eq_ignore_ascii_case("enum(") {
        return None;
    }
    let mut labels = Vec::new();
    let mut signs = inside.chars().peekable();
    while signs.next()? == '\'' {
        let mut label = String::new();
        loop {
            match signs.next()? {
                '\'' if signs.next_if_eq(&'\'').is_some() => label.push('\''),
                '\'' => break,
                '\\' => label.push(match signs.next()? {
                    'n' => '\n',
                    'r' => '\r',
                    '0' => '\0',
                    other => other,
                }),
                sign => label.push(sign),
            }
        }
        labels.push(label);
        match signs.next() {
            None => return Some(labels),
            Some(',') => {}
            Some(_) => return None,
        }
    }
    None
}

/// A name as SQL.
pub(super) fn quoted(name: &str) -> String {
    format!("`{}`", name.replace('`', "``"))
}

/// A text as SQL, for sessions in which a backslash escapes.
pub(super) fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_enums_labels_are_read_whole() {
        for (data_type, expected) in [
            ("enum('a','b')", Some(vec!["a", "b"])),
            (
                "ENUM('it''s','a,b',')','')",
                Some(vec!["it's", "a,b", ")", ""]),
            ),
            ("enum('a\\\\b','c\\nd')", Some(vec!["a\\b", "c\nd"])),
            ("enum('Å')", Some(vec!["Å"])),
            ("set('a','b')", None),
            ("enum('a)", None),
            ("enum(", None),
            ("int", None),
            ("ÅÅÅÅ", None),
        ] {
            let expected: Option<Vec<String>> =
                expected.map(|labels| labels.into_iter().map(str::to_owned).collect());
            assert_eq!(labels(data_type), expected, "{data_type}");
        }
    }

    #[test]
    fn a_default_is_sql_whoever_tells_it() {
        let mysql =
            |kind, extra, text: &str| default_sql(Flavour::MySql, kind, extra, text.to_owned());
        assert_eq!(mysql("varchar", "", "it's").as_deref(), Some("'it''s'"));
        assert_eq!(mysql("int", "", "0").as_deref(), Some("0"));
        assert_eq!(mysql("bit", "", "b'0'").as_deref(), Some("b'0'"));
        assert_eq!(
            mysql("datetime", "", "CURRENT_TIMESTAMP(3)").as_deref(),
            Some("CURRENT_TIMESTAMP(3)")
        );
        assert_eq!(
            mysql("varchar", "DEFAULT_GENERATED", "uuid()").as_deref(),
            Some("uuid()")
        );
        let maria = |text: &str| default_sql(Flavour::MariaDb, "varchar", "", text.to_owned());
        assert_eq!(maria("'a'").as_deref(), Some("'a'"));
        assert_eq!(maria("NULL"), None);
    }

    #[test]
    fn names_and_texts_cannot_end_their_quotes() {
        assert_eq!(quoted("a`b"), "`a``b`");
        assert_eq!(literal("a'b\\"), "'a''b\\\\'");
    }
}
