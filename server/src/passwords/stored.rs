//! What is kept of a password: an Argon2id hash, as made here or as it stood in a file. Computes
//! hashes in memory that is lent for it; never keeps a password.

use argon2::password_hash::phc::{Output, PasswordHash};
use argon2::{Algorithm, Argon2, Block, Params, Version};
use chatshelf_common::password::Password;

/// Bytes of a hash made here, and of its salt.
const HASH_BYTES: usize = Params::DEFAULT_OUTPUT_LEN;
const SALT_BYTES: usize = 16;
/// Most memory that a hash in a file may ask for, in KiB: 1 GiB.
pub(super) const MEMORY_KIB_MAX: u32 = 1024 * 1024;

/// Lines that are hashes, by how they begin, and what hashes those are.
const HASHES: [(&str, &str); 12] = [
    ("$argon2id$", "Argon2id"),
    ("$argon2i$", "Argon2i"),
    ("$argon2d$", "Argon2d"),
    ("$argon2", "unknown Argon2"),
    ("$2", "bcrypt"),
    ("$y$", "yescrypt"),
    ("$scrypt$", "scrypt"),
    ("$7$", "scrypt"),
    ("$pbkdf2", "PBKDF2"),
    ("$6$", "SHA-512 crypt"),
    ("$5$", "SHA-256 crypt"),
    ("$1$", "MD5 crypt"),
];
/// What all of them but Argon2's have at least: characters, and `$` among them.
const HASH_CHARS_MIN: usize = 30;
const HASH_SIGNS_MIN: usize = 3;

/// A hash, and what is needed to compute it again.
#[derive(Debug)]
pub(super) struct Stored {
    version: Version,
    params: Params,
    salt: Vec<u8>,
    hash: Output,
}

/// The memory that hashes are computed in, kept from one to the next. A verification needs 19 MiB;
/// given back each time, they would stay with the allocator, and more of them than are ever in use.
#[derive(Debug, Default)]
pub(super) struct Memory(Vec<Block>);

impl Memory {
    /// Where it is, and its size in KiB.
    #[cfg(test)]
    pub(super) fn place(&self) -> (*const Block, usize) {
        (self.0.as_ptr(), self.0.capacity())
    }

    fn compute(
        &mut self,
        password: &Password,
        salt: &[u8],
        (version, params): (Version, Params),
        hash: &mut [u8],
    ) -> Result<(), String> {
        let blocks = params.block_count();
        let more = blocks.saturating_sub(self.0.len());
        self.0.try_reserve_exact(more).map_err(|why| why.to_string())?;
        self.0.resize(self.0.len() + more, Block::new());
        let blocks = &mut self.0[..blocks];
        Argon2::new(Algorithm::Argon2id, version, params)
            .hash_password_into_with_memory(password.as_bytes(), salt, hash, blocks)
            .map_err(|why| why.to_string())
    }
}

impl Stored {
    /// Hashes a password with a random salt and the costs that OWASP advises: 19 MiB, two passes,
    /// one lane.
    ///
    /// # Errors
    /// If the system provides no random numbers or too little memory.
    pub(super) fn of(password: &Password, memory: &mut Memory) -> Result<Self, String> {
        let (version, params) = (Version::default(), Params::default());
        let mut salt = vec![0; SALT_BYTES];
        getrandom::fill(&mut salt).map_err(|why| why.to_string())?;
        let mut hash = [0; HASH_BYTES];
        memory.compute(password, &salt, (version, params.clone()), &mut hash)?;
        let hash = Output::new(&hash).map_err(|why| why.to_string())?;
        Ok(Self { version, params, salt, hash })
    }

    /// Reads the hash that a file has instead of a password; none if the line is not a hash.
    ///
    /// # Errors
    /// What is wrong with it, and what to do.
    pub(super) fn read(line: &[u8]) -> Option<Result<Self, String>> {
        let text = std::str::from_utf8(line).ok()?.trim_end();
        let (_, kind) = HASHES.iter().find(|(begin, _)| text.starts_with(begin))?;
        if text.starts_with("$argon2id$") {
            return Some(Self::parse(text).map_err(|why| {
                format!("it has an Argon2id hash that cannot be used ({why}); make it again")
            }));
        }
        let is_hash = text.starts_with("$argon2")
            || (text.len() >= HASH_CHARS_MIN && text.matches('$').count() >= HASH_SIGNS_MIN);
        is_hash.then(|| {
            Err(format!(
                "it has an {kind} hash, and only Argon2id hashes are understood: give one that \
                 begins with $argon2id$, or the password itself"
            ))
        })
    }

    fn parse(text: &str) -> Result<Self, String> {
        let hash = PasswordHash::new(text).map_err(|why| why.to_string())?;
        // Hashes without a version are those of the first one.
        let version = hash.version.map_or(Ok(Version::V0x10), Version::try_from);
        let version = version.map_err(|why| why.to_string())?;
        let params = Params::try_from(&hash).map_err(|why| why.to_string())?;
        if params.m_cost() > MEMORY_KIB_MAX {
            return Err(format!("m is {}, and at most {MEMORY_KIB_MAX}", params.m_cost()));
        }
        let (Some(salt), Some(hash)) = (hash.salt, hash.hash) else {
            return Err("its salt or its end is missing".into());
        };
        if salt.len() < argon2::MIN_SALT_LEN {
            return Err(format!("its salt has less than {} bytes", argon2::MIN_SALT_LEN));
        }
        Ok(Self { version, params, salt: salt.as_ref().to_vec(), hash })
    }

    /// Returns true if it is the hash of this password.
    pub(super) fn is_of(&self, password: &Password, memory: &mut Memory) -> bool {
        let mut computed = [0; Output::MAX_LENGTH];
        let computed = &mut computed[..self.hash.len()];
        let done =
            memory.compute(password, &self.salt, (self.version, self.params.clone()), computed);
        // Outputs are compared in constant time.
        done.is_ok() && Output::new(computed).is_ok_and(|computed| computed == self.hash)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SALT_AND_HASH: &str =
        "c29tZXNhbHRzb21lc2FsdA$fqbGTqD5tCtXZqFYyEjtnCiGjuwPNdTL3Ow9nFDOlTQ";

    fn refused(line: &str) -> Option<String> {
        Stored::read(line.as_bytes()).map(|read| read.map(drop).unwrap_err())
    }

    #[test]
    fn a_hash_of_another_kind_is_told_and_not_taken_for_the_password() {
        for (line, kind) in [
            (format!("$argon2i$v=19$m=19456,t=2,p=1${SALT_AND_HASH}"), "Argon2i "),
            (format!("$argon2d$v=19$m=19456,t=2,p=1${SALT_AND_HASH}"), "Argon2d "),
            ("$argon2x".into(), "unknown Argon2 "),
            ("$2b$12$R9h/cIPz0gi.URNNX3kh2OPST9/PgBkqquzi.Ss7KIUgO2t0jWMUW".into(), "bcrypt "),
            (format!("$6$rounds=5000$usesomesillystri${}", "x".repeat(86)), "SHA-512 crypt "),
            (format!("$y$j9T$F5Jx5fExrKuPp53xLKQ..1${}", "x".repeat(43)), "yescrypt "),
        ] {
            let why = refused(&line).unwrap();
            assert!(why.starts_with(&format!("it has an {kind}hash, and only Argon2id")), "{why}");
        }
        for password in
            ["$2 and a half", "$6$", "$wallow$1$2$3", "argon2id", "$1$to you, $5$ to me"]
        {
            assert_eq!(refused(password), None, "{password}");
        }
    }

    #[test]
    fn a_hash_that_cannot_be_computed_is_refused() {
        for (params, told) in [
            ("v=19$m=1,t=2,p=1", "m"),
            ("v=19$m=19456,t=0,p=1", "t"),
            ("v=18$m=19456,t=2,p=1", "ersion"),
            ("v=19$m=2000000,t=2,p=1", "m is 2000000, and at most 1048576"),
            ("v=19$m=19456,t=2,p=1,x=1", ""),
        ] {
            let why = refused(&format!("$argon2id${params}${SALT_AND_HASH}")).unwrap();
            assert!(why.contains(told) && why.ends_with("; make it again"), "{why}");
        }
        for line in [
            "$argon2id$".into(),
            "$argon2id$v=19$m=1".into(),
            "$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHRzb21lc2FsdA".into(),
            format!("$argon2id$v=19$m=19456,t=2,p=1$c29t${}", &SALT_AND_HASH[23..]),
        ] {
            assert!(refused(&line).unwrap().ends_with("; make it again"), "{line}");
        }
    }
}
