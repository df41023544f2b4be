//! What the guard said, and where a cap cut a result, on every surface that runs SQL or answers questions; and that
//! nothing is asked of a database without a line in the audit log.

use anyhow::{Context as _, Result};
use serde_json::{Value, json};
use tidegate_schema::model::Caller;
use tidegate_server::services::exports::{Format, Options};
use tidegate_tests::{
    TestApp, User,
    json::chart,
    sse::Frame,
    upstream::{Script, Upstream},
};

use crate::support::{QUESTION, SQL, TOWNS, latest};

const DROP: &str = "DROP TABLE people";
const RUN: &str = "mutation ($sql: String!) { runSql(datasource: \"towns\", sql: $sql) { __typename
    ... on RunSqlAnswer { result { cutAt } verdict { ...V } } ... on Problem { code verdict { ...V } } } }
    fragment V on Verdict { allowed reason statement statements writes tables columns functions }";

/// An application with `towns` in which a result has two rows at most, and a model that can be told to drop it.
async fn start() -> Result<(TestApp, Upstream)> {
    let script = Script::default().sql(QUESTION, SQL).sql("drop it", DROP);
    let upstream = Upstream::start(script).await?;
    let app = TestApp::builder()
        .model(&upstream.model("scripted"))
        .config("[limits]\nrows = 2\nexport_rows = 2")
        .start()
        .await?;
    app.add_sqlite("towns", TOWNS).await?;
    Ok((app, upstream))
}

async fn editor(user: &User, sql: &str, verdict: bool) -> Result<Value> {
    let body = json!({"db_name": "towns", "sql": sql, "verdict": verdict});
    Ok(user.post("/api/v1/editor/sql/run", &body).await?.json())
}

async fn run_sql(user: &User, sql: &str) -> Result<Value> {
    let body = json!({"query": RUN, "variables": {"sql": sql}});
    let body = user.post("/graphql", &body).await?.json();
    anyhow::ensure!(body["errors"].is_null(), "{body}");
    Ok(body["data"]["runSql"].clone())
}

/// What a question's chart holds of its evidence, as it is streamed and as it is kept.
async fn charts(user: &User, question: &str) -> Result<[Value; 2]> {
    let conversation: String = question
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .collect();
    let body = json!({
        "conv_uid": conversation, "chat_mode": "chat_with_db_execute", "select_param": "towns",
        "model_name": "scripted", "user_input": question, "incremental": false,
    });
    let reply = user.post("/api/v1/chat/completions", &body).await?;
    let frames = reply.frames();
    let last = frames.last().and_then(Frame::json).context("a frame")?;
    let streamed = last.pointer("/choices/0/message/content");
    let path = format!("/api/v1/chat/dialogue/messages/history?con_uid={conversation}");
    let history = user.get(&path).await?.data();
    let of = |text: Option<&Value>| {
        let (_, document) = chart(text?.as_str()?)?;
        Some(document["evidence"].clone())
    };
    Ok([
        of(streamed).context("no chart is streamed")?,
        of(history.pointer("/2/context")).context("no chart is kept")?,
    ])
}

async fn openai(user: &User, question: &str) -> Result<Value> {
    let body = json!({
        "model": "scripted", "datasource": "towns", "messages": [{"role": "user", "content": question}],
    });
    let reply = user.openai_post("/v1/chat/completions", &body).await?;
    Ok(reply.json()["tidegate"]["evidence"].clone())
}

#[tokio::test]
async fn what_ran_comes_with_the_verdict_and_the_place_where_it_was_cut() -> Result<()> {
    let (app, _upstream) = start().await?;
    let user = app.anonymous();
    let sql = "SELECT name, upper(town) FROM people ORDER BY id";
    let expected = json!({
        "allowed": true, "reason": "", "statement": "select", "statements": ["select"], "writes": false,
        "tables": ["people"], "columns": ["id", "name", "town"], "functions": ["upper"],
    });

    let told = editor(&user, sql, true).await?;
    let mut verdict = told["data"]["verdict"].clone();
    verdict.as_object_mut().context("a verdict")?.remove("plan");
    assert_eq!(verdict, expected, "{told}");
    assert_eq!(told["data"]["cut_at"], 2, "{told}");
    let untold = editor(&user, sql, false).await?;
    assert_eq!(untold["data"].get("verdict"), None, "{untold}");

    let ran = run_sql(&user, sql).await?;
    assert_eq!(
        (&ran["verdict"], &ran["result"]["cutAt"]),
        (&expected, &json!(2)),
        "{ran}"
    );
    let [streamed, kept] = charts(&user, QUESTION).await?;
    for evidence in [&streamed, &kept, &openai(&user, QUESTION).await?] {
        assert_eq!(evidence["cut_at"], 2, "{evidence}");
        assert_eq!(evidence["tables_shown"], json!(["people"]), "{evidence}");
        let verdict = &evidence["verdict"];
        assert_eq!(
            (
                &verdict["allowed"],
                &verdict["tables"],
                &verdict["statements"]
            ),
            (&json!(true), &json!(["people"]), &json!(["select"])),
            "{evidence}"
        );
    }
    Ok(())
}

#[tokio::test]
async fn what_was_refused_comes_with_the_verdict_too() -> Result<()> {
    let (app, _upstream) = start().await?;
    let user = app.anonymous();
    for (sql, statements) in [
        (DROP, json!(["drop"])),
        ("SELECT 1; SELECT 2", json!(["select", "select"])),
    ] {
        let told = editor(&user, sql, true).await?;
        assert_eq!(
            (&told["success"], &told["err_code"]),
            (&json!(false), &json!("E000X")),
            "{told}"
        );
        let verdict = &told["data"]["verdict"];
        assert_eq!(
            (&verdict["allowed"], &verdict["statements"]),
            (&json!(false), &statements),
            "{told}"
        );
        let reason = verdict["reason"].as_str().context("a reason")?;
        assert_eq!(told["err_msg"], format!("Operation not allowed: {reason}"));
        // The same shape as that of a success, so that a typed client can read it.
        assert_eq!(told["data"]["values"], json!([]), "{told}");
        let untold = editor(&user, sql, false).await?;
        assert_eq!(untold["data"], Value::Null, "{untold}");

        let refused = run_sql(&user, sql).await?;
        assert_eq!(refused["code"], "forbidden", "{refused}");
        assert_eq!(refused["verdict"]["allowed"], false, "{refused}");
        assert_eq!(refused["verdict"]["statements"], statements, "{refused}");
        let entry = latest(&app).await?;
        assert!(!entry.allowed && entry.sql == sql, "{entry:?}");
    }
    // The database's own error comes with a verdict that let the statement through.
    let failed = run_sql(&user, "SELECT nope FROM people").await?;
    assert_eq!(
        (&failed["code"], &failed["verdict"]["allowed"]),
        (&json!("upstream"), &json!(true)),
        "{failed}"
    );
    let [streamed, kept] = charts(&user, "drop it").await?;
    for evidence in [&streamed, &kept, &openai(&user, "drop it").await?] {
        assert_eq!(evidence["verdict"]["allowed"], false, "{evidence}");
        assert_eq!(evidence["verdict"]["statement"], "drop", "{evidence}");
    }
    Ok(())
}

#[tokio::test]
async fn a_statement_that_gets_no_further_than_the_door_is_in_the_audit_log() -> Result<()> {
    let (app, _upstream) = start().await?;
    app.add_sqlite("secret", TOWNS).await?;
    let some = app.keyed("towns only", false, Some(&["towns"])).await?;
    let body = json!({"db_name": "secret", "sql": SQL});
    for path in ["/api/v1/editor/sql/run", "/api/v1/editor/sql/export"] {
        let sql = format!("{SQL} -- {path}");
        let mut body = body.clone();
        body["sql"] = json!(sql);
        let reply = some.post(path, &body).await?;
        assert_eq!(reply.status, 403, "{path}: {}", reply.text);
        let entry = latest(&app).await?;
        assert_eq!(
            (entry.sql.as_str(), entry.datasource.as_str(), entry.allowed),
            (sql.as_str(), "secret", false),
            "{path}"
        );
        assert!(entry.reason.contains("no grant"), "{entry:?}");
    }
    Ok(())
}

#[tokio::test]
async fn a_statement_whose_database_cannot_be_reached_is_in_the_audit_log() -> Result<()> {
    let dir = {
        let (app, _upstream) = start().await?;
        app.keep_dir()
    };
    std::fs::remove_file(dir.path().join("towns.db"))?;
    let app = TestApp::builder().start_in(dir).await?;
    let local = Caller::local("001");
    let failed = app.app.sql().run(&local, "towns", SQL).await;
    let failed = failed.err().context("it was reached")?;
    assert!(failed.verdict.is_some_and(|verdict| verdict.allowed));
    let entry = latest(&app).await?;
    assert_eq!((entry.sql.as_str(), entry.allowed), (SQL, true));
    assert!(entry.reason.contains("towns.db"), "{entry:?}");

    let options = Options {
        format: Format::Csv,
        whole: false,
        bom: false,
    };
    let exports = app.app.exports();
    let exported = exports.start(&local, "towns", DROP, options).await;
    assert!(exported.is_err());
    let entry = latest(&app).await?;
    assert_eq!((entry.sql.as_str(), entry.allowed), (DROP, false));
    Ok(())
}
