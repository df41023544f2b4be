//! A PostgreSQL server of one test: made from the installed binaries, stopped and removed at the end.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use secrecy::SecretString;
use tidegate_schema::model::{Connection, Engine};
use tokio_postgres::{Client, NoTls};

pub(crate) const PASSWORD: &str = "s3cret-of-the-test";

pub(crate) struct PostgresServer {
    folder: tempfile::TempDir,
    port: u16,
}

impl PostgresServer {
    /// Starts a server with a role `shop` that owns a database `shop` and is no superuser.
    pub(crate) async fn start() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        // The server refuses to run as root, and its user must get in.
        let data = folder.path().join("data");
        fs::create_dir(&data).expect("a folder");
        if is_root() {
            for path in [folder.path(), &data] {
                run(Command::new("chown").arg("postgres").arg(path));
            }
        }
        let port = free_port();
        let server = Self { folder, port };
        run(server
            .command("initdb")
            .args([
                "-D",
                &text(&data),
                "-U",
                "postgres",
                "--auth-local=trust",
                "--auth-host=scram-sha-256",
            ])
            .args(["--encoding=UTF8", "--no-sync", "--locale=C"]));
        let options = format!(
            "-p {port} -k {} -c listen_addresses=127.0.0.1 -c fsync=off -c shared_buffers=16MB",
            text(server.folder.path())
        );
        run(server
            .command("pg_ctl")
            .args(["-D", &text(&data), "-w", "-t", "60", "-l"])
            .args([
                &text(&server.folder.path().join("log")),
                "-o",
                &options,
                "start",
            ]));
        let admin = server.admin("postgres").await;
        let role = format!("CREATE ROLE shop LOGIN PASSWORD '{PASSWORD}'");
        admin.batch_execute(&role).await.expect("a role");
        admin
            .batch_execute("CREATE DATABASE shop OWNER shop")
            .await
            .expect("a database");
        server
    }

    /// How the product would connect, with a password.
    pub(crate) fn connection(&self) -> Connection {
        Connection {
            engine: Engine::Postgres,
            path: String::new(),
            host: "127.0.0.1".into(),
            port: self.port,
            user: "shop".into(),
            password: SecretString::from(PASSWORD),
            database: "shop".into(),
        }
    }

    /// The superuser, over the socket.
    pub(crate) async fn admin(&self, database: &str) -> Client {
        self.client("postgres", database).await
    }

    /// The owner of the tables, over the socket, free to write.
    pub(crate) async fn owner(&self) -> Client {
        self.client("shop", "shop").await
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "a test's task ends with the test"
    )]
    async fn client(&self, user: &str, database: &str) -> Client {
        let config = format!(
            "host={} port={} user={user} dbname={database}",
            text(self.folder.path()),
            self.port
        );
        let (client, connection) = tokio_postgres::connect(&config, NoTls)
            .await
            .expect("connects");
        tokio::spawn(connection);
        client
    }

    fn command(&self, program: &str) -> Command {
        let program = binary(program);
        let mut command = if is_root() {
            let mut command = Command::new("runuser");
            command.args(["-u", "postgres", "--"]).arg(program);
            command
        } else {
            Command::new(program)
        };
        command.current_dir(self.folder.path());
        command
    }
}

impl Drop for PostgresServer {
    fn drop(&mut self) {
        let data = text(&self.folder.path().join("data"));
        let _ = self
            .command("pg_ctl")
            .args(["-D", &data, "-m", "immediate", "stop"])
            .output();
    }
}

/// From the path, or where Debian puts it.
fn binary(name: &str) -> PathBuf {
    let mut found: Vec<PathBuf> = fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten()
        .map(|version| version.path().join("bin").join(name))
        .filter(|path| path.is_file())
        .collect();
    found.sort();
    found.pop().unwrap_or_else(|| PathBuf::from(name))
}

fn run(command: &mut Command) {
    let output = command.output().unwrap_or_else(|error| {
        panic!(
            "{command:?} does not start ({error}); install PostgreSQL's server (Debian: postgresql)"
        )
    });
    let words = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {words}");
}

fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).expect("a port");
    listener.local_addr().expect("an address").port()
}

fn is_root() -> bool {
    let output = Command::new("id").arg("-u").output().expect("id");
    output.stdout.starts_with(b"0\n")
}

fn text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}
