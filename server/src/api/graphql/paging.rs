//! Pages that are read forwards.

use async_graphql::{
    OutputType, Result,
    connection::{Connection, Edge, EmptyFields, OpaqueCursor, query},
};
use serde::{Serialize, de::DeserializeOwned};

use super::limits::{MOST, PAGE};

/// A page of things and their places, which a caller goes on behind. Numbers, unless said otherwise.
pub(super) type Page<T, P = i64> = Connection<OpaqueCursor<P>, T, EmptyFields, EmptyFields>;

/// The first so many things behind a place. `read(after, count)` gives up to `count` behind that place, in order; it is
/// asked for one more than the page has, which tells whether there is another page.
pub(super) async fn page<T, P, R>(
    first: Option<i32>,
    after: Option<String>,
    read: impl FnOnce(Option<P>, usize) -> R,
) -> Result<Page<T, P>>
where
    T: OutputType,
    P: Serialize + DeserializeOwned + Send + Sync,
    R: Future<Output = Result<Vec<(P, T)>>>,
{
    query(
        after,
        None,
        first,
        None,
        |after: Option<OpaqueCursor<P>>, _: Option<OpaqueCursor<P>>, first, _| async move {
            let is_behind = after.is_some();
            let wanted = first.unwrap_or(PAGE).min(MOST);
            let mut found = read(after.map(|cursor| cursor.0), wanted + 1).await?;
            let has_more = found.len() > wanted;
            found.truncate(wanted);
            let mut page = Connection::new(is_behind, has_more);
            let edges = found.into_iter();
            page.edges
                .extend(edges.map(|(place, thing)| Edge::new(OpaqueCursor(place), thing)));
            Ok::<_, async_graphql::Error>(page)
        },
    )
    .await
}
