//! Two members who talk with each other all the time, while a test does something bad beside
//! them; and the proof at the end that they did not notice. Or many, who talk at once.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Barrier};
use std::thread::{JoinHandle, ScopedJoinHandle};
use std::time::Duration;

use chatshelf_common::id::{MessageId, Seq};
use chatshelf_common::limits::HISTORY_ALL;
use chatshelf_common::wire::Event;
use chatshelf_testkit::peer::Peer;
use chatshelf_testkit::view::View;

use super::{Room, in_a_room};

/// Lines that must have been exchanged for "undisturbed" to mean something.
const LINES_MIN: usize = 10;

/// The two, talking.
pub(crate) struct Bystanders {
    is_over: Arc<AtomicBool>,
    talk: JoinHandle<Peer>,
}

impl Bystanders {
    pub(crate) fn join(address: SocketAddr) -> Self {
        let (ada, bob) = (Peer::join(address, "ada"), Peer::join(address, "bob"));
        let is_over = Arc::new(AtomicBool::new(false));
        let talk = keep_talking(ada, bob, Arc::clone(&is_over));
        Self { is_over, talk }
    }

    /// Lets the two exchange their last lines, after everything has happened; a newcomer must be
    /// heard by them. Answers what one of them saw.
    pub(crate) fn end(self, newcomer: &mut Peer) -> View {
        self.is_over.store(true, Ordering::Relaxed);
        let mut ada = self.talk.join().expect("the two talk undisturbed");
        newcomer.say_and_hear("does it still serve?");
        ada.hear("does it still serve?");
        ada.into_view()
    }
}

/// Does `act` in a room beside two members who talk, and answers what one of them saw. The server
/// must answer newcomers afterwards and end as it should.
pub(crate) fn beside_talk(options: &[&str], act: impl FnOnce(&Room)) -> View {
    in_a_room(options, |room| {
        let company = Bystanders::join(room.address());
        act(room);
        company.end(&mut room.join("newcomer"))
    })
}

fn keep_talking(mut ada: Peer, mut bob: Peer, is_over: Arc<AtomicBool>) -> JoinHandle<Peer> {
    std::thread::spawn(move || {
        for lines in 1.. {
            let is_last = is_over.load(Ordering::Relaxed) && lines >= LINES_MIN;
            let (call, answer) = (format!("ada {lines}"), format!("bob {lines}"));
            ada.say(&call);
            bob.hear(&call);
            bob.say(&answer);
            ada.hear(&answer);
            if is_last {
                break;
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        assert_eq!((ada.view().gaps(), bob.view().gaps()), (&[][..], &[][..]));
        ada
    })
}

/// Lets as many members as there are numbers in `lines` join and talk, each saying so many lines
/// with this text at the same time as all others. Answers one who saw it all, the others, and when
/// all had talked.
pub(crate) fn all_talk(address: SocketAddr, lines: &[usize], text: &str) -> (Peer, Vec<Peer>, Seq) {
    let mut first = Peer::join_with(address, "first", Some(HISTORY_ALL));
    let all_have_talked = Barrier::new(lines.len() + 1);
    let member = |number: usize, lines: usize| {
        let mut peer = Peer::join(address, &format!("member{number}"));
        for line in 0..lines {
            let id = peer.say(&format!("line {line} of {number}{text}"));
            // Some wait for their echo, others talk on.
            if number.is_multiple_of(2) {
                peer.try_echo(id).expect("an echo");
            }
        }
        all_have_talked.wait();
        peer.hear("the end");
        peer
    };
    std::thread::scope(|scope| {
        let member = &member;
        let threads: Vec<_> = (lines.iter().enumerate())
            .map(|(number, &lines)| scope.spawn(move || member(number, lines)))
            .collect();
        all_have_talked.wait();
        let end = first.say_and_hear("the end");
        let join =
            |thread: ScopedJoinHandle<'_, Peer>| thread.join().expect("it talks undisturbed");
        (first, threads.into_iter().map(join).collect(), end)
    })
}

/// Everyone saw the same events, byte for byte, from their joins to `end`, and in them every line
/// in the order in which it was said.
#[track_caller]
pub(crate) fn assert_all_saw_the_same(
    (first, others, end): &(Peer, Vec<Peer>, Seq),
    lines: &[usize],
) {
    let until_end = |peer: &'_ Peer| -> Vec<Event> {
        let seen = peer.view().events().iter();
        seen.take_while(|event| event.seq() <= *end).cloned().collect()
    };
    let reference = until_end(first);
    for (peer, &lines) in others.iter().zip(lines) {
        let seen = until_end(peer);
        assert!(
            reference.ends_with(&seen) && peer.view().gaps().is_empty(),
            "{} differs",
            peer.nick()
        );
        let own = reference.iter().filter_map(|event| match event {
            Event::Said(said) if said.nick == *peer.nick() => Some(said.id),
            _ => None,
        });
        assert!(own.eq((1..=lines as u64).map(MessageId)), "{}'s lines", peer.nick());
    }
}
