//! Inputs that targets begin with: the examples of docs/PROTOCOL.md, the recorded sessions of
//! `common/tests/frozen/`, and a few lines for each form of text.

use chatshelf_common::address::HOST_BYTES_MAX;
use chatshelf_common::websocket::{Opcode, frame};
use chatshelf_common::wire::Frame;
use chatshelf_common::wire::frame::Op;
use chatshelf_testkit::protocol_page::{blocks, bytes_of};
use chatshelf_testkit::raw;
use chatshelf_testkit::recording::{self, Step, Way, What};
use chatshelf_testkit::tls::client_connection;

use super::connection_http::REQUESTS;
use super::room::{ASKS_PASSWORD, NO_JOIN, RAW};

/// Steps of the scripts that rooms and sessions follow: bytes that are said, a further connection,
/// its end or reset, something of the carrier's own, and turns until nothing is left to do.
const SAY: u8 = 0;
const POKE: u8 = 12;
const CONNECT: u8 = 11;
const RESET: u8 = 9;
const END: u8 = 8;
const SETTLE: u8 = 15;
/// Whom a step is about.
const PEER_SHIFT: u8 = 4;
/// More of a recording than this is not used.
const SCRIPT_BYTES_MAX: usize = 2048;
const LINK: &str = "chatshelf://lab.local:9000#SHA256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU";
const KNOWN: &str = "SHA256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU";

/// Every frame of the page, with its name.
fn examples() -> Vec<Vec<u8>> {
    blocks("hex").iter().map(|(_, text)| bytes_of(text)).collect()
}

fn recordings() -> Vec<Vec<Step>> {
    recording::all().into_iter().map(|(_, steps)| steps).collect()
}

/// All frames of the recordings.
fn recorded(way: Way) -> impl Iterator<Item = Vec<u8>> {
    let sent = move |step: Step| match step.what {
        What::Sent(to, bytes) if to == way => Some(bytes),
        _ => None,
    };
    recordings().into_iter().flatten().filter_map(sent)
}

fn texts_of(lines: &[&str]) -> Vec<Vec<u8>> {
    lines.iter().map(|line| line.as_bytes().to_vec()).collect()
}

pub(crate) fn frames() -> Vec<Vec<u8>> {
    let stream = |way| recorded(way).filter(|frame| frame.len() < 500).take(20).collect::<Vec<_>>();
    let mut streams = vec![stream(Way::ToServer).concat(), stream(Way::ToClient).concat()];
    streams.extend(examples());
    streams
        .iter()
        .flat_map(|bytes| [[&[1, 3], &bytes[..]].concat(), [&[0, 7], &bytes[..]].concat()])
        .collect()
}

pub(crate) fn messages() -> Vec<Vec<u8>> {
    let recorded = recorded(Way::ToServer).chain(recorded(Way::ToClient));
    let frames = examples().into_iter().chain(recorded.filter(|frame| frame.len() < 1_000));
    frames.map(|frame| [&frame[..1], &frame[6..]].concat()).collect()
}

pub(crate) fn links() -> Vec<Vec<u8>> {
    texts_of(&[
        &"x".repeat(HOST_BYTES_MAX),
        &"Ⱥ".repeat(HOST_BYTES_MAX / 2),
        LINK,
        KNOWN,
        "lab.local",
        "lab:9100",
        "[fe80::1%eth0]:9100",
        "chatshelf://[fe80::1%25eth0]:9100/",
        "2001:DB8::1",
        "bücher.example:9100",
    ])
}

pub(crate) fn known_hosts() -> Vec<Vec<u8>> {
    let files = [
        format!("lab:9100\nlab:9100 tls {KNOWN}\n# mine\n\nlab:9000 ssh AAAA\n"),
        format!("::1\n[::1]:9000 tls {KNOWN}\r\nLAB tls\nlab tls {KNOWN} of 2026"),
        "lab\n".to_owned(),
    ];
    files.map(String::into_bytes).to_vec()
}

pub(crate) fn texts() -> Vec<Vec<u8>> {
    texts_of(&[
        "/upload 'my notes.txt' a\\ b",
        "/tell ada psst",
        "/ban 2001:db8::1 1d2h spam",
        "/redact ada 2",
        "//me waves",
        "a\x1b[2Jb\u{9b}c\u{202e}d\re",
        "żółw 👩\u{200d}🚀 🏴\u{e0067}\u{e0062}\u{e007f} e\u{301}\u{301}",
        "a/b\n.tar.gz",
        "Ada\u{430}",
    ])
}

pub(crate) fn settings() -> Vec<Vec<u8>> {
    texts_of(&[
        "port = 9100\ndata-dir = /srv/room\n# mine\n",
        "max-file-size = 2GiB\nallow-plain = none\nlimit-lines = 20, 5/s\n",
        "keep = 7\0--bind=::1\0-p 9100",
        "\0--check\0--metrics\0[::1]:9101",
        "\0--help",
        "\0--generate\0man",
    ])
}

pub(crate) fn requests() -> Vec<Vec<u8>> {
    texts_of(&[
        "GET /metrics HTTP/1.1\r\nHost: localhost:9100\r\n\r\n",
        "HEAD http://lab/healthz?x HTTP/1.0\r\n\r\n",
        "POST / HTTP/1.1\nHost: a\n\n",
        "GET https://a/b?c HTTP/1.1\r\nHost: a\r\nX: d\nOrigin: https://a\r\n\r\n",
        "GET / HTTP/2.0\r\n\r\n",
        "PUT /shelf/a%20b HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n",
    ])
}

/// Says a frame, in as many steps as it takes.
fn say(script: &mut Vec<u8>, step: u8, frame: &[u8]) {
    for chunk in frame.chunks(255) {
        script.extend([step, chunk.len() as u8]);
        script.extend(chunk);
    }
}

/// The scripts of rooms: each recording, with its connections, and each frame that a member sends.
pub(crate) fn plain() -> Vec<Vec<u8>> {
    let mut scripts: Vec<Vec<u8>> = recordings().iter().map(|steps| room_script(steps)).collect();
    let mut whole_session = vec![NO_JOIN];
    for (_, text) in blocks("session").into_iter().filter(|(side, _)| *side == "client") {
        say(&mut whole_session, SAY, &bytes_of(&text));
    }
    scripts.push(whole_session);
    let says = |before: &[u8], frame: &[u8]| {
        let mut script = before.to_vec();
        say(&mut script, SAY, frame);
        script
    };
    scripts.extend(examples().iter().map(|frame| says(&[0], frame)));
    // As an operator; and whoever joins needs a password.
    let op = examples().into_iter().find(|frame| frame[0] == Op::KIND).unwrap_or_default();
    let operator = says(&[0], &op);
    scripts.extend(examples().iter().map(|frame| says(&operator, frame)));
    let guest = says(&[NO_JOIN | ASKS_PASSWORD], &raw::hello());
    scripts.extend(examples().iter().map(|frame| says(&guest, frame)));
    scripts
}

fn room_script(steps: &[Step]) -> Vec<u8> {
    let mut script = vec![NO_JOIN];
    for Step { connection, what, .. } in steps {
        let peer = ((connection - 1) as u8 & 3) << PEER_SHIFT;
        match what {
            What::Connected(_) if *connection > 1 => script.push(CONNECT | NO_JOIN),
            What::Sent(Way::ToServer, frame) => say(&mut script, SAY | peer, frame),
            What::Broken => script.push(RESET | peer),
            _ => {}
        }
        if script.len() > SCRIPT_BYTES_MAX {
            break;
        }
    }
    script
}

/// The same of peers that speak TLS, and streams of one that does not.
pub(crate) fn tls() -> Vec<Vec<u8>> {
    let mut hello = Vec::new();
    client_connection().write_tls(&mut hello).expect("memory can be written");
    // Whole; and with what a client sends next when the server has answered: records of the length
    // that theirs have, and an alert.
    let change_cipher = [0x14, 3, 3, 0, 1, 1];
    let finished = [&[0x17, 3, 3, 0, 53][..], &[9; 53]].concat();
    let alert = [0x15, 3, 3, 0, 2, 1, 0];
    let streams = [
        hello.clone(),
        [&hello[..], &change_cipher].concat(),
        [&hello[..], &change_cipher, &finished].concat(),
        [&hello[..], &alert].concat(),
        alert.to_vec(),
        b"GET / HTTP/1.1\r\n\r\n".to_vec(),
    ];
    let script = |stream: &Vec<u8>| {
        let mut script = vec![NO_JOIN | RAW];
        say(&mut script, SAY, stream);
        script
    };
    let with_new_keys = |script: Vec<u8>| [&script[..1], &[POKE, 0], &script[1..]].concat();
    streams.iter().map(script).chain(plain().into_iter().map(with_new_keys)).collect()
}

pub(crate) fn websocket() -> Vec<Vec<u8>> {
    framed().iter().map(|frame| [&[0, 5], &frame[..]].concat()).collect()
}

/// The scripts of rooms, and frames of a peer that the script makes.
pub(crate) fn websocket_rooms() -> Vec<Vec<u8>> {
    let raw = |frame: &Vec<u8>| {
        let mut script = vec![NO_JOIN | RAW];
        say(&mut script, SAY, frame);
        script
    };
    framed().iter().map(raw).chain(plain()).collect()
}

/// Each request, alone and after a file was put on the shelf, with and without a password.
pub(crate) fn http_rooms() -> Vec<Vec<u8>> {
    let mut scripts = Vec::new();
    for setup in [NO_JOIN, NO_JOIN | ASKS_PASSWORD] {
        for what in 0..REQUESTS.len() as u8 {
            scripts.push(vec![setup, POKE, what, SETTLE]);
            scripts.push(vec![setup, POKE, 0, SETTLE, POKE, 0, POKE, what, SETTLE, POKE, what]);
            scripts.push(vec![setup, POKE, what | 128, SETTLE, POKE, what, END, SETTLE]);
        }
    }
    let said = REQUESTS.iter().map(|request| {
        let mut script = vec![NO_JOIN];
        say(&mut script, SAY, request.as_bytes());
        script
    });
    scripts.extend(said);
    scripts
}

/// WebSocket frames of each kind.
fn framed() -> Vec<Vec<u8>> {
    let mask = Some([1, 2, 3, 4]);
    let hello = raw::hello();
    // Two parts of a message; their first byte says that more follows.
    let [mut first, mut last] = hello
        .split_at_checked(7)
        .map_or([&[][..]; 2], Into::into)
        .map(|it| frame(Opcode::Binary, it, mask));
    (first[0], last[0]) = (Opcode::Binary as u8, last[0] & 0xf0);
    vec![
        frame(Opcode::Binary, &hello, mask),
        frame(Opcode::Binary, &[7; 300], mask),
        [&first[..], &frame(Opcode::Ping, b"well?", mask), &last].concat(),
        frame(Opcode::Pong, b"well?", mask),
        frame(Opcode::Close, &[3, 232], mask),
        frame(Opcode::Text, b"text", mask),
        frame(Opcode::Binary, &hello, None),
    ]
}

/// The scripts of sessions: what the server says in each recording and in each example.
pub(crate) fn session() -> Vec<Vec<u8>> {
    let mut scripts = Vec::new();
    for steps in recordings() {
        let mut script = vec![0];
        for Step { connection, what, .. } in &steps {
            match what {
                What::Sent(Way::ToClient, frame) if *connection == 1 => {
                    say(&mut script, SAY, frame);
                }
                _ => {}
            }
            if script.len() > SCRIPT_BYTES_MAX {
                break;
            }
        }
        scripts.push(script);
    }
    scripts.extend(examples().iter().map(|frame| {
        let mut script = vec![ADMITTED];
        say(&mut script, SAY, frame);
        script
    }));
    // Whatever a user can ask for, then whatever the file keeper answers.
    let asked = (0..16).flat_map(|what| [13 | what << PEER_SHIFT, 2, b'4', b'2']);
    let answered = (0..16).flat_map(|how| [10 | how << PEER_SHIFT, 9, 200]);
    let steps: Vec<u8> = asked.chain(answered).collect();
    scripts.extend([ADMITTED, IN_PUBLIC].map(|setup| [&[setup], &steps[..]].concat()));
    scripts
}

/// The session is let into the room at once, over a connection that nobody else can read.
const ADMITTED: u8 = 8 | 32;
/// The same over one that others may read.
const IN_PUBLIC: u8 = 8;

pub(crate) fn journal() -> Vec<Vec<u8>> {
    let is_event = |frame: &Vec<u8>| recording::is_event(frame[0]) && frame.len() < 256;
    let mut scripts = vec![
        b"\x09\x00\x04junk".to_vec(),
        b"\x03\x04\x04\x04\x05\x05\x05\x0f\x04\x06".to_vec(),
        b"\x08\x06\x09\x07\x03\x04\x09".to_vec(),
    ];
    let events: Vec<Vec<u8>> = examples().into_iter().filter(is_event).collect();
    scripts.extend(
        events.iter().flat_map(|event| {
            [2, 3].map(|step| [&[3, step, event.len() as u8], &event[..]].concat())
        }),
    );
    scripts
}

pub(crate) fn data_dir() -> Vec<Vec<u8>> {
    let mark = b"chatshelf data directory, format 1\nwritten by chatshelf-server 0.1.0\n";
    let mut marked = vec![0, mark.len() as u8];
    marked.extend(mark);
    let with = |steps: &[&[u8]]| [&[&marked[..]], steps].concat().concat();
    let item = examples().into_iter().find(|frame| frame[0] == 0xc5).unwrap_or_default();
    // Behind header, seq and time; the item is the value of the next field.
    let fields = recording::field(&item, recording::tag::SHELF_ITEM).unwrap_or_default();
    let meta = [&[4 << 5, fields.len() as u8], &fields[..]].concat();
    vec![
        marked.clone(),
        with(&[&meta, &[2 << 5 | 1 << 3, 12], b"hello shelf\n"]),
        with(&[&[2 << 5 | 5 | 1 << 3, 3], b"abc", &[5 << 5 | 5, 3], b"abc"]),
        with(&[&[2 << 5 | 7 | 3 << 3, 3], b"abc", &[1 << 5]]),
        [&[2 << 5 | 7 | 3 << 3, 3], &b"abc"[..]].concat(),
        [&[1 << 5][..], &meta].concat(),
    ]
}
