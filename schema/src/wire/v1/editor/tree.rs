//! The table tree of `/api/v1/editor/db/tables`.

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::model::{Catalogue, CatalogueColumn, CatalogueTable};

/// A node of the table tree: database, table or column.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[schema(no_recursion, example = json!({
    "title": "shop", "key": "shop", "type": "db", "default_value": null, "can_null": "YES", "comment": null,
    "children": [{
        "title": "orders", "key": "orders", "type": "table", "default_value": null, "can_null": "YES", "comment": null,
        "children": [{
            "title": "amount", "key": "amount", "type": "REAL", "default_value": null, "can_null": "YES",
            "comment": "None", "children": [],
        }],
    }],
}))]
pub struct TreeNode {
    /// Name shown.
    pub title: String,
    /// The same.
    pub key: String,
    /// `db`, `table`, or the column's SQL type.
    #[serde(rename = "type")]
    pub kind: String,
    /// A column's default.
    pub default_value: Option<String>,
    /// `YES` or `NO`.
    pub can_null: String,
    /// Comment; the text `None` for a column without one.
    pub comment: Option<String>,
    /// Tables of a database, columns of a table.
    pub children: Vec<TreeNode>,
}

/// Which tables to show.
#[derive(Debug, Deserialize, IntoParams)]
pub struct TablesQuery {
    /// Datasource.
    #[param(example = "shop")]
    pub db_name: String,
    /// Page of tables, from 1. There is nothing on a page that is none.
    #[serde(deserialize_with = "super::whole")]
    #[param(example = 1)]
    pub page_index: i64,
    /// Tables a page.
    #[serde(deserialize_with = "super::whole")]
    #[param(example = 200)]
    pub page_size: i64,
    /// Part of a table's or column's name or comment, in any case.
    #[serde(default)]
    pub search_str: String,
}

impl TreeNode {
    /// The tree of a database: a page of the tables that `query` looks for.
    pub fn database(catalogue: &Catalogue, query: &TablesQuery) -> Self {
        let sought = query.search_str.trim().to_lowercase();
        let (skip, size) = span(query.page_index, query.page_size);
        let children = catalogue
            .tables
            .iter()
            .filter(|table| sought.is_empty() || mentions(table, &sought))
            .skip(skip)
            .take(size)
            .map(Self::table)
            .collect();
        Self {
            children,
            ..Self::leaf(&query.db_name, "db")
        }
    }

    fn table(table: &CatalogueTable) -> Self {
        Self {
            comment: table.comment.clone(),
            children: table.columns.iter().map(Self::column).collect(),
            ..Self::leaf(&table.full_name(), "table")
        }
    }

    fn column(column: &CatalogueColumn) -> Self {
        Self {
            default_value: column.default.clone(),
            can_null: if column.nullable { "YES" } else { "NO" }.to_owned(),
            // upstream writes the word None where there is no comment.
            comment: Some(column.comment.clone().unwrap_or_else(|| "None".to_owned())),
            ..Self::leaf(&column.name, &column.data_type)
        }
    }

    fn leaf(name: &str, kind: &str) -> Self {
        Self {
            title: name.to_owned(),
            key: name.to_owned(),
            kind: kind.to_owned(),
            default_value: None,
            can_null: "YES".to_owned(),
            comment: None,
            children: Vec::new(),
        }
    }
}

/// What to pass over and what to take. Q-164: a page below the first, beyond the last or of no size has nothing on it.
fn span(page: i64, size: i64) -> (usize, usize) {
    let (Ok(before), Ok(size)) = (
        usize::try_from(page.saturating_sub(1)),
        usize::try_from(size),
    ) else {
        return (0, 0);
    };
    (before.saturating_mul(size), size)
}

/// Whether a table, one of its columns, or a comment on either has the text in it, which is in lower case.
fn mentions(table: &CatalogueTable, sought: &str) -> bool {
    let has = |text: &str| text.to_lowercase().contains(sought);
    has(&table.full_name())
        || table.comment.as_deref().is_some_and(has)
        || table
            .columns
            .iter()
            .any(|column| has(&column.name) || column.comment.as_deref().is_some_and(has))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(
        name: &str,
        comment: Option<&str>,
        columns: &[(&str, Option<&str>)],
    ) -> CatalogueTable {
        CatalogueTable {
            name: name.to_owned(),
            comment: comment.map(str::to_owned),
            columns: columns
                .iter()
                .map(|(name, comment)| CatalogueColumn {
                    name: (*name).to_owned(),
                    data_type: "TEXT".to_owned(),
                    comment: comment.map(str::to_owned),
                    ..CatalogueColumn::default()
                })
                .collect(),
            ..CatalogueTable::default()
        }
    }

    fn catalogue() -> Catalogue {
        let mut fruit = table("pears", Some("Obst vom Händler"), &[("core", None)]);
        fruit.schema = Some("Garden".to_owned());
        Catalogue {
            tables: vec![
                table("apples", None, &[("id", Some("kept for ever"))]),
                fruit,
                table("plums", None, &[("id", None)]),
            ],
        }
    }

    fn shown(page_index: i64, page_size: i64, search: &str) -> Vec<String> {
        let query = TablesQuery {
            db_name: "fruit".to_owned(),
            page_index,
            page_size,
            search_str: search.to_owned(),
        };
        let tree = TreeNode::database(&catalogue(), &query);
        assert_eq!((tree.title.as_str(), tree.kind.as_str()), ("fruit", "db"));
        tree.children.into_iter().map(|node| node.title).collect()
    }

    #[test]
    fn names_and_comments_of_tables_and_columns_are_searched_in_any_case() {
        for (sought, expected) in [
            (" PLUM ", &["plums"][..]),
            ("garden.p", &["Garden.pears"]),
            ("CORE", &["Garden.pears"]),
            ("händler", &["Garden.pears"]),
            ("For Ever", &["apples"]),
            ("nothing", &[]),
            ("", &["apples", "Garden.pears", "plums"]),
        ] {
            assert_eq!(shown(1, 200, sought), expected, "{sought}");
        }
    }

    #[test]
    fn pages_are_counted_from_one_and_one_that_is_none_is_empty() {
        assert_eq!(shown(1, 2, ""), ["apples", "Garden.pears"]);
        assert_eq!(shown(2, 2, ""), ["plums"]);
        assert_eq!(shown(2, 1, "p"), ["Garden.pears"]);
        for (page, size) in [
            (3, 2),
            (0, 2),
            (-1, 2),
            (1, 0),
            (1, -5),
            (i64::MAX, i64::MAX),
            (i64::MIN, 1),
        ] {
            assert!(shown(page, size, "").is_empty(), "{page} {size}");
        }
        assert_eq!(shown(1, i64::MAX, "").len(), 3);
    }
}
