//! A call as it is stored: numbers in a row of their own, and what it has in common with thousands of others in a
//! label that is there once.

use std::{borrow::Cow, collections::HashMap};

use chrono::DateTime;
use diesel::prelude::*;
use sha2::{Digest as _, Sha256};

use crate::{
    Error, Result,
    ids::KeyId,
    model::{CallStatus, Operation, UsageEntry},
    store::columns::clean,
    tables::{usage_calls, usage_labels},
};

/// Who asked what of which model, and how it ended.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Label<'a> {
    key_id: &'a str,
    key_name: &'a str,
    model: &'a str,
    served_by: &'a str,
    operation: Operation,
    status: CallStatus,
    error: &'a str,
    streamed: bool,
}

impl<'a> Label<'a> {
    fn of(entry: &'a UsageEntry) -> Self {
        Self {
            key_id: entry.key.as_ref().map_or("", KeyId::as_str),
            key_name: &entry.key_name,
            model: &entry.model,
            served_by: &entry.served_by,
            operation: entry.operation,
            status: entry.status,
            error: &entry.error,
            streamed: entry.streamed,
        }
    }

    fn stored(&self) -> NewLabel<'a> {
        let mut label = NewLabel {
            id: 0,
            key_id: self.key_id,
            key_name: clean(self.key_name),
            model: clean(self.model),
            served_by: clean(self.served_by),
            operation: self.operation.name(),
            status: self.status.name(),
            error: clean(self.error),
            streamed: self.streamed,
        };
        label.id = label.fingerprint();
        label
    }
}

/// A label to be stored, unless it is there.
#[derive(Debug, Insertable)]
#[diesel(table_name = usage_labels)]
pub(super) struct NewLabel<'a> {
    id: i64,
    key_id: &'a str,
    key_name: Cow<'a, str>,
    model: Cow<'a, str>,
    served_by: Cow<'a, str>,
    operation: &'static str,
    status: &'static str,
    error: Cow<'a, str>,
    streamed: bool,
}

impl NewLabel<'_> {
    /// The first 64 bits of the SHA-256 of all it says: several servers write the same label under the same number
    /// without asking each other. Of a million labels two share one with a chance of 1 in 36 million.
    fn fingerprint(&self) -> i64 {
        let mut hash = Sha256::new();
        let streamed = if self.streamed { "streamed" } else { "whole" };
        for text in [
            self.key_id,
            &*self.key_name,
            &*self.model,
            &*self.served_by,
            self.operation,
            self.status,
            &*self.error,
            streamed,
        ] {
            hash.update((text.len() as u64).to_be_bytes());
            hash.update(text);
        }
        let hash = hash.finalize();
        hash.iter()
            .take(8)
            .fold(0, |number, byte| number << 8 | i64::from(*byte))
    }
}

/// A call to be stored. It borrows nothing: diesel keeps a statement of several rows prepared only where their type
/// is like that.
#[derive(Debug, Clone, Insertable)]
#[diesel(table_name = usage_calls, treat_none_as_default_value = false)]
pub(super) struct NewCall {
    label_id: i64,
    at_us: i64,
    prompt_tokens: i64,
    completion_tokens: i64,
    cached_tokens: i64,
    first_token_ms: Option<i64>,
    duration_ms: i64,
}

impl NewCall {
    fn of(entry: &UsageEntry, label_id: i64) -> Self {
        Self {
            label_id,
            at_us: entry.at.timestamp_micros(),
            prompt_tokens: whole(entry.prompt_tokens),
            completion_tokens: whole(entry.completion_tokens),
            cached_tokens: whole(entry.cached_tokens),
            first_token_ms: entry.first_token_ms.map(whole),
            duration_ms: whole(entry.duration_ms),
        }
    }
}

fn whole(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// Calls as they are stored, and their labels.
///
/// The labels are in the order of their numbers: servers that write the same ones at the same time wait for each
/// other in one direction only.
pub(super) fn split(entries: &[UsageEntry]) -> (Vec<NewLabel<'_>>, Vec<NewCall>) {
    let mut labels = Vec::new();
    let mut known: HashMap<Label<'_>, i64> = HashMap::new();
    let calls = entries
        .iter()
        .map(|entry| {
            let label = Label::of(entry);
            let id = known.get(&label).copied().unwrap_or_else(|| {
                let stored = label.stored();
                let id = stored.id;
                labels.push(stored);
                known.insert(label, id);
                id
            });
            NewCall::of(entry, id)
        })
        .collect();
    labels.sort_unstable_by_key(|label| label.id);
    (labels, calls)
}

/// The numbers of a call that is stored.
#[derive(Queryable, Selectable)]
#[diesel(table_name = usage_calls)]
#[diesel(check_for_backend(diesel::sqlite::Sqlite, diesel::pg::Pg))]
pub(super) struct StoredCall {
    at_us: i64,
    prompt_tokens: i64,
    completion_tokens: i64,
    cached_tokens: i64,
    first_token_ms: Option<i64>,
    duration_ms: i64,
}

/// What it says beside them.
#[derive(Queryable, Selectable)]
#[diesel(table_name = usage_labels)]
#[diesel(check_for_backend(diesel::sqlite::Sqlite, diesel::pg::Pg))]
pub(super) struct StoredLabel {
    key_id: String,
    key_name: String,
    model: String,
    served_by: String,
    operation: String,
    status: String,
    error: String,
    streamed: bool,
}

impl TryFrom<(StoredCall, StoredLabel)> for UsageEntry {
    type Error = Error;

    fn try_from((call, label): (StoredCall, StoredLabel)) -> Result<Self> {
        let unknown = |what: String| Error::internal("reading a row of usage", what);
        Ok(Self {
            at: DateTime::from_timestamp_micros(call.at_us)
                .ok_or_else(|| unknown(call.at_us.to_string()))?,
            key: (!label.key_id.is_empty()).then_some(KeyId(label.key_id)),
            key_name: label.key_name,
            model: label.model,
            served_by: label.served_by,
            operation: Operation::from_name(&label.operation)
                .ok_or_else(|| unknown(label.operation))?,
            prompt_tokens: call.prompt_tokens.unsigned_abs(),
            completion_tokens: call.completion_tokens.unsigned_abs(),
            cached_tokens: call.cached_tokens.unsigned_abs(),
            status: CallStatus::from_name(&label.status).ok_or_else(|| unknown(label.status))?,
            error: label.error,
            first_token_ms: call.first_token_ms.map(i64::unsigned_abs),
            duration_ms: call.duration_ms.unsigned_abs(),
            streamed: label.streamed,
        })
    }
}
