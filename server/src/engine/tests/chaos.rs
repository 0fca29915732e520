//! Everything at once, at random: peers that connect, talk, transfer, stop reading and break, over
//! a disk that waits and fails. Every peer checks what it is sent; in the end all agree and, once
//! they are gone, nothing is left.

use chatshelf_common::id::TransferId;
use chatshelf_common::wire::Code;
use proptest::prelude::*;

use super::peer::{Peer, content};
use super::rig::{AnyRig, SETTINGS};
use crate::engine::Settings;
use crate::engine::layered::Habits;
use crate::engine::transfers::key;

#[derive(Clone, Debug)]
enum Op {
    Come,
    Say(usize, usize),
    Rename(usize, u8),
    Tell(usize, u8),
    Offer(usize, usize),
    Send(usize, usize),
    Request(usize, u64),
    Cancel(usize, u32),
    Raw(usize, Vec<u8>),
    Allow(usize, usize),
    Leave(usize),
    End(usize),
    Reset(usize),
    Hold,
    Work(usize),
    Fail(&'static str),
    Turn,
    Pass(u64),
}

fn op() -> impl Strategy<Value = Op> {
    let who = 0usize..8;
    let failing = prop::sample::select(vec!["Create", "Write", "Publish", "Open", "Read"]);
    let size = prop_oneof![0usize..100, 100_000usize..700_000];
    prop_oneof![
        4 => Just(Op::Come),
        6 => (who.clone(), 1usize..8000).prop_map(|(who, length)| Op::Say(who, length)),
        2 => (who.clone(), 0u8..12).prop_map(|(who, name)| Op::Rename(who, name)),
        1 => (who.clone(), 0u8..12).prop_map(|(who, name)| Op::Tell(who, name)),
        5 => (who.clone(), size).prop_map(|(who, size)| Op::Offer(who, size)),
        9 => (who.clone(), 1usize..400_000).prop_map(|(who, bytes)| Op::Send(who, bytes)),
        5 => (who.clone(), 0u64..12).prop_map(|(who, item)| Op::Request(who, item)),
        2 => (who.clone(), 0u32..9).prop_map(|(who, back)| Op::Cancel(who, back)),
        1 => (who.clone(), prop::collection::vec(any::<u8>(), 1..20))
            .prop_map(|(who, bytes)| Op::Raw(who, bytes)),
        8 => (who.clone(), prop_oneof![Just(0), 1usize..100_000, Just(usize::MAX)])
            .prop_map(|(who, room)| Op::Allow(who, room)),
        1 => who.clone().prop_map(Op::Leave),
        1 => who.clone().prop_map(Op::End),
        1 => who.prop_map(Op::Reset),
        1 => Just(Op::Hold),
        4 => (1usize..6).prop_map(Op::Work),
        2 => failing.prop_map(Op::Fail),
        15 => Just(Op::Turn),
        2 => (1u64..20_000).prop_map(Op::Pass),
    ]
}

/// A peer with its current upload.
struct Actor {
    peer: Peer,
    number: u32,
    /// The content of the upload under `number`, and how much of it is sent.
    upload: Option<(Vec<u8>, usize)>,
}

impl Actor {
    fn is_open(&self) -> bool {
        let wire = self.peer.wire.borrow();
        !wire.ended && !wire.broken && !wire.dropped
    }

    /// Sends the next bytes of the upload, once the server is ready for it.
    fn send_more<const SHORT: bool>(&mut self, rig: &AnyRig<SHORT>, bytes: usize) {
        let Some((file, sent)) = &mut self.upload else { return };
        let at = key(self.peer.token, TransferId(self.number));
        if !rig.engine.transfers.is_receiving(at) {
            return;
        }
        let end = (*sent + bytes).min(file.len());
        self.peer.data(self.number, *sent as u64, &file[*sent..end], 60_000);
        *sent = end;
        if end == file.len() {
            self.peer.done(self.number, file);
            self.upload = None;
        }
    }
}

struct Chaos<const SHORT: bool> {
    rig: AnyRig<SHORT>,
    actors: Vec<Actor>,
    came: usize,
    /// The seed of the connections' layers, if they have any.
    layers: Option<u64>,
}

impl<const SHORT: bool> Chaos<SHORT> {
    fn new(layers: Option<u64>) -> Self {
        let rig = AnyRig::with(Settings { keep: 3, members_max: 6, ..SETTINGS });
        Self { rig, actors: Vec::new(), came: 0, layers }
    }

    fn act(&mut self, op: &Op) {
        let rig = &mut self.rig;
        let (Op::Say(who, _)
        | Op::Rename(who, _)
        | Op::Tell(who, _)
        | Op::Offer(who, _)
        | Op::Send(who, _)
        | Op::Request(who, _)
        | Op::Cancel(who, _)
        | Op::Raw(who, _)
        | Op::Allow(who, _)
        | Op::Leave(who)
        | Op::End(who)
        | Op::Reset(who)) = op
        else {
            return self.act_around(op);
        };
        let Some(actor) = self.actors.get_mut(*who) else { return };
        if !actor.is_open() {
            return;
        }
        match op {
            Op::Say(_, length) => actor.peer.say(&"x".repeat(*length)),
            Op::Rename(_, name) => actor.peer.rename(&format!("name-{name}")),
            Op::Tell(_, name) => actor.peer.tell(&format!("name-{name}"), "psst"),
            Op::Offer(_, size) if actor.upload.is_none() => {
                actor.number += 1;
                actor.peer.offer(actor.number, *size as u64);
                actor.upload = Some((content(*size), 0));
            }
            Op::Offer(..) => {}
            Op::Send(_, bytes) => actor.send_more(rig, *bytes),
            // The number of a running upload must stay the newest.
            Op::Request(_, item) if actor.upload.is_none() => {
                actor.number += 1;
                actor.peer.request(actor.number, *item, None);
            }
            Op::Request(..) => {}
            Op::Cancel(_, back) => {
                if *back == 0 {
                    actor.upload = None;
                }
                actor.peer.cancel(actor.number.saturating_sub(*back));
            }
            Op::Raw(_, bytes) => actor.peer.send_raw(bytes),
            Op::Allow(_, room) => actor.peer.allow(*room),
            Op::Leave(_) => actor.peer.leave(),
            Op::End(_) => actor.peer.end(),
            _ => actor.peer.reset(),
        }
    }

    fn act_around(&mut self, op: &Op) {
        match op {
            Op::Come => {
                let habits = self.layers.map(|it| Habits::of(it.wrapping_add(self.came as u64)));
                self.rig.habits = habits;
                let peer = self.rig.connect();
                peer.hello();
                peer.join(&format!("name-{}", self.came % 12), Some((self.came * 7 % 60) as u32));
                self.came += 1;
                self.actors.retain(|actor| !actor.peer.is_dropped());
                self.actors.push(Actor { peer, number: 0, upload: None });
            }
            Op::Hold => self.rig.disk.is_held = true,
            Op::Work(requests) => self.rig.work(*requests),
            Op::Fail(kind) => self.rig.fail(kind, Code::STORAGE_FAILED),
            Op::Pass(ms) => self.rig.pass(*ms),
            _ => self.rig.turn(),
        }
        for actor in &mut self.actors {
            actor.peer.take();
        }
    }

    fn end(&mut self) {
        self.rig.disk.failure = None;
        for actor in &self.actors {
            actor.peer.allow(usize::MAX);
        }
        self.rig.release_disk();
        let last = self.rig.engine.room.log().last_seq();
        let mut views = Vec::new();
        for actor in &mut self.actors {
            actor.peer.take();
            let token = actor.peer.token;
            let connection = self.rig.engine.connections.get(token);
            let is_member = connection.is_some_and(|it| it.nick().is_some());
            if is_member {
                assert!(
                    actor.peer.last_event() == Some(last) || actor.peer.welcomed() == Some(last)
                );
                views.push(actor.peer.state().clone());
            }
        }
        assert!(views.windows(2).all(|pair| pair[0] == pair[1]));
        let log = self.rig.engine.room.log();
        assert_eq!(self.rig.journal.len() as u64, log.end());
        for actor in self.actors.iter().filter(|actor| actor.is_open()) {
            actor.peer.reset();
        }
        self.rig.settle();
        self.rig.pass(10_000);
        self.rig.assert_empty();
    }
}

fn run<const SHORT: bool>(ops: &[Op], layers: Option<u64>) {
    let mut chaos = Chaos::<SHORT>::new(layers);
    ops.iter().for_each(|op| chaos.act(op));
    chaos.end();
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 60, failure_persistence: None, ..ProptestConfig::default()
    })]

    #[test]
    fn whatever_happens_members_agree_and_nothing_is_left(
        ops in prop::collection::vec(op(), 50..250),
        layers in any::<u64>(),
    ) {
        run::<true>(&ops, None);
        run::<false>(&ops, None);
        run::<true>(&ops, Some(layers));
    }
}
