//! Memory of keys and values: never more than there may be, and no answer is lost for want of it.

use super::*;
use crate::workers::torch::network::Cache as _;

/// Room for so many tokens.
fn room(tokens: u64) -> Bounds {
    Bounds {
        kv_bytes: tokens * scripted::PER_TOKEN,
        ..WIDE
    }
}

fn held(scheduler: &Scheduler<Scripted>) -> u64 {
    let running: u64 = scheduler.running.iter().map(|one| one.cache.bytes()).sum();
    running + scheduler.kept.bytes()
}

#[test]
fn answers_put_back_for_want_of_memory_are_the_same_in_the_end() {
    let bounds = room(2 * scripted::WINDOW as u64);
    let mut scheduler = scheduler(Scripted::new(), bounds, "tests/pressure");
    let prompts = prompts(&[20, 30, 40, 50, 60]);
    let mut listeners: Vec<Listener> = prompts
        .iter()
        .map(|prompt| ask(&mut scheduler, plan(prompt, 300)))
        .collect();
    while !scheduler.is_idle() {
        scheduler.round();
        assert!(held(&scheduler) <= bounds.kv_bytes, "{}", held(&scheduler));
    }
    for (prompt, listener) in prompts.iter().zip(&mut listeners) {
        assert_eq!(listener.text(), words(prompt, 300));
    }
    let now = scheduler.metrics.snapshot();
    assert!(now.preemptions > 0, "{now:?}");
    assert_eq!((now.failures, now.finished.get("length")), (0, Some(&5)));
}

#[test]
fn several_answers_under_pressure_are_the_same_too() {
    let bounds = room(scripted::WINDOW as u64);
    let mut scheduler = scheduler(Scripted::new(), bounds, "tests/pressure of one");
    let prompt = &prompts(&[100])[0];
    let mut several = plan(prompt, 200);
    several.choices = 4;
    several.tries = 4;
    let mut told = ask(&mut scheduler, several);
    run(&mut scheduler);
    for answer in told.all(4).expect("no failure") {
        assert_eq!(answer.text, words(prompt, 200));
    }
}

#[test]
fn the_oldest_request_is_never_put_back() {
    let bounds = room(2 * scripted::WINDOW as u64);
    let mut scheduler = scheduler(Scripted::new(), bounds, "tests/oldest");
    let prompts = prompts(&[50, 60, 70]);
    let mut listeners: Vec<Listener> = prompts
        .iter()
        .map(|prompt| ask(&mut scheduler, plan(prompt, 400)))
        .collect();
    while !listeners[0].0.is_closed() {
        scheduler.round();
        let has_a_place = scheduler.running.iter().any(|one| one.line.request == 0);
        assert!(has_a_place || listeners[0].0.is_closed());
    }
    run(&mut scheduler);
    assert!(scheduler.metrics.snapshot().preemptions > 0);
    for (prompt, listener) in prompts.iter().zip(&mut listeners) {
        assert_eq!(listener.text(), words(prompt, 400));
    }
}

#[test]
fn what_is_kept_gives_way_to_answers() {
    let bounds = room(scripted::WINDOW as u64);
    let mut scheduler = scheduler(Scripted::new(), bounds, "tests/eviction");
    for prompt in &prompts(&[100, 101, 102, 103, 104, 105, 106]) {
        let mut told = ask(&mut scheduler, plan(prompt, 20));
        run(&mut scheduler);
        assert_eq!(told.text(), words(prompt, 20));
        assert!(held(&scheduler) <= bounds.kv_bytes);
    }
    assert!(scheduler.kept.bytes() > 0, "what fits is kept");
    // One that takes all there is.
    let prompt = &prompts(&[200])[0];
    let mut told = ask(&mut scheduler, plan(prompt, 300));
    run(&mut scheduler);
    assert_eq!(told.text(), words(prompt, 300));
    assert!(held(&scheduler) <= bounds.kv_bytes);
}

#[test]
fn the_figures_of_memory_are_told() {
    let mut scheduler = scheduler(Scripted::new(), room(2048), "tests/figures");
    let _told = ask(&mut scheduler, plan(&[2, 3, 4, 5], 10));
    scheduler.round();
    let now = scheduler.metrics.snapshot();
    assert_eq!(now.kv_limit, 2048 * scripted::PER_TOKEN);
    assert_eq!(now.kv_bytes, 14 * scripted::PER_TOKEN);
    assert_eq!((now.running, now.waiting), (1, 0));
    run(&mut scheduler);
    let now = scheduler.metrics.snapshot();
    assert_eq!((now.running, now.waiting), (0, 0));
}
