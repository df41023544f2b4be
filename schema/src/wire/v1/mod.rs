//! DB-GPT's first generation, one file per noun. Its names stop here: `conv_uid` is a conversation's id,
//! `db_name` a datasource's name.

pub mod charts;
pub mod chat;
pub mod conversations;
pub mod datasources;
pub mod editor;
pub mod examples;
pub mod export;
pub mod feedback;
pub mod files;
pub mod models;
pub mod questions;
pub mod scenes;
pub mod transfer;

use crate::Error;

/// DB-GPT's time format, which has no zone and means the server's own.
pub(crate) fn timestamp(at: chrono::DateTime<chrono::Utc>) -> String {
    at.with_timezone(&chrono::Local)
        .format("%Y-%m-%d %H:%M:%S")
        .to_string()
}

/// One error for all fields that are not there, in upstream's form.
fn all_missing(is_there: &[(&str, bool)]) -> Error {
    let text = is_there
        .iter()
        .filter(|(_, is_there)| !is_there)
        .map(|(name, _)| format!("body.{name}:Field required"))
        .collect::<Vec<String>>()
        .join(";");
    match text.split_once(':') {
        Some((field, reason)) => Error::invalid(field, reason),
        None => Error::invalid("body", "Field required"),
    }
}

#[cfg(test)]
mod tests {
    use chrono::{DateTime, Local, NaiveDateTime};

    #[test]
    fn a_timestamp_is_in_the_servers_own_time() {
        let at = DateTime::from_timestamp(1_718_451_045, 0).expect("a day in June 2024");
        let text = super::timestamp(at);
        let read = NaiveDateTime::parse_from_str(&text, "%Y-%m-%d %H:%M:%S").expect("the format");
        assert_eq!(
            read.and_local_timezone(Local).earliest(),
            Some(at.with_timezone(&Local))
        );
    }
}
