//! Which layers see a window only, and which positions each has.

use super::{Architecture, Fields};
use crate::workers::torch::{error::Result, files::rope::Rope};

/// More layers than any model has.
const MOST_LAYERS: usize = 4096;
/// Every how many layers of Gemma 3 one sees everything, where the file does not say.
const PATTERN: usize = 6;
/// From which layer on Qwen slides, where the file does not say.
const QWEN_SLIDES_FROM: usize = 28;
/// The window of Mistral and Gemma where the file does not say.
const WINDOW: usize = 4096;

/// What is particular to a layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::workers::torch) struct LayerShape {
    /// Tokens it sees, its own included; `None` if all that came before.
    pub(in crate::workers::torch) window: Option<usize>,
    /// Its positions, by their place in the shape's `ropes`.
    pub(in crate::workers::torch) rope: usize,
}

/// Reads what differs from layer to layer, and the kinds of positions they have.
pub(super) fn read(
    fields: &Fields,
    architecture: Architecture,
    head_width: usize,
    positions: usize,
) -> Result<(Vec<LayerShape>, Vec<Rope>)> {
    let count = fields.size("num_hidden_layers")?;
    if count > MOST_LAYERS {
        return Err(fields.error(
            "num_hidden_layers",
            format!("is {count}; no model has more than {MOST_LAYERS}"),
        ));
    }
    let window = window(fields, architecture)?;
    let slides = sliding(fields, architecture, count, window)?;
    let (everywhere, sliding) = Rope::read(fields, architecture, head_width, positions)?;
    let has_own = sliding.is_some();
    let layer = |slides: bool| LayerShape {
        window: window.filter(|_| slides),
        rope: usize::from(slides && has_own),
    };
    let ropes = std::iter::once(everywhere).chain(sliding).collect();
    Ok((slides.into_iter().map(layer).collect(), ropes))
}

/// The window of layers that slide, if any may.
fn window(fields: &Fields, architecture: Architecture) -> Result<Option<usize>> {
    let said = fields.size_if_present("sliding_window")?;
    Ok(match architecture {
        Architecture::Llama => None,
        Architecture::Phi3 => said,
        // Written down as null there is none; not written down it is the usual one.
        _ if fields.says("sliding_window") => said,
        _ => Some(WINDOW),
    })
}

/// Whether each layer slides.
fn sliding(
    fields: &Fields,
    architecture: Architecture,
    count: usize,
    window: Option<usize>,
) -> Result<Vec<bool>> {
    let uses = match architecture {
        Architecture::Qwen2 | Architecture::Qwen3 => fields.flag("use_sliding_window", false)?,
        _ => true,
    };
    let names = match architecture {
        Architecture::Llama | Architecture::Phi3 => None,
        _ => fields.texts_if_present("layer_types")?,
    };
    let Some(names) = names else {
        let from = fields
            .place_if_present("max_window_layers")?
            .unwrap_or(QWEN_SLIDES_FROM);
        let pattern = fields
            .size_if_present("sliding_window_pattern")?
            .unwrap_or(PATTERN);
        let slides = |index: usize| match architecture {
            Architecture::Llama => false,
            Architecture::Mistral | Architecture::Phi3 => true,
            Architecture::Qwen2 | Architecture::Qwen3 => uses && index >= from,
            Architecture::Gemma2 => index.is_multiple_of(2),
            Architecture::Gemma3 => !(index + 1).is_multiple_of(pattern),
        };
        return Ok((0..count)
            .map(|index| window.is_some() && slides(index))
            .collect());
    };
    if names.len() != count {
        return Err(fields.error(
            "layer_types",
            format!(
                "names {} layers, but num_hidden_layers is {count}",
                names.len()
            ),
        ));
    }
    names
        .iter()
        .map(|name| named(fields, name, uses && window.is_some()))
        .collect()
}

fn named(fields: &Fields, name: &str, has_window: bool) -> Result<bool> {
    match name {
        "full_attention" => Ok(false),
        "sliding_attention" if has_window => Ok(true),
        "sliding_attention" => Err(fields.error(
            "layer_types",
            "names sliding_attention, but there is no sliding_window in use; set it, or name full_attention",
        )),
        other => Err(fields.error(
            "layer_types",
            format!("'{other}' is not known; known are full_attention and sliding_attention"),
        )),
    }
}
