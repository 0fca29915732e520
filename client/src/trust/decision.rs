//! Whether to trust a server, given everything that is known about its key. A pure function: it
//! asks nobody and remembers nothing.

use chatshelf_common::fingerprint::Fingerprint;

use super::known_hosts::KnownKey;

/// What the user has said beforehand.
#[derive(Clone, Debug)]
pub(super) struct Rules {
    /// The fingerprint that a link or an option gives.
    pub(super) named: Option<Fingerprint>,
    /// What to do about an unknown key of another machine.
    pub(super) first_contact: FirstContact,
    /// Only what an authority of the user's choice vouches for is trusted at first contact.
    pub(super) needs_authority: bool,
}

/// What to do about an unknown key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FirstContact {
    /// The user is asked.
    Ask,
    /// It is trusted and remembered.
    Accept,
    /// It is refused.
    Refuse,
}

/// What to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// This is the server.
    Trust,
    /// It is taken to be, and its key must be remembered.
    Remember,
    /// The same, though nobody has confirmed that it is.
    Accept,
    /// The user has to say.
    Ask,
    /// The key is unknown, and unknown keys are refused.
    Unknown,
    /// Its key was another one before.
    Changed(KnownKey),
    /// Its key is not this one, which the user gave.
    NotAsNamed(Fingerprint),
    /// The authority does not vouch for it, for this reason.
    NotVouched(String),
}

/// Decides about `key`. `known` is what was remembered of this server; `vouches` asks the
/// authorities, which takes a moment, so only if it matters.
///
/// What was remembered comes first: neither a link nor an authority makes up for a key that has
/// changed. Where nothing was, the connection to this same machine needs no proof.
pub(super) fn decide(
    key: Fingerprint,
    known: &[KnownKey],
    is_loopback: bool,
    rules: &Rules,
    vouches: impl FnOnce() -> Result<(), String>,
) -> Verdict {
    let is_known = known.iter().any(|known| known.fingerprint == key);
    match (known.first(), rules.named) {
        (Some(old), _) if !is_known => Verdict::Changed(old.clone()),
        (_, Some(named)) if named != key => Verdict::NotAsNamed(named),
        (Some(_), _) => Verdict::Trust,
        (None, Some(_)) => Verdict::Remember,
        (None, None) if rules.needs_authority => match vouches() {
            Ok(()) => Verdict::Trust,
            Err(why) => Verdict::NotVouched(why),
        },
        (None, None) if is_loopback => Verdict::Remember,
        (None, None) if vouches().is_ok() => Verdict::Trust,
        (None, None) => match rules.first_contact {
            FirstContact::Ask => Verdict::Ask,
            FirstContact::Accept => Verdict::Accept,
            FirstContact::Refuse => Verdict::Unknown,
        },
    }
}

#[cfg(test)]
mod tests {
    use FirstContact::{Accept, Ask, Refuse};

    use super::*;

    fn key(number: u8) -> Fingerprint {
        Fingerprint::of(&[number])
    }

    fn known(numbers: &[u8]) -> Vec<KnownKey> {
        let known =
            |number: &u8| KnownKey { fingerprint: key(*number), place: format!("hosts:{number}") };
        numbers.iter().map(known).collect()
    }

    /// What is known when a server shows key 1.
    #[derive(Clone, Copy, Debug)]
    struct Case {
        remembered: &'static [u8],
        named: Option<u8>,
        is_loopback: bool,
        needs_authority: bool,
        is_vouched: bool,
        first_contact: FirstContact,
    }

    /// Nothing, in a script.
    const UNKNOWN: Case = Case {
        remembered: &[],
        named: None,
        is_loopback: false,
        needs_authority: false,
        is_vouched: false,
        first_contact: Refuse,
    };
    const HERE: Case = Case { is_loopback: true, ..UNKNOWN };
    const KNOWN: Case = Case { remembered: &[1], ..UNKNOWN };
    const CHANGED: Case = Case { remembered: &[2], ..UNKNOWN };
    const NAMED: Case = Case { named: Some(1), ..UNKNOWN };
    const MISNAMED: Case = Case { named: Some(2), ..UNKNOWN };
    const BY_AUTHORITY: Case = Case { needs_authority: true, is_vouched: true, ..UNKNOWN };
    const NOT_VOUCHED: Case = Case { is_vouched: false, ..BY_AUTHORITY };

    fn verdict(case: Case) -> Verdict {
        let Case { first_contact, needs_authority, .. } = case;
        let rules = Rules { named: case.named.map(key), first_contact, needs_authority };
        let vouches = || if case.is_vouched { Ok(()) } else { Err("no".to_owned()) };
        decide(key(1), &known(case.remembered), case.is_loopback, &rules, vouches)
    }

    #[test]
    fn every_key_gets_its_verdict() {
        let changed = Verdict::Changed(known(&[2]).remove(0));
        let not_as_named = Verdict::NotAsNamed(key(2));
        let not_vouched = Verdict::NotVouched("no".to_owned());
        for (case, expected) in [
            (KNOWN, &Verdict::Trust),
            (Case { remembered: &[2, 1], ..KNOWN }, &Verdict::Trust),
            (Case { named: Some(1), ..KNOWN }, &Verdict::Trust),
            (Case { needs_authority: true, ..KNOWN }, &Verdict::Trust),
            // Whatever else is true.
            (CHANGED, &changed),
            (Case { first_contact: Ask, ..CHANGED }, &changed),
            (Case { first_contact: Accept, ..CHANGED }, &changed),
            (Case { is_loopback: true, ..CHANGED }, &changed),
            (Case { named: Some(1), ..CHANGED }, &changed),
            (Case { named: Some(3), ..CHANGED }, &changed),
            (Case { is_vouched: true, ..CHANGED }, &changed),
            (Case { remembered: &[2], ..BY_AUTHORITY }, &changed),
            (NAMED, &Verdict::Remember),
            (Case { needs_authority: true, ..NAMED }, &Verdict::Remember),
            (MISNAMED, &not_as_named),
            (Case { first_contact: Accept, ..MISNAMED }, &not_as_named),
            (Case { is_loopback: true, is_vouched: true, ..MISNAMED }, &not_as_named),
            (Case { remembered: &[1], ..MISNAMED }, &not_as_named),
            (BY_AUTHORITY, &Verdict::Trust),
            (Case { is_loopback: true, ..BY_AUTHORITY }, &Verdict::Trust),
            (NOT_VOUCHED, &not_vouched),
            (Case { first_contact: Accept, ..NOT_VOUCHED }, &not_vouched),
            (Case { is_loopback: true, ..NOT_VOUCHED }, &not_vouched),
            (HERE, &Verdict::Remember),
            (Case { first_contact: Ask, ..HERE }, &Verdict::Remember),
            (UNKNOWN, &Verdict::Unknown),
            (Case { is_vouched: true, ..UNKNOWN }, &Verdict::Trust),
            (Case { first_contact: Ask, is_vouched: true, ..UNKNOWN }, &Verdict::Trust),
            (Case { first_contact: Ask, ..UNKNOWN }, &Verdict::Ask),
            (Case { first_contact: Accept, ..UNKNOWN }, &Verdict::Accept),
            (Case { first_contact: Accept, ..NAMED }, &Verdict::Remember),
            (Case { first_contact: Accept, ..HERE }, &Verdict::Remember),
            (Case { first_contact: Accept, ..KNOWN }, &Verdict::Trust),
        ] {
            assert_eq!(verdict(case), *expected, "{case:?}");
        }
    }

    #[test]
    fn authorities_are_asked_only_if_it_matters() {
        let asked = |known: &[KnownKey], is_loopback, named| {
            let rules = Rules { named, first_contact: Ask, needs_authority: false };
            let mut asked = false;
            decide(key(1), known, is_loopback, &rules, || {
                asked = true;
                Ok(())
            });
            asked
        };
        assert!(!asked(&known(&[1]), false, None));
        assert!(!asked(&[], true, None));
        assert!(!asked(&[], false, Some(key(1))));
        assert!(asked(&[], false, None));
    }
}
