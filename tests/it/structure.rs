//! `chat_with_db_qa`: what is told of a database's structure, and of which of its tables.

use anyhow::{Context as _, Result};
use serde_json::{Value, json};
use tidegate_tests::{
    TestApp, User,
    upstream::{Script, Upstream},
};

use crate::{
    malformed::text_of,
    support::graphql,
    table_grants::{granted, on, with_payroll},
};

const QUESTION: &str = "Which table holds the names?";
const PROSE: &str = "The table `people`:\n\n- it has a *name* and a town.";
const SILENT: &str = "Where does the salary stand?";

async fn start() -> Result<(TestApp, Upstream)> {
    let script = Script::default()
        .answer(QUESTION, &[PROSE])
        .answer(SILENT, &[""]);
    let upstream = Upstream::start(script).await?;
    let app = TestApp::builder()
        .model(&upstream.model("scripted"))
        .start()
        .await?;
    app.add_sqlite("towns", &with_payroll()).await?;
    Ok((app, upstream))
}

/// The last text of a turn.
async fn ask(user: &User, conversation: &str, question: &str) -> Result<String> {
    let body = json!({
        "conv_uid": conversation, "chat_mode": "chat_with_db_qa", "select_param": "towns", "model_name": "scripted",
        "user_input": question,
    });
    let reply = user.post("/api/v1/chat/completions", &body).await?;
    text_of(&reply)
}

/// What the model was told last before the conversation.
fn told(upstream: &Upstream) -> Result<String> {
    let body = upstream.seen().pop().context("a body")?;
    Ok(body["messages"][0]["content"]
        .as_str()
        .context("a system message")?
        .to_owned())
}

#[tokio::test]
async fn a_model_explains_the_structure_in_plain_markdown() -> Result<()> {
    let (app, upstream) = start().await?;
    let user = app.anonymous();
    assert_eq!(ask(&user, "c", QUESTION).await?, PROSE);
    let told = told(&upstream)?;
    assert!(
        told.contains("people(id INTEGER primary key")
            && told.contains("person INTEGER -> people.id"),
        "{told}"
    );
    let path = "/api/v1/chat/dialogue/messages/history?con_uid=c";
    let history = user.get(path).await?.data();
    let texts: Vec<&Value> = (0..3).map(|nth| &history[nth]["context"]).collect();
    assert_eq!(texts, [QUESTION, PROSE, PROSE], "{history}");
    let query = "mutation { ask(input: {question: \"Which table holds the names?\", datasource: \"towns\",
        scene: STRUCTURE, model: \"scripted\"}) { ... on Answer { text sql evidence { tablesShown } } } }";
    let answer = graphql(&user, query, Value::Null).await?;
    assert_eq!(answer["ask"]["text"], PROSE, "{answer}");
    assert_eq!(answer["ask"]["sql"], Value::Null);
    assert_eq!(
        answer["ask"]["evidence"]["tablesShown"],
        json!(["payroll", "people"])
    );
    assert!(
        app.app.store.list_audit(10).await?.is_empty(),
        "nothing was run"
    );
    Ok(())
}

#[tokio::test]
async fn where_the_model_says_nothing_the_catalogue_answers() -> Result<()> {
    let (app, _upstream) = start().await?;
    let said = ask(&app.anonymous(), "c", SILENT).await?;
    assert!(
        said.starts_with("From the structure of `towns`:\n\n**`payroll`** (table)"),
        "{said}"
    );
    assert!(said.contains("- `salary` INTEGER"), "{said}");
    Ok(())
}

#[tokio::test]
async fn a_key_is_told_of_its_tables_alone() -> Result<()> {
    let (app, upstream) = start().await?;
    let some = granted(&app, "some", vec![on("towns", &["people"], false)]).await?;
    assert_eq!(ask(&some, "c", QUESTION).await?, PROSE);
    let told = told(&upstream)?;
    assert!(
        told.contains("people(") && !told.contains("payroll"),
        "{told}"
    );
    // And is shown its own conversation again.
    let history = some
        .get("/api/v1/chat/dialogue/messages/history?con_uid=c")
        .await?
        .data();
    assert_eq!(history.as_array().map(Vec::len), Some(3), "{history}");
    let silent = ask(&some, "d", SILENT).await?;
    assert!(!silent.contains("payroll"), "{silent}");
    Ok(())
}

#[tokio::test]
async fn a_database_has_to_be_named_and_to_be_there() -> Result<()> {
    let (app, _upstream) = start().await?;
    let user = app.anonymous();
    let body = json!({
        "conv_uid": "c", "chat_mode": "chat_with_db_qa", "model_name": "scripted", "user_input": QUESTION,
    });
    let nameless = user.post("/api/v1/chat/completions", &body).await?.text;
    assert!(
        nameless.starts_with("data:select_param: name the database"),
        "{nameless}"
    );
    let mut unknown = body.clone();
    unknown["select_param"] = json!("twons");
    let unknown = user.post("/api/v1/chat/completions", &unknown).await?.text;
    assert!(
        unknown.starts_with("data:Database config not found for: twons; did you mean 'towns'?"),
        "{unknown}"
    );
    let list = user.get("/api/v1/chat/dialogue/list").await?.data();
    assert_eq!(list, json!([]), "nothing was begun");
    Ok(())
}
