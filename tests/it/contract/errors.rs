//! The error matrix: every kind down, every skin across, status and body in each cell.

use std::{fmt::Write as _, time::Duration};

use anyhow::Result;
use axum::{
    body::to_bytes,
    response::{IntoResponse as _, Response},
};
use serde_json::{Value, json};
use tidegate_schema::Error;
use tidegate_server::api::{
    envelope::Problem, graphql::error::to_graphql, openai::error::OpenAiError,
};

/// One error of every kind, and the variations some skin tells apart.
fn every_kind() -> Vec<Error> {
    let all = vec![
        Error::NotFound {
            what: "datasource",
            name: "shpo".to_owned(),
            hint: Some("did you mean 'shop'?".to_owned()),
        },
        Error::not_found("model", "gpt"),
        Error::not_found("conversation", "c-1"),
        Error::AlreadyExists {
            what: "datasource",
            name: "shop".to_owned(),
        },
        Error::invalid("body.temperature", "Input should be a valid number"),
        Error::invalid(
            "temperature",
            "3.0 is greater than the maximum of 2 - 'temperature'",
        ),
        Error::Unauthenticated {
            reason: "this API key is unknown or revoked".to_owned(),
        },
        Error::Forbidden {
            reason: "this key has no grant on the datasource 'shop'".to_owned(),
        },
        Error::Conflict {
            reason: "the datasource is being changed".to_owned(),
        },
        Error::Unsupported {
            what: "Unsupported Chat Mode,chat_nope!".to_owned(),
        },
        Error::Overloaded {
            retry_after: Duration::from_secs(7),
        },
        Error::RateLimited {
            reason: "the key 'team' is at its limit (requests per minute: 5)".to_owned(),
            retry_after: Duration::from_secs(7),
        },
        Error::QuotaExceeded {
            reason: "the token budget of this key is spent".to_owned(),
        },
        Error::upstream("shop", "no such table: missing"),
        Error::Timeout {
            what: "the query".to_owned(),
            limit: Duration::from_secs(30),
        },
        Error::internal("opening the store", std::io::Error::other("disk on fire")),
    ];
    let kinds: std::collections::BTreeSet<&str> = all.iter().map(Error::kind).collect();
    for error in &all {
        // No wildcard: a new kind does not compile until it has a row here.
        match error {
            Error::NotFound { .. }
            | Error::AlreadyExists { .. }
            | Error::Invalid { .. }
            | Error::Unauthenticated { .. }
            | Error::Forbidden { .. }
            | Error::Conflict { .. }
            | Error::Unsupported { .. }
            | Error::Overloaded { .. }
            | Error::RateLimited { .. }
            | Error::QuotaExceeded { .. }
            | Error::Upstream { .. }
            | Error::Timeout { .. }
            | Error::Internal { .. } => {}
        }
    }
    assert_eq!(kinds.len(), 13, "every kind has a row: {kinds:?}");
    all
}

async fn cell(response: Response) -> Result<String> {
    let status = response.status().as_u16();
    let retry = response
        .headers()
        .get("retry-after")
        .map(|value| value.to_str().map(str::to_owned))
        .transpose()?;
    let bytes = to_bytes(response.into_body(), usize::MAX).await?;
    let body: Value = serde_json::from_slice(&bytes)?;
    let retry = retry.map_or(String::new(), |seconds| {
        format!(" (Retry-After: {seconds})")
    });
    Ok(format!("{status}{retry} {body}"))
}

#[tokio::test]
async fn every_kind_of_error_has_its_shape_on_every_skin() -> Result<()> {
    let mut matrix = String::new();
    for error in every_kind() {
        let v1 = cell(Problem::from(error.clone()).into_response()).await?;
        let openai = cell(OpenAiError::from(error.clone()).into_response()).await?;
        let shown = to_graphql(&error);
        let graphql = json!({"message": shown.message, "extensions": shown.extensions});
        let row = format!(
            "{}: {error}\n  v1       {v1}\n  openai   {openai}\n  graphql  {graphql}\n",
            error.kind()
        );
        assert!(
            !row.contains("disk on fire"),
            "an inside cause went out: {row}"
        );
        writeln!(matrix, "{row}")?;
    }
    insta::assert_snapshot!("error_matrix", matrix);
    Ok(())
}
