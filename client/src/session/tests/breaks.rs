//! The connection breaks after every byte, in either direction; and then several times, at random.
//! Whatever happens, each line is there once and in order, and each file arrives.

use proptest::prelude::*;

use super::model::{Cut, Server};
use super::world::{Plan, Way, World};
use super::*;

const WAYS: [Way; 2] = [Way::ToServer, Way::ToClient];

/// What all of them do: ada talks, shares a file and fetches one, while bob talks as well.
struct Story {
    world: World,
    up: TransferHandle,
    down: TransferHandle,
    content: Vec<u8>,
}

/// None when the connection broke before the first `Welcome`: that is the end.
fn story(plan: Plan, history: Option<u32>, bytes: usize) -> Option<Story> {
    let content = pattern(bytes);
    let mut server = Server::new(vec![(item(1, &content), content.clone())]);
    server.bob_says("before ada");
    server.bob_says("just before ada");
    let mut world = World::new(plan, history, server);
    world.typed = vec!["typed later".into(), "typed while away".into()];
    if !world.run_until_joined() {
        return None;
    }
    world.say("one");
    let up = world.upload(content[1..].to_vec(), 1);
    world.server.bob_says("hello ada");
    world.say("two");
    world.session.tell(nick("bob"), message("psst")).unwrap();
    let down = world.session.download(ItemId(1), 0).unwrap();
    world.session.set_topic(Topic::new("breaks").ok()).unwrap();
    world.say("three");
    Some(Story { world, up, down, content })
}

impl Story {
    /// Runs to the end and checks what must hold however often the connection broke.
    fn check(mut self, what: &str) -> World {
        self.world.run();
        let Self { world, up, down, content } = self;
        assert!(world.session.is_joined() && world.session.outstanding() == 0, "{what}");
        assert_eq!(world.session.transfers_outstanding(), 0, "{what}");
        assert_eq!(world.outcome(down), &Outcome::Downloaded, "{what}");
        assert!(world.files[&down] == content, "{what}");
        let made = world.server.shelf.iter().filter(|(item, _)| item.name == name("up"));
        let made: Vec<_> = made.collect();
        assert_eq!(made.len(), 1, "{what}: once on the shelf");
        assert!(made[0].1 == content[1..], "{what}");
        assert_eq!(world.outcome(up), &Outcome::Uploaded(made[0].0.id), "{what}");
        world
    }
}

/// Checks that the client has seen the log as it is, from where its history began.
fn has_seen_all(world: &World, what: &str) {
    let seen = world.seen();
    let first = *seen.keys().next().expect("something was seen");
    let log = &world.server.log[first.0 as usize - 1..];
    assert!(seen.values().copied().eq(log), "{what}: {seen:#?}\n{log:#?}");
}

/// How many bytes go each way when nothing breaks.
fn lengths(history: Option<u32>) -> [usize; 2] {
    let world = story(Vec::new(), history, 250).unwrap().check("unbroken");
    has_seen_all(&world, "unbroken");
    assert_eq!(world.server.said_by_ada(), ["one", "two", "three"]);
    world.moved
}

fn break_everywhere(history: Option<u32>, cut: Cut) {
    let lengths = lengths(history);
    for way in WAYS {
        let mut too_early = 0;
        for at in 0..lengths[way as usize] {
            let what = format!("{cut:?} after {at} bytes {way:?}, history {history:?}");
            let Some(story) = story(vec![(way, at, cut)], history, 250) else {
                assert_eq!(too_early, at, "{what}");
                too_early += 1;
                continue;
            };
            let world = story.check(&what);
            has_seen_all(&world, &what);
            assert_eq!(world.away, 1, "{what}");
            assert_eq!(world.session.nick(), &nick("ada"), "{what}");
            assert_eq!(world.server.said_by_ada(), world.said, "{what}");
        }
        assert!((50..150).contains(&too_early), "{too_early}");
    }
}

#[test]
fn a_break_that_the_server_sees_costs_nothing_wherever_it_is() {
    break_everywhere(Some(1), Cut::Noticed);
}

#[test]
fn a_break_that_the_server_does_not_see_costs_nothing_wherever_it_is() {
    break_everywhere(None, Cut::Unnoticed);
}

#[test]
fn a_restart_of_the_server_costs_nothing_wherever_it_is() {
    break_everywhere(Some(0), Cut::Crash(0));
}

fn cuts() -> impl Strategy<Value = Plan> {
    let cut =
        prop_oneof![Just(Cut::Noticed), Just(Cut::Unnoticed), (0..3_usize).prop_map(Cut::Crash)];
    let way = prop_oneof![Just(Way::ToServer), Just(Way::ToClient)];
    prop::collection::vec((way, 1..4000_usize, cut), 1..12)
}

/// Cuts that come before the first welcome end the session: they are no matter of this.
fn after_joining(mut plan: Plan) -> Plan {
    if let Some(first) = plan.first_mut() {
        first.1 += 400;
    }
    plan
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn any_number_of_breaks_costs_nothing(plan in cuts(), history in 0..4_u32, big: bool) {
        let loses = plan.iter().any(|(_, _, cut)| matches!(cut, Cut::Crash(1..)));
        let bytes = if big { 2 * BLOCK_BYTES + 99 } else { 1000 };
        let story = story(after_joining(plan), Some(history), bytes).unwrap();
        let world = story.check("at random");
        has_seen_all(&world, "at random");
        if !loses {
            prop_assert_eq!(world.server.said_by_ada(), world.said);
        }
    }

    #[test]
    fn what_is_no_longer_held_is_said_to_be_missed(plan in cuts(), trims_to in 0..4_u64) {
        let plan = plan.into_iter().filter(|(_, _, cut)| !matches!(cut, Cut::Crash(1..)));
        let mut story = story(after_joining(plan.collect()), Some(2), 1000).unwrap();
        story.world.trims_to = Some(trims_to);
        let world = story.check("trimmed");
        let seen = world.seen();
        let logged = |seq: Seq| &world.server.log[seq.0 as usize - 1];
        prop_assert!(seen.iter().all(|(seq, event)| logged(*seq) == *event));
        let mut said = world.server.said_by_ada();
        said.retain(|text| !world.said.contains(text));
        prop_assert!(said.is_empty());
    }
}
