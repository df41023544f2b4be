//! Looking for words in conversations.

use tidegate_schema::{
    Result,
    ids::ConversationId,
    model::{
        Act, Caller, Conversation, ConversationFilter, Mention, Page, PageOf, count_words,
        search_words, snippet,
    },
};

use super::{Conversations, Key};

/// A conversation that holds every word looked for.
#[derive(Debug, Clone)]
pub struct Found {
    /// The conversation.
    pub conversation: Conversation,
    /// The piece of the text in it that holds most of the words; none where the title alone holds them.
    pub mention: Option<Mention>,
}

impl Conversations<'_> {
    /// A page of the conversations that hold every word of a text in their title, questions or answers, newest first,
    /// and the words.
    ///
    /// # Errors
    /// [`tidegate_schema::Error::Invalid`] naming `q` where there is nothing to look for.
    pub async fn search(
        &self,
        caller: &Caller,
        text: &str,
        filter: ConversationFilter,
        page: Page,
    ) -> Result<(PageOf<Found>, Vec<String>)> {
        let words = search_words(text)?;
        let filter = ConversationFilter {
            words: words.clone(),
            ..filter
        };
        let found = self.list(caller, &filter, page).await?;
        let items = self.mentioned(found.items, &words).await?;
        let page = PageOf {
            items,
            total: found.total,
        };
        Ok((page, words))
    }

    /// The same behind a key: the first so many, and the words.
    pub async fn search_after(
        &self,
        caller: &Caller,
        text: &str,
        after: Option<Key>,
        limit: u32,
    ) -> Result<(Vec<Found>, Vec<String>)> {
        caller.may(Act::Ask)?;
        let words = search_words(text)?;
        let filter = ConversationFilter {
            words: words.clone(),
            ..ConversationFilter::default()
        };
        let found = self
            .scan(caller, &filter, after, None, limit, false)
            .await?;
        Ok((self.mentioned(found, &words).await?, words))
    }

    /// Conversations with the text that was found in each. Whoever may see a conversation may see every text in it.
    async fn mentioned(
        &self,
        conversations: Vec<Conversation>,
        words: &[String],
    ) -> Result<Vec<Found>> {
        let mut found = Vec::with_capacity(conversations.len());
        for conversation in conversations {
            let mention = self.mention(&conversation.id, words).await?;
            found.push(Found {
                conversation,
                mention,
            });
        }
        Ok(found)
    }

    /// The latest text of those that hold most of the words. Only the piece around them is kept: a page has many, and a
    /// text may be as long as a request.
    async fn mention(&self, id: &ConversationId, words: &[String]) -> Result<Option<Mention>> {
        for word in words {
            let texts = self.0.store.find_mentions(id, word).await?;
            // Of equals the last is taken, and the latest comes first.
            let best = texts
                .into_iter()
                .rev()
                .max_by_key(|mention| count_words(&mention.text, words));
            if let Some(mention) = best {
                return Ok(Some(Mention {
                    text: snippet(&mention.text, words),
                    ..mention
                }));
            }
        }
        Ok(None)
    }
}
