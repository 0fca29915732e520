//! How a room is found on the local network: what a server announces by multicast DNS (RFC 6762),
//! and under which type of service (RFC 6763). The names only; who sends and hears them is each
//! program's own. PROTOCOL.md, "On the local network".

/// The type of the service, in its domain.
pub const SERVICE: &str = "_chatshelf._tcp.local.";
/// The attribute with the version of these attributes, and that version (RFC 6763, section 6.7).
pub const TXT_VERSION: (&str, &str) = ("txtvers", "1");
/// The attribute with the newest version of the protocol that the server speaks.
pub const TXT_PROTOCOL: &str = "v";
/// The attribute with the beginning of the fingerprint of the server's key. Anyone can announce
/// anything, so it is there to be looked at, and nothing is trusted because of it.
pub const TXT_KEY: &str = "fp";
