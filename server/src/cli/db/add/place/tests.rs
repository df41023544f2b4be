//! URLs and paths as people write them.

use secrecy::ExposeSecret as _;

use super::*;
use crate::cli::{Usage, db::list::place};

fn refusal(text: &str) -> String {
    let error = connection(text).expect_err("a refusal");
    assert!(error.is::<Usage>(), "{text} is not the caller's mistake");
    error.to_string()
}

#[test]
fn reads_a_postgres_url_with_an_escaped_password() {
    let read = connection("postgres://ann:p%40ss@db.local:5433/sales").expect("a connection");
    assert_eq!(
        (read.host.as_str(), read.port, read.database.as_str()),
        ("db.local", 5433, "sales")
    );
    assert_eq!(read.engine, Engine::Postgres);
    assert_eq!(read.password.expose_secret(), "p@ss");
}

#[test]
fn every_engine_has_a_url_and_a_port_of_its_own() {
    for (scheme, engine, port) in [
        ("mysql", Engine::MySql, 3306),
        ("mariadb", Engine::MariaDb, 3306),
        ("tidb", Engine::TiDb, 4000),
        ("oceanbase", Engine::OceanBase, 2881),
        ("doris", Engine::Doris, 9030),
        ("starrocks", Engine::StarRocks, 9030),
        ("postgres", Engine::Postgres, 5432),
        ("postgresql", Engine::Postgres, 5432),
        ("opengauss", Engine::OpenGauss, 5432),
        ("gaussdb", Engine::GaussDb, 8000),
        ("greenplum", Engine::Greenplum, 5432),
        ("cockroachdb", Engine::CockroachDb, 26257),
        ("clickhouse", Engine::ClickHouse, 8123),
        ("mssql", Engine::SqlServer, 1433),
        ("sqlserver", Engine::SqlServer, 1433),
    ] {
        let read = connection(&format!("{scheme}://ann:word@db.local/sales")).expect(scheme);
        assert_eq!(read.engine, engine, "{scheme}");
        assert_eq!(
            (read.host.as_str(), read.port, read.database.as_str()),
            ("db.local", port, "sales"),
            "{scheme}"
        );
        assert_eq!(read.user, "ann");
        let other = connection(&format!("{scheme}://ann@db.local:7/sales")).expect(scheme);
        assert_eq!(other.port, 7, "{scheme}");
    }
}

#[test]
fn a_database_may_be_left_out_where_the_server_has_one_by_itself() {
    for url in ["mysql://ann@h", "clickhouse://h/", "mssql://ann@h:1433"] {
        let read = connection(url).expect(url);
        assert_eq!(
            (read.host.as_str(), read.database.as_str()),
            ("h", ""),
            "{url}"
        );
    }
    assert!(refusal("greenplum://h").contains("greenplum://host/name"));
    assert!(refusal("mysql:h/sales").contains("mysql://user:password@host:3306/name"));
}

#[test]
fn a_user_with_signs_of_a_url_is_escaped() {
    let read = connection("oceanbase://root%40tenant%23cluster:pw@h/test").expect("a connection");
    assert_eq!(read.user, "root@tenant#cluster");
}

#[test]
fn a_file_is_what_it_begins_with_else_what_it_ends_in() {
    let dir = tempfile::tempdir().expect("a folder");
    let engine = |name: &str, bytes: &[u8]| {
        let path = dir.path().join(name);
        std::fs::write(&path, bytes).expect("written");
        let path = path.display().to_string();
        let read = connection(&path).expect("a connection");
        assert_eq!(read.path, path);
        read.engine
    };
    let sqlite = b"SQLite format 3\0 and more";
    assert_eq!(engine("a.db", sqlite), Engine::Sqlite);
    assert_eq!(engine("a.csv", sqlite), Engine::Sqlite);
    assert_eq!(engine("b.db", b"12345678DUCK and more"), Engine::DuckDb);
    assert_eq!(engine("c.ddb", b""), Engine::DuckDb);
    assert_eq!(engine("d.CSV", b"a,b\n1,2\n"), Engine::File);
    assert_eq!(engine("e.parquet", b"PAR1"), Engine::File);
    assert_eq!(engine("f.db", b""), Engine::Sqlite);
    let folder = dir.path().display().to_string();
    assert_eq!(connection(&folder).expect("a folder").engine, Engine::File);
}

#[test]
fn a_scheme_says_what_a_file_is() {
    for (text, engine) in [
        ("sqlite:sales.csv", Engine::Sqlite),
        ("sqlite://sales.db", Engine::Sqlite),
        ("duckdb:sales.db", Engine::DuckDb),
        ("file:sales.dat", Engine::File),
    ] {
        let read = connection(text).expect(text);
        assert_eq!(read.engine, engine, "{text}");
        assert!(Path::new(&read.path).is_absolute(), "{text}: {}", read.path);
    }
    assert!(refusal("sqlite:").contains("name the file"));
}

#[test]
fn keeps_a_password_from_the_environment_unread() {
    let read = connection("mariadb://ann:${env:DB_PASSWORD}@h/sales").expect("a connection");
    assert_eq!(read.password.expose_secret(), "${env:DB_PASSWORD}");
}

#[test]
fn an_unknown_scheme_names_the_known_ones() {
    let said = refusal("oracle://x/y");
    assert!(
        said.starts_with("url: no driver for 'oracle'; supported: sqlite, postgresql, "),
        "{said}"
    );
    assert!(said.ends_with("mssql, file"), "{said}");
}

#[test]
fn ampersand_and_plus_stand_for_themselves_in_user_and_password() {
    let read = connection("postgres://a+b:p&q=r+s%20t@h/my+base").expect("a connection");
    assert_eq!(read.user, "a+b");
    assert_eq!(read.password.expose_secret(), "p&q=r+s t");
    assert_eq!(read.database, "my+base");
}

#[test]
fn the_brackets_of_an_ipv6_address_stay_in_the_url() {
    let read = connection("postgres://ann@[fe80::1]:5433/sales").expect("a connection");
    assert_eq!((read.host.as_str(), read.port), ("fe80::1", 5433));
    assert_eq!(place(&read), "[fe80::1]:5433/sales");
    let local = connection("postgres:///sales").expect("a connection");
    assert_eq!(local.host, "127.0.0.1");
}

#[test]
fn options_that_cannot_be_kept_are_refused_with_the_remedy() {
    assert!(connection("postgres://h/sales?sslmode=prefer").is_ok());
    for mode in ["disable", "require", "verify-full"] {
        let said = refusal(&format!("postgres://h/sales?sslmode={mode}"));
        assert!(
            said.contains(mode) && said.contains("sslmode=prefer"),
            "{said}"
        );
    }
    for option in ["connect_timeout", "sslmode", "charset"] {
        let said = refusal(&format!("mysql://h/sales?{option}=3"));
        assert!(said.contains(&format!("'{option}'")), "{said}");
    }
    assert!(refusal("postgres://h/sales#x").contains("%23"));
}

#[test]
fn a_password_from_the_environment_stands_nowhere_else() {
    assert!(refusal("postgres://ann@${env:HOST}/sales").contains("whole password"));
    assert!(refusal("postgres://ann:x${env:REST}@h/sales").contains("whole password"));
}
