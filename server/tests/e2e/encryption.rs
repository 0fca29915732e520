//! TLS, as clients and operators meet it: what a connection is made of, whose key it shows, what
//! becomes of those who speak otherwise, and which files keep a server from starting.

use std::fs;
use std::io::{ErrorKind, Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;

use chatshelf_common::fingerprint::Fingerprint;
use chatshelf_common::join_link::JoinLink;
use chatshelf_common::wire::{Code, ServerFrame};
use chatshelf_testkit::machine::own_address;
use chatshelf_testkit::peer::Peer;
use chatshelf_testkit::programs::{Program, Server, command_of, server_command};
use chatshelf_testkit::samples::content;
use chatshelf_testkit::tls::fingerprint;
use chatshelf_testkit::wait::HANG;

use crate::harness::{Home, binary};

/// What a server prints of its key and its link.
fn identity(server: &mut Server) -> (Fingerprint, JoinLink) {
    let line = server.prints("chatshelf-server: its key is ");
    let (fingerprint, link) = line.split_once("; link: ").expect("both");
    (fingerprint.parse().unwrap(), link.parse().unwrap())
}

/// The key that a connection shows.
fn shown(peer: &mut Peer) -> Fingerprint {
    fingerprint(&peer.tls().expect("TLS").conn)
}

#[test]
fn members_over_tls_and_plain_tcp_are_in_one_room() {
    let home = Home::new();
    let mut server = home.start(&[]);
    let (address, (fingerprint, link)) = (server.address(), identity(&mut server));
    let (mut ada, mut bob) = (Peer::join_tls(address, "ada"), Peer::join(address, "bob"));
    assert_eq!((shown(&mut ada), link.fingerprint), (fingerprint, Some(fingerprint)));
    assert_eq!(link.address, address.to_string().parse().unwrap());
    ada.say_and_hear("from the one");
    bob.say_and_hear("to the other");
    let whole = content(1, 3_000_000);
    let item = ada.upload("notes", &whole);
    for peer in [&mut ada, &mut bob] {
        assert_eq!(peer.download(item).size, whole.len() as u64);
    }
    server.end_well();
}

#[test]
fn the_key_outlives_the_server() {
    let home = Home::new();
    let mut first = home.start(&[]);
    let (fingerprint, _) = identity(&mut first);
    first.kill();
    let mut second = home.start(&[]);
    assert_eq!(identity(&mut second).0, fingerprint);
    let mut ada = Peer::join_tls(second.address(), "ada");
    assert_eq!(shown(&mut ada), fingerprint);
    second.end_well();
}

#[test]
fn where_plain_tcp_is_not_allowed_the_goodbye_says_so() {
    let home = Home::new();
    let server = home.start(&["--allow-plain", "none"]);
    let mut plain = Peer::connect(server.address());
    plain.send_bytes(&chatshelf_testkit::raw::hello_and_join("ada", None));
    assert_eq!(plain.goodbye().code, Code::NOT_ENCRYPTED);
    Peer::join_tls(server.address(), "ada").say_and_hear("hello");
    server.end_well();
}

#[test]
fn plain_tcp_is_for_this_machine_unless_everyone_is_allowed_it() {
    let Some(own) = own_address() else {
        eprintln!("skipped: this machine has no address but those of loopback");
        return;
    };
    let answered = |server: &Server, ip: IpAddr| {
        let address = SocketAddr::new(ip, server.address().port());
        let mut peer = Peer::over(TcpStream::connect(address).unwrap());
        peer.send_bytes(&chatshelf_testkit::raw::hello_and_join("ada", None));
        peer.frame(|frame| match frame {
            ServerFrame::HelloAck(_) => Some(Ok(())),
            ServerFrame::Goodbye(goodbye) => Some(Err(goodbye.code)),
            _ => None,
        })
    };
    let home = Home::new();
    for (option, from_own) in [("loopback", Err(Code::NOT_ENCRYPTED)), ("any", Ok(()))] {
        let mut command = server_command(binary(), &home.data_dir());
        let server = Server::run(command.args(["--bind", "0.0.0.0", "--allow-plain", option]));
        assert_eq!(answered(&server, Ipv4Addr::LOCALHOST.into()), Ok(()), "{option}");
        assert_eq!(answered(&server, own), from_own, "{option}");
        let address = SocketAddr::new(own, server.address().port());
        Peer::join_tls(address, "bob").say_and_hear("hello");
        server.end_well();
    }
}

/// Reads an alert, a goodbye or nothing, and then the end.
#[track_caller]
fn ends(stream: &mut TcpStream) {
    if let Err(why) = stream.read_to_end(&mut Vec::new()) {
        assert_eq!(why.kind(), ErrorKind::ConnectionReset, "{why}");
    }
}

#[test]
fn what_is_neither_ends_its_own_connection_only() {
    let home = Home::new();
    let server = home.start(&[]);
    let mut ada = Peer::join_tls(server.address(), "ada");
    for garbage in [&b"\x16\x03\x01\x00\x05hello"[..], &[0x16; 100], b"GET / HTTP/1.1\r\n\r\n"] {
        let mut stream = TcpStream::connect(server.address()).unwrap();
        stream.set_read_timeout(Some(HANG)).unwrap();
        stream.write_all(garbage).unwrap();
        ends(&mut stream);
    }
    ada.say_and_hear("still here");
    server.end_well();
}

#[test]
fn a_slow_handshake_is_not_waited_for() {
    let home = Home::new();
    let server = home.start(&[]);
    let mut slow = TcpStream::connect(server.address()).unwrap();
    slow.set_read_timeout(Some(HANG)).unwrap();
    slow.write_all(b"\x16\x03\x01\x02\x00\x01").unwrap();
    ends(&mut slow);
    server.end_well();
}

/// A directory with a key and a certificate made by openssl, and others.
struct Files(tempfile::TempDir);

impl Files {
    /// `None`, with a word about it, where openssl is not installed.
    fn make() -> Option<Self> {
        let files = Self(tempfile::tempdir().unwrap());
        files.renew().then_some(files)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn renew(&self) -> bool {
        let mut command = openssl();
        command.args(
            "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2".split(' '),
        );
        command.args(["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]);
        command.arg("-keyout").arg(self.path("key.pem")).arg("-out").arg(self.path("cert.pem"));
        let is_made = command.output().is_ok_and(|ended| ended.status.success());
        if !is_made {
            println!("openssl is not here, so this test checks nothing");
        }
        is_made
    }

    /// What openssl says the key's fingerprint is.
    fn fingerprint(&self) -> Fingerprint {
        let script = "openssl pkey -in \"$0\" -pubout -outform der | \
                      openssl dgst -sha256 -binary | base64";
        let output = Command::new("sh").args(["-c", script]).arg(self.path("key.pem")).output();
        let text = String::from_utf8(output.unwrap().stdout).unwrap();
        format!("SHA256:{}", text.trim()).parse().unwrap()
    }

    fn options(&self) -> [String; 4] {
        let path = |name| self.path(name).display().to_string();
        ["--tls-cert".into(), path("cert.pem"), "--tls-key".into(), path("key.pem")]
    }
}

fn openssl() -> Command {
    Command::new("openssl")
}

#[test]
fn openssl_sees_tls_1_3_and_the_fingerprint_that_was_printed() {
    if openssl().arg("version").output().is_err() {
        println!("openssl is not here, so this test checks nothing");
        return;
    }
    let home = Home::new();
    let mut server = home.start(&[]);
    let (fingerprint, _) = identity(&mut server);
    let connect = |version: &str| {
        let mut command = openssl();
        let place = server.address().to_string();
        command.args(["s_client", "-connect", &place, version, "-alpn", "chatshelf/1"]);
        Program::run(&mut command, "")
    };
    let seen = connect("-tls1_3");
    assert!(seen.stdout.contains("New, TLSv1.3, Cipher is TLS_"), "{seen:?}");
    assert!(seen.stdout.contains("ALPN protocol: chatshelf/1"), "{seen:?}");
    let script = "openssl x509 -pubkey -noout | openssl pkey -pubin -outform der | \
                  openssl dgst -sha256 -binary | base64";
    let of_cert = Program::run(Command::new("sh").args(["-c", script]), &seen.stdout);
    assert_eq!(format!("SHA256:{}", of_cert.stdout.trim()).parse(), Ok(fingerprint));
    let refused = connect("-tls1_2");
    assert_ne!(refused.code, Some(0));
    assert!(refused.stderr.contains("alert protocol version"), "{refused:?}");
    server.end_well();
}

#[test]
fn a_renewed_certificate_is_taken_up_and_nobody_notices() {
    let Some(files) = Files::make() else { return };
    let home = Home::new();
    let options = files.options();
    let mut command = chatshelf_testkit::programs::server_command(binary(), &home.data_dir());
    let mut server =
        Server::run(command.args(["--bind", "127.0.0.1"]).args(&options).env("RUST_LOG", "info"));
    let first = files.fingerprint();
    assert_eq!(identity(&mut server).0, first);
    assert!(!home.data_dir().join("key.pem").exists(), "it needs no key of its own");
    let mut ada = Peer::join_tls(server.address(), "ada");
    assert_eq!(shown(&mut ada), first);

    assert!(files.renew());
    server.signal("HUP");
    server.logs("settings reloaded: no change; certificate and key read again");
    let second = files.fingerprint();
    let mut bob = Peer::join_tls(server.address(), "bob");
    assert_eq!(shown(&mut bob), second);
    assert_ne!(first, second);
    ada.say_and_hear("the old key still carries me");
    server.logs(&format!("the key is {second} now: clients that know it as {first} refuse it"));

    fs::write(files.path("cert.pem"), "nothing").unwrap();
    server.signal("HUP");
    server.logs("nothing was reloaded: cannot use the certificate");
    let mut carl = Peer::join_tls(server.address(), "carl");
    assert_eq!(shown(&mut carl), second, "what was good stays");
    server.end_well();
}

/// Runs a server that cannot start, and answers its complaint.
fn complaint(data_dir: &Path, options: &[&str]) -> String {
    let mut command = command_of(binary());
    command.args(["--bind", "127.0.0.1", "--port", "0", "--data-dir"]).arg(data_dir).args(options);
    let ended = Program::run(&mut command, "");
    ended.has_code(1);
    assert_eq!(ended.stdout, "");
    ended.complaint().to_owned()
}

#[test]
fn a_key_that_cannot_be_used_is_named_with_the_remedy() {
    use std::os::unix::fs::PermissionsExt;
    let home = Home::new();
    home.start(&[]).end_well();
    let key = home.data_dir().join("key.pem");
    assert_eq!(fs::metadata(&key).unwrap().permissions().mode() & 0o777, 0o600);
    fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).unwrap();
    let why = complaint(&home.data_dir(), &[]);
    let remedy = format!("chmod 600 '{}'", key.display());
    assert!(why.contains("others can read it") && why.contains(&remedy), "{why}");
    Program::run(Command::new("sh").args(["-c", &remedy]), "").has_code(0);
    home.start(&[]).end_well();
    fs::write(&key, "nothing").unwrap();
    let why = complaint(&home.data_dir(), &[]);
    assert!(why.contains("does not hold a key of P-256"), "{why}");
    assert_eq!(fs::read_to_string(&key).unwrap(), "nothing", "it is never overwritten");
}

#[test]
fn a_browser_that_accepted_the_certificate_sees_the_same_after_a_restart() {
    let home = Home::new();
    let certificate = || {
        let server = home.start(&[]);
        let mut ada = Peer::join_tls(server.address(), "ada");
        let certificate = ada.tls().unwrap().conn.peer_certificates().unwrap()[0].to_vec();
        drop(ada);
        server.end_well();
        certificate
    };
    assert_eq!(certificate(), certificate());
}

#[test]
fn files_that_cannot_be_used_are_named() {
    let Some(files) = Files::make() else { return };
    let home = Home::new();
    let [_, cert, _, key] = files.options();
    let none = files.path("none").display().to_string();
    for (options, told) in [
        (&["--tls-cert", &cert][..], "--tls-cert needs --tls-key"),
        (&["--tls-key", &key], "--tls-key needs --tls-cert"),
        (&["--tls-cert", &none, "--tls-key", &key], "cannot use the certificate"),
        (&["--tls-cert", &cert, "--tls-key", &none], "cannot use the key"),
        (&["--tls-cert", &cert, "--tls-key", &cert], "others can read it"),
    ] {
        let why = complaint(&home.data_dir(), options);
        assert!(why.contains(told), "{why}");
    }
}
