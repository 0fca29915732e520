//! Peers that would have more than their share: hundreds of connections, answers and lines that
//! they never read. The members beside them talk on undisturbed.

use std::io::Write;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use chatshelf_common::id::{Seq, TransferId};
use chatshelf_common::text::{FileName, Message};
use chatshelf_common::wire::frame::{Cancel, Ping, Say, Tell, UploadOffer};
use chatshelf_common::wire::{Code, Event, Frame, ServerFrame};
use chatshelf_testkit::files::names;
use chatshelf_testkit::peer::Peer;
use chatshelf_testkit::proc_stats::{descriptors, peak_memory_kib};
use chatshelf_testkit::raw::{hello, hello_and_join};
use chatshelf_testkit::wait::eventually;
use socket2::{Domain, Socket, Type};

use crate::harness::bystanders::beside_talk;
use crate::harness::{Room, in_a_room};

#[test]
fn hundreds_of_connections_that_come_and_go_leave_nothing_behind() {
    beside_talk(&[], |room| {
        // The log's file is open once something is in it.
        let log = room.home.data_dir().join("log");
        eventually("the log's file", || (!names(&log).is_empty()).then_some(()));
        let before = descriptors(room.server.pid()).len();
        for round in 0..3 {
            let mut peers: Vec<Peer> = (0..100).map(|_| Peer::connect(room.address())).collect();
            // Some say nothing, some greet, some join.
            for (number, peer) in peers.iter_mut().enumerate() {
                let bytes = hello_and_join(&format!("guest{round}-{number}"), None);
                peer.send_bytes(&bytes[..[0, hello().len(), bytes.len()][number % 3]]);
            }
        }
        // Whoever is welcomed now was accepted after all of them.
        drop(room.join("the-last"));
        eventually("the descriptors of all connections", || {
            (descriptors(room.server.pid()).len() <= before).then_some(())
        });
    });
}

#[test]
fn members_who_never_read_cost_the_room_no_memory_and_no_time() {
    const DEAF: usize = 50;
    const LINES: usize = 20_000;
    /// The window of the log, and all 20 MB on their way to a disk that is very slow, in two
    /// copies; a queue for each of the deaf would be a gigabyte.
    const MEMORY_KIB_MAX: u64 = 96 * 1024;
    beside_talk(&[], |room| {
        let mut deaf: Vec<Peer> = (0..DEAF).map(|n| room.join(&format!("deaf{n}"))).collect();
        let mut talker = room.join("talker");
        let line = "x".repeat(1024);
        for number in 1..=LINES {
            let id = talker.say(&line);
            if number % 500 == 0 {
                let echo = talker.try_echo(id).unwrap();
                await_company(&mut talker, echo);
            }
        }
        talker.say_and_hear("that was all");
        assert_eq!(talker.view().gaps(), []);
        if let Some(peak) = peak_memory_kib(room.server.pid()) {
            println!("the server's peak: {peak} KiB");
            assert!(peak < MEMORY_KIB_MAX, "the server has used {peak} KiB");
        }
        // Who begins to read again is told of the gap, and is in the room as before.
        let peer = &mut deaf[0];
        peer.try_until(|peer| !peer.view().gaps().is_empty()).unwrap();
        assert!(matches!(peer.view().gaps(), [gap] if gap.nick == *peer.nick()));
        peer.say_and_hear("I was away");
        talker.hear("I was away");
        assert_eq!(peer.view().state(), talker.view().state());
    });
}

/// Waits until the two who talk have both read beyond `seq`, however busy the machine is: they take
/// turns, so the second line that one of them says after it is said by one who has heard the other.
fn await_company(peer: &mut Peer, seq: Seq) {
    let is_bob = |event: &Event| matches!(event, Event::Said(it) if it.nick.as_str() == "bob");
    let have_read = |peer: &Peer| {
        let after = peer.view().events().iter().rev().take_while(|event| event.seq() > seq);
        after.filter(|event| is_bob(event)).count() >= 2
    };
    peer.try_until(have_read).unwrap();
}

#[test]
fn a_peer_that_asks_and_does_not_read_is_not_read_until_it_does() {
    const PINGS: usize = 2_000_000;
    /// Queued, the answers alone would be 12 MB.
    const MEMORY_KIB_MAX: u64 = 16 * 1024;
    beside_talk(&[], |room| {
        let mut flooder = room.join("flooder");
        let mut stream = flooder.stream().try_clone().unwrap();
        let flood = std::thread::spawn(move || {
            let some = Ping {}.to_bytes().repeat(PINGS / 100);
            (0..100).try_for_each(|_| std::io::Write::write_all(&mut stream, &some))
        });
        // Time for the server to do it wrong; nothing depends on it when it does it right.
        std::thread::sleep(Duration::from_millis(500));
        if let Some(peak) = peak_memory_kib(room.server.pid()) {
            assert!(peak < MEMORY_KIB_MAX, "the server has used {peak} KiB");
        }
        for _ in 0..PINGS {
            flooder.frame(|frame| matches!(frame, ServerFrame::ServerPong(_)).then_some(()));
        }
        flood.join().unwrap().unwrap();
        flooder.say_and_hear("sorry");
    });
}

#[test]
fn private_messages_to_who_does_not_read_are_refused_when_enough_wait() {
    beside_talk(&[], |room| {
        let mut deaf = room.join("deaf");
        let mut talker = room.join("talker");
        let text = Message::new(&"x".repeat(8000)).unwrap();
        let tell = |talker: &mut Peer| {
            let (id, to) = (talker.next_id(), deaf.nick().clone());
            talker.send(&Tell { id, to, text: text.clone() });
            talker.frame(|frame| match frame {
                ServerFrame::Told(told) if told.id == id => Some(Ok(())),
                ServerFrame::Refused(refused) if refused.id == Some(id) => Some(Err(refused.code)),
                _ => None,
            })
        };
        let mut told = 0;
        let refusal = loop {
            match tell(&mut talker) {
                Ok(()) => told += 1,
                Err(code) => break code,
            }
        };
        assert_eq!(refusal, Code::MEMBER_BUSY);
        // The receiver is still in the room and gets all that was not refused.
        for _ in 0..told {
            deaf.frame(|frame| matches!(frame, ServerFrame::Told(_)).then_some(()));
        }
        deaf.say_and_hear("I was away");
        assert!(!deaf.unread().iter().any(|frame| matches!(frame, ServerFrame::Told(_))));
        talker.hear("I was away");
    });
}

/// Connects from another address of the loopback network than everyone else; none where the system
/// has only one.
fn connect_from_elsewhere(room: &Room) -> Option<Peer> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.bind(&SocketAddr::from(([127, 0, 0, 2], 0)).into()).ok()?;
    socket.connect(&room.address().into()).ok()?;
    Some(Peer::over(socket.into()))
}

#[test]
fn members_who_hold_every_transfer_they_can_leave_some_to_others() {
    const GREEDY: usize = 16;
    const EACH: usize = 8;
    beside_talk(&[], |room| {
        let item = room.join("shelver").upload("notes.txt", b"for everyone");
        let mut greedy: Vec<Peer> = (0..GREEDY).map(|n| room.join(&format!("greedy{n}"))).collect();
        // Each holds as many as it can get, with a byte each.
        let mut held = 0;
        for peer in &mut greedy {
            let offers: Vec<TransferId> = (0..EACH).map(|_| peer.offer("held", 16)).collect();
            for transfer in offers {
                match peer.try_ready(transfer).unwrap() {
                    Ok(_) => {
                        peer.data(transfer, 0, b"x");
                        held += 1;
                    }
                    Err(refused) => assert_eq!(refused.code, Code::TOO_MANY_TRANSFERS),
                }
            }
        }
        assert!(held > GREEDY * EACH / 2, "who is alone may have most: {held}");
        let mut newcomers = vec![room.join("same-address")];
        newcomers.extend(connect_from_elsewhere(room).map(|mut peer| {
            peer.send_bytes(&hello_and_join("elsewhere", Some(0)));
            peer.welcomed();
            peer
        }));
        for newcomer in &mut newcomers {
            newcomer.download(item);
            newcomer.upload("mine.txt", b"mine");
        }
        greedy[0].say_and_hear("we are members all the same");
    });
}

#[test]
fn offering_and_cancelling_without_end_leaves_the_transfers_of_others_alone() {
    beside_talk(&[], |room| {
        let mut looper = room.join("looper");
        let mut stream = looper.stream().try_clone().unwrap();
        let is_over = Arc::new(AtomicBool::new(false));
        let is_told = Arc::clone(&is_over);
        let flood = std::thread::spawn(move || {
            let name = FileName::new("never").unwrap();
            for number in (1..).step_by(100) {
                let some = (number..number + 100).flat_map(|number| {
                    let transfer = TransferId(number);
                    let offer = UploadOffer::new(transfer, name.clone(), 1 << 20);
                    [offer.to_bytes(), Cancel { transfer }.to_bytes()].concat()
                });
                stream.write_all(&some.collect::<Vec<u8>>()).unwrap();
                if is_told.load(Ordering::Relaxed) {
                    return;
                }
            }
        });
        let tell = Arc::clone(&is_over);
        let drain = std::thread::spawn(move || {
            while !tell.load(Ordering::Relaxed) {
                looper.frame(|frame| matches!(frame, ServerFrame::Refused(_)).then_some(()));
            }
            looper
        });
        for number in 0..10 {
            let mut peer = room.join(&format!("peer{number}"));
            peer.upload("mine.txt", b"mine");
            peer.try_leave().unwrap();
        }
        is_over.store(true, Ordering::Relaxed);
        flood.join().unwrap();
        drop(drain.join().unwrap());
    });
}

#[test]
fn connections_from_an_address_are_limited_and_it_is_told_so() {
    let limits = ["--limit-exempt", "none", "--max-address-connections", "3"];
    in_a_room(&limits, |room| {
        let mut members: Vec<Peer> =
            ["ada", "bob", "cyd"].iter().map(|nick| room.join(nick)).collect();
        let goodbye = Peer::connect(room.address()).goodbye();
        assert_eq!((goodbye.code, goodbye.limit), (Code::TOO_MANY_FROM_ADDRESS, Some(3)));
        members.pop().unwrap().try_leave().unwrap();
        eventually("the place of who has left", || Peer::try_join(room.address(), "dan").ok());
    });
}

#[test]
fn whoever_ignores_hundreds_of_refusals_is_disconnected_and_nobody_else() {
    let limits = ["--limit-exempt", "none", "--limit-lines", "3+1/s"];
    in_a_room(&limits, |room| {
        let (mut ada, mut eve) = (room.join("ada"), room.join("eve"));
        for _ in 0..1_000 {
            let text = Message::new("spam").unwrap();
            let id = eve.next_id();
            let line = Say { id, text, style: None, repeat: None };
            if eve.try_send(&line).is_err() {
                break;
            }
        }
        assert_eq!(eve.goodbye().code, Code::FLOODING);
        assert_eq!(ada.sees_leave("eve"), Code::FLOODING);
        ada.say_and_hear("quiet again");
    });
}
