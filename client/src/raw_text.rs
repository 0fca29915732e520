//! Lines that may hold bytes which are not UTF-8: on Unix a path is bytes, and a script may name
//! any. Such a byte is carried through text as two *noncharacters*, which no text has, and becomes
//! a byte again in a path. Pure functions.

use std::ffi::{OsStr, OsString};
use std::path::PathBuf;

/// The first of sixteen noncharacters for the upper half of a byte, and of sixteen for the lower.
const UPPER: u32 = 0xFDD0;
const LOWER: u32 = 0xFDE0;

/// Bytes as text. What is not UTF-8 is carried along, and so are noncharacters.
pub(crate) fn from_bytes(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            if is_carrier(c) {
                let mut buffer = [0; 4];
                c.encode_utf8(&mut buffer).bytes().for_each(|byte| carry(byte, &mut text));
            } else {
                text.push(c);
            }
        }
        chunk.invalid().iter().for_each(|byte| carry(*byte, &mut text));
    }
    text
}

fn is_carrier(c: char) -> bool {
    (UPPER..LOWER + 16).contains(&u32::from(c))
}

fn carry(byte: u8, text: &mut String) {
    let halves = [UPPER + u32::from(byte >> 4), LOWER + u32::from(byte & 15)];
    text.extend(halves.into_iter().filter_map(char::from_u32));
}

/// The bytes that a text was made of.
fn to_bytes(text: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.chars();
    while let Some(c) = rest.next() {
        let upper = u32::from(c).wrapping_sub(UPPER);
        let lower = rest.clone().next().map_or(0, u32::from).wrapping_sub(LOWER);
        if upper < 16 && lower < 16 {
            bytes.push((upper << 4 | lower) as u8);
            rest.next();
        } else {
            bytes.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
        }
    }
    bytes
}

/// The text, with U+FFFD in place of what is not UTF-8.
pub(crate) fn lossy(text: &str) -> String {
    String::from_utf8_lossy(&to_bytes(text)).into_owned()
}

/// The path that a text names.
#[cfg(unix)]
pub(crate) fn to_path(text: &str) -> PathBuf {
    use std::os::unix::ffi::OsStringExt;
    OsString::from_vec(to_bytes(text)).into()
}

/// The path that a text names: elsewhere a path is text.
#[cfg(not(unix))]
pub(crate) fn to_path(text: &str) -> PathBuf {
    OsString::from(lossy(text)).into()
}

/// A name of the system's as text.
#[cfg(unix)]
pub(crate) fn from_os(name: &OsStr) -> String {
    use std::os::unix::ffi::OsStrExt;
    from_bytes(name.as_bytes())
}

/// A name of the system's as text.
#[cfg(not(unix))]
pub(crate) fn from_os(name: &OsStr) -> String {
    name.to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn text_stays_text_and_other_bytes_are_replaced_as_ever() {
        for text in ["", "hello", "żółw 🚀", "\u{fdd0}", "\u{fdd5}\u{fde3}"] {
            assert_eq!(lossy(&from_bytes(text.as_bytes())), text);
        }
        assert_eq!(from_bytes(b"plain"), "plain");
        for bytes in [&b"caf\xe9"[..], b"\xff\xfe", b"half \xe2\x82", b"\xe2\x82x"] {
            assert_eq!(lossy(&from_bytes(bytes)), String::from_utf8_lossy(bytes));
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_path_has_the_bytes_that_it_was_given() {
        use std::os::unix::ffi::OsStrExt;
        let path = to_path(&from_bytes(b"caf\xe9.txt"));
        assert_eq!(path.as_os_str().as_bytes(), b"caf\xe9.txt");
        assert_eq!(to_path(&from_os(path.as_os_str())), path);
    }

    proptest! {
        #[test]
        fn any_bytes_come_back(bytes: Vec<u8>) {
            prop_assert_eq!(to_bytes(&from_bytes(&bytes)), bytes);
        }

        #[test]
        fn any_text_has_a_path(text: String) {
            let _ = to_path(&text);
        }
    }
}
