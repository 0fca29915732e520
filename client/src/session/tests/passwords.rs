//! Passwords: sent when the server asks, where nobody else can read them, and nowhere else.

use chatshelf_common::password::Password;
use chatshelf_common::rate::Rate;

use super::*;

const SECRET: &str = "open sesame";

fn secret() -> Password {
    Password::new(SECRET.as_bytes()).unwrap()
}

/// Every byte that the session wants to send.
fn bytes(rig: &mut Rig) -> Vec<u8> {
    let mut all = Vec::new();
    while rig.session.has_output() {
        let bytes = rig.session.output().concat();
        rig.session.advance_output(bytes.len(), rig.now);
        all.extend(bytes);
    }
    all
}

fn holds_secret(bytes: &[u8]) -> bool {
    bytes.windows(SECRET.len()).any(|window| window == SECRET.as_bytes())
}

/// Greeted on a connection of this kind, with a password to show.
fn greeted(privacy: Privacy) -> Rig {
    let mut rig = Rig::new();
    rig.session.set_password(secret());
    rig.session.note_privacy(privacy);
    rig.give(ack()).unwrap();
    rig
}

fn asks() -> Refused {
    refused(Code::PASSWORD_NEEDED, Join::KIND)
}

/// Joined on a server with operators.
fn joined(privacy: Privacy, reconnect: Option<Reconnect>, allowances: Vec<Allowance>) -> Rig {
    let mut rig = Rig::with(reconnect, Some(20));
    rig.session.note_privacy(privacy);
    let mut steps = arrival(42, &[]);
    let capabilities = Some(CAPABILITY_OPERATORS);
    steps[0] = HelloAck { capabilities, allowances, ..ack() }.to_bytes();
    steps.iter().for_each(|bytes| rig.feed(bytes).unwrap());
    rig.events();
    rig.sent();
    rig
}

#[test]
fn a_password_is_sent_when_the_server_asks_and_not_before() {
    let mut rig = greeted(Privacy::Private);
    assert!(!holds_secret(&bytes(&mut rig)));
    rig.give(asks()).unwrap();
    assert!(holds_secret(&bytes(&mut rig)));
    for bytes in &arrival(42, &[])[1..] {
        rig.feed(bytes).unwrap();
    }
    assert!(rig.session.is_joined());
}

#[test]
fn not_one_byte_of_it_is_sent_where_others_could_read_it() {
    for privacy in [Privacy::default(), Privacy::Unencrypted, Privacy::Unconfirmed] {
        let mut rig = greeted(privacy);
        let before = bytes(&mut rig);
        rig.events();
        rig.give(asks()).unwrap();
        assert_eq!(rig.events(), [SessionEvent::PasswordWithheld(privacy)]);
        assert!(rig.session.is_over() && !rig.session.has_output());
        assert!(!holds_secret(&before));
    }
}

#[test]
fn the_operators_password_is_held_back_likewise() {
    let mut rig = joined(Privacy::Private, None, Vec::new());
    rig.session.op(secret()).unwrap();
    assert_eq!(rig.sent(), [Sent::Frame(Op { password: secret() }.into())]);
    for privacy in [Privacy::Unencrypted, Privacy::Unconfirmed] {
        let mut rig = joined(privacy, None, Vec::new());
        assert_eq!(rig.session.op(secret()), Err(CommandError::NotPrivate(privacy)));
        assert!(!rig.session.has_output());
    }
}

#[test]
fn a_wrong_password_is_replaced_on_the_same_connection() {
    let mut rig = greeted(Privacy::Private);
    rig.give(asks()).unwrap();
    rig.events();
    bytes(&mut rig);
    rig.give(refused(Code::PASSWORD_WRONG, Join::KIND)).unwrap();
    assert_eq!(rig.events(), [SessionEvent::PasswordWanted { code: Code::PASSWORD_WRONG }]);
    assert!(!rig.session.has_output(), "the wrong one is not shown again");
    rig.session.give_password(secret());
    assert!(holds_secret(&bytes(&mut rig)));
}

#[test]
fn a_wait_for_the_verdict_is_told_and_its_silence_borne() {
    let mut rig = greeted(Privacy::Private);
    rig.give(asks()).unwrap();
    rig.events();
    let begun = rig.now;
    let mut told = 0;
    loop {
        rig.now = rig.session.poll_timeout().unwrap().max(rig.now + Duration::from_millis(1));
        bytes(&mut rig);
        let is_over = rig.session.handle_timeout(rig.now).is_err();
        told += rig.events().iter().filter(|it| **it == SessionEvent::PasswordWaits).count();
        if is_over {
            break;
        }
    }
    assert_eq!(told, 1);
    let waited = rig.now - begun;
    assert!(waited >= Duration::from_secs(600), "{waited:?}");
    assert!(waited < Duration::from_secs(700), "{waited:?}");
}

#[test]
fn a_wait_for_the_verdict_on_an_operator_is_told_like_that_on_a_member() {
    let mut rig = joined(Privacy::Private, None, Vec::new());
    rig.session.op(secret()).unwrap();
    let mut told = Vec::new();
    for _ in 0..20 {
        bytes(&mut rig);
        rig.now += Duration::from_secs(1);
        rig.session.handle_timeout(rig.now).unwrap();
        rig.give(Pong {}).unwrap();
        told.extend(rig.events());
    }
    assert_eq!(told, [SessionEvent::PasswordWaits]);
    rig.give(refused(Code::PASSWORD_WRONG, Op::KIND)).unwrap();
    rig.session.handle_timeout(rig.now).unwrap();
    let told = rig.events();
    assert!(matches!(told[..], [SessionEvent::Refused(..)]), "{told:?}");
}

#[test]
fn what_an_operator_wanted_dies_with_its_connection() {
    let one = Allowance { kind: AllowanceKind::LINES, rate: Rate::new(1, 1, 1_000).unwrap() };
    let mut rig = joined(Privacy::Private, Some(Reconnect::default()), vec![one]);
    rig.say("first");
    rig.say("second");
    rig.session.op(secret()).unwrap();
    assert!(!holds_secret(&bytes(&mut rig)), "it waits behind the second line");
    rig.lose();
    // What comes next may be another server, and read by anyone.
    rig.session.note_privacy(Privacy::Unencrypted);
    rig.come_back(43, 42);
    let unanswered = SessionEvent::Unanswered(Unanswered::Moderation);
    assert!(rig.events().contains(&unanswered));
    rig.now += Duration::from_secs(30);
    rig.session.handle_timeout(rig.now).unwrap();
    assert!(!holds_secret(&bytes(&mut rig)));
}
