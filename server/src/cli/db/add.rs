//! `tidegate db add`: a database by its URL, its path, or what a file is.

mod place;

use std::time::{Duration, Instant};

use anyhow::Context as _;
use clap::Args;
use secrecy::{ExposeSecret as _, SecretString};
use tidegate_schema::model::{Connection, NewDatasource};

use self::place::connection;
use super::writable;
use crate::{
    app::App,
    cli::{caller, complain, print, usage},
};

/// A database to add.
#[derive(Debug, Args)]
pub struct Add {
    /// Name it goes by in questions.
    name: String,
    /// A file (`sales.db`, `sales.duckdb`, `sales.csv`, a folder of such files), or a URL
    /// (`postgres://user:password@host:5432/name`).
    ///
    /// URLs begin with mysql, mariadb, tidb, oceanbase, doris, starrocks, postgres, opengauss, gaussdb, greenplum,
    /// cockroachdb, clickhouse, mssql or sqlserver; the port may be left out where it is the engine's own. What a file
    /// is, is told by its first bytes and by its ending; `sqlite:PATH`, `duckdb:PATH` and `file:PATH` say it
    /// themselves. ClickHouse is spoken to in TLS at the ports 443 and 8443.
    ///
    /// A password may be written `${env:CRM_PASSWORD}`: it is then read from the environment on connecting. The
    /// variable's name must end in PASSWORD or begin with PG. TLS is used where the server offers it.
    url: String,
    /// Read the password from standard input, so that neither the shell's history nor the process list has it.
    #[arg(long)]
    password_stdin: bool,
    /// Let statements that change rows through, each with a confirmation of its own (as `tidegate db writable`).
    #[arg(long)]
    writable: bool,
    /// Wait until the values of its tables were looked at and, of a large database, the tables are indexed, and tell
    /// how far that is. Without it the server does so in the background once it runs.
    #[arg(long)]
    wait: bool,
    /// Free text.
    #[arg(long, default_value = "")]
    comment: String,
}

/// How often it is looked how far the tables are known, and how often that is told.
const LOOK_EVERY: Duration = Duration::from_millis(100);
const TELL_EVERY: Duration = Duration::from_secs(2);

impl Add {
    /// Whether the tables are waited for.
    pub(super) fn waits(&self) -> bool {
        self.wait
    }

    /// Proves that the database answers, adds it, and counts its tables.
    pub(super) async fn run(self, app: &App) -> anyhow::Result<()> {
        let mut connection = connection(&self.url)?;
        if self.password_stdin {
            connection = with_password(connection, std::io::stdin().lock())?;
        }
        let new = NewDatasource {
            connection,
            name: self.name,
            comment: self.comment,
            owner: None,
        };
        let datasources = app.datasources();
        let added = datasources.create(&caller(), new).await?;
        if self.writable {
            datasources
                .mark_writable(&caller(), &added.name, true)
                .await?;
        }
        let tables = datasources
            .catalogue(&caller(), &added.name)
            .await?
            .tables
            .len();
        let mut said = format!(
            "Added '{}' ({}, {tables} tables).\n",
            added.name,
            added.connection.engine.name()
        );
        if self.writable {
            said.push_str(&writable(&added.name));
        }
        print(&said)?;
        if self.wait {
            indexed(app, &added.name).await?;
        }
        Ok(())
    }
}

/// Waits until nothing is left to be done for the tables, and tells how far that is. An interruption leaves the rest
/// to the server.
async fn indexed(app: &App, name: &str) -> anyhow::Result<()> {
    let interrupted = tokio::signal::ctrl_c();
    tokio::pin!(interrupted);
    let mut told = Instant::now();
    loop {
        let Some(now) = app.datasources().progress(&caller(), name).await? else {
            return Ok(());
        };
        if now.done || told.elapsed() >= TELL_EVERY {
            complain(&format!(
                "{} tables, {} looked into, {} embedded",
                now.tables, now.tables_sampled, now.tables_embedded
            ));
            told = Instant::now();
        }
        if now.done {
            return Ok(());
        }
        tokio::select! {
            () = tokio::time::sleep(LOOK_EVERY) => {}
            _ = &mut interrupted => {
                complain("The server does the rest in the background.");
                return Ok(());
            }
        }
    }
}

/// The connection with the password that stands in `input`, up to the end of its first line.
fn with_password(
    mut connection: Connection,
    mut input: impl std::io::BufRead,
) -> anyhow::Result<Connection> {
    if connection.engine.is_file() {
        return Err(usage(
            "--password-stdin: a file has no password; leave the option out",
        ));
    }
    if !connection.password.expose_secret().is_empty() {
        return Err(usage(
            "--password-stdin: the URL holds a password already; take it out there, or leave the option out",
        ));
    }
    let mut line = String::new();
    input
        .read_line(&mut line)
        .context("--password-stdin: standard input could not be read")?;
    let password = line.trim_end_matches(['\r', '\n']);
    if password.is_empty() {
        return Err(usage(
            "--password-stdin: standard input is empty; pipe the password in",
        ));
    }
    connection.password = SecretString::from(password);
    Ok(connection)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::Usage;

    #[test]
    fn a_password_is_read_from_one_line_of_input() {
        let plain = || connection("postgres://ann@h/sales").expect("a connection");
        let read = with_password(plain(), &b"p@ss: w&rd\nmore\n"[..]).expect("a password");
        assert_eq!(read.password.expose_secret(), "p@ss: w&rd");
        for (connection, input) in [
            (plain(), "\n"),
            (
                connection("postgres://ann:one@h/sales").expect("a connection"),
                "two",
            ),
            (connection("sales.db").expect("a connection"), "word"),
        ] {
            let error = with_password(connection, input.as_bytes()).expect_err("a refusal");
            assert!(error.is::<Usage>(), "{error}");
        }
    }
}
