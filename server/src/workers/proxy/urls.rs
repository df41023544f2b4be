//! Where an upstream answers what, by its dialect.

use anyhow::Context as _;
use reqwest::Url;

use super::wire::Address;
use crate::{config, workers::RelayPath};

/// The version of Azure's API that is asked for where none is configured.
const AZURE_VERSION: &str = "2024-10-21";

/// The addresses of one model.
#[derive(Debug)]
pub(super) struct Urls {
    chat: Address,
    completions: Address,
    embeddings: Address,
    rerank: Address,
    responses: Address,
}

impl Urls {
    /// Those behind a base URL, as OpenAI and most others have them.
    pub(super) fn openai(model: &config::Model) -> anyhow::Result<Self> {
        let base = base(model)?;
        Self::each(model, |path| under(&base, path.suffix()))
    }

    /// Those of a deployment at Azure, whose name is the model's there.
    pub(super) fn azure(model: &config::Model, deployment: &str) -> anyhow::Result<Self> {
        let mut base = base(model)?;
        // Some write the resource's address, some what Azure's pages show behind it.
        let path = base.path().trim_end_matches('/').to_owned();
        base.set_path(path.strip_suffix("/openai").unwrap_or(&path));
        base.path_segments_mut()
            .map_err(|()| anyhow::anyhow!("models: the base_url of '{}' has no path", model.name))?
            .pop_if_empty()
            .extend(["openai", "deployments", deployment]);
        let version = match model.api_version.as_str() {
            "" => AZURE_VERSION,
            version => version,
        };
        base.query_pairs_mut().append_pair("api-version", version);
        Self::each(model, |path| under(&base, path.suffix()))
    }

    fn each(model: &config::Model, url: impl Fn(RelayPath) -> Url) -> anyhow::Result<Self> {
        let address = |path| address(model, url(path));
        Ok(Self {
            chat: address(RelayPath::ChatCompletions)?,
            completions: address(RelayPath::Completions)?,
            embeddings: address(RelayPath::Embeddings)?,
            rerank: address(RelayPath::Rerank)?,
            responses: address(RelayPath::Responses)?,
        })
    }

    /// Where this is asked.
    pub(super) fn of(&self, path: RelayPath) -> &Address {
        match path {
            RelayPath::ChatCompletions => &self.chat,
            RelayPath::Completions => &self.completions,
            RelayPath::Embeddings => &self.embeddings,
            RelayPath::Rerank => &self.rerank,
            RelayPath::Responses => &self.responses,
        }
    }
}

/// Where Anthropic's messages are asked. The version may stand in the base URL or not.
pub(super) fn messages(model: &config::Model) -> anyhow::Result<Address> {
    let base = base(model)?;
    let suffix = if base.path().trim_end_matches('/').ends_with("/v1") {
        "/messages"
    } else {
        "/v1/messages"
    };
    address(model, under(&base, suffix))
}

fn base(model: &config::Model) -> anyhow::Result<Url> {
    // What is wrong is told without the address, which may carry secrets.
    let base = Url::parse(&model.base_url).with_context(|| {
        format!(
            "models: the base_url of '{}' is no address; write it as https://host/v1",
            model.name
        )
    })?;
    anyhow::ensure!(
        matches!(base.scheme(), "http" | "https"),
        "models: the base_url of '{}' must begin with http:// or https://",
        model.name
    );
    Ok(base)
}

fn address(model: &config::Model, url: Url) -> anyhow::Result<Address> {
    Address::of(url).with_context(|| {
        format!(
            "models: the base_url of '{}' has characters that no request carries; escape them by percent signs",
            model.name
        )
    })
}

fn under(base: &Url, suffix: &str) -> Url {
    let mut url = base.clone();
    let path = format!("{}{suffix}", base.path().trim_end_matches('/'));
    url.set_path(&path);
    url
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workers::proxy::tests::configured;

    #[test]
    fn openai_style_servers_have_everything_behind_the_version() {
        for base in ["http://localhost:8000/v1", "http://localhost:8000/v1/"] {
            let urls = Urls::openai(&configured(base, "")).expect("an address");
            assert_eq!(
                urls.of(RelayPath::ChatCompletions).as_str(),
                "http://localhost:8000/v1/chat/completions"
            );
            assert_eq!(
                urls.of(RelayPath::Rerank).as_str(),
                "http://localhost:8000/v1/rerank"
            );
        }
    }

    #[test]
    fn azure_has_a_path_for_each_deployment_and_asks_for_its_version() {
        for base in ["https://r.example.com", "https://r.example.com/openai/"] {
            let model = configured(base, "wire = 'azure'\napi_version = '2025-01-01'\n");
            let urls = Urls::azure(&model, "my gpt/4").expect("an address");
            assert_eq!(
                urls.of(RelayPath::Embeddings).as_str(),
                "https://r.example.com/openai/deployments/my%20gpt%2F4/embeddings?api-version=2025-01-01"
            );
        }
        let model = configured("https://r.example.com", "wire = 'azure'\n");
        let urls = Urls::azure(&model, "gpt").expect("an address");
        assert!(
            urls.of(RelayPath::Completions)
                .as_str()
                .ends_with(AZURE_VERSION)
        );
    }

    #[test]
    fn anthropics_messages_are_found_with_and_without_the_version() {
        for base in ["https://a.example.com", "https://a.example.com/v1/"] {
            let url = messages(&configured(base, "wire = 'anthropic'\n")).expect("an address");
            assert_eq!(url.as_str(), "https://a.example.com/v1/messages");
        }
    }

    #[test]
    fn an_address_that_is_none_is_refused_without_being_told() {
        for base in ["localhost/secret", "ftp://secret"] {
            let error = Urls::openai(&configured(base, "")).expect_err("no address");
            let told = format!("{error:#}");
            assert!(told.contains("base_url of 'm'"), "{told}");
            assert!(!told.contains("secret"), "{told}");
        }
    }
}
