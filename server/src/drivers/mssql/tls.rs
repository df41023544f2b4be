//! TLS as SQL Server has it: a handshake inside of TDS packets, then TDS inside of TLS.
//!
//! The library has TLS of its own, but only on a provider that needs a C compiler; this is rustls on ring like
//! everywhere else in the server. The certificate is not looked at: a fresh installation makes one for itself, so
//! that asking who the server is would refuse most of them. That keeps listeners out, not impostors; a connection
//! has no field yet to ask for more.

use std::{
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use rustls::{
    ClientConfig, DigitallySignedStruct, SignatureScheme,
    client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    crypto::ring,
    pki_types::{CertificateDer, ServerName, UnixTime},
};
use tidegate_schema::{Error, Result};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
};
use tokio_rustls::{TlsConnector, client::TlsStream};

use super::wire::{HEADER, PRELOGIN, TABULAR, packet_length, packets};

/// A connector for all connections. The handshake inside of packets knows TLS 1.2 only.
pub(super) fn connector() -> Result<TlsConnector> {
    let provider = Arc::new(ring::default_provider());
    let schemes = provider
        .signature_verification_algorithms
        .supported_schemes();
    let config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS12])
        .map_err(|error| Error::internal("preparing TLS", error))?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(AnyServer(schemes)))
        .with_no_client_auth();
    Ok(TlsConnector::from(Arc::new(config)))
}

/// Shakes hands over a connection on which both sides have agreed to.
pub(super) async fn secured(
    connector: &TlsConnector,
    host: &str,
    tcp: TcpStream,
) -> io::Result<TlsStream<InPackets>> {
    let name = ServerName::try_from(host.to_owned()).map_err(io::Error::other)?;
    let mut stream = connector.connect(name, InPackets::new(tcp)).await?;
    stream.get_mut().0.shaking = false;
    Ok(stream)
}

/// Accepts every certificate.
///
/// Not even the handshake's signature is checked against it: the certificates that SQL Server makes for itself are
/// often of a version that can no longer be parsed, and a key nobody vouches for proves nothing.
#[derive(Debug)]
struct AnyServer(Vec<SignatureScheme>);

impl ServerCertVerifier for AnyServer {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.clone()
    }
}

/// A connection that carries the handshake in packets, and after it everything as it is.
pub(super) struct InPackets {
    tcp: TcpStream,
    shaking: bool,
    /// Written by TLS and not yet in a packet.
    written: Vec<u8>,
    /// Packets on their way out.
    packed: Vec<u8>,
    /// The header of the packet coming in, as far as it is there.
    header: Vec<u8>,
    /// Bytes of that packet still to come.
    left: usize,
}

impl InPackets {
    fn new(tcp: TcpStream) -> Self {
        Self {
            tcp,
            shaking: true,
            written: Vec::new(),
            packed: Vec::new(),
            header: Vec::new(),
            left: 0,
        }
    }

    fn poll_send(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if !self.written.is_empty() {
            self.packed.extend(packets(PRELOGIN, &self.written));
            self.written.clear();
        }
        while !self.packed.is_empty() {
            let sent = ready!(Pin::new(&mut self.tcp).poll_write(cx, &self.packed))?;
            if sent == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.packed.drain(..sent);
        }
        Poll::Ready(Ok(()))
    }

    /// Up to so many bytes, none at the end.
    fn poll_some<const MOST: usize>(
        &mut self,
        cx: &mut Context<'_>,
        most: usize,
    ) -> Poll<io::Result<Vec<u8>>> {
        let mut space = [0_u8; MOST];
        let mut some = ReadBuf::new(&mut space[..most.min(MOST)]);
        ready!(Pin::new(&mut self.tcp).poll_read(cx, &mut some))?;
        Poll::Ready(Ok(some.filled().to_vec()))
    }
}

impl AsyncRead for InPackets {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        loop {
            if this.left > 0 {
                let most = this.left.min(buf.remaining());
                let some = ready!(this.poll_some::<4096>(cx, most))?;
                this.left -= some.len();
                buf.put_slice(&some);
                return Poll::Ready(Ok(()));
            }
            if !this.shaking && this.header.is_empty() {
                return Pin::new(&mut this.tcp).poll_read(cx, buf);
            }
            let some = ready!(this.poll_some::<HEADER>(cx, HEADER - this.header.len()))?;
            if some.is_empty() {
                return Poll::Ready(Ok(()));
            }
            this.header.extend(some);
            if let Some(length) = packet_length(&this.header) {
                if !matches!(this.header.first(), Some(&(PRELOGIN | TABULAR))) {
                    return Poll::Ready(Err(io::Error::new(
                        io::ErrorKind::InvalidData,
                        "the server answered the handshake with something else",
                    )));
                }
                this.left = length - HEADER;
                this.header.clear();
            }
        }
    }
}

impl AsyncWrite for InPackets {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        if this.shaking {
            this.written.extend_from_slice(buf);
            return Poll::Ready(Ok(buf.len()));
        }
        ready!(this.poll_send(cx))?;
        Pin::new(&mut this.tcp).poll_write(cx, buf)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        ready!(this.poll_send(cx))?;
        Pin::new(&mut this.tcp).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        ready!(this.poll_send(cx))?;
        Pin::new(&mut this.tcp).poll_shutdown(cx)
    }
}
