//! What has to hold of conversations before the store takes them in.

use std::collections::BTreeSet;

use chrono::{DateTime, TimeDelta, Utc};

use crate::{
    Error, Result,
    model::{Feedback, KeptConversation, Message},
};

/// Most messages of one conversation, and the highest round and place one can have.
const MOST_MESSAGES: usize = 10_000;
const HIGHEST: i32 = 1_000_000;
/// Most characters of an id or a name, of a title, and of what was asked, which may be a file with its attributes.
const MOST_ID_CHARS: usize = 255;
const MOST_TITLE_CHARS: usize = 250;
const MOST_ASKED_CHARS: usize = 4_096;
/// How far another machine's clock may be ahead.
const AHEAD: TimeDelta = TimeDelta::days(1);

/// Checks all of them.
pub(super) fn check(all: &[KeptConversation], now: DateTime<Utc>) -> Result<()> {
    let mut ids = BTreeSet::new();
    let mut messages = BTreeSet::new();
    for (i, kept) in all.iter().enumerate() {
        let place = format!("body.conversations[{i}]");
        let id = kept.conversation.id.as_str();
        if !id.is_empty() && !ids.insert(id) {
            return Err(Error::invalid(
                format!("{place}.conv_uid"),
                format!("'{id}' stands twice; an id is one conversation's"),
            ));
        }
        head(kept, &place, now)?;
        for (k, message) in kept.messages.iter().enumerate() {
            let place = format!("{place}.messages[{k}]");
            let id = message.id.as_str();
            if !id.is_empty() && !messages.insert(id) {
                return Err(Error::invalid(
                    format!("{place}.id"),
                    format!("'{id}' stands twice; an id is one message's"),
                ));
            }
            one(message, &place, now)?;
        }
        opinions(kept, &place, now)?;
    }
    Ok(())
}

fn head(kept: &KeptConversation, place: &str, now: DateTime<Utc>) -> Result<()> {
    let head = &kept.conversation;
    for (field, text, most) in [
        ("conv_uid", Some(head.id.as_str()), MOST_ID_CHARS),
        ("chat_mode", Some(head.mode.as_str()), MOST_ID_CHARS),
        (
            "select_param",
            head.select_param.as_deref(),
            MOST_ASKED_CHARS,
        ),
        ("model_name", head.model.as_deref(), MOST_ID_CHARS),
        ("app_code", head.app_code.as_deref(), MOST_ID_CHARS),
        ("user_name", head.user.as_deref(), MOST_ID_CHARS),
        ("sys_code", head.sys_code.as_deref(), MOST_ID_CHARS),
    ] {
        short(place, field, text, most)?;
    }
    if head.mode.is_empty() {
        return Err(Error::invalid(
            format!("{place}.chat_mode"),
            "must not be empty",
        ));
    }
    if head.named {
        short(place, "title", Some(head.title.as_str()), MOST_TITLE_CHARS)?;
        if head.title.trim().is_empty() {
            return Err(Error::invalid(
                format!("{place}.title"),
                "must not be empty; null lets the latest question be the title",
            ));
        }
    }
    for (field, at) in [
        ("created_at", head.created_at),
        ("modified_at", head.modified_at),
    ] {
        past(place, field, at, now)?;
    }
    let count = kept.messages.len();
    if count == 0 || count > MOST_MESSAGES {
        return Err(Error::invalid(
            format!("{place}.messages"),
            format!("holds {count} messages; a conversation has 1 to {MOST_MESSAGES}"),
        ));
    }
    let mut places = BTreeSet::new();
    match kept
        .messages
        .iter()
        .position(|message| !places.insert(message.index))
    {
        None => Ok(()),
        Some(k) => Err(Error::invalid(
            format!("{place}.messages[{k}].index"),
            format!(
                "{} stands twice; a place in a conversation is one message's",
                kept.messages[k].index
            ),
        )),
    }
}

fn one(message: &Message, place: &str, now: DateTime<Utc>) -> Result<()> {
    for (field, number, least) in [("round", message.round, 1), ("index", message.index, 0)] {
        if !(least..=HIGHEST).contains(&number) {
            return Err(Error::invalid(
                format!("{place}.{field}"),
                format!("Input should be between {least} and {HIGHEST}"),
            ));
        }
    }
    let detail = &message.detail;
    short(place, "id", Some(message.id.as_str()), MOST_ID_CHARS)?;
    short(
        place,
        "select_param",
        detail.select_param.as_deref(),
        MOST_ASKED_CHARS,
    )?;
    short(place, "model_name", detail.model.as_deref(), MOST_ID_CHARS)?;
    past(place, "created_at", message.created_at, now)
}

fn opinions(kept: &KeptConversation, place: &str, now: DateTime<Utc>) -> Result<()> {
    let rounds: BTreeSet<i32> = kept.messages.iter().map(|message| message.round).collect();
    let mut judged = BTreeSet::new();
    for (i, given) in kept.feedback.iter().enumerate() {
        let place = format!("{place}.feedback[{i}]");
        if !rounds.contains(&given.round) || !judged.insert(given.round) {
            return Err(Error::invalid(
                format!("{place}.round"),
                format!(
                    "{} is no round of the conversation, or has an opinion already",
                    given.round
                ),
            ));
        }
        opinion(given, &place, now)?;
    }
    Ok(())
}

fn opinion(given: &Feedback, place: &str, now: DateTime<Utc>) -> Result<()> {
    let opinion = &given.opinion;
    if opinion.score.is_some_and(|score| !(0..=5).contains(&score)) {
        return Err(Error::invalid(
            format!("{place}.score"),
            "Input should be between 0 and 5",
        ));
    }
    short(place, "user_name", given.user.as_deref(), MOST_ID_CHARS)?;
    past(place, "created_at", given.created_at, now)?;
    past(place, "modified_at", given.modified_at, now)
}

/// Refuses a text that is too long for what it is, or that PostgreSQL has no place for.
fn short(place: &str, field: &str, text: Option<&str>, most: usize) -> Result<()> {
    let text = text.unwrap_or_default();
    if text.contains('\0') || text.chars().nth(most).is_some() {
        return Err(Error::invalid(
            format!("{place}.{field}"),
            format!("must have at most {most} characters and no NUL among them"),
        ));
    }
    Ok(())
}

/// Refuses a time that is none of a thing that happened.
fn past(place: &str, field: &str, at: DateTime<Utc>, now: DateTime<Utc>) -> Result<()> {
    if at < DateTime::UNIX_EPOCH || at > now + AHEAD {
        return Err(Error::invalid(
            format!("{place}.{field}"),
            format!("{} lies in the future, or before 1970", at.to_rfc3339()),
        ));
    }
    Ok(())
}
