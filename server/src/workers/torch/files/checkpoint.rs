//! Weights in safetensors files, whole or in shards, read through memory maps.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    fs::File,
    path::{Path, PathBuf},
};

use memmap2::Mmap;
use safetensors::{Dtype, SafeTensorError, SafeTensors, tensor::Metadata};
use tch::{Device, Kind, Tensor};
use tidegate_kernels::Format;

use super::{fields::Fields, memory, quantised::Quantised};
use crate::workers::{
    registry::Progress,
    torch::error::{ModelError, Result},
};

const WHOLE: &str = "model.safetensors";
const INDEX: &str = "model.safetensors.index.json";

/// The weight files of a model directory. All of them are there and whole: that is checked when they are opened.
pub(in crate::workers::torch) struct Checkpoint {
    directory: PathBuf,
    shards: Vec<Shard>,
    /// Shard of each tensor.
    places: HashMap<String, usize>,
    quantised: Option<Quantised>,
    progress: Progress,
}

struct Shard {
    path: PathBuf,
    map: Mmap,
    metadata: Metadata,
    /// Where the tensors' bytes begin.
    start: usize,
}

impl Checkpoint {
    /// Maps the files and reads their headers.
    pub(in crate::workers::torch) fn open(directory: &Path) -> Result<Self> {
        let mut checkpoint = Self {
            directory: directory.to_owned(),
            shards: Vec::new(),
            places: HashMap::new(),
            quantised: None,
            progress: Progress::default(),
        };
        let Some(fields) = Fields::read_if_present(&directory.join(INDEX))? else {
            checkpoint.add(Shard::open(directory.join(WHOLE))?);
            return Ok(checkpoint);
        };
        let index = index(&fields)?;
        let files: BTreeSet<&str> = index.values().map(String::as_str).collect();
        for file in files {
            checkpoint.add(Shard::open(directory.join(file))?);
        }
        for (tensor, file) in &index {
            let shard = checkpoint
                .shards
                .iter()
                .find(|shard| shard.path.ends_with(file));
            if shard.is_none_or(|shard| shard.metadata.info(tensor).is_none()) {
                return Err(fields.error(
                    &format!("weight_map.{tensor}"),
                    format!("names {file}, which has no such tensor; download both files again"),
                ));
            }
        }
        Ok(checkpoint)
    }

    /// The same, with what was quantised offline where `format` is one that is.
    pub(in crate::workers::torch) fn open_as(directory: &Path, format: Format) -> Result<Self> {
        let mut checkpoint = Self::open(directory)?;
        if format.is_quantised() {
            checkpoint.quantised = Quantised::open(directory, format)?;
        }
        Ok(checkpoint)
    }

    /// The same, told how far reading it is from here on.
    pub(in crate::workers::torch) fn watched(mut self, progress: &Progress) -> Self {
        let all = self.shards.iter().map(Shard::bytes).sum();
        progress.begin(all);
        self.progress = progress.clone();
        self
    }

    /// A tensor need not be read: what was quantised of it is there. It counts as if it were.
    pub(in crate::workers::torch) fn spared(&self, name: &str) {
        if let Some(shard) = self.places.get(name).map(|&at| &self.shards[at])
            && let Some(info) = shard.metadata.info(name)
        {
            let (from, to) = info.data_offsets;
            self.progress.add((to - from) as u64);
        }
    }

    fn add(&mut self, shard: Shard) {
        for name in shard.metadata.offset_keys() {
            self.places.insert(name, self.shards.len());
        }
        self.shards.push(shard);
    }

    /// Where it lies.
    pub(in crate::workers::torch) fn directory(&self) -> &Path {
        &self.directory
    }

    /// What was quantised offline, if it was asked for and is there.
    pub(in crate::workers::torch) fn quantised(&self) -> Option<&Quantised> {
        self.quantised.as_ref()
    }

    /// Bytes of all its tensors when held as `kind`.
    pub(in crate::workers::torch) fn bytes(&self, kind: Kind) -> u64 {
        let numbers: u64 = self
            .shards
            .iter()
            .flat_map(|shard| shard.metadata.tensors().into_values())
            .map(|info| info.shape.iter().map(|&n| n as u64).product::<u64>())
            .sum();
        numbers * kind.elt_size_in_bytes() as u64
    }

    /// Whether there is a tensor of that name.
    pub(in crate::workers::torch) fn has(&self, name: &str) -> bool {
        self.places.contains_key(name)
    }

    /// A copy of a tensor in the kind it is stored as, on the CPU, checked to have the `shape` that `config.json`
    /// asks for.
    pub(in crate::workers::torch) fn stored(&self, name: &str, shape: &[i64]) -> Result<Tensor> {
        let Some(shard) = self.places.get(name).map(|&at| &self.shards[at]) else {
            let first = self
                .shards
                .first()
                .map_or(self.directory.as_path(), |shard| shard.path.as_path());
            return Err(ModelError::file(
                first,
                format!("has no tensor '{name}', which config.json asks for"),
            ));
        };
        let tensor = shard.tensor(name, shape)?;
        self.spared(name);
        Ok(tensor)
    }

    /// The same as `kind` on `device`.
    pub(in crate::workers::torch) fn tensor(
        &self,
        name: &str,
        shape: &[i64],
        kind: Kind,
        device: Device,
    ) -> Result<Tensor> {
        Ok(self
            .stored(name, shape)?
            .f_to_kind(kind)?
            .f_to_device(device)?)
    }
}

/// The file of each tensor. The index comes with the model, so a name may not lead out of its directory.
fn index(fields: &Fields) -> Result<BTreeMap<String, String>> {
    let map = fields
        .get("weight_map")
        .and_then(serde_json::Value::as_object)
        .ok_or_else(|| {
            fields.error(
                "weight_map",
                "is missing; it must name a file for each tensor",
            )
        })?;
    let mut files = BTreeMap::new();
    for (tensor, file) in map {
        let plain = file.as_str().filter(|name| {
            !name.is_empty() && !name.contains(['/', '\\']) && *name != ".." && *name != "."
        });
        let name = plain.ok_or_else(|| {
            fields.error(
                &format!("weight_map.{tensor}"),
                format!("is {file}; it must be a plain file name"),
            )
        })?;
        files.insert(tensor.clone(), name.to_owned());
    }
    Ok(files)
}

impl Shard {
    fn open(path: PathBuf) -> Result<Self> {
        let file = File::open(&path).map_err(|error| {
            let hint = if error.kind() == std::io::ErrorKind::NotFound {
                format!("there is no such file; weights must be {WHOLE} or shards named by {INDEX}")
            } else {
                error.to_string()
            };
            ModelError::file(&path, hint)
        })?;
        #[expect(
            unsafe_code,
            reason = "a map is unsound if the file is cut meanwhile; it lives for the load only"
        )]
        // SAFETY: the bytes are only read, and copied into tensors before loading ends.
        let map = unsafe { Mmap::map(&file) }.map_err(|error| ModelError::file(&path, error))?;
        let (header, metadata) = SafeTensors::read_metadata(&map)
            .map_err(|error| ModelError::file(&path, header_fault(&map, &error)))?;
        // The header stands behind its own length, eight bytes.
        Ok(Self {
            start: header + 8,
            map,
            metadata,
            path,
        })
    }

    /// Bytes of its tensors.
    fn bytes(&self) -> u64 {
        self.map.len().saturating_sub(self.start) as u64
    }

    fn tensor(&self, name: &str, shape: &[i64]) -> Result<Tensor> {
        let fail =
            |reason: String| ModelError::file(&self.path, format!("tensor '{name}' {reason}"));
        let info = self
            .metadata
            .info(name)
            .ok_or_else(|| fail("is missing".to_owned()))?;
        let kind = match info.dtype {
            Dtype::F32 => Kind::Float,
            Dtype::BF16 => Kind::BFloat16,
            Dtype::F16 => Kind::Half,
            other => return Err(fail(format!("is {other:?}; F32, BF16 and F16 can be read"))),
        };
        let found: Vec<i64> = info.shape.iter().map(|&n| n as i64).collect();
        if found != shape {
            return Err(fail(format!(
                "has the shape {found:?}, but config.json asks for {shape:?}"
            )));
        }
        let (from, to) = info.data_offsets;
        let bytes = self
            .map
            .get(self.start + from..self.start + to)
            .ok_or_else(|| fail("lies beyond the end of the file; download it again".to_owned()))?;
        Ok(Tensor::f_from_data_size(bytes, shape, kind)?)
    }
}

/// Why a file is not read, with what usually lies behind it.
fn header_fault(bytes: &[u8], error: &SafeTensorError) -> String {
    if bytes.starts_with(b"version https://git-lfs") {
        return "is a pointer of Git LFS, not the weights; run `git lfs pull` in its directory"
            .to_owned();
    }
    match error {
        // Each tensor's place is checked against its neighbours, and the last one's end against the file's.
        SafeTensorError::MetadataIncompleteBuffer => format!(
            "is cut short or has been added to: its {} do not end where its last tensor does; download it again",
            memory::size(bytes.len() as u64)
        ),
        error => format!("is not a safetensors file: {error}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(tensors: &[(&str, usize)]) -> Vec<u8> {
        let bytes = vec![0_u8; 4096];
        let views = tensors.iter().map(|(name, numbers)| {
            let view = safetensors::tensor::TensorView::new(
                Dtype::F32,
                vec![*numbers],
                &bytes[..numbers * 4],
            );
            ((*name).to_owned(), view.expect("as long as its shape says"))
        });
        safetensors::serialize(views.collect::<Vec<_>>(), None).expect("serialises")
    }

    fn complaint(write: impl FnOnce(&Path)) -> String {
        let directory = tempfile::tempdir().expect("the temporary directory is writable");
        write(directory.path());
        let Err(error) = Checkpoint::open(directory.path()) else {
            panic!("must be refused")
        };
        error.to_string()
    }

    fn put(directory: &Path, name: &str, bytes: &[u8]) {
        std::fs::write(directory.join(name), bytes).expect("writable");
    }

    #[test]
    fn a_file_that_was_cut_short_is_refused_when_it_is_opened() {
        let whole = file(&[("a", 8), ("b", 8)]);
        let said = complaint(|directory| put(directory, WHOLE, &whole[..whole.len() - 1]));
        assert!(said.contains("model.safetensors: is cut short"), "{said}");
        let said = complaint(|directory| put(directory, WHOLE, &whole[..20]));
        assert!(said.contains("is not a safetensors file"), "{said}");
        let pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n";
        let said = complaint(|directory| put(directory, WHOLE, pointer));
        assert!(said.contains("git lfs pull"), "{said}");
        let said = complaint(|_| ());
        assert!(said.contains("there is no such file"), "{said}");
    }

    #[test]
    fn an_index_must_name_plain_files_that_hold_what_it_says() {
        let index = |file: &str| format!("{{\"weight_map\": {{\"a\": \"{file}\"}}}}");
        let said =
            complaint(|directory| put(directory, INDEX, index("one.safetensors").as_bytes()));
        assert!(
            said.contains("one.safetensors: there is no such file"),
            "{said}"
        );
        let said = complaint(|directory| put(directory, INDEX, index("../a").as_bytes()));
        assert!(
            said.contains("weight_map.a: is \"../a\"; it must be a plain"),
            "{said}"
        );
        let said = complaint(|directory| {
            put(directory, INDEX, index("one.safetensors").as_bytes());
            put(directory, "one.safetensors", &file(&[("b", 4)]));
        });
        assert!(
            said.contains("weight_map.a: names one.safetensors, which has no"),
            "{said}"
        );
    }
}
