//! Pages of things that are numbered in the order they are read in.

use async_graphql::{
    OutputType, Result,
    connection::{Connection, Edge, EmptyFields, OpaqueCursor, query},
};
use tidegate_schema::Error;

use super::{
    error::to_graphql,
    limits::{MOST, PAGE},
};

/// Where a page starts: a thing's number.
pub(super) type Cursor = OpaqueCursor<i64>;

/// A page of things and their numbers.
pub(super) type Page<T> = Connection<Cursor, T, EmptyFields, EmptyFields>;

/// The first so many things behind a cursor. `read(after, count)` gives up to `count` behind the one of that number, in
/// order; it is asked for one more than the page has, which tells whether there is another page.
pub(super) async fn page<T: OutputType, R>(
    first: Option<i32>,
    after: Option<String>,
    read: impl FnOnce(Option<i64>, usize) -> R,
) -> Result<Page<T>>
where
    R: Future<Output = tidegate_schema::Result<Vec<(i64, T)>>>,
{
    query(
        after,
        None,
        first,
        None,
        |after: Option<Cursor>, _: Option<Cursor>, first, _| async move {
            let is_behind = after.is_some();
            let wanted = first.unwrap_or(PAGE).min(MOST);
            let mut found = read(after.map(|cursor| cursor.0), wanted + 1)
                .await
                .map_err(|error: Error| to_graphql(&error))?;
            let has_more = found.len() > wanted;
            found.truncate(wanted);
            let mut page = Connection::new(is_behind, has_more);
            let edges = found.into_iter();
            page.edges
                .extend(edges.map(|(number, thing)| Edge::new(OpaqueCursor(number), thing)));
            Ok::<_, async_graphql::Error>(page)
        },
    )
    .await
}
