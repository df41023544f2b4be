//! Several prompts as one generation: a few at a time, with their answers numbered through and their tokens added up.

use std::collections::BTreeMap;

use futures::{StreamExt as _, TryStreamExt as _, stream};
use tidegate_schema::{
    Error, Result,
    model::{Caller, Usage},
    wire::openai::{CompletionIn, PromptIn},
};

use crate::{
    api::openai::chat::{
        pieces::{Pieces, expected, pieces},
        request::request,
    },
    app::App,
    services::metering::{Call, Meter, Operation},
    workers::{Chunk, ChunkStream, GenerateRequest, Prompt},
};

/// Prompts under way at once; the others wait, so that one request does not fill a model's queue.
const AT_ONCE: usize = 8;

/// Puts prompts to a model, and counts what they take.
pub(super) async fn generate(
    app: &App,
    caller: &Caller,
    wanted: &CompletionIn,
    prompts: Vec<PromptIn>,
) -> Result<Pieces> {
    let requests = requests(wanted, prompts)?;
    let expected = expected(&requests);
    let mut requests = requests.into_iter();
    let Some(first) = requests.next() else {
        return Err(Error::invalid(
            "body.prompt",
            "must hold at least one prompt",
        ));
    };
    let call = Call {
        model: wanted.model.clone(),
        operation: Operation::Completion,
        streamed: wanted.stream.unwrap_or(false),
    };
    let mut meter = app.metering().admit(caller, call).await?;
    meter.expect(expected.0, expected.1);
    let begun = app.models().generate(caller, &wanted.model, first).await;
    match begun {
        Ok((metadata, chunks)) => {
            meter.served_by(&metadata.name);
            Ok(all(app, caller, wanted, meter, chunks, requests))
        }
        Err(error) => {
            meter.failed(&error);
            Err(error)
        }
    }
}

/// The first prompt's chunks, which have begun, with those of the others as their turn comes.
fn all(
    app: &App,
    caller: &Caller,
    wanted: &CompletionIn,
    meter: Meter,
    first: ChunkStream,
    others: std::vec::IntoIter<GenerateRequest>,
) -> Pieces {
    let (app, caller, model) = (app.clone(), caller.clone(), wanted.model.clone());
    let others = stream::iter(others).map(move |request| {
        let (app, caller, model) = (app.clone(), caller.clone(), model.clone());
        let begin = async move {
            let begun = app.models().generate(&caller, &model, request).await;
            begun.map(|(_, chunks)| chunks)
        };
        stream::once(begin).try_flatten().boxed()
    });
    let answers = wanted.n.map_or(1, |n| u32::try_from(n).unwrap_or(u32::MAX));
    let streams = stream::once(std::future::ready(first)).chain(others);
    let numbered = streams.enumerate().map(move |(nth, chunks)| {
        let nth = u32::try_from(nth).unwrap_or(u32::MAX);
        let first = nth.saturating_mul(answers);
        chunks
            .map(move |chunk| chunk.map(|chunk| (nth, renumbered(chunk, first))))
            .boxed()
    });
    let mut used = BTreeMap::new();
    let chunks = numbered
        .flatten_unordered(AT_ONCE)
        .map(move |chunk| chunk.map(|(nth, chunk)| counted(chunk, nth, &mut used)));
    pieces(meter.around(chunks.boxed()))
}

fn requests(wanted: &CompletionIn, prompts: Vec<PromptIn>) -> Result<Vec<GenerateRequest>> {
    let choosing = request(&wanted.choosing(), &[])?;
    let logprobs = wanted.top_likelihoods()?;
    let echo = wanted.echo.unwrap_or(false);
    let with = |prompt| GenerateRequest {
        prompt: match prompt {
            PromptIn::Text(text) => Prompt::Text(text),
            PromptIn::Tokens(tokens) => Prompt::Tokens(tokens),
        },
        logprobs,
        echo,
        ..choosing.clone()
    };
    Ok(prompts.into_iter().map(with).collect())
}

/// A chunk with its answer's number among all.
fn renumbered(mut chunk: Chunk, first: u32) -> Chunk {
    match &mut chunk {
        Chunk::Text(piece) | Chunk::Thinking(piece) => {
            piece.choice = piece.choice.saturating_add(first);
        }
        Chunk::ToolCall { choice, .. } | Chunk::End { choice, .. } => {
            *choice = choice.saturating_add(first);
        }
        Chunk::Alternatives(_) => {}
    }
    chunk
}

/// A chunk whose end counts the tokens of all prompts so far: a model counts those of one.
fn counted(mut chunk: Chunk, nth: u32, used: &mut BTreeMap<u32, Usage>) -> Chunk {
    if let Chunk::End { usage, .. } = &mut chunk {
        used.insert(nth, *usage);
        *usage = used.values().fold(Usage::default(), |sum, one| Usage {
            prompt_tokens: sum.prompt_tokens.saturating_add(one.prompt_tokens),
            completion_tokens: sum.completion_tokens.saturating_add(one.completion_tokens),
        });
    }
    chunk
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::workers::{FinishReason, Piece};

    #[test]
    fn each_prompt_is_a_request_of_its_own_with_everything_that_was_said() {
        let wanted: CompletionIn = serde_json::from_value(json!({
            "model": "m", "prompt": ["a", [7]], "logprobs": 2, "echo": true, "n": 2, "stop": "x",
        }))
        .expect("a request");
        let prompts = wanted.prompts().expect("prompts");
        let requests = requests(&wanted, prompts).expect("valid");
        assert_eq!(requests[0].prompt, Prompt::Text("a".to_owned()));
        assert_eq!(requests[1].prompt, Prompt::Tokens(vec![7]));
        for request in requests {
            assert_eq!((request.n, request.max_tokens), (Some(2), Some(16)));
            assert_eq!((request.logprobs, request.echo), (Some(2), true));
            assert_eq!(request.stop, ["x"]);
        }
    }

    #[test]
    fn answers_are_numbered_through_and_their_tokens_added_up() {
        let text = renumbered(Chunk::text(Piece::of(1, "a")), 4);
        assert!(matches!(text, Chunk::Text(piece) if piece.choice == 5));
        let end = |tokens| Chunk::End {
            choice: 0,
            finish: FinishReason::Stop,
            usage: Usage {
                prompt_tokens: 1,
                completion_tokens: tokens,
            },
            confidence: None,
        };
        let mut used = BTreeMap::new();
        counted(end(2), 0, &mut used);
        // The same prompt's later end counts everything of that prompt.
        counted(end(5), 0, &mut used);
        let last = counted(end(4), 1, &mut used);
        assert!(
            matches!(last, Chunk::End { usage, .. } if (usage.prompt_tokens, usage.completion_tokens) == (2, 9))
        );
    }
}
