//! Titles that stay, words that are found, conversations that come from elsewhere, and those that are too old.

use tidegate_schema::{
    ids::ConversationId,
    model::{Conversation, ConversationFilter, KeptConversation, Opinion, Role},
    store::Store,
};

use crate::place::{Place, ask, at, head, message, on_both, turn_of};

on_both!(
    a_given_title_outlives_the_next_question,
    words_are_found_in_titles_questions_and_answers,
    what_is_carried_to_another_store_is_what_it_was,
    an_id_that_is_taken_is_replaced,
    an_import_that_fails_stores_nothing,
    only_what_is_too_old_goes,
);

async fn answer(store: &Store, id: &ConversationId, round: i32, text: &str, seconds: i64) {
    let turn = turn_of(store, id, round).await;
    let said = vec![
        message(Role::Ai, "{\"sql\":\"x\"}"),
        message(Role::View, text),
    ];
    store
        .finish_turn(id, &turn, said, at(seconds))
        .await
        .unwrap();
}

async fn found(store: &Store, words: &[&str]) -> Vec<String> {
    let filter = ConversationFilter {
        words: words.iter().map(|&word| word.to_owned()).collect(),
        ..ConversationFilter::default()
    };
    let found = store
        .scan_conversations(&filter, None, None, 9, false)
        .await
        .unwrap();
    assert_eq!(
        store.count_conversations(&filter).await.unwrap(),
        found.len() as u64
    );
    found.into_iter().map(|one| one.id.0).collect()
}

async fn whole(store: &Store, id: &ConversationId) -> KeptConversation {
    KeptConversation {
        conversation: store.find_conversation(id).await.unwrap().unwrap(),
        messages: store.list_messages(id).await.unwrap(),
        feedback: store.list_feedback(id).await.unwrap(),
    }
}

async fn a_given_title_outlives_the_next_question(place: Place) {
    let store = place.open().await;
    let id = ask(&store, head("a"), "first?", 0).await;
    assert!(store.rename_conversation(&id, "Mine").await.unwrap());
    ask(&store, head("a"), "second?", 1).await;
    let named = store.find_conversation(&id).await.unwrap().unwrap();
    assert_eq!((named.title.as_str(), named.named), ("Mine", true));
    store.clear_conversation(&id, at(2)).await.unwrap();
    ask(&store, head("a"), "third?", 3).await;
    let cleared = store.find_conversation(&id).await.unwrap().unwrap();
    assert_eq!((cleared.title.as_str(), cleared.named), ("third?", false));
    assert!(
        !store
            .rename_conversation(&"none".into(), "x")
            .await
            .unwrap()
    );
}

async fn words_are_found_in_titles_questions_and_answers(place: Place) {
    let store = place.open().await;
    let a = ask(&store, head("a"), "Sales in OSLO, 50% off?", 0).await;
    answer(&store, &a, 1, "Østlandet sold most.", 1).await;
    let b = ask(&store, head("b"), "sales of bergen", 2).await;
    store
        .rename_conversation(&b, "Western towns")
        .await
        .unwrap();
    let cases: [(&[&str], &[&str]); 11] = [
        (&["sales"], &["b", "a"]),
        (&["oslo"], &["a"]),
        (&["OSLO", "sold"], &["a"]),
        (&["ØSTLANDET"], &["a"]),
        (&["østlandet"], &["a"]),
        (&["western"], &["b"]),
        (&["western", "bergen"], &["b"]),
        (&["western", "oslo"], &[]),
        (&["50%"], &["a"]),
        (&["5_%"], &[]),
        // What the model wrote for the program alone is not looked through.
        (&["sql"], &[]),
    ];
    for (words, expected) in cases {
        assert_eq!(found(&store, words).await, expected, "{words:?}");
    }
    let mentions = store.find_mentions(&a, "sold").await.unwrap();
    assert_eq!(mentions.len(), 1);
    assert_eq!((mentions[0].round, mentions[0].role), (1, Role::View));
    store.clear_conversation(&a, at(3)).await.unwrap();
    assert!(found(&store, &["oslo"]).await.is_empty());
    let all = ConversationFilter::default();
    assert_eq!(
        store.count_conversations(&all).await.unwrap(),
        1,
        "a cleared one is in no list"
    );
}

async fn what_is_carried_to_another_store_is_what_it_was(place: Place) {
    let store = place.open().await;
    let id = ask(&store, head("a"), "first?", 0).await;
    answer(&store, &id, 1, "one", 1).await;
    ask(&store, head("a"), "second?", 2).await;
    let opinion = Opinion {
        liked: Some(true),
        ..Opinion::default()
    };
    store
        .keep_feedback(&id, 1, &opinion, "anna", at(3))
        .await
        .unwrap();
    for title in [None, Some("Mine")] {
        if let Some(title) = title {
            store.rename_conversation(&id, title).await.unwrap();
        }
        let before = whole(&store, &id).await;
        store.delete_conversation(&id).await.unwrap();
        let ids = store
            .import_conversations(std::slice::from_ref(&before), at(9))
            .await
            .unwrap();
        assert_eq!(ids, std::slice::from_ref(&id));
        let mut after = whole(&store, &id).await;
        assert_eq!(after.feedback.len(), 1);
        after.feedback[0].id = before.feedback[0].id;
        assert_eq!(after, before);
    }
    // It goes on where it was.
    let next = store
        .begin_turn(head("a"), message(Role::Human, "third?"), at(10))
        .await
        .unwrap();
    assert_eq!(next.round, 3);
}

async fn an_id_that_is_taken_is_replaced(place: Place) {
    let store = place.open().await;
    let id = ask(&store, head("a"), "first?", 0).await;
    let mut kept = whole(&store, &id).await;
    let copies = store
        .import_conversations(std::slice::from_ref(&kept), at(1))
        .await
        .unwrap();
    assert_ne!(copies[0], id);
    let copy = whole(&store, &copies[0]).await;
    assert_eq!(copy.messages.len(), 1);
    assert_ne!(copy.messages[0].id, kept.messages[0].id);
    assert_eq!(whole(&store, &id).await, kept, "the first is left alone");
    kept.conversation.id = "".into();
    kept.messages[0].id = "".into();
    let minted = store.import_conversations(&[kept], at(2)).await.unwrap();
    assert!(!minted[0].as_str().is_empty());
}

async fn an_import_that_fails_stores_nothing(place: Place) {
    let store = place.open().await;
    let id = ask(&store, head("a"), "first?", 0).await;
    let good = whole(&store, &id).await;
    store.delete_conversation(&id).await.unwrap();
    let mut bad = good.clone();
    bad.conversation.id = "b".into();
    bad.messages.push(bad.messages[0].clone());
    bad.messages[1].id = "other".into();
    let refused = store.import_conversations(&[good, bad], at(1)).await;
    assert!(refused.is_err(), "two messages have one place");
    for id in ["a", "b"] {
        assert!(store.find_conversation(&id.into()).await.unwrap().is_none());
    }
}

async fn only_what_is_too_old_goes(place: Place) {
    let store = place.open().await;
    for number in 0..5_i64 {
        ask(&store, head(&format!("c{number}")), "?", number * 100).await;
    }
    // Something was asked again in the oldest.
    ask(&store, head("c0"), "again?", 900).await;
    let old = store.delete_conversations_before(at(300), 1).await.unwrap();
    assert_eq!(old, [ConversationId::from("c1")], "no more than asked for");
    let old = store.delete_conversations_before(at(300), 9).await.unwrap();
    assert_eq!(old, [ConversationId::from("c2")]);
    assert!(
        store
            .delete_conversations_before(at(300), 9)
            .await
            .unwrap()
            .is_empty()
    );
    let all = ConversationFilter::default();
    let left: Vec<Conversation> = store
        .scan_conversations(&all, None, None, 9, false)
        .await
        .unwrap();
    let left: Vec<&str> = left.iter().map(|one| one.id.as_str()).collect();
    assert_eq!(left, ["c4", "c3", "c0"]);
    assert!(store.list_messages(&"c1".into()).await.unwrap().is_empty());
}
