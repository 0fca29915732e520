//! Who can read what is sent on a connection, and so whether a password may be. Plain values.

use std::fmt;

use crate::lang::tr;

/// Who can read what is sent on a connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Privacy {
    /// Nobody but the server that is meant: the connection stays on this machine, or it is
    /// encrypted and the server's key confirmed.
    Private,
    /// A server whose key nobody has confirmed, which may be another than is meant.
    Unconfirmed,
    /// Everyone on the way.
    #[default]
    Unencrypted,
}

impl fmt::Display for Privacy {
    /// Says what is wrong with it, and what to do.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Private => tr!("nobody else can read it"),
            Self::Unconfirmed => tr!(
                "nobody has confirmed the server's key, which was accepted without a question; \
                 compare its fingerprint with the one that the server shows, and give it with \
                 --fingerprint if it is the same"
            ),
            Self::Unencrypted => tr!(
                "this connection is not encrypted, and others could read it; leave out --no-tls"
            ),
        })
    }
}
