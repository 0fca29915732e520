//! The certificate around the server's own key. It is kept in the data directory, because a browser
//! warns its user again about every new one. It is replaced if it is for another key, lacks a name,
//! or is about to expire.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use jiff::Timestamp;
use rcgen::{
    Certificate, CertificateParams, DnType, ExtendedKeyUsagePurpose, KeyPair, KeyUsagePurpose,
    PublicKeyData, SanType, SerialNumber,
};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use webpki::{EndEntityCert, Error, KeyUsage};

use super::own_name;
use crate::disk::files::{SystemFiles, replace};

/// Its file in the data directory.
const CERTIFICATE_FILE: &str = "certificate.pem";

/// A certificate made here is valid for so long, from a day before, since clocks differ.
const VALID_DAYS: u32 = 397;
/// One that expires sooner than this is replaced.
const RENEWAL_DAYS: u32 = 30;
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// The certificate of this key that is in the data directory, or a new one.
///
/// # Errors
/// One line, if a new one cannot be made or written.
pub(super) fn of(
    key: &KeyPair,
    data_dir: &Path,
    bind: Option<IpAddr>,
) -> Result<CertificateDer<'static>, String> {
    let (path, now) = (data_dir.join(CERTIFICATE_FILE), SystemTime::now());
    if let Ok(kept) = CertificateDer::from_pem_file(&path)
        && is_good(&kept, key, bind, now)
    {
        return Ok(kept);
    }
    let failed = |why: String| format!("cannot make the certificate {}: {why}", path.display());
    let made = make(key, bind, now).map_err(|why| failed(why.to_string()))?;
    replace(&SystemFiles, &path, made.pem().as_bytes()).map_err(|why| failed(why.to_string()))?;
    Ok(made.into())
}

/// Says since when nobody who looks at its dates believes a certificate, or from when on somebody
/// will.
pub(super) fn out_of_date(cert: &CertificateDer<'_>, at: SystemTime) -> Option<String> {
    let day = |time: UnixTime| {
        let time = Timestamp::from_second(time.as_secs() as i64).unwrap_or(Timestamp::MAX);
        time.strftime("%Y-%m-%d").to_string()
    };
    let cert = EndEntityCert::try_from(cert).ok()?;
    let at = UnixTime::since_unix_epoch(at.duration_since(UNIX_EPOCH).unwrap_or_default());
    // Its dates are looked at before anyone who could vouch for it: here, there is nobody.
    let usage = KeyUsage::server_auth();
    match cert.verify_for_usage(&[], &[], &[], at, usage, None, None).err()? {
        Error::CertExpired { not_after, .. } => Some(format!("it expired on {}", day(not_after))),
        Error::CertNotValidYet { not_before, .. } => {
            Some(format!("it is valid from {} on", day(not_before)))
        }
        _ => None,
    }
}

/// True if a certificate is of this key, for all names, and valid for a while.
fn is_good(
    cert: &CertificateDer<'_>,
    key: &KeyPair,
    bind: Option<IpAddr>,
    now: SystemTime,
) -> bool {
    let Ok(parsed) = EndEntityCert::try_from(cert) else { return false };
    let is_for = |name: &ServerName<'_>| parsed.verify_is_valid_for_subject_name(name).is_ok();
    let hosts = hosts().into_iter().filter_map(|host| ServerName::try_from(host).ok());
    let addresses = addresses(bind).map(|address| ServerName::IpAddress(address.into()));
    *parsed.subject_public_key_info() == *key.subject_public_key_info()
        && hosts.chain(addresses).all(|name| is_for(&name))
        && [now, now + RENEWAL_DAYS * DAY].iter().all(|at| out_of_date(cert, *at).is_none())
}

/// Makes a certificate for the names by which this machine is reached.
pub(super) fn make(
    key: &KeyPair,
    bind: Option<IpAddr>,
    now: SystemTime,
) -> Result<Certificate, rcgen::Error> {
    let mut params = CertificateParams::new(hosts())?;
    params.subject_alt_names.extend(addresses(bind).map(SanType::IpAddress));
    let now = now.duration_since(UNIX_EPOCH).unwrap_or_default();
    let epoch = rcgen::date_time_ymd(1970, 1, 1);
    params.not_before = epoch + now.saturating_sub(DAY);
    params.not_after = params.not_before + DAY * VALID_DAYS;
    params.serial_number = Some(SerialNumber::from(now.as_millis() as u64));
    params.distinguished_name.push(DnType::CommonName, "chatshelf");
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.self_signed(key)
}

fn hosts() -> Vec<String> {
    let own = Some(own_name()).filter(|name| name.is_ascii() && !name.is_empty());
    ["localhost".to_owned()].into_iter().chain(own).collect()
}

fn addresses(bind: Option<IpAddr>) -> impl Iterator<Item = IpAddr> {
    let loopback = [Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()];
    loopback.into_iter().chain(bind)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_stays_until_it_has_to_be_another() {
        let dir = tempfile::tempdir().unwrap();
        let key = KeyPair::generate().unwrap();
        let path = dir.path().join(CERTIFICATE_FILE);
        let at = |bind| of(&key, dir.path(), bind).unwrap();
        let first = at(None);
        assert_eq!(at(None), first);
        let address = Some(IpAddr::from([192, 0, 2, 7]));
        let second = at(address);
        assert_ne!(second, first, "it lacked an address");
        assert_eq!((at(address), at(None)), (second.clone(), second), "more names do no harm");
        let other = of(&KeyPair::generate().unwrap(), dir.path(), None).unwrap();
        let third = at(None);
        assert!(third != other, "it is of another key");
        for damaged in ["", "x", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"] {
            std::fs::write(&path, damaged).unwrap();
            assert_ne!(at(None), third, "{damaged:?}");
        }
    }

    #[test]
    fn it_is_renewed_a_month_before_its_end() {
        let key = KeyPair::generate().unwrap();
        let now = SystemTime::now();
        for (age_days, is_good_still) in [(0, true), (365, true), (367, false), (400, false)] {
            let made = make(&key, None, now - age_days * DAY).unwrap();
            assert_eq!(is_good(made.der(), &key, None, now), is_good_still, "{age_days} days old");
        }
        let later = make(&key, None, now + 2 * DAY).unwrap();
        assert!(!is_good(later.der(), &key, None, now));
    }
}
