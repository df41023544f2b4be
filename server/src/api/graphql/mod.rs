//! `/graphql`: our own names, Relay connections, data loaders, subscriptions. Merges what the nouns' files hold.

pub mod conversations;
pub mod datasources;
pub mod error;
mod limits;
pub mod models;
mod page;
pub mod turns;

use std::{convert::Infallible, sync::Arc, time::Duration};

use async_graphql::{
    BatchRequest, Data, MergedObject, MergedSubscription, Request, Schema, dataloader::DataLoader,
    extensions::Tracing, http::ALL_WEBSOCKET_PROTOCOLS,
};
use async_graphql_axum::{GraphQLProtocol, GraphQLResponse, GraphQLWebSocket};
use axum::{
    Router,
    body::Body,
    extract::{FromRequest as _, FromRequestParts as _, State, WebSocketUpgrade},
    http::{HeaderMap, StatusCode, header, request::Parts},
    response::{Html, IntoResponse, Response},
    routing::get,
};
use futures::StreamExt as _;
use tidegate_schema::model::Caller;

use self::{conversations::MessageLoader, error::to_graphql};
use super::extract::identify;
use crate::app::App;

/// Largest batch of operations in one request.
const MOST_BATCHED: usize = 10;

/// Everything that can be read.
#[derive(MergedObject, Default)]
pub struct Query(
    datasources::DatasourceQueries,
    conversations::ConversationQueries,
    models::ModelQueries,
);

/// Everything that can be done.
#[derive(MergedObject, Default)]
pub struct Mutation(
    turns::TurnMutations,
    datasources::DatasourceMutations,
    conversations::ConversationMutations,
);

/// Everything that can be watched.
#[derive(MergedSubscription, Default)]
pub struct Subscription(turns::TurnSubscriptions);

/// The schema with everything in it.
pub type TidegateSchema = Schema<Query, Mutation, Subscription>;

fn builder() -> async_graphql::SchemaBuilder<Query, Mutation, Subscription> {
    Schema::build(
        Query::default(),
        Mutation::default(),
        Subscription::default(),
    )
}

/// The schema definition, for `tidegate spec graphql`.
pub fn sdl() -> String {
    builder().finish().sdl()
}

/// Routes of this skin.
pub fn routes(app: &App) -> Router<App> {
    let settings = &app.config.graphql;
    let mut builder = builder()
        .limit_depth(settings.max_depth)
        .limit_complexity(settings.max_complexity)
        .limit_directives(20)
        .limit_recursive_depth(64)
        .extension(limits::AliasLimit)
        .extension(Tracing)
        .data(app.clone());
    if !settings.introspection {
        builder = builder.disable_introspection();
    }
    let skin = Skin {
        schema: builder.finish(),
        timeout: Duration::from_secs(settings.timeout_seconds),
    };
    Router::new()
        .route("/graphql", get(open_graphql).post(run_graphql))
        .route("/graphql/assets/{name}", get(page::asset))
        .layer(axum::Extension(Arc::new(skin)))
}

/// What the handlers share.
struct Skin {
    schema: TidegateSchema,
    timeout: Duration,
}

/// What an operation may use: who calls, and loaders of its own.
#[expect(
    clippy::disallowed_methods,
    reason = "a loader lives as long as its request, which is waited for"
)]
fn context(app: &App, caller: &Caller) -> Data {
    let mut data = Data::default();
    data.insert(caller.clone());
    data.insert(DataLoader::new(
        MessageLoader {
            app: app.clone(),
            caller: caller.clone(),
        },
        |future| drop(tokio::task::spawn(future)),
    ));
    data
}

/// The page for a browser, a WebSocket for subscriptions, or an event stream for a query in the URL.
async fn open_graphql(
    State(app): State<App>,
    axum::Extension(skin): axum::Extension<Arc<Skin>>,
    request: axum::extract::Request,
) -> Response {
    let (mut parts, body) = request.into_parts();
    if let Ok(protocol) = GraphQLProtocol::from_request_parts(&mut parts, &app).await
        && let Ok(upgrade) = WebSocketUpgrade::from_request_parts(&mut parts, &app).await
    {
        return subscribe(app, skin, parts, protocol, upgrade);
    }
    if accepts(&parts.headers, "text/html") {
        return Html(page::page()).into_response();
    }
    run_graphql(
        State(app),
        axum::Extension(skin),
        axum::extract::Request::from_parts(parts, body),
    )
    .await
}

fn accepts(headers: &HeaderMap, kind: &str) -> bool {
    headers
        .get(header::ACCEPT)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|text| text.contains(kind))
}

fn subscribe(
    app: App,
    skin: Arc<Skin>,
    parts: Parts,
    protocol: GraphQLProtocol,
    upgrade: WebSocketUpgrade,
) -> Response {
    upgrade
        .protocols(ALL_WEBSOCKET_PROTOCOLS)
        .on_upgrade(move |socket| async move {
            let on_init = move |payload: serde_json::Value| async move {
                // A browser cannot set headers on a WebSocket: the key comes in connection_init there.
                let mut parts = parts;
                let token = payload
                    .get("authorization")
                    .or_else(|| payload.get("Authorization"))
                    .and_then(serde_json::Value::as_str)
                    .and_then(|text| text.parse().ok());
                if let Some(token) = token {
                    parts.headers.insert(header::AUTHORIZATION, token);
                }
                let caller = identify(&parts, &app)
                    .await
                    .map_err(|error| to_graphql(&error))?;
                Ok(context(&app, &caller))
            };
            GraphQLWebSocket::new(socket, skin.schema.clone(), protocol)
                .on_connection_init(on_init)
                .serve()
                .await;
        })
}

/// Queries, mutations, and subscriptions as an event stream.
async fn run_graphql(
    State(app): State<App>,
    axum::Extension(skin): axum::Extension<Arc<Skin>>,
    request: axum::extract::Request,
) -> Response {
    let (parts, body) = request.into_parts();
    let caller = match identify(&parts, &app).await {
        Ok(caller) => caller,
        Err(error) => {
            let response = async_graphql::Response::from_errors(vec![
                to_graphql(&error).into_server_error(async_graphql::Pos::default()),
            ]);
            return (StatusCode::UNAUTHORIZED, GraphQLResponse::from(response)).into_response();
        }
    };
    let streaming = accepts(&parts.headers, "text/event-stream");
    let request = axum::extract::Request::from_parts(parts, body);
    let batch = match async_graphql_axum::GraphQLBatchRequest::<
        async_graphql_axum::rejection::GraphQLRejection,
    >::from_request(request, &app)
    .await
    {
        Ok(batch) => batch.into_inner(),
        Err(rejection) => {
            let message = format!("not a GraphQL request: {}", rejection.0);
            return refuse(StatusCode::BAD_REQUEST, message);
        }
    };
    match batch {
        BatchRequest::Single(request) if streaming => stream(&app, &skin, &caller, request),
        BatchRequest::Batch(operations) if operations.len() > MOST_BATCHED => refuse(
            StatusCode::BAD_REQUEST,
            format!("a batch holds at most {MOST_BATCHED} operations"),
        ),
        BatchRequest::Single(request) => {
            let mut request = request;
            request.data = context(&app, &caller);
            let run = skin.schema.execute(request);
            match tokio::time::timeout(skin.timeout, run).await {
                Ok(response) => GraphQLResponse::from(response).into_response(),
                Err(_) => refuse(
                    StatusCode::OK,
                    format!(
                        "the operation took longer than {} s",
                        skin.timeout.as_secs()
                    ),
                ),
            }
        }
        BatchRequest::Batch(operations) => {
            let operations = operations
                .into_iter()
                .map(|mut request| {
                    request.data = context(&app, &caller);
                    request
                })
                .collect();
            let run = skin.schema.execute_batch(BatchRequest::Batch(operations));
            match tokio::time::timeout(skin.timeout, run).await {
                Ok(response) => GraphQLResponse::from(response).into_response(),
                Err(_) => refuse(
                    StatusCode::OK,
                    format!("the batch took longer than {} s", skin.timeout.as_secs()),
                ),
            }
        }
    }
}

fn refuse(status: StatusCode, message: String) -> Response {
    let error = async_graphql::ServerError::new(message, None);
    (
        status,
        GraphQLResponse::from(async_graphql::Response::from_errors(vec![error])),
    )
        .into_response()
}

/// One operation over the graphql-sse protocol, distinct connections mode.
fn stream(app: &App, skin: &Skin, caller: &Caller, mut request: Request) -> Response {
    request.data = context(app, caller);
    let frames = skin
        .schema
        .execute_stream(request)
        .map(|response| {
            let data = serde_json::to_string(&response).unwrap_or_default();
            Ok::<_, Infallible>(format!("event: next\ndata: {data}\n\n"))
        })
        .chain(futures::stream::once(async {
            Ok("event: complete\ndata:\n\n".to_owned())
        }));
    (
        [(header::CONTENT_TYPE, "text/event-stream")],
        Body::from_stream(frames),
    )
        .into_response()
}
