//! Turns: what is stored when, in what order, and what may not happen twice.

use serde_json::{Value, json};
use tidegate_schema::{
    model::{Message, MessageDetail, NewMessage, Role, TurnHead},
    store::Store,
};

use crate::place::{Place, at, head, kept, message, on_both, turn_of};

on_both!(
    a_turn_from_question_to_answer,
    the_head_follows_the_latest_question,
    an_answer_is_stored_once,
    a_cut_turn_keeps_what_was_said,
    turns_at_once_get_rounds_of_their_own,
    odd_text_survives,
);

fn shape(messages: &[Message]) -> Vec<(i32, i32, Role, &str)> {
    messages
        .iter()
        .map(|m| (m.index, m.round, m.role, m.content.as_str()))
        .collect()
}

async fn a_turn_from_question_to_answer(place: Place) {
    let store = place.open().await;
    let detail = MessageDetail {
        select_param: Some("shop".into()),
        model: Some("m".into()),
        ..MessageDetail::default()
    };
    let question = NewMessage {
        detail: detail.clone(),
        ..message(Role::Human, "how many?")
    };
    assert_eq!(
        store
            .begin_turn(head("a"), question, at(0))
            .await
            .unwrap()
            .round,
        1
    );
    let id = "a".into();
    assert_eq!(
        shape(&store.list_messages(&id).await.unwrap()),
        [(0, 1, Role::Human, "how many?")]
    );

    // The order of keys, every digit and every character stay.
    let evidence: Value = serde_json::from_str(
        r#"{"z": 9223372036854775807, "a": [0.1, 1e300, -0.0, null, true], "t": "\u0000 é ✓ \"", "m": {}}"#,
    )
    .unwrap();
    let view = MessageDetail {
        evidence: Some(evidence.clone()),
        ..detail.clone()
    };
    let answer = vec![
        NewMessage {
            detail: detail.clone(),
            ..message(Role::Ai, "{\"sql\": \"SELECT 1\"}")
        },
        NewMessage {
            detail: view.clone(),
            ..message(Role::View, "1")
        },
    ];
    let begun = turn_of(&store, &id, 1).await;
    store.finish_turn(&id, &begun, answer, at(2)).await.unwrap();
    let messages = store.list_messages(&id).await.unwrap();
    let expected = [
        (0, 1, Role::Human, "how many?"),
        (1, 1, Role::Ai, "{\"sql\": \"SELECT 1\"}"),
        (2, 1, Role::View, "1"),
    ];
    assert_eq!(shape(&messages), expected);
    assert_eq!((&messages[1].detail, &messages[2].detail), (&detail, &view));
    let stored = messages[2].detail.evidence.as_ref().map(Value::to_string);
    assert_eq!(stored, Some(evidence.to_string()));
    assert_eq!(
        (messages[0].created_at, messages[2].created_at),
        (kept(0), kept(2))
    );
    assert_eq!(
        store
            .find_conversation(&id)
            .await
            .unwrap()
            .unwrap()
            .modified_at,
        kept(2)
    );

    assert_eq!(
        store
            .begin_turn(head("a"), message(Role::Human, "and now?"), at(3))
            .await
            .unwrap()
            .round,
        2
    );
    assert_eq!(store.list_messages(&id).await.unwrap()[3].index, 3);
}

async fn the_head_follows_the_latest_question(place: Place) {
    let store = place.open().await;
    let long = "é".repeat(300);
    store
        .begin_turn(head("a"), message(Role::Human, &long), at(0))
        .await
        .unwrap();
    let id = "a".into();
    assert_eq!(
        store.find_conversation(&id).await.unwrap().unwrap().title,
        "é".repeat(250)
    );

    let next = TurnHead {
        mode: "chat_normal".into(),
        user: Some("bo".into()),
        model: Some("other".into()),
        select_param: None,
        ..head("a")
    };
    store
        .begin_turn(next, message(Role::Human, "short?"), at(9))
        .await
        .unwrap();
    let found = store.find_conversation(&id).await.unwrap().unwrap();
    assert_eq!(found.title, "short?");
    assert_eq!(found.model.as_deref(), Some("other"));
    assert_eq!(
        found.select_param.as_deref(),
        Some("shop"),
        "what is not said stays"
    );
    assert_eq!(
        (found.mode.as_str(), found.user.as_deref()),
        ("chat_with_db_execute", Some("anna"))
    );
    assert_eq!((found.created_at, found.modified_at), (kept(0), kept(9)));
}

async fn answer(store: &Store, round: i32, roles: &[Role]) -> tidegate_schema::Result<()> {
    let messages = roles.iter().map(|role| message(*role, "answer")).collect();
    let turn = turn_of(store, &"a".into(), round).await;
    store.finish_turn(&"a".into(), &turn, messages, at(1)).await
}

async fn an_answer_is_stored_once(place: Place) {
    let store = place.open().await;
    assert_eq!(
        answer(&store, 1, &[Role::Ai]).await.unwrap_err().kind(),
        "not_found"
    );
    store
        .begin_turn(head("a"), message(Role::Human, "?"), at(0))
        .await
        .unwrap();
    for round in [0, 2, -1, i32::MAX] {
        assert_eq!(
            answer(&store, round, &[Role::Ai]).await.unwrap_err().kind(),
            "conflict",
            "{round}"
        );
    }
    answer(&store, 1, &[Role::Ai]).await.unwrap();
    // The new `view` is not stored when the `ai` beside it is refused.
    let error = answer(&store, 1, &[Role::View, Role::Ai])
        .await
        .unwrap_err();
    assert!(
        error.kind() == "conflict" && error.to_string().contains("'ai'"),
        "{error}"
    );
    answer(&store, 1, &[Role::View]).await.unwrap();
    assert_eq!(
        answer(&store, 1, &[Role::View]).await.unwrap_err().kind(),
        "conflict"
    );
    let messages = store.list_messages(&"a".into()).await.unwrap();
    assert_eq!(
        shape(&messages),
        [
            (0, 1, Role::Human, "?"),
            (1, 1, Role::Ai, "answer"),
            (2, 1, Role::View, "answer")
        ],
        "refused tries leave no gap"
    );
}

async fn a_cut_turn_keeps_what_was_said(place: Place) {
    let store = place.open().await;
    let begun = store
        .begin_turn(head("a"), message(Role::Human, "?"), at(0))
        .await
        .unwrap();
    let said = [Role::Ai, Role::View].map(|role| NewMessage {
        detail: MessageDetail {
            cut: true,
            ..MessageDetail::default()
        },
        ..message(role, "So far")
    });
    store
        .finish_turn(&"a".into(), &begun, said.into(), at(1))
        .await
        .unwrap();
    let messages = store.list_messages(&"a".into()).await.unwrap();
    let expected = [
        (0, 1, Role::Human, "?"),
        (1, 1, Role::Ai, "So far"),
        (2, 1, Role::View, "So far"),
    ];
    assert_eq!(shape(&messages), expected);
    let cut: Vec<bool> = messages.iter().map(|m| m.detail.cut).collect();
    assert_eq!(cut, [false, true, true]);
}

async fn turns_at_once_get_rounds_of_their_own(place: Place) {
    let store = place.open().await;
    let mut tasks = tokio::task::JoinSet::new();
    for task in 0..8 {
        let store = store.clone();
        tasks.spawn(async move {
            let mut rounds = Vec::new();
            for turn in 0..10 {
                let question = message(Role::Human, &format!("{task}/{turn}"));
                let begun = store
                    .begin_turn(head("a"), question, at(turn))
                    .await
                    .unwrap();
                let messages = vec![message(Role::Ai, "!"), message(Role::View, "!")];
                store
                    .finish_turn(&"a".into(), &begun, messages, at(turn))
                    .await
                    .unwrap();
                rounds.push(begun.round);
            }
            rounds
        });
    }
    let mut rounds: Vec<i32> = tasks.join_all().await.into_iter().flatten().collect();
    rounds.sort_unstable();
    assert_eq!(rounds, (1..=80).collect::<Vec<_>>());
    let messages = store.list_messages(&"a".into()).await.unwrap();
    let mut indexes: Vec<i32> = messages.iter().map(|m| m.index).collect();
    indexes.sort_unstable();
    assert_eq!(indexes, (0..240).collect::<Vec<_>>());
    let mut ids: Vec<&str> = messages.iter().map(|m| m.id.as_str()).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), 240);
    for round in 1..=80 {
        assert_eq!(
            messages.iter().filter(|m| m.round == round).count(),
            3,
            "round {round}"
        );
    }
}

async fn odd_text_survives(place: Place) {
    let store = place.open().await;
    let text = "'; DROP TABLE messages; -- \u{1F30A} \u{202E} \r\n\t%s {} \u{FFFF}";
    store
        .begin_turn(head("a"), message(Role::Human, text), at(0))
        .await
        .unwrap();
    assert_eq!(
        store.list_messages(&"a".into()).await.unwrap()[0].content,
        text
    );
    store
        .begin_turn(head("a"), message(Role::Human, "nu\0l"), at(0))
        .await
        .unwrap();
    assert_eq!(
        store.list_messages(&"a".into()).await.unwrap()[1].content,
        "nu\u{FFFD}l"
    );
    store
        .begin_turn(head("a"), message(Role::Human, ""), at(0))
        .await
        .unwrap();
    assert_eq!(
        store.list_messages(&"a".into()).await.unwrap()[2].content,
        ""
    );
    let long = "x".repeat(3_000_000);
    let view = MessageDetail {
        evidence: Some(json!({"long": long})),
        ..MessageDetail::default()
    };
    let message = NewMessage {
        role: Role::View,
        content: long.clone(),
        detail: view,
    };
    let turn = turn_of(&store, &"a".into(), 3).await;
    store
        .finish_turn(&"a".into(), &turn, vec![message], at(1))
        .await
        .unwrap();
    assert_eq!(
        store.list_messages(&"a".into()).await.unwrap()[3].content,
        long
    );
}
