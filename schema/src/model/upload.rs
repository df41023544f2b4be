//! Files that were sent, to be asked or read within their conversation by whoever sent them.

use std::fmt;

use chrono::{DateTime, Utc};
use serde_json::{Map, Value, json};

use crate::ids::ConversationId;

/// What a place of ours begins with, as clients of DB-GPT know places.
const PLACE: &str = "dbgpt-fs://";

/// An upload (UUIDv7).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UploadId(pub String);

impl UploadId {
    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for UploadId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A file that was sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upload {
    /// Id.
    pub id: UploadId,
    /// What it was sent for, by DB-GPT's name.
    pub bucket: String,
    /// Its name as it was sent, without a path.
    pub name: String,
    /// Bytes.
    pub size: u64,
    /// The conversation it was sent in, which may not exist yet.
    pub conversation: ConversationId,
    /// Who sent it: a key's id, or the display name where there was no key.
    pub owner: String,
    /// When.
    pub created_at: DateTime<Utc>,
}

impl Upload {
    /// The bucket of every file that is sent to a chat.
    pub const BUCKET: &'static str = "dbgpt_app_file";

    /// Its place, as clients are told it.
    pub fn place(&self) -> String {
        format!("{PLACE}local/{}/{}", self.bucket, self.id)
    }

    /// What a question to it is stored with: the object that its upload answered, as text. Where a key sent it, the key
    /// comes first, so that what was asked of the file is known to be the key's own.
    pub fn reference(&self) -> String {
        let told = json!({
            "is_oss": true, "file_path": self.place(), "file_name": self.name, "file_learning": true,
            "bucket": self.bucket,
        });
        let told = told.to_string();
        // Keys have ids of this form, and display names hardly ever.
        if uuid::Uuid::try_parse(&self.owner).is_err() {
            return told;
        }
        let rest = told.strip_prefix('{').unwrap_or_default();
        format!("{}{rest}", owned_by(&self.owner))
    }
}

/// What every [`Upload::reference`] of a key's files begins with.
pub fn owned_by(owner: &str) -> String {
    format!("{{\"owner\":{},", Value::from(owner))
}

/// Which upload of a conversation a client means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UploadRef {
    /// The one sent last: nothing was said.
    Latest,
    /// The one of this id.
    Id(UploadId),
    /// The last one of this name.
    Name(String),
}

impl UploadRef {
    /// Reads what clients say: the object of an upload or its JSON text, alone in a list or not; its place; its id; the
    /// file's name, with or without a path.
    pub fn read(text: &str) -> Self {
        match serde_json::from_str(text) {
            Ok(Value::String(inner)) => match serde_json::from_str(&inner) {
                Ok(Value::Object(object)) => Self::of_object(&object),
                _ => Self::plain(&inner),
            },
            Ok(Value::Object(object)) => Self::of_object(&object),
            Ok(Value::Array(list)) => match list.as_slice() {
                [Value::Object(object)] => Self::of_object(object),
                [Value::String(text)] => Self::plain(text),
                _ => Self::plain(text),
            },
            _ => Self::plain(text),
        }
    }

    fn of_object(object: &Map<String, Value>) -> Self {
        let told = |keys: &[&str]| {
            keys.iter()
                .filter_map(|key| object.get(*key)?.as_str())
                .find(|text| !text.trim().is_empty())
                .map(Self::plain)
        };
        let place = told(&["file_path", "file_key", "file_id", "url"]);
        let name = told(&["file_name", "name"]);
        match (place, name) {
            (Some(place @ Self::Id(_)), _) => place,
            // A path of an older server's disk says less than the name beside it.
            (_, Some(name)) => name,
            (place, None) => place.unwrap_or(Self::Latest),
        }
    }

    fn plain(text: &str) -> Self {
        let text = text.trim();
        if let Some(place) = text.strip_prefix(PLACE) {
            let path = place.split(['?', '#']).next().unwrap_or_default();
            return Self::Id(UploadId(base_name(path).to_owned()));
        }
        let name = base_name(text);
        if name.is_empty() {
            Self::Latest
        } else if uuid::Uuid::try_parse(name).is_ok() {
            Self::Id(UploadId(name.to_owned()))
        } else {
            Self::Name(name.to_owned())
        }
    }

    /// Whether it may mean an upload: one of its id, or of its name, before which older servers wrote the
    /// conversation's id.
    pub fn means(&self, upload: &Upload) -> bool {
        match self {
            Self::Latest => true,
            Self::Id(id) => *id == upload.id,
            Self::Name(name) => {
                let bare = name
                    .strip_prefix(upload.conversation.as_str())
                    .and_then(|rest| rest.strip_prefix('_'));
                *name == upload.name || bare == Some(upload.name.as_str())
            }
        }
    }
}

/// The last part of a path, however its parts are divided.
pub fn base_name(path: &str) -> &str {
    path.rsplit(['/', '\\']).next().unwrap_or_default().trim()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "019a2f6e-0000-7000-8000-000000000001";
    const KEY: &str = "019a2f6e-0000-7000-8000-000000000002";

    fn upload() -> Upload {
        Upload {
            id: UploadId(ID.to_owned()),
            bucket: Upload::BUCKET.to_owned(),
            name: "Umsatz 2024.csv".to_owned(),
            size: 3,
            conversation: "c-1".into(),
            owner: KEY.to_owned(),
            created_at: DateTime::UNIX_EPOCH,
        }
    }

    #[test]
    fn an_upload_is_known_by_whatever_clients_call_it() {
        let upload = upload();
        let place = format!("dbgpt-fs://local/dbgpt_app_file/{ID}");
        assert_eq!(upload.place(), place);
        let object = json!({"is_oss": true, "file_path": place, "file_name": "other.csv"});
        let by_id = UploadRef::Id(upload.id.clone());
        for said in [
            place.clone(),
            format!("{place}?user_name=001&conv_uid=c-1"),
            ID.to_owned(),
            object.to_string(),
            json!([object]).to_string(),
            json!(object.to_string()).to_string(),
            upload.reference(),
        ] {
            assert_eq!(UploadRef::read(&said), by_id, "{said}");
        }
        for said in [
            "Umsatz 2024.csv",
            "pilot/data/chat_excel/Umsatz 2024.csv",
            "C:\\files\\Umsatz 2024.csv",
            "c-1_Umsatz 2024.csv",
            "{\"file_path\": \"/data/x_1\", \"file_name\": \"Umsatz 2024.csv\"}",
            "{\"file_path\": \"/data/Umsatz 2024.csv\"}",
        ] {
            let read = UploadRef::read(said);
            assert!(matches!(read, UploadRef::Name(_)), "{said}");
            assert!(read.means(&upload), "{said}");
        }
        for said in ["", " ", "{}", "null"] {
            let read = UploadRef::read(said);
            assert_eq!(read == UploadRef::Latest, said != "null", "{said:?}");
        }
        assert!(!UploadRef::read("2024.csv").means(&upload));
        assert!(!UploadRef::read("c-2_Umsatz 2024.csv").means(&upload));
    }

    #[test]
    fn a_reference_begins_with_the_key_that_sent_the_file_and_with_no_name() {
        let mut upload = upload();
        let reference = upload.reference();
        assert!(reference.starts_with(&owned_by(KEY)), "{reference}");
        let read: Value = serde_json::from_str(&reference).expect("JSON");
        assert_eq!(
            (&read["owner"], &read["file_name"]),
            (&json!(KEY), &json!("Umsatz 2024.csv"))
        );
        upload.owner = "001".to_owned();
        let reference = upload.reference();
        assert!(reference.starts_with("{\"is_oss\":true,"), "{reference}");
        assert!(!reference.starts_with(&owned_by("001")), "{reference}");
    }
}
