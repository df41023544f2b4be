//! Small databases for tests: a schema from a few lines, its tables in memory, questions with given literals.

use rusqlite::{Connection, types::Value as Cell};

use crate::{
    query::Value,
    question::{Candidate, Question},
    schema::{Column, ColumnId, Kind, Schema, Table},
};

/// A library: books and their authors, members who borrow and review, staff at both ends of a loan.
const LIBRARY: &str = "
authors: id* name! country=Chile|Japan|Ghana born?@
books: id* author_id>authors title! genre?=crime|poetry|travel pages# price?# bought_on@ withdrawn~
staff: id* name! wage# order#
members: id* name! city=Ulm|Bonn|Kiel joined_on@ email?: referrer_id?>members
loans: id* book_id>books member_id>members issuer_id>staff receiver_id?>staff loaned_on@ returned_on?@ fee#
reviews: id* book_id>books member_id>members stars# body:
hours: Day=Mon|Tue opens#
";

const ROWS: &str = "
INSERT INTO authors VALUES (1,'Ana Ruiz','Chile','1970-05-01'),(2,'Ken Mori','Japan',NULL),(3,'Ama Osei','Ghana','1985-02-11'),(4,'Ana Ruiz','Japan','1990-01-01');
INSERT INTO books VALUES
 (1,1,'Salt Roads','travel',320,12.5,'2023-02-01',0),(2,1,'The Cellar','crime',210,9,'2024-01-10',0),
 (3,2,'Quiet Rain','poetry',80,NULL,'2024-03-05',1),(4,3,'Harbour','crime',410,15,'2022-07-30',0),
 (5,3,'Harbour',NULL,150,7,'2024-03-31',0),(6,4,'North','travel',99,20,'2024-12-24',0);
INSERT INTO staff VALUES (1,'Ida',2000,3),(2,'Olaf',2500,1);
INSERT INTO members VALUES (1,'Mia','Ulm','2022-01-01','mia@x.org',NULL),(2,'Ben','Bonn','2023-05-05',NULL,1),
 (3,'Eva','Ulm','2024-02-29','eva@x.org',1),(4,'Mia','Kiel','2024-06-01',NULL,2),(5,'Tom','Bonn','2024-07-01','tom_t@x.org',NULL);
INSERT INTO loans VALUES (1,1,1,1,2,'2024-01-05','2024-01-20',0),(2,1,2,1,1,'2024-02-01','2024-03-01',2.5),
 (3,2,1,2,2,'2024-03-01 10:15:00','2024-03-09',0),(4,4,3,2,NULL,'2024-03-15',NULL,1),(5,4,1,1,NULL,'2024-04-01',NULL,0),
 (6,5,3,1,1,'2023-12-31','2024-01-02',4),(7,6,4,2,2,'2024-03-31 23:59:00','2024-05-01',0);
INSERT INTO reviews VALUES (1,1,1,5,'100% salt'),(2,1,2,3,'slow'),(3,4,1,4,'dark'),(4,2,3,2,'odd'),(5,1,4,5,'lovely');
INSERT INTO hours VALUES ('Mon',9),('Tue',10);
";

pub(crate) fn library() -> Schema {
    schema(LIBRARY)
}

/// The library with a few rows.
pub(crate) fn library_rows(schema: &Schema) -> Connection {
    let connection = create(schema);
    connection
        .execute_batch(ROWS)
        .expect("the rows fit the tables");
    connection
}

/// A schema from lines of `table: column column …`. After a column's name, `?` lets it be empty; then
/// `*` is a primary key, `>table` a key to it, `!` the label, `:` text, `=a|b` a category, `#` a number,
/// `@` a date, `~` a flag.
pub(crate) fn schema(lines: &str) -> Schema {
    let mut schema = Schema::default();
    let mut keys: Vec<(ColumnId, String)> = Vec::new();
    for line in lines.lines().filter(|line| !line.trim().is_empty()) {
        let (name, columns) = line
            .split_once(':')
            .expect("a table has a colon after its name");
        let table = schema.tables.len();
        let start = schema.columns.len();
        let mut label = None;
        for word in columns.split_whitespace() {
            let id = schema.columns.len();
            let at = word
                .find(['?', '*', '>', '!', ':', '=', '#', '@', '~'])
                .expect("a mark");
            let (name, marks) = word.split_at(at);
            let (nullable, marks) = match marks.strip_prefix('?') {
                Some(rest) => (true, rest),
                None => (false, marks),
            };
            let mut column = Column {
                table,
                name: name.to_owned(),
                kind: Kind::Text,
                comment: None,
                primary: false,
                nullable,
                references: None,
                values: Vec::new(),
                values_complete: false,
                numeric_flag: true,
            };
            match marks.split_at(1) {
                ("*", _) => (column.kind, column.primary) = (Kind::Id, true),
                (">", parent) => {
                    column.kind = Kind::Key;
                    keys.push((id, parent.to_owned()));
                }
                ("!", _) => label = Some(id),
                ("=", values) => {
                    column.values = values.split('|').map(str::to_owned).collect();
                    column.values_complete = true;
                }
                ("#", _) => column.kind = Kind::Number,
                ("@", _) => column.kind = Kind::Date,
                ("~", _) => column.kind = Kind::Flag,
                _ => {}
            }
            schema.columns.push(column);
        }
        schema.tables.push(Table {
            name: name.trim().to_owned(),
            namespace: None,
            comment: None,
            columns: start..schema.columns.len(),
            label,
        });
    }
    for (key, parent) in keys {
        let parent = table(&schema, &parent);
        schema.columns[key].references = schema.primary_key(parent);
    }
    schema
}

pub(crate) fn table(schema: &Schema, name: &str) -> usize {
    schema
        .tables
        .iter()
        .position(|t| t.name == name)
        .expect("a table of the schema")
}

/// A column by `table.column`.
pub(crate) fn column(schema: &Schema, name: &str) -> ColumnId {
    let (owner, name) = name.split_once('.').expect("table.column");
    let mut columns = schema.tables[table(schema, owner)].columns.clone();
    columns
        .find(|&c| schema.columns[c].name == name)
        .expect("a column of the table")
}

/// The schema's tables, empty, in a database in memory.
pub(crate) fn create(schema: &Schema) -> Connection {
    let connection = Connection::open_in_memory().expect("a database in memory");
    for table in &schema.tables {
        let columns: Vec<String> = schema.columns[table.columns.clone()]
            .iter()
            .map(|column| {
                let kind = match column.kind {
                    Kind::Id | Kind::Key | Kind::Flag => "INTEGER",
                    Kind::Number => "REAL",
                    Kind::Text | Kind::Date => "TEXT",
                };
                let key = if column.primary { " PRIMARY KEY" } else { "" };
                format!("{} {kind}{key}", quoted(&column.name))
            })
            .collect();
        let sql = format!(
            "CREATE TABLE {} ({})",
            quoted(&table.name),
            columns.join(", ")
        );
        connection
            .execute_batch(&sql)
            .expect("the table can be made");
    }
    connection
}

pub(crate) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// All rows of a statement, as text.
pub(crate) fn rows(connection: &Connection, sql: &str) -> Result<Vec<Vec<String>>, String> {
    let complain = |error: rusqlite::Error| format!("{error}\n{sql}");
    let mut statement = connection.prepare(sql).map_err(complain)?;
    let width = statement.column_count();
    let mut rows = statement.query([]).map_err(complain)?;
    let mut all = Vec::new();
    while let Some(row) = rows.next().map_err(complain)? {
        let cells = (0..width).map(|at| match row.get::<_, Cell>(at) {
            Ok(Cell::Null) => "NULL".to_owned(),
            Ok(Cell::Integer(number)) => number.to_string(),
            Ok(Cell::Real(number)) => number.to_string(),
            Ok(Cell::Text(text)) => text,
            other => format!("{other:?}"),
        });
        all.push(cells.collect());
    }
    Ok(all)
}

/// A question in which exactly these literals were found.
pub(crate) fn question(schema: &Schema, values: Vec<Value>) -> Question {
    let candidates = values
        .into_iter()
        .enumerate()
        .map(|(at, value)| {
            let written = match &value {
                Value::Text(text) => text.to_lowercase(),
                Value::Number(number) => number.to_string(),
                Value::Dates { .. } => String::new(),
            };
            let known = |column: &Column| {
                column
                    .values
                    .iter()
                    .find(|v| v.to_lowercase() == written)
                    .cloned()
            };
            let matches = schema
                .columns
                .iter()
                .enumerate()
                .filter_map(|(id, column)| known(column).map(|value| (id, value)))
                .collect();
            Candidate {
                words: at..at + 1,
                value,
                matches,
                quoted: false,
            }
        })
        .collect();
    Question {
        text: String::new(),
        words: Vec::new(),
        candidates,
    }
}
