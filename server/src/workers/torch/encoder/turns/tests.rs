//! Whose texts are run next.

use std::sync::{Arc, Mutex, mpsc};

use tokio::sync::{Semaphore, oneshot::error::TryRecvError as NotYet};

use super::*;
use crate::workers::torch::error::ModelError;

/// Gives each text its length, and keeps what each run held. A text has as many tokens as letters.
#[derive(Default)]
struct Scripted {
    runs: Arc<Mutex<Vec<Vec<usize>>>>,
    is_padded: bool,
}

impl Encode for Scripted {
    type Opened = ();

    fn wake(&mut self) {}

    fn room(&self) -> Room {
        Room {
            tokens: 10,
            is_padded: self.is_padded,
        }
    }

    fn open(&self, ask: &Ask) -> Result<()> {
        match ask {
            Ask::Vectors { .. } => Ok(()),
            Ask::Scores { .. } => Err(Error::invalid("query", "is not for this one")),
        }
    }

    fn encode(&self, ask: &Ask, (): &(), at: usize) -> error::Result<Encoded> {
        let text = &ask.texts()[at];
        if text == "unreadable" {
            return Err(ModelError::Text(
                "the tokenizer refused the text".to_owned(),
            ));
        }
        Ok(Encoded {
            ids: text.bytes().map(u32::from).collect(),
            types: Vec::new(),
            skip: 0,
        })
    }

    fn run(&mut self, texts: &[&Encoded]) -> error::Result<Vec<Vec<f32>>> {
        let lengths: Vec<usize> = texts.iter().map(|text| text.ids.len()).collect();
        self.runs.lock().expect("no panic while held").push(lengths);
        assert!(
            !texts.iter().any(|text| text.ids.contains(&u32::from(b'!'))),
            "poisoned"
        );
        Ok(texts
            .iter()
            .map(|text| vec![text.ids.len() as f32])
            .collect())
    }
}

type Answer = oneshot::Receiver<Result<Vec<Vec<f32>>>>;

fn job(ask: Ask) -> (Job, Answer) {
    let (told, answer) = oneshot::channel();
    let permit = Arc::new(Semaphore::new(1))
        .try_acquire_owned()
        .expect("free");
    let job = Job {
        ask,
        told,
        tokens: Arc::default(),
        _admission: permit,
    };
    (job, answer)
}

fn texts(texts: &[&str]) -> (Job, Answer) {
    job(Ask::Vectors {
        texts: texts.iter().map(|text| (*text).to_owned()).collect(),
        prompt: None,
    })
}

fn numbers(answer: &mut Answer) -> Vec<f32> {
    let made = answer.try_recv().expect("told").expect("made");
    made.into_iter().flatten().collect()
}

#[test]
fn numbers_come_in_the_order_of_the_texts() {
    let encoder = Scripted::default();
    let runs = Arc::clone(&encoder.runs);
    let mut turns = Turns::new("test", encoder);
    let (job, mut answer) = texts(&["a", "bbbb", "cc", "dddddd", "eeeeeeeeeeeeee"]);
    turns.take(job);
    while !turns.is_idle() {
        turns.turn();
    }
    assert_eq!(numbers(&mut answer), [1.0, 4.0, 2.0, 6.0, 14.0]);
    // Longest first; one that is longer than the room goes alone.
    let runs = runs.lock().expect("free");
    assert_eq!(*runs, [vec![14], vec![6, 4], vec![2, 1]]);
}

#[test]
fn a_padded_run_counts_all_texts_as_long_as_the_longest() {
    let encoder = Scripted {
        is_padded: true,
        ..Scripted::default()
    };
    let runs = Arc::clone(&encoder.runs);
    let mut turns = Turns::new("test", encoder);
    let (job, _answer) = texts(&["aaaa", "bb", "c", "d"]);
    turns.take(job);
    turns.turn();
    assert_eq!(*runs.lock().expect("free"), [vec![4, 2]]);
}

#[test]
fn a_large_request_does_not_hold_up_a_small_one() {
    let mut turns = Turns::new("test", Scripted::default());
    let many = vec!["aaa"; 1000];
    let (large, mut large_answer) = texts(&many);
    turns.take(large);
    turns.turn();
    let (small, mut small_answer) = texts(&["bb"]);
    turns.take(small);
    turns.turn();
    assert_eq!(numbers(&mut small_answer), [2.0]);
    assert!(matches!(large_answer.try_recv(), Err(NotYet::Empty)));
    while !turns.is_idle() {
        turns.turn();
    }
    assert_eq!(numbers(&mut large_answer).len(), 1000);
}

#[test]
fn whoever_left_gets_no_runs() {
    let encoder = Scripted::default();
    let runs = Arc::clone(&encoder.runs);
    let mut turns = Turns::new("test", encoder);
    let (job, answer) = texts(&["a", "b"]);
    turns.take(job);
    drop(answer);
    turns.turn();
    assert!(turns.is_idle() && runs.lock().expect("free").is_empty());
}

#[test]
fn only_the_guilty_request_of_a_run_fails() {
    let mut turns = Turns::new("test", Scripted::default());
    let (good, mut good_answer) = texts(&["aa"]);
    let (panics, mut panics_answer) = texts(&["b!"]);
    let (unreadable, mut unreadable_answer) = texts(&["unreadable"]);
    for job in [good, panics, unreadable] {
        turns.take(job);
    }
    turns.turn();
    assert!(turns.is_idle());
    assert_eq!(numbers(&mut good_answer), [2.0]);
    let why = |answer: &mut Answer| {
        let failed = answer.try_recv().expect("told");
        failed.expect_err("it cannot be answered").to_string()
    };
    assert!(why(&mut panics_answer).contains("poisoned"));
    assert!(why(&mut unreadable_answer).contains("refused the text"));
    let (next, mut answer) = texts(&["ccc"]);
    turns.take(next);
    turns.turn();
    assert_eq!(numbers(&mut answer), [3.0], "the model goes on");
}

#[test]
fn a_refused_request_is_told_so_as_its_own_mistake() {
    let mut turns = Turns::new("test", Scripted::default());
    let (job, mut answer) = job(Ask::Scores {
        query: "a".to_owned(),
        documents: vec!["b".to_owned()],
    });
    turns.take(job);
    assert!(turns.is_idle());
    let told = answer.try_recv().expect("told");
    assert!(matches!(told, Err(Error::Invalid { field, .. }) if field == "query"));
}

#[test]
fn serving_ends_with_the_channel_and_answers_what_came_before() {
    let (sender, jobs) = mpsc::channel();
    let thread = std::thread::spawn(move || serve("test", Scripted::default(), &jobs));
    let (job, answer) = texts(&["abc"]);
    sender.send(job).expect("served");
    let made = answer.blocking_recv().expect("told").expect("made");
    assert_eq!(made, [vec![3.0]]);
    drop(sender);
    thread.join().expect("ends");
}
