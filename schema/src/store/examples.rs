//! Examples: questions with the queries that answer them. They hang on their datasource and go with it.

use chrono::{DateTime, NaiveDateTime, Utc};
use diesel::{
    dsl::{count, count_star, max},
    prelude::*,
};
use diesel_async::{AsyncConnection as _, RunQueryDsl};
use sha2::{Digest as _, Sha256};

use super::{
    Store,
    catalogues::{bytes, numbers},
    columns::{clean, from_text, stored, to_text},
    with_read, with_tx, with_write,
};
use crate::{
    Error, Result,
    ids::DatasourceId,
    model::{Example, ExampleId, ExampleQuestion, ExampleSource, ExampleState, NewExample},
    tables::examples,
};

#[derive(Queryable, Selectable)]
#[diesel(table_name = examples, check_for_backend(diesel::sqlite::Sqlite, diesel::pg::Pg))]
struct Row {
    id: i64,
    datasource_id: i64,
    question: String,
    sql: String,
    tables: String,
    source: String,
    created_at: NaiveDateTime,
    used: i64,
}

impl TryFrom<Row> for Example {
    type Error = Error;

    fn try_from(row: Row) -> Result<Self> {
        let source = ExampleSource::from_name(&row.source).ok_or_else(|| {
            Error::internal(
                "reading an example",
                format!("{} has the source '{}'", row.id, row.source),
            )
        })?;
        Ok(Self {
            id: ExampleId(row.id),
            datasource: DatasourceId(row.datasource_id),
            question: row.question,
            sql: row.sql,
            tables: from_text(&row.tables)?,
            source,
            created_at: row.created_at.and_utc(),
            used: row.used,
        })
    }
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = examples, check_for_backend(diesel::sqlite::Sqlite, diesel::pg::Pg))]
struct QuestionRow {
    id: i64,
    question: String,
    model: Option<String>,
    vector: Option<Vec<u8>>,
}

impl From<QuestionRow> for ExampleQuestion {
    fn from(row: QuestionRow) -> Self {
        Self {
            id: ExampleId(row.id),
            question: row.question,
            vector: row
                .model
                .zip(row.vector)
                .map(|(model, vector)| (model, numbers(&vector))),
        }
    }
}

impl Store {
    /// Keeps an example in the place of one with the same question, whose number it takes over. [`Error::Conflict`]
    /// if its datasource would have more than `most`, or is not there any more.
    pub async fn keep_example(
        &self,
        new: NewExample,
        most: i64,
        now: DateTime<Utc>,
    ) -> Result<Example> {
        let id = new.datasource.0;
        let (question, sql) = (clean(&new.question), clean(&new.sql));
        let hash = hash_of(&question);
        let tables = to_text(&new.tables)?;
        let (model, vector) = new.vector.as_ref().map_or((None, None), |(model, vector)| {
            (Some(model.as_str()), Some(bytes(vector)))
        });
        let at = stored(now);
        let kept: Result<Row> = with_tx!(self, |conn| {
            diesel::insert_into(examples::table)
                .values((
                    examples::datasource_id.eq(id),
                    examples::question.eq(&*question),
                    examples::question_hash.eq(hash.as_str()),
                    examples::sql.eq(&*sql),
                    examples::tables.eq(tables.as_str()),
                    examples::source.eq(new.source.name()),
                    examples::created_at.eq(at),
                    examples::used.eq(0_i64),
                ))
                .on_conflict_do_nothing()
                .execute(conn)
                .await?;
            let count: i64 = examples::table
                .filter(examples::datasource_id.eq(id))
                .count()
                .get_result(conn)
                .await?;
            if count > most {
                return Err(full(most));
            }
            let row: Row = diesel::update(
                examples::table.filter(
                    examples::datasource_id
                        .eq(id)
                        .and(examples::question_hash.eq(hash.as_str())),
                ),
            )
            .set((
                examples::question.eq(&*question),
                examples::sql.eq(&*sql),
                examples::tables.eq(tables.as_str()),
                examples::source.eq(new.source.name()),
                examples::created_at.eq(at),
                examples::model.eq(model),
                examples::vector.eq(vector.as_deref()),
            ))
            .returning(Row::as_returning())
            .get_result(conn)
            .await?;
            Ok(row)
        });
        kept?.try_into()
    }

    /// The one of that number.
    pub async fn find_example(&self, id: ExampleId) -> Result<Option<Example>> {
        let row: Option<Row> = with_read!(self, |conn| {
            examples::table
                .find(id.0)
                .select(Row::as_select())
                .first(conn)
                .await
                .optional()?
        });
        row.map(Example::try_from).transpose()
    }

    /// The one of a datasource that has the same question.
    pub async fn find_example_of(
        &self,
        datasource: DatasourceId,
        question: &str,
    ) -> Result<Option<Example>> {
        let hash = hash_of(&clean(question));
        let row: Option<Row> = with_read!(self, |conn| {
            examples::table
                .filter(
                    examples::datasource_id
                        .eq(datasource.0)
                        .and(examples::question_hash.eq(hash.as_str())),
                )
                .select(Row::as_select())
                .first(conn)
                .await
                .optional()?
        });
        row.map(Example::try_from).transpose()
    }

    /// Those of these numbers that are there, in no order. A few hundred at most.
    pub async fn find_examples(&self, ids: &[ExampleId]) -> Result<Vec<Example>> {
        let rows: Vec<Row> = with_read!(self, |conn| {
            examples::table
                .filter(examples::id.eq_any(ids.iter().map(|id| id.0)))
                .select(Row::as_select())
                .load(conn)
                .await?
        });
        rows.into_iter().map(Example::try_from).collect()
    }

    /// Examples of a datasource behind the one of that number, or from the newest on; newest first.
    pub async fn scan_examples(
        &self,
        datasource: DatasourceId,
        after: Option<ExampleId>,
        limit: u32,
    ) -> Result<Vec<Example>> {
        let below = after.map_or(i64::MAX, |id| id.0);
        let rows: Vec<Row> = with_read!(self, |conn| {
            examples::table
                .filter(
                    examples::datasource_id
                        .eq(datasource.0)
                        .and(examples::id.lt(below)),
                )
                .order(examples::id.desc())
                .limit(i64::from(limit))
                .select(Row::as_select())
                .load(conn)
                .await?
        });
        rows.into_iter().map(Example::try_from).collect()
    }

    /// Removes one; `false` if there is none of that number.
    pub async fn delete_example(&self, id: ExampleId) -> Result<bool> {
        let delete = diesel::delete(examples::table.find(id.0));
        let deleted = with_write!(self, |conn| delete.execute(conn).await?);
        Ok(deleted > 0)
    }

    /// What tells whether the examples of a datasource are still those that were read.
    pub async fn example_state(&self, datasource: DatasourceId) -> Result<ExampleState> {
        let (count, vectors, latest): (i64, i64, Option<NaiveDateTime>) =
            with_read!(self, |conn| {
                examples::table
                    .filter(examples::datasource_id.eq(datasource.0))
                    .select((
                        count_star(),
                        count(examples::vector),
                        max(examples::created_at),
                    ))
                    .first(conn)
                    .await?
            });
        Ok(ExampleState {
            count,
            vectors,
            latest: latest.map(|at| at.and_utc()),
        })
    }

    /// The questions of all examples of a datasource, oldest first.
    pub async fn list_example_questions(
        &self,
        datasource: DatasourceId,
    ) -> Result<Vec<ExampleQuestion>> {
        let rows: Vec<QuestionRow> = with_read!(self, |conn| {
            examples::table
                .filter(examples::datasource_id.eq(datasource.0))
                .order(examples::id)
                .select(QuestionRow::as_select())
                .load(conn)
                .await?
        });
        Ok(rows.into_iter().map(ExampleQuestion::from).collect())
    }

    /// Gives examples the vectors that a model made of their questions; those that are not there any more are passed
    /// over.
    pub async fn keep_example_vectors(
        &self,
        model: &str,
        vectors: &[(ExampleId, Vec<f32>)],
    ) -> Result<()> {
        with_tx!(self, |conn| {
            for (id, vector) in vectors {
                diesel::update(examples::table.find(id.0))
                    .set((
                        examples::model.eq(model),
                        examples::vector.eq(bytes(vector)),
                    ))
                    .execute(conn)
                    .await?;
            }
            Ok(())
        })
    }

    /// Counts that these examples were recalled once more.
    pub async fn count_example_uses(&self, ids: &[ExampleId]) -> Result<()> {
        let update =
            diesel::update(examples::table.filter(examples::id.eq_any(ids.iter().map(|id| id.0))))
                .set(examples::used.eq(examples::used + 1_i64));
        with_write!(self, |conn| update.execute(conn).await?);
        Ok(())
    }
}

/// Of what makes a question the same: a text may be longer than an index has room for.
fn hash_of(question: &str) -> String {
    hex::encode(Sha256::digest(Example::key(question).as_bytes()))
}

fn full(most: i64) -> Error {
    Error::Conflict {
        reason: format!(
            "the datasource has {most} examples, as many as it may have; remove some with `tidegate db example remove`"
        ),
    }
}
