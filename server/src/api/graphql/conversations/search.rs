//! Looking for words in conversations.

use async_graphql::{Context, Object, Result, connection::OpaqueCursor};
use tidegate_schema::model::{Caller, snippet};

use super::{Conversation, Place, Role, cursor, key};
use crate::{
    api::graphql::{
        error::to_graphql,
        paging::{Page, page},
    },
    app::App,
    services::conversations::Found,
};

/// A conversation that holds the words looked for.
pub(super) struct FoundConversation {
    found: Found,
    snippet: String,
}

/// A conversation that holds the words looked for.
#[Object]
impl FoundConversation {
    /// The conversation.
    async fn conversation(&self) -> Conversation {
        Conversation(self.found.conversation.clone())
    }

    /// The round they were found in; null where the title alone holds them.
    async fn round(&self) -> Option<i32> {
        self.found.mention.as_ref().map(|mention| mention.round)
    }

    /// Who said them; null where the title alone holds them.
    async fn role(&self) -> Option<Role> {
        let mention = self.found.mention.as_ref();
        mention.map(|mention| mention.role.into())
    }

    /// The text around them, on one line.
    async fn snippet(&self) -> &str {
        &self.snippet
    }
}

impl FoundConversation {
    fn of(found: Found, words: &[String]) -> Self {
        let snippet = match &found.mention {
            Some(mention) => mention.text.clone(),
            None => snippet(&found.conversation.title, words),
        };
        Self { found, snippet }
    }
}

/// A page of what is found.
pub(super) async fn found(
    context: &Context<'_>,
    text: &str,
    first: Option<i32>,
    after: Option<String>,
) -> Result<Page<FoundConversation, Place>> {
    let (app, caller) = (context.data::<App>()?, context.data::<Caller>()?);
    page(first, after, |after: Option<Place>, count| async move {
        let after = after.map(|place| key(OpaqueCursor(place))).transpose()?;
        let (found, words) = app
            .conversations()
            .search_after(caller, text, after, count as u32)
            .await
            .map_err(|e| to_graphql(&e))?;
        Ok(found
            .into_iter()
            .map(|one| {
                let place = cursor(&one.conversation).0;
                (place, FoundConversation::of(one, &words))
            })
            .collect())
    })
    .await
}
