//! How bytes are laid out in frames. The bytes are those of the encoder.

use chatshelf_common::id::{MessageId, TransferId};
use chatshelf_common::text::Message;
use chatshelf_common::wire::frame::{Frame, Say};
use chatshelf_common::wire::header::{DATA, DATA_PREFIX_BYTES, HEADER_BYTES};

use crate::svg::{Area, Canvas, Kind};

/// A piece of a frame: what it is, its bytes, and how many boxes wide it is drawn.
struct Piece {
    name: &'static str,
    bytes: String,
    kind: Kind,
    width: i32,
}

fn piece(name: &'static str, bytes: &[u8], kind: Kind, width: i32) -> Piece {
    let bytes: Vec<String> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    Piece { name, bytes: bytes.join(" "), kind, width }
}

/// The layout of a control frame and of a data frame.
pub(crate) fn frame() -> String {
    let mut canvas = Canvas::new(760, 316);
    let (id, text) = (MessageId(1), "hi, all");
    let say = Message::new(text).ok().map(|text| Say { id, text, style: None, repeat: None });
    let bytes = say.map_or_else(Vec::new, |say| say.to_bytes());
    let (header, fields) = bytes.split_at(HEADER_BYTES);
    let (first, second) = fields.split_at(3 + 8);
    canvas.text((12, 20), "start", "a control frame: a header and a list of fields (here a Say)");
    let pieces = [
        piece("type", &header[..1], Kind::Main, 52),
        piece("flags", &header[1..2], Kind::Main, 52),
        piece("length", &header[2..], Kind::Main, 104),
        piece("tag", &first[..1], Kind::Part, 42),
        piece("length", &first[1..3], Kind::Part, 60),
        piece("value: MESSAGE_ID 1", &first[3..], Kind::Outer, 180),
        piece("tag", &second[..1], Kind::Part, 42),
        piece("length", &second[1..3], Kind::Part, 60),
        piece("value: TEXT “hi, all”", &second[3..], Kind::Outer, 148),
    ];
    row(&mut canvas, 12, 32, &pieces);
    for (from, to, name) in [
        (12, 220, "header: 6 bytes"),
        (220, 502, "a field: 3 bytes and its value"),
        (502, 752, "a field"),
    ] {
        brace(&mut canvas, from, to, 108, name);
    }
    brace(
        &mut canvas,
        220,
        752,
        140,
        "value of the frame: as many bytes as the header's length says",
    );
    canvas.text((12, 196), "start", "a data frame: the one frame without fields");
    let length = (DATA_PREFIX_BYTES + 12) as u32;
    let transfer = TransferId(1);
    let pieces = [
        piece("type", &[DATA], Kind::Main, 52),
        piece("flags", &[0], Kind::Main, 52),
        piece("length", &length.to_be_bytes(), Kind::Main, 104),
        piece("transfer", &transfer.0.to_be_bytes(), Kind::Part, 104),
        piece("offset in the file", &0_u64.to_be_bytes(), Kind::Part, 188),
        piece("1 to 65,536 bytes of the file", b"hello shel", Kind::Outer, 240),
    ];
    row(&mut canvas, 12, 208, &pieces);
    brace(&mut canvas, 12, 220, 284, "header: 6 bytes");
    brace(&mut canvas, 220, 752, 284, "12 bytes, then the bytes of the file themselves");
    canvas.into_svg()
}

fn row(canvas: &mut Canvas, mut x: i32, y: i32, pieces: &[Piece]) {
    for Piece { name, bytes, kind, width } in pieces {
        canvas.frame(Area(x, y, *width, 62), *kind, "");
        canvas.text((x + width / 2, y + 22), "middle", name);
        canvas.code((x + width / 2, y + 47), "middle", bytes);
        x += width;
    }
}

/// A line below a stretch of bytes, with what it is.
fn brace(canvas: &mut Canvas, from: i32, to: i32, y: i32, name: &str) {
    canvas.line(&[(from + 3, y - 8), (from + 3, y), (to - 3, y), (to - 3, y - 8)], "");
    canvas.text((i32::midpoint(from, to), y + 15), "middle", name);
}
