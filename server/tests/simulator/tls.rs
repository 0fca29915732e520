//! Connections over TLS: the server's transport at one end of a wire, rustls's own client at the
//! other. What is random in their handshakes never changes how long anything is, so a seed stays
//! what it was.

use std::io::{self, ErrorKind, IoSlice, Read, Write};
use std::sync::{Arc, OnceLock};

use chatshelf_server::net::tls::TlsTransport;
use chatshelf_testkit::tls::client_connection;
use rcgen::{CertificateParams, KeyPair, PKCS_ED25519, SerialNumber};
use rustls::crypto::ring::default_provider;
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::{ClientConnection, ServerConfig};

use super::end::End;
use super::layered::{Either, TestTransport};
use super::network::Shared;

/// Plaintext that a client's side keeps while the wire takes no more.
const KEPT_BYTES: usize = 16 * 1024;
/// A client changes its key with each such write.
const KEY_UPDATE_EVERY: u32 = 16;

/// The server's configuration. Signatures of Ed25519 have one length.
pub(crate) fn server_config() -> Arc<ServerConfig> {
    static CONFIG: OnceLock<Arc<ServerConfig>> = OnceLock::new();
    let make = || {
        let key = KeyPair::generate_for(&PKCS_ED25519).unwrap();
        let mut params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        params.serial_number = Some(SerialNumber::from(1));
        let cert = params.self_signed(&key).unwrap();
        let key = PrivatePkcs8KeyDer::from(key.serialized_der().to_vec());
        let mut config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
            .with_protocol_versions(&[&rustls::version::TLS13])
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![cert.into()], key.into())
            .unwrap();
        config.send_tls13_tickets = 0;
        Arc::new(config)
    };
    Arc::clone(CONFIG.get_or_init(make))
}

/// What a client says first.
pub(crate) fn hello() -> Vec<u8> {
    let mut bytes = Vec::new();
    client_connection().write_tls(&mut bytes).unwrap();
    bytes
}

/// The client's end of a connection, with TLS if the wire asks for it.
#[derive(Debug)]
pub(crate) enum Socket {
    Plain(End),
    Tls(Box<TlsEnd>),
}

/// A client's side of TLS over an end.
#[derive(Debug)]
pub(crate) struct TlsEnd {
    end: End,
    tls: ClientConnection,
    writes: u32,
}

impl Socket {
    pub(crate) fn over(end: End) -> Self {
        if !end.wire().borrow().is_tls {
            return Self::Plain(end);
        }
        let mut tls = client_connection();
        tls.set_buffer_limit(Some(KEPT_BYTES));
        Self::Tls(Box::new(TlsEnd { end, tls, writes: 0 }))
    }

    pub(crate) fn wire(&self) -> &Shared {
        match self {
            Self::Plain(end) => end.wire(),
            Self::Tls(tls) => tls.end.wire(),
        }
    }

    /// Sends what the layer keeps.
    pub(crate) fn push(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(_) => Ok(()),
            Self::Tls(tls) => tls.push(),
        }
    }
}

impl TlsEnd {
    fn push(&mut self) -> io::Result<()> {
        while self.tls.wants_write() {
            self.tls.write_tls(&mut self.end)?;
        }
        Ok(())
    }
}

impl Read for TlsEnd {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.tls.reader().read(buffer) {
                Err(why) if why.kind() == ErrorKind::WouldBlock => {}
                // The wire has ended, whether TLS said so before or not.
                Err(why) if why.kind() == ErrorKind::UnexpectedEof => return Ok(0),
                read => return read,
            }
            self.tls.read_tls(&mut self.end)?;
            self.tls.process_new_packets().expect("the server keeps to TLS");
            match self.push() {
                Err(why) if why.kind() != ErrorKind::WouldBlock => return Err(why),
                _ => {}
            }
        }
    }
}

impl Write for TlsEnd {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.write_vectored(&[IoSlice::new(bytes)])
    }

    fn write_vectored(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        self.writes += 1;
        if self.writes.is_multiple_of(KEY_UPDATE_EVERY) && !self.tls.is_handshaking() {
            self.tls.refresh_traffic_keys().unwrap();
        }
        let count = self.tls.writer().write_vectored(slices)?;
        match self.push() {
            Err(why) if why.kind() != ErrorKind::WouldBlock || count == 0 => Err(why),
            _ => Ok(count),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Read for Socket {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(end) => Read::read(end, buffer),
            Self::Tls(tls) => tls.read(buffer),
        }
    }
}

impl Write for Socket {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.write_vectored(&[IoSlice::new(bytes)])
    }

    fn write_vectored(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        match self {
            Self::Plain(end) => end.write_vectored(slices),
            Self::Tls(tls) => tls.write_vectored(slices),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What the server has over its end of a wire, below WebSocket.
pub(crate) type BaseEnd = Either<TestTransport<End>, TlsTransport<End>>;
