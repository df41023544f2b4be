//! How a model chooses where a request says nothing: what its `generation_config.json` has.

use std::path::Path;

use crate::workers::torch::{
    error::Result,
    files::{fields::Fields, shape::Shape},
    sampling::Defaults,
    template::ChatTemplate,
    tokens::Tokens,
};

/// The file.
const FILE: &str = "generation_config.json";

/// Sampling of `generation_config.json`; without one, or where it says not to sample, the likeliest token is taken.
///
/// # Errors
/// A value that no request could have either, by its name: better at load than with every request.
pub(super) fn sampling(directory: &Path) -> Result<Defaults> {
    let mut defaults = Defaults::default();
    let Some(fields) = Fields::read_if_present(&directory.join(FILE))? else {
        return Ok(defaults);
    };
    let number = |field: &str, usual: f32, low: f32, high: f32| -> Result<f32> {
        let value = fields
            .number_if_present(field)?
            .map_or(usual, |value| value as f32);
        if (low..=high).contains(&value) {
            return Ok(value);
        }
        Err(fields.error(
            field,
            format!("is {value}; it must be from {low} to {high}, or be left out"),
        ))
    };
    defaults.repetition_penalty = number("repetition_penalty", 1.0, f32::MIN_POSITIVE, 1e6)?;
    if fields.flag("do_sample", false)? {
        defaults.temperature = number("temperature", 1.0, 0.0, 100.0)?;
        defaults.top_p = number("top_p", 1.0, f32::MIN_POSITIVE, 1.0)?;
        defaults.min_p = number("min_p", 0.0, 0.0, 1.0)?;
        defaults.typical_p = number("typical_p", 1.0, f32::MIN_POSITIVE, 1.0)?;
        // 0 is this file's way of saying that all are kept.
        defaults.top_k = fields
            .place_if_present("top_k")?
            .filter(|&count| count > 0)
            .and_then(|count| u32::try_from(count).ok());
    }
    Ok(defaults)
}

/// Tokens that end an answer, with what other files say where `generation_config.json` is silent.
pub(super) fn ends(
    directory: &Path,
    shape: &Shape,
    template: &ChatTemplate,
    tokens: &Tokens,
) -> Result<Vec<u32>> {
    let mut ends = shape.ends.clone();
    if let Some(fields) = Fields::read_if_present(&directory.join(FILE))? {
        let own = fields.token_ids("eos_token_id")?;
        if !own.is_empty() {
            ends = own;
        }
    }
    // A chat model's template ends turns with the tokenizer's end mark, which config.json may not know of.
    ends.extend(template.eos().and_then(|mark| tokens.id(mark)));
    ends.sort_unstable();
    ends.dedup();
    Ok(ends)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Defaults> {
        let directory = tempfile::tempdir().expect("the temporary directory is writable");
        std::fs::write(directory.path().join(FILE), text).expect("writable");
        sampling(directory.path())
    }

    #[test]
    fn what_the_file_says_counts_where_it_says_to_sample() {
        let all = r#""temperature": 0.6, "top_p": 0.95, "top_k": 20, "repetition_penalty": 1.1"#;
        let sampled = read(&format!("{{\"do_sample\": true, {all}}}")).expect("reads");
        assert_eq!((sampled.temperature, sampled.top_p), (0.6, 0.95));
        assert_eq!((sampled.top_k, sampled.repetition_penalty), (Some(20), 1.1));
        let greedy = read(&format!("{{{all}}}")).expect("reads");
        assert_eq!((greedy.temperature, greedy.top_k), (0.0, None));
        assert_eq!(greedy.repetition_penalty, 1.1);
    }

    #[test]
    fn without_the_file_the_likeliest_token_is_taken() {
        let directory = tempfile::tempdir().expect("the temporary directory is writable");
        let defaults = sampling(directory.path()).expect("nothing to read");
        assert_eq!(defaults, Defaults::default());
    }

    #[test]
    fn nonsense_is_refused_by_name() {
        for (text, said) in [
            (r#"{"do_sample": true, "top_p": 1.5}"#, "top_p: is 1.5"),
            (
                r#"{"do_sample": true, "temperature": -1}"#,
                "temperature: is -1",
            ),
            (r#"{"repetition_penalty": 0}"#, "repetition_penalty: is 0"),
        ] {
            let error = read(text).expect_err(text).to_string();
            assert!(error.contains(said) && error.contains(FILE), "{error}");
        }
    }
}
