//! Weights in safetensors files, whole or in shards, read through memory maps.

use std::{
    collections::{BTreeSet, HashMap},
    fs::File,
    path::{Path, PathBuf},
};

use memmap2::Mmap;
use safetensors::{Dtype, SafeTensors, tensor::Metadata};
use tch::{Device, Kind, Tensor};

use super::{
    error::{ModelError, Result},
    fields::Fields,
};

const WHOLE: &str = "model.safetensors";
const INDEX: &str = "model.safetensors.index.json";

/// The weight files of a model directory.
pub(super) struct Checkpoint {
    shards: Vec<Shard>,
    /// Shard of each tensor.
    places: HashMap<String, usize>,
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
    pub(super) fn open(directory: &Path) -> Result<Self> {
        let index = directory.join(INDEX);
        let files: Vec<String> = match Fields::read_if_present(&index)? {
            Some(fields) => shard_names(&fields)?,
            None => vec![WHOLE.to_owned()],
        };
        let mut checkpoint = Self {
            shards: Vec::new(),
            places: HashMap::new(),
        };
        for file in files {
            let shard = Shard::open(directory.join(file))?;
            for name in shard.metadata.offset_keys() {
                checkpoint.places.insert(name, checkpoint.shards.len());
            }
            checkpoint.shards.push(shard);
        }
        Ok(checkpoint)
    }

    /// Bytes of all its tensors when held as `kind`.
    pub(super) fn bytes(&self, kind: Kind) -> u64 {
        let numbers: u64 = self
            .shards
            .iter()
            .flat_map(|shard| {
                shard
                    .metadata
                    .tensors()
                    .into_values()
                    .map(|info| info.shape.clone())
                    .collect::<Vec<_>>()
            })
            .map(|shape| shape.iter().map(|&n| n as u64).product::<u64>())
            .sum();
        numbers * kind.elt_size_in_bytes() as u64
    }

    /// Whether there is a tensor of that name.
    pub(super) fn has(&self, name: &str) -> bool {
        self.places.contains_key(name)
    }

    /// A copy of a tensor, checked to have the `shape` that `config.json` asks for.
    pub(super) fn tensor(
        &self,
        name: &str,
        shape: &[i64],
        kind: Kind,
        device: Device,
    ) -> Result<Tensor> {
        let Some(shard) = self.places.get(name).map(|&at| &self.shards[at]) else {
            let first = self
                .shards
                .first()
                .map_or_else(PathBuf::new, |shard| shard.path.clone());
            return Err(ModelError::file(
                &first,
                format!("has no tensor '{name}', which config.json asks for"),
            ));
        };
        shard.tensor(name, shape, kind, device)
    }
}

/// Names of the shards. The index comes with the model, so a name may not lead out of its directory.
fn shard_names(fields: &Fields) -> Result<Vec<String>> {
    let map = fields
        .get("weight_map")
        .and_then(serde_json::Value::as_object)
        .ok_or_else(|| {
            fields.error(
                "weight_map",
                "is missing; it must name a file for each tensor",
            )
        })?;
    let mut names = BTreeSet::new();
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
        names.insert(name.to_owned());
    }
    Ok(names.into_iter().collect())
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
        let (header, metadata) = SafeTensors::read_metadata(&map).map_err(|error| {
            ModelError::file(&path, format!("is not a safetensors file: {error}"))
        })?;
        // The header stands behind its own length, eight bytes.
        Ok(Self {
            start: header + 8,
            map,
            metadata,
            path,
        })
    }

    fn tensor(&self, name: &str, shape: &[i64], kind: Kind, device: Device) -> Result<Tensor> {
        let fail =
            |reason: String| ModelError::file(&self.path, format!("tensor '{name}' {reason}"));
        let info = self
            .metadata
            .info(name)
            .ok_or_else(|| fail("is missing".to_owned()))?;
        let stored = match info.dtype {
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
        let tensor = Tensor::f_from_data_size(bytes, shape, stored)?;
        Ok(tensor.f_to_kind(kind)?.f_to_device(device)?)
    }
}
