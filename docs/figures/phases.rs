//! The states of a connection, of a session and of a transfer.

use crate::states::States;
use crate::svg::{Area, Kind};

/// A connection, as the server has it (`server/src/engine/phase.rs`).
pub(crate) fn connection() -> String {
    let mut states = States::new(760, 400);
    states.group(Area(8, 40, 744, 190), "any of these");
    let listening = [
        ("Greeting", 110, 95),
        ("Greeted", 300, 95),
        ("Entering", 490, 95),
        ("Joined", 690, 95),
        ("Visiting", 110, 190),
        ("Contending", 300, 190),
    ];
    states.put(Kind::Part, &listening);
    states.put(Kind::Main, &[("Closing", 300, 290), ("Lingering", 560, 290)]);
    states.put(Kind::Outer, &[("Dead", 690, 365)]);
    states.start(&[(28, 95), (68, 95)], (26, 82, "accept"));
    states.arrow(("Greeting", "Greeted"), &[(150, 95), (258, 95)], (190, 89, "Hello"));
    states.arrow(("Greeting", "Visiting"), &[(95, 111), (95, 173)], (18, 150, "asks for|an item"));
    states.arrow(("Visiting", "Greeting"), &[(125, 174), (125, 112)], (131, 125, "upgrades"));
    states.arrow(("Greeted", "Entering"), &[(342, 95), (444, 95)], (352, 89, "Join accepted"));
    let welcome = "Welcome, at the|end of the turn";
    states.arrow(("Entering", "Joined"), &[(536, 95), (648, 95)], (550, 76, welcome));
    states.arrow(
        ("Greeted", "Greeted"),
        &[(320, 79), (320, 62), (280, 62), (280, 78)],
        (215, 58, "Join refused"),
    );
    let wanted = "Join for a nick whose|holder has been silent";
    states.arrow(("Greeted", "Contending"), &[(285, 111), (285, 173)], (143, 140, wanted));
    let heard = "the holder is heard, or gone";
    states.arrow(("Contending", "Greeted"), &[(315, 174), (315, 112)], (325, 148, heard));
    let all = "Greeting Visiting Greeted Contending Entering Joined";
    let goodbye = "deadline, violation, end of stream, Leave,|replaced, giving way, shutdown";
    states.arrow((all, "Closing"), &[(300, 230), (300, 273)], (310, 249, goodbye));
    states.arrow((all, "Dead"), &[(690, 230), (690, 348)], (578, 252, "connection broken"));
    let sent = "Goodbye sent, our side shut";
    states.arrow(("Closing", "Lingering"), &[(342, 290), (510, 290)], (352, 284, sent));
    let late = "not sent within 5 s, the peer had closed, or too many are leaving";
    states.arrow(("Closing", "Dead"), &[(300, 306), (300, 372), (648, 372)], (310, 388, late));
    let over = "peer closed, 2 s passed,|or too many are leaving";
    states.arrow(("Lingering", "Dead"), &[(560, 306), (560, 358), (648, 358)], (415, 335, over));
    states.into_svg()
}

/// A session, as the client has it (`client/src/session/phase.rs`).
pub(crate) fn session() -> String {
    let mut states = States::new(760, 400);
    states.group(Area(170, 40, 582, 190), "connecting, connected");
    let connected = [
        ("Connecting", 235, 95),
        ("Greeting", 365, 95),
        ("Joining", 480, 95),
        ("Arriving", 590, 95),
        ("Joined", 700, 95),
        ("Choosing", 480, 190),
        ("CatchingUp", 645, 190),
    ];
    states.put(Kind::Part, &connected);
    states.put(Kind::Main, &[("Offline", 62, 95)]);
    states.put(Kind::Outer, &[("Leaving", 590, 300), ("Over", 235, 365)]);
    states.start(&[(62, 30), (62, 78)], (4, 18, "a new session"));
    let due = "the wait|is over";
    states.arrow(("Offline", "Connecting"), &[(104, 95), (178, 95)], (112, 77, due));
    let told = "the driver connects by itself";
    states.arrow(
        ("Offline", "Greeting"),
        &[(90, 79), (90, 18), (365, 18), (365, 78)],
        (176, 14, told),
    );
    states.arrow(("Connecting", "Greeting"), &[(289, 95), (318, 95)], (250, 64, ""));
    states.arrow(("Greeting", "Joining"), &[(411, 95), (437, 95)], (385, 68, "HelloAck"));
    states.arrow(("Joining", "Arriving"), &[(522, 95), (543, 95)], (498, 68, "Welcome"));
    states.arrow(("Arriving", "Joined"), &[(636, 95), (657, 95)], (590, 68, "snapshot whole"));
    let refused = "first nick|refused";
    states.arrow(("Joining", "Choosing"), &[(465, 111), (465, 173)], (392, 140, refused));
    states.arrow(("Choosing", "Joining"), &[(495, 174), (495, 112)], (499, 150, "another"));
    let back = "back: more|to see";
    states.arrow(("Arriving", "CatchingUp"), &[(600, 111), (630, 173)], (546, 134, back));
    states.arrow(("CatchingUp", "Joined"), &[(660, 174), (690, 112)], (685, 150, "all seen"));
    let lost = "lost, silent, or a Goodbye|to come back after";
    let any = "Connecting Greeting Joining Choosing Arriving CatchingUp Joined";
    states.arrow((any, "Offline"), &[(170, 190), (62, 190), (62, 112)], (14, 210, lost));
    let in_room = "Joining Choosing Arriving CatchingUp Joined";
    states.arrow((in_room, "Leaving"), &[(590, 230), (590, 283)], (600, 258, "Leave"));
    let gone = "Goodbye, or the connection is lost";
    states.arrow(("Leaving", "Over"), &[(590, 316), (590, 365), (277, 365)], (380, 382, gone));
    let end = "never let in, given up, or the|server breaks the protocol";
    states.arrow(
        ("Connecting Greeting Joining Choosing Arriving CatchingUp Joined", "Over"),
        &[(235, 230), (235, 348)],
        (245, 268, end),
    );
    let stop = "given up, or leaving";
    states.arrow(
        ("Offline", "Over"),
        &[(40, 111), (40, 178), (5, 178), (5, 365), (193, 365)],
        (50, 382, stop),
    );
    states.into_svg()
}

/// Uploads and downloads, as the server has them (`server/src/engine/transfer_table/`).
pub(crate) fn transfer() -> String {
    let mut states = States::new(760, 430);
    states.text((10, 20), "an upload");
    let stages = [("Creating", 130, 70), ("Receiving", 330, 70), ("Publishing", 530, 70)];
    states.put(Kind::Part, &stages);
    states.put(Kind::Main, &[("on the shelf", 690, 70)]);
    states.put(Kind::Disk, &[("kept", 330, 180)]);
    states.put(Kind::Outer, &[("forgotten", 530, 180)]);
    states.start(&[(20, 70), (84, 70)], (8, 60, "UploadOffer"));
    states.arrow(("Creating", "Receiving"), &[(176, 70), (280, 70)], (190, 64, "UploadReady"));
    states.arrow(("Receiving", "Publishing"), &[(380, 70), (476, 70)], (390, 64, "UploadDone"));
    let stored = "UploadStored,|Shelved";
    states.arrow(("Publishing", "on the shelf"), &[(584, 70), (627, 70)], (570, 34, stored));
    let lost = "connection lost,|stalled, or replaced";
    states.arrow(("Receiving", "kept"), &[(330, 86), (330, 163)], (338, 112, lost));
    let again = "an offer with the same|key, name and size";
    states.arrow(("kept", "Creating"), &[(290, 180), (130, 180), (130, 88)], (138, 150, again));
    let old = "24 h, or no room";
    states.arrow(("kept", "forgotten"), &[(370, 180), (480, 180)], (376, 198, old));
    let wrong = "digest wrong,|disk failed";
    states.arrow(("Publishing", "forgotten"), &[(530, 86), (530, 163)], (538, 120, wrong));
    states.text((600, 150), "Refused or cancelled|in any stage: forgotten");
    states.text((10, 260), "a download");
    states.put(Kind::Part, &[("Opening", 130, 310), ("Sending", 330, 310)]);
    states.put(Kind::Main, &[("whole at the client", 570, 310)]);
    states.put(Kind::Disk, &[("part kept by the client", 330, 395)]);
    states.start(&[(20, 310), (88, 310)], (8, 288, "DownloadRequest"));
    states.arrow(("Opening", "Sending"), &[(172, 310), (288, 310)], (182, 304, "DownloadReady"));
    let verified = "last byte; digest compared";
    states.arrow(
        ("Sending", "whole at the client"),
        &[(372, 310), (480, 310)],
        (378, 340, verified),
    );
    states.arrow(
        ("Sending", "part kept by the client"),
        &[(330, 326), (330, 378)],
        (338, 362, "connection lost"),
    );
    let rest = "asks for the rest";
    states.arrow(
        ("part kept by the client", "Opening"),
        &[(226, 395), (130, 395), (130, 328)],
        (136, 388, rest),
    );
    states.into_svg()
}
