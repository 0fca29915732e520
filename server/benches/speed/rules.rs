//! The rules of docs/comparison/README.md, as a conversation that a server has to hold.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use crate::contenders::Contender;
use crate::contenders::language::Language;

/// Longest wait for what must come.
const WAIT_MAX: Duration = Duration::from_secs(20);
const LINE_BYTES_MAX: usize = 64 * 1024;

struct Client(TcpStream);

impl Client {
    /// Connects, and is in the room when it returns.
    fn join(address: SocketAddr, name: &str, others: &mut [&mut Self]) -> io::Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(WAIT_MAX))?;
        stream.set_write_timeout(Some(WAIT_MAX))?;
        let mut client = Self(stream);
        client.say(name.as_bytes())?;
        client.hears(name.as_bytes())?;
        others.iter_mut().try_for_each(|other| other.hears(name.as_bytes()))?;
        Ok(client)
    }

    fn say(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.0.write_all(bytes)
    }

    /// Fails unless exactly these bytes come next.
    fn hears(&mut self, expected: &[u8]) -> io::Result<()> {
        let mut heard = vec![0; expected.len()];
        self.0.read_exact(&mut heard)?;
        let differ = || io::Error::other(format!("{} bytes differ", expected.len()));
        (heard == expected).then_some(()).ok_or_else(differ)
    }

    /// The next so many bytes.
    fn read(&mut self, count: usize) -> io::Result<Vec<u8>> {
        let mut heard = vec![0; count];
        self.0.read_exact(&mut heard)?;
        Ok(heard)
    }

    /// Fails unless its connection ends, whatever comes before.
    fn is_ended(&mut self) -> io::Result<()> {
        let mut rest = [0; 4096];
        loop {
            match self.0.read(&mut rest) {
                Ok(0) => return Ok(()),
                Err(why) if why.kind() == io::ErrorKind::ConnectionReset => return Ok(()),
                Err(why) => return Err(why),
                Ok(_) => {}
            }
        }
    }
}

/// Starts a server and holds it to the rules.
///
/// # Errors
/// When it breaks one.
pub(crate) fn check(language: &Language) -> io::Result<()> {
    let process = language.start(3)?;
    let rule =
        |number: u32| move |why: io::Error| io::Error::other(format!("rule {number}: {why}"));
    whole_lines_reach_everyone(process.address()).map_err(rule(2))?;
    all_hear_one_order(process.address()).map_err(rule(2))?;
    a_line_that_is_too_long_ends_its_sender(process.address()).map_err(rule(3))?;
    who_does_not_read_delays_nobody(process.address()).map_err(rule(4))?;
    an_unfinished_line_is_lost(process.address()).map_err(rule(5))
}

fn whole_lines_reach_everyone(address: SocketAddr) -> io::Result<()> {
    let mut ada = Client::join(address, "ada\n", &mut [])?;
    let mut bob = Client::join(address, "bob\n", &mut [&mut ada])?;
    for piece in ["he", "llo\n\nwo", "rl", "d\n"] {
        ada.say(piece.as_bytes())?;
        std::thread::sleep(Duration::from_millis(10));
    }
    let longest = [vec![b'x'; LINE_BYTES_MAX - 1], b"\n".to_vec()].concat();
    ada.say(&longest)?;
    for client in [&mut ada, &mut bob] {
        client.hears(b"hello\n\nworld\n")?;
        client.hears(&longest)?;
    }
    Ok(())
}

fn all_hear_one_order(address: SocketAddr) -> io::Result<()> {
    let mut ada = Client::join(address, "ada\n", &mut [])?;
    let mut bob = Client::join(address, "bob\n", &mut [&mut ada])?;
    let mut cy = Client::join(address, "cy\n", &mut [&mut ada, &mut bob])?;
    for number in 1000..1400 {
        ada.say(format!("a{number}\n").as_bytes())?;
        bob.say(format!("b{number}\n").as_bytes())?;
    }
    let heard = cy.read(800 * "a1000\n".len())?;
    ada.hears(&heard)?;
    bob.hears(&heard)?;
    for sender in ['a', 'b'] {
        let said = (1000..1400).map(|number| format!("{sender}{number}"));
        let text = String::from_utf8_lossy(&heard).into_owned();
        let own = text.lines().filter(|line| line.starts_with(sender));
        if !own.eq(said) {
            return Err(io::Error::other("lines of one sender are not in order"));
        }
    }
    Ok(())
}

fn a_line_that_is_too_long_ends_its_sender(address: SocketAddr) -> io::Result<()> {
    let mut ada = Client::join(address, "ada\n", &mut [])?;
    let mut bob = Client::join(address, "bob\n", &mut [&mut ada])?;
    bob.say(&vec![b'x'; LINE_BYTES_MAX + 1])?;
    bob.is_ended()?;
    ada.say(b"still here\n")?;
    ada.hears(b"still here\n")
}

fn who_does_not_read_delays_nobody(address: SocketAddr) -> io::Result<()> {
    let mut ada = Client::join(address, "ada\n", &mut [])?;
    let mut deaf = Client::join(address, "deaf\n", &mut [&mut ada])?;
    let line = [vec![b'y'; 8 * 1024 - 1], b"\n".to_vec()].concat();
    // More than the system's buffers and what may wait.
    for _ in 0..4096 {
        ada.say(&line)?;
        ada.hears(&line)?;
    }
    deaf.is_ended()
}

fn an_unfinished_line_is_lost(address: SocketAddr) -> io::Result<()> {
    let mut ada = Client::join(address, "ada\n", &mut [])?;
    let mut bob = Client::join(address, "bob\n", &mut [&mut ada])?;
    bob.say(b"half a line")?;
    drop(bob);
    std::thread::sleep(Duration::from_millis(50));
    ada.say(b"whole\n")?;
    ada.hears(b"whole\n")
}
