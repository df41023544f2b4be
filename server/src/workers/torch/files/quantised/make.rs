//! Making the file: each matrix is read, rounded and written, one after the other.

use std::{
    fs::{self, File, TryLockError},
    path::{Path, PathBuf},
};

use half::{bf16, f16};
use tch::{Kind, Tensor};
use tidegate_kernels::{Format, Matrix, format::GROUP};
use tidegate_schema::Error;

use super::{
    Quantised, apart,
    file::{Stored, Writer},
    file_name, fingerprint,
};
use crate::workers::torch::{
    error::{ModelError, Result},
    files::{checkpoint::Checkpoint, library, memory::size, shape::Shape, weights},
    offline::{Made, Quantise},
};

/// Quantises all matrices of a model directory into one file. `told` hears how many of how many are done.
///
/// # Errors
/// [`Error::Invalid`] for a format that is no integer one and for a directory that is no model's, [`Error::Conflict`]
/// where it was done before or is being done, [`Error::Upstream`] when files cannot be read or written.
pub(in crate::workers::torch) fn quantise(
    wanted: &Quantise,
    told: &mut dyn FnMut(usize, usize),
) -> tidegate_schema::Result<Made> {
    let format = [Format::Int8, Format::Int4]
        .into_iter()
        .find(|format| format.name() == wanted.format)
        .ok_or_else(|| {
            let given = &wanted.format;
            let reason = format!("'{given}' is no format to quantise to; known are int8 and int4");
            Error::invalid("to", reason)
        })?;
    let directory = &wanted.directory;
    if !directory.is_dir() {
        return Err(Error::invalid(
            "path",
            format!(
                "{} is no directory; name a Hugging Face model directory",
                directory.display()
            ),
        ));
    }
    let wrong = |error: ModelError| Error::invalid("path", error.to_string());
    let shape = Shape::read(directory).map_err(wrong)?;
    library::load().map_err(|reason| Error::upstream("libtorch", reason))?;
    let checkpoint = Checkpoint::open(directory).map_err(wrong)?;
    let failed = |reason: String| Error::upstream("quantising", reason);
    let source = fingerprint::of(directory).map_err(|error| failed(error.to_string()))?;
    let is_asked_anew = wanted.again || wanted.out.is_some();
    if !is_asked_anew && let Some(done) = Quantised::open(directory, format).map_err(wrong)? {
        return Err(Error::Conflict {
            reason: format!(
                "{} fits these weights already; --again makes it anew",
                done.path.display()
            ),
        });
    }
    let names = weights::names(&checkpoint, &shape);
    let bytes = estimate(&checkpoint, format, &names);
    let part = Part::begin(wanted, format, bytes)?;
    let made = write(&part, &checkpoint, &shape, (format, &source, &names), told);
    match made.and_then(|()| part.settle()) {
        Ok(made) => Ok(Made {
            matrices: names.len(),
            ..made
        }),
        Err(error) => {
            // What is half is of no use; where it cannot be removed the next run writes over it.
            fs::remove_file(&part.path).ok();
            Err(failed(error.to_string()))
        }
    }
}

fn write(
    part: &Part,
    checkpoint: &Checkpoint,
    shape: &Shape,
    (format, source, names): (Format, &str, &[String]),
    told: &mut dyn FnMut(usize, usize),
) -> Result<()> {
    let wrong = |error: std::io::Error| ModelError::file(&part.path, error);
    let file = part.file.try_clone().map_err(wrong)?;
    let mut writer = Writer::begin(file, names).map_err(wrong)?;
    let mut done = 0;
    told(done, names.len());
    weights::each_matrix(checkpoint, shape, |name, tensor| {
        let matrix = rounded(format, &tensor).map_err(|error| {
            ModelError::file(checkpoint.directory(), format!("'{name}': {error}"))
        })?;
        drop(tensor);
        let (rows, columns) = (matrix.rows(), matrix.columns());
        let (quants, scales) = matrix.parts();
        drop(matrix);
        let stored = Stored {
            rows,
            columns,
            quants,
            scales,
        };
        writer.put(name, &stored).map_err(wrong)?;
        done += 1;
        told(done, names.len());
        Ok(())
    })?;
    writer.finish(format.name(), source).map_err(wrong)
}

/// A matrix in an integer format, from whatever floats it is stored as.
fn rounded(format: Format, tensor: &Tensor) -> Result<Matrix> {
    let (rows, columns) = tensor.size2()?;
    let (rows, columns) = (rows as usize, columns as usize);
    let matrix = match tensor.f_kind()? {
        Kind::BFloat16 => {
            let numbers = numbers(tensor, rows * columns, bf16::ZERO)?;
            Matrix::from_bf16(format, rows, columns, &numbers)
        }
        Kind::Half => {
            let numbers = numbers(tensor, rows * columns, f16::ZERO)?;
            Matrix::from_f16(format, rows, columns, &numbers)
        }
        _ => {
            let numbers = numbers(&tensor.f_to_kind(Kind::Float)?, rows * columns, 0.0_f32)?;
            Matrix::from_f32(format, rows, columns, &numbers)
        }
    };
    Ok(matrix?)
}

fn numbers<T: tch::kind::Element + Copy>(tensor: &Tensor, count: usize, zero: T) -> Result<Vec<T>> {
    let mut numbers = Vec::new();
    numbers.try_reserve_exact(count).map_err(|error| {
        ModelError::Text(format!(
            "there is no memory for a matrix of {count} numbers: {error}"
        ))
    })?;
    numbers.resize(count, zero);
    tensor.f_copy_data(&mut numbers, count)?;
    Ok(numbers)
}

/// Bytes that the file will take at most.
fn estimate(checkpoint: &Checkpoint, format: Format, names: &[String]) -> u64 {
    let numbers = checkpoint.bytes(Kind::Float) / 4;
    let bits = if format == Format::Int4 { 4 } else { 8 };
    let scales = numbers / GROUP as u64 * 2;
    // What ends within a group, the header, and room to spare.
    let rest = (names.len() as u64 + 16) << 16;
    numbers / 8 * bits + scales + rest
}

/// A file that is being written under another name until it is whole: whatever ends the process, the one before stays.
struct Part {
    path: PathBuf,
    target: PathBuf,
    file: File,
}

impl Part {
    /// In the directory that is named, else beside the weights, else in the user's cache.
    fn begin(wanted: &Quantise, format: Format, bytes: u64) -> tidegate_schema::Result<Self> {
        let mut tried = Vec::new();
        // A place of ours is made where it is missing; the weights' own directory is there.
        let candidates = match &wanted.out {
            Some(out) => vec![(out.clone(), true)],
            None => std::iter::once((wanted.directory.clone(), false))
                .chain(apart(&wanted.directory).map(|place| (place, true)))
                .collect(),
        };
        for (place, makes) in candidates {
            match Self::open(&place, format, makes) {
                Ok(part) => {
                    part.has_room(&place, bytes)?;
                    return Ok(part);
                }
                Err(Fault::Taken) => {
                    return Err(Error::Conflict {
                        reason: format!(
                            "another process quantises into {} just now; wait until it is done",
                            place.display()
                        ),
                    });
                }
                Err(Fault::Io(error)) => tried.push(format!("{}: {error}", place.display())),
            }
        }
        Err(Error::invalid(
            "out",
            format!(
                "no place to write to ({}); name a directory with --out",
                tried.join("; ")
            ),
        ))
    }

    fn open(place: &Path, format: Format, makes: bool) -> Result<Self, Fault> {
        if makes {
            fs::create_dir_all(place)?;
        }
        let target = place.join(file_name(format));
        let path = place.join(format!("{}.part", file_name(format)));
        let file = File::options()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(Fault::Taken),
            Err(TryLockError::Error(error)) => return Err(error.into()),
        }
        Ok(Self { path, target, file })
    }

    fn has_room(&self, place: &Path, bytes: u64) -> tidegate_schema::Result<()> {
        match free(place) {
            Some(free) if free < bytes => {
                fs::remove_file(&self.path).ok();
                Err(Error::invalid(
                    "out",
                    format!(
                        "{} has {} free, but the quantised model takes {}; make room, or name another directory with \
                         --out",
                        place.display(),
                        size(free),
                        size(bytes)
                    ),
                ))
            }
            _ => Ok(()),
        }
    }

    /// Gives it its name.
    fn settle(&self) -> Result<Made> {
        let wrong = |error: std::io::Error| ModelError::file(&self.target, error);
        let bytes = self.file.metadata().map_err(wrong)?.len();
        fs::rename(&self.path, &self.target).map_err(wrong)?;
        // The name, too, should outlive a power cut; where directories cannot be synced, it is for the system to do.
        if let Some(place) = self.target.parent() {
            File::open(place).and_then(|place| place.sync_all()).ok();
        }
        Ok(Made {
            path: self.target.clone(),
            matrices: 0,
            bytes,
        })
    }
}

/// Why a place is not written to.
enum Fault {
    Taken,
    Io(std::io::Error),
}

impl From<std::io::Error> for Fault {
    fn from(error: std::io::Error) -> Self {
        Self::Io(error)
    }
}

/// Bytes that we may still write to a directory's disk, where the system says.
#[cfg(unix)]
fn free(place: &Path) -> Option<u64> {
    let told = rustix::fs::statvfs(place).ok()?;
    told.f_bavail.checked_mul(told.f_frsize)
}

#[cfg(not(unix))]
fn free(_: &Path) -> Option<u64> {
    None
}
