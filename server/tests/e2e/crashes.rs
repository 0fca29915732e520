//! A server that is killed at any moment, and started again where it was: what anyone was shown is
//! still there, and nothing half done is.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use chatshelf_testkit::programs::Server;
use chatshelf_testkit::rng::Rng;
use chatshelf_testkit::wait::eventually;

use crate::harness::Home;
use crate::harness::ledger::Ledger;
use crate::harness::workload::{Member, Reader, Resumer, Talker, Told, Uploader, Work, membership};

/// The whole log is shown to who asks for it.
const ALL: &[&str] = &["--history", "100000"];
/// Levels of durability at which nothing that was shown may be lost, mostly the default.
const LEVELS: [&str; 4] = ["interval", "interval", "interval", "always"];
/// Kills in an ordinary run of the tests, and the fewest that prove anything.
const KILLS: usize = 12;
/// A busy machine gets little done between two kills: then there are more, up to so many times
/// more.
const KILLS_FACTOR_MAX: usize = 5;
/// What the server says when its disk has hung for so long that it has to choose between the talk
/// and the promise.
const DISK_HUNG: &str = "the disk is slow";
/// Longest time from the start of the load to the kill.
const LOAD_MS_MAX: u64 = 300;

/// When the server is killed.
#[derive(Debug)]
enum Moment {
    /// So long after the load has begun.
    After(Duration),
    /// So long after the last bytes of so many files are on their way.
    Publishing { files: usize, then: Duration },
    /// The same of a file whose upload can be resumed.
    PublishingKeyed { then: Duration },
}

/// Longest time from a file's last bytes to the kill.
const THEN_US_MAX: u64 = 20_000;

impl Moment {
    fn random(random: &mut Rng) -> Self {
        let then = Duration::from_micros(random.below(THEN_US_MAX));
        match random.below(4) {
            0 => Self::Publishing { files: 1 + random.below(8) as usize, then },
            1 => Self::PublishingKeyed { then },
            _ => Self::After(Duration::from_millis(random.below(LOAD_MS_MAX))),
        }
    }

    fn wait(&self, publishing: &Publishing) {
        let wait_for = |counter: &AtomicUsize, files: usize, then| {
            let have_come = || counter.load(Ordering::Relaxed) >= files;
            eventually("files on their way", || have_come().then_some(()));
            std::thread::sleep(then);
        };
        match *self {
            Self::After(time) => std::thread::sleep(time),
            Self::Publishing { files, then } => wait_for(&publishing.files, files, then),
            Self::PublishingKeyed { then } => wait_for(&publishing.keyed, 1, then),
        }
    }
}

/// Counts files whose last bytes are on their way, in one round.
#[derive(Clone, Default)]
struct Publishing {
    files: Arc<AtomicUsize>,
    /// Those whose uploads can be resumed.
    keyed: Arc<AtomicUsize>,
}

/// Those who are in the room between a start and a kill.
struct Crowd {
    talkers: Vec<Talker>,
    uploaders: Vec<Uploader>,
    resumers: Vec<Resumer>,
    readers: Vec<Reader>,
    publishing: Publishing,
}

impl Crowd {
    fn new(random: &mut Rng) -> Self {
        let publishing = Publishing::default();
        let mut member =
            |name, pause_ms| Member::new(name, random.fork(), Duration::from_millis(pause_ms));
        let mut talker = |name, window, pause_ms| Talker::new(member(name, pause_ms), window);
        let talkers = vec![talker("ada", 1, 0), talker("bob", 8, 0), talker("carol", 3, 2)];
        let mut uploader = |name| Uploader::new(member(name, 0), Arc::clone(&publishing.files));
        let uploaders = vec![uploader("dora"), uploader("emil")];
        let mut resumer =
            |name, pause_ms| Resumer::new(member(name, pause_ms), Arc::clone(&publishing.keyed));
        let resumers = vec![resumer("finn", 8), resumer("gina", 2)];
        let readers = vec![Reader::new(member("hugo", 0))];
        Self { talkers, uploaders, resumers, readers, publishing }
    }

    fn everyone(&mut self) -> impl Iterator<Item = &mut dyn Work> {
        let talkers = self.talkers.iter_mut().map(|it| it as &mut dyn Work);
        let uploaders = self.uploaders.iter_mut().map(|it| it as &mut dyn Work);
        let resumers = self.resumers.iter_mut().map(|it| it as &mut dyn Work);
        let readers = self.readers.iter_mut().map(|it| it as &mut dyn Work);
        talkers.chain(uploaders).chain(resumers).chain(readers)
    }

    /// Everyone is busy until the server is killed; what they were told, and what it had said.
    fn work_until_the_kill(&mut self, server: Server, moment: &Moment) -> (Vec<Told>, String) {
        let (address, publishing) = (server.address(), self.publishing.clone());
        publishing.files.store(0, Ordering::Relaxed);
        publishing.keyed.store(0, Ordering::Relaxed);
        std::thread::scope(|scope| {
            let busy: Vec<_> = self
                .everyone()
                .map(|work| scope.spawn(move || membership(work, address, |_| false).0))
                .collect();
            moment.wait(&publishing);
            let ended = server.kill();
            (busy.into_iter().map(|thread| thread.join().unwrap()).collect(), ended.stderr)
        })
    }

    /// True when enough was done for so many kills to be a test.
    fn has_proved(&self, kills: usize, ledger: &Ledger) -> bool {
        let resumed: usize = self.resumers.iter().map(|it| it.resumed).sum();
        let returns: usize = self.talkers.iter().map(|it| it.returns).sum();
        let downloads: usize = self.readers.iter().map(|it| it.downloads).sum();
        let is_busy = ledger.events.len() > 20 * kills && ledger.items.len() > kills;
        is_busy && resumed > 0 && returns > kills && downloads > 0
    }
}

fn kills() -> usize {
    let asked = std::env::var("KILLS").ok().filter(|text| !text.is_empty());
    asked.map_or(KILLS, |text| text.parse().expect("KILLS is a number")).max(KILLS)
}

#[test]
fn a_kill_at_any_moment_takes_back_nothing_that_anyone_was_shown() {
    let (kills, mut random) = (kills(), Rng::from_environment("KILL_SEED"));
    let home = Home::new();
    let (mut crowd, mut ledger) = (Crowd::new(&mut random), Ledger::default());
    let mut round = 0;
    while round < kills || round < KILLS_FACTOR_MAX * kills && !crowd.has_proved(kills, &ledger) {
        round += 1;
        if random.one_in(6) {
            home.kill_in_the_start(&mut random);
        }
        let level = random.pick(&LEVELS);
        let server = home.start(&[ALL, &["--durability", level]].concat());
        ledger.audit(&home, &server, crowd.resumers.len());
        let moment = Moment::random(&mut random);
        println!("kill {round}, at {level}: {moment:?}");
        let (told, stderr) = crowd.work_until_the_kill(server, &moment);
        assert!(!stderr.contains("panicked"), "{stderr}");
        if stderr.contains(DISK_HUNG) {
            return eprintln!("not tested further: {DISK_HUNG}, and what it promises is less then");
        }
        told.into_iter().for_each(|told| ledger.note(told));
    }
    let server = home.start(ALL);
    ledger.audit(&home, &server, crowd.resumers.len());
    server.end_well();
    let (events, items, stored) = (ledger.events.len(), ledger.items.len(), ledger.stored.len());
    let resumed: usize = crowd.resumers.iter().map(|it| it.resumed).sum();
    let found: usize = crowd.resumers.iter().map(|it| it.found).sum();
    let returns: usize = crowd.talkers.iter().map(|it| it.returns).sum();
    let downloads: usize = crowd.readers.iter().map(|it| it.downloads).sum();
    println!(
        "{round} kills: {events} events, {items} items, {stored} of them confirmed, {resumed} \
         uploads resumed and {found} found on the shelf, {returns} returns to the line, {downloads} downloads"
    );
    assert!(crowd.has_proved(kills, &ledger), "it was no test");
}
