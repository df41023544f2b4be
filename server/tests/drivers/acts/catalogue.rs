//! What the driver tells of tables: all of it, when it changed, and which values there are.

use std::{
    fmt::Write as _,
    time::{Duration, Instant},
};

use tidegate_schema::model::{Catalogue, CatalogueColumn, CatalogueTable, Engine};
use tidegate_server::{
    drivers::{self, Limits},
    guard::GuardOptions,
};

use crate::{
    bed::Bed,
    cases::{CASES, Faults, spelled, written as cell},
};

/// Looks at values that end at their time before a busy machine gets through.
const LOOKS: usize = 50;
/// For one look; it is meant to take about a second.
const ONE_LOOK: Duration = Duration::from_secs(15);

pub(crate) async fn the_catalogue_is_whole(engine: Engine) {
    let bed = Bed::of(engine).await;
    let catalogue = bed.driver().introspect().await.expect("reads");
    let expected = CASES.catalogue[engine.name()].trim_end();
    let got = written(&catalogue);
    assert_eq!(got.trim_end(), expected, "\n{got}");
    let people = table(&catalogue.tables, None, "people");
    match engine {
        // It has no word for it that is cheap.
        Engine::Sqlite => assert_eq!(people.row_estimate, None),
        Engine::MariaDb => assert!(people.row_estimate.is_some_and(|rows| rows < 10)),
        _ => assert_eq!(people.row_estimate, Some(3)),
    }
    // Counting is what a look at values does.
    let tables = bed.driver().sample(catalogue.tables).await.expect("looks");
    assert!(
        table(&tables, None, "people")
            .row_estimate
            .is_none_or(|rows| rows < 10)
    );
}

/// A catalogue as the cases write it, sorted.
fn written(catalogue: &Catalogue) -> String {
    let mut tables: Vec<&CatalogueTable> = catalogue.tables.iter().collect();
    tables.sort_by_key(|table| table.full_name());
    let mut text = String::new();
    for table in tables {
        let kind = if table.is_view { "view" } else { "table" };
        _ = writeln!(
            text,
            "{kind} {}{}",
            table.full_name(),
            comment(table.comment.as_deref())
        );
        for column in &table.columns {
            _ = writeln!(text, "  {}", column_of(column, table.is_view));
        }
        if !table.primary_key.is_empty() {
            _ = writeln!(text, "  PRIMARY KEY ({})", table.primary_key.join(", "));
        }
        let keys = table.foreign_keys.iter().map(|key| {
            let schema = key.references_schema.as_ref();
            format!(
                "  FOREIGN KEY ({}) REFERENCES {}{} ({})",
                key.columns.join(", "),
                schema.map_or_else(String::new, |schema| format!("{schema}.")),
                key.references_table,
                key.references_columns.join(", ")
            )
        });
        let mut keys: Vec<String> = keys.collect();
        keys.sort();
        for key in keys {
            _ = writeln!(text, "{key}");
        }
    }
    text
}

fn column_of(column: &CatalogueColumn, of_view: bool) -> String {
    let mut text = format!("{} {}", column.name, column.data_type);
    if of_view {
        // Engines differ in what they say of a view's columns beyond this.
        return text;
    }
    if !column.nullable {
        text.push_str(" NOT NULL");
    }
    if let Some(default) = &column.default {
        text.extend([" DEFAULT ", default.as_str()]);
    }
    if column.values_complete {
        text.extend([format!(" IN ({})", column.values.join(", "))]);
    }
    text + &comment(column.comment.as_deref())
}

fn comment(text: Option<&str>) -> String {
    text.map_or_else(String::new, |text| format!(" -- {text}"))
}

fn table<'a>(tables: &'a [CatalogueTable], schema: Option<&str>, name: &str) -> &'a CatalogueTable {
    let mut found = tables
        .iter()
        .filter(|table| table.schema.as_deref() == schema && table.name == name);
    found.next().expect(name)
}

pub(crate) async fn the_fingerprint_follows_the_structure_alone(engine: Engine) {
    let mut bed = Bed::of(engine).await;
    let print = async |bed: &Bed| {
        let print = bed.driver().fingerprint().await.expect("reads");
        print.expect("each of these engines has one")
    };
    let first = print(&bed).await;
    assert_eq!(print(&bed).await, first);
    bed.change("INSERT INTO digits SELECT n FROM thousand")
        .await;
    assert_eq!(print(&bed).await, first, "rows are no structure");
    let mut seen = vec![first];
    for sql in [
        "ALTER TABLE doomed ADD COLUMN b INTEGER",
        "CREATE VIEW counted AS SELECT count(*) AS n FROM digits",
        "DROP TABLE doomed",
    ] {
        bed.change(sql).await;
        let now = print(&bed).await;
        assert!(!seen.contains(&now), "{sql} did not show");
        seen.push(now);
    }
}

pub(crate) async fn values_are_sampled_within_bounds(engine: Engine) {
    let sql = "
        CREATE TABLE sampled (word VARCHAR(20), prose VARCHAR(200), many VARCHAR(20));
        INSERT INTO sampled SELECT CASE WHEN a.n % 2 = 0 THEN 'even' ELSE 'odd' END,
            'a text that nobody would choose from a list, as it goes on and on and does not end before this word',
            CAST(a.n + 1000 * b.n AS CHAR(20)) FROM thousand a, thousand b WHERE b.n < 2;";
    let bed = Bed::with(engine, sql).await;
    let mut tables = bed.driver().introspect().await.expect("reads").tables;
    for _ in 0..LOOKS {
        let started = Instant::now();
        tables = bed.driver().sample(tables).await.expect("looks");
        assert!(started.elapsed() < ONE_LOOK, "{:?}", started.elapsed());
        if table(&tables, None, "sampled")
            .columns
            .iter()
            .any(|column| !column.values.is_empty())
        {
            break;
        }
    }
    let columns = &table(&tables, None, "sampled").columns;
    let (word, prose, many) = (&columns[0], &columns[1], &columns[2]);
    assert_eq!(word.values, ["even", "odd"]);
    assert!(word.values_complete);
    assert!(
        prose.values.is_empty() && !prose.values_complete,
        "prose is not kept"
    );
    assert!(
        many.values.len() <= 1_000 && !many.values_complete,
        "{} values are kept",
        many.values.len()
    );
    let places = &table(&tables, None, "places").columns;
    assert_eq!(places[0].values, ["JP", "NO"]);
}

pub(crate) async fn names_may_be_anything(engine: Engine) {
    let mut sql = String::new();
    for (nth, name) in CASES.names.every.iter().enumerate() {
        sql.extend([format!(
            "CREATE TABLE ⟦{name}⟧ (⟦{name}⟧ VARCHAR(40)); INSERT INTO ⟦{name}⟧ VALUES ('value {nth}');\n"
        )]);
    }
    let bed = Bed::with(engine, &sql).await;
    let guarded = bed.guarded();
    let mut faults = Faults::default();
    let mut tables = bed.driver().introspect().await.expect("reads").tables;
    let of_names = |table: &CatalogueTable| CASES.names.every.contains(&table.name);
    for _ in 0..LOOKS {
        tables = bed.driver().sample(tables).await.expect("looks");
        let mut named = tables.iter().filter(|table| of_names(table));
        if named.all(|table| !table.columns[0].values.is_empty()) {
            break;
        }
    }
    for (nth, name) in CASES.names.every.iter().enumerate() {
        let value = format!("value {nth}");
        let listed = tables.iter().find(|table| table.name == *name);
        let listed = listed.and_then(|table| table.columns.first());
        let listed = listed.map(|column| (column.name.clone(), column.values.clone()));
        faults.same(name, &Some((name.clone(), vec![value.clone()])), &listed);
        let sql = spelled(engine, &format!("SELECT ⟦{name}⟧ FROM ⟦{name}⟧"));
        let mut sets = vec![bed.driver().run(&sql, Limits::default()).await];
        if let Err(error) = bed.driver().dry_run(&sql).await {
            faults.add(format!("{name}, planned: {error}"));
        }
        if CASES.names.guarded.contains(name) {
            let ran = guarded
                .run(&sql, &GuardOptions::default(), Limits::default())
                .await;
            sets.push(ran.map(|(_, set)| set).map_err(|refusal| refusal.error));
        }
        for set in sets {
            match set {
                Ok(set) => {
                    faults.same(name, name, &set.columns[0].name);
                    faults.same(name, &format!("text {value}"), &cell(&set.rows[0][0]));
                }
                Err(error) => faults.add(format!("{name}: {error}")),
            }
        }
    }
    faults.none();
}

/// MariaDB's databases are its schemas: a datasource that names none sees all.
pub(crate) async fn without_a_database_all_are_listed(engine: Engine) {
    let (one, other) = (Bed::of(engine).await, Bed::of(engine).await);
    let mut connection = one.ground().connection();
    let names = [
        std::mem::take(&mut connection.database),
        other.ground().connection().database,
    ];
    let driver = drivers::connect("suite", &connection, ONE_LOOK, &std::env::temp_dir())
        .await
        .expect("connects");
    let tables = driver.introspect().await.expect("reads").tables;
    for name in &names {
        let visits = table(&tables, Some(name.as_str()), "visits");
        assert_eq!(visits.foreign_keys.len(), 2);
        assert_eq!(
            visits.foreign_keys[0].references_schema.as_deref(),
            Some(name.as_str())
        );
    }
    assert!(
        tables
            .iter()
            .all(|table| table.schema.as_deref() != Some("mysql")),
        "the server's own tables are listed"
    );
    let sql = format!(
        "SELECT count(*) FROM {}.people a JOIN {}.people b ON a.id = b.id",
        names[0], names[1]
    );
    let set = driver.run(&sql, Limits::default()).await.expect("runs");
    assert_eq!(cell(&set.rows[0][0]), "int 3");
}
