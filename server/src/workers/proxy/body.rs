//! A request in the upstream's dialect: OpenAI's names, and vLLM's where OpenAI has none. What was not said is not
//! sent.

use serde_json::{Map, Value, json};

use crate::workers::{
    GenerateRequest, Prompt, PromptMessage, RelayPath, ResponseFormat, Speaker, Tool, ToolChoice,
};

/// How a request is put, which depends on what the upstream turned out to know.
pub(super) struct Wording<'a> {
    /// The upstream's name of the model.
    pub(super) model: &'a str,
    /// The name of the most new tokens there.
    pub(super) limit: &'a str,
    /// The form asked for.
    pub(super) format: Option<&'a ResponseFormat>,
    /// Answers asked for at once.
    pub(super) answers: u32,
    /// The number of the first of them, by which seeds differ.
    pub(super) first: u32,
}

/// Where a request is sent, and its body.
pub(super) fn body(request: &GenerateRequest, wording: &Wording<'_>) -> (RelayPath, Value) {
    let mut body = Map::new();
    body.insert("model".to_owned(), wording.model.into());
    let path = match &request.prompt {
        Prompt::Messages(messages) => {
            let messages: Vec<Value> = messages.iter().map(message).collect();
            body.insert("messages".to_owned(), messages.into());
            RelayPath::ChatCompletions
        }
        Prompt::Text(text) => {
            body.insert("prompt".to_owned(), text.as_str().into());
            RelayPath::Completions
        }
        Prompt::Tokens(tokens) => {
            body.insert("prompt".to_owned(), json!(tokens));
            RelayPath::Completions
        }
    };
    let is_chat = path == RelayPath::ChatCompletions;
    body.insert("stream".to_owned(), true.into());
    body.insert("stream_options".to_owned(), json!({"include_usage": true}));
    let mut set = |name: &str, value: Option<Value>| {
        if let Some(value) = value {
            body.insert(name.to_owned(), value);
        }
    };
    choosing(request, &mut set);
    set(wording.limit, request.max_tokens.map(Value::from));
    // Seeds are signed in OpenAI's dialect. One seed for all would write the same answer several times.
    let seed = request
        .seed
        .map(|seed| seed.wrapping_add(u64::from(wording.first)) as i64);
    set("seed", seed.map(Value::from));
    set("n", (wording.answers > 1).then(|| wording.answers.into()));
    let format = wording.format.map(|format| match format {
        ResponseFormat::Demanded(format) => format.clone(),
        ResponseFormat::Wished(schema) => json!({
            "type": "json_schema",
            "json_schema": {"name": "answer", "strict": true, "schema": schema},
        }),
    });
    set("response_format", format);
    if is_chat {
        set("logprobs", request.logprobs.map(|_| true.into()));
        let top = request.logprobs.filter(|count| *count > 0);
        set("top_logprobs", top.map(Value::from));
        tools(request, &mut set);
    } else {
        set("logprobs", request.logprobs.map(Value::from));
        set("echo", request.echo.then_some(true.into()));
    }
    (path, Value::Object(body))
}

/// How tokens are chosen and where an answer ends.
fn choosing(request: &GenerateRequest, set: &mut impl FnMut(&str, Option<Value>)) {
    set("temperature", request.temperature.map(Value::from));
    set("top_p", request.top_p.map(Value::from));
    // vLLM's way to say all of them.
    let top_k = request
        .top_k
        .map(|count| i32::try_from(count).map_or(Value::from(-1), Value::from));
    set("top_k", top_k);
    set("min_p", request.min_p.map(Value::from));
    set("typical_p", request.typical_p.map(Value::from));
    set(
        "presence_penalty",
        request.presence_penalty.map(Value::from),
    );
    set(
        "frequency_penalty",
        request.frequency_penalty.map(Value::from),
    );
    set(
        "repetition_penalty",
        request.repetition_penalty.map(Value::from),
    );
    let bias: Map<String, Value> = request
        .logit_bias
        .iter()
        .map(|(token, bias)| (token.to_string(), (*bias).into()))
        .collect();
    set(
        "logit_bias",
        (!bias.is_empty()).then_some(Value::Object(bias)),
    );
    set(
        "stop",
        (!request.stop.is_empty()).then(|| json!(request.stop)),
    );
    let ids = &request.stop_token_ids;
    set("stop_token_ids", (!ids.is_empty()).then(|| json!(ids)));
    set("min_tokens", request.min_tokens.map(Value::from));
    set("ignore_eos", request.ignore_eos.then_some(true.into()));
    set("best_of", request.best_of.map(Value::from));
}

fn tools(request: &GenerateRequest, set: &mut impl FnMut(&str, Option<Value>)) {
    if !request.template_values.is_empty() {
        let values = Value::Object(request.template_values.clone());
        set("chat_template_kwargs", Some(values));
    }
    if request.tools.is_empty() {
        return;
    }
    let tools: Vec<Value> = request.tools.iter().map(Tool::to_value).collect();
    set("tools", Some(tools.into()));
    let choice = match &request.tool_choice {
        // What everybody takes silence for.
        ToolChoice::Auto => None,
        ToolChoice::None => Some("none".into()),
        ToolChoice::Required => Some("required".into()),
        ToolChoice::Function(name) => Some(json!({"type": "function", "function": {"name": name}})),
    };
    set("tool_choice", choice);
    set(
        "parallel_tool_calls",
        request.parallel_tool_calls.map(Value::from),
    );
}

fn message(message: &PromptMessage) -> Value {
    let mut said = json!({"role": message.speaker.role(), "content": message.text});
    if message.speaker == Speaker::Assistant && !message.tool_calls.is_empty() {
        if message.text.is_empty() {
            said["content"] = Value::Null;
        }
        let calls: Vec<Value> = message
            .tool_calls
            .iter()
            .map(|call| {
                json!({
                    "id": call.id,
                    "type": "function",
                    "function": {"name": call.name, "arguments": call.arguments},
                })
            })
            .collect();
        said["tool_calls"] = calls.into();
    }
    if let Some(id) = &message.tool_call_id {
        said["tool_call_id"] = id.as_str().into();
    }
    if let Some(name) = &message.name {
        said["name"] = name.as_str().into();
    }
    said
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workers::ToolCall;

    fn sent(request: &GenerateRequest) -> (RelayPath, Value) {
        let wording = Wording {
            model: "theirs",
            limit: "max_tokens",
            format: request.response_format.as_ref(),
            answers: request.choices(),
            first: 0,
        };
        body(request, &wording)
    }

    #[test]
    fn what_was_not_said_is_not_sent() {
        let request = GenerateRequest::of(vec![PromptMessage::user("hi")]);
        let (path, body) = sent(&request);
        assert_eq!(path, RelayPath::ChatCompletions);
        assert_eq!(
            body,
            json!({
                "model": "theirs", "messages": [{"role": "user", "content": "hi"}],
                "stream": true, "stream_options": {"include_usage": true},
            })
        );
    }

    #[test]
    fn everything_that_was_said_goes_under_the_names_the_servers_know() {
        let (_, body) = sent(&GenerateRequest {
            temperature: Some(0.5),
            top_p: Some(0.25),
            top_k: Some(u32::MAX),
            min_p: Some(0.5),
            typical_p: Some(0.75),
            presence_penalty: Some(1.0),
            frequency_penalty: Some(-1.0),
            repetition_penalty: Some(1.5),
            logit_bias: [(7, -100.0)].into(),
            seed: Some(u64::MAX),
            max_tokens: Some(9),
            min_tokens: Some(2),
            stop: vec!["END".to_owned()],
            stop_token_ids: vec![3],
            ignore_eos: true,
            n: Some(2),
            best_of: Some(4),
            logprobs: Some(5),
            ..GenerateRequest::of(Vec::new())
        });
        let wanted = json!({
            "model": "theirs", "messages": [], "stream": true, "stream_options": {"include_usage": true},
            "temperature": 0.5, "top_p": 0.25, "top_k": -1, "min_p": 0.5, "typical_p": 0.75,
            "presence_penalty": 1.0, "frequency_penalty": -1.0, "repetition_penalty": 1.5,
            "logit_bias": {"7": -100.0}, "stop": ["END"], "stop_token_ids": [3], "min_tokens": 2, "ignore_eos": true,
            "best_of": 4, "max_tokens": 9, "seed": -1, "n": 2, "logprobs": true, "top_logprobs": 5,
        });
        assert_eq!(body, wanted);
    }

    #[test]
    fn tools_their_calls_and_their_answers_are_in_openais_shape() {
        let call = ToolCall {
            id: "call_1".to_owned(),
            name: "f".to_owned(),
            arguments: "{}".to_owned(),
        };
        let request = GenerateRequest {
            tools: vec![Tool {
                name: "f".to_owned(),
                description: None,
                parameters: json!({"type": "object"}),
                strict: None,
            }],
            tool_choice: ToolChoice::Function("f".to_owned()),
            parallel_tool_calls: Some(false),
            ..GenerateRequest::of(vec![
                PromptMessage {
                    tool_calls: vec![call],
                    ..PromptMessage::assistant("")
                },
                PromptMessage {
                    tool_call_id: Some("call_1".to_owned()),
                    ..PromptMessage::new(Speaker::Tool, "42")
                },
            ])
        };
        let (_, body) = sent(&request);
        assert_eq!(
            body["messages"],
            json!([
                {"role": "assistant", "content": null, "tool_calls": [
                    {"id": "call_1", "type": "function", "function": {"name": "f", "arguments": "{}"}},
                ]},
                {"role": "tool", "content": "42", "tool_call_id": "call_1"},
            ])
        );
        assert_eq!(body["tools"][0]["function"]["name"], "f");
        assert_eq!(body["tool_choice"]["function"]["name"], "f");
        assert_eq!(body["parallel_tool_calls"], false);
    }

    #[test]
    fn a_plain_text_goes_to_the_older_route() {
        let request = GenerateRequest {
            prompt: Prompt::Text("Once".to_owned()),
            logprobs: Some(0),
            echo: true,
            ..GenerateRequest::default()
        };
        let (path, body) = sent(&request);
        assert_eq!(path, RelayPath::Completions);
        let told = ["prompt", "logprobs", "echo", "messages"].map(|name| body[name].clone());
        assert_eq!(told, [json!("Once"), json!(0), json!(true), Value::Null]);
    }
}
