//! The server's end of a connection: packets in and out, encrypted or not.

use std::{
    io::{self, Read as _, Write as _},
    sync::Arc,
};

use rustls::{
    ServerConfig, ServerConnection,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer},
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

pub(crate) const BATCH: u8 = 0x01;
pub(crate) const CALL: u8 = 0x03;
pub(crate) const RESULT: u8 = 0x04;
pub(crate) const ATTENTION: u8 = 0x06;
pub(crate) const LOGIN: u8 = 0x10;
pub(crate) const PRELOGIN: u8 = 0x12;

const HEADER: usize = 8;
const CONTENT: usize = 4_096 - HEADER;

/// A certificate and its key, made for this test. They open nothing.
const CERTIFICATE: &str = "\
    3082017e30820123a00302010202144bd2c0cfd4702b5744075684f02d04a0edfee8a6300a06082a8648ce3d0403023013\
    3111300f06035504030c087374616e642d696e3020170d3236313132353136333834375a180f3231323631313031313633\
    3834375a30133111300f06035504030c087374616e642d696e3059301306072a8648ce3d020106082a8648ce3d03010703\
    42000403ddea903ff6c93d13ce8b79ab716807caeb748ef6008a8f7f10bada11746a6c3e791036403c7a9b09a34a2abe47\
    e88afad5f535eaf5a844b8651ee6ef4b53c8a3533051301d0603551d0e041604141250be217e33a1dffb365016c4c32dfc\
    e07719d0301f0603551d230418301680141250be217e33a1dffb365016c4c32dfce07719d0300f0603551d130101ff0405\
    30030101ff300a06082a8648ce3d0403020349003046022100d2321f44081f342b175e4a6933449a8bdd6b4cfb85acdd77\
    721716cdb289f8bf022100fec2c8766931953f730fa0c56f9a80c8deef3f593d502ea17c24d039c1a1f3f9";
const KEY: &str = "\
    308187020100301306072a8648ce3d020106082a8648ce3d030107046d306b0201010420f287088d2cc198f2a907d895b0\
    798264be03caca3b18a7019380345fccb7f0eda1440342000403ddea903ff6c93d13ce8b79ab716807caeb748ef6008a8f\
    7f10bada11746a6c3e791036403c7a9b09a34a2abe47e88afad5f535eaf5a844b8651ee6ef4b53c8";

/// A connection from a client.
pub(crate) struct Link {
    tcp: TcpStream,
    tls: Option<Box<ServerConnection>>,
    /// Read and not yet taken apart.
    inbox: Vec<u8>,
    /// Packets of a message that is not complete.
    message: Vec<u8>,
}

impl Link {
    pub(crate) fn new(tcp: TcpStream) -> Self {
        Self {
            tcp,
            tls: None,
            inbox: Vec::new(),
            message: Vec::new(),
        }
    }

    /// The client's next message with its kind; `None` once it has left. May be dropped and called again.
    pub(crate) async fn message(&mut self) -> io::Result<Option<(u8, Vec<u8>)>> {
        loop {
            while let Some((kind, is_last, content)) = self.packet() {
                self.message.extend(content);
                if is_last {
                    return Ok(Some((kind, std::mem::take(&mut self.message))));
                }
            }
            if !self.fill().await? {
                return Ok(None);
            }
        }
    }

    fn packet(&mut self) -> Option<(u8, bool, Vec<u8>)> {
        let header = self.inbox.get(..HEADER)?;
        let (kind, is_last) = (header[0], header[1] & 1 == 1);
        let length = usize::from(u16::from_be_bytes([header[2], header[3]]));
        if self.inbox.len() < length {
            return None;
        }
        let packet: Vec<u8> = self.inbox.drain(..length).collect();
        Some((kind, is_last, packet[HEADER..].to_vec()))
    }

    async fn fill(&mut self) -> io::Result<bool> {
        let mut space = [0_u8; 4_096];
        let read = self.tcp.read(&mut space).await?;
        let Some(tls) = &mut self.tls else {
            self.inbox.extend_from_slice(&space[..read]);
            return Ok(read > 0);
        };
        let mut sealed = &space[..read];
        while !sealed.is_empty() {
            tls.read_tls(&mut sealed)?;
            tls.process_new_packets().map_err(io::Error::other)?;
            match tls.reader().read_to_end(&mut self.inbox) {
                Err(error) if error.kind() != io::ErrorKind::WouldBlock => return Err(error),
                _ => {}
            }
        }
        Ok(read > 0)
    }

    /// Sends a message, or a part of one.
    pub(crate) async fn send(&mut self, kind: u8, content: &[u8], is_last: bool) -> io::Result<()> {
        let bytes = packets(kind, content, is_last);
        let Some(tls) = &mut self.tls else {
            return self.tcp.write_all(&bytes).await;
        };
        for part in bytes.chunks(CONTENT) {
            tls.writer().write_all(part)?;
            let mut sealed = Vec::new();
            while tls.wants_write() {
                tls.write_tls(&mut sealed)?;
            }
            self.tcp.write_all(&sealed).await?;
        }
        Ok(())
    }

    /// Words of another protocol.
    pub(crate) async fn say(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.tcp.write_all(bytes).await
    }

    /// The handshake, whose messages come and go in packets of the first exchange.
    pub(crate) async fn secure(&mut self) -> io::Result<()> {
        let mut tls = Box::new(ServerConnection::new(config()).map_err(io::Error::other)?);
        while tls.is_handshaking() {
            let Some((PRELOGIN, content)) = self.message().await? else {
                return Err(io::ErrorKind::UnexpectedEof.into());
            };
            let mut sealed = &content[..];
            while !sealed.is_empty() {
                tls.read_tls(&mut sealed)?;
                tls.process_new_packets().map_err(io::Error::other)?;
            }
            let mut answer = Vec::new();
            while tls.wants_write() {
                tls.write_tls(&mut answer)?;
            }
            if !answer.is_empty() {
                self.send(PRELOGIN, &answer, true).await?;
            }
        }
        self.tls = Some(tls);
        Ok(())
    }
}

fn config() -> Arc<ServerConfig> {
    let bytes = |text: &str| hex::decode(text).expect("hexadecimal");
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(bytes(KEY)));
    let certificate = CertificateDer::from(bytes(CERTIFICATE));
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_protocol_versions(&[&rustls::version::TLS12])
        .expect("TLS 1.2")
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .expect("a certificate");
    Arc::new(config)
}

fn packets(kind: u8, content: &[u8], is_last: bool) -> Vec<u8> {
    let parts = content.len().div_ceil(CONTENT);
    let mut bytes = Vec::with_capacity(content.len() + parts * HEADER);
    for (nth, part) in content.chunks(CONTENT).enumerate() {
        let status = u8::from(is_last && nth + 1 == parts);
        let length = ((part.len() + HEADER) as u16).to_be_bytes();
        bytes.extend([kind, status, length[0], length[1], 0, 0, 1, 0]);
        bytes.extend_from_slice(part);
    }
    bytes
}
