//! API keys. Only a hash is stored; the key itself is shown once.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};

use crate::ids::KeyId;

/// What a key may do with one datasource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// The datasource's name.
    pub datasource: String,
    /// Tables it may use, as the catalogue names them (`orders`, or `sales.orders` outside the default schema);
    /// `None` for all.
    pub tables: Option<BTreeSet<String>>,
    /// Whether it may change rows there, where the datasource itself is writable.
    pub write: bool,
}

impl Grant {
    /// Reading every table of a datasource.
    pub fn reading(datasource: impl Into<String>) -> Self {
        Self {
            datasource: datasource.into(),
            tables: None,
            write: false,
        }
    }
}

/// How much a key may use. What is `None` is not limited.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct KeyLimits {
    /// Calls of models a minute.
    pub requests_per_minute: Option<u32>,
    /// Tokens a minute, read and written.
    pub tokens_per_minute: Option<u32>,
    /// Tokens in all, read and written, over [`KeyLimits::budget_days`].
    pub token_budget: Option<u64>,
    /// Days that the budget is for, counted back from now; `None` for all there are.
    pub budget_days: Option<u32>,
}

impl KeyLimits {
    /// Whether nothing is limited.
    pub fn is_unlimited(&self) -> bool {
        self.requests_per_minute.is_none()
            && self.tokens_per_minute.is_none()
            && self.token_budget.is_none()
    }
}

/// A stored key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiKey {
    /// Public id.
    pub id: KeyId,
    /// What its owner calls it.
    pub name: String,
    /// First characters of the key, to recognise it by.
    pub prefix: String,
    /// SHA-256 of the whole key, hexadecimal. Keys are 32 random bytes, so a fast hash is enough.
    pub hash: String,
    /// Whether it may manage datasources and keys.
    pub admin: bool,
    /// What it may use, at most one grant per datasource; `None` for all of them, all tables, read only.
    pub grants: Option<Vec<Grant>>,
    /// How much it may use.
    pub limits: KeyLimits,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it stopped working, if it did.
    pub revoked_at: Option<DateTime<Utc>>,
}

/// What is needed to store a key.
#[derive(Debug, Clone)]
pub struct NewApiKey {
    /// Public id.
    pub id: KeyId,
    /// What its owner calls it.
    pub name: String,
    /// First characters.
    pub prefix: String,
    /// SHA-256, hexadecimal.
    pub hash: String,
    /// Whether it may manage datasources and keys.
    pub admin: bool,
    /// What it may use; `None` for all datasources, all tables, read only.
    pub grants: Option<Vec<Grant>>,
    /// How much it may use.
    pub limits: KeyLimits,
    /// When it was made.
    pub created_at: DateTime<Utc>,
}
