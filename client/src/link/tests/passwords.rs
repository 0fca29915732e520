//! Which servers are sent the room's password: what they hear on the wire, from the first byte to
//! the last.

use std::net::IpAddr;
use std::thread::JoinHandle;

use chatshelf_common::password::Password;
use chatshelf_common::wire::frame::{Join, Refused};
use chatshelf_testkit::machine::own_address;
use rcgen::KeyPair;

use super::encrypted::{Peer, config, fingerprint_of, over_tls, self_signed, serve, trust};
use super::*;
use crate::session::Privacy;
use crate::trust::known_hosts::KnownHosts;
use crate::trust::{Authority, FirstContact, Trust};

const SECRET: &str = "open sesame";

fn holds_secret(heard: &[u8]) -> bool {
    heard.windows(SECRET.len()).any(|window| window == SECRET.as_bytes())
}

/// What a server sends to ask for the password.
fn question() -> Vec<u8> {
    let ack = &welcome()[..];
    let refused = Refused::new(Code::PASSWORD_NEEDED, Join::KIND).to_bytes();
    let ack_bytes = 6 + u32::from_be_bytes(ack[2..6].try_into().unwrap()) as usize;
    [&ack[..ack_bytes], &refused].concat()
}

/// Asks, hears the answer, and says goodbye.
fn asks(peer: &mut Peer) -> Vec<u8> {
    let mut heard = peer.hear(6);
    peer.say(&question());
    heard.extend(peer.hear_until(holds_secret));
    if holds_secret(&heard) {
        peer.say(&goodbye());
    }
    heard.extend(peer.hear_all());
    heard
}

/// Serves a link that has a password to show until its session is over; a key that is unknown is
/// confirmed. Returns why the password was withheld, if it was.
fn knock((mut poll, link): (Poll, Result<Link, LinkError>)) -> Option<Privacy> {
    let mut link = link.unwrap();
    let password = Password::new(SECRET.as_bytes()).unwrap();
    link.session_mut().set_password(password);
    drive_until(&mut poll, &mut link, |link| {
        link.accept_key(Instant::now());
        link.session().is_over()
    })
    .unwrap();
    std::iter::from_fn(|| link.session_mut().poll_event()).find_map(|event| match event {
        SessionEvent::PasswordWithheld(privacy) => Some(privacy),
        _ => None,
    })
}

#[test]
fn a_server_whose_key_is_confirmed_is_sent_the_password() {
    let key = KeyPair::generate().unwrap();
    let config = config(vec![self_signed(&key)], &key);
    let scripts = vec![asks, asks, Peer::hear_all, asks];
    let (address, thread) = serve(config, scripts);
    let linked = format!("lab#{}", fingerprint_of(&key));
    for trust in [
        trust(&linked, FirstContact::Refuse),
        trust("127.0.0.1", FirstContact::Refuse),
        // By a person, who takes two connections.
        trust("lab", FirstContact::Ask),
    ] {
        assert_eq!(knock(over_tls(trust, None, address)), None);
    }
    let heard = thread.join().unwrap();
    assert!(heard[2].is_empty(), "nothing is said before somebody confirms the key");
    assert!([0, 1, 3].iter().all(|place| holds_secret(&heard[*place])));
}

#[test]
fn a_key_that_was_merely_accepted_is_sent_nothing_of_it_until_somebody_confirms_it() {
    let key = KeyPair::generate().unwrap();
    let scripts = vec![asks as fn(&mut Peer) -> Vec<u8>; 6];
    let (address, thread) = serve(config(vec![self_signed(&key)], &key), scripts);
    let dir = tempfile::tempdir().unwrap();
    let trust = |link: &str, first_contact| {
        let hosts = KnownHosts::within(Some(dir.path().to_owned()));
        Trust::new(&link.parse().unwrap(), first_contact, Authority::default(), hosts)
    };
    for first_contact in [FirstContact::Accept, FirstContact::Accept, FirstContact::Ask] {
        let withheld = knock(over_tls(trust("lab", first_contact), None, address));
        assert_eq!(withheld, Some(Privacy::Unconfirmed), "however often it was seen");
    }
    let linked = format!("lab#{}", fingerprint_of(&key));
    assert_eq!(knock(over_tls(trust(&linked, FirstContact::Refuse), None, address)), None);
    let again = knock(over_tls(trust("lab", FirstContact::Accept), None, address));
    assert_eq!(again, None, "the link has confirmed it");
    let mut forgetful = super::encrypted::trust("lab", FirstContact::Accept);
    forgetful.judge(fingerprint_of(&key), &[], "192.0.2.1".parse().unwrap()).unwrap();
    let unconfirmed = knock(over_tls(forgetful, None, address));
    assert_eq!(unconfirmed, Some(Privacy::Unconfirmed), "the same run makes nothing of it");
    let heard = thread.join().unwrap();
    let sent = heard.iter().map(|heard| holds_secret(heard)).collect::<Vec<_>>();
    assert_eq!(sent, [false, false, false, true, true, false]);
    assert!(heard.iter().all(|heard| heard[0] == 0x01), "each was greeted");
}

/// A server without encryption at this address, and all that it hears.
fn plain_server(address: IpAddr) -> (SocketAddr, JoinHandle<Vec<u8>>) {
    let listener = TcpListener::bind((address, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    let thread = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut heard = vec![0; 6];
        stream.read_exact(&mut heard).unwrap();
        stream.write_all(&question()).unwrap();
        heard.extend(hear_until(&mut stream, holds_secret));
        let _ = stream.write_all(&goodbye());
        let _ = stream.read_to_end(&mut heard);
        heard
    });
    (address, thread)
}

#[test]
fn without_encryption_it_is_sent_on_this_machine_only() {
    let (here, thread) = plain_server(IpAddr::from([127, 0, 0, 1]));
    assert_eq!(knock(connect(vec![here])), None);
    assert!(holds_secret(&thread.join().unwrap()));
    let Some(elsewhere) = own_address() else {
        return eprintln!("not tried: this machine has no address but the loopback's");
    };
    let (elsewhere, thread) = plain_server(elsewhere);
    assert_eq!(knock(connect(vec![elsewhere])), Some(Privacy::Unencrypted));
    let heard = thread.join().unwrap();
    assert!(heard[0] == 0x01 && !holds_secret(&heard), "{heard:?}");
}
