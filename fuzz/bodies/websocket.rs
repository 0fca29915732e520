//! WebSocket frames: however they are cut, the same bytes come out of them, with the same ping and
//! the same end; and what was put into frames comes out of them.

use chatshelf_common::websocket::{End, Incoming, Opcode, Sender, frame};

use super::script::Script;

/// Who sends, how the frames are cut, the frames.
pub(crate) fn run(bytes: &[u8]) {
    let mut script = Script::new(bytes);
    let sender = if script.byte() & 1 == 0 { Sender::Client } else { Sender::Server };
    let piece_bytes = usize::from(script.byte().max(1));
    let stream = script.rest();
    let (bytes, ping, end) = opened(sender, stream, stream.len().max(1));
    assert!(bytes.len() <= stream.len());
    assert_eq!(opened(sender, stream, piece_bytes), (bytes, ping, end));
    let mask = (sender == Sender::Client).then_some([piece_bytes as u8, 1, 0, 255]);
    let framed = frame(Opcode::Binary, stream, mask);
    assert_eq!(opened(sender, &framed, piece_bytes), (stream.to_vec(), None, None));
}

/// What frames that come in pieces carry, the newest ping, and how they end.
fn opened(
    sender: Sender,
    stream: &[u8],
    piece_bytes: usize,
) -> (Vec<u8>, Option<Vec<u8>>, Option<End>) {
    let (mut incoming, mut found) = (Incoming::new(sender), Vec::new());
    for piece in stream.chunks(piece_bytes) {
        let mut piece = piece.to_vec();
        let count = incoming.open(&mut piece);
        found.extend_from_slice(&piece[..count]);
    }
    (found, incoming.take_ping(), incoming.end())
}
