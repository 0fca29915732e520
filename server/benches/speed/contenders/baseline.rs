//! The least that could do, as contenders: this program itself, started as `crate::floor`.

use std::io;
use std::process::Command;

use super::{Contender, Newcomer, SHARED_LOG, Step};
use crate::baseline::{FLOOR, GREETING};
use crate::process::{Process, free_port};

/// Which of the two.
#[derive(Clone, Copy)]
pub(super) enum Baseline {
    SharedLog,
    EachRead,
}

impl Contender for Baseline {
    fn name(&self) -> &'static str {
        match self {
            Self::SharedLog => SHARED_LOG,
            Self::EachRead => "bare loop",
        }
    }

    fn version(&self) -> Option<String> {
        Some(
            match self {
                Self::SharedLog => {
                    "appends what it reads to one log, and writes to each what it lacks"
                }
                Self::EachRead => "writes each read to everyone at once",
            }
            .into(),
        )
    }

    fn start(&self, _: usize) -> io::Result<Process> {
        let (dir, port) = (tempfile::tempdir()?, free_port()?);
        let mut command = Command::new(std::env::current_exe()?);
        let which = match self {
            Self::SharedLog => "shared-log",
            Self::EachRead => "each-read",
        };
        command.args([FLOOR, which, &port.to_string()]);
        Process::start(&mut command, port, dir)
    }

    fn greeting(&self, _: usize) -> Vec<u8> {
        Vec::new()
    }

    fn arrive(&self, newcomer: &mut Newcomer) -> Step {
        if newcomer.received.starts_with(GREETING) { Step::Joined } else { Step::Wait }
    }

    fn line(&self, _: &str, _: u64, text: &str) -> Vec<u8> {
        text.into()
    }

    fn is_peer(&self) -> bool {
        false
    }
}
