//! The same question in the terminal, and the acts around it, with the real program.

use anyhow::{Context as _, Result};
use serde_json::{Value, json};
use tempfile::TempDir;
use tidegate_tests::{
    databases,
    upstream::{Script, Upstream},
};

use crate::support::{QUESTION, SQL, TOWNS, program, rows};

#[tokio::test(flavor = "multi_thread")]
async fn ask_prints_the_same_sql_and_rows() -> Result<()> {
    let upstream = Upstream::start(
        Script::default()
            .sql(QUESTION, SQL)
            .sql("drop it", "DROP TABLE people"),
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
        !refused.success && refused.out.contains("refused: "),
        "{refused:?}"
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
