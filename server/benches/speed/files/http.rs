//! A client of HTTP that asks for one thing and drops what it gets.

use std::io::{self, Read, Write};

use super::content::BLOCK_BYTES;
use super::contest::Meter;
use super::results::Sample;
use crate::process::Process;

/// Longest head of an answer.
const HEAD_BYTES_MAX: usize = 16 * 1024;

/// Fetches a file of so many bytes: from the request to the end of the answer.
///
/// # Errors
/// When the answer is another one.
pub(super) fn download(
    mut stream: impl Read + Write,
    process: &Process,
    path: &str,
    bytes: u64,
) -> io::Result<Sample> {
    let meter = Meter::start(process)?;
    let host = process.address();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n")?;
    let answer = answer(&mut stream)?;
    let sample = meter.stop(bytes)?;
    if answer != (200, bytes) {
        return Err(io::Error::other(format!("the answer is {answer:?}")));
    }
    Ok(sample)
}

/// Reads an answer to its end: its status, and the bytes of its body.
pub(super) fn answer(stream: &mut impl Read) -> io::Result<(u16, u64)> {
    let mut buffer = vec![0; BLOCK_BYTES];
    let mut head = Vec::new();
    let body_at = loop {
        let bytes = stream.read(&mut buffer)?;
        head.extend_from_slice(&buffer[..bytes]);
        if let Some(end) = head.windows(4).position(|four| four == b"\r\n\r\n") {
            break end + 4;
        }
        if bytes == 0 || head.len() > HEAD_BYTES_MAX {
            return Err(io::Error::other("no answer in HTTP"));
        }
    };
    let line = String::from_utf8_lossy(&head[..body_at]);
    let status = line.split_whitespace().nth(1).and_then(|status| status.parse().ok());
    let status = status.ok_or_else(|| io::Error::other(format!("no status in {line:?}")))?;
    let mut body_bytes = (head.len() - body_at) as u64;
    loop {
        match stream.read(&mut buffer)? {
            0 => return Ok((status, body_bytes)),
            bytes => body_bytes += bytes as u64,
        }
    }
}
