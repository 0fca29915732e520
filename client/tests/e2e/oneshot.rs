//! One-shot commands: what they print, what they leave unsaid, and their exit codes. Those that
//! move files are in `oneshot_files`.

use std::io::{BufRead, BufReader};
use std::process::Stdio;

use chatshelf_common::wire::Code;
use chatshelf_common::wire::frame::{Frame, Goodbye, Join, Refused};
use chatshelf_testkit::fake_server::{FakeServer, JOINED_AT, Nowhere};
use chatshelf_testkit::peer::Peer;
use chatshelf_testkit::programs::Program;
use chatshelf_testkit::server_frames::{hello_ack, snapshot, welcome};
use chatshelf_testkit::wait::eventually;
use serde_json::{Value, json};

use crate::harness::programs;
use crate::harness::room::{Room, client_command, client_with, spoken};

/// What was printed, as JSON, a value a line.
pub(crate) fn values(output: &str) -> Vec<Value> {
    let value = |line| serde_json::from_str(line).unwrap_or_else(|why| panic!("{line}: {why}"));
    output.lines().map(value).collect()
}

#[test]
fn tail_shows_what_holds_the_words_and_counts_that() {
    let room = Room::open();
    room.run("ada", "the build is done\nlunch?\nThe Build broke\nbuilding again\n").has_code(0);
    let tail = |options: &[&str]| {
        let ended = room.once(&[&["tail", "--grep"], options].concat(), "");
        ended.has_code(0);
        ended.stdout
    };
    let shown = tail(&["BUILD"]);
    assert_eq!(
        spoken(&shown),
        ["ada  the build is done", "ada  The Build broke", "ada  building again"]
    );
    assert_eq!(spoken(&tail(&["build", "-n", "1"])), ["ada  building again"]);
    assert_eq!(spoken(&tail(&["done build", "-n", "all"])), ["ada  the build is done"]);
    assert_eq!(tail(&["nowhere"]), "");
    let json = tail(&["broke", "--json"]);
    assert_eq!(json.lines().count(), 1, "{json}");
    assert!(json.contains("\"The Build broke\""), "{json}");
}

#[test]
fn tail_follows_what_holds_the_words() {
    let room = Room::open();
    let mut peer = Peer::join(room.address(), "peer");
    let mut command = client_command(room.address(), &room.files());
    let mut tail = Program::start(command.args(["tail", "--follow", "--grep", "build"]));
    // It is in the room once it shows what is said: one line in ten is looked for.
    let mut rounds = 0;
    while !tail.stdout().contains("the build") {
        peer.say("nothing to see");
        peer.say("the build is done");
        rounds += 1;
        assert!(rounds < 3000);
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    assert!(!tail.stdout().contains("nothing to see"), "{}", tail.stdout());
    tail.close_input();
    tail.kill();
}

#[test]
fn nobody_is_told_that_a_command_comes_and_goes() {
    let room = Room::open();
    let mut ada = room.join("ada");
    room.once(&["send", "built"], "").has_code(0);
    room.once(&["list"], "").has_code(0);
    ada.shows("tester  built");
    let _bob = room.join("bob");
    ada.shows("-- bob joined");
    assert!(!ada.stdout().contains("tester joined") && !ada.stdout().contains("tester left"));
    let mut tail = Program::start(
        client_command(room.address(), &room.files()).args(["tail", "-fn", "all", "--json"]),
    );
    tail.shows("\"joined\"");
    ada.types("/who");
    ada.shows("3 here: ada, bob, tester");
    // Who asks for everything is told all of it.
    let told = values(&tail.stdout());
    let passages = told.iter().filter(|it| it["type"] == "joined" || it["type"] == "left");
    let passages: Vec<(&str, bool)> =
        passages.map(|it| (it["nick"].as_str().unwrap(), it["quiet"].as_bool().unwrap())).collect();
    assert!(passages.contains(&("tester", true)) && passages.contains(&("ada", false)));
    assert!(passages.iter().all(|(nick, quiet)| *quiet == (*nick == "tester")), "{passages:?}");
}

#[test]
fn what_is_sent_is_said_once_and_nothing_is_printed() {
    let room = Room::open();
    let mut peer = Peer::join(room.address(), "peer");
    let ended = room.once(&["send", "it's", "done"], "");
    ended.has_code(0);
    assert_eq!((&ended.stdout[..], &ended.stderr[..]), ("", ""));
    peer.hear("it's done");
    assert_eq!(peer.sees_leave("tester"), Code::LEFT);
    // What looks like a command of the room is text as well.
    room.once(&["send", "/quit"], "").has_code(0);
    peer.hear("/quit");
}

#[test]
fn standard_input_is_one_message_with_all_its_lines() {
    let room = Room::open();
    let mut peer = Peer::join(room.address(), "peer");
    room.once(&["send", "-"], "one\n  two\n\x1b[31mthree\x1b[0m\n\n").has_code(0);
    peer.hear("one\n  two\nthree");
    for (input, told) in [("", "empty"), ("\n\n", "empty"), (&"x".repeat(8193), "8192 bytes")] {
        let ended = room.once(&["send", "-"], input);
        ended.has_code(1);
        assert!(ended.complaint().contains(told), "{}", ended.stderr);
    }
}

#[test]
fn the_name_is_the_users_and_another_when_it_is_taken() {
    let room = Room::open();
    // One that answers when the server asks whether it lives: else it would lose its name.
    let mut holder = room.join("tester");
    let mut hears = |text: &str| {
        holder.shows(&format!("  {text}\n"));
        let output = holder.stdout();
        let line = spoken(&output).into_iter().find(|line| line.ends_with(text)).unwrap();
        line.split_once("  ").unwrap().0.to_owned()
    };
    room.once(&["send", "hi"], "").has_code(0);
    assert_ne!(hears("hi"), "tester");
    room.once(&["--name", "tester", "send", "hello"], "").has_code(0);
    assert_ne!(hears("hello"), "tester");
    room.once(&["send", "--name", "bot", "hey"], "").has_code(0);
    assert_eq!(hears("hey"), "bot");
}

#[test]
fn who_shows_everyone_else() {
    let room = Room::open();
    assert_eq!(room.once(&["who", "--json"], "").stdout, "[]\n");
    assert_eq!(room.once(&["who"], "").stdout, "");
    let _peers = ["bob", "Ada"].map(|name| Peer::join(room.address(), name));
    let ended = room.once(&["who"], "");
    ended.has_code(0);
    assert_eq!((&ended.stdout[..], &ended.stderr[..]), ("Ada\nbob\n", ""));
    let ended = room.once(&["who", "--json"], "");
    assert_eq!(values(&ended.stdout), [json!([{"nick": "Ada"}, {"nick": "bob"}])]);
}

#[test]
fn tail_shows_the_last_lines_and_ends() {
    let room = Room::open();
    assert_eq!(room.once(&["tail"], "").stdout, "");
    let said: String = (1..=30).map(|number| format!("line {number}\n")).collect();
    room.run("ada", &said).has_code(0);
    let ended = room.once(&["tail", "-n", "3"], "");
    ended.has_code(0);
    assert_eq!(spoken(&ended.stdout), ["ada  line 28", "ada  line 29", "ada  line 30"]);
    assert_eq!(ended.stderr, "");
    assert_eq!(spoken(&room.once(&["tail"], "").stdout).len(), 10);
    assert_eq!(spoken(&room.once(&["tail", "--lines", "all"], "").stdout).len(), 30);
    let ended = room.once(&["tail", "-n0"], "");
    ended.has_code(0);
    assert_eq!(ended.stdout, "");
}

#[test]
fn tail_as_json_has_everything_that_happened() {
    let room = Room::open();
    room.write("f", "content");
    room.run("ada", "first\n/me waves\n/topic tea\n/upload f\n/nick eve\n").has_code(0);
    let ended = room.once(&["tail", "--json"], "");
    ended.has_code(0);
    let events = values(&ended.stdout);
    let kinds: Vec<&str> = events.iter().map(|event| event["type"].as_str().unwrap()).collect();
    for kind in ["said", "topic", "shelved", "renamed", "left"] {
        assert!(kinds.contains(&kind), "{kind} in {kinds:?}");
    }
    assert!(events.is_sorted_by_key(|event| event["seq"].as_u64().unwrap()));
    let said = events.iter().filter(|event| event["type"] == "said");
    let said: Vec<_> = said.map(|said| (&said["text"], &said["action"])).collect();
    assert_eq!(said, [(&json!("first"), &json!(false)), (&json!("waves"), &json!(true))]);
    let shelved = events.iter().find(|event| event["type"] == "shelved").unwrap();
    assert_eq!((&shelved["name"], &shelved["size"]), (&json!("f"), &json!(7)));
    assert_eq!(shelved["digest"], blake3::hash(b"content").to_string());
}

#[test]
fn tail_follows_what_happens_until_nobody_reads_it() {
    let room = Room::open();
    let mut peer = Peer::join(room.address(), "peer");
    peer.say("before");
    let mut command = client_command(room.address(), &room.files());
    command.args(["tail", "--follow", "--json", "-n1"]).stdin(Stdio::null());
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut next = || loop {
        let value = values(&lines.next().unwrap().unwrap()).pop().unwrap();
        if value["type"] == "said" {
            return value["text"].clone();
        }
    };
    assert_eq!(next(), "before");
    peer.say("while");
    assert_eq!(next(), "while");
    drop(lines);
    let code = eventually("the end of a command without output", || {
        // There it learns of that only when it has something to write.
        if programs::client_is_for_windows() {
            peer.say("after");
        }
        child.try_wait().unwrap()
    });
    assert_eq!(code.code(), Some(0));
}

#[cfg(target_os = "linux")]
#[test]
fn what_could_not_be_written_is_a_failure() {
    let room = Room::open();
    let _peer = Peer::join(room.address(), "peer");
    let lines = &["--plain", "--name", "ada"][..];
    for task in [&["who"][..], &["who", "--json"], &["list", "--json"], lines, &["--help"]] {
        let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        let mut command = client_command(room.address(), &room.files());
        let ended = command.args(task).stdin(Stdio::null()).stdout(full).output().unwrap();
        assert_eq!(ended.status.code(), Some(1), "{task:?}");
        let complaint = String::from_utf8(ended.stderr).unwrap();
        assert!(complaint.contains("standard output: no space left"), "{complaint}");
    }
}

#[cfg(unix)]
#[test]
fn a_signal_ends_tail_with_0() {
    let room = Room::open();
    let mut peer = Peer::join(room.address(), "peer");
    let mut command = client_command(room.address(), &room.files());
    let mut tail = Program::start(command.args(["tail", "-f"]));
    // It may not have joined yet.
    eventually("a line in its output", || {
        peer.say("hello");
        tail.stdout().contains("peer  hello").then_some(())
    });
    tail.close_input();
    tail.signal("INT");
    let ended = tail.wait();
    ended.has_code(0);
    assert_eq!(ended.stderr, "");
    assert_eq!(peer.sees_leave("tester"), Code::LEFT);
}

#[test]
fn exit_codes_tell_what_went_wrong() {
    let dir = tempfile::tempdir().unwrap();
    let nowhere = Nowhere::reserve();
    let unreachable =
        |task: &[&str]| Program::run(client_command(nowhere.address(), dir.path()).args(task), "");
    for task in [&["send", "hi"][..], &["list"], &["tail", "-f"], &["upload", "-", "--as", "x"]] {
        let ended = unreachable(task);
        ended.has_code(3);
        assert!(ended.complaint().contains("cannot connect to"), "{}", ended.stderr);
    }
    // A mistake is found before anyone is asked.
    for task in [&["send"][..], &["shout", "hi"], &["who", "me"], &["tail", "-n", "x"]] {
        let ended = unreachable(task);
        ended.has_code(2);
        assert!(ended.complaint().contains("chatshelf --help"), "{}", ended.stderr);
    }
    let full = Room::open_with(&["--max-members", "1"]);
    let _peer = Peer::join(full.address(), "peer");
    let ended = full.once(&["send", "hi"], "");
    ended.has_code(4);
    assert!(ended.complaint().contains("the room is full"), "{}", ended.stderr);
}

#[test]
fn a_name_is_made_up_where_the_server_suggests_none() {
    let server = FakeServer::open();
    let dir = tempfile::tempdir().unwrap();
    let (client, mut guest) = client_with(&server, dir.path(), &["--name", "ada", "send", "hi"]);
    guest.joins();
    guest.send(&hello_ack());
    guest.send(&Refused::new(Code::NICK_TAKEN, Join::KIND));
    let other = guest.joins();
    assert!(other.as_str().starts_with("ada") && other.as_str().len() > 3, "{other}");
    guest.send(&welcome(other.clone(), JOINED_AT));
    guest.send(&snapshot(vec![other], JOINED_AT));
    guest.wait_for_say();
    drop(client);
}

#[test]
fn a_connection_lost_for_good_is_a_failure() {
    let server = FakeServer::open();
    let dir = tempfile::tempdir().unwrap();
    let arguments = ["--reconnect", "0", "send", "hi"];
    let (client, mut guest) = client_with(&server, dir.path(), &arguments);
    guest.welcome();
    guest.wait_for_say();
    guest.send(&Goodbye::new(Code::SHUTTING_DOWN));
    let ended = client.wait();
    ended.has_code(1);
    assert!(ended.stderr.contains("the server ended the connection"), "{}", ended.stderr);
    assert!(ended.stderr.contains("1 line may not have arrived"), "{}", ended.stderr);
}

#[test]
fn each_command_has_a_help_of_its_own() {
    for task in ["send", "upload", "download", "list", "who", "tail"] {
        let ended = Program::run(programs::client().args([task, "--help"]), "");
        ended.has_code(0);
        assert!(ended.stdout.starts_with("Usage: chatshelf ") && ended.stdout.contains(task));
    }
}

#[test]
fn statistics_are_shown_as_text_and_as_json() {
    let room = Room::open();
    room.run("ada", "one\ntwo\n").has_code(0);
    let ended = room.once(&["stats"], "");
    ended.has_code(0);
    assert!(ended.line("chatshelf-server ").contains(", up "), "{}", ended.stdout);
    assert_eq!(ended.line("   members: "), "   members: 1, 2 joined, 0 came back");
    assert_eq!(ended.line("   lines: "), "   lines: 2, 0 refusals");
    assert!(ended.line("this connection: ").contains("round trip "), "{}", ended.stdout);
    let ended = room.once(&["stats", "--json"], "");
    ended.has_code(0);
    let [told] = &values(&ended.stdout)[..] else { panic!("{}", ended.stdout) };
    assert_eq!((&told["server"]["lines"], &told["server"]["joins"]), (&json!(2), &json!(3)));
    assert!(told["rtt_ms"].as_f64().is_some_and(|ms| ms > 0.0), "{told}");
    // In the room the same is asked for twice in a row, which is within one second.
    let ended = room.run("ada", "/stats\n/stats\n");
    ended.has_code(0);
    assert_eq!(ended.stdout.matches("   lines: 2, 0 refusals").count(), 2, "{}", ended.stdout);
}

#[test]
fn a_server_without_statistics_leaves_a_sentence() {
    let server = FakeServer::open();
    let dir = tempfile::tempdir().unwrap();
    let (stats, mut guest) = client_with(&server, dir.path(), &["stats"]);
    guest.welcome();
    guest.see_off();
    let ended = stats.wait();
    assert_eq!(ended.stdout, "");
    assert!(ended.complaint().ends_with("gives no statistics: it is older than this program"));
    ended.has_code(1);
}
