//! One private ClickHouse server for a test run: own directory, own ports, own password, gone afterwards.
//!
//! Debian's package brings 18.16, whose dialect and formats are those of a server of 2018; a newer one on the
//! search path is used in its place.

use std::{
    env, fs,
    io::{Read as _, Write as _},
    net::{Ipv4Addr, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail};

use super::private::{free_port, left_behind, password_seed, remove, running_in};
use crate::{process, progress};

const PREFIX: &str = "tidegate-test-clickhouse-";
/// For a server to answer after it was started.
const PATIENCE: Duration = Duration::from_secs(60);
/// Between two looks whether it does.
const LOOK_AGAIN: Duration = Duration::from_millis(100);
/// Lines of the server's log that are shown when it does not start.
const LOG_LINES: usize = 12;

/// ClickHouse's server program.
pub struct Binary {
    /// The program, and what stands before its options.
    program: PathBuf,
    first: Option<&'static str>,
}

impl Binary {
    /// The installed one, or the distribution's, installed now.
    pub fn find_or_install() -> Result<Self> {
        process::ensure_installed("ClickHouse", || installed().is_some(), &["clickhouse-server"])
            .context(
                "the tests need a ClickHouse server; where the distribution has no package of it, put a \
                 `clickhouse-server` or `clickhouse` of any version on PATH and run the tests again",
            )?;
        installed().context("ClickHouse's server program is missing")
    }

    /// Starts a server on files of its own.
    pub fn start(self) -> Result<Server> {
        sweep();
        let dir = env::temp_dir().join(format!("{PREFIX}{}", std::process::id()));
        fs::create_dir_all(&dir).with_context(|| format!("{} cannot be made", dir.display()))?;
        let password = format!("{:032x}", password_seed());
        let port = free_port()?;
        let config = dir.join("config.xml");
        fs::write(&config, config_xml(&dir, port, free_port()?))?;
        fs::write(dir.join("users.xml"), users_xml(&password))?;
        for name in ["data", "tmp", "user_files", "format_schemas"] {
            fs::create_dir_all(dir.join(name))?;
        }
        let output = fs::File::create(dir.join("output"))?;
        let child = Command::new(&self.program)
            .args(self.first)
            .arg(format!("--config-file={}", config.display()))
            .current_dir(&dir)
            .env("TZ", "UTC")
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output)
            .spawn()
            .with_context(|| format!("{} cannot be started", self.program.display()))?;
        fs::write(dir.join("pid"), child.id().to_string())?;
        let mut server = Server {
            child,
            dir,
            port,
            password,
        };
        server.wait()?;
        progress::say(&format!("a private ClickHouse listens on port {port}"));
        Ok(server)
    }
}

/// A running server; stopped when dropped.
pub struct Server {
    child: Child,
    dir: PathBuf,
    port: u16,
    password: String,
}

impl Server {
    /// Where it answers. The users `reader` (may read and no more) and `setter` (may read and change settings)
    /// have the same password.
    pub fn url(&self) -> String {
        format!(
            "clickhouse://default:{}@127.0.0.1:{}/default",
            self.password, self.port
        )
    }

    /// Stops it and removes its files.
    pub fn stop(self) {
        drop(self);
    }

    /// Until it answers.
    fn wait(&mut self) -> Result<()> {
        let end = Instant::now() + PATIENCE;
        while !answers(self.port) {
            if let Some(status) = self.child.try_wait()? {
                bail!("ClickHouse ended with {status}:\n{}", self.last_words());
            }
            if Instant::now() >= end {
                bail!(
                    "ClickHouse did not answer within {} s:\n{}",
                    PATIENCE.as_secs(),
                    self.last_words()
                );
            }
            thread::sleep(LOOK_AGAIN);
        }
        Ok(())
    }

    fn last_words(&self) -> String {
        let mut words = String::new();
        for name in ["output", "errors.log"] {
            let text = fs::read(self.dir.join(name)).unwrap_or_default();
            let text = String::from_utf8_lossy(&text);
            let lines: Vec<&str> = text.lines().collect();
            for line in &lines[lines.len().saturating_sub(LOG_LINES)..] {
                words.push_str(line);
                words.push('\n');
            }
        }
        if words.is_empty() {
            "it left no log".to_owned()
        } else {
            words
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Its data is thrown away, so it need not put anything in order.
        let ended = self.child.kill().and_then(|()| self.child.wait());
        if let Err(error) = ended {
            progress::say(&format!("ClickHouse did not stop: {error}"));
            return;
        }
        remove(&self.dir);
    }
}

/// What is on the search path: the server by its own name, or the program that is all of ClickHouse in one.
fn installed() -> Option<Binary> {
    let server = process::find("clickhouse-server").map(|program| Binary {
        program,
        first: None,
    });
    server.or_else(|| {
        process::find("clickhouse").map(|program| Binary {
            program,
            first: Some("server"),
        })
    })
}

/// Whether a server says that it is ready.
fn answers(port: u16) -> bool {
    let ask = || -> std::io::Result<String> {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
        stream.set_read_timeout(Some(Duration::from_secs(2)))?;
        stream.write_all(b"GET /ping HTTP/1.0\r\n\r\n")?;
        let mut answer = Vec::new();
        stream.take(4096).read_to_end(&mut answer)?;
        Ok(String::from_utf8_lossy(&answer).into_owned())
    };
    ask().is_ok_and(|answer| answer.contains("Ok."))
}

/// Ends what a run that was killed outright has left behind.
fn sweep() {
    for dir in left_behind(PREFIX) {
        if let Some(pid) = running_in(&dir)
            && let Err(error) =
                process::output(Command::new("kill").args(["-KILL", &pid.to_string()]))
        {
            progress::say(&format!(
                "ClickHouse in {} did not stop: {error:#}",
                dir.display()
            ));
            continue;
        }
        remove(&dir);
    }
}

/// Small caches and loopback only. Servers of all versions know the root by this name.
fn config_xml(dir: &Path, http: u16, native: u16) -> String {
    let dir = escaped(&dir.display().to_string());
    format!(
        "<?xml version=\"1.0\"?>
<yandex>
    <logger>
        <level>warning</level>
        <log>{dir}/server.log</log>
        <errorlog>{dir}/errors.log</errorlog>
    </logger>
    <listen_host>127.0.0.1</listen_host>
    <http_port>{http}</http_port>
    <tcp_port>{native}</tcp_port>
    <path>{dir}/data/</path>
    <tmp_path>{dir}/tmp/</tmp_path>
    <user_files_path>{dir}/user_files/</user_files_path>
    <format_schema_path>{dir}/format_schemas/</format_schema_path>
    <users_config>{dir}/users.xml</users_config>
    <default_profile>default</default_profile>
    <default_database>default</default_database>
    <timezone>UTC</timezone>
    <keep_alive_timeout>3</keep_alive_timeout>
    <max_connections>256</max_connections>
    <max_concurrent_queries>100</max_concurrent_queries>
    <uncompressed_cache_size>0</uncompressed_cache_size>
    <mark_cache_size>16777216</mark_cache_size>
</yandex>
"
    )
}

fn users_xml(password: &str) -> String {
    let user = |name: &str| {
        format!(
            "        <{name}>
            <password>{password}</password>
            <networks><ip>127.0.0.1</ip></networks>
            <profile>{name}</profile>
            <quota>default</quota>
        </{name}>
"
        )
    };
    let users: String = ["default", "reader", "setter"].map(user).concat();
    format!(
        "<?xml version=\"1.0\"?>
<yandex>
    <profiles>
        <default><max_memory_usage>1000000000</max_memory_usage></default>
        <reader><readonly>1</readonly></reader>
        <setter><readonly>2</readonly></setter>
    </profiles>
    <users>
{users}    </users>
    <quotas>
        <default>
            <interval>
                <duration>3600</duration>
                <queries>0</queries>
                <errors>0</errors>
                <result_rows>0</result_rows>
                <read_rows>0</read_rows>
                <execution_time>0</execution_time>
            </interval>
        </default>
    </quotas>
</yandex>
"
    )
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}
