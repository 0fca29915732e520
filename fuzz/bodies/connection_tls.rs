//! The connection's state machine over TLS. Some peers speak it, by rustls's own client: the script
//! says what they encrypt, where their records are cut, when keys change, and what is damaged. What
//! the others say is taken for records as it is.

use std::io::{Read, Write};
use std::rc::Rc;
use std::sync::{Arc, OnceLock};

use chatshelf_server::identity::{Identity, Origin, tls_config};
use chatshelf_server::net::tls::{TlsContext, TlsTransport};
use chatshelf_server::token::Token;
use chatshelf_testkit::tls::{config_with, connection_with};
use rustls::{ClientConfig, ClientConnection, ServerConfig};

use super::free_crypto;
use super::room::{self, Carrier, Client};
use super::wire::End;

/// A script for a room.
pub(crate) fn run(bytes: &[u8]) {
    room::run::<Tls>(bytes);
}

/// What the connections of a room share.
struct Tls(Rc<TlsContext>);

impl Default for Tls {
    fn default() -> Self {
        Self(TlsContext::new(config()))
    }
}

/// That of a server's first start, made once, with free cryptography.
fn config() -> Arc<ServerConfig> {
    static CONFIG: OnceLock<Arc<ServerConfig>> = OnceLock::new();
    let make = || {
        let dir = tempfile::tempdir().expect("a folder");
        let origin = Origin::Own(dir.path().into(), None);
        let identity = Identity::open(&origin).expect("a key and a certificate");
        let resolver = Arc::clone(&identity.config.cert_resolver);
        let config = tls_config(Arc::new(free_crypto::provider()), resolver);
        Arc::new(config.expect("it knows TLS 1.3"))
    };
    Arc::clone(CONFIG.get_or_init(make))
}

/// A client that trusts whatever the server shows.
fn client_connection() -> ClientConnection {
    static CONFIG: OnceLock<Arc<ClientConfig>> = OnceLock::new();
    let config = CONFIG.get_or_init(|| config_with(free_crypto::provider()));
    connection_with(Arc::clone(config))
}

impl Carrier for Tls {
    type Transport = TlsTransport<End>;
    type Client = TlsClient;

    fn carry(&self, end: End, token: Token) -> TlsTransport<End> {
        TlsTransport::new(end, &self.0, token, &[]).expect("a server can begin")
    }

    fn client(&self, is_raw: bool) -> TlsClient {
        let begin = || {
            let mut tls = client_connection();
            tls.set_buffer_limit(None);
            tls
        };
        TlsClient { tls: (!is_raw).then(begin), raw: Vec::new(), has_spoilt_it: false }
    }

    fn begin_turn(&self) -> Vec<Token> {
        self.0.begin_turn()
    }

    fn has_waiting(&self) -> bool {
        self.0.has_waiting()
    }
}

struct TlsClient {
    /// `None` for a peer that speaks no TLS.
    tls: Option<ClientConnection>,
    /// Bytes for the wire that are not encrypted.
    raw: Vec<u8>,
    /// The server may have had reason to end it.
    has_spoilt_it: bool,
}

impl Client for TlsClient {
    fn say(&mut self, bytes: &[u8]) {
        match &mut self.tls {
            Some(tls) => {
                let said = tls.writer().write_all(bytes);
                assert!(said.is_ok() || self.has_spoilt_it, "{said:?}");
            }
            None => self.raw.extend_from_slice(bytes),
        }
    }

    /// Changes the keys, says the end, or sends what is no TLS.
    fn poke(&mut self, what: u8) {
        let Some(tls) = &mut self.tls else { return };
        match what & 3 {
            0 | 1 if !tls.is_handshaking() && !self.has_spoilt_it => {
                tls.refresh_traffic_keys().expect("the handshake is done");
            }
            0 | 1 => {}
            2 => tls.send_close_notify(),
            _ => (self.raw, self.has_spoilt_it) = (vec![what; usize::from(what >> 2)], true),
        }
    }

    fn take_output(&mut self, out: &mut Vec<u8>) {
        if let Some(tls) = &mut self.tls {
            while tls.wants_write() {
                tls.write_tls(out).expect("memory can be written");
            }
        }
        out.append(&mut self.raw);
    }

    fn hear(&mut self, mut bytes: &[u8]) -> Option<Vec<u8>> {
        let tls = self.tls.as_mut()?;
        let mut plain = Vec::new();
        while !bytes.is_empty() {
            tls.read_tls(&mut bytes).expect("memory can be read");
            let processed = tls.process_new_packets();
            assert!(processed.is_ok() || self.has_spoilt_it, "{processed:?}");
            processed.ok()?;
            // To the end, or as far as it has come.
            let _ = tls.reader().read_to_end(&mut plain);
        }
        Some(plain)
    }
}
