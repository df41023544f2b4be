//! `tidegate db` with the real program: adding, looking into, running and exporting.

use std::path::Path;

use anyhow::{Context as _, Result};
use serde_json::{Value, json};
use tempfile::TempDir;
use tidegate_tests::{databases, process::Program};

use crate::support::{TOWNS, program};

const PEOPLE: &str = "SELECT id, name, town FROM people ORDER BY id";

/// The program with the database `towns`, whose table `people` a second one points at.
fn towns(dir: &Path, sections: &str) -> Result<Program> {
    let program = program(dir, sections)?;
    let file = dir.join("towns.db");
    let sql = format!(
        "{TOWNS}; CREATE TABLE visits (id INTEGER PRIMARY KEY, person INTEGER NOT NULL REFERENCES people (id),
            place TEXT, day DATE)"
    );
    databases::make(&file, &sql)?;
    let added = program.run(&["db", "add", "towns", &file.display().to_string()])?;
    anyhow::ensure!(added.success, "{added:?}");
    Ok(program)
}

fn read(program: &Program, arguments: &[&str]) -> Result<Value> {
    let printed = program.run(arguments)?;
    serde_json::from_str(&printed.out).with_context(|| format!("{printed:?}"))
}

#[test]
fn tables_and_columns_are_listed_and_described() -> Result<()> {
    let dir = TempDir::new()?;
    let program = towns(dir.path(), "")?;
    let listed = read(&program, &["db", "tables", "towns", "--json"])?;
    let names: Vec<&Value> = listed
        .as_array()
        .context("a list")?
        .iter()
        .map(|table| &table["name"])
        .collect();
    assert_eq!(names, [&json!("people"), &json!("visits")]);
    assert_eq!(
        (
            &listed[0]["kind"],
            &listed[0]["columns"],
            &listed[0]["schema"]
        ),
        (&json!("table"), &json!(3), &Value::Null)
    );
    let shown = program.run(&["db", "tables", "towns"])?;
    assert!(shown.success && shown.out.contains("visits"), "{shown:?}");

    let described = read(&program, &["db", "describe", "towns", "VISITS", "--json"])?;
    assert_eq!(described["primary_key"], json!(["id"]));
    let key = &described["foreign_keys"][0];
    assert_eq!(
        (&key["columns"], &key["references_table"]),
        (&json!(["person"]), &json!("people"))
    );
    let person = &described["columns"][1];
    assert_eq!(
        (&person["name"], &person["type"], &person["nullable"]),
        (&json!("person"), &json!("INTEGER"), &json!(false))
    );
    let people = read(&program, &["db", "describe", "towns", "people", "--json"])?;
    let towns = people["columns"][2]["values"]
        .as_array()
        .context("values")?;
    assert!(towns.contains(&json!("Tromsø")), "{people}");
    let shown = program.run(&["db", "describe", "towns", "visits"])?;
    for part in [
        "table visits",
        "person",
        "INTEGER",
        "primary",
        "person -> people(id)",
    ] {
        assert!(
            shown.out.contains(part),
            "{part} is missing in {}",
            shown.out
        );
    }
    Ok(())
}

#[test]
fn an_unknown_table_is_answered_with_the_nearest() -> Result<()> {
    let dir = TempDir::new()?;
    let program = towns(dir.path(), "")?;
    let missing = program.run(&["db", "describe", "towns", "poeple"])?;
    assert_eq!(missing.code, Some(1), "{missing:?}");
    assert!(
        missing.err.contains("did you mean 'people'?"),
        "{missing:?}"
    );
    let missing = program.run(&["db", "tables", "twons"])?;
    assert!(
        missing.code == Some(1) && missing.err.contains("did you mean 'towns'?"),
        "{missing:?}"
    );
    Ok(())
}

#[test]
fn the_list_says_what_each_database_is() -> Result<()> {
    let dir = TempDir::new()?;
    let program = towns(dir.path(), "")?;
    let listed = read(&program, &["db", "list", "--json"])?;
    assert_eq!(
        (&listed[0]["engine"], &listed[0]["writable"]),
        (&json!("sqlite"), &json!(false))
    );
    assert_eq!(listed[0]["tables"], json!(2), "{listed}");
    let second = dir.path().join("second.db");
    databases::make(&second, TOWNS)?;
    let second = second.display().to_string();
    let added = program.run(&["db", "add", "second", &second, "--writable"])?;
    assert!(
        added.success && added.out.contains("lets changes through"),
        "{added:?}"
    );
    let shown = program.run(&["db", "list"])?;
    assert!(!shown.out.contains("not read yet"), "{}", shown.out);
    for part in ["SQLite", "writable", "tables", "yes", "no"] {
        assert!(
            shown.out.contains(part),
            "{part} is missing in {}",
            shown.out
        );
    }
    let listed = read(&program, &["db", "list", "--json"])?;
    let marked: Vec<(&Value, &Value)> = listed
        .as_array()
        .context("a list")?
        .iter()
        .map(|one| (&one["name"], &one["writable"]))
        .collect();
    assert!(
        marked.contains(&(&json!("second"), &json!(true))),
        "{listed}"
    );
    Ok(())
}

#[test]
fn a_query_is_printed_as_a_table_as_json_and_as_csv() -> Result<()> {
    let dir = TempDir::new()?;
    let program = towns(dir.path(), "")?;
    let shown = program.run(&[
        "db",
        "run",
        "towns",
        "SELECT name, NULL AS none FROM people",
    ])?;
    assert!(
        shown.success && shown.out.contains("Flo") && shown.out.contains("NULL"),
        "{shown:?}"
    );
    assert!(shown.err.contains("6 rows in "), "{shown:?}");

    let document = read(&program, &["db", "run", "towns", PEOPLE, "--json"])?;
    assert_eq!(document["rows"][5], json!([6, "Flo", "Tromsø"]));
    assert_eq!(document["columns"][1]["name"], "name");
    assert_eq!(document["cut_at"], Value::Null);
    assert_eq!(document["verdict"]["tables"], json!(["people"]));

    let csv = program.run_with_input(&["db", "run", "towns", "-", "--csv"], PEOPLE)?;
    assert!(
        csv.success && csv.out.starts_with("id,name,town\r\n1,Ann,Oslo\r\n") && csv.err.is_empty(),
        "{csv:?}"
    );
    Ok(())
}

#[test]
fn a_limit_cuts_and_says_so() -> Result<()> {
    let dir = TempDir::new()?;
    let program = towns(dir.path(), "")?;
    let cut = program.run(&["db", "run", "towns", PEOPLE, "--csv", "--limit", "2"])?;
    assert_eq!(cut.out.lines().count(), 3, "{cut:?}");
    assert!(
        cut.success && cut.err.contains("Cut after 2 rows"),
        "{cut:?}"
    );
    let document = read(
        &program,
        &["db", "run", "towns", PEOPLE, "--json", "--limit", "2"],
    )?;
    assert_eq!(document["cut_at"], 2);
    let wrong = program.run(&["db", "run", "towns", PEOPLE, "--limit", "0"])?;
    assert_eq!(wrong.code, Some(2), "{wrong:?}");
    let empty = program.run_with_input(&["db", "run", "towns", "-"], "")?;
    assert_eq!(empty.code, Some(2), "{empty:?}");
    Ok(())
}

#[test]
fn what_may_not_run_fails_with_the_reason_and_a_change_waits_for_its_confirmation() -> Result<()> {
    let dir = TempDir::new()?;
    let program = towns(dir.path(), "")?;
    let change = "UPDATE people SET town = 'Bergen' WHERE id = 1";
    for (sql, words) in [
        ("DROP TABLE people", ""),
        ("SELECT nope FROM people", "nope"),
        (change, "tidegate db writable towns"),
    ] {
        let refused = program.run(&["db", "run", "towns", sql, "--confirm"])?;
        assert!(
            refused.code == Some(1) && refused.out.is_empty() && refused.err.contains(words),
            "{sql}: {refused:?}"
        );
    }
    program.run(&["db", "writable", "towns"])?;
    let waits = program.run(&["db", "run", "towns", change])?;
    assert!(
        waits.code == Some(1) && waits.err.contains("--confirm") && waits.err.contains("UPDATE"),
        "{waits:?}"
    );
    for (sql, allowed, words) in [
        ("DROP TABLE people", false, "DROP"),
        ("SELECT nope FROM people", true, "nope"),
        (change, true, "--confirm"),
    ] {
        let refused = program.run(&["db", "run", "towns", sql, "--json"])?;
        assert_eq!(refused.code, Some(1), "{sql}: {refused:?}");
        let document: Value = serde_json::from_str(&refused.out)?;
        assert_eq!(document["verdict"]["allowed"], allowed, "{document}");
        let told = document["error"].as_str().unwrap_or_default();
        assert!(
            told.contains(words) && refused.err.contains(told),
            "{sql}: {refused:?}"
        );
    }
    let town = "SELECT town FROM people WHERE id = 1";
    let asked = |program: &Program| read(program, &["db", "run", "towns", town, "--json"]);
    assert_eq!(asked(&program)?["rows"], json!([["Oslo"]]));
    let changed = read(
        &program,
        &["db", "run", "towns", change, "--confirm", "--json"],
    )?;
    assert_eq!(changed["changed"], 1, "{changed}");
    assert_eq!(asked(&program)?["rows"], json!([["Bergen"]]));
    Ok(())
}

#[test]
fn a_query_is_exported_into_a_file_of_each_format() -> Result<()> {
    let dir = TempDir::new()?;
    let program = towns(dir.path(), "")?;
    for (ending, begins) in [
        ("csv", &b"id,name,town\r\n"[..]),
        ("json", b"[\n{\"id\":1"),
        ("jsonl", b"{\"id\":1"),
        ("arrow", b"\xff\xff\xff\xff"),
        ("parquet", b"PAR1"),
        ("xlsx", b"PK"),
    ] {
        let path = dir.path().join(format!("people.{ending}"));
        let out = path.display().to_string();
        let exported = program.run(&["db", "export", "towns", PEOPLE, "--out", &out])?;
        assert!(
            exported.success && exported.out.contains("Exported 6 rows"),
            "{ending}: {exported:?}"
        );
        assert!(std::fs::read(&path)?.starts_with(begins), "{ending}");
        assert!(!Path::new(&format!("{out}.part")).exists(), "{ending}");
    }
    // The option outweighs the file's ending, and standard output is where it goes without a file.
    let path = dir.path().join("people.csv").display().to_string();
    let asked = [
        "db", "export", "towns", PEOPLE, "--format", "jsonl", "--out", &path,
    ];
    assert!(program.run(&asked)?.success);
    assert!(std::fs::read(&path)?.starts_with(b"{"));
    let printed = program.run(&["db", "export", "towns", PEOPLE, "--format", "json"])?;
    let rows: Value = serde_json::from_str(&printed.out).with_context(|| format!("{printed:?}"))?;
    assert_eq!(rows.as_array().map(Vec::len), Some(6));
    assert!(printed.err.is_empty(), "{printed:?}");
    let left = program.run_unread(&["db", "export", "towns", PEOPLE])?;
    assert!(left.success && !left.err.contains("panicked"), "{left:?}");
    Ok(())
}

#[test]
fn an_export_that_fails_leaves_no_file_and_keeps_the_one_there_was() -> Result<()> {
    let dir = TempDir::new()?;
    let program = towns(dir.path(), "[limits]\nexport_rows = 2\n")?;
    let path = dir.path().join("people.parquet");
    let out = path.display().to_string();
    std::fs::write(&path, "the one before")?;
    let fails = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5)
        SELECT abs(i - 9223372036854775807 - 3) FROM n";
    for arguments in [
        &["db", "export", "towns", fails, "--out", &out][..],
        &["db", "export", "towns", "DROP TABLE people", "--out", &out],
        &["db", "export", "towns", PEOPLE, "--out", &out, "--whole"],
        &["db", "export", "nowhere", PEOPLE, "--out", &out],
    ] {
        let failed = program.run(arguments)?;
        assert_eq!(failed.code, Some(1), "{arguments:?}: {failed:?}");
        assert!(failed.err.starts_with("error: "), "{failed:?}");
        assert_eq!(
            std::fs::read_to_string(&path)?,
            "the one before",
            "{arguments:?}"
        );
        assert!(!Path::new(&format!("{out}.part")).exists(), "{arguments:?}");
    }
    let cut = program.run(&["db", "export", "towns", PEOPLE, "--out", &out])?;
    assert!(
        cut.success && cut.out.contains("Exported 2 rows") && cut.err.contains("Cut after 2 rows"),
        "{cut:?}"
    );
    for wrong in [
        &["db", "export", "towns", PEOPLE, "--format", "xml"][..],
        &[
            "db",
            "export",
            "towns",
            PEOPLE,
            "--out",
            &dir.path().display().to_string(),
        ],
    ] {
        let ended = program.run(wrong)?;
        assert_eq!(ended.code, Some(2), "{wrong:?}: {ended:?}");
    }
    Ok(())
}

#[test]
fn a_data_file_is_added_by_its_path_and_asked_like_any_database() -> Result<()> {
    let dir = TempDir::new()?;
    let program = program(dir.path(), "")?;
    let path = dir.path().join("people.csv");
    std::fs::write(&path, "name,age\nAnn,41\nBo,17\n")?;
    let added = program.run(&["db", "add", "files", &path.display().to_string()])?;
    assert!(
        added.success && added.out.contains("Added 'files' (file, 1 tables)"),
        "{added:?}"
    );
    let document = read(
        &program,
        &[
            "db",
            "run",
            "files",
            "SELECT SUM(age) FROM people",
            "--json",
        ],
    )?;
    assert_eq!(document["rows"], json!([[58]]));
    Ok(())
}
