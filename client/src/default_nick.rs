//! A name for whoever has not chosen one: the user's, the machine's, or any.

use chatshelf_common::limits::NICK_BYTES_MAX;
use chatshelf_common::text::Nick;

/// The first of these variables that makes a valid name is used.
const VARIABLES: [&str; 5] = ["USER", "LOGNAME", "USERNAME", "HOSTNAME", "COMPUTERNAME"];

pub(crate) fn find() -> Nick {
    from(VARIABLES.iter().filter_map(|name| std::env::var(name).ok()))
}

fn from(mut names: impl Iterator<Item = String>) -> Nick {
    let named = names.find_map(|name| nick(&name));
    named.unwrap_or_else(|| Nick::new("guest").expect("letters make a nick"))
}

/// The name, with characters replaced that a nick may not contain.
fn nick(name: &str) -> Option<Nick> {
    // After a letter, because a combining mark alone is not a nick.
    let fits = |c: &char| Nick::new(&format!("x{c}")).is_ok();
    let clean: String = name.chars().map(|c| if fits(&c) { c } else { '-' }).collect();
    let clean = clean.trim_matches('-');
    Nick::new(&clean[..clean.floor_char_boundary(NICK_BYTES_MAX)]).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_users_name_becomes_a_nick_whatever_it_is() {
        for (name, expected) in [
            ("ada", Some("ada")),
            ("Ada Lovelace", Some("Ada-Lovelace")),
            ("DOMAIN\\ada", Some("DOMAIN-ada")),
            ("zoë", Some("zoë")),
            ("zoe\u{308}", Some("zoe\u{308}")),
            ("you", None),
            ("", None),
            (" ", None),
        ] {
            assert_eq!(nick(name).as_ref().map(Nick::as_str), expected, "{name:?}");
        }
        assert_eq!(nick(&"é".repeat(40)).unwrap().as_str(), "é".repeat(16));
        let names = ["", "ada", "bob"].map(str::to_owned);
        assert_eq!(from(names.into_iter()).as_str(), "ada");
        assert_eq!(from(["".to_owned()].into_iter()).as_str(), "guest");
    }
}
