//! Dashboards over HTTP: made, shown, edited, carried away, and hidden from whoever may not read what they read.

use anyhow::{Context as _, Result};
use serde_json::{Value, json};
use tidegate_tests::{
    TestApp, User,
    sse::{Frame, joined_deltas},
    upstream::{Script, Upstream},
};

use crate::{
    support::{SQL, graphql},
    table_grants::{granted, on, with_payroll},
};

mod edited;
mod looked_at;

const WISH: &str = "Show me our towns and what people earn";
const COUNT: &str = "SELECT COUNT(*) AS people FROM people";
const MISSING: &str = "SELECT boat FROM boats";
const PAID: &str = "SELECT person, salary FROM payroll ORDER BY person";

fn proposed(title: &str, sql: &str, showcase: &str) -> Value {
    json!({"thoughts": format!("About {title}."), "showcase": showcase, "sql": sql, "title": title})
}

/// Four charts, of which one is of a table that there is not.
fn four() -> String {
    json!([
        proposed("Towns", SQL, "BarChart"),
        proposed("Boats", MISSING, "LineChart"),
        proposed("People", COUNT, "IndicatorValue"),
        proposed("Pay", PAID, "PieChart"),
    ])
    .to_string()
}

/// The four charts; asked again for the one that fails, the model has no other.
fn stubborn() -> Script {
    Script::default().answer(WISH, &[&four(), "I know of no other table."])
}

async fn start(script: Script) -> Result<(TestApp, Upstream)> {
    let upstream = Upstream::start(script).await?;
    let app = TestApp::builder()
        .model(&upstream.model("scripted"))
        .start()
        .await?;
    app.add_sqlite("towns", &with_payroll()).await?;
    Ok((app, upstream))
}

fn wish(conversation: &str, text: &str, incremental: bool) -> Value {
    json!({
        "conv_uid": conversation, "chat_mode": "chat_dashboard", "select_param": "towns",
        "model_name": "scripted", "user_input": text, "incremental": incremental,
    })
}

/// What a page is given at last.
async fn told(user: &User, conversation: &str, text: &str) -> Result<String> {
    let reply = user
        .post("/api/v1/chat/completions", &wish(conversation, text, false))
        .await?;
    let frames = reply.frames();
    let last = frames
        .last()
        .and_then(Frame::json)
        .with_context(|| format!("no frame in {}", reply.text))?;
    let content = last.pointer("/choices/0/message/content");
    Ok(content
        .and_then(Value::as_str)
        .context("content")?
        .to_owned())
}

/// The report that a page is given at last.
async fn report(user: &User, conversation: &str, text: &str) -> Result<Value> {
    let told = told(user, conversation, text).await?;
    serde_json::from_str(&told).with_context(|| told.clone())
}

/// What is kept of a conversation's first round: the model's words, and the report.
async fn kept(user: &User, conversation: &str) -> Result<(String, Value)> {
    let path = format!("/api/v1/chat/dialogue/messages/history?con_uid={conversation}");
    let history = user.get(&path).await?.data();
    let said = |role: &str| {
        history
            .as_array()
            .into_iter()
            .flatten()
            .find(|message| message["role"] == role)
            .and_then(|message| message["context"].as_str())
            .map(str::to_owned)
            .with_context(|| format!("no {role} in {history}"))
    };
    Ok((said("ai")?, serde_json::from_str(&said("view")?)?))
}

fn chart<'a>(report: &'a Value, title: &str) -> &'a Value {
    let charts = report["charts"].as_array().expect("charts");
    charts
        .iter()
        .find(|chart| chart["chart_name"] == title)
        .unwrap_or_else(|| panic!("no chart '{title}' in {report}"))
}

fn titles(report: &Value) -> Vec<&str> {
    let charts = report["charts"].as_array().expect("charts");
    charts
        .iter()
        .filter_map(|chart| chart["chart_name"].as_str())
        .collect()
}

#[tokio::test]
async fn a_dashboard_of_four_charts_survives_one_that_fails() -> Result<()> {
    let (app, upstream) = start(stubborn()).await?;
    let user = app.anonymous();
    let report = report(&user, "c", WISH).await?;
    assert_eq!(
        (&report["conv_uid"], &report["template_name"]),
        (&json!("c"), &json!("report"))
    );
    assert_eq!(titles(&report), ["Towns", "Boats", "People", "Pay"]);
    let towns = chart(&report, "Towns");
    assert_eq!(
        (
            &towns["chart_type"],
            &towns["chart_sql"],
            &towns["chart_desc"]
        ),
        (&json!("BarChart"), &json!(SQL), &json!("About Towns."))
    );
    assert_eq!(towns["column_name"], json!(["town", "people"]));
    assert_eq!(
        towns["values"],
        json!([
            {"name": "Oslo", "type": "people", "value": "3"},
            {"name": "Bergen", "type": "people", "value": "2"},
            {"name": "Tromsø", "type": "people", "value": "1"},
        ])
    );
    let people = chart(&report, "People");
    assert_eq!(people["chart_type"], "IndicatorValue");
    assert_eq!(
        people["values"],
        json!([{"name": "people", "type": "people_amount", "value": "6"}])
    );
    let pay = chart(&report, "Pay");
    assert_eq!(pay["chart_type"], "PieChart");
    assert_eq!(
        pay["values"][1],
        json!({"name": "salary", "type": "salary_amount", "value": "1200"})
    );
    let boats = chart(&report, "Boats");
    let reason = boats["err_msg"].as_str().context("a reason")?;
    assert!(reason.contains("no such table"), "{boats}");
    assert_eq!(boats["values"][0]["value"], reason);

    let (said, shown) = kept(&user, "c").await?;
    assert_eq!(said, four(), "the model's own list is kept as it came");
    assert_eq!(shown, report);
    let asked: Vec<Value> = upstream.seen();
    assert_eq!(
        asked.len(),
        2,
        "the charts, and the one that failed once more"
    );
    let repair = asked[1]["messages"].to_string();
    assert!(
        repair.contains("Boats") && repair.contains("no such table"),
        "{repair}"
    );

    let log = app.app.store.list_audit(20).await?;
    let mut ran: Vec<&str> = log.iter().map(|entry| entry.sql.as_str()).collect();
    ran.sort_unstable();
    let mut expected = [SQL, MISSING, COUNT, PAID];
    expected.sort_unstable();
    assert_eq!(ran, expected);
    Ok(())
}

#[tokio::test]
async fn deltas_come_to_the_same_report_as_whole_texts() -> Result<()> {
    let (app, _upstream) = start(stubborn()).await?;
    let user = app.anonymous();
    let reply = user
        .post("/api/v1/chat/completions", &wish("c", WISH, true))
        .await?;
    let frames = reply.frames();
    assert_eq!(frames.last(), Some(&Frame::Done));
    let report: Value = serde_json::from_str(&joined_deltas(&frames))?;
    assert_eq!(kept(&user, "c").await?.1, report);
    Ok(())
}

#[tokio::test]
async fn plain_frames_carry_a_report_that_survives_their_readers() -> Result<()> {
    let upstream = Upstream::start(stubborn()).await?;
    let app = TestApp::builder()
        .model(&upstream.model("scripted"))
        .config("[server]\nplain_frames = true")
        .start()
        .await?;
    app.add_sqlite("towns", &with_payroll()).await?;
    let reply = app
        .anonymous()
        .post("/api/v1/chat/completions", &wish("c", WISH, false))
        .await?;
    let last = reply
        .text
        .trim_end()
        .rsplit("\n\n")
        .next()
        .and_then(|frame| frame.strip_prefix("data:"))
        .context("a frame")?;
    let report: Value = serde_json::from_str(&last.replace("\\n", "\n"))?;
    assert_eq!(titles(&report).len(), 4);
    Ok(())
}

#[tokio::test]
async fn a_chart_that_fails_is_asked_for_once_more() -> Result<()> {
    let proposal = json!({"charts": [
        proposed("Towns", SQL, "BarChart"),
        proposed("Names", "SELECT nam FROM people", "Table"),
    ]});
    let repaired = proposed("Names", "SELECT name FROM people ORDER BY name", "Table");
    let script = Script::default().answer(WISH, &[&proposal.to_string(), &repaired.to_string()]);
    let (app, _upstream) = start(script).await?;
    let user = app.anonymous();
    let report = report(&user, "c", WISH).await?;
    let names = chart(&report, "Names");
    assert_eq!(names.get("err_msg"), None, "{names}");
    assert_eq!(names["chart_sql"], repaired["sql"]);
    assert_eq!(names["values"][0]["value"], "Ann");
    let (said, _) = kept(&user, "c").await?;
    let said: Value = serde_json::from_str(&said)?;
    assert_eq!(said[1]["sql"], repaired["sql"], "what ran is what is kept");
    Ok(())
}

#[tokio::test]
async fn an_answer_without_charts_is_asked_for_its_form_and_is_never_empty() -> Result<()> {
    let fixed = json!([proposed("Towns", SQL, "BarChart")]).to_string();
    let script = Script::default()
        .answer(
            "broken",
            &["{\"charts\": [{\"title\": \"Towns\", \"sql\": ", &fixed],
        )
        .answer("words", &["The tables know nothing of the weather."])
        .answer("nothing", &["", ""]);
    let (app, upstream) = start(script).await?;
    let user = app.anonymous();
    assert_eq!(titles(&report(&user, "c-1", "broken").await?), ["Towns"]);
    assert_eq!(upstream.seen().len(), 2);
    assert_eq!(
        told(&user, "c-2", "words").await?,
        "The tables know nothing of the weather."
    );
    assert!(!told(&user, "c-3", "nothing").await?.trim().is_empty());
    Ok(())
}

#[tokio::test]
async fn graphql_tells_every_chart_with_its_rows_and_its_drawing() -> Result<()> {
    let (app, _upstream) = start(stubborn()).await?;
    let query = "mutation ($question: String!) { ask(input: {question: $question, datasource: \"towns\",
        model: \"scripted\", scene: DASHBOARD}) { ... on Answer { text problem { code } dashboard { charts { title kind
        sql columns { name } rows vegaLite error } } } ... on Problem { message } } }";
    let asked = graphql(&app.anonymous(), query, json!({"question": WISH})).await?;
    let answer = &asked["ask"];
    assert_eq!(answer["problem"], Value::Null, "{answer}");
    let charts = answer["dashboard"]["charts"].as_array().context("charts")?;
    let towns = &charts[0];
    assert_eq!(
        (&towns["title"], &towns["kind"], &towns["sql"]),
        (&json!("Towns"), &json!("BAR"), &json!(SQL))
    );
    assert_eq!(towns["columns"][0]["name"], "town");
    assert_eq!(towns["rows"][0], json!(["Oslo", 3]));
    let drawn = &towns["vegaLite"];
    assert_eq!(
        (&drawn["mark"]["type"], &drawn["encoding"]["x"]["field"]),
        (&json!("bar"), &json!("town"))
    );
    assert_eq!(
        drawn["data"]["values"][0],
        json!({"town": "Oslo", "people": 3})
    );
    let boats = &charts[1];
    assert!(
        boats["error"]
            .as_str()
            .is_some_and(|error| error.contains("no such table")),
        "{boats}"
    );
    assert_eq!(boats["rows"], json!([]));
    let text = answer["text"].as_str().context("text")?;
    assert!(text.starts_with("3 charts: Towns, People, Pay."), "{text}");
    Ok(())
}

#[tokio::test]
async fn a_key_sees_no_dashboard_beyond_its_grant_and_makes_none() -> Result<()> {
    let (app, _upstream) = start(stubborn()).await?;
    let all = app.keyed("all", false, None).await?;
    let some = granted(&app, "some", vec![on("towns", &["people"], false)]).await?;
    report(&all, "c-all", WISH).await?;
    let path = "/api/v1/chat/dialogue/messages/history?con_uid=c-all";
    assert_eq!(some.get(path).await?.data(), json!([]));
    let list = some.get("/api/v1/editor/chart/list?con_uid=c-all").await?;
    assert_eq!(list.json()["err_msg"], "Not have charts!");
    let body = json!({"con_uid": "c-all", "chart_title": "Towns"});
    let info = some.post("/api/v1/editor/chart/info", &body).await?.json();
    assert_eq!(info["success"], false, "{info}");
    let page = some
        .get("/api/v1/editor/dashboard/export?con_uid=c-all")
        .await?;
    assert_eq!(page.status, 400, "{}", page.text);
    let edit = edited::submit(&some, "c-all", "Towns", COUNT).await?;
    assert_eq!(edit["success"], false, "{edit}");
    assert_eq!(
        chart(&kept(&all, "c-all").await?.1, "Towns")["chart_sql"],
        SQL
    );

    let own = report(&some, "c-some", WISH).await?;
    let pay = chart(&own, "Pay");
    let reason = pay["err_msg"].as_str().context("refused")?;
    assert!(reason.contains("payroll is not among the tables"), "{pay}");
    assert_eq!(pay["values"].as_array().map(Vec::len), Some(1), "{pay}");
    assert_eq!(chart(&own, "Towns")["values"][0]["value"], "3");
    assert_eq!(kept(&some, "c-some").await?.1, own);
    // By an edit no more is read than by asking.
    let edit = edited::submit(&some, "c-some", "Towns", PAID).await?;
    assert_eq!(edit["success"], false, "{edit}");
    assert_eq!(kept(&some, "c-some").await?.1, own);
    // Once somebody else has put more into it, it is not theirs to see any more.
    let edit = edited::submit(&all, "c-some", "Towns", PAID).await?;
    assert_eq!(edit["success"], true, "{edit}");
    let path = "/api/v1/chat/dialogue/messages/history?con_uid=c-some";
    assert_eq!(some.get(path).await?.data(), json!([]));
    Ok(())
}
