//! What is kept in memory to compare questions by, and the vectors it is made with.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tidegate_schema::{
    Error, Result,
    ids::DatasourceId,
    model::{Example, ExampleId},
};

use super::likeness::{Likeness, Questions};
use crate::{app::App, services::encoder};

/// How long a question waits for its vector. The encoder may be busy; words alone will do then.
const QUESTION_TIME: Duration = Duration::from_secs(2);
/// How long some questions that are embedded in the background may take.
const BATCH_TIME: Duration = Duration::from_mins(2);
/// Questions embedded in one step.
const EMBEDDED_AT_ONCE: usize = 32;
/// What is kept in memory, in bytes.
const MOST_BYTES: usize = 64 << 20;

/// The questions of examples as they were last read, by datasource.
#[derive(Default)]
pub struct Memories {
    read: Mutex<HashMap<DatasourceId, Arc<Questions>>>,
    /// Datasources whose vectors are being made.
    making: Mutex<HashSet<DatasourceId>>,
}

impl Memories {
    fn get(&self, datasource: DatasourceId) -> Option<Arc<Questions>> {
        locked(&self.read).get(&datasource).cloned()
    }

    /// Keeps what was read. What makes too much of it makes room for it, or is not kept.
    fn keep(&self, datasource: DatasourceId, questions: &Arc<Questions>) {
        let mut read = locked(&self.read);
        read.remove(&datasource);
        let own = questions.weight();
        let others: usize = read.values().map(|other| other.weight()).sum();
        if own + others > MOST_BYTES {
            read.clear();
        }
        if own <= MOST_BYTES {
            read.insert(datasource, Arc::clone(questions));
        }
    }

    fn forget(&self, datasource: DatasourceId) {
        locked(&self.read).remove(&datasource);
    }

    /// Whether it falls to the caller to make a datasource's vectors.
    fn begin(&self, datasource: DatasourceId) -> bool {
        locked(&self.making).insert(datasource)
    }

    fn end(&self, datasource: DatasourceId) {
        locked(&self.making).remove(&datasource);
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The examples whose questions are like this one, likest first.
pub(super) async fn rank(
    app: &App,
    datasource: DatasourceId,
    question: &str,
) -> Result<Vec<Likeness>> {
    let questions = questions(app, datasource).await?;
    if questions.is_empty() {
        return Ok(Vec::new());
    }
    let vector = vector_of(app, question).await.map(|(_, vector)| vector);
    if let Some(vector) = &vector {
        make_missing(app, datasource, &questions, vector.len());
    }
    let question = question.to_owned();
    tokio::task::spawn_blocking(move || questions.rank(&question, vector.as_deref()))
        .await
        .map_err(|error| Error::internal("comparing questions", error))
}

/// The questions of a datasource's examples, read again if they are others than they were.
async fn questions(app: &App, datasource: DatasourceId) -> Result<Arc<Questions>> {
    let state = app.store.example_state(datasource).await?;
    if let Some(known) = app.memories.get(datasource)
        && known.state == state
    {
        return Ok(known);
    }
    let questions = app.store.list_example_questions(datasource).await?;
    let read = tokio::task::spawn_blocking(move || Questions::read(state, questions))
        .await
        .map_err(|error| Error::internal("reading examples", error))?;
    let read = Arc::new(read);
    app.memories.keep(datasource, &read);
    Ok(read)
}

/// What the encoder makes of a question, with its name, if it is there and makes it in time.
pub(super) async fn vector_of(app: &App, question: &str) -> Option<(String, Vec<f32>)> {
    let encoder = encoder::ready(&app.registry).await?;
    let made = encoder.embed(vec![Example::key(question)], None);
    match tokio::time::timeout(QUESTION_TIME, made).await {
        Ok(Ok(mut vectors)) => Some((encoder.metadata().name, vectors.pop()?)),
        Ok(Err(error)) => {
            tracing::debug!(%error, "a question has no vector; its words alone are used");
            None
        }
        Err(_) => {
            tracing::debug!("the encoder is busy; a question's words alone are used");
            None
        }
    }
}

/// Makes the vectors that are missing, in the background.
fn make_missing(app: &App, datasource: DatasourceId, questions: &Questions, width: usize) {
    let missing = questions.without_vector(width);
    if missing.is_empty() || !app.memories.begin(datasource) {
        return;
    }
    let task = app.clone();
    app.tasks.spawn(async move {
        let app = task;
        let made = tokio::select! {
            made = make(&app, &missing) => made,
            () = app.stopping.cancelled() => Ok(()),
        };
        if let Err(error) = made {
            tracing::debug!(%error, "not all examples have a vector; it is tried again when they are next recalled");
        }
        app.memories.forget(datasource);
        app.memories.end(datasource);
    });
}

async fn make(app: &App, missing: &[(ExampleId, String)]) -> Result<()> {
    let Some(encoder) = encoder::ready(&app.registry).await else {
        return Ok(());
    };
    let model = encoder.metadata().name;
    for some in missing.chunks(EMBEDDED_AT_ONCE) {
        let texts: Vec<String> = some.iter().map(|(_, key)| key.clone()).collect();
        let made = tokio::time::timeout(BATCH_TIME, encoder.embed(texts, None))
            .await
            .map_err(|_| Error::Timeout {
                what: "embedding questions".to_owned(),
                limit: BATCH_TIME,
            })??;
        if made.len() != some.len() {
            return Err(Error::upstream(
                &model,
                format!("{} vectors came for {} texts", made.len(), some.len()),
            ));
        }
        let vectors: Vec<(ExampleId, Vec<f32>)> =
            some.iter().map(|&(id, _)| id).zip(made).collect();
        app.store.keep_example_vectors(&model, &vectors).await?;
    }
    Ok(())
}
