//! Two members who talk with each other all the time, while a test does something bad beside
//! them; and the proof at the end that they did not notice.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use super::peer::Peer;
use super::view::View;
use super::{Room, in_a_room};

/// Lines that must have been exchanged for "undisturbed" to mean something.
const LINES_MIN: usize = 10;

/// Does `act` in a room beside two members who talk, and answers what one of them saw. The server
/// must answer newcomers afterwards and end as it should.
pub(crate) fn beside_talk(options: &[&str], act: impl FnOnce(&Room)) -> View {
    in_a_room(options, |room| {
        let is_over = Arc::new(AtomicBool::new(false));
        let talk = keep_talking(room, &is_over);
        act(room);
        is_over.store(true, Ordering::Relaxed);
        let mut ada = talk.join().expect("the two talk undisturbed");
        room.join("newcomer").say_and_hear("does it still serve?");
        ada.hear("does it still serve?");
        ada.into_view()
    })
}

fn keep_talking(room: &Room, is_over: &Arc<AtomicBool>) -> JoinHandle<Peer> {
    let (mut ada, mut bob) = (room.join("ada"), room.join("bob"));
    let is_over = Arc::clone(is_over);
    std::thread::spawn(move || {
        for lines in 1.. {
            // The last lines are exchanged after everything has happened.
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
        assert_eq!((&ada.view().gaps[..], &bob.view().gaps[..]), (&[][..], &[][..]));
        ada
    })
}
