//! How values become columns, the same on both backends.

use std::borrow::Cow;

use chrono::{DateTime, NaiveDateTime, SubsecRound as _, Utc};
use serde::{Serialize, de::DeserializeOwned};

use crate::{Error, Result};

/// A time as it is stored: naive UTC, microseconds. Cut here, because PostgreSQL would cut and SQLite would not.
pub(super) fn stored(at: DateTime<Utc>) -> NaiveDateTime {
    at.naive_utc().trunc_subsecs(6)
}

/// Text as it is stored: PostgreSQL has no place for U+0000, so it becomes U+FFFD on both.
pub(super) fn clean(text: &str) -> Cow<'_, str> {
    if text.contains('\0') {
        Cow::Owned(text.replace('\0', "\u{FFFD}"))
    } else {
        Cow::Borrowed(text)
    }
}

/// [`clean`] for what may be missing.
pub(super) fn clean_option(text: Option<&str>) -> Option<Cow<'_, str>> {
    text.map(clean)
}

/// A document as text. Text rather than either backend's JSON type: the order of keys and every digit survive.
pub(super) fn to_text(document: &impl Serialize) -> Result<String> {
    serde_json::to_string(document).map_err(|error| Error::internal("storing a document", error))
}

/// A stored document.
pub(super) fn from_text<T: DeserializeOwned>(text: &str) -> Result<T> {
    serde_json::from_str(text).map_err(|error| Error::internal("reading a stored document", error))
}
