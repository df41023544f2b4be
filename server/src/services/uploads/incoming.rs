//! Files on their way in: to a name of their own, onto the disk, and only then into the store.

use std::{
    io,
    path::{Path, PathBuf},
};

use tidegate_schema::{
    Error, Result,
    model::{Act, Caller, ChatMode, Upload, UploadId},
};
use tokio::io::{AsyncWriteExt as _, BufWriter};

use super::{
    ONE_FILE, Uploads,
    learning::Preparation,
    names,
    shelf::{disk_error, on_disk, remove_folder},
};
use crate::{
    app::App,
    drivers::files::private::{private_file, private_folder},
};

/// Files of one request, and of one sender in one conversation.
const MOST_AT_ONCE: usize = 20;
const MOST_IN_ALL: usize = 200;
/// A file's name while it is being sent.
const PART: &str = "sending.part";
/// Bytes written to the disk together.
const BUFFER: usize = 1 << 20;
/// What is done, for the log.
const KEEPING: &str = "keeping a file that is sent";

/// The files of one request. Dropped before its end, it leaves nothing behind.
pub struct Incoming {
    app: App,
    caller: Caller,
    preparation: Preparation,
    /// Whether it is for a conversation with one file, whose tables are asked.
    excel: bool,
    landed: Vec<Landing>,
}

/// One file that is being sent.
pub struct Part {
    landing: Landing,
    file: BufWriter<tokio::fs::File>,
    most_bytes: u64,
}

/// A file's folder, which goes again unless the file is known to the store.
struct Landing {
    upload: Upload,
    folder: PathBuf,
    path: PathBuf,
    settled: bool,
}

impl Uploads<'_> {
    /// Begins to take files in.
    ///
    /// # Errors
    /// [`Error::Conflict`] where the caller has sent as many in the conversation as one may.
    pub async fn begin(&self, caller: &Caller, preparation: Preparation) -> Result<Incoming> {
        caller.may(Act::Ask)?;
        preparation.check()?;
        let owner = caller.audit_name();
        let sent = self.0.store.list_uploads(&preparation.conversation).await?;
        if sent.iter().filter(|sent| sent.owner == owner).count() >= MOST_IN_ALL {
            return Err(Error::Conflict {
                reason: format!(
                    "you have sent {MOST_IN_ALL} files in the conversation '{}'; delete some, or begin a new one",
                    preparation.conversation
                ),
            });
        }
        Ok(Incoming {
            app: self.0.clone(),
            caller: caller.clone(),
            excel: ChatMode::from_name(&preparation.mode) == Some(ChatMode::Excel),
            preparation,
            landed: Vec::new(),
        })
    }
}

impl Incoming {
    /// Makes a place for a file of a name. `field` is what errors name.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a name that is none, and where the file could not be used; [`Error::Unsupported`] with
    /// [`ONE_FILE`] for a second one where there is to be one.
    pub async fn open(&self, field: &str, name: Option<&str>) -> Result<Part> {
        if self.excel && !self.landed.is_empty() {
            return Err(Error::Unsupported {
                what: ONE_FILE.to_owned(),
            });
        }
        if self.landed.len() == MOST_AT_ONCE {
            return Err(Error::invalid(
                field,
                format!("holds more than {MOST_AT_ONCE} files; send them in several requests"),
            ));
        }
        let name = names::bare(field, name.unwrap_or_default())?;
        if self.excel {
            names::check_has_tables(field, &name)?;
        }
        let upload = Upload {
            id: UploadId(self.app.clock.new_id()),
            bucket: Upload::BUCKET.to_owned(),
            name,
            size: 0,
            conversation: self.preparation.conversation.clone(),
            owner: self.caller.audit_name(),
            created_at: self.app.clock.now(),
        };
        let landing = Landing {
            folder: self.app.shelf.folder(&upload.id),
            path: self.app.shelf.path(&upload),
            upload,
            settled: false,
        };
        let folder = landing.folder.clone();
        let file = on_disk(KEEPING, move || {
            private_folder(&folder)?;
            private_file(&folder.join(PART))
        })
        .await?;
        Ok(Part {
            landing,
            file: BufWriter::with_capacity(BUFFER, tokio::fs::File::from_std(file)),
            most_bytes: most_bytes(&self.app),
        })
    }

    /// Takes a file that was sent whole.
    pub async fn keep(&mut self, mut part: Part) -> Result<()> {
        let flushed = part.file.flush().await;
        let synced = match flushed {
            Ok(()) => part.file.get_ref().sync_all().await,
            failed => failed,
        };
        synced.map_err(|error| disk_error(KEEPING, error))?;
        let Part { landing, file, .. } = part;
        drop(file);
        let (folder, path) = (landing.folder.clone(), landing.path.clone());
        on_disk(KEEPING, move || {
            std::fs::rename(folder.join(PART), &path)?;
            sync_folder(&folder)?;
            folder.parent().map_or(Ok(()), sync_folder)
        })
        .await?;
        self.landed.push(landing);
        Ok(())
    }

    /// Makes the files known. One that is to be asked is read as tables first, and introduces itself in the
    /// conversation's first round. None of them is kept if one cannot be.
    ///
    /// # Errors
    /// [`Error::Invalid`] with the place in the file that cannot be read.
    pub async fn finish(self) -> Result<Vec<Upload>> {
        let Self {
            app,
            caller,
            preparation,
            excel,
            landed,
        } = self;
        // In a task of its own: a client that leaves now must leave neither a row without its file nor what was read of
        // a file without its row.
        let keeper = app.clone();
        let keeping = app
            .tasks
            .spawn(async move { make_known(&keeper, landed, excel).await });
        let sent = keeping
            .await
            .map_err(|error| Error::internal(KEEPING, error))??;
        if let Some(upload) = sent.last().filter(|_| excel) {
            app.uploads().learn(&caller, &preparation, upload).await?;
        }
        Ok(sent)
    }
}

impl Part {
    /// Writes a piece of the file.
    ///
    /// # Errors
    /// [`Error::Invalid`] when the file is larger than may be.
    pub async fn write(&mut self, field: &str, piece: &[u8]) -> Result<()> {
        let upload = &mut self.landing.upload;
        upload.size += piece.len() as u64;
        if upload.size > self.most_bytes {
            return Err(Error::invalid(
                field,
                format!(
                    "'{}' is larger than {} MB; send a smaller file, or raise limits.upload_megabytes",
                    upload.name,
                    self.most_bytes >> 20
                ),
            ));
        }
        self.file
            .write_all(piece)
            .await
            .map_err(|error| disk_error(KEEPING, error))
    }
}

impl Landing {
    /// It stays.
    fn settle(mut self) {
        self.settled = true;
    }
}

impl Drop for Landing {
    fn drop(&mut self) {
        if !self.settled
            && let Err(error) = remove_folder(&self.folder)
        {
            tracing::warn!(folder = %self.folder.display(), %error, "a file that was sent stays behind");
        }
    }
}

/// Tells the store of files that landed, once those to be asked are read as tables; all of them, or none is left.
async fn make_known(app: &App, landed: Vec<Landing>, asked: bool) -> Result<Vec<Upload>> {
    let sent: Vec<Upload> = landed
        .iter()
        .map(|landing| landing.upload.clone())
        .collect();
    let known = async {
        if asked {
            for upload in &sent {
                app.uploads().opened(upload).await?;
            }
        }
        app.store.insert_uploads(&sent).await
    };
    if let Err(error) = known.await {
        for upload in &sent {
            app.shelf.remove(upload).await;
        }
        return Err(error);
    }
    landed.into_iter().for_each(Landing::settle);
    Ok(sent)
}

/// Bytes of the largest file.
fn most_bytes(app: &App) -> u64 {
    app.config.limits.upload_megabytes.saturating_mul(1 << 20)
}

/// Writes a folder's list of files to the disk.
#[cfg(unix)]
fn sync_folder(folder: &Path) -> io::Result<()> {
    std::fs::File::open(folder)?.sync_all()
}

#[cfg(not(unix))]
fn sync_folder(_: &Path) -> io::Result<()> {
    Ok(())
}
