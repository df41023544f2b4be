//! Lists, pages and removal of conversations; their messages.

use tidegate_schema::{
    ids::{ConversationId, MessageId},
    model::{Conversation, ConversationFilter, MessageDetail, NewMessage, Page, Role, TurnHead},
    store::Store,
};

use crate::place::{Place, ask, at, head, kept, message, on_both, turn_of};

on_both!(
    filters_and_pages,
    what_was_asked_beyond_some_datasources_is_left_out,
    a_round_stands_together,
    pages_by_place_meet_every_row_once,
    messages_of_several,
    editing_a_message,
    clearing_and_deleting,
);

fn ids(conversations: &[Conversation]) -> Vec<&str> {
    conversations
        .iter()
        .map(|conversation| conversation.id.as_str())
        .collect()
}

async fn filters_and_pages(place: Place) {
    let store = place.open().await;
    for (number, user, mode, sys_code) in [
        (1, Some("anna"), "chat_normal", None),
        (2, Some("anna"), "chat_with_db_execute", Some("x")),
        (3, Some("bo"), "chat_normal", Some("x")),
        (4, None, "chat_normal", None),
        (5, Some("anna"), "chat_normal", Some("x")),
    ] {
        let head = TurnHead {
            user: user.map(Into::into),
            mode: mode.into(),
            sys_code: sys_code.map(Into::into),
            ..head(&format!("c{number}"))
        };
        ask(&store, head, "?", number).await;
    }
    let page = |number, size| Page { number, size };
    let all = ConversationFilter::default();
    let listed = store.list_conversations(&all, page(1, 2)).await.unwrap();
    assert_eq!((ids(&listed.items), listed.total), (vec!["c5", "c4"], 5));
    let listed = store.list_conversations(&all, page(3, 2)).await.unwrap();
    assert_eq!((ids(&listed.items), listed.total), (vec!["c1"], 5));
    let listed = store
        .list_conversations(&all, page(u32::MAX, u32::MAX))
        .await
        .unwrap();
    assert_eq!(
        (listed.items.len(), listed.total),
        (0, 5),
        "a page beyond the last is empty"
    );
    assert_eq!(
        store
            .list_conversations(&all, page(0, 9))
            .await
            .unwrap()
            .items
            .len(),
        5
    );

    let anna = ConversationFilter {
        user: Some("anna".into()),
        ..all.clone()
    };
    assert_eq!(
        ids(&store
            .list_conversations(&anna, page(1, 9))
            .await
            .unwrap()
            .items),
        ["c5", "c2", "c1"]
    );
    let narrow = ConversationFilter {
        mode: Some("chat_normal".into()),
        sys_code: Some("x".into()),
        ..anna.clone()
    };
    assert_eq!(
        ids(&store
            .list_conversations(&narrow, page(1, 9))
            .await
            .unwrap()
            .items),
        ["c5"]
    );
    assert_eq!(store.count_conversations(&narrow).await.unwrap(), 1);
    let one = ConversationFilter {
        id: Some("c3".into()),
        ..all
    };
    assert_eq!(
        ids(&store
            .list_conversations(&one, page(1, 9))
            .await
            .unwrap()
            .items),
        ["c3"]
    );
    let none = ConversationFilter {
        user: Some("bo".into()),
        ..one
    };
    assert_eq!(store.count_conversations(&none).await.unwrap(), 1);
    let none = ConversationFilter {
        id: Some("c1".into()),
        ..none
    };
    assert_eq!(store.count_conversations(&none).await.unwrap(), 0);

    let found = store
        .find_conversation(&"c2".into())
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        found,
        Conversation {
            id: "c2".into(),
            mode: "chat_with_db_execute".into(),
            title: "?".into(),
            select_param: Some("shop".into()),
            model: Some("tidegate-sql".into()),
            app_code: Some("app".into()),
            user: Some("anna".into()),
            sys_code: Some("x".into()),
            created_at: kept(2),
            modified_at: kept(2),
        }
    );
    assert!(
        store
            .find_conversation(&"c9".into())
            .await
            .unwrap()
            .is_none()
    );
}

async fn what_was_asked_beyond_some_datasources_is_left_out(place: Place) {
    let store = place.open().await;
    for (number, asked) in [
        (1, Some("shop")),
        (2, Some("payroll")),
        (3, None),
        (4, Some("")),
        (5, Some("shop")),
        (5, Some("payroll")),
        (5, Some("shop")),
    ] {
        let id = format!("c{number}");
        let question = NewMessage {
            detail: MessageDetail {
                select_param: asked.map(Into::into),
                ..MessageDetail::default()
            },
            ..message(Role::Human, "?")
        };
        store
            .begin_turn(head(&id), question, at(number))
            .await
            .unwrap();
    }
    for (names, expected) in [
        (Some(vec!["shop"]), vec!["c4", "c3", "c1"]),
        (
            Some(vec!["shop", "payroll"]),
            vec!["c5", "c4", "c3", "c2", "c1"],
        ),
        (Some(vec![]), vec!["c4", "c3"]),
        (None, vec!["c5", "c4", "c3", "c2", "c1"]),
    ] {
        let filter = ConversationFilter {
            asked_within: names.map(|names| names.into_iter().map(String::from).collect()),
            ..ConversationFilter::default()
        };
        let page = Page { number: 1, size: 9 };
        let listed = store.list_conversations(&filter, page).await.unwrap();
        assert_eq!(ids(&listed.items), expected, "{filter:?}");
        assert_eq!(listed.total, expected.len() as u64);
        let scanned = store
            .scan_conversations(&filter, None, None, 9, false)
            .await
            .unwrap();
        assert_eq!(ids(&scanned), expected, "{filter:?}");
    }
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

async fn pages_by_place_meet_every_row_once(place: Place) {
    let store = place.open().await;
    // Three at a time share an instant, and ids differ in case, where collations disagree.
    for number in 0..13_i64 {
        let letter = if number % 2 == 0 { 'a' } else { 'B' };
        ask(
            &store,
            head(&format!("{letter}{number:02}")),
            "?",
            number / 3,
        )
        .await;
    }
    let all = ConversationFilter::default();
    let everything = store
        .scan_conversations(&all, None, None, 100, false)
        .await
        .unwrap();
    assert_eq!(everything.len(), 13);
    assert!(everything.windows(2).all(|pair| {
        (pair[0].created_at, pair[0].id.as_str()) > (pair[1].created_at, pair[1].id.as_str())
    }));
    let listed = store
        .list_conversations(
            &all,
            Page {
                number: 1,
                size: 100,
            },
        )
        .await
        .unwrap();
    assert_eq!(
        listed.items, everything,
        "both kinds of pages have one order"
    );

    let place_of =
        |conversation: &Conversation| Some((conversation.created_at, conversation.id.clone()));
    let mut forwards: Vec<Conversation> = Vec::new();
    loop {
        let after = forwards.last().and_then(place_of);
        let page = store
            .scan_conversations(&all, after, None, 4, false)
            .await
            .unwrap();
        assert!(page.len() <= 4);
        if page.is_empty() {
            break;
        }
        forwards.extend(page);
    }
    assert_eq!(forwards, everything);

    let mut backwards: Vec<Conversation> = Vec::new();
    loop {
        let before = backwards.first().and_then(place_of);
        let mut page = store
            .scan_conversations(&all, None, before, 5, true)
            .await
            .unwrap();
        if page.is_empty() {
            break;
        }
        page.extend(backwards);
        backwards = page;
    }
    assert_eq!(backwards, everything);

    let between = store
        .scan_conversations(
            &all,
            place_of(&everything[2]),
            place_of(&everything[9]),
            100,
            false,
        )
        .await
        .unwrap();
    assert_eq!(between, everything[3..9]);
}

async fn finish(store: &Store, id: &ConversationId, round: i32, answer: &str, seconds: i64) {
    let messages = vec![message(Role::Ai, answer), message(Role::View, answer)];
    let turn = turn_of(store, id, round).await;
    store
        .finish_turn(id, &turn, messages, at(seconds))
        .await
        .unwrap();
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
