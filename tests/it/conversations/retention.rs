//! How long conversations are kept.

use anyhow::Result;
use chrono::TimeDelta;
use tidegate_schema::model::{ConversationFilter, MessageDetail, NewMessage, Role, TurnHead};
use tidegate_tests::{
    TestApp,
    upstream::{Script, Upstream},
};

use super::ask;
use crate::support::{QUESTION, SQL, TOWNS};

/// A conversation in which something was last said so many days ago.
async fn old(app: &TestApp, conversation: &str, days: i64) -> Result<()> {
    let head = TurnHead {
        conversation: conversation.into(),
        mode: "chat_normal".to_owned(),
        user: None,
        sys_code: None,
        app_code: None,
        model: None,
        select_param: None,
    };
    let question = NewMessage {
        role: Role::Human,
        content: "hi".to_owned(),
        detail: MessageDetail::default(),
    };
    let at = app.app.clock.now() - TimeDelta::days(days);
    app.app.store.begin_turn(head, question, at).await?;
    Ok(())
}

#[tokio::test]
async fn only_conversations_that_are_too_old_are_removed() -> Result<()> {
    let upstream = Upstream::start(Script::default().sql(QUESTION, SQL)).await?;
    let app = TestApp::builder()
        .model(&upstream.model("scripted"))
        .config("[conversations]\nkeep_days = 30")
        .start()
        .await?;
    app.add_sqlite("towns", TOWNS).await?;
    let user = app.anonymous();
    ask(&user, "new", "chat_with_db_execute", QUESTION).await?;
    for (conversation, days) in [("young", 29), ("old", 31), ("older", 4000), ("revived", 90)] {
        old(&app, conversation, days).await?;
    }
    ask(&user, "revived", "chat_normal", "and now?").await?;
    let statements = app.app.store.list_audit(10).await?.len();
    assert_eq!(app.app.conversations().sweep().await?, 2);
    assert_eq!(app.app.conversations().sweep().await?, 0);
    let mut left = app
        .app
        .store
        .scan_conversations(&ConversationFilter::default(), None, None, 9, false)
        .await?
        .into_iter()
        .map(|one| one.id.0)
        .collect::<Vec<_>>();
    left.sort_unstable();
    assert_eq!(left, ["new", "revived", "young"]);
    assert_eq!(app.app.store.list_audit(10).await?.len(), statements);
    Ok(())
}

#[tokio::test]
async fn everything_is_kept_where_nothing_says_how_long() -> Result<()> {
    let app = TestApp::builder().start().await?;
    old(&app, "older", 20_000).await?;
    assert_eq!(app.app.conversations().sweep().await?, 0);
    let kept = app.app.store.find_conversation(&"older".into()).await?;
    assert!(kept.is_some());
    Ok(())
}
