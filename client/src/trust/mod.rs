//! Whether a server is the one that the user means. Owns what is known of one server's key during a
//! run: what the user named, what is remembered in `known_hosts`, whose word is taken
//! (`authority`). `decision` says what follows. Never connects anywhere and never asks anybody.

mod authority;
mod decision;
pub mod known_hosts;

use std::fmt;
use std::net::IpAddr;

use chatshelf_common::address::ServerAddress;
use chatshelf_common::fingerprint::Fingerprint;
use chatshelf_common::join_link::JoinLink;
use rustls::pki_types::{CertificateDer, ServerName};

pub use authority::Authority;
pub use decision::FirstContact;

use crate::lang::tr;
use crate::plain_error::plain_error;
use decision::{Held, Rules, Verdict, Word, decide};
use known_hosts::{Entry, KnownHosts};

/// What is known of one server, and how much of that is enough.
#[derive(Clone, Debug)]
pub struct Trust {
    server: ServerAddress,
    rules: Rules,
    authority: Authority,
    known_hosts: KnownHosts,
    /// The key that it has shown in this run and that was trusted: it stays the only one, even
    /// where nothing can be remembered.
    held: Option<Held>,
    notice: Option<Notice>,
}

/// What the user should be told of a key that is trusted from now on, as a sentence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notice {
    /// Of interest to whoever sits there.
    Note(String),
    /// The same for a script: later runs will not know the server.
    Warning(String),
}

/// Why a server is not trusted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Untrusted {
    server: ServerAddress,
    key: Fingerprint,
    why: Box<Why>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Why {
    Verdict(Verdict),
    /// What is remembered cannot be read.
    Unreadable(String),
}

impl Trust {
    /// Trusts the server that a link leads to, by what the link says and what is remembered.
    #[must_use]
    pub fn new(
        link: &JoinLink,
        first_contact: FirstContact,
        authority: Authority,
        known_hosts: KnownHosts,
    ) -> Self {
        let needs_authority = authority.is_given();
        let rules = Rules { named: link.fingerprint, first_contact, needs_authority };
        let server = link.address.clone();
        Self { server, rules, authority, known_hosts, held: None, notice: None }
    }

    /// The name that the server's certificate is for; its address if it has none that certificates
    /// know.
    #[must_use]
    pub fn name(&self, peer: IpAddr) -> ServerName<'static> {
        self.certified_name().unwrap_or_else(|| ServerName::from(peer))
    }

    fn certified_name(&self) -> Option<ServerName<'static>> {
        ServerName::try_from(self.server.host().to_owned()).ok()
    }

    /// Looks at a server that has proved to have this key, that of the first of these certificates,
    /// and remembers it if that follows.
    ///
    /// # Errors
    /// When it is not trusted, or not yet.
    pub fn judge(
        &mut self,
        key: Fingerprint,
        chain: &[CertificateDer<'_>],
        peer: IpAddr,
    ) -> Result<(), Untrusted> {
        let verdict = match self.verdict(key, chain, peer) {
            Ok(verdict) => verdict,
            Err(why) => return Err(self.untrusted(key, Why::Unreadable(plain_error(&why)))),
        };
        log::info!("the key of {} is {key}: {verdict:?}", self.server);
        let word = match verdict {
            Verdict::Trust => match self.held {
                Some(Held { word: Word::Authority, key: held }) if held == key => Word::Authority,
                _ => Word::User,
            },
            Verdict::Vouched => Word::Authority,
            Verdict::Remember => Word::User,
            Verdict::Accept | Verdict::Unconfirmed => Word::Nobody,
            refused => return Err(self.untrusted(key, Why::Verdict(refused))),
        };
        if matches!(verdict, Verdict::Remember | Verdict::Accept) {
            let is_confirmed = word != Word::Nobody;
            self.remember(Entry { fingerprint: key, is_confirmed }, is_here(&self.server, peer));
        }
        self.held = Some(Held { key, word });
        Ok(())
    }

    fn verdict(
        &self,
        key: Fingerprint,
        chain: &[CertificateDer<'_>],
        peer: IpAddr,
    ) -> std::io::Result<Verdict> {
        let known = self.known_hosts.find(&self.server)?;
        let vouches = || match self.certified_name() {
            Some(name) => self.authority.vouch(chain, &name),
            None => Err(tr!("no certificate can be for {host}", host = self.server.host())),
        };
        let is_here = is_here(&self.server, peer);
        Ok(decide(key, &known, self.held, is_here, &self.rules, vouches))
    }

    /// Keeps a key that is trusted from now on. For this same machine, the user need not be told.
    fn remember(&mut self, entry: Entry, is_here: bool) {
        let (server, key) = (&self.server, entry.fingerprint);
        self.notice = match self.known_hosts.remember(server, entry) {
            Err(why) => {
                let text = tr!(
                    "the key of {server} cannot be remembered: {why}; it is {key}",
                    server,
                    why = plain_error(&why),
                    key,
                );
                Some(if is_here { Notice::Note(text) } else { Notice::Warning(text) })
            }
            Ok(true) if !is_here => {
                let text = tr!("the key of {server} is remembered: {key}", server, key);
                Some(Notice::Note(text))
            }
            Ok(_) => None,
        };
    }

    fn untrusted(&self, key: Fingerprint, why: Why) -> Untrusted {
        Untrusted { server: self.server.clone(), key, why: Box::new(why) }
    }

    /// True if the trusted key is more than one that was accepted without a question: the user,
    /// this same machine or an authority has confirmed it.
    #[must_use]
    pub fn is_confirmed(&self) -> bool {
        self.held.is_some_and(|held| held.word != Word::Nobody)
    }

    /// The trusted key, if nobody has confirmed it.
    #[must_use]
    pub fn unconfirmed(&self) -> Option<Fingerprint> {
        self.held.filter(|held| held.word == Word::Nobody).map(|held| held.key)
    }

    /// The user says that this is the server's key: the next connection must show it.
    pub fn accept(&mut self, key: Fingerprint) {
        self.rules.named = Some(key);
    }

    /// Something that the user should be told.
    pub fn take_notice(&mut self) -> Option<Notice> {
        self.notice.take()
    }
}

impl Untrusted {
    /// The key that is unknown, if the user is to say whether it is the right one.
    #[must_use]
    pub fn question(&self) -> Option<Fingerprint> {
        (*self.why == Why::Verdict(Verdict::Ask)).then_some(self.key)
    }
}

impl fmt::Display for Untrusted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { server, key, why } = self;
        let link = JoinLink { address: server.clone(), fingerprint: Some(*key) };
        f.write_str(&match &**why {
            Why::Verdict(Verdict::Changed(old)) => tr!(
                "the key of {server} has changed; somebody else may be answering in its place: it \
                 was {old} ({place}) and is now {key}; if the server has a new key, type: \
                 chatshelf forget {server}",
                server,
                old = old.entry.fingerprint,
                place = old.place,
                key,
            ),
            Why::Verdict(Verdict::NotAsNamed(named)) => tr!(
                "{server} has another key than the one you gave: you gave {named}, its key is \
                 {key}; ask for a new link, from somebody you trust",
                server,
                named,
                key,
            ),
            Why::Verdict(Verdict::NotVouched(why)) => tr!(
                "{server} is not a server that --ca vouches for: {why}; its key is {key}",
                server,
                why,
                key,
            ),
            Why::Verdict(_) => tr!(
                "the key of {server} is not known here: {key}; if the server shows the same, type \
                 once: chatshelf --host '{link}' list",
                server,
                key,
                link,
            ),
            Why::Unreadable(why) => tr!(
                "cannot tell whether the key of {server} is the same as before: {why}",
                server,
                why,
            ),
        })
    }
}

impl std::error::Error for Untrusted {}

/// True if the server was named as this machine and is on it: a name that merely leads here could
/// be under somebody else's control.
fn is_here(server: &ServerAddress, peer: IpAddr) -> bool {
    let host = server.host();
    let is_named = match host.parse::<IpAddr>() {
        Ok(ip) => ip.to_canonical().is_loopback(),
        Err(_) => host == "localhost",
    };
    is_named && peer.to_canonical().is_loopback()
}
