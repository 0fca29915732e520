//! Certificate authorities: the system's, or those of a file. Verifies a server's certificate as
//! any TLS client does; what follows from that is decided elsewhere.

use std::path::Path;
use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, Error, RootCertStore};

use crate::lang::tr;
use crate::plain_error::plain_error;

/// Whose word is taken for a certificate.
#[derive(Clone, Debug, Default)]
pub enum Authority {
    /// Those that this system trusts, looked up when they are first needed.
    #[default]
    System,
    /// Those of a file.
    Given(Arc<RootCertStore>),
}

impl Authority {
    /// Those whose certificates a file has, in PEM.
    ///
    /// # Errors
    /// When it cannot be read or has none, as half a sentence.
    pub fn from_file(path: &Path) -> Result<Self, String> {
        let certificates = CertificateDer::pem_file_iter(path)
            .and_then(Iterator::collect::<Result<Vec<_>, _>>)
            .map_err(|why| why_unread(&why))?;
        let mut roots = RootCertStore::empty();
        for certificate in certificates {
            roots.add(certificate).map_err(|why| {
                log::info!("{}: {why}", path.display());
                tr!("a certificate in it is damaged; get another copy").to_owned()
            })?;
        }
        if roots.is_empty() {
            return Err(tr!("it has no certificate in PEM").to_owned());
        }
        Ok(Self::Given(Arc::new(roots)))
    }

    /// True for those that the user has chosen.
    pub(super) fn is_given(&self) -> bool {
        matches!(self, Self::Given(_))
    }

    /// Verifies that the chain, the server's own certificate first, leads to one of them and is for
    /// this name.
    ///
    /// # Errors
    /// Why not, for people.
    pub(super) fn vouch(
        &self,
        chain: &[CertificateDer<'_>],
        name: &ServerName<'_>,
    ) -> Result<(), String> {
        let roots = match self {
            Self::System => Arc::new(system()),
            Self::Given(roots) => Arc::clone(roots),
        };
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let verifier = WebPkiServerVerifier::builder_with_provider(roots, provider)
            .build()
            .map_err(|why| {
                log::info!("certificate authorities: {why}");
                tr!("no certificate authorities are known here").to_owned()
            })?;
        let (own, others) = chain.split_first().ok_or(tr!("it has shown no certificate"))?;
        verifier
            .verify_server_cert(own, others, name, &[], UnixTime::now())
            .map(|_| ())
            .map_err(|why| in_words(&why))
    }
}

/// Why a file gives no certificates, as half a sentence.
fn why_unread(why: &pem::Error) -> String {
    let text = match why {
        pem::Error::Io(why) => return plain_error(why),
        pem::Error::MissingSectionEnd { .. } => {
            tr!("it ends in the middle of a certificate; get a whole copy")
        }
        pem::Error::NoItemsFound => tr!("it has no certificate in PEM"),
        _ => tr!("a certificate in it is damaged; get another copy"),
    };
    text.to_owned()
}

/// Why a certificate is not enough, as a sentence; the library's own words are for the log.
fn in_words(why: &Error) -> String {
    use CertificateError::{
        BadSignature, Expired, ExpiredContext, InvalidPurpose, InvalidPurposeContext,
        NotValidForName, NotValidForNameContext, NotValidYet, NotValidYetContext, Other,
        UnknownIssuer,
    };
    log::info!("the certificate: {why}");
    let Error::InvalidCertificate(why) = why else {
        return tr!("its certificate cannot be verified").to_owned();
    };
    let text = match why {
        // One of the same name has another key.
        UnknownIssuer | BadSignature => tr!("its certificate is from another authority"),
        NotValidForName | NotValidForNameContext { .. } => {
            tr!("its certificate is for another name; connect by the name that it is for")
        }
        Expired | ExpiredContext { .. } => {
            tr!("its certificate has expired; ask whoever runs the server to renew it")
        }
        NotValidYet | NotValidYetContext { .. } => {
            tr!("its certificate is not valid yet; is the clock of this machine right?")
        }
        InvalidPurpose | InvalidPurposeContext { .. } => {
            tr!("its certificate is not for servers")
        }
        // Self-signed ones are at times their own authority's.
        Other(_) => {
            tr!("it is the certificate of an authority, not of a server; use --fingerprint")
        }
        _ => tr!("its certificate cannot be verified"),
    };
    text.to_owned()
}

/// What this system trusts; whatever of it cannot be read does not count.
fn system() -> RootCertStore {
    let found = rustls_native_certs::load_native_certs();
    for error in &found.errors {
        log::info!("certificate authorities: {error}");
    }
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(found.certs);
    roots
}

#[cfg(test)]
mod tests {
    use rcgen::{BasicConstraints, CertificateParams, IsCa, KeyPair};

    use super::*;

    #[test]
    fn an_authoritys_own_certificate_is_no_servers() {
        let mut params = CertificateParams::new(vec!["lab.local".to_owned()]).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let own = params.self_signed(&KeyPair::generate().unwrap()).unwrap();
        let mut roots = RootCertStore::empty();
        roots.add(own.der().clone()).unwrap();
        let name = ServerName::try_from("lab.local").unwrap();
        let vouched = Authority::Given(Arc::new(roots)).vouch(&[own.der().clone()], &name);
        let why = vouched.unwrap_err();
        assert!(why.starts_with("it is the certificate of an authority"), "{why}");
    }
}
