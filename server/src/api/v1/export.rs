//! `/api/v1/editor/sql/export`: a query's result as a file, over the `exports` service.

use axum::{
    body::Body,
    extract::State,
    http::{
        HeaderMap, HeaderValue,
        header::{
            CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_TYPE, TE, TRAILER, X_CONTENT_TYPE_OPTIONS,
        },
    },
    response::{IntoResponse as _, Response},
};
use futures::TryStreamExt as _;
use http_body_util::BodyExt as _;
use tidegate_schema::{Error, wire::v1::export as wire};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    api::{
        envelope::Problem,
        extract::{Caller, Json},
    },
    app::App,
    services::exports::{Export, Format, Options, Written},
};

/// Rows in the file, told behind it.
const ROWS: &str = "x-tidegate-rows";
/// After how many rows a cap cut the result, told behind the file, and only if one did.
const CUT: &str = "x-tidegate-cut";

/// Routes of this file.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(export_sql_v1))
}

/// Export one query's result as a file.
///
/// The body is the file, streamed: `csv` (also with `bom`), `json`, `jsonl`, `arrow` (an IPC stream), `parquet` or
/// `xlsx`, with the media type of each. An error in the middle breaks the transfer off, so that half a file never looks
/// whole. A cap (`limits.export_rows`, `export_bytes`) is never silent either: a Parquet file then has the metadata key
/// `tidegate.cut_at`, a workbook a sheet `Cut`, and a client that sends `TE: trailers` is told in the trailer
/// `x-tidegate-cut`. In the other formats, and with `whole` in every one, a cut breaks the transfer off; `whole: false`
/// takes what there is without a word. Errors before the first row are an envelope.
#[utoipa::path(post, path = "/api/v1/editor/sql/export", tag = "editor", request_body = wire::SqlExportIn,
    responses((status = 200, content_type = "application/octet-stream", body = String)))]
pub(super) async fn export_sql_v1(
    State(app): State<App>,
    Caller(caller): Caller,
    headers: HeaderMap,
    Json(body): Json<wire::SqlExportIn>,
) -> Result<Response, Problem> {
    let format = body
        .format
        .map_or(Ok(Format::Csv), |name| name.parse::<Format>())?;
    let is_told = format.tells_a_cut() || reads_trailers(&headers);
    let options = Options {
        format,
        whole: body.whole.unwrap_or(!is_told),
        bom: body.bom.unwrap_or(false),
    };
    let export = app
        .exports()
        .start(&caller, &body.db_name, &body.sql, options)
        .await?;
    Ok(file(export))
}

/// Whether the client says that it reads what stands behind a body.
fn reads_trailers(headers: &HeaderMap) -> bool {
    let values = headers.get_all(TE).iter();
    values
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|one| one.trim().eq_ignore_ascii_case("trailers"))
}

/// The response that carries a file.
fn file(export: Export) -> Response {
    let Export {
        content_type,
        file_name,
        body,
        written,
    } = export;
    let behind = async move {
        let written = written.await.ok()?;
        Some(Ok::<_, axum::Error>(trailers(written)))
    };
    let body = Body::from_stream(body.inspect_err(broken_off)).with_trailers(behind);
    let headers = [
        (CONTENT_TYPE, content_type.to_owned()),
        (
            CONTENT_DISPOSITION,
            format!("attachment; filename=\"{file_name}\""),
        ),
        (X_CONTENT_TYPE_OPTIONS, "nosniff".to_owned()),
        (CACHE_CONTROL, "no-store".to_owned()),
        (TRAILER, format!("{ROWS}, {CUT}")),
    ];
    (headers, Body::new(body)).into_response()
}

fn trailers(written: Written) -> HeaderMap {
    let mut trailers = HeaderMap::new();
    trailers.insert(ROWS, HeaderValue::from(written.rows));
    if let Some(rows) = written.cut_at {
        trailers.insert(CUT, HeaderValue::from(rows));
    }
    trailers
}

/// After the first byte nothing but the break itself can be told to the client: the log says why.
fn broken_off(error: &Error) {
    if matches!(error, Error::Internal { .. }) {
        tracing::error!(error = error.log_chain(), "an export broke off");
    } else {
        tracing::debug!(kind = error.kind(), %error, "an export broke off");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_reads_trailers_says_so() {
        let sent = |value: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(TE, HeaderValue::from_static(value));
            reads_trailers(&headers)
        };
        assert!(sent("trailers") && sent("gzip;q=0.5, Trailers"));
        assert!(!sent("gzip") && !reads_trailers(&HeaderMap::new()));
    }
}
