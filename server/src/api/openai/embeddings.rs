//! `/api/v1/embeddings`.

use axum::{
    Json,
    extract::{Request, State},
    response::{IntoResponse as _, Response},
};
use tidegate_schema::{
    Result, model,
    wire::openai::{
        EmbeddingIn, EmbeddingOut, EmbeddingRow, EmbeddingValue, ErrorBody, Inputs, UsageOut,
    },
};

use super::{Caller, error::OpenAiError, relay};
use crate::{
    api::extract::{body_bytes, parse},
    app::App,
    services::metering::{Call, Operation},
    workers::RelayPath,
};

/// Embed one text or several.
#[utoipa::path(post, path = "/api/v1/embeddings", tag = "embeddings", request_body = EmbeddingIn,
    responses((status = 200, body = EmbeddingOut), (status = "4XX", body = ErrorBody)))]
pub(super) async fn create_embedding(
    State(app): State<App>,
    Caller(caller): Caller,
    request: Request,
) -> Result<Response, OpenAiError> {
    let bytes = body_bytes(request, &app).await?;
    if let Some(relayed) = relay::try_relay(&app, &caller, RelayPath::Embeddings, &bytes).await? {
        return Ok(relayed);
    }
    Ok(embedded(&app, &caller, &bytes).await?.into_response())
}

async fn embedded(app: &App, caller: &model::Caller, bytes: &[u8]) -> Result<Json<EmbeddingOut>> {
    let wanted: EmbeddingIn = parse(bytes)?;
    let base64 = wanted.base64()?;
    let dimensions = wanted.width()?;
    let texts = match wanted.input {
        Inputs::One(text) => vec![text],
        Inputs::Many(texts) => texts,
    };
    let call = Call {
        model: wanted.model.clone(),
        operation: Operation::Embeddings,
        streamed: false,
    };
    let mut meter = app.metering().admit(caller, call).await?;
    meter.expect(texts.iter().map(String::len).sum(), None);
    let embedded = match app
        .models()
        .embed_counted(caller, &wanted.model, texts, dimensions)
        .await
    {
        Ok(embedded) => embedded,
        Err(error) => {
            meter.failed(&error);
            return Err(error);
        }
    };
    let usage = model::Usage {
        prompt_tokens: embedded.prompt_tokens.unwrap_or(0),
        completion_tokens: 0,
    };
    if embedded.prompt_tokens.is_some() {
        meter.usage(usage);
    }
    meter.done();
    let data = embedded
        .vectors
        .into_iter()
        .enumerate()
        .map(|(index, vector)| EmbeddingRow {
            object: "embedding".to_owned(),
            embedding: EmbeddingValue::new(vector, base64),
            index,
        })
        .collect();
    Ok(Json(EmbeddingOut {
        object: "list".to_owned(),
        data,
        model: wanted.model,
        usage: UsageOut::from(usage),
    }))
}
