//! A private PostgreSQL server for tests.
//!
//! The server belongs to the process that started it: a small shell holds it, reads from a pipe that only ends
//! when the process does, however that happens, and then stops the server and removes its folder. So a killed
//! test leaves nothing behind. With `TIDEGATE_TEST_POSTGRES` set to the address of a server
//! (`postgres://user:password@host:port`, a database behind it is passed over), databases are made there instead and dropped after use.

use std::{
    env,
    io::{BufRead as _, BufReader},
    path::PathBuf,
    process::{Child, ChildStdin, Command, Stdio},
    sync::{Arc, Mutex, PoisonError, Weak},
};

use diesel_async::{AsyncConnection as _, AsyncPgConnection, SimpleAsyncConnection as _};

/// What goes wrong when a server or a database cannot be had.
pub type Failure = Box<dyn std::error::Error + Send + Sync>;

const USER: &str = "tidegate";

/// Arguments: the folder of the programs, the port. Prints `ready FOLDER`, then serves until standard input ends.
const HOLD: &str = r#"
dir=$(mktemp -d "${TMPDIR:-/tmp}/tidegate-postgres.XXXXXX") || exit 1
trap 'rm -rf "$dir"' EXIT
trap '' HUP INT TERM
# Making a cluster takes seconds, copying one does not: the first is kept for the next.
kept="${TMPDIR:-/tmp}/tidegate-postgres-kept-$("$1/postgres" --version | tr -cd '0-9')-$(id -u)"
if [ -O "$kept/PG_VERSION" ]; then
  cp -a "$kept" "$dir/data" || { rm -rf "$kept"; exit 1; }
else
  "$1/initdb" -D "$dir/data" -A trust -U tidegate -E UTF8 --no-locale --no-sync >"$dir/log" 2>&1 || { cat "$dir/log"; exit 1; }
  cp -a "$dir/data" "$dir/copy" && [ ! -e "$kept" ] && mv "$dir/copy" "$kept"
fi
"$1/postgres" -D "$dir/data" -k "$dir" -h 127.0.0.1 -p "$2" -c fsync=off -c full_page_writes=off \
  -c shared_buffers=32MB -c max_connections=200 -c logging_collector=off </dev/null >>"$dir/log" 2>&1 &
server=$!
tries=0
until "$1/pg_isready" -q -h "$dir" -p "$2"; do
  tries=$((tries + 1))
  if ! kill -0 "$server" 2>/dev/null || [ "$tries" -gt 600 ]; then
    cat "$dir/log"
    kill -9 "$server" 2>/dev/null
    # A cleaner may have taken files out of it.
    rm -rf "$kept"
    exit 1
  fi
  sleep 0.05
done
echo "ready $dir"
while read -r _; do :; done
# At once: nobody will read the data again.
kill -QUIT "$server" 2>/dev/null
wait "$server"
"#;

/// A running server. Stopped, with all its databases, when the last handle goes.
pub struct PostgresServer {
    base: String,
    port: Option<u16>,
    /// Ends the shell when closed; taken by [`Drop`].
    hold: Option<(ChildStdin, Child)>,
}

impl PostgresServer {
    /// The server of this process, started on first use.
    pub fn shared() -> Result<Arc<Self>, Failure> {
        static SHARED: Mutex<Weak<PostgresServer>> = Mutex::new(Weak::new());
        let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(server) = shared.upgrade() {
            return Ok(server);
        }
        let server = Arc::new(Self::start()?);
        *shared = Arc::downgrade(&server);
        Ok(server)
    }

    /// A server of the caller's own, or the one that `TIDEGATE_TEST_POSTGRES` names.
    #[expect(
        clippy::disallowed_methods,
        reason = "the test command names its server so"
    )]
    pub fn start() -> Result<Self, Failure> {
        if let Ok(base) = env::var("TIDEGATE_TEST_POSTGRES") {
            return Ok(Self {
                base: without_database(&base).to_owned(),
                port: None,
                hold: None,
            });
        }
        let programs = programs()?;
        // Another program may take the port between our look and the server's start.
        let mut attempt = 0;
        loop {
            attempt += 1;
            match Self::hold(&programs) {
                Err(_) if attempt < 3 => {}
                other => return other,
            }
        }
    }

    fn hold(programs: &std::path::Path) -> Result<Self, Failure> {
        let port = std::net::TcpListener::bind(("127.0.0.1", 0))?
            .local_addr()?
            .port();
        let mut command = if is_root()? {
            // The server refuses to run as root.
            let mut command = Command::new("runuser");
            command.args(["-u", "postgres", "--", "sh"]);
            command
        } else {
            Command::new("sh")
        };
        let mut child = command
            .args(["-c", HOLD, "hold"])
            .arg(programs)
            .arg(port.to_string())
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        let stdin = child
            .stdin
            .take()
            .ok_or("the shell has no standard input")?;
        let stdout = child
            .stdout
            .take()
            .ok_or("the shell has no standard output")?;
        let mut said = String::new();
        for line in BufReader::new(stdout).lines() {
            let line = line?;
            if line.starts_with("ready ") {
                let base = format!("postgres://{USER}@127.0.0.1:{port}");
                return Ok(Self {
                    base,
                    port: Some(port),
                    hold: Some((stdin, child)),
                });
            }
            said.push_str(&line);
            said.push('\n');
        }
        child.wait()?;
        Err(format!("PostgreSQL did not start:\n{said}").into())
    }

    /// Port on 127.0.0.1, of a server we started.
    pub fn port(&self) -> Option<u16> {
        self.port
    }

    /// Superuser's name; any password will do.
    pub fn user(&self) -> &'static str {
        USER
    }

    /// Address of a database.
    pub fn url(&self, database: &str) -> String {
        format!("{}/{database}", self.base)
    }

    /// A new, empty database.
    pub async fn database(self: &Arc<Self>) -> Result<TestDatabase, Failure> {
        let name = format!("tidegate_test_{}", uuid::Uuid::new_v4().simple());
        run(&self.url("postgres"), &format!("CREATE DATABASE {name}")).await?;
        Ok(TestDatabase {
            name,
            server: Arc::clone(self),
        })
    }
}

impl Drop for PostgresServer {
    fn drop(&mut self) {
        if let Some((stdin, mut child)) = self.hold.take() {
            drop(stdin);
            // It has nothing to report that a test could act on.
            let _ = child.wait();
        }
    }
}

/// A database that goes with its handle.
pub struct TestDatabase {
    name: String,
    server: Arc<PostgresServer>,
}

impl TestDatabase {
    /// Address, as `database.url` has it.
    pub fn url(&self) -> String {
        self.server.url(&self.name)
    }

    /// Name on the server.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The server it is on.
    pub fn server(&self) -> &Arc<PostgresServer> {
        &self.server
    }

    /// Runs statements in it.
    pub async fn execute(&self, statements: &str) -> Result<(), Failure> {
        run(&self.url(), statements).await
    }
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        if self.server.hold.is_some() {
            // The whole server goes.
            return;
        }
        let (url, drop) = (
            self.server.url("postgres"),
            format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name),
        );
        // On a thread of its own: a runtime cannot be entered from within another.
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()?;
            runtime.block_on(run(&url, &drop))
        });
        if let Ok(Err(error)) = thread.join() {
            tracing::warn!(%error, database = self.name, "a test database was left behind");
        }
    }
}

async fn run(url: &str, statements: &str) -> Result<(), Failure> {
    let mut conn = AsyncPgConnection::establish(url).await?;
    conn.batch_execute(statements).await?;
    Ok(())
}

fn is_root() -> Result<bool, Failure> {
    Ok(Command::new("id").arg("-u").output()?.stdout.trim_ascii() == b"0")
}

/// The folder of the newest installed server's programs.
fn programs() -> Result<PathBuf, Failure> {
    let on_path = env::var_os("PATH")
        .map(|path| env::split_paths(&path).collect::<Vec<_>>())
        .unwrap_or_default();
    let mut installed: Vec<(u32, PathBuf)> = std::fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| {
            Some((
                entry.file_name().to_str()?.parse().ok()?,
                entry.path().join("bin"),
            ))
        })
        .collect();
    installed.sort();
    let installed = installed.into_iter().rev().map(|(_, folder)| folder);
    installed
        .chain(on_path)
        .find(|folder| folder.join("initdb").exists() && folder.join("postgres").exists())
        .ok_or_else(|| {
            "no PostgreSQL server found: install one (Debian: `apt-get install postgresql`), put its programs \
             on PATH, or name a running one in TIDEGATE_TEST_POSTGRES"
                .into()
        })
}

/// An address up to its host and port.
fn without_database(url: &str) -> &str {
    let start = url.find("://").map_or(0, |i| i + 3);
    url[start..]
        .find('/')
        .map_or(url, |slash| &url[..start + slash])
}
