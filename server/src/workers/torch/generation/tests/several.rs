//! Several answers to one request.

use super::*;
use crate::workers::torch::answers::Answers;

#[test]
fn the_best_of_several_are_told_when_all_are_over_likeliest_first() {
    let best = plan(|plan| {
        plan.choices = 2;
        plan.tries = 3;
        plan.limit = 2;
    });
    let mut answers = Answers::new(&best);
    let mut told = Vec::new();
    // The surer the model is, the likelier what it writes; the second is the surest.
    for (choice, (letter, sure)) in [(b'a', 9.0), (b'b', 20.0), (b'c', 5.0)]
        .into_iter()
        .enumerate()
    {
        assert!(told.is_empty(), "not before all are over");
        let mut generation = Generation::new(&best, choice);
        for _ in 0..2 {
            let mut scores = vec![0.0; VOCABULARY];
            scores[usize::from(letter)] = sure;
            let mut progress = generation.take(&mut scores).expect("no failure");
            told.extend(answers.take(choice, &generation, &mut progress));
        }
    }
    assert!(answers.is_over());
    let end = |choice| Chunk::End {
        choice,
        finish: FinishReason::Length,
        usage: tidegate_schema::model::Usage {
            prompt_tokens: 2,
            completion_tokens: 6,
        },
        confidence: None,
    };
    let wanted = [
        Chunk::Text(Piece::of(0, "bb")),
        end(0),
        Chunk::Text(Piece::of(1, "aa")),
        end(1),
    ];
    assert_eq!(told, wanted);
}

#[test]
fn answers_that_are_all_told_end_each_with_what_was_used_so_far() {
    let two = plan(|plan| {
        plan.choices = 2;
        plan.tries = 2;
        plan.limit = 1;
    });
    let mut answers = Answers::new(&two);
    let mut ends = Vec::new();
    for choice in [1, 0] {
        let mut generation = Generation::new(&two, choice);
        let mut progress = generation
            .take(&mut likes(u32::from(b'a'), 0))
            .expect("no failure");
        let told = answers.take(choice, &generation, &mut progress);
        assert_eq!(told[0], Chunk::Text(Piece::of(choice as u32, "a")));
        let Some(Chunk::End { choice, usage, .. }) = told.last() else {
            panic!("{told:?}")
        };
        ends.push((*choice, usage.completion_tokens));
    }
    assert_eq!(ends, [(1, 1), (0, 2)]);
}
