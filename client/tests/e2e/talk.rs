//! What is said in a room: who gets it, in which order, and what it looks like.

use std::collections::BTreeSet;

use chatshelf_common::id::MessageId;
use chatshelf_common::text::{Message, Nick, Topic};
use chatshelf_common::wire::frame::{Rename, SetTopic, Tell};
use chatshelf_testkit::peer::Peer;
use chatshelf_testkit::programs::Program;

use crate::harness::room::{Room, spoken};

#[test]
fn joins_and_leaves_are_hidden_from_those_who_ask_for_it() {
    let room = Room::open();
    let mut ada = room.join_with("ada", &["--joins", "off"]);
    let mut bob = room.join("bob");
    bob.types("hi");
    ada.shows("bob  hi");
    bob.leave();
    ada.types("/joins on");
    ada.shows("-- joins and leaves are shown");
    let carl = room.join("carl");
    ada.shows("-- carl joined");
    ada.types("/joins off");
    ada.shows("-- joins and leaves are hidden");
    carl.leave();
    room.join("dora").leave();
    ada.types("/who");
    ada.shows("here: ada");
    let ended = ada.leave();
    for hidden in ["bob joined", "bob left", "carl left", "dora"] {
        assert!(!ended.stdout.contains(hidden), "{hidden}:\n{}", ended.stdout);
    }
}

#[test]
fn everyone_sees_the_same_lines_in_the_same_order() {
    const EACH: usize = 100;
    let room = Room::open();
    let names = ["ada", "bob", "cyd", "dan"];
    let mut clients: Vec<_> = names.iter().map(|name| room.join(name)).collect();
    for number in 0..EACH {
        for client in &mut clients {
            client.types(&format!("line {number}"));
        }
    }
    let mut orders = BTreeSet::new();
    for client in &mut clients {
        for name in names {
            client.shows(&format!("{name}  line {}", EACH - 1));
        }
        let output = client.stdout();
        orders.insert(spoken(&output).join("\n"));
    }
    assert_eq!(orders.len(), 1, "one order for all");
    assert_eq!(orders.first().unwrap().lines().count(), EACH * names.len());
    clients.into_iter().for_each(|client| drop(client.leave()));
}

#[test]
fn lines_beyond_the_limit_wait_and_none_is_lost() {
    let limits = ["--limit-exempt", "none", "--limit-lines", "3+20/s"];
    let room = Room::open_with(&limits);
    let script: String = (0..30).map(|number| format!("line {number}\n")).collect();
    let ended = room.run("ada", &script);
    ended.has_code(0);
    let expected: Vec<String> = (0..30).map(|number| format!("ada  line {number}")).collect();
    assert_eq!(spoken(&ended.stdout), expected);
    let told = "the server accepts 3 at once, then 20 in 1 s from each member";
    assert!(ended.stdout.contains(told) || ended.stderr.contains(told), "{ended:?}");
}

#[test]
fn an_action_is_shown_as_one() {
    let room = Room::open();
    let mut bob = room.join("bob");
    room.run("ada", "/me waves at bob\n").has_code(0);
    bob.shows("* ada waves at bob");
}

#[test]
fn a_private_line_is_seen_by_the_two_alone() {
    let room = Room::open();
    let (mut ada, mut bob, mut cyd) = (room.join("ada"), room.join("bob"), room.join("cyd"));
    ada.types("/msg bob psst");
    bob.shows("[ada → you] psst");
    ada.shows("[you → bob] psst");
    ada.types("aloud");
    cyd.shows("ada  aloud");
    assert_eq!(spoken(&ada.leave().stdout), ["[you → bob] psst", "ada  aloud"]);
    assert_eq!(spoken(&cyd.leave().stdout), ["ada  aloud"]);
}

#[test]
fn what_was_said_is_found_by_its_words() {
    let room = Room::open();
    let ended = room.run(
        "ada",
        "the build is done\nlunch?\n/msg ada psst: build\nThe Build broke\n/find BUILD done\n/find build\n/find x y\n",
    );
    ended.line("-- 1 line contains: build done");
    ended.line("-- nothing said here contains: x y");
    ended.line("-- 3 lines contain: build");
    let found = |end: &str| {
        ended
            .stdout
            .lines()
            .filter(|line| line.starts_with("--    ") && line.ends_with(end))
            .count()
    };
    assert_eq!(found("  ada: the build is done"), 2, "{}", ended.stdout);
    assert_eq!(found("  ada → ada: psst: build"), 1, "{}", ended.stdout);
}

#[test]
fn a_private_line_to_nobody_is_a_failure_that_says_so() {
    let ended = Room::open().run("ada", "/msg nobody psst\nafter\n");
    ended.has_code(1);
    let line = ended.line("!! the private message was not sent");
    assert!(line.contains("nobody here has that name"), "{line}");
    assert!(line.ends_with("it was: /msg nobody psst"), "{line}");
    assert_eq!(spoken(&ended.stdout), ["ada  after"]);
}

#[test]
fn a_new_name_is_announced_and_used_from_then_on() {
    let room = Room::open();
    let mut bob = room.join("bob");
    let ended = room.run("ada", "before\n/nick lovelace\nafter\n/who\n");
    ended.has_code(0);
    bob.shows("lovelace left");
    assert_eq!(spoken(&bob.leave().stdout), ["ada  before", "lovelace  after"]);
    ended.line("-- ada is now lovelace");
}

#[test]
fn a_taken_name_stays_with_its_owner() {
    let room = Room::open();
    let _bob = room.join("bob");
    let ended = room.run("ada", "/nick Bob\nstill me\n");
    ended.has_code(1);
    let line = ended.line("!! your name stays");
    assert!(line.contains("taken") && line.contains("is free"), "{line}");
    assert_eq!(spoken(&ended.stdout), ["ada  still me"]);
}

#[test]
fn the_topic_is_set_shown_and_cleared() {
    let room = Room::open();
    let mut bob = room.join("bob");
    room.run("ada", "/topic engines & looms\n").has_code(0);
    bob.shows("-- ada set the topic: engines & looms");
    bob.types("/topic");
    bob.shows("-- topic: engines & looms (by ada)");
    room.run("cyd", "").line("-- topic: engines & looms (by ada)");
    bob.types("/topic -");
    bob.shows("-- bob cleared the topic");
    bob.types("/topic");
    bob.shows("-- there is no topic");
    bob.leave();
}

#[test]
fn what_a_script_asks_is_answered_after_what_it_did_before() {
    let ended = Room::open().run("ada", "/topic looms\n/topic\n/nick grace\n/who\n");
    ended.has_code(0);
    ended.line("-- topic: looms (by ada)");
    ended.line("-- 1 here: grace");
}

#[test]
fn who_names_everyone_here() {
    let room = Room::open();
    let (_bob, _cyd) = (room.join("bob"), room.join("cyd"));
    let ended = room.run("ada", "/who\n");
    assert_eq!(ended.stdout.matches("-- 3 here: ada, bob, cyd").count(), 2, "{}", ended.stdout);
}

#[test]
fn members_see_each_other_come_and_go() {
    let room = Room::open();
    let mut bob = room.join("bob");
    room.run("ada", "").has_code(0);
    bob.shows("-- ada joined\n");
    bob.shows("-- ada left\n");
}

#[test]
fn two_slashes_say_one_and_unknown_commands_are_not_said() {
    let room = Room::open();
    let mut bob = room.join("bob");
    let ended = room.run("ada", "//etc/hosts\n/frobnicate\n/ slip\nafter\n");
    ended.has_code(1);
    ended.line("!! there is no command /frobnicate");
    bob.shows("ada  after");
    assert_eq!(spoken(&bob.leave().stdout), ["ada  /etc/hosts", "ada  after"]);
}

#[test]
fn further_lines_of_a_message_cannot_pass_for_lines_of_others() {
    let room = Room::open();
    let mut bob = room.join("bob");
    Peer::join(room.address(), "peer").say("one\n12:00  ada  two\n-- ada left");
    bob.shows("ada left");
    let output = bob.leave().stdout;
    assert_eq!(spoken(&output), ["peer  one"]);
    let further: Vec<&str> = output.lines().filter(|line| line.contains("ada")).collect();
    assert_eq!(further, ["             12:00  ada  two", "             -- ada left"]);
}

#[test]
fn the_last_lines_are_shown_to_newcomers() {
    let room = Room::open();
    room.run("ada", "one\ntwo\nthree\n").has_code(0);
    let output = |history| {
        let without = room.command("bob");
        // The option may be there once only.
        let args = without.get_args().map(|arg| if arg == "none" { history } else { arg });
        let mut command = std::process::Command::new(without.get_program());
        command
            .args(args)
            .envs(without.get_envs().filter_map(|(name, value)| Some((name, value?))));
        Program::run(&mut command, "")
    };
    let ended = output("2".as_ref());
    ended.has_code(0);
    assert_eq!(spoken(&ended.stdout), ["ada  two", "ada  three"]);
    ended.line("-- the last 2 lines");
    ended.line("-- now");
    assert_eq!(spoken(&output("all".as_ref()).stdout), ["ada  one", "ada  two", "ada  three"]);
    assert_eq!(spoken(&output("none".as_ref()).stdout).len(), 0);
}

#[test]
fn a_private_message_right_after_a_rename_is_not_waited_for_in_vain() {
    let room = Room::open();
    let _bob = room.join("bob");
    for n in 0..5 {
        room.run("ada", &format!("/nick ada{n}x\n/msg bob hi\n")).has_code(0);
    }
}

#[test]
fn who_is_ignored_is_not_seen_under_any_name_until_that_ends() {
    let room = Room::open();
    let mut ada = room.join_with("ada", &["--ignore", "eve,mallory"]);
    ada.types("/ignore BOB");
    ada.shows("BOB is ignored until you leave");
    let mut bob = Peer::join(room.address(), "bob");
    let (mut eve, mut cy) = (Peer::join(room.address(), "eve"), Peer::join(room.address(), "cy"));
    let message = |text| Message::new(text).unwrap();
    let tell = |text| Tell { id: MessageId(9), to: Nick::new("ada").unwrap(), text: message(text) };
    bob.say("unseen one");
    eve.say("unseen two");
    bob.send(&tell("unseen three"));
    bob.send(&Rename { nick: Nick::new("rob").unwrap() });
    bob.say("unseen four");
    bob.send(&SetTopic { topic: Topic::new("unseen five").ok() });
    cy.hear_any(|said| said.text == message("unseen four"));
    cy.say("seen one");
    ada.shows("seen one");
    ada.types("/ignore ada");
    ada.shows("that is your own name");
    ada.types("/ignore");
    ada.shows("ignored: eve, mallory, BOB");
    ada.types("/find seen");
    ada.shows("1 line contains: seen");
    ada.types("/unignore rob");
    ada.shows("rob is shown again");
    bob.say("seen two");
    ada.shows("seen two");
    ada.types("/unignore rob");
    ada.shows("rob is not ignored");
    ada.types("/quit");
    let output = ada.wait().stdout;
    assert_eq!(spoken(&output), ["cy  seen one", "rob  seen two"]);
    for hidden in ["unseen", "bob joined", "eve", "is now rob"] {
        let lines: Vec<&str> = output.lines().filter(|line| line.contains(hidden)).collect();
        assert!(lines.iter().all(|line| line.contains("ignored:")), "{hidden}: {lines:?}");
    }
    // What was said before is not shown, either.
    let past = room.once(&["tail", "-n", "all", "--ignore", "rob"], "").stdout;
    assert!(past.contains("unseen one") && !past.contains("unseen four"), "{past}");
}
