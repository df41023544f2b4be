//! Imports under way, each on a thread of its own, so that who asks for one that is going on waits for that one.
//!
//! An import does not stop when whoever asked for it leaves: a large file would never be read for impatient callers.
//! It is bounded by [`super::work::MAX_TIME`] and dies with the process, leaving nothing that would be taken for a
//! finished database.

use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::{Mutex, MutexGuard, PoisonError},
};

use tidegate_schema::{Error, Result};
use tokio::sync::{Semaphore, watch};

use super::{
    cache::Cache,
    columnar, delimited, documents,
    fault::Fault,
    found::{self, Format, Found},
    load::Loader,
    sheets,
    work::Work,
};

/// Imports at a time; the rest wait. Each keeps a core and the disk busy.
static TURNS: Semaphore = Semaphore::const_new(2);
/// By the database they make.
static RUNNING: Mutex<BTreeMap<PathBuf, watch::Receiver<Outcome>>> = Mutex::new(BTreeMap::new());

/// How an import ended; nothing for as long as it has not.
type Outcome = Option<Result<()>>;

/// What to read, and where to.
pub(super) struct Job {
    /// The datasource's name, for messages.
    pub(super) name: String,
    /// What the datasource was given.
    pub(super) path: PathBuf,
    pub(super) cache: Cache,
    pub(super) found: Found,
}

/// Returns when the private database is there.
pub(super) async fn settled(job: Job) -> Result<()> {
    let target = job.cache.database(&job.found.fingerprint);
    let name = job.name.clone();
    let (mut outcome, tell) = {
        let mut running = running();
        match running.get(&target) {
            Some(outcome) => (outcome.clone(), None),
            None if target.is_file() => return Ok(()),
            None => {
                let (tell, outcome) = watch::channel(None);
                running.insert(target.clone(), outcome.clone());
                (outcome, Some(tell))
            }
        }
    };
    if let Some(tell) = tell {
        start(job, target, tell)?;
    }
    let ended = outcome.wait_for(Option::is_some).await;
    // A thread that ended without a word: a panic in a library, already logged by the panic hook.
    let ended = ended.map_err(|_| {
        Error::invalid(
            "path",
            format!("reading the files of '{name}' stopped unexpectedly; is one of them damaged?"),
        )
    })?;
    (*ended).clone().unwrap_or(Ok(()))
}

fn start(job: Job, target: PathBuf, tell: watch::Sender<Outcome>) -> Result<()> {
    // Dropped with the thread, however it ends, and at once if there is none.
    let entry = Entry(target);
    let thread = std::thread::Builder::new().name("data files".into());
    let started = thread.spawn(move || {
        // Only fails once the semaphore is closed, which nobody does.
        let _turn = futures::executor::block_on(TURNS.acquire());
        let done = run(&job, &entry.0);
        let done = done.map_err(|fault| fault.explain(&job.name, &job.path));
        if let Err(error) = &done {
            let (datasource, error) = (&job.name, error.log_chain());
            tracing::warn!(datasource, error, "the data files were not read");
        }
        tell.send_replace(Some(done));
        drop(entry);
    });
    started
        .map(drop)
        .map_err(|error| Error::internal("starting a thread to read data files", error))
}

fn run(job: &Job, target: &std::path::Path) -> Result<(), Fault> {
    let part = job.cache.part()?;
    let mut work = Work::new(&job.name);
    let mut loader = Loader::create(part.path())?;
    for source in &job.found.sources {
        let prefix = job.found.is_folder.then_some(source.stem.as_str());
        match source.format {
            Format::Delimited => delimited::load(source, &mut loader, &mut work)?,
            Format::Workbook => sheets::load(source, prefix, &mut loader, &mut work)?,
            Format::Json => documents::load(source, false, &mut loader, &mut work)?,
            Format::JsonLines => documents::load(source, true, &mut loader, &mut work)?,
            Format::Parquet => columnar::load(source, &mut loader, &mut work)?,
        }
    }
    loader.finish()?;
    // What was read in two goes must have been the same both times.
    if found::find(&job.path)?.fingerprint != job.found.fingerprint {
        return Err(Fault::Room(format!(
            "'{}' changed while it was being read; ask again, or add a copy of it if something writes to it all \
             the time",
            job.path.display()
        )));
    }
    part.settle(target)?;
    if let Err(error) = job.cache.tidy(target) {
        tracing::warn!(%error, "old private databases of data files stay behind");
    }
    Ok(())
}

/// A line in [`RUNNING`], taken out when dropped.
struct Entry(PathBuf);

impl Drop for Entry {
    fn drop(&mut self) {
        running().remove(&self.0);
    }
}

fn running() -> MutexGuard<'static, BTreeMap<PathBuf, watch::Receiver<Outcome>>> {
    RUNNING.lock().unwrap_or_else(PoisonError::into_inner)
}
