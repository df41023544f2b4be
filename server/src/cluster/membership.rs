//! Telling a controller what this process offers: at once, then with every heartbeat, until it leaves.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use tidegate_schema::{Result, model::Instance};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::Directory;

/// How often it is looked whether the offers changed.
const LOOK: Duration = Duration::from_millis(250);
/// Shortest and longest wait behind a controller that did not answer.
const FIRST_WAIT: Duration = Duration::from_millis(500);
const LONGEST_WAIT: Duration = Duration::from_secs(10);
/// How long leaving may take.
const FAREWELL: Duration = Duration::from_secs(3);

/// What this process offers now.
pub type Offers = Arc<dyn Fn() -> Vec<Instance> + Send + Sync>;

/// Belongs to a controller until `leaving`: what is new is registered at once, what is there beats each `every`, what is
/// gone is deregistered. A controller that does not answer is asked again for ever, with pauses that grow and differ.
pub async fn belong(
    directory: Arc<dyn Directory>,
    name: String,
    offers: Offers,
    every: Duration,
    leaving: CancellationToken,
) {
    let mut told = BTreeMap::new();
    let mut next_beat = Instant::now();
    let mut not_before = next_beat;
    let mut failures = 0_u32;
    while !leaving.is_cancelled() {
        let now = Instant::now();
        let offered = offers();
        let due = now >= next_beat || changed(&told, &offered);
        if due && now >= not_before {
            let beat = tell(directory.as_ref(), &mut told, offered);
            let outcome = tokio::select! {
                outcome = beat => outcome,
                () = leaving.cancelled() => break,
            };
            match outcome {
                Ok(()) => {
                    if failures > 0 {
                        tracing::info!(controller = name, "the controller answers again");
                    }
                    failures = 0;
                    next_beat = now + every;
                }
                Err(error) => {
                    if failures == 0 {
                        tracing::warn!(controller = name, %error, "the controller was not told; trying again");
                    }
                    failures = failures.saturating_add(1);
                    // It may have forgotten everything when it is back.
                    next_beat = now;
                    not_before = Instant::now() + wait(failures, rand::random());
                }
            }
        }
        tokio::select! {
            () = tokio::time::sleep(LOOK) => {}
            () = leaving.cancelled() => {}
        }
    }
    let leave = async {
        for instance in told.values() {
            if let Err(error) = directory.deregister(instance, false).await {
                tracing::warn!(controller = name, %error, "the controller was not told that this process leaves");
                return;
            }
        }
    };
    if tokio::time::timeout(FAREWELL, leave).await.is_err() {
        tracing::warn!(
            controller = name,
            "the controller did not answer a farewell in time"
        );
    }
}

/// How long to wait behind so many failures; `draw` spreads those who wait for the same controller.
fn wait(failures: u32, draw: f64) -> Duration {
    let longest = FIRST_WAIT
        .saturating_mul(1 << failures.saturating_sub(1).min(10))
        .min(LONGEST_WAIT);
    longest.mul_f64(0.5 + draw.clamp(0.0, 1.0) / 2.0)
}

fn changed(told: &BTreeMap<String, Instance>, offered: &[Instance]) -> bool {
    told.len() != offered.len()
        || offered
            .iter()
            .any(|instance| !told.contains_key(&instance.model_name))
}

/// Tells what is new, what is still there and what is gone. `told` has afterwards what the controller knows.
async fn tell(
    directory: &dyn Directory,
    told: &mut BTreeMap<String, Instance>,
    offered: Vec<Instance>,
) -> Result<()> {
    let gone: Vec<String> = told
        .keys()
        .filter(|name| !offered.iter().any(|instance| instance.model_name == **name))
        .cloned()
        .collect();
    for instance in offered {
        if told.contains_key(&instance.model_name) {
            directory.heartbeat(&instance).await?;
        } else {
            directory.register(&instance).await?;
        }
        told.insert(instance.model_name.clone(), instance);
    }
    for name in gone {
        if let Some(instance) = told.get(&name) {
            directory.deregister(instance, false).await?;
            told.remove(&name);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use async_trait::async_trait;
    use tidegate_schema::Error;
    use tokio_util::task::TaskTracker;

    use super::*;
    use crate::cluster::Listing;

    /// A controller that writes down what it is told.
    #[derive(Default)]
    struct Book {
        lines: Mutex<Vec<String>>,
        away: Mutex<bool>,
    }

    impl Book {
        fn write(&self, act: &str, instance: &Instance) -> Result<()> {
            if *self.away.lock().expect("whole") {
                return Err(Error::upstream("controller", "is away"));
            }
            let line = format!("{act} {}", instance.model_name);
            self.lines.lock().expect("whole").push(line);
            Ok(())
        }

        fn take(&self) -> Vec<String> {
            std::mem::take(&mut *self.lines.lock().expect("whole"))
        }
    }

    #[async_trait]
    impl Directory for Book {
        async fn all(&self) -> Result<Listing> {
            Err(Error::upstream("controller", "tells nobody"))
        }

        async fn register(&self, instance: &Instance) -> Result<()> {
            self.write("register", instance)
        }

        async fn heartbeat(&self, instance: &Instance) -> Result<()> {
            self.write("beat", instance)
        }

        async fn deregister(&self, instance: &Instance, _: bool) -> Result<()> {
            self.write("leave", instance)
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_offered_is_told_at_once_and_beats_until_it_leaves() {
        let book = Arc::new(Book::default());
        let offered = Arc::new(Mutex::new(vec!["a@llm"]));
        let offers: Offers = {
            let offered = Arc::clone(&offered);
            Arc::new(move || {
                let names = offered.lock().expect("whole");
                names
                    .iter()
                    .map(|name| Instance::new(*name, "h", 1))
                    .collect()
            })
        };
        let leaving = CancellationToken::new();
        let tasks = TaskTracker::new();
        tasks.spawn(belong(
            Arc::clone(&book) as Arc<dyn Directory>,
            "c".to_owned(),
            offers,
            Duration::from_secs(20),
            leaving.clone(),
        ));
        let pass = |seconds: f64| tokio::time::sleep(Duration::from_secs_f64(seconds));
        pass(0.1).await;
        assert_eq!(book.take(), ["register a@llm"]);
        pass(21.0).await;
        assert_eq!(book.take(), ["beat a@llm"]);
        *offered.lock().expect("whole") = vec!["b@llm"];
        pass(1.0).await;
        assert_eq!(book.take(), ["register b@llm", "leave a@llm"]);
        *book.away.lock().expect("whole") = true;
        pass(120.0).await;
        assert!(book.take().is_empty());
        *book.away.lock().expect("whole") = false;
        pass(11.0).await;
        assert_eq!(
            book.take(),
            ["beat b@llm"],
            "told as soon as it answers again"
        );
        leaving.cancel();
        tasks.close();
        tasks.wait().await;
        assert_eq!(book.take(), ["leave b@llm"]);
    }

    #[test]
    fn pauses_grow_to_a_limit_and_differ() {
        assert_eq!(wait(1, 1.0), FIRST_WAIT);
        assert_eq!(wait(1, 0.0), FIRST_WAIT / 2);
        assert_eq!(wait(3, 1.0), FIRST_WAIT * 4);
        assert_eq!(wait(u32::MAX, 1.0), LONGEST_WAIT);
    }
}
