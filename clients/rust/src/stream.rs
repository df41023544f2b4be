//! A turn as a stream of typed events, over `POST /api/v1/chat/completions` with `incremental: true`.

use eventsource_stream::Eventsource as _;
use futures::{StreamExt as _, stream::BoxStream};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::Error;

/// What the server puts into the words of a query that failed or was refused, before or behind the reason.
const FAILED: &str = "<span style=\"color:red\">ERROR!</span>";

/// What is asked.
#[derive(Debug, Clone, Serialize)]
pub struct TurnRequest {
    /// Conversation to go on with; one is made when empty.
    pub conv_uid: String,
    /// The question.
    pub user_input: String,
    /// Mode.
    pub chat_mode: String,
    /// What is asked: the datasource's name.
    pub select_param: Option<String>,
    /// Model; the default one when not given.
    pub model_name: Option<String>,
    /// Always true: [`TurnEvent`]s are read from no other framing.
    incremental: bool,
}

impl Default for TurnRequest {
    fn default() -> Self {
        Self {
            conv_uid: String::new(),
            user_input: String::new(),
            chat_mode: String::new(),
            select_param: None,
            model_name: None,
            incremental: true,
        }
    }
}

impl TurnRequest {
    /// A question about a datasource.
    pub fn about(datasource: &str, question: &str) -> Self {
        Self {
            user_input: question.to_owned(),
            chat_mode: "chat_with_db_execute".to_owned(),
            select_param: Some(datasource.to_owned()),
            ..Self::default()
        }
    }

    /// Something said to the model.
    pub fn chat(text: &str) -> Self {
        Self {
            user_input: text.to_owned(),
            chat_mode: "chat_normal".to_owned(),
            ..Self::default()
        }
    }

    /// The same, asked of another model.
    #[must_use]
    pub fn with_model(mut self, model: &str) -> Self {
        self.model_name = Some(model.to_owned());
        self
    }
}

/// Something that happened in a turn.
#[derive(Debug, Clone, PartialEq)]
pub enum TurnEvent {
    /// A piece of reasoning.
    Thinking(String),
    /// A piece of the text.
    Text(String),
    /// The end.
    Done(Asked),
}

/// A finished turn.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Asked {
    /// Words; why not, when the query failed.
    pub text: String,
    /// Whether the query failed or was refused: then there are no rows, and `sql` is what was tried.
    pub failed: bool,
    /// The SQL that ran, when a datasource was asked and a query was written.
    pub sql: Option<String>,
    /// DB-GPT's name of the display.
    pub display: Option<String>,
    /// Rows as objects keyed by column, in column order.
    pub rows: Vec<Map<String, Value>>,
    /// Why it can be believed, when a datasource was asked; nothing from a server that does not say.
    pub evidence: Option<Box<Evidence>>,
}

/// Why an answer can be believed.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct Evidence {
    /// The datasource asked.
    pub datasource: String,
    /// The model that wrote the SQL.
    pub model: String,
    /// Tables whose schema was shown to the model.
    pub tables_shown: Vec<String>,
    /// What the guard said of the SQL.
    pub verdict: Option<Verdict>,
    /// Rows read; [`Asked::rows`] may hold fewer.
    pub rows_read: u64,
    /// Set when a cap cut the result: after so many rows.
    pub cut_at: Option<u64>,
    /// How sure the model is, 0 to 1, where it says.
    pub confidence: Option<f64>,
    /// How often the model was asked again after an error.
    pub repairs: u32,
}

/// What the guard said of a statement.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Verdict {
    /// Whether it may run.
    pub allowed: bool,
    /// Why not; empty when allowed.
    pub reason: String,
    /// What was recognised: `select`, `explain`, …
    pub statement: String,
    /// Kinds of all the statements found, in order.
    pub statements: Vec<String>,
    /// Whether it would change rows.
    pub writes: bool,
    /// Tables read.
    pub tables: Vec<String>,
    /// Columns named.
    pub columns: Vec<String>,
    /// Functions called.
    pub functions: Vec<String>,
    /// The engine's plan from the dry run, when one was made.
    pub plan: Option<String>,
}

impl Asked {
    /// Reads the text the server shows: words, then perhaps a `chart-view` element.
    pub fn read(view: &str) -> Self {
        let plain = || Self {
            text: view.to_owned(),
            ..Self::default()
        };
        let Some((words, rest)) = view.split_once("<chart-view content=\"") else {
            return plain();
        };
        let Some((content, _)) = rest.split_once('"') else {
            return plain();
        };
        let content = content
            .replace("&quot;", "\"")
            .replace("&lt;", "<")
            .replace("&gt;", ">")
            .replace("&amp;", "&");
        let Ok(view) = serde_json::from_str::<View>(&content) else {
            return plain();
        };
        let (text, failed) = match words.rsplit_once(FAILED) {
            Some((before, behind)) => (format!("{before}{behind}"), true),
            None => (words.to_owned(), false),
        };
        Self {
            text: text.trim_end().to_owned(),
            failed,
            sql: Some(view.sql),
            display: Some(view.kind),
            rows: view.data,
            evidence: view.evidence,
        }
    }
}

#[derive(Deserialize)]
struct View {
    #[serde(rename = "type")]
    kind: String,
    sql: String,
    data: Vec<Map<String, Value>>,
    evidence: Option<Box<Evidence>>,
}

#[derive(Deserialize)]
struct Chunk {
    choices: Vec<Choice>,
}

#[derive(Deserialize)]
struct Choice {
    #[serde(default)]
    delta: Delta,
}

#[derive(Deserialize, Default)]
struct Delta {
    content: Option<String>,
    reasoning_content: Option<String>,
}

#[derive(Deserialize)]
struct Failure {
    err_code: Option<String>,
    err_msg: Option<String>,
}

/// Begins a turn.
pub(crate) async fn turn(
    http: &reqwest::Client,
    base_url: &str,
    request: &TurnRequest,
) -> Result<BoxStream<'static, Result<TurnEvent, Error>>, Error> {
    let response = http
        .post(format!("{base_url}/api/v1/chat/completions"))
        .json(request)
        .send()
        .await?;
    if !response.status().is_success() {
        let status = response.status();
        let failure: Option<Failure> = response.json().await.ok();
        let (code, message) = failure.map_or((None, None), |f| (f.err_code, f.err_msg));
        return Err(Error::Refused {
            code: code.unwrap_or_else(|| status.as_u16().to_string()),
            message: message.unwrap_or_else(|| status.to_string()),
        });
    }
    let mut said = String::new();
    let events = response
        .bytes_stream()
        .eventsource()
        .flat_map(move |event| {
            let read = match event {
                Ok(event) => read(&event.data, &mut said),
                Err(error) => vec![Err(Error::Broken(error.to_string()))],
            };
            futures::stream::iter(read)
        });
    Ok(events.boxed())
}

/// The events of one frame.
fn read(data: &str, said: &mut String) -> Vec<Result<TurnEvent, Error>> {
    if data == "[DONE]" {
        return vec![Ok(TurnEvent::Done(Asked::read(said)))];
    }
    if let Some(message) = data.strip_prefix("[SERVER_ERROR]") {
        return vec![Err(Error::Refused {
            code: "SERVER_ERROR".to_owned(),
            message: message.to_owned(),
        })];
    }
    let Ok(chunk) = serde_json::from_str::<Chunk>(data) else {
        // A request that could not be begun is one bare frame of text.
        return vec![Err(Error::Refused {
            code: "refused".to_owned(),
            message: data.to_owned(),
        })];
    };
    let mut events = Vec::new();
    for delta in chunk.choices.into_iter().map(|choice| choice.delta) {
        if let Some(piece) = delta.reasoning_content.filter(|piece| !piece.is_empty()) {
            events.push(Ok(TurnEvent::Thinking(piece)));
        }
        if let Some(piece) = delta.content.filter(|piece| !piece.is_empty()) {
            said.push_str(&piece);
            events.push(Ok(TurnEvent::Text(piece)));
        }
    }
    events
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_words_sql_and_rows_of_a_view() {
        let asked = Asked::read(
            "Per city\n<chart-view content=\"{&quot;type&quot;:&quot;response_bar_chart&quot;,&quot;sql&quot;:\
             &quot;SELECT 1 &lt; 2&quot;,&quot;data&quot;:[{&quot;city&quot;:&quot;Oslo&quot;}]}\" />",
        );
        assert_eq!(asked.text, "Per city");
        assert_eq!(asked.sql.as_deref(), Some("SELECT 1 < 2"));
        assert_eq!(asked.rows[0]["city"], "Oslo");
        assert_eq!(asked.evidence, None);
    }

    #[test]
    fn reads_the_evidence_of_a_view_and_what_it_does_not_know_of_is_no_matter() {
        let asked = Asked::read(
            "Cut\n<chart-view content=\"{&quot;type&quot;:&quot;response_table&quot;,&quot;sql&quot;:&quot;SELECT 1&quot;,\
             &quot;data&quot;:[],&quot;evidence&quot;:{&quot;tables_shown&quot;:[&quot;people&quot;],&quot;cut_at&quot;:2,\
             &quot;verdict&quot;:{&quot;allowed&quot;:true,&quot;tables&quot;:[&quot;people&quot;],&quot;plan&quot;:null},\
             &quot;elapsed_ms&quot;:{&quot;run&quot;:1.5}}}\" />",
        );
        let evidence = asked.evidence.expect("evidence");
        assert_eq!((evidence.cut_at, evidence.rows_read), (Some(2), 0));
        assert_eq!(evidence.tables_shown, ["people"]);
        let verdict = evidence.verdict.expect("a verdict");
        assert!(verdict.allowed && verdict.tables == ["people"]);
    }

    #[test]
    fn a_failed_query_is_told_apart_from_an_answer() {
        // Whole, and as the pieces of a stream come to it.
        for words in [
            "Let me see.\n<span style=\"color:red\">ERROR!</span>no such table",
            "Let me see.\nno such table\n<span style=\"color:red\">ERROR!</span>",
        ] {
            let asked = Asked::read(&format!(
                "{words}\n<chart-view content=\"{{&quot;type&quot;:&quot;response_table&quot;,\
                 &quot;sql&quot;:&quot;SELECT 1&quot;,&quot;data&quot;:[]}}\" />"
            ));
            assert!(asked.failed);
            assert_eq!(asked.text, "Let me see.\nno such table");
            assert_eq!(asked.sql.as_deref(), Some("SELECT 1"));
        }
        assert!(!Asked::read("Per city").failed);
    }

    #[test]
    fn every_request_asks_for_the_framing_that_events_are_read_from() {
        for request in [
            TurnRequest::default(),
            TurnRequest::chat("hi"),
            TurnRequest::about("shop", "how many?"),
        ] {
            let sent = serde_json::to_value(&request).expect("a request can be written");
            assert_eq!(sent["incremental"], true);
        }
    }

    #[test]
    fn a_bare_frame_is_a_refusal() {
        let mut said = String::new();
        let events = read("Database config not found for: x", &mut said);
        assert!(
            matches!(&events[0], Err(Error::Refused { message, .. }) if message.contains("not found"))
        );
    }
}
