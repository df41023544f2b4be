//! What is known of datasources' tables, and what an encoder made of their descriptions.
//!
//! A catalogue is one document: it is read and written whole. Both tables hang on the datasource, so that removing
//! it removes what was known of it.

use std::{borrow::Cow, collections::HashMap, sync::Arc};

use chrono::NaiveDateTime;
use diesel::prelude::*;
use diesel_async::{AsyncConnection as _, RunQueryDsl};
use serde::{Deserialize, Serialize};

use super::{
    Store,
    columns::{from_text, stored, to_text},
    with_read, with_tx, with_write,
};
use crate::{
    Error, Result,
    ids::DatasourceId,
    model::{Catalogue, CatalogueColumn, CatalogueTable, ForeignKey, KeptCatalogue},
    tables::{catalogues, table_vectors},
};

/// The form of the document that this program writes and reads. A change of [`Document`] that old rows would be
/// misread by takes the next number.
const FORM: i32 = 1;

/// Values bound in one statement, at most.
const AT_ONCE: usize = 1000;

#[derive(Queryable, Selectable)]
#[diesel(table_name = catalogues, check_for_backend(diesel::sqlite::Sqlite, diesel::pg::Pg))]
struct Row {
    datasource_modified_at: NaiveDateTime,
    fingerprint: Option<String>,
    document: String,
    read_at: NaiveDateTime,
    sampled_at: Option<NaiveDateTime>,
}

/// A catalogue as text. Its own types, because models are not serialised.
#[derive(Serialize, Deserialize)]
struct Document<'a> {
    tables: Vec<Table<'a>>,
}

#[derive(Serialize, Deserialize)]
struct Table<'a> {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    schema: Option<Cow<'a, str>>,
    name: Cow<'a, str>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    is_view: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    comment: Option<Cow<'a, str>>,
    columns: Vec<Column<'a>>,
    #[serde(default, skip_serializing_if = "is_empty")]
    primary_key: Cow<'a, [String]>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    foreign_keys: Vec<Key<'a>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    row_estimate: Option<u64>,
}

#[derive(Serialize, Deserialize)]
struct Column<'a> {
    name: Cow<'a, str>,
    data_type: Cow<'a, str>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    nullable: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    default: Option<Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    comment: Option<Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "is_empty")]
    values: Cow<'a, [String]>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    values_complete: bool,
}

#[derive(Serialize, Deserialize)]
struct Key<'a> {
    columns: Cow<'a, [String]>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    schema: Option<Cow<'a, str>>,
    table: Cow<'a, str>,
    references: Cow<'a, [String]>,
}

fn is_empty(list: &[String]) -> bool {
    list.is_empty()
}

fn borrowed(text: Option<&String>) -> Option<Cow<'_, str>> {
    text.map(|text| Cow::Borrowed(text.as_str()))
}

fn owned(text: Option<Cow<'_, str>>) -> Option<String> {
    text.map(Cow::into_owned)
}

impl<'a> Document<'a> {
    fn of(catalogue: &'a Catalogue) -> Self {
        Self {
            tables: catalogue.tables.iter().map(Table::of).collect(),
        }
    }

    fn open(self) -> Catalogue {
        Catalogue {
            tables: self.tables.into_iter().map(Table::open).collect(),
        }
    }
}

impl<'a> Table<'a> {
    fn of(table: &'a CatalogueTable) -> Self {
        Self {
            schema: borrowed(table.schema.as_ref()),
            name: Cow::Borrowed(table.name.as_str()),
            is_view: table.is_view,
            comment: borrowed(table.comment.as_ref()),
            columns: table.columns.iter().map(Column::of).collect(),
            primary_key: Cow::Borrowed(table.primary_key.as_slice()),
            foreign_keys: table.foreign_keys.iter().map(Key::of).collect(),
            row_estimate: table.row_estimate,
        }
    }

    fn open(self) -> CatalogueTable {
        CatalogueTable {
            schema: owned(self.schema),
            name: self.name.into_owned(),
            is_view: self.is_view,
            comment: owned(self.comment),
            columns: self.columns.into_iter().map(Column::open).collect(),
            primary_key: self.primary_key.into_owned(),
            foreign_keys: self.foreign_keys.into_iter().map(Key::open).collect(),
            row_estimate: self.row_estimate,
        }
    }
}

impl<'a> Column<'a> {
    fn of(column: &'a CatalogueColumn) -> Self {
        Self {
            name: Cow::Borrowed(column.name.as_str()),
            data_type: Cow::Borrowed(column.data_type.as_str()),
            nullable: column.nullable,
            default: borrowed(column.default.as_ref()),
            comment: borrowed(column.comment.as_ref()),
            values: Cow::Borrowed(column.values.as_slice()),
            values_complete: column.values_complete,
        }
    }

    fn open(self) -> CatalogueColumn {
        CatalogueColumn {
            name: self.name.into_owned(),
            data_type: self.data_type.into_owned(),
            nullable: self.nullable,
            default: owned(self.default),
            comment: owned(self.comment),
            values: self.values.into_owned(),
            values_complete: self.values_complete,
        }
    }
}

impl<'a> Key<'a> {
    fn of(key: &'a ForeignKey) -> Self {
        Self {
            columns: Cow::Borrowed(key.columns.as_slice()),
            schema: borrowed(key.references_schema.as_ref()),
            table: Cow::Borrowed(key.references_table.as_str()),
            references: Cow::Borrowed(key.references_columns.as_slice()),
        }
    }

    fn open(self) -> ForeignKey {
        ForeignKey {
            columns: self.columns.into_owned(),
            references_schema: owned(self.schema),
            references_table: self.table.into_owned(),
            references_columns: self.references.into_owned(),
        }
    }
}

/// Runs what takes long for a large catalogue away from the threads that answer.
async fn aside<T: Send + 'static>(act: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    tokio::task::spawn_blocking(act)
        .await
        .map_err(|error| Error::internal("writing or reading a catalogue", error))?
}

impl Store {
    /// What is kept of a datasource's tables; `None` too where it has a form of another version.
    pub async fn find_catalogue(&self, datasource: DatasourceId) -> Result<Option<KeptCatalogue>> {
        let row: Option<Row> = with_read!(self, |conn| {
            catalogues::table
                .filter(
                    catalogues::datasource_id
                        .eq(datasource.0)
                        .and(catalogues::form.eq(FORM)),
                )
                .select(Row::as_select())
                .first(conn)
                .await
                .optional()?
        });
        let Some(row) = row else {
            return Ok(None);
        };
        let document = row.document;
        let catalogue =
            aside(move || Ok(from_text::<Document<'static>>(&document)?.open())).await?;
        Ok(Some(KeptCatalogue {
            catalogue: Arc::new(catalogue),
            datasource_modified_at: row.datasource_modified_at.and_utc(),
            fingerprint: row.fingerprint,
            read_at: row.read_at.and_utc(),
            sampled_at: row.sampled_at.map(|at| at.and_utc()),
        }))
    }

    /// Keeps a datasource's catalogue in the place of the one before. [`Error::Conflict`] if the datasource is not
    /// there any more.
    pub async fn keep_catalogue(
        &self,
        datasource: DatasourceId,
        kept: &KeptCatalogue,
    ) -> Result<()> {
        let catalogue = Arc::clone(&kept.catalogue);
        let document = aside(move || to_text(&Document::of(&catalogue))).await?;
        let id = datasource.0;
        with_tx!(self, |conn| {
            diesel::delete(catalogues::table.find(id))
                .execute(conn)
                .await?;
            diesel::insert_into(catalogues::table)
                .values((
                    catalogues::datasource_id.eq(id),
                    catalogues::datasource_modified_at.eq(stored(kept.datasource_modified_at)),
                    catalogues::form.eq(FORM),
                    catalogues::fingerprint.eq(kept.fingerprint.as_deref()),
                    catalogues::document.eq(document.as_str()),
                    catalogues::read_at.eq(stored(kept.read_at)),
                    catalogues::sampled_at.eq(kept.sampled_at.map(stored)),
                ))
                .execute(conn)
                .await?;
            Ok(())
        })
    }

    /// Forgets a datasource's catalogue; `false` if there was none.
    pub async fn delete_catalogue(&self, datasource: DatasourceId) -> Result<bool> {
        let delete = diesel::delete(catalogues::table.find(datasource.0));
        let deleted = with_write!(self, |conn| delete.execute(conn).await?);
        Ok(deleted > 0)
    }

    /// The vectors that a model made of descriptions of the datasource's tables, by the texts' hashes.
    pub async fn list_vectors(
        &self,
        datasource: DatasourceId,
        model: &str,
    ) -> Result<HashMap<String, Vec<f32>>> {
        let rows: Vec<(String, Vec<u8>)> = with_read!(self, |conn| {
            table_vectors::table
                .filter(
                    table_vectors::datasource_id
                        .eq(datasource.0)
                        .and(table_vectors::model.eq(model)),
                )
                .select((table_vectors::hash, table_vectors::vector))
                .load(conn)
                .await?
        });
        Ok(rows
            .into_iter()
            .map(|(hash, bytes)| (hash, numbers(&bytes)))
            .collect())
    }

    /// Adds vectors by their texts' hashes; those that are there already stay.
    pub async fn keep_vectors(
        &self,
        datasource: DatasourceId,
        model: &str,
        vectors: &[(String, Vec<f32>)],
    ) -> Result<()> {
        with_tx!(self, |conn| {
            for (hash, vector) in vectors {
                diesel::insert_into(table_vectors::table)
                    .values((
                        table_vectors::datasource_id.eq(datasource.0),
                        table_vectors::model.eq(model),
                        table_vectors::hash.eq(hash.as_str()),
                        table_vectors::vector.eq(bytes(vector)),
                    ))
                    .on_conflict_do_nothing()
                    .execute(conn)
                    .await?;
            }
            Ok(())
        })
    }

    /// Removes the vectors of these hashes: of texts that describe no table any more.
    pub async fn delete_vectors(
        &self,
        datasource: DatasourceId,
        model: &str,
        hashes: &[String],
    ) -> Result<()> {
        for some in hashes.chunks(AT_ONCE) {
            let delete = diesel::delete(
                table_vectors::table.filter(
                    table_vectors::datasource_id
                        .eq(datasource.0)
                        .and(table_vectors::model.eq(model))
                        .and(table_vectors::hash.eq_any(some.iter().map(String::as_str))),
                ),
            );
            with_write!(self, |conn| delete.execute(conn).await?);
        }
        Ok(())
    }
}

pub(super) fn bytes(vector: &[f32]) -> Vec<u8> {
    vector
        .iter()
        .flat_map(|number| number.to_le_bytes())
        .collect()
}

/// What is over after the last whole number is no number.
pub(super) fn numbers(bytes: &[u8]) -> Vec<f32> {
    bytes
        .chunks_exact(4)
        .filter_map(|four| four.try_into().ok().map(f32::from_le_bytes))
        .collect()
}
