//! What sentence-transformers puts behind an encoder, out of `modules.json` and its folders.

use std::{
    collections::BTreeMap,
    path::{Component, Path, PathBuf},
};

use serde_json::Value;
use tch::{Device, Kind};
use tidegate_kernels::Team;

use super::{
    pooling::{Linear, Pooling, activate, normalise},
    shape::Activation,
};
use crate::workers::torch::{
    error::{ModelError, Result},
    files::{checkpoint::Checkpoint, fields::Fields},
};

/// Modules that can be run.
const KNOWN: &str = "Transformer, Pooling, Dense, Normalize, Dropout";

/// A linear layer with what follows it.
struct Dense {
    linear: Linear,
    activation: Option<Activation>,
}

/// From states to the vector of a text.
pub(super) struct Pooler {
    poolings: Vec<Pooling>,
    /// In order; normalising in between is one more step.
    steps: Vec<Step>,
    /// Whether a prompt's tokens are pooled with the text's.
    pub(super) pools_prompt: bool,
}

enum Step {
    Dense(Dense),
    Normalise,
}

/// What is put before texts of some use.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Prompts {
    by_name: BTreeMap<String, String>,
    default: Option<String>,
}

/// A directory's modules: where the encoder itself is, and what follows it.
pub(super) struct Modules {
    /// The encoder's own directory.
    pub(super) encoder: PathBuf,
    /// What follows.
    pub(super) pooler: Pooler,
}

impl Modules {
    /// Reads `modules.json`. A directory without one pools as `1_Pooling` says, else by the mean.
    ///
    /// # Errors
    /// Names the module that is not known, or the field or file that is wrong.
    pub(super) fn read(directory: &Path, hidden: impl Fn(&Path) -> Result<usize>) -> Result<Self> {
        let path = directory.join("modules.json");
        let Some(listed) = listed(&path)? else {
            let poolings = match Fields::read_if_present(&directory.join("1_Pooling/config.json"))?
            {
                Some(fields) => poolings(&fields)?,
                None => (vec![Pooling::Mean], true),
            };
            return Ok(Self {
                encoder: directory.to_owned(),
                pooler: Pooler {
                    poolings: poolings.0,
                    steps: Vec::new(),
                    pools_prompt: poolings.1,
                },
            });
        };
        let mut encoder = None;
        let mut pooled: Option<(Vec<Pooling>, bool)> = None;
        let mut steps = Vec::new();
        let mut width = 0;
        for (kind, folder) in listed {
            let folder = inside(directory, &path, &folder)?;
            match (kind.as_str(), &encoder, &pooled) {
                ("Transformer", None, None) => {
                    width = hidden(&folder)?;
                    encoder = Some(folder);
                }
                ("Pooling", Some(_), None) => {
                    let found = poolings(&Fields::read(&folder.join("config.json"))?)?;
                    width *= found.0.len();
                    pooled = Some(found);
                }
                ("Dense", Some(_), Some(_)) => {
                    let dense = Dense::read(&folder, width)?;
                    width = dense.linear.width();
                    steps.push(Step::Dense(dense));
                }
                ("Normalize", Some(_), Some(_)) => steps.push(Step::Normalise),
                // It does something while training only.
                ("Dropout", Some(_), _) => {}
                ("Transformer" | "Pooling" | "Dense" | "Normalize" | "Dropout", _, _) => {
                    return Err(ModelError::file(
                        &path,
                        format!(
                            "has the module '{kind}' where none can be; the order must be Transformer, Pooling, then \
                             Dense and Normalize"
                        ),
                    ));
                }
                _ => {
                    return Err(ModelError::file(
                        &path,
                        format!("has the module '{kind}', which is not known; known are {KNOWN}"),
                    ));
                }
            }
        }
        let (Some(encoder), Some((poolings, pools_prompt))) = (encoder, pooled) else {
            return Err(ModelError::file(
                &path,
                "must name a Transformer and a Pooling",
            ));
        };
        Ok(Self {
            encoder,
            pooler: Pooler {
                poolings,
                steps,
                pools_prompt,
            },
        })
    }
}

impl Pooler {
    /// The unit-length vector of a text's states, `[tokens, width]`.
    pub(super) fn vector(
        &self,
        team: &Team,
        states: &[f32],
        width: usize,
        skip: usize,
    ) -> Vec<f32> {
        let mut vector = Vec::with_capacity(width * self.poolings.len());
        for pooling in &self.poolings {
            pooling.pool(states, width, skip, &mut vector);
        }
        for step in &self.steps {
            match step {
                Step::Normalise => normalise(&mut vector),
                Step::Dense(dense) => {
                    vector = dense.linear.apply(team, &vector);
                    if let Some(activation) = dense.activation {
                        activate(activation, &mut vector);
                    }
                }
            }
        }
        normalise(&mut vector);
        vector
    }

    /// Bytes of weights held.
    pub(super) fn bytes(&self) -> u64 {
        self.steps
            .iter()
            .map(|step| match step {
                Step::Dense(dense) => dense.linear.bytes(),
                Step::Normalise => 0,
            })
            .sum()
    }
}

impl Prompts {
    /// Reads `config_sentence_transformers.json`, which may be missing.
    pub(super) fn read(directory: &Path) -> Result<Self> {
        let path = directory.join("config_sentence_transformers.json");
        let Some(fields) = Fields::read_if_present(&path)? else {
            return Ok(Self::default());
        };
        let mut by_name = BTreeMap::new();
        if let Some(prompts) = fields.get("prompts").and_then(Value::as_object) {
            for (name, prompt) in prompts {
                let prompt = prompt
                    .as_str()
                    .ok_or_else(|| fields.error(&format!("prompts.{name}"), "must be a text"))?;
                by_name.insert(name.clone(), prompt.to_owned());
            }
        }
        let default = match fields.text("default_prompt_name")? {
            None => None,
            Some(name) => Some(by_name.get(name).cloned().ok_or_else(|| {
                fields.error(
                    "default_prompt_name",
                    format!("is '{name}', which is none of `prompts`"),
                )
            })?),
        };
        Ok(Self { by_name, default })
    }

    /// The prompt of a name; without one, that of texts whose use is not told. `Err` has the names there are.
    pub(super) fn get(&self, name: Option<&str>) -> std::result::Result<&str, String> {
        let Some(name) = name else {
            return Ok(self.default.as_deref().unwrap_or_default());
        };
        self.by_name.get(name).map(String::as_str).ok_or_else(|| {
            let names: Vec<&str> = self.by_name.keys().map(String::as_str).collect();
            names.join(", ")
        })
    }
}

/// Kind and folder of each module, in order.
fn listed(path: &Path) -> Result<Option<Vec<(String, String)>>> {
    let text = match std::fs::read(path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(ModelError::file(path, error)),
    };
    let value: Value = serde_json::from_slice(&text)
        .map_err(|error| ModelError::file(path, format!("is not JSON: {error}")))?;
    let modules = value
        .as_array()
        .ok_or_else(|| ModelError::file(path, "must hold a list of modules"))?;
    let mut listed = Vec::with_capacity(modules.len());
    for (at, module) in modules.iter().enumerate() {
        let text = |field: &str| {
            module[field].as_str().ok_or_else(|| {
                ModelError::field(
                    path,
                    &format!("{at}.{field}"),
                    "is missing; it must be a text",
                )
            })
        };
        // The path to a class moved between releases; its own name did not.
        let kind = text("type")?.rsplit('.').next().unwrap_or_default();
        listed.push((kind.to_owned(), text("path")?.to_owned()));
    }
    Ok(Some(listed))
}

/// A folder of the directory. The list comes with the model, so it may not lead out of it.
fn inside(directory: &Path, path: &Path, folder: &str) -> Result<PathBuf> {
    let is_inside = Path::new(folder)
        .components()
        .all(|part| matches!(part, Component::Normal(_) | Component::CurDir));
    if is_inside {
        return Ok(directory.join(folder));
    }
    Err(ModelError::file(
        path,
        format!("has the path '{folder}'; it must be a folder of this directory"),
    ))
}

/// What a pooling's `config.json` asks for, and whether prompts are pooled too.
fn poolings(fields: &Fields) -> Result<(Vec<Pooling>, bool)> {
    let by_flag = [
        ("pooling_mode_cls_token", Pooling::First),
        ("pooling_mode_max_tokens", Pooling::Max),
        ("pooling_mode_mean_tokens", Pooling::Mean),
        ("pooling_mode_mean_sqrt_len_tokens", Pooling::MeanSqrt),
        ("pooling_mode_weightedmean_tokens", Pooling::Weighted),
        ("pooling_mode_lasttoken", Pooling::Last),
    ];
    let pools_prompt = fields.flag("include_prompt", true)?;
    let named = match fields.get("pooling_mode") {
        None => Vec::new(),
        Some(Value::String(name)) => vec![name.clone()],
        Some(_) => fields.texts_if_present("pooling_mode")?.unwrap_or_default(),
    };
    let mut found = Vec::new();
    for name in &named {
        found.push(match name.as_str() {
            "cls" => Pooling::First,
            "max" => Pooling::Max,
            "mean" => Pooling::Mean,
            "mean_sqrt_len_tokens" => Pooling::MeanSqrt,
            "weightedmean" => Pooling::Weighted,
            "lasttoken" => Pooling::Last,
            other => {
                return Err(fields.error(
                    "pooling_mode",
                    format!(
                        "'{other}' is not known; known are cls, max, mean, mean_sqrt_len_tokens, weightedmean and \
                         lasttoken"
                    ),
                ));
            }
        });
    }
    if named.is_empty() {
        for (field, pooling) in by_flag {
            if fields.flag(field, false)? {
                found.push(pooling);
            }
        }
        // Where nothing is said at all, the mean is meant.
        if found.is_empty() && fields.flag("pooling_mode_mean_tokens", true)? {
            found.push(Pooling::Mean);
        }
    }
    if found.is_empty() {
        return Err(fields.error(
            "pooling_mode_mean_tokens",
            "is false, and so are all others; known poolings are cls, max, mean, mean_sqrt_len, weightedmean and \
             lasttoken",
        ));
    }
    found.sort_unstable();
    found.dedup();
    Ok((found, pools_prompt))
}

impl Dense {
    fn read(folder: &Path, width: usize) -> Result<Self> {
        let fields = Fields::read(&folder.join("config.json"))?;
        let (from, out) = (fields.size("in_features")?, fields.size("out_features")?);
        if from != width {
            return Err(fields.error(
                "in_features",
                format!("is {from}, but what stands before it gives {width} numbers"),
            ));
        }
        let named = fields
            .text("activation_function")?
            .unwrap_or("torch.nn.modules.activation.Tanh");
        let activation = match named.rsplit('.').next().unwrap_or_default() {
            "Identity" => None,
            "Tanh" => Some(Activation::Tanh),
            "ReLU" => Some(Activation::Relu),
            "GELU" => Some(Activation::Gelu),
            "SiLU" => Some(Activation::Silu),
            _ => {
                return Err(fields.error(
                    "activation_function",
                    format!("'{named}' is not known; known are Identity, Tanh, ReLU, GELU, SiLU of torch.nn"),
                ));
            }
        };
        let checkpoint = Checkpoint::open(folder)?;
        let get =
            |name: &str, shape: &[i64]| checkpoint.tensor(name, shape, Kind::Float, Device::Cpu);
        let weight = get("linear.weight", &[out as i64, from as i64])?;
        let bias = fields
            .flag("bias", true)?
            .then(|| get("linear.bias", &[out as i64]))
            .transpose()?;
        Ok(Self {
            linear: Linear::new(&weight, bias.as_ref())?,
            activation,
        })
    }
}

#[cfg(test)]
mod tests;
