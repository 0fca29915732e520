//! The room: joining, talking, leaving, and what everyone sees of it.

use chatshelf_common::id::Seq;
use chatshelf_common::limits::{HISTORY_ALL, MESSAGE_BYTES_MAX, TOPIC_BYTES_MAX};
use chatshelf_common::text::{Message, Nick, Topic};
use chatshelf_common::wire::field::Tag;
use chatshelf_common::wire::frame::{
    Join, Leave, Ping, Refused, Rename, Say, SetTopic, Style, Tell, Told,
};
use chatshelf_common::wire::{Code, Event, Frame, ServerFrame};
use chatshelf_testkit::peer::Peer;
use chatshelf_testkit::raw::{field, frame, hello, hello_and_join};
use chatshelf_testkit::wait::eventually;
use socket2::SockRef;

use crate::harness::bystanders::{all_talk, assert_all_saw_the_same};
use crate::harness::in_a_room;

const MEMBERS: usize = 30;
const TALKERS: usize = 6;
const LINES: usize = 50;
const LINES_OF_THE_QUIET: usize = 2;

#[test]
fn everyone_gets_the_same_events_byte_for_byte_from_their_join_on() {
    let lines: Vec<usize> =
        (0..MEMBERS).map(|n| if n < TALKERS { LINES } else { LINES_OF_THE_QUIET }).collect();
    in_a_room(&[], |room| {
        let all = all_talk(room.address(), &lines, "");
        assert_all_saw_the_same(&all, &lines);
        let (first, others, _) = &all;
        assert_eq!(first.view().events()[0].seq(), Seq(1));
        assert_eq!(first.view().state().members.len(), MEMBERS + 1);
        for peer in others {
            let members = &peer.view().state().members;
            assert_eq!(members, &first.view().state().members, "{}", peer.nick());
        }
    });
}

#[test]
fn a_newcomer_gets_the_state_and_as_many_lines_as_it_asks_for() {
    in_a_room(&["--history", "70"], |room| {
        let address = room.address();
        let mut ada = Peer::join(address, "ada");
        ada.send(&SetTopic { topic: Some(Topic::new("engines").unwrap()) });
        let item = ada.upload("notes.txt", b"hello shelf\n");
        for line in 1..=100 {
            ada.say(&format!("line {line}"));
            if line % 10 == 0 {
                // Between the lines others come and go.
                let mut passer_by = Peer::join(address, "passer-by");
                passer_by.send(&Leave {});
                passer_by.goodbye();
            }
        }
        ada.say_and_hear("line 101");
        for (number, (asked, expected)) in
            [(Some(0), 0), (Some(1), 1), (Some(7), 7), (None, 50), (Some(HISTORY_ALL), 70)]
                .into_iter()
                .enumerate()
        {
            let mut bob = Peer::join_with(address, &format!("bob{number}"), asked);
            bob.say_and_hear(&format!("after the history of {number}"));
            let view = bob.view();
            let history = view.events().iter().filter(|event| event.seq() <= view.since());
            let lines: Vec<String> = history.filter_map(line_of).collect();
            assert_eq!(lines.len(), expected, "asked for {asked:?}");
            assert_eq!(view.state().topic.as_ref().unwrap().topic.as_str(), "engines");
            assert_eq!(view.item_ids(), [item.0]);
            ada.hear(&format!("after the history of {number}"));
            assert_eq!(ada.view().state(), bob.view().state());
            bob.send(&Leave {});
            assert_eq!(ada.sees_leave(&format!("bob{number}")), Code::LEFT);
        }
    });
}

fn line_of(event: &Event) -> Option<String> {
    match event {
        Event::Said(said) => Some(said.text.as_str().into()),
        _ => None,
    }
}

#[test]
fn history_is_the_newest_lines_and_what_lies_between() {
    in_a_room(&[], |room| {
        let mut ada = room.join("ada");
        for line in 1..=9 {
            ada.say(&format!("line {line}"));
        }
        ada.rename("lovelace");
        ada.say_and_hear("line 10");
        let mut bob = Peer::join_with(room.address(), "bob", Some(3));
        bob.say_and_hear("hi");
        let events: Vec<&Event> = bob.view().events().iter().collect();
        let kinds: Vec<&str> = events.iter().map(|event| kind_of(event)).collect();
        assert_eq!(kinds, ["said", "said", "renamed", "said", "joined", "said"]);
        assert_eq!(line_of(events[0]).unwrap(), "line 8");
    });
}

fn kind_of(event: &Event) -> &'static str {
    match event {
        Event::Said(_) => "said",
        Event::Joined(_) => "joined",
        Event::Renamed(_) => "renamed",
        _ => "other",
    }
}

#[test]
fn what_is_sent_with_the_join_happens_after_the_welcome() {
    in_a_room(&[], |room| {
        let mut ada = Peer::connect(room.address());
        let id = ada.next_id();
        let say = Say::new(id, Message::new("here I am").unwrap(), None);
        ada.send_bytes(&[hello_and_join("ada", Some(0)), say.to_bytes()].concat());
        let welcome = ada.welcomed();
        assert!(ada.try_echo(id).unwrap() > welcome.seq);
        assert_eq!(ada.view().events()[0].seq(), welcome.seq.next(), "there is no history");
    });
}

#[test]
fn a_full_room_turns_newcomers_away_until_someone_leaves() {
    in_a_room(&["--max-members", "2"], |room| {
        let (mut ada, bob) = (room.join("ada"), room.join("bob"));
        let mut eve = Peer::connect(room.address());
        eve.send_bytes(&hello_and_join("eve", None));
        let farewell = eve.goodbye();
        assert_eq!((farewell.code, farewell.limit), (Code::ROOM_FULL, Some(2)));
        drop(bob);
        ada.sees_leave("bob");
        // The server may still be letting go of those who went.
        eventually("a place in the room", || {
            let mut carol = Peer::try_join(room.address(), "carol").ok()?;
            Some(carol.say_and_hear("at last"))
        });
        ada.hear("at last");
    });
}

#[test]
fn a_nick_that_is_taken_is_refused_with_one_that_is_free() {
    in_a_room(&[], |room| {
        let mut ada = room.join("ada");
        let mut other = Peer::connect(room.address());
        other.send_bytes(&hello());
        // The same name in other letters is the same name.
        other.send(&Join::new(Nick::new("ADA").unwrap(), Some(0)));
        let refused = other.refused();
        assert_eq!((refused.code, refused.about), (Code::NICK_TAKEN, Join::KIND));
        let suggestion = refused.suggestion.unwrap();
        // Neither does a name that is none end the connection.
        other.send_bytes(&frame(Join::KIND, &field(Tag::NICK, b"two words")));
        assert_eq!(other.refused().code, Code::NICK_INVALID);
        other.send(&Join::new(suggestion.clone(), Some(0)));
        assert_eq!(other.welcomed().nick, suggestion);
        other.say_and_hear("in at last");
        ada.hear("in at last");
    });
}

#[test]
fn a_member_takes_another_nick_and_is_reached_by_it_alone() {
    in_a_room(&[], |room| {
        let mut ada = room.join("ada");
        let mut bob = room.join("bob");
        bob.send(&Rename { nick: Nick::new("Ada").unwrap() });
        assert_eq!(bob.refused().code, Code::NICK_TAKEN);
        bob.send_bytes(&frame(Rename::KIND, &field(Tag::NICK, b"-bob")));
        assert_eq!(bob.refused().code, Code::NICK_INVALID);
        bob.rename("robert");
        bob.say_and_hear("call me robert");
        ada.hear("call me robert");
        assert_eq!(tell(&mut ada, "bob", "hello?").unwrap_err().code, Code::NO_SUCH_MEMBER);
        assert_eq!(tell(&mut ada, "robert", "hello!").unwrap().to.as_str(), "robert");
        assert_eq!(told(&mut bob).text.as_str(), "hello!");
        assert_eq!(ada.view().state(), bob.view().state());
        let carol = room.join("bob");
        assert_eq!(carol.nick().as_str(), "bob");
    });
}

/// Sends a private message and waits for what its sender gets.
fn tell(from: &mut Peer, to: &str, text: &str) -> Result<Told, Refused> {
    let id = from.next_id();
    from.send(&Tell { id, to: Nick::new(to).unwrap(), text: Message::new(text).unwrap() });
    from.frame(|frame| match frame {
        ServerFrame::Told(told) if told.id == id => Some(Ok(told.clone())),
        ServerFrame::Refused(refused) if refused.id == Some(id) => Some(Err(refused.clone())),
        _ => None,
    })
}

fn told(peer: &mut Peer) -> Told {
    peer.frame(|frame| match frame {
        ServerFrame::Told(told) => Some(told.clone()),
        _ => None,
    })
}

#[test]
fn a_private_message_reaches_its_two_ends_and_no_one_else() {
    in_a_room(&[], |room| {
        let [mut ada, mut bob, mut eve] =
            ["ada", "bob", "eve"].map(|nick| Peer::join_with(room.address(), nick, None));
        let receipt = tell(&mut ada, "BOB", "psst\nnot a word").unwrap();
        assert_eq!((receipt.from.as_str(), receipt.to.as_str()), ("ada", "bob"));
        assert_eq!(told(&mut bob), receipt);
        let own = tell(&mut ada, "ada", "note to self").unwrap();
        assert_eq!(own.to, own.from);
        for peer in [&mut ada, &mut bob, &mut eve] {
            peer.say_and_hear("no more?");
            let is_told = |frame: &ServerFrame| matches!(frame, ServerFrame::Told(_));
            assert!(!peer.unread().iter().any(is_told), "{}: {:?}", peer.nick(), peer.unread());
        }
        let mut late = Peer::join_with(room.address(), "late", Some(HISTORY_ALL));
        late.say_and_hear("what was that?");
        assert!(!late.view().events().iter().any(|event| {
            line_of(event).is_some_and(|line| line.contains("psst") || line.contains("self"))
        }));
    });
}

#[test]
fn a_member_who_leaves_gets_everything_up_to_their_own_leaving_and_a_goodbye() {
    in_a_room(&[], |room| {
        let mut ada = room.join("ada");
        let mut bob = room.join("bob");
        bob.say("bye");
        bob.send(&Leave {});
        assert_eq!(bob.goodbye().code, Code::LEFT);
        let last = bob.view().events().last().unwrap();
        assert!(matches!(last, Event::Left(left) if left.nick == *bob.nick()), "{last:?}");
        assert_eq!(ada.sees_leave("bob"), Code::LEFT);
        ada.hear("bye");
        // The name is free again, also for who leaves in the same breath.
        let mut hasty = Peer::connect(room.address());
        let join = Join::new(Nick::new("bob").unwrap(), None).to_bytes();
        hasty.send_bytes(&[hello(), join, Leave {}.to_bytes()].concat());
        assert_eq!(hasty.welcomed().nick.as_str(), "bob");
        assert_eq!(hasty.goodbye().code, Code::LEFT);
    });
}

#[test]
fn a_member_who_vanishes_has_lost_the_connection() {
    in_a_room(&[], |room| {
        let mut ada = room.join("ada");
        drop(room.join("closed"));
        assert_eq!(ada.sees_leave("closed"), Code::CONNECTION_LOST);
        let reset = room.join("reset");
        SockRef::from(reset.stream()).set_linger(Some(std::time::Duration::ZERO)).unwrap();
        drop(reset);
        assert_eq!(ada.sees_leave("reset"), Code::CONNECTION_LOST);
    });
}

#[test]
fn a_message_arrives_as_it_was_sent() {
    in_a_room(&[], |room| {
        let mut ada = room.join("ada");
        let mut bob = room.join("Øyvind\u{1F98A}");
        let longest = "ÿ".repeat(MESSAGE_BYTES_MAX / 2);
        for text in ["x", "two\nlines\n\n\tand a tab", "Straße \u{202e}\u{1F98A}", &longest] {
            for style in [None, Some(Style::ACTION), Some(Style(200))] {
                let id = bob.next_id();
                bob.send(&Say::new(id, Message::new(text).unwrap(), style));
                bob.try_echo(id).unwrap();
                let said = ada.event(|event| match event {
                    Event::Said(said) if said.id == id && said.nick == *bob.nick() => {
                        Some(said.clone())
                    }
                    _ => None,
                });
                assert_eq!((said.text.as_str(), said.style), (text, style));
            }
        }
    });
}

#[test]
fn text_over_the_limit_is_refused_and_the_room_is_unaffected() {
    in_a_room(&[], |room| {
        let mut ada = room.join("ada");
        let mut bob = room.join("bob");
        let say = |text: &[u8]| {
            let id = 77_u64.to_be_bytes();
            frame(Say::KIND, &[field(Tag::MESSAGE_ID, &id), field(Tag::TEXT, text)].concat())
        };
        let topic = |text: &[u8]| frame(SetTopic::KIND, &field(Tag::TOPIC, text));
        let too_long = (Code::TEXT_TOO_LONG, Some(MESSAGE_BYTES_MAX as u64), Some(77));
        let invalid = (Code::TEXT_INVALID, None, Some(77));
        for (bytes, expected) in [
            (say(&vec![b'x'; MESSAGE_BYTES_MAX + 1]), too_long),
            (say(&[b'x'; 16_000]), too_long),
            (say(b""), invalid),
            (say(b"\x1b[2J"), invalid),
            (say(b"\xff\xfe"), invalid),
            (topic(&[b'x'; TOPIC_BYTES_MAX + 1]), (too_long.0, Some(TOPIC_BYTES_MAX as u64), None)),
            (topic(b"two\nlines"), (invalid.0, None, None)),
        ] {
            bob.send_bytes(&bytes);
            let refused = bob.refused();
            assert_eq!((refused.code, refused.limit, refused.id.map(|id| id.0)), expected);
        }
        bob.send_bytes(&say(&[b'y'; MESSAGE_BYTES_MAX]));
        ada.say_and_hear("still here");
        bob.hear("still here");
        ada.hear(&"y".repeat(MESSAGE_BYTES_MAX));
    });
}

#[test]
fn the_topic_is_set_and_cleared_for_everyone() {
    in_a_room(&[], |room| {
        let mut ada = room.join("ada");
        let mut bob = room.join("bob");
        for (number, topic) in [Some("engines"), Some("looms"), None].into_iter().enumerate() {
            let topic = topic.map(|topic| Topic::new(topic).unwrap());
            ada.send(&SetTopic { topic: topic.clone() });
            let line = format!("{topic:?}");
            ada.say_and_hear(&line);
            bob.hear(&line);
            assert_eq!(bob.view().state().topic.as_ref().map(|it| &it.topic), topic.as_ref());
            let newcomer = room.join(&format!("newcomer{number}"));
            assert_eq!(newcomer.view().state().topic, bob.view().state().topic);
        }
    });
}

#[test]
fn a_ping_is_answered_before_and_after_the_join() {
    in_a_room(&[], |room| {
        let mut ada = Peer::connect(room.address());
        ada.send_bytes(&[hello(), Ping {}.to_bytes()].concat());
        let pong = |frame: &ServerFrame| matches!(frame, ServerFrame::ServerPong(_)).then_some(());
        ada.frame(pong);
        ada.send(&Join::new(Nick::new("ada").unwrap(), None));
        ada.welcomed();
        ada.send(&Ping {});
        ada.frame(pong);
    });
}
