//! A conversation learns its file: what is in it and what could be asked, stored as the first round.

use std::sync::Arc;

use tidegate_schema::{
    Error, Result,
    ids::ConversationId,
    model::{Act, Caller, ChatMode, Message, MessageDetail, NewMessage, Role, TurnHead, Upload},
};

use super::{MOST_NAMING_CHARS, Uploads, shelf::Opened};
use crate::{
    scenes::excel::{self, Facts, Introduction},
    services::{chat::unsupported_mode, check_id},
    workers::LanguageModel,
};

/// What a conversation is prepared with.
#[derive(Debug, Clone)]
pub struct Preparation {
    /// The conversation, which may not exist yet.
    pub conversation: ConversationId,
    /// Mode, by its wire name; empty for `chat_normal`.
    pub mode: String,
    /// What will be asked: an upload for `chat_excel`, a datasource's name for database modes.
    pub select_param: Option<String>,
    /// The model that introduces the file; the default one when not given.
    pub model: Option<String>,
    /// System code, carried for old clients.
    pub sys_code: Option<String>,
    /// App, carried for old clients.
    pub app_code: Option<String>,
}

impl Preparation {
    /// Refuses ids and names that no column has room for.
    pub(super) fn check(&self) -> Result<()> {
        if self.conversation.as_str().is_empty() {
            return Err(Error::invalid(
                "conv_uid",
                "names no conversation; /api/v1/chat/dialogue/new mints an id",
            ));
        }
        for (field, text) in [
            ("conv_uid", Some(self.conversation.as_str())),
            ("chat_mode", Some(self.mode.as_str())),
            ("model_name", self.model.as_deref()),
            ("sys_code", self.sys_code.as_deref()),
            ("app_code", self.app_code.as_deref()),
        ] {
            check_id(field, text.unwrap_or_default())?;
        }
        if self.asked().chars().nth(MOST_NAMING_CHARS).is_some() {
            return Err(Error::invalid(
                "select_param",
                format!("must have at most {MOST_NAMING_CHARS} characters"),
            ));
        }
        Ok(())
    }

    fn asked(&self) -> &str {
        self.select_param.as_deref().unwrap_or_default()
    }
}

impl Uploads<'_> {
    /// Prepares a conversation: one with a file learns it, others have nothing to prepare. One that has begun already
    /// stays as it is. Its messages.
    ///
    /// # Errors
    /// [`Error::Unsupported`] for a mode there is not; [`Error::NotFound`] for a file or a database that is not there.
    pub async fn prepare(
        &self,
        caller: &Caller,
        preparation: &Preparation,
    ) -> Result<Vec<Message>> {
        caller.may(Act::Ask)?;
        preparation.check()?;
        let mode = match preparation.mode.as_str() {
            "" => ChatMode::Normal,
            name => ChatMode::from_name(name).ok_or_else(|| unsupported_mode(name))?,
        };
        let asks_database = matches!(
            mode,
            ChatMode::WithDbExecute | ChatMode::WithDbQa | ChatMode::Dashboard
        );
        if asks_database && !preparation.asked().is_empty() {
            self.0
                .datasources()
                .get(caller, preparation.asked())
                .await?;
        }
        let conversation = &preparation.conversation;
        let has_begun = !self.0.store.list_messages(conversation).await?.is_empty();
        if mode == ChatMode::Excel && !has_begun {
            let upload = self
                .asked_of(caller, conversation, preparation.asked())
                .await?;
            self.learn(caller, preparation, &upload).await?;
        }
        self.0.conversations().messages(caller, conversation).await
    }

    /// A file as a database.
    pub(crate) async fn opened(&self, upload: &Upload) -> Result<Arc<Opened>> {
        self.0.shelf.opened(upload).await
    }

    /// Stores a file's introduction as the first round of a conversation that has not begun.
    pub(super) async fn learn(
        &self,
        caller: &Caller,
        preparation: &Preparation,
        upload: &Upload,
    ) -> Result<()> {
        let app = self.0;
        let conversation = &preparation.conversation;
        let opened = self.opened(upload).await?;
        let lock = app.shelf.learning(conversation);
        let _one_at_a_time = lock.lock().await;
        // A question that comes meanwhile is told to wait, like behind any other; one that is being answered has begun
        // the conversation.
        let Ok(place) = app.running.enter(conversation).await else {
            return Ok(());
        };
        if !app.store.list_messages(conversation).await?.is_empty() {
            return Ok(());
        }
        let facts = Facts::gather(&upload.name, &opened.database, &opened.catalogue).await;
        let introduction = tokio::select! {
            introduction = self.introduction(preparation, &facts) => introduction,
            () = place.stopped() => excel::introduce(&facts, None).await,
            () = place.removed() => {
                return Err(Error::Conflict {
                    reason: format!("the conversation '{conversation}' was deleted while it was being prepared"),
                });
            }
        };
        let round = first_round(caller, preparation, upload, introduction);
        let store = app.store.clone();
        let now = app.clock.now();
        // In a task of its own: a client that leaves now must not leave half a round.
        let storing = app.tasks.spawn(async move {
            let FirstRound {
                head,
                human,
                answer,
            } = round;
            let conversation = head.conversation.clone();
            let begun = store.begin_turn(head, human, now).await?;
            let stored = store.finish_turn(&conversation, &begun, answer, now).await;
            drop(place);
            stored
        });
        storing
            .await
            .map_err(|error| Error::internal("storing a file's introduction", error))?
    }

    async fn introduction(&self, preparation: &Preparation, facts: &Facts) -> Introduction {
        let app = self.0;
        // As many at once as turns: beyond that the facts will do.
        let permit = Arc::clone(&app.turns).try_acquire_owned();
        let model = match &permit {
            Ok(_) => self.writer(preparation).await,
            Err(_) => None,
        };
        excel::introduce(facts, model).await
    }

    /// The model that was asked for, where there is one and it is ready. One that is loading is not waited for.
    async fn writer(&self, preparation: &Preparation) -> Option<Arc<dyn LanguageModel>> {
        let models = self.0.models();
        let found = tokio::time::timeout(
            std::time::Duration::from_secs(2),
            models.language(preparation.model.as_deref()),
        );
        match found.await {
            Ok(Ok(model)) => Some(model),
            Ok(Err(error)) => {
                tracing::debug!(%error, "no model introduces the file");
                None
            }
            Err(_) => None,
        }
    }
}

/// A round as it is stored.
struct FirstRound {
    head: TurnHead,
    human: NewMessage,
    answer: Vec<NewMessage>,
}

fn first_round(
    caller: &Caller,
    preparation: &Preparation,
    upload: &Upload,
    introduction: Introduction,
) -> FirstRound {
    let Introduction { raw, text, model } = introduction;
    let detail = MessageDetail {
        select_param: Some(upload.reference()),
        model: model.clone(),
        ..MessageDetail::default()
    };
    let message = |role, content: String| NewMessage {
        role,
        content,
        detail: detail.clone(),
    };
    FirstRound {
        human: message(Role::Human, excel::first_question(&upload.name)),
        answer: vec![message(Role::Ai, raw), message(Role::View, text)],
        head: TurnHead {
            conversation: preparation.conversation.clone(),
            mode: ChatMode::Excel.name().to_owned(),
            user: Some(caller.user.clone()),
            sys_code: preparation.sys_code.clone(),
            app_code: preparation.app_code.clone(),
            model,
            select_param: detail.select_param,
        },
    }
}
