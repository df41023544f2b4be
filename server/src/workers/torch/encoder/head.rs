//! The head of a cross-encoder: from the states of a pair of texts to one score.

use serde_json::Value;
use tidegate_kernels::Team;

use super::{
    pooling::{Linear, PlainNorm, Pooling, activate},
    shape::{Activation, Family, Shape},
    weights::{Source, values},
};
use crate::workers::torch::{error::Result, files::fields::Fields};

/// What makes a score of the last number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Scale {
    /// 0 to 1.
    Sigmoid,
    /// As it is.
    Plain,
}

/// A classification head of one label.
pub(super) struct Head {
    pooling: Pooling,
    dense: Linear,
    activation: Activation,
    norm: Option<PlainNorm>,
    out: Linear,
    scale: Scale,
}

impl Head {
    /// Reads the head of a family, under the names transformers gives it.
    ///
    /// # Errors
    /// Says so where the model was made for something else: more labels than one, or no head at all.
    pub(super) fn read(source: &Source<'_>, fields: &Fields, shape: &Shape) -> Result<Self> {
        check_architecture(fields)?;
        check_labels(fields)?;
        let width = shape.hidden;
        let outside = source.outside();
        let (dense, out) = match shape.family {
            // The pooler is part of the encoder there.
            Family::Bert => (
                source.linear("pooler.dense", (width, width), true)?,
                "classifier",
            ),
            Family::Roberta => (
                outside.linear("classifier.dense", (width, width), true)?,
                "classifier.out_proj",
            ),
            Family::Distil => (
                outside.linear("pre_classifier", (width, width), true)?,
                "classifier",
            ),
            Family::Modern => {
                let has_bias = fields.flag("classifier_bias", false)?;
                (
                    outside.linear("head.dense", (width, width), has_bias)?,
                    "classifier",
                )
            }
        };
        let norm = if shape.family == Family::Modern {
            let (weight, bias) = outside.norm("head.norm", width, shape.norm_bias)?;
            Some(PlainNorm {
                weight: values(&weight)?,
                bias: bias.as_ref().map(values).transpose()?,
                epsilon: shape.epsilon,
            })
        } else {
            None
        };
        let (weight, bias) = outside.linear(out, (1, width), true)?;
        Ok(Self {
            pooling: pooling(fields, shape)?,
            dense: Linear::new(&dense.0, dense.1.as_ref())?,
            activation: match shape.family {
                Family::Bert | Family::Roberta => Activation::Tanh,
                Family::Distil => Activation::Relu,
                Family::Modern => Activation::named(fields, "classifier_activation", "gelu")?,
            },
            norm,
            out: Linear::new(&weight, bias.as_ref())?,
            scale: scale(fields)?,
        })
    }

    /// The score of a pair's states, `[tokens, width]`.
    pub(super) fn score(&self, team: &Team, states: &[f32], width: usize) -> f32 {
        let mut pooled = Vec::with_capacity(width);
        self.pooling.pool(states, width, 0, &mut pooled);
        let mut inner = self.dense.apply(team, &pooled);
        activate(self.activation, &mut inner);
        if let Some(norm) = &self.norm {
            inner = norm.apply(&inner);
        }
        let score = self.out.apply(team, &inner)[0];
        match self.scale {
            Scale::Plain => score,
            Scale::Sigmoid => 1.0 / (1.0 + (-score).exp()),
        }
    }

    /// Bytes of weights held.
    pub(super) fn bytes(&self) -> u64 {
        self.dense.bytes() + self.out.bytes()
    }
}

fn check_architecture(fields: &Fields) -> Result<()> {
    let Some(names) = fields.texts_if_present("architectures")? else {
        return Ok(());
    };
    if names.is_empty()
        || names
            .iter()
            .any(|name| name.ends_with("ForSequenceClassification"))
    {
        return Ok(());
    }
    Err(fields.error(
        "architectures",
        format!(
            "is {}, which has no head that scores; a reranker is a ...ForSequenceClassification with one label (for \
             embeddings set kind = \"embedding\")",
            names.join(", ")
        ),
    ))
}

fn check_labels(fields: &Fields) -> Result<()> {
    let labels = fields.get("id2label").and_then(Value::as_object);
    let (field, names): (&str, Vec<String>) = if let Some(labels) = labels {
        let name = |name: &Value| {
            name.as_str()
                .map_or_else(|| name.to_string(), str::to_owned)
        };
        ("id2label", labels.values().map(name).collect())
    } else {
        // Two where nothing is said: transformers leaves its default out.
        let count = fields.size_if_present("num_labels")?.unwrap_or(2);
        let names = (0..count.min(100)).map(|at| format!("LABEL_{at}"));
        ("num_labels", names.collect())
    };
    if names.len() == 1 {
        return Ok(());
    }
    Err(fields.error(
        field,
        format!(
            "has the labels {}; a reranker has one, whose number is the score",
            names.join(", ")
        ),
    ))
}

fn pooling(fields: &Fields, shape: &Shape) -> Result<Pooling> {
    if shape.family != Family::Modern {
        return Ok(Pooling::First);
    }
    match fields.text("classifier_pooling")?.unwrap_or("cls") {
        "cls" => Ok(Pooling::First),
        "mean" => Ok(Pooling::Mean),
        other => Err(fields.error(
            "classifier_pooling",
            format!("'{other}' is not known; known are cls and mean"),
        )),
    }
}

/// What sentence-transformers' `CrossEncoder` does with the number: as the model says, else a sigmoid.
fn scale(fields: &Fields) -> Result<Scale> {
    let old = "sbert_ce_default_activation_function";
    let today = fields.object("sentence_transformers")?;
    let said = match &today {
        Some(today) => today.text("activation_fn")?,
        None => None,
    };
    let (field, said) = match said {
        Some(said) => ("sentence_transformers.activation_fn", Some(said)),
        None => (old, fields.text(old)?),
    };
    match said.map(|name| name.rsplit('.').next().unwrap_or_default()) {
        None | Some("Sigmoid") => Ok(Scale::Sigmoid),
        Some("Identity") => Ok(Scale::Plain),
        Some(other) => Err(fields.error(
            field,
            format!("'{other}' is not known; known are Sigmoid and Identity of torch.nn"),
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(config: &str) -> Fields {
        let directory = tempfile::tempdir().expect("the temporary directory is writable");
        let path = directory.path().join("config.json");
        std::fs::write(&path, config).expect("writable");
        Fields::read(&path).expect("JSON")
    }

    #[test]
    fn several_labels_are_refused_by_name() {
        check_labels(&fields(r#"{"id2label": {"0": "LABEL_0"}}"#)).expect("one");
        let three = r#"{"id2label": {"0": "contradiction", "1": "entailment", "2": "neutral"}}"#;
        let error = check_labels(&fields(three)).expect_err("three").to_string();
        assert!(
            error.contains("contradiction, entailment, neutral"),
            "{error}"
        );
        let error = check_labels(&fields("{}")).expect_err("two").to_string();
        assert!(error.contains("LABEL_0, LABEL_1"), "{error}");
    }

    #[test]
    fn the_score_is_scaled_as_the_model_says_and_to_one_where_it_does_not() {
        let scale = |config: &str| scale(&fields(config));
        assert_eq!(scale("{}").expect("known"), Scale::Sigmoid);
        let old = r#"{"sbert_ce_default_activation_function": "torch.nn.modules.linear.Identity"}"#;
        assert_eq!(scale(old).expect("known"), Scale::Plain);
        let today = r#"{"sentence_transformers": {"activation_fn": "torch.nn.modules.activation.Sigmoid"},
            "sbert_ce_default_activation_function": "torch.nn.modules.linear.Identity"}"#;
        assert_eq!(scale(today).expect("known"), Scale::Sigmoid);
        let error = scale(
            r#"{"sentence_transformers": {"activation_fn": "torch.nn.modules.activation.Tanh"}}"#,
        )
        .expect_err("not known")
        .to_string();
        assert!(
            error.contains("sentence_transformers.activation_fn: 'Tanh'"),
            "{error}"
        );
    }

    #[test]
    fn a_model_without_a_head_is_named() {
        let error = check_architecture(&fields(r#"{"architectures": ["BertModel"]}"#))
            .expect_err("it has none")
            .to_string();
        assert!(
            error.contains("BertModel") && error.contains("kind = \"embedding\""),
            "{error}"
        );
        check_architecture(&fields(
            r#"{"architectures": ["BertForSequenceClassification"]}"#,
        ))
        .expect("it has one");
    }
}
