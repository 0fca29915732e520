//! A server under mixed load for as long as one likes, looked at all the time: nothing that it uses
//! may grow without end, and when everyone has left nothing may be left. `make soak MINUTES=30`
//! runs it. Linux only: elsewhere the system does not tell.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use chatshelf_client::load::attackers::Attackers;
use chatshelf_client::load::options::Attack;
use chatshelf_testkit::peer::Peer;
use chatshelf_testkit::proc_stats;
use chatshelf_testkit::programs::Server;
use chatshelf_testkit::rng::Rng;
use chatshelf_testkit::wait::eventually;

use crate::crowd::crowds_in_and_out;
use crate::harness::Home;
use crate::harness::workload::{Member, Reader, Resumer, Talker, Uploader, Work, membership};

const MINUTES: u64 = 30;
/// Those who come, read nothing and leave when the load is over.
const CROWD: u64 = 6000;
/// From one look at the server to the next.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// Rows of the table, about.
const ROWS: usize = 40;
/// More than the log ever holds: once it has been full, it needs no more.
const WARM_UP_BYTES: usize = 9 << 20;
const WARM_UP_IN_FLIGHT: usize = 500;
const ATTACK: Attack = Attack { slow: 50, deaf: 10, garbage: 10 };

/// By how much the last quarter's median may be above the second's: twice what it varies by in runs
/// in which nothing grows.
const MEMORY_KIB_GROWTH_MAX: u64 = 2048;
const DESCRIPTORS_GROWTH_MAX: u64 = 10;

/// What all have done so far.
#[derive(Default)]
struct Tally {
    is_over: AtomicBool,
    memberships: AtomicUsize,
    files: AtomicUsize,
    /// Number of the newest event that anyone has seen.
    newest: AtomicU64,
}

/// What the server used at one moment.
#[derive(Clone, Copy, Debug)]
struct Sample {
    memory_kib: u64,
    descriptors: u64,
    threads: u64,
    data_bytes: u64,
}

impl Sample {
    fn of(server: &Server, data_dir: &Path) -> Self {
        let pid = server.pid();
        Self {
            memory_kib: proc_stats::memory_kib(pid).expect("the server runs"),
            descriptors: proc_stats::descriptors(pid).len() as u64,
            threads: proc_stats::threads(pid).expect("the server runs"),
            data_bytes: size(data_dir),
        }
    }

    fn print(&self, time: Duration, tally: &Tally, ended: usize) {
        let Self { memory_kib, descriptors, threads, data_bytes } = self;
        let count = |counter: &AtomicUsize| counter.load(Ordering::Relaxed);
        println!(
            "{:>3}:{:02} {memory_kib:>11} {descriptors:>11} {threads:>7} {:>9} {:>9} {:>11} {:>7} \
             {ended:>7}",
            time.as_secs() / 60,
            time.as_secs() % 60,
            data_bytes / 1024,
            tally.newest.load(Ordering::Relaxed),
            count(&tally.memberships),
            count(&tally.files),
        );
    }
}

const HEAD: &str =
    "  time  memory KiB descriptors threads  data KiB    events memberships   files  ousted";

/// Bytes of all files below a folder. What goes meanwhile does not count.
fn size(path: &Path) -> u64 {
    let Ok(entries) = fs::read_dir(path) else {
        return fs::metadata(path).map_or(0, |metadata| metadata.len());
    };
    entries.filter_map(Result::ok).map(|entry| size(&entry.path())).sum()
}

#[test]
#[ignore = "takes half an hour, or MINUTES"]
fn nothing_grows_under_mixed_load_and_nothing_is_left_afterwards() {
    let minutes = std::env::var("MINUTES").ok().filter(|text| !text.is_empty());
    let minutes = minutes.map_or(MINUTES, |text| text.parse().expect("MINUTES is a number"));
    let time = Duration::from_secs(60 * minutes.max(1));
    let home = Home::new();
    let server = home.start_that_tells_counts(&["--history", "100000", "--max-file-size", "64MiB"]);
    warm_up(server.address());
    let idle = idle(&server, &home);
    println!("{HEAD}");
    let (samples, tally) = load(&server, &home, time);
    let last = eventually("the descriptors of all who have left", || {
        let sample = Sample::of(&server, &home.data_dir());
        (sample.descriptors <= idle.descriptors).then_some(sample)
    });
    crowds_in_and_out(&server, CROWD);
    println!("idle before: {idle:?}\nidle after:  {last:?}");
    assert_eq!(last.threads, idle.threads, "threads are left");
    let quarter = samples.len() / 4;
    let (second, fourth) = (&samples[quarter..2 * quarter], &samples[3 * quarter..]);
    is_steady("memory in KiB", second, fourth, |it| it.memory_kib, MEMORY_KIB_GROWTH_MAX);
    is_steady("descriptors", second, fourth, |it| it.descriptors, DESCRIPTORS_GROWTH_MAX);
    is_steady("threads", second, fourth, |it| it.threads, 0);
    check_counters(server, &tally);
}

/// The server has counted what its peers have done.
fn check_counters(server: Server, tally: &Tally) {
    server.signal("TERM");
    let ended = server.wait();
    ended.has_code(0);
    let line = ended.stderr.lines().find(|line| line.contains("served: ")).expect("its last line");
    println!("{line}");
    let counted = |name: &str| -> usize {
        let (_, rest) = line.split_once(&format!("{name} ")).expect(name);
        rest.split([',', ' ']).next().and_then(|number| number.parse().ok()).expect(name)
    };
    let (memberships, files) = (&tally.memberships, &tally.files);
    assert!(counted("joins") + counted("returns") >= memberships.load(Ordering::Relaxed));
    assert!(counted("uploads") >= files.load(Ordering::Relaxed));
    assert_eq!(counted("connections"), counted("closed"), "connections are left");
    assert!(counted("lines") > 0 && counted("bytes out") > counted("bytes in"));
}

#[test]
fn a_server_logs_at_its_end_what_it_has_counted() {
    let home = Home::new();
    let server = home.start_that_tells_counts(&[]);
    let mut peer = Peer::join(server.address(), "ada");
    peer.say_and_hear("hello");
    peer.upload("hello.txt", b"hello");
    peer.try_leave().unwrap();
    let tally = Tally { memberships: 1.into(), files: 1.into(), ..Tally::default() };
    check_counters(server, &tally);
}

#[test]
fn a_signal_makes_a_server_log_what_it_has_counted_so_far() {
    let home = Home::new();
    let server = home.start_that_tells_counts(&[]);
    Peer::join(server.address(), "ada").say_and_hear("hello");
    server.signal("USR1");
    let joined = Peer::join(server.address(), "eve");
    server.signal("TERM");
    drop(joined);
    let ended = server.wait();
    ended.has_code(0);
    let [so_far, served] = ["so far: up ", "served: up "].map(|start| {
        let line = ended.stderr.lines().find(|line| line.contains(start));
        line.unwrap_or_else(|| panic!("no {start:?}:\n{}", ended.stderr))
    });
    assert!(so_far.contains(" lines 1, ") && served.contains(" joins 2, "), "{}", ended.stderr);
}

/// Uses once what is used only once, and fills the log, with lines shorter than those to come: it
/// will never hold more of them.
fn warm_up(address: SocketAddr) {
    let mut peer = Peer::join(address, "warm-up");
    let line = "x".repeat(80);
    for _ in 0..WARM_UP_BYTES / line.len() / WARM_UP_IN_FLIGHT {
        for _ in 1..WARM_UP_IN_FLIGHT {
            peer.say(&line);
        }
        peer.say_and_hear(&line);
    }
    peer.upload("0-0", b"");
    peer.try_leave().unwrap();
}

/// What the server uses when the last to leave has left no trace: two looks find the same.
fn idle(server: &Server, home: &Home) -> Sample {
    eventually("an idle server", || {
        let look = || Sample::of(server, &home.data_dir());
        let sample = look();
        std::thread::sleep(Duration::from_millis(500));
        (look().descriptors == sample.descriptors).then_some(sample)
    })
}

/// Lets all kinds of members and attackers loose for so long, and looks at the server meanwhile.
fn load(server: &Server, home: &Home, time: Duration) -> (Vec<Sample>, Arc<Tally>) {
    let tally = Arc::new(Tally::default());
    let crowd = Crowd::start(server.address(), &tally);
    let attackers = Attackers::start(server.address(), ATTACK).expect("a poll and a thread");
    let (begun, mut samples) = (Instant::now(), Vec::new());
    let row_every = (time.as_secs() / LOOK_EVERY.as_secs()) as usize / ROWS + 1;
    while begun.elapsed() < time {
        std::thread::sleep(LOOK_EVERY);
        let sample = Sample::of(server, &home.data_dir());
        samples.push(sample);
        if samples.len() % row_every == 0 {
            let ended = attackers.tally().ended;
            sample.print(begun.elapsed(), &tally, ended);
        }
        assert!(!crowd.has_failed(), "a member is not content");
    }
    tally.is_over.store(true, Ordering::Relaxed);
    crowd.end();
    println!("attackers: {:?}", attackers.tally());
    (samples, tally)
}

/// Members of all kinds, who come and go.
struct Crowd {
    talkers: Vec<JoinHandle<Talker>>,
    uploaders: Vec<JoinHandle<Uploader>>,
    resumers: Vec<JoinHandle<Resumer>>,
    readers: Vec<JoinHandle<Reader>>,
}

impl Crowd {
    fn start(address: SocketAddr, tally: &Arc<Tally>) -> Self {
        let mut random = Rng::from_environment("SOAK_SEED");
        let mut newcomer = |kind: &str, n: u64, pause_ms: u64| {
            let pause = Duration::from_millis(pause_ms * n);
            (Member::new(&format!("{kind}{n}"), random.fork(), pause), random.fork())
        };
        let publishing = Arc::new(AtomicUsize::new(0));
        let talkers = (1..=5).map(|n| {
            let (member, random) = newcomer("talker", n, 4);
            come_and_go(Talker::new(member, 2 * n as usize), address, random, tally)
        });
        let talkers = talkers.collect();
        let uploaders = (1..=2).map(|n| {
            let (member, random) = newcomer("uploader", n, 150);
            come_and_go(Uploader::new(member, Arc::clone(&publishing)), address, random, tally)
        });
        let uploaders = uploaders.collect();
        let resumers = (1..=2).map(|n| {
            let (member, random) = newcomer("resumer", n, 40);
            come_and_go(Resumer::new(member, Arc::clone(&publishing)), address, random, tally)
        });
        let resumers = resumers.collect();
        let readers = (1..=2).map(|n| {
            let (member, random) = newcomer("reader", n, 60);
            come_and_go(Reader::new(member), address, random, tally)
        });
        Self { talkers, uploaders, resumers, readers: readers.collect() }
    }

    /// True when one of them has met something that must not be.
    fn has_failed(&self) -> bool {
        self.talkers.iter().any(JoinHandle::is_finished)
            || self.uploaders.iter().any(JoinHandle::is_finished)
            || self.resumers.iter().any(JoinHandle::is_finished)
            || self.readers.iter().any(JoinHandle::is_finished)
    }

    /// Waits until all have left, and says what they have done.
    fn end(self) {
        let returns: usize = joined(self.talkers).iter().map(|it| it.returns).sum();
        joined(self.uploaders);
        let resumers = joined(self.resumers);
        let resumed: usize = resumers.iter().map(|it| it.resumed).sum();
        let downloads: usize = joined(self.readers).iter().map(|it| it.downloads).sum();
        println!("{returns} returns to the line, {resumed} uploads resumed, {downloads} downloads");
        assert!(returns > 0 && resumed > 0 && downloads > 0, "it was no test");
    }
}

fn joined<W>(threads: Vec<JoinHandle<W>>) -> Vec<W> {
    threads.into_iter().map(|thread| thread.join().unwrap()).collect()
}

/// One who joins, works for a while, leaves, and comes back a little later.
fn come_and_go<W: Work + 'static>(
    mut work: W,
    address: SocketAddr,
    mut random: Rng,
    tally: &Arc<Tally>,
) -> JoinHandle<W> {
    let tally = Arc::clone(tally);
    std::thread::spawn(move || {
        while !tally.is_over.load(Ordering::Relaxed) {
            let stay = Duration::from_millis(200 + random.below(5_000));
            let begun = Instant::now();
            let is_over =
                |_: &Peer| begun.elapsed() > stay || tally.is_over.load(Ordering::Relaxed);
            let (told, end) = membership(&mut work, address, is_over);
            end.expect("the server stays");
            tally.memberships.fetch_add(1, Ordering::Relaxed);
            tally.files.fetch_add(told.stored.len(), Ordering::Relaxed);
            let newest = told.events.last().map_or(0, |event| event.seq().0);
            tally.newest.fetch_max(newest, Ordering::Relaxed);
            std::thread::sleep(Duration::from_millis(random.below(500)));
        }
        work
    })
}

/// Fails when the median of the last quarter is above that of the second by more than `most`.
fn is_steady(
    what: &str,
    second: &[Sample],
    fourth: &[Sample],
    value: impl Fn(&Sample) -> u64,
    most: u64,
) {
    let median = |samples: &[Sample]| {
        let mut values: Vec<u64> = samples.iter().map(&value).collect();
        values.sort_unstable();
        values[values.len() / 2]
    };
    let (before, after) = (median(second), median(fourth));
    println!("{what}: {before} in the second quarter, {after} in the last; at most {most} more");
    assert!(after <= before + most, "{what} grows");
}
