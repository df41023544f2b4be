//! A datasource that lets changes through, and whose connection is changed.

use anyhow::{Context as _, Result};
use serde_json::{Value, json};
use tidegate_tests::{User, databases};

use super::{MOVE, ann, app, editor, refusal};
use crate::table_grants::with_payroll;

async fn is_writable(user: &User) -> Result<bool> {
    let query = json!({"query": "{ datasource(name: \"towns\") { writable } }"});
    let body = user.post("/graphql", &query).await?.json();
    body["data"]["datasource"]["writable"]
        .as_bool()
        .with_context(|| body.to_string())
}

#[tokio::test]
async fn a_datasource_that_leads_to_another_database_is_read_only_again() -> Result<()> {
    let app = app("").await?;
    let user = app.anonymous();
    let edit = async |file: &str, comment: &str| {
        let body = json!({
            "db_type": "sqlite", "db_name": "towns", "file_path": app.dir().join(file), "comment": comment,
        });
        let edited = user.post("/api/v1/chat/db/edit", &body).await?;
        anyhow::Ok(edited.data())
    };
    edit("towns.db", "another comment").await?;
    assert!(is_writable(&user).await?, "it is the same database");

    databases::make(&app.dir().join("moved.db"), &with_payroll())?;
    assert_eq!(edit("moved.db", "moved").await?, Value::Bool(true));
    assert!(!is_writable(&user).await?);
    let answer = editor(&user, "towns", MOVE, Some(true)).await?;
    let message = refusal(&answer);
    assert!(message.contains("tidegate db writable towns"), "{message}");
    assert_eq!(ann(&app, "moved")?, "Oslo");

    // Going back is no mark either.
    edit("towns.db", "back").await?;
    assert!(!is_writable(&user).await?);
    Ok(())
}
