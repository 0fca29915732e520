//! InspIRCd and ngIRCd (RFC 2812), as a channel of many.

use std::io;
use std::path::Path;
use std::process::Command;

use super::{Contender, Newcomer, Step, first_line};
use crate::process::{Process, free_port};

pub(super) struct Inspircd;
pub(super) struct Ngircd;

/// Numerics: welcome, and the end of the channel's list of names.
const WELCOME: &[u8] = b" 001 ";
const END_OF_NAMES: &[u8] = b" 366 ";

fn greeting(member: usize) -> Vec<u8> {
    format!("NICK m{member}\r\nUSER m{member} 0 * :m\r\n").into()
}

fn arrive(newcomer: &mut Newcomer) -> Step {
    if newcomer.pass(WELCOME) {
        return Step::Send(b"JOIN #room\r\n".into());
    }
    if newcomer.pass(END_OF_NAMES) { Step::Joined } else { Step::Wait }
}

fn line(text: &str) -> Vec<u8> {
    format!("PRIVMSG #room :{text}\r\n").into()
}

fn start(
    program: &str,
    arguments: impl Fn(&Path) -> Vec<String>,
    config: impl Fn(u16) -> String,
) -> io::Result<Process> {
    let (dir, port) = (tempfile::tempdir()?, free_port()?);
    let file = dir.path().join("config");
    std::fs::write(&file, config(port))?;
    let mut command = Command::new(program);
    command.args(arguments(&file)).current_dir(dir.path());
    Process::start(&mut command, port, dir)
}

impl Contender for Inspircd {
    fn name(&self) -> &'static str {
        "InspIRCd"
    }

    fn version(&self) -> Option<String> {
        first_line("inspircd", "--version")
    }

    fn start(&self, _: usize) -> io::Result<Process> {
        let arguments = |config: &Path| {
            let config = format!("--config={}", config.display());
            vec!["--runasroot".into(), "--nofork".into(), "--nopid".into(), config]
        };
        start("inspircd", arguments, |port| {
            format!(
                "<server name=\"irc.example\" description=\"room\" network=\"room\">\n\
                 <admin name=\"a\" nick=\"a\" email=\"a@example\">\n\
                 <bind address=\"127.0.0.1\" port=\"{port}\" type=\"clients\">\n\
                 <connect name=\"all\" allow=\"*\" commandrate=\"100000000\" \
                 threshold=\"100000000\" fakelag=\"no\" hardsendq=\"100M\" softsendq=\"50M\" \
                 recvq=\"1M\" localmax=\"100000\" globalmax=\"100000\" limit=\"100000\" \
                 maxchans=\"10\" timeout=\"60\" pingfreq=\"600\" resolvehostnames=\"no\">\n\
                 <performance softlimit=\"100000\" somaxconn=\"4096\" clonesonconnect=\"no\" \
                 netbuffersize=\"65534\">\n"
            )
        })
    }

    fn greeting(&self, member: usize) -> Vec<u8> {
        greeting(member)
    }

    fn arrive(&self, newcomer: &mut Newcomer) -> Step {
        arrive(newcomer)
    }

    fn line(&self, _: &str, _: u64, text: &str) -> Vec<u8> {
        line(text)
    }

    fn echoes(&self) -> bool {
        false
    }
}

impl Contender for Ngircd {
    fn name(&self) -> &'static str {
        "ngIRCd"
    }

    fn version(&self) -> Option<String> {
        first_line("ngircd", "--version")
    }

    fn start(&self, _: usize) -> io::Result<Process> {
        let arguments =
            |config: &Path| vec!["-n".into(), "-f".into(), config.display().to_string()];
        start("ngircd", arguments, |port| {
            format!(
                "[Global]\nName = irc.example\nInfo = room\nListen = 127.0.0.1\nPorts = {port}\n\
                 ServerUID = irc\nServerGID = irc\nMotdPhrase = hello\n\
                 [Limits]\nMaxConnections = 0\nMaxConnectionsIP = 0\nMaxJoins = 0\n\
                 MaxPenaltyTime = 0\nPingTimeout = 600\n\
                 [Options]\nDNS = no\nIdent = no\nPAM = no\n"
            )
        })
    }

    fn greeting(&self, member: usize) -> Vec<u8> {
        greeting(member)
    }

    fn arrive(&self, newcomer: &mut Newcomer) -> Step {
        arrive(newcomer)
    }

    fn line(&self, _: &str, _: u64, text: &str) -> Vec<u8> {
        line(text)
    }

    fn echoes(&self) -> bool {
        false
    }
}
