//! A line between a driver and its server that a test can cut, silence or have encrypted.
//!
//! The servers of a test run speak without TLS. Where a test wants it, the relay ends it: to the driver it is a server
//! with TLS, to the server a client without.

use std::{
    io,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

use rustls::{
    ServerConfig,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer},
};
use tidegate_schema::model::{Connection, Dialect};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, copy_bidirectional},
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinHandle,
};
use tokio_rustls::TlsAcceptor;

/// A certificate and its key, made for these tests. They open nothing.
const CERTIFICATE: &str = "\
    308201763082011da00302010202147240858195753137739ef0aa7eecc3a3a57555c4300a06082a8648ce3d0403023010\
    310e300c06035504030c0572656c61793020170d3236313132353139343834355a180f3231323631313031313934383435\
    5a3010310e300c06035504030c0572656c61793059301306072a8648ce3d020106082a8648ce3d03010703420004cb37fa\
    3ebe13dbe007ed3177fc92eba38aec3fa2e8472e0f145f86c585da3156e99c272dcbcd351ca944057e9d00af4a4de66212\
    8fd8b6f4dc908bd4a8a6918ba3533051301d0603551d0e041604147b609a391e6d6794909797394b72ae83282e7628301f\
    0603551d230418301680147b609a391e6d6794909797394b72ae83282e7628300f0603551d130101ff040530030101ff30\
    0a06082a8648ce3d0403020347003044022046845fac7b7e1ee3f043df6eb6a0a2d5bf66f0a00d7fb028c67fd612d6ae8f\
    310220777cd0f90ae310c093e9c6c0ea2d2fcac629c9d9f889098e01eb9c224beafb33";
const KEY: &str = "\
    308187020100301306072a8648ce3d020106082a8648ce3d030107046d306b0201010420d751a8b17589c8c8184f2a3748\
    1b6668f63e6c1e3d5ebda95157db27d6ff2feda14403420004cb37fa3ebe13dbe007ed3177fc92eba38aec3fa2e8472e0f\
    145f86c585da3156e99c272dcbcd351ca944057e9d00af4a4de662128fd8b6f4dc908bd4a8a6918b";

/// What a client of PostgreSQL says first if it wants TLS.
const SSL_REQUEST: [u8; 8] = [0, 0, 0, 8, 4, 0xd2, 0x16, 0x2f];
/// The second byte of MySQL's capabilities has the one for TLS.
const CLIENT_SSL: u8 = 0x08;
/// What a client of MySQL asks for TLS with; a login is longer.
const SSL_REQUEST_BYTES: usize = 32;

/// What becomes of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Open,
    /// Both ends are connected, and nothing comes through.
    Silent,
    Cut,
}

/// A listening relay. Dropped, it is gone with its lines.
pub(crate) struct Relay {
    port: u16,
    shared: Arc<Shared>,
    listening: JoinHandle<()>,
}

struct Shared {
    server: (String, u16),
    cipher: Option<Cipher>,
    /// The last is that of the lines to come; those before are of lines that were ended together.
    fates: Mutex<Vec<watch::Sender<Fate>>>,
    secured: AtomicUsize,
    plain: AtomicUsize,
}

/// How TLS begins.
enum Cipher {
    Postgres(TlsAcceptor),
    MySql(TlsAcceptor),
}

impl Relay {
    /// To the server of a connection, as it is.
    pub(crate) async fn to(connection: &Connection) -> Self {
        Self::with(connection, None).await
    }

    /// To the same with TLS, which it insists on.
    pub(crate) async fn encrypting(connection: &Connection) -> Self {
        let tls = TlsAcceptor::from(config());
        let cipher = match connection.engine.dialect() {
            Dialect::Postgres => Cipher::Postgres(tls),
            Dialect::MySql => Cipher::MySql(tls),
            other => panic!("no relay speaks {other:?}"),
        };
        Self::with(connection, Some(cipher)).await
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "a test's task ends with the test"
    )]
    async fn with(connection: &Connection, cipher: Option<Cipher>) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let shared = Arc::new(Shared {
            server: (connection.host.clone(), connection.port),
            cipher,
            fates: Mutex::new(vec![watch::Sender::new(Fate::Open)]),
            secured: AtomicUsize::new(0),
            plain: AtomicUsize::new(0),
        });
        Self {
            port,
            listening: tokio::spawn(listen(listener, shared.clone())),
            shared,
        }
    }

    /// The same connection by way of this.
    pub(crate) fn connection(&self, direct: &Connection) -> Connection {
        Connection {
            host: "127.0.0.1".to_owned(),
            port: self.port,
            ..direct.clone()
        }
    }

    /// Cuts the lines that are open; new ones come through.
    pub(crate) fn cut(&self) {
        self.shared.end(Fate::Cut);
    }

    /// Silences the lines that are open; new ones come through.
    pub(crate) fn hush(&self) {
        self.shared.end(Fate::Silent);
    }

    /// Lines that were encrypted, and those that wanted to go without.
    pub(crate) fn counts(&self) -> (usize, usize) {
        let count = |of: &AtomicUsize| of.load(Ordering::Relaxed);
        (count(&self.shared.secured), count(&self.shared.plain))
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.listening.abort();
        self.shared.end(Fate::Cut);
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "a test's task ends with the test"
)]
async fn listen(listener: TcpListener, shared: Arc<Shared>) {
    while let Ok((client, _)) = listener.accept().await {
        let (shared, fate) = (shared.clone(), shared.fate());
        // A line that breaks is what these tests are about.
        tokio::spawn(async move { drop(shared.line(client, fate).await) });
    }
}

impl Shared {
    fn fate(&self) -> watch::Receiver<Fate> {
        let fates = self.fates.lock().unwrap_or_else(PoisonError::into_inner);
        fates.last().expect("there is always one").subscribe()
    }

    fn end(&self, fate: Fate) {
        let mut fates = self.fates.lock().unwrap_or_else(PoisonError::into_inner);
        fates
            .last()
            .expect("there is always one")
            .send_replace(fate);
        fates.push(watch::Sender::new(Fate::Open));
    }

    async fn line(&self, mut client: TcpStream, fate: watch::Receiver<Fate>) -> io::Result<()> {
        let (host, port) = &self.server;
        let mut server = TcpStream::connect((host.as_str(), *port)).await?;
        client.set_nodelay(true)?;
        server.set_nodelay(true)?;
        match &self.cipher {
            None => joined(client, server, fate).await,
            Some(Cipher::Postgres(tls)) => {
                let mut first = [0; SSL_REQUEST.len()];
                client.read_exact(&mut first).await?;
                if first != SSL_REQUEST {
                    self.refuse();
                    return Ok(());
                }
                client.write_all(b"S").await?;
                let client = tls.accept(client).await?;
                self.secured.fetch_add(1, Ordering::Relaxed);
                joined(client, server, fate).await
            }
            Some(Cipher::MySql(tls)) => {
                let (number, mut greeting) = packet(&mut server).await?;
                offer_tls(&mut greeting);
                send(&mut client, number, &greeting).await?;
                let (_, asked) = packet(&mut client).await?;
                if asked.len() != SSL_REQUEST_BYTES {
                    self.refuse();
                    return Ok(());
                }
                let mut client = tls.accept(client).await?;
                self.secured.fetch_add(1, Ordering::Relaxed);
                if log_in(&mut client, &mut server).await? {
                    joined(client, server, fate).await
                } else {
                    Ok(())
                }
            }
        }
    }

    fn refuse(&self) {
        self.plain.fetch_add(1, Ordering::Relaxed);
    }
}

/// Hands on what either end says, for as long as the line is open.
async fn joined(
    mut client: impl AsyncRead + AsyncWrite + Unpin,
    mut server: TcpStream,
    mut fate: watch::Receiver<Fate>,
) -> io::Result<()> {
    tokio::select! {
        done = copy_bidirectional(&mut client, &mut server) => return done.map(drop),
        () = until(&mut fate, |fate| fate != Fate::Open) => {}
    }
    until(&mut fate, |fate| fate == Fate::Cut).await;
    Ok(())
}

/// Waits for it, or for the relay's end.
async fn until(fate: &mut watch::Receiver<Fate>, is: fn(Fate) -> bool) {
    drop(fate.wait_for(|fate| is(*fate)).await);
}

/// A packet of MySQL's with its number.
async fn packet(from: &mut (impl AsyncRead + Unpin)) -> io::Result<(u8, Vec<u8>)> {
    let mut head = [0; 4];
    from.read_exact(&mut head).await?;
    let length = u32::from_le_bytes([head[0], head[1], head[2], 0]);
    let mut content = vec![0; length as usize];
    from.read_exact(&mut content).await?;
    Ok((head[3], content))
}

async fn send(to: &mut (impl AsyncWrite + Unpin), number: u8, content: &[u8]) -> io::Result<()> {
    let length = (content.len() as u32).to_le_bytes();
    let mut packet = vec![length[0], length[1], length[2], number];
    packet.extend_from_slice(content);
    to.write_all(&packet).await?;
    to.flush().await
}

/// Has a server's greeting say that it knows TLS: in the capabilities behind the version, the connection's number,
/// eight bytes of salt and a zero.
fn offer_tls(greeting: &mut [u8]) {
    let version = greeting[1..].iter().position(|byte| *byte == 0);
    let capabilities = 1 + version.expect("a version") + 1 + 4 + 8 + 1;
    greeting[capabilities + 1] |= CLIENT_SSL;
}

/// Hands on a login, whose packets are one further on the side that asked for TLS. Whether it was let in.
async fn log_in(
    client: &mut (impl AsyncRead + AsyncWrite + Unpin),
    server: &mut TcpStream,
) -> io::Result<bool> {
    let (number, mut login) = packet(client).await?;
    login[1] &= !CLIENT_SSL;
    send(server, number - 1, &login).await?;
    loop {
        let (number, said) = packet(server).await?;
        send(client, number + 1, &said).await?;
        match said.first() {
            Some(0) => return Ok(true),
            // The server asks for more.
            Some(1 | 0xfe) => {}
            _ => return Ok(false),
        }
        let (number, said) = packet(client).await?;
        send(server, number - 1, &said).await?;
    }
}

fn config() -> Arc<ServerConfig> {
    let bytes = |text: &str| hex::decode(text).expect("hexadecimal");
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(bytes(KEY)));
    let certificate = CertificateDer::from(bytes(CERTIFICATE));
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("versions of TLS")
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .expect("a certificate");
    Arc::new(config)
}
