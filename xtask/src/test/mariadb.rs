//! One private MariaDB server for a test run: own directory, own port, own password, gone afterwards.

use std::{
    env, fs,
    io::Read as _,
    net::{Ipv4Addr, TcpStream},
    os::unix::{fs::PermissionsExt as _, process::CommandExt as _},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail};

use super::private::{free_port, left_behind, password_seed, remove, running_in};
use crate::{process, progress};

const PREFIX: &str = "tidegate-test-mariadb-";
/// A fresh server is ready in a second or two; a loaded machine takes longer.
const START: Duration = Duration::from_mins(1);
/// For stopping by request, before it is stopped by force.
const STOP: Duration = Duration::from_secs(10);
const LOOK_AGAIN: Duration = Duration::from_millis(50);

/// MariaDB's own programs.
pub struct Binaries {
    server: PathBuf,
    install: PathBuf,
}

impl Binaries {
    /// The installed ones, or the distribution's, installed now.
    pub fn find_or_install() -> Result<Self> {
        process::ensure_installed("MariaDB", || installed().is_some(), &["mariadb-server"])?;
        installed().context("MariaDB's programs are missing")
    }

    /// Makes a data directory in a temporary one and starts a server on it.
    pub fn start(self) -> Result<Server> {
        sweep();
        let dir = env::temp_dir().join(format!("{PREFIX}{}", std::process::id()));
        fs::create_dir_all(&dir).with_context(|| format!("{} cannot be made", dir.display()))?;
        fs::set_permissions(&dir, fs::Permissions::from_mode(0o700))?;
        match self.start_in(&dir) {
            Ok(server) => Ok(server),
            Err(error) => {
                let log = fs::read_to_string(dir.join("log"))
                    .unwrap_or_else(|_| "MariaDB left no log".to_owned());
                remove(&dir);
                Err(error.context(last_lines(&log)))
            }
        }
    }

    fn start_in(&self, dir: &Path) -> Result<Server> {
        let user = user()?;
        let password = format!("{:x}", password_seed());
        let first = dir.join("first.sql");
        fs::write(&first, first_statements(&password))?;
        if process::is_root() {
            // The server gives up root, and has to read and write here all the same.
            process::output(Command::new("chown").arg("-R").arg(&user).arg(dir))?;
        }
        let data = dir.join("data");
        let mut install = Command::new(&self.install);
        install
            // Must stand first.
            .arg("--no-defaults")
            .arg(format!("--datadir={}", data.display()))
            .args([
                "--auth-root-authentication-method=normal",
                "--skip-test-db",
                "--skip-name-resolve",
            ])
            .current_dir("/");
        if process::is_root() {
            install.arg(format!("--user={user}"));
        }
        process::output(&mut install)?;

        let port = free_port()?;
        let mut command = Command::new(&self.server);
        command
            .arg("--no-defaults")
            .arg(format!("--user={user}"))
            .arg(format!("--port={port}"))
            .args(["--skip-networking=0", "--bind-address=127.0.0.1"]);
        for (option, file) in [
            ("datadir", "data"),
            ("socket", "socket"),
            ("pid-file", "pid"),
            ("log-error", "log"),
            ("init-file", "first.sql"),
            ("tmpdir", ""),
            ("secure-file-priv", ""),
        ] {
            command.arg(format!("--{option}={}", dir.join(file).display()));
        }
        command
            .args([
                "--character-set-server=utf8mb4",
                "--skip-name-resolve",
                "--max-connections=300",
                // Tests hang up in the middle of a greeting.
                "--max-connect-errors=1000000",
                // Data that is thrown away need not survive a power cut.
                "--innodb-flush-log-at-trx-commit=0",
                "--innodb-doublewrite=0",
                "--innodb-buffer-pool-size=64M",
                "--skip-log-bin",
                "--performance-schema=0",
                // Containers often forbid it.
                "--innodb-use-native-aio=0",
            ])
            .current_dir("/")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            // A terminal's interrupt ends the tests first, then us, and we the server.
            .process_group(0);
        let child = command
            .spawn()
            .with_context(|| format!("{} cannot be started", self.server.display()))?;
        let mut server = Server {
            dir: dir.to_owned(),
            child,
            port,
            password,
        };
        server.wait_until_ready()?;
        progress::say(&format!("a private MariaDB listens on port {port}"));
        Ok(server)
    }
}

/// A running server; stopped when dropped.
pub struct Server {
    dir: PathBuf,
    child: Child,
    port: u16,
    password: String,
}

impl Server {
    /// Where it answers; tests make databases of their own there.
    pub fn url(&self) -> String {
        format!("mysql://root:{}@127.0.0.1:{}/", self.password, self.port)
    }

    /// Stops it and removes its files.
    pub fn stop(self) {
        drop(self);
    }

    /// It greets whoever connects, once its first statements have run.
    fn wait_until_ready(&mut self) -> Result<()> {
        let end = Instant::now() + START;
        while Instant::now() < end {
            if let Some(status) = self.child.try_wait()? {
                bail!("MariaDB ended with {status} while it was starting");
            }
            if self.greets() {
                return Ok(());
            }
            thread::sleep(LOOK_AGAIN);
        }
        bail!("MariaDB did not answer within {} s", START.as_secs());
    }

    fn greets(&self) -> bool {
        let Ok(mut stream) = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)) else {
            return false;
        };
        let mut greeting = [0; 5];
        stream.set_read_timeout(Some(Duration::from_secs(2))).is_ok()
            && stream.read_exact(&mut greeting).is_ok()
            // Four bytes of frame, then the protocol's version; a refusal has 255 there.
            && greeting[4] == 10
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if !matches!(self.child.try_wait(), Ok(Some(_))) {
            signal("-TERM", self.child.id());
            let end = Instant::now() + STOP;
            while Instant::now() < end && matches!(self.child.try_wait(), Ok(None)) {
                thread::sleep(LOOK_AGAIN);
            }
            if !matches!(self.child.try_wait(), Ok(Some(_))) && self.child.kill().is_ok() {
                self.child.wait().ok();
            }
        }
        remove(&self.dir);
    }
}

/// What the server runs before it lets anybody in: its superuser, with a password, from this machine.
fn first_statements(password: &str) -> String {
    ["localhost", "127.0.0.1"]
        .map(|host| {
            format!(
                "CREATE OR REPLACE USER 'root'@'{host}' IDENTIFIED BY '{password}';\n\
                 GRANT ALL PRIVILEGES ON *.* TO 'root'@'{host}' WITH GRANT OPTION;\n"
            )
        })
        .concat()
}

/// The user that the server runs as: ours, or the distribution's own where we are root.
fn user() -> Result<String> {
    if !process::is_root() {
        let name = process::output(Command::new("id").arg("-un"))?;
        return Ok(name.trim().to_owned());
    }
    let has_own = process::output(Command::new("id").args(["-u", "mysql"])).is_ok();
    // Without one it runs as root, which it does when told to.
    Ok(if has_own { "mysql" } else { "root" }.to_owned())
}

/// Ends what a run that was killed outright has left behind.
fn sweep() {
    for dir in left_behind(PREFIX) {
        if let Some(pid) = running_in(&dir) {
            signal("-KILL", pid);
            let end = Instant::now() + STOP;
            while Instant::now() < end && running_in(&dir).is_some() {
                thread::sleep(LOOK_AGAIN);
            }
        }
        remove(&dir);
    }
}

fn signal(which: &str, pid: u32) {
    if let Err(error) = process::output(Command::new("kill").args([which, &pid.to_string()])) {
        progress::say(&format!("MariaDB cannot be stopped: {error:#}"));
    }
}

fn last_lines(log: &str) -> String {
    let lines: Vec<&str> = log.lines().collect();
    lines[lines.len().saturating_sub(20)..].join("\n")
}

fn installed() -> Option<Binaries> {
    // Debian keeps servers where a user's search path does not lead.
    let find = |names: [&str; 2]| {
        names.iter().find_map(|name| {
            let elsewhere = ["/usr/sbin", "/usr/libexec", "/usr/local/sbin"];
            process::find(name).or_else(|| {
                elsewhere
                    .iter()
                    .map(|dir| Path::new(dir).join(name))
                    .find(|file| file.is_file())
            })
        })
    };
    Some(Binaries {
        server: find(["mariadbd", "mysqld"])?,
        install: find(["mariadb-install-db", "mysql_install_db"])?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_superuser_has_a_password_wherever_it_comes_from() {
        let sql = first_statements("abc");
        assert_eq!(sql.matches("IDENTIFIED BY 'abc';\n").count(), 2, "{sql}");
        assert!(sql.lines().all(|line| line.ends_with(';')), "{sql}");
    }

    #[test]
    fn only_the_end_of_a_log_is_shown() {
        let log: String = (0..30).map(|nth| format!("line {nth}\n")).collect();
        let shown = last_lines(&log);
        assert!(shown.starts_with("line 10\n"), "{shown}");
        assert_eq!(last_lines(""), "");
    }
}
