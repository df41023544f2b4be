//! What a body comes to.

use serde_json::json;

use super::*;

fn given(body: serde_json::Value) -> Result<(ConversationId, i32, Opinion), String> {
    let body: FeedbackIn = serde_json::from_value(body).expect("a body");
    body.parts().map_err(|error| error.to_string())
}

#[test]
fn a_round_comes_as_a_number_or_as_text() {
    for round in [json!(3), json!("3"), json!(" 3 ")] {
        let body = json!({"conv_uid": "c", "message_id": round, "feedback_type": "like"});
        let (conversation, round, opinion) = given(body).expect("an opinion");
        assert_eq!((conversation.as_str(), round), ("c", 3));
        assert_eq!(opinion.liked, Some(true));
    }
}

#[test]
fn what_is_liked_is_not_complained_of() {
    let opinion = |kind: &str| {
        let reasons = json!(["OTHERS", "OTHERS"]);
        given(json!({
            "conv_uid": "c", "message_id": 1, "feedback_type": kind, "reason_types": reasons,
        }))
        .expect("an opinion")
        .2
    };
    assert_eq!(
        opinion("unlike").complaints,
        Some(vec![Complaint::Others]),
        "told twice, kept once"
    );
    assert_eq!(opinion("like").complaints, Some(Vec::new()));
}

#[test]
fn what_cannot_be_kept_is_refused_by_its_field() {
    let with = |field: &str, value: serde_json::Value| {
        let mut body = json!({"conv_uid": "c", "message_id": "1"});
        body[field] = value;
        given(body).expect_err("refused")
    };
    for (field, value, expected) in [
        ("conv_uid", json!(""), "body.conv_uid: Field required"),
        ("message_id", json!(null), "body.message_id: Field required"),
        ("message_id", json!("one"), "body.message_id: Input should"),
        ("feedback_type", json!("meh"), "body.feedback_type: Input"),
        ("reason_types", json!(["X"]), "body.reason_types[0]: Input"),
        ("score", json!(6), "body.score: Input should be between"),
        ("remark", json!("x".repeat(10_001)), "body.remark: String"),
    ] {
        let refused = with(field, value);
        assert!(refused.starts_with(expected), "{refused}");
    }
}

#[test]
fn an_older_page_is_told_of_scores_alone() {
    let feedback = |score| Feedback {
        id: crate::model::FeedbackId(1),
        conversation: "c".into(),
        round: 2,
        opinion: Opinion {
            score,
            ..Opinion::default()
        },
        user: None,
        created_at: chrono::DateTime::UNIX_EPOCH,
        modified_at: chrono::DateTime::UNIX_EPOCH,
    };
    assert!(OpinionBody::of(feedback(None)).is_none());
    let told = OpinionBody::of(feedback(Some(4))).expect("an opinion");
    assert_eq!((told.conv_index, told.score), (2, 4));
}
