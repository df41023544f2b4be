//! The front door: the page at `/`, and what keeps other web sites out.

use axum::{
    extract::Request,
    http::{HeaderMap, Method, header, uri::Authority},
    response::Html,
};

use super::extract::text;
use crate::config::Config;

const PAGE: &str = r#"<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Tidegate</title>
<style>body{font:16px/1.6 system-ui,sans-serif;max-width:42rem;margin:4rem auto;padding:0 1rem}code{background:#eef;padding:.1rem .3rem}</style>
</head><body><h1>Tidegate</h1><p>Ask your databases in plain words.</p>
<ul><li><a href="/graphql">GraphiQL</a>: queries, <code>ask</code>, live turns</li>
<li><a href="/docs/">REST documentation</a></li><li><a href="/ready">What is ready</a></li></ul>
<p>In the terminal: <code>tidegate ask shop "how many orders per city in 2024, top 5?"</code></p>
</body></html>
"#;

/// The page at `/`.
pub(super) async fn home() -> Html<&'static str> {
    Html(PAGE)
}

/// The web pages that may ask.
///
/// Without keys the server trusts the machine, not every page open in its browser: a request with a foreign
/// `Origin` is refused, one that a foreign page embeds (`<img>`, which sends no `Origin`) too, and on loopback one
/// whose `Host` is no loopback name (DNS rebinding).
#[derive(Debug, Default)]
pub(super) struct Pages {
    /// `server.cors_origins`.
    allowed: Vec<String>,
    /// Whether the listener is on loopback and trusts it.
    loopback: bool,
}

impl Pages {
    pub(super) fn of(config: &Config) -> Self {
        let loopback = config
            .web_address()
            .is_ok_and(|address| address.ip().is_loopback());
        Self {
            allowed: config.server.cors_origins.clone(),
            loopback: loopback && !config.server.open,
        }
    }

    /// # Errors
    /// What is refused that a foreign page sends through a visitor's browser, and how it is allowed.
    pub(super) fn admit(&self, request: &Request) -> Result<(), String> {
        let allows = |origin: &str| {
            self.allowed
                .iter()
                .any(|known| known == "*" || known == origin)
        };
        let (headers, uri) = (request.headers(), request.uri());
        let host = text(headers, header::HOST).or_else(|| uri.authority().map(Authority::as_str));
        if let Some(origin) = text(headers, header::ORIGIN) {
            let same = origin
                .split_once("://")
                .is_some_and(|(_, authority)| Some(authority) == host);
            if !same && !allows(origin) {
                return Err(format!(
                    "requests from pages of {origin} are refused; add it to server.cors_origins to allow them"
                ));
            }
        } else if is_embedded_elsewhere(request.method(), headers) && !allows("*") {
            return Err(
                "what pages of other origins embed is refused; add their origin to server.cors_origins and set \
                 `crossorigin` on the element to allow it"
                    .to_owned(),
            );
        }
        if self.loopback
            && let Some(host) = host
            && !is_loopback_name(host)
            && !self.allowed.iter().any(|origin| {
                origin == "*" || origin.split_once("://").is_some_and(|(_, it)| it == host)
            })
        {
            return Err(format!(
                "this server answers on loopback only, not as '{host}'; add its origin to server.cors_origins if a \
                 proxy of yours stands before it"
            ));
        }
        Ok(())
    }
}

/// Whether a browser says that a page of another origin embeds this. Following a link is the reader's own act.
fn is_embedded_elsewhere(method: &Method, headers: &HeaderMap) -> bool {
    let followed = method == Method::GET && text(headers, "sec-fetch-mode") == Some("navigate");
    !followed
        && matches!(
            text(headers, "sec-fetch-site"),
            Some("cross-site" | "same-site")
        )
}

fn is_loopback_name(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => host.rsplit_once(':').map_or(host, |(name, _)| name),
    };
    name.eq_ignore_ascii_case("localhost")
        || name
            .parse::<std::net::IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderMap, HeaderName, HeaderValue, Method};

    use super::{is_embedded_elsewhere, is_loopback_name};

    #[test]
    fn tells_an_embedded_image_from_a_link_and_from_a_program() {
        let embedded = |method: Method, sent: &[(&'static str, &'static str)]| {
            let headers: HeaderMap = sent
                .iter()
                .map(|&(name, value)| {
                    (
                        HeaderName::from_static(name),
                        HeaderValue::from_static(value),
                    )
                })
                .collect();
            is_embedded_elsewhere(&method, &headers)
        };
        let image = ("sec-fetch-mode", "no-cors");
        let link = ("sec-fetch-mode", "navigate");
        for site in ["cross-site", "same-site"] {
            let site = ("sec-fetch-site", site);
            assert!(embedded(Method::GET, &[site, image]), "{site:?}");
            assert!(embedded(Method::POST, &[site, link]), "{site:?}");
            assert!(!embedded(Method::GET, &[site, link]), "{site:?}");
        }
        assert!(!embedded(
            Method::GET,
            &[("sec-fetch-site", "same-origin"), image]
        ));
        assert!(!embedded(Method::GET, &[("sec-fetch-site", "none"), link]));
        assert!(!embedded(Method::GET, &[]));
    }

    #[test]
    fn knows_loopback_names_with_and_without_a_port() {
        for good in [
            "localhost",
            "localhost:5670",
            "127.0.0.1:80",
            "127.8.8.8",
            "[::1]:5670",
        ] {
            assert!(is_loopback_name(good), "{good}");
        }
        for bad in [
            "example.com:5670",
            "127.0.0.1.example.com",
            "10.0.0.1:80",
            "",
        ] {
            assert!(!is_loopback_name(bad), "{bad}");
        }
    }
}
