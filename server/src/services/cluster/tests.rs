//! The count over a real store, who is let in, and what this process offers.

use chrono::{DateTime, TimeDelta};
use tempfile::TempDir;
use tidegate_schema::model::Act;

use super::*;
use crate::workers::{GenerateRequest, PromptMessage};

const KEY: &str = "a key of the cluster";

async fn app(sections: &str) -> (App, TempDir) {
    let folder = tempfile::tempdir().expect("a folder");
    let text = format!(
        "[data]\ndir = {:?}\nsample = false\n[builtin]\nenabled = false\n{sections}",
        folder.path().display().to_string()
    );
    let config = Config::from_toml(&text).expect("valid");
    let app = App::open(config, Clock::system()).await.expect("opens");
    app.load_models().expect("loads");
    (app, folder)
}

const MODELS: &str = "[[models]]\nname = 'echo'\nprovider = 'dummy'\n\
    [[models]]\nname = 'vectors'\nprovider = 'dummy'\nkind = 'embedding'\n";

fn here() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 8001))
}

/// Offers without tasks of its own.
const ALONE: Duties = Duties {
    counts: false,
    follows: false,
    offers: true,
};

async fn peer(app: &App) -> Peer {
    app.cluster().admit(None, true).await.expect("let in")
}

fn names(instances: &[Instance]) -> Vec<&str> {
    instances
        .iter()
        .map(|instance| instance.model_name.as_str())
        .collect()
}

#[tokio::test]
async fn own_models_are_listed_beside_those_that_registered() {
    let (app, _folder) = app(MODELS).await;
    let cluster = app.cluster();
    let peer = peer(&app).await;
    let other = Instance::new("fake@llm", "10.0.0.5", 9999);
    cluster.register(&peer, &other).await.expect("registers");
    let before = cluster.list(None, false).await.expect("lists").instances;
    assert_eq!(names(&before), ["fake@llm"]);

    cluster.join(here(), ALONE);
    let all = cluster.list(None, false).await.expect("lists").instances;
    let expected = [
        "echo@llm",
        "vectors@text2vec",
        Instance::MANAGER,
        "fake@llm",
    ];
    assert_eq!(names(&all), expected);
    assert!(all.iter().all(|instance| instance.healthy));
    assert!(all[0].is_at("127.0.0.1", 8001));
    let some = cluster
        .list(Some("fake@llm"), true)
        .await
        .expect("lists")
        .instances;
    assert_eq!(names(&some), ["fake@llm"]);

    cluster
        .deregister(&peer, &other, false)
        .await
        .expect("leaves");
    let listed = cluster
        .list(Some("fake@llm"), false)
        .await
        .expect("lists")
        .instances;
    assert!(!listed[0].healthy);
    let healthy = cluster
        .list(Some("fake@llm"), true)
        .await
        .expect("lists")
        .instances;
    assert!(healthy.is_empty());
    cluster.heartbeat(&peer, &other).await.expect("beats");
    let healthy = cluster
        .list(Some("fake@llm"), true)
        .await
        .expect("lists")
        .instances;
    assert_eq!(names(&healthy), ["fake@llm"]);
    let wrong = Instance::new("fake@llm", "http://10.0.0.5/", 1);
    let wrong = cluster.register(&peer, &wrong).await.expect_err("no host");
    assert_eq!(wrong.kind(), "invalid");
}

#[tokio::test]
async fn silent_instances_are_swept_and_those_that_are_gone_forgotten() {
    let (app, _folder) = app("").await;
    let start = DateTime::from_timestamp(1_795_000_000, 0).expect("a time");
    let at = |seconds| {
        let clock = Clock::fixed(start + TimeDelta::seconds(seconds));
        Instances::new(app.store.clone(), clock)
    };
    let one = Instance::new("m@llm", "h", 1);
    at(0).heartbeat(&one).await.expect("registers");
    let expiry = Duration::from_mins(1);
    at(59).sweep(expiry).await.expect("sweeps");
    assert!(at(59).read().await.expect("lists")[0].healthy);
    at(61).sweep(expiry).await.expect("sweeps");
    assert!(!at(61).read().await.expect("lists")[0].healthy);
    at(62).heartbeat(&one).await.expect("is back");
    assert!(at(62).read().await.expect("lists")[0].healthy);
    at(200_000).sweep(expiry).await.expect("sweeps");
    assert!(at(200_000).read().await.expect("lists").is_empty());
}

#[tokio::test]
async fn only_the_key_opens_where_keys_are_in_force() {
    let (open, _folder) = app("").await;
    assert!(open.cluster().admit(None, true).await.is_ok());
    assert!(open.cluster().admit(None, false).await.is_err());

    let (locked, _folder) = app(&format!("[cluster]\nkey = '{KEY}'\n")).await;
    let cluster = locked.cluster();
    assert!(cluster.admit(Some(KEY), false).await.is_ok());
    assert!(cluster.admit(None, true).await.is_ok(), "on the machine");
    assert!(cluster.admit(Some("another key"), false).await.is_err());
    let made = locked.keys();
    let local = tidegate_schema::model::Caller::local("001");
    let (admin, _) = made
        .create(&local, "admin", true, None)
        .await
        .expect("a key");
    let (plain, _) = made
        .create(&local, "plain", false, None)
        .await
        .expect("a key");
    for loopback in [true, false] {
        let refused = cluster.admit(None, loopback).await.expect_err("no key");
        assert!(refused.to_string().contains("set cluster.key"), "{refused}");
    }
    let trusted = cluster.admit(Some(KEY), false).await.expect("let in");
    trusted.may_register().expect("may");
    let admin = cluster.admit(Some(&admin), false).await.expect("let in");
    admin.may_register().expect("may");
    let plain = cluster.admit(Some(&plain), false).await.expect("let in");
    assert!(plain.may_register().is_err() && plain.caller.may(Act::Ask).is_ok());
}

#[tokio::test]
async fn open_lets_the_keyless_ask_and_register_and_manage_nothing() {
    let (app, _folder) = app("[cluster]\nopen = true\n").await;
    let local = tidegate_schema::model::Caller::local("001");
    app.keys()
        .create(&local, "any", true, None)
        .await
        .expect("a key");
    for bearer in [None, Some("what DB-GPT sends")] {
        let peer = app.cluster().admit(bearer, false).await.expect("let in");
        peer.may_register().expect("may");
        assert!(peer.caller.may(Act::Ask).is_ok());
        assert!(peer.caller.may(Act::ManageDatasources).is_err());
    }
}

#[tokio::test]
async fn peers_ask_own_models_and_no_others() {
    let (app, _folder) = app(MODELS).await;
    app.cluster().join(here(), ALONE);
    let peer = peer(&app).await;
    let list = vec![Instance::new("far@llm", "127.0.0.1", 9)];
    app.links.fleet.apply(app.cluster().place(), list);
    assert!(app.registry.knows("far"));
    let ask = |name: &'static str| {
        let request = GenerateRequest::of(vec![PromptMessage::user("hi")]);
        let (app, peer) = (&app, &peer);
        async move { app.cluster().generate(peer, name, request, true).await }
    };
    let chunks = ask("echo").await.map_err(|error| error.to_string());
    let chunks = chunks.unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(app.links.loads.of("echo"), 1);
    drop(chunks);
    assert_eq!(app.links.loads.of("echo"), 0);
    for elsewhere in ["far", "vectors", "nobody"] {
        let refused = ask(elsewhere).await.err().map(|error| error.kind());
        assert_eq!(refused, Some("not_found"), "{elsewhere}");
    }
    let counted = app.cluster().count_tokens(&peer, None, "a b c").await;
    assert_eq!(counted.expect("counts"), Some(3));
    let texts = vec!["a".to_owned()];
    let vectors = app.cluster().embed(&peer, "vectors", texts).await;
    assert_eq!(vectors.expect("embeds").len(), 1);
    app.stopping.cancel();
    let refused = ask("echo").await.err().map(|error| error.kind());
    assert_eq!(refused, Some("overloaded"));
}
