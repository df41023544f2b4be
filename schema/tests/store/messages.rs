//! The messages of conversations: their order, several at a time, editing, clearing and removal.

use serde_json::json;
use tidegate_schema::{
    ids::{ConversationId, MessageId},
    model::Role,
    store::Store,
};

use crate::place::{Place, ask, at, head, kept, message, on_both, turn_of};

on_both!(
    a_round_stands_together,
    messages_of_several,
    editing_a_message,
    rewriting_an_answer,
    rewriting_all_or_nothing,
    clearing_and_deleting,
);

async fn finish(store: &Store, id: &ConversationId, round: i32, answer: &str, seconds: i64) {
    let messages = vec![message(Role::Ai, answer), message(Role::View, answer)];
    let turn = turn_of(store, id, round).await;
    store
        .finish_turn(id, &turn, messages, at(seconds))
        .await
        .unwrap();
}

async fn a_round_stands_together(place: Place) {
    let store = place.open().await;
    let id = ask(&store, head("a"), "first?", 0).await;
    ask(&store, head("a"), "second?", 1).await;
    finish(&store, &id, 2, "second!", 2).await;
    finish(&store, &id, 1, "first!", 3).await;
    let expected = [
        (1, 0, "first?"),
        (1, 4, "first!"),
        (1, 5, "first!"),
        (2, 1, "second?"),
        (2, 2, "second!"),
        (2, 3, "second!"),
    ];
    for messages in [
        store.list_messages(&id).await.unwrap(),
        store
            .list_messages_of(std::slice::from_ref(&id))
            .await
            .unwrap(),
    ] {
        let found: Vec<(i32, i32, &str)> = messages
            .iter()
            .map(|m| (m.round, m.index, m.content.as_str()))
            .collect();
        assert_eq!(found, expected);
    }
}

async fn messages_of_several(place: Place) {
    let store = place.open().await;
    for name in ["a", "b", "c"] {
        let id = ask(&store, head(name), &format!("{name}?"), 0).await;
        finish(&store, &id, 1, &format!("{name}!"), 1).await;
    }
    let found = store
        .list_messages_of(&["c".into(), "a".into(), "none".into(), "a".into()])
        .await
        .unwrap();
    let found: Vec<(&str, i32, &str)> = found
        .iter()
        .map(|m| (m.conversation.as_str(), m.index, m.content.as_str()))
        .collect();
    let expected = [
        ("a", 0, "a?"),
        ("a", 1, "a!"),
        ("a", 2, "a!"),
        ("c", 0, "c?"),
        ("c", 1, "c!"),
        ("c", 2, "c!"),
    ];
    assert_eq!(found, expected);
    assert!(store.list_messages_of(&[]).await.unwrap().is_empty());
    // More than fit in one statement.
    let many: Vec<ConversationId> = (0..2500)
        .map(|n| format!("x{n}").into())
        .chain(["b".into()])
        .collect();
    assert_eq!(store.list_messages_of(&many).await.unwrap().len(), 3);
}

async fn editing_a_message(place: Place) {
    let store = place.open().await;
    let id = ask(&store, head("a"), "first?", 0).await;
    finish(&store, &id, 1, "one", 1).await;
    ask(&store, head("a"), "second?", 2).await;
    let messages = store.list_messages(&id).await.unwrap();
    assert!(
        store
            .update_message(&messages[0].id, "first, again?")
            .await
            .unwrap()
    );
    let title = store.find_conversation(&id).await.unwrap().unwrap().title;
    assert_eq!(title, "second?", "an older question is not the title");
    assert!(
        store
            .update_message(&messages[3].id, "second, again?")
            .await
            .unwrap()
    );
    assert_eq!(
        store.find_conversation(&id).await.unwrap().unwrap().title,
        "second, again?"
    );
    assert!(store.update_message(&messages[2].id, "two").await.unwrap());
    assert_eq!(
        store.find_conversation(&id).await.unwrap().unwrap().title,
        "second, again?"
    );
    let texts: Vec<String> = store
        .list_messages(&id)
        .await
        .unwrap()
        .into_iter()
        .map(|m| m.content)
        .collect();
    assert_eq!(texts, ["first, again?", "one", "two", "second, again?"]);
    assert!(
        !store
            .update_message(&MessageId::from("none"), "x")
            .await
            .unwrap()
    );
}

async fn rewriting_an_answer(place: Place) {
    let store = place.open().await;
    let id = ask(&store, head("a"), "first?", 0).await;
    finish(&store, &id, 1, "one", 1).await;
    let before = store.list_messages(&id).await.unwrap();
    let (ai, view) = (&before[1].id, &before[2].id);
    let document = json!({"text": "two", "rows": [[9_007_199_254_740_993_i64, 1.5, null]]});
    let rewritten = store.rewrite_message(view, "two\0", Some(&document)).await;
    assert!(rewritten.unwrap());
    assert!(store.rewrite_message(ai, "{}", None).await.unwrap());
    let after = store.list_messages(&id).await.unwrap();
    assert_eq!(
        (after[1].content.as_str(), &after[1].detail),
        ("{}", &before[1].detail)
    );
    assert_eq!(
        (after[2].content.as_str(), after[2].detail.evidence.as_ref()),
        ("two\u{FFFD}", Some(&document))
    );
    // Without a document the one there is stays.
    assert!(store.rewrite_message(view, "three", None).await.unwrap());
    let after = store.list_messages(&id).await.unwrap();
    assert_eq!(after[2].detail.evidence.as_ref(), Some(&document));
    assert_eq!((after[0].content.as_str(), after.len()), ("first?", 3));
    let title = store.find_conversation(&id).await.unwrap().unwrap().title;
    assert_eq!(title, "first?");
    let none = MessageId::from("none");
    assert!(!store.rewrite_message(&none, "x", None).await.unwrap());
}

async fn rewriting_all_or_nothing(place: Place) {
    let store = place.open().await;
    let id = ask(&store, head("a"), "first?", 0).await;
    finish(&store, &id, 1, "one", 1).await;
    let messages = store.list_messages(&id).await.unwrap();
    let (ai, view) = (&messages[1].id, &messages[2].id);
    let document = json!({"text": "two"});
    let none = MessageId::from("none");
    let refused = store
        .rewrite_messages(&[(ai, "two", None), (&none, "two", Some(&document))])
        .await
        .unwrap_err();
    assert_eq!(refused.kind(), "not_found");
    assert_eq!(store.list_messages(&id).await.unwrap(), messages);
    store
        .rewrite_messages(&[(ai, "two", None), (view, "two", Some(&document))])
        .await
        .unwrap();
    let texts: Vec<String> = store
        .list_messages(&id)
        .await
        .unwrap()
        .into_iter()
        .map(|message| message.content)
        .collect();
    assert_eq!(texts, ["first?", "two", "two"]);
}

async fn clearing_and_deleting(place: Place) {
    let store = place.open().await;
    let (a, b) = (
        ask(&store, head("a"), "a?", 0).await,
        ask(&store, head("b"), "b?", 0).await,
    );
    let asked = turn_of(&store, &a, 1).await;
    assert!(store.clear_conversation(&a, at(3)).await.unwrap());
    assert!(store.list_messages(&a).await.unwrap().is_empty());
    let head_of_a = store.find_conversation(&a).await.unwrap().unwrap();
    assert_eq!(
        (head_of_a.title.as_str(), head_of_a.modified_at),
        ("", kept(3))
    );
    assert_eq!(
        (head_of_a.select_param, head_of_a.model),
        (None, None),
        "nothing tells any more who may see them"
    );
    let late = store
        .finish_turn(&a, &asked, vec![message(Role::Ai, "late")], at(4))
        .await
        .unwrap_err();
    assert_eq!(
        late.kind(),
        "conflict",
        "a turn does not end in a cleared conversation"
    );
    assert_eq!(
        store
            .begin_turn(head("a"), message(Role::Human, "next?"), at(5))
            .await
            .unwrap()
            .round,
        2
    );
    assert!(
        !store
            .clear_conversation(&"none".into(), at(6))
            .await
            .unwrap()
    );

    assert_eq!(
        store.list_messages(&b).await.unwrap().len(),
        1,
        "others are left alone"
    );
    let asked = turn_of(&store, &b, 1).await;
    assert!(store.delete_conversation(&b).await.unwrap());
    assert!(store.find_conversation(&b).await.unwrap().is_none());
    assert!(store.list_messages(&b).await.unwrap().is_empty());
    assert!(!store.delete_conversation(&b).await.unwrap());
    assert_eq!(
        store
            .begin_turn(head("b"), message(Role::Human, "b?"), at(7))
            .await
            .unwrap()
            .round,
        1,
        "a new one"
    );
    let late = store
        .finish_turn(&b, &asked, vec![message(Role::Ai, "late")], at(8))
        .await
        .unwrap_err();
    assert_eq!(
        late.kind(),
        "conflict",
        "an answer does not land under another question of the same round"
    );
    assert_eq!(store.list_messages(&b).await.unwrap().len(), 1);
}
