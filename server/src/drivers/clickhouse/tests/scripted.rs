//! A server that says what a test has it say.

use std::{
    io::{Read as _, Write as _},
    net::{TcpListener, TcpStream},
    sync::{Arc, Mutex, PoisonError},
    thread,
    time::Duration,
};

use secrecy::SecretString;
use tidegate_schema::model::{Connection, Engine};

use super::{ClickHouse, PASSWORD, PATIENCE};

/// A server that answers by what a request holds, and keeps what it was asked.
pub(super) struct Scripted {
    port: u16,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Scripted {
    /// Answers with the first whose key the request holds; with nothing to a request that no key fits.
    pub(super) fn start(answers: Vec<(&'static str, Vec<u8>)>) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let scripted = Self {
            port,
            asked: Arc::default(),
        };
        let answers = Arc::new(answers);
        let asked = scripted.asked.clone();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (answers, asked) = (answers.clone(), asked.clone());
                thread::spawn(move || answer(stream, &answers, &asked));
            }
        });
        scripted
    }

    pub(super) fn connection(&self) -> Connection {
        Connection {
            engine: Engine::ClickHouse,
            path: String::new(),
            host: "127.0.0.1".into(),
            port: self.port,
            user: "ann".into(),
            password: SecretString::from(PASSWORD),
            database: "web".into(),
        }
    }

    pub(super) async fn driver(&self) -> ClickHouse {
        ClickHouse::connect("logs", &self.connection(), PATIENCE)
            .await
            .expect("connects")
    }

    /// The request that holds this, once it has come.
    pub(super) async fn asked(&self, part: &str) -> String {
        for _ in 0..500 {
            if let Some(found) = self.found(part) {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("nobody asked {part}");
    }

    fn found(&self, part: &str) -> Option<String> {
        let asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        asked.iter().find(|request| request.contains(part)).cloned()
    }
}

fn answer(mut stream: TcpStream, answers: &[(&str, Vec<u8>)], asked: &Mutex<Vec<String>>) {
    let mut request = Vec::new();
    let mut piece = [0; 4096];
    while !is_whole(&request) {
        match stream.read(&mut piece) {
            Ok(0) | Err(_) => return,
            Ok(read) => request.extend_from_slice(&piece[..read]),
        }
    }
    let request = String::from_utf8_lossy(&request).into_owned();
    let found = answers.iter().find(|(key, _)| request.contains(key));
    let bytes = found.map_or_else(|| whole("", ""), |(_, bytes)| bytes.clone());
    asked
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .push(request);
    let _ = stream.write_all(&bytes);
}

fn is_whole(request: &[u8]) -> bool {
    let text = String::from_utf8_lossy(request);
    let Some((head, body)) = text.split_once("\r\n\r\n") else {
        return false;
    };
    let length = head
        .lines()
        .find_map(|line| {
            line.to_ascii_lowercase()
                .strip_prefix("content-length: ")?
                .parse()
                .ok()
        })
        .unwrap_or(0);
    body.len() >= length
}

pub(super) fn whole(headers: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!(
        "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {length}\r\n{headers}\r\n{body}"
    )
    .into_bytes()
}

/// An answer in chunks whose last one never comes.
pub(super) fn torn(headers: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!(
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n{headers}\r\n{length:x}\r\n{body}\r\n"
    )
    .into_bytes()
}

pub(super) fn refused(status: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!("HTTP/1.1 {status}\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{body}")
        .into_bytes()
}
