//! The access log: a line of JSON for each request, written by a thread of its own.
//!
//! A thread rather than a crate: it is a channel and a loop, it shares its channel's shape with what else is lost
//! rather than waited for, and lines are turned into text behind the channel too, off the path of requests.

use std::{
    fs::OpenOptions,
    io::{BufWriter, Write},
    sync::mpsc::{Receiver, SyncSender, sync_channel},
    time::Duration,
};

use anyhow::Context as _;
use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::json;
use tokio::sync::oneshot;

use crate::workers::metrics;

/// Lines that wait for the file; more are lost.
const BACKLOG: usize = 8192;
/// Longest wait for the last lines.
const PATIENCE: Duration = Duration::from_secs(2);

/// Where lines go.
pub(super) struct AccessLog(SyncSender<Message>);

enum Message {
    Line(Box<Line>),
    Flush(oneshot::Sender<()>),
}

/// One request.
#[derive(Debug, Clone)]
pub(super) struct Line {
    pub(super) time: DateTime<Utc>,
    pub(super) request_id: String,
    pub(super) method: String,
    pub(super) route: String,
    pub(super) status: u16,
    pub(super) ms: f64,
    pub(super) bytes: u64,
    pub(super) key: String,
    pub(super) model: String,
    pub(super) tokens: u64,
}

impl Line {
    fn text(&self) -> String {
        let line = json!({
            "time": self.time.to_rfc3339_opts(SecondsFormat::Millis, true),
            "request_id": self.request_id,
            "method": self.method,
            "route": self.route,
            "status": self.status,
            "ms": (self.ms * 1000.0).round() / 1000.0,
            "bytes": self.bytes,
            "key": self.key,
            "model": self.model,
            "tokens": self.tokens,
        });
        format!("{line}\n")
    }
}

impl AccessLog {
    /// Opens the log that `observability.access_log` names: nothing, `stderr`, or a file that is added to.
    pub(super) fn open(place: &str) -> anyhow::Result<Option<Self>> {
        let out: Box<dyn Write + Send> = match place {
            "" => return Ok(None),
            "stderr" => Box::new(std::io::stderr()),
            path => {
                let file = OpenOptions::new().create(true).append(true).open(path);
                Box::new(file.with_context(|| {
                    format!(
                        "observability.access_log: {path} cannot be written; name a file in a folder you may write \
                         to, or 'stderr'"
                    )
                })?)
            }
        };
        let (sender, messages) = sync_channel(BACKLOG);
        std::thread::Builder::new()
            .name("access-log".to_owned())
            .spawn(move || write(&messages, BufWriter::new(out)))
            .context("observability.access_log: no thread can be started to write it")?;
        Ok(Some(Self(sender)))
    }

    /// Hands on a line, or loses it.
    pub(super) fn write(&self, line: Line) {
        if self.0.try_send(Message::Line(Box::new(line))).is_err() {
            metrics::shared().server().lines_dropped.inc();
        }
    }

    /// Waits a moment until every line so far is in the file.
    pub(super) async fn flush(&self) {
        let (sender, written) = oneshot::channel();
        if self.0.try_send(Message::Flush(sender)).is_ok() {
            // Where it takes longer the lines are written all the same, as long as the process lives.
            let _ = tokio::time::timeout(PATIENCE, written).await;
        }
    }
}

/// Writes what comes until nobody can send any more. What has come together is written together.
fn write(messages: &Receiver<Message>, mut out: impl Write) {
    let mut told = false;
    while let Ok(first) = messages.recv() {
        let mut next = Some(first);
        let mut waiting = Vec::new();
        let mut lines = 0;
        let mut written = Ok(());
        while let Some(message) = next {
            match message {
                Message::Line(line) => {
                    lines += 1;
                    written = written.and_then(|()| out.write_all(line.text().as_bytes()));
                }
                Message::Flush(sender) => waiting.push(sender),
            }
            next = messages.try_recv().ok();
        }
        if let Err(error) = written.and_then(|()| out.flush()) {
            metrics::shared().server().lines_dropped.inc_by(lines);
            if !told {
                told = true;
                tracing::error!(%error, "the access log cannot be written; its lines are lost");
            }
        } else {
            told = false;
        }
        for sender in waiting {
            // Whoever waited may have left.
            let _ = sender.send(());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(status: u16) -> Line {
        Line {
            time: DateTime::UNIX_EPOCH,
            request_id: "r-1".to_owned(),
            method: "POST".to_owned(),
            route: "/v1/chat/completions".to_owned(),
            status,
            ms: 12.345_678,
            bytes: 17,
            key: "team".to_owned(),
            model: "gpt \"x\"".to_owned(),
            tokens: 40,
        }
    }

    #[tokio::test]
    async fn lines_are_added_to_the_file_in_their_order() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("access.log");
        std::fs::write(&path, "before\n").expect("written");
        let log = AccessLog::open(path.to_str().expect("a path"))
            .expect("opens")
            .expect("a log");
        log.write(line(200));
        log.write(line(429));
        log.flush().await;
        let text = std::fs::read_to_string(&path).expect("read");
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 3);
        assert_eq!(
            lines[1],
            concat!(
                r#"{"time":"1970-01-01T00:00:00.000Z","request_id":"r-1","method":"POST","#,
                r#""route":"/v1/chat/completions","status":200,"ms":12.346,"bytes":17,"#,
                r#""key":"team","model":"gpt \"x\"","tokens":40}"#
            )
        );
        assert!(lines[2].contains("\"status\":429"));
    }

    #[test]
    fn a_file_that_cannot_be_opened_names_the_key() {
        assert!(AccessLog::open("").expect("off").is_none());
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("missing").join("access.log");
        let error = AccessLog::open(path.to_str().expect("a path"))
            .map(|_| ())
            .expect_err("no such folder");
        assert!(error.to_string().starts_with("observability.access_log: "));
    }
}
