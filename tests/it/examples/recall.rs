//! Examples recalled: shown to models for questions like theirs, and to nobody who may not read their tables.

use anyhow::{Context as _, Result};
use serde_json::json;
use tidegate_schema::model::{Caller, RecalledExample};
use tidegate_tests::{
    TestApp, databases,
    upstream::{Script, Upstream},
};

use super::{IN_OSLO, MOST_PAID, RICHEST, accept, add, ask, listed, start};
use crate::{
    support::{QUESTION, SQL, TOWNS, eventually, rows},
    table_grants::{granted, on},
};

async fn recalled(app: &TestApp, caller: &Caller, question: &str) -> Result<Vec<RecalledExample>> {
    let towns = app.app.datasources().get(caller, "towns").await?;
    Ok(app.app.examples().recall(caller, &towns, question, 4).await)
}

fn system_prompt(upstream: &Upstream) -> Result<String> {
    let body = upstream.seen().pop().context("a request")?;
    let prompt = body["messages"][0]["content"].as_str();
    Ok(prompt.context("a prompt")?.to_owned())
}

#[tokio::test]
async fn an_accepted_answer_is_shown_to_the_model_for_a_question_like_it() -> Result<()> {
    let (app, upstream) = start().await?;
    let user = app.anonymous();
    let answer = ask(&user, Some("c"), QUESTION).await?;
    assert_eq!(answer["result"]["rows"], rows(), "{answer}");
    assert!(!system_prompt(&upstream)?.contains("asked of this database before"));
    let kept = accept(&user, "c", 1, None).await?;
    assert_eq!(
        (
            &kept["question"],
            &kept["sql"],
            &kept["tables"],
            &kept["source"]
        ),
        (
            &json!(QUESTION),
            &json!(SQL),
            &json!(["people"]),
            &json!("ACCEPTED")
        ),
        "{kept}"
    );
    ask(&user, None, IN_OSLO).await?;
    let prompt = system_prompt(&upstream)?;
    assert!(
        prompt.contains(&format!("Question: {QUESTION}\nQuery: {SQL}")),
        "{prompt}"
    );
    ask(&user, None, RICHEST).await?;
    assert!(
        !system_prompt(&upstream)?.contains(QUESTION),
        "it is about something else"
    );
    let local = Caller::local("001");
    let used = eventually("the count", || async {
        let found = app.app.examples().list(&local, "towns", None, 1).await?;
        Ok(found.first().map(|one| one.used).filter(|used| *used > 0))
    });
    assert_eq!(used.await?, 1);
    Ok(())
}

#[tokio::test]
async fn the_same_question_is_answered_by_its_query_without_the_model() -> Result<()> {
    let (app, upstream) = start().await?;
    let user = app.anonymous();
    add(
        &user,
        "How many in Bergen?",
        "SELECT COUNT(*) FROM people WHERE town = 'Bergen'",
    )
    .await?;
    let answer = ask(&user, None, "how many in bergen").await?;
    assert_eq!(answer["result"]["rows"], json!([[2]]), "{answer}");
    assert_eq!(answer["evidence"]["verdict"]["allowed"], true, "{answer}");
    assert!(upstream.seen().is_empty());
    let log = app.app.store.list_audit(10).await?;
    assert_eq!(
        log.len(),
        2,
        "one entry for the plan, one for the run: {log:?}"
    );
    Ok(())
}

#[tokio::test]
async fn examples_of_tables_beyond_a_grant_are_neither_shown_nor_recalled() -> Result<()> {
    let (app, upstream) = start().await?;
    let admin = app.keyed("admin", true, None).await?;
    let clerk = granted(&app, "clerk", vec![on("towns", &["people"], false)]).await?;
    for (question, sql) in [(RICHEST, MOST_PAID), (QUESTION, SQL)] {
        let kept = add(&admin, question, sql).await?;
        assert_eq!(kept["__typename"], "Example", "{kept}");
    }
    assert_eq!(listed(&admin).await?, [QUESTION, RICHEST]);
    assert_eq!(listed(&clerk).await?, [QUESTION]);
    ask(&clerk, None, "who earns most in Oslo?").await?;
    assert!(!system_prompt(&upstream)?.contains("payroll"));
    let reader = Caller {
        grants: Some(vec![on("towns", &["people"], false)]),
        ..Caller::open("001")
    };
    assert!(recalled(&app, &reader, RICHEST).await?.is_empty());
    let found = recalled(&app, &Caller::local("001"), RICHEST).await?;
    assert!(found[0].exact && found[0].example.sql == MOST_PAID);
    Ok(())
}

#[tokio::test]
async fn a_table_that_was_dropped_takes_its_examples_from_the_prompts() -> Result<()> {
    let (app, _upstream) = start().await?;
    let (user, local) = (app.anonymous(), Caller::local("001"));
    add(&user, RICHEST, MOST_PAID).await?;
    assert_eq!(recalled(&app, &local, RICHEST).await?.len(), 1);
    let file = app.dir().join("towns.db");
    databases::make(&file, "DROP TABLE payroll")?;
    // The database says that it is gone, so it is looked at again.
    let run = app.app.sql().run(&local, "towns", MOST_PAID).await;
    assert!(run.is_err());
    eventually("the drop", || async {
        let gone = recalled(&app, &local, RICHEST).await?.is_empty();
        Ok(gone.then_some(()))
    })
    .await?;
    assert_eq!(
        listed(&user).await?,
        [RICHEST],
        "it can be seen and removed"
    );
    app.app.datasources().delete(&local, "towns").await?;
    app.add_sqlite("other", TOWNS).await?;
    let examples = app.app.examples();
    assert!(examples.list(&local, "other", None, 10).await?.is_empty());
    Ok(())
}

#[tokio::test]
async fn an_encoder_finds_what_other_words_say_also_of_examples_from_before_it() -> Result<()> {
    // No word in common: only the vectors say that they are alike.
    let (known, asked) = ("largest settlement", "biggest town of all");
    let script = Script::default()
        .embedding(known, &[1.0])
        .embedding(asked, &[1.0])
        .embedding("weather in spring", &[0.0, 1.0]);
    let upstream = Upstream::start(script).await?;
    let local = Caller::local("001");
    let dir = {
        let app = TestApp::builder().start().await?;
        app.add_sqlite("towns", TOWNS).await?;
        let examples = app.app.examples();
        examples.add(&local, "towns", known, SQL).await?;
        assert!(recalled(&app, &local, asked).await?.is_empty());
        let found = recalled(&app, &local, "the largest settlements").await?;
        assert_eq!(found.len(), 1, "words do without an encoder");
        app.keep_dir()
    };
    let app = TestApp::builder()
        .model(&upstream.embedder("all-minilm-l6-v2"))
        .start_in(dir)
        .await?;
    let found = eventually("the vector", || async {
        Ok(recalled(&app, &local, asked).await?.pop())
    })
    .await?;
    assert!(!found.exact && found.similarity < 1.0, "{found:?}");
    assert_eq!(found.example.question, known);
    assert!(
        recalled(&app, &local, "weather in spring")
            .await?
            .is_empty()
    );
    Ok(())
}
