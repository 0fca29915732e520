//! The options on who gets in: the server's key, connections without TLS, passwords.

use chatshelf_common::cli::Completes;

use super::values::scope;
use super::{Config, Opt};
use crate::identity::Origin;
use crate::passwords::{Realm, Source};
use crate::peer_scope::PeerScope;

/// Variables of the environment that passwords may come from.
const PASSWORD_VARIABLE: &str = "CHATSHELF_ROOM_PASSWORD";
const OPERATOR_PASSWORD_VARIABLE: &str = "CHATSHELF_OPERATOR_PASSWORD";

pub(super) const TLS_CERT: Opt = Opt::value(
    "tls-cert",
    "FILE",
    "certificate in PEM, with those of its authorities; read again on SIGHUP",
    |config, text| {
        config.tls_cert = Some(text.into());
        Ok(())
    },
)
.otherwise("one made at each start")
.completes(Completes::Files);

pub(super) const TLS_KEY: Opt =
    Opt::value("tls-key", "FILE", "its key in PEM; read again on SIGHUP", |config, text| {
        config.tls_key = Some(text.into());
        Ok(())
    })
    .otherwise("key.pem in the data directory, made at the first start")
    .completes(Completes::Files);

pub(super) const ALLOW_PLAIN: Opt = Opt::value(
    "allow-plain",
    "WHERE",
    "where clients may connect from without TLS: none, loopback (this machine) or any",
    |config, text| scope(text).map(|allowed| config.allow_plain = allowed),
)
.default("loopback")
.completes(Completes::Words(PeerScope::WORDS));

pub(super) const PASSWORD_FILE: Opt = Opt::value(
    "password-file",
    "FILE",
    "file whose first line is the password that everyone needs to join, or its Argon2id \
     hash; without it, the variable CHATSHELF_ROOM_PASSWORD",
    |config, path| {
        config.password_file = Some(path.into());
        Ok(())
    },
)
.otherwise("none")
.completes(Completes::Files);

pub(super) const OPERATOR_PASSWORD_FILE: Opt = Opt::value(
    "operator-password-file",
    "FILE",
    "the same for the password by which a member becomes an operator; without it, the \
     variable CHATSHELF_OPERATOR_PASSWORD",
    |config, path| {
        config.operator_password_file = Some(path.into());
        Ok(())
    },
)
.otherwise("none")
.completes(Completes::Files);

impl Config {
    /// Returns where the server's key and certificate come from.
    ///
    /// # Errors
    /// If only one of them is given.
    pub fn identity(&self) -> Result<Origin, String> {
        match (&self.tls_cert, &self.tls_key) {
            (Some(cert), Some(key)) => Ok(Origin::Files { cert: cert.clone(), key: key.clone() }),
            (None, None) => Ok(Origin::Own(self.data_dir.clone(), self.bind)),
            (Some(_), None) => Err("--tls-cert needs --tls-key: the certificate's key".into()),
            (None, Some(_)) => Err("--tls-key needs --tls-cert: the key's certificate".into()),
        }
    }

    /// Returns where a password comes from, if there is one: a file, else the environment.
    #[must_use]
    pub fn password(&self, realm: Realm) -> Option<Source> {
        let (file, variable) = match realm {
            Realm::Room => (&self.password_file, PASSWORD_VARIABLE),
            Realm::Operators => (&self.operator_password_file, OPERATOR_PASSWORD_VARIABLE),
        };
        let is_set = || std::env::var_os(variable).is_some_and(|value| !value.is_empty());
        let in_file = file.clone().map(Source::File);
        in_file.or_else(|| is_set().then_some(Source::Variable(variable)))
    }
}
