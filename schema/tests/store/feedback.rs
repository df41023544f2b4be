//! Opinions on answers.

use tidegate_schema::model::{Complaint, Opinion};

use crate::place::{Place, ask, at, head, kept, on_both};

on_both!(
    a_round_has_one_opinion_and_what_is_not_said_again_stays,
    opinions_go_with_their_conversation,
);

async fn a_round_has_one_opinion_and_what_is_not_said_again_stays(place: Place) {
    let store = place.open().await;
    let id = ask(&store, head("a"), "?", 0).await;
    assert!(store.find_feedback(&id, 1).await.unwrap().is_none());
    let unlike = Opinion {
        liked: Some(false),
        complaints: Some(vec![Complaint::WrongAnswer, Complaint::Others]),
        remark: Some("no\0".into()),
        ..Opinion::default()
    };
    let first = store
        .keep_feedback(&id, 1, &unlike, "anna", at(1))
        .await
        .unwrap();
    assert_eq!(first.opinion.complaints, unlike.complaints);
    assert_eq!(first.opinion.remark.as_deref(), Some("no\u{FFFD}"));
    let score = Opinion {
        score: Some(4),
        topic: Some("others".into()),
        ..Opinion::default()
    };
    let second = store
        .keep_feedback(&id, 1, &score, "bo", at(2))
        .await
        .unwrap();
    assert_eq!(second.id, first.id);
    assert_eq!(
        (second.opinion.liked, second.opinion.score),
        (Some(false), Some(4))
    );
    assert_eq!((second.created_at, second.modified_at), (kept(1), kept(2)));
    assert_eq!(second.user.as_deref(), Some("bo"));
    let like = Opinion {
        liked: Some(true),
        complaints: Some(Vec::new()),
        ..Opinion::default()
    };
    let third = store
        .keep_feedback(&id, 1, &like, "bo", at(3))
        .await
        .unwrap();
    assert_eq!(third.opinion.complaints, Some(Vec::new()));
    assert_eq!(
        store.find_feedback(&id, 1).await.unwrap(),
        Some(third.clone())
    );
    assert_eq!(store.list_feedback(&id).await.unwrap(), [third]);
    assert!(store.delete_feedback(&id, 1).await.unwrap());
    assert!(!store.delete_feedback(&id, 1).await.unwrap());
}

async fn opinions_go_with_their_conversation(place: Place) {
    let store = place.open().await;
    let like = Opinion {
        liked: Some(true),
        ..Opinion::default()
    };
    let unknown = store
        .keep_feedback(&"none".into(), 1, &like, "anna", at(1))
        .await
        .unwrap_err();
    assert_eq!(unknown.kind(), "conflict");
    for name in ["deleted", "cleared"] {
        let id = ask(&store, head(name), "?", 0).await;
        store
            .keep_feedback(&id, 1, &like, "anna", at(1))
            .await
            .unwrap();
    }
    store.delete_conversation(&"deleted".into()).await.unwrap();
    store
        .clear_conversation(&"cleared".into(), at(2))
        .await
        .unwrap();
    for name in ["deleted", "cleared"] {
        assert!(store.list_feedback(&name.into()).await.unwrap().is_empty());
    }
}
