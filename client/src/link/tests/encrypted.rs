//! Links over TLS, to servers that are rustls's own.

use std::net::TcpStream;
use std::thread::JoinHandle;

use chatshelf_common::wire::frame::Style;
use chatshelf_testkit::samples::message;
use rcgen::{CertificateParams, Issuer, KeyPair};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::{ServerConfig, ServerConnection};

use super::*;
use crate::trust::known_hosts::KnownHosts;
use crate::trust::{Authority, FirstContact, Trust};

/// What a server shows, and the key with which it signs.
#[derive(Debug)]
struct Identity(Arc<CertifiedKey>);

impl ResolvesServerCert for Identity {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0))
    }
}

/// A certificate that its own key has signed.
pub(super) fn self_signed(key: &KeyPair) -> CertificateDer<'static> {
    let params = CertificateParams::new(vec!["chatshelf".to_owned()]).unwrap();
    params.self_signed(key).unwrap().der().clone()
}

pub(super) fn fingerprint_of(key: &KeyPair) -> Fingerprint {
    use rcgen::PublicKeyData;
    Fingerprint::of(&key.subject_public_key_info())
}

/// The configuration of a server that shows this chain and signs with this key.
pub(super) fn config(chain: Vec<CertificateDer<'static>>, key: &KeyPair) -> Arc<ServerConfig> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let key = provider.key_provider.load_private_key(key).unwrap();
    let identity = Identity(Arc::new(CertifiedKey::new(chain, key)));
    let config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap();
    Arc::new(config.with_no_client_auth().with_cert_resolver(Arc::new(identity)))
}

/// A connection as a server sees it.
pub(super) struct Peer {
    tls: ServerConnection,
    socket: TcpStream,
}

impl Peer {
    pub(super) fn say(&mut self, bytes: &[u8]) {
        self.tls.writer().write_all(bytes).unwrap();
        while self.tls.wants_write() {
            self.tls.write_tls(&mut self.socket).unwrap();
        }
    }

    /// The same, cut into pieces of this many bytes of ciphertext.
    fn say_in_pieces(&mut self, bytes: &[u8], piece: usize) {
        self.tls.writer().write_all(bytes).unwrap();
        let mut sealed = Vec::new();
        self.tls.write_tls(&mut sealed).unwrap();
        self.socket.set_nodelay(true).unwrap();
        for piece in sealed.chunks(piece) {
            self.socket.write_all(piece).unwrap();
            std::thread::yield_now();
        }
    }

    /// Everything that the client says until it ends.
    pub(super) fn hear_all(&mut self) -> Vec<u8> {
        let mut heard = Vec::new();
        let _ = rustls::Stream::new(&mut self.tls, &mut self.socket).read_to_end(&mut heard);
        heard
    }

    /// What the client says until that is enough, or it ends.
    pub(super) fn hear_until(&mut self, is_enough: fn(&[u8]) -> bool) -> Vec<u8> {
        hear_until(&mut rustls::Stream::new(&mut self.tls, &mut self.socket), is_enough)
    }

    pub(super) fn hear(&mut self, bytes: usize) -> Vec<u8> {
        let mut heard = vec![0; bytes];
        rustls::Stream::new(&mut self.tls, &mut self.socket).read_exact(&mut heard).unwrap();
        heard
    }
}

/// A server that serves its connections one after the other, each as its script says.
pub(super) fn serve(
    config: Arc<ServerConfig>,
    scripts: Vec<fn(&mut Peer) -> Vec<u8>>,
) -> (SocketAddr, JoinHandle<Vec<Vec<u8>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let serve = move || {
        let serve = |script: fn(&mut Peer) -> Vec<u8>| {
            let (socket, _) = listener.accept().unwrap();
            let tls = ServerConnection::new(Arc::clone(&config)).unwrap();
            script(&mut Peer { tls, socket })
        };
        scripts.into_iter().map(serve).collect()
    };
    (address, std::thread::spawn(serve))
}

/// What is trusted of a server of this name, with nothing remembered anywhere.
pub(super) fn trust(server: &str, first_contact: FirstContact) -> Trust {
    let link = server.parse().unwrap();
    Trust::new(&link, first_contact, Authority::default(), KnownHosts::within(None))
}

pub(super) fn over_tls(
    trust: Trust,
    reconnect: Option<Reconnect>,
    address: SocketAddr,
) -> (Poll, Result<Link, LinkError>) {
    connect_over(Carrier::Tls(Box::new(trust)), reconnect, |_| Route::fixed(vec![address]))
}

/// Hears a greeting and says goodbye.
fn sends_off(peer: &mut Peer) -> Vec<u8> {
    let heard = peer.hear(6);
    peer.say(&goodbye());
    peer.hear_all();
    heard
}

/// Drives a link until it fails.
fn failure((mut poll, link): (Poll, Result<Link, LinkError>)) -> LinkError {
    link.and_then(|mut link| drive(&mut poll, &mut link)).unwrap_err()
}

#[test]
fn a_session_runs_over_tls_however_the_records_are_cut() {
    let key = KeyPair::generate().unwrap();
    let dribbles = |peer: &mut Peer| {
        let heard = peer.hear(6);
        // A new key in between, of which the client must not lose a byte.
        peer.tls.refresh_traffic_keys().unwrap();
        let welcome = welcome();
        let (first, second) = welcome.split_at(20);
        peer.say_in_pieces(first, 1);
        peer.tls.refresh_traffic_keys().unwrap();
        peer.say_in_pieces(second, 7);
        // The client has seen that it is in the room, however late it has read all this.
        peer.hear_until(|heard| heard.windows(2).any(|it| it == b"hi"));
        peer.say_in_pieces(&goodbye(), 1);
        peer.hear_all();
        heard
    };
    let (address, thread) = serve(config(vec![self_signed(&key)], &key), vec![dribbles]);
    let (mut poll, link) = over_tls(trust("127.0.0.1", FirstContact::Refuse), None, address);
    let mut link = link.unwrap();
    assert_eq!(link.encryption(), None, "there is no connection yet");
    assert!(link.encrypts(), "but it will be encrypted");
    drive_until(&mut poll, &mut link, |link| link.session().is_joined()).unwrap();
    assert_eq!(link.encryption(), Some(Encryption::Verified));
    link.session_mut().say(message("hi"), Style::SPEECH).unwrap();
    drive(&mut poll, &mut link).unwrap();
    drop(link);
    assert_eq!(thread.join().unwrap()[0][0], 0x01, "a Hello came first");
}

#[test]
fn an_unknown_key_is_asked_about_before_anything_is_said() {
    let key = KeyPair::generate().unwrap();
    let config = config(vec![self_signed(&key)], &key);
    let (address, thread) = serve(config, vec![Peer::hear_all, sends_off]);
    let (mut poll, link) = over_tls(trust("lab", FirstContact::Ask), None, address);
    let mut link = link.unwrap();
    drive_until(&mut poll, &mut link, |link| link.question().is_some()).unwrap();
    assert_eq!(link.question(), Some(fingerprint_of(&key)));
    assert_eq!(link.poll_timeout(), None, "there is time to compare");
    link.accept_key(Instant::now());
    assert_eq!(link.question(), None);
    drive(&mut poll, &mut link).unwrap();
    let notice = link.take_notice();
    assert_eq!(notice, None, "there is no place to remember it in");
    drop(link);
    let heard = thread.join().unwrap();
    assert!(heard[0].is_empty(), "{heard:?}");
    assert_eq!(heard[1][0], 0x01);
}

#[test]
fn a_key_that_is_not_accepted_is_no_connection() {
    let key = KeyPair::generate().unwrap();
    let (address, thread) =
        serve(config(vec![self_signed(&key)], &key), vec![Peer::hear_all, Peer::hear_all]);
    let (mut poll, link) = over_tls(trust("lab", FirstContact::Ask), None, address);
    let mut link = link.unwrap();
    assert!(link.refuse_key().is_none(), "nobody was asked");
    drive_until(&mut poll, &mut link, |link| link.question().is_some()).unwrap();
    assert!(matches!(link.refuse_key(), Some(LinkError::Untrusted(_))));
    let why = failure(over_tls(trust("lab", FirstContact::Refuse), None, address)).to_string();
    let key = fingerprint_of(&key);
    let expected = format!(
        "the key of lab:9000 is not known here: {key}; if the server shows the same, type once: \
         chatshelf --host 'chatshelf://lab:9000#{key}' list"
    );
    assert_eq!(why, expected);
    assert_eq!(thread.join().unwrap(), [b"", b""]);
}

/// Sends anyone who greets away for good.
fn turns_away(peer: &mut Peer) -> Vec<u8> {
    let heard = peer.hear_until(|heard| heard.len() >= 6);
    if !heard.is_empty() {
        peer.say(&Goodbye::new(Code::KICKED).to_bytes());
        peer.hear_all();
    }
    heard
}

/// Joins a room whose server has the first key, and comes back to one that has the second: what the
/// second one hears, and why the link ends there, if it does.
fn comes_back(
    trust: Trust,
    [first, second]: [Arc<ServerConfig>; 2],
) -> (Vec<u8>, Result<(), LinkError>) {
    let welcomes = |peer: &mut Peer| {
        peer.hear(6);
        peer.say(&welcome());
        peer.hear_all()
    };
    let (first, first_thread) = serve(first, vec![welcomes]);
    let (second, second_thread) = serve(second, vec![turns_away]);
    let place = Arc::new(Mutex::new(first));
    let named = Arc::clone(&place);
    let lookup = move || Ok(vec![*named.lock().unwrap()]);
    let carrier = Carrier::Tls(Box::new(trust));
    let (mut poll, link) = connect_over(carrier, Some(Reconnect::default()), |waker| {
        Route::by(Arc::new(lookup), waker)
    });
    let mut link = link.unwrap();
    drive_until(&mut poll, &mut link, |link| link.session().is_joined()).unwrap();
    *place.lock().unwrap() = second;
    link.reconnect(Instant::now()).unwrap();
    let ended = drive(&mut poll, &mut link);
    drop(link);
    first_thread.join().unwrap();
    (second_thread.join().unwrap().remove(0), ended)
}

#[test]
fn another_key_on_coming_back_ends_it_for_good() {
    let keys = [(); 2].map(|()| KeyPair::generate().unwrap());
    let servers = || keys.each_ref().map(|key| config(vec![self_signed(key)], key));
    let [old, new] = keys.each_ref().map(fingerprint_of);
    let expected = format!("it was {old} (since this program began) and is now {new};");
    for trust in [
        trust("127.0.0.1", FirstContact::Ask),
        trust("lab", FirstContact::Accept),
        trust(&format!("lab#{old}"), FirstContact::Accept),
    ] {
        let (heard, ended) = comes_back(trust, servers());
        let why = ended.unwrap_err().to_string();
        assert!(why.contains(&expected), "{why}");
        assert_eq!(heard, b"", "nothing is said to it");
    }
}

/// An authority, and certificates that it has signed for this name.
fn certified(name: &str, keys: &[&KeyPair]) -> (Authority, Vec<Arc<ServerConfig>>) {
    let authority_key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let issuer = Issuer::from_params(&params, &authority_key);
    let configs = keys.iter().map(|key| {
        let own = CertificateParams::new(vec![name.to_owned()]).unwrap();
        config(vec![own.signed_by(key, &issuer).unwrap().der().clone()], key)
    });
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("ca.pem");
    std::fs::write(&file, params.self_signed(&authority_key).unwrap().pem()).unwrap();
    (Authority::from_file(&file).unwrap(), configs.collect())
}

#[test]
fn a_certified_server_comes_back_with_a_certificate_or_not_at_all() {
    let keys = [(); 2].map(|()| KeyPair::generate().unwrap());
    let [old, new] = keys.each_ref();
    for first_contact in [FirstContact::Ask, FirstContact::Accept] {
        let dir = tempfile::tempdir().unwrap();
        let trust = |authority| {
            let hosts = KnownHosts::within(Some(dir.path().to_owned()));
            Trust::new(&"lab.local".parse().unwrap(), first_contact, authority, hosts)
        };
        let (authority, certified) = certified("lab.local", &[old, new]);
        let [first, renewed] = certified.try_into().unwrap();
        let false_one = config(vec![self_signed(new)], new);
        let servers = [Arc::clone(&first), false_one];
        let (heard, ended) = comes_back(trust(authority.clone()), servers);
        let why = ended.unwrap_err().to_string();
        let known = format!("it was {} (since this program began)", fingerprint_of(old));
        assert!(why.contains(&known), "{why}");
        assert_eq!(heard, b"", "no token, no line");
        assert!(!dir.path().join("known_hosts").exists(), "and it is not remembered");
        let (heard, ended) = comes_back(trust(authority), [first, renewed]);
        ended.unwrap();
        assert_eq!(heard[0], 0x01, "a renewed certificate is as good");
    }
}

#[test]
fn a_certificate_without_its_key_is_found_out() {
    let [own, stolen] = [(); 2].map(|()| KeyPair::generate().unwrap());
    let (address, thread) = serve(config(vec![self_signed(&stolen)], &own), vec![Peer::hear_all]);
    let link = format!("lab#{}", fingerprint_of(&stolen));
    let why = failure(over_tls(trust(&link, FirstContact::Accept), None, address)).to_string();
    assert!(why.starts_with("it does not have the key of the certificate"), "{why}");
    assert_eq!(thread.join().unwrap(), [b""]);
}

#[test]
fn a_link_says_which_key_is_the_right_one() {
    let [right, wrong] = [(); 2].map(|()| KeyPair::generate().unwrap());
    let config = config(vec![self_signed(&right)], &right);
    let (address, thread) = serve(config, vec![sends_off, Peer::hear_all]);
    let linked = |key: &KeyPair| {
        trust(&format!("chatshelf://lab#{}", fingerprint_of(key)), FirstContact::Refuse)
    };
    let (mut poll, link) = over_tls(linked(&right), None, address);
    drive(&mut poll, &mut link.unwrap()).unwrap();
    let why = failure(over_tls(linked(&wrong), None, address)).to_string();
    let [given, shown] = [wrong, right].map(|key| fingerprint_of(&key));
    assert!(why.contains(&format!("you gave {given}, its key is {shown}")), "{why}");
    thread.join().unwrap();
}

#[test]
fn an_authority_of_the_users_choice_vouches_for_names_in_certificates() {
    let [authority_key, key] = [(); 2].map(|()| KeyPair::generate().unwrap());
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let authority = params.self_signed(&authority_key).unwrap();
    let issuer = Issuer::from_params(&params, &authority_key);
    let own = CertificateParams::new(vec!["lab.local".to_owned()]).unwrap();
    let own = own.signed_by(&key, &issuer).unwrap();
    let (address, thread) = serve(
        config(vec![own.der().clone()], &key),
        vec![sends_off, Peer::hear_all, Peer::hear_all],
    );
    let dir = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = dir.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    };
    let over = |server: &str, pem: &str| {
        let given = Authority::from_file(&file("ca.pem", pem)).unwrap();
        let hosts = KnownHosts::within(Some(dir.path().to_owned()));
        let link = server.parse().unwrap();
        over_tls(Trust::new(&link, FirstContact::Accept, given, hosts), None, address)
    };
    let (mut poll, link) = over("lab.local:9000", &authority.pem());
    drive(&mut poll, &mut link.unwrap()).unwrap();
    assert!(!dir.path().join("known_hosts").exists(), "the authority's word is enough");
    let other = params.self_signed(&KeyPair::generate().unwrap()).unwrap();
    for (server, pem, reason) in [
        ("hut.local", authority.pem(), "its certificate is for another name; connect by the"),
        ("lab.local", other.pem(), "its certificate is from another authority; its key is"),
    ] {
        let why = failure(over(server, &pem)).to_string();
        let expected = format!("{server}:9000 is not a server that --ca vouches for: {reason}");
        assert!(why.starts_with(&expected), "{why}");
    }
    let whole = authority.pem();
    for (text, expected) in [
        ("", "it has no certificate in PEM"),
        ("junk", "it has no certificate in PEM"),
        (&key.serialize_pem(), "it has no certificate in PEM"),
        (&whole[..whole.len() / 2], "it ends in the middle of a certificate; get a whole copy"),
        (&whole.replacen('\n', "\n!", 2), "a certificate in it is damaged; get another copy"),
    ] {
        assert_eq!(Authority::from_file(&file("bad.pem", text)).unwrap_err(), expected, "{text}");
    }
    let why = Authority::from_file(&dir.path().join("missing")).unwrap_err();
    assert_eq!(why, "no such file or directory");
    thread.join().unwrap();
}

#[test]
fn a_server_without_tls_is_told_apart_and_never_spoken_to_without() {
    let words = "it does not speak TLS; --no-tls connects without encryption";
    let closed = "it closed the connection before encryption began;";
    for (reply, expected) in [
        // What servers say that know nothing of TLS.
        (Goodbye::new(Code::NOT_CHATSHELF).to_bytes(), words),
        (Goodbye::new(Code::UNKNOWN_TYPE).to_bytes(), words),
        (welcome(), words),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec(), words),
        (Vec::new(), closed),
        (goodbye()[..4].to_vec(), closed),
        (b"\x16\x03\x03\0\x04junk".to_vec(), "it broke the rules of TLS"),
    ] {
        let (address, thread) = server(reply);
        let why = failure(over_tls(trust("lab", FirstContact::Accept), None, address));
        assert!(matches!(why, LinkError::Connect(_)));
        assert!(why.to_string().starts_with(expected), "{why}");
        assert_eq!(thread.join().unwrap()[0], 0x16, "a handshake, and nothing else");
    }
}

#[test]
fn a_goodbye_before_tls_is_heard_and_proves_nothing() {
    let said = Goodbye {
        limit: Some(4),
        retry_ms: Some(10_000),
        ..Goodbye::new(Code::TOO_MANY_FROM_ADDRESS)
    };
    let (address, thread) = server(said.to_bytes());
    match failure(over_tls(trust("lab", FirstContact::Accept), None, address)) {
        LinkError::TurnedAway(goodbye) => assert_eq!(goodbye, said),
        other => panic!("{other:?}"),
    }
    assert_eq!(thread.join().unwrap()[0], 0x16, "a handshake, and nothing else");
}

#[test]
fn a_server_that_never_answers_a_handshake_is_given_up() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (mut poll, link) = over_tls(trust("lab", FirstContact::Accept), None, address);
    let mut link = link.unwrap();
    let is_waiting = |link: &mut Link| matches!(link.socket, Socket::ShakingHands(_));
    drive_until(&mut poll, &mut link, is_waiting).unwrap();
    let late = link.poll_timeout().unwrap();
    assert!(late <= Instant::now() + HANDSHAKE_TIMEOUT);
    let why = link.receive(poll.registry(), &mut [0; 64], late).unwrap_err();
    assert!(why.to_string().contains("no answer in time when asked for TLS"), "{why}");
}
