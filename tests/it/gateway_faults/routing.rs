//! Names that stand for others: shares, fallbacks, aliases; answers that are kept; and what a key may use.

use anyhow::Result;
use futures::{StreamExt as _, stream};
use serde_json::{Value, json};
use tidegate_schema::model::{Caller, KeyLimits};
use tidegate_tests::mock::{Mock, Script};

use super::{CHAT, asked_for, over, say, text_of, with};

#[tokio::test(flavor = "multi_thread")]
async fn calls_are_shared_by_weight_and_a_weight_of_nought_has_none() -> Result<()> {
    let mock = Mock::start(Script::default()).await?;
    let models = [
        mock.model("heavy"),
        mock.model("light"),
        mock.model("spare"),
    ];
    let route = "[[routes]]\nname = \"fast\"\ntargets = [\n  { model = \"heavy\", weight = 3 },\n  \
                 { model = \"light\", weight = 1 },\n  { model = \"spare\", weight = 0 },\n]\n";
    let app = over(&models, route).await?;
    let user = app.anonymous();
    let replies: Vec<Result<u16>> = stream::iter(0..400)
        .map(|nth| {
            let user = user.clone();
            async move { Ok(say(&user, "fast", "hi", nth % 2 == 0).await?.status) }
        })
        .buffer_unordered(4)
        .collect()
        .await;
    for reply in replies {
        assert_eq!(reply?, 200);
    }
    let heavy = asked_for(&mock, "heavy");
    assert_eq!(heavy + asked_for(&mock, "light"), 400);
    // Drawn by lot, 300 of 400 are six deviations away from either bound.
    assert!((248..=352).contains(&heavy), "{heavy} of 400");
    Ok(())
}

#[tokio::test]
async fn an_alias_is_asked_under_its_models_own_name_and_listed() -> Result<()> {
    let mock = Mock::start(Script::default()).await?;
    let route = "[[routes]]\nname = \"gpt-4o\"\ntargets = [{ model = \"own\" }]\n";
    let app = over(&[mock.model("own")], route).await?;
    let user = app.anonymous();
    for stream in [false, true] {
        assert!(!text_of(&say(&user, "gpt-4o", "hi", stream).await?, stream)?.is_empty());
    }
    assert_eq!(asked_for(&mock, "own"), 2);
    let models = user.openai_get("/v1/models").await?.json();
    let ids: Vec<&str> = models["data"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|model| model["id"].as_str())
        .collect();
    assert!(ids.contains(&"gpt-4o") && ids.contains(&"own"), "{ids:?}");
    let one = user.openai_get("/v1/models/gpt-4o").await?;
    assert_eq!(one.json()["id"], "gpt-4o", "{}", one.text);
    let unknown = say(&user, "gpt-4", "hi", false).await?;
    assert_eq!(unknown.status, 404, "{}", unknown.text);
    assert!(unknown.text.contains("gpt-4o"), "{}", unknown.text);
    Ok(())
}

#[tokio::test]
async fn an_answer_that_is_the_same_each_time_is_kept_where_that_is_wanted() -> Result<()> {
    let mock = Mock::start(Script::default()).await?;
    let app = over(
        &[
            with(&mock.model("kept"), "cache_seconds = 60\n"),
            mock.model("fresh"),
        ],
        "",
    )
    .await?;
    let user = app.anonymous();
    let ask = |model: &str, temperature: f64| {
        json!({
            "model": model, "temperature": temperature, "messages": [{"role": "user", "content": "hi"}],
        })
    };
    let mut texts = Vec::new();
    for _ in 0..3 {
        let reply = user.openai_post(CHAT, &ask("kept", 0.0)).await?;
        let usage = reply.json()["usage"]["total_tokens"].clone();
        assert!(usage.as_u64() > Some(0), "{}", reply.text);
        texts.push(text_of(&reply, false)?);
    }
    assert_eq!(
        asked_for(&mock, "kept"),
        1,
        "asked once, answered three times"
    );
    assert!(texts.windows(2).all(|two| two[0] == two[1]), "{texts:?}");
    for _ in 0..2 {
        // Warm, an answer may be another each time; and nobody asked for answers of `fresh` to be kept.
        user.openai_post(CHAT, &ask("kept", 0.9)).await?;
        user.openai_post(CHAT, &ask("fresh", 0.0)).await?;
    }
    assert_eq!(asked_for(&mock, "kept"), 3);
    assert_eq!(asked_for(&mock, "fresh"), 2);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn beyond_what_a_key_may_use_the_upstream_is_not_asked() -> Result<()> {
    let mock = Mock::start(Script::default()).await?;
    let app = over(&[mock.model("m")], "").await?;
    let limits = KeyLimits {
        requests_per_minute: Some(3),
        ..KeyLimits::default()
    };
    let (key, _) = app
        .app
        .keys()
        .create_limited(&Caller::local("001"), "tight", false, None, limits)
        .await?;
    let tight = app.anonymous().with_key(&key);
    let free = app.keyed("free", false, None).await?;
    let mut refused: Option<Value> = None;
    for nth in 0..8 {
        let reply = say(&tight, "m", "hi", nth % 2 == 0).await?;
        if reply.status == 200 {
            continue;
        }
        assert_eq!(reply.status, 429, "{}", reply.text);
        let wait: u64 = reply.header("retry-after").parse()?;
        assert!((1..=60).contains(&wait), "{wait}");
        refused = Some(reply.json());
    }
    let error = refused.expect("eight calls are more than three");
    assert_eq!(error["error"]["type"], "rate_limit_error", "{error}");
    let asked = asked_for(&mock, "m");
    assert!((3..8).contains(&asked), "asked {asked} times");
    // Another key is not held to it.
    let reply = say(&free, "m", "hi", false).await?;
    assert_eq!(reply.status, 200, "{}", reply.text);
    Ok(())
}
