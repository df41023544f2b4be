//! The GraphiQL page, from files embedded at build time; no CDN. A build without them has a plain explorer.

use axum::{
    extract::Path,
    http::{StatusCode, header},
    response::{IntoResponse as _, Response},
};

/// Files of GraphiQL and React, embedded by the build script from the folder that `TIDEGATE_GRAPHIQL_DIR` names.
mod embedded {
    include!(concat!(env!("OUT_DIR"), "/graphiql.rs"));
}

const GRAPHIQL: &str = r#"<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Tidegate GraphiQL</title>
<link rel="stylesheet" href="/graphql/assets/graphiql.min.css">
<style>body{margin:0}#graphiql{height:100vh}</style></head>
<body><div id="graphiql"></div>
<script src="/graphql/assets/react.production.min.js"></script>
<script src="/graphql/assets/react-dom.production.min.js"></script>
<script src="/graphql/assets/graphiql.min.js"></script>
<script>
const scheme = location.protocol === "https:" ? "wss:" : "ws:";
const fetcher = GraphiQL.createFetcher({url: "/graphql", subscriptionUrl: `${scheme}//${location.host}/graphql`});
const query = `{
  datasources {
    nodes {
      name
      engine
      tables {
        nodes {
          name
          columns {
            name
            dataType
          }
        }
      }
    }
  }
}
`;
ReactDOM.createRoot(document.getElementById("graphiql")).render(
  React.createElement(GraphiQL, {fetcher, defaultQuery: query, shouldPersistHeaders: true}));
</script></body></html>
"#;

const PLAIN: &str = include_str!("explorer.html");

/// The page.
pub(super) fn page() -> &'static str {
    if embedded::FILES.is_empty() {
        PLAIN
    } else {
        GRAPHIQL
    }
}

/// One embedded file.
pub(super) async fn asset(Path(name): Path<String>) -> Response {
    let Some((_, bytes)) = embedded::FILES.iter().find(|(file, _)| *file == name) else {
        return (StatusCode::NOT_FOUND, "no such asset").into_response();
    };
    let kind = if std::path::Path::new(&name)
        .extension()
        .is_some_and(|e| e == "css")
    {
        "text/css"
    } else {
        "text/javascript"
    };
    (
        [
            (header::CONTENT_TYPE, kind),
            (header::CACHE_CONTROL, "public, max-age=86400"),
        ],
        *bytes,
    )
        .into_response()
}
