//! Files that are sent: kept under their ids, read, asked as tables, and removed with their conversations.
//!
//! A file lies below `uploads` in the data directory, in a folder named after its id; what was read of it as tables, in
//! a private database beside those of other data files. A row of the store says that it is there: it is written once
//! the file is on the disk whole, so that whatever is there without a row was left behind, and goes at the next start.
//!
//! An upload belongs to whoever sent it and to the conversation it was sent in. Others do not find it.

mod incoming;
mod learning;
mod names;
mod reading;
mod shelf;

use std::collections::HashSet;

use chrono::TimeDelta;
use tidegate_schema::{
    Error, Result,
    ids::ConversationId,
    model::{Act, Caller, Upload, UploadId, UploadRef},
};

pub use self::{
    incoming::{Incoming, Part},
    learning::Preparation,
    shelf::Shelf,
};
use super::sweeping::{HOUR, sweep_hourly};
use crate::app::App;

/// What DB-GPT says to a second file for one conversation with a file.
pub const ONE_FILE: &str = "Only one file is supported for Excel chat.";

/// Most characters of what names an upload.
const MOST_NAMING_CHARS: usize = 4_000;
/// Names told to whoever asked for another.
const MOST_LISTED: usize = 20;
/// How long an upload waits for its conversation's first question.
const UNASKED: TimeDelta = TimeDelta::days(1);

/// The service.
pub struct Uploads<'a>(pub(crate) &'a App);

impl Uploads<'_> {
    /// The upload of a conversation that a client names: its place, its id, its object, or the file's name.
    ///
    /// # Errors
    /// [`Error::Invalid`] where nothing is named; [`Error::NotFound`] where there is none of that name, or another's.
    pub async fn find(
        &self,
        caller: &Caller,
        conversation: &ConversationId,
        named: &str,
    ) -> Result<Upload> {
        let wanted = UploadRef::read(named);
        if wanted == UploadRef::Latest {
            return Err(Error::invalid(
                "file_key",
                "names no file; send the file_path that its upload answered",
            ));
        }
        self.one(caller, conversation, named, &wanted).await
    }

    /// The same for a question, which may name none: then it is about the file that was sent last.
    pub(crate) async fn asked_of(
        &self,
        caller: &Caller,
        conversation: &ConversationId,
        named: &str,
    ) -> Result<Upload> {
        let wanted = UploadRef::read(named);
        self.one(caller, conversation, named, &wanted).await
    }

    async fn one(
        &self,
        caller: &Caller,
        conversation: &ConversationId,
        named: &str,
        wanted: &UploadRef,
    ) -> Result<Upload> {
        caller.may(Act::Ask)?;
        if named.chars().nth(MOST_NAMING_CHARS).is_some() {
            return Err(Error::invalid(
                "file_key",
                format!("must have at most {MOST_NAMING_CHARS} characters"),
            ));
        }
        let owner = caller.audit_name();
        let mut sent = self.0.store.list_uploads(conversation).await?;
        sent.retain(|upload| upload.owner == owner);
        if let Some(at) = sent.iter().position(|upload| wanted.means(upload)) {
            return Ok(sent.swap_remove(at));
        }
        let (UploadRef::Id(UploadId(name)) | UploadRef::Name(name)) = wanted else {
            return Err(Error::invalid(
                "select_param",
                "there is no file in this conversation yet; send one to /api/v1/resource/file/upload and name it here",
            ));
        };
        let listed: Vec<&str> = sent
            .iter()
            .take(MOST_LISTED)
            .map(|upload| upload.name.as_str())
            .collect();
        Err(Error::NotFound {
            what: "file",
            name: name.clone(),
            hint: Some(if listed.is_empty() {
                "you have sent none in this conversation".to_owned()
            } else {
                format!("there is: {}", listed.join(", "))
            }),
        })
    }

    /// Removes an upload with everything that was read of it.
    ///
    /// # Errors
    /// As [`Uploads::find`].
    pub async fn delete(
        &self,
        caller: &Caller,
        conversation: &ConversationId,
        named: &str,
    ) -> Result<()> {
        let upload = self.find(caller, conversation, named).await?;
        self.drop_all(&[upload]).await
    }

    /// Removes the uploads of conversations that were removed. A failure is in the log: what is left goes at the next
    /// start.
    pub async fn forget_conversations(&self, conversations: &[ConversationId]) {
        for conversation in conversations {
            let dropped = async {
                let sent = self.0.store.list_uploads(conversation).await?;
                self.drop_all(&sent).await
            };
            if let Err(error) = dropped.await {
                tracing::warn!(
                    %conversation,
                    error = error.log_chain(),
                    "the files of a conversation stay behind"
                );
            }
        }
    }

    /// The row goes first: a file without one is a leftover, and a row without a file would be a lie.
    async fn drop_all(&self, uploads: &[Upload]) -> Result<()> {
        for upload in uploads {
            self.0.store.delete_upload(&upload.id).await?;
            self.0.shelf.remove(upload).await;
        }
        Ok(())
    }

    /// Removes, once an hour in the background, the files that nobody asked about within a day.
    pub(crate) fn keep_swept(&self) {
        sweep_hourly(self.0, HOUR, |app| async move {
            if let Err(error) = app.uploads().drop_unasked().await {
                tracing::warn!(
                    error = error.log_chain(),
                    "files that nobody asked about stay behind; that is tried again in an hour"
                );
            }
        });
    }

    /// Removes the files of conversations that are gone, or that were not begun within a day.
    async fn drop_unasked(&self) -> Result<()> {
        let before = self.0.clock.now() - UNASKED;
        let stale = self.0.store.list_uploads_left_over(before).await?;
        self.drop_all(&stale).await
    }

    /// Removes what an earlier server left: files that were being sent when it ended, and those of conversations that
    /// are gone or were never begun. Only for the server itself, before it listens.
    pub(crate) async fn sweep(&self) -> Result<()> {
        self.drop_unasked().await?;
        let ids = self.0.shelf.list().await?;
        let known = self.0.store.find_uploads(&ids).await?;
        let kept: HashSet<&UploadId> = known.iter().map(|upload| &upload.id).collect();
        let left: Vec<UploadId> = ids
            .iter()
            .filter(|id| !kept.contains(id))
            .cloned()
            .collect();
        self.0.shelf.sweep(left, &known).await
    }
}
