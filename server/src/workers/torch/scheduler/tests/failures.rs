//! What goes wrong hurts whoever it belongs to, and nobody else.

use super::*;

/// Seven sound requests and a poisoned one in their middle.
fn poisoned_company(failure: Failure) {
    let name = format!("tests/{failure:?}");
    let mut scheduler = scheduler(Scripted::that_fails(failure), WIDE, &name);
    let prompts = prompts(&[3, 10, 40, 70, 90, 100, 120]);
    let mut listeners: Vec<Listener> = Vec::new();
    let mut guilty = None;
    for (number, prompt) in prompts.iter().enumerate() {
        if number == 3 {
            guilty = Some(ask(&mut scheduler, plan(&[5, 6, POISON, 7], 10)));
        }
        listeners.push(ask(&mut scheduler, plan(prompt, 30)));
        scheduler.round();
    }
    run(&mut scheduler);
    let error = guilty.expect("it was asked").failure();
    assert!(matches!(error, Error::Upstream { .. }), "{error}");
    for (prompt, listener) in prompts.iter().zip(&mut listeners) {
        assert_eq!(listener.text(), words(prompt, 30), "{failure:?}");
    }
    assert!(scheduler.health.get().is_none(), "the model goes on");
    assert_eq!(scheduler.metrics.snapshot().failures, 1);
    let mut later = ask(&mut scheduler, plan(&[8, 9], 3));
    run(&mut scheduler);
    assert_eq!(later.text(), words(&[8, 9], 3));
}

#[test]
fn an_error_in_a_step_fails_the_guilty_one_alone() {
    poisoned_company(Failure::Error);
}

#[test]
fn a_panic_in_a_step_fails_the_guilty_one_alone_and_leaves_no_trace() {
    poisoned_company(Failure::Panic);
}

#[test]
fn scores_that_are_not_numbers_fail_the_one_they_belong_to() {
    poisoned_company(Failure::NotNumbers);
}

#[test]
fn a_guilty_one_of_several_answers_takes_its_request_with_it_and_no_other() {
    let network = Scripted::that_fails(Failure::NotNumbers);
    let mut scheduler = scheduler(network, WIDE, "tests/guilty several");
    let mut guilty = plan(&[5, 6, POISON, 7], 10);
    guilty.choices = 3;
    guilty.tries = 3;
    let mut guilty = ask(&mut scheduler, guilty);
    let mut sound = ask(&mut scheduler, plan(&[8, 9], 5));
    run(&mut scheduler);
    assert!(guilty.all(3).is_err());
    assert_eq!(sound.text(), words(&[8, 9], 5));
    assert_eq!(scheduler.metrics.snapshot().failures, 1);
}

#[test]
fn a_network_that_runs_nothing_any_more_is_given_up_with_the_reason() {
    let mut scheduler = scheduler(Scripted::that_fails(Failure::Always), WIDE, "tests/broken");
    let mut listeners: Vec<Listener> = (2..5)
        .map(|first| ask(&mut scheduler, plan(&[first, 9], 5)))
        .collect();
    run(&mut scheduler);
    for listener in &mut listeners {
        listener.failure();
    }
    let reason = scheduler.health.get().expect("it is given up").clone();
    assert!(
        reason.contains("out of order") && reason.contains("restart"),
        "{reason}"
    );
    let mut later = ask(&mut scheduler, plan(&[8, 9], 3));
    assert!(later.failure().to_string().contains("out of order"));
    assert!(scheduler.is_idle());
}

#[test]
fn one_who_leaves_is_gone_before_the_next_step() {
    let bounds = Bounds {
        sequences: 1,
        ..WIDE
    };
    let mut scheduler = scheduler(Scripted::new(), bounds, "tests/leaver");
    let leaver = ask(&mut scheduler, plan(&[2, 3], 400));
    let waiting = ask(&mut scheduler, plan(&[4, 5], 400));
    let mut third = ask(&mut scheduler, plan(&[6, 7], 3));
    scheduler.round();
    drop(leaver);
    drop(waiting);
    scheduler.round();
    assert_eq!(
        scheduler.metrics.snapshot().finished.get("cancelled"),
        Some(&2)
    );
    assert_eq!(scheduler.running.len(), 1);
    run(&mut scheduler);
    assert_eq!(third.text(), words(&[6, 7], 3));
    assert_eq!(scheduler.metrics.snapshot().failures, 0);
}

#[test]
fn what_is_too_late_ends_with_the_limit_it_was_given() {
    let bounds = Bounds {
        sequences: 1,
        ..WIDE
    };
    let mut scheduler = scheduler(Scripted::new(), bounds, "tests/late");
    let within = |first: u32, time: Duration| {
        let mut plan = plan(&[first, 3], 400);
        plan.deadline = Some(Instant::now() + time);
        plan.allowed = Some(time);
        plan
    };
    let long = Duration::from_mins(10);
    let mut running = ask(&mut scheduler, within(2, long));
    scheduler.round();
    let mut waiting = ask(&mut scheduler, within(3, Duration::ZERO));
    scheduler.round();
    let Error::Timeout { what, limit } = waiting.failure() else {
        panic!("its time is over")
    };
    assert_eq!(
        (what.as_str(), limit),
        ("the answer of 'tests/late'", Duration::ZERO)
    );
    // The clock is not waited for: the time that is left is taken away.
    for request in scheduler.requests.values_mut() {
        request.job.plan.deadline = Some(Instant::now());
    }
    scheduler.round();
    let Error::Timeout { limit, .. } = running.failure() else {
        panic!("its time is over")
    };
    assert_eq!(limit, long);
    assert!(scheduler.is_idle());
    assert_eq!(scheduler.metrics.snapshot().failures, 2);
}
