//! Redis: one channel of its publish and subscribe, where a subscriber may publish as well
//! (RESP3).

use std::io;
use std::process::Command;

use super::{Contender, Newcomer, Step, first_line};
use crate::process::{Process, free_port};

pub(super) struct Redis;

impl Contender for Redis {
    fn name(&self) -> &'static str {
        "Redis pub/sub"
    }

    fn version(&self) -> Option<String> {
        first_line("redis-server", "--version")
    }

    fn start(&self, _: usize) -> io::Result<Process> {
        let (dir, port) = (tempfile::tempdir()?, free_port()?);
        let mut command = Command::new("redis-server");
        command.args(["--bind", "127.0.0.1", "--port", &port.to_string()]);
        command.args(["--save", "", "--appendonly", "no", "--maxclients", "19000"]);
        command.args(["--client-output-buffer-limit", "pubsub 0 0 0"]).arg("--dir").arg(dir.path());
        Process::start(&mut command, port, dir)
    }

    fn greeting(&self, _: usize) -> Vec<u8> {
        b"HELLO 3\r\nSUBSCRIBE room\r\n".into()
    }

    fn arrive(&self, newcomer: &mut Newcomer) -> Step {
        if newcomer.pass(b"subscribe\r\n$4\r\nroom\r\n") { Step::Joined } else { Step::Wait }
    }

    fn line(&self, _: &str, _: u64, text: &str) -> Vec<u8> {
        let length = text.len();
        format!("*3\r\n$7\r\nPUBLISH\r\n$4\r\nroom\r\n${length}\r\n{text}\r\n").into()
    }
}
