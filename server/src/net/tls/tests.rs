//! The transport against rustls's own client.

mod pair;

use std::sync::Arc;

use chatshelf_testkit::tls::client_config;
use rustls::pki_types::ServerName;
use rustls::{AlertDescription, ClientConfig, ClientConnection};

use super::*;
use pair::{Pair, context};

fn content(bytes: usize) -> Vec<u8> {
    (0..bytes).map(|place| (place * 7 + place / 251) as u8).collect()
}

/// A short conversation, whatever the line does to it.
fn converse(pair: &mut Pair) {
    let (question, answer) = (content(300), content(40_000));
    pair.client_says(&question);
    pair.settle();
    assert_eq!(pair.read, question);
    pair.server_says(&answer);
    pair.settle();
    pair.client_says(b"more");
    pair.settle();
    assert!(pair.read.ends_with(b"more") && pair.heard == answer);
    assert!(pair.has_no_buffers());
}

#[test]
fn the_stream_may_pause_after_each_byte() {
    let mut whole = Pair::new();
    converse(&mut whole);
    for at in 0..whole.sent {
        let mut pair = Pair::new();
        pair.pause_at = Some(at);
        pair.client_says(b"early");
        pair.settle();
        assert_eq!(pair.read, b"early", "after {at} bytes");
        pair.client_says(b"late");
        pair.server_says(b"yes");
        pair.settle();
        assert_eq!((&pair.read[..], &pair.heard[..]), (&b"earlylate"[..], &b"yes"[..]));
    }
}

#[test]
fn bytes_may_move_in_pieces_of_any_size() {
    for most in (1..80).chain([1_000, 16_384, 16_406, 65_536]) {
        let mut pair = Pair::new();
        pair.line.0.borrow_mut().most = most;
        converse(&mut pair);
    }
}

#[test]
fn what_does_not_fit_into_the_readers_buffer_comes_with_the_next_reads() {
    for room in [1, 7, 1_000, 20_000] {
        let mut pair = Pair::established();
        pair.buffer.truncate(room);
        let said = content(50_000);
        for part in said.chunks(10_000) {
            pair.client_says(part);
        }
        pair.settle();
        assert_eq!(pair.read, said, "{room} bytes at a time");
        assert!(pair.has_no_buffers());
    }
}

#[test]
fn a_flush_makes_one_record_of_all_pieces() {
    let mut pair = Pair::established();
    for piece in [&b"one"[..], b"two", b"three"] {
        assert_eq!(pair.server.write(piece).unwrap(), piece.len());
    }
    assert!(pair.server.has_pending() && pair.records().is_empty());
    pair.server_sends();
    assert_eq!(pair.records(), [11 + 1 + 16], "content, its type, and the tag");
    pair.settle();
    assert_eq!(pair.heard, b"onetwothree");
}

#[test]
fn a_record_has_16_kib_at_most() {
    let mut pair = Pair::established();
    let said = content(40_000);
    assert_eq!(pair.server.write(&said).unwrap(), RECORD_BYTES_MAX);
    assert_eq!(pair.server.write(&said).unwrap_err().kind(), ErrorKind::WouldBlock);
    pair.server_sends();
    pair.server_says(&said[RECORD_BYTES_MAX..]);
    assert_eq!(pair.records(), [16_401, 16_401, 40_000 - 2 * 16_384 + 17]);
    pair.settle();
    assert_eq!(pair.heard, said);
}

#[test]
fn a_piece_is_a_record_of_its_own() {
    let mut pair = Pair::established();
    assert_eq!(pair.server.write(b"line").unwrap(), 4);
    assert!(pair.server.write_piece(b"data").is_err(), "the line goes first");
    pair.server_sends();
    assert_eq!(pair.server.write_piece(b"data").unwrap(), 4);
    assert!(pair.server.write(b"line").is_err());
    pair.server_sends();
    assert_eq!(pair.records(), [21, 21]);
}

#[test]
fn what_a_full_line_does_not_take_is_kept_and_nothing_more_accepted() {
    let mut pair = Pair::established();
    pair.line.0.borrow_mut().room = Some(10);
    let said = content(1_000);
    assert_eq!(pair.server.write(&said).unwrap(), 1_000);
    pair.server_sends();
    assert!(pair.server.has_pending() && pair.server.outgoing.capacity() < 1_100);
    assert_eq!(pair.server.write(b"x").unwrap_err().kind(), ErrorKind::WouldBlock);
    // Meanwhile, what the peer says can be read.
    pair.client_says(b"hello");
    pair.client_sends();
    pair.server_reads();
    assert_eq!(pair.read, b"hello");
    pair.line.0.borrow_mut().room = None;
    pair.settle();
    assert!(pair.heard == said && pair.has_no_buffers());
}

#[test]
fn an_update_of_keys_is_answered_with_the_next_record() {
    let mut pair = Pair::established();
    for round in 0..20 {
        pair.client.refresh_traffic_keys().unwrap();
        pair.client_says(b"new");
        pair.settle();
        assert_eq!(pair.read.len(), 3 * (round + 1));
        assert!(pair.has_no_buffers(), "the peer cannot make it pile up answers");
        pair.server.write(b"old?").unwrap();
        pair.server_sends();
        assert_eq!(pair.records().len(), 2, "its own update, under the old key, and the record");
        pair.settle();
        assert_eq!(pair.heard.len(), 4 * (round + 1));
    }
    // It is answered, too, when what is said next is the end.
    pair.client.refresh_traffic_keys().unwrap();
    pair.settle();
    assert_eq!(pair.server.shutdown_write().unwrap_err().kind(), ErrorKind::WouldBlock);
    pair.settle();
    assert!(pair.server.shutdown_write().is_ok());
}

#[test]
fn the_end_is_said_after_everything_else() {
    let mut pair = Pair::established();
    pair.server_says(b"goodbye");
    assert_eq!(pair.server.shutdown_write().unwrap_err().kind(), ErrorKind::WouldBlock);
    assert!(pair.server.has_pending() && !pair.line.0.borrow().is_shut);
    pair.server_sends();
    assert!(pair.server.shutdown_write().is_ok() && pair.line.0.borrow().is_shut);
    pair.client_reads();
    assert_eq!(pair.heard, b"goodbye");
    assert!(pair.client.process_new_packets().unwrap().peer_has_closed());
}

/// rustls would answer damage by a fatal alert, although the end is said.
#[test]
fn what_comes_after_the_end_was_said_is_not_looked_at() {
    for is_established in [true, false] {
        let mut pair = if is_established { Pair::established() } else { Pair::new() };
        let shut = pair.server.shutdown_write();
        assert_eq!(shut.is_err(), is_established, "the end has to be said first");
        pair.server_sends();
        pair.server.shutdown_write().unwrap();
        pair.client_says(b"well?");
        pair.client_sends();
        let damaged = [&[0x17, 3, 3, 0, 20][..], &[9; 20]].concat();
        pair.line.0.borrow_mut().to_server.extend(damaged);
        pair.server_reads();
        assert_eq!((&pair.read[..], pair.has_ended), (&b""[..], false));
        assert!(!pair.server.has_pending() && pair.has_no_buffers());
        pair.line.0.borrow_mut().has_ended = true;
        pair.server_reads();
        assert!(pair.has_ended);
    }
}

#[test]
fn the_peers_end_comes_after_what_it_has_said() {
    let mut pair = Pair::established();
    pair.client_says(b"that is all");
    pair.client.send_close_notify();
    pair.client_sends();
    pair.line.0.borrow_mut().to_server.extend(b"and something behind the end");
    pair.server_reads();
    assert!(pair.has_ended);
    assert_eq!(pair.read, b"that is all");
    pair.server_says(b"still heard");
    pair.client_reads();
    assert_eq!(pair.heard, b"still heard");
}

#[test]
fn garbage_ends_the_connection_and_is_counted() {
    let hello = |length: u16| {
        let [high, low] = length.to_be_bytes();
        [&[0x16, 3, 1, high, low, 1, 0, 0xff, 0xff][..], &[0x20; 16_000]].concat()
    };
    for garbage in [
        b"\x16\x03\x01\x00\x05hello".to_vec(),
        vec![0x16; 400],
        b"\x16\x03\x01\xff\xff\x01\x00".to_vec(),
        hello(16_000),
        [hello(4_000), hello(4_000)].concat(),
    ] {
        let mut pair = Pair::new();
        pair.line.0.borrow_mut().to_server.extend(&garbage);
        pair.server_reads();
        assert!(pair.has_ended, "{}", garbage[..9].escape_ascii());
        assert_eq!(pair.context.counters().failed, 1);
        assert!(pair.server.incoming.capacity() <= READ_BYTES_MAX + INCOMING_BYTES_MAX);
    }
}

#[test]
fn who_wants_another_protocol_is_told_so() {
    let mut pair = Pair::new();
    let mut config = ClientConfig::clone(&client_config());
    config.alpn_protocols = vec![b"h2".to_vec()];
    let name = ServerName::try_from("localhost").unwrap();
    pair.client = ClientConnection::new(Arc::new(config), name).unwrap();
    pair.client_sends();
    pair.server_reads();
    assert!(pair.has_ended);
    let alert: Vec<u8> = pair.line.0.borrow_mut().to_client.drain(..).collect();
    pair.client.read_tls(&mut &alert[..]).unwrap();
    let why = pair.client.process_new_packets().unwrap_err();
    assert_eq!(why, rustls::Error::AlertReceived(AlertDescription::NoApplicationProtocol));
    assert_eq!(pair.context.counters().failed, 1);
}

#[test]
fn a_changed_byte_ends_the_connection_but_not_what_came_before() {
    let mut pair = Pair::established();
    pair.client_says(b"good");
    pair.client_sends();
    pair.client_says(b"bad");
    let mut bytes = Vec::new();
    pair.client.write_tls(&mut bytes).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    pair.line.0.borrow_mut().to_server.extend(bytes);
    pair.server_reads();
    assert!(pair.has_ended);
    assert_eq!(pair.read, b"good");
    assert_eq!(pair.server.write(b"answer").unwrap_err().kind(), ErrorKind::NotConnected);
    assert_eq!(pair.context.counters(), crate::engine::Handshakes { completed: 1, failed: 0 });
}

#[test]
fn before_the_handshake_is_done_nothing_can_be_said() {
    let mut pair = Pair::new();
    assert_eq!(pair.server.write(b"goodbye").unwrap_err().kind(), ErrorKind::NotConnected);
    assert!(!pair.server.has_pending());
    assert!(pair.server.shutdown_write().is_ok(), "there is nobody to say the end to");
}

#[test]
fn records_without_content_do_not_hold_up_the_others() {
    let mut pair = Pair::established();
    pair.line.0.borrow_mut().most = 1;
    // A record of one byte arrives in so many pieces that one turn does not see its end.
    pair.client_says(b"x");
    pair.client_sends();
    pair.server_reads();
    let mut turns = 1;
    while pair.read.is_empty() {
        assert!(pair.context.has_waiting(), "it asks for another turn");
        assert_eq!(pair.context.begin_turn(), [Token::new(0, 0)]);
        pair.server_reads();
        turns += 1;
    }
    assert_eq!(turns, (5 + 1 + 1 + 16_usize).div_ceil(FRUITLESS_READS_MAX));
}

#[test]
fn small_records_count_for_what_they_cost() {
    let mut pair = Pair::established();
    for _ in 0..100 {
        pair.client_says(b"x");
    }
    pair.client_sends();
    assert_eq!(pair.server.read(&mut pair.buffer).unwrap(), 100);
    assert_eq!(pair.server.read_overhead(), 100 * RECORD_COST_BYTES);
    pair.client_says(&content(RECORD_BYTES_MAX));
    pair.client_sends();
    assert_eq!(pair.server.read(&mut pair.buffer).unwrap(), RECORD_BYTES_MAX);
    assert_eq!(pair.server.read_overhead(), RECORD_COST_BYTES, "of the last read only");
}

#[test]
fn records_without_content_delay_no_handshake() {
    let context = context();
    let mut floods: Vec<Pair> = (0..100).map(|number| Pair::within(&context, number)).collect();
    floods.iter_mut().for_each(Pair::settle);
    for pair in &mut floods {
        pair.line.0.borrow_mut().most = 1;
        pair.client_says(b"x");
        pair.client_sends();
        pair.server_reads();
    }
    let _ = context.wait(Queue::Handshakes, Token::new(100, 0));
    let served = context.begin_turn();
    assert_eq!(served[0], Token::new(100, 0));
    assert_eq!(served.len(), 1 + 16, "and some of the others");
}

#[test]
fn handshakes_beyond_those_of_a_turn_wait_for_the_next() {
    let context = context();
    let count = 2 * HANDSHAKES_PER_TURN + 3;
    let mut pairs: Vec<Pair> = (0..count).map(|number| Pair::within(&context, number)).collect();
    let mut answered = Vec::new();
    while answered.len() < count {
        let ready = context.begin_turn();
        assert_eq!(ready.is_empty(), answered.is_empty());
        for (number, pair) in pairs.iter_mut().enumerate() {
            pair.client_sends();
            if answered.is_empty() || ready.contains(&Token::new(number, 0)) {
                pair.server_reads();
            }
        }
        let before = answered.len();
        let all = pairs.iter().enumerate().filter(|(_, pair)| pair.server.has_pending());
        answered = all.map(|(number, _)| number).collect();
        assert_eq!(answered.len() - before, HANDSHAKES_PER_TURN.min(count - before));
        assert_eq!(answered, (0..answered.len()).collect::<Vec<_>>(), "first come, first served");
        assert_eq!(context.has_waiting(), answered.len() < count);
    }
    let _ = context.begin_turn();
    pairs.iter_mut().for_each(Pair::settle);
    assert_eq!(context.counters().completed, count as u64);
}
