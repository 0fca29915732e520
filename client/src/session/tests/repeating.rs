//! What we said before the connection broke, and while there was none.

use super::*;

#[test]
fn lines_in_doubt_are_said_again_before_those_typed_meanwhile() {
    let mut rig = Rig::returning();
    let ids: Vec<_> =
        ["arrived", "lost", "lost too"].into_iter().map(|text| rig.say(text)).collect();
    rig.sent();
    rig.lose();
    rig.say("typed offline");
    rig.reconnect();
    rig.say("typed while connecting");
    rig.feed(&arrival_from(43, 44, &[]).concat()).unwrap();
    rig.say("typed while catching up");
    assert_eq!(rig.sent(), [], "what happened meanwhile may still show them");
    rig.give(Said { text: message("arrived"), ..said(43, "ada", ids[0].0) }).unwrap();
    rig.give(said(44, "bob", 1)).unwrap();
    rig.say("typed last");
    let said_to = rig.said_to();
    let new = ["typed offline", "typed while connecting", "typed while catching up", "typed last"];
    assert_eq!(said_to[..2], [line("lost", true), line("lost too", true)]);
    assert!(said_to[2..].iter().eq(&new.map(|text| line(text, false))));
    assert_eq!(rig.session.outstanding(), 6);
}

#[test]
fn a_line_that_was_said_already_counts_as_confirmed() {
    let mut rig = Rig::returning();
    let id = rig.say("x");
    rig.sent();
    rig.lose();
    rig.come_back(43, 42);
    rig.events();
    assert_eq!(rig.said_to(), [line("x", true)]);
    rig.give(Refused { id: Some(id), ..refused(Code::ALREADY_SAID, Say::KIND) }).unwrap();
    assert_eq!((rig.session.outstanding(), rig.events().len()), (0, 0));
}

#[test]
fn another_line_under_our_number_is_no_receipt() {
    let mut rig = Rig::returning();
    let id = rig.say("mine");
    rig.lose();
    rig.come_back(43, 43);
    rig.give(Said { text: message("forged"), ..said(43, "bob", id.0) }).unwrap();
    assert_eq!(rig.said_to(), [line("mine", true)]);
}

#[test]
fn a_gap_while_returning_is_handled_too() {
    let mut rig = Rig::returning();
    rig.say("x");
    rig.lose();
    rig.come_back(43, 50);
    rig.give(Gap { from: Seq(43), to: Seq(60), nick: nick("ada") }).unwrap();
    assert_eq!(rig.sent(), []);
    rig.give(snapshot(60, WHOLE, &["ada"], &[])).unwrap();
    assert_eq!(rig.said_to(), [line("x", true)]);
}

#[test]
fn a_gap_on_a_further_connection_is_waited_for_with_pings_of_its_own() {
    let mut rig = Rig::returning();
    rig.say("x");
    rig.give(Gap { from: Seq(43), to: Seq(50), nick: nick("ada") }).unwrap();
    rig.give(snapshot(50, WHOLE, &["ada"], &[])).unwrap();
    rig.lose();
    rig.come_back(51, 50);
    assert_eq!(rig.said_to(), [line("x", true)]);
    rig.give(Gap { from: Seq(51), to: Seq(60), nick: nick("ada") }).unwrap();
    rig.give(snapshot(60, WHOLE, &["ada"], &[])).unwrap();
    rig.give(ServerPong {}).unwrap();
    assert_eq!(rig.session.outstanding(), 0);
}

#[test]
fn an_event_before_the_next_welcome_breaks_the_protocol() {
    let mut rig = Rig::returning();
    rig.lose();
    rig.reconnect();
    rig.give(ack()).unwrap();
    assert!(rig.give(joined(43, "eve")).is_err());
}

#[test]
fn message_ids_of_two_sessions_have_nothing_in_common() {
    let mut ids: Vec<u64> = (0..20)
        .map(|seed| {
            let config = Config {
                nick: nick("ada"),
                history: None,
                seed,
                reconnect: None,
                quiet: false,
                keepalive: crate::session::KEEPALIVE,
            };
            let mut rig = Rig { session: Session::new(config, Instant::now()), ..Rig::new() };
            rig.session.handle_connected(rig.now);
            rig.arrived().say("x").0
        })
        .collect();
    ids.sort_unstable();
    assert!(ids.windows(2).all(|pair| pair[1] - pair[0] > 1 << 32), "{ids:?}");
}

#[test]
fn what_cannot_be_repeated_is_reported_unless_the_room_shows_it() {
    let mut rig = Rig::returning();
    let lost = Topic::new("lost").ok();
    rig.session.tell(nick("bob"), message("psst")).unwrap();
    rig.session.rename(nick("lovelace")).unwrap();
    rig.session.set_topic(lost.clone()).unwrap();
    rig.sent();
    rig.lose();
    rig.come_back(43, 42);
    let unanswered = [
        Unanswered::Tell { to: nick("bob") },
        Unanswered::Rename(nick("lovelace")),
        Unanswered::Topic(lost.clone()),
    ];
    assert!(rig.events()[2..].iter().eq(&unanswered.map(SessionEvent::Unanswered)));
    assert_eq!((rig.session.outstanding(), rig.sent()), (0, vec![]));
    rig.session.rename(nick("lovelace")).unwrap();
    rig.session.set_topic(lost.clone()).unwrap();
    rig.lose();
    rig.reconnect();
    rig.give(ack()).unwrap();
    rig.give(welcome("lovelace", 43, 42)).unwrap();
    let (nick, at) = (nick("lovelace"), UnixMillis(1));
    let topic = lost.map(|topic| TopicState { topic, nick, at });
    rig.give(Snapshot { topic, ..snapshot(42, WHOLE, &["lovelace"], &[]) }).unwrap();
    assert_eq!(rig.events().len(), 2, "greeted and back");
    assert_eq!(rig.session.outstanding(), 0);
}

#[test]
fn commands_without_a_connection_wait_in_order_and_within_bounds() {
    let mut rig = Rig::returning();
    rig.lose();
    rig.session.set_topic(None).unwrap();
    rig.session.tell(nick("bob"), message("psst")).unwrap();
    rig.say("aloud");
    rig.session.rename(nick("eve")).unwrap();
    rig.session.download(ItemId(7), 0).unwrap();
    rig.come_back(43, 42);
    let kinds = rig.sent().into_iter().map(|sent| match sent {
        Sent::Frame(ClientFrame::SetTopic(_)) => "topic",
        Sent::Frame(ClientFrame::Tell(_)) => "tell",
        Sent::Frame(ClientFrame::Say(_)) => "say",
        Sent::Frame(ClientFrame::Rename(_)) => "rename",
        Sent::Frame(ClientFrame::DownloadRequest(_)) => "download",
        other => panic!("{other:?}"),
    });
    assert!(kinds.eq(["topic", "tell", "say", "rename", "download"]));

    let full = Err(CommandError::TooMuchWaiting);
    let long = "x".repeat(8192);
    for (text, count) in [("x", COMMANDS_WAITING_MAX), (&long, BYTES_WAITING_MAX / 8192)] {
        let mut rig = Rig::returning();
        rig.lose();
        for _ in 0..count {
            rig.say(text);
        }
        assert_eq!(rig.session.say(message("more"), Style::SPEECH), full);
        rig.come_back(43, 42);
        assert_eq!(rig.said_to().len(), count);
        assert!(rig.session.say(message("more"), Style::SPEECH).is_ok());
    }
    let mut rig = Rig::returning();
    rig.lose();
    for _ in 0..TRANSFERS_WAITING_MAX {
        rig.session.upload(name("a"), 1, None).unwrap();
    }
    assert_eq!(rig.session.upload(name("a"), 1, None), Err(CommandError::TooMuchWaiting));
}

#[test]
fn leaving_without_a_connection_is_the_end_at_once() {
    let mut rig = Rig::returning();
    rig.session.download(ItemId(7), 0).unwrap();
    rig.lose();
    rig.session.leave();
    assert!(rig.session.is_over() && rig.session.poll_timeout().is_none());
    assert_eq!(rig.outcome(), Outcome::Interrupted);
    let mut rig = Rig::returning();
    rig.session.leave();
    rig.session.handle_lost("cut".into(), rig.now);
    assert!(rig.session.is_over(), "who leaves does not come back");
}
