//! Uploads: kept, found by id and by conversation, and known when their conversation is gone.

use tidegate_schema::{
    model::{MessageDetail, NewMessage, Role, TurnHead, Upload, UploadId},
    store::Store,
};

use crate::place::{Place, at, kept, on_both};

on_both!(
    an_upload_comes_back_as_it_was,
    uploads_are_listed_by_conversation_from_the_latest_on,
    all_are_added_or_none,
    those_of_conversations_that_are_gone_are_told,
);

fn upload(id: &str, conversation: &str, seconds: i64) -> Upload {
    Upload {
        id: UploadId(id.into()),
        bucket: Upload::BUCKET.into(),
        name: "销售 \"2024\".csv".into(),
        size: 5_000_000_000,
        conversation: conversation.into(),
        owner: "001".into(),
        created_at: kept(seconds),
    }
}

fn ids(uploads: &[Upload]) -> Vec<&str> {
    uploads.iter().map(|upload| upload.id.as_str()).collect()
}

async fn begin(store: &Store, conversation: &str) {
    let head = TurnHead {
        conversation: conversation.into(),
        mode: "chat_excel".into(),
        user: None,
        sys_code: None,
        app_code: None,
        model: None,
        select_param: None,
    };
    let question = NewMessage {
        role: Role::Human,
        content: "how many?".into(),
        detail: MessageDetail::default(),
    };
    store.begin_turn(head, question, at(0)).await.unwrap();
}

async fn an_upload_comes_back_as_it_was(place: Place) {
    let store = place.open().await;
    let one = upload("a", "c", 1);
    store
        .insert_uploads(std::slice::from_ref(&one))
        .await
        .unwrap();
    assert_eq!(store.find_upload(&one.id).await.unwrap(), Some(one.clone()));
    assert!(store.delete_upload(&one.id).await.unwrap());
    assert!(!store.delete_upload(&one.id).await.unwrap());
    assert_eq!(store.find_upload(&one.id).await.unwrap(), None);
}

async fn uploads_are_listed_by_conversation_from_the_latest_on(place: Place) {
    let store = place.open().await;
    let all = [
        upload("a", "c", 1),
        upload("b", "c", 3),
        upload("d", "c", 2),
        upload("e", "other", 4),
    ];
    store.insert_uploads(&all).await.unwrap();
    let found = store.list_uploads(&"c".into()).await.unwrap();
    assert_eq!(ids(&found), ["b", "d", "a"]);
    let wanted = ["e", "a", "nobody"].map(|id| UploadId(id.into()));
    let mut found = store.find_uploads(&wanted).await.unwrap();
    found.sort_by(|a, b| a.id.cmp(&b.id));
    assert_eq!(ids(&found), ["a", "e"]);
    assert!(store.find_uploads(&[]).await.unwrap().is_empty());
}

async fn all_are_added_or_none(place: Place) {
    let store = place.open().await;
    let twice = [
        upload("a", "c", 1),
        upload("b", "c", 1),
        upload("a", "c", 1),
    ];
    store.insert_uploads(&twice).await.unwrap_err();
    assert!(store.list_uploads(&"c".into()).await.unwrap().is_empty());
}

async fn those_of_conversations_that_are_gone_are_told(place: Place) {
    let store = place.open().await;
    begin(&store, "there").await;
    begin(&store, "gone").await;
    let all = [
        upload("kept", "there", 1),
        upload("left", "gone", 1),
        upload("never", "unasked", 1),
        upload("fresh", "unasked", 9),
    ];
    store.insert_uploads(&all).await.unwrap();
    store.delete_conversation(&"gone".into()).await.unwrap();
    let mut found = store.list_uploads_left_over(at(5)).await.unwrap();
    found.sort_by(|a, b| a.id.cmp(&b.id));
    assert_eq!(ids(&found), ["left", "never"]);
}
