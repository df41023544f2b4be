//! Models of the cluster, against workers on loopback that say what they are told to.

use std::{convert::Infallible, fmt::Write as _, time::Duration};

use axum::{
    Json, Router,
    body::Body,
    http::StatusCode,
    routing::{MethodRouter, post},
};
use futures::{StreamExt as _, TryStreamExt as _};
use serde_json::{Value, json};
use tidegate_schema::{Error, model::Instance};
use tokio_util::task::TaskTracker;

use super::*;
use crate::workers::{Chunk, GenerateRequest, LanguageModel, PromptMessage};

/// Workers of one test.
struct Workers {
    tasks: TaskTracker,
    instances: Vec<Instance>,
}

impl Workers {
    fn new() -> Self {
        Self {
            tasks: TaskTracker::new(),
            instances: Vec::new(),
        }
    }

    /// A worker with one route.
    async fn add(&mut self, act: &str, answer: MethodRouter) -> u16 {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await;
        let listener = listener.expect("a free port");
        let port = listener.local_addr().expect("bound").port();
        let router = Router::new().route(&format!("/api/worker/{act}"), answer);
        self.tasks.spawn(async move {
            let _ = axum::serve(listener, router).await;
        });
        self.list(port);
        port
    }

    /// A worker that is listed and not there.
    async fn add_gone(&mut self) {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await;
        let port = listener.expect("a free port").local_addr().expect("bound");
        self.list(port.port());
    }

    fn list(&mut self, port: u16) {
        // The first is asked first: among equals whoever says it has less to do.
        let load = Some(self.instances.len() as u32);
        self.instances.push(Instance {
            load,
            ..Instance::new("m@llm", "127.0.0.1", port)
        });
    }

    fn link(&self) -> Arc<Link> {
        let pool = Arc::new(Pool::new("m"));
        pool.update(self.instances.clone());
        let peers = Peers {
            client: crate::workers::http_client().expect("a client"),
            key: SecretString::from("the-key"),
            patience: Duration::from_millis(500),
            trouble: Arc::default(),
        };
        let metadata = ModelMetadata::new("m", ModelKind::Llm);
        Arc::new(Link::new(pool, peers, metadata))
    }

    fn writer(&self) -> RemoteLanguage {
        RemoteLanguage::new(self.link())
    }
}

fn output(text: &str) -> Value {
    json!({
        "content": {"object": {"data": text, "format": "text"}, "type": "text"}, "error_code": 0, "incremental": false,
        "model_context": null, "finish_reason": null, "usage": null, "metrics": null
    })
}

fn framed(outputs: &[Value]) -> String {
    let frames: Vec<String> = outputs.iter().map(|output| format!("{output}\0")).collect();
    frames.concat()
}

/// Says these outputs and ends.
fn says(outputs: &[Value]) -> MethodRouter {
    let text = framed(outputs);
    post(move || std::future::ready(text.clone()))
}

/// Says these outputs, and its process is gone.
fn dies_behind(outputs: &[Value]) -> MethodRouter {
    let text = framed(outputs);
    post(move || {
        let told = futures::stream::iter([Ok(text.clone())]);
        let gone = futures::stream::once(async {
            tokio::time::sleep(Duration::from_millis(50)).await;
            Err(std::io::Error::other("killed"))
        });
        std::future::ready(Body::from_stream(told.chain(gone)))
    })
}

async fn ask(model: &RemoteLanguage) -> (String, Option<Error>) {
    let request = GenerateRequest::of(vec![PromptMessage::user("hi")]);
    let mut chunks = match model.generate(request).await {
        Ok(chunks) => chunks,
        Err(error) => return (String::new(), Some(error)),
    };
    let mut text = String::new();
    loop {
        match chunks.next().await {
            Some(Ok(Chunk::Text(piece))) => text.push_str(&piece.text),
            Some(Ok(Chunk::End { usage, .. })) => {
                _ = write!(text, "|{}", usage.completion_tokens);
            }
            Some(Ok(other)) => panic!("{other:?}"),
            Some(Err(error)) => return (text, Some(error)),
            None => return (text, None),
        }
    }
}

#[tokio::test]
async fn whoever_is_gone_is_passed_over_before_anything_is_told() {
    let mut workers = Workers::new();
    workers.add_gone().await;
    let mut end = output("alpha beta");
    end["usage"] = json!({"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3});
    workers
        .add("generate_stream", says(&[output("alpha"), end]))
        .await;
    let model = workers.writer();
    let (text, error) = ask(&model).await;
    assert_eq!((text.as_str(), error.is_none()), ("alpha beta|2", true));
    // It is not tried again as long as it is not heard of.
    let call = model.0.pool().choose(&[]).expect("somebody");
    assert!(
        call.address()
            .ends_with(&workers.instances[1].port.to_string())
    );
}

#[tokio::test]
async fn one_that_dies_midway_gives_one_error_and_is_avoided() {
    let mut workers = Workers::new();
    workers
        .add("generate_stream", dies_behind(&[output("alpha")]))
        .await;
    workers
        .add("generate_stream", says(&[output("whole")]))
        .await;
    let model = workers.writer();
    let (text, error) = ask(&model).await;
    assert_eq!(text, "alpha");
    let error = error.expect("it broke off");
    assert_eq!(error.kind(), "upstream");
    assert!(!error.to_string().contains("127.0.0.1"), "{error}");
    let (text, error) = ask(&model).await;
    assert_eq!((text.as_str(), error.is_none()), ("whole|2", true));
    assert_eq!(model.0.pool().open_calls(), 0);
}

#[tokio::test]
async fn one_that_is_silent_for_too_long_is_passed_over() {
    let mut workers = Workers::new();
    let silent = post(|| async { std::future::pending::<Result<String, Infallible>>().await });
    workers.add("generate_stream", silent).await;
    workers
        .add("generate_stream", says(&[output("there")]))
        .await;
    let (text, error) = ask(&workers.writer()).await;
    assert_eq!((text.as_str(), error.is_none()), ("there|2", true));
}

#[tokio::test]
async fn an_old_workers_texts_are_understood_and_its_failure_is_the_models() {
    let mut workers = Workers::new();
    let old = |text: &str| json!({"text": text, "error_code": 0});
    workers
        .add("generate_stream", says(&[old("al"), old("alpha")]))
        .await;
    assert_eq!(ask(&workers.writer()).await.0, "alpha|2");

    let mut workers = Workers::new();
    let failed = json!({"text": "**LLMServer Generate Error, Please CheckErrorInfo.**: no memory", "error_code": 1});
    workers.add("generate_stream", says(&[failed])).await;
    let (_, error) = ask(&workers.writer()).await;
    assert_eq!(error.expect("failed").to_string(), "m: no memory");
}

#[tokio::test]
async fn a_fault_of_the_request_is_not_asked_elsewhere_and_a_full_queue_is() {
    let refusal = |kind: &str| {
        let mut told = output("x");
        told["error_code"] = json!(1);
        told["error"] = json!({"kind": kind, "field": "temperature", "message": "is too hot"});
        told
    };
    let mut workers = Workers::new();
    workers
        .add("generate_stream", says(&[refusal("invalid")]))
        .await;
    workers
        .add("generate_stream", says(&[output("there")]))
        .await;
    let (_, error) = ask(&workers.writer()).await;
    assert_eq!(
        error.expect("refused").to_string(),
        "temperature: is too hot"
    );

    let mut workers = Workers::new();
    workers
        .add("generate_stream", says(&[refusal("overloaded")]))
        .await;
    workers
        .add("generate_stream", says(&[output("there")]))
        .await;
    assert_eq!(ask(&workers.writer()).await.0, "there|2");
}

#[tokio::test]
async fn garbage_and_other_keys_are_errors_that_say_so() {
    for (answer, expected) in [
        (says(&[json!("<html>")]), "has neither content nor text"),
        (says(&[]), "ended the answer before it began"),
        (
            post(|| async { (StatusCode::UNAUTHORIZED, "no") }),
            "set cluster.key to the same",
        ),
        (
            post(|| async { (StatusCode::INTERNAL_SERVER_ERROR, "Internal Server Error") }),
            "answered 500",
        ),
    ] {
        let mut workers = Workers::new();
        workers.add("generate_stream", answer).await;
        let (_, error) = ask(&workers.writer()).await;
        let error = error.expect("an error").to_string();
        assert!(error.contains(expected), "{error}");
    }
    let error = ask(&Workers::new().writer()).await.1;
    let error = error.expect("nobody").to_string();
    assert!(
        error.contains("start one with `tidegate worker`"),
        "{error}"
    );
}

#[tokio::test]
async fn several_answers_are_asked_for_one_by_one() {
    let mut workers = Workers::new();
    workers
        .add("generate_stream", says(&[output("four")]))
        .await;
    let request = GenerateRequest {
        n: Some(3),
        ..GenerateRequest::of(vec![PromptMessage::user("hi")])
    };
    let chunks = workers.writer().generate(request).await.expect("begins");
    let chunks: Vec<Chunk> = chunks.try_collect().await.expect("ends");
    let ends: Vec<u32> = chunks
        .iter()
        .filter_map(|chunk| match chunk {
            Chunk::End { choice, .. } => Some(*choice),
            _ => None,
        })
        .collect();
    assert_eq!(ends, [0, 1, 2]);
}

#[tokio::test]
async fn vectors_and_scores_come_in_the_order_of_the_texts() {
    use crate::workers::{Embedder as _, Reranker as _};

    let mut workers = Workers::new();
    let answer = |Json(body): Json<Value>| async move {
        let scores = json!([[0.5, 0.25]]);
        let vectors = json!([[1.0, 0.0], [0.0, 1.0]]);
        Json(if body.get("query").is_some() {
            scores
        } else {
            vectors
        })
    };
    workers.add("embeddings", post(answer)).await;
    let texts = || vec!["a".to_owned(), "b".to_owned()];
    let embedder = RemoteEmbedder::new(workers.link());
    let vectors = embedder.embed(texts(), None).await.expect("vectors");
    assert_eq!(vectors, [[1.0, 0.0], [0.0, 1.0]]);
    let reranker = RemoteReranker::new(workers.link());
    let scores = reranker.rerank("q".to_owned(), texts()).await;
    assert_eq!(scores.expect("scores"), [0.5, 0.25]);
    let short = embedder.embed(vec!["a".to_owned()], None).await;
    let short = short.expect_err("two for one").to_string();
    assert!(short.contains("2 vectors for 1 texts"), "{short}");
}
