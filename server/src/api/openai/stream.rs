//! What the streams of this surface share.

use std::convert::Infallible;

use axum::{
    body::Body,
    http::header,
    response::{IntoResponse as _, Response},
};
use futures::{Stream, StreamExt as _};
use sha2::{Digest as _, Sha256};
use tidegate_schema::Error;

use super::error::body_of;
use crate::workers::ModelMetadata;

/// The end of a stream.
pub(super) const DONE: &str = "data: [DONE]\n\n";

/// Characters of a fingerprint.
const FINGERPRINT_CHARS: usize = 10;

/// A stream of server-sent events, written.
pub(super) fn event_stream(frames: impl Stream<Item = String> + Send + 'static) -> Response {
    (
        [
            (header::CONTENT_TYPE, "text/event-stream; charset=utf-8"),
            (header::CACHE_CONTROL, "no-cache"),
        ],
        Body::from_stream(frames.map(Ok::<_, Infallible>)),
    )
        .into_response()
}

/// A frame with a JSON document.
pub(super) fn frame(document: &impl serde::Serialize) -> String {
    format!(
        "data: {}\n\n",
        serde_json::to_string(document).unwrap_or_default()
    )
}

/// The frames that end a stream which broke off: OpenAI's SDKs raise what they read in `error`.
pub(super) fn broken(error: &Error) -> String {
    tracing::debug!(%error, "a stream failed after its first byte");
    frame(&body_of(error)) + DONE
}

/// What answers: another value says that the same seed need not give the same answer any more.
pub(super) fn fingerprint(metadata: &ModelMetadata) -> String {
    let dtype = metadata.dtype.as_deref().unwrap_or_default();
    let version = env!("CARGO_PKG_VERSION");
    let sum = hex::encode(Sha256::digest(format!(
        "{}\n{dtype}\n{version}",
        metadata.name
    )));
    format!("fp_{}", &sum[..FINGERPRINT_CHARS])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workers::ModelKind;

    #[test]
    fn a_fingerprint_is_the_models_own_and_stays() {
        let one = ModelMetadata::new("one", ModelKind::Llm);
        let other = ModelMetadata {
            dtype: Some("int8".to_owned()),
            ..one.clone()
        };
        assert_eq!(fingerprint(&one), fingerprint(&one.clone()));
        assert_ne!(fingerprint(&one), fingerprint(&other));
        assert_eq!(fingerprint(&one).len(), "fp_".len() + FINGERPRINT_CHARS);
    }
}
