//! The file itself: safetensors with two tensors to a matrix, `NAME.quants` (bytes, row by row) and `NAME.scales`
//! (f16), and what they were made of in its metadata.
//!
//! It is read and written piece by piece, so that no more than one matrix is held beside the model.

use std::{
    fs::File,
    io::{self, BufWriter, ErrorKind, Read as _, Seek as _, SeekFrom, Write as _},
    path::Path,
};

use serde::Deserialize;
use serde_json::{Map, Value, json};

/// What this way of keeping matrices is called. Another layout has another number, and files of this one are then
/// made anew.
const VERSION: &str = "1";
/// Longest header that is believed.
const MOST_HEADER: u64 = 100 << 20;

/// Shape of a matrix and the sum over its bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
struct Noted(usize, usize, u32);

/// A matrix as it lies in the file.
pub(super) struct Stored {
    pub(super) rows: usize,
    pub(super) columns: usize,
    pub(super) quants: Vec<u8>,
    pub(super) scales: Vec<u8>,
}

/// An open file whose header was believed.
pub(super) struct Reader {
    file: File,
    /// Where the tensors' bytes begin.
    start: u64,
    tensors: Map<String, Value>,
    matrices: Map<String, Value>,
}

impl Reader {
    /// Opens a file of a format that was made of the weights with this fingerprint; `None` when there is no file.
    /// What is wrong with one is told as text.
    pub(super) fn open(path: &Path, format: &str, source: &str) -> Result<Option<Self>, String> {
        let file = match File::open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error.to_string()),
        };
        let mut reader = Self::header(file)?;
        let metadata = reader.tensors.remove("__metadata__").unwrap_or_default();
        let said = |key: &str| metadata[key].as_str().unwrap_or_default();
        if said("tidegate") != VERSION || said("format") != format {
            return Err("it was made by another version or for another format".to_owned());
        }
        if said("source") != source {
            return Err("it was made of other weights than those beside it".to_owned());
        }
        let matrices = serde_json::from_str(said("matrices"))
            .map_err(|error| format!("its list of matrices is unreadable: {error}"))?;
        reader.matrices = matrices;
        Ok(Some(reader))
    }

    fn header(mut file: File) -> Result<Self, String> {
        let told = |error: io::Error| format!("its header is unreadable: {error}");
        let length = file.metadata().map_err(told)?.len();
        let mut eight = [0; 8];
        file.read_exact(&mut eight).map_err(told)?;
        let header = u64::from_le_bytes(eight);
        let start = header.checked_add(8).filter(|start| *start <= length);
        let Some(start) = start.filter(|_| header <= MOST_HEADER) else {
            return Err("it is cut short in its header".to_owned());
        };
        let mut text = vec![0; header as usize];
        file.read_exact(&mut text).map_err(told)?;
        let tensors: Map<String, Value> = serde_json::from_slice(&text)
            .map_err(|error| format!("its header is unreadable: {error}"))?;
        let end = tensors
            .values()
            .filter_map(|tensor| tensor["data_offsets"][1].as_u64())
            .max();
        if end.and_then(|end| end.checked_add(start)) != Some(length) {
            return Err("it is cut short or has been added to".to_owned());
        }
        Ok(Self {
            file,
            start,
            tensors,
            matrices: Map::new(),
        })
    }

    /// A matrix with its sum checked; `None` when it is not in the file.
    pub(super) fn read(&self, name: &str) -> Result<Option<Stored>, String> {
        let Some(noted) = self.matrices.get(name) else {
            return Ok(None);
        };
        let Noted(rows, columns, sum) = Noted::deserialize(noted)
            .map_err(|error| format!("its shape is unreadable: {error}"))?;
        let quants = self.tensor(&format!("{name}.quants"))?;
        let scales = self.tensor(&format!("{name}.scales"))?;
        if summed(&quants, &scales) != sum {
            return Err("its bytes are not those that were written".to_owned());
        }
        Ok(Some(Stored {
            rows,
            columns,
            quants,
            scales,
        }))
    }

    fn tensor(&self, name: &str) -> Result<Vec<u8>, String> {
        let offsets = &self.tensors.get(name).ok_or("it is missing")?["data_offsets"];
        let (from, to) = offsets[0]
            .as_u64()
            .zip(offsets[1].as_u64())
            .filter(|(from, to)| from <= to)
            .ok_or("its place is unreadable")?;
        let length = usize::try_from(to - from).map_err(|error| error.to_string())?;
        let mut bytes = Vec::new();
        bytes
            .try_reserve_exact(length)
            .map_err(|error| error.to_string())?;
        let mut file = &self.file;
        file.seek(SeekFrom::Start(self.start + from))
            .and_then(|_| file.take(to - from).read_to_end(&mut bytes))
            .map_err(|error| error.to_string())?;
        if bytes.len() != length {
            return Err("it lies beyond the end of the file".to_owned());
        }
        Ok(bytes)
    }
}

fn summed(quants: &[u8], scales: &[u8]) -> u32 {
    let mut sum = crc32fast::Hasher::new();
    sum.update(quants);
    sum.update(scales);
    sum.finalize()
}

/// A file that is being written. Its header stands in front and is known last, so room is kept for it.
pub(super) struct Writer {
    file: BufWriter<File>,
    /// Bytes kept for the header.
    room: usize,
    /// Bytes of tensors so far.
    end: usize,
    tensors: Map<String, Value>,
    matrices: Map<String, Value>,
}

impl Writer {
    /// Begins an empty file for matrices of these names.
    pub(super) fn begin(mut file: File, names: &[String]) -> io::Result<Self> {
        // Each name stands three times, twice as long at most where it has to be escaped, among a few figures.
        let room: usize = names.iter().map(|name| 6 * name.len() + 512).sum();
        let room = (room + 4096).next_multiple_of(8);
        file.set_len(0)?;
        file.seek(SeekFrom::Start(8 + room as u64))?;
        Ok(Self {
            file: BufWriter::with_capacity(1 << 20, file),
            room,
            end: 0,
            tensors: Map::new(),
            matrices: Map::new(),
        })
    }

    /// Adds a matrix: `[rows, columns]`, in the parts that the kernels give.
    pub(super) fn put(&mut self, name: &str, stored: &Stored) -> io::Result<()> {
        self.tensor(
            &format!("{name}.quants"),
            "U8",
            1,
            stored.rows,
            &stored.quants,
        )?;
        self.tensor(
            &format!("{name}.scales"),
            "F16",
            2,
            stored.rows,
            &stored.scales,
        )?;
        let sum = summed(&stored.quants, &stored.scales);
        self.matrices
            .insert(name.to_owned(), json!([stored.rows, stored.columns, sum]));
        Ok(())
    }

    fn tensor(
        &mut self,
        name: &str,
        kind: &str,
        size: usize,
        rows: usize,
        bytes: &[u8],
    ) -> io::Result<()> {
        let start = self.end;
        self.file.write_all(bytes)?;
        self.end += bytes.len();
        let across = bytes.len() / size / rows.max(1);
        self.tensors.insert(
            name.to_owned(),
            json!({"dtype": kind, "shape": [rows, across], "data_offsets": [start, self.end]}),
        );
        Ok(())
    }

    /// Writes the header and sees to it that all of it is on the disk.
    pub(super) fn finish(mut self, format: &str, source: &str) -> io::Result<()> {
        let matrices = Value::Object(self.matrices).to_string();
        let mut header = Map::new();
        header.insert(
            "__metadata__".to_owned(),
            json!({"tidegate": VERSION, "format": format, "source": source, "matrices": matrices}),
        );
        header.extend(self.tensors);
        let mut header = Value::Object(header).to_string().into_bytes();
        if header.len() > self.room {
            return Err(io::Error::other(
                "the header is longer than the room kept for it",
            ));
        }
        // Blanks behind the header are part of the format.
        header.resize(self.room, b' ');
        self.file.seek(SeekFrom::Start(0))?;
        self.file.write_all(&(self.room as u64).to_le_bytes())?;
        self.file.write_all(&header)?;
        self.file.flush()?;
        self.file.get_ref().sync_all()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(path: &Path) {
        let file = File::create(path).expect("writable");
        let names = ["a".to_owned(), "b\"c".to_owned()];
        let mut writer = Writer::begin(file, &names).expect("begins");
        for (at, name) in names.iter().enumerate() {
            let stored = Stored {
                rows: 2,
                columns: 3,
                quants: vec![at as u8; 6],
                scales: vec![7; 4],
            };
            writer.put(name, &stored).expect("is written");
        }
        writer.finish("int8", "made of").expect("ends");
    }

    #[test]
    fn what_is_written_is_read_again_and_is_safetensors() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("file");
        write(&path);
        let bytes = std::fs::read(&path).expect("readable");
        let plain = safetensors::SafeTensors::deserialize(&bytes).expect("is safetensors");
        let quants = plain.tensor("b\"c.quants").expect("is in it");
        assert_eq!(
            (quants.shape(), quants.data()),
            (&[2, 3][..], &[1_u8; 6][..])
        );
        let reader = Reader::open(&path, "int8", "made of")
            .expect("is believed")
            .expect("is there");
        let stored = reader.read("b\"c").expect("whole").expect("in it");
        assert_eq!((stored.rows, stored.columns), (2, 3));
        assert_eq!((stored.quants, stored.scales), (vec![1; 6], vec![7; 4]));
        assert!(reader.read("c").expect("no fault").is_none());
    }

    #[test]
    fn a_file_that_does_not_fit_is_not_believed() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("file");
        assert!(
            Reader::open(&path, "int8", "x")
                .expect("no fault")
                .is_none()
        );
        write(&path);
        let complaint = |format: &str, source: &str| {
            Reader::open(&path, format, source)
                .err()
                .unwrap_or_default()
        };
        assert!(complaint("int4", "made of").contains("another format"));
        assert!(complaint("int8", "other").contains("other weights"));
        let whole = std::fs::read(&path).expect("readable");
        for (cut, said) in [
            (whole.len() - 1, "cut short"),
            (40, "cut short"),
            (3, "unreadable"),
        ] {
            std::fs::write(&path, &whole[..cut]).expect("writable");
            let complaint = complaint("int8", "made of");
            assert!(complaint.contains(said), "{cut}: {complaint}");
        }
        // One bit of the last byte.
        let mut flipped = whole.clone();
        *flipped.last_mut().expect("not empty") ^= 1;
        std::fs::write(&path, flipped).expect("writable");
        let reader = Reader::open(&path, "int8", "made of")
            .expect("the header is whole")
            .expect("is there");
        reader.read("a").expect("whole").expect("in it");
        let said = reader.read("b\"c").err().unwrap_or_default();
        assert!(said.contains("not those that were written"), "{said}");
    }
}
