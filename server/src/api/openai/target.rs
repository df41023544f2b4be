//! Which model a request is for, and which datasource it asks.

use tidegate_schema::{Error, Result, model::Caller, wire::openai::ChatIn};

use crate::app::App;

/// Model and datasource: the fields `model` and `datasource`, or `NAME:DATASOURCE` in `model` alone.
pub(super) fn target(app: &App, wanted: &ChatIn) -> (String, Option<String>) {
    let given = wanted.datasource.clone().filter(|name| !name.is_empty());
    if given.is_some() {
        return (wanted.model.clone(), given);
    }
    let states = app.models().states();
    split(&wanted.model, |name| {
        states.iter().any(|(metadata, _)| metadata.name == name)
    })
}

/// The longest name of a known model that begins `model`, and the datasource behind its colon. Models have colons of
/// their own (`qwen2.5:7b`), so the first one proves nothing. No name before the colon is the default model.
fn split(model: &str, known: impl Fn(&str) -> bool) -> (String, Option<String>) {
    if known(model) {
        return (model.to_owned(), None);
    }
    model
        .rmatch_indices(':')
        .map(|(at, colon)| (&model[..at], &model[at + colon.len()..]))
        .find(|(name, _)| name.is_empty() || known(name))
        .map_or_else(
            || (model.to_owned(), None),
            |(name, datasource)| (name.to_owned(), Some(datasource.to_owned())),
        )
}

/// The datasource asked when a model that answers only about databases is given none: the only one there is.
pub(super) async fn only_datasource(app: &App, caller: &Caller) -> Result<String> {
    let found = app.datasources().list(caller).await?;
    match found.as_slice() {
        [one] => Ok(one.name.clone()),
        [] => Err(Error::invalid(
            "datasource",
            "no datasource is registered; add one with `tidegate db add`",
        )),
        many => {
            let names: Vec<&str> = many
                .iter()
                .map(|datasource| datasource.name.as_str())
                .collect();
            Err(Error::invalid(
                "datasource",
                format!(
                    "this model answers questions about databases: name one of {}",
                    names.join(", ")
                ),
            ))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_datasource_stands_behind_the_colon_after_a_known_model() {
        let parts = |model: &str| {
            split(model, |name| {
                ["gpt", "qwen2.5:7b", "qwen2.5", "gpt:shop"].contains(&name)
            })
        };
        for (model, name, datasource) in [
            ("gpt", "gpt", None),
            ("gpt:towns", "gpt", Some("towns")),
            ("gpt:shop", "gpt:shop", None),
            ("qwen2.5:7b", "qwen2.5:7b", None),
            ("qwen2.5:7b:shop", "qwen2.5:7b", Some("shop")),
            ("qwen2.5:shop", "qwen2.5", Some("shop")),
            (":shop", "", Some("shop")),
            ("llama:8b", "llama:8b", None),
        ] {
            let wanted = (name.to_owned(), datasource.map(str::to_owned));
            assert_eq!(parts(model), wanted, "{model}");
        }
    }
}
