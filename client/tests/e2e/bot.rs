//! The example bot (`common/examples/bot.rs`) against the real server.

use std::process::Command;
use std::time::Duration;

use chatshelf_testkit::programs::Program;
use chatshelf_testkit::wait::eventually;

use crate::harness::programs;
use crate::harness::room::Room;

/// Starts a bot and waits until ada sees it under this nick.
fn start(room: &Room, ada: &mut Program, nick: &str) -> Program {
    let mut command = Command::new(programs::bot());
    let bot = Program::start(command.arg(format!("chatshelf://{}", room.address())));
    eventually("the bot among the members", || {
        ada.types("/who");
        ada.stdout().contains(&format!(", {nick}")).then_some(())
    });
    bot
}

#[test]
fn the_example_bot_answers_keeps_its_nick_and_ends_with_the_server() {
    let room = Room::open();
    let mut ada = room.join("ada");
    let first = start(&room, &mut ada, "timebot");
    // The server asks a member that has been silent for half a second whether it still lives when
    // another client wants its nick. One that does not answer loses it.
    std::thread::sleep(Duration::from_millis(600));
    let second = start(&room, &mut ada, "timebot2");
    ada.types("!time");
    ada.shows("timebot  ada: it is ");
    ada.shows("timebot2  ada: it is ");
    room.server.end_well();
    for bot in [first, second] {
        let ended = bot.wait();
        // Without signals the server could only be killed.
        let (code, told) =
            if cfg!(windows) { (1, "") } else { (0, "the server is shutting down\n") };
        ended.has_code(code);
        assert_eq!(ended.stdout, told);
    }
}
