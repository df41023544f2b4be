//! DB-GPT's first generation, one file per noun. Its names stop here: `conv_uid` is a conversation's id,
//! `db_name` a datasource's name.

pub mod chat;
pub mod conversations;
pub mod datasources;
pub mod editor;

/// DB-GPT's time format, in UTC.
pub(crate) fn timestamp(at: chrono::DateTime<chrono::Utc>) -> String {
    at.format("%Y-%m-%d %H:%M:%S").to_string()
}
