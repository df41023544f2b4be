//! Random SQL from a small grammar: reads with attacks hidden in them, and known statements torn up and joined.

use tidegate_schema::model::Engine;

const BOTH: [&str; 2] = [
    include_str!("../../src/guard/cases/attacks_both.sql"),
    include_str!("../../src/guard/cases/reads_both.sql"),
];
const SQLITE: [&str; 2] = [
    include_str!("../../src/guard/cases/attacks_sqlite.sql"),
    include_str!("../../src/guard/cases/reads_sqlite.sql"),
];
const POSTGRES: [&str; 2] = [
    include_str!("../../src/guard/cases/attacks_postgres.sql"),
    include_str!("../../src/guard/cases/reads_postgres.sql"),
];

const MYSQL: [&str; 2] = [
    include_str!("../../src/guard/cases/attacks_mysql.sql"),
    include_str!("../../src/guard/cases/reads_mysql.sql"),
];
const DUCKDB: [&str; 2] = [
    include_str!("../../src/guard/cases/attacks_duckdb.sql"),
    include_str!("../../src/guard/cases/reads_duckdb.sql"),
];

const TABLES: &[&str] = &[
    "customers",
    "orders",
    "products",
    "\"orders\"",
    "customers c",
    "orders AS o",
];
const COLUMNS: &[&str] = &[
    "id",
    "name",
    "city",
    "total_amount",
    "price",
    "stock",
    "*",
    "\"id\"",
    "1",
    "NULL",
    "'x'",
];
const CALLS: &[&str] = &[
    "count", "max", "lower", "abs", "coalesce", "COUNT", "length", "round", "sum", "upper",
];
const OPERATORS: &[&str] = &[
    "=", "<>", "<", "AND", "OR", "||", "+", "LIKE", "IS NOT", "IN", "%",
];
/// What an attacker would like to see run. Only what would change the small database, or try to.
const WRITES: &[&str] = &[
    "DELETE FROM orders",
    "DELETE FROM orders RETURNING id",
    "UPDATE products SET price = 0 RETURNING id",
    "INSERT INTO customers (id, name, city) VALUES (9999, 'x', 'y') RETURNING id",
    "DROP TABLE customers",
    "DROP TABLE IF EXISTS orders CASCADE",
    "CREATE TABLE stolen AS SELECT * FROM customers",
    "SELECT * INTO stolen FROM customers",
    "ALTER TABLE customers ADD COLUMN hacked text",
    "TRUNCATE orders",
    "PRAGMA user_version = 7",
    "PRAGMA writable_schema = 1",
    "PRAGMA query_only = 0",
    "ATTACH 'evil.db' AS evil",
    "VACUUM INTO 'copy.db'",
    "VACUUM",
    "SET default_transaction_read_only = off",
    "SET TRANSACTION READ WRITE",
    "COMMIT",
    "ROLLBACK",
    "BEGIN",
    "SELECT set_config('transaction_read_only', 'off', false)",
    "SELECT set_config('default_transaction_read_only', 'off', true)",
    "SELECT nextval('numbers')",
    "SELECT wipe()",
    "SELECT * FROM wipe()",
    "CREATE OR REPLACE VIEW v AS SELECT 1",
    "REINDEX",
    "DO $$ BEGIN DELETE FROM orders; COMMIT; END $$",
    "CALL wipe_all()",
];
/// What an attacker would like to see run on MariaDB, beside most of the others.
const MARIADB_WRITES: &[&str] = &[
    "DELETE FROM orders",
    "DELETE FROM orders RETURNING id",
    "UPDATE products SET price = 0",
    "INSERT INTO customers (id, name, city) VALUES (9999, 'x', 'y') RETURNING id",
    "REPLACE INTO customers (id) VALUES (1)",
    "INSERT IGNORE INTO customers SET id = 9999",
    "DROP TABLE customers",
    "DROP TABLE IF EXISTS orders CASCADE",
    "CREATE TABLE stolen AS SELECT * FROM customers",
    "CREATE OR REPLACE VIEW v AS SELECT 1",
    "ALTER TABLE customers ADD COLUMN hacked text",
    "TRUNCATE orders",
    "RENAME TABLE customers TO gone",
    "COMMIT",
    "SET @x = 1",
    "SELECT @x := 1",
    "SELECT NEXTVAL(numbers)",
    "SELECT NEXT VALUE FOR numbers",
    "SELECT SETVAL(numbers, 100)",
    "SELECT wipe()",
    "DO wipe()",
    "CALL wipe_all()",
    "EXECUTE IMMEDIATE 'DELETE FROM orders'",
    "PREPARE s FROM 'DELETE FROM orders'",
    "LOCK TABLES customers WRITE",
    "/*! DELETE FROM orders */",
    "/*M! DELETE FROM orders */",
    "SELECT 1 /*! , wipe() */",
    "SELECT 1 # '\n , wipe() -- '",
    "SELECT '\\' , wipe() , '",
    "SELECT \"a\\\" , wipe() , \"",
    "SELECT 1; DELETE FROM orders",
];
/// What an attacker would like to see run on DuckDB, beside most of the others.
const DUCKDB_WRITES: &[&str] = &[
    "DELETE FROM orders RETURNING id",
    "UPDATE products SET price = 0",
    "INSERT OR REPLACE INTO customers VALUES (9999, 'x', 'y')",
    "INSERT INTO customers BY NAME SELECT 9999 AS id",
    "MERGE INTO orders USING customers USING (id) WHEN MATCHED THEN DELETE",
    "DROP TABLE IF EXISTS orders CASCADE",
    "CREATE OR REPLACE TABLE stolen AS FROM customers",
    "CREATE TEMP TABLE customers AS SELECT 1 AS id",
    "CREATE OR REPLACE TEMP VIEW orders AS SELECT 1 AS id",
    "CREATE TEMP MACRO lower(a) AS a",
    "CREATE SECRET s (TYPE http, BEARER_TOKEN 'x')",
    "ALTER TABLE customers ADD COLUMN hacked TEXT",
    "COPY customers TO 'copy.csv'",
    "COPY customers FROM 'copy.csv'",
    "EXPORT DATABASE 'out'",
    "ATTACH 'evil.duckdb' AS evil",
    "ATTACH ':memory:' AS evil",
    "DETACH small",
    "USE temp",
    "LOAD httpfs",
    "SET enable_external_access = true",
    "SET search_path = 'temp'",
    "SET VARIABLE a = 1",
    "RESET lock_configuration",
    "PRAGMA enable_profiling = 'json'",
    "CALL enable_logging()",
    "FORCE CHECKPOINT",
    "VACUUM",
    "BEGIN TRANSACTION",
    "COMMIT",
    "PREPARE p AS DELETE FROM orders",
    "SELECT nextval('numbers')",
    "SELECT write_log('x')",
    "SELECT * FROM enable_logging()",
    "FROM enable_profiling(format := 'no_output')",
    "FROM query('FROM enable_logging()')",
    "SELECT content FROM read_text('evil.csv')",
    "FROM 'evil.csv'",
    "SELECT 1 -- a\r; SET VARIABLE a = 1; SELECT 2\n, 3",
    "SELECT e'a'\n'\\''; SET VARIABLE a = 1; SELECT 'x'",
];
const GLUE: &[&str] = &[
    "; ", ";", " -- ", "/*", "*/", "\n", "'", "\"", "$$", " UNION ", " (", ") ", "\\", "\u{a0}",
    "\0", "`", "[", "]", " # ", "/*!", "/*M!", "\\'",
];

/// Decisions drawn by the property test, so that it can shrink them.
pub(crate) struct Choices<'a> {
    drawn: std::slice::Iter<'a, u16>,
    writes: &'static [&'static str],
}

impl<'a> Choices<'a> {
    pub(crate) fn new(from: &'a [u16]) -> Self {
        Self {
            drawn: from.iter(),
            writes: WRITES,
        }
    }

    fn below(&mut self, n: usize) -> usize {
        usize::from(self.drawn.next().copied().unwrap_or(0)) % n
    }

    fn pick(&mut self, from: &[&'static str]) -> &'static str {
        from[self.below(from.len())]
    }

    /// A statement for an engine.
    pub(crate) fn statement(&mut self, engine: Engine) -> String {
        self.writes = match engine {
            Engine::MariaDb => MARIADB_WRITES,
            Engine::DuckDb => DUCKDB_WRITES,
            _ => WRITES,
        };
        match self.below(8) {
            0 | 1 => self.query(3, true),
            2 | 3 => self.query(3, false),
            4 => self.known(engine).to_owned(),
            5 => self.torn(engine),
            6 => format!(
                "{}{}{}",
                self.query(2, true),
                self.pick(GLUE),
                self.pick(self.writes)
            ),
            _ => self.pick(self.writes).to_owned(),
        }
    }

    fn known(&mut self, engine: Engine) -> &'static str {
        let own = match engine {
            Engine::Sqlite => SQLITE,
            Engine::MariaDb => MYSQL,
            Engine::DuckDb => DUCKDB,
            _ => POSTGRES,
        };
        let file = [BOTH, own].concat()[self.below(4)];
        let cases: Vec<&str> = file.split("\n---\n").collect();
        cases[self.below(cases.len())]
    }

    /// Two halves of known statements, with something between.
    fn torn(&mut self, engine: Engine) -> String {
        let mut half = |first: bool| {
            let chars: Vec<char> = self.known(engine).chars().collect();
            let at = self.below(chars.len().max(1));
            if first {
                chars[..at].iter().collect::<String>()
            } else {
                chars[at..].iter().collect()
            }
        };
        let (left, right) = (half(true), half(false));
        format!("{left}{}{right}", self.pick(GLUE))
    }

    fn query(&mut self, depth: usize, honest: bool) -> String {
        if !honest && self.below(5) == 0 {
            return self.pick(self.writes).to_owned();
        }
        let mut sql = String::new();
        if depth > 0 && self.below(4) == 0 {
            sql.extend([format!("WITH w AS ({}) ", self.query(depth - 1, honest))]);
        }
        sql.extend([format!("SELECT {}", self.expression(depth, honest))]);
        if self.below(3) == 0 {
            sql.extend([format!(", {} AS x", self.expression(depth, honest))]);
        }
        match self.below(6) {
            0 => {}
            1 if depth > 0 => {
                sql.extend([format!(" FROM ({}) AS s", self.query(depth - 1, honest))]);
            }
            2 => sql.extend([format!(
                " FROM {}, {}",
                self.pick(TABLES),
                self.pick(TABLES)
            )]),
            _ => sql.extend([format!(" FROM {}", self.pick(TABLES))]),
        }
        if self.below(3) == 0 {
            sql.extend([format!(" WHERE {}", self.expression(depth, honest))]);
        }
        match self.below(9) {
            0 => sql.push_str(" ORDER BY 1"),
            1 => sql.push_str(" LIMIT 3"),
            2 if depth > 0 => sql.extend([format!(" UNION {}", self.query(depth - 1, honest))]),
            3 if !honest => sql.push_str(" FOR UPDATE"),
            4 if !honest => sql.push_str("; COMMIT"),
            _ => {}
        }
        sql
    }

    fn expression(&mut self, depth: usize, honest: bool) -> String {
        if depth == 0 {
            return self.pick(COLUMNS).to_owned();
        }
        match self.below(8) {
            0 => format!(
                "{}({})",
                self.pick(CALLS),
                self.expression(depth - 1, honest)
            ),
            1 => {
                let left = self.expression(depth - 1, honest);
                format!(
                    "{left} {} {}",
                    self.pick(OPERATORS),
                    self.expression(depth - 1, honest)
                )
            }
            2 => format!("(SELECT {})", self.expression(depth - 1, honest)),
            3 if !honest => format!("({})", self.pick(self.writes)),
            4 => format!("EXISTS ({})", self.query(depth - 1, honest)),
            _ => self.pick(COLUMNS).to_owned(),
        }
    }
}
