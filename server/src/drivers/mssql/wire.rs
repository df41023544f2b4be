//! The way to the server: TCP, the first exchange of the protocol, and TLS if the server has it.
//!
//! The first exchange settles encryption, so it is held here and not by the library, which then gets a stream that
//! is encrypted already. Its own first message goes nowhere and is answered from here with "no encryption".

use std::{
    io,
    net::TcpStream as PlainTcpStream,
    pin::Pin,
    task::{Context, Poll, ready},
};

use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, ReadBuf},
    net::{TcpSocket, TcpStream, lookup_host},
};
use tokio_rustls::TlsConnector;

use super::tls;

/// Bytes before a packet's content: type, status, length (2), process (2), number, window.
pub(super) const HEADER: usize = 8;
/// Packet type of the first exchange, and of the handshake.
pub(super) const PRELOGIN: u8 = 0x12;
/// Packet type of everything else a server says.
pub(super) const TABULAR: u8 = 0x04;

/// Content of one packet before the login has settled another size.
const CONTENT: usize = 4_096 - HEADER;
const LAST_OF_MESSAGE: u8 = 1;

const OPTION_VERSION: u8 = 0;
const OPTION_ENCRYPTION: u8 = 1;
const OPTION_INSTANCE: u8 = 2;
const OPTION_THREAD: u8 = 3;
const OPTION_MARS: u8 = 4;
const OPTIONS_END: u8 = 0xff;

const ENCRYPT_ON: u8 = 1;
const ENCRYPT_NOT_SUPPORTED: u8 = 2;
const ENCRYPT_REQUIRED: u8 = 3;

/// What the library speaks through.
pub(super) struct Wire {
    carrier: Box<dyn Carrier>,
    /// The library's own first message, as far as it was written.
    asked: Vec<u8>,
    heard: bool,
    /// What of the answer to it has not been read yet.
    answer: Vec<u8>,
}

trait Carrier: AsyncRead + AsyncWrite + Unpin + Send {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send> Carrier for T {}

/// A wire, and its socket once more to ask whether the server is still there.
pub(super) struct Dialled {
    pub(super) wire: Wire,
    pub(super) socket: PlainTcpStream,
}

/// Connects, and encrypts if the server can. What went wrong comes in words for the caller.
pub(super) async fn dial(host: &str, port: u16, tls: &TlsConnector) -> Result<Dialled, String> {
    let place = format!("{host}:{port}");
    let unreachable = |error: io::Error| {
        format!(
            "cannot connect to {place}: {error}; check host and port, and that the server is up and listens on TCP"
        )
    };
    let (mut tcp, socket) = open(host, port).await.map_err(unreachable)?;
    let encryption = first_exchange(&mut tcp).await.map_err(|error| {
        format!("{place} does not answer like a SQL Server ({error}); check host and port")
    })?;
    let carrier: Box<dyn Carrier> = match encryption {
        ENCRYPT_NOT_SUPPORTED => Box::new(tcp),
        ENCRYPT_ON | ENCRYPT_REQUIRED => {
            let secured = tls::secured(tls, host, tcp).await;
            Box::new(secured.map_err(|error| {
                format!(
                    "{place}: the encrypted connection could not be set up: {error}; the server has to offer TLS \
                     1.2, or no encryption at all"
                )
            })?)
        }
        other => {
            return Err(format!(
                "{place} asks for a kind of encryption that is not supported ({other:#04x}); have its \
                 administrator turn encryption on or off for all"
            ));
        }
    };
    let answer = packets(TABULAR, &options(ENCRYPT_NOT_SUPPORTED));
    Ok(Dialled {
        wire: Wire {
            carrier,
            asked: Vec::new(),
            heard: false,
            answer,
        },
        socket,
    })
}

/// The first of the host's addresses that answers.
async fn open(host: &str, port: u16) -> io::Result<(TcpStream, PlainTcpStream)> {
    let mut failed = None;
    for address in lookup_host((host, port)).await? {
        let socket = if address.is_ipv4() {
            TcpSocket::new_v4()?
        } else {
            TcpSocket::new_v6()?
        };
        socket.set_keepalive(true)?;
        match socket.connect(address).await {
            Ok(stream) => {
                stream.set_nodelay(true)?;
                let stream = stream.into_std()?;
                let twin = stream.try_clone()?;
                return Ok((TcpStream::from_std(stream)?, twin));
            }
            Err(error) => failed = Some(error),
        }
    }
    let nowhere = || io::Error::new(io::ErrorKind::NotFound, "the host has no address");
    Err(failed.unwrap_or_else(nowhere))
}

/// Asks for encryption; the server's word on it.
async fn first_exchange(tcp: &mut TcpStream) -> io::Result<u8> {
    tcp.write_all(&packets(PRELOGIN, &options(ENCRYPT_ON)))
        .await?;
    let mut header = [0_u8; HEADER];
    tcp.read_exact(&mut header).await?;
    let strange = |what: &str| io::Error::new(io::ErrorKind::InvalidData, what.to_owned());
    let (TABULAR, Some(length)) = (header[0], packet_length(&header)) else {
        return Err(strange("its first words belong to another protocol"));
    };
    let mut content = vec![0_u8; length - HEADER];
    tcp.read_exact(&mut content).await?;
    encryption_of(&content).ok_or_else(|| strange("its first packet cannot be read"))
}

/// The encryption byte of a first message: a table of options (name, offset, length), then their values.
fn encryption_of(content: &[u8]) -> Option<u8> {
    for option in content.chunks(5) {
        match *option {
            [OPTION_ENCRYPTION, high, low, ..] => {
                let at = usize::from(u16::from_be_bytes([high, low]));
                return content.get(at).copied();
            }
            [OPTIONS_END, ..] => return None,
            _ => {}
        }
    }
    None
}

/// A first message.
fn options(encryption: u8) -> Vec<u8> {
    let values: [(u8, &[u8]); 5] = [
        (OPTION_VERSION, &[0; 6]),
        (OPTION_ENCRYPTION, &[encryption]),
        (OPTION_INSTANCE, &[0]),
        (OPTION_THREAD, &[0; 4]),
        (OPTION_MARS, &[0]),
    ];
    let mut offset = (values.len() * 5 + 1) as u16;
    let (mut table, mut content) = (Vec::new(), Vec::new());
    for (name, value) in values {
        let length = value.len() as u16;
        table.push(name);
        table.extend(offset.to_be_bytes());
        table.extend(length.to_be_bytes());
        content.extend_from_slice(value);
        offset += length;
    }
    table.push(OPTIONS_END);
    table.extend(content);
    table
}

/// One message in as many packets as it takes.
pub(super) fn packets(kind: u8, content: &[u8]) -> Vec<u8> {
    let parts = content.len().div_ceil(CONTENT);
    let mut packets = Vec::with_capacity(content.len() + parts * HEADER);
    for (nth, part) in content.chunks(CONTENT).enumerate() {
        let status = if nth + 1 == parts { LAST_OF_MESSAGE } else { 0 };
        let length = ((part.len() + HEADER) as u16).to_be_bytes();
        let number = (nth as u8).wrapping_add(1);
        packets.extend([kind, status, length[0], length[1], 0, 0, number, 0]);
        packets.extend_from_slice(part);
    }
    packets
}

/// The whole length a packet's header tells of, once the header is whole. Never less than the header.
pub(super) fn packet_length(packet: &[u8]) -> Option<usize> {
    let header = packet.get(..HEADER)?;
    Some(usize::from(u16::from_be_bytes([header[2], header[3]])).max(HEADER))
}

impl Wire {
    /// Takes in the library's first message, and no more than that.
    fn hear(&mut self, bytes: &[u8]) -> usize {
        let whole = packet_length(&self.asked).unwrap_or(HEADER);
        let taken = bytes.len().min(whole - self.asked.len());
        self.asked.extend_from_slice(&bytes[..taken]);
        if packet_length(&self.asked).is_some_and(|length| self.asked.len() >= length) {
            self.heard = true;
            self.asked = Vec::new();
        }
        taken
    }
}

impl futures::io::AsyncRead for Wire {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        if !this.answer.is_empty() {
            let read = this.answer.len().min(buf.len());
            buf[..read].copy_from_slice(&this.answer[..read]);
            this.answer.drain(..read);
            return Poll::Ready(Ok(read));
        }
        let mut space = ReadBuf::new(buf);
        ready!(Pin::new(&mut *this.carrier).poll_read(cx, &mut space))?;
        Poll::Ready(Ok(space.filled().len()))
    }
}

impl futures::io::AsyncWrite for Wire {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        if this.heard {
            Pin::new(&mut *this.carrier).poll_write(cx, buf)
        } else {
            Poll::Ready(Ok(this.hear(buf)))
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.get_mut().carrier).poll_flush(cx)
    }

    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.get_mut().carrier).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_message_says_what_it_asks_for() {
        let message = options(ENCRYPT_ON);
        assert_eq!(encryption_of(&message), Some(ENCRYPT_ON));
        assert_eq!(encryption_of(&message[..6]), None);
        assert_eq!(encryption_of(&[OPTIONS_END]), None);
        assert_eq!(encryption_of(&[OPTION_ENCRYPTION, 0xff, 0xff, 0, 1]), None);
    }

    #[test]
    fn a_long_message_takes_several_packets() {
        let packets = packets(PRELOGIN, &[7; CONTENT + 1]);
        assert_eq!(packets.len(), CONTENT + 1 + 2 * HEADER);
        assert_eq!(packet_length(&packets), Some(4_096));
        let second = &packets[4_096..];
        assert_eq!(
            (second[1], packet_length(second)),
            (LAST_OF_MESSAGE, Some(9))
        );
        assert_eq!(packet_length(&packets[..7]), None);
    }

    #[test]
    fn only_the_first_message_of_the_library_is_kept_back() {
        let mut wire = Wire {
            carrier: Box::new(tokio::io::empty()),
            asked: Vec::new(),
            heard: false,
            answer: Vec::new(),
        };
        let mut message = packets(PRELOGIN, &options(ENCRYPT_NOT_SUPPORTED));
        let length = message.len();
        message.extend(b"login");
        let mut at = 0;
        while !wire.heard {
            at += wire.hear(&message[at..(at + 5).min(message.len())]);
        }
        assert_eq!(at, length);
    }
}
