//! Looking for words in what was said. What a page shows of them is told by `model::snippet`.

use diesel::{prelude::*, sql_types::Text};
use diesel_async::RunQueryDsl;

use super::{Store, with_read};
use crate::{
    Error, Result,
    ids::ConversationId,
    model::{Mention, Role},
    tables::messages,
};

define_sql_function! {
    /// Lower case. Of letters beyond ASCII that depends on the database: SQLite leaves them as they are.
    fn lower(x: Text) -> Text;
}

/// Whose words are looked through: what a model wrote for the program alone is not among them.
pub(super) const SAID: [&str; 2] = ["human", "view"];
/// Texts of one conversation that are looked at for a snippet.
const MOST_TEXTS: i64 = 20;
/// What takes a sign of a pattern by its word.
pub(super) const ESCAPE: char = '!';

/// A word as patterns over a text in lower case: as it is, and as it looks where the database's `lower` knows ASCII
/// alone and the text has the word in capitals, or with one.
#[derive(Clone)]
pub(super) struct Patterns {
    pub(super) plain: String,
    pub(super) capitals: String,
    pub(super) capital: String,
}

impl Patterns {
    pub(super) fn of(word: &str) -> Self {
        let low = word.to_lowercase();
        let mut signs = low.chars();
        let capital: String = signs
            .next()
            .into_iter()
            .flat_map(char::to_uppercase)
            .chain(signs)
            .collect();
        Self {
            capitals: pattern(&low.to_uppercase().to_ascii_lowercase()),
            capital: pattern(&capital.to_ascii_lowercase()),
            plain: pattern(&low),
        }
    }
}

/// A text that holds this one.
fn pattern(word: &str) -> String {
    format!("%{}%", literal(word))
}

/// A text that begins with this one.
pub(super) fn beginning(text: &str) -> String {
    format!("{}%", literal(text))
}

/// A text whose signs stand for themselves in a pattern.
fn literal(text: &str) -> String {
    let mut literal = String::with_capacity(text.len());
    for sign in text.chars() {
        if matches!(sign, '%' | '_' | ESCAPE) {
            literal.push(ESCAPE);
        }
        literal.push(sign);
    }
    literal
}

/// Whether a column holds a word. A macro, because the type of the condition differs with the column.
macro_rules! holds {
    ($column:expr, $patterns:expr) => {{
        let $crate::store::search::Patterns {
            plain,
            capitals,
            capital,
        } = $patterns.clone();
        lower($column)
            .like(plain)
            .escape($crate::store::search::ESCAPE)
            .or(lower($column)
                .like(capitals)
                .escape($crate::store::search::ESCAPE))
            .or(lower($column)
                .like(capital)
                .escape($crate::store::search::ESCAPE))
    }};
}

pub(super) use holds;

impl Store {
    /// Texts of a conversation that hold a word, the latest first and a few at most.
    pub async fn find_mentions(&self, id: &ConversationId, word: &str) -> Result<Vec<Mention>> {
        let patterns = Patterns::of(word);
        let rows: Vec<(i32, String, String)> = with_read!(self, |conn| {
            messages::table
                .filter(messages::conversation_id.eq(id.as_str()))
                .filter(messages::role.eq_any(SAID))
                .filter(holds!(messages::content, patterns))
                .order((messages::round.desc(), messages::position.desc()))
                .limit(MOST_TEXTS)
                .select((messages::round, messages::role, messages::content))
                .load(conn)
                .await?
        });
        rows.into_iter()
            .map(|(round, role, text)| {
                let role = Role::from_name(&role).ok_or_else(|| {
                    Error::internal("reading a message", format!("it has the role '{role}'"))
                })?;
                Ok(Mention { round, role, text })
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_looked_for_in_every_case_and_its_signs_are_only_signs() {
        let found = Patterns::of("Ørsted");
        assert_eq!(
            [
                found.plain.as_str(),
                found.capitals.as_str(),
                found.capital.as_str()
            ],
            ["%ørsted%", "%Ørsted%", "%Ørsted%"]
        );
        assert_eq!(Patterns::of("50%_!").plain, "%50!%!_!!%");
        assert_eq!(beginning("a_b"), "a!_b%");
    }
}
