//! Lists and pages of conversations.

use tidegate_schema::model::{
    Conversation, ConversationFilter, MessageDetail, NewMessage, Page, Role, TurnHead,
};

use crate::place::{Place, ask, at, head, kept, message, on_both};

on_both!(
    filters_and_pages,
    what_was_asked_beyond_some_datasources_is_left_out,
    ones_own_files_are_no_datasources,
    pages_by_place_meet_every_row_once,
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
            named: false,
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

async fn ones_own_files_are_no_datasources(place: Place) {
    let store = place.open().await;
    for (number, asked) in [
        (1, r#"{"owner":"k_1","file":"a"}"#),
        (2, r#"{"owner":"kx1","file":"a"}"#),
        (3, "payroll"),
        (4, ""),
    ] {
        let question = NewMessage {
            detail: MessageDetail {
                select_param: Some(asked.into()),
                ..MessageDetail::default()
            },
            ..message(Role::Human, "?")
        };
        store
            .begin_turn(head(&format!("c{number}")), question, at(number))
            .await
            .unwrap();
    }
    for (own, expected) in [
        (Some(r#"{"owner":"k_1","#), vec!["c4", "c1"]),
        (None, vec!["c4"]),
    ] {
        let filter = ConversationFilter {
            asked_within: Some(vec!["shop".into()]),
            own_files: own.map(Into::into),
            ..ConversationFilter::default()
        };
        let listed = store
            .scan_conversations(&filter, None, None, 9, false)
            .await
            .unwrap();
        assert_eq!(ids(&listed), expected, "{own:?}");
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
