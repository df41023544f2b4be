//! `tidegate ask`: one question, in the terminal.

use clap::Args;
use comfy_table::Table;
use serde_json::json;
use tidegate_schema::model::{Answer, ChatMode, RowSet};

use super::{app, caller, for_terminal, print, print_json, wide_table};
use crate::{config::Config, services::chat::TurnRequest};

/// Rows printed before the rest is only counted.
const MOST_ROWS: usize = 50;

/// Ask a datasource a question.
#[derive(Debug, Args)]
pub struct Ask {
    /// Datasource, as `tidegate db list` names it.
    datasource: String,
    /// The question, in plain words.
    question: String,
    /// Model; the default one when not given.
    #[arg(long)]
    model: Option<String>,
    /// Print the whole answer as JSON.
    #[arg(long)]
    json: bool,
}

impl Ask {
    /// Asks and prints. A question that was not answered from the datasource is an error.
    pub(super) async fn run(self, config: Config) -> anyhow::Result<()> {
        let app = app(config, true).await?;
        let request = TurnRequest {
            text: self.question,
            mode: ChatMode::WithDbExecute.name().to_owned(),
            select_param: Some(self.datasource),
            model: self.model,
            ..TurnRequest::default()
        };
        let outcome = app.chat().ask(&caller(), request).await;
        app.stop().await;
        let answer = outcome?;
        if self.json {
            let mut document = answer.document();
            if let Some(object) = document.as_object_mut() {
                object.insert(
                    "conversation".to_owned(),
                    json!(answer.conversation.as_str()),
                );
            }
            print_json(&document)?;
        } else {
            print(&for_terminal(&show(&answer)))?;
        }
        unanswered(answer)
    }
}

/// An error when the answer holds nothing from the datasource: a query that failed or was refused, or a model that
/// declined to write one.
fn unanswered(answer: Answer) -> anyhow::Result<()> {
    if let Some(problem) = answer.problem {
        return Err(problem.into());
    }
    anyhow::ensure!(
        answer.evidence.sql.is_some(),
        "the model wrote no SQL, so the datasource was not asked"
    );
    Ok(())
}

/// An answer as terminal text: words, table, SQL, evidence.
fn show(answer: &Answer) -> String {
    use std::fmt::Write as _;

    let mut text = format!("{}\n", answer.text);
    if let Some(result) = &answer.result {
        let _ = writeln!(text, "{}", table(result));
        if result.rows.len() > MOST_ROWS {
            let _ = writeln!(
                text,
                "{MOST_ROWS} of {} rows shown; --json prints all",
                result.rows.len()
            );
        }
    }
    let evidence = &answer.evidence;
    if let Some(sql) = &evidence.sql {
        let _ = writeln!(text, "\nSQL\n  {}", sql.replace('\n', "\n  "));
        let verdict = match &evidence.verdict {
            Some(verdict) if verdict.allowed => format!(
                "allowed: {} over {}",
                verdict.statement,
                verdict.tables.join(", ")
            ),
            Some(verdict) => format!("refused: {}", verdict.reason),
            None => "not judged".to_owned(),
        };
        let _ = writeln!(text, "Evidence");
        let _ = writeln!(text, "  guard       {verdict}");
        let _ = writeln!(text, "  shown       {}", evidence.tables_shown.join(", "));
        let cut = evidence
            .cut_at
            .map_or(String::new(), |at| format!(", cut at {at}"));
        let _ = writeln!(text, "  rows        {}{cut}", evidence.rows_read);
        let confidence = evidence
            .confidence
            .map_or(String::new(), |value| format!(", confidence {value:.2}"));
        let _ = writeln!(text, "  model       {}{confidence}", evidence.model);
        let times: Vec<String> = evidence
            .times
            .iter()
            .map(|time| format!("{} {:.0} ms", time.stage.name(), time.elapsed_ms))
            .collect();
        let _ = writeln!(text, "  time        {}", times.join(", "));
    }
    text
}

fn table(result: &RowSet) -> Table {
    let mut table = wide_table();
    table.set_header(result.columns.iter().map(|column| column.name.clone()));
    for row in result.rows.iter().take(MOST_ROWS) {
        table.add_row(
            row.iter()
                .map(|cell| cell.to_text().unwrap_or_else(|| "NULL".to_owned())),
        );
    }
    table
}

#[cfg(test)]
mod tests {
    use tidegate_schema::{Error, ids::ConversationId, model::Evidence};

    use super::*;

    fn answer(sql: Option<&str>, problem: Option<Error>) -> Answer {
        Answer {
            conversation: ConversationId::from("c"),
            round: 1,
            text: "words".to_owned(),
            result: None,
            chart: None,
            dashboard: None,
            problem,
            evidence: Evidence {
                sql: sql.map(str::to_owned),
                ..Evidence::default()
            },
            usage: tidegate_schema::model::Usage::default(),
        }
    }

    #[test]
    fn words_without_sql_and_failed_queries_are_no_answer() {
        assert!(unanswered(answer(Some("SELECT 1"), None)).is_ok());
        assert!(unanswered(answer(None, None)).is_err());
        let refused = Error::invalid("sql", "no");
        assert!(unanswered(answer(Some("DROP TABLE t"), Some(refused))).is_err());
    }
}
