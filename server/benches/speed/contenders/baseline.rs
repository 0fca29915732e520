//! The least that could do, as contenders: this program itself, started as `crate::baseline`.
//!
//! They are told as many bytes for each line as our own line has on the wire, so that what differs
//! is what the servers do, not what they carry. One is told the text alone: the difference is what
//! saying who, when and which costs.

use std::io;
use std::process::Command;

use super::chatshelf::wire_bytes;
use super::{Contender, Newcomer, SHARED_LOG, Step};
use crate::baseline::{BASELINE, GREETING};
use crate::process::{Process, free_port};

/// Which of them.
#[derive(Clone, Copy)]
pub(super) enum Baseline {
    SharedLog,
    SharedLogOfTexts,
    EachRead,
}

impl Contender for Baseline {
    fn name(&self) -> &'static str {
        match self {
            Self::SharedLog => SHARED_LOG,
            Self::SharedLogOfTexts => "bare log, text only",
            Self::EachRead => "bare loop",
        }
    }

    fn version(&self) -> Option<String> {
        Some(
            match self {
                Self::SharedLog => {
                    "appends what it reads to one log, and writes to each what it lacks"
                }
                Self::SharedLogOfTexts => "the same, with lines that are nothing but their text",
                Self::EachRead => "writes each read to everyone at once",
            }
            .into(),
        )
    }

    fn start(&self, _: usize) -> io::Result<Process> {
        let (dir, port) = (tempfile::tempdir()?, free_port()?);
        let mut command = Command::new(std::env::current_exe()?);
        let which = match self {
            Self::SharedLog | Self::SharedLogOfTexts => "shared-log",
            Self::EachRead => "each-read",
        };
        command.args([BASELINE, which, &port.to_string()]);
        Process::start(&mut command, port, dir)
    }

    fn greeting(&self, _: usize) -> Vec<u8> {
        Vec::new()
    }

    fn arrive(&self, newcomer: &mut Newcomer) -> Step {
        if newcomer.received.starts_with(GREETING) { Step::Joined } else { Step::Wait }
    }

    fn line(&self, _: &str, _: u64, text: &str) -> Vec<u8> {
        let mut line = text.as_bytes().to_vec();
        if !matches!(self, Self::SharedLogOfTexts) {
            line.resize(wire_bytes(text), b'.');
        }
        line
    }

    fn is_peer(&self) -> bool {
        false
    }
}
