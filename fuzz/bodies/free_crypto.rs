//! Key agreement that costs nothing and protects nothing, and signatures that all hold. With the
//! real ones, most of a fuzzer's time would go into arithmetic that no input can change.

use rustls::crypto::{
    ActiveKeyExchange, CryptoProvider, SharedSecret, SupportedKxGroup, WebPkiSupportedAlgorithms,
    ring,
};
use rustls::pki_types::{
    AlgorithmIdentifier, InvalidSignature, SignatureVerificationAlgorithm, alg_id,
};
use rustls::{Error, NamedGroup, PeerMisbehaved, SignatureScheme};

/// Bytes of an X25519 key.
const KEY_BYTES: usize = 32;
const SCHEME: SignatureScheme = SignatureScheme::ECDSA_NISTP256_SHA256;

/// Ring's cipher and hash, with secrets that everybody knows.
pub(crate) fn provider() -> CryptoProvider {
    CryptoProvider {
        cipher_suites: vec![ring::cipher_suite::TLS13_AES_128_GCM_SHA256],
        kx_groups: vec![&Agreement],
        signature_verification_algorithms: WebPkiSupportedAlgorithms {
            all: &[&AnySignature],
            mapping: &[(SCHEME, &[&AnySignature])],
        },
        ..ring::default_provider()
    }
}

#[derive(Debug)]
struct Agreement;

impl SupportedKxGroup for Agreement {
    fn start(&self) -> Result<Box<dyn ActiveKeyExchange>, Error> {
        Ok(Box::new(Self))
    }

    fn name(&self) -> NamedGroup {
        NamedGroup::X25519
    }
}

impl ActiveKeyExchange for Agreement {
    fn complete(self: Box<Self>, share: &[u8]) -> Result<SharedSecret, Error> {
        if share.len() != KEY_BYTES {
            return Err(PeerMisbehaved::InvalidKeyShare.into());
        }
        Ok(SharedSecret::from(&[0; KEY_BYTES][..]))
    }

    fn pub_key(&self) -> &[u8] {
        &[0; KEY_BYTES]
    }

    fn group(&self) -> NamedGroup {
        self.name()
    }
}

#[derive(Debug)]
struct AnySignature;

impl SignatureVerificationAlgorithm for AnySignature {
    fn verify_signature(&self, _: &[u8], _: &[u8], _: &[u8]) -> Result<(), InvalidSignature> {
        Ok(())
    }

    fn public_key_alg_id(&self) -> AlgorithmIdentifier {
        alg_id::ECDSA_P256
    }

    fn signature_alg_id(&self) -> AlgorithmIdentifier {
        alg_id::ECDSA_SHA256
    }
}
