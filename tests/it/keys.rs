//! Who may do what: keys made, refused and revoked, grants on datasources, and the door that stays shut.

use anyhow::{Context as _, Result};
use reqwest::Method;
use serde_json::{Value, json};
use tempfile::TempDir;
use tidegate_schema::model::Caller;
use tidegate_tests::{TestApp, User, databases, upstream::Script};

use crate::support::{QUESTION, TOWNS, program, towns};

/// Every surface's way to be asked something small.
async fn knock(user: &User) -> Result<[(u16, Value); 4]> {
    let graphql = json!({"query": "{ datasources { edges { node { name } } } }"});
    let rest = user.get("/api/v1/chat/db/list").await?;
    let openai = user.openai_get("/v1/models").await?;
    let alias = user.get("/v1/models").await?;
    let graphql = user.post("/graphql", &graphql).await?;
    Ok([rest, openai, alias, graphql].map(|reply| (reply.status, reply.json())))
}

#[tokio::test]
async fn without_keys_loopback_is_open() -> Result<()> {
    let (app, _upstream) = towns(Script::default()).await?;
    for (status, body) in knock(&app.anonymous()).await? {
        assert_eq!(status, 200, "{body}");
    }
    Ok(())
}

#[tokio::test]
async fn once_there_is_a_key_each_surface_refuses_in_its_own_shape() -> Result<()> {
    let (app, _upstream) = towns(Script::default()).await?;
    let keyed = app.keyed("reader", false, None).await?;
    for (status, body) in knock(&keyed).await? {
        assert_eq!(status, 200, "{body}");
    }
    for user in [app.anonymous(), app.anonymous().with_key("tg-wrong")] {
        let [rest, openai, alias, graphql] = knock(&user).await?;
        assert_eq!(
            (
                rest.0,
                &rest.1["success"],
                &rest.1["err_code"],
                &rest.1["data"]
            ),
            (401, &json!(false), &json!("401"), &Value::Null)
        );
        for (status, body) in [openai, alias] {
            assert_eq!(
                (status, &body["error"]["code"]),
                (401, &json!("invalid_api_key")),
                "{body}"
            );
        }
        assert_eq!(
            (graphql.0, &graphql.1["errors"][0]["extensions"]["code"]),
            (401, &json!("unauthenticated"))
        );
    }
    Ok(())
}

#[tokio::test]
async fn health_and_documents_need_no_key() -> Result<()> {
    let (app, _upstream) = towns(Script::default()).await?;
    app.keyed("reader", false, None).await?;
    for path in ["/health", "/api/health", "/ready", "/openapi.json"] {
        assert_eq!(app.anonymous().get(path).await?.status, 200, "{path}");
    }
    assert_eq!(app.anonymous().openai_get("/api/health").await?.status, 200);
    Ok(())
}

#[tokio::test]
async fn a_revoked_key_opens_nothing_any_more() -> Result<()> {
    let (app, _upstream) = towns(Script::default()).await?;
    let (gone, stays) = (
        app.keyed("gone", false, None).await?,
        app.keyed("stays", false, None).await?,
    );
    let record = app
        .app
        .keys()
        .list(&Caller::local("001"))
        .await?
        .into_iter()
        .find(|key| key.name == "gone");
    app.app
        .keys()
        .revoke(
            &Caller::local("001"),
            record.context("the key")?.id.as_str(),
        )
        .await?;
    assert!(knock(&gone).await?.iter().all(|(status, _)| *status == 401));
    assert!(
        knock(&stays)
            .await?
            .iter()
            .all(|(status, _)| *status == 200)
    );
    Ok(())
}

#[tokio::test]
async fn a_key_that_may_only_ask_cannot_change_datasources() -> Result<()> {
    let (app, _upstream) = towns(Script::default()).await?;
    let reader = app.keyed("reader", false, None).await?;
    let path = app.dir().join("more.db");
    databases::make(&path, TOWNS)?;
    let body = json!({"db_type": "sqlite", "db_name": "more", "file_path": path});
    for route in ["add", "edit", "test/connect"] {
        let body = if route == "edit" {
            json!({"db_type": "sqlite", "db_name": "towns", "file_path": path})
        } else {
            body.clone()
        };
        let reply = reader
            .post(&format!("/api/v1/chat/db/{route}"), &body)
            .await?;
        assert_eq!(
            (reply.status, &reply.json()["err_code"]),
            (403, &json!("403")),
            "{route}: {}",
            reply.text
        );
    }
    let reply = reader
        .post("/api/v1/chat/db/delete?db_name=towns", &json!({}))
        .await?;
    assert_eq!(reply.status, 403, "{}", reply.text);
    let admin = app.keyed("admin", true, None).await?;
    assert_eq!(
        admin.post("/api/v1/chat/db/add", &body).await?.data(),
        json!(true)
    );
    Ok(())
}

#[tokio::test]
async fn a_grant_on_one_datasource_hides_the_others_everywhere() -> Result<()> {
    let (app, _upstream) = towns(Script::default()).await?;
    app.add_sqlite("secret", TOWNS).await?;
    let user = app.keyed("towns only", false, Some(&["towns"])).await?;
    let names = user.get("/api/v1/chat/db/list").await?.data();
    assert_eq!(
        names
            .as_array()
            .context("list")?
            .iter()
            .map(|d| &d["db_name"])
            .collect::<Vec<_>>(),
        [&json!("towns")]
    );

    let run = user
        .post(
            "/api/v1/editor/sql/run",
            &json!({"db_name": "secret", "sql": "SELECT 1"}),
        )
        .await?;
    assert_eq!(run.status, 403, "{}", run.text);
    let tables = user
        .get("/api/v1/editor/db/tables?db_name=secret&page_index=1&page_size=10")
        .await?;
    assert_eq!(tables.status, 403, "{}", tables.text);
    let turn = json!({"chat_mode": "chat_with_db_execute", "select_param": "secret", "user_input": QUESTION});
    assert_eq!(
        user.post("/api/v1/chat/completions", &turn).await?.status,
        403
    );
    let chat =
        json!({"model": "scripted:secret", "messages": [{"role": "user", "content": QUESTION}]});
    let chat = user.openai_post("/v1/chat/completions", &chat).await?;
    assert_eq!(
        (chat.status, &chat.json()["error"]["code"]),
        (403, &json!("forbidden"))
    );
    let ask = "mutation { ask(input: {question: \"q\", datasource: \"secret\"}) { ... on Problem { code } } }";
    let ask = user.post("/graphql", &json!({"query": ask})).await?.json();
    assert_eq!(ask["data"]["ask"]["code"], "forbidden", "{ask}");
    Ok(())
}

#[tokio::test]
async fn a_users_name_gives_no_rights() -> Result<()> {
    let (app, _upstream) = towns(Script::default()).await?;
    app.keyed("reader", false, None).await?;
    let anonymous = app.anonymous();
    let request = anonymous
        .request(Method::GET, "/api/v1/chat/db/list")
        .header("user-id", "admin");
    assert_eq!(anonymous.send(request).await?.status, 401);
    Ok(())
}

#[tokio::test]
async fn passwords_are_never_shown() -> Result<()> {
    let app = TestApp::builder().start().await?;
    let connection = tidegate_schema::model::Connection {
        engine: tidegate_schema::model::Engine::Postgres,
        path: String::new(),
        host: "127.0.0.1".to_owned(),
        port: 9,
        user: "ann".to_owned(),
        password: secrecy::SecretString::from("s3cret-word"),
        database: "sales".to_owned(),
    };
    // Straight into the store: no such server answers.
    let new = tidegate_schema::model::NewDatasource {
        name: "sales".to_owned(),
        connection,
        comment: String::new(),
        owner: None,
    };
    app.app
        .store
        .insert_datasource(new, app.app.clock.now())
        .await?;
    let list = app.anonymous().get("/api/v1/chat/db/list").await?;
    assert!(
        list.text.contains("******") && !list.text.contains("s3cret-word"),
        "{}",
        list.text
    );
    let run = app
        .anonymous()
        .post(
            "/api/v1/editor/sql/run",
            &json!({"db_name": "sales", "sql": "SELECT 1"}),
        )
        .await?;
    assert!(!run.text.contains("s3cret-word"), "{}", run.text);
    let stored = std::fs::read(app.dir().join("tidegate.db"))?;
    assert!(
        !stored.windows(11).any(|bytes| bytes == b"s3cret-word"),
        "the password is in the store in plain"
    );
    Ok(())
}

#[test]
fn beyond_loopback_the_server_refuses_to_start_without_a_key() -> Result<()> {
    let dir = TempDir::new()?;
    let program = program(dir.path(), "")?;
    let refused = program.run(&[
        "serve",
        "--host",
        "0.0.0.0",
        "--port",
        "0",
        "--openai-port",
        "0",
    ])?;
    assert!(!refused.success, "{refused:?}");
    for part in ["server.host", "--open", "tidegate key create"] {
        assert!(
            refused.err.contains(part),
            "{part} is missing in {}",
            refused.err
        );
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn beyond_loopback_the_server_answers_to_a_key_alone() -> Result<()> {
    let dir = TempDir::new()?;
    let program = program(dir.path(), "")?;
    let made = program.run(&["key", "create", "--name", "reader"])?;
    let key = made.out.trim_end().to_owned();
    assert!(
        key.starts_with("tg-") && key.bytes().all(|byte| byte.is_ascii_graphic()),
        "more than the key stands on standard output: {made:?}"
    );
    assert!(made.err.contains("not shown again"), "{made:?}");
    let server = program.serve(&["--host", "0.0.0.0"])?;
    let web = std::net::SocketAddr::from(([127, 0, 0, 1], server.web.port()));
    let openai = std::net::SocketAddr::from(([127, 0, 0, 1], server.openai.port()));
    let user = User::anonymous(web, openai);
    assert_eq!(user.get("/api/v1/chat/db/list").await?.status, 401);
    assert_eq!(
        user.with_key(&key)
            .get("/api/v1/chat/db/list")
            .await?
            .status,
        200
    );

    let listed = program.run(&["key", "list"])?;
    assert!(
        listed.out.contains("reader") && !listed.out.contains(&key),
        "{listed:?}"
    );
    let prefix: String = key.chars().take(9).collect();
    assert!(program.run(&["key", "revoke", &prefix])?.success);
    assert_eq!(
        user.with_key(&key)
            .get("/api/v1/chat/db/list")
            .await?
            .status,
        401
    );
    Ok(())
}
