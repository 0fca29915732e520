//! Addresses, join links and fingerprints: what can be read is shown in a form that reads as the
//! same, and a fingerprint is never overlooked.

use chatshelf_common::address::{HOST_BYTES_MAX, ServerAddress};
use chatshelf_common::fingerprint::Fingerprint;
use chatshelf_common::join_link::JoinLink;

/// A text.
pub(crate) fn run(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Ok(fingerprint) = text.parse::<Fingerprint>() {
        assert_eq!(fingerprint.to_string().parse(), Ok(fingerprint));
    }
    let has_fingerprint = text.to_ascii_lowercase().contains("#sha256:");
    match text.parse::<ServerAddress>() {
        Ok(address) => {
            assert!(!has_fingerprint, "an address has none");
            assert!(address.host().len() <= HOST_BYTES_MAX);
            // An empty text is a host that does not exist.
            assert!(address.host().is_empty() || address.to_string().parse() == Ok(address));
        }
        Err(why) => assert!(!why.to_string().is_empty()),
    }
    if let Ok(link) = text.parse::<JoinLink>() {
        assert_eq!(link.fingerprint.is_some(), has_fingerprint);
        assert!(link.address.host().is_empty() || link.to_string().parse() == Ok(link));
    }
}
