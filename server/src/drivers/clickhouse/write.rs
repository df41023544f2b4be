//! Statements that change rows.

use std::{sync::Arc, time::Duration};

use reqwest::Response;
use serde_json::Value;
use tidegate_schema::{Error, Result};

use super::{
    fault::{self, Exception},
    http::{Server, header},
    leash::Leash,
};

/// Runs a statement and says how many rows it wrote, as far as the server counts them.
pub(super) async fn run(
    server: &Arc<Server>,
    sql: String,
    settings: &[(String, String)],
    time: Duration,
) -> Result<u64> {
    let _slot = server.slot(time).await?;
    let id = Server::new_id();
    let mut leash = Leash::new(server, &id);
    let running = async {
        let response = match server.post(sql, &id, "TabSeparated", settings).await {
            Ok(response) => response,
            Err(error) => {
                if error.is_connect() {
                    leash.let_go();
                }
                return Err(server.transport(error));
            }
        };
        let accepted = server.accept(response).await;
        leash.let_go();
        let mut response = accepted.map_err(|failure| failure.explain(&server.told(time)))?;
        let written = written_rows(&response);
        // A failure behind the beginning of an answer is text in it.
        let text = server.short(&mut response).await;
        match Exception::read(&text).filter(|_| fault::may_begin(text.as_bytes())) {
            Some(exception) => Err(exception.explain(&server.told(time))),
            None => Ok(written),
        }
    };
    // Out of time, the leash has the server stop.
    tokio::time::timeout(time, running)
        .await
        .map_err(|_| Error::Timeout {
            what: "the statement".into(),
            limit: time,
        })?
}

/// Servers count inserted rows, not those that a mutation changed; before 20.1 they count nothing.
fn written_rows(response: &Response) -> u64 {
    header(response, "x-clickhouse-summary").map_or(0, counted)
}

fn counted(summary: &str) -> u64 {
    let summary: Value = serde_json::from_str(summary).unwrap_or_default();
    let written = &summary["written_rows"];
    written
        .as_str()
        .and_then(|text| text.parse().ok())
        .or_else(|| written.as_u64())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_summary_is_read_as_far_as_there_is_one() {
        assert_eq!(counted(r#"{"read_rows":"3","written_rows":"2"}"#), 2);
        assert_eq!(counted(r#"{"written_rows":7}"#), 7);
        for none in ["", "{}", "[]", r#"{"written_rows":"many"}"#] {
            assert_eq!(counted(none), 0, "{none}");
        }
    }
}
