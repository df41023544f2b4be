//! `/api/v1/beta/relevance` and `/api/v1/rerank`: how well documents fit a query.

use axum::{
    Json,
    extract::{Request, State},
    response::{IntoResponse as _, Response},
};
use tidegate_schema::{
    Result, model,
    wire::openai::{ErrorBody, RelevanceIn, RelevanceOut, RerankIn, RerankOut, UsageOut, ranked},
};

use super::{Caller, error::OpenAiError, relay};
use crate::{
    api::extract::{body_bytes, parse},
    app::App,
    services::metering::{Call, Operation},
    workers::RelayPath,
};

/// Score documents by how well they fit a query, in their order.
#[utoipa::path(post, path = "/api/v1/beta/relevance", tag = "rerank", request_body = RelevanceIn,
    responses((status = 200, body = RelevanceOut), (status = "4XX", body = ErrorBody)))]
pub(super) async fn create_relevance(
    State(app): State<App>,
    Caller(caller): Caller,
    request: Request,
) -> Result<Json<RelevanceOut>, OpenAiError> {
    let bytes = body_bytes(request, &app).await?;
    let wanted: RelevanceIn = parse(&bytes)?;
    let data = scores(&app, &caller, &wanted.model, wanted.query, wanted.documents).await?;
    Ok(Json(RelevanceOut {
        object: "list".to_owned(),
        model: wanted.model,
        data,
        usage: UsageOut::default(),
    }))
}

/// Rank documents by how well they fit a query, the best first.
///
/// In the shape that Jina and Cohere share; also at `/v1/rerank` and `/rerank`.
#[utoipa::path(post, path = "/api/v1/rerank", tag = "rerank", request_body = RerankIn,
    responses((status = 200, body = RerankOut), (status = "4XX", body = ErrorBody)))]
pub(super) async fn create_rerank(
    State(app): State<App>,
    Caller(caller): Caller,
    request: Request,
) -> Result<Response, OpenAiError> {
    let bytes = body_bytes(request, &app).await?;
    if let Some(relayed) = relay::try_relay(&app, &caller, RelayPath::Rerank, &bytes).await? {
        return Ok(relayed);
    }
    let wanted: RerankIn = parse(&bytes)?;
    let texts = wanted.texts()?;
    let told = wanted.told(texts.len())?;
    let with_texts = wanted.return_documents.unwrap_or(true);
    let scores = scores(&app, &caller, &wanted.model, wanted.query, texts.clone()).await?;
    Ok(Json(RerankOut {
        id: format!("rerank-{}", app.clock.new_id()),
        results: ranked(&scores, &texts, told, with_texts),
        model: wanted.model,
    })
    .into_response())
}

async fn scores(
    app: &App,
    caller: &model::Caller,
    model: &str,
    query: String,
    documents: Vec<String>,
) -> Result<Vec<f32>> {
    let call = Call {
        model: model.to_owned(),
        operation: Operation::Rerank,
        streamed: false,
    };
    let mut meter = app.metering().admit(caller, call).await?;
    let bytes = documents.iter().map(String::len).sum::<usize>();
    meter.expect(bytes.saturating_add(query.len()), None);
    match app.models().rerank(caller, model, query, documents).await {
        Ok(scores) => {
            meter.done();
            Ok(scores)
        }
        Err(error) => {
            meter.failed(&error);
            Err(error)
        }
    }
}
