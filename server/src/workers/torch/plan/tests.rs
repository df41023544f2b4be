//! What a plan is made of, and what is refused before any work.

use super::*;
use crate::workers::{
    PromptMessage,
    torch::generation::tests::{END, VOCABULARY, tokens},
};

/// A model without a chat template, of 64 tokens' window, that writes four answers at once.
struct Model {
    tokens: Arc<Tokens>,
    template: ChatTemplate,
    defaults: Defaults,
}

impl Model {
    fn new() -> Self {
        let empty = tempfile::tempdir().expect("the temporary directory is writable");
        Self {
            tokens: tokens(),
            template: ChatTemplate::load(empty.path()).expect("none is fine"),
            defaults: Defaults::default(),
        }
    }

    fn plan(&self, request: GenerateRequest) -> Result<Plan> {
        let about = About {
            name: "tiny",
            tokens: &self.tokens,
            template: &self.template,
            window: 64,
            vocabulary: VOCABULARY,
            most: 4,
            defaults: &self.defaults,
            ends: &[END],
        };
        Plan::new(request, &about)
    }
}

fn hello() -> GenerateRequest {
    GenerateRequest::of(vec![PromptMessage::user("hi")])
}

#[test]
fn a_conversation_becomes_tokens_and_leaves_the_rest_of_the_window_for_the_answer() {
    let plan = Model::new().plan(hello()).expect("valid");
    let text: Vec<u8> = plan.prompt.iter().map(|&token| token as u8).collect();
    assert_eq!(text, b"user: hi\n\nassistant:");
    assert_eq!(plan.limit, 64 - plan.prompt.len());
    assert_eq!((plan.choices, plan.tries, plan.least), (1, 1, 0));
    assert!(plan.cacheable && plan.constraint.is_none() && plan.reader.is_none());
    assert_eq!(plan.ends, [END]);
}

#[test]
fn plain_text_and_tokens_are_gone_on_with_as_they_stand() {
    let model = Model::new();
    let text = GenerateRequest {
        prompt: Prompt::Text("Once".to_owned()),
        echo: true,
        ..GenerateRequest::default()
    };
    let plan = model.plan(text).expect("valid");
    let ids: Vec<u32> = b"Once".iter().copied().map(u32::from).collect();
    assert_eq!((&plan.prompt, plan.echo.as_deref()), (&ids, Some("Once")));
    assert!(plan.cacheable && !plan.weighs_prompt());
    let tokens = GenerateRequest {
        prompt: Prompt::Tokens(ids.clone()),
        echo: true,
        logprobs: Some(1),
        ..GenerateRequest::default()
    };
    let plan = model.plan(tokens).expect("valid");
    assert_eq!((&plan.prompt, plan.echo.as_deref()), (&ids, Some("Once")));
    // What was run before has no scores left to be told of.
    assert!(!plan.cacheable && plan.weighs_prompt());
}

#[test]
fn a_longer_answer_than_the_window_leaves_is_cut_to_it_and_a_seed_is_kept() {
    let plan = Model::new()
        .plan(GenerateRequest {
            max_tokens: Some(9999),
            seed: Some(3),
            n: Some(2),
            best_of: Some(4),
            ..hello()
        })
        .expect("valid");
    assert_eq!(plan.limit, 64 - plan.prompt.len());
    assert_eq!((plan.seed, plan.choices, plan.tries), (3, 2, 4));
}

#[test]
fn several_greedy_answers_are_allowed_though_all_the_same() {
    let plan = Model::new().plan(GenerateRequest {
        temperature: Some(0.0),
        n: Some(2),
        ..hello()
    });
    assert_eq!(plan.map(|plan| plan.tries).ok(), Some(2));
}

#[test]
fn tools_are_read_out_of_the_answer_unless_none_may_be_called() {
    let model = Model::new();
    let with = |tool_choice| GenerateRequest {
        tools: vec![Tool {
            name: "f".to_owned(),
            description: None,
            parameters: serde_json::Value::Null,
            strict: None,
        }],
        tool_choice,
        ..hello()
    };
    let plan = model.plan(with(ToolChoice::None)).expect("valid");
    assert!(plan.reader.is_none() && plan.constraint.is_none());
    // How a tool is told takes more than this window; the prompt has it then.
    let told = model.plan(with(ToolChoice::Auto)).map(|_| ());
    assert!(told.expect_err("too long").to_string().contains("shorten"));
}

#[test]
fn everything_contradictory_is_refused_by_name_before_any_work() {
    type Change = fn(&mut GenerateRequest);
    let cases: [(Change, &str, &str); 20] = [
        (|r| r.temperature = Some(-1.0), "temperature", "0 is greedy"),
        (|r| r.n = Some(0), "n", "at least 1"),
        (|r| r.n = Some(5), "n", "max_sequences"),
        (|r| r.best_of = Some(9), "best_of", "max_sequences"),
        (
            |r| (r.n, r.best_of) = (Some(3), Some(2)),
            "best_of",
            "at least n",
        ),
        (|r| r.logprobs = Some(21), "logprobs", "at most 20"),
        (|r| r.max_tokens = Some(0), "max_tokens", "at least 1"),
        (
            |r| (r.min_tokens, r.max_tokens) = (Some(9), Some(8)),
            "min_tokens",
            "max_tokens allows 8",
        ),
        (|r| r.min_tokens = Some(63), "min_tokens", "leaves 44"),
        (
            |r| r.logit_bias = [(VOCABULARY as u32, 1.0)].into(),
            "logit_bias",
            "0 to 256",
        ),
        (
            |r| r.stop_token_ids = vec![1, 999],
            "stop_token_ids",
            "token 999",
        ),
        (|r| r.stop = vec![String::new(); 65], "stop", "has 65 texts"),
        (|r| r.echo = true, "echo", "leave it out"),
        (|r| r.deadline = Some(Duration::ZERO), "deadline", "is 0"),
        (
            |r| r.prompt = Prompt::Text(String::new()),
            "prompt",
            "no text",
        ),
        (
            |r| r.prompt = Prompt::Text("x".repeat(64)),
            "prompt",
            "has 64 tokens, but 'tiny' takes 64",
        ),
        (
            |r| r.prompt = vec![PromptMessage::user("x".repeat(99))].into(),
            "messages",
            "takes 64 for prompt and answer together",
        ),
        (
            |r| r.prompt = Prompt::Tokens(vec![999]),
            "prompt",
            "has token 999",
        ),
        (
            |r| r.tool_choice = ToolChoice::Required,
            "tool_choice",
            "add tools",
        ),
        (
            |r| {
                let format = serde_json::json!({"type": "regex", "pattern": "("});
                r.response_format = Some(crate::workers::ResponseFormat::Demanded(format));
            },
            "response_format.pattern",
            "",
        ),
    ];
    let model = Model::new();
    for (change, field, words) in cases {
        let mut request = hello();
        change(&mut request);
        let refused = model.plan(request).map(|_| ()).expect_err(field);
        let Error::Invalid {
            field: named,
            reason,
        } = &refused
        else {
            panic!("{field}: {refused}")
        };
        assert_eq!(named, field, "{reason}");
        assert!(reason.contains(words), "{field}: {reason}");
    }
}
