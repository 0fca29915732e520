//! The room's log, and how far everyone has been sent it.

use crate::svg::{Area, Canvas, Kind};

/// One log with many cursors, and the mark that none may pass.
pub(crate) fn room_log() -> String {
    let mut canvas = Canvas::new(760, 190);
    let events =
        ["Said 41", "Said 42", "Joined 43", "Said 44", "Left 45", "Said 46", "Said 47", "Said 48"];
    canvas.text(
        (12, 20),
        "start",
        "the room's log in memory: encoded once, the bytes that go on the wire",
    );
    for (at, event) in events.into_iter().enumerate() {
        let kind = if at < 6 { Kind::Part } else { Kind::Note };
        canvas.part(Area(12 + 84 * at as i32, 34, 84, 36), kind, event);
    }
    canvas.arrow(&[(748, 52), (688, 52)], "");
    canvas.text((752, 30), "end", "new events");
    for (x, who) in [
        (12, "start: the oldest|event that is held"),
        (264, "cy: 44|comes next"),
        (392, "bob: in|mid-frame"),
        (516, "ada: has all|that is released"),
    ] {
        canvas.arrow(&[(x + 1, 104), (x + 1, 73)], "");
        let anchor = if x == 12 { "start" } else { "middle" };
        canvas.text((x, 120), anchor, who);
    }
    canvas.line(&[(516, 24), (516, 84)], "stroke-dasharray='4 3'");
    canvas.text((600, 90), "middle", "not in the journal yet");
    canvas.text(
        (12, 164),
        "start",
        "Above 8 MiB the log is cut down to 4 MiB. A member whose cursor lies left of the new \
         start is told so (Gap),|gets a fresh snapshot of the room, and continues at its end. \
         Nobody else notices.",
    );
    canvas.into_svg()
}
