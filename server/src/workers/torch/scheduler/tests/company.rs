//! Answers beside each other: the same as alone, in turns, and from what others have run.

use super::*;

const LENGTHS: [usize; 8] = [1, 2, 7, 30, 64, 65, 130, 200];

#[test]
fn answers_are_the_same_alone_and_in_any_company() {
    let prompts = prompts(&LENGTHS);
    for chunk in [1, 7, 64] {
        let bounds = Bounds { chunk, ..WIDE };
        let name = format!("tests/company {chunk}");
        let mut scheduler = scheduler(Scripted::new(), bounds, &name);
        // Twice: the second time there is something kept of each.
        for round in 0..2 {
            let mut listeners: Vec<Listener> = prompts
                .iter()
                .map(|prompt| ask(&mut scheduler, plan(prompt, 40)))
                .collect();
            run(&mut scheduler);
            for (prompt, listener) in prompts.iter().zip(&mut listeners) {
                assert_eq!(
                    listener.text(),
                    words(prompt, 40),
                    "chunk {chunk}, round {round}"
                );
            }
        }
        let now = scheduler.metrics.snapshot();
        assert!(now.largest_batch > 1, "{now:?}");
        assert!(now.prefix_tokens > 400, "{now:?}");
        assert_eq!(now.finished.get("length"), Some(&16));
    }
}

#[test]
fn a_long_prompt_does_not_hold_up_an_answer() {
    let network = Scripted::new();
    let log = Arc::clone(&network.log);
    let bounds = Bounds { chunk: 20, ..WIDE };
    let mut scheduler = scheduler(network, bounds, "tests/long");
    let mut short = ask(&mut scheduler, plan(&[2, 3, 4], 30));
    scheduler.round();
    let mut long = ask(&mut scheduler, plan(&prompts(&[200])[0], 3));
    run(&mut scheduler);
    assert_eq!(short.text(), words(&[2, 3, 4], 30));
    assert_eq!(long.text(), words(&prompts(&[200])[0], 3));
    let log = log.lock().expect("whole");
    for step in &log[1..=10] {
        assert_eq!(step.len(), 2, "a token, and a part of the prompt: {step:?}");
        assert_eq!((step[0].1, step[1].1), (1, 20));
    }
}

#[test]
fn answers_join_and_leave_between_any_two_steps() {
    let mut scheduler = scheduler(Scripted::new(), WIDE, "tests/join");
    let mut first = ask(&mut scheduler, plan(&[2, 3], 20));
    for _ in 0..5 {
        scheduler.round();
    }
    let mut second = ask(&mut scheduler, plan(&[5, 6, 7], 3));
    for _ in 0..3 {
        scheduler.round();
    }
    assert_eq!(second.text(), words(&[5, 6, 7], 3));
    assert!(!scheduler.is_idle(), "the first goes on");
    run(&mut scheduler);
    assert_eq!(first.text(), words(&[2, 3], 20));
}

#[test]
fn callers_take_turns() {
    let bounds = Bounds {
        sequences: 1,
        ..WIDE
    };
    let mut scheduler = scheduler(Scripted::new(), bounds, "tests/fair");
    let ask_as = |scheduler: &mut Scheduler<Scripted>, caller: &str, first: u32| {
        let mut plan = plan(&[first, 3, 4], 2);
        plan.fair_key = Some(caller.to_owned());
        ask(scheduler, plan)
    };
    let mut greedy: Vec<Listener> = (10..14)
        .map(|first| ask_as(&mut scheduler, "greedy", first))
        .collect();
    let mut modest = ask_as(&mut scheduler, "modest", 20);
    let mut ended = 0;
    while modest.all(1).expect("no failure")[0].end.is_none() {
        scheduler.round();
        ended = greedy
            .iter()
            .filter(|listener| listener.0.is_closed())
            .count();
        assert!(!scheduler.is_idle() || modest.0.is_closed());
    }
    assert_eq!(ended, 1, "the modest caller waited for one answer only");
    run(&mut scheduler);
    for (first, listener) in (10..).zip(&mut greedy) {
        assert_eq!(listener.text(), words(&[first, 3, 4], 2));
    }
}

#[test]
fn a_prompt_that_was_run_is_not_run_again() {
    let network = Scripted::new();
    let log = Arc::clone(&network.log);
    let mut scheduler = scheduler(network, WIDE, "tests/prefix");
    let prompt = &prompts(&[100])[0];
    let mut told = ask(&mut scheduler, plan(prompt, 10));
    run(&mut scheduler);
    assert_eq!(told.text(), words(prompt, 10));
    // The same again, the conversation gone on with, and one that turns off halfway.
    let further = [prompt.as_slice(), &follow(prompt, 10), &[5, 6, 7]].concat();
    let turned = [&prompt[..50], &[9, 9, 9]].concat();
    for (prompt, held) in [(prompt, 99), (&further, 109), (&turned, 50)] {
        log.lock().expect("whole").clear();
        let mut told = ask(&mut scheduler, plan(prompt, 10));
        run(&mut scheduler);
        assert_eq!(told.text(), words(prompt, 10));
        assert_eq!(
            log.lock().expect("whole")[0][0].0,
            held,
            "tokens there already"
        );
    }
    assert_eq!(scheduler.metrics.snapshot().prefix_tokens, 99 + 109 + 50);
}

#[test]
fn who_opts_out_neither_uses_nor_leaves_anything() {
    let mut scheduler = scheduler(Scripted::new(), WIDE, "tests/opted out");
    let prompt = &prompts(&[50])[0];
    for _ in 0..2 {
        let mut own = plan(prompt, 5);
        own.cacheable = false;
        let mut told = ask(&mut scheduler, own);
        run(&mut scheduler);
        assert_eq!(told.text(), words(prompt, 5));
    }
    assert_eq!(scheduler.kept.bytes(), 0);
    let mut told = ask(&mut scheduler, plan(prompt, 5));
    run(&mut scheduler);
    assert_eq!(told.text(), words(prompt, 5));
    assert_eq!(scheduler.metrics.snapshot().prefix_tokens, 0);
}

#[test]
fn one_that_begins_like_a_running_one_starts_from_its_cache() {
    let network = Scripted::new();
    let log = Arc::clone(&network.log);
    let mut scheduler = scheduler(network, WIDE, "tests/alive");
    let prompt = &prompts(&[60])[0];
    let mut first = ask(&mut scheduler, plan(prompt, 30));
    scheduler.round();
    let other = [&prompt[..40], &[8, 8]].concat();
    let mut second = ask(&mut scheduler, plan(&other, 10));
    run(&mut scheduler);
    assert_eq!(first.text(), words(prompt, 30));
    assert_eq!(second.text(), words(&other, 10));
    assert_eq!(log.lock().expect("whole")[1][1], (40, 2));
}

fn several(prompt: &[u32], choices: usize, limit: usize) -> Plan {
    let mut several = plan(prompt, limit);
    several.choices = choices;
    several.tries = choices;
    several
}

#[test]
fn several_answers_share_one_run_of_the_prompt() {
    let network = Scripted::new();
    let log = Arc::clone(&network.log);
    let mut scheduler = scheduler(network, WIDE, "tests/several");
    let prompt = &prompts(&[90])[0];
    let mut told = ask(&mut scheduler, several(prompt, 3, 10));
    run(&mut scheduler);
    for (number, answer) in told.all(3).expect("no failure").iter().enumerate() {
        assert_eq!(answer.text, words(prompt, 10), "greedy answers are alike");
        assert!(answer.end.is_some(), "answer {number} has an end");
    }
    let log = log.lock().expect("whole");
    assert_eq!(log[..2], [vec![(0, 64)], vec![(64, 26)]]);
    assert!(
        log[2..]
            .iter()
            .all(|step| step.iter().all(|part| part.1 == 1))
    );
    assert_eq!(log[2].len(), 3);
    assert_eq!(scheduler.metrics.snapshot().first_token.count, 1);
}

#[test]
fn answers_beyond_the_places_there_are_wait_for_one() {
    let bounds = Bounds {
        sequences: 2,
        ..WIDE
    };
    let mut scheduler = scheduler(Scripted::new(), bounds, "tests/places");
    let prompt = &prompts(&[30])[0];
    let mut told = ask(&mut scheduler, several(prompt, 5, 8));
    let mut other = ask(&mut scheduler, plan(&[2, 3], 4));
    run(&mut scheduler);
    let told = told.all(5).expect("no failure");
    assert!(
        told.iter().all(|answer| answer.text == words(prompt, 8)),
        "{told:?}"
    );
    let most = told
        .iter()
        .filter_map(|answer| answer.end)
        .map(|(_, used)| used)
        .max();
    assert_eq!(most, Some(40), "the last end counts every token");
    assert_eq!(other.text(), words(&[2, 3], 4));
    assert!(scheduler.metrics.snapshot().largest_batch <= 2);
}
