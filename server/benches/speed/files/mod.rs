//! What files cost: downloads and uploads beside nginx and beside a bare loop, talk beside
//! transfers and beside handshakes, and starts with a full shelf. Measures, and formats nothing.

mod bare;
mod client;
mod content;
mod contest;
mod handshakes;
mod http;
mod loopback;
mod nginx;
pub(crate) mod results;
mod shelf;
mod startup;
mod talk;
mod traffic;

use std::io::{self, Write};
use std::path::Path;
use std::time::Duration;

use content::Content;
use contest::{Contender, race};
use results::{Busy, FileResults, Handshakes, Latency, Series};

pub(crate) use bare::{
    NAME as BARE, RECEIVE_AND_WRITE, RECEIVE_WRITE_AND_SYNC, serve as receive_and_write,
};
pub(crate) use loopback::congestion_control;
pub(crate) use nginx::NAME_TLS as NGINX_TLS;

/// The file that is downloaded and uploaded alone, in bytes.
const FILE_BYTES: u64 = 1 << 30;
/// The files that are transferred beside talk, in bytes.
const TRAFFIC_FILE_BYTES: u64 = 256 << 20;
/// How long each measurement of talk takes.
const TALK: Duration = Duration::from_secs(5);
/// How often the server is started with a full shelf.
const STARTS: usize = 20;

/// Measures what is asked for of `downloads`, `uploads`, `talk` (beside transfers), `handshakes`
/// (beside talk) and `starts`.
/// Its files are below `dir`, and gone afterwards. What it does is told by `progress`, and what it
/// leaves out because a program is not installed.
///
/// # Errors
/// When a server can't be started, or does other than it should.
pub(crate) fn measure(
    dir: &Path,
    rounds: usize,
    with_nginx: bool,
    is_asked: &dyn Fn(&str) -> bool,
    progress: &mut dyn FnMut(&str),
) -> io::Result<FileResults> {
    let nginx = if with_nginx { nginx::program() } else { None };
    if with_nginx && nginx.is_none() {
        progress("nginx is not installed: files are measured without it");
    }
    let mut results = FileResults::default();
    if is_asked("downloads") {
        results.downloads = downloads(dir, &Content::new(FILE_BYTES), rounds, nginx, progress)?;
    }
    if is_asked("uploads") {
        results.uploads = uploads(dir, &Content::new(FILE_BYTES), rounds, nginx, progress)?;
    }
    if is_asked("talk") {
        let content = Content::new(TRAFFIC_FILE_BYTES);
        (results.quiet, results.busy) = talk(dir, &content, rounds, progress)?;
    }
    if is_asked("handshakes") {
        results.handshakes = handshakes(dir, rounds, progress)?;
    }
    if is_asked("starts") {
        progress("starts with a full shelf");
        results.starts = startup::measure(dir, STARTS)?;
    }
    Ok(results)
}

fn downloads(
    dir: &Path,
    content: &Content,
    rounds: usize,
    nginx: Option<&'static str>,
    progress: &mut dyn FnMut(&str),
) -> io::Result<Vec<Series>> {
    let mut contenders: Vec<Box<dyn Contender + '_>> =
        vec![Box::new(shelf::Downloads::start(dir, content, shelf::By::Member)?)];
    contenders.push(Box::new(shelf::Downloads::start(dir, content, shelf::By::Link)?));
    if let Some(program) = nginx {
        contenders.push(Box::new(nginx::Downloads::start(program, dir, content, false)?));
    }
    contenders.push(Box::new(shelf::Downloads::start(dir, content, shelf::By::Encrypted)?));
    if let Some(program) = nginx {
        contenders.push(Box::new(nginx::Downloads::start(program, dir, content, true)?));
    }
    race("download", &contenders, rounds, &|| Ok(()), progress)
}

fn uploads(
    dir: &Path,
    content: &Content,
    rounds: usize,
    nginx: Option<&'static str>,
    progress: &mut dyn FnMut(&str),
) -> io::Result<Vec<Series>> {
    let mut contenders: Vec<Box<dyn Contender + '_>> =
        vec![Box::new(shelf::Uploads::start(dir, content)?)];
    if let Some(program) = nginx {
        contenders.push(Box::new(nginx::Uploads::start(program, dir, content)?));
    }
    contenders.push(Box::new(bare::Uploads::start(dir, content, bare::End::Leave)?));
    contenders.push(Box::new(bare::Uploads::start(dir, content, bare::End::Sync)?));
    race("upload", &contenders, rounds, &|| refresh_free_memory(dir, content), progress)
}

/// Writes a file of this size and removes it. The host of a virtual machine may take back memory
/// that has been free for some seconds, and to write there again costs several times what it costs
/// elsewhere. So each contender finds memory that was in use a moment ago.
fn refresh_free_memory(dir: &Path, content: &Content) -> io::Result<()> {
    let mut file = tempfile::tempfile_in(dir)?;
    content.blocks().try_for_each(|(_, block)| file.write_all(block))
}

fn talk(
    dir: &Path,
    content: &Content,
    rounds: usize,
    progress: &mut dyn FnMut(&str),
) -> io::Result<(Vec<Latency>, Vec<Busy>)> {
    let server = shelf::start(dir, &[])?;
    let address = server.address();
    client::Client::join(address)?.upload(content)?;
    let (mut quiet, mut busy) = (Vec::new(), Vec::new());
    for round in 1..=rounds {
        progress(&format!("talk, round {round} of {rounds}: quiet"));
        quiet.push(talk::measure(address, TALK)?);
        progress(&format!("talk, round {round} of {rounds}: beside transfers"));
        let measure = || talk::measure(address, TALK);
        let (latency, moved) = traffic::beside(address, content, measure)?;
        busy.push(Busy { latency, moved });
    }
    Ok((quiet, busy))
}

fn handshakes(
    dir: &Path,
    rounds: usize,
    progress: &mut dyn FnMut(&str),
) -> io::Result<Vec<Handshakes>> {
    let server = shelf::start(dir, &["--limit-exempt", "loopback"])?;
    let address = server.address();
    let round = |round| {
        progress(&format!("handshakes, round {round} of {rounds}"));
        handshakes::beside(address, || talk::measure(address, TALK))
    };
    (1..=rounds).map(round).collect()
}
