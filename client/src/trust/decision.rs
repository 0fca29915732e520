//! Whether to trust a server, given everything that is known about its key. A pure function: it
//! asks nobody and remembers nothing.

use chatshelf_common::fingerprint::Fingerprint;

use super::known_hosts::{Entry, KnownKey};
use crate::lang::tr;

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

/// The key that was trusted before in this run: no other one is, whatever made it trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Held {
    pub(super) key: Fingerprint,
    pub(super) word: Word,
}

/// Whose word a key is trusted on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Word {
    /// The user's, in this run or an earlier one, or that of this same machine.
    User,
    /// An authority's.
    Authority,
    /// Nobody's: it was accepted without a question.
    Nobody,
}

impl Held {
    fn known(self) -> KnownKey {
        let is_confirmed = self.word != Word::Nobody;
        let entry = Entry { fingerprint: self.key, is_confirmed };
        KnownKey { entry, place: tr!("since this program began").to_owned() }
    }
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
    /// An authority says so.
    Vouched,
    /// It is taken to be, and its key must be remembered.
    Remember,
    /// The same, though nobody has confirmed that it is.
    Accept,
    /// Its key is known, though nobody has confirmed it.
    Unconfirmed,
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

/// Decides about `key`. `known` is what was remembered of this server, and `held` what was trusted
/// in this run; `vouches` asks the authorities, which takes a moment, so only if it matters.
///
/// What was remembered comes first: neither a link nor an authority makes up for a key that has
/// changed. Where nothing was, the connection to this same machine needs no proof. A key that is
/// trusted on an authority's word alone is replaced by one that an authority vouches for, as when a
/// certificate is renewed.
pub(super) fn decide(
    key: Fingerprint,
    known: &[KnownKey],
    held: Option<Held>,
    is_loopback: bool,
    rules: &Rules,
    mut vouches: impl FnMut() -> Result<(), String>,
) -> Verdict {
    let mut entry = of_key(known, key).map(|known| known.entry);
    if let Some(held) = held {
        let is_remembered = entry.is_some_and(|entry| entry.is_confirmed);
        if held.key != key && !is_remembered {
            let may_renew = held.word == Word::Authority && known.is_empty();
            return match may_renew && rules.named.is_none() && vouches().is_ok() {
                true => Verdict::Vouched,
                false => Verdict::Changed(
                    of_key(known, held.key).cloned().unwrap_or_else(|| held.known()),
                ),
            };
        }
        if known.is_empty() {
            entry = Some(held.known().entry);
        }
    }
    match (entry, known.first(), rules.named) {
        (None, Some(old), _) => Verdict::Changed(old.clone()),
        (_, _, Some(named)) if named != key => Verdict::NotAsNamed(named),
        (Some(entry), ..) if entry.is_confirmed => Verdict::Trust,
        (_, _, Some(_)) => Verdict::Remember,
        (Some(_), ..) if is_loopback || vouches().is_ok() => Verdict::Remember,
        (Some(_), ..) => Verdict::Unconfirmed,
        (None, ..) if rules.needs_authority => match vouches() {
            Ok(()) => Verdict::Vouched,
            Err(why) => Verdict::NotVouched(why),
        },
        (None, ..) if is_loopback => Verdict::Remember,
        (None, ..) if vouches().is_ok() => Verdict::Vouched,
        (None, ..) => match rules.first_contact {
            FirstContact::Ask => Verdict::Ask,
            FirstContact::Accept => Verdict::Accept,
            FirstContact::Refuse => Verdict::Unknown,
        },
    }
}

/// What is known of this key.
fn of_key(known: &[KnownKey], key: Fingerprint) -> Option<&KnownKey> {
    known.iter().find(|known| known.entry.fingerprint == key)
}

#[cfg(test)]
mod tests {
    use FirstContact::{Accept, Ask, Refuse};

    use super::*;

    fn key(number: u8) -> Fingerprint {
        Fingerprint::of(&[number])
    }

    fn known(numbers: &[u8]) -> Vec<KnownKey> {
        let known = |number: &u8| KnownKey {
            entry: Entry { fingerprint: key(*number), is_confirmed: true },
            place: format!("hosts:{number}"),
        };
        numbers.iter().map(known).collect()
    }

    /// What is known when a server shows key 1.
    #[derive(Clone, Copy, Debug)]
    struct Case {
        remembered: &'static [u8],
        /// What is remembered was never confirmed.
        is_marked: bool,
        held: Option<(u8, Word)>,
        named: Option<u8>,
        is_loopback: bool,
        needs_authority: bool,
        is_vouched: bool,
        first_contact: FirstContact,
    }

    /// Nothing, in a script.
    const UNKNOWN: Case = Case {
        remembered: &[],
        is_marked: false,
        held: None,
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
    const MARKED: Case = Case { remembered: &[1], is_marked: true, ..UNKNOWN };
    const BY_AUTHORITY: Case = Case { needs_authority: true, is_vouched: true, ..UNKNOWN };
    const NOT_VOUCHED: Case = Case { is_vouched: false, ..BY_AUTHORITY };

    fn verdict(case: Case) -> Verdict {
        let Case { first_contact, needs_authority, .. } = case;
        let rules = Rules { named: case.named.map(key), first_contact, needs_authority };
        let vouches = || if case.is_vouched { Ok(()) } else { Err("no".to_owned()) };
        let mut known = known(case.remembered);
        known.iter_mut().for_each(|known| known.entry.is_confirmed = !case.is_marked);
        let held = case.held.map(|(number, word)| Held { key: key(number), word });
        decide(key(1), &known, held, case.is_loopback, &rules, vouches)
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
            (BY_AUTHORITY, &Verdict::Vouched),
            (Case { is_loopback: true, ..BY_AUTHORITY }, &Verdict::Vouched),
            (NOT_VOUCHED, &not_vouched),
            (Case { first_contact: Accept, ..NOT_VOUCHED }, &not_vouched),
            (Case { is_loopback: true, ..NOT_VOUCHED }, &not_vouched),
            (HERE, &Verdict::Remember),
            (Case { first_contact: Ask, ..HERE }, &Verdict::Remember),
            (UNKNOWN, &Verdict::Unknown),
            (Case { is_vouched: true, ..UNKNOWN }, &Verdict::Vouched),
            (Case { first_contact: Ask, is_vouched: true, ..UNKNOWN }, &Verdict::Vouched),
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
    fn a_key_that_nobody_has_confirmed_stays_so_until_somebody_does() {
        for (case, expected) in [
            (MARKED, Verdict::Unconfirmed),
            (Case { first_contact: Accept, ..MARKED }, Verdict::Unconfirmed),
            (Case { first_contact: Ask, ..MARKED }, Verdict::Unconfirmed),
            (Case { needs_authority: true, ..MARKED }, Verdict::Unconfirmed),
            (Case { named: Some(1), ..MARKED }, Verdict::Remember),
            (Case { named: Some(2), ..MARKED }, Verdict::NotAsNamed(key(2))),
            (Case { is_vouched: true, ..MARKED }, Verdict::Remember),
            (Case { is_loopback: true, ..MARKED }, Verdict::Remember),
            // Where nothing can be remembered, the run itself knows.
            (Case { held: Some((1, Word::Nobody)), ..UNKNOWN }, Verdict::Unconfirmed),
            (Case { held: Some((1, Word::User)), ..UNKNOWN }, Verdict::Trust),
        ] {
            assert_eq!(verdict(case), expected, "{case:?}");
        }
        let changed = Case { remembered: &[2], is_vouched: true, ..MARKED };
        assert!(matches!(verdict(changed), Verdict::Changed(_)), "not confirmed, but known");
    }

    #[test]
    fn whatever_has_made_a_key_trusted_no_other_one_is_in_the_same_run() {
        for word in [Word::User, Word::Authority, Word::Nobody] {
            let held = Some((2, word));
            let old = Held { key: key(2), word }.known();
            for case in [
                UNKNOWN,
                Case { first_contact: Accept, ..UNKNOWN },
                Case { first_contact: Ask, ..UNKNOWN },
                HERE,
                NAMED,
                Case { is_vouched: true, ..NAMED },
                NOT_VOUCHED,
                // Another run has accepted it.
                MARKED,
                Case { is_vouched: true, ..MARKED },
            ] {
                let case = Case { held, ..case };
                assert_eq!(verdict(case), Verdict::Changed(old.clone()), "{case:?}");
            }
            let renewed = match word {
                Word::Authority => Verdict::Vouched,
                Word::User | Word::Nobody => Verdict::Changed(old),
            };
            for case in [BY_AUTHORITY, Case { is_vouched: true, ..UNKNOWN }] {
                assert_eq!(verdict(Case { held, ..case }), renewed, "{case:?}");
            }
            // The user has confirmed it meanwhile, in another run.
            assert_eq!(verdict(Case { held, ..KNOWN }), Verdict::Trust);
            // What the file says has precedence over what the run has seen.
            let forgotten = Case { held: Some((1, word)), ..CHANGED };
            assert_eq!(verdict(forgotten), Verdict::Changed(known(&[2]).remove(0)));
        }
    }

    #[test]
    fn authorities_are_asked_only_if_it_matters() {
        let asked = |known: &[KnownKey], is_loopback, named| {
            let rules = Rules { named, first_contact: Ask, needs_authority: false };
            let mut asked = false;
            decide(key(1), known, None, is_loopback, &rules, || {
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
