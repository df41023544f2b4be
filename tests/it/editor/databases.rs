//! Datasources as the pages list, refresh and offer them.

use anyhow::{Context as _, Result};
use serde_json::{Value, json};
use tidegate_tests::{TestApp, databases};

use super::{start, titles};

#[tokio::test]
async fn tables_are_read_again_when_that_is_asked_for() -> Result<()> {
    let (app, _upstream) = start().await?;
    let admin = app.keyed("admin", true, None).await?;
    let reader = app.keyed("reader", false, None).await?;
    let all = "page_index=1&page_size=200&search_str=age";
    assert!(titles(&admin, all).await?.is_empty());
    let change = "ALTER TABLE people ADD COLUMN age INTEGER";
    databases::make(&app.dir().join("towns.db"), change)?;
    assert!(titles(&admin, all).await?.is_empty(), "not within a minute");
    let refresh = "/api/v1/chat/db/refresh";
    let body = json!({"db_type": "sqlite", "db_name": "towns", "file_path": "/not/looked/at", "db_port": "0"});
    let refused = reader.post(refresh, &body).await?;
    assert_eq!(refused.status, 403, "{}", refused.text);
    assert_eq!(admin.post(refresh, &body).await?.data(), json!(true));
    assert_eq!(titles(&reader, all).await?, ["people"]);

    let summary = "/api/v1/chat/db/summary?db_type=sqlite&db_name=";
    for name in ["towns", "other"] {
        let path = format!("{summary}{name}");
        let answered = reader.post(&path, &json!({})).await?;
        assert_eq!(answered.data(), json!(true), "{name}");
    }
    let unknown = "Database config not found for: town; did you mean 'towns'?";
    for reply in [
        admin.post(refresh, &json!({"db_name": "town"})).await?,
        admin.post(&format!("{summary}town"), &json!({})).await?,
        admin
            .get("/api/v1/editor/db/tables?db_name=town&page_index=1&page_size=9")
            .await?,
        admin
            .post(
                "/api/v1/chat/db/edit",
                &json!({"db_type": "sqlite", "db_name": "town", "file_path": "/x.db"}),
            )
            .await?,
    ] {
        let found = reply.json();
        assert_eq!(
            (reply.status, &found["err_code"], &found["err_msg"]),
            (400, &json!("E0003"), &json!(unknown))
        );
    }
    let nameless = admin.post(refresh, &json!({})).await?.json();
    assert_eq!(nameless["err_msg"], "body.db_name:Field required;");
    Ok(())
}

#[tokio::test]
async fn a_list_is_up_to_date_as_soon_as_a_change_is_answered() -> Result<()> {
    let (app, _upstream) = start().await?;
    let user = app.anonymous();
    let names = || async {
        let listed = user.get("/api/v1/chat/db/list").await?.data();
        let listed = listed.as_array().context("a list")?.clone();
        let text = |row: &Value, name: &str| row[name].as_str().unwrap_or_default().to_owned();
        anyhow::Ok(
            listed
                .iter()
                .map(|row| (text(row, "db_name"), text(row, "comment")))
                .collect::<Vec<_>>(),
        )
    };
    let row = |name: &str, comment: &str| (name.to_owned(), comment.to_owned());
    let (other, towns) = (row("other", ""), row("towns", ""));
    let path = app.dir().join("towns.db");
    let body = |comment: &str| json!({"db_type": "sqlite", "db_name": "third", "db_path": path, "comment": comment});
    for comment in ["one", "two", "three"] {
        assert_eq!(names().await?, [other.clone(), towns.clone()]);
        user.post("/api/v1/chat/db/add", &body(comment))
            .await?
            .data();
        assert_eq!(
            names().await?,
            [row("third", comment), other.clone(), towns.clone()]
        );
        let again = user.post("/api/v1/chat/db/add", &body("again")).await?;
        assert!(
            again.status == 400 && again.text.contains("'third' exists already"),
            "{}",
            again.text
        );
        user.post("/api/v1/chat/db/edit", &body("edited"))
            .await?
            .data();
        assert_eq!(names().await?[0], row("third", "edited"));
        user.post("/api/v1/chat/db/delete?db_name=third", &json!({}))
            .await?
            .data();
    }
    // What another process writes is there a second later, and at once for whoever names it.
    app.app.store.delete_datasource("other").await?;
    let gone = json!({"db_name": "other", "sql": "SELECT 1"});
    let gone = user.post("/api/v1/editor/sql/run", &gone).await?;
    assert_eq!(gone.status, 400, "{}", gone.text);
    assert_eq!(names().await?, [towns]);
    Ok(())
}

#[tokio::test]
async fn a_password_comes_from_no_variable_that_is_not_named_as_one() -> Result<()> {
    let app = TestApp::builder().start().await?;
    let user = app.anonymous();
    let body = |password: &str| {
        json!({
            "db_type": "postgresql", "db_name": "sales", "db_host": "127.0.0.1", "db_port": "1", "db_user": "ann",
            "db_pwd": password,
        })
    };
    for (password, part) in [
        (
            "${env:TIDEGATE_DATABASE_SECRET_KEY}",
            "may not stand in a password",
        ),
        ("${env:HOME:-x}", "may not stand in a password"),
        ("${env:NOBODY_SETS_THIS_PASSWORD}", "is not set"),
        ("${env:NOBODY_SETS_THIS_PASSWORD", "without its closing"),
    ] {
        let tested = user
            .post("/api/v1/chat/db/test/connect", &body(password))
            .await?
            .json();
        let message = tested["err_msg"].as_str().unwrap_or_default();
        assert!(
            tested["err_code"] == "E1001"
                && message.starts_with("sales Test connect Failure!password: ")
                && message.contains(part),
            "{password}: {tested}"
        );
        let added = user.post("/api/v1/chat/db/add", &body(password)).await?;
        assert!(
            added.status == 400 && added.text.contains(part),
            "{password}: {}",
            added.text
        );
    }
    assert_eq!(user.get("/api/v1/chat/db/list").await?.data(), json!([]));
    Ok(())
}

#[tokio::test]
async fn modes_are_told_what_they_may_be_asked_of() -> Result<()> {
    let (app, _upstream) = start().await?;
    let user = app.anonymous();
    let databases = json!([
        {"param": "towns", "type": "sqlite"}, {"param": "other", "type": "sqlite"},
    ]);
    for (path, expected) in [
        (
            "mode/params/list?chat_mode=chat_with_db_execute",
            &databases,
        ),
        ("mode/params/list?chat_mode=chat_with_db_qa", &databases),
        ("mode/params/list?chat_mode=chat_dashboard", &databases),
        ("mode/params/list?chat_mode=chat_knowledge", &json!([])),
        ("mode/params/list?chat_mode=chat_execution", &json!([])),
        ("mode/params/list?chat_mode=chat_excel", &Value::Null),
        ("mode/params/list?chat_mode=nope", &Value::Null),
        ("mode/params/list", &Value::Null),
        (
            "mode/params/info?chat_mode=chat_with_db_qa",
            &json!({"towns": "", "other": ""}),
        ),
        ("mode/params/info?chat_mode=chat_normal", &Value::Null),
    ] {
        let answered = user
            .post(&format!("/api/v1/chat/{path}"), &json!({}))
            .await?;
        assert_eq!(answered.data(), *expected, "{path}");
    }
    let resources = "/api/v1/resource/params/list";
    for (kind, expected) in [
        ("database", &databases),
        ("knowledge", &json!([])),
        ("tool", &json!([])),
        ("nope", &Value::Null),
    ] {
        let path = format!("{resources}?resource_type={kind}");
        assert_eq!(
            user.post(&path, &json!({})).await?.data(),
            *expected,
            "{kind}"
        );
    }
    let missing = user.post(resources, &json!({})).await?.json();
    assert_eq!(missing["err_msg"], "query.resource_type:Field required;");
    Ok(())
}
