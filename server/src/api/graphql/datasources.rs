//! Datasources and their tables.

mod sql;

use async_graphql::{
    Context, ID, Object, Result, SimpleObject,
    connection::{Connection, Edge, EmptyFields, OpaqueCursor, query},
};
use chrono::{DateTime, Utc};
use tidegate_schema::{
    Error,
    model::{self, Caller},
};

pub use self::sql::DatasourceMutations;
use super::{
    error::to_graphql,
    limits::{MOST, PAGE, page_cost},
};
use crate::app::App;

/// A cursor into a list that is held in memory: a position.
type Position = OpaqueCursor<usize>;

/// A registered database.
pub struct Datasource(pub model::Datasource);

/// A registered database.
#[Object]
impl Datasource {
    /// Id.
    async fn id(&self) -> ID {
        ID(self.0.id.to_string())
    }

    /// Unique name, used in questions.
    async fn name(&self) -> &str {
        &self.0.name
    }

    /// Engine: `sqlite`, `postgresql`.
    async fn engine(&self) -> &str {
        self.0.connection.engine.name()
    }

    /// Free text.
    async fn comment(&self) -> &str {
        &self.0.comment
    }

    /// Who added it.
    async fn owner(&self) -> Option<&str> {
        self.0.owner.as_deref()
    }

    /// When it was added.
    async fn created_at(&self) -> DateTime<Utc> {
        self.0.created_at
    }

    /// How far its tables are known beyond their structure, which is looked into in the background; null for a key that
    /// may use some of them alone.
    async fn indexing(&self, context: &Context<'_>) -> Result<Option<Indexing>> {
        let (app, caller) = (context.data::<App>()?, context.data::<Caller>()?);
        let now = app
            .datasources()
            .progress(caller, &self.0.name)
            .await
            .map_err(|e| to_graphql(&e))?;
        Ok(now.map(|now| Indexing {
            tables: now.tables,
            tables_sampled: now.tables_sampled,
            tables_embedded: now.tables_embedded,
            done: now.done,
        }))
    }

    /// Whether statements that change rows may run at all; each needs a grant to write and a confirmation besides.
    async fn writable(&self) -> bool {
        self.0.writable
    }

    /// Tables and views in name order that the caller may use, all or those whose name contains `search`. Null with
    /// an error when the database cannot be asked.
    #[graphql(complexity = "page_cost(first, last, child_complexity)")]
    async fn tables(
        &self,
        context: &Context<'_>,
        search: Option<String>,
        after: Option<String>,
        before: Option<String>,
        first: Option<i32>,
        last: Option<i32>,
    ) -> Option<Result<Connection<Position, Table, TotalCount, EmptyFields>>> {
        // The error within the option: it stands in place of this database's tables and leaves the others' alone.
        Some(match self.find_tables(context, search).await {
            Ok(found) => paged(found, after, before, first, last).await,
            Err(error) => Err(error),
        })
    }
}

impl Datasource {
    async fn find_tables(
        &self,
        context: &Context<'_>,
        search: Option<String>,
    ) -> Result<Vec<Table>> {
        let (app, caller) = (context.data::<App>()?, context.data::<Caller>()?);
        let catalogue = app
            .datasources()
            .catalogue(caller, &self.0.name)
            .await
            .map_err(|e| to_graphql(&e))?;
        let search = search.unwrap_or_default().to_lowercase();
        Ok(catalogue
            .tables
            .iter()
            .filter(|table| table.name.to_lowercase().contains(&search))
            .map(|table| Table(table.clone()))
            .collect())
    }
}

/// How far the tables of a datasource are known.
#[derive(SimpleObject)]
pub struct Indexing {
    /// Tables and views; 0 until they were read.
    tables: usize,
    /// Those whose values were looked at.
    tables_sampled: usize,
    /// Those whose descriptions have a vector. A small database needs none, nor is there one without the encoder.
    tables_embedded: usize,
    /// Whether nothing is left to be done until the structure changes.
    done: bool,
}

/// How long a list is in all.
#[derive(SimpleObject)]
pub struct TotalCount {
    /// How many there are in all.
    total_count: u64,
}

/// A page of a list that is held in memory.
async fn paged<T: async_graphql::OutputType>(
    items: Vec<T>,
    after: Option<String>,
    before: Option<String>,
    first: Option<i32>,
    last: Option<i32>,
) -> Result<Connection<Position, T, TotalCount, EmptyFields>> {
    query(
        after,
        before,
        first,
        last,
        |after: Option<Position>, before: Option<Position>, first, last| async move {
            let total = items.len();
            let mut start = after
                .map_or(0, |cursor| cursor.0.saturating_add(1))
                .min(total);
            let mut end = before
                .map_or(total, |cursor| cursor.0.min(total))
                .max(start);
            match (first, last) {
                (_, Some(last)) => start = end.saturating_sub(last.min(MOST)).max(start),
                (first, None) => end = end.min(start + first.unwrap_or(PAGE).min(MOST)),
            }
            let fields = TotalCount {
                total_count: total as u64,
            };
            let mut connection = Connection::with_additional_fields(start > 0, end < total, fields);
            connection.edges.extend(
                items
                    .into_iter()
                    .enumerate()
                    .skip(start)
                    .take(end - start)
                    .map(|(i, item)| Edge::new(OpaqueCursor(i), item)),
            );
            Ok::<_, async_graphql::Error>(connection)
        },
    )
    .await
}

/// A table or view.
pub struct Table(model::CatalogueTable);

/// A table or view.
#[Object]
impl Table {
    /// Namespace, where it is not the engine's default one.
    async fn namespace(&self) -> Option<&str> {
        self.0.schema.as_deref()
    }

    /// Name.
    async fn name(&self) -> &str {
        &self.0.name
    }

    /// Whether it is a view.
    async fn is_view(&self) -> bool {
        self.0.is_view
    }

    /// The database's comment on it.
    async fn comment(&self) -> Option<&str> {
        self.0.comment.as_deref()
    }

    /// The engine's estimate of its rows, if it has one.
    async fn row_estimate(&self) -> Option<u64> {
        self.0.row_estimate
    }

    /// Names of the primary-key columns.
    async fn primary_key(&self) -> &[String] {
        &self.0.primary_key
    }

    /// Columns in their order.
    async fn columns(&self) -> Vec<Column> {
        self.0
            .columns
            .iter()
            .map(|column| Column {
                name: column.name.clone(),
                data_type: column.data_type.clone(),
                nullable: column.nullable,
                default: column.default.clone(),
                comment: column.comment.clone(),
            })
            .collect()
    }

    /// Foreign keys.
    async fn foreign_keys(&self) -> Vec<ForeignKey> {
        self.0
            .foreign_keys
            .iter()
            .map(|key| ForeignKey {
                columns: key.columns.clone(),
                references_namespace: key.references_schema.clone(),
                references_table: key.references_table.clone(),
                references_columns: key.references_columns.clone(),
            })
            .collect()
    }
}

/// A column.
#[derive(SimpleObject)]
pub struct Column {
    /// Name.
    name: String,
    /// Type as the engine writes it.
    data_type: String,
    /// Whether NULL may occur.
    nullable: bool,
    /// Default, as SQL text.
    default: Option<String>,
    /// The database's comment on it.
    comment: Option<String>,
}

/// A foreign key.
#[derive(SimpleObject)]
pub struct ForeignKey {
    /// Referring columns.
    columns: Vec<String>,
    /// Namespace of the table referred to, where it is not the engine's default one.
    references_namespace: Option<String>,
    /// Table referred to.
    references_table: String,
    /// Columns referred to.
    references_columns: Vec<String>,
}

/// What can be read of datasources.
#[derive(Default)]
pub struct DatasourceQueries;

#[Object]
impl DatasourceQueries {
    /// The datasources the caller may use, newest first.
    #[graphql(complexity = "page_cost(first, last, child_complexity)")]
    async fn datasources(
        &self,
        context: &Context<'_>,
        after: Option<String>,
        before: Option<String>,
        first: Option<i32>,
        last: Option<i32>,
    ) -> Result<Connection<Position, Datasource, TotalCount, EmptyFields>> {
        let (app, caller) = (context.data::<App>()?, context.data::<Caller>()?);
        let found = app
            .datasources()
            .list(caller)
            .await
            .map_err(|e| to_graphql(&e))?;
        paged(
            found.into_iter().map(Datasource).collect(),
            after,
            before,
            first,
            last,
        )
        .await
    }

    /// One datasource by name; null when there is none.
    async fn datasource(&self, context: &Context<'_>, name: String) -> Result<Option<Datasource>> {
        let (app, caller) = (context.data::<App>()?, context.data::<Caller>()?);
        match app.datasources().get(caller, &name).await {
            Ok(found) => Ok(Some(Datasource(found))),
            Err(Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(to_graphql(&error)),
        }
    }
}
