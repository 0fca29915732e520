//! uhub, a hub of the Advanced Direct Connect protocol (ADC 1.0.3): the nearest relative, a chat
//! room in one thread.

use std::io;
use std::process::Command;

use data_encoding::BASE32_NOPAD;
use tiger::{Digest, Tiger};

use super::{Contender, Newcomer, Step, first_line};
use crate::process::{Process, free_port};

pub(super) struct Uhub;

/// Bytes of a private id, and of the Tiger hash that makes it public.
const ID_BYTES: usize = 24;

/// What the hub gives a session as its id.
fn sid(received: &[u8]) -> Option<String> {
    let place = memchr::memmem::find(received, b"ISID ")? + 5;
    let sid = received.get(place..place + 4)?;
    Some(String::from_utf8_lossy(sid).into_owned())
}

/// The member's description of itself, with which it enters.
fn info(member: usize, sid: &str) -> String {
    let mut private = [0; ID_BYTES];
    private[..8].copy_from_slice(&(member as u64 + 1).to_be_bytes());
    let public = Tiger::digest(private);
    let (public, private) = (BASE32_NOPAD.encode(&public), BASE32_NOPAD.encode(&private));
    format!("BINF {sid} ID{public} PD{private} NIm{member} SL1 SS0 SF0 HN1 HR0 HO0 VEm I40.0.0.0\n")
}

impl Contender for Uhub {
    fn name(&self) -> &'static str {
        "uhub"
    }

    fn version(&self) -> Option<String> {
        first_line("uhub", "-V")
    }

    fn start(&self, _: usize) -> io::Result<Process> {
        let (dir, port) = (tempfile::tempdir()?, free_port()?);
        let file = dir.path().join("config");
        let config = format!(
            "server_port={port}\nserver_bind_addr=127.0.0.1\nmax_users=20000\ntls_enable=no\n\
             max_send_buffer=13107200\nmax_send_buffer_soft=9830400\n"
        );
        std::fs::write(&file, config)?;
        Process::start(Command::new("uhub").arg("-c").arg(file), port, dir)
    }

    fn greeting(&self, _: usize) -> Vec<u8> {
        b"HSUP ADBASE ADTIGR\n".into()
    }

    fn arrive(&self, newcomer: &mut Newcomer) -> Step {
        if newcomer.id.is_empty() {
            return match sid(&newcomer.received) {
                Some(sid) => {
                    let info = info(newcomer.number, &sid);
                    newcomer.id = sid;
                    Step::Send(info.into())
                }
                None => Step::Wait,
            };
        }
        // The hub tells everyone of everyone, and a newcomer of itself last.
        let own = format!("BINF {} ", newcomer.id);
        if newcomer.pass(own.as_bytes()) { Step::Joined } else { Step::Wait }
    }

    fn line(&self, id: &str, _: u64, text: &str) -> Vec<u8> {
        format!("BMSG {id} {text}\n").into()
    }
}
