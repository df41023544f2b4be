//! What can run a model, by DB-GPT's names: this process, and servers that are asked over the network.

use tidegate_schema::{Error, Result, model::DeployedKind};

use crate::config;

/// The name under which the models are listed that come with the product.
pub(super) const BUILTIN: &str = "builtin";

/// Something that runs models.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Provider {
    /// DB-GPT's name, or ours where it has none.
    pub(super) name: &'static str,
    /// For a person.
    pub(super) title: &'static str,
    /// Whether models run in this process.
    pub(super) is_local: bool,
    /// What its models are for, each with the name of one as an example.
    pub(super) examples: &'static [(DeployedKind, &'static str)],
    /// Its address where none is given; empty where one has to be.
    pub(super) base_url: &'static str,
    /// Its key where none is given; empty where none is needed.
    pub(super) api_key: &'static str,
    /// The dialect it speaks; empty for OpenAI's.
    pub(super) wire: &'static str,
}

impl Provider {
    /// Whether it runs models of a kind.
    pub(super) fn runs(&self, kind: DeployedKind) -> bool {
        self.examples.iter().any(|(known, _)| *known == kind)
    }
}

const LLM: DeployedKind = DeployedKind::Llm;
const EMBEDDING: DeployedKind = DeployedKind::Embedding;
const RERANKER: DeployedKind = DeployedKind::Reranker;

const fn proxy(
    name: &'static str,
    title: &'static str,
    examples: &'static [(DeployedKind, &'static str)],
    base_url: &'static str,
    api_key: &'static str,
) -> Provider {
    Provider {
        name,
        title,
        is_local: false,
        examples,
        base_url,
        api_key,
        wire: "",
    }
}

const fn speaking(provider: Provider, wire: &'static str) -> Provider {
    Provider { wire, ..provider }
}

/// All of them.
pub(super) static PROVIDERS: [Provider; 24] = [
    Provider {
        name: "hf",
        title: "this process",
        is_local: true,
        examples: &[(LLM, ""), (EMBEDDING, ""), (RERANKER, "")],
        base_url: "",
        api_key: "",
        wire: "",
    },
    proxy(
        "proxy/openai",
        "OpenAI, or any server in its dialect",
        &[
            (LLM, "gpt-4o-mini"),
            (EMBEDDING, "text-embedding-3-small"),
            (RERANKER, "reranker"),
        ],
        "${env:OPENAI_API_BASE:-https://api.openai.com/v1}",
        "${env:OPENAI_API_KEY}",
    ),
    speaking(
        proxy(
            "proxy/azure",
            "Azure OpenAI",
            &[(LLM, "gpt-4o-mini"), (EMBEDDING, "text-embedding-3-small")],
            "${env:AZURE_OPENAI_API_BASE}",
            "${env:AZURE_OPENAI_API_KEY}",
        ),
        "azure",
    ),
    speaking(
        proxy(
            "proxy/anthropic",
            "Anthropic",
            &[(LLM, "claude-sonnet-4-5")],
            "${env:ANTHROPIC_BASE_URL:-https://api.anthropic.com}",
            "${env:ANTHROPIC_API_KEY}",
        ),
        "anthropic",
    ),
    speaking(
        proxy(
            "proxy/claude",
            "Anthropic",
            &[(LLM, "claude-sonnet-4-5")],
            "${env:ANTHROPIC_BASE_URL:-https://api.anthropic.com}",
            "${env:ANTHROPIC_API_KEY}",
        ),
        "anthropic",
    ),
    proxy(
        "proxy/deepseek",
        "DeepSeek",
        &[(LLM, "deepseek-chat")],
        "${env:DEEPSEEK_API_BASE:-https://api.deepseek.com/v1}",
        "${env:DEEPSEEK_API_KEY}",
    ),
    proxy(
        "proxy/ollama",
        "an Ollama server",
        &[(LLM, "qwen3"), (EMBEDDING, "nomic-embed-text")],
        "${env:OLLAMA_API_BASE:-http://localhost:11434/v1}",
        "",
    ),
    proxy(
        "proxy/vllm",
        "a vLLM server",
        &[
            (LLM, "model"),
            (EMBEDDING, "embedder"),
            (RERANKER, "reranker"),
        ],
        "${env:VLLM_API_BASE:-http://localhost:8000/v1}",
        "",
    ),
    proxy(
        "proxy/sglang",
        "an SGLang server",
        &[(LLM, "model"), (EMBEDDING, "embedder")],
        "${env:SGLANG_API_BASE:-http://localhost:30000/v1}",
        "",
    ),
    proxy(
        "proxy/llama.cpp",
        "a llama.cpp server",
        &[
            (LLM, "model"),
            (EMBEDDING, "embedder"),
            (RERANKER, "reranker"),
        ],
        "${env:LLAMA_CPP_API_BASE:-http://localhost:8080/v1}",
        "",
    ),
    proxy(
        "proxy/tei",
        "a text-embeddings-inference server",
        &[(EMBEDDING, "embedder"), (RERANKER, "reranker")],
        "${env:TEI_API_BASE:-http://localhost:8080/v1}",
        "",
    ),
    proxy(
        "proxy/litellm",
        "a LiteLLM server",
        &[(LLM, "model"), (EMBEDDING, "embedder")],
        "${env:LITELLM_API_BASE:-http://localhost:4000/v1}",
        "",
    ),
    proxy(
        "proxy/siliconflow",
        "SiliconFlow",
        &[
            (LLM, "Qwen/Qwen2.5-Coder-32B-Instruct"),
            (EMBEDDING, "BAAI/bge-m3"),
            (RERANKER, "BAAI/bge-reranker-v2-m3"),
        ],
        "${env:SILICONFLOW_API_BASE:-https://api.siliconflow.cn/v1}",
        "${env:SILICONFLOW_API_KEY}",
    ),
    proxy(
        "proxy/moonshot",
        "Moonshot",
        &[(LLM, "moonshot-v1-8k")],
        "${env:MOONSHOT_API_BASE:-https://api.moonshot.cn/v1}",
        "${env:MOONSHOT_API_KEY}",
    ),
    proxy(
        "proxy/zhipu",
        "Zhipu",
        &[(LLM, "glm-4-plus"), (EMBEDDING, "embedding-3")],
        "${env:ZHIPUAI_BASE_URL:-https://open.bigmodel.cn/api/paas/v4}",
        "${env:ZHIPUAI_API_KEY}",
    ),
    proxy(
        "proxy/tongyi",
        "Tongyi",
        &[(LLM, "qwen-plus"), (EMBEDDING, "text-embedding-v3")],
        "${env:DASHSCOPE_API_BASE:-https://dashscope.aliyuncs.com/compatible-mode/v1}",
        "${env:DASHSCOPE_API_KEY}",
    ),
    proxy(
        "proxy/volcengine",
        "Volcengine",
        &[(LLM, "deepseek-v3")],
        "${env:ARK_API_BASE:-https://ark.cn-beijing.volces.com/api/v3}",
        "${env:ARK_API_KEY}",
    ),
    proxy(
        "proxy/yi",
        "Yi",
        &[(LLM, "yi-lightning")],
        "${env:YI_API_BASE:-https://api.lingyiwanwu.com/v1}",
        "${env:YI_API_KEY}",
    ),
    proxy(
        "proxy/baichuan",
        "Baichuan",
        &[(LLM, "Baichuan4-Turbo")],
        "${env:BAICHUAN_API_BASE:-https://api.baichuan-ai.com/v1}",
        "${env:BAICHUAN_API_KEY}",
    ),
    proxy(
        "proxy/minimax",
        "MiniMax",
        &[(LLM, "MiniMax-M2")],
        "${env:MINIMAX_API_BASE:-https://api.minimax.io/v1}",
        "${env:MINIMAX_API_KEY}",
    ),
    proxy(
        "proxy/gitee",
        "Gitee",
        &[(LLM, "Qwen2.5-72B-Instruct")],
        "${env:GITEE_API_BASE:-https://ai.gitee.com/v1}",
        "${env:GITEE_API_KEY}",
    ),
    proxy(
        "proxy/infiniai",
        "InfiniAI",
        &[(LLM, "deepseek-v3"), (RERANKER, "bge-reranker-v2-m3")],
        "${env:INFINIAI_API_BASE:-https://cloud.infini-ai.com/maas/v1}",
        "${env:INFINIAI_API_KEY}",
    ),
    proxy(
        "proxy/aimlapi",
        "AI/ML API",
        &[(LLM, "gpt-4o-mini"), (EMBEDDING, "text-embedding-3-small")],
        "${env:AIMLAPI_API_BASE:-https://api.aimlapi.com/v1}",
        "${env:AIMLAPI_API_KEY}",
    ),
    proxy(
        "proxy/burncloud",
        "BurnCloud",
        &[(LLM, "gpt-4o-mini")],
        "${env:BURNCLOUD_API_BASE:-https://ai.burncloud.com/v1}",
        "${env:BURNCLOUD_API_KEY}",
    ),
];

/// The one of a name.
///
/// # Errors
/// [`Error::Unsupported`] in upstream's words, with those there are.
pub(super) fn find(name: &str) -> Result<&'static Provider> {
    PROVIDERS
        .iter()
        .find(|provider| provider.name == name)
        .ok_or_else(|| {
            let known: Vec<String> = PROVIDERS
                .iter()
                .map(|provider| format!("'{}'", provider.name))
                .collect();
            Error::Unsupported {
                what: format!(
                    "Unknown type value: {name}, known types: [{}]",
                    known.join(", ")
                ),
            }
        })
}

/// The name under which a model of the configuration is listed.
pub(super) fn of_config(model: &config::Model) -> &'static str {
    match model.provider {
        config::Provider::Torch => "hf",
        config::Provider::Dummy => "dummy",
        config::Provider::Proxy => match model.wire.as_str() {
            "azure" => "proxy/azure",
            "anthropic" => "proxy/anthropic",
            _ => "proxy/openai",
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_provider_is_found_by_its_name_and_runs_something() {
        for provider in &PROVIDERS {
            let found = find(provider.name).expect("known");
            assert_eq!(found, provider, "{} stands twice", provider.name);
            assert!(!provider.examples.is_empty(), "{}", provider.name);
        }
        let error = find("proxy/nope").expect_err("unknown").to_string();
        assert!(
            error.starts_with("Unknown type value: proxy/nope, known types: ['hf', 'proxy/openai'"),
            "{error}"
        );
    }

    #[test]
    fn what_runs_a_configured_model_can_be_looked_up() {
        let config = crate::config::Config::from_toml(
            "[[models]]\nname='a'\nprovider='torch'\npath='p'\n\
             [[models]]\nname='b'\nprovider='proxy'\nbase_url='http://127.0.0.1:1/v1'\n",
        )
        .expect("valid");
        let names: Vec<&str> = config.models.iter().map(of_config).collect();
        assert_eq!(names, ["hf", "proxy/openai"]);
    }
}
