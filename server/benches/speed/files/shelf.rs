//! chatshelf as a contender.

use std::io::{self, Read, Write};
use std::path::Path;

use super::client::Client;
use super::content::Content;
use super::contest::{Contender, Meter};
use super::results::Sample;
use crate::contenders::{OURS, OURS_TLS, start_ours};
use crate::process::Process;

/// Starts a server with a new data directory below `dir`.
pub(super) fn start(dir: &Path, options: &[&str]) -> io::Result<Process> {
    let dir = tempfile::tempdir_in(dir)?;
    let data_dir = dir.path().join("data");
    start_ours(&data_dir, options, dir)
}

/// A server with one item on its shelf.
#[derive(Debug)]
pub(super) struct Downloads {
    process: Process,
    bytes: u64,
    is_encrypted: bool,
}

impl Downloads {
    pub(super) fn start(dir: &Path, content: &Content, is_encrypted: bool) -> io::Result<Self> {
        let process = start(dir, &["--max-file-size", &content.bytes().to_string()])?;
        Client::join(process.address())?.upload(content)?;
        Ok(Self { process, bytes: content.bytes(), is_encrypted })
    }

    /// From the request to the last byte.
    fn download<S: Read + Write>(&self, mut client: Client<S>) -> io::Result<Sample> {
        let item = client.newest()?;
        let meter = Meter::start(&self.process)?;
        let bytes = client.download(item)?;
        let sample = meter.stop(bytes)?;
        if bytes != self.bytes {
            return Err(io::Error::other(format!("{bytes} bytes came, not {}", self.bytes)));
        }
        Ok(sample)
    }
}

impl Contender for Downloads {
    fn name(&self) -> &'static str {
        if self.is_encrypted { OURS_TLS } else { OURS }
    }

    fn transfer(&self) -> io::Result<Sample> {
        let address = self.process.address();
        match self.is_encrypted {
            true => self.download(Client::join_encrypted(address)?),
            false => self.download(Client::join(address)?),
        }
    }
}

/// A server that keeps one item: each upload has the one before removed, once it is stored.
#[derive(Debug)]
pub(super) struct Uploads<'a> {
    process: Process,
    content: &'a Content,
}

impl<'a> Uploads<'a> {
    pub(super) fn start(dir: &Path, content: &'a Content) -> io::Result<Self> {
        let size = content.bytes().to_string();
        let process = start(dir, &["--keep", "1", "--max-file-size", &size])?;
        Ok(Self { process, content })
    }
}

impl Contender for Uploads<'_> {
    fn name(&self) -> &'static str {
        OURS
    }

    /// From the offer to the answer that the file is verified, durable and on the shelf.
    fn transfer(&self) -> io::Result<Sample> {
        let mut client = Client::join(self.process.address())?;
        let meter = Meter::start(&self.process)?;
        client.upload(self.content)?;
        meter.stop(self.content.bytes())
    }
}
