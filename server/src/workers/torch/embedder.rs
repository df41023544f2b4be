//! Sentence encoders behind the seam: BERT directories, pooled and brought to unit length.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
    sync::mpsc,
};

use async_trait::async_trait;
use tch::{Device, Kind, Tensor};
use tidegate_schema::{Error, Result};
use tidegate_sqlmodel::net::{
    NetError,
    encoder::{Encoder, pool},
};
use tokio::sync::oneshot;

use super::{
    error::{self, ModelError, panic_line},
    fields::Fields,
    memory,
    owner::{Admission, Owner},
    tokens::Tokens,
};
use crate::workers::{Embedder, ModelMetadata};

/// Requests taken in at once; more are refused.
const TAKEN_IN: usize = 64;
/// Tokens of one batch, padding included.
const BATCH: usize = 4096;

/// How a text's states become one vector.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Pooling {
    /// Their mean.
    Mean,
    /// The first one.
    First,
}

/// A loaded encoder.
pub(in crate::workers) struct BertEmbedder {
    metadata: ModelMetadata,
    owner: Owner<Job>,
}

struct Job {
    texts: Vec<String>,
    vectors: oneshot::Sender<Result<Vec<Vec<f32>>>>,
    _admission: Admission,
}

impl BertEmbedder {
    /// Loads a directory and starts the thread that owns it. `published_window` is for a directory that came
    /// without `sentence_bert_config.json`.
    pub(in crate::workers) fn load(
        metadata: ModelMetadata,
        directory: &Path,
        device: Device,
        threads: usize,
        published_window: Option<i64>,
    ) -> error::Result<Self> {
        tch::set_num_threads(memory::threads(threads));
        let network = Network::load(directory, device, published_window)?;
        Self::start(metadata, network, threads)
    }

    /// The same on the CPU, with the encoder that `read` gives: that of the directory, but it need not be read again
    /// where another model has it.
    pub(in crate::workers) fn load_with(
        metadata: ModelMetadata,
        directory: &Path,
        threads: usize,
        published_window: Option<i64>,
        read: impl FnOnce() -> Result<Encoder, NetError>,
    ) -> error::Result<Self> {
        tch::set_num_threads(memory::threads(threads));
        let network = Network::load_with(directory, Device::Cpu, published_window, read)?;
        Self::start(metadata, network, threads)
    }

    fn start(metadata: ModelMetadata, network: Network, threads: usize) -> error::Result<Self> {
        let name = metadata.name.clone();
        let owner = Owner::start(
            &metadata.name,
            TAKEN_IN,
            move |jobs: &mpsc::Receiver<Job>| {
                while let Ok(job) = jobs.recv() {
                    tch::set_num_threads(memory::threads(threads));
                    let vectors = catch_unwind(AssertUnwindSafe(|| {
                        network.embed(&job.texts, || job.vectors.is_closed())
                    }));
                    let vectors = match vectors {
                        Ok(Ok(vectors)) => Ok(vectors),
                        Ok(Err(error)) => Err(Error::upstream(&name, error.to_string())),
                        Err(payload) => Err(Error::upstream(&name, panic_line(payload.as_ref()))),
                    };
                    if let Err(error) = &vectors {
                        tracing::error!(model = name, %error, "embedding failed");
                    }
                    // Whoever asked may have left.
                    let _ = job.vectors.send(vectors);
                }
            },
        )
        .map_err(|error| ModelError::Text(format!("no thread could be started: {error}")))?;
        Ok(Self { metadata, owner })
    }
}

#[async_trait]
impl Embedder for BertEmbedder {
    fn metadata(&self) -> ModelMetadata {
        self.metadata.clone()
    }

    async fn embed(&self, texts: Vec<String>, _: Option<u32>) -> Result<Vec<Vec<f32>>> {
        if texts.is_empty() {
            return Ok(Vec::new());
        }
        let (vectors, made) = oneshot::channel();
        self.owner.submit(|admission| Job {
            texts,
            vectors,
            _admission: admission,
        })?;
        made.await.unwrap_or_else(|_| {
            Err(Error::upstream(
                &self.metadata.name,
                "the model was stopped",
            ))
        })
    }
}

/// The encoder with all that makes vectors of texts.
pub(super) struct Network {
    tokens: Tokens,
    encoder: Encoder,
    width: i64,
    longest: usize,
    pooling: Pooling,
    device: Device,
}

impl Network {
    /// Reads a directory: `config.json`, `tokenizer.json`, `model.safetensors`, and the pooling where it says.
    pub(super) fn load(
        directory: &Path,
        device: Device,
        published_window: Option<i64>,
    ) -> error::Result<Self> {
        let read = || Encoder::load(directory, Kind::Float, device);
        Self::load_with(directory, device, published_window, read)
    }

    /// The same with the encoder that `read` gives, which is on `device`.
    fn load_with(
        directory: &Path,
        device: Device,
        published_window: Option<i64>,
        read: impl FnOnce() -> Result<Encoder, NetError>,
    ) -> error::Result<Self> {
        let fields = Fields::read(&directory.join("config.json"))?;
        let architecture = fields.text("model_type")?.unwrap_or("bert");
        if architecture != "bert" {
            return Err(fields.error(
                "model_type",
                format!("'{architecture}' is not known; known encoders are bert"),
            ));
        }
        let activation = fields.text("hidden_act")?.unwrap_or("gelu");
        if activation != "gelu" {
            return Err(fields.error(
                "hidden_act",
                format!("'{activation}' is not known; known here is gelu"),
            ));
        }
        let positions = fields
            .text("position_embedding_type")?
            .unwrap_or("absolute");
        if positions != "absolute" {
            return Err(fields.error(
                "position_embedding_type",
                format!("'{positions}' is not known; known here is absolute"),
            ));
        }
        let pooling = pooling(directory)?;
        let encoder = read().map_err(|error| ModelError::Text(error.to_string()))?;
        let (width, positions) = (
            encoder.shape().hidden_size,
            encoder.shape().max_position_embeddings,
        );
        Ok(Self {
            tokens: Tokens::load(directory)?,
            width,
            longest: window(directory, positions, published_window)? as usize,
            encoder,
            pooling,
            device,
        })
    }

    /// One unit-length vector per text, in order. Gives up between batches when `left` says that nobody waits.
    pub(super) fn embed(
        &self,
        texts: &[String],
        left: impl Fn() -> bool,
    ) -> error::Result<Vec<Vec<f32>>> {
        let mut ids = Vec::with_capacity(texts.len());
        for text in texts {
            ids.push(self.ids(text)?);
        }
        // Texts of like length go together, so that little is spent on padding.
        let mut order: Vec<usize> = (0..texts.len()).collect();
        order.sort_by_key(|&at| (std::cmp::Reverse(ids[at].len()), at));
        let mut vectors = vec![Vec::new(); texts.len()];
        let mut rest = order.as_slice();
        while let Some(&longest) = rest.first() {
            if left() {
                return Ok(Vec::new());
            }
            let count = (BATCH / ids[longest].len().max(1)).clamp(1, rest.len());
            let (batch, later) = rest.split_at(count);
            rest = later;
            let rows: Vec<&[i64]> = batch.iter().map(|&at| ids[at].as_slice()).collect();
            for (row, &at) in self.run(&rows)?.chunks(self.width as usize).zip(batch) {
                vectors[at] = row.to_vec();
            }
        }
        Ok(vectors)
    }

    fn ids(&self, text: &str) -> error::Result<Vec<i64>> {
        let mut ids: Vec<i64> = self
            .tokens
            .encode(text, true)?
            .into_iter()
            .map(i64::from)
            .collect();
        if ids.len() > self.longest
            && let Some(&end) = ids.last()
        {
            // The end mark stays, whatever is cut before it.
            ids.truncate(self.longest - 1);
            ids.push(end);
        }
        if ids.is_empty() {
            return Err(ModelError::Text(
                "the tokenizer adds no marks, so an empty text has no tokens".to_owned(),
            ));
        }
        Ok(ids)
    }

    fn run(&self, rows: &[&[i64]]) -> error::Result<Vec<f32>> {
        let length = rows.iter().map(|row| row.len()).max().unwrap_or(0);
        let size = [rows.len() as i64, length as i64];
        let padded: Vec<i64> = rows
            .iter()
            .flat_map(|row| {
                row.iter()
                    .copied()
                    .chain(std::iter::repeat_n(0, length - row.len()))
            })
            .collect();
        let real: Vec<bool> = rows
            .iter()
            .flat_map(|row| (0..length).map(|at| at < row.len()))
            .collect();
        let ids = Tensor::f_from_slice(&padded)?
            .f_view(size)?
            .f_to_device(self.device)?;
        let mask = Tensor::f_from_slice(&real)?
            .f_view(size)?
            .f_to_device(self.device)?;
        // The encoder gives the middle layer's states beside the last one's; sentences are made of the last.
        let states = self
            .encoder
            .plain()
            .forward(&ids, &mask)
            .f_narrow(2, self.width, self.width)?;
        let pooled = match self.pooling {
            Pooling::Mean => pool(&states, &mask),
            Pooling::First => states.f_select(1, 0)?,
        };
        let lengths = pooled
            .f_square()?
            .f_sum_dim_intlist([-1_i64].as_slice(), true, None)?
            .f_sqrt()?
            .f_clamp_min(1e-12)?;
        Ok(Vec::try_from(
            &pooled.f_div(&lengths)?.f_contiguous()?.f_view([-1])?,
        )?)
    }
}

/// Longest text in tokens; the rest of longer ones is not read. As sentence-transformers has it: what
/// `sentence_bert_config.json` says, else what the tokenizer was made for, and never more than the positions.
fn window(directory: &Path, positions: i64, published: Option<i64>) -> error::Result<i64> {
    let said = match Fields::read_if_present(&directory.join("sentence_bert_config.json"))? {
        Some(fields) => fields.count_if_present("max_seq_length")?,
        None => None,
    };
    if let Some(said) = said.or(published) {
        return Ok(said.min(positions));
    }
    let tokenizer = match Fields::read_if_present(&directory.join("tokenizer_config.json"))? {
        // A tokenizer without a limit says 1e30, which is no whole number here.
        Some(fields) => fields.number_if_present("model_max_length")?,
        None => None,
    };
    Ok(tokenizer
        .filter(|most| (1.0..positions as f64).contains(most))
        .map_or(positions, |most| most as i64))
}

/// What `1_Pooling/config.json` asks for; the mean where there is none.
fn pooling(directory: &Path) -> error::Result<Pooling> {
    let Some(fields) = Fields::read_if_present(&directory.join("1_Pooling/config.json"))? else {
        return Ok(Pooling::Mean);
    };
    let named = fields.text("pooling_mode")?;
    if named == Some("cls") || fields.flag("pooling_mode_cls_token", false)? {
        return Ok(Pooling::First);
    }
    if named == Some("mean") || fields.flag("pooling_mode_mean_tokens", named.is_none())? {
        return Ok(Pooling::Mean);
    }
    Err(fields.error(
        "pooling_mode_mean_tokens",
        "is false; known poolings are mean and cls",
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The window of a directory with these files, over 512 positions.
    fn window_of(files: &[(&str, &str)], published: Option<i64>) -> i64 {
        let directory = tempfile::tempdir().expect("the temporary directory is writable");
        for (name, text) in files {
            std::fs::write(directory.path().join(name), text).expect("writable");
        }
        window(directory.path(), 512, published).expect("the files can be read")
    }

    #[test]
    fn the_window_is_what_the_sentence_config_says_up_to_the_positions() {
        let said = |length: &str| {
            let config = format!("{{\"max_seq_length\": {length}, \"do_lower_case\": false}}");
            window_of(
                &[
                    ("sentence_bert_config.json", config.as_str()),
                    ("tokenizer_config.json", "{\"model_max_length\": 128}"),
                ],
                Some(256),
            )
        };
        assert_eq!(said("384"), 384);
        assert_eq!(said("8192"), 512);
        assert_eq!(said("null"), 256);
    }

    #[test]
    fn without_a_sentence_config_the_window_is_as_published_else_the_tokenizers() {
        let tokenizer = |most: &str| format!("{{\"model_max_length\": {most}}}");
        assert_eq!(window_of(&[], Some(256)), 256);
        assert_eq!(window_of(&[], None), 512);
        for (most, wanted) in [("128", 128), ("1e30", 512), ("4096", 512)] {
            let config = tokenizer(most);
            assert_eq!(
                window_of(&[("tokenizer_config.json", config.as_str())], None),
                wanted,
                "{most}"
            );
        }
    }
}
