//! Caps that async-graphql 7 does not have: on aliases (one field asked a thousand times under other names), on the
//! cost of a page without overflow, and on an operation's time whatever transport it came by.

use std::{
    collections::HashSet,
    sync::{Arc, OnceLock},
    time::Duration,
};

use async_graphql::{
    Response, ServerError, ServerResult, ValidationResult, Variables,
    extensions::{
        Extension, ExtensionContext, ExtensionFactory, NextExecute, NextParseQuery, NextValidation,
    },
    parser::types::{ExecutableDocument, OperationType, Selection, SelectionSet},
};
use tidegate_schema::Error;

use super::error::to_server;

/// Rows of a list when the query names no number, and at most.
pub(super) const PAGE: usize = 20;
pub(super) const MOST: usize = 200;

/// Highest cost of one list: beyond every limit, and far from overflowing when costs are added up.
const COSTLIEST: usize = u32::MAX as usize;

/// What a page of a list costs: its rows times the cost of one. A negative number costs nothing here; the list
/// itself refuses it.
pub(super) fn page_cost(first: Option<i32>, last: Option<i32>, row: usize) -> usize {
    let rows = first
        .max(last)
        .map_or(PAGE, |asked| usize::try_from(asked).unwrap_or(0));
    rows.saturating_mul(row).min(COSTLIEST)
}

/// Most aliases in one document.
const MOST_ALIASES: usize = 50;

/// The extension.
pub(super) struct AliasLimit;

impl ExtensionFactory for AliasLimit {
    fn create(&self) -> Arc<dyn Extension> {
        Arc::new(Counting)
    }
}

struct Counting;

#[async_trait::async_trait]
impl Extension for Counting {
    async fn parse_query(
        &self,
        context: &ExtensionContext<'_>,
        query: &str,
        variables: &Variables,
        next: NextParseQuery<'_>,
    ) -> ServerResult<ExecutableDocument> {
        let document = next.run(context, query, variables).await?;
        let operations: usize = document
            .operations
            .iter()
            .map(|(_, op)| aliases(&op.node.selection_set.node))
            .sum();
        let fragments: usize = document
            .fragments
            .values()
            .map(|f| aliases(&f.node.selection_set.node))
            .sum();
        if operations + fragments > MOST_ALIASES {
            return Err(ServerError::new(
                format!("a document holds at most {MOST_ALIASES} aliases"),
                None,
            ));
        }
        Ok(document)
    }

    async fn validation(
        &self,
        context: &ExtensionContext<'_>,
        next: NextValidation<'_>,
    ) -> Result<ValidationResult, Vec<ServerError>> {
        next.run(context).await
    }

    async fn execute(
        &self,
        context: &ExtensionContext<'_>,
        operation: Option<&str>,
        next: NextExecute<'_>,
    ) -> Response {
        next.run(context, operation).await
    }
}

fn aliases(set: &SelectionSet) -> usize {
    set.items
        .iter()
        .map(|item| match &item.node {
            Selection::Field(field) => {
                usize::from(field.node.alias.is_some()) + aliases(&field.node.selection_set.node)
            }
            Selection::InlineFragment(fragment) => aliases(&fragment.node.selection_set.node),
            Selection::FragmentSpread(_) => 0,
        })
        .sum()
}

/// A cap on an operation's time: over HTTP, in an event stream and on a WebSocket alike.
pub(super) struct TimeLimit {
    /// For every operation.
    pub(super) operation: Duration,
    /// On top for one that asks, which ends its turn by itself after this long.
    pub(super) turn: Duration,
}

impl ExtensionFactory for TimeLimit {
    fn create(&self) -> Arc<dyn Extension> {
        Arc::new(Timing {
            operation: self.operation,
            with_turn: self.operation.saturating_add(self.turn),
            asking: OnceLock::new(),
        })
    }
}

struct Timing {
    operation: Duration,
    with_turn: Duration,
    /// Names of the document's operations that ask; `None` is the anonymous one.
    asking: OnceLock<Vec<Option<String>>>,
}

#[async_trait::async_trait]
impl Extension for Timing {
    async fn parse_query(
        &self,
        context: &ExtensionContext<'_>,
        query: &str,
        variables: &Variables,
        next: NextParseQuery<'_>,
    ) -> ServerResult<ExecutableDocument> {
        let document = next.run(context, query, variables).await?;
        let asking = document
            .operations
            .iter()
            .filter(|(_, operation)| {
                operation.node.ty == OperationType::Mutation
                    && asks(
                        &operation.node.selection_set.node,
                        &document,
                        &mut HashSet::new(),
                    )
            })
            .map(|(name, _)| name.map(|name| name.as_str().to_owned()))
            .collect();
        // Each operation has an extension of its own, so nothing is set yet.
        let _ = self.asking.set(asking);
        Ok(document)
    }

    async fn execute(
        &self,
        context: &ExtensionContext<'_>,
        operation: Option<&str>,
        next: NextExecute<'_>,
    ) -> Response {
        let asks = self
            .asking
            .get()
            .is_some_and(|asking| asking.iter().any(|name| name.as_deref() == operation));
        let limit = if asks { self.with_turn } else { self.operation };
        let run = next.run(context, operation);
        tokio::time::timeout(limit, run).await.unwrap_or_else(|_| {
            let what = "the operation".to_owned();
            Response::from_errors(vec![to_server(&Error::Timeout { what, limit })])
        })
    }
}

/// Whether the top level asks. Each fragment is looked into once.
fn asks<'a>(
    set: &'a SelectionSet,
    document: &'a ExecutableDocument,
    seen: &mut HashSet<&'a str>,
) -> bool {
    set.items.iter().any(|item| match &item.node {
        Selection::Field(field) => field.node.name.node.as_str() == "ask",
        Selection::InlineFragment(fragment) => {
            asks(&fragment.node.selection_set.node, document, seen)
        }
        Selection::FragmentSpread(spread) => {
            let name = &spread.node.fragment_name.node;
            seen.insert(name.as_str())
                && document
                    .fragments
                    .get(name)
                    .is_some_and(|fragment| asks(&fragment.node.selection_set.node, document, seen))
        }
    })
}

#[cfg(test)]
mod tests {
    use async_graphql::parser::parse_query;

    use super::*;

    #[test]
    fn a_page_costs_its_rows_and_never_wraps_to_nothing() {
        assert_eq!(page_cost(None, None, 3), 60);
        assert_eq!(page_cost(Some(5), None, 3), 15);
        assert_eq!(page_cost(Some(1), Some(200), 3), 600);
        assert_eq!(page_cost(Some(i32::MAX), None, usize::MAX), COSTLIEST);
        assert_eq!(page_cost(Some(16), None, 1 << 60), COSTLIEST);
    }

    #[test]
    fn a_negative_page_costs_nothing() {
        assert_eq!(page_cost(Some(-1), None, 3), 0);
        assert_eq!(page_cost(None, Some(i32::MIN), usize::MAX), 0);
    }

    #[test]
    fn asking_is_seen_at_the_top_through_fragments_and_nowhere_else() {
        let found = |text: &str| {
            let document = parse_query(text).expect("the test's query is well-formed");
            let (_, operation) = document.operations.iter().next().expect("one operation");
            asks(
                &operation.node.selection_set.node,
                &document,
                &mut HashSet::new(),
            )
        };
        assert!(found("mutation { a: ask(input: $i) { __typename } }"));
        assert!(found("mutation { ... on Mutation { ask { __typename } } }"));
        assert!(found(
            "mutation { ...F } fragment F on Mutation { ...G } fragment G on Mutation { ask { x } }"
        ));
        assert!(!found("mutation { runSql { ask } }"));
        assert!(!found("mutation { ...F } fragment F on Mutation { ...F }"));
    }
}
