//! The options on the server's key, how it is known to be the right one, and on passwords.

use std::ffi::OsString;

use chatshelf_common::cli::{self, Block, Completes, Origin, Section};
use chatshelf_common::fingerprint::FingerprintError;
use chatshelf_common::password::Password;

use super::{Options, file};
use crate::plain_error::plain_error;

type Opt = cli::Opt<Options>;

/// Options that contradict each other.
const NO_KEY_WITHOUT_TLS: &str = "--no-tls cannot verify a fingerprint; leave out one of the two";
const NO_CA_WITHOUT_TLS: &str = "--no-tls cannot verify a certificate; leave out it or --ca";

pub(super) const FINGERPRINT: Opt = Opt::value_from(
    "fingerprint",
    "SHA256:...",
    "fingerprint of the server's key; a link can have it, too",
    set_fingerprint,
);

pub(super) const ACCEPT_NEW: Opt = Opt::flag(
    "accept-new",
    "trust and remember the key of a server that is not known yet",
    |options, on| options.accept_new = on,
);

pub(super) const CA: Opt = Opt::value(
    "ca",
    "FILE",
    "certificate authorities (PEM) to trust instead of those of the system",
    |options, text| {
        options.ca = Some(file::expanded(text));
        Ok(())
    },
)
.completes(Completes::Files);

pub(super) const NO_TLS: Opt =
    Opt::flag("no-tls", "connect without encryption", |options, on| options.no_tls = on);

pub(super) const PASSWORD_FILE: Opt = Opt::value(
    "password-file",
    "FILE",
    "file whose first line is the room's password, if it asks for one; without it, the variable \
     CHATSHELF_ROOM_PASSWORD",
    |options, path| password(path).map(|password| options.password = Some(password)),
)
.otherwise("asked for on a terminal")
.completes(Completes::Files);

pub(super) const OPERATOR_PASSWORD_FILE: Opt = Opt::value(
    "operator-password-file",
    "FILE",
    "the same for the operators' password, for /op; without it, the variable \
     CHATSHELF_OPERATOR_PASSWORD",
    |options, path| password(path).map(|password| options.operator_password = Some(password)),
)
.otherwise("asked for on a terminal")
.completes(Completes::Files);

/// Variables of the environment that hold the passwords themselves.
const PASSWORD_VARIABLE: &str = "CHATSHELF_ROOM_PASSWORD";
const OPERATOR_PASSWORD_VARIABLE: &str = "CHATSHELF_OPERATOR_PASSWORD";

impl Options {
    /// What is wrong with options that contradict each other.
    pub(super) fn contradiction(&self) -> Option<&'static str> {
        match self.no_tls {
            true if self.fingerprint.is_some() => Some(NO_KEY_WITHOUT_TLS),
            true if self.ca.is_some() => Some(NO_CA_WITHOUT_TLS),
            _ => None,
        }
    }

    /// Takes passwords that no file gave from the environment.
    ///
    /// # Errors
    /// When a variable holds none.
    pub(super) fn take_passwords(
        &mut self,
        variable: impl Fn(&str) -> Option<OsString>,
    ) -> Result<(), String> {
        for (given, name) in [
            (&mut self.password, PASSWORD_VARIABLE),
            (&mut self.operator_password, OPERATOR_PASSWORD_VARIABLE),
        ] {
            let value = variable(name).filter(|value| given.is_none() && !value.is_empty());
            let Some(value) = value else { continue };
            let password = Password::of_file(value.as_encoded_bytes());
            *given = Some(password.map_err(|why| format!("{name}: {why}"))?);
        }
        Ok(())
    }
}

/// The password in a file.
fn password(path: &str) -> Result<Password, String> {
    let bytes = std::fs::read(file::expanded(path)).map_err(|why| plain_error(&why))?;
    Password::of_file(&bytes).map_err(str::to_owned)
}

pub(super) const SECTION: Section = Section {
    title: "Encryption",
    blocks: &[Block::Text(
        "Connections are encrypted (TLS 1.3). The server proves its identity by its key. When you \
         meet a server for the first time, chatshelf shows the fingerprint of its key and asks \
         whether the server shows the same. It then remembers the key in the file known_hosts of \
         its state directory, and refuses any other key of that server until you type chatshelf \
         forget HOST:PORT. Commands and scripts never ask: for them, give a link with the \
         fingerprint, --fingerprint, or --accept-new. A server on this machine is trusted without \
         a question, and so is one whose certificate comes from a public authority or, with --ca, \
         from one in that file.",
    )],
};

/// Sets the fingerprint, after the host. One that came with the host stays, unless this one was set
/// in a place that takes precedence; in the same place both must agree. Of a host from a place with
/// precedence it says nothing.
fn set_fingerprint(options: &mut Options, text: &str, origin: Origin) -> Result<(), String> {
    let fingerprint = text.parse().map_err(|why: FingerprintError| why.to_string())?;
    if options.host_origin.is_some_and(|host| host < origin) {
        return Ok(());
    }
    let is_same_place = options.host_origin == Some(origin);
    if is_same_place && options.fingerprint.is_some_and(|linked| linked != fingerprint) {
        return Err("the link has another fingerprint".to_owned());
    }
    options.fingerprint = Some(fingerprint);
    Ok(())
}

#[cfg(test)]
mod tests {
    use chatshelf_common::fingerprint::Fingerprint;

    use super::*;

    fn set(link: Option<u8>, host: Origin, named: u8, origin: Origin) -> Result<Options, String> {
        let key = |number: u8| Fingerprint::of(&[number]);
        let mut options = Options::default();
        let hash = link.map(|number| format!("#{}", key(number))).unwrap_or_default();
        options.set_host(&format!("chatshelf://lab{hash}"), host)?;
        set_fingerprint(&mut options, &key(named).to_string(), origin)?;
        Ok(options)
    }

    #[test]
    fn a_fingerprint_belongs_to_the_host_of_its_place_or_of_one_below() {
        use Origin::{CommandLine, Environment, File};
        for (link, host, named, origin, expected) in [
            (None, CommandLine, 1, CommandLine, Some(1)),
            (None, File, 1, CommandLine, Some(1)),
            (Some(2), File, 1, Environment, Some(1)),
            (Some(1), Environment, 1, Environment, Some(1)),
            (Some(2), CommandLine, 1, Environment, Some(2)),
            (None, CommandLine, 1, File, None),
        ] {
            let options = set(link, host, named, origin).unwrap();
            assert_eq!(options.fingerprint, expected.map(|number| Fingerprint::of(&[number])));
        }
        let why = set(Some(2), File, 1, File).unwrap_err();
        assert_eq!(why, "the link has another fingerprint");
    }
}
