//! `chatshelf-server`: reads the options, opens the data directory and the port, and runs the
//! reactor until it is told to stop.

use std::io::{self, Write};
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::process::ExitCode;

use chatshelf_common::cli::{Parsed, Sources};
use chatshelf_server::config::{self, Config};
use chatshelf_server::disk::Disk;
use chatshelf_server::engine::Secret;
use chatshelf_server::net::listener::{Listener, ListenerKind};
use chatshelf_server::net::reactor::Reactor;

fn main() -> ExitCode {
    env_logger::Builder::from_env(env_logger::Env::default().default_filter_or("warn")).init();
    let variable = |name: &str| std::env::var_os(name);
    let warn = |text: &str| log::warn!("{text}");
    let sources = Sources { variable: &variable, warn: &warn, ..Sources::NOTHING };
    match config::parse(std::env::args_os().skip(1), &sources) {
        Ok(Parsed::Print(text)) => {
            // If the reader has gone, there is nobody to tell.
            let _ = io::stdout().write_all(text.as_bytes());
            ExitCode::SUCCESS
        }
        Ok(Parsed::Run(config)) => match run(&config) {
            Ok(()) => ExitCode::SUCCESS,
            Err(why) => {
                eprintln!("chatshelf-server: {why}");
                ExitCode::FAILURE
            }
        },
        Err(why) => {
            eprintln!("chatshelf-server: {why}");
            ExitCode::from(2)
        }
    }
}

fn run(config: &Config) -> Result<(), String> {
    #[cfg(unix)]
    keep_files_private();
    let descriptors = raise_descriptor_limit();
    let listener = Listener::open(ListenerKind::Tcp, config.bind, config.port)
        .map_err(|why| explain_listen(config, &why))?;
    let address = listener.local_addr().map_err(|why| why.to_string())?;
    let mut reactor = Reactor::new(vec![listener], descriptors)
        .map_err(|why| format!("cannot set up polling: {why}"))?;
    reactor.hear_signals().map_err(|why| format!("cannot handle signals: {why}"))?;
    let handle = reactor.handle();
    #[cfg(unix)]
    warn_of_file_limit(config.settings.file_bytes_max);
    let (disk, found) =
        Disk::open(&config.data_dir, config.disk, reactor.now().at, move || handle.wake())
            .map_err(|why| {
                format!("cannot use the data directory {}: {why}", shown(&config.data_dir))
            })?;
    announce(address, &config.data_dir);
    let mut secret = [0; 32];
    getrandom::fill(&mut secret)
        .map_err(|why| format!("the system gives no random numbers: {why}"))?;
    reactor.run(config.settings, Secret::new(secret), disk, found).map_err(|why| why.to_string())
}

/// One line that says where the room is and how to join it.
fn announce(address: SocketAddr, data_dir: &Path) {
    let host = match address.ip() {
        ip if ip.is_unspecified() => own_name(),
        IpAddr::V4(ip) => ip.to_string(),
        IpAddr::V6(ip) => ip.to_string(),
    };
    let line = format!(
        "chatshelf-server: listening on {address}, files and messages in {}; \
         join with: chatshelf --host {host} --port {}\n",
        shown(data_dir),
        address.port(),
    );
    // A server that was started without standard output has nobody to show the line to.
    let mut out = io::stdout();
    let _ = out.write_all(line.as_bytes()).and_then(|()| out.flush());
}

fn shown(path: &Path) -> String {
    std::path::absolute(path).unwrap_or_else(|_| path.into()).display().to_string()
}

fn explain_listen(config: &Config, why: &io::Error) -> String {
    let place = match config.bind {
        Some(address) => SocketAddr::from((address, config.port)).to_string(),
        None => format!("port {}", config.port),
    };
    match why.kind() {
        io::ErrorKind::AddrInUse => format!("{place} is already in use; try another --port"),
        io::ErrorKind::PermissionDenied => {
            format!("this user may not listen on {place}; try a --port above 1023")
        }
        io::ErrorKind::AddrNotAvailable => {
            format!("{place} is not an address of this machine; try another --bind")
        }
        _ => format!("cannot listen on {place}: {why}"),
    }
}

/// This machine's name, by which others may reach it.
#[cfg(unix)]
fn own_name() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

#[cfg(not(unix))]
fn own_name() -> String {
    std::env::var("COMPUTERNAME").unwrap_or_else(|_| "localhost".into())
}

/// Makes files that the server writes private to its user, whatever the umask was.
#[cfg(unix)]
fn keep_files_private() {
    rustix::process::umask(rustix::fs::Mode::RWXG | rustix::fs::Mode::RWXO);
}

/// Raises the limit of open files as far as the system allows, since every member needs one;
/// returns the limit.
#[cfg(unix)]
fn raise_descriptor_limit() -> usize {
    use rustix::process::{Resource, getrlimit, setrlimit};
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    if let Err(why) = setrlimit(Resource::Nofile, limit) {
        log::warn!("cannot raise the limit of open files: {why}");
    }
    let current = getrlimit(Resource::Nofile).current;
    current.and_then(|current| usize::try_from(current).ok()).unwrap_or(usize::MAX)
}

/// An upload that exceeds `ulimit -f` fails, as it should; but whoever set that limit may not have
/// thought of uploads.
#[cfg(unix)]
fn warn_of_file_limit(file_bytes_max: u64) {
    let limit = rustix::process::getrlimit(rustix::process::Resource::Fsize).current;
    if let Some(bytes) = limit.filter(|bytes| *bytes < file_bytes_max) {
        log::warn!(
            "uploads of more than {bytes} bytes will fail: no file may be larger (ulimit -f)"
        );
    }
}

#[cfg(not(unix))]
fn raise_descriptor_limit() -> usize {
    usize::MAX
}
