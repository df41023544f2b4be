//! `/api/v1/embeddings`.

use axum::{
    Json,
    extract::{Request, State},
};
use tidegate_schema::wire::openai::{
    EmbeddingIn, EmbeddingOut, EmbeddingRow, EmbeddingValue, ErrorBody, Inputs, UsageOut,
};

use super::{Caller, body, error::OpenAiError};
use crate::app::App;

/// Embed one text or several.
#[utoipa::path(post, path = "/api/v1/embeddings", tag = "embeddings", request_body = EmbeddingIn,
    responses((status = 200, body = EmbeddingOut), (status = "4XX", body = ErrorBody)))]
pub(super) async fn create_embedding(
    State(app): State<App>,
    Caller(caller): Caller,
    request: Request,
) -> Result<Json<EmbeddingOut>, OpenAiError> {
    let wanted: EmbeddingIn = body(request, &app).await?;
    let base64 = wanted.base64()?;
    let dimensions = wanted.width()?;
    let texts = match wanted.input {
        Inputs::One(text) => vec![text],
        Inputs::Many(texts) => texts,
    };
    let vectors = app
        .models()
        .embed(&caller, &wanted.model, texts, dimensions)
        .await?;
    let data = vectors
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
        usage: UsageOut::default(),
    }))
}
