//! A request in the words of DB-GPT's wire, and what is new in each piece of an answer.

use tidegate_schema::{
    Error, Result,
    wire::cluster::{MessageIn, Output, PromptBody, Said},
};

use crate::workers::{
    Chunk, GenerateRequest, Piece, Prompt, PromptMessage, ResponseFormat, Speaker, ToolChoice,
};

/// A request as it is sent.
///
/// # Errors
/// [`Error::Unsupported`] naming what the wire has no place for.
pub(super) fn prompt(model: &str, request: &GenerateRequest) -> Result<PromptBody> {
    refuse_unsayable(model, request)?;
    let (messages, text) = match &request.prompt {
        Prompt::Messages(messages) => (messages.iter().map(message).collect(), None),
        Prompt::Text(text) => {
            // Workers that only hold conversations are told the text as one.
            let said = MessageIn {
                role: Said::Human,
                content: text.clone(),
                round_index: 0,
            };
            (vec![said], Some(text.clone()))
        }
        Prompt::Tokens(_) => return Err(unsayable(model, "a prompt of token ids")),
    };
    Ok(PromptBody {
        model: model.to_owned(),
        messages,
        chat_model: text.is_none(),
        prompt: text,
        temperature: request.temperature,
        top_p: request.top_p,
        top_k: request.top_k,
        max_new_tokens: request.max_tokens,
        stop: request.stop.clone(),
        stop_token_ids: request.stop_token_ids.clone(),
        echo: false,
        presence_penalty: request.presence_penalty,
        frequency_penalty: request.frequency_penalty,
    })
}

fn message(message: &PromptMessage) -> MessageIn {
    MessageIn {
        role: match message.speaker {
            Speaker::System => Said::System,
            Speaker::Assistant => Said::Ai,
            // What a tool answered was refused before.
            Speaker::User | Speaker::Tool => Said::Human,
        },
        content: message.text.clone(),
        round_index: 0,
    }
}

fn refuse_unsayable(model: &str, request: &GenerateRequest) -> Result<()> {
    let tools = !request.tools.is_empty() && request.tool_choice != ToolChoice::None;
    let called = request
        .messages()
        .iter()
        .any(|message| !message.tool_calls.is_empty() || message.speaker == Speaker::Tool);
    let demands = matches!(request.response_format, Some(ResponseFormat::Demanded(_)));
    let unsayable_fields = [
        (tools || request.tool_choice.forces(), "tools"),
        (called, "messages of tools"),
        (demands, "response_format"),
        (!request.template_values.is_empty(), "chat_template_kwargs"),
        (request.min_p.is_some(), "min_p"),
        (request.typical_p.is_some(), "typical_p"),
        (
            request
                .repetition_penalty
                .is_some_and(|penalty| penalty != 1.0),
            "repetition_penalty",
        ),
        (!request.logit_bias.is_empty(), "logit_bias"),
        (request.seed.is_some(), "seed"),
        (
            request.min_tokens.is_some_and(|tokens| tokens > 0),
            "min_tokens",
        ),
        (request.ignore_eos, "ignore_eos"),
        (
            request
                .best_of
                .is_some_and(|made| made != request.choices()),
            "best_of",
        ),
        (request.logprobs.is_some(), "logprobs"),
        (request.echo, "echo"),
    ];
    match unsayable_fields.iter().find(|(said, _)| *said) {
        Some((_, what)) => Err(unsayable(model, what)),
        None => Ok(()),
    }
}

fn unsayable(model: &str, what: &str) -> Error {
    Error::Unsupported {
        what: format!(
            "'{model}' runs in a worker of the cluster, whose wire has no place for {what}; leave it out, or ask a model \
             that runs in this process or behind an OpenAI-style server"
        ),
    }
}

/// What was told of an answer so far, so that only what is new is told on.
#[derive(Debug, Default)]
pub(super) struct Told {
    thinking: usize,
    text: usize,
    characters: usize,
}

impl Told {
    /// What is new in a piece.
    pub(super) fn news(&mut self, output: &Output, choice: u32) -> Vec<Chunk> {
        let mut chunks = Vec::new();
        let thinking = new_part(&output.thinking, &mut self.thinking, output.incremental);
        if !thinking.is_empty() {
            self.characters += thinking.chars().count();
            chunks.push(Chunk::Thinking(Piece::of(choice, thinking)));
        }
        let text = new_part(&output.text, &mut self.text, output.incremental);
        if !text.is_empty() {
            self.characters += text.chars().count();
            chunks.push(Chunk::Text(Piece::of(choice, text)));
        }
        chunks
    }

    /// About how many tokens that was, for workers that do not tell: four characters each is the usual estimate.
    pub(super) fn estimate(&self) -> u32 {
        u32::try_from(self.characters.div_ceil(4)).unwrap_or(u32::MAX)
    }
}

/// What of a text was not told yet. A whole text that grew shorter has nothing new: what was told cannot be taken back.
fn new_part<'a>(text: &'a str, told: &mut usize, incremental: bool) -> &'a str {
    if incremental {
        return text;
    }
    let new = text.get(*told..).unwrap_or_default();
    *told += new.len();
    new
}

#[cfg(test)]
mod tests {
    use serde_json::{Map, json};

    use super::*;

    fn output(text: &str, incremental: bool) -> Output {
        Output {
            text: text.to_owned(),
            incremental,
            ..Output::default()
        }
    }

    fn told(outputs: &[Output]) -> Vec<String> {
        let mut told = Told::default();
        outputs
            .iter()
            .flat_map(|output| told.news(output, 0))
            .map(|chunk| match chunk {
                Chunk::Text(piece) => piece.text,
                other => format!("{other:?}"),
            })
            .collect()
    }

    #[test]
    fn whole_texts_and_pieces_are_told_alike() {
        let whole = ["al", "al", "alpha", "alpha é", "alpha"].map(|text| output(text, false));
        assert_eq!(told(&whole), ["al", "pha", " é"]);
        let pieces = ["al", "", "pha", " é"].map(|text| output(text, true));
        assert_eq!(told(&pieces), ["al", "pha", " é"]);
        let mut all = Told::default();
        all.news(&output("alpha é", false), 0);
        assert_eq!(all.estimate(), 2);
    }

    #[test]
    fn what_has_no_place_on_the_wire_is_refused_by_name() {
        let mut request = GenerateRequest {
            temperature: Some(0.5),
            max_tokens: Some(64),
            response_format: Some(ResponseFormat::Wished(json!({}))),
            ..GenerateRequest::of(vec![
                PromptMessage::system("be brief"),
                PromptMessage::user("hi"),
            ])
        };
        let body = prompt("m", &request).expect("all of it can be said");
        assert_eq!(body.messages[0].role, Said::System);
        assert_eq!(body.max_new_tokens, Some(64));
        assert!(body.chat_model && body.prompt.is_none());
        request.seed = Some(7);
        let refused = prompt("m", &request).expect_err("a seed").to_string();
        assert!(refused.contains("no place for seed"), "{refused}");
        request.seed = None;
        request.template_values = Map::from_iter([("enable_thinking".to_owned(), json!(false))]);
        assert!(prompt("m", &request).is_err());
        let tokens = GenerateRequest {
            prompt: Prompt::Tokens(vec![1]),
            ..GenerateRequest::default()
        };
        assert!(prompt("m", &tokens).is_err());
    }

    #[test]
    fn a_text_is_sent_for_workers_of_both_kinds() {
        let request = GenerateRequest {
            prompt: Prompt::Text("once upon".to_owned()),
            ..GenerateRequest::default()
        };
        let body = prompt("m", &request).expect("can be said");
        assert_eq!(body.prompt.as_deref(), Some("once upon"));
        assert_eq!(body.messages[0].content, "once upon");
        assert!(!body.chat_model);
    }
}
