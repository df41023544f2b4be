//! The SQL Server driver against a stand-in: a server in this process that says what MS-TDS has a server say.
//!
//! No SQL Server took part. What is proven is that the driver speaks the protocol and keeps its promises over it; that
//! a real server understands the statements of the driver's own (the catalogue queries, the description of a
//! statement, `WITH RESULT SETS`) is not.

mod acts;
mod catalogue;
mod link;
mod runs;
mod said;
mod stand_in;
mod tokens;
mod values;
mod ways_in;

use std::time::Duration;

use secrecy::SecretString;
use tidegate_schema::{
    Error,
    model::{Connection, Engine},
};
use tidegate_server::drivers::{Limits, mssql::SqlServer};

use stand_in::StandIn;

const PASSWORD: &str = "s3cret-of-the-test";
const TIMEOUT: Duration = Duration::from_secs(10);

/// How the product would connect to a stand-in.
fn connection(port: u16) -> Connection {
    Connection {
        engine: Engine::SqlServer,
        path: String::new(),
        host: "127.0.0.1".into(),
        port,
        user: "shop".into(),
        password: SecretString::from(PASSWORD),
        database: "store".into(),
    }
}

async fn connected(server: &StandIn) -> SqlServer {
    SqlServer::connect("shop", &connection(server.port()), TIMEOUT)
        .await
        .expect("connects")
}

async fn refused(connection: &Connection, timeout: Duration) -> Error {
    SqlServer::connect("shop", connection, timeout)
        .await
        .err()
        .expect("refused")
}

fn within(rows: usize, time_ms: u64) -> Limits {
    Limits {
        rows,
        time: Duration::from_millis(time_ms),
        ..Limits::default()
    }
}
