//! Data files read for real, from files made here.

mod columnar;
mod delimited;
mod documents;
mod sheets;

use std::fs;

use tidegate_schema::model::CellKind;

use super::*;

/// A folder for files, and another for private databases.
struct Place {
    files: tempfile::TempDir,
    cache: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        Self {
            files: tempfile::tempdir().expect("a folder"),
            cache: tempfile::tempdir().expect("a folder"),
        }
    }

    fn with(name: &str, content: impl AsRef<[u8]>) -> Self {
        let place = Self::new();
        place.write(name, content);
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.files.path().join(name)
    }

    fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        fs::write(self.path(name), content).expect("written");
    }

    /// Opens a file of it, or all of it for an empty name.
    async fn open(&self, name: &str) -> Result<Files> {
        let connection = at(&self.path(name));
        Files::open("data", &connection, self.cache.path()).await
    }

    async fn opened(&self, name: &str) -> Files {
        self.open(name).await.expect("opens")
    }

    /// Why it cannot be opened; checks that nothing is left behind.
    async fn refused(&self, name: &str) -> String {
        let error = self.open(name).await.err().expect("refused");
        assert!(matches!(error, Error::Invalid { .. }), "{error:?}");
        assert_eq!(
            self.cached(),
            Vec::<String>::new(),
            "something stays behind"
        );
        error.to_string()
    }

    fn cached(&self) -> Vec<String> {
        let entries = fs::read_dir(self.cache.path()).expect("a folder");
        let name = |entry: fs::DirEntry| entry.file_name().to_string_lossy().into_owned();
        entries
            .map(|entry| name(entry.expect("an entry")))
            .collect()
    }
}

fn at(path: &Path) -> Connection {
    Connection {
        engine: Engine::File,
        path: path.to_string_lossy().into_owned(),
        host: String::new(),
        port: 0,
        user: String::new(),
        password: SecretString::from(""),
        database: String::new(),
    }
}

/// Rows as text, NULL as `-`, cells parted by `|`.
async fn rows(files: &Files, sql: &str) -> Vec<String> {
    let set = files.run(sql, Limits::default()).await.expect(sql);
    let text = |cell: &Cell| cell.to_text().unwrap_or_else(|| "-".into());
    let line = |row: &Vec<Cell>| row.iter().map(text).collect::<Vec<_>>().join("|");
    set.rows.iter().map(line).collect()
}

/// Names and declared types of a query's columns.
async fn types(files: &Files, sql: &str) -> Vec<String> {
    let set = files.run(sql, Limits::default()).await.expect(sql);
    let name = |column: &tidegate_schema::model::ResultColumn| {
        format!("{} {}", column.name, column.data_type)
    };
    set.columns.iter().map(name).collect()
}

#[tokio::test]
async fn a_folder_is_a_database_of_its_files() {
    let place = Place::with("Sales 2024.csv", "id,pay\n1,2.50\n");
    place.write("people.jsonl", "{\"id\": 1, \"name\": \"Bo\"}\n");
    place.write("notes.docx", "no data");
    place.write(".hidden.csv", "a,b\n1\n");
    fs::create_dir(place.path("below.csv")).expect("a folder");
    let files = place.opened("").await;
    let tables = files.introspect().await.expect("reads").tables;
    let known: Vec<_> = tables
        .iter()
        .map(|table| (table.name.as_str(), table.comment.as_deref()))
        .collect();
    assert_eq!(
        known,
        [
            ("Sales_2024", Some("Sales 2024.csv")),
            ("people", Some("people.jsonl"))
        ]
    );
    let joined = "SELECT name, pay FROM people JOIN Sales_2024 USING (id)";
    assert_eq!(rows(&files, joined).await, ["Bo|2.50"]);
    assert_eq!(files.engine(), Engine::File);
    files.ping().await.expect("answers");
    let plan = files.dry_run(joined).await.expect("plans");
    assert!(plan.contains("people"), "{plan}");
}

#[cfg(unix)]
#[tokio::test]
async fn links_in_a_folder_and_devices_are_not_followed() {
    let place = Place::with("a.csv", "id\n1\n");
    let elsewhere = Place::with("secret.csv", "secret\n1\n");
    std::os::unix::fs::symlink(elsewhere.path("secret.csv"), place.path("b.csv")).expect("a link");
    let files = place.opened("").await;
    assert_eq!(files.introspect().await.expect("reads").tables.len(), 1);
    let error = Files::open("data", &at(Path::new("/dev/null")), place.cache.path()).await;
    let error = error.err().expect("refused").to_string();
    assert!(
        error.contains("neither a regular file nor a folder"),
        "{error}"
    );
}

#[tokio::test]
async fn what_cannot_be_read_is_named() {
    let place = Place::new();
    for (name, part) in [
        ("none.csv", "there is no such file"),
        ("", "holds no data file"),
        ("letter.docx", "no ending of a data file"),
        ("empty.csv", "'empty.csv': is empty"),
        ("blank.csv", "nothing but blank lines"),
    ] {
        match name {
            "letter.docx" => place.write(name, "x"),
            "empty.csv" => place.write(name, ""),
            "blank.csv" => place.write(name, "\n\n"),
            _ => {}
        }
        let error = place.refused(name).await;
        assert!(error.contains(part), "{name}: {error}");
    }
    let error = Files::open("data", &at(Path::new("")), place.cache.path()).await;
    assert!(
        error
            .err()
            .expect("refused")
            .to_string()
            .starts_with("path: is empty")
    );
}

#[tokio::test]
async fn one_bad_file_of_many_fails_by_its_name_and_leaves_nothing() {
    let place = Place::with("a.csv", "id,name\n1,x\n");
    place.write("b.csv", "id,name\n1,x\n2\n");
    let error = place.refused("").await;
    assert!(
        error.contains("'b.csv': row 3 (line 3) has 1 fields"),
        "{error}"
    );
}

#[tokio::test]
async fn nothing_can_be_changed() {
    let place = Place::with("a.csv", "id\n1\n");
    let files = place.opened("a.csv").await;
    for sql in [
        "DELETE FROM a",
        "CREATE TABLE b (x)",
        "DROP TABLE a",
        "PRAGMA query_only = 0",
    ] {
        files.run(sql, Limits::default()).await.expect_err(sql);
    }
    let error = files.write("DELETE FROM a", Duration::from_secs(1)).await;
    assert!(matches!(error, Err(Error::Unsupported { .. })), "{error:?}");
    assert_eq!(rows(&files, "SELECT * FROM a").await, ["1"]);
    assert_eq!(fs::read(place.path("a.csv")).expect("there"), b"id\n1\n");
}

#[tokio::test]
async fn files_are_read_once_for_as_long_as_they_do_not_change() {
    let place = Place::with("a.csv", "id\n1\n");
    let (first, second) = tokio::join!(place.open("a.csv"), place.open("a.csv"));
    let (first, second) = (first.expect("opens"), second.expect("opens"));
    assert_eq!(rows(&first, "SELECT id FROM a").await, ["1"]);
    assert_eq!(rows(&second, "SELECT id FROM a").await, ["1"]);
    let cached = place.cached();
    assert_eq!(cached.len(), 1, "{cached:?}");
    let made = fs::metadata(place.cache.path().join(&cached[0])).expect("there");
    place.opened("a.csv").await;
    assert_eq!(place.cached(), cached);
    let again = fs::metadata(place.cache.path().join(&cached[0])).expect("there");
    assert_eq!(made.modified().ok(), again.modified().ok());
    Files::forget(&place.path("a.csv"), place.cache.path()).expect("removed");
    assert_eq!(place.cached(), Vec::<String>::new());
    // Gone under a driver that is open: made again.
    assert_eq!(rows(&first, "SELECT id FROM a").await, ["1"]);
}

#[tokio::test]
async fn what_no_datasource_has_is_swept_away() {
    let place = Place::with("a.csv", "id\n1\n");
    place.write("b.csv", "id\n2\n");
    place.opened("a.csv").await;
    let kept = place.cached();
    place.opened("b.csv").await;
    assert_eq!(place.cached().len(), 2);
    Files::sweep(&[place.path("a.csv")], place.cache.path()).expect("swept");
    assert_eq!(place.cached(), kept);
    Files::sweep(&[], &place.path("none")).expect("nothing to sweep");
}

#[tokio::test]
async fn a_changed_file_is_read_again_and_a_vanished_one_is_said_to_be_gone() {
    let place = Place::with("a.csv", "id\n1\n");
    let files = place.opened("a.csv").await;
    let before = files.fingerprint().await.expect("known");
    assert_eq!(rows(&files, "SELECT id FROM a").await, ["1"]);
    place.write("a.csv", "id,name\n1,x\n2,y\n");
    let deadline = Instant::now() + Duration::from_mins(1);
    while rows(&files, "SELECT * FROM a").await != ["1|x", "2|y"] {
        assert!(Instant::now() < deadline, "the change was not seen");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_ne!(files.fingerprint().await.expect("known"), before);
    assert_eq!(place.cached().len(), 1, "the old database stays");
    place.write("a.csv", "id,name\n1\n");
    let bad = loop {
        assert!(Instant::now() < deadline, "the damage was not seen");
        if let Err(error) = files.ping().await {
            break error;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    };
    assert!(bad.to_string().contains("row 2"), "{bad}");
    fs::remove_file(place.path("a.csv")).expect("removed");
    let error = files.ping().await.expect_err("gone").to_string();
    assert!(error.contains("no such file"), "{error}");
    place.write("a.csv", "id\n7\n");
    assert_eq!(rows(&files, "SELECT id FROM a").await, ["7"]);
}

#[tokio::test]
async fn decimals_keep_the_digits_after_the_point() {
    let place = Place::with("a.csv", "price,n\n12.50,1\n3,2\n-0.05,3\n");
    let files = place.opened("a.csv").await;
    assert_eq!(
        rows(&files, "SELECT price FROM a ORDER BY n").await,
        ["12.50", "3.00", "-0.05"]
    );
    assert_eq!(
        rows(&files, "SELECT n FROM a WHERE price > 2.9 ORDER BY price").await,
        ["2", "1"]
    );
    let set = files.run("SELECT price FROM a", Limits::default()).await;
    assert_eq!(set.expect("runs").columns[0].kind, CellKind::Decimal);
}
