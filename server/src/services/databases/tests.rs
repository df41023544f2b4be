//! Databases of real SQLite files, small and large, over a real store.

use std::{
    path::{Path, PathBuf},
    sync::Mutex as StdMutex,
    time::Instant,
};

use async_trait::async_trait;
use secrecy::SecretString;
use tempfile::TempDir;
use tidegate_schema::{
    model::{CatalogueTable, Engine, NewDatasource},
    store::{Sealer, StoreUrl},
};

use super::*;
use crate::workers::{Embedder, ModelKind, ModelMetadata, registry::Model};

/// A folder with a store and a database file, over which processes come and go.
struct Place {
    folder: TempDir,
    store: Store,
    datasource: Datasource,
    encoder: Arc<Counting>,
}

/// Makes vectors of the length of texts, and remembers how many.
#[derive(Default)]
struct Counting(StdMutex<usize>);

#[async_trait]
impl Embedder for Counting {
    fn metadata(&self) -> ModelMetadata {
        ModelMetadata::new(encoder::NAME, ModelKind::Embedding)
    }

    async fn embed(&self, texts: Vec<String>, _: Option<u32>) -> Result<Vec<Vec<f32>>> {
        *self.0.lock().expect("nobody panicked") += texts.len();
        Ok(texts.iter().map(|text| vec![text.len() as f32]).collect())
    }
}

impl Counting {
    fn count(&self) -> usize {
        *self.0.lock().expect("nobody panicked")
    }
}

impl Place {
    async fn with(sql: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("data.db");
        execute(&file, sql);
        let url = StoreUrl::sqlite(folder.path().join("own.db"));
        let store = Store::open(&url, Sealer::from_bytes(&[7; 32]))
            .await
            .expect("a store");
        let new = NewDatasource {
            name: "data".to_owned(),
            connection: Connection {
                engine: Engine::Sqlite,
                path: file.to_string_lossy().into_owned(),
                host: String::new(),
                port: 0,
                user: String::new(),
                password: SecretString::from(""),
                database: String::new(),
            },
            comment: String::new(),
            owner: None,
        };
        let now = Clock::system().now();
        let datasource = store.insert_datasource(new, now).await.expect("added");
        Self {
            folder,
            store,
            datasource,
            encoder: Arc::default(),
        }
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("data.db")
    }

    /// What a process has that starts now.
    fn start(&self) -> Databases {
        let registry = Registry::new();
        let encoder = Arc::clone(&self.encoder);
        registry
            .add(encoder.metadata(), Model::Embedder(encoder))
            .expect("the name is free");
        let keeper = Keeper {
            files: std::env::temp_dir(),
            store: self.store.clone(),
            registry,
            clock: Clock::system(),
            tasks: TaskTracker::new(),
            stopping: CancellationToken::new(),
        };
        Databases::new(Duration::from_secs(5), keeper)
    }
}

fn execute(file: &Path, sql: &str) {
    rusqlite::Connection::open(file)
        .and_then(|file| file.execute_batch(sql))
        .expect("made");
}

fn many_tables() -> String {
    (0..80).fold(String::from("BEGIN;"), |sql, n| {
        sql + &format!(
            "CREATE TABLE thing_{n} (id INTEGER PRIMARY KEY, kind TEXT, word_{n} TEXT);
             INSERT INTO thing_{n} VALUES (1, 'red', 'w{n}'), (2, 'blue', NULL);"
        )
    }) + "COMMIT;"
}

async fn done(databases: &Databases) -> IndexProgress {
    let deadline = Instant::now() + Duration::from_mins(1);
    loop {
        let progress = databases.progress("data").await;
        if progress.done {
            return progress;
        }
        assert!(Instant::now() < deadline, "not done: {progress:?}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

fn table<'a>(catalogue: &'a Catalogue, name: &str) -> Option<&'a CatalogueTable> {
    catalogue.tables.iter().find(|table| table.name == name)
}

#[tokio::test]
async fn a_small_database_has_its_values_from_the_first() {
    let place =
        Place::with("CREATE TABLE towns (name TEXT); INSERT INTO towns VALUES ('Oslo')").await;
    let databases = place.start();
    let catalogue = databases.catalogue(&place.datasource).await.expect("read");
    assert_eq!(catalogue.tables[0].columns[0].values, ["Oslo"]);
    let progress = done(&databases).await;
    assert_eq!((progress.tables, progress.tables_sampled), (1, 1));
    assert_eq!(place.encoder.count(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_one_is_answered_from_its_structure_and_indexed_meanwhile() {
    let place = Place::with(&many_tables()).await;
    let databases = place.start();
    assert_eq!(databases.progress("data").await, IndexProgress::default());
    let first = databases.catalogue(&place.datasource).await.expect("read");
    assert_eq!(first.tables.len(), 80);
    let linker = databases.linker(&place.datasource).await;
    let found = linker.recall(&first, "word 7 of things").await;
    assert!(!found.is_empty(), "a question need not wait for the index");

    let progress = done(&databases).await;
    assert_eq!(
        (
            progress.tables,
            progress.tables_sampled,
            progress.tables_embedded
        ),
        (80, 80, 80)
    );
    let later = databases.catalogue(&place.datasource).await.expect("read");
    let thing = table(&later, "thing_7").expect("there");
    assert_eq!(thing.columns[1].values, ["blue", "red"]);
    assert_eq!(place.encoder.count(), 80);
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_restart_a_large_one_is_known_at_once_and_read_again_where_it_changed() {
    let place = Place::with(&many_tables()).await;
    let databases = place.start();
    databases.catalogue(&place.datasource).await.expect("read");
    done(&databases).await;
    drop(databases);

    let databases = place.start();
    let known = databases.catalogue(&place.datasource).await.expect("known");
    let thing = table(&known, "thing_7").expect("there");
    assert_eq!(
        thing.columns[1].values,
        ["blue", "red"],
        "the values come from the store"
    );
    done(&databases).await;
    assert_eq!(place.encoder.count(), 80, "nothing is embedded twice");
    drop(databases);

    execute(
        &place.file(),
        "DROP TABLE thing_0; CREATE TABLE brand_new (id INTEGER, kind TEXT)",
    );
    let databases = place.start();
    let known = databases.catalogue(&place.datasource).await.expect("known");
    assert!(table(&known, "thing_0").is_some(), "not yet seen");
    done(&databases).await;
    let now = databases.catalogue(&place.datasource).await.expect("read");
    assert!(table(&now, "thing_0").is_none());
    assert!(table(&now, "brand_new").is_some());
    let thing = table(&now, "thing_7").expect("there");
    assert_eq!(thing.columns[1].values, ["blue", "red"], "carried over");
    assert_eq!(place.encoder.count(), 81, "only the new table is embedded");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_one_that_changes_while_it_is_used_is_read_again_in_the_background() {
    let place = Place::with(&many_tables()).await;
    let databases = place.start();
    databases.catalogue(&place.datasource).await.expect("read");
    done(&databases).await;
    execute(
        &place.file(),
        "DROP TABLE thing_0; CREATE TABLE brand_new (id INTEGER, kind TEXT)",
    );
    let known = databases.catalogue(&place.datasource).await.expect("known");
    assert!(
        table(&known, "brand_new").is_none(),
        "not within the minute"
    );
    // A minute later.
    let entry = databases.entry(&place.datasource).await;
    let aged = entry.known.change(&known, |reading| {
        reading.at = reading.at.and_then(|at| at.checked_sub(known::FRESH));
    });
    assert!(aged);
    let meanwhile = databases.catalogue(&place.datasource).await.expect("known");
    assert!(
        table(&meanwhile, "thing_0").is_some(),
        "nobody waits for it"
    );
    let deadline = Instant::now() + Duration::from_mins(1);
    loop {
        let now = databases.catalogue(&place.datasource).await.expect("known");
        if table(&now, "brand_new").is_some() {
            assert!(table(&now, "thing_0").is_none());
            let thing = table(&now, "thing_7").expect("there");
            assert_eq!(thing.columns[1].values, ["blue", "red"], "carried over");
            break;
        }
        assert!(Instant::now() < deadline, "the change is not seen");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_read_over_another_connection_is_not_taken() {
    let place = Place::with(&many_tables()).await;
    let databases = place.start();
    databases.catalogue(&place.datasource).await.expect("read");
    done(&databases).await;
    let other = place.folder.path().join("other.db");
    execute(&other, "CREATE TABLE lonely (id INTEGER)");
    let mut changed = place.datasource.clone();
    changed.connection.path = other.to_string_lossy().into_owned();
    changed.modified_at += chrono::TimeDelta::seconds(1);
    let catalogue = databases.catalogue(&changed).await.expect("read");
    assert_eq!(catalogue.tables[0].name, "lonely");
}

#[tokio::test]
async fn a_missing_table_has_the_structure_read_again() {
    let place = Place::with("CREATE TABLE a (id INTEGER)").await;
    let databases = place.start();
    databases.catalogue(&place.datasource).await.expect("read");
    execute(&place.file(), "CREATE TABLE b (id INTEGER)");
    let same = databases.catalogue(&place.datasource).await.expect("known");
    assert_eq!(same.tables.len(), 1);
    let error = Error::upstream("data", "no such table: b");
    databases.learn_from("data", &error).await;
    let read = databases.catalogue(&place.datasource).await.expect("read");
    assert_eq!(read.tables.len(), 2);
}

#[test]
fn a_missing_table_is_recognised_in_each_engines_words() {
    for (message, missing) in [
        ("no such table: towns", true),
        ("relation \"towns\" does not exist (at character 15)", true),
        ("Table 'shop.towns' doesn't exist", true),
        ("Catalog Error: Table with name towns does not exist!", true),
        ("Invalid object name 'towns'.", true),
        ("column \"town\" does not exist", false),
        ("no such column: town", false),
    ] {
        let error = Error::upstream("d", message);
        assert_eq!(says_a_table_is_missing(&error), missing, "{message}");
    }
}
