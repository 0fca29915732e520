//! Our own server, as it is installed.

use std::io;
use std::path::Path;
use std::process::Command;

use chatshelf_common::id::{MessageId, Seq};
use chatshelf_common::limits::{VERSION_MAX, VERSION_MIN};
use chatshelf_common::text::Nick;
use chatshelf_common::wire::Frame;
use chatshelf_common::wire::frame::{Hello, Join, Said, Say, Welcome};
use chatshelf_common::wire::header::{HEADER_BYTES, Header};
use chatshelf_testkit::samples;
use tempfile::TempDir;

use super::{Carrier, Contender, Newcomer, OURS, OURS_TLS, OURS_WEB, Step};
use crate::process::{Process, free_port};

pub(super) struct Chatshelf {
    name: &'static str,
    carrier: Carrier,
}

pub(super) const PLAIN: Chatshelf = Chatshelf { name: OURS, carrier: Carrier::Tcp };
pub(super) const TLS: Chatshelf = Chatshelf { name: OURS_TLS, carrier: Carrier::Tls };
pub(super) const WEB: Chatshelf =
    Chatshelf { name: OURS_WEB, carrier: Carrier::WebSocket { path: "/ws", subprotocol: None } };

/// Starts our server with this data directory; `dir` is removed when it has ended.
pub(crate) fn start(data_dir: &Path, options: &[&str], dir: TempDir) -> io::Result<Process> {
    let port = free_port()?;
    let mut command = Command::new(env!("CARGO_BIN_EXE_chatshelf-server"));
    command.args(["--bind", "127.0.0.1", "--port", &port.to_string(), "--data-dir"]);
    Process::start(command.arg(data_dir).args(options), port, dir)
}

/// Bytes of a line on the wire, when the first member says it: what everyone is sent.
pub(super) fn wire_bytes(text: &str) -> usize {
    let said = Said { nick: nick(0), ..samples::said(Seq(1), text) };
    said.to_bytes().len()
}

fn nick(member: usize) -> Nick {
    samples::nick(&format!("m{member}"))
}

impl Contender for Chatshelf {
    fn name(&self) -> &'static str {
        self.name
    }

    fn carrier(&self) -> Carrier {
        self.carrier
    }

    fn version(&self) -> Option<String> {
        Some(format!("chatshelf-server {}", env!("CARGO_PKG_VERSION")))
    }

    fn start(&self, members: usize) -> io::Result<Process> {
        let dir = tempfile::tempdir()?;
        let data_dir = dir.path().to_owned();
        start(&data_dir, &["--max-members", &(members + 100).to_string()], dir)
    }

    fn greeting(&self, member: usize) -> Vec<u8> {
        let hello = Hello::new(VERSION_MIN, VERSION_MAX);
        [hello.to_bytes(), Join::new(nick(member), Some(0)).to_bytes()].concat()
    }

    fn arrive(&self, newcomer: &mut Newcomer) -> Step {
        let received = &mut newcomer.received;
        while let Some(header) = received.first_chunk::<HEADER_BYTES>() {
            let header = Header::from_bytes(*header);
            let end = HEADER_BYTES + header.length as usize;
            if received.len() < end {
                break;
            }
            if header.kind == Welcome::KIND {
                return Step::Joined;
            }
            received.drain(..end);
        }
        Step::Wait
    }

    fn line(&self, _: &str, number: u64, text: &str) -> Vec<u8> {
        Say::new(MessageId(number), samples::message(text), None).to_bytes()
    }

    fn is_peer(&self) -> bool {
        false
    }
}
