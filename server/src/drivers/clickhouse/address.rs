//! A server's address from what a person gives.

use std::net::Ipv6Addr;

use reqwest::Url;
use tidegate_schema::{Error, Result, model::Engine};

use crate::drivers::place;

/// Ports that are spoken to in TLS.
const TLS_PORTS: [u16; 2] = [443, 8443];

/// The address of a host and a port. A port for TLS, or `https://` before the host, makes it TLS.
pub(super) fn read(host: &str, port: u16) -> Result<Url> {
    let host = host.trim().trim_end_matches('/');
    let (scheme, host) = match host.split_once("://") {
        Some((scheme, host)) if ["http", "https"].contains(&scheme) => (Some(scheme), host),
        _ => (None, host),
    };
    let host = place::host(host)?;
    let port = match (port, scheme) {
        (0, Some("https")) => 8443,
        (0, _) => Engine::ClickHouse.default_port(),
        (port, _) => port,
    };
    let scheme = scheme.unwrap_or(if TLS_PORTS.contains(&port) {
        "https"
    } else {
        "http"
    });
    let no_host = || {
        let reason = format!(
            "'{host}' is no host name or address; the port has a field of its own, and a path has no place"
        );
        Error::invalid("host", reason)
    };
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let spelled = if bare.parse::<Ipv6Addr>().is_ok() {
        format!("[{bare}]")
    } else if host.contains([':', '/', '@', '?', '#', '\\']) || host.contains(char::is_whitespace) {
        return Err(no_host());
    } else {
        host.to_owned()
    };
    Url::parse(&format!("{scheme}://{spelled}:{port}/")).map_err(|_| no_host())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_port_or_the_host_says_whether_it_is_tls() {
        for (host, port, expected) in [
            ("db", 0, "http://db:8123/"),
            (" db ", 8124, "http://db:8124/"),
            ("db", 8443, "https://db:8443/"),
            ("db", 443, "https://db/"),
            ("https://db", 0, "https://db:8443/"),
            ("https://db/", 9440, "https://db:9440/"),
            ("http://db", 8443, "http://db:8443/"),
            ("10.0.0.1", 0, "http://10.0.0.1:8123/"),
            ("::1", 0, "http://[::1]:8123/"),
            ("[::1]", 0, "http://[::1]:8123/"),
        ] {
            let url = read(host, port).expect(host);
            assert_eq!(url.as_str(), expected, "{host} {port}");
        }
        for host in [
            "", " ", "db:8123", "db/path", "user@db", "db?x=1", "a b", "ftp://db",
        ] {
            let error = read(host, 0).expect_err(host);
            assert!(
                matches!(&error, Error::Invalid { field, .. } if field == "host"),
                "{error}"
            );
        }
    }
}
