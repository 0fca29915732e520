//! Checks exercise 1.

use exercises::framing::{Malformed, fields};

/// The value of the `Say` in docs/PROTOCOL.md: a message's number and its text.
const SAY: &[u8] = b"\x0b\0\x08\0\0\0\0\0\0\0\x01\x0c\0\x07hi, all";

#[test]
fn a_frame_is_its_fields_in_their_order() {
    assert_eq!(fields(SAY), Ok(vec![(11, &SAY[3..11]), (12, &b"hi, all"[..])]));
    assert_eq!(fields(b""), Ok(vec![]));
    assert_eq!(fields(b"\x2b\0\0\x2b\0\0"), Ok(vec![(43, &b""[..]), (43, &b""[..])]));
}

#[test]
fn lengths_have_two_bytes() {
    let value = [&b"\x06\x01\x02"[..], &[7; 258]].concat();
    assert_eq!(fields(&value), Ok(vec![(6, &[7; 258][..])]));
}

#[test]
fn a_value_that_is_cut_is_refused_wherever_it_is_cut() {
    for cut in (1..SAY.len()).filter(|&cut| cut != 11) {
        let head_is_torn = cut < 3 || (12..14).contains(&cut);
        let why = if head_is_torn { Malformed::TornHead } else { Malformed::TornValue };
        assert_eq!(fields(&SAY[..cut]), Err(why), "cut after {cut} bytes");
    }
}
