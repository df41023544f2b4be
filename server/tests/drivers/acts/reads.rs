//! What queries answer.

use tidegate_schema::{
    Error,
    model::{Catalogue, Cell, Engine, RowSet},
};
use tidegate_server::{
    drivers::{DryRun, FieldCheck, Limits},
    guard::GuardOptions,
};

use crate::{
    bed::Bed,
    cases::{CASES, Faults, Read, kind_name, written},
};

/// A table with a column of each type, written by the engine's own means and read by the driver.
pub(crate) async fn every_type_keeps_its_values(engine: Engine) {
    let types = &CASES.types[engine.name()];
    let mut sql = String::new();
    for (nth, one) in types.iter().enumerate() {
        sql.extend([format!(
            "CREATE TABLE kind_{nth} (id INTEGER, v {});\n",
            one.written
        )]);
        for (id, (value, _)) in one.values.iter().enumerate() {
            sql.extend([format!("INSERT INTO kind_{nth} VALUES ({id}, {value});\n")]);
        }
    }
    let bed = Bed::with(engine, &sql).await;
    let mut faults = Faults::default();
    for (nth, one) in types.iter().enumerate() {
        let place = one.written.as_str();
        let sql = format!("SELECT v FROM kind_{nth} ORDER BY id");
        let set = match bed.driver().run(&sql, Limits::default()).await {
            Ok(set) => set,
            Err(error) => {
                faults.add(format!("{place}: {error}"));
                continue;
            }
        };
        faults.same(place, &one.kind, &kind_name(set.columns[0].kind));
        let expected: Vec<&str> = one.values.iter().map(|(_, cell)| cell.as_str()).collect();
        let got: Vec<String> = set.rows.iter().map(|row| written(&row[0])).collect();
        let got: Vec<&str> = got.iter().map(String::as_str).collect();
        faults.same(place, &expected, &got);
        // Columns are the same when there is no row.
        let none = format!("SELECT v FROM kind_{nth} WHERE id < 0");
        match bed.driver().run(&none, Limits::default()).await {
            Ok(empty) => faults.same(place, &set.columns, &empty.columns),
            Err(error) => faults.add(format!("{place}: {error}")),
        }
    }
    faults.none();
}

pub(crate) async fn every_read_answers_the_same_through_the_guard(engine: Engine) {
    let bed = Bed::of(engine).await;
    let guarded = bed.guarded();
    let mut faults = Faults::default();
    for case in &CASES.read {
        let Some(sql) = case.on(engine) else {
            continue;
        };
        match bed.driver().run(&sql, Limits::default()).await {
            Ok(set) => compare(&mut faults, case, &set),
            Err(error) => faults.add(format!("{}: {error}", case.name)),
        }
        let options = GuardOptions::default();
        match guarded.run(&sql, &options, Limits::default()).await {
            Ok((_, set)) => compare(&mut faults, case, &set),
            Err(refusal) => faults.add(format!("{}, guarded: {}", case.name, refusal.error)),
        }
    }
    faults.none();
}

fn compare(faults: &mut Faults, case: &Read, set: &RowSet) {
    let expected: Vec<&str> = case.columns.iter().map(|(name, _)| name.as_str()).collect();
    let got: Vec<&str> = set
        .columns
        .iter()
        .map(|column| column.name.as_str())
        .collect();
    faults.same(&case.name, &expected, &got);
    for ((name, kind), column) in case.columns.iter().zip(&set.columns) {
        if !kind.is_empty() {
            let place = format!("{}: {name}", case.name);
            faults.same(&place, kind, &kind_name(column.kind));
        }
    }
    let rows = set.rows.iter();
    let rows: Vec<Vec<String>> = rows.map(|row| row.iter().map(written).collect()).collect();
    faults.same(&case.name, &case.rows, &rows);
    faults.same(&case.name, &None, &set.cut_at);
}

pub(crate) async fn a_table_dropped_after_it_was_listed_is_an_error(engine: Engine) {
    let mut bed = Bed::of(engine).await;
    let has_doomed =
        |catalogue: &Catalogue| catalogue.tables.iter().any(|table| table.name == "doomed");
    assert!(has_doomed(&bed.driver().introspect().await.expect("reads")));
    bed.driver()
        .run("SELECT * FROM doomed", Limits::default())
        .await
        .expect("is there");
    bed.change("DROP TABLE doomed").await;
    for error in [
        bed.driver()
            .run("SELECT * FROM doomed", Limits::default())
            .await
            .err(),
        bed.driver().dry_run("SELECT * FROM doomed").await.err(),
    ] {
        let error = error.expect("is gone");
        assert!(
            matches!(&error, Error::Upstream { message, .. } if message.contains("doomed")),
            "{error:?}"
        );
    }
    assert!(!has_doomed(
        &bed.driver().introspect().await.expect("reads")
    ));
    bed.answers().await;
}

/// What a server of MySQL's kind cuts short and only warns of.
pub(crate) async fn what_the_server_leaves_out_is_an_error(engine: Engine) {
    let bed = Bed::of(engine).await;
    let joined = "SELECT GROUP_CONCAT(f.t) AS words FROM thousand a, filler f WHERE a.n < ";
    let set = bed
        .driver()
        .run(&format!("{joined} 100"), Limits::default())
        .await;
    let set = set.expect("two hundred kilobytes are not cut");
    assert!(matches!(&set.rows[0][0], Cell::Text(words) if words.len() == 200_099));
    for sql in [
        joined.to_owned() + "1000",
        "SELECT REPEAT('x', 2000000000)".to_owned(),
    ] {
        let error = bed
            .driver()
            .run(&sql, Limits::default())
            .await
            .expect_err(&sql);
        assert!(
            matches!(&error, Error::Upstream { message, .. } if message.contains("is not whole")),
            "{error:?}"
        );
        bed.answers().await;
    }
    // By its own rule or by the clock, which a busy machine may meet first.
    let endless =
        "WITH RECURSIVE r AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM r) SELECT count(*) FROM r";
    match bed.driver().run(endless, Limits::default()).await {
        Err(Error::Upstream { message, .. }) => {
            assert!(message.contains("max_recursive_iterations"), "{message}");
        }
        Err(Error::Timeout { .. }) => {}
        other => panic!("{other:?}"),
    }
    // What is no cut is no error.
    let set = bed.driver().run("SELECT 'a' + 1", Limits::default()).await;
    assert_eq!(set.expect("only warns").rows.len(), 1);
    bed.answers().await;
}

pub(crate) async fn plans_are_made_and_run_nothing(engine: Engine) {
    let bed = Bed::of(engine).await;
    let before = bed.ground().state().await;
    let mut faults = Faults::default();
    for case in &CASES.plan {
        let check = FieldCheck::default();
        let planned = bed.driver().dry_run(&case.sql).await;
        let checked = bed.driver().dry_run_checked(&case.sql, &check).await;
        match (&case.fails_with, planned, checked) {
            (None, Ok(plan), Ok(DryRun::Plan(_))) => {
                if plan.trim().is_empty() {
                    faults.add(format!("{}: no plan", case.sql));
                }
            }
            (Some(part), Err(one), Err(other)) => {
                for error in [one, other] {
                    if !error.to_string().contains(part) || matches!(error, Error::Internal { .. })
                    {
                        faults.add(format!("{}: {error}", case.sql));
                    }
                }
            }
            (_, planned, checked) => {
                faults.add(format!("{}: {planned:?} {checked:?}", case.sql));
            }
        }
    }
    // What a plan calls, if it calls anything, writes nothing.
    for sql in CASES.refused(engine).chain(["SELECT touch()"]) {
        drop(bed.driver().dry_run(sql).await);
    }
    faults.same("the database", &before, &bed.ground().state().await);
    faults.none();
    bed.answers().await;
}
