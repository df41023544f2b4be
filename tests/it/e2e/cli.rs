//! The same question in the terminal, and the acts around it, with the real program.

use anyhow::{Context as _, Result};
use serde_json::{Value, json};
use tempfile::TempDir;
use tidegate_tests::{
    databases, process,
    upstream::{Script, Upstream},
};

use crate::support::{QUESTION, SQL, TOWNS, program, rows};

#[tokio::test(flavor = "multi_thread")]
async fn ask_prints_the_same_sql_and_rows() -> Result<()> {
    let upstream = Upstream::start(
        Script::default()
            .sql(QUESTION, SQL)
            .sql("drop it", "DROP TABLE people")
            .answer("sing", &["I would rather not."]),
    )
    .await?;
    let dir = TempDir::new()?;
    let program = program(dir.path(), &upstream.model("scripted"))?;
    let file = dir.path().join("towns.db");
    databases::make(&file, TOWNS)?;
    let added = program.run(&["db", "add", "towns", &file.display().to_string()])?;
    assert!(
        added.success && added.out.contains("Added 'towns' (sqlite, 1 tables)"),
        "{added:?}"
    );

    let asked = program.run(&["ask", "towns", QUESTION, "--json"])?;
    assert!(asked.success, "{asked:?}");
    let document: Value = serde_json::from_str(&asked.out).with_context(|| asked.out.clone())?;
    assert_eq!(
        (&document["sql"], &document["rows"]),
        (&json!(SQL), &rows())
    );

    let shown = program.run(&["ask", "towns", QUESTION])?;
    assert!(shown.success, "{shown:?}");
    for part in [
        SQL,
        "Tromsø",
        "allowed: select over people",
        "rows        3",
        "model       scripted",
    ] {
        assert!(
            shown.out.contains(part),
            "{part:?} is missing in\n{}",
            shown.out
        );
    }

    let refused = program.run(&["ask", "towns", "drop it"])?;
    assert!(
        refused.code == Some(1) && refused.out.contains("refused: "),
        "{refused:?}"
    );
    let refused = program.run(&["ask", "towns", "drop it", "--json"])?;
    let document: Value = serde_json::from_str(&refused.out)?;
    assert!(
        refused.code == Some(1) && document["problem"].is_string(),
        "{refused:?}"
    );
    let declined = program.run(&["ask", "towns", "sing"])?;
    assert!(
        declined.code == Some(1)
            && declined.out.contains("I would rather not.")
            && declined.err.contains("wrote no SQL"),
        "{declined:?}"
    );
    Ok(())
}

#[test]
fn lists_and_checks_are_printed_as_json_too() -> Result<()> {
    let dir = TempDir::new()?;
    let program = program(dir.path(), "")?;
    let file = dir.path().join("towns.db");
    databases::make(&file, TOWNS)?;
    program.run(&["db", "add", "towns", &file.display().to_string()])?;
    let read = |arguments: &[&str]| -> Result<Value> {
        let printed = program.run(arguments)?;
        serde_json::from_str(&printed.out).with_context(|| format!("{printed:?}"))
    };
    let listed = read(&["db", "list", "--json"])?;
    assert_eq!(listed.as_array().map(Vec::len), Some(1), "{listed}");
    assert_eq!(
        (&listed[0]["name"], &listed[0]["engine"], &listed[0]["path"]),
        (&json!("towns"), &json!("sqlite"), &json!(file))
    );
    assert_eq!(read(&["key", "list", "--json"])?, json!([]));
    program.run(&["key", "create", "--name", "reader", "--datasource", "towns"])?;
    let keys = read(&["key", "list", "--json"])?;
    assert_eq!(
        (&keys[0]["name"], &keys[0]["admin"], &keys[0]["datasources"]),
        (&json!("reader"), &json!(false), &json!(["towns"]))
    );
    assert_eq!(keys[0]["revoked_at"], Value::Null);
    assert_eq!(keys[0].get("hash"), None);
    let checked = read(&["doctor", "--json", "--wait", "0"])?;
    let checks = checked["checks"].as_array().context("checks")?;
    assert!(
        checks
            .iter()
            .any(|check| check["what"] == "datasource towns" && check["ok"] == true),
        "{checked}"
    );
    Ok(())
}

#[test]
fn a_reader_that_left_is_no_failure() -> Result<()> {
    let dir = TempDir::new()?;
    let program = program(dir.path(), "")?;
    for arguments in [
        &["spec", "rest"][..],
        &["config", "show", "--defaults"],
        &["db", "list"],
        &["key", "list", "--json"],
    ] {
        let ended = program.run_unread(arguments)?;
        assert!(
            ended.success && !ended.err.contains("panicked"),
            "{arguments:?}: {ended:?}"
        );
    }
    Ok(())
}

#[test]
fn a_command_put_wrongly_exits_with_two() -> Result<()> {
    let dir = TempDir::new()?;
    let program = program(dir.path(), "")?;
    let add = |url: &'static str| ["db", "add", "sales", url];
    for arguments in [
        &add("postgres://ann@127.0.0.1/sales?sslmode=verify-full")[..],
        &add("oracle://h/sales"),
        &["db", "add", "sales", "sales.db", "--password-stdin"],
        &["db", "mislay"],
    ] {
        let ended = program.run(arguments)?;
        assert_eq!(ended.code, Some(2), "{arguments:?}: {ended:?}");
    }
    let failed = program.run(&["db", "test", "nowhere"])?;
    assert_eq!(failed.code, Some(1), "{failed:?}");
    Ok(())
}

#[test]
fn a_password_comes_by_standard_input_and_is_never_printed() -> Result<()> {
    let dir = TempDir::new()?;
    let program = program(dir.path(), "")?;
    let port = process::free_port()?;
    let url = format!("postgres://ann@127.0.0.1:{port}/sales");
    let add = ["db", "add", "sales", url.as_str(), "--password-stdin"];
    // Nothing listens there: what counts is that the password was taken and the connection tried.
    let tried = program.run_with_input(&add, "s3cret-word\n")?;
    assert!(
        tried.code == Some(1) && !tried.err.contains("s3cret-word"),
        "{tried:?}"
    );
    let empty = program.run_with_input(&add, "")?;
    assert!(
        empty.code == Some(2) && empty.err.contains("--password-stdin"),
        "{empty:?}"
    );
    Ok(())
}

#[test]
fn wrong_names_are_answered_with_the_nearest() -> Result<()> {
    let dir = TempDir::new()?;
    let program = program(dir.path(), "")?;
    let file = dir.path().join("towns.db");
    databases::make(&file, TOWNS)?;
    program.run(&["db", "add", "towns", &file.display().to_string()])?;
    let missing = program.run(&["db", "test", "twons"])?;
    assert!(
        !missing.success && missing.err.contains("did you mean 'towns'?"),
        "{missing:?}"
    );
    let twice = program.run(&["db", "add", "towns", &file.display().to_string()])?;
    assert!(
        !twice.success && twice.err.contains("exists already"),
        "{twice:?}"
    );
    let removed = program.run(&["db", "remove", "towns"])?;
    assert!(removed.success, "{removed:?}");
    assert!(!program.run(&["db", "list"])?.out.contains("towns"));
    Ok(())
}

#[test]
fn a_misspelt_setting_stops_the_program_and_names_the_right_one() -> Result<()> {
    let dir = TempDir::new()?;
    let program = program(dir.path(), "[server]\nprot = 1\n")?;
    let checked = program.run(&["config", "check"])?;
    assert!(
        !checked.success && checked.err.contains("did you mean 'port'?"),
        "{checked:?}"
    );
    Ok(())
}

#[test]
fn specs_are_printed_without_a_configuration() -> Result<()> {
    let dir = TempDir::new()?;
    let program = program(dir.path(), "")?;
    for which in ["rest", "openai"] {
        let printed = program.run(&["spec", which])?;
        let document: Value =
            serde_json::from_str(&printed.out).with_context(|| format!("{printed:?}"))?;
        assert!(
            document["paths"]
                .as_object()
                .is_some_and(|paths| !paths.is_empty())
        );
    }
    assert!(
        program
            .run(&["spec", "graphql"])?
            .out
            .contains("type Query")
    );
    Ok(())
}
