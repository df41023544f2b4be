//! Which questions are taken to be alike.

use tidegate_schema::model::{ExampleId, ExampleQuestion, ExampleState};

use super::likeness::Questions;

const STATE: ExampleState = ExampleState {
    count: 0,
    vectors: 0,
    latest: None,
};

fn questions(texts: &[&str]) -> Questions {
    with_vectors(
        &texts
            .iter()
            .map(|&text| (text, Vec::new()))
            .collect::<Vec<_>>(),
    )
}

fn with_vectors(texts: &[(&str, Vec<f32>)]) -> Questions {
    let questions = texts
        .iter()
        .zip(0..)
        .map(|((text, vector), id)| ExampleQuestion {
            id: ExampleId(id),
            question: (*text).to_owned(),
            vector: Some(("m".to_owned(), vector.clone())).filter(|(_, vector)| !vector.is_empty()),
        })
        .collect();
    Questions::read(STATE, questions)
}

fn found(questions: &Questions, asked: &str) -> Vec<i64> {
    questions
        .rank(asked, None)
        .iter()
        .map(|like| like.id.0)
        .collect()
}

#[test]
fn questions_that_share_what_they_name_are_found_and_others_are_not() {
    let kept = questions(&[
        "How many people live in each town, largest first?",
        "Which products sold best last year?",
        "Total revenue by month",
    ]);
    assert_eq!(found(&kept, "How many people live in Oslo?"), [0]);
    assert_eq!(
        found(&kept, "revenue by month and product").first(),
        Some(&2)
    );
    assert!(found(&kept, "who earns most?").is_empty());
    assert!(found(&kept, "").is_empty());
    assert!(found(&questions(&[]), "Total revenue by month").is_empty());
}

#[test]
fn one_example_alone_is_not_like_every_question() {
    let kept = questions(&["Total revenue by month"]);
    assert_eq!(found(&kept, "the revenue of each month"), [0]);
    assert!(found(&kept, "employees hired this month by department").is_empty());
}

#[test]
fn the_same_question_comes_first_and_is_told_apart_from_one_with_another_value() {
    let kept = questions(&["orders over 100", "Orders over 200?", "orders over 1,000"]);
    let ranked = kept.rank("orders over 200", None);
    assert_eq!((ranked[0].id.0, ranked[0].same), (1, true));
    assert!((ranked[0].similarity - 1.0).abs() < f32::EPSILON);
    assert_eq!(ranked.len(), 3, "a number stands for any other: {ranked:?}");
    assert!(ranked[1..].iter().all(|like| !like.same));
}

#[test]
fn a_question_of_words_that_name_nothing_is_still_the_same_question() {
    let kept = questions(&["What is there?", "Who is it?"]);
    let ranked = kept.rank("what is there", None);
    assert_eq!(ranked.len(), 1);
    assert!(ranked[0].same && ranked[0].id == ExampleId(0));
}

#[test]
fn vectors_find_what_other_words_say_and_keep_apart_what_they_do_not() {
    let kept = with_vectors(&[
        ("Who has the highest salary?", vec![1.0, 0.0]),
        ("Longest delivery", vec![0.0, 1.0]),
        ("Top earner", Vec::new()),
    ]);
    let asked = "who is paid best?";
    let by_vector = kept.rank(asked, Some(&[0.9, 0.1]));
    let ids: Vec<i64> = by_vector.iter().map(|like| like.id.0).collect();
    assert_eq!(ids, [0]);
    assert!(kept.rank(asked, None).is_empty());
    let narrow = kept.rank("longest delivery", Some(&[1.0]));
    assert!(narrow[0].same, "a vector of another width says nothing");
    assert_eq!(
        kept.without_vector(2),
        [(ExampleId(2), "top earner".to_owned())]
    );
    assert_eq!(kept.without_vector(1).len(), 3);
}

#[test]
fn no_more_are_ranked_than_are_looked_at() {
    let texts: Vec<String> = (100..200)
        .map(|n| format!("orders of customer {n}"))
        .collect();
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    let ranked = found(&questions(&texts), "orders of a customer");
    assert_eq!(ranked.len(), 32);
    assert_eq!(ranked[0], 99, "the newest of those that are alike");
}
