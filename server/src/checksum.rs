//! Checksums that the sender of a file may tell over HTTP (RFC 9530): what the content must hash
//! to, and the hashing as it comes. The shelf's own digest is BLAKE3, for which HTTP has no name.

use std::cmp::Reverse;
use std::fmt;

use ring::digest::{Algorithm, Context, SHA256, SHA512};

/// The algorithms, strongest first, by their names in HTTP.
const ALGORITHMS: [(&str, &Algorithm); 2] = [("sha-512", &SHA512), ("sha-256", &SHA256)];

/// What a content must hash to, by one algorithm or several.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checksum {
    /// The longest first.
    values: Vec<(&'static Algorithm, Vec<u8>)>,
}

impl Checksum {
    /// The names of the algorithms that can be verified, strongest first.
    pub fn algorithms() -> impl Iterator<Item = &'static str> {
        ALGORITHMS.iter().map(|(name, _)| *name)
    }

    /// Takes the value of an algorithm; none if the algorithm has no such name, or no value of that
    /// length.
    #[must_use]
    pub fn new(algorithm: &str, value: Vec<u8>) -> Option<Self> {
        let (_, algorithm) = ALGORITHMS.into_iter().find(|(name, _)| *name == algorithm)?;
        let is_whole = value.len() == algorithm.output_len();
        is_whole.then(|| Self { values: vec![(algorithm, value)] })
    }

    /// Returns what a content must hash to that meets both; none if they tell two values of one
    /// algorithm, which no content has.
    #[must_use]
    pub fn and(mut self, other: Self) -> Option<Self> {
        for (algorithm, value) in other.values {
            match self.values.iter().find(|(its, _)| *its == algorithm) {
                Some((_, told)) if *told != value => return None,
                Some(_) => {}
                None => self.values.push((algorithm, value)),
            }
        }
        self.values.sort_by_key(|(_, value)| Reverse(value.len()));
        Some(self)
    }

    /// Begins to hash what comes.
    #[must_use]
    pub fn begin(self) -> Verifier {
        let contexts = self.values.iter().map(|(algorithm, _)| Context::new(algorithm)).collect();
        Verifier { contexts, checksum: self }
    }
}

/// A checksum, and what has come so far of what it is about.
pub struct Verifier {
    checksum: Checksum,
    /// One for each value.
    contexts: Vec<Context>,
}

impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Verifier").field(&self.checksum).finish()
    }
}

impl Verifier {
    /// Takes the next bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        self.contexts.iter_mut().for_each(|context| context.update(bytes));
    }

    /// Returns true if what has come is what was meant.
    #[must_use]
    pub fn is_met(self) -> bool {
        let told = self.checksum.values.iter();
        told.zip(self.contexts).all(|((_, value), it)| it.finish().as_ref() == value)
    }
}

#[cfg(test)]
mod tests {
    use data_encoding::HEXLOWER;

    use super::*;

    /// Of "abc" (FIPS 180-2, appendices B and C).
    const SHA256_OF_ABC: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    const SHA512_OF_ABC: &str = "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a\
        2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f";

    #[test]
    fn a_content_meets_its_own_checksum_however_it_is_cut() {
        for (algorithm, value) in [("sha-256", SHA256_OF_ABC), ("sha-512", SHA512_OF_ABC)] {
            let value = HEXLOWER.decode(value.as_bytes()).unwrap();
            let checksum = Checksum::new(algorithm, value).unwrap();
            for (pieces, is_met) in [
                (&[&b"abc"[..]][..], true),
                (&[b"a", b"", b"bc"], true),
                (&[b"ab"], false),
                (&[b"abc", b"d"], false),
            ] {
                let mut check = checksum.clone().begin();
                pieces.iter().for_each(|piece| check.update(piece));
                assert_eq!(check.is_met(), is_met, "{algorithm} {pieces:?}");
            }
        }
    }

    #[test]
    fn a_content_meets_all_that_it_must_hash_to() {
        let of = |algorithm, value: &[u8]| Checksum::new(algorithm, value.to_vec()).unwrap();
        let right =
            [SHA256_OF_ABC, SHA512_OF_ABC].map(|it| HEXLOWER.decode(it.as_bytes()).unwrap());
        let wrong = right.clone().map(|it| it.iter().map(|byte| byte ^ 1).collect::<Vec<u8>>());
        for (short, long, is_met) in [
            (&right[0], &right[1], true),
            (&right[0], &wrong[1], false),
            (&wrong[0], &right[1], false),
        ] {
            let (short, long) = (of("sha-256", short), of("sha-512", long));
            let both = short.clone().and(long.clone()).unwrap();
            assert_eq!(long.clone().and(both.clone()).as_ref(), Some(&both));
            let mut check = both.begin();
            check.update(b"abc");
            assert_eq!(check.is_met(), is_met, "{short:?} {long:?}");
        }
        assert_eq!(of("sha-256", &right[0]).and(of("sha-256", &wrong[0])), None);
    }

    #[test]
    fn a_checksum_has_a_known_algorithm_and_its_length() {
        assert!(Checksum::algorithms().eq(["sha-512", "sha-256"]));
        for (algorithm, bytes) in [("md5", 16), ("SHA-256", 32), ("sha-256", 31), ("sha-512", 32)] {
            assert_eq!(Checksum::new(algorithm, vec![0; bytes]), None, "{algorithm} {bytes}");
        }
    }
}
