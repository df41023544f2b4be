//! What DuckDB said about queries, kept while the file is open: nothing in the file changes meanwhile, so it would say
//! the same again.

use std::num::NonZero;

use lru::LruCache;

/// Queries that are remembered; the one that was not asked for longest is forgotten first.
const QUERIES: usize = 32;
/// Of a query nothing is kept that is longer: neither its text with its columns, nor its plan.
const BYTES_PER_QUERY: usize = 16 << 10;

/// The names of a query's columns and of their types.
pub(super) type Names = Vec<(String, String)>;

/// Queries of one opening of a file, by their texts. Each of them DuckDB has confirmed to be one.
pub(super) struct Memory(LruCache<String, Query>);

struct Query {
    columns: Names,
    plan: Option<String>,
}

impl Default for Memory {
    fn default() -> Self {
        let queries = NonZero::new(QUERIES).unwrap_or(NonZero::<usize>::MIN);
        Self(LruCache::new(queries))
    }
}

impl Memory {
    pub(super) fn columns(&mut self, sql: &str) -> Option<Names> {
        self.0.get(sql).map(|query| query.columns.clone())
    }

    pub(super) fn plan(&mut self, sql: &str) -> Option<String> {
        self.0.get(sql).and_then(|query| query.plan.clone())
    }

    pub(super) fn keep_columns(&mut self, sql: &str, columns: &[(String, String)]) {
        let names = columns.iter();
        let names: usize = names.map(|(name, kind)| name.len() + kind.len()).sum();
        if sql.len() + names > BYTES_PER_QUERY || self.0.contains(sql) {
            return;
        }
        let query = Query {
            columns: columns.to_vec(),
            plan: None,
        };
        self.0.put(sql.to_owned(), query);
    }

    /// The plan of a query whose columns are kept.
    pub(super) fn keep_plan(&mut self, sql: &str, plan: &str) {
        if plan.len() <= BYTES_PER_QUERY
            && let Some(query) = self.0.get_mut(sql)
        {
            query.plan = Some(plan.to_owned());
        }
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number() -> Names {
        vec![("n".to_owned(), "BIGINT".to_owned())]
    }

    #[test]
    fn only_so_many_queries_are_remembered() {
        let mut memory = Memory::default();
        for n in 0..=QUERIES {
            memory.keep_columns(&format!("SELECT {n} AS n"), &number());
        }
        assert_eq!(memory.0.len(), QUERIES);
        assert_eq!(memory.columns("SELECT 0 AS n"), None);
        assert_eq!(memory.columns("SELECT 1 AS n"), Some(number()));
        memory.clear();
        assert_eq!(memory.columns("SELECT 1 AS n"), None);
    }

    #[test]
    fn what_is_long_is_not_remembered() {
        let mut memory = Memory::default();
        let long = format!("SELECT '{}' AS n", "x".repeat(BYTES_PER_QUERY));
        memory.keep_columns(&long, &number());
        assert_eq!(memory.columns(&long), None);
        let sql = "SELECT 1 AS n";
        memory.keep_plan(sql, "of an unknown query");
        assert_eq!(memory.plan(sql), None);
        memory.keep_columns(sql, &number());
        memory.keep_plan(sql, &long);
        assert_eq!(memory.plan(sql), None);
        memory.keep_plan(sql, "short");
        assert_eq!(memory.plan(sql).as_deref(), Some("short"));
    }
}
