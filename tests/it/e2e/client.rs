//! The same question through the generated client.

use anyhow::{Context as _, Result};
use futures::StreamExt as _;
use serde_json::{Value, json};
use tidegate_client::{Error, Tidegate, TurnEvent, TurnRequest};
use tidegate_tests::upstream::Script;

use crate::support::{QUESTION, SQL, rows, towns};

fn arrays(rows: &[serde_json::Map<String, Value>]) -> Value {
    rows.iter()
        .map(|row| row.values().cloned().collect::<Vec<_>>())
        .collect::<Vec<_>>()
        .into()
}

#[tokio::test]
async fn the_client_streams_typed_events_to_the_same_sql_and_rows() -> Result<()> {
    let (app, _upstream) = towns(Script::default()).await?;
    let keyed = app.keyed("client", false, None).await?;
    let client = Tidegate::new(&keyed.web(), keyed.key())?;
    let request = TurnRequest::about("towns", QUESTION).with_model("scripted");
    let events: Vec<TurnEvent> = client
        .turn(&request)
        .await?
        .collect::<Vec<_>>()
        .await
        .into_iter()
        .collect::<Result<_, _>>()?;
    let Some(TurnEvent::Done(asked)) = events.last() else {
        anyhow::bail!("no end in {events:?}")
    };
    assert_eq!(
        (asked.text.as_str(), asked.sql.as_deref()),
        ("Here it is.", Some(SQL))
    );
    assert_eq!(arrays(&asked.rows), rows());
    assert!(matches!(events[0], TurnEvent::Text(_)));
    let evidence = asked.evidence.as_ref().context("evidence")?;
    assert_eq!(evidence.tables_shown, ["people"]);
    assert_eq!((evidence.rows_read, evidence.cut_at), (3, None));
    let verdict = evidence.verdict.as_ref().context("a verdict")?;
    assert!(
        verdict.allowed && verdict.tables == ["people"],
        "{verdict:?}"
    );

    // The model by default is the only one there is.
    assert_eq!(client.ask("towns", QUESTION).await?, *asked);
    Ok(())
}

#[tokio::test]
async fn the_client_reports_refusals_in_the_servers_words() -> Result<()> {
    let (app, _upstream) = towns(Script::default()).await?;
    let client = Tidegate::new(&app.anonymous().web(), None)?;
    let refused = client
        .ask("twons", QUESTION)
        .await
        .err()
        .context("refused")?;
    assert!(
        matches!(&refused, Error::Refused { message, .. } if message.contains("did you mean 'towns'?")),
        "{refused}"
    );
    app.keyed("client", false, None).await?;
    let refused = client
        .ask("towns", QUESTION)
        .await
        .err()
        .context("refused")?;
    assert!(
        matches!(&refused, Error::Refused { code, .. } if code == "401"),
        "{refused}"
    );
    let stranger = Tidegate::new(&app.anonymous().web(), Some("tg-wrong"))?;
    let refused = stranger
        .ask("towns", QUESTION)
        .await
        .err()
        .context("refused")?;
    assert!(
        matches!(&refused, Error::Refused { code, .. } if code == "401"),
        "{refused}"
    );
    Ok(())
}

#[tokio::test]
async fn generated_calls_reach_their_routes() -> Result<()> {
    let (app, _upstream) = towns(Script::default()).await?;
    let keyed = app.keyed("client", true, None).await?;
    let client = Tidegate::new(&keyed.web(), keyed.key())?;
    let listed = client
        .rest
        .list_datasources_v1()
        .send()
        .await
        .map_err(|e| anyhow::anyhow!("{e}"))?
        .into_inner();
    let listed = serde_json::to_value(listed)?;
    assert_eq!(listed["data"][0]["db_name"], "towns");
    let types = client
        .rest
        .list_model_types_v1()
        .send()
        .await
        .map_err(|e| anyhow::anyhow!("{e}"))?
        .into_inner();
    assert_eq!(serde_json::to_value(types)?["data"], json!(["scripted"]));
    let openai = tidegate_client::openai_client(&keyed.openai(), keyed.key())?;
    let models = openai
        .list_models()
        .send()
        .await
        .map_err(|e| anyhow::anyhow!("{e}"))?
        .into_inner();
    assert_eq!(serde_json::to_value(models)?["data"][0]["id"], "scripted");
    Ok(())
}

#[tokio::test]
async fn the_client_tells_a_failed_query_from_an_answer() -> Result<()> {
    let (app, _upstream) = towns(Script::default().sql("drop it", "DROP TABLE people")).await?;
    let client = Tidegate::new(&app.anonymous().web(), None)?;
    let failed = client.ask("towns", "drop it").await?;
    assert!(failed.failed, "{failed:?}");
    assert!(
        failed.rows.is_empty() && !failed.text.contains("ERROR!"),
        "{failed:?}"
    );
    let verdict = failed.evidence.and_then(|evidence| evidence.verdict);
    assert!(
        verdict.is_some_and(|verdict| !verdict.allowed && !verdict.reason.is_empty()),
        "a refusal says so"
    );
    assert!(!client.ask("towns", QUESTION).await?.failed);
    Ok(())
}

#[tokio::test]
async fn a_request_by_its_default_streams_events_too() -> Result<()> {
    let (app, _upstream) = towns(Script::default()).await?;
    let client = Tidegate::new(&app.anonymous().web(), None)?;
    let mut request = TurnRequest::default();
    "hello".clone_into(&mut request.user_input);
    let events: Vec<TurnEvent> = client
        .turn(&request)
        .await?
        .collect::<Vec<_>>()
        .await
        .into_iter()
        .collect::<Result<_, _>>()?;
    assert!(matches!(events.last(), Some(TurnEvent::Done(asked)) if !asked.text.is_empty()));
    Ok(())
}
