//! Places where no database answers, for every engine with a server: an error in bounded time that tells no secret.
//!
//! No server takes part, so that this holds for products we have none of.

use std::time::{Duration, Instant};

use futures::{StreamExt as _, stream::FuturesUnordered};
use secrecy::SecretString;
use tidegate_schema::{
    Error,
    model::{Connection, Engine},
};
use tidegate_server::drivers;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};

use crate::cases::Faults;

/// What connecting may take.
const LIMIT: Duration = Duration::from_millis(300);
/// What it may take on a machine that is busy with other tests.
const BOUND: Duration = Duration::from_secs(10);
const PASSWORD: &str = "s3cret-of-the-test";
const LONGEST_MESSAGE: usize = 2_000;
/// Times four kilobytes.
const FLOOD: usize = 1_000;

/// What the other side does once it has accepted.
#[derive(Debug, Clone, Copy)]
enum Stranger {
    Silent,
    HangsUp,
    /// Speaks HTTP, whatever it is asked.
    Http,
    /// Says back what is said to it, the password included if it is among it.
    Echoes,
    /// Sends far more than any greeting has.
    Floods,
}

fn servers() -> impl Iterator<Item = Engine> {
    Engine::ALL.into_iter().filter(|engine| !engine.is_file())
}

fn connection(engine: Engine, host: &str, port: u16) -> Connection {
    Connection {
        engine,
        path: String::new(),
        host: host.to_owned(),
        port,
        user: "reader".to_owned(),
        password: SecretString::from(PASSWORD),
        database: "shop".to_owned(),
    }
}

/// Connects, and takes down what is wrong with the refusal.
async fn check(faults: &mut Faults, what: &str, connection: &Connection) {
    let place = format!("{}, {what}", connection.engine.title());
    let started = Instant::now();
    let connected = drivers::connect("shop", connection, LIMIT, &std::env::temp_dir()).await;
    let took = started.elapsed();
    if took > BOUND {
        faults.add(format!("{place}: took {took:?}"));
    }
    match connected.err() {
        Some(error @ (Error::Upstream { .. } | Error::Timeout { .. })) => {
            let text = error.to_string();
            if text.contains(PASSWORD) || text.len() > LONGEST_MESSAGE {
                faults.add(format!("{place}: {text}"));
            }
        }
        other => faults.add(format!("{place}: {other:?}")),
    }
}

/// A port at which a stranger listens, for as long as the listener is served.
async fn stranger() -> (TcpListener, u16) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
    let port = listener.local_addr().expect("an address").port();
    (listener, port)
}

async fn behave(listener: &TcpListener, stranger: Stranger) {
    let mut lines = FuturesUnordered::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                if let Ok((line, _)) = accepted {
                    lines.push(talk(line, stranger));
                }
            }
            Some(()) = lines.next() => {}
        }
    }
}

async fn talk(mut line: TcpStream, stranger: Stranger) {
    let mut heard = [0; 4_096];
    match stranger {
        Stranger::HangsUp => {}
        Stranger::Silent => std::future::pending().await,
        Stranger::Http => {
            let words = b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\nno such thing";
            drop(line.write_all(words).await);
            // Until the other side is done: what it says last must not break what we said.
            while matches!(line.read(&mut heard).await, Ok(1..)) {}
        }
        Stranger::Echoes => {
            while let Ok(read @ 1..) = line.read(&mut heard).await {
                if line.write_all(&heard[..read]).await.is_err() {
                    break;
                }
            }
        }
        Stranger::Floods => {
            for _ in 0..FLOOD {
                if line.write_all(&[b'z'; 4_096]).await.is_err() {
                    return;
                }
            }
            std::future::pending::<()>().await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn strangers_are_recognised_or_given_up() {
    let mut faults = Faults::default();
    for engine in servers() {
        for kind in [
            Stranger::Silent,
            Stranger::HangsUp,
            Stranger::Http,
            Stranger::Echoes,
            Stranger::Floods,
        ] {
            let (listener, port) = stranger().await;
            let (what, there) = (format!("{kind:?}"), connection(engine, "127.0.0.1", port));
            tokio::select! {
                () = check(&mut faults, &what, &there) => {}
                () = behave(&listener, kind) => {}
            }
        }
    }
    faults.none();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn places_where_nobody_listens_are_errors() {
    let mut faults = Faults::default();
    let (listener, port) = stranger().await;
    // Free again, and not taken by anybody in this moment.
    drop(listener);
    for engine in servers() {
        for (what, host) in [
            ("no listener", "127.0.0.1"),
            // Reserved for documents: no such machine is ever there.
            ("no machine", "192.0.2.1"),
            ("no name", "no-such-host.invalid"),
        ] {
            check(&mut faults, what, &connection(engine, host, port)).await;
        }
    }
    faults.none();
}
