//! A stand-in for a SQL Server: it speaks the protocol and answers what the test tells it to.

use std::{
    io,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

use crate::{
    PASSWORD,
    link::{ATTENTION, CALL, LOGIN, Link, PRELOGIN, RESULT},
    said::{self, Login, Request},
    tokens::{self, COUNTED, DONE, DONE_IN_PROC, DONE_PROC, FAILED, MORE, STOPPED, kind, value},
};

/// What happens after the tokens.
pub(crate) enum Then {
    /// The answer ends, with a number of rows.
    End(u64),
    /// The answer ends with what went wrong.
    Failed,
    /// The answer ends, and with it the connection.
    Leave,
    /// The connection breaks off.
    Die,
    /// Nothing, until the client asks to stop.
    Hang,
    /// This again and again, until the client asks to stop.
    Repeat(Vec<u8>),
}

/// The answer to a statement.
pub(crate) struct Answer {
    pub(crate) tokens: Vec<u8>,
    pub(crate) then: Then,
}

/// What the stand-in has seen.
#[derive(Default)]
pub(crate) struct Heard {
    pub(crate) logins: Vec<Login>,
    pub(crate) texts: Vec<String>,
    pub(crate) attentions: usize,
    pub(crate) closed: usize,
    /// Bytes of repeated answers that went out.
    pub(crate) repeated_bytes: usize,
}

/// How a connection begins.
pub(crate) enum Greeting {
    /// Without encryption.
    Plain,
    /// With TLS.
    Encrypted,
    /// Not at all.
    Silent,
    /// With the words of another protocol.
    Other(&'static [u8]),
    /// Without encryption, and the login is answered with this.
    LoginAnswered(Vec<u8>),
}

type Script = Box<dyn Fn(&Request) -> Option<Answer> + Send + Sync>;

struct Shared {
    greeting: Greeting,
    script: Script,
    heard: Mutex<Heard>,
}

/// A listening stand-in. Dropped, it is gone.
pub(crate) struct StandIn {
    port: u16,
    shared: Arc<Shared>,
    listening: JoinHandle<()>,
}

impl Answer {
    /// A whole result.
    pub(crate) fn rows(columns: &[(&str, Vec<u8>)], rows: &[Vec<Vec<u8>>]) -> Self {
        let mut tokens = tokens::columns(columns);
        for row in rows {
            tokens.extend(tokens::row(row));
        }
        Self {
            tokens,
            then: Then::End(rows.len() as u64),
        }
    }

    /// An error and nothing else.
    pub(crate) fn failed(code: u32, message: &str) -> Self {
        Self {
            tokens: tokens::failed(code, 16, message, 1),
            then: Then::Failed,
        }
    }

    /// The description of a statement's columns: names and the server's types.
    pub(crate) fn described(columns: &[(&str, &str)]) -> Self {
        let rows: Vec<Vec<Vec<u8>>> = columns
            .iter()
            .map(|&(name, data_type)| {
                let is_text = data_type.contains("char");
                vec![
                    value::nvarchar(Some(name)),
                    value::nvarchar(Some(data_type)),
                    value::nvarchar(None),
                    value::nvarchar(is_text.then_some("Latin1_General_CI_AS")),
                    value::int_or_null(None),
                    value::nvarchar(None),
                ]
            })
            .collect();
        Self::rows(&description(), &rows)
    }

    /// The description of a statement that would not run.
    pub(crate) fn would_fail(code: i32, message: &str) -> Self {
        let nothing = || value::nvarchar(None);
        let row = vec![
            nothing(),
            nothing(),
            nothing(),
            nothing(),
            value::int_or_null(Some(code)),
            value::nvarchar(Some(message)),
        ];
        Self::rows(&description(), &[row])
    }
}

fn description() -> [(&'static str, Vec<u8>); 6] {
    [
        ("name", kind::nvarchar(256)),
        ("system_type_name", kind::nvarchar(512)),
        ("user_type_name", kind::nvarchar(256)),
        ("collation_name", kind::nvarchar(256)),
        ("error_number", kind::int_or_null(4)),
        ("error_message", kind::nvarchar(8_000)),
    ]
}

impl StandIn {
    /// One that encrypts nothing.
    pub(crate) async fn start(
        script: impl Fn(&Request) -> Option<Answer> + Send + Sync + 'static,
    ) -> Self {
        Self::greeting(Greeting::Plain, script).await
    }

    /// One that begins as told.
    #[expect(
        clippy::disallowed_methods,
        reason = "a test's task ends with the test"
    )]
    pub(crate) async fn greeting(
        greeting: Greeting,
        script: impl Fn(&Request) -> Option<Answer> + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let shared = Arc::new(Shared {
            greeting,
            script: Box::new(script),
            heard: Mutex::default(),
        });
        let serving = shared.clone();
        let listening = tokio::spawn(async move {
            while let Ok((tcp, _)) = listener.accept().await {
                let shared = serving.clone();
                tokio::spawn(async move {
                    // A client that leaves in the middle is what some tests are about.
                    drop(serve(tcp, &shared).await);
                    shared.heard().closed += 1;
                });
            }
        });
        Self {
            port,
            shared,
            listening,
        }
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    pub(crate) fn heard(&self) -> MutexGuard<'_, Heard> {
        self.shared.heard()
    }

    /// Waits until it has heard something.
    pub(crate) async fn until(&self, what: &str, has_come: impl Fn(&Heard) -> bool) {
        for _ in 0..2_000 {
            if has_come(&self.heard()) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        panic!("the stand-in waited 10 s for {what}");
    }
}

impl Drop for StandIn {
    fn drop(&mut self) {
        self.listening.abort();
    }
}

impl Shared {
    fn heard(&self) -> MutexGuard<'_, Heard> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn serve(tcp: TcpStream, shared: &Shared) -> io::Result<()> {
    let mut link = Link::new(tcp);
    match &shared.greeting {
        Greeting::Silent => {
            link.message().await?;
            return std::future::pending().await;
        }
        Greeting::Other(words) => return link.say(words).await,
        _ => {}
    }
    let Some((PRELOGIN, _)) = link.message().await? else {
        return Ok(());
    };
    let is_encrypted = matches!(shared.greeting, Greeting::Encrypted);
    // Version, encryption, end; then the version and whether there is encryption.
    let mut first = vec![0, 0, 11, 0, 6, 1, 0, 17, 0, 1, 0xff];
    first.extend([16, 0, 0, 0, 0, 0, if is_encrypted { 1 } else { 2 }]);
    link.send(RESULT, &first, true).await?;
    if is_encrypted {
        link.secure().await?;
    }
    let Some((LOGIN, message)) = link.message().await? else {
        return Ok(());
    };
    let login = said::login(&message);
    let mut answer = match &shared.greeting {
        Greeting::LoginAnswered(answer) => answer.clone(),
        _ if login.password == PASSWORD => welcome(&login.database),
        _ => {
            let words = format!("Login failed for user '{}'.", login.user);
            tokens::failed(18_456, 14, &words, 1)
        }
    };
    shared.heard().logins.push(login);
    let is_error = answer.first() == Some(&0xaa);
    answer.extend(tokens::done(DONE, if is_error { FAILED } else { 0 }, 0));
    link.send(RESULT, &answer, true).await?;
    while let Some((kind, message)) = link.message().await? {
        if kind == ATTENTION {
            stop(&mut link, shared).await?;
            continue;
        }
        let request = said::request(kind, &message);
        shared.heard().texts.push(request.text.clone());
        let answer = (shared.script)(&request).unwrap_or_else(|| usual(&request));
        if !give(&mut link, shared, kind, answer).await? {
            return Ok(());
        }
    }
    Ok(())
}

fn welcome(database: &str) -> Vec<u8> {
    [
        tokens::database(database),
        tokens::login_ack(),
        tokens::packet_size("4096"),
    ]
    .concat()
}

/// Sends an answer; whether the connection goes on.
async fn give(link: &mut Link, shared: &Shared, kind: u8, answer: Answer) -> io::Result<bool> {
    let mut tokens = answer.tokens;
    match answer.then {
        Then::End(rows) => {
            tokens.extend(ending(kind, COUNTED, rows));
            link.send(RESULT, &tokens, true).await?;
        }
        Then::Failed => {
            tokens.extend(ending(kind, FAILED, 0));
            link.send(RESULT, &tokens, true).await?;
        }
        Then::Leave => {
            tokens.extend(ending(kind, 0, 0));
            link.send(RESULT, &tokens, true).await?;
            return Ok(false);
        }
        Then::Die => {
            link.send(RESULT, &tokens, false).await?;
            return Ok(false);
        }
        Then::Hang => {
            link.send(RESULT, &tokens, false).await?;
            return asked_to_stop(link, shared).await;
        }
        Then::Repeat(again) => {
            link.send(RESULT, &tokens, false).await?;
            loop {
                link.send(RESULT, &again, false).await?;
                shared.heard().repeated_bytes += again.len();
                let asked = asked_to_stop(link, shared);
                if let Ok(goes_on) = tokio::time::timeout(Duration::from_millis(1), asked).await {
                    return goes_on;
                }
            }
        }
    }
    Ok(true)
}

/// The end of a statement that came alone, or in a call.
fn ending(kind: u8, status: u16, rows: u64) -> Vec<u8> {
    if kind == CALL {
        let failed = status & FAILED;
        return [
            tokens::done(DONE_IN_PROC, status | MORE, rows),
            tokens::return_status(),
            tokens::done(DONE_PROC, failed, 0),
        ]
        .concat();
    }
    tokens::done(DONE, status, rows)
}

async fn asked_to_stop(link: &mut Link, shared: &Shared) -> io::Result<bool> {
    match link.message().await? {
        Some((ATTENTION, _)) => {
            stop(link, shared).await?;
            Ok(true)
        }
        _ => Ok(false),
    }
}

async fn stop(link: &mut Link, shared: &Shared) -> io::Result<()> {
    shared.heard().attentions += 1;
    link.send(RESULT, &tokens::done(DONE, STOPPED, 0), true)
        .await
}

/// What a server says to the driver's own statements.
fn usual(request: &Request) -> Answer {
    let text = request.text.trim();
    let tokens = if text.contains("BEGIN TRANSACTION") {
        tokens::begun()
    } else if text.contains("ROLLBACK TRANSACTION") {
        tokens::rolled_back()
    } else if text == "COMMIT TRANSACTION" {
        tokens::committed()
    } else if text.starts_with("SET ") {
        Vec::new()
    } else if text == "SELECT 1" {
        let one = 1_i32.to_le_bytes().to_vec();
        return Answer::rows(&[("", kind::INT.to_vec())], &[vec![one]]);
    } else {
        return Answer::failed(208, "Invalid object name 'nothing.was.scripted'.");
    };
    Answer {
        tokens,
        then: Then::End(0),
    }
}
