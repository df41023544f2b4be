//! What grows around the tables an enterprise is about.

use std::collections::HashSet;

use super::{
    COLUMNS, Column, TABLES, Table,
    read::{data_type, plain, usual},
};

/// Copies that nobody dared to drop.
const COPIES: usize = 400;

/// What most tables get beside them: the end of the name, a comment with `{}` for the table, columns.
const COMPANIONS: [(&str, &str, &str); 16] = [
    (
        "hist",
        "Changes of {}",
        "field_nm:t old_val:t new_val:t valid_from:ts",
    ),
    ("note", "", "note_txt:t written_by:t written_ts:ts pinned:b"),
    (
        "doc",
        "Files attached to {}",
        "file_nm:t mime:t bytes:i uploaded_ts:ts",
    ),
    ("kind", "", "kind_cd:t kind_nm:t sort_no:i active:b"),
    ("sts_log", "", "old_sts:t new_sts:t set_ts:ts set_by:t"),
    (
        "xref",
        "Numbers of {} in other systems",
        "src_sys:t ext_no:t synced_ts:ts",
    ),
    ("lang_txt", "", "lang_cd:t short_txt:t long_txt:t"),
    ("cfg", "", "cfg_key:t cfg_val:t scope:t"),
    (
        "appr",
        "Approvals of {}",
        "approver:t step_no:i decided_ts:ts decision:t",
    ),
    ("tag", "", "tag:t tagged_ts:ts"),
    ("msg", "", "subject:t body:t msg_ts:ts read_ts:ts"),
    (
        "mon_sum",
        "Monthly totals of {}",
        "year_no:i month_no:i cnt:i sum_amt:n",
    ),
    ("snap", "", "snap_dt:d payload:t row_cnt:i"),
    ("imp_err", "", "batch_no:i line_no:i err_txt:t"),
    ("attr_val", "", "attr_cd:t attr_val:t"),
    ("rem", "", "remind_dt:d remind_to:t remind_txt:t"),
];

/// How copies are marked.
const MARKS: [(&str, &str); 8] = [
    ("", "_bak"),
    ("", "_2019"),
    ("zz_", ""),
    ("", "_old"),
    ("", "_tmp"),
    ("stg_", ""),
    ("", "_archive"),
    ("", "_2021"),
];

/// Columns that turn up anywhere.
const FILLERS: [(&str, &str); 12] = [
    ("src_sys_cd", "t"),
    ("ext_ref", "t"),
    ("row_ver", "i"),
    ("tenant_cd", "t"),
    ("del_flag", "b"),
    ("remarks", "t"),
    ("sort_seq", "i"),
    ("batch_id", "i"),
    ("udf_01", "t"),
    ("udf_02", "t"),
    ("udf_03", "n"),
    ("udf_04", "d"),
];

/// The whole of it: exactly [`TABLES`] tables and [`COLUMNS`] columns.
pub(super) fn around(core: &[Table]) -> Vec<Table> {
    let mut taken: HashSet<String> = core.iter().map(Table::full_name).collect();
    let mut tables = core.to_vec();
    // Each table's companions begin elsewhere in the list, so that none is everywhere.
    let mut round = 0;
    while tables.len() < TABLES - COPIES {
        for (nth, table) in core.iter().enumerate() {
            if tables.len() == TABLES - COPIES {
                break;
            }
            let companion = companion(table, COMPANIONS[(nth * 7 + round * 3) % COMPANIONS.len()]);
            if taken.insert(companion.full_name()) {
                tables.push(companion);
            }
        }
        round += 1;
    }
    let mut nth = 0;
    while tables.len() < TABLES {
        // Seven in eight are copies of what the enterprise is about.
        let from = if nth % 8 == 0 {
            TABLES - COPIES
        } else {
            core.len()
        };
        let copy = copy(&tables[(nth * 37) % from], MARKS[nth % MARKS.len()]);
        nth += 1;
        if taken.insert(copy.full_name()) {
            tables.push(copy);
        }
    }
    fill(&mut tables);
    tables
}

fn companion(table: &Table, (end, comment, columns): (&str, &str, &str)) -> Table {
    let camel = table.name.starts_with(char::is_uppercase);
    let stem = ["_mstr", "_hdr"]
        .iter()
        .find_map(|built| table.name.strip_suffix(built))
        .unwrap_or(&table.name);
    let (name, key) = if camel {
        let end: String = end.split('_').map(capital).collect();
        (format!("{stem}{end}"), format!("{}Id", table.name))
    } else {
        (format!("{stem}_{end}"), format!("{stem}_id"))
    };
    let key = Column {
        refers: Some(table.full_name()),
        ..plain(&key, "bigint")
    };
    let own = columns.split_whitespace().filter_map(|column| {
        let (name, letter) = column.split_once(':')?;
        Some(plain(name, data_type(letter)))
    });
    Table {
        schema: table.schema.clone(),
        name,
        comment: comment.replace("{}", &table.name),
        columns: [plain("id", "bigint"), key]
            .into_iter()
            .chain(own)
            .chain(usual(camel))
            .collect(),
    }
}

fn capital(word: &str) -> String {
    let mut signs = word.chars();
    signs
        .next()
        .map(|first| first.to_uppercase().chain(signs).collect())
        .unwrap_or_default()
}

/// The same columns without keys and, as copies are, mostly without the comment.
fn copy(table: &Table, (before, after): (&str, &str)) -> Table {
    let columns = table
        .columns
        .iter()
        .map(|column| plain(&column.name, column.data_type))
        .collect();
    Table {
        name: format!("{before}{}{after}", table.name),
        comment: if before.is_empty() {
            String::new()
        } else {
            table.comment.clone()
        },
        schema: table.schema.clone(),
        columns,
    }
}

/// Adds columns in turn until there are enough.
fn fill(tables: &mut [Table]) {
    let mut missing = COLUMNS
        - tables
            .iter()
            .map(|table| table.columns.len())
            .sum::<usize>();
    for round in 0..FILLERS.len() {
        for (nth, table) in tables.iter_mut().enumerate() {
            if missing == 0 {
                return;
            }
            let (name, letter) = FILLERS[(nth + round) % FILLERS.len()];
            if table.columns.iter().all(|column| column.name != name) {
                table.columns.push(plain(name, data_type(letter)));
                missing -= 1;
            }
        }
    }
}
