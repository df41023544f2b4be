//! Datasources: the user's databases.

use chrono::{DateTime, Utc};
use secrecy::SecretString;

use crate::ids::DatasourceId;

/// Database engines with a driver, by the product's name. Several share a wire and a dialect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Engine {
    /// A SQLite file.
    Sqlite,
    /// PostgreSQL.
    Postgres,
    /// openGauss, over PostgreSQL's wire.
    OpenGauss,
    /// GaussDB, over PostgreSQL's wire.
    GaussDb,
    /// Greenplum, over PostgreSQL's wire.
    Greenplum,
    /// CockroachDB, over PostgreSQL's wire.
    CockroachDb,
    /// MySQL.
    MySql,
    /// MariaDB, over MySQL's wire.
    MariaDb,
    /// TiDB, over MySQL's wire.
    TiDb,
    /// OceanBase, over MySQL's wire.
    OceanBase,
    /// Apache Doris, over MySQL's wire.
    Doris,
    /// StarRocks, over MySQL's wire.
    StarRocks,
    /// A DuckDB file.
    DuckDb,
    /// ClickHouse, over HTTP.
    ClickHouse,
    /// Microsoft SQL Server, over TDS.
    SqlServer,
    /// A data file (CSV, TSV, Excel, JSON, JSON lines, Parquet) or a directory of them, read as a database.
    File,
}

/// The SQL an engine understands; what the guard, prompts and the built-in writer go by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Dialect {
    /// SQLite's; data files are asked in it too.
    Sqlite,
    /// PostgreSQL's.
    Postgres,
    /// MySQL's and MariaDB's.
    MySql,
    /// DuckDB's.
    DuckDb,
    /// ClickHouse's.
    ClickHouse,
    /// Transact-SQL.
    TransactSql,
}

impl Dialect {
    /// Every dialect.
    pub const ALL: [Self; 6] = [
        Self::Sqlite,
        Self::Postgres,
        Self::MySql,
        Self::DuckDb,
        Self::ClickHouse,
        Self::TransactSql,
    ];
}

impl Engine {
    /// Every engine there is a driver for.
    pub const ALL: [Self; 16] = [
        Self::Sqlite,
        Self::Postgres,
        Self::OpenGauss,
        Self::GaussDb,
        Self::Greenplum,
        Self::CockroachDb,
        Self::MySql,
        Self::MariaDb,
        Self::TiDb,
        Self::OceanBase,
        Self::Doris,
        Self::StarRocks,
        Self::DuckDb,
        Self::ClickHouse,
        Self::SqlServer,
        Self::File,
    ];

    /// DB-GPT's type name, where it has one.
    pub fn name(self) -> &'static str {
        match self {
            Self::Sqlite => "sqlite",
            Self::Postgres => "postgresql",
            Self::OpenGauss => "opengauss",
            Self::GaussDb => "gaussdb",
            Self::Greenplum => "greenplum",
            Self::CockroachDb => "cockroachdb",
            Self::MySql => "mysql",
            Self::MariaDb => "mariadb",
            Self::TiDb => "tidb",
            Self::OceanBase => "oceanbase",
            Self::Doris => "doris",
            Self::StarRocks => "starrocks",
            Self::DuckDb => "duckdb",
            Self::ClickHouse => "clickhouse",
            Self::SqlServer => "mssql",
            Self::File => "file",
        }
    }

    /// The product's own spelling, for people and models.
    pub fn title(self) -> &'static str {
        match self {
            Self::Sqlite => "SQLite",
            Self::Postgres => "PostgreSQL",
            Self::OpenGauss => "openGauss",
            Self::GaussDb => "GaussDB",
            Self::Greenplum => "Greenplum",
            Self::CockroachDb => "CockroachDB",
            Self::MySql => "MySQL",
            Self::MariaDb => "MariaDB",
            Self::TiDb => "TiDB",
            Self::OceanBase => "OceanBase",
            Self::Doris => "Apache Doris",
            Self::StarRocks => "StarRocks",
            Self::DuckDb => "DuckDB",
            Self::ClickHouse => "ClickHouse",
            Self::SqlServer => "Microsoft SQL Server",
            Self::File => "SQLite (data files)",
        }
    }

    /// The SQL it understands.
    pub fn dialect(self) -> Dialect {
        match self {
            Self::Sqlite | Self::File => Dialect::Sqlite,
            Self::Postgres
            | Self::OpenGauss
            | Self::GaussDb
            | Self::Greenplum
            | Self::CockroachDb => Dialect::Postgres,
            Self::MySql
            | Self::MariaDb
            | Self::TiDb
            | Self::OceanBase
            | Self::Doris
            | Self::StarRocks => Dialect::MySql,
            Self::DuckDb => Dialect::DuckDb,
            Self::ClickHouse => Dialect::ClickHouse,
            Self::SqlServer => Dialect::TransactSql,
        }
    }

    /// Port its server listens at unless told otherwise; 0 for file engines.
    pub fn default_port(self) -> u16 {
        match self {
            Self::Sqlite | Self::DuckDb | Self::File => 0,
            Self::Postgres | Self::OpenGauss | Self::Greenplum => 5432,
            Self::GaussDb => 8000,
            Self::CockroachDb => 26257,
            Self::MySql | Self::MariaDb => 3306,
            Self::TiDb => 4000,
            Self::OceanBase => 2881,
            Self::Doris | Self::StarRocks => 9030,
            Self::ClickHouse => 8123,
            Self::SqlServer => 1433,
        }
    }

    /// Whether it is reached by a file path rather than a host.
    pub fn is_file(self) -> bool {
        matches!(self, Self::Sqlite | Self::DuckDb | Self::File)
    }

    /// The engine of a type name, DB-GPT's or one of the usual others.
    pub fn from_name(name: &str) -> Option<Self> {
        let name = name.to_ascii_lowercase();
        let known = Self::ALL.into_iter().find(|engine| engine.name() == name);
        known.or(match name.as_str() {
            "postgres" => Some(Self::Postgres),
            "cockroach" => Some(Self::CockroachDb),
            "sqlserver" => Some(Self::SqlServer),
            "csv" | "tsv" | "excel" | "xlsx" | "json" | "jsonl" | "parquet" | "files" => {
                Some(Self::File)
            }
            _ => None,
        })
    }
}

/// How to reach a database.
#[derive(Debug, Clone)]
pub struct Connection {
    /// Engine.
    pub engine: Engine,
    /// File path, for file engines; else empty.
    pub path: String,
    /// Host, for server engines; else empty.
    pub host: String,
    /// Port; 0 for the engine's own.
    pub port: u16,
    /// User name.
    pub user: String,
    /// Password; sealed when stored, never logged. `${env:NAME}` is read from the environment on connecting.
    pub password: SecretString,
    /// Name of the database on the server. Usually the datasource's own name.
    pub database: String,
}

/// A registered database.
#[derive(Debug, Clone)]
pub struct Datasource {
    /// Number.
    pub id: DatasourceId,
    /// Unique name, used in every call.
    pub name: String,
    /// How to reach it.
    pub connection: Connection,
    /// Free text.
    pub comment: String,
    /// Who added it, a display name.
    pub owner: Option<String>,
    /// Whether statements that change rows may run at all, each with a grant and a confirmation of its own. One
    /// that is added is read only until it is marked, and so is one whose connection leads to another database.
    pub writable: bool,
    /// When it was added.
    pub created_at: DateTime<Utc>,
    /// When it was last changed.
    pub modified_at: DateTime<Utc>,
}

/// A datasource to add.
#[derive(Debug, Clone)]
pub struct NewDatasource {
    /// Unique name.
    pub name: String,
    /// How to reach it.
    pub connection: Connection,
    /// Free text.
    pub comment: String,
    /// Who adds it.
    pub owner: Option<String>,
}

/// Changes to a datasource; `None` leaves a part as it is.
#[derive(Debug, Clone, Default)]
pub struct DatasourcePatch {
    /// How to reach it.
    pub connection: Option<Connection>,
    /// Free text.
    pub comment: Option<String>,
}
