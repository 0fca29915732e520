//! nginx as a contender: one process without a master, `sendfile`, and files stored by `PUT`.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::Command;

use chatshelf_testkit::tls::foreign_stream;

use super::client::connect;
use super::content::Content;
use super::contest::{Contender, Meter};
use super::http;
use super::results::Sample;
use crate::contenders::write_identity;
use crate::process::{Process, free_port};

const NAME: &str = "nginx";
/// The same with TLS, which takes the files through its own memory: `sendfile` can't encrypt.
pub(crate) const NAME_TLS: &str = "TLS: nginx";

/// Where it may be: not everyone has the second folder in their path.
const PROGRAMS: [&str; 2] = ["nginx", "/usr/sbin/nginx"];

/// The file's name in URLs and in the root folder.
const FILE: &str = "file.bin";

/// The program, if it is installed.
pub(super) fn program() -> Option<&'static str> {
    PROGRAMS.into_iter().find(|program| Command::new(program).arg("-v").output().is_ok())
}

/// Starts it, with an empty root folder.
fn start(program: &str, dir: &Path, is_encrypted: bool) -> io::Result<Process> {
    let dir = tempfile::tempdir_in(dir)?;
    let port = free_port()?;
    fs::create_dir(dir.path().join("root"))?;
    if is_encrypted {
        write_identity(dir.path())?;
    }
    fs::write(dir.path().join("nginx.conf"), config(dir.path(), port, is_encrypted))?;
    let mut command = Command::new(program);
    command.arg("-p").arg(dir.path()).arg("-c").arg(dir.path().join("nginx.conf"));
    Process::start(command.arg("-e").arg(dir.path().join("error.log")), port, dir)
}

fn config(dir: &Path, port: u16, is_encrypted: bool) -> String {
    let dir = dir.display();
    let tls = match is_encrypted {
        true => format!(
            " ssl;
        ssl_protocols TLSv1.3;
        ssl_certificate {dir}/cert.pem;
        ssl_certificate_key {dir}/key.pem"
        ),
        false => String::new(),
    };
    format!(
        "daemon off;
master_process off;
worker_processes 1;
pid {dir}/pid;
error_log {dir}/error.log;
events {{ worker_connections 64; }}
http {{
    access_log off;
    sendfile on;
    tcp_nopush on;
    client_max_body_size 0;
    client_body_buffer_size 256k;
    client_body_temp_path {dir}/body;
    proxy_temp_path {dir}/proxy;
    fastcgi_temp_path {dir}/fastcgi;
    uwsgi_temp_path {dir}/uwsgi;
    scgi_temp_path {dir}/scgi;
    server {{
        listen 127.0.0.1:{port}{tls};
        root {dir}/root;
        location / {{ dav_methods PUT; }}
    }}
}}
"
    )
}

fn file(process: &Process) -> PathBuf {
    process.dir().join("root").join(FILE)
}

/// A server that has the file.
#[derive(Debug)]
pub(super) struct Downloads {
    process: Process,
    bytes: u64,
    is_encrypted: bool,
}

impl Downloads {
    pub(super) fn start(
        program: &str,
        dir: &Path,
        content: &Content,
        is_encrypted: bool,
    ) -> io::Result<Self> {
        let process = start(program, dir, is_encrypted)?;
        let mut file = File::create(file(&process))?;
        content.blocks().try_for_each(|(_, block)| file.write_all(block))?;
        // Or it would be written to the disk while others are measured.
        file.sync_all()?;
        Ok(Self { process, bytes: content.bytes(), is_encrypted })
    }
}

impl Contender for Downloads {
    fn name(&self) -> &'static str {
        if self.is_encrypted { NAME_TLS } else { NAME }
    }

    fn transfer(&self) -> io::Result<Sample> {
        let socket = connect(self.process.address())?;
        if !self.is_encrypted {
            return http::download(socket, &self.process, &format!("/{FILE}"), self.bytes);
        }
        let mut stream = foreign_stream(socket);
        while stream.conn.is_handshaking() {
            stream.conn.complete_io(&mut stream.sock)?;
        }
        http::download(stream, &self.process, &format!("/{FILE}"), self.bytes)
    }
}

/// A server that stores what is put there, neither hashed nor synced.
#[derive(Debug)]
pub(super) struct Uploads<'a> {
    process: Process,
    content: &'a Content,
}

impl<'a> Uploads<'a> {
    pub(super) fn start(program: &str, dir: &Path, content: &'a Content) -> io::Result<Self> {
        Ok(Self { process: start(program, dir, false)?, content })
    }
}

impl Contender for Uploads<'_> {
    fn name(&self) -> &'static str {
        NAME
    }

    /// From the request to the answer.
    fn transfer(&self) -> io::Result<Sample> {
        let mut stream = connect(self.process.address())?;
        let meter = Meter::start(&self.process)?;
        let bytes = self.content.bytes();
        write!(stream, "PUT /{FILE} HTTP/1.1\r\nHost: bench\r\nConnection: close\r\n")?;
        write!(stream, "Content-Length: {bytes}\r\n\r\n")?;
        self.content.blocks().try_for_each(|(_, block)| stream.write_all(block))?;
        let (status, _) = http::answer(&mut stream)?;
        let sample = meter.stop(bytes)?;
        let stored = fs::metadata(file(&self.process))?.len();
        if status != 201 || stored != bytes {
            return Err(io::Error::other(format!("status {status}, {stored} bytes stored")));
        }
        // What is not on the disk yet need not go there while others are measured.
        fs::remove_file(file(&self.process))?;
        Ok(sample)
    }
}
