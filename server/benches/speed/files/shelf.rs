//! chatshelf as a contender.

use std::io::{self, Read, Write};
use std::path::Path;

use super::client::{Client, connect};
use super::content::Content;
use super::contest::{Contender, Meter};
use super::http;
use super::results::Sample;
use crate::contenders::{OURS, OURS_LINK, OURS_TLS, start_ours};
use crate::process::Process;

/// Starts a server with a new data directory below `dir`.
pub(super) fn start(dir: &Path, options: &[&str]) -> io::Result<Process> {
    let dir = tempfile::tempdir_in(dir)?;
    let data_dir = dir.path().join("data");
    start_ours(&data_dir, options, dir)
}

/// Who fetches an item.
#[derive(Clone, Copy, Debug)]
pub(super) enum By {
    /// A member over plain TCP, by the protocol.
    Member,
    /// A member over TLS.
    Encrypted,
    /// Anyone over plain HTTP, by the item's link.
    Link,
}

/// A server with one item on its shelf.
#[derive(Debug)]
pub(super) struct Downloads {
    process: Process,
    bytes: u64,
    by: By,
}

impl Downloads {
    pub(super) fn start(dir: &Path, content: &Content, by: By) -> io::Result<Self> {
        let process = start(dir, &["--max-file-size", &content.bytes().to_string()])?;
        Client::join(process.address())?.upload(content)?;
        Ok(Self { process, bytes: content.bytes(), by })
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
        match self.by {
            By::Member => OURS,
            By::Encrypted => OURS_TLS,
            By::Link => OURS_LINK,
        }
    }

    fn transfer(&self) -> io::Result<Sample> {
        let address = self.process.address();
        match self.by {
            By::Member => self.download(Client::join(address)?),
            By::Encrypted => self.download(Client::join_encrypted(address)?),
            By::Link => {
                let item = Client::join(address)?.newest()?;
                let path = format!("/item/{item}");
                http::download(connect(address)?, &self.process, &path, self.bytes)
            }
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
