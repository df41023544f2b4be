//! How to reach a server: address, user, password and TLS, as the client library takes them.

use std::time::Duration;

use mysql_async::{Opts, OptsBuilder, SslOpts};
use tidegate_schema::{Result, model::Connection};

use crate::drivers::{place, secret};

/// A row larger than this is not taken in, whatever the limits of a run: the wire brings a row in one piece.
const LARGEST_PACKET: usize = 64 << 20;
/// After so long without a word the system asks whether the other side still lives.
const KEEP_ALIVE: Duration = Duration::from_secs(30);

/// What a connection says of its server.
pub(super) struct Reach {
    /// Host and port, or the socket's path.
    pub(super) address: String,
    pub(super) is_socket: bool,
    pub(super) password: String,
    /// With the database chosen.
    pub(super) database: Ways,
    /// To the server alone.
    pub(super) server: Ways,
}

/// The same connection with and without TLS.
pub(super) struct Ways {
    pub(super) secure: Opts,
    pub(super) plain: Opts,
}

impl Reach {
    /// Reads a connection; the password may stand in the environment.
    pub(super) fn of(connection: &Connection) -> Result<Self> {
        let host = place::host(&connection.host)?;
        let port = place::port(connection);
        let password = secret::password(connection)?;
        let options = OptsBuilder::default()
            .user(Some(connection.user.clone()))
            .pass((!password.is_empty()).then(|| password.clone()))
            .tcp_keepalive(Some(KEEP_ALIVE))
            // A server must not choose the file that we connect to next.
            .prefer_socket(false)
            .stmt_cache_size(0_usize)
            .max_allowed_packet(Some(LARGEST_PACKET))
            .wait_timeout(Some(28_800));
        let is_socket = host.starts_with('/');
        let options = if is_socket {
            options.socket(Some(host))
        } else {
            let inside = host
                .strip_prefix('[')
                .and_then(|rest| rest.strip_suffix(']'));
            options
                .ip_or_hostname(inside.unwrap_or(host))
                .tcp_port(port)
        };
        let name = connection.database.trim();
        let database = options
            .clone()
            .db_name((!name.is_empty()).then(|| name.to_owned()));
        Ok(Self {
            address: if is_socket {
                host.to_owned()
            } else {
                format!("{host}:{port}")
            },
            is_socket,
            password,
            database: Ways::new(database),
            server: Ways::new(options),
        })
    }
}

impl Ways {
    fn new(options: OptsBuilder) -> Self {
        // TLS as `sslmode=prefer` has it: that keeps listeners out, not impostors; a connection has no field yet to
        // ask for more.
        let unproved = SslOpts::default()
            .with_danger_accept_invalid_certs(true)
            .with_danger_skip_domain_validation(true);
        Self {
            secure: options.clone().ssl_opts(unproved).into(),
            plain: options.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use secrecy::SecretString;
    use tidegate_schema::model::Engine;

    use super::*;

    fn connection(host: &str, port: u16) -> Connection {
        Connection {
            engine: Engine::TiDb,
            path: String::new(),
            host: host.to_owned(),
            port,
            user: "reader".to_owned(),
            password: SecretString::from("s3cret"),
            database: " shop ".to_owned(),
        }
    }

    #[test]
    fn an_address_is_read_with_the_engines_own_port() {
        let reach = Reach::of(&connection(" db.example ", 0)).expect("read");
        assert_eq!(reach.address, "db.example:4000");
        assert_eq!(reach.database.plain.tcp_port(), 4000);
        assert_eq!(reach.database.plain.db_name(), Some("shop"));
        assert_eq!(reach.server.plain.db_name(), None);
        let reach = Reach::of(&connection("[::1]", 3307)).expect("read");
        assert_eq!(reach.address, "[::1]:3307");
        assert_eq!(reach.database.secure.ip_or_hostname(), "::1");
        let reach = Reach::of(&connection("/run/mysqld/mysqld.sock", 0)).expect("read");
        assert!(reach.is_socket);
        assert_eq!(reach.address, "/run/mysqld/mysqld.sock");
        assert!(Reach::of(&connection(" ", 0)).is_err());
    }

    #[test]
    fn a_server_may_not_choose_the_files_that_are_read() {
        let ways = Reach::of(&connection("db.example", 0))
            .expect("read")
            .database;
        for options in [ways.secure, ways.plain] {
            assert!(!options.prefer_socket());
            assert!(options.local_infile_handler().is_none());
            assert!(options.max_allowed_packet().is_some());
        }
    }
}
