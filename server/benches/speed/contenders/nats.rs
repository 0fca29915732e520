//! nats-server: one subject that everyone subscribes to.

use std::io;
use std::process::Command;

use super::{Carrier, Contender, Newcomer, Step, first_line};
use crate::process::{Process, free_port};

pub(super) struct Nats {
    /// Over WebSocket.
    pub(super) is_web: bool,
}

impl Contender for Nats {
    fn name(&self) -> &'static str {
        if self.is_web { "WebSocket: nats-server" } else { "nats-server" }
    }

    fn carrier(&self) -> Carrier {
        match self.is_web {
            true => Carrier::WebSocket { path: "/", subprotocol: None },
            false => Carrier::Tcp,
        }
    }

    fn version(&self) -> Option<String> {
        first_line("nats-server", "--version")
    }

    fn start(&self, _: usize) -> io::Result<Process> {
        let (dir, port) = (tempfile::tempdir()?, free_port()?);
        let mut command = Command::new("nats-server");
        // More of its threads than cores would only be in each other's way.
        command.env("GOMAXPROCS", "1").args(["-a", "127.0.0.1"]);
        if self.is_web {
            let file = dir.path().join("config");
            let web = format!("websocket {{ listen: \"127.0.0.1:{port}\", no_tls: true }}\n");
            std::fs::write(&file, format!("port: {}\n{web}", free_port()?))?;
            command.arg("-c").arg(file);
        } else {
            command.args(["-p", &port.to_string()]);
        }
        Process::start(&mut command, port, dir)
    }

    fn greeting(&self, _: usize) -> Vec<u8> {
        b"CONNECT {\"verbose\":false,\"pedantic\":false}\r\nSUB room 1\r\nPING\r\n".into()
    }

    fn arrive(&self, newcomer: &mut Newcomer) -> Step {
        if newcomer.pass(b"PONG\r\n") { Step::Joined } else { Step::Wait }
    }

    fn line(&self, _: &str, _: u64, text: &str) -> Vec<u8> {
        format!("PUB room {}\r\n{text}\r\n", text.len()).into()
    }
}
