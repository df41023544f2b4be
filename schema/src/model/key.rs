//! API keys. Only a hash is stored; the key itself is shown once.

use chrono::{DateTime, Utc};

use crate::ids::KeyId;

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
    /// Datasources it may use; `None` for all.
    pub datasources: Option<Vec<String>>,
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
    /// Datasources it may use; `None` for all.
    pub datasources: Option<Vec<String>>,
    /// When it was made.
    pub created_at: DateTime<Utc>,
}
