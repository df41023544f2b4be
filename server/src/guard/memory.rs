//! Verdicts that were given before, so that a text that comes again is not taken apart again.
//!
//! Judging reads nothing but the text, the dialect and the options, so the same of them always come to the same. What
//! the engine says of a statement is not kept here: it is asked every time.

use std::{
    num::NonZero,
    sync::{Mutex, MutexGuard, PoisonError},
};

use lru::LruCache;
use tidegate_schema::model::{Dialect, Verdict};

use super::{Guard, GuardOptions};

/// Texts that are remembered; the one that was not asked for longest is forgotten first.
const TEXTS: usize = 64;
/// Longer texts are not remembered.
const BYTES_PER_TEXT: usize = 16 << 10;

/// Verdicts by their texts, each with what else it was given under.
pub(super) struct Memory(Mutex<LruCache<String, Given>>);

struct Given {
    dialect: Dialect,
    options: GuardOptions,
    verdict: Verdict,
}

impl Default for Memory {
    fn default() -> Self {
        let texts = NonZero::new(TEXTS).unwrap_or(NonZero::<usize>::MIN);
        Self(Mutex::new(LruCache::new(texts)))
    }
}

impl Memory {
    /// As [`Guard::judge`].
    pub(super) fn judge(&self, sql: &str, dialect: Dialect, options: &GuardOptions) -> Verdict {
        if sql.len() > BYTES_PER_TEXT {
            return Guard::judge(sql, dialect, options);
        }
        if let Some(verdict) = self.given(sql, dialect, options) {
            return verdict;
        }
        // Not under the lock: others need not wait for it.
        let verdict = Guard::judge(sql, dialect, options);
        let given = Given {
            dialect,
            options: options.clone(),
            verdict: verdict.clone(),
        };
        self.texts().put(sql.to_owned(), given);
        verdict
    }

    /// The verdict on this very text under these very options.
    fn given(&self, sql: &str, dialect: Dialect, options: &GuardOptions) -> Option<Verdict> {
        let mut texts = self.texts();
        let given = texts.get(sql)?;
        (given.dialect == dialect && given.options == *options).then(|| given.verdict.clone())
    }

    fn texts(&self) -> MutexGuard<'_, LruCache<String, Given>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn allowing(tables: &[&str]) -> GuardOptions {
        GuardOptions {
            allowed_tables: Some(tables.iter().map(|name| (*name).to_owned()).collect()),
            ..GuardOptions::default()
        }
    }

    #[test]
    fn a_verdict_is_given_again_only_under_the_same_options() {
        let memory = Memory::default();
        let sql = "SELECT name FROM people";
        let judge = |options: &GuardOptions| memory.judge(sql, Dialect::Sqlite, options).allowed;
        for _ in 0..2 {
            assert!(judge(&GuardOptions::default()));
            assert!(judge(&allowing(&["people"])));
            assert!(!judge(&allowing(&["orders"])));
            assert!(!judge(&GuardOptions {
                allowed_tables: Some(BTreeSet::new()),
                ..GuardOptions::default()
            }));
            assert!(!judge(&GuardOptions {
                max_sql_bytes: 10,
                ..GuardOptions::default()
            }));
        }
        let changing = "DELETE FROM people WHERE id = 1";
        let writable = GuardOptions {
            writable: true,
            ..GuardOptions::default()
        };
        for _ in 0..2 {
            assert!(memory.judge(changing, Dialect::Sqlite, &writable).allowed);
            let reading = memory.judge(changing, Dialect::Sqlite, &GuardOptions::default());
            assert!(!reading.allowed);
        }
    }

    #[test]
    fn a_verdict_is_given_again_only_in_the_same_dialect() {
        let memory = Memory::default();
        let options = GuardOptions::default();
        for sql in ["SELECT pg_sleep(1)", "SHOW TABLES", "SELECT `a` FROM t"] {
            for dialect in [Dialect::Sqlite, Dialect::Postgres, Dialect::MySql] {
                let judged = Guard::judge(sql, dialect, &options);
                for _ in 0..2 {
                    assert_eq!(memory.judge(sql, dialect, &options), judged, "{sql}");
                }
            }
        }
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let memory = Memory::default();
        let options = GuardOptions::default();
        for n in 0..=TEXTS {
            memory.judge(&format!("SELECT {n}"), Dialect::Sqlite, &options);
        }
        assert_eq!(memory.texts().len(), TEXTS);
        assert!(
            memory
                .given("SELECT 0", Dialect::Sqlite, &options)
                .is_none()
        );
        let last = format!("SELECT {TEXTS}");
        assert!(memory.given(&last, Dialect::Sqlite, &options).is_some());
        let long = format!("SELECT '{}'", "x".repeat(BYTES_PER_TEXT));
        assert!(memory.judge(&long, Dialect::Sqlite, &options).allowed);
        assert!(memory.given(&long, Dialect::Sqlite, &options).is_none());
    }
}
