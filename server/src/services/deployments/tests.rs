//! Starting, stopping and starting again, over a store of their own.

use serde_json::json;
use tempfile::TempDir;

use super::*;
use crate::{clock::Clock, config::Config, workers::ModelKind};

const UPSTREAM: &str = "http://127.0.0.1:1/v1";

async fn app_in(dir: &TempDir, more: &str) -> App {
    let config = Config::from_toml(&format!(
        "[data]\ndir = {:?}\nsample = false\n[builtin]\nenabled = false\n{more}",
        dir.path().display().to_string()
    ))
    .expect("valid");
    App::start(config, Clock::system()).await.expect("starts")
}

fn target(model: &str) -> Target {
    Target {
        model: model.to_owned(),
        ..Target::default()
    }
}

fn wanted(model: &str, params: &Value) -> Wanted {
    Wanted {
        target: target(model),
        params: DeployParams(params.as_object().expect("an object").clone()),
        ..Wanted::default()
    }
}

fn upstream(model: &str) -> Wanted {
    let params = json!({"provider": "proxy/openai", "api_base": UPSTREAM, "api_key": "sk-1"});
    wanted(model, &params)
}

fn listed(app: &App) -> Vec<(String, bool)> {
    let found = app.deployments().list(&me()).expect("may be listed");
    found
        .into_iter()
        .map(|model| (model.name, model.state.is_some()))
        .collect()
}

fn me() -> Caller {
    Caller::local("001")
}

fn named(names: &[(&str, bool)]) -> Vec<(String, bool)> {
    names
        .iter()
        .map(|(name, runs)| ((*name).to_owned(), *runs))
        .collect()
}

#[tokio::test]
async fn a_model_runs_until_it_is_stopped_and_is_there_again_with_its_server() {
    let dir = TempDir::new().expect("a directory");
    let app = app_in(&dir, "").await;
    let (all, caller) = (app.deployments(), me());
    all.start(&caller, upstream("a")).await.expect("starts");
    all.start(&caller, upstream("b")).await.expect("starts");
    all.stop(&caller, &target("b"), false).await.expect("stops");
    assert_eq!(listed(&app), named(&[("a", true), ("b", false)]));
    assert!(app.registry.knows("a") && !app.registry.knows("b"));
    drop(app);

    let app = app_in(&dir, "").await;
    assert_eq!(listed(&app), named(&[("a", true), ("b", false)]));
    let all = app.deployments();
    all.resume(&caller, &target("b")).await.expect("starts");
    assert_eq!(listed(&app), named(&[("a", true), ("b", true)]));
    let error = all.resume(&caller, &target("b")).await.expect_err("runs");
    assert_eq!(error.kind(), "already_exists");
    all.stop(&caller, &target("a"), true).await.expect("stops");
    let error = all.resume(&caller, &target("a")).await.expect_err("gone");
    assert_eq!(error.kind(), "not_found");
    drop(app);

    let app = app_in(&dir, "").await;
    assert_eq!(listed(&app), named(&[("b", true)]));
}

#[tokio::test]
async fn a_refused_duplicate_leaves_the_running_model_alone() {
    let dir = TempDir::new().expect("a directory");
    let app = app_in(&dir, "").await;
    let all = app.deployments();
    all.start(&me(), upstream("a")).await.expect("starts");
    let before = app.registry.awaited("a").expect("runs");
    let mut other = upstream("a");
    other
        .params
        .0
        .insert("api_base".to_owned(), json!("http://127.0.0.1:2/v1"));
    let error = all.start(&me(), other).await.expect_err("taken");
    assert_eq!(error.kind(), "already_exists");
    assert!(app.registry.still_has(&before));
    let kept = app.store.list_deployments(all.place()).await.expect("read");
    assert_eq!(kept[0].params.0["api_base"], UPSTREAM);
}

#[tokio::test]
async fn a_stopped_model_is_started_anew_with_other_parameters() {
    const OTHER: &str = "http://127.0.0.1:2/v1";
    let dir = TempDir::new().expect("a directory");
    let app = app_in(&dir, "").await;
    let (all, caller) = (app.deployments(), me());
    all.start(&caller, upstream("a")).await.expect("starts");
    all.stop(&caller, &target("a"), false).await.expect("stops");
    let wrong = wanted("a", &json!({"provider": "proxy/openai", "nonsense": 1}));
    let error = all.start(&caller, wrong).await.expect_err("refused");
    assert_eq!(error.kind(), "invalid");
    assert_eq!(listed(&app), named(&[("a", false)]));
    let mut other = upstream("a");
    other.params.0.insert("api_base".to_owned(), json!(OTHER));
    all.start(&caller, other).await.expect("starts anew");
    assert_eq!(listed(&app), named(&[("a", true)]));
    let kept = app.store.list_deployments(all.place()).await.expect("read");
    assert_eq!(
        (kept.len(), &kept[0].params.0["api_base"]),
        (1, &json!(OTHER))
    );
}

#[tokio::test]
async fn what_cannot_be_loaded_leaves_nothing_behind_and_says_why() {
    let dir = TempDir::new().expect("a directory");
    let app = app_in(&dir, "").await;
    let all = app.deployments();
    for (params, kind) in [
        (json!({"provider": "proxy/nope"}), "unsupported"),
        (
            json!({"provider": "proxy/openai", "nonsense": 1}),
            "invalid",
        ),
    ] {
        let error = all.start(&me(), wanted("a", &params)).await;
        assert_eq!(error.expect_err("refused").kind(), kind);
    }
    if cfg!(feature = "torch") {
        let nowhere = dir.path().join("nowhere").display().to_string();
        let params = json!({"provider": "hf", "path": nowhere});
        let error = all.start(&me(), wanted("a", &params)).await;
        let error = error.expect_err("no such directory").to_string();
        assert!(error.starts_with("a: "), "{error}");
    }
    assert!(listed(&app).is_empty() && !app.registry.knows("a"));
    let kept = app.store.list_deployments(all.place()).await.expect("read");
    assert!(kept.is_empty());
}

#[tokio::test]
async fn a_restart_is_another_model_of_the_same_name_and_changes_are_kept() {
    let dir = TempDir::new().expect("a directory");
    let app = app_in(&dir, "").await;
    let (all, caller) = (app.deployments(), me());
    all.start(&caller, upstream("a")).await.expect("starts");
    let before = app.registry.awaited("a").expect("runs");
    all.restart(&caller, &target("a")).await.expect("restarts");
    assert!(!app.registry.still_has(&before) && app.registry.knows("a"));

    let changes = |value: Value| value.as_object().expect("an object").clone();
    let same = changes(json!({"provider": "proxy/openai", "api_key": "sk-1"}));
    let restarted = all.update_params(&caller, &target("a"), same).await;
    assert!(!restarted.expect("nothing to do"));
    let more = changes(json!({"concurrency": 3}));
    let restarted = all.update_params(&caller, &target("a"), more).await;
    assert!(restarted.expect("valid"));
    let kept = app.store.list_deployments(all.place()).await.expect("read");
    assert_eq!(kept[0].params.0["concurrency"], 3);
    let error = all
        .update_params(&caller, &target("a"), changes(json!({"provider": "hf"})))
        .await;
    assert_eq!(error.expect_err("fixed").kind(), "invalid");
}

#[tokio::test]
async fn a_model_of_the_configuration_is_stopped_for_as_long_as_the_server_runs() {
    let dir = TempDir::new().expect("a directory");
    let table = "[[models]]\nname = \"dummy/echo\"\nprovider = \"dummy\"\n";
    let app = app_in(&dir, table).await;
    let (all, caller) = (app.deployments(), me());
    all.stop(&caller, &target("dummy/echo"), true)
        .await
        .expect("stops");
    assert_eq!(listed(&app), named(&[("dummy/echo", false)]));
    all.resume(&caller, &target("dummy/echo"))
        .await
        .expect("starts");
    assert_eq!(listed(&app), named(&[("dummy/echo", true)]));
    let changes = Map::from_iter([("concurrency".to_owned(), json!(1))]);
    let error = all
        .update_params(&caller, &target("dummy/echo"), changes)
        .await;
    assert_eq!(error.expect_err("configured").kind(), "unsupported");
    assert!(
        app.store
            .list_deployments(all.place())
            .await
            .expect("read")
            .is_empty()
    );
}

#[tokio::test]
async fn only_who_may_manage_starts_and_stops_and_only_here() {
    let dir = TempDir::new().expect("a directory");
    let app = app_in(&dir, "").await;
    let all = app.deployments();
    let reader = Caller {
        acts: vec![Act::Ask],
        ..Caller::open("reader")
    };
    let refused = all
        .start(&reader, upstream("a"))
        .await
        .expect_err("may not");
    assert_eq!(refused.kind(), "forbidden");
    let refused = all.stop(&reader, &target("a"), false).await;
    assert_eq!(refused.expect_err("may not").kind(), "forbidden");
    let mut elsewhere = upstream("a");
    elsewhere.target.place = Some(ModelPlace {
        host: "10.9.9.9".to_owned(),
        port: app.config.server.port,
    });
    let refused = all.start(&me(), elsewhere).await.expect_err("not here");
    assert!(refused.to_string().contains("10.9.9.9"), "{refused}");
    let mut here = upstream("a");
    here.target.place = Some(ModelPlace {
        host: "localhost".to_owned(),
        port: app.config.server.port,
    });
    all.start(&me(), here).await.expect("this server");
}

#[tokio::test]
async fn a_model_that_is_stopped_while_it_loads_is_not_kept() {
    let dir = TempDir::new().expect("a directory");
    let app = app_in(&dir, "").await;
    let (go, wait) = std::sync::mpsc::channel::<()>();
    let metadata = crate::workers::ModelMetadata::new("a", ModelKind::Llm);
    app.registry
        .add_watched(metadata, &app.tasks, move |progress| {
            progress.begin(4);
            progress.add(1);
            // Whether it was sent or the sender went is the same.
            let _ = wait.recv();
            Err("given up".to_owned())
        })
        .expect("free");
    let starting = app
        .deployed
        .starting("a", DeployedKind::Llm, "hf".to_owned());
    let found = loop {
        let found = app.deployments().list(&me()).expect("may be listed");
        if found[0].progress.is_some() {
            break found;
        }
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    };
    assert_eq!(
        (found[0].progress, found[0].provider.as_deref()),
        (Some(0.25), Some("hf"))
    );
    app.deployments()
        .stop(&me(), &target("a"), false)
        .await
        .expect("given up");
    drop((starting, go));
    assert!(listed(&app).is_empty());
}

#[test]
fn a_server_knows_its_own_address() {
    let deployed = |host: &str| {
        let text = format!("[server]\nhost = \"{host}\"\nport = 5670\n");
        Deployed::new(&Config::from_toml(&text).expect("valid"), Vec::new())
    };
    let is_here = |own: &str, host: &str, port: u16| {
        let place = ModelPlace {
            host: host.to_owned(),
            port,
        };
        deployed(own).is_here(&place, "box-7")
    };
    assert!(is_here("127.0.0.1", "localhost", 5670));
    assert!(is_here("10.0.0.5", "10.0.0.5", 5670));
    assert!(is_here("0.0.0.0", "127.0.0.1", 5670) && is_here("0.0.0.0", "BOX-7", 5670));
    assert!(!is_here("127.0.0.1", "127.0.0.1", 8001));
    assert!(!is_here("10.0.0.5", "127.0.0.1", 5670));
    assert!(!is_here("127.0.0.1", "10.9.9.9", 5670));
    assert_eq!(deployed("0.0.0.0").place().host, "127.0.0.1");
}
