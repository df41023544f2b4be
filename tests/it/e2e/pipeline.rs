//! What happens when the model's first answer does not work, or is no answer at all.

use anyhow::{Context as _, Result};
use serde_json::{Value, json};
use tidegate_schema::model::{Answer, Caller, ChatMode};
use tidegate_server::services::chat::TurnRequest;
use tidegate_tests::{
    TestApp,
    upstream::{Script, Upstream, sql_answer},
};

use crate::support::{SQL, rows, towns};

async fn ask(app: &TestApp, question: &str) -> Result<Answer> {
    let request = TurnRequest {
        text: question.to_owned(),
        mode: ChatMode::WithDbExecute.name().to_owned(),
        select_param: Some("towns".to_owned()),
        model: Some("scripted".to_owned()),
        ..TurnRequest::default()
    };
    Ok(app.app.chat().ask(&Caller::local("001"), request).await?)
}

fn last_said(upstream: &Upstream) -> String {
    let seen = upstream.seen();
    let last = seen
        .last()
        .and_then(|body| body["messages"].as_array()?.last()?["content"].as_str());
    last.unwrap_or_default().to_owned()
}

#[tokio::test]
async fn an_error_goes_back_to_the_model_and_its_second_answer_counts() -> Result<()> {
    let bad = sql_answer("SELECT town FROM persons");
    let (app, upstream) = towns(Script::default().answer("q", &[&bad, &sql_answer(SQL)])).await?;
    let answer = ask(&app, "q").await?;
    assert_eq!(answer.document()["rows"], rows());
    assert_eq!(
        (answer.evidence.repairs, answer.evidence.sql.as_deref()),
        (1, Some(SQL))
    );
    assert!(answer.problem.is_none());
    let told = last_said(&upstream);
    assert!(
        told.contains("SELECT town FROM persons") && told.contains("persons"),
        "{told}"
    );
    Ok(())
}

#[tokio::test]
async fn a_third_failure_is_reported_with_the_databases_words() -> Result<()> {
    let bad = sql_answer("SELECT age FROM people");
    let (app, upstream) = towns(Script::default().answer("q", &[&bad])).await?;
    let answer = ask(&app, "q").await?;
    let problem = answer.problem.as_ref().context("a problem")?.to_string();
    assert!(problem.contains("no such column: age"), "{problem}");
    assert!(
        answer.text.contains("no such column: age"),
        "{}",
        answer.text
    );
    assert_eq!(
        (answer.evidence.repairs, answer.result.is_none()),
        (2, true)
    );
    assert_eq!(upstream.seen().len(), 3);
    Ok(())
}

#[tokio::test]
async fn a_refused_statement_is_told_to_the_model_and_to_the_person() -> Result<()> {
    let statements = [
        "DROP TABLE people",
        "DELETE FROM people",
        "SELECT 1; DROP TABLE people",
        "PRAGMA writable_schema = 1",
        "ATTACH DATABASE '/tmp/x.db' AS x",
        "WITH gone AS (DELETE FROM people RETURNING *) SELECT * FROM gone",
        "SELECT load_extension('x')",
    ];
    for sql in statements {
        let (app, upstream) = towns(Script::default().sql("q", sql)).await?;
        let answer = ask(&app, "q").await?;
        let problem = answer
            .problem
            .as_ref()
            .with_context(|| format!("{sql} was run"))?;
        let verdict = answer.evidence.verdict.as_ref().context("a verdict")?;
        assert!(
            !verdict.allowed && !verdict.reason.is_empty(),
            "{sql}: {verdict:?}"
        );
        assert!(
            answer.text.contains(&problem.to_string()),
            "{sql}: {}",
            answer.text
        );
        assert!(
            last_said(&upstream).contains(&verdict.reason),
            "{sql}: {}",
            last_said(&upstream)
        );
        let count = json!({"db_name": "towns", "sql": "SELECT COUNT(*) FROM people"});
        let left = app
            .anonymous()
            .post("/api/v1/editor/sql/run", &count)
            .await?
            .data();
        assert_eq!(left["values"], json!([["6"]]), "{sql}");
    }
    Ok(())
}

#[tokio::test]
async fn a_refusal_can_be_repaired() -> Result<()> {
    let (app, _upstream) = towns(
        Script::default().answer("q", &[&sql_answer("DELETE FROM people"), &sql_answer(SQL)]),
    )
    .await?;
    let answer = ask(&app, "q").await?;
    assert_eq!(answer.document()["rows"], rows());
    assert!(answer.problem.is_none());
    Ok(())
}

#[tokio::test]
async fn sql_is_found_in_fences_and_among_words() -> Result<()> {
    let forms = [
        format!("```sql\n{SQL}\n```"),
        format!("```json\n{}\n```", sql_answer(SQL)),
        format!(
            "Sure! Here you go:\n\n{}\n\nAnything else?",
            sql_answer(SQL)
        ),
    ];
    for form in forms {
        let (app, _upstream) = towns(Script::default().answer("q", &[&form])).await?;
        let answer = ask(&app, "q").await?;
        assert_eq!(answer.document()["rows"], rows(), "{form}");
    }
    Ok(())
}

#[tokio::test]
async fn words_alone_are_passed_on_as_words() -> Result<()> {
    let (app, _upstream) =
        towns(Script::default().answer("q", &["I do not know these tables."])).await?;
    let answer = ask(&app, "q").await?;
    assert_eq!(answer.text, "I do not know these tables.");
    assert_eq!((answer.result, answer.evidence.sql), (None, None));
    Ok(())
}

#[tokio::test]
async fn every_statement_is_in_the_audit_log() -> Result<()> {
    let (app, _upstream) = towns(
        Script::default().answer("q", &[&sql_answer("DELETE FROM people"), &sql_answer(SQL)]),
    )
    .await?;
    ask(&app, "q").await?;
    let log: Vec<(String, bool)> = app
        .app
        .store
        .list_audit(10)
        .await?
        .into_iter()
        .map(|entry| (entry.sql, entry.allowed))
        .collect();
    assert!(
        log.contains(&("DELETE FROM people".to_owned(), false)),
        "{log:?}"
    );
    assert!(log.contains(&(SQL.to_owned(), true)), "{log:?}");
    Ok(())
}

#[tokio::test]
async fn a_model_that_breaks_off_leaves_a_frame_and_a_cut_turn() -> Result<()> {
    let app = TestApp::builder()
        .dummy("dummy/fails-midway")
        .start()
        .await?;
    let user = app.anonymous();
    let body = json!({"conv_uid": "c-1", "model_name": "dummy/fails-midway", "user_input": "one two three four five"});
    let reply = user.post("/api/v1/chat/completions", &body).await?;
    assert!(reply.text.contains("[SERVER_ERROR]"), "{}", reply.text);
    let messages = app.app.store.list_messages(&"c-1".into()).await?;
    let said: Vec<(&str, bool)> = messages
        .iter()
        .map(|m| (m.content.as_str(), m.detail.cut))
        .collect();
    assert_eq!(said[0], ("one two three four five", false));
    assert_eq!(said[1], ("one two three ", true));
    Ok(())
}

#[tokio::test]
async fn an_unreachable_model_is_named_and_the_question_kept() -> Result<()> {
    let model =
        "[[models]]\nname = \"gone\"\nprovider = \"proxy\"\nbase_url = \"http://127.0.0.1:9/v1\"\n";
    let app = TestApp::builder().model(model).start().await?;
    let body = json!({"model": "gone", "messages": [{"role": "user", "content": "hi"}]});
    let reply = app
        .anonymous()
        .openai_post("/v1/chat/completions", &body)
        .await?;
    assert_eq!(reply.status, 502);
    assert!(
        reply.json()["error"]["message"]
            .as_str()
            .context("message")?
            .starts_with("gone: "),
        "{}",
        reply.text
    );
    let body = json!({"conv_uid": "c-1", "model_name": "gone", "user_input": "hi"});
    let reply = app
        .anonymous()
        .post("/api/v1/chat/completions", &body)
        .await?;
    assert!(
        reply.text.contains("[SERVER_ERROR]gone: "),
        "{}",
        reply.text
    );
    let history = app
        .anonymous()
        .get("/api/v1/chat/dialogue/messages/history?con_uid=c-1")
        .await?
        .data();
    assert_eq!(history[0]["context"], "hi");
    assert_eq!(history.as_array().map(Vec::len), Some(1), "{history}");
    Ok(())
}

#[tokio::test]
async fn a_second_question_sees_the_first() -> Result<()> {
    let (app, upstream) = towns(Script::default()).await?;
    let user = app.anonymous();
    for text in ["first question", "second question"] {
        let body = json!({"conv_uid": "c-1", "model_name": "scripted", "user_input": text});
        user.post("/api/v1/chat/completions", &body).await?;
    }
    let seen = upstream.seen();
    let said: Vec<&Value> = seen[1]["messages"]
        .as_array()
        .context("messages")?
        .iter()
        .collect();
    assert_eq!(said.len(), 3, "{said:?}");
    assert_eq!(said[0]["content"], "first question");
    assert_eq!(said[2]["content"], "second question");
    Ok(())
}
