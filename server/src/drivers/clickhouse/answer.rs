//! The answer to one query, read line by line as it arrives, up to its good or bad end.

use std::{
    ops::Range,
    sync::Arc,
    time::{Duration, Instant},
};

use reqwest::Response;
use tidegate_schema::{Error, Result};

use super::{
    fault::{self, Exception},
    http::{Server, header},
    leash::Leash,
    lines::Lines,
};
use crate::drivers::slots::Slot;

/// Names and types in the first two lines. Older servers know only the long name.
const FORMAT: &str = "TabSeparatedWithNamesAndTypes";
/// Most of an exception that is read.
const MAX_EXCEPTION_BYTES: usize = 1 << 16;
/// No query takes longer.
const MAX_TIME: Duration = Duration::from_hours(24);

/// A piece of an answer.
pub(super) enum Line {
    /// A line, to be had by [`Answer::text`] until more is read.
    Whole(Range<usize>),
    /// Longer than it may be.
    TooLong,
    /// There are no more.
    End,
}

/// An answer that has begun. Dropped before its end, it has the query stopped.
pub(super) struct Answer {
    /// Taken at its end. Dropped first: a connection with an answer half read is closed.
    response: Option<Response>,
    leash: Leash,
    _slot: Slot,
    server: Arc<Server>,
    lines: Lines,
    /// How long we wait.
    time: Duration,
    /// How long the server lets the query run.
    limit: Duration,
    deadline: Instant,
    /// What begins an exception in this answer; newer servers draw one for every answer.
    tag: Option<String>,
    /// How the connection broke, told once what had arrived is read.
    broken: Option<Error>,
}

impl Answer {
    /// Sends a query and waits for the beginning of its answer.
    pub(super) async fn begin(
        server: &Arc<Server>,
        sql: String,
        settings: &[(String, String)],
        time: Duration,
        limit: Duration,
    ) -> Result<Self> {
        let time = time.min(MAX_TIME);
        let slot = server.slot(time).await?;
        let deadline = Instant::now() + time;
        let id = Server::new_id();
        let mut leash = Leash::new(server, &id);
        let sent = tokio::time::timeout(time, server.post(sql, &id, FORMAT, settings)).await;
        let response = match sent {
            Ok(Ok(response)) => response,
            Ok(Err(error)) => {
                if error.is_connect() {
                    leash.let_go();
                }
                return Err(server.transport(error));
            }
            Err(_) => return Err(timeout(time)),
        };
        leash.begun();
        let response = match server.accept(response).await {
            Ok(response) => response,
            Err(failure) => {
                leash.let_go();
                return Err(failure.explain(&server.told(limit)));
            }
        };
        if header(&response, "x-clickhouse-format").is_some_and(|format| !is_ours(format)) {
            return Err(foreign_format());
        }
        Ok(Self {
            tag: header(&response, "x-clickhouse-exception-tag").map(str::to_owned),
            response: Some(response),
            leash,
            _slot: slot,
            server: server.clone(),
            lines: Lines::default(),
            time,
            limit,
            deadline,
            broken: None,
        })
    }

    /// The next line, waited for as long as the query may take.
    pub(super) async fn line(&mut self, most: usize) -> Result<Line> {
        loop {
            if let Some(line) = self.lines.step() {
                return Ok(if line.len() > most {
                    Line::TooLong
                } else {
                    Line::Whole(line)
                });
            }
            if self.lines.rest().len() > most {
                return Ok(Line::TooLong);
            }
            if self.response.is_none() {
                return Ok(Line::End);
            }
            self.fill().await?;
        }
    }

    /// Whether a line is there without waiting.
    pub(super) fn has_line(&mut self) -> bool {
        self.lines.has_line()
    }

    /// A line that was stepped over.
    pub(super) fn text(&self, line: &Range<usize>) -> &[u8] {
        self.lines.text(line.clone())
    }

    /// Whether the server marks its exceptions.
    pub(super) fn is_tagged(&self) -> bool {
        self.tag.is_some()
    }

    /// Whether a line is the last of all, and where it is now that more was read to know it.
    pub(super) async fn is_last(&mut self, line: &Range<usize>) -> Result<(bool, Range<usize>)> {
        let length = line.len();
        self.lines.back_to(line);
        while self.response.is_some() && self.lines.rest().len() <= length + 1 {
            self.fill().await?;
        }
        let is_last = self.lines.rest().len() <= length + 1;
        let again = self.lines.step().unwrap_or(0..0);
        Ok((is_last, again))
    }

    /// The end of the answer: a good one, unless something is left over or the connection broke.
    pub(super) async fn end(&mut self) -> Result<()> {
        if fault::names_exception(self.lines.rest()) {
            return Err(self.rest_as_exception().await);
        }
        if let Some(error) = self.broken.take() {
            return Err(error);
        }
        if self.lines.rest().is_empty() {
            self.leash.let_go();
            return Ok(());
        }
        Err(self.error("the answer broke off in the middle of a row; ask again"))
    }

    /// The exception that begins with this line and ends the answer.
    pub(super) async fn exception(&mut self, line: &Range<usize>) -> Error {
        self.lines.back_to(line);
        self.rest_as_exception().await
    }

    /// The rest is not wanted: the server stops at once, however long the reader keeps what it has.
    pub(super) fn stop(&mut self) {
        self.response = None;
        self.leash.pull();
    }

    /// An error in the server's name.
    pub(super) fn error(&self, message: &str) -> Error {
        self.server.error(message)
    }

    /// What the server said in the place of rows.
    pub(super) fn said(&self, text: &str) -> Error {
        match Exception::read(text) {
            Some(exception) => exception.explain(&self.server.told(self.limit)),
            None => self.server.error(text.trim()),
        }
    }

    /// Takes in the next piece of the answer; lines found before it are no longer where they were.
    async fn fill(&mut self) -> Result<()> {
        let Some(response) = self.response.as_mut() else {
            return Ok(());
        };
        let left = self.deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(timeout(self.time));
        }
        let piece = tokio::time::timeout(left, response.chunk()).await;
        match piece {
            Ok(Ok(Some(piece))) => self.lines.push(&piece),
            Ok(Ok(None)) => self.response = None,
            Ok(Err(error)) => {
                // Servers close a connection behind an exception; what they said has arrived before.
                self.response = None;
                self.broken = Some(self.server.transport(error));
            }
            Err(_) => return Err(timeout(self.time)),
        }
        Ok(())
    }

    async fn rest_as_exception(&mut self) -> Error {
        while self.response.is_some() && self.lines.rest().len() < MAX_EXCEPTION_BYTES {
            if self.fill().await.is_err() {
                break;
            }
        }
        // The server has ended the query by itself.
        self.leash.let_go();
        let rest = self.lines.rest();
        let text = String::from_utf8_lossy(&rest[..rest.len().min(MAX_EXCEPTION_BYTES)]);
        let first = text.lines().next().unwrap_or_default();
        if fault::is_marker(first.as_bytes()) {
            return self.said(&fault::marked(&text, self.tag.as_deref()));
        }
        self.said(&text)
    }
}

/// The user's own FORMAT, which the answer cannot be read in.
pub(super) fn foreign_format() -> Error {
    Error::invalid(
        "sql",
        "has a FORMAT clause, or is no query; leave the clause out, as the answer is read in a format of its own",
    )
}

fn is_ours(format: &str) -> bool {
    [FORMAT, "TSVWithNamesAndTypes"].contains(&format)
}

fn timeout(limit: Duration) -> Error {
    Error::Timeout {
        what: "the query".into(),
        limit,
    }
}
