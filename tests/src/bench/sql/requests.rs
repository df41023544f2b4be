//! Requests per second of the editor's route, asked of a server that is a process of its own.

use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use secrecy::ExposeSecret as _;
use serde_json::json;
use tempfile::TempDir;
use tidegate_schema::model::Connection;

use super::place::Place;
use crate::{
    User,
    bench::{http::measure, say},
    process::Program,
};

const PATH: &str = "/api/v1/editor/sql/run";
/// Requests at a time.
const AT_ONCE: [usize; 3] = [1, 16, 64];

/// Measures and prints.
pub(super) async fn run(server: &Path, places: &[Place], requests: usize) -> Result<()> {
    let dir = TempDir::new()?;
    let config = format!(
        "[data]\ndir = {:?}\nsample = false\n[builtin]\nenabled = false\n[log]\nfilter = \"error\"\n",
        dir.path().join("data").display().to_string()
    );
    let server = Program::new(&server.display().to_string(), dir.path(), &config)?.serve(&[])?;
    let user = server.anonymous();
    let sql = "SELECT id, customer, amount, ordered_on FROM orders WHERE id = 4711";
    say(&format!("{sql}\n"));
    say(&format!(
        "{:<28} {:>5} {:>10} {:>9} {:>9}",
        "route", "at a time", "per second", "p50 ms", "p99 ms"
    ));
    for place in places {
        let name = register(&user, &place.connection).await?;
        let body = json!({"db_name": name, "sql": sql});
        // The first request connects, and proves that there is something to measure.
        let first = user.post(PATH, &body).await?.json();
        ensure!(
            first["success"] == true
                && first["data"]["values"]
                    .as_array()
                    .is_some_and(|rows| rows.len() == 1),
            "the query does not run: {first}"
        );
        say(place.connection.engine.title());
        for at_once in AT_ONCE {
            measure(&user, PATH, Some(&body), at_once, requests).await?;
        }
    }
    Ok(())
}

/// Adds a datasource; its name.
async fn register(user: &User, connection: &Connection) -> Result<String> {
    let name = if connection.engine.is_file() {
        format!("orders_{}", connection.engine.name())
    } else {
        // What the database is called on its server.
        connection.database.clone()
    };
    let body = json!({
        "db_type": connection.engine.name(), "db_name": name, "file_path": connection.path,
        "db_host": connection.host, "db_port": connection.port, "db_user": connection.user,
        "db_pwd": connection.password.expose_secret(),
    });
    let reply = user
        .post("/api/v1/chat/db/add", &body)
        .await
        .context("adding a datasource")?;
    ensure!(
        reply.json()["success"] == true,
        "{} cannot be added: {}",
        connection.engine.title(),
        reply.text
    );
    Ok(name)
}
