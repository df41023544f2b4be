//! Keeping a fleet in step with the list of instances.

use std::{sync::Arc, time::Duration};

use tidegate_schema::model::ModelPlace;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::{Directory, Fleet};

/// Shortest time between two looks at the list, however often processes fail.
const SHORTEST: Duration = Duration::from_millis(250);

/// Keeps a fleet in step with a directory: looks each `every`, and at once when a process failed. What was known last
/// stays where the directory cannot be reached, and beside what it says when it has only begun to hear of processes.
pub async fn follow(
    fleet: Fleet,
    directory: Arc<dyn Directory>,
    own: Option<ModelPlace>,
    every: Duration,
    stopping: CancellationToken,
) {
    loop {
        let looked = Instant::now();
        match directory.all().await {
            Ok(listing) => {
                if fleet.note(true) {
                    tracing::info!("the list of instances can be read again");
                }
                fleet.apply(own.as_ref(), fleet.complete(listing));
                fleet.learn().await;
            }
            Err(error) => {
                if fleet.note(false) {
                    tracing::warn!(%error, "the list of instances cannot be read; what was known of it last stays");
                }
            }
        }
        tokio::select! {
            () = stopping.cancelled() => return,
            () = tokio::time::sleep(every) => {}
            () = fleet.troubled() => {
                tokio::time::sleep_until(looked + SHORTEST).await;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{
        collections::BTreeSet,
        sync::{Mutex, PoisonError},
    };

    use async_trait::async_trait;
    use secrecy::SecretString;
    use tidegate_schema::{Error, Result, model::Instance};
    use tokio_util::task::TaskTracker;

    use super::*;
    use crate::{cluster::Listing, workers::registry::Registry};

    const EXPIRY: Duration = Duration::from_mins(1);

    /// A controller that says what it is set to, or nothing.
    #[derive(Default)]
    struct Sayings(Mutex<Option<Listing>>);

    impl Sayings {
        fn say(&self, names: &[&str], heard_for: Option<u64>) {
            let listing = Listing {
                instances: names
                    .iter()
                    .map(|&name| Instance::new(name, "h", 1))
                    .collect(),
                heard_for: heard_for.map(Duration::from_secs),
            };
            *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(listing);
        }

        fn fall_silent(&self) {
            *self.0.lock().unwrap_or_else(PoisonError::into_inner) = None;
        }
    }

    #[async_trait]
    impl Directory for Sayings {
        async fn all(&self) -> Result<Listing> {
            let said = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            said.clone()
                .ok_or_else(|| Error::upstream("controller", "is away"))
        }

        async fn register(&self, _: &Instance) -> Result<()> {
            Ok(())
        }

        async fn heartbeat(&self, _: &Instance) -> Result<()> {
            Ok(())
        }

        async fn deregister(&self, _: &Instance, _: bool) -> Result<()> {
            Ok(())
        }
    }

    async fn pass(seconds: u64) {
        tokio::time::sleep(Duration::from_secs(seconds)).await;
    }

    /// A fleet that follows sayings, its models' names, and what ends it.
    fn following(sayings: &Arc<Sayings>) -> (Registry, CancellationToken) {
        let registry = Registry::new();
        let client = crate::workers::http_client().expect("a client");
        let fleet = Fleet::new(
            registry.clone(),
            client,
            SecretString::from(""),
            Duration::from_millis(1),
            EXPIRY,
            BTreeSet::new(),
        );
        let stopping = CancellationToken::new();
        TaskTracker::new().spawn(follow(
            fleet,
            Arc::clone(sayings) as Arc<dyn Directory>,
            None,
            Duration::from_secs(5),
            stopping.clone(),
        ));
        (registry, stopping)
    }

    #[tokio::test(start_paused = true)]
    async fn a_controller_that_has_only_begun_to_hear_takes_no_model_away() {
        let sayings = Arc::new(Sayings::default());
        sayings.say(&["a@text2vec", "b@text2vec"], Some(600));
        let (registry, stopping) = following(&sayings);
        pass(1).await;
        assert!(registry.knows("a") && registry.knows("b"));
        // Between two looks it was started anew, and one worker was quick.
        sayings.say(&["b@text2vec"], Some(2));
        pass(30).await;
        assert!(registry.knows("a") && registry.knows("b"));
        sayings.say(&["b@text2vec"], Some(60));
        pass(5).await;
        assert!(!registry.knows("a") && registry.knows("b"));
        stopping.cancel();
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_does_not_tell_how_long_it_hears_is_believed_an_expiry_after_it_is_back() {
        let sayings = Arc::new(Sayings::default());
        sayings.say(&["a@text2vec", "b@text2vec"], None);
        let (registry, stopping) = following(&sayings);
        pass(1).await;
        // It says so itself, without having been away.
        sayings.say(&["a@text2vec"], None);
        pass(5).await;
        assert!(registry.knows("a") && !registry.knows("b"));
        sayings.fall_silent();
        pass(3600).await;
        assert!(registry.knows("a"));
        sayings.say(&[], None);
        pass(55).await;
        assert!(registry.knows("a"));
        pass(15).await;
        assert!(!registry.knows("a"));
        stopping.cancel();
    }
}
