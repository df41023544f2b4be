//! Both generations of DB-GPT's web pages, played call by call with their payloads, over a server as they find it.
//! What a page reads from an answer is asserted where it reads it: fields, their types, and how frames are cut.

mod acts;
mod current;
mod old_web;

use anyhow::{Context as _, Result};
use reqwest::{
    Method, RequestBuilder,
    multipart::{Form, Part},
};
use serde_json::{Value, json};
use tidegate_tests::{
    Reply, TestApp, User, databases, paths,
    upstream::{Script, Upstream},
};

use crate::support::{QUESTION, SQL, TOWNS};

const HELLO: &str = "Say hello";
const REVENUE: &str = "Total revenue per region";
const REGIONS: &str = "SELECT region, SUM(revenue) AS total_revenue FROM sales GROUP BY region \
                       ORDER BY total_revenue DESC";
const DASHBOARD: &str = "Build a dashboard of the towns";
const HISTORY: &str = "/api/v1/chat/dialogue/messages/history";

/// A page in a browser.
struct Page {
    user: User,
}

/// A server with a model, the page on it, and a database file that it does not know yet.
async fn opened(config: &str) -> Result<(TestApp, Upstream, Page)> {
    let lost = json!({
        "thoughts": "It is gone.", "showcase": "PieChart", "sql": "SELECT * FROM missing", "title": "Lost",
    });
    let proposal = json!([
        {"thoughts": "Where they live.", "showcase": "BarChart", "sql": SQL, "title": "People by town"},
        lost,
        {
            "thoughts": "All of them.", "showcase": "IndicatorValue", "sql": "SELECT COUNT(*) AS people FROM people",
            "title": "People",
        },
    ]);
    let script = Script::default()
        .answer(HELLO, &["Hello there,\nwhat would you like to know?"])
        // Asked again for the chart that fails, the model knows no better.
        .answer(DASHBOARD, &[&proposal.to_string(), &lost.to_string()])
        .sql(QUESTION, SQL)
        .sql(REVENUE, REGIONS);
    let upstream = Upstream::start(script).await?;
    let app = TestApp::builder()
        .config(config)
        .model(&upstream.model("scripted"))
        .start()
        .await?;
    databases::make(&app.dir().join("towns.db"), TOWNS)?;
    let page = Page {
        user: app.anonymous(),
    };
    Ok((app, upstream, page))
}

impl Page {
    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self.user.request(method, path);
        request
            .header("origin", self.user.web())
            .header("sec-fetch-site", "same-origin")
            .header("user-id", "001")
    }

    /// GET; the payload.
    async fn get(&self, path: &str) -> Result<Value> {
        let reply = self.user.send(self.request(Method::GET, path)).await?;
        Ok(payload(path, &reply))
    }

    /// POST of JSON; the payload.
    async fn post(&self, path: &str, body: &Value) -> Result<Value> {
        let request = self.request(Method::POST, path).json(body);
        Ok(payload(path, &self.user.send(request).await?))
    }

    /// POST of nothing; the payload.
    async fn act(&self, path: &str) -> Result<Value> {
        let reply = self.user.send(self.request(Method::POST, path)).await?;
        Ok(payload(path, &reply))
    }

    /// POST of a form with the file `sales.csv`; the payload.
    async fn upload(&self, path: &str, field: &'static str) -> Result<Value> {
        let file = Part::text(paths::text("fixtures/upstream/sales.csv"))
            .file_name("sales.csv")
            .mime_str("text/csv")?;
        let form = Form::new().part(field, file);
        let request = self.request(Method::POST, path).multipart(form);
        Ok(payload(path, &self.user.send(request).await?))
    }

    /// Asks; the stream, under the exact type that both pages compare.
    async fn ask(&self, body: &Value) -> Result<Reply> {
        let request = self
            .request(Method::POST, "/api/v1/chat/completions")
            .header("accept", "text/event-stream")
            .json(body);
        let reply = self.user.send(request).await?;
        assert_eq!(
            (reply.status, reply.header("content-type")),
            (200, "text/event-stream"),
            "{body}: {}",
            reply.text
        );
        Ok(reply)
    }

    /// A conversation's messages.
    async fn history(&self, conversation: &str) -> Result<Vec<Value>> {
        let messages = self
            .get(&format!("{HISTORY}?con_uid={conversation}"))
            .await?;
        let messages = list(&messages).to_vec();
        for message in &messages {
            has(
                message,
                "role:string context:string order:number feedback:object",
            );
        }
        Ok(messages)
    }

    /// What the person is shown of a conversation's round.
    async fn shown(&self, conversation: &str, round: i64) -> Result<String> {
        let messages = self.history(conversation).await?;
        let view = messages
            .iter()
            .find(|message| message["role"] == "view" && message["order"] == round)
            .with_context(|| format!("no view in round {round} of {messages:?}"))?;
        Ok(text(&view["context"]))
    }

    /// A conversation as the list of them has it.
    async fn listed(&self, conversation: &str) -> Result<Option<Value>> {
        let all = self.get("/api/v1/chat/dialogue/list").await?;
        let found = list(&all)
            .iter()
            .find(|one| one["conv_uid"] == conversation)
            .cloned();
        if let Some(one) = &found {
            has(
                one,
                "conv_uid:string user_input:string chat_mode:string select_param:string?",
            );
        }
        Ok(found)
    }
}

/// The payload of a success. Both pages look at `success` and say `err_msg`, whatever the status.
fn payload(path: &str, reply: &Reply) -> Value {
    let body = reply.json();
    assert!(
        reply.status == 200 && body["success"] == true,
        "{path}: {} {}",
        reply.status,
        reply.text
    );
    has(&body, "success:boolean err_code:null err_msg:null data:any");
    body["data"].clone()
}

/// Asserts that an object has these fields, each with its kind; `?` lets it be null.
fn has(object: &Value, fields: &str) {
    for field in fields.split(' ') {
        let (name, kind) = field.split_once(':').expect("a name and a kind");
        let value = object
            .get(name)
            .unwrap_or_else(|| panic!("no '{name}' in {object}"));
        let bare = kind.trim_end_matches('?');
        let fits = match bare {
            "string" => value.is_string(),
            "number" => value.is_number(),
            "boolean" => value.is_boolean(),
            "list" => value.is_array(),
            "object" => value.is_object(),
            "null" => value.is_null(),
            "any" => true,
            other => panic!("'{other}' is no kind"),
        };
        assert!(
            fits || (kind.ends_with('?') && value.is_null()),
            "'{name}' is no {kind} in {object}"
        );
    }
}

/// A list's items.
fn list(value: &Value) -> &[Value] {
    value
        .as_array()
        .unwrap_or_else(|| panic!("not a list: {value}"))
}

/// A text.
fn text(value: &Value) -> String {
    value
        .as_str()
        .unwrap_or_else(|| panic!("not a text: {value}"))
        .to_owned()
}

/// The chart in an answer, as both pages find it: the element's attribute, unescaped, is JSON.
fn chart_view(text: &str) -> Value {
    let content = text
        .split_once("<chart-view content=\"")
        .and_then(|(_, rest)| rest.split_once('"'))
        .map_or_else(|| panic!("no chart in {text:?}"), |(content, _)| content);
    let plain = content
        .replace("&quot;", "\"")
        .replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&amp;", "&");
    let chart: Value =
        serde_json::from_str(&plain).unwrap_or_else(|error| panic!("{error} in the chart {plain}"));
    has(&chart, "type:string sql:string data:list");
    assert!(
        text_starts(&chart["type"], "response_")
            && list(&chart["data"]).iter().all(Value::is_object),
        "{chart}"
    );
    chart
}

fn text_starts(value: &Value, start: &str) -> bool {
    value.as_str().is_some_and(|text| text.starts_with(start))
}

/// The report of a dashboard, with the fields that a page draws charts by.
fn report(text: &str) -> Value {
    let report: Value =
        serde_json::from_str(text).unwrap_or_else(|error| panic!("{error} in the report {text}"));
    has(&report, "conv_uid:string template_name:string charts:list");
    for chart in list(&report["charts"]) {
        has(
            chart,
            "chart_uid:string chart_name:string chart_type:string chart_desc:string chart_sql:string column_name:list \
             values:list style:null",
        );
        for value in list(&chart["values"]) {
            has(value, "name:string type:string? value:string");
        }
    }
    report
}

/// A chart of a report.
fn chart<'a>(report: &'a Value, name: &str) -> &'a Value {
    list(&report["charts"])
        .iter()
        .find(|chart| chart["chart_name"] == name)
        .unwrap_or_else(|| panic!("no chart '{name}' in {report}"))
}
