//! TLS 1.3 on a link's socket. Owns the handshake, the records on their way in and out, and what
//! goes wrong in them; whether the server is the right one is decided by `trust`.

use std::fmt;
use std::io::{self, ErrorKind, IoSlice, Read, Write};
use std::sync::{Arc, OnceLock};

use chatshelf_common::fingerprint::Fingerprint;
use chatshelf_common::wire::frame::{Frame, Goodbye, ServerFrame};
use chatshelf_common::wire::{Code, Deframer, Unit};
use mio::net::TcpStream;
use rustls::client::Resumption;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::WebPkiSupportedAlgorithms;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{
    AlertDescription, ClientConfig, ClientConnection, DigitallySignedStruct, Error,
    PeerIncompatible, SignatureScheme,
};

use super::socket;
use crate::lang::tr;

/// Bytes taken from the socket at a time. They are held only until they are decrypted, or while the
/// session takes no more.
const CHUNK_BYTES: usize = 32 * 1024;
/// Bytes sealed at a time: one record, short enough that nothing waits for it for long.
const RECORD_BYTES_MAX: usize = 16 * 1024;

/// Types of TLS records (RFC 8446, section 5.1): what the first byte of a server is that speaks it.
const RECORD_TYPES: std::ops::RangeInclusive<u8> = 0x14..=0x17;

/// A goodbye that came where a TLS record was expected: a server may turn a connection away before
/// it spends a handshake on it, and so may anybody on the way.
#[derive(Debug)]
pub(super) struct PlainGoodbye(pub(super) Goodbye);

impl fmt::Display for PlainGoodbye {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a goodbye without encryption")
    }
}

impl std::error::Error for PlainGoodbye {}

/// A stream of records on a socket.
#[derive(Debug)]
pub(super) struct TlsStream {
    socket: TcpStream,
    tls: ClientConnection,
    /// What has arrived and is not decrypted yet, from `taken` on.
    sealed: Vec<u8>,
    taken: usize,
    /// What the first byte says of what is spoken at the other end.
    peer: Peer,
}

/// What is spoken at the other end.
#[derive(Debug, PartialEq, Eq)]
enum Peer {
    /// That is not known yet.
    Silent,
    /// TLS.
    Tls,
    /// This protocol without TLS: the bytes of a goodbye that have arrived so far.
    Plain(Vec<u8>),
}

impl TlsStream {
    /// Begins a handshake with a server of this name, which is to speak that protocol (RFC 7301).
    pub(super) fn begin(
        socket: TcpStream,
        name: ServerName<'static>,
        alpn: &'static [u8],
    ) -> io::Result<Self> {
        let alpn = vec![alpn.to_vec()];
        let tls = ClientConnection::new_with_alpn(config()?, name, alpn).map_err(in_words)?;
        Ok(Self { socket, tls, sealed: Vec::new(), taken: 0, peer: Peer::Silent })
    }

    /// Continues the handshake; true once it is over, and the server has proved that it has the key
    /// of its certificate.
    ///
    /// # Errors
    /// When the server breaks it off, or does not support one; [`PlainGoodbye`] when it turns the
    /// connection away without one.
    pub(super) fn shake_hands(&mut self) -> io::Result<bool> {
        loop {
            match self.flush_pending(false) {
                // What has arrived may say why the connection was ended.
                Err(error) if error.kind() == ErrorKind::WouldBlock || is_end(&error) => {}
                flushed => flushed?,
            }
            if !self.tls.is_handshaking() {
                return Ok(true);
            }
            match self.take_in() {
                Ok(0) => return Err(closed()),
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if is_end(&error) => return Err(closed()),
                Err(error) => return Err(error),
            }
        }
    }

    /// The certificates that the server has shown, its own first.
    pub(super) fn certificates(&self) -> &[CertificateDer<'static>] {
        self.tls.peer_certificates().unwrap_or_default()
    }

    /// The fingerprint of the key that it has proved to have.
    ///
    /// # Errors
    /// When there is none, which the handshake excludes.
    pub(super) fn key(&self) -> io::Result<Fingerprint> {
        let own = self.certificates().first().ok_or(Error::NoCertificatesPresented);
        let own = own.and_then(ParsedCertificate::try_from).map_err(in_words)?;
        Ok(Fingerprint::of(&own.subject_public_key_info()))
    }

    /// The socket.
    pub(super) fn socket(&self) -> &TcpStream {
        &self.socket
    }

    /// Reads what has been decrypted, or decrypts what has arrived. The end of the stream need not
    /// be announced: what counts is whether there was a `Goodbye`.
    pub(super) fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.tls.reader().read(into) {
                Err(error) if error.kind() == ErrorKind::UnexpectedEof => return Ok(0),
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                read => return read,
            }
            self.take_in()?;
        }
    }

    /// Decrypts some of what has arrived; answers how much that was, 0 at the end of the stream.
    fn take_in(&mut self) -> io::Result<usize> {
        if self.sealed.is_empty() {
            let mut chunk = vec![0; CHUNK_BYTES];
            let count = self.socket.read(&mut chunk)?;
            chunk.truncate(count);
            self.hear(&chunk)?;
            if let Peer::Plain(_) = self.peer {
                return Ok(count);
            }
            self.sealed = chunk;
        }
        let taken = self.tls.read_tls(&mut &self.sealed[self.taken..])?;
        self.taken += taken;
        debug_assert!(self.taken <= self.sealed.len());
        if self.taken == self.sealed.len() {
            (self.sealed, self.taken) = (Vec::new(), 0);
        }
        if let Err(error) = self.tls.process_new_packets() {
            // An alert tells the server why.
            let _ = self.flush_pending(false);
            return Err(in_words(error));
        }
        Ok(taken)
    }

    /// Tells what is spoken at the other end by the first byte, and takes in a goodbye without TLS.
    fn hear(&mut self, bytes: &[u8]) -> io::Result<()> {
        if self.peer == Peer::Silent
            && let Some(first) = bytes.first()
        {
            self.peer = match *first {
                first if RECORD_TYPES.contains(&first) => Peer::Tls,
                Goodbye::KIND => Peer::Plain(Vec::new()),
                _ => return Err(without_tls()),
            };
        }
        let Peer::Plain(heard) = &mut self.peer else { return Ok(()) };
        heard.extend(bytes);
        let mut rest = &heard[..];
        match Deframer::before_join().next(&mut rest) {
            Ok(Some(Unit::Control { header, value })) => {
                match ServerFrame::decode(header.kind, value) {
                    Ok(ServerFrame::Goodbye(goodbye)) if !is_about_bytes(goodbye.code) => {
                        Err(io::Error::other(PlainGoodbye(goodbye)))
                    }
                    _ => Err(without_tls()),
                }
            }
            Ok(None) => Ok(()),
            Ok(Some(Unit::Chunk { .. })) | Err(_) => Err(without_tls()),
        }
    }

    /// Seals the beginning of both slices in one record, and sends what the socket accepts; answers
    /// how much is sealed. The rest of the record is sent by [`Self::flush_pending`].
    pub(super) fn write(&mut self, slices: [&[u8]; 2], is_piece: bool) -> io::Result<usize> {
        debug_assert!(!self.has_pending(), "one record at a time");
        let [first, second] = slices;
        let first = &first[..first.len().min(RECORD_BYTES_MAX)];
        let second = &second[..second.len().min(RECORD_BYTES_MAX - first.len())];
        let slices = [first, second].map(IoSlice::new);
        let sealed = self.tls.writer().write_vectored(&slices)?;
        match self.flush_pending(is_piece) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            flushed => flushed?,
        }
        Ok(sealed)
    }

    /// True while sealed bytes wait for the socket.
    pub(super) fn has_pending(&self) -> bool {
        self.tls.wants_write()
    }

    /// Sends them.
    ///
    /// # Errors
    /// `WouldBlock` when some are left.
    pub(super) fn flush_pending(&mut self, is_piece: bool) -> io::Result<()> {
        while self.has_pending() {
            match self.tls.write_tls(&mut Piece { socket: &mut self.socket, is_piece }) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Err(error) if error.kind() != ErrorKind::Interrupted => return Err(error),
                _ => {}
            }
        }
        Ok(())
    }

    /// Tells the server that nothing follows, as far as the socket accepts that.
    pub(super) fn close(&mut self) {
        self.tls.send_close_notify();
        if let Err(error) = self.flush_pending(false) {
            log::debug!("close_notify: {error}");
        }
    }
}

/// The socket, for records that are one piece in the kernel's queue.
struct Piece<'a> {
    socket: &'a mut TcpStream,
    is_piece: bool,
}

impl Write for Piece<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.write_vectored(&[IoSlice::new(bytes)])
    }

    fn write_vectored(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        socket::send(self.socket, slices, self.is_piece)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What all connections have in common: TLS 1.3 and nothing older, and no tickets, so that each
/// handshake proves the key again.
fn config() -> io::Result<Arc<ClientConfig>> {
    static CONFIG: OnceLock<Arc<ClientConfig>> = OnceLock::new();
    if let Some(config) = CONFIG.get() {
        return Ok(Arc::clone(config));
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let verifier = ProofOfKey { algorithms: provider.signature_verification_algorithms };
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .map_err(in_words)?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth();
    config.resumption = Resumption::disabled();
    Ok(Arc::clone(CONFIG.get_or_init(|| Arc::new(config))))
}

/// Has the server prove that it has the key of the certificate that it shows. Whose key that is,
/// the link asks `trust` once the handshake is over, and before anything of the session is sent.
#[derive(Debug)]
struct ProofOfKey {
    algorithms: WebPkiSupportedAlgorithms,
}

impl ServerCertVerifier for ProofOfKey {
    fn verify_server_cert(
        &self,
        _own: &CertificateDer<'_>,
        _others: &[CertificateDer<'_>],
        _name: &ServerName<'_>,
        _ocsp: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _certificate: &CertificateDer<'_>,
        _signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(Error::PeerIncompatible(PeerIncompatible::ServerTlsVersionIsDisabledByOurConfig))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        rustls::crypto::verify_tls13_signature(message, certificate, signature, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

/// Whether a goodbye is about the bytes of the handshake: a server of an early version, which does
/// not know TLS, has taken them for a frame.
fn is_about_bytes(code: Code) -> bool {
    matches!(
        code,
        Code::NOT_CHATSHELF
            | Code::UNKNOWN_TYPE
            | Code::FRAME_TOO_LONG
            | Code::MALFORMED
            | Code::UNEXPECTED
    )
}

/// True where the other side, or somebody on the way, has ended the connection.
fn is_end(error: &io::Error) -> bool {
    use ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset};
    matches!(error.kind(), ConnectionReset | ConnectionAborted | BrokenPipe)
}

fn closed() -> io::Error {
    io::Error::other(tr!(
        "it closed the connection before encryption began; it may have too many connections, so \
         try again in a while"
    ))
}

fn without_tls() -> io::Error {
    let why = tr!("it does not speak TLS; --no-tls connects without encryption");
    io::Error::new(ErrorKind::InvalidData, why)
}

/// What went wrong, for people; the library's own words are for the log.
fn in_words(error: Error) -> io::Error {
    log::info!("TLS: {error}");
    let text = match &error {
        Error::AlertReceived(AlertDescription::ProtocolVersion) | Error::PeerIncompatible(_) => {
            tr!("it speaks TLS, but not version 1.3; check the port, or update the server")
        }
        Error::AlertReceived(AlertDescription::NoApplicationProtocol) => {
            tr!("it speaks TLS, but is no chatshelf server; check host and port")
        }
        Error::AlertReceived(_) => tr!("it has ended the encrypted connection; try again"),
        Error::InvalidCertificate(_) => {
            tr!("it does not have the key of the certificate that it shows; somebody else may be \
             answering in its place")
        }
        Error::DecryptError => tr!("something that it sent was changed on the way; try again"),
        _ => tr!("it broke the rules of TLS, or what it sent was changed on the way; try again"),
    };
    io::Error::new(ErrorKind::InvalidData, text)
}
