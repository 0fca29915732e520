//! A complete bot, on one screen: it joins a room and answers `!time` with the server's time.
//!
//! `cargo run -p chatshelf-common --example bot -- chatshelf://127.0.0.1:9000`

use std::error::Error;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use chatshelf_common::address::ServerAddress;
use chatshelf_common::id::MessageId;
use chatshelf_common::limits::{VERSION_MAX, VERSION_MIN};
use chatshelf_common::text::{Message, Nick};
use chatshelf_common::wire::frame::{ClientFrame, Event, Hello, Join, Marker, Pong, Say};
use chatshelf_common::wire::{Code, DecodeError, Deframer, ServerFrame, Unit};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// A server that says nothing for so long, not even `Ping`, is gone.
const SILENCE_MAX: Duration = Duration::from_secs(150);

fn main() {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1".into());
    let farewell = run(&address).unwrap_or_else(|why| {
        eprintln!("{why}");
        std::process::exit(1);
    });
    println!("{farewell}");
}

/// Joins the room at this address and answers until the server says goodbye; returns why.
fn run(address: &str) -> Result<Code> {
    let server: ServerAddress = address.parse()?;
    let mut stream = TcpStream::connect((server.host(), server.port()))?;
    stream.set_read_timeout(Some(SILENCE_MAX))?;
    send(&mut stream, &Hello::new(VERSION_MIN, VERSION_MAX).into())?;
    send(&mut stream, &join(Nick::new("timebot")?))?;

    let (mut deframer, mut buffer) = (Deframer::joined(), vec![0; 64 * 1024]);
    loop {
        let count = stream.read(&mut buffer)?;
        if count == 0 {
            return Err("the connection was lost".into());
        }
        let mut input = &buffer[..count];
        while let Some(unit) = deframer.next(&mut input)? {
            // The bot downloads nothing, so all that comes is control frames and events.
            let Unit::Control { header, value } = unit else { continue };
            let reply = match Event::decode(header.kind, value) {
                Ok(event) => answer(&event)?,
                Err(DecodeError::UnknownType(_)) => match ServerFrame::decode(header.kind, value) {
                    Ok(ServerFrame::Goodbye(goodbye)) => return Ok(goodbye.code),
                    Ok(frame) => respond(frame)?,
                    Err(DecodeError::UnknownType(_)) if header.is_skippable() => None,
                    Err(why) => return Err(why.into()),
                },
                Err(why) => return Err(why.into()),
            };
            if let Some(reply) = reply {
                send(&mut stream, &reply)?;
            }
        }
    }
}

fn send(stream: &mut TcpStream, frame: &ClientFrame) -> Result<()> {
    let mut bytes = Vec::new();
    frame.encode(&mut bytes);
    Ok(stream.write_all(&bytes)?)
}

/// Without history, and without telling everyone that a bot joins.
fn join(nick: Nick) -> ClientFrame {
    Join { quiet: Some(Marker), ..Join::new(nick, Some(0)) }.into()
}

fn respond(frame: ServerFrame) -> Result<Option<ClientFrame>> {
    match frame {
        ServerFrame::ServerPing(_) => Ok(Some(Pong {}.into())),
        ServerFrame::Refused(refused) => match refused.suggestion {
            Some(free) => Ok(Some(join(free))),
            None => Err(format!("refused: {}", refused.code).into()),
        },
        _ => Ok(None),
    }
}

fn answer(event: &Event) -> Result<Option<ClientFrame>> {
    match event {
        Event::Said(said) if said.text.as_str() == "!time" => {
            let s = said.at.0 / 1000 % (24 * 60 * 60);
            let (hours, minutes, seconds) = (s / 3600, s / 60 % 60, s % 60);
            let text = format!("{}: it is {hours:02}:{minutes:02}:{seconds:02} UTC", said.nick);
            // Any number will do that is another one for each message.
            let id = MessageId(said.seq.0);
            Ok(Some(Say::new(id, Message::new(&text)?, None).into()))
        }
        _ => Ok(None),
    }
}
