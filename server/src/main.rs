//! `chatshelf-server`: reads the options, opens the data directory and the port, and runs the
//! reactor until it is told to stop.

use std::io::{self, IsTerminal, Write};
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::process::ExitCode;
use std::rc::Rc;

use chatshelf_common::cli::{Parsed, Setting};
use chatshelf_common::fingerprint::Fingerprint;
use chatshelf_common::join_link::JoinLink;
use chatshelf_common::qr;
use chatshelf_server::announcement::Announcement;
use chatshelf_server::check;
use chatshelf_server::config::{Config, Told};
use chatshelf_server::disk::Disk;
use chatshelf_server::engine::{Secret, Threads};
use chatshelf_server::identity::{Identity, own_name};
use chatshelf_server::logging::{self, LogFormat};
use chatshelf_server::net::carrier::Carriers;
use chatshelf_server::net::listener::{self, Listener};
use chatshelf_server::net::metrics::{self, MetricsServer};
use chatshelf_server::net::reactor::Reactor;
use chatshelf_server::net::signals::Intent;
use chatshelf_server::net::web::site::Site;
use chatshelf_server::passwords::{Hashes, Realm, Verifier};
use chatshelf_server::reload::Reloader;
use chatshelf_server::web_address::WebAddress;

/// Exit code for a mistake in the settings.
const MISTAKE: u8 = 2;

fn main() -> ExitCode {
    let Told { parsed, settings, warnings } = match Told::read() {
        Ok(told) => told,
        Err(why) => {
            complain(&why.to_string());
            return ExitCode::from(MISTAKE);
        }
    };
    let config = match parsed {
        Parsed::Print(text) => {
            print(&text);
            return ExitCode::SUCCESS;
        }
        Parsed::Run(config) => config,
    };
    logging::apply(config.log);
    warnings.iter().for_each(|text| log::warn!("{text}"));
    if config.check {
        return check(&config, &settings);
    }
    let format = config.log.format;
    match run(config, settings) {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            match format {
                LogFormat::Text => complain(&why),
                LogFormat::Json => log::error!("{why}"),
            }
            ExitCode::FAILURE
        }
    }
}

/// Shows the settings, and what is wrong with them.
fn check(config: &Config, settings: &[Setting]) -> ExitCode {
    print(&check::show(settings));
    let problems = check::problems(config);
    problems.iter().for_each(|problem| complain(problem));
    if problems.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(MISTAKE) }
}

fn complain(why: &str) {
    eprintln!("chatshelf-server: {why}");
}

/// A server without standard output, or without a reader of it, has nobody to show the text to.
fn print(text: &str) {
    let mut out = io::stdout();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

fn run(mut config: Config, settings: Vec<Setting>) -> Result<(), String> {
    #[cfg(unix)]
    keep_files_private();
    let hashes = Hashes::read(
        config.password(Realm::Room).as_ref(),
        config.password(Realm::Operators).as_ref(),
    )?;
    config.settings.asks_password = hashes.has(Realm::Room);
    config.settings.has_operators = hashes.has(Realm::Operators);
    let descriptors = raise_descriptor_limit();
    let listener = Listener::open(config.bind, config.port)
        .map_err(|why| listener::explain(config.bind, config.port, &why))?;
    let address = listener.local_addr().map_err(|why| why.to_string())?;
    let metrics = config.metrics.map(open_metrics).transpose()?;
    let metrics_at = metrics.as_ref().map(MetricsServer::local_addr).transpose();
    let metrics_at = metrics_at.map_err(|why| why.to_string())?;
    let mut reactor = Reactor::new(vec![listener], metrics, descriptors)
        .map_err(|why| format!("cannot set up polling: {why}"))?;
    // Without files there is nothing to reload: SIGHUP says that the terminal has been closed.
    let has_files = config.file.is_some() || config.tls_cert.is_some();
    let hangup = if has_files { Intent::Reload } else { Intent::Stop };
    reactor.hear_signals(hangup).map_err(|why| format!("cannot handle signals: {why}"))?;
    let (handle, wake) = (reactor.handle(), reactor.handle());
    #[cfg(unix)]
    warn_of_file_limit(config.settings.file_bytes_max);
    let (disk, found) =
        Disk::open(&config.data_dir, config.disk, reactor.now().at, move || wake.wake()).map_err(
            |why| format!("cannot use the data directory {}: {why}", shown(&config.data_dir)),
        )?;
    let Identity { config: tls, fingerprint, out_of_date } = Identity::open(&config.identity()?)?;
    if let Some(why) = out_of_date {
        log::warn!("{why}");
    }
    let web = config.web_mode()?;
    let site = Site::new(web, config.public_url.clone(), own_name(), config.web_dir.clone());
    let carriers = Carriers::new(tls, config.allow_plain, site);
    let announced = config.announce.then(|| Announcement::begin(address, &fingerprint));
    let announcement = announced.transpose()?;
    let browsers = WebAddress::find(web, config.public_url.clone(), address);
    tell(address, browsers.ips(), &config.data_dir, fingerprint);
    config.settings.links = browsers.links();
    if let Some(url) = browsers.page() {
        print(&format!("chatshelf-server: in a browser: {url}\n"));
        show_code(&config, &url, browsers.ips());
    }
    if let Some(address) = metrics_at {
        print(&format!("chatshelf-server: metrics at http://{address}/metrics\n"));
    }
    log::info!(
        version = env!("CARGO_PKG_VERSION"), address:%, data_dir = shown(&config.data_dir),
        fingerprint:%;
        "chatshelf-server {} has started: it listens on {address}, files and messages in {}, its \
         key is {fingerprint}",
        env!("CARGO_PKG_VERSION"), shown(&config.data_dir)
    );
    let mut secret = [0; 32];
    getrandom::fill(&mut secret)
        .map_err(|why| format!("the system provides no random numbers: {why}"))?;
    let verifier = config.settings.has_passwords().then(|| {
        Verifier::start(hashes, move || handle.wake())
            .map_err(|why| format!("cannot start a thread: {why}"))
    });
    let threads = Threads { disk, verifier: verifier.transpose()? };
    let in_force = config.settings.clone();
    let mut reloader =
        Reloader::new(config, settings, Rc::clone(&carriers), address, fingerprint, announcement);
    reactor
        .run(in_force, Secret::new(secret), threads, found, &carriers, || reloader.reload())
        .map_err(|why| why.to_string())
}

fn open_metrics(address: SocketAddr) -> Result<MetricsServer, String> {
    MetricsServer::open(address).map_err(|why| metrics::explain(address, &why))
}

/// Says where the room is and how to join it, in a second line how its server is recognised, and in
/// a third under which addresses others reach it, if there are several.
fn tell(address: SocketAddr, ips: &[IpAddr], data_dir: &Path, fingerprint: Fingerprint) {
    let port = address.port();
    let host = ips.first().map_or_else(own_name, IpAddr::to_string);
    print(&format!(
        "chatshelf-server: listening on {address}, files and messages in {}; \
         join with: chatshelf --host {host} --port {port}\n",
        shown(data_dir),
    ));
    let link = JoinLink::new(&host, port, fingerprint);
    print(&format!("chatshelf-server: its key is {fingerprint}; link: {link}\n"));
    if ips.len() > 1 {
        let others = ips.iter().map(|ip| SocketAddr::new(*ip, port).to_string());
        let others = others.collect::<Vec<_>>().join(", ");
        print(&format!("chatshelf-server: others reach it at {others}\n"));
    }
}

/// Shows a terminal's phones the page's address, if they can reach it.
fn show_code(config: &Config, url: &str, ips: &[IpAddr]) {
    let is_reachable =
        config.public_url.is_some() || ips.first().is_some_and(|ip| !ip.is_loopback());
    if is_reachable
        && io::stdout().is_terminal()
        && let Some(code) = qr::draw_within(url, terminal_columns().unwrap_or(usize::MAX))
    {
        print(&format!("{code}\n"));
    }
}

/// The width of the terminal that standard output is, if it is known: a broken code leads nowhere.
#[cfg(unix)]
fn terminal_columns() -> Option<usize> {
    let size = rustix::termios::tcgetwinsize(io::stdout()).ok()?;
    (size.ws_col > 0).then(|| size.ws_col.into())
}

#[cfg(not(unix))]
fn terminal_columns() -> Option<usize> {
    None
}

fn shown(path: &Path) -> String {
    std::path::absolute(path).unwrap_or_else(|_| path.into()).display().to_string()
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
