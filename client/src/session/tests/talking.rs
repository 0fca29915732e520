//! What we say, and how we know that it arrived; leaving.

use super::*;

#[test]
fn a_receipt_is_our_nick_and_number_in_a_live_event() {
    let mut rig = Rig::joined();
    let id = rig.session.say(message("x"), Style::SPEECH).unwrap();
    rig.give(said(43, "bob", id.0)).unwrap();
    assert_eq!(rig.session.outstanding(), 1, "nor is another's");
    rig.give(said(44, "ada", id.0)).unwrap();
    assert_eq!(rig.session.outstanding(), 0);
}

#[test]
fn a_refusal_ends_the_wait_for_what_it_is_about() {
    let mut rig = Rig::joined();
    let id = rig.session.say(message("x"), Style::SPEECH).unwrap();
    rig.session.tell(nick("nobody"), message("x")).unwrap();
    rig.session.rename(nick("bob")).unwrap();
    rig.session.set_topic(None).unwrap();
    assert_eq!(rig.session.outstanding(), 4);
    rig.give(Refused { id: Some(id), ..refused(Code::TEXT_INVALID, Say::KIND) }).unwrap();
    rig.give(refused(Code::NO_SUCH_MEMBER, Tell::KIND)).unwrap();
    rig.give(refused(Code::NICK_TAKEN, Rename::KIND)).unwrap();
    rig.give(refused(Code::TEXT_INVALID, SetTopic::KIND)).unwrap();
    assert_eq!(rig.session.outstanding(), 0);
    assert_eq!(rig.events().len(), 4);
}

fn dropped(seq: u64, item: u64, who: Option<&str>) -> Dropped {
    let (at, name, nick) = (UnixMillis(1), name("notes.txt"), who.map(nick));
    Dropped { seq: Seq(seq), at, item: ItemId(item), name, nick }
}

#[test]
fn a_drop_is_answered_by_its_event_or_its_refusal_and_by_no_other() {
    let mut rig = Rig::joined();
    for item in [7, 8, 9] {
        rig.session.drop_item(ItemId(item), (item == 8).then_some(KEY)).unwrap();
    }
    let sent = |item, key| Sent::Frame(Drop { item: ItemId(item), key }.into());
    assert_eq!(rig.sent(), [sent(7, None), sent(8, Some(KEY)), sent(9, None)]);
    rig.give(dropped(43, 6, None)).unwrap();
    assert_eq!(rig.session.outstanding(), 3);
    rig.give(dropped(44, 8, Some("ada"))).unwrap();
    let refused = Refused { item: Some(ItemId(9)), ..refused(Code::NOT_YOURS, Drop::KIND) };
    rig.give(refused.clone()).unwrap();
    let command = Some(PendingCommand::Drop { item: ItemId(9), key: None });
    assert_eq!(rig.events().last(), Some(&SessionEvent::Refused(refused, command)));
    assert_eq!(rig.session.outstanding(), 1);
    rig.give(dropped(45, 7, None)).unwrap();
    assert_eq!(rig.session.outstanding(), 0, "a newer one took its place meanwhile");
}

#[test]
fn a_drop_in_doubt_is_sent_again_if_the_item_is_still_there() {
    for is_there in [false, true] {
        let mut rig = Rig::returning();
        rig.session.drop_item(ItemId(7), Some(KEY)).unwrap();
        rig.sent();
        rig.lose();
        rig.reconnect();
        let shelf: &[Item] = if is_there { &[item(7, b"x")] } else { &[] };
        rig.feed(&arrival_from(43, 42, shelf).concat()).unwrap();
        let again = Sent::Frame(Drop { item: ItemId(7), key: Some(KEY) }.into());
        assert_eq!(rig.sent(), if is_there { vec![again] } else { vec![] });
        assert_eq!(rig.session.outstanding(), usize::from(is_there));
    }
}

#[test]
fn leaving_ends_the_transfers_and_waits_for_goodbye() {
    let mut rig = Rig::joined();
    rig.session.upload(name("a"), 5, None).unwrap();
    rig.session.leave();
    assert_eq!(rig.outcome(), Outcome::Interrupted);
    let handle = TransferHandle(1);
    assert_eq!(rig.requests(), [FileRequest::Suspend { transfer: handle }]);
    let sent = rig.sent();
    assert!(matches!(sent[1..], [Sent::Frame(ClientFrame::Leave(_))]), "no Cancel: {sent:?}");
    rig.give(ready(1, 0)).unwrap();
    let left =
        Left { seq: Seq(43), at: UnixMillis(1), nick: nick("ada"), code: Code::LEFT, quiet: None };
    rig.give(left).unwrap();
    let bye = Goodbye::new(Code::LEFT);
    rig.give(bye.clone()).unwrap();
    assert_eq!(rig.events().last(), Some(&SessionEvent::Goodbye(bye)));
    assert!(rig.session.is_over() && rig.session.poll_timeout().is_none());
}

#[test]
fn lag_is_the_time_to_the_answer_and_grows_while_none_comes() {
    let mut rig = Rig::joined();
    let after = |millis| rig.now + Duration::from_millis(millis);
    let (begin, answered, later) = (after(0), after(40), after(900));
    rig.session.probe(begin);
    rig.session.probe(begin);
    assert_eq!(rig.sent().len(), 1, "one question at a time");
    assert_eq!(rig.session.rtt(begin), None);
    rig.session.handle_bytes(&Pong {}.to_bytes(), answered).unwrap();
    assert_eq!(rig.session.rtt(answered), Some(Duration::from_millis(40)));
    rig.session.probe(answered);
    assert_eq!(rig.session.rtt(later), Some(Duration::from_millis(860)));
}
