//! Commands and uploads go no faster than the server takes them, and what it refuses for now is
//! sent again.

use chatshelf_common::rate::Rate;

use super::*;

fn with_rates(reconnect: Option<Reconnect>) -> Rig {
    let mut rig = Rig::with(reconnect, Some(20));
    let allowance = |kind, rate| Allowance { kind, rate };
    let allowances = vec![
        allowance(AllowanceKind::LINES, Rate::new(20, 5, 1000).unwrap()),
        allowance(AllowanceKind::CHANGES, Rate::new(2, 1, 1000).unwrap()),
    ];
    let mut steps = arrival(42, &[]);
    steps[0] = HelloAck { allowances, ..ack() }.to_bytes();
    steps.iter().for_each(|bytes| rig.feed(bytes).unwrap());
    rig.events();
    rig.sent();
    rig
}

/// Lets the session do what is due at its next deadline, within this time.
fn wait(rig: &mut Rig, ms: u64) {
    let until = rig.now + Duration::from_millis(ms);
    while let Some(at) = rig.session.poll_timeout().filter(|at| *at <= until) {
        rig.now = at;
        rig.session.handle_timeout(at).unwrap();
        if rig.session.poll_timeout() == Some(at) {
            break;
        }
    }
    rig.now = rig.now.max(until);
    rig.session.handle_timeout(rig.now).unwrap();
}

/// What was sent, without the questions whether the server still lives.
fn sent(rig: &mut Rig) -> Vec<Sent> {
    let is_ping = |sent: &Sent| matches!(sent, Sent::Frame(ClientFrame::Ping(_)));
    rig.sent().into_iter().filter(|sent| !is_ping(sent)).collect()
}

/// The lines that were sent, and whether they say that they may be repeated.
fn said_to(rig: &mut Rig) -> Vec<(String, bool)> {
    let said = |sent| match sent {
        Sent::Frame(ClientFrame::Say(say)) => (say.text.to_string(), say.repeat.is_some()),
        other => panic!("{other:?}"),
    };
    sent(rig).into_iter().map(said).collect()
}

fn too_many(id: MessageId, retry_ms: u32) -> Refused {
    let refused = refused(Code::TOO_MANY_LINES, Say::KIND);
    Refused { id: Some(id), limit: Some(20), retry_ms: Some(retry_ms), ..refused }
}

/// Lines have to wait, and this is why.
fn paced() -> SessionEvent {
    SessionEvent::Paced { rate: Rate::new(20, 5, 1000).unwrap() }
}

/// The server echoes a line.
fn echo(rig: &mut Rig, seq: u64, id: MessageId) {
    rig.give(said(seq, "ada", id.0)).unwrap();
    rig.events();
}

#[test]
fn lines_go_as_fast_as_the_server_takes_them_and_in_order() {
    let mut rig = with_rates(None);
    let ids: Vec<MessageId> = (0..25).map(|number| rig.say(&number.to_string())).collect();
    let mut lines = said_to(&mut rig);
    assert_eq!((lines.len(), rig.session.unsent()), (20, 5));
    assert_eq!(rig.events(), [paced()], "once");
    wait(&mut rig, 3_000);
    assert_eq!(said_to(&mut rig), [], "none is answered: the server may count them only now");
    (0..20).for_each(|place| echo(&mut rig, 43 + place, ids[place as usize]));
    for _ in 0..5 {
        assert_eq!(said_to(&mut rig), []);
        wait(&mut rig, 200);
        let sent = said_to(&mut rig);
        assert_eq!(sent.len(), 1);
        echo(&mut rig, 43 + lines.len() as u64, ids[lines.len()]);
        lines.extend(sent);
    }
    let all: Vec<_> = (0..25).map(|number| line(&number.to_string(), false)).collect();
    assert_eq!(lines, all);
}

#[test]
fn a_line_that_is_refused_for_now_is_sent_again_before_those_after_it() {
    let mut rig = with_rates(None);
    let ids = ["a", "b", "c"].map(|text| rig.say(text));
    assert_eq!(said_to(&mut rig).len(), 3);
    echo(&mut rig, 43, ids[0]);
    rig.give(too_many(ids[1], 700)).unwrap();
    rig.give(too_many(ids[2], 700)).unwrap();
    rig.say("d");
    assert_eq!((rig.events(), sent(&mut rig)), (vec![paced()], vec![]), "nothing is sent");
    assert_eq!((rig.session.outstanding(), rig.session.unsent()), (3, 3));
    wait(&mut rig, 699);
    assert_eq!(said_to(&mut rig), []);
    wait(&mut rig, 1);
    assert_eq!(said_to(&mut rig), [line("b", false)]);
    wait(&mut rig, 400);
    assert_eq!(said_to(&mut rig), [line("c", false), line("d", false)]);
}

#[test]
fn a_server_that_refuses_without_having_told_its_rates_is_obeyed() {
    let mut rig = Rig::joined();
    let ids = ["a", "b"].map(|text| rig.say(text));
    said_to(&mut rig);
    ids.iter().for_each(|id| rig.give(too_many(*id, 500)).unwrap());
    wait(&mut rig, 500);
    assert_eq!(said_to(&mut rig), [line("a", false)]);
    echo(&mut rig, 43, ids[0]);
    wait(&mut rig, 500);
    assert_eq!(said_to(&mut rig), [line("b", false)]);
}

#[test]
fn a_line_in_doubt_says_so_again_after_it_was_refused() {
    let mut rig = with_rates(Some(Reconnect::default()));
    let id = rig.say("a");
    said_to(&mut rig);
    rig.lose();
    rig.come_back(43, 42);
    assert_eq!(said_to(&mut rig), [line("a", true)]);
    rig.give(too_many(id, 100)).unwrap();
    wait(&mut rig, 100);
    assert_eq!(said_to(&mut rig), [line("a", true)]);
}

#[test]
fn changes_wait_as_well() {
    let mut rig = with_rates(None);
    rig.session.set_topic(None).unwrap();
    rig.session.rename(nick("bea")).unwrap();
    rig.session.rename(nick("cea")).unwrap();
    assert_eq!(sent(&mut rig).len(), 2);
    rig.give(refused(Code::UNCHANGED, SetTopic::KIND)).unwrap();
    let refusal = refused(Code::TOO_MANY_CHANGES, Rename::KIND);
    rig.give(Refused { retry_ms: Some(1000), ..refusal }).unwrap();
    wait(&mut rig, 1000);
    assert_eq!(sent(&mut rig), [Sent::Frame(Rename { nick: nick("bea") }.into())]);
    wait(&mut rig, 1000);
    assert_eq!(sent(&mut rig), [Sent::Frame(Rename { nick: nick("cea") }.into())]);
}

#[test]
fn an_upload_that_is_refused_for_now_is_offered_again() {
    let mut rig = Rig::joined();
    rig.session.upload(name("a"), 10, Some(KEY)).unwrap();
    let offers = sent(&mut rig);
    let [Sent::Frame(ClientFrame::UploadOffer(first))] = &offers[..] else { panic!("{offers:?}") };
    rig.events();
    let refusal = refused_transfer(Code::TOO_MUCH_UPLOADED, first.transfer.0);
    let refusal = Refused { retry_ms: Some(5000), limit: Some(2 << 20), ..refusal };
    rig.give(refusal.clone()).unwrap();
    let until = rig.now + Duration::from_millis(5000);
    let held = |rig: &mut Rig| match &rig.events()[..] {
        [SessionEvent::TransferHeld(status, why)] if *why == refusal => status.stage,
        other => panic!("{other:?}"),
    };
    assert_eq!(held(&mut rig), Stage::Held { until });
    // Another is not even offered.
    rig.session.upload(name("b"), 10, None).unwrap();
    assert_eq!(held(&mut rig), Stage::Held { until });
    let second = rig.session.transfers().last().unwrap().transfer;
    rig.session.cancel(second).unwrap();
    wait(&mut rig, 4999);
    assert_eq!(sent(&mut rig), []);
    wait(&mut rig, 1);
    let offers = sent(&mut rig);
    let [Sent::Frame(ClientFrame::UploadOffer(again))] = &offers[..] else { panic!("{offers:?}") };
    let transfer = again.transfer;
    assert!(transfer > first.transfer);
    assert_eq!(*again, UploadOffer { transfer, ..first.clone() });
}

#[test]
fn who_is_turned_away_comes_back_when_it_may() {
    for code in [Code::TOO_MANY_FROM_ADDRESS, Code::TOO_MANY_JOINS, Code::TOO_MUCH_SENT] {
        let mut rig = Rig::returning();
        rig.give(Goodbye { retry_ms: Some(90_000), ..Goodbye::new(code) }).unwrap();
        let retry_at = rig.session.retry_at().unwrap();
        assert!(retry_at >= rig.now + Duration::from_secs(90), "{code:?}");
        rig.come_back(43, 42);
        assert!(rig.session.is_joined());
    }
}
