//! Suggestions for someone whose nick is taken. Only a few candidates are tried, however many
//! members there are, so a refusal costs the same in a crowd as in an empty room.

use std::hash::{DefaultHasher, Hash, Hasher};

use chatshelf_common::limits::NICK_BYTES_MAX;
use chatshelf_common::text::Nick;

/// Numbers tried first, in order, because they make the best nicks.
const LOW_NUMBERS: std::ops::RangeInclusive<u64> = 2..=9;
/// Digits of the higher numbers tried next, one number for each entry.
const DIGITS: [u32; 8] = [2, 2, 3, 3, 4, 4, 6, 6];
/// Nicks tried for one suggestion.
#[cfg(test)]
const NICKS_TRIED_MAX: usize = 8 + DIGITS.len();

/// Iterates over nicks that resemble `nick`: `ada2` to `ada9`, then some with higher numbers, which
/// depend on `salt`. When many clients are refused the same nick at once, most of them are offered
/// different ones.
pub(super) fn like(nick: &Nick, salt: u64) -> impl Iterator<Item = Nick> {
    let stem = nick.as_str().trim_end_matches(|c: char| c.is_ascii_digit());
    let stem = if stem.is_empty() { "guest" } else { stem };
    let numbers = LOW_NUMBERS.chain(high_numbers(salt));
    numbers.filter_map(move |number| numbered(stem, number))
}

fn numbered(stem: &str, number: u64) -> Option<Nick> {
    let number = number.to_string();
    let room = NICK_BYTES_MAX - number.len();
    Nick::new(&format!("{}{number}", &stem[..stem.floor_char_boundary(room)])).ok()
}

fn high_numbers(salt: u64) -> impl Iterator<Item = u64> {
    DIGITS.into_iter().enumerate().map(move |(place, digits)| {
        let mut hasher = DefaultHasher::new();
        (salt, place).hash(&mut hasher);
        let least = 10_u64.pow(digits - 1);
        least + hasher.finish() % (9 * least)
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn names(nick: &str, salt: u64) -> Vec<String> {
        like(&Nick::new(nick).unwrap(), salt).map(|nick| nick.to_string()).collect()
    }

    #[test]
    fn the_first_are_short_and_the_others_are_spread() {
        let first = names("ada", 1);
        assert_eq!(first.len(), NICKS_TRIED_MAX);
        assert_eq!(first[..3], ["ada2", "ada3", "ada4"]);
        assert_eq!(first, names("ada", 1), "the salt alone decides");
        let digits = first[8..].iter().map(|name| name.len() as u32 - 3);
        assert!(digits.eq(DIGITS), "{first:?}");
        let last: BTreeSet<String> = (0..100).map(|salt| names("ada", salt).remove(15)).collect();
        assert!(last.len() > 95, "{} of 100 differ", last.len());
    }

    #[test]
    fn they_are_nicks_whatever_they_are_like() {
        let longest = "n".repeat(NICK_BYTES_MAX);
        for nick in ["7", "a", "ada99", "zoë", "日本語日本語日本語日", &longest] {
            let names = names(nick, 7);
            assert_eq!(names.len(), NICKS_TRIED_MAX, "{nick}");
            assert!(names.iter().all(|name| name.len() <= NICK_BYTES_MAX && name != nick));
        }
        assert_eq!(names("2024", 7)[0], "guest2");
        assert_eq!(names("ada99", 7)[0], "ada2");
    }
}
