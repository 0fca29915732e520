//! Who is measured: our server, the least that could do, and what people run instead. Each is
//! started with its throttles off, and spoken to in its own protocol, just enough to join, to say
//! something and to know it again when it comes back.

mod adc;
mod baseline;
mod chatshelf;
mod irc;
pub(crate) mod language;
mod mqtt;
mod nats;
mod redis;

use std::io;
use std::path::Path;
use std::process::Command;

use super::process::Process;

pub(crate) use chatshelf::start as start_ours;

/// What every line contains, and nothing else that any of the protocols sends.
pub(crate) const MARK: &str = "=this.is.a.line=";

/// Names that figures are held against.
pub(crate) const OURS: &str = "chatshelf";
pub(crate) const OURS_TLS: &str = "TLS: chatshelf";
pub(crate) const OURS_LINK: &str = "HTTP: chatshelf";
pub(crate) const OURS_WEB: &str = "WebSocket: chatshelf";
pub(crate) const SHARED_LOG: &str = "bare shared log";

/// What carries a protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Carrier {
    Tcp,
    Tls,
    /// WebSocket over plain TCP, at this path, with this subprotocol if the server asks for one.
    WebSocket {
        path: &'static str,
        subprotocol: Option<&'static str>,
    },
}

/// A server and how to talk to it.
pub(crate) trait Contender {
    /// Its name in the tables.
    fn name(&self) -> &'static str;

    /// What it says of its version; none where it is not installed.
    fn version(&self) -> Option<String>;

    /// Starts it, for so many members.
    ///
    /// # Errors
    /// When it can't be started.
    fn start(&self, members: usize) -> io::Result<Process>;

    /// What a member sends as soon as it is connected.
    fn greeting(&self, member: usize) -> Vec<u8>;

    /// What a newcomer does about what it has received. Called again and again, until it is in the
    /// room.
    fn arrive(&self, newcomer: &mut Newcomer) -> Step;

    /// How a member whom the server calls `id` says its line of this number.
    fn line(&self, id: &str, number: u64, text: &str) -> Vec<u8>;

    /// True for what people run instead of ours.
    fn is_peer(&self) -> bool {
        true
    }

    /// What carries its protocol.
    fn carrier(&self) -> Carrier {
        Carrier::Tcp
    }

    /// True when members hear their own lines.
    fn echoes(&self) -> bool {
        true
    }
}

/// A member on its way into the room.
#[derive(Debug, Default)]
pub(crate) struct Newcomer {
    /// Its number among all.
    pub(crate) number: usize,
    /// What it has received and not yet made use of.
    pub(crate) received: Vec<u8>,
    /// What the server calls it, where that matters.
    pub(crate) id: String,
}

/// The next step of a newcomer.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// More must come.
    Wait,
    /// This is to be sent.
    Send(Vec<u8>),
    /// It is in the room.
    Joined,
}

/// Ours and the baselines.
pub(crate) fn own() -> Vec<Box<dyn Contender>> {
    vec![
        Box::new(chatshelf::PLAIN),
        Box::new(chatshelf::TLS),
        Box::new(baseline::Baseline::SharedLog),
        Box::new(baseline::Baseline::SharedLogOfTexts),
        Box::new(baseline::Baseline::EachRead),
        Box::new(chatshelf::WEB),
    ]
}

/// What people run instead, the nearest relatives first.
pub(crate) fn peers() -> Vec<Box<dyn Contender>> {
    vec![
        Box::new(adc::Uhub),
        Box::new(irc::INSPIRCD),
        Box::new(irc::INSPIRCD_TLS),
        Box::new(irc::NGIRCD),
        Box::new(redis::Redis),
        Box::new(nats::Nats { is_web: false }),
        Box::new(nats::Nats { is_web: true }),
        Box::new(mqtt::Mosquitto { is_web: false }),
        Box::new(mqtt::Mosquitto { is_web: true }),
    ]
}

/// Writes a key, as `key.pem`, and a certificate for it, as `cert.pem`, into this directory.
///
/// # Errors
/// When they can't be made or written.
pub(crate) fn write_identity(dir: &Path) -> io::Result<()> {
    let names = vec!["localhost".to_owned()];
    let made = rcgen::generate_simple_self_signed(names).map_err(io::Error::other)?;
    std::fs::write(dir.join("cert.pem"), made.cert.pem())?;
    std::fs::write(dir.join("key.pem"), made.signing_key.serialize_pem())
}

/// The first line that a program prints with this argument, on whichever of its outputs; none if
/// it can't be run.
fn first_line(program: &str, argument: &str) -> Option<String> {
    let output = Command::new(program).arg(argument).output().ok()?;
    let text = [output.stdout, output.stderr].concat();
    let text = String::from_utf8_lossy(&text);
    text.lines().map(str::trim).find(|line| !line.is_empty()).map(str::to_owned)
}

impl Newcomer {
    /// Forgets what came up to the end of the first `what`; false if that has not come.
    fn pass(&mut self, what: &[u8]) -> bool {
        let place = memchr::memmem::find(&self.received, what);
        if let Some(place) = place {
            self.received.drain(..place + what.len());
        }
        place.is_some()
    }
}
