//! A whole model behind the seam: it streams, stops, counts, and refuses what it cannot do before any work.

use std::{path::Path, time::Duration};

use futures::StreamExt as _;
use tidegate_kernels::Format;
use tidegate_schema::Error;

use super::{checkpoints, expected, ids};
use crate::workers::{
    Chunk, FinishReason, GenerateRequest, LanguageModel as _, ModelKind, ModelMetadata, Prompt,
    PromptMessage,
    metrics::{self, Snapshot},
    torch::{
        files::memory,
        llm::{Executor, Options, TorchModel},
    },
};

/// A greedy request that does not stop by itself.
pub(super) fn request(text: &str, max_tokens: Option<u32>) -> GenerateRequest {
    GenerateRequest {
        temperature: Some(0.0),
        max_tokens,
        ignore_eos: true,
        ..GenerateRequest::of(vec![PromptMessage::user(text)])
    }
}

/// One thread: tests run side by side, and more threads than cores would only fight.
pub(super) fn options(executor: Executor) -> Options {
    Options {
        format: Some(Format::F32),
        executor,
        threads: 1,
        ..Options::default()
    }
}

/// A model under a name of its own, so that its numbers are its own too.
pub(super) fn loaded(made: &Path, directory: &str, name: &str, options: &Options) -> TorchModel {
    let metadata = ModelMetadata::new(name, ModelKind::Llm);
    TorchModel::load(metadata, &made.join(directory), options).expect("loads")
}

/// The numbers of a model.
pub(super) fn numbers(name: &str) -> Snapshot {
    metrics::shared()
        .snapshots()
        .into_iter()
        .find(|(other, _)| other == name)
        .map(|(_, numbers)| numbers)
        .expect("it is loaded")
}

/// What one answer came to.
#[derive(Debug, Default, Clone, PartialEq)]
pub(super) struct Told {
    pub(super) text: String,
    pub(super) finish: Option<FinishReason>,
    /// Tokens used by the time it ended.
    pub(super) tokens: u32,
}

/// All answers to a request.
pub(super) async fn answers(
    model: &TorchModel,
    request: GenerateRequest,
) -> Result<Vec<Told>, Error> {
    let choices = request.choices() as usize;
    let mut stream = model.generate(request).await?;
    let mut told = vec![Told::default(); choices];
    while let Some(chunk) = stream.next().await {
        match chunk? {
            Chunk::Text(piece) => {
                let one = &mut told[piece.choice as usize];
                assert_eq!(one.finish, None, "nothing follows an end");
                one.text += &piece.text;
            }
            Chunk::End {
                choice,
                finish,
                usage,
                ..
            } => {
                let one = &mut told[choice as usize];
                (one.finish, one.tokens) = (Some(finish), usage.completion_tokens);
            }
            other => panic!("unexpected {other:?}"),
        }
    }
    assert!(told.iter().all(|one| one.finish.is_some()), "{told:?}");
    Ok(told)
}

/// The only answer to a request.
pub(super) async fn answer(model: &TorchModel, request: GenerateRequest) -> Told {
    answers(model, request).await.expect("no failure").remove(0)
}

#[tokio::test]
async fn a_model_behind_the_seam_streams_stops_and_counts() {
    let Some(made) = checkpoints() else { return };
    let model = loaded(&made, "qwen2", "answers/seam", &options(Executor::Native));
    let whole = answer(&model, request("How many orders?", Some(40))).await;
    assert_eq!(
        (whole.finish, whole.tokens),
        (Some(FinishReason::Length), 40)
    );
    let text = whole.text;
    assert!(text.chars().count() > 20, "{text}");
    let middle: String = text
        .chars()
        .skip(text.chars().count() / 2)
        .take(4)
        .collect();
    let stopped = GenerateRequest {
        stop: vec![middle.clone()],
        ..request("How many orders?", Some(40))
    };
    let short = answer(&model, stopped).await;
    assert_eq!(short.finish, Some(FinishReason::Stop));
    assert_eq!(
        short.text,
        text[..text.find(&middle).expect("it is in there")]
    );
    let expected = expected(&made.join("qwen2"));
    let prompt = expected["prompt"].as_str().expect("text");
    // All but the mark at the start.
    let own = ids(&expected["ids"]).split_off(1);
    assert_eq!(
        model.count_tokens(prompt).await.expect("counts") as usize,
        own.len()
    );
    assert_eq!(model.tokenise(prompt).await.expect("encodes"), own);
    assert_eq!(model.detokenise(&own).await.expect("decodes"), prompt);
    let error = model.detokenise(&[9999]).await.expect_err("no token");
    assert!(error.to_string().contains("9999"), "{error}");
}

#[tokio::test]
async fn a_model_says_what_it_is_once_it_is_loaded() {
    let Some(made) = checkpoints() else { return };
    let model = loaded(
        &made,
        "llama",
        "answers/metadata",
        &options(Executor::Native),
    );
    let said = model.metadata();
    assert_eq!(said.context_length, Some(256));
    assert_eq!(
        said.dtype.as_deref(),
        Some(memory::format_name(Format::F32))
    );
    assert!(
        said.memory_bytes.is_some_and(|bytes| bytes > 100_000),
        "{said:?}"
    );
    assert!(said.capabilities.forms && said.capabilities.tools && said.capabilities.logprobs);
    assert_eq!(model.failure(), None);
}

#[tokio::test]
async fn a_prompt_beyond_the_window_is_refused_with_figures() {
    let Some(made) = checkpoints() else { return };
    let model = loaded(&made, "llama", "answers/window", &options(Executor::Native));
    let Err(error) = model.generate(request(&"orders ".repeat(400), None)).await else {
        panic!("256 tokens do not hold it")
    };
    let text = error.to_string();
    assert!(
        text.starts_with("messages: the prompt has ") && text.contains("takes 256"),
        "{text}"
    );
    // A prompt that fits is answered up to the window's end, whatever was asked for.
    let told = answer(&model, request("orders", Some(100_000))).await;
    assert_eq!(told.finish, Some(FinishReason::Length));
    assert!(told.tokens > 200, "{told:?}");
    // Less memory than the window would take is less of a window.
    let small = Options {
        context_length: Some(64),
        ..options(Executor::Native)
    };
    let model = loaded(&made, "llama", "answers/short window", &small);
    let refused = model.generate(request(&"orders ".repeat(100), None)).await;
    let Err(error) = refused else {
        panic!("64 tokens do not hold it")
    };
    assert!(error.to_string().contains("takes 64"), "{error}");
}

#[tokio::test]
async fn bad_requests_never_reach_the_thread() {
    let Some(made) = checkpoints() else { return };
    let model = loaded(&made, "llama", "answers/bad", &options(Executor::Native));
    let tokens = |tokens: &[u32]| GenerateRequest {
        prompt: Prompt::Tokens(tokens.to_vec()),
        ..request("", Some(4))
    };
    let bad = [
        tokens(&[]),
        tokens(&[5, 9999]),
        GenerateRequest {
            max_tokens: Some(0),
            ..request("hi", None)
        },
        GenerateRequest {
            temperature: Some(f32::NAN),
            ..request("hi", None)
        },
    ];
    for request in bad {
        let refused = model.generate(request).await;
        assert!(matches!(refused, Err(Error::Invalid { .. })));
    }
    assert_eq!(
        numbers("answers/bad"),
        Snapshot {
            kv_limit: numbers("answers/bad").kv_limit,
            ..Snapshot::default()
        }
    );
    assert_eq!(answer(&model, tokens(&[5, 6, 7])).await.tokens, 4);
}

#[tokio::test]
async fn a_dropped_stream_frees_its_place() {
    let Some(made) = checkpoints() else { return };
    let narrow = Options {
        sequences: 2,
        queue: 2,
        ..options(Executor::Native)
    };
    let model = loaded(&made, "mistral", "answers/dropped", &narrow);
    // More than are taken in at once: only if dropped ones are let go can all of them be.
    for _ in 0..20 {
        let mut stream = loop {
            match model.generate(request("orders", None)).await {
                Ok(stream) => break stream,
                Err(Error::Overloaded { .. }) => tokio::task::yield_now().await,
                Err(error) => panic!("{error}"),
            }
        };
        assert!(stream.next().await.is_some());
    }
    let told = loop {
        match answers(&model, request("orders", Some(3))).await {
            Ok(told) => break told,
            Err(Error::Overloaded { .. }) => tokio::task::yield_now().await,
            Err(error) => panic!("{error}"),
        }
    };
    assert_eq!(told[0].finish, Some(FinishReason::Length));
}

#[tokio::test]
async fn more_than_the_bounds_allow_is_refused_at_once() {
    let Some(made) = checkpoints() else { return };
    let narrow = Options {
        sequences: 1,
        queue: 2,
        ..options(Executor::Native)
    };
    let model = loaded(&made, "llama", "answers/overload", &narrow);
    let asked = (0..10).map(|_| answers(&model, request("orders", Some(50))));
    let told = futures::future::join_all(asked).await;
    let refused: Vec<&Error> = told.iter().filter_map(|one| one.as_ref().err()).collect();
    assert_eq!(refused.len(), 7, "one runs and two wait");
    for error in refused {
        let Error::Overloaded { retry_after } = error else {
            panic!("{error}")
        };
        assert!(*retry_after >= Duration::from_secs(1));
    }
}

#[tokio::test]
async fn what_takes_longer_than_it_may_is_cut_with_the_limit() {
    let Some(made) = checkpoints() else { return };
    let model = loaded(
        &made,
        "llama",
        "answers/deadline",
        &options(Executor::Native),
    );
    let limit = Duration::from_millis(1);
    let hasty = GenerateRequest {
        deadline: Some(limit),
        ..request("orders", None)
    };
    let error = answers(&model, hasty)
        .await
        .expect_err("a millisecond is too short");
    assert!(
        matches!(error, Error::Timeout { limit: said, .. } if said == limit),
        "{error}"
    );
    assert_eq!(answer(&model, request("orders", Some(3))).await.tokens, 3);
}

#[tokio::test]
async fn a_model_that_is_put_away_answers_everybody_all_the_same() {
    let Some(made) = checkpoints() else { return };
    let model = loaded(
        &made,
        "llama",
        "answers/put away",
        &options(Executor::Native),
    );
    let mut streams = Vec::new();
    for _ in 0..20 {
        streams.push(
            model
                .generate(request("orders", None))
                .await
                .expect("is taken in"),
        );
    }
    drop(model);
    for mut stream in streams {
        let mut last = None;
        while let Some(chunk) = stream.next().await {
            last = Some(chunk);
        }
        let last = last.expect("nobody is left without an answer");
        assert!(matches!(
            last,
            Err(Error::Upstream { .. }) | Ok(Chunk::End { .. })
        ));
    }
}
