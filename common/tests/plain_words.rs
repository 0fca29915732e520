//! What people read of the protocol's types, and what a secret does not tell.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use chatshelf_common::id::{Digest, ItemId, ResumeToken, Seq, TransferId, UploadKey};
use chatshelf_common::text::{Nick, TextError};
use chatshelf_common::wire::field::Tag;
use chatshelf_common::wire::{Code, DecodeError, FrameError};

#[test]
fn numbers_print_as_numbers() {
    assert_eq!((Seq(7).to_string(), ItemId(8).to_string()), ("7".into(), "8".into()));
    assert_eq!(format!("{:>3}", TransferId(9)), "  9");
    assert_eq!((Seq(7).next(), Seq(u64::MAX).next()), (Seq(8), Seq(u64::MAX)));
}

#[test]
fn digests_and_keys_print_as_hexadecimal_digits() {
    let digest = Digest(std::array::from_fn(|at| at as u8));
    let whole = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
    assert_eq!(digest.to_string(), whole);
    assert_eq!(format!("{digest:.16}"), whole[..16]);
    assert_eq!(format!("{digest:?}"), "Digest(0001020304050607…)");
    let key = UploadKey(std::array::from_fn(|at| 0xf0 | at as u8));
    assert_eq!(key.to_string(), "f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff");
}

#[test]
fn secrets_do_not_get_into_logs() {
    assert_eq!(format!("{:?}", UploadKey([7; 16])), "UploadKey(…)");
    assert_eq!(format!("{:?}", ResumeToken([7; 24])), "ResumeToken(…)");
}

#[test]
fn errors_say_what_is_wrong() {
    for (error, expected) in [
        (DecodeError::Truncated, "a field is cut short"),
        (DecodeError::Missing(Tag::NICK), "field NICK is missing"),
        (DecodeError::Duplicate(Tag::SEQ), "field SEQ is there twice"),
        (DecodeError::Length(Tag(99)), "field tag 99 has a wrong length"),
        (DecodeError::Value(Tag::PART), "field PART has a value that means nothing"),
        (DecodeError::UnknownType(0x7f), "frame type 0x7f is unknown"),
    ] {
        assert_eq!(error.to_string(), expected);
    }
    let empty = Nick::new("").unwrap_err();
    let refused = DecodeError::Text(Tag::NICK, empty).to_string();
    assert_eq!(refused, format!("field NICK is refused: {empty}"));
    assert!(TextError::TooLong { limit: 32 }.to_string().contains("32"));
    let too_long = FrameError::TooLong { kind: 0x03, length: 20_000, limit: 16_384 }.to_string();
    assert!(too_long.contains("16384"), "{too_long}");
    assert!(!FrameError::EmptyData.to_string().is_empty());
}

#[test]
fn codes_say_what_they_mean() {
    assert_eq!(Code::NICK_TAKEN.to_string(), "that name is taken");
    assert_eq!(format!("{:?}", Code::NICK_TAKEN), "NICK_TAKEN");
    assert_eq!(Code(9999).to_string(), "a reason this program does not know");
    assert_eq!(format!("{:?}", Code(9999)), "code 9999");
}
