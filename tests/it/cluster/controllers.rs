//! Controllers that die: one of two over one store, and the only one.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use anyhow::{Context as _, Result, ensure};
use tempfile::TempDir;
use tidegate_tests::{child::Part, postgres::Database, process::free_port, roles::Roles};

use super::{Cluster, MODEL, SLOW, answered, instances, roles, until_healthy, user, with_words};
use crate::support::eventually;

/// Callers at a time while a controller dies.
const CALLERS: usize = 4;
/// Between two questions while a new one has not heard of everybody.
const MEANWHILE: Duration = Duration::from_millis(50);
/// How long they go on behind its death.
const GOING_ON: Duration = Duration::from_secs(8);

#[tokio::test(flavor = "multi_thread")]
async fn when_one_of_two_controllers_over_one_store_dies_no_request_is_lost() -> Result<()> {
    let database = Database::with("SELECT 1").await?;
    // Whoever shares a store shares its key.
    let store = format!(
        "[database]\nurl = {:?}\nsecret_key = \"{}\"\n",
        database.url(),
        "5a".repeat(32)
    );
    let dir = TempDir::new()?;
    let roles = roles(dir.path());
    let first = roles.controller("first", free_port()?, &store).await?;
    let second = roles.controller("second", free_port()?, &store).await?;
    let both = format!("{},{}", first.url(), second.url());
    let port = free_port()?;
    let worker = roles.worker("worker", port, &both, SLOW).await?;
    for controller in [&first, &second] {
        with_words(
            until_healthy(&controller.url(), port, true).await,
            &[controller],
        )?;
        let listed = instances(&controller.url()).await?;
        assert_eq!(
            listed.len(),
            1,
            "once, though it registers with both: {listed:?}"
        );
    }
    let api = roles.apiserver("apiserver", &both, MODEL).await?;
    let answered_so_far = Arc::new(AtomicUsize::new(0));
    let stop = Arc::new(AtomicBool::new(false));
    let callers = futures::future::join_all((0..CALLERS).map(|nth| {
        let (someone, stop) = (user(&api), Arc::clone(&stop));
        let answers = Arc::clone(&answered_so_far);
        async move {
            while !stop.load(Ordering::Relaxed) {
                answered(&someone, &format!("caller {nth}")).await?;
                answers.fetch_add(1, Ordering::Relaxed);
            }
            anyhow::Ok(())
        }
    }));
    let dying = async {
        eventually("the first answers", || async {
            Ok((answered_so_far.load(Ordering::Relaxed) > CALLERS).then_some(()))
        })
        .await?;
        first.child.kill()?;
        let before = answered_so_far.load(Ordering::Relaxed);
        tokio::time::sleep(GOING_ON).await;
        stop.store(true, Ordering::Relaxed);
        let after = answered_so_far.load(Ordering::Relaxed);
        ensure!(
            after > before + CALLERS,
            "nobody was answered behind its death"
        );
        anyhow::Ok(())
    };
    let (outcomes, dying) = tokio::join!(callers, dying);
    with_words(dying, &[&second, &api, &worker])?;
    for outcome in outcomes {
        with_words(outcome, &[&second, &api, &worker])?;
    }
    // The other knows everything, and what is new.
    until_healthy(&second.url(), port, true).await?;
    let new = free_port()?;
    let newcomer = roles.worker("newcomer", new, &both, SLOW).await?;
    with_words(
        until_healthy(&second.url(), new, true).await,
        &[&newcomer, &second],
    )?;
    survives(&roles, &both, &second).await
}

/// An API server that is started when one of its controllers is dead already.
async fn survives(roles: &Roles, both: &str, alive: &Part) -> Result<()> {
    let late = roles.apiserver("late", both, MODEL).await?;
    with_words(answered(&user(&late), "late").await, &[&late, alive])
}

#[tokio::test(flavor = "multi_thread")]
async fn without_any_controller_what_was_known_goes_on_and_a_new_one_hears_of_all() -> Result<()> {
    let cluster = Cluster::start().await?;
    let port = free_port()?;
    let worker = cluster.worker("worker", port).await?;
    let api = cluster.apiserver().await?;
    let someone = user(&api);
    answered(&someone, "before").await?;
    let Cluster {
        roles,
        controller,
        _dir,
    } = cluster;
    let (url, at) = (controller.url(), controller.address.port());
    controller.child.kill()?;
    for nth in 0..10 {
        with_words(
            answered(&someone, &format!("alone {nth}")).await,
            &[&api, &worker],
        )?;
        tokio::time::sleep(Duration::from_millis(600)).await;
    }
    // Over a store of its own, so that it knows nothing but what it hears; until then its empty list is not believed.
    let again = roles.controller("again", at, "").await?;
    let heard = AtomicBool::new(false);
    let asking = async {
        while !heard.load(Ordering::Relaxed) {
            answered(&someone, "meanwhile").await?;
            tokio::time::sleep(MEANWHILE).await;
        }
        anyhow::Ok(())
    };
    let hearing = async {
        let outcome = until_healthy(&url, port, true).await;
        heard.store(true, Ordering::Relaxed);
        outcome.context("a worker goes on telling of itself")
    };
    let (asked, outcome) = tokio::join!(asking, hearing);
    with_words(outcome, &[&again, &worker])?;
    with_words(asked, &[&api, &worker, &again])?;
    with_words(answered(&someone, "after").await, &[&api, &worker, &again])
}
