//! Whether a server is to be trusted, from everything that is known of its key. A pure function: it
//! asks nobody and remembers nothing.

use chatshelf_common::fingerprint::Fingerprint;

use super::known_hosts::KnownKey;

/// What the user has said beforehand.
#[derive(Clone, Debug)]
pub(super) struct Rules {
    /// The fingerprint that a link or an option gives.
    pub(super) named: Option<Fingerprint>,
    /// What becomes of a key that nothing is known of, from another machine.
    pub(super) first_contact: FirstContact,
    /// Only what an authority of the user's choice vouches for is trusted at first contact.
    pub(super) needs_authority: bool,
}

/// What becomes of an unknown key.
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
    /// It is taken to be, and its key is to be remembered.
    Remember,
    /// The user has to say.
    Ask,
    /// Nobody has said so.
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
            FirstContact::Accept => Verdict::Remember,
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

    /// What is remembered, what the user named, whether it is this machine, whether an authority is
    /// needed and whether one vouches, what is done about an unknown key; the verdict on key 1.
    type Row = (&'static [u8], Option<u8>, bool, bool, bool, FirstContact, Verdict);

    #[test]
    fn every_key_gets_its_verdict() {
        const NO: bool = false;
        const YES: bool = true;
        let (trust, remember) = (Verdict::Trust, Verdict::Remember);
        let changed = || Verdict::Changed(known(&[2]).remove(0));
        let rows: Vec<Row> = vec![
            // Known.
            (&[1], None, NO, NO, NO, Refuse, trust.clone()),
            (&[1], None, YES, NO, NO, Ask, trust.clone()),
            (&[2, 1], None, NO, NO, NO, Refuse, trust.clone()),
            (&[1], Some(1), NO, NO, NO, Refuse, trust.clone()),
            (&[1], None, NO, YES, NO, Refuse, trust.clone()),
            // Changed: always refused.
            (&[2], None, NO, NO, NO, Ask, changed()),
            (&[2], None, NO, NO, NO, Accept, changed()),
            (&[2], None, YES, NO, NO, Accept, changed()),
            (&[2], Some(1), YES, NO, NO, Accept, changed()),
            (&[2], Some(3), NO, NO, NO, Ask, changed()),
            (&[2], None, NO, NO, YES, Ask, changed()),
            (&[2], None, NO, YES, YES, Ask, changed()),
            // Named.
            (&[], Some(1), NO, NO, NO, Refuse, remember.clone()),
            (&[], Some(1), NO, YES, NO, Refuse, remember.clone()),
            (&[], Some(2), NO, NO, NO, Accept, Verdict::NotAsNamed(key(2))),
            (&[], Some(2), YES, NO, YES, Accept, Verdict::NotAsNamed(key(2))),
            (&[1], Some(2), NO, NO, NO, Accept, Verdict::NotAsNamed(key(2))),
            // By an authority of the user's choice.
            (&[], None, NO, YES, YES, Refuse, trust.clone()),
            (&[], None, YES, YES, YES, Refuse, trust.clone()),
            (&[], None, NO, YES, NO, Accept, Verdict::NotVouched("no".into())),
            (&[], None, YES, YES, NO, Ask, Verdict::NotVouched("no".into())),
            // By a public one.
            (&[], None, NO, NO, YES, Refuse, trust.clone()),
            (&[], None, NO, NO, YES, Ask, trust),
            // On this machine.
            (&[], None, YES, NO, NO, Ask, remember.clone()),
            (&[], None, YES, NO, NO, Refuse, remember.clone()),
            // Elsewhere.
            (&[], None, NO, NO, NO, Ask, Verdict::Ask),
            (&[], None, NO, NO, NO, Accept, remember),
            (&[], None, NO, NO, NO, Refuse, Verdict::Unknown),
        ];
        for row in rows {
            let (remembered, named, is_loopback, needs_authority, vouched, first_contact, _) = row;
            let named = named.map(key);
            let rules = Rules { named, first_contact, needs_authority };
            let vouches = || if vouched { Ok(()) } else { Err("no".to_owned()) };
            let verdict = decide(key(1), &known(remembered), is_loopback, &rules, vouches);
            assert_eq!(verdict, row.6, "{row:?}");
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
