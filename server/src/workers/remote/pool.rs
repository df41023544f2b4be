//! The processes that offer one model, and which of them is asked next.
//!
//! Whoever has the fewest of our calls for its weight; among equals two are drawn, and the one that says it has less to
//! do is taken. One that failed is avoided until it is heard of again, unless there is no other.

use std::sync::{
    Arc, Mutex, MutexGuard, PoisonError,
    atomic::{AtomicU32, Ordering},
};

use chrono::{DateTime, Utc};
use tidegate_schema::model::Instance;

/// The processes that offer one model.
pub struct Pool {
    model: String,
    members: Mutex<Vec<Member>>,
}

struct Member {
    instance: Instance,
    /// Our calls under way there.
    open: Arc<AtomicU32>,
    failed: Failed,
}

/// Whether a process failed lately.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Failed {
    No,
    /// It failed; what was known of its heartbeats then may be old.
    JustNow,
    /// It failed, and this was its last heartbeat.
    Since(Option<DateTime<Utc>>),
}

/// A call under way. It counts until it is dropped.
pub struct Call {
    instance: Instance,
    open: Arc<AtomicU32>,
}

impl Call {
    /// Where it goes, as a URL has it.
    pub fn address(&self) -> String {
        self.instance.address()
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        self.open.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Pool {
    /// Nobody offers the model yet.
    pub fn new(model: impl Into<String>) -> Self {
        Self {
            model: model.into(),
            members: Mutex::default(),
        }
    }

    /// The model's own name.
    pub fn model(&self) -> &str {
        &self.model
    }

    /// Takes over who offers the model now. Calls under way at those that stay go on counting.
    pub fn update(&self, instances: Vec<Instance>) {
        let mut members = self.members();
        let mut before = std::mem::take(&mut *members);
        for instance in instances {
            let known = before
                .iter()
                .position(|member| member.instance.is_at(&instance.host, instance.port))
                .map(|at| before.swap_remove(at));
            let (open, failed) = match known {
                Some(member) => (
                    member.open,
                    after_news(member.failed, instance.last_heartbeat),
                ),
                None => (Arc::default(), Failed::No),
            };
            members.push(Member {
                instance,
                open,
                failed,
            });
        }
    }

    /// Whether anybody can be asked.
    pub fn usable(&self) -> bool {
        self.members().iter().any(|member| member.instance.usable())
    }

    /// Our calls under way.
    pub fn open_calls(&self) -> u32 {
        self.members()
            .iter()
            .map(|member| member.open.load(Ordering::Relaxed))
            .sum()
    }

    /// Somebody to ask, who is none of those tried before; nothing where there is nobody.
    pub fn choose(&self, tried: &[String]) -> Option<Call> {
        let members = self.members();
        let able: Vec<&Member> = members
            .iter()
            .filter(|member| member.instance.usable())
            .filter(|member| !tried.contains(&member.instance.address()))
            .collect();
        let sound: Vec<&Member> = able
            .iter()
            .copied()
            .filter(|member| member.failed == Failed::No)
            .collect();
        let chosen = least_busy(if sound.is_empty() { &able } else { &sound })?;
        chosen.open.fetch_add(1, Ordering::Relaxed);
        Some(Call {
            instance: chosen.instance.clone(),
            open: Arc::clone(&chosen.open),
        })
    }

    /// Notes that a process failed.
    pub fn failed(&self, address: &str) {
        for member in self.members().iter_mut() {
            if member.instance.address() == address {
                member.failed = Failed::JustNow;
            }
        }
    }

    fn members(&self) -> MutexGuard<'_, Vec<Member>> {
        self.members.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The first news after a failure may tell of a heartbeat from before it: only a later one says that it is back.
fn after_news(failed: Failed, heartbeat: Option<DateTime<Utc>>) -> Failed {
    match failed {
        Failed::No => Failed::No,
        Failed::JustNow => Failed::Since(heartbeat),
        Failed::Since(before) if heartbeat > before => Failed::No,
        Failed::Since(before) => Failed::Since(before),
    }
}

fn least_busy<'a>(among: &[&'a Member]) -> Option<&'a Member> {
    // Weight 0 is for when there is no other.
    let weighed = among.iter().any(|member| member.instance.weight > 0.0);
    let busy = |member: &Member| {
        let calls = f64::from(member.open.load(Ordering::Relaxed)) + 1.0;
        calls / if weighed { member.instance.weight } else { 1.0 }
    };
    let rated: Vec<(f64, &'a Member)> = among
        .iter()
        .filter(|member| !weighed || member.instance.weight > 0.0)
        .map(|&member| (busy(member), member))
        .collect();
    let least = rated.iter().map(|(busy, _)| *busy).min_by(f64::total_cmp)?;
    let equals: Vec<&'a Member> = rated
        .iter()
        .filter(|(busy, _)| *busy <= least)
        .map(|(_, member)| *member)
        .collect();
    let [one, other] = two_of(&equals)?;
    let load = |member: &Member| member.instance.load.unwrap_or_default();
    Some(if load(other) < load(one) { other } else { one })
}

/// Two of them, drawn; the same twice where there is one.
fn two_of<'a>(among: &[&'a Member]) -> Option<[&'a Member; 2]> {
    let count = among.len();
    if count < 2 {
        return among.first().map(|only| [*only, *only]);
    }
    let first = rand::random::<u32>() as usize % count;
    let behind = rand::random::<u32>() as usize % (count - 1);
    let second = (first + 1 + behind) % count;
    Some([among[first], among[second]])
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn at(port: u16) -> Instance {
        Instance::new("m@llm", "127.0.0.1", port)
    }

    fn heard(port: u16, seconds: i64) -> Instance {
        Instance {
            last_heartbeat: DateTime::from_timestamp(seconds, 0),
            ..at(port)
        }
    }

    fn pool(instances: Vec<Instance>) -> Pool {
        let pool = Pool::new("m");
        pool.update(instances);
        pool
    }

    fn counts(calls: &[Call]) -> BTreeMap<u16, usize> {
        let mut counts = BTreeMap::new();
        for call in calls {
            *counts.entry(call.instance.port).or_default() += 1;
        }
        counts
    }

    #[test]
    fn calls_go_to_whoever_has_the_fewest_for_its_weight() {
        let heavy = Instance {
            weight: 3.0,
            ..at(2)
        };
        let idle = Instance {
            weight: 0.0,
            ..at(3)
        };
        let pool = pool(vec![at(1), heavy, idle]);
        let calls: Vec<Call> = (0..40).filter_map(|_| pool.choose(&[])).collect();
        assert_eq!(counts(&calls), BTreeMap::from([(1, 10), (2, 30)]));
        assert_eq!(pool.open_calls(), 40);
        drop(calls);
        assert_eq!(pool.open_calls(), 0);
    }

    #[test]
    fn among_equals_the_one_that_says_it_has_less_to_do_is_taken() {
        let busy = Instance {
            load: Some(9),
            ..at(1)
        };
        let pool = pool(vec![busy, at(2)]);
        for _ in 0..20 {
            let call = pool.choose(&[]).expect("somebody");
            assert_eq!(call.instance.port, 2);
        }
    }

    #[test]
    fn who_is_not_healthy_or_was_tried_is_not_asked() {
        let ill = Instance {
            healthy: false,
            ..at(1)
        };
        let off = Instance {
            enabled: false,
            ..at(2)
        };
        let pool = pool(vec![ill, off, at(3)]);
        let call = pool.choose(&[]).expect("somebody");
        assert_eq!(call.instance.port, 3);
        assert!(pool.choose(&[call.address()]).is_none());
        pool.update(vec![]);
        assert!(pool.choose(&[]).is_none() && !pool.usable());
    }

    #[test]
    fn who_failed_is_avoided_until_it_is_heard_of_again() {
        let pool = pool(vec![heard(1, 10), heard(2, 10)]);
        let port = |pool: &Pool| pool.choose(&[]).map(|call| call.instance.port);
        pool.failed("127.0.0.1:1");
        let others = || (0..20).all(|_| port(&pool) == Some(2));
        assert!(others());
        // A heartbeat that was sent before the failure, and became known after it.
        pool.update(vec![heard(1, 11), heard(2, 11)]);
        assert!(others());
        pool.update(vec![heard(1, 11), heard(2, 12)]);
        assert!(others());
        pool.update(vec![heard(1, 30), heard(2, 30)]);
        assert!((0..200).any(|_| port(&pool) == Some(1)));
    }

    #[test]
    fn who_failed_is_asked_all_the_same_where_there_is_no_other() {
        let pool = pool(vec![heard(1, 10)]);
        pool.failed("127.0.0.1:1");
        assert!(pool.choose(&[]).is_some());
    }
}
