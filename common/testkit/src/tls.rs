//! A client's side of TLS that trusts whatever key the server shows, and knows what it was.

use std::net::TcpStream;
use std::sync::{Arc, OnceLock};

use chatshelf_common::fingerprint::Fingerprint;
use chatshelf_common::limits::ALPN;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{
    ClientConfig, ClientConnection, DigitallySignedStruct, Error, SignatureScheme, StreamOwned,
};

/// Accepts every certificate whose key the server has.
#[derive(Debug)]
struct TrustAny(Arc<CryptoProvider>);

impl ServerCertVerifier for TrustAny {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(Error::General("TLS 1.3 only".into()))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, cert, signed, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

/// The configuration of such a client.
///
/// # Panics
/// If rustls does not know TLS 1.3.
pub fn client_config() -> Arc<ClientConfig> {
    static CONFIG: OnceLock<Arc<ClientConfig>> = OnceLock::new();
    let make = || {
        // One cipher, so that figures of several servers can be compared.
        let cipher_suites = vec![ring::cipher_suite::TLS13_AES_128_GCM_SHA256];
        config_with(CryptoProvider { cipher_suites, ..ring::default_provider() })
    };
    Arc::clone(CONFIG.get_or_init(make))
}

/// The configuration of such a client, with this cryptography.
///
/// # Panics
/// If that cannot do TLS 1.3.
pub fn config_with(provider: CryptoProvider) -> Arc<ClientConfig> {
    let provider = Arc::new(provider);
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(&[&rustls::version::TLS13])
        .expect("it knows TLS 1.3");
    let trust = Arc::new(TrustAny(provider));
    let mut config =
        builder.dangerous().with_custom_certificate_verifier(trust).with_no_client_auth();
    config.alpn_protocols = vec![ALPN.to_vec()];
    config.resumption = rustls::client::Resumption::disabled();
    Arc::new(config)
}

/// A client's side of a connection that begins.
///
/// # Panics
/// If rustls cannot begin one.
pub fn client_connection() -> ClientConnection {
    connection_with(client_config())
}

/// The same, with this configuration.
///
/// # Panics
/// If rustls cannot begin one.
pub fn connection_with(config: Arc<ClientConfig>) -> ClientConnection {
    let name = ServerName::try_from("localhost").expect("it is a name");
    ClientConnection::new(config, name).expect("a client can begin")
}

/// A blocking connection.
pub type TlsStream = StreamOwned<ClientConnection, TcpStream>;

/// Begins a connection over a socket.
pub fn stream(socket: TcpStream) -> TlsStream {
    StreamOwned::new(client_connection(), socket)
}

/// Begins a connection to a server that speaks something else than our protocol.
///
/// # Panics
/// If rustls cannot begin one.
pub fn foreign_stream(socket: TcpStream) -> TlsStream {
    let mut config = ClientConfig::clone(&client_config());
    config.alpn_protocols.clear();
    StreamOwned::new(connection_with(config.into()), socket)
}

/// The fingerprint of the key that the server has shown.
///
/// # Panics
/// Before the handshake, or if its certificate has no key.
pub fn fingerprint(connection: &ClientConnection) -> Fingerprint {
    let certs = connection.peer_certificates().expect("the handshake is done");
    let cert = ParsedCertificate::try_from(&certs[0]).expect("a certificate");
    Fingerprint::of(&cert.subject_public_key_info())
}
