//! What we have said and the server does not answer: when it is asked, when the front is told, and
//! when the connection is given up.

use std::collections::VecDeque;

use super::super::delivery::{LATE_AFTER, UNANSWERED_MAX};
use super::*;

impl Rig {
    /// Lets time pass as a driver does: it looks whenever the session has asked to.
    fn passes(&mut self, time: Duration) {
        let end = self.now + time;
        while let Some(at) = self.session.poll_timeout().filter(|at| *at < end) {
            self.now = self.now.max(at);
            self.session.handle_timeout(self.now).unwrap();
            if self.session.is_offline() {
                return;
            }
        }
        self.now = end;
        self.session.handle_timeout(self.now).unwrap();
    }

    fn pings(&mut self) -> usize {
        let is_ping = |sent: &Sent| matches!(sent, Sent::Frame(ClientFrame::Ping(_)));
        self.sent().iter().filter(|sent| is_ping(sent)).count()
    }
}

const SECOND: Duration = Duration::from_secs(1);
/// What is asked of a quiet server anyway comes later than all that is tested here.
const LONG: Duration = Duration::from_secs(25);

#[test]
fn a_server_that_owes_an_answer_is_asked_soon_and_given_up_much_sooner() {
    let mut rig = Rig::returning();
    let typed_at = rig.now;
    rig.say("x");
    rig.sent();
    rig.passes(LATE_AFTER / 2);
    assert_eq!((rig.pings(), rig.events().len()), (1, 0), "asked, not yet told");
    rig.passes(LATE_AFTER);
    assert_eq!(rig.events(), [SessionEvent::Undelivered { is_silent: true }]);
    assert!(rig.session.is_late());
    assert!(rig.session.silence(rig.now).is_some_and(|silence| silence >= LATE_AFTER));
    rig.passes(LONG);
    let events = rig.events();
    let [SessionEvent::Offline { why: Loss::Silent { seconds }, attempts: 0, .. }] = &events[..]
    else {
        panic!("{events:?}")
    };
    assert_eq!(*seconds, UNANSWERED_MAX.as_secs());
    assert!(rig.now - typed_at <= UNANSWERED_MAX + 2 * SECOND);
    let kept: Vec<bool> = rig.session.pending_commands().map(|(_, is_sent)| is_sent).collect();
    assert_eq!(kept, [false], "to be said again");
    assert!(!rig.session.is_late(), "that there is no connection says more");
}

#[test]
fn typing_on_does_not_put_the_end_off() {
    let mut rig = Rig::returning();
    let typed_at = rig.now;
    while !rig.session.is_offline() {
        assert!(rig.now - typed_at <= UNANSWERED_MAX + 2 * SECOND);
        rig.say("x");
        rig.sent();
        rig.passes(4 * SECOND);
    }
}

#[test]
fn an_answer_in_time_is_no_news() {
    let mut rig = Rig::returning();
    for number in 0..5 {
        let id = rig.say("x");
        rig.passes(LATE_AFTER / 5);
        rig.give(said(43 + number, "ada", id.0)).unwrap();
        rig.passes(SECOND);
    }
    let told = |event: &SessionEvent| {
        matches!(event, SessionEvent::Undelivered { .. } | SessionEvent::Delivered)
    };
    assert!(!rig.events().iter().any(told));
    assert_eq!(rig.pings(), 0);
}

#[test]
fn a_late_answer_is_reported_once_and_so_is_its_arrival() {
    let mut rig = Rig::returning();
    let id = rig.say("x");
    rig.passes(2 * LATE_AFTER);
    assert_eq!(rig.events(), [SessionEvent::Undelivered { is_silent: true }]);
    rig.give(said(43, "ada", id.0)).unwrap();
    rig.passes(SECOND);
    assert_eq!(rig.events().last(), Some(&SessionEvent::Delivered));
    assert!(!rig.session.is_late() && rig.session.silence(rig.now).is_none());
}

#[test]
fn a_server_that_answers_but_has_not_taken_the_line_is_not_given_up() {
    let mut rig = Rig::returning();
    rig.say("x");
    for _ in 0..60 {
        rig.passes(SECOND);
        for _ in 0..rig.pings() {
            rig.give(Pong {}).unwrap();
        }
    }
    assert!(rig.session.is_joined() && rig.session.is_late());
    assert_eq!(rig.events(), [SessionEvent::Undelivered { is_silent: false }]);
}

#[test]
fn a_slow_link_that_takes_an_upload_is_not_silent() {
    let mut rig = Rig::returning();
    let transfer = rig.session.upload(name("a"), 10_000_000, None).unwrap();
    rig.give(ready(1, 0)).unwrap();
    let mut reads = VecDeque::from(rig.begin());
    rig.say("x");
    for _ in 0..20 {
        let Some(FileRequest::Read { length, .. }) = reads.pop_front() else { panic!() };
        rig.reply(FileReply::Block { transfer, block: pattern(length) });
        rig.sent();
        reads.extend(rig.requests());
        rig.passes(2 * SECOND);
    }
    assert!(rig.session.is_joined() && rig.session.is_late());
}

#[test]
fn where_nothing_is_awaited_silence_is_allowed_for_longer() {
    let mut rig = Rig::returning();
    rig.passes(UNANSWERED_MAX + SECOND);
    assert!(rig.session.is_joined() && rig.events().is_empty());
}

#[test]
fn a_refusal_tells_what_was_refused() {
    let mut rig = Rig::joined();
    let id = rig.say("too much");
    let refusal = Refused { id: Some(id), ..refused(Code::TEXT_INVALID, Say::KIND) };
    rig.give(refusal.clone()).unwrap();
    let command = PendingCommand::Say { text: message("too much"), style: Style::SPEECH };
    assert_eq!(rig.events(), [SessionEvent::Refused(refusal, Some(command))]);
}
