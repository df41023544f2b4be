//! Which rounds can be edited, and what is kept of their words.

use chrono::DateTime;
use tidegate_schema::model::MessageDetail;

use super::*;

fn message(role: Role, content: &str, cut: bool, evidence: Option<Value>) -> Message {
    Message {
        id: "m".into(),
        conversation: "c".into(),
        index: 0,
        round: 1,
        role,
        content: content.to_owned(),
        detail: MessageDetail {
            cut,
            evidence,
            ..MessageDetail::default()
        },
        created_at: DateTime::UNIX_EPOCH,
    }
}

fn round(spoken: &str, cut: bool, answer: Option<Value>) -> [Message; 3] {
    [
        message(Role::Human, "q", false, None),
        message(Role::Ai, spoken, cut, None),
        message(Role::View, "v", cut, answer),
    ]
}

fn edit(round: i64) -> Edit {
    Edit {
        conversation: "c".into(),
        round,
        datasource: "shop".to_owned(),
        sql: " SELECT 2 ".to_owned(),
        thoughts: None,
    }
}

fn refused(messages: &[Message], number: i64) -> String {
    let kept = Kept::of(messages, &edit(number)).and_then(|kept| kept.check_datasource("shop"));
    kept.expect_err("refused").to_string()
}

#[test]
fn a_round_that_cannot_be_edited_says_why() {
    let answered = |of: Value| Some(json!({"sql": null, "evidence": {"datasource": of}}));
    let there = round("{}", false, answered(json!("shop")));
    assert!(Kept::of(&there, &edit(1)).is_ok_and(|kept| kept.check_datasource("shop").is_ok()));
    for (found, expected) in [
        (
            refused(&there, 7),
            "no round named '7'; the last one of the conversation 'c' is 1",
        ),
        (
            refused(&[], 1),
            "no round named '1'; the conversation 'c' is empty",
        ),
        (refused(&there[..1], 1), "round 1 has no answer yet"),
        (
            refused(&round("x", true, None), 1),
            "the answer of round 1 was cut",
        ),
        (
            refused(&round("x", false, None), 1),
            "the answer of round 1 came from elsewhere",
        ),
        (
            refused(
                &round("[{\"sql\": \"SELECT 1\"}]", false, answered(json!("shop"))),
                1,
            ),
            "round 1 is a dashboard",
        ),
        (
            refused(&round("{}", false, answered(json!("other"))), 1),
            "round 1 was asked of 'other'",
        ),
        (
            refused(&round("hello", false, answered(json!(""))), 1),
            "round 1 was asked of no database",
        ),
    ] {
        assert!(found.starts_with(expected), "{expected}: {found}");
    }
}

#[test]
fn the_models_words_keep_what_was_not_edited() {
    let spoken = "Sure: {\"thoughts\": \"old\", \"sql\": \"SELECT 1\", \"display_type\": \"response_pie_chart\"}";
    let messages = round(
        spoken,
        false,
        Some(json!({"evidence": {"datasource": "shop"}})),
    );
    let kept = Kept::of(&messages, &edit(1)).expect("editable");
    assert_eq!(
        kept.spoken_anew("SELECT 2", None).to_string(),
        r#"{"thoughts":"old","sql":"SELECT 2","display_type":"response_pie_chart"}"#
    );
    assert_eq!(kept.spoken_anew("SELECT 2", Some("new"))["thoughts"], "new");
    let bare = round(
        "SELECT 1",
        false,
        Some(json!({"evidence": {"datasource": "shop"}})),
    );
    let kept = Kept::of(&bare, &edit(1)).expect("editable");
    assert_eq!(
        kept.spoken_anew("SELECT 2", Some("n")).to_string(),
        r#"{"thoughts":"n","direct_response":"","sql":"SELECT 2","display_type":""}"#
    );
}

#[test]
fn the_words_of_an_edit_are_bounded_and_say_that_rows_were_cut() {
    let long = Edit {
        thoughts: Some("é".repeat(MOST_WORDS + 1)),
        ..edit(1)
    };
    let field = |edit: &Edit| check(edit).map_err(|error| error.to_string());
    assert!(field(&long).is_err_and(|text| text.starts_with("new_speak: ")));
    let empty = Edit {
        sql: " \n".to_owned(),
        ..edit(1)
    };
    assert!(field(&empty).is_err_and(|text| text.starts_with("new_sql: ")));
    assert_eq!(field(&edit(1)), Ok(()));
    let cut = RowSet {
        cut_at: Some(1),
        ..RowSet::default()
    };
    assert_eq!(
        words("Mine.", &cut),
        "Mine.\nCut after 1 row; there are more."
    );
    assert_eq!(words(" ", &RowSet::default()), "Nothing matches.");
}
