//! Shows the rooms on the local network, and offers them to whoever named none. Owns what is said
//! and asked; the search belongs to `discovery`.

use std::io::{self, BufRead, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use chatshelf_common::address::ServerAddress;

use super::json;
use crate::app::{EXIT_DONE, EXIT_FAILED, EXIT_UNREACHABLE, fail, show};
use crate::discovery::{self, Found, SEARCH};
use crate::lang::tr;
use crate::screen::wrap::{padded, width};

/// How long a server on this machine may take to accept a connection.
const HERE_MAX: Duration = Duration::from_millis(500);

/// Shows what is found within this time; returns the exit code.
#[must_use]
pub fn find(time: Duration, json: bool) -> u8 {
    match discovery::search(time) {
        Err(why) => fail(&why, EXIT_FAILED),
        Ok(rooms) if json => show(&format!("{}\n", json::rooms(&rooms))),
        Ok(rooms) if rooms.is_empty() => fail(nothing(), EXIT_FAILED),
        Ok(rooms) => show(&lines(&table(&rooms))),
    }
}

fn nothing() -> &'static str {
    tr!("no room was found: a server is found only if it runs with --announce and the network \
         allows it; otherwise ask for its address")
}

fn lines(lines: &[String]) -> String {
    lines.iter().map(|line| format!("{line}\n")).collect()
}

/// Rooms as lines of a table.
fn table(rooms: &[Found]) -> Vec<String> {
    let longest = |of: fn(&Found) -> String| {
        rooms.iter().map(|room| width(&of(room))).max().unwrap_or_default()
    };
    let names = longest(|room| room.name.clone());
    let servers = longest(|room| room.server.to_string());
    let line = |room: &Found| {
        let name = padded(&room.name, names);
        let server = padded(&room.server.to_string(), servers);
        let key = room.key.as_ref().map(|key| format!("  key {key}…")).unwrap_or_default();
        let line = format!("{name}  {server}{key}");
        line.trim_end().to_owned()
    };
    rooms.iter().map(line).collect()
}

/// Asks which of the rooms on the local network to join, if no server answers on this machine.
/// Returns the answer: none if one answers here, and none is to be asked about.
///
/// # Errors
/// The exit code, if there is nothing to join.
pub fn offer(here: &ServerAddress) -> Result<Option<ServerAddress>, u8> {
    let is_here = SocketAddr::new([127, 0, 0, 1].into(), here.port());
    if TcpStream::connect_timeout(&is_here, HERE_MAX).is_ok() {
        return Ok(None);
    }
    let searching =
        tr!("No server answers on this machine, at {here}. Searching the local network…", here);
    eprintln!("{searching}");
    let rooms = discovery::search(SEARCH).map_err(|why| fail(&why, EXIT_FAILED))?;
    if rooms.is_empty() {
        eprintln!("{}", tr!("Start one with chatshelf-server, or name one with --host."));
        return Err(fail(nothing(), EXIT_UNREACHABLE));
    }
    for (number, line) in (1..).zip(table(&rooms)) {
        eprintln!("{number:4}  {line}");
    }
    match ask(&rooms) {
        Some(room) => Ok(Some(room.server.clone())),
        None => Err(EXIT_DONE),
    }
}

/// Asks until the answer is one of them, or there is none.
fn ask(rooms: &[Found]) -> Option<&Found> {
    let mut input = io::stdin().lock();
    loop {
        eprint!("{} ", tr!("Join which? [1]"));
        let _ = io::stderr().flush();
        let mut answer = String::new();
        if !input.read_line(&mut answer).is_ok_and(|bytes| bytes > 0) {
            eprintln!();
            return None;
        }
        if let Some(room) = chosen(rooms, answer.trim()) {
            return Some(room);
        }
        let many = rooms.len();
        eprintln!("{}", tr!("Type a number from 1 to {many}; Ctrl-C leaves.", many));
    }
}

/// The room of this number; the first without one.
fn chosen<'a>(rooms: &'a [Found], answer: &str) -> Option<&'a Found> {
    let number: usize = if answer.is_empty() { 1 } else { answer.parse().ok()? };
    rooms.get(number.checked_sub(1)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_a_number_of_the_list() {
        let room = |name: &str| {
            let server = "192.0.2.7:9000".parse().unwrap();
            Found { name: name.into(), server, key: None }
        };
        let rooms = [room("one"), room("two")];
        let answers = [("", Some("one")), ("1", Some("one")), ("2", Some("two"))];
        let wrong = ["0", "3", "-1", "two", "99999999999999999999"].map(|answer| (answer, None));
        for (answer, name) in answers.into_iter().chain(wrong) {
            let found = chosen(&rooms, answer).map(|room| room.name.as_str());
            assert_eq!(found, name, "{answer:?}");
        }
    }

    #[test]
    fn rooms_are_lines_of_a_table() {
        let room = |name: &str, server: &str, key: Option<&str>| Found {
            name: name.into(),
            server: server.parse().unwrap(),
            key: key.map(str::to_owned),
        };
        let rooms = [
            room("desk", "192.0.2.7:9000", Some("SHA256:AbCd")),
            room("the lab 9001", "[2001:db8::7]:9001", None),
        ];
        let lines = table(&rooms);
        assert_eq!(
            lines,
            [
                "desk          192.0.2.7:9000      key SHA256:AbCd…",
                "the lab 9001  [2001:db8::7]:9001"
            ]
        );
    }
}
