//! From OpenAI's request to what a model is asked.

use tidegate_schema::{
    Result,
    wire::openai::{ChatIn, ToolChoiceIn, TurnIn},
};

use crate::workers::{
    GenerateRequest, PromptMessage, ResponseFormat, Speaker, Tool, ToolCall, ToolChoice,
};

/// What a model is asked about a conversation; everything said of choosing goes along.
///
/// # Errors
/// [`tidegate_schema::Error::Invalid`] naming the parameter.
pub(in crate::api::openai) fn request(
    wanted: &ChatIn,
    turns: &[TurnIn],
) -> Result<GenerateRequest> {
    let tools = wanted.tools.iter().flatten().map(|tool| Tool {
        name: tool.function.name.clone(),
        description: tool.function.description.clone(),
        parameters: tool.function.parameters.clone().unwrap_or_default(),
        strict: tool.function.strict,
    });
    let tool_choice = match wanted.tool_choice()? {
        ToolChoiceIn::Auto => ToolChoice::Auto,
        ToolChoiceIn::None => ToolChoice::None,
        ToolChoiceIn::Required => ToolChoice::Required,
        ToolChoiceIn::Function(name) => ToolChoice::Function(name),
    };
    let count = |count: Option<i64>| count.and_then(|count| u32::try_from(count).ok());
    Ok(GenerateRequest {
        tools: tools.collect(),
        tool_choice,
        parallel_tool_calls: wanted.parallel_tool_calls,
        template_values: wanted.chat_template_kwargs.clone().unwrap_or_default(),
        response_format: wanted.demanded_format()?.map(ResponseFormat::Demanded),
        temperature: wanted.temperature,
        top_p: wanted.top_p,
        top_k: wanted.most_likely(),
        min_p: wanted.min_p,
        typical_p: wanted.typical_p,
        presence_penalty: wanted.presence_penalty,
        frequency_penalty: wanted.frequency_penalty,
        repetition_penalty: wanted.repetition_penalty,
        logit_bias: wanted.biases()?,
        seed: wanted.seed.map(|seed| seed as u64),
        max_tokens: wanted.most_tokens(),
        min_tokens: wanted.fewest_tokens(),
        stop: wanted.stops()?,
        stop_token_ids: wanted.stop_token_ids.clone().unwrap_or_default(),
        ignore_eos: wanted.ignore_eos.unwrap_or(false),
        n: count(wanted.n),
        best_of: count(wanted.best_of),
        logprobs: wanted.top_likelihoods()?,
        ..GenerateRequest::of(turns.iter().map(message).collect())
    })
}

/// A message, as a model takes it.
pub(in crate::api::openai) fn message(turn: &TurnIn) -> PromptMessage {
    let calls = turn.calls.iter().map(|call| ToolCall {
        id: call.id.clone(),
        name: call.name.clone(),
        arguments: call.arguments.clone(),
    });
    PromptMessage {
        speaker: match turn.role {
            "system" => Speaker::System,
            "assistant" => Speaker::Assistant,
            "tool" => Speaker::Tool,
            _ => Speaker::User,
        },
        text: turn.text.clone(),
        tool_calls: calls.collect(),
        tool_call_id: turn.call_id.clone(),
        name: turn.name.clone(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_a_request_says_reaches_the_model_and_what_it_does_not_stays_unsaid() {
        let wanted: ChatIn = serde_json::from_value(json!({
            "model": "m", "messages": [
                {"role": "assistant", "content": null, "tool_calls": [
                    {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}},
                ]},
                {"role": "tool", "content": "42", "tool_call_id": "c"},
            ],
            "tools": [{"type": "function", "function": {"name": "f"}}], "tool_choice": "required",
            "logprobs": true, "top_logprobs": 3, "top_k": -1, "logit_bias": {"7": 1}, "seed": -1, "n": 2,
            "stop": "END", "stop_token_ids": [3], "min_tokens": 1, "ignore_eos": true,
        }))
        .expect("a request");
        let turns = wanted.turns().expect("turns");
        let asked = request(&wanted, &turns).expect("valid");
        assert_eq!(asked.messages()[0].tool_calls[0].name, "f");
        assert_eq!(asked.messages()[1].speaker, Speaker::Tool);
        assert_eq!(asked.messages()[1].tool_call_id.as_deref(), Some("c"));
        assert!(asked.tools[0].parameters.is_null() && asked.tool_choice == ToolChoice::Required);
        assert_eq!((asked.logprobs, asked.top_k), (Some(3), Some(u32::MAX)));
        assert_eq!((asked.seed, asked.n), (Some(u64::MAX), Some(2)));
        assert_eq!(
            (asked.stop, asked.stop_token_ids),
            (vec!["END".to_owned()], vec![3])
        );
        assert_eq!((asked.min_tokens, asked.ignore_eos), (Some(1), true));
        assert!(asked.temperature.is_none() && asked.max_tokens.is_none() && !asked.echo);
    }
}
