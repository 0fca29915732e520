//! InspIRCd and ngIRCd (RFC 2812): a channel of many.

use std::io;
use std::path::Path;
use std::process::Command;

use super::{Carrier, Contender, Newcomer, Step, first_line, write_identity};
use crate::process::{Process, free_port};

/// A server of this protocol.
pub(super) struct Ircd {
    name: &'static str,
    program: &'static str,
    /// Its arguments, with a configuration file.
    arguments: fn(&Path) -> Vec<String>,
    /// That file, with a port; over TLS, with key and certificate in this directory.
    config: fn(u16, &Path) -> String,
    carrier: Carrier,
}

pub(super) const INSPIRCD: Ircd = Ircd {
    name: "InspIRCd",
    program: "inspircd",
    arguments: inspircd_arguments,
    config: |port, _| inspircd_config(port, "", ""),
    carrier: Carrier::Tcp,
};

/// The same with the one cipher that our client offers.
pub(super) const INSPIRCD_TLS: Ircd = Ircd {
    name: "TLS: InspIRCd",
    config: |port, dir| {
        let dir = dir.display();
        let profile = format!(
            "<module name=\"ssl_gnutls\">\n\
             <sslprofile name=\"room\" provider=\"gnutls\" certfile=\"{dir}/cert.pem\" \
             keyfile=\"{dir}/key.pem\" priority=\"NORMAL:-VERS-ALL:+VERS-TLS1.3:\
             -CIPHER-ALL:+AES-128-GCM\">\n"
        );
        inspircd_config(port, &profile, "sslprofile=\"room\"")
    },
    carrier: Carrier::Tls,
    ..INSPIRCD
};

fn inspircd_arguments(config: &Path) -> Vec<String> {
    let config = format!("--config={}", config.display());
    vec!["--runasroot".into(), "--nofork".into(), "--nopid".into(), config]
}

fn inspircd_config(port: u16, profile: &str, bind: &str) -> String {
    format!(
        "<server name=\"irc.example\" description=\"room\" network=\"room\">\n\
         <admin name=\"a\" nick=\"a\" email=\"a@example\">\n\
         {profile}\
         <bind address=\"127.0.0.1\" port=\"{port}\" type=\"clients\" {bind}>\n\
         <connect name=\"all\" allow=\"*\" commandrate=\"100000000\" \
         threshold=\"100000000\" fakelag=\"no\" hardsendq=\"100M\" softsendq=\"50M\" \
         recvq=\"1M\" localmax=\"100000\" globalmax=\"100000\" limit=\"100000\" \
         maxchans=\"10\" timeout=\"60\" pingfreq=\"600\" resolvehostnames=\"no\">\n\
         <performance softlimit=\"100000\" somaxconn=\"4096\" clonesonconnect=\"no\" \
         netbuffersize=\"65534\">\n"
    )
}

pub(super) const NGIRCD: Ircd = Ircd {
    name: "ngIRCd",
    program: "ngircd",
    arguments: |config| vec!["-n".into(), "-f".into(), config.display().to_string()],
    carrier: Carrier::Tcp,
    config: |port, _| {
        format!(
            "[Global]\nName = irc.example\nInfo = room\nListen = 127.0.0.1\nPorts = {port}\n\
             ServerUID = irc\nServerGID = irc\nMotdPhrase = hello\n\
             [Limits]\nMaxConnections = 0\nMaxConnectionsIP = 0\nMaxJoins = 0\n\
             MaxPenaltyTime = 0\nPingTimeout = 600\n\
             [Options]\nDNS = no\nIdent = no\nPAM = no\n"
        )
    },
};

/// Numerics: welcome, and the end of the channel's list of names.
const WELCOME: &[u8] = b" 001 ";
const END_OF_NAMES: &[u8] = b" 366 ";

impl Contender for Ircd {
    fn name(&self) -> &'static str {
        self.name
    }

    fn version(&self) -> Option<String> {
        first_line(self.program, "--version")
    }

    fn start(&self, _: usize) -> io::Result<Process> {
        let (dir, port) = (tempfile::tempdir()?, free_port()?);
        let file = dir.path().join("config");
        std::fs::write(&file, (self.config)(port, dir.path()))?;
        if self.carrier == Carrier::Tls {
            write_identity(dir.path())?;
        }
        let mut command = Command::new(self.program);
        command.args((self.arguments)(&file)).current_dir(dir.path());
        Process::start(&mut command, port, dir)
    }

    fn greeting(&self, member: usize) -> Vec<u8> {
        format!("NICK m{member}\r\nUSER m{member} 0 * :m\r\n").into()
    }

    fn arrive(&self, newcomer: &mut Newcomer) -> Step {
        if newcomer.pass(WELCOME) {
            return Step::Send(b"JOIN #room\r\n".into());
        }
        if newcomer.pass(END_OF_NAMES) { Step::Joined } else { Step::Wait }
    }

    fn line(&self, _: &str, _: u64, text: &str) -> Vec<u8> {
        format!("PRIVMSG #room :{text}\r\n").into()
    }

    fn echoes(&self) -> bool {
        false
    }

    fn carrier(&self) -> Carrier {
        self.carrier
    }
}
