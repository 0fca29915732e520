//! Who the server is to those who connect over TLS: its key, and the certificate that shows it.
//!
//! Without other files the key is its own, made at the first start and kept in the data directory;
//! clients recognise it by its fingerprint. The certificate around it says nothing that a client
//! has to rely on, but a browser whose user has accepted it knows it by its bytes: so it is kept
//! too, until it has to be another (`certificate`). With `--tls-cert` and `--tls-key` both are
//! somebody else's.

mod certificate;
mod pem;

use std::fs;
use std::io;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use chatshelf_common::fingerprint::Fingerprint;
use chatshelf_common::limits::{ALPN, ALPN_HTTP};
use rcgen::KeyPair;
use rustls::ServerConfig;
use rustls::crypto::CryptoProvider;
use rustls::crypto::ring::default_provider;
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::pki_types::pem::PemObject;
use rustls::server::{NoServerSessionStorage, ResolvesServerCert};
use rustls::sign::{CertifiedKey, SingleCertAndKey};

use crate::disk::files::{SystemFiles, replace};

/// The key's file in the data directory.
pub const KEY_FILE: &str = "key.pem";

/// Where key and certificate come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The key is the server's own, in this data directory; the certificate is for this address.
    Own(PathBuf, Option<IpAddr>),
    /// From two PEM files.
    Files {
        /// The certificate, and those of whoever vouches for it.
        cert: PathBuf,
        /// Its key.
        key: PathBuf,
    },
}

/// A key with its certificate, ready for connections.
#[derive(Clone, Debug)]
pub struct Identity {
    /// What rustls needs.
    pub config: Arc<ServerConfig>,
    /// What clients recognise the key by.
    pub fingerprint: Fingerprint,
    /// Why nobody who looks at its dates believes the certificate now, if so.
    pub out_of_date: Option<String>,
}

impl Identity {
    /// Reads key and certificate, or makes those that are the server's own.
    ///
    /// # Errors
    /// One line that says which file cannot be used, why, and what to do.
    pub fn open(origin: &Origin) -> Result<Self, String> {
        match origin {
            Origin::Own(data_dir, bind) => {
                let bind = bind.filter(|address| !address.is_unspecified());
                let path = data_dir.join(KEY_FILE);
                let key = own_key(&path).map_err(|why| of_key(&path, &why))?;
                let cert = certificate::of(&key, data_dir, bind)?;
                let key = PrivatePkcs8KeyDer::from(key.serialized_der().to_vec());
                let provider = Arc::new(default_provider());
                CertifiedKey::from_der(vec![cert], key.into(), &provider)
                    .and_then(|certified| Self::new(provider, certified))
                    .map_err(|why| of_key(&path, &io::Error::other(why)))
            }
            Origin::Files { cert, key } => {
                let of_cert =
                    |why: String| format!("cannot use the certificate {}: {why}", cert.display());
                let text = read(cert).map_err(|why| of_cert(why.to_string()))?;
                let certs = pem::certs_of(&text).map_err(of_cert)?;
                let provider = Arc::new(default_provider());
                let private = read_key(key, 0o007)
                    .and_then(|text| pem::key_of(&text, &provider).map_err(io::Error::other));
                let private = private.map_err(|why| of_key(key, &why))?;
                let out_of_date = certificate::out_of_date(&certs[0], SystemTime::now());
                let certified = CertifiedKey::new(certs, private);
                match certified.keys_match() {
                    Ok(()) => {
                        let identity = Self::new(provider, certified)
                            .map_err(|why| of_cert(why.to_string()))?;
                        Ok(Self { out_of_date: out_of_date.map(of_cert), ..identity })
                    }
                    Err(rustls::Error::InconsistentKeys(_)) => Err(pem::mismatch(
                        &certified,
                        &cert.display().to_string(),
                        &key.display().to_string(),
                    )),
                    Err(_) => Err(of_cert("its first certificate is damaged".into())),
                }
            }
        }
    }

    fn new(provider: Arc<CryptoProvider>, certified: CertifiedKey) -> Result<Self, rustls::Error> {
        let info = certified.key.public_key();
        let info =
            info.ok_or_else(|| rustls::Error::General("its key has no public half".into()))?;
        let fingerprint = Fingerprint::of(&info);
        let config = tls_config(provider, Arc::new(SingleCertAndKey::from(certified)))?;
        Ok(Self { config: Arc::new(config), fingerprint, out_of_date: None })
    }
}

/// TLS 1.3 and nothing older, for members and browsers, with this cryptography and certificate.
///
/// # Errors
/// If that cryptography cannot do TLS 1.3.
pub fn tls_config(
    provider: Arc<CryptoProvider>,
    certs: Arc<dyn ResolvesServerCert>,
) -> Result<ServerConfig, rustls::Error> {
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .with_no_client_auth()
        .with_cert_resolver(certs);
    // Members resume by a token of the protocol's own, which tells nobody that they did.
    config.send_tls13_tickets = 0;
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.alpn_protocols = vec![ALPN.to_vec(), ALPN_HTTP.to_vec()];
    Ok(config)
}

/// Says which files keep a server from starting, without making any, or would be of no use.
///
/// # Errors
/// One line, as [`Identity::open`], or that the certificate is out of date.
pub fn check(origin: &Origin) -> Result<(), String> {
    match origin {
        // What is wrong with it is for others to say.
        Origin::Own(data_dir, _) if !data_dir.is_dir() => Ok(()),
        Origin::Own(data_dir, _) => {
            let path = data_dir.join(KEY_FILE);
            read_own_key(&path).map(drop).map_err(|why| of_key(&path, &why))
        }
        Origin::Files { .. } => Identity::open(origin)?.out_of_date.map_or(Ok(()), Err),
    }
}

fn of_key(path: &Path, why: &io::Error) -> String {
    format!("cannot use the key {}: {why}", path.display())
}

fn no_key(kind: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("it does not hold {kind} in PEM"))
}

/// Reads a file that somebody has named. Never waits, as a pipe could make it.
fn read(path: &Path) -> io::Result<Vec<u8>> {
    if !fs::metadata(path)?.is_file() {
        return Err(io::Error::other("it is not a regular file"));
    }
    fs::read(path)
}

/// Reads a key, unless those can read it whose permissions are in `others`.
fn read_key(path: &Path, others: u32) -> io::Result<Vec<u8>> {
    let text = read(path)?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        if fs::metadata(path)?.permissions().mode() & others != 0 {
            let path = std::path::absolute(path)?;
            let path = path.display().to_string().replace('\'', "'\\''");
            let how = format!("others can read it; run: chmod 600 '{path}'");
            return Err(io::Error::new(io::ErrorKind::PermissionDenied, how));
        }
    }
    #[cfg(not(unix))]
    let _ = others;
    Ok(text)
}

/// The server's own key: what is there, or a new one.
fn own_key(path: &Path) -> io::Result<KeyPair> {
    if let Some(key) = read_own_key(path)? {
        return Ok(key);
    }
    let key = KeyPair::generate().map_err(io::Error::other)?;
    replace(&SystemFiles, path, key.serialize_pem().as_bytes())?;
    Ok(key)
}

/// Reads the server's own key, if there is one. A link that leads nowhere is one that cannot be
/// read: its disk may be missing.
fn read_own_key(path: &Path) -> io::Result<Option<KeyPair>> {
    let text = match read_key(path, 0o077) {
        Err(why) if why.kind() == io::ErrorKind::NotFound => {
            return match fs::symlink_metadata(path) {
                Ok(_) => Err(io::Error::other("it is a link to a file that is not there")),
                Err(_) => Ok(None),
            };
        }
        text => text?,
    };
    let kind = "a key of P-256 (PKCS #8)";
    let key = PrivatePkcs8KeyDer::from_pem_slice(&text).map_err(|_| no_key(kind))?;
    KeyPair::from_pkcs8_der_and_sign_algo(&key, &rcgen::PKCS_ECDSA_P256_SHA256)
        .map(Some)
        .map_err(|_| no_key(kind))
}

/// This machine's name, by which others may reach it.
#[cfg(unix)]
#[must_use]
pub fn own_name() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

/// This machine's name, by which others may reach it.
#[cfg(not(unix))]
#[must_use]
pub fn own_name() -> String {
    std::env::var("COMPUTERNAME").unwrap_or_else(|_| "localhost".into())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn own(dir: &Path) -> Result<Identity, String> {
        Identity::open(&Origin::Own(dir.into(), None))
    }

    #[test]
    fn the_own_key_is_made_once_and_stays() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(check(&Origin::Own(dir.path().into(), None)), Ok(()));
        assert!(!dir.path().join(KEY_FILE).exists(), "a check makes nothing");
        let first = own(dir.path()).unwrap().fingerprint;
        let text = fs::read(dir.path().join(KEY_FILE)).unwrap();
        assert_eq!(own(dir.path()).unwrap().fingerprint, first);
        assert_eq!(fs::read(dir.path().join(KEY_FILE)).unwrap(), text);
        let other = tempfile::tempdir().unwrap();
        assert_ne!(own(other.path()).unwrap().fingerprint, first);
    }

    #[cfg(unix)]
    #[test]
    fn a_key_that_others_can_read_is_refused_with_the_command_that_helps() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        own(dir.path()).unwrap();
        let path = dir.path().join(KEY_FILE);
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&path), 0o600);
        for wide in [0o640, 0o604, 0o660, 0o644] {
            fs::set_permissions(&path, fs::Permissions::from_mode(wide)).unwrap();
            let why = own(dir.path()).unwrap_err();
            assert!(why.ends_with(&format!("run: chmod 600 '{}'", path.display())), "{why}");
            assert_eq!(mode(&path), wide, "nothing is changed");
        }
    }

    #[test]
    fn a_damaged_key_is_refused_and_not_replaced() {
        let dir = tempfile::tempdir().unwrap();
        own(dir.path()).unwrap();
        let path = dir.path().join(KEY_FILE);
        let whole = fs::read_to_string(&path).unwrap();
        for damaged in ["", "x", &whole[..60], &whole.replace('M', "N")] {
            fs::write(&path, damaged).unwrap();
            let why = own(dir.path()).unwrap_err();
            assert!(why.contains("does not hold a key of P-256"), "{why}");
            assert_eq!(fs::read_to_string(&path).unwrap(), damaged);
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_key_on_a_disk_that_is_missing_is_not_replaced() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(KEY_FILE);
        std::os::unix::fs::symlink(dir.path().join("missing/key"), &path).unwrap();
        let origin = Origin::Own(dir.path().into(), None);
        for why in [own(dir.path()).unwrap_err(), check(&origin).unwrap_err()] {
            assert!(why.ends_with("key.pem: it is a link to a file that is not there"), "{why}");
        }
        assert!(fs::symlink_metadata(&path).unwrap().is_symlink());
    }

    #[test]
    fn a_certificate_that_is_out_of_date_is_used_and_pointed_out() {
        let dir = tempfile::tempdir().unwrap();
        let key = KeyPair::generate().unwrap();
        let files = |made_at| {
            let (cert, path) = (dir.path().join("cert"), dir.path().join("key"));
            let made = certificate::make(&key, None, made_at).unwrap();
            replace(&SystemFiles, &cert, made.pem().as_bytes()).unwrap();
            replace(&SystemFiles, &path, key.serialize_pem().as_bytes()).unwrap();
            Origin::Files { cert, key: path }
        };
        let year = Duration::from_secs(400 * 24 * 60 * 60);
        let now = SystemTime::now();
        for (made_at, told) in [(now - year, "it expired on "), (now + year, "it is valid from ")] {
            let origin = files(made_at);
            let why = Identity::open(&origin).unwrap().out_of_date.unwrap();
            assert!(why.contains(told), "{why}");
            assert_eq!(check(&origin), Err(why));
        }
        let origin = files(now);
        assert_eq!((Identity::open(&origin).unwrap().out_of_date, check(&origin)), (None, Ok(())));
    }

    #[test]
    fn files_are_used_if_they_belong_together() {
        let dir = tempfile::tempdir().unwrap();
        let file = |name: &str, text: &str| {
            let path = dir.path().join(name);
            replace(&SystemFiles, &path, text.as_bytes()).unwrap();
            path
        };
        let key = KeyPair::generate().unwrap();
        let made = |key| certificate::make(key, None, SystemTime::now()).unwrap().pem();
        let own_pem = made(&key);
        let cert = file("cert.pem", &own_pem);
        let right = file("right.pem", &key.serialize_pem());
        let other = KeyPair::generate().unwrap();
        let wrong = file("wrong.pem", &other.serialize_pem());
        let chain = made(&other) + &own_pem;
        let chain = file("chain.pem", &chain);
        let cut = file("cut.pem", &own_pem[..own_pem.len() - 40]);
        let cut_key = key.serialize_pem();
        let cut_key = file("cut.key", &cut_key[..cut_key.len() - 40]);
        let section = |kind: &str, text: &str| {
            format!("-----BEGIN {kind}-----\n{text}\n-----END {kind}-----\n")
        };
        let not_base64 = file("not_base64.pem", &section("CERTIFICATE", "MII?"));
        let not_der = file("not_der.pem", &section("CERTIFICATE", "AAAA"));
        let locked = file("locked.pem", &section("ENCRYPTED PRIVATE KEY", "AAAA"));
        let old = "Proc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC,00\n\nAAAA";
        let old_locked = file("old_locked.pem", &section("RSA PRIVATE KEY", old));
        let short = file("short.pem", &section("PRIVATE KEY", "AAAA"));
        let open = |cert: &Path, key: &Path| {
            Identity::open(&Origin::Files { cert: cert.into(), key: key.into() })
        };
        let identity = open(&cert, &right).unwrap();
        let info = rcgen::PublicKeyData::subject_public_key_info(&key);
        assert_eq!(identity.fingerprint, Fingerprint::of(&info));
        for (cert, key, told) in [
            (&cert, &wrong, "wrong.pem is not the key of "),
            (&cert, &cert, "cert.pem: it does not hold a private key in PEM"),
            (&right, &right, "right.pem: it has no section CERTIFICATE"),
            (&chain, &right, "chain.pem are in the wrong order: the server's own must come first"),
            (&cut, &right, "cut.pem: it is cut off: there is no line -----END CERTIFICATE-----"),
            (&cert, &cut_key, "cut.key: it is cut off: there is no line -----END PRIVATE KEY-----"),
            (&not_base64, &right, "not_base64.pem: its certificate is damaged: it is not Base64"),
            (&not_der, &right, "not_der.pem: its first certificate is damaged"),
            (&cert, &locked, "locked.pem: it is protected by a passphrase; write it without one:"),
            (&cert, &old_locked, "old_locked.pem: it is protected by a passphrase"),
            (&cert, &short, "short.pem: it is damaged, or of a kind that cannot be used"),
            (&dir.path().join("none"), &right, "cannot use the certificate "),
            (&cert, &dir.path().join("none"), "cannot use the key "),
            (&cert, &dir.path().to_path_buf(), "it is not a regular file"),
        ] {
            let why = open(cert, key).unwrap_err();
            assert!(why.contains(told), "{why}");
        }
    }
}
