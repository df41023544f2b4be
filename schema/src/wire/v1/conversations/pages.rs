//! Which conversations, and pages of them.

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{ConversationOut, filled};
use crate::{
    Result,
    ids::ConversationId,
    model::{Conversation, ConversationFilter, Mention, Page, PageOf, snippet},
    wire::lenient::conversation,
};

/// Rows of a page where no number is named.
const PAGE: u32 = 20;

/// Which page of conversations.
#[derive(Debug, Default, Clone, Copy, Deserialize, IntoParams)]
pub struct PageQuery {
    /// Page, from 1.
    pub page: Option<u32>,
    /// Rows a page; 20 when not given.
    pub page_size: Option<u32>,
}

impl PageQuery {
    /// The page asked for.
    pub fn page(self) -> Page {
        Page {
            number: self.page.unwrap_or(1),
            size: self.page_size.unwrap_or(PAGE),
        }
    }
}

/// What conversations have to be. What is not named, null or empty filters nothing.
#[derive(Debug, Default, Deserialize, Serialize, ToSchema)]
#[schema(example = json!({"chat_mode": "chat_with_db_execute"}))]
#[serde(default)]
pub struct ConversationFilterIn {
    /// Mode. Null is refused, as upstream does.
    pub chat_mode: String,
    /// Id.
    pub conv_uid: Option<String>,
    /// Started by.
    pub user_name: Option<String>,
    /// System code.
    pub sys_code: Option<String>,
}

impl From<ConversationFilterIn> for ConversationFilter {
    fn from(asked: ConversationFilterIn) -> Self {
        Self {
            user: filled(asked.user_name),
            sys_code: filled(asked.sys_code),
            mode: filled(Some(asked.chat_mode)),
            id: filled(asked.conv_uid).map(ConversationId),
            ..Self::default()
        }
    }
}

/// A page of conversations.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ConversationPage {
    /// The conversations, newest first.
    pub items: Vec<ConversationOut>,
    /// How many there are on all pages.
    pub total_count: u64,
    /// How many pages there are.
    pub total_pages: u64,
    /// This page, from 1.
    pub page: u32,
    /// Rows a page.
    pub page_size: u32,
}

impl ConversationPage {
    /// What was found on a page.
    pub fn of(found: PageOf<Conversation>, page: Page) -> Self {
        Self {
            items: found.items.into_iter().map(Into::into).collect(),
            total_count: found.total,
            total_pages: found.total.div_ceil(u64::from(page.size.max(1))),
            page: page.number,
            page_size: page.size,
        }
    }
}

/// What is looked for in conversations; in the query or in the body.
#[derive(Debug, Default, Deserialize, Serialize, ToSchema, IntoParams)]
#[schema(example = json!({"q": "orders oslo"}))]
#[serde(default)]
pub struct SearchIn {
    /// Words, each of which has to be found in a conversation's title, questions or answers; their case is passed over.
    pub q: Option<String>,
    /// Only those started by this user.
    pub user_name: Option<String>,
    /// Only those of this mode.
    pub chat_mode: Option<String>,
    /// Page, from 1.
    pub page: Option<u32>,
    /// Rows a page; 20 when not given.
    pub page_size: Option<u32>,
}

impl SearchIn {
    /// This, and where it says nothing what another says.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        Self {
            q: self.q.or(other.q),
            user_name: self.user_name.or(other.user_name),
            chat_mode: self.chat_mode.or(other.chat_mode),
            page: self.page.or(other.page),
            page_size: self.page_size.or(other.page_size),
        }
    }

    /// The filter without its words, and the page asked for.
    pub fn parts(&self) -> (ConversationFilter, Page) {
        let filled = |text: Option<&str>| text.filter(|text| !text.is_empty()).map(str::to_owned);
        let filter = ConversationFilter {
            user: filled(self.user_name.as_deref()),
            mode: filled(self.chat_mode.as_deref()),
            ..ConversationFilter::default()
        };
        let page = PageQuery {
            page: self.page,
            page_size: self.page_size,
        };
        (filter, page.page())
    }
}

/// A conversation in which something was found.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct FoundOut {
    /// The conversation.
    pub conversation: ConversationOut,
    /// The round it was found in; null where the title alone holds it.
    pub round: Option<i32>,
    /// `human` or `view`; null where the title alone holds it.
    pub role: Option<String>,
    /// The text around it, on one line.
    pub snippet: String,
}

impl FoundOut {
    /// A conversation and the piece of the text in it that holds the words.
    pub fn of(conversation: Conversation, mention: Option<Mention>, words: &[String]) -> Self {
        let place = mention
            .as_ref()
            .map(|mention| (mention.round, mention.role.name().to_owned()));
        let (round, role) = place.unzip();
        Self {
            snippet: mention.map_or_else(|| snippet(&conversation.title, words), |it| it.text),
            round,
            role,
            conversation: conversation.into(),
        }
    }
}

/// A page of conversations in which something was found.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct FoundPage {
    /// The conversations, newest first.
    pub items: Vec<FoundOut>,
    /// How many there are on all pages.
    pub total_count: u64,
    /// How many pages there are.
    pub total_pages: u64,
    /// This page, from 1.
    pub page: u32,
    /// Rows a page.
    pub page_size: u32,
}

/// A title for a conversation.
#[derive(Debug, Default, Deserialize, Serialize, ToSchema)]
#[schema(example = json!({"conv_uid": "5e7100bc-9017-11ee-9876-8fe019728d79", "title": "Sales by town"}))]
pub struct RenameIn {
    /// Conversation.
    #[serde(default)]
    pub conv_uid: Option<String>,
    /// The same.
    #[serde(default)]
    pub con_uid: Option<String>,
    /// The title, 1 to 250 characters; it stays, whatever is asked.
    pub title: String,
}

impl RenameIn {
    /// The conversation.
    ///
    /// # Errors
    /// [`Error::Invalid`](crate::Error::Invalid) when none is named, or its spellings name different ones.
    pub fn conversation(&self) -> Result<ConversationId> {
        conversation(
            "body",
            ("conv_uid", self.conv_uid.as_deref()),
            ("con_uid", self.con_uid.as_deref()),
        )
    }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use serde_json::json;

    use super::*;
    use crate::wire::v1::conversations::ConversationQuery;

    fn conversation(title: &str) -> Conversation {
        Conversation {
            id: "c".into(),
            mode: "chat_normal".to_owned(),
            title: title.to_owned(),
            named: false,
            select_param: None,
            model: None,
            app_code: None,
            user: None,
            sys_code: None,
            created_at: DateTime::UNIX_EPOCH,
            modified_at: DateTime::UNIX_EPOCH,
        }
    }

    #[test]
    fn a_filter_passes_over_what_is_empty_and_refuses_a_mode_of_null() {
        let asked = json!({"chat_mode": "", "conv_uid": null, "user_name": "", "sys_code": "x"});
        let asked: ConversationFilterIn = serde_json::from_value(asked).expect("a filter");
        let filter = ConversationFilter::from(asked);
        assert!(filter.mode.is_none() && filter.id.is_none() && filter.user.is_none());
        assert_eq!(filter.sys_code.as_deref(), Some("x"));
        let refused = serde_json::from_value::<ConversationFilterIn>(json!({"chat_mode": null}));
        assert!(refused.is_err());
    }

    #[test]
    fn an_empty_user_name_gives_way_to_the_user_id() {
        let query = ConversationQuery {
            user_name: Some(String::new()),
            user_id: Some("anna".to_owned()),
            ..ConversationQuery::default()
        };
        assert_eq!(query.parts().0.user.as_deref(), Some("anna"));
    }

    #[test]
    fn a_page_counts_the_pages_there_are() {
        let pages = |total, size| {
            let items = vec![conversation("?")];
            ConversationPage::of(PageOf { items, total }, Page { number: 1, size }).total_pages
        };
        assert_eq!([pages(0, 3), pages(3, 3), pages(4, 3)], [0, 1, 2]);
    }

    #[test]
    fn what_was_found_in_a_title_alone_names_no_round() {
        let words = ["towns".to_owned()];
        let found = FoundOut::of(conversation("All towns"), None, &words);
        assert_eq!((found.round, found.role), (None, None));
        assert_eq!(found.snippet, "All towns");
    }
}
