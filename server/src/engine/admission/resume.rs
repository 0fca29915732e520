//! Resume tokens: a client presents one to resume its membership (PROTOCOL.md, "Coming back").
//!
//! A token holds the name of a session, the first event it was sent, and a keyed digest of both.
//! Nobody without the secret can forge one or reach further back with one, and the server need not
//! remember sessions whose member is gone. A session is named after its first connection and keeps
//! that name on all later ones, so a client that missed its latest welcome can resume with the
//! token it has.

use blake3::Hash;
use byteorder::{BigEndian, ByteOrder};
use chatshelf_common::id::{ItemId, LinkToken, ResumeToken, Seq};

use crate::token::Token;

/// Bytes of a token that hold the session's name and its first event; the rest is the digest.
const NAME_BYTES: usize = 8;
const FIRST_BYTES: usize = 6;
/// The highest event a token can name. A session that begins later may reach back to it.
const FIRST_MAX: u64 = (1 << (8 * FIRST_BYTES)) - 1;

/// A membership across all its connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::engine) struct Session {
    /// Its first connection.
    pub(in crate::engine) name: Token,
    /// The first event that it was sent, or would have been.
    pub(in crate::engine) first: Seq,
}

/// The key of the digests; random at each startup, and never revealed.
pub struct Secret([u8; blake3::KEY_LEN]);

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(…)")
    }
}

impl Secret {
    /// Wraps these bytes, which must be random.
    #[must_use]
    pub fn new(bytes: [u8; blake3::KEY_LEN]) -> Self {
        Self(bytes)
    }

    /// Returns the token for a session.
    pub(super) fn token(&self, session: Session) -> ResumeToken {
        let mut token = [0; 24];
        let (session_bytes, digest) = token.split_at_mut(NAME_BYTES + FIRST_BYTES);
        BigEndian::write_u64(session_bytes, session.name.to_mio() as u64);
        let first = session.first.0.min(FIRST_MAX);
        BigEndian::write_uint(&mut session_bytes[NAME_BYTES..], first, FIRST_BYTES);
        let whole = blake3::keyed_hash(&self.0, session_bytes);
        digest.copy_from_slice(&whole.as_bytes()[..digest.len()]);
        ResumeToken(token)
    }

    /// Returns a token that nobody can guess for this item, whose number is never used again.
    pub(super) fn link_token(&self, item: ItemId) -> LinkToken {
        // Shorter than what a session's digest is made of, so never the same.
        let whole = blake3::keyed_hash(&self.0, &item.0.to_be_bytes());
        LinkToken(std::array::from_fn(|place| whole.as_bytes()[place]))
    }

    /// Returns the session that a token was made for; `None` if it was not made with this secret.
    pub(super) fn session(&self, token: ResumeToken) -> Option<Session> {
        let name = usize::try_from(BigEndian::read_u64(&token.0)).ok()?;
        let first = Seq(BigEndian::read_uint(&token.0[NAME_BYTES..], FIRST_BYTES));
        let session = Session { name: Token::from_mio(name), first };
        // Hashes are compared in constant time, so that timing reveals nothing about the secret.
        let hash = |token: ResumeToken| {
            let mut bytes = [0; blake3::OUT_LEN];
            bytes[..token.0.len()].copy_from_slice(&token.0);
            Hash::from_bytes(bytes)
        };
        (hash(self.token(session)) == hash(token)).then_some(session)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SESSION: Session = Session { name: Token::new(3, 9), first: Seq(77) };

    #[test]
    fn an_item_has_a_token_of_its_own_after_each_start() {
        let token = |secret, item| Secret::new([secret; 32]).link_token(ItemId(item));
        assert_eq!(token(7, 1), token(7, 1));
        assert!(token(7, 1) != token(7, 2) && token(7, 1) != token(8, 1));
    }

    #[test]
    fn a_token_names_its_session_and_no_byte_of_it_can_be_changed() {
        let secret = Secret::new([7; 32]);
        let token = secret.token(SESSION);
        assert_eq!(secret.session(token), Some(SESSION));
        for place in 0..token.0.len() {
            let mut changed = token;
            changed.0[place] ^= 1;
            assert_eq!(secret.session(changed), None, "byte {place}");
        }
    }

    #[test]
    fn a_token_of_another_run_is_worth_nothing() {
        let token = Secret::new([7; 32]).token(SESSION);
        assert_eq!(Secret::new([8; 32]).session(token), None);
    }

    #[test]
    fn where_a_session_begins_is_kept_as_far_as_it_fits() {
        let secret = Secret::new([7; 32]);
        let kept = |first| {
            let token = secret.token(Session { first: Seq(first), ..SESSION });
            secret.session(token).map(|session| session.first.0)
        };
        for first in [0, 1, FIRST_MAX - 1, FIRST_MAX] {
            assert_eq!(kept(first), Some(first));
        }
        assert_eq!(kept(u64::MAX), Some(FIRST_MAX));
    }
}
