//! What `config.json` says of a decoder: its architecture and sizes.

use std::path::Path;

use tch::Kind;

use super::{error::Result, fields::Fields, rope::Rope};

/// `model_type`s that the decoder runs. All are Llama's layout; they differ in biases and windows.
const KNOWN: [&str; 3] = ["llama", "mistral", "qwen2"];

/// Sizes and switches of a decoder.
#[derive(Debug, Clone)]
pub(super) struct Shape {
    /// Width of the hidden states.
    pub(super) hidden: i64,
    /// Layers.
    pub(super) layers: usize,
    /// Query heads.
    pub(super) heads: i64,
    /// Key and value heads; query heads share them in groups.
    pub(super) kv_heads: i64,
    /// Width of a head.
    pub(super) head_width: i64,
    /// Width of the feed-forward layer.
    pub(super) feed_forward: i64,
    /// Tokens of the vocabulary, padding included.
    pub(super) vocabulary: i64,
    /// Added to the mean square in norms.
    pub(super) epsilon: f64,
    /// Most tokens of prompt and answer together.
    pub(super) window: usize,
    /// Whether the output matrix is the embedding's.
    pub(super) tied: bool,
    /// Whether queries, keys and values have biases.
    pub(super) qkv_bias: bool,
    /// Whether the attention's output has a bias.
    pub(super) output_bias: bool,
    /// Whether the feed-forward layers have biases.
    pub(super) feed_bias: bool,
    /// Positions.
    pub(super) rope: Rope,
    /// Tokens that end an answer.
    pub(super) ends: Vec<u32>,
    /// What the checkpoint was stored as, where it says.
    pub(super) dtype: Option<Kind>,
}

impl Shape {
    /// Reads `config.json` of a model directory.
    pub(super) fn read(directory: &Path) -> Result<Self> {
        let fields = Fields::read(&directory.join("config.json"))?;
        let known = || format!("known here are {}", KNOWN.join(", "));
        let architecture = fields
            .text("model_type")?
            .ok_or_else(|| fields.error("model_type", format!("is missing; {}", known())))?;
        if !KNOWN.contains(&architecture) {
            return Err(fields.error(
                "model_type",
                format!("'{architecture}' is not known; {}", known()),
            ));
        }
        if let Some(how) = fields.object("quantization_config")? {
            let method = how
                .text("quant_method")?
                .unwrap_or("some method")
                .to_owned();
            return Err(fields.error(
                "quantization_config",
                format!("weights quantised by {method} cannot be read; use the model's bf16, f16 or f32 edition"),
            ));
        }
        let activation = fields.text("hidden_act")?.unwrap_or("silu");
        if activation != "silu" {
            return Err(fields.error(
                "hidden_act",
                format!("'{activation}' is not known; known here is silu"),
            ));
        }
        let hidden = fields.count("hidden_size")?;
        let heads = fields.count("num_attention_heads")?;
        let kv_heads = fields
            .count_if_present("num_key_value_heads")?
            .unwrap_or(heads);
        if heads % kv_heads != 0 {
            return Err(fields.error(
                "num_key_value_heads",
                format!("is {kv_heads}; {heads} query heads cannot be shared out evenly over it"),
            ));
        }
        let head_width = match fields.count_if_present("head_dim")? {
            Some(width) => width,
            None if hidden % heads == 0 => hidden / heads,
            None => {
                return Err(fields.error(
                    "hidden_size",
                    format!("{hidden} is not a multiple of {heads} heads"),
                ));
            }
        };
        if head_width % 2 != 0 {
            return Err(fields.error(
                "head_dim",
                format!("is {head_width}; positions need an even width"),
            ));
        }
        let qwen = architecture == "qwen2";
        let biased = fields.flag("attention_bias", false)?;
        Ok(Self {
            hidden,
            layers: fields.count("num_hidden_layers")? as usize,
            heads,
            kv_heads,
            head_width,
            feed_forward: fields.count("intermediate_size")?,
            vocabulary: fields.count("vocab_size")?,
            epsilon: fields.number_if_present("rms_norm_eps")?.unwrap_or(1e-6),
            window: window(&fields, architecture)?,
            tied: fields.flag("tie_word_embeddings", false)?,
            qkv_bias: qwen || biased,
            output_bias: !qwen && biased,
            feed_bias: fields.flag("mlp_bias", false)?,
            rope: Rope::read(&fields, head_width)?,
            ends: fields.token_ids("eos_token_id")?,
            dtype: dtype(&fields)?,
        })
    }

    /// Bytes of the keys and values of one token.
    pub(super) fn bytes_per_token(&self, kind: Kind) -> u64 {
        (2 * self.layers as i64 * self.kv_heads * self.head_width) as u64
            * kind.elt_size_in_bytes() as u64
    }
}

/// Attention that slides sees no more than its window, and within that window it is plain attention; so the window
/// is the limit.
fn window(fields: &Fields, architecture: &str) -> Result<usize> {
    let positions = fields.count("max_position_embeddings")?;
    let slides = match architecture {
        "mistral" => true,
        "qwen2" => fields.flag("use_sliding_window", false)?,
        _ => false,
    };
    let sliding = if slides {
        fields.count_if_present("sliding_window")?
    } else {
        None
    };
    Ok(sliding.unwrap_or(positions).min(positions) as usize)
}

fn dtype(fields: &Fields) -> Result<Option<Kind>> {
    let (field, name) = match fields.text("dtype")? {
        Some(name) => ("dtype", name),
        None => match fields.text("torch_dtype")? {
            Some(name) => ("torch_dtype", name),
            None => return Ok(None),
        },
    };
    match name {
        "float32" => Ok(Some(Kind::Float)),
        "bfloat16" => Ok(Some(Kind::BFloat16)),
        "float16" => Ok(Some(Kind::Half)),
        other => Err(fields.error(
            field,
            format!("'{other}' is not known; known are float32, bfloat16, float16"),
        )),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn read(change: impl FnOnce(&mut Value)) -> Result<Shape> {
        let mut config = json!({
            "model_type": "llama", "hidden_size": 64, "num_attention_heads": 8, "num_hidden_layers": 2,
            "intermediate_size": 128, "vocab_size": 100, "max_position_embeddings": 512,
        });
        change(&mut config);
        let directory = tempfile::tempdir().expect("the temporary directory is writable");
        std::fs::write(directory.path().join("config.json"), config.to_string()).expect("writable");
        Shape::read(directory.path())
    }

    fn complaint(change: impl FnOnce(&mut Value)) -> String {
        read(change).expect_err("must be refused").to_string()
    }

    #[test]
    fn reads_older_and_newer_ways_of_saying_positions_and_dtypes() {
        let older = read(|c| {
            c["rope_theta"] = json!(5e5);
            c["rope_scaling"] = json!({"type": "linear", "factor": 2.0});
            c["torch_dtype"] = json!("bfloat16");
        })
        .expect("reads");
        let newer = read(|c| {
            c["rope_parameters"] = json!({"rope_type": "linear", "rope_theta": 5e5, "factor": 2.0});
            c["dtype"] = json!("bfloat16");
        })
        .expect("reads");
        assert_eq!(older.rope, newer.rope);
        assert_eq!(
            (older.dtype, newer.dtype),
            (Some(Kind::BFloat16), Some(Kind::BFloat16))
        );
        assert_ne!(older.rope, read(|_| ()).expect("reads").rope);
    }

    #[test]
    fn errors_name_file_field_and_what_is_known() {
        let unknown = complaint(|c| c["model_type"] = json!("gpt2"));
        assert!(
            unknown.ends_with(
                "config.json: model_type: 'gpt2' is not known; known here are llama, mistral, qwen2"
            ),
            "{unknown}"
        );
        let cases: [(&str, Value, &str); 7] = [
            ("hidden_size", json!(-3), "config.json: hidden_size: is -3"),
            (
                "num_key_value_heads",
                json!(3),
                "config.json: num_key_value_heads: is 3; 8 query heads",
            ),
            (
                "hidden_act",
                json!("relu"),
                "config.json: hidden_act: 'relu'",
            ),
            (
                "rope_scaling",
                json!({"rope_type": "yarn"}),
                "config.json: rope_scaling.rope_type: 'yarn'",
            ),
            (
                "rope_scaling",
                json!({"rope_type": "llama3", "factor": 0}),
                "config.json: rope_scaling.low_freq_factor: is missing",
            ),
            (
                "quantization_config",
                json!({"quant_method": "gptq"}),
                "config.json: quantization_config: weights quantised by gptq",
            ),
            (
                "eos_token_id",
                json!([1, "x"]),
                "config.json: eos_token_id: holds \"x\"",
            ),
        ];
        for (field, value, wanted) in cases {
            let said = complaint(|c| c[field] = value);
            assert!(said.contains(wanted), "{said}");
        }
        let said = complaint(|c| drop(c.as_object_mut().expect("an object").remove("vocab_size")));
        assert!(
            said.contains("config.json: vocab_size: is missing"),
            "{said}"
        );
        let nowhere = Shape::read(Path::new("/nonexistent"))
            .expect_err("no such directory")
            .to_string();
        assert!(
            nowhere.contains("Hugging Face model directory"),
            "{nowhere}"
        );
    }

    #[test]
    fn a_sliding_window_that_is_in_use_is_the_window() {
        let sliding = |c: &mut Value| c["sliding_window"] = json!(128);
        assert_eq!(read(sliding).expect("reads").window, 512);
        assert_eq!(
            read(|c| {
                sliding(c);
                c["model_type"] = json!("mistral");
            })
            .expect("reads")
            .window,
            128
        );
        assert_eq!(
            read(|c| {
                sliding(c);
                c["model_type"] = json!("qwen2");
            })
            .expect("reads")
            .window,
            512
        );
        let used = |c: &mut Value| {
            sliding(c);
            c["model_type"] = json!("qwen2");
            c["use_sliding_window"] = json!(true);
        };
        assert_eq!(read(used).expect("reads").window, 128);
    }
}
