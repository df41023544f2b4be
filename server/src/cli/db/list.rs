//! `tidegate db list`.

use comfy_table::{Table, presets::UTF8_FULL_CONDENSED};
use serde_json::{Value, json};
use tidegate_schema::model::{Connection, Datasource};

use crate::{
    app::App,
    cli::{caller, for_terminal, print, print_json},
};

/// Prints the databases: name, engine, place, tables as far as they are known, whether changes are let through.
pub(super) async fn run(app: &App, json: bool) -> anyhow::Result<()> {
    let datasources = app.datasources();
    let mut found = Vec::new();
    for datasource in datasources.list(&caller()).await? {
        let tables = datasources.tables_known(&datasource).await?;
        found.push((datasource, tables));
    }
    if json {
        return print_json(
            &found
                .iter()
                .map(|(datasource, tables)| document(datasource, *tables))
                .collect(),
        );
    }
    let mut table = Table::new();
    table
        .load_preset(UTF8_FULL_CONDENSED)
        .set_header(["name", "engine", "where", "tables", "writable", "comment"]);
    for (datasource, tables) in found {
        table.add_row([
            datasource.name,
            datasource.connection.engine.title().to_owned(),
            place(&datasource.connection),
            tables.map_or("not read yet".to_owned(), |tables| tables.to_string()),
            if datasource.writable { "yes" } else { "no" }.to_owned(),
            datasource.comment,
        ]);
    }
    print(&for_terminal(&format!("{table}\n")))
}

/// Where a database is, for a person.
pub(super) fn place(connection: &Connection) -> String {
    let Connection {
        path,
        host,
        port,
        database,
        ..
    } = connection;
    if connection.engine.is_file() {
        path.clone()
    } else if host.contains(':') && !host.contains("://") {
        format!("[{host}]:{port}/{database}")
    } else {
        format!("{host}:{port}/{database}")
    }
}

/// A datasource as JSON, without its password; `tables` is null until they were read.
fn document(datasource: &Datasource, tables: Option<usize>) -> Value {
    let connection = &datasource.connection;
    let mut document = json!({
        "name": datasource.name,
        "engine": connection.engine.name(),
        "comment": datasource.comment,
        "owner": datasource.owner,
        "writable": datasource.writable,
        "tables": tables,
        "created_at": datasource.created_at,
    });
    let place = if connection.engine.is_file() {
        json!({"path": connection.path})
    } else {
        json!({
            "host": connection.host,
            "port": connection.port,
            "user": connection.user,
            "database": connection.database,
        })
    };
    if let (Value::Object(document), Value::Object(place)) = (&mut document, place) {
        document.extend(place);
    }
    document
}
