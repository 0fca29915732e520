//! docs/PROTOCOL.md against the engine: its traced session, byte for byte, its deadlines, the first
//! bytes that are reserved for other protocols, and what a greeting says. Its state tables are in
//! `states`.

use chatshelf_common::id::UnixMillis;
use chatshelf_common::text::LinkBase;
use chatshelf_common::wire::Code;
use chatshelf_common::wire::frame::{CAPABILITY_LARGE_DATA, CAPABILITY_STATS, Hello};
use chatshelf_testkit::protocol_page::{blocks, bytes_of, deadlines, hex};

use super::peer::hello;
use super::rig::{HOME, Rig, SETTINGS};
use crate::config::Config;
use crate::engine::limits::{
    CLOSE_MS, HEARD_LATELY_MS, HELLO_MS, JOIN_GRACE_MS, JOIN_MS, KEEPALIVE_MS, LINGER_MS, PONG_MS,
    PROBE_MS, RETURN_GRACE_MS, UPLOAD_STALL_MS, WRITE_STALL_MS,
};
use crate::engine::{Deadlines, Links, Settings};

/// 2026-11-22T17:00:00Z, when the page's session takes place.
const AT: UnixMillis = UnixMillis(1_795_366_800_000);

#[test]
fn the_session_of_the_page_is_what_the_engine_sends() {
    let mut rig = Rig::with(Settings { deadlines: Deadlines::DEFAULT, ..SETTINGS });
    rig.now.at = AT;
    let mut peer = rig.connect();
    for (side, text) in blocks("session") {
        let bytes = bytes_of(&text);
        if side == "client" {
            peer.send_raw(&bytes);
            rig.settle();
        } else {
            let before = peer.raw.len();
            peer.take();
            assert_eq!(hex(&peer.raw[before..]), hex(&bytes));
        }
    }
    assert_eq!(peer.farewell(), Some(Code::LEFT));
    assert!(peer.wire.borrow().shut);
}

#[test]
fn the_deadlines_of_the_page_are_those_of_the_engine() {
    assert_eq!(Config::default().settings.deadlines, Deadlines::DEFAULT);
    assert_eq!(
        deadlines("server"),
        [
            HELLO_MS,
            JOIN_MS,
            KEEPALIVE_MS,
            PONG_MS,
            WRITE_STALL_MS,
            UPLOAD_STALL_MS,
            PROBE_MS,
            HEARD_LATELY_MS,
            RETURN_GRACE_MS,
            CLOSE_MS,
            LINGER_MS,
            JOIN_GRACE_MS,
        ]
    );
}

#[test]
fn a_connection_that_begins_as_tls_or_http_is_not_chatshelf() {
    // The record header of a ClientHello, and the start of what it holds.
    let tls = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03";
    let http = ["GET / HTTP/1.1\r\n\r\n", "POST /", "OPTIONS * HTTP/1.1\r\n", "A B C "];
    let mut openings: Vec<Vec<u8>> = http.map(Into::into).into();
    openings.push(tls.to_vec());
    for first in [0x16].into_iter().chain(b'A'..=b'Z') {
        // A header that would be within the limits.
        openings.push(vec![first, 0, 0, 0, 0, 0]);
    }
    for opening in openings {
        let mut rig = Rig::new();
        let mut peer = rig.connect();
        peer.send_raw(&opening);
        rig.settle();
        assert_eq!(peer.farewell(), Some(Code::NOT_CHATSHELF), "{opening:02x?}");
    }
}

#[test]
fn capabilities_that_are_not_known_are_not_in_use() {
    let every = Hello { capabilities: Some(u32::MAX), ..hello(1, 1) };
    let ack = Rig::new().greeting(HOME, every);
    assert_eq!(ack.capabilities, Some(CAPABILITY_STATS | CAPABILITY_LARGE_DATA));
}

#[test]
fn a_client_is_told_the_beginning_of_links_that_suits_where_it_is() {
    let [here, private, public] = ["https://192.0.2.7:9000", "http:", "https:"]
        .map(|base| Some(LinkBase::new(base).unwrap()));
    let links = Links { here: here.clone(), private: private.clone(), public: public.clone() };
    let mut rig = Rig::with(Settings { links, ..SETTINGS });
    let told = |rig: &mut Rig, address: &str| rig.greeting(address, hello(1, 1)).link_base;
    for (address, expected) in [
        ("127.0.0.1:4000", &here),
        ("[::1]:4000", &here),
        ("[::ffff:127.0.0.1]:4000", &here),
        ("192.168.1.9:4000", &private),
        ("[fd00::9]:4000", &private),
        ("192.0.2.9:4000", &public),
        ("[2001:db8::9]:4000", &public),
    ] {
        assert_eq!(&told(&mut rig, address), expected, "{address}");
    }
    rig.engine.reconfigure(SETTINGS);
    assert_eq!(told(&mut rig, "127.0.0.1:4000"), None, "what is reloaded holds for who comes next");
}
