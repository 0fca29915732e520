//! Resume tokens: by them a client has its membership back (PROTOCOL.md, "Coming back").
//!
//! A token is the name of a session and a keyed digest of that name. So nobody who lacks the secret
//! can make one, and of a session whose member is gone nothing need be remembered. A session has
//! the name of the connection it began on, and keeps it on all later ones: who did not hear of
//! the last one comes back with what they have.

use blake3::Hash;
use byteorder::{BigEndian, ByteOrder};
use chatshelf_common::id::ResumeToken;

use crate::token::Token;

/// Bytes of the session's name in a token; the rest is the digest.
const NAME_BYTES: usize = 8;

/// The key of the digests; random at each start of the server, and shown to nobody.
pub struct Secret([u8; blake3::KEY_LEN]);

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(…)")
    }
}

impl Secret {
    /// A secret of these bytes, which must be random.
    #[must_use]
    pub fn new(bytes: [u8; blake3::KEY_LEN]) -> Self {
        Self(bytes)
    }

    /// The token for a session.
    pub(super) fn token(&self, session: Token) -> ResumeToken {
        let mut token = [0; 24];
        let (name, digest) = token.split_at_mut(NAME_BYTES);
        BigEndian::write_u64(name, session.to_mio() as u64);
        let whole = blake3::keyed_hash(&self.0, name);
        digest.copy_from_slice(&whole.as_bytes()[..digest.len()]);
        ResumeToken(token)
    }

    /// The session that a token was made for; none if it was not made with this secret.
    pub(super) fn session(&self, token: ResumeToken) -> Option<Token> {
        let name = usize::try_from(BigEndian::read_u64(&token.0)).ok()?;
        let session = Token::from_mio(name);
        // Hashes are compared in constant time: how long it takes tells nothing of the secret.
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

    #[test]
    fn a_token_names_its_session_and_no_byte_of_it_can_be_changed() {
        let secret = Secret::new([7; 32]);
        let session = Token::new(3, 9);
        let token = secret.token(session);
        assert_eq!(secret.session(token), Some(session));
        for place in 0..token.0.len() {
            let mut changed = token;
            changed.0[place] ^= 1;
            assert_eq!(secret.session(changed), None, "byte {place}");
        }
    }

    #[test]
    fn a_token_of_another_start_is_worth_nothing() {
        let token = Secret::new([7; 32]).token(Token::new(3, 9));
        assert_eq!(Secret::new([8; 32]).session(token), None);
    }
}
