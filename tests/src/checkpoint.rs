//! Model directories with random weights: what measurements and loads run on, made here and in seconds.
//!
//! The shape is Qwen2's, the words are nonsense, the files are those of any Hugging Face directory: configuration,
//! one file of weights in bf16, a tokenizer and a chat template.

use std::{
    fs::{self, File},
    io::{BufWriter, Write as _},
    path::Path,
};

use anyhow::{Context as _, Result, ensure};
use serde_json::{Map, Value, json};

/// Tokens that stand for single bytes; they come first.
const BYTES: usize = 256;
/// Marks, behind the bytes: the beginning and the end of a message, and the end of a text.
const MARKS: [&str; 3] = ["<|im_start|>", "<|im_end|>", "<|endoftext|>"];

/// A chat as ChatML writes it, with what tools there are and what they answered.
const TEMPLATE: &str = "{%- if tools %}{{- '<|im_start|>system\\nTools, called as <tool_call>{\"name\": ..., \
    \"arguments\": ...}</tool_call>:\\n' }}{%- for tool in tools %}{{- tool | tojson }}{{- '\\n' }}{%- endfor %}\
    {{- '<|im_end|>\\n' }}{%- endif %}{%- for message in messages %}{{- '<|im_start|>' + message.role + '\\n' }}\
    {%- if message.content %}{{- message.content }}{%- endif %}{{- '<|im_end|>\\n' }}{%- endfor %}\
    {%- if add_generation_prompt %}{{- '<|im_start|>assistant\\n' }}{%- endif %}";

/// Sizes of a random model.
#[derive(Debug, Clone, Copy)]
pub struct Sizes {
    /// Width of the hidden states.
    pub hidden: usize,
    /// Layers.
    pub layers: usize,
    /// Query heads.
    pub heads: usize,
    /// Key and value heads.
    pub kv_heads: usize,
    /// Width of the feed-forward layer.
    pub feed: usize,
    /// Tokens.
    pub vocabulary: usize,
    /// Tokens of prompt and answer together.
    pub window: usize,
}

impl Sizes {
    /// Those of Qwen2-0.5B: 494 million weights, a gigabyte in bf16.
    pub const HALF_BILLION: Self = Self {
        hidden: 896,
        layers: 24,
        heads: 14,
        kv_heads: 2,
        feed: 4864,
        vocabulary: 151_936,
        window: 4096,
    };

    /// Some hundred thousand weights: what answers does not matter, that it is answered does.
    pub const TINY: Self = Self {
        hidden: 64,
        layers: 2,
        heads: 4,
        kv_heads: 2,
        feed: 128,
        vocabulary: 512,
        window: 4096,
    };

    fn head(self) -> usize {
        self.hidden / self.heads
    }
}

/// Makes the directory, unless it is there: whoever sees it sees it whole.
pub fn make(directory: &Path, sizes: Sizes) -> Result<()> {
    if directory.is_dir() {
        return Ok(());
    }
    ensure!(
        sizes.vocabulary >= BYTES + MARKS.len() && sizes.hidden.is_multiple_of(sizes.heads),
        "no model has these sizes: {sizes:?}"
    );
    let parent = directory.parent().context("a directory below another")?;
    fs::create_dir_all(parent).with_context(|| format!("{} cannot be made", parent.display()))?;
    let filling = tempfile::tempdir_in(parent)?;
    let write = |name: &str, value: &Value| {
        fs::write(filling.path().join(name), value.to_string())
            .with_context(|| format!("writing {name}"))
    };
    write("config.json", &config(sizes))?;
    write("generation_config.json", &generation(sizes))?;
    write("tokenizer.json", &tokenizer(sizes.vocabulary))?;
    write(
        "tokenizer_config.json",
        &json!({
            "tokenizer_class": "PreTrainedTokenizerFast",
            "eos_token": MARKS[1],
            "pad_token": MARKS[2],
            "model_max_length": sizes.window,
            "chat_template": TEMPLATE,
        }),
    )?;
    weights(&filling.path().join("model.safetensors"), sizes)?;
    let filled = filling.keep();
    if fs::rename(&filled, directory).is_err() {
        // Someone else was quicker.
        fs::remove_dir_all(&filled).ok();
        ensure!(
            directory.is_dir(),
            "{} cannot be put in place",
            directory.display()
        );
    }
    Ok(())
}

/// The first of the tokens that are words: nothing in front of it is one.
pub const FIRST_WORD: u32 = (BYTES + MARKS.len()) as u32;

fn config(sizes: Sizes) -> Value {
    json!({
        "architectures": ["Qwen2ForCausalLM"],
        "model_type": "qwen2",
        "hidden_size": sizes.hidden,
        "num_hidden_layers": sizes.layers,
        "num_attention_heads": sizes.heads,
        "num_key_value_heads": sizes.kv_heads,
        "intermediate_size": sizes.feed,
        "vocab_size": sizes.vocabulary,
        "max_position_embeddings": sizes.window,
        "rms_norm_eps": 1e-6,
        "rope_parameters": {"rope_type": "default", "rope_theta": 1_000_000.0},
        "hidden_act": "silu",
        "tie_word_embeddings": true,
        "use_sliding_window": false,
        "eos_token_id": BYTES + 1,
        "dtype": "bfloat16",
    })
}

fn generation(sizes: Sizes) -> Value {
    json!({"eos_token_id": [BYTES + 1, BYTES + 2], "max_length": sizes.window})
}

/// A tokenizer of bytes that knows words beside them: text is read byte by byte, and each token can be written.
fn tokenizer(vocabulary: usize) -> Value {
    let mut known = Map::new();
    for (id, sign) in alphabet().into_iter().enumerate() {
        known.insert(sign.to_string(), id.into());
    }
    for mark in MARKS {
        known.insert(mark.to_owned(), known.len().into());
    }
    // A blank is written as this sign; the words are told apart by their numbers.
    while known.len() < vocabulary {
        known.insert(format!("\u{120}w{:x}", known.len()), known.len().into());
    }
    let added: Vec<Value> = MARKS
        .iter()
        .enumerate()
        .map(|(at, mark)| {
            json!({
                "id": BYTES + at, "content": mark, "special": true, "single_word": false, "lstrip": false,
                "rstrip": false, "normalized": false,
            })
        })
        .collect();
    let bytes = |prefix: bool| json!({"type": "ByteLevel", "add_prefix_space": prefix, "trim_offsets": true, "use_regex": true});
    json!({
        "version": "1.0",
        "truncation": null,
        "padding": null,
        "added_tokens": added,
        "normalizer": null,
        "pre_tokenizer": bytes(false),
        "post_processor": null,
        "decoder": bytes(true),
        "model": {
            "type": "BPE", "dropout": null, "unk_token": null, "continuing_subword_prefix": null,
            "end_of_word_suffix": null, "fuse_unk": false, "byte_fallback": false, "ignore_merges": false,
            "vocab": known, "merges": [],
        },
    })
}

/// The sign that each byte is written as: itself where it is visible, else one from beyond the bytes.
fn alphabet() -> Vec<char> {
    let mut beyond = 0;
    (0..=u8::MAX)
        .map(|byte| {
            if matches!(byte, b'!'..=b'~' | 0xA1..=0xAC | 0xAE..=0xFF) {
                return char::from(byte);
            }
            beyond += 1;
            char::from_u32(0xFF + beyond).unwrap_or('?')
        })
        .collect()
}

/// One tensor: its name, its shape, and how far its numbers spread; none means that all are one, as in a norm.
struct Tensor {
    name: String,
    shape: Vec<usize>,
    spread: Option<f32>,
}

fn tensors(sizes: Sizes) -> Vec<Tensor> {
    let mut all = Vec::new();
    let mut add = |name: String, shape: &[usize], spread: Option<f32>| {
        all.push(Tensor {
            name,
            shape: shape.to_vec(),
            spread,
        });
    };
    let of = |inner: usize| Some(1.0 / (inner as f32).sqrt());
    let (hidden, feed) = (sizes.hidden, sizes.feed);
    let (queries, keys) = (sizes.heads * sizes.head(), sizes.kv_heads * sizes.head());
    add(
        "model.embed_tokens.weight".to_owned(),
        &[sizes.vocabulary, hidden],
        of(hidden),
    );
    for layer in 0..sizes.layers {
        let mut part = |name: &str, shape: &[usize], spread| {
            add(format!("model.layers.{layer}.{name}"), shape, spread);
        };
        part("input_layernorm.weight", &[hidden], None);
        for (name, rows) in [("q", queries), ("k", keys), ("v", keys)] {
            part(
                &format!("self_attn.{name}_proj.weight"),
                &[rows, hidden],
                of(hidden),
            );
            part(&format!("self_attn.{name}_proj.bias"), &[rows], Some(0.1));
        }
        part("self_attn.o_proj.weight", &[hidden, queries], of(queries));
        part("post_attention_layernorm.weight", &[hidden], None);
        part("mlp.gate_proj.weight", &[feed, hidden], of(hidden));
        part("mlp.up_proj.weight", &[feed, hidden], of(hidden));
        part("mlp.down_proj.weight", &[hidden, feed], of(feed));
    }
    add("model.norm.weight".to_owned(), &[hidden], None);
    all
}

/// Writes the weights one number after the other: nothing is held but the header.
fn weights(path: &Path, sizes: Sizes) -> Result<()> {
    let tensors = tensors(sizes);
    let mut header = Map::new();
    let mut end = 0_usize;
    for tensor in &tensors {
        let start = end;
        end += 2 * tensor.shape.iter().product::<usize>();
        header.insert(
            tensor.name.clone(),
            json!({"dtype": "BF16", "shape": tensor.shape, "data_offsets": [start, end]}),
        );
    }
    let mut header = Value::Object(header).to_string();
    // The numbers begin where any processor likes to read them.
    while !header.len().is_multiple_of(8) {
        header.push(' ');
    }
    let mut file = BufWriter::with_capacity(1 << 20, File::create(path)?);
    file.write_all(&(header.len() as u64).to_le_bytes())?;
    file.write_all(header.as_bytes())?;
    let mut dice = Dice::new(sizes.hidden as u64);
    for tensor in &tensors {
        for _ in 0..tensor.shape.iter().product::<usize>() {
            let number = tensor.spread.map_or(1.0, |spread| spread * dice.normal());
            // Half of the last bit that is kept is added: rounding instead of cutting.
            let bits = number.to_bits().wrapping_add(0x8000) >> 16;
            file.write_all(&(bits as u16).to_le_bytes())?;
        }
    }
    file.flush()?;
    Ok(())
}

/// Random numbers that are the same on every machine: splitmix64.
#[derive(Debug, Clone)]
pub struct Dice(u64);

impl Dice {
    /// One seed, one sequence.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// Any number.
    pub fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A number below `bound`, which is not 0.
    pub fn below(&mut self, bound: usize) -> usize {
        (self.roll() % bound.max(1) as u64) as usize
    }

    /// A number between two, both among them, as likely to be of one length as of another.
    pub fn length(&mut self, least: usize, most: usize) -> usize {
        let share = (self.roll() >> 11) as f64 / (1_u64 << 53) as f64;
        let (low, high) = ((least as f64).ln(), (most as f64).ln());
        ((low + share * (high - low)).exp().round() as usize).clamp(least, most)
    }

    /// Tokens that are words.
    pub fn tokens(&mut self, count: usize, vocabulary: usize) -> Vec<u32> {
        let words = vocabulary - FIRST_WORD as usize;
        (0..count)
            .map(|_| FIRST_WORD + self.below(words) as u32)
            .collect()
    }

    /// Near enough to a normal distribution of spread 1: four small numbers added up.
    fn normal(&mut self) -> f32 {
        let roll = self.roll();
        let sum: u64 = (0..4).map(|part| (roll >> (16 * part)) & 0xFFFF).sum();
        // Each has the mean 32767.5 and the variance 65536² / 12.
        (sum as f32 - 131_070.0) * (1.732_050_8 / 65_536.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_weights_file_is_as_long_as_its_header_says() -> Result<()> {
        let dir = tempfile::tempdir()?;
        let model = dir.path().join("model");
        make(&model, Sizes::TINY)?;
        let bytes = fs::read(model.join("model.safetensors"))?;
        let header = u64::from_le_bytes(bytes[..8].try_into()?) as usize;
        let header_text: Map<String, Value> = serde_json::from_slice(&bytes[8..8 + header])?;
        let last = header_text
            .values()
            .filter_map(|tensor| tensor["data_offsets"][1].as_u64())
            .max();
        assert_eq!(last, Some((bytes.len() - 8 - header) as u64));
        // A second call leaves it alone.
        make(&model, Sizes::TINY)
    }

    #[test]
    fn the_tokenizer_has_as_many_tokens_as_the_model() {
        let made = tokenizer(512);
        let known = made["model"]["vocab"].as_object().expect("an object");
        assert_eq!(known.len(), 512);
        let mut ids: Vec<u64> = known.values().filter_map(Value::as_u64).collect();
        ids.sort_unstable();
        assert_eq!(ids, (0..512).collect::<Vec<_>>());
        assert_eq!(known["<|im_start|>"], 256);
        assert_eq!(known["\u{120}"], 32, "the blank");
    }

    #[test]
    fn the_numbers_are_spread_as_asked() {
        let mut dice = Dice::new(1);
        let rolls: Vec<f32> = (0..20_000).map(|_| dice.normal()).collect();
        let mean = rolls.iter().sum::<f32>() / 20_000.0;
        let square = rolls.iter().map(|roll| roll * roll).sum::<f32>() / 20_000.0;
        assert!(
            mean.abs() < 0.05 && (square - 1.0).abs() < 0.05,
            "{mean} {square}"
        );
        let lengths: Vec<usize> = (0..1000).map(|_| dice.length(10, 2000)).collect();
        assert!(lengths.iter().all(|length| (10..=2000).contains(length)));
        assert!(lengths.iter().any(|&length| length < 30));
        assert!(lengths.iter().any(|&length| length > 1000));
    }
}
