//! `/graphql`: our own names, Relay connections, data loaders, subscriptions. Merges what the nouns' files hold.

pub mod conversations;
pub mod datasources;
pub mod error;
pub mod examples;
mod limits;
pub mod models;
mod page;
mod paging;
pub mod turns;
pub mod usage;

use std::{convert::Infallible, sync::Arc, time::Duration};

use async_graphql::{
    BatchRequest, Data, MergedObject, MergedSubscription, Request, Schema,
    dataloader::DataLoader,
    extensions::Tracing,
    http::ALL_WEBSOCKET_PROTOCOLS,
    parser::{parse_query, types::OperationType},
};
use async_graphql_axum::{GraphQLProtocol, GraphQLResponse, GraphQLWebSocket};
use axum::{
    Router,
    body::Body,
    extract::{FromRequest as _, FromRequestParts as _, State, WebSocketUpgrade},
    http::{HeaderMap, HeaderValue, Method, StatusCode, header, request::Parts},
    response::{Html, IntoResponse, Response},
    routing::get,
};
use futures::StreamExt as _;
use tidegate_schema::{Error, model::Caller};

use self::{
    conversations::MessageLoader,
    error::{to_graphql, to_server},
};
use super::extract::identify;
use crate::app::App;

/// Largest batch of operations in one request.
const MOST_BATCHED: usize = 10;

/// Everything that can be read.
#[derive(MergedObject, Default)]
pub struct Query(
    datasources::DatasourceQueries,
    conversations::ConversationQueries,
    examples::ExampleQueries,
    models::ModelQueries,
    usage::UsageQueries,
);

/// Everything that can be done.
#[derive(MergedObject, Default)]
pub struct Mutation(
    turns::TurnMutations,
    datasources::DatasourceMutations,
    conversations::ConversationMutations,
    examples::ExampleMutations,
    models::ModelMutations,
);

/// Everything that can be watched.
#[derive(MergedSubscription, Default)]
pub struct Subscription(turns::TurnSubscriptions, models::ModelSubscriptions);

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
        .extension(limits::TimeLimit {
            operation: Duration::from_secs(settings.timeout_seconds),
            turn: Duration::from_secs(app.config.limits.turn_seconds),
        })
        .extension(Tracing)
        .data(app.clone());
    if !settings.introspection {
        builder = builder.disable_introspection();
    }
    let skin = Skin {
        schema: builder.finish(),
    };
    Router::new()
        .route("/graphql", get(open_graphql).post(run_graphql))
        .route("/graphql/assets/{name}", get(page::asset))
        .layer(axum::Extension(Arc::new(skin)))
}

/// What the handlers share.
struct Skin {
    schema: TidegateSchema,
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
        Err(error) => return refuse(StatusCode::UNAUTHORIZED, &error),
    };
    let by_get = parts.method == Method::GET;
    let streaming = accepts(&parts.headers, "text/event-stream");
    let named = by_get
        .then(|| operation_name(parts.uri.query().unwrap_or_default()))
        .flatten();
    let request = axum::extract::Request::from_parts(parts, body);
    let mut batch = match async_graphql_axum::GraphQLBatchRequest::<
        async_graphql_axum::rejection::GraphQLRejection,
    >::from_request(request, &app)
    .await
    {
        Ok(batch) => batch.into_inner(),
        Err(rejection) => {
            let reason = format!("not a GraphQL request: {}", rejection.0);
            return refuse(StatusCode::BAD_REQUEST, &Error::invalid("request", reason));
        }
    };
    if let BatchRequest::Single(request) = &mut batch
        && named.is_some()
    {
        request.operation_name = named;
    }
    // Any page's <img> sends a GET, and whatever stands between may send it again: it only ever reads.
    if by_get && batch.iter().any(mutates) {
        let what = "a mutation is not run by GET; send it by POST".to_owned();
        let mut response = refuse(StatusCode::METHOD_NOT_ALLOWED, &Error::Unsupported { what });
        response
            .headers_mut()
            .insert(header::ALLOW, HeaderValue::from_static("POST"));
        return response;
    }
    match batch {
        BatchRequest::Single(request) if streaming => stream(&app, &skin, &caller, request),
        BatchRequest::Batch(operations) if operations.len() > MOST_BATCHED => refuse(
            StatusCode::BAD_REQUEST,
            &Error::invalid(
                "request",
                format!("a batch holds at most {MOST_BATCHED} operations"),
            ),
        ),
        BatchRequest::Single(mut request) => {
            request.data = context(&app, &caller);
            GraphQLResponse::from(skin.schema.execute(request).await).into_response()
        }
        BatchRequest::Batch(mut operations) => {
            for request in &mut operations {
                request.data = context(&app, &caller);
            }
            let run = skin.schema.execute_batch(BatchRequest::Batch(operations));
            GraphQLResponse::from(run.await).into_response()
        }
    }
}

/// The operation a GET names, as GraphQL over HTTP spells it; async-graphql 7.2 looks for `operation_name`.
fn operation_name(query: &str) -> Option<String> {
    url::form_urlencoded::parse(query.as_bytes())
        .find(|(name, _)| name == "operationName")
        .map(|(_, value)| value.into_owned())
        .filter(|name| !name.is_empty())
}

/// Whether the operation of a request is a mutation. What cannot be parsed runs nothing.
fn mutates(request: &Request) -> bool {
    let wanted = request.operation_name.as_deref();
    parse_query(&request.query).is_ok_and(|document| {
        document.operations.iter().any(|(name, operation)| {
            let chosen = match (wanted, name) {
                (Some(wanted), Some(name)) => name.as_str() == wanted,
                _ => true,
            };
            chosen && operation.node.ty == OperationType::Mutation
        })
    })
}

fn refuse(status: StatusCode, error: &Error) -> Response {
    let response = async_graphql::Response::from_errors(vec![to_server(error)]);
    (status, GraphQLResponse::from(response)).into_response()
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
