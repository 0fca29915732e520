//! The floor of uploads: a process that receives and writes and does nothing else, and the load on
//! it.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::path::Path;
use std::process::Command;

use super::client::HANG;
use super::content::{BLOCK_BYTES, Content};
use super::race::{Contender, Meter};
use super::results::Sample;
use crate::process::{Process, free_port};
use crate::run::FLOOR;

const NAME: &str = "receive and write";
/// What this program is called with, to be that process.
pub(crate) const ARGUMENT: &str = "receive-and-write";

/// The file's name in the process's folder.
const FILE: &str = "file.bin";

/// What the process does that this program is started as, by `--floor receive-and-write PORT DIR`:
/// writes what comes over a connection to a file, with neither hash nor sync, and answers one byte
/// at its end. Then the next connection. It runs until it is killed.
///
/// # Errors
/// When the system refuses something.
pub(crate) fn serve(port: u16, dir: &Path) -> io::Result<()> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))?;
    let mut buffer = vec![0; BLOCK_BYTES];
    loop {
        receive(&mut listener.accept()?.0, &dir.join(FILE), &mut buffer)?;
    }
}

fn receive(stream: &mut TcpStream, path: &Path, buffer: &mut [u8]) -> io::Result<()> {
    // One that brings nothing is only a look whether someone listens.
    let mut file = None;
    loop {
        let bytes = stream.read(buffer)?;
        let file = match &mut file {
            Some(file) => file,
            None if bytes > 0 => file.insert(File::create(path)?),
            None => return Ok(()),
        };
        if bytes == 0 {
            return stream.write_all(&[1]);
        }
        file.write_all(&buffer[..bytes])?;
    }
}

/// That process.
#[derive(Debug)]
pub(super) struct Uploads<'a> {
    process: Process,
    content: &'a Content,
}

impl<'a> Uploads<'a> {
    pub(super) fn start(dir: &Path, content: &'a Content) -> io::Result<Self> {
        let dir = tempfile::tempdir_in(dir)?;
        let port = free_port()?;
        let mut command = Command::new(std::env::current_exe()?);
        command.args([FLOOR, ARGUMENT, &port.to_string()]).arg(dir.path());
        Ok(Self { process: Process::start(&mut command, port, dir)?, content })
    }
}

impl Contender for Uploads<'_> {
    fn name(&self) -> &'static str {
        NAME
    }

    /// From the first byte to the answer.
    fn transfer(&self) -> io::Result<Sample> {
        let mut stream = TcpStream::connect(self.process.address())?;
        stream.set_read_timeout(Some(HANG))?;
        stream.set_write_timeout(Some(HANG))?;
        let meter = Meter::start(&self.process)?;
        self.content.blocks().try_for_each(|(_, block)| stream.write_all(block))?;
        stream.shutdown(Shutdown::Write)?;
        stream.read_exact(&mut [0])?;
        let sample = meter.stop(self.content.bytes())?;
        let path = self.process.dir().join(FILE);
        let stored = fs::metadata(&path)?.len();
        if stored != self.content.bytes() {
            return Err(io::Error::other(format!("{stored} bytes stored")));
        }
        // What is not on the disk yet need not go there while others are measured.
        fs::remove_file(&path)?;
        Ok(sample)
    }
}
