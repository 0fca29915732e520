//! Checks exercise 2.

use exercises::partial_reads::{Frames, TooLong};

fn frame(kind: u8, value: &[u8]) -> Vec<u8> {
    [&[kind, 0][..], &(value.len() as u32).to_be_bytes(), value].concat()
}

#[test]
fn where_the_stream_is_cut_makes_no_difference() {
    let stream = [frame(1, b"hello"), frame(2, b""), frame(3, &[7; 300])].concat();
    let expected = vec![(1, b"hello".to_vec()), (2, vec![]), (3, vec![7; 300])];
    for pieces in 1..=stream.len() {
        let mut frames = Frames::new(1000);
        let got = stream.chunks(pieces).flat_map(|piece| frames.receive(piece).unwrap());
        assert_eq!(got.collect::<Vec<_>>(), expected, "in pieces of {pieces} bytes");
        assert_eq!(frames.held_bytes(), 0);
    }
}

#[test]
fn a_frame_is_returned_with_its_last_byte() {
    let stream = frame(9, b"abc");
    let mut frames = Frames::new(10);
    for &byte in &stream[..stream.len() - 1] {
        assert_eq!(frames.receive(&[byte]), Ok(vec![]));
    }
    assert_eq!(frames.receive(b"c"), Ok(vec![(9, b"abc".to_vec())]));
}

#[test]
fn a_length_over_the_limit_is_refused_by_the_header_alone() {
    let mut frames = Frames::new(10);
    assert_eq!(frames.receive(b"\x01\0\xff\xff\xff"), Ok(vec![]));
    assert_eq!(frames.receive(b"\xff"), Err(TooLong));
    assert_eq!(frames.receive(&frame(1, b"fine")), Err(TooLong), "what follows has no meaning");
    assert!(frames.held_bytes() <= 6, "nothing is kept of it");
}

#[test]
fn no_more_is_held_than_has_arrived() {
    let mut frames = Frames::new(1_000_000);
    frames.receive(&frame(1, &[0; 1_000_000])[..100]).unwrap();
    assert!(frames.held_bytes() <= 100, "{}", frames.held_bytes());
}
