//! The baselines of uploads: a process that receives and writes and does nothing else, one that
//! syncs the file at its end as well, and the load on them.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::path::Path;
use std::process::Command;

use super::client::HANG;
use super::content::{BLOCK_BYTES, Content};
use super::contest::{Contender, Meter};
use super::results::Sample;
use crate::baseline::BASELINE;
use crate::process::{Process, free_port};

/// What such a process does with a file that has come whole.
#[derive(Clone, Copy, Debug)]
pub(super) enum End {
    /// Leaves it to the system when it goes to the disk.
    Leave,
    /// Waits until it is there.
    Sync,
}

/// What they are called.
pub(crate) const NAME: &str = "receive and write";
const NAME_SYNCED: &str = "receive, write and sync";
/// What this program is called with, to be one of these processes.
pub(crate) const RECEIVE_AND_WRITE: &str = "receive-and-write";
pub(crate) const RECEIVE_WRITE_AND_SYNC: &str = "receive-write-and-sync";

/// The file's name in the process's folder.
const FILE: &str = "file.bin";

/// What the process does that this program is started as, by
/// `--baseline receive-and-write PORT DIR`:
/// writes what comes over a connection to a file, without a hash, and answers one byte at its end,
/// after a sync if `is_synced`. Then the next connection. It runs until it is killed.
///
/// # Errors
/// When the system refuses something.
pub(crate) fn serve(port: u16, dir: &Path, is_synced: bool) -> io::Result<()> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))?;
    let mut buffer = vec![0; BLOCK_BYTES];
    loop {
        receive(&mut listener.accept()?.0, &dir.join(FILE), &mut buffer, is_synced)?;
    }
}

fn receive(
    stream: &mut TcpStream,
    path: &Path,
    buffer: &mut [u8],
    is_synced: bool,
) -> io::Result<()> {
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
            if is_synced {
                file.sync_all()?;
            }
            return stream.write_all(&[1]);
        }
        file.write_all(&buffer[..bytes])?;
    }
}

/// Such a process.
#[derive(Debug)]
pub(super) struct Uploads<'a> {
    process: Process,
    end: End,
    content: &'a Content,
}

impl<'a> Uploads<'a> {
    pub(super) fn start(dir: &Path, content: &'a Content, end: End) -> io::Result<Self> {
        let dir = tempfile::tempdir_in(dir)?;
        let port = free_port()?;
        let mut command = Command::new(std::env::current_exe()?);
        let argument = match end {
            End::Leave => RECEIVE_AND_WRITE,
            End::Sync => RECEIVE_WRITE_AND_SYNC,
        };
        command.args([BASELINE, argument, &port.to_string()]).arg(dir.path());
        Ok(Self { process: Process::start(&mut command, port, dir)?, end, content })
    }
}

impl Contender for Uploads<'_> {
    fn name(&self) -> &'static str {
        match self.end {
            End::Leave => NAME,
            End::Sync => NAME_SYNCED,
        }
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
