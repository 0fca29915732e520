//! Certificates and keys in PEM (RFC 7468), as somebody else's tools have written them, and what is
//! wrong with those that cannot be used. Pure functions.

use std::sync::Arc;

use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::{Error, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::{CertifiedKey, SigningKey};

/// What a key that TLS 1.3 can use here is.
const KINDS: &str = "ECDSA P-256 or P-384, Ed25519, or RSA of 2048 to 4096 bits";

/// Reads a certificate and those behind it.
///
/// # Errors
/// What is wrong with the file.
pub(super) fn certs_of(text: &[u8]) -> Result<Vec<CertificateDer<'static>>, String> {
    let certs: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(text).collect();
    let certs = certs.map_err(|why| explain(&why, "certificate"))?;
    match certs.is_empty() {
        true => Err("it has no section CERTIFICATE".into()),
        false => Ok(certs),
    }
}

/// Reads a key.
///
/// # Errors
/// What is wrong with the file, and what to do.
pub(super) fn key_of(
    text: &[u8],
    provider: &CryptoProvider,
) -> Result<Arc<dyn SigningKey>, String> {
    if String::from_utf8_lossy(text).contains("ENCRYPTED") {
        let how = "openssl pkey -in ENCRYPTED.pem -out KEY.pem";
        return Err(format!("it is protected by a passphrase; write it without one: {how}"));
    }
    let key = PrivateKeyDer::from_pem_slice(text).map_err(|why| explain(&why, "private key"))?;
    provider.key_provider.load_private_key(key).map_err(|_| {
        format!("it is damaged, or of a kind that cannot be used; make a new one: {KINDS}")
    })
}

/// Says what is wrong with a certificate and a key that do not belong together.
pub(super) fn mismatch(certified: &CertifiedKey, cert: &str, key: &str) -> String {
    let is_of = |cert: &CertificateDer<'static>| {
        CertifiedKey::new(vec![cert.clone()], Arc::clone(&certified.key)).keys_match().is_ok()
    };
    match certified.cert.iter().any(is_of) {
        true => format!(
            "the certificates in {cert} are in the wrong order: the server's own must come first, \
             then those of whoever vouches for it"
        ),
        false => format!("{key} is not the key of {cert}"),
    }
}

fn explain(why: &Error, what: &str) -> String {
    match why {
        Error::NoItemsFound => format!("it does not hold a {what} in PEM"),
        Error::MissingSectionEnd { end_marker } => {
            let name = String::from_utf8_lossy(end_marker);
            format!("it is cut off: there is no line -----END {}-----", name.escape_debug())
        }
        Error::IllegalSectionStart { line } => {
            let line = String::from_utf8_lossy(line);
            format!("it is damaged at the line {}", line.trim_end().escape_debug())
        }
        Error::Base64Decode(_) => format!("its {what} is damaged: it is not Base64"),
        why => why.to_string(),
    }
}
