//! Work that is shared out.

use super::*;

fn sum(team: &Team, rounds: usize) -> usize {
    let total = AtomicUsize::new(0);
    for _ in 0..rounds {
        team.run(&|part, parts| {
            assert!(part < parts);
            total.fetch_add(part + 1, Ordering::Relaxed);
        });
    }
    total.into_inner()
}

#[test]
fn every_part_runs_once_in_every_round() {
    for threads in [1, 2, 3, 8] {
        let team = Team::new(threads);
        assert_eq!(team.threads(), threads);
        assert_eq!(sum(&team, 1000), 1000 * threads * (threads + 1) / 2);
    }
}

#[test]
fn threads_that_fell_asleep_wake_for_the_next_work() {
    let team = Team::new(4);
    for _ in 0..5 {
        assert_eq!(sum(&team, 2), 20);
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
}

#[test]
fn a_panic_reaches_the_caller_and_the_team_goes_on() {
    let team = Team::new(3);
    for bad in 0..3 {
        let told = catch_unwind(AssertUnwindSafe(|| {
            team.run(&|part, _| assert!(part != bad, "part {bad} fails"));
        }))
        .expect_err("the panic is raised again");
        let text = told.downcast_ref::<String>().expect("a formatted message");
        assert_eq!(*text, format!("part {bad} fails"));
        assert_eq!(sum(&team, 3), 18);
    }
}

#[test]
fn work_within_work_is_done_by_its_thread_alone() {
    let team = Team::new(2);
    let count = AtomicUsize::new(0);
    team.run(&|_, _| {
        team.run(&|_, _| {
            count.fetch_add(1, Ordering::Relaxed);
        });
    });
    assert_eq!(count.into_inner(), 4);
}

#[test]
fn callers_from_several_threads_take_turns() {
    let team = Team::new(2);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| assert_eq!(sum(&team, 300), 900));
        }
    });
}

#[test]
fn the_callers_level_holds_on_every_thread() {
    let team = Team::new(2);
    Level::SCALAR.force(|| {
        team.run(&|_, _| assert_eq!(Level::current(), Level::SCALAR));
    });
    team.run(&|_, _| assert_eq!(Level::current(), Level::detected()));
}

#[test]
fn a_team_that_never_worked_has_no_threads() {
    let team = Team::new(64);
    assert!(team.handles.get().is_none());
}
