//! Statistics of the server: asked for, told, told again, and not there.

use super::*;

fn told() -> Stats {
    Stats { figures: vec![Figure { kind: FigureKind::LINES, value: 43 }] }
}

/// Joined on a server that tells what it has done.
fn joined(reconnect: Option<Reconnect>) -> Rig {
    let mut rig = Rig::with(reconnect, Some(20));
    let mut steps = arrival(42, &[]);
    steps[0] = HelloAck { capabilities: Some(CAPABILITY_STATS), ..ack() }.to_bytes();
    steps.iter().for_each(|bytes| rig.feed(bytes).unwrap());
    rig.events();
    rig.sent();
    rig
}

fn asked(rig: &mut Rig) -> Vec<Sent> {
    rig.session.ask_stats().unwrap();
    rig.sent()
}

#[test]
fn a_server_is_asked_and_its_answer_is_told() {
    let mut rig = joined(None);
    assert_eq!(asked(&mut rig), [Sent::Frame(StatsRequest {}.into())]);
    assert!(rig.session.awaits_stats() && rig.session.stats().is_none());
    rig.give(told()).unwrap();
    assert_eq!(rig.events(), [SessionEvent::Stats]);
    assert_eq!(rig.session.stats().and_then(|it| it.value(FigureKind::LINES)), Some(43));
    assert!(!rig.session.awaits_stats());
    assert!(rig.give(told()).is_err(), "nobody asked");
}

#[test]
fn an_answer_serves_again_within_its_second() {
    let mut rig = joined(None);
    asked(&mut rig);
    rig.give(refused(Code::TOO_SOON, StatsRequest::KIND)).unwrap();
    assert!(matches!(rig.events()[..], [SessionEvent::Refused(..)]), "there is none yet");
    asked(&mut rig);
    rig.give(told()).unwrap();
    asked(&mut rig);
    rig.give(refused(Code::TOO_SOON, StatsRequest::KIND)).unwrap();
    assert_eq!(rig.events(), [SessionEvent::Stats, SessionEvent::Stats]);
}

#[test]
fn a_server_that_does_not_know_the_question_is_not_asked() {
    let mut rig = Rig::joined();
    assert_eq!(rig.session.ask_stats(), Err(CommandError::NoStats));
    assert_eq!(rig.sent(), []);
    assert_eq!(Rig::new().session.ask_stats(), Err(CommandError::NotJoined));
}

#[test]
fn a_question_that_is_lost_with_its_connection_is_told() {
    let mut rig = joined(Some(Reconnect::default()));
    asked(&mut rig);
    rig.session.handle_lost("broken".into(), rig.now);
    let events = rig.events();
    assert_eq!(events[0], SessionEvent::Unanswered(Unanswered::Stats));
    assert!(!rig.session.awaits_stats());
}
