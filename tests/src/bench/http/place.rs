//! The server that is measured, with what a page finds on it: datasources, tables, conversations.

use std::{fmt::Write as _, path::Path};

use anyhow::{Result, ensure};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::load::{Process, Request};
use crate::{
    User, databases,
    process::{Program, Server},
};

/// Datasources that are listed.
const DATASOURCES: usize = 10;
/// Tables of the one that is looked into.
const TABLES: usize = 20;
/// Conversations there are; a page shows ten.
const CONVERSATIONS: usize = 30;

/// A running server and where its files lie.
pub(super) struct Place {
    server: Server,
    user: User,
    dir: TempDir,
}

impl Place {
    /// Starts the program and fills it.
    pub(super) async fn start(program: &Path) -> Result<Self> {
        let dir = TempDir::new()?;
        let config = format!(
            "[data]\ndir = {:?}\nsample = false\n[builtin]\nenabled = false\n[log]\nfilter = \"error\"\n\
             [[models]]\nname = \"dummy/echo\"\nprovider = \"dummy\"\n",
            dir.path().join("data").display().to_string()
        );
        let program = Program::new(&program.display().to_string(), dir.path(), &config)?;
        let server = program.serve(&[])?;
        let user = server.anonymous();
        for number in 0..DATASOURCES {
            let path = dir.path().join(format!("db{number}.db"));
            databases::make(&path, &tables()?)?;
            let body = json!({
                "db_type": "sqlite", "db_name": format!("db{number}"), "file_path": path,
                "comment": format!("Orders of branch {number}"),
            });
            succeed(&user.post("/api/v1/chat/db/add", &body).await?.json())?;
        }
        for number in 0..CONVERSATIONS {
            let body = json!({
                "conv_uid": format!("conversation-{number}"), "chat_mode": "chat_normal", "model_name": "dummy/echo",
                "user_input": format!("how many orders did branch {number} have?"),
            });
            let reply = user.post("/api/v1/chat/completions", &body).await?;
            ensure!(reply.status == 200, "{}", reply.text);
        }
        Ok(Self { server, user, dir })
    }

    /// The routes that are measured, by their short names.
    pub(super) fn requests() -> [(&'static str, Request); 4] {
        let get = |path: &str| Request {
            path: path.to_owned(),
            body: None,
        };
        let sql = "SELECT id, customer, amount FROM orders_0 WHERE id = 7";
        [
            ("chat/db/list", get("/api/v1/chat/db/list")),
            ("dialogue/list", get("/api/v1/chat/dialogue/list")),
            (
                "editor/db/tables",
                get("/api/v1/editor/db/tables?db_name=db0&page_index=1&page_size=200"),
            ),
            (
                "editor/sql/run",
                Request {
                    path: "/api/v1/editor/sql/run".to_owned(),
                    body: Some(json!({"db_name": "db0", "sql": sql})),
                },
            ),
        ]
    }

    /// One answer, which has to be a success with something in it.
    pub(super) async fn ask(&self, request: &Request) -> Result<Vec<u8>> {
        let reply = match &request.body {
            None => self.user.get(&request.path).await?,
            Some(body) => self.user.post(&request.path, body).await?,
        };
        let body = reply.json();
        succeed(&body)?;
        let data = &body["data"];
        let filled = [data, &data["children"], &data["values"]]
            .into_iter()
            .filter_map(Value::as_array)
            .any(|list| !list.is_empty());
        ensure!(filled, "{}: nothing in {body}", request.path);
        Ok(reply.text.into_bytes())
    }

    /// The server's process.
    pub(super) fn server(&self) -> Process {
        Process {
            id: self.server.id(),
            address: self.server.web,
        }
    }

    /// A directory for what a measurement needs.
    pub(super) fn dir(&self) -> &Path {
        self.dir.path()
    }
}

fn succeed(body: &Value) -> Result<()> {
    ensure!(body["success"] == true, "not a success: {body}");
    Ok(())
}

fn tables() -> Result<String> {
    let mut sql = String::new();
    for number in 0..TABLES {
        write!(
            sql,
            "CREATE TABLE orders_{number} (id INTEGER PRIMARY KEY, customer TEXT NOT NULL, amount REAL, ordered_on DATE, \
             status TEXT); INSERT INTO orders_{number} (customer, amount, ordered_on, status) \
             WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100) \
             SELECT 'Customer ' || i, i * 1.5, '2024-01-01', 'shipped' FROM n;"
        )?;
    }
    Ok(sql)
}
