//! mosquitto: one topic that everyone subscribes to, at quality of service 0 (MQTT 3.1.1).

use std::io;
use std::process::Command;

use super::{Carrier, Contender, Newcomer, Step, first_line};
use crate::process::{Process, free_port};

pub(super) struct Mosquitto {
    /// Over WebSocket.
    pub(super) is_web: bool,
}

/// A packet: its first byte, its remaining length (MQTT 3.1.1, 2.2.3) and the rest.
fn packet(kind: u8, rest: &[u8]) -> Vec<u8> {
    let (mut out, mut length) = (vec![kind], rest.len());
    loop {
        let more = if length > 0x7F { 0x80 } else { 0 };
        out.push((length & 0x7F) as u8 | more);
        length >>= 7;
        if more == 0 {
            break;
        }
    }
    out.extend_from_slice(rest);
    out
}

/// A string with its length (MQTT 3.1.1, 1.5.3).
fn string(text: &str) -> Vec<u8> {
    [&(text.len() as u16).to_be_bytes()[..], text.as_bytes()].concat()
}

impl Contender for Mosquitto {
    fn name(&self) -> &'static str {
        if self.is_web { "WebSocket: mosquitto" } else { "mosquitto" }
    }

    fn carrier(&self) -> Carrier {
        match self.is_web {
            true => Carrier::WebSocket { path: "/mqtt", subprotocol: Some("mqtt") },
            false => Carrier::Tcp,
        }
    }

    fn version(&self) -> Option<String> {
        first_line("mosquitto", "-h")
    }

    fn start(&self, _: usize) -> io::Result<Process> {
        let (dir, port) = (tempfile::tempdir()?, free_port()?);
        let file = dir.path().join("config");
        let protocol = if self.is_web { "websockets" } else { "mqtt" };
        let config = format!(
            "listener {port} 127.0.0.1\nprotocol {protocol}\nallow_anonymous true\nmax_queued_messages 0\n\
             max_inflight_messages 0\nset_tcp_nodelay true\n"
        );
        std::fs::write(&file, config)?;
        Process::start(Command::new("mosquitto").arg("-c").arg(file), port, dir)
    }

    fn greeting(&self, member: usize) -> Vec<u8> {
        // Protocol level 4, a clean session, no keep-alive.
        let connect = [&string("MQTT")[..], &[4, 2, 0, 0], &string(&format!("m{member}"))].concat();
        let subscribe = [&[0, 1][..], &string("room"), &[0]].concat();
        [packet(0x10, &connect), packet(0x82, &subscribe)].concat()
    }

    fn arrive(&self, newcomer: &mut Newcomer) -> Step {
        // SUBACK for packet 1.
        if newcomer.pass(&[0x90, 3, 0, 1]) { Step::Joined } else { Step::Wait }
    }

    fn line(&self, _: &str, _: u64, text: &str) -> Vec<u8> {
        packet(0x30, &[&string("room")[..], text.as_bytes()].concat())
    }
}
