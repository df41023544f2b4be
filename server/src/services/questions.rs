//! Questions that a page suggests: those that were kept with a query that answers them, so that each is answered.

use tidegate_schema::{
    Error, Result,
    model::{Act, Caller, Example},
};

use crate::app::App;

/// Questions suggested at once.
const MOST: usize = 10;
/// Datasources that are looked through, and the latest examples of each.
const DATASOURCES: usize = 20;
const EXAMPLES: usize = 20;

/// The service.
pub struct Questions<'a>(pub(crate) &'a App);

/// A question and the name of what it is asked of.
#[derive(Debug, Clone)]
pub struct Suggested {
    /// Name of the datasource.
    pub datasource: String,
    /// The question with its query.
    pub example: Example,
}

impl Questions<'_> {
    /// Questions over the tables that the caller may read, the most asked first; `again` leaves out those that were
    /// never asked again.
    pub async fn suggest(&self, caller: &Caller, again: bool) -> Result<Vec<Suggested>> {
        caller.may(Act::Ask)?;
        let app = self.0;
        let mut found = Vec::new();
        for datasource in app
            .datasources()
            .list(caller)
            .await?
            .into_iter()
            .take(DATASOURCES)
        {
            let examples = app
                .examples()
                .list(caller, &datasource.name, None, EXAMPLES)
                .await;
            let examples = match examples {
                Ok(examples) => examples,
                // Removed meanwhile.
                Err(Error::NotFound { .. }) => continue,
                Err(error) => return Err(error),
            };
            let kept = examples
                .into_iter()
                .filter(|example| !again || example.used > 0);
            found.extend(kept.map(|example| Suggested {
                datasource: datasource.name.clone(),
                example,
            }));
        }
        found.sort_by_key(|one| std::cmp::Reverse((one.example.used, one.example.created_at)));
        found.truncate(MOST);
        Ok(found)
    }
}
