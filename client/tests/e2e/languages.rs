//! The languages that people are spoken to in: a room in each, on real terminals and in plain
//! lines; which one is chosen; and that what programs read is the same in all.

use std::process::Command;

use chatshelf_testkit::peer::Peer;
use chatshelf_testkit::programs::{Ended, Program};

use crate::harness::room::{Room, client_command};
#[cfg(unix)]
use crate::harness::terminal::Terminal;

/// The locales of people who read simplified and traditional characters.
const SIMPLIFIED: &str = "zh_CN.UTF-8";
const TRADITIONAL: &str = "zh_TW.UTF-8";

/// A command as it runs for somebody with this locale, and with nothing else set.
fn in_locale(mut command: Command, locale: &str) -> Command {
    command.env_remove("LC_ALL").env_remove("LC_MESSAGES").env_remove("CHATSHELF_LANG");
    command.env("LANG", locale);
    command
}

/// True for a line in which a sentence, or half of one, was left in English.
fn has_english(line: &str) -> bool {
    let is_word =
        |word: &&str| word.len() > 1 && word.bytes().all(|byte| byte.is_ascii_lowercase());
    let words: Vec<&str> = line.split(' ').collect();
    words.windows(2).any(|pair| pair.iter().all(is_word))
}

#[cfg(unix)]
mod on_a_terminal {
    use chatshelf_testkit::wait::eventually;

    use super::*;
    use crate::harness::programs;

    const SIZES: [(u16, u16); 3] = [(24, 80), (30, 120), (20, 40)];

    /// Waits until the line down this column is whole, in all of these rows: text of a width other
    /// than it was taken for would move or overwrite it.
    #[track_caller]
    fn is_straight(terminal: &Terminal, rows: std::ops::Range<u16>, column: u16) {
        eventually(&format!("a line down column {column}"), || {
            terminal.look(|screen| {
                let is_line = |row| screen.cell(row, column).is_some_and(|it| it.contents() == "│");
                rows.clone().all(is_line).then_some(())
            })
        });
    }

    /// Joins as ada with an empty shelf and somebody there, and does what people do first.
    fn see(locale: &str, (rows, columns): (u16, u16), texts: [&str; 6]) {
        let [welcome, joined, shelved, here, help, leave] = texts;
        let room = Room::open();
        let command = in_locale(room.command("ada"), locale);
        let mut terminal = Terminal::start_sized(&command, (rows, columns));
        terminal.shows(welcome);
        let mut peer = Peer::join(room.address(), "peer");
        terminal.shows(joined);
        peer.say("你好，ada！hello");
        terminal.shows("你好，ada！hello");
        peer.upload("笔记 notes.txt", b"hello shelf");
        terminal.shows(shelved);
        let status = |terminal: &Terminal| {
            terminal.look(|screen| screen.rows(0, columns).nth(usize::from(rows) - 2).unwrap())
        };
        if columns >= 80 {
            terminal.shows(here);
            assert!(status(&terminal).contains(here), "{}", terminal.screen());
            let side = columns - if columns >= 110 { 34 } else { 26 };
            is_straight(&terminal, 0..rows - 2, side);
        }
        assert!(status(&terminal).contains("ada"), "{}", terminal.screen());
        terminal.types("\x1bOP");
        terminal.shows(help);
        // Down to the last command.
        for _ in 0..6 {
            let left = columns.saturating_sub(80) / 2;
            is_straight(&terminal, 1..rows - 1, left);
            is_straight(&terminal, 1..rows - 1, left + columns.min(80) - 1);
            assert!(!has_english(&terminal.screen()), "{}", terminal.screen());
            terminal.types("\x1b[6~");
        }
        terminal.shows("//text");
        terminal.types("\x1b");
        terminal.shows_no_more("//text");
        terminal.types("\x03");
        terminal.shows(leave);
        terminal.types("\r");
        assert_eq!(terminal.wait(), 0);
        terminal.is_restored();
    }

    #[test]
    fn a_room_in_simplified_characters_keeps_its_lines_straight() {
        let texts =
            ["欢迎，ada", "peer 加入了", "peer 上架了", "2 人在线", "帮助：", "离开房间吗？"];
        SIZES.into_iter().for_each(|size| see(SIMPLIFIED, size, texts));
    }

    #[test]
    fn a_room_in_traditional_characters_keeps_its_lines_straight() {
        let texts =
            ["歡迎，ada", "peer 加入了", "peer 上架了", "2 人在線上", "說明：", "離開房間嗎？"];
        SIZES.into_iter().for_each(|size| see(TRADITIONAL, size, texts));
    }

    #[test]
    fn a_name_and_a_first_contact_are_asked_for_in_words_that_are_read() {
        let room = Room::open();
        let command = client_command(room.address(), &room.files());
        let mut terminal = Terminal::start_sized(&in_locale(command, SIMPLIFIED), (24, 80));
        terminal.shows("您想在房间里用什么名字？");
        terminal.types("no good\r");
        terminal.shows("“no good”不能用作名字：不能包含 ' '。");
        terminal.types("\x15ada\r");
        terminal.shows("欢迎，ada");
        // It leads to this machine, and nobody can tell that from the name.
        let port = room.address().port().to_string();
        for (options, question, answer) in [
            (&[][..], "這是正確的伺服器嗎？", "yes\r"),
            (&["--plain"], "請輸入 yes 或 no：", "yes\r"),
        ] {
            let mut command = in_locale(programs::client(), TRADITIONAL);
            command.args(["--host", "127.1", "--port", &port, "--name", "bob"]).args(options);
            command.current_dir(room.files());
            command.env("CHATSHELF_STATE_DIR", room.path(&format!("state{}", options.len())));
            let mut terminal = Terminal::start_sized(&command, (24, 80));
            terminal.shows("您第一次連線 127.1");
            terminal.shows(question);
            terminal.types(answer);
            terminal.shows("歡迎，bob");
            assert!(!has_english(&terminal.screen()), "{}", terminal.screen());
            terminal.types("/quit\r");
            assert_eq!(terminal.wait(), 0);
        }
    }
}

/// What somebody with this locale sees of a script.
fn script(room: &Room, locale: &str, lines: &str) -> Ended {
    Program::run(&mut in_locale(room.command("ada"), locale), lines)
}

#[test]
fn plain_lines_have_no_english_left() {
    let room = Room::open();
    room.write("notes.txt", "hello shelf\n");
    let lines = "/help\n/topic tea\n/who\n/upload notes.txt\n/files\n/download 1\n/download 9\n\
                 /nonsense\n/nick a b\n/nick ada2\n/ignore bob\n/ignore\n/unignore bob\n\
                 /joins off\n/find tea\n/waiting\n/upload missing\n/cancel\n/op\n/kick\n\
                 /redact bob\n/stats\n/msg Nobody hello\n/drop 1\n/topic -\n/topic\n/clear\n";
    for (locale, expected) in [
        (SIMPLIFIED, ["-- 欢迎，ada", "!! 没有命令 /nonsense", "-- ada 设置了主题：tea", "连接"]),
        (TRADITIONAL, ["-- 歡迎，ada", "!! 沒有指令 /nonsense", "-- ada 設定了主題：tea", "連線"]),
    ] {
        let ended = script(&room, locale, lines);
        ended.has_code(1);
        for text in expected {
            assert!(ended.stdout.contains(text), "{text}: {}", ended.stdout);
        }
        for line in ended.stdout.lines() {
            assert!(!has_english(line), "{line}");
        }
    }
}

#[test]
fn what_is_set_first_decides_and_what_is_not_spoken_is_english() {
    let room = Room::open();
    let welcome = |mut command: Command| {
        let ended = Program::run(&mut command, "");
        ended.has_code(0);
        ended.stdout.lines().next().unwrap().to_owned()
    };
    let locale = |locale| in_locale(room.command("ada"), locale);
    for other in ["", "C", "POSIX", "de_DE.UTF-8", "zh_CN.GB18030", "zh_TW.Big5", "nonsense"] {
        assert_eq!(welcome(locale(other)), "-- welcome, ada", "{other}");
    }
    for traditional in ["zh_TW.UTF-8", "zh_HK", "zh_Hant.utf8"] {
        assert_eq!(welcome(locale(traditional)), "-- 歡迎，ada", "{traditional}");
    }
    let with = |names: &[(&str, &str)], options: &[&str]| {
        let mut command = locale(SIMPLIFIED);
        command.args(options).envs(names.iter().copied());
        welcome(command)
    };
    assert_eq!(with(&[("LC_ALL", "C"), ("LC_MESSAGES", TRADITIONAL)], &[]), "-- welcome, ada");
    assert_eq!(with(&[("LC_ALL", ""), ("LC_MESSAGES", TRADITIONAL)], &[]), "-- 歡迎，ada");
    assert_eq!(with(&[("CHATSHELF_LANG", "zh-Hant")], &[]), "-- 歡迎，ada");
    assert_eq!(with(&[("CHATSHELF_LANG", "zh-Hant")], &["--lang", "en"]), "-- welcome, ada");
    assert_eq!(with(&[], &[]), "-- 欢迎，ada");
}

#[test]
fn a_language_that_is_not_there_is_a_mistake() {
    let room = Room::open();
    let ended = Program::run(room.command("ada").args(["--lang", "zh_TW"]), "");
    ended.has_code(2);
    let complaint = ended.complaint();
    assert!(complaint.contains("--lang 'zh_TW': must be en, zh-Hans or zh-Hant"), "{complaint}");
}

#[test]
fn what_programs_read_is_the_same_in_every_language() {
    let room = Room::open();
    let mut peer = Peer::join(room.address(), "peer");
    peer.upload("notes.txt", b"hello shelf");
    let run = |locale: &str, arguments: &[&str]| {
        let command = client_command(room.address(), &room.files());
        let ended = Program::run(in_locale(command, locale).args(arguments), "");
        (ended.code, ended.stdout)
    };
    for arguments in [
        &["list", "--json"][..],
        &["list"],
        &["who", "--json"],
        &["download", "99"],
        &["--help"],
        &["--generate", "man"],
    ] {
        let english = run("C", arguments);
        for locale in [SIMPLIFIED, TRADITIONAL] {
            assert_eq!(run(locale, arguments), english, "{arguments:?}");
        }
    }
    let (_, events) = run(TRADITIONAL, &["tail", "--json"]);
    assert!(events.contains(r#""why":"the member left""#), "{events}");
}
