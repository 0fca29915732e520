//! What the programs consist of, and the order of a turn.

use crate::svg::{Area, Canvas, Kind};

/// The server's threads and parts, with the clients around it.
pub(crate) fn architecture() -> String {
    let mut canvas = Canvas::new(760, 372);
    canvas.group(Area(122, 8, 402, 356), "chatshelf-server: main thread");
    canvas.group(Area(544, 8, 208, 356), "its disk threads, and the disk");
    for (y, name) in [(52, "ada"), (132, "bob"), (212, "cy")] {
        canvas.part(Area(8, y, 80, 44), Kind::Outer, &format!("{name}|client"));
        canvas.arrow(&[(88, y + 22), (140, y + 22)], "marker-start='url(#tip)'");
    }
    canvas.text((105, 66), "middle", "TCP");
    canvas.part(Area(140, 40, 92, 236), Kind::Part, "net/|sockets,|the mio poll,|signals");
    canvas.part(Area(268, 40, 240, 112), Kind::Main, "");
    canvas.text((388, 58), "middle", "engine/, without I/O");
    for (x, name) in [(276, "connections|phases"), (360, "admission"), (434, "transfers")] {
        let width = if name == "admission" { 72 } else { 70 };
        canvas.part(Area(x, 68, width, 40), Kind::Part, name);
    }
    canvas.part(Area(278, 114, 226, 30), Kind::Part, "send queues: control, log, data");
    canvas.part(Area(268, 190, 100, 86), Kind::Main, "sequencer|gives each|event its|number");
    canvas.part(Area(396, 190, 112, 86), Kind::Main, "room/|members, shelf,|topic, and|the log");
    canvas.arrow(&[(232, 96), (266, 96)], "marker-start='url(#tip)'");
    canvas.text((249, 84), "middle", "ready");
    canvas.text((249, 116), "middle", "bytes");
    canvas.arrow(&[(318, 152), (318, 188)], "");
    canvas.text((312, 175), "end", "proposal");
    canvas.arrow(&[(368, 233), (394, 233)], "");
    canvas.text((382, 292), "middle", "event");
    canvas.line(&[(382, 279), (382, 240)], "stroke-dasharray='2 3'");
    canvas.arrow(&[(452, 190), (452, 154)], "");
    canvas.text((458, 175), "start", "the log");
    canvas.part(
        Area(140, 306, 368, 44),
        Kind::Note,
        "every connection has a cursor into the one log:|write(log[cursor..]) sends what it lacks",
    );
    canvas.part(Area(566, 44, 164, 44), Kind::Part, "store thread|hashes, writes, renames");
    canvas.part(Area(566, 192, 164, 44), Kind::Part, "journal thread|appends events");
    canvas.part(Area(566, 262, 164, 30), Kind::Part, "syncing thread");
    canvas.part(Area(566, 116, 164, 34), Kind::Disk, "uploads/, shelf/");
    canvas.part(Area(566, 318, 164, 34), Kind::Disk, "log/: two segments");
    canvas.arrow(&[(508, 66), (564, 66)], "marker-start='url(#tip)'");
    canvas.text((536, 58), "middle", "blocks");
    canvas.arrow(&[(648, 88), (648, 114)], "marker-start='url(#tip)'");
    canvas.arrow(&[(508, 214), (564, 214)], "");
    canvas.text((537, 206), "middle", "events");
    canvas.arrow(&[(564, 228), (540, 228), (540, 136), (510, 136)], "stroke-dasharray='5 3'");
    canvas.text((536, 182), "middle", "kept");
    canvas.arrow(&[(648, 236), (648, 260)], "");
    canvas.arrow(&[(648, 292), (648, 316)], "");
    canvas.into_svg()
}

/// The client's parts and threads.
pub(crate) fn client() -> String {
    let mut canvas = Canvas::new(760, 262);
    canvas.group(Area(122, 8, 440, 246), "chatshelf: main thread");
    canvas.part(Area(8, 66, 84, 44), Kind::Outer, "server");
    canvas.arrow(&[(92, 88), (140, 88)], "marker-start='url(#tip)'");
    canvas.text((106, 76), "middle", "TCP");
    canvas.part(Area(140, 40, 96, 96), Kind::Part, "link/|the socket,|addresses");
    canvas.part(
        Area(276, 40, 128, 96),
        Kind::Main,
        "session/|the protocol,|without I/O,|over connections",
    );
    canvas.part(Area(444, 40, 100, 96), Kind::Main, "app/|the loop,|commands,|news");
    canvas.arrow(&[(236, 88), (274, 88)], "marker-start='url(#tip)'");
    canvas.text((256, 80), "middle", "bytes");
    canvas.arrow(&[(404, 88), (442, 88)], "marker-start='url(#tip)'");
    canvas.text((424, 80), "middle", "events");
    for (x, name) in
        [(140, "screen/|full screen"), (282, "plain/|lines"), (424, "oneshot/|one command")]
    {
        canvas.part(Area(x, 186, 120, 44), Kind::Part, name);
        canvas.line(&[(x + 60, 186), (x + 60, 164), (494, 164)], "");
    }
    canvas.arrow(&[(494, 164), (494, 138)], "");
    canvas.text((270, 158), "middle", "three views of the same news");
    canvas.part(Area(604, 30, 148, 44), Kind::Disk, "file thread|reads, hashes, writes");
    canvas.part(Area(604, 100, 148, 44), Kind::Part, "input thread|keys, standard input");
    canvas.part(Area(604, 170, 148, 30), Kind::Part, "signals");
    canvas.part(Area(604, 214, 148, 30), Kind::Part, "lookups of names");
    canvas.arrow(&[(544, 56), (602, 56)], "marker-start='url(#tip)'");
    canvas.arrow(&[(602, 116), (546, 116)], "");
    canvas.line(&[(604, 185), (580, 185), (580, 116)], "");
    canvas.line(&[(604, 229), (580, 229), (580, 185)], "");
    canvas.text((574, 106), "middle", "wake");
    canvas.into_svg()
}

/// A turn of the server's loop (`server/src/engine/turn.rs`).
pub(crate) fn turn() -> String {
    let mut canvas = Canvas::new(760, 214);
    let steps = [
        "1 wait|in the poll, until the|next deadline; not at|all if work is left",
        "2 take in|readiness, and replies|of the disk threads",
        "3 serve|the run queue: read,|decode, commit, each|within its budget",
        "4 deadlines|that are due",
        "8 reap, accept|remove what has ended;|then accept",
        "7 send|what is released, to|each from its cursor",
        "6 hand over|events to the journal,|blocks to the store",
        "5 welcome|all who joined, with|one snapshot",
    ];
    for (at, text) in steps.into_iter().enumerate() {
        let column = at as i32 % 4;
        let y = if at < 4 { 12 } else { 126 };
        let kind = if at == 0 || at == 4 { Kind::Outer } else { Kind::Part };
        let kind = if at == 5 { Kind::Main } else { kind };
        canvas.part(Area(12 + 190 * column, y, 160, 76), kind, text);
    }
    for column in 0..3 {
        let x = 172 + 190 * column;
        canvas.arrow(&[(x, 50), (x + 28, 50)], "");
        canvas.arrow(&[(x + 30, 164), (x + 2, 164)], "");
    }
    canvas.arrow(&[(662, 88), (662, 124)], "");
    canvas.arrow(&[(92, 126), (92, 90)], "");
    canvas.into_svg()
}
