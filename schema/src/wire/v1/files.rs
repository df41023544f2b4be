//! Files as `/api/v1/resource/file/*` and `/api/v1/chat/mode/params/file/load` take and tell them.

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::{Error, Result, ids::ConversationId, model::Upload, wire::lenient};

/// Which conversation files are sent in, and for what.
#[derive(Debug, Default, Deserialize, IntoParams)]
pub struct UploadQuery {
    /// The conversation; its id may be one that was just minted.
    pub conv_uid: Option<String>,
    /// The same.
    pub con_uid: Option<String>,
    /// Mode; with `chat_excel` the file is read as tables and introduces itself.
    pub chat_mode: Option<String>,
    /// The model that introduces the file; the default one when empty.
    pub model_name: Option<String>,
    /// System code.
    pub sys_code: Option<String>,
    /// Ignored: who calls is told by the key or the `user-id` header.
    pub user_name: Option<String>,
    /// Ignored.
    pub temperature: Option<String>,
    /// Ignored.
    pub max_new_tokens: Option<String>,
}

impl UploadQuery {
    /// The conversation.
    ///
    /// # Errors
    /// [`Error::Invalid`] without one, or with two.
    pub fn conversation(&self) -> Result<ConversationId> {
        conversation(self.conv_uid.as_deref(), self.con_uid.as_deref())
    }

    /// The mode.
    ///
    /// # Errors
    /// [`Error::Invalid`] without one.
    pub fn mode(&self) -> Result<&str> {
        self.chat_mode
            .as_deref()
            .filter(|mode| !mode.is_empty())
            .ok_or_else(|| Error::invalid("query.chat_mode", "Field required"))
    }
}

/// Which file.
#[derive(Debug, Default, Deserialize, IntoParams)]
pub struct FileQuery {
    /// The conversation it was sent in.
    #[param(example = "5e7100bc-9017-11ee-9876-8fe019728d79")]
    pub conv_uid: Option<String>,
    /// The same.
    pub con_uid: Option<String>,
    /// What its upload answered as `file_path`, the whole object as JSON text, or the file's name.
    #[param(example = "dbgpt-fs://local/dbgpt_app_file/0198c0de-0000-7000-8000-000000000001")]
    pub file_key: Option<String>,
}

impl FileQuery {
    /// The conversation and the file's key.
    ///
    /// # Errors
    /// [`Error::Invalid`] without one of them.
    pub fn parts(&self) -> Result<(ConversationId, &str)> {
        let conversation = conversation(self.conv_uid.as_deref(), self.con_uid.as_deref())?;
        let key = self
            .file_key
            .as_deref()
            .filter(|key| !key.trim().is_empty())
            .ok_or_else(|| Error::invalid("query.file_key", "Field required"))?;
        Ok((conversation, key))
    }
}

fn conversation(conv_uid: Option<&str>, con_uid: Option<&str>) -> Result<ConversationId> {
    lenient::conversation("query", ("conv_uid", conv_uid), ("con_uid", con_uid))
}

/// A form with files. Any of the fields will do, each as often as there are files.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct UploadForm {
    /// A file.
    #[schema(format = Binary)]
    pub doc_files: Option<String>,
    /// The same, as older pages name it.
    #[schema(format = Binary)]
    pub doc_file: Option<String>,
    /// The same.
    #[schema(format = Binary)]
    pub file: Option<String>,
}

/// A file that was taken in. Pages send the whole object back as `select_param`.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({
    "is_oss": true, "file_path": "dbgpt-fs://local/dbgpt_app_file/019a2f6e-0000-7000-8000-000000000001",
    "file_name": "sales.csv", "file_learning": true, "bucket": "dbgpt_app_file"
}))]
pub struct FileOut {
    /// Always true, as upstream has it.
    pub is_oss: bool,
    /// Its place: the key by which it is read, deleted and asked.
    pub file_path: String,
    /// Its name, without a path.
    pub file_name: String,
    /// Whether it was read as tables and has introduced itself in the conversation.
    pub file_learning: bool,
    /// What it was sent for.
    pub bucket: String,
}

impl FileOut {
    /// A file, and whether it was learnt.
    pub fn of(upload: &Upload, learnt: bool) -> Self {
        Self {
            is_oss: true,
            file_path: upload.place(),
            file_name: upload.name.clone(),
            file_learning: learnt,
            bucket: upload.bucket.clone(),
        }
    }
}

/// What was taken in: one file as itself, several as a list.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(untagged)]
pub enum UploadedOut {
    /// One.
    One(FileOut),
    /// Several.
    Several(Vec<FileOut>),
}

impl UploadedOut {
    /// The files of one request.
    pub fn of(uploads: &[Upload], learnt: bool) -> Self {
        let told = |upload: &Upload| FileOut::of(upload, learnt);
        match uploads {
            [one] => Self::One(told(one)),
            several => Self::Several(several.iter().map(told).collect()),
        }
    }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use serde_json::{Value, json};

    use super::*;
    use crate::model::UploadId;

    fn upload(name: &str) -> Upload {
        Upload {
            id: UploadId("u-1".to_owned()),
            bucket: Upload::BUCKET.to_owned(),
            name: name.to_owned(),
            size: 1,
            conversation: "c".into(),
            owner: "001".to_owned(),
            created_at: DateTime::UNIX_EPOCH,
        }
    }

    fn told(uploads: &[Upload]) -> Value {
        serde_json::to_value(UploadedOut::of(uploads, true)).expect("JSON")
    }

    #[test]
    fn one_file_is_an_object_and_several_are_a_list() {
        let one = json!({
            "is_oss": true, "file_path": "dbgpt-fs://local/dbgpt_app_file/u-1", "file_name": "a.csv",
            "file_learning": true, "bucket": "dbgpt_app_file",
        });
        assert_eq!(told(&[upload("a.csv")]), one);
        let several = told(&[upload("a.csv"), upload("b.csv")]);
        assert_eq!(
            (&several[0], &several[1]["file_name"]),
            (&one, &json!("b.csv"))
        );
    }

    #[test]
    fn what_is_missing_is_named() {
        let query = UploadQuery {
            con_uid: Some("c".to_owned()),
            ..UploadQuery::default()
        };
        assert_eq!(
            query.conversation().expect("there"),
            ConversationId::from("c")
        );
        let missing = |error: Error| error.to_string();
        assert_eq!(
            query.mode().map_err(missing),
            Err("query.chat_mode: Field required".to_owned())
        );
        let nothing = FileQuery::default();
        let empty = nothing.parts().map_err(missing);
        assert_eq!(
            empty.err().as_deref(),
            Some("query.conv_uid: Field required")
        );
        let query = FileQuery {
            conv_uid: Some("c".to_owned()),
            file_key: Some(" ".to_owned()),
            ..FileQuery::default()
        };
        let empty = query.parts().map_err(missing);
        assert_eq!(
            empty.err().as_deref(),
            Some("query.file_key: Field required")
        );
    }
}
