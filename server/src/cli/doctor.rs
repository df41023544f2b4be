//! `tidegate doctor`: what is installed, reachable and writable, and the remedy for what is not.

use std::time::{Duration, Instant};

use clap::Args;
use serde_json::{Value, json};

use super::{caller, print, print_json};
use crate::{app::App, clock::Clock, config::Config, telemetry, workers::registry::State};

/// Show what works and what does not.
#[derive(Debug, Args)]
pub struct Doctor {
    /// How long to wait for models to load, seconds.
    #[arg(long, default_value_t = 60)]
    wait: u64,
    /// Print the checks as JSON.
    #[arg(long)]
    json: bool,
}

impl Doctor {
    /// Checks one thing after the other; an error when any failed.
    pub(super) async fn run(self, mut config: Config) -> anyhow::Result<()> {
        if config.log.filter == "info" {
            "error".clone_into(&mut config.log.filter);
        }
        telemetry::install(&config.log);
        let mut report = Report::default();
        let torch = if cfg!(feature = "torch") {
            "built in"
        } else {
            "not built in: local models are off; build with default features"
        };
        report.say(cfg!(feature = "torch"), "libtorch", torch);
        let data_dir = config.data_dir()?;
        match writable(&data_dir) {
            Ok(()) => report.say(true, "data directory", &data_dir.display().to_string()),
            Err(error) => report.say(
                false,
                "data directory",
                &format!(
                    "{}: {error}; set data.dir or TIDEGATE_DATA_DIR to a place you may write",
                    data_dir.display()
                ),
            ),
        }
        for (key, address) in [
            ("server.port", Some(config.web_address()?)),
            ("server.openai_port", config.openai_address()?),
        ] {
            let Some(address) = address else { continue };
            match std::net::TcpListener::bind(address) {
                Ok(_) => report.say(true, key, &format!("{address} is free")),
                Err(error) => report.say(
                    false,
                    key,
                    &format!("{address}: {error}; a server may be running there already"),
                ),
            }
        }
        match App::start(config, Clock::system()).await {
            Err(error) => report.say(false, "store", &format!("{error:#}")),
            Ok(app) => {
                report.say(
                    app.store_answers().await,
                    "store",
                    "answers, migrations applied",
                );
                self.datasources(&app, &mut report).await;
                self.models(&app, &mut report).await;
                app.stop().await;
            }
        }
        if self.json {
            print_json(&report.document())?;
        } else {
            print(&report.show())?;
        }
        let failed = report.failed();
        anyhow::ensure!(failed == 0, "{failed} of the checks above failed");
        Ok(())
    }

    async fn datasources(&self, app: &App, report: &mut Report) {
        if let Err(error) = app.ensure_sample().await {
            report.say(false, "sample database", &format!("{error:#}"));
        }
        match app.datasources().list(&caller()).await {
            Err(error) => report.say(false, "datasources", &error.to_string()),
            Ok(found) => {
                for datasource in found {
                    let name = format!("datasource {}", datasource.name);
                    match app
                        .datasources()
                        .test(&caller(), &datasource.name, &datasource.connection)
                        .await
                    {
                        Ok(()) => report.say(true, &name, "answers"),
                        Err(error) => report.say(false, &name, &error.to_string()),
                    }
                }
            }
        }
    }

    async fn models(&self, app: &App, report: &mut Report) {
        let until = Instant::now() + Duration::from_secs(self.wait);
        while Instant::now() < until
            && app
                .models()
                .states()
                .iter()
                .any(|(_, state)| matches!(state, State::Loading))
        {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        let states = app.models().states();
        if states.is_empty() {
            report.say(
                false,
                "models",
                "none; add one under [[models]] or build with default features",
            );
        }
        for (metadata, state) in states {
            let name = format!("model {}", metadata.name);
            match state {
                State::Ready => report.say(true, &name, "ready"),
                State::Loading => report.say(false, &name, "still loading; raise --wait"),
                State::Failed(reason) => report.say(false, &name, &reason),
            }
        }
    }
}

#[derive(Default)]
struct Report {
    checks: Vec<Check>,
}

/// What was looked at and how it is.
struct Check {
    good: bool,
    what: String,
    how: String,
}

impl Report {
    fn say(&mut self, good: bool, what: &str, how: &str) {
        self.checks.push(Check {
            good,
            what: what.to_owned(),
            how: how.to_owned(),
        });
    }

    fn failed(&self) -> usize {
        self.checks.iter().filter(|check| !check.good).count()
    }

    fn show(&self) -> String {
        use std::fmt::Write as _;

        let mut text = String::new();
        for Check { good, what, how } in &self.checks {
            let mark = if *good { "ok  " } else { "FAIL" };
            let _ = writeln!(text, "{mark}  {what:<22} {how}");
        }
        text
    }

    fn document(&self) -> Value {
        let checks: Vec<Value> = self
            .checks
            .iter()
            .map(|check| json!({"ok": check.good, "what": check.what, "how": check.how}))
            .collect();
        json!({"ok": self.failed() == 0, "checks": checks})
    }
}

fn writable(dir: &std::path::Path) -> std::io::Result<()> {
    std::fs::create_dir_all(dir)?;
    let probe = dir.join(".doctor");
    std::fs::write(&probe, b"x")?;
    std::fs::remove_file(probe)
}
