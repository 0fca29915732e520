//! Talk beside uploads on lines of all rates: what is ahead of a line is a time, not a size.

use std::collections::VecDeque;

use super::*;

/// A line with a rate, as a kernel gives it: it takes bytes while less than a bound is unsent.
struct Line {
    unsent: VecDeque<u8>,
    unsent_max: usize,
    deframer: Deframer,
    /// Bytes of the file that have come.
    file: Vec<u8>,
    lines: usize,
}

impl Line {
    /// Writes what the session has, as the driver of a socket does.
    fn fill(&mut self, session: &mut Session, now: Instant) {
        let mut written = 0;
        loop {
            if let Some(bytes) = session.poll_unsent_limit() {
                self.unsent_max = bytes as usize;
            }
            let is_full = self.unsent.len() >= self.unsent_max;
            let bytes = session.output().concat();
            if is_full || bytes.is_empty() {
                return session.handle_written(written, is_full, now);
            }
            self.unsent.extend(&bytes);
            written += bytes.len();
            session.advance_output(bytes.len(), now);
        }
    }

    /// Brings so many bytes to the server.
    fn carry(&mut self, bytes: usize) {
        let carried = bytes.min(self.unsent.len());
        let bytes: Vec<u8> = self.unsent.drain(..carried).collect();
        let mut input = &bytes[..];
        while let Some(unit) = self.deframer.next(&mut input).unwrap() {
            match unit {
                Unit::Chunk { bytes, .. } => self.file.extend(bytes),
                Unit::Control { header, .. } => {
                    self.lines += usize::from(header.kind == Say::KIND);
                }
            }
        }
    }
}

/// Serves the session's requests for the file's content.
fn read(rig: &mut Rig, content: &[u8]) {
    for request in rig.requests() {
        match request {
            FileRequest::Begin { transfer, run, .. } => {
                rig.reply(FileReply::Begun { transfer, run });
            }
            FileRequest::Read { transfer, offset, length, .. } => {
                let block = content[offset as usize..][..length].to_vec();
                rig.reply(FileReply::Block { transfer, block });
            }
            FileRequest::Hash { transfer } => {
                rig.reply(FileReply::Hashed { transfer, digest: digest(content) });
            }
            other => panic!("{other:?}"),
        }
    }
}

/// How long our own lines took to be with the server while a file went up at `rate` bytes a
/// millisecond, and how long that took, in milliseconds.
fn run(content: &[u8], rate: usize) -> (Vec<u64>, u64) {
    let mut rig = Rig::joined();
    rig.session.upload(name("a"), content.len() as u64, None).unwrap();
    rig.sent();
    rig.give(ready(1, 0)).unwrap();
    let mut line = Line {
        unsent: VecDeque::new(),
        unsent_max: usize::MAX,
        deframer: Deframer::joined(),
        file: Vec::new(),
        lines: 0,
    };
    let (mut delays_ms, mut said_at) = (Vec::new(), None);
    for ms in 0..60_000 {
        rig.now += Duration::from_millis(1);
        read(&mut rig, content);
        if ms % 50 == 0 && said_at.is_none() {
            rig.session.say(message("hello"), Style::SPEECH).unwrap();
            said_at = Some((ms, line.lines));
        }
        line.fill(&mut rig.session, rig.now);
        line.carry(rate);
        if let Some((at, _)) = said_at.take_if(|(_, lines)| line.lines > *lines) {
            delays_ms.push(ms - at);
        }
        if line.file.len() == content.len() {
            assert!(line.file == content);
            return (delays_ms, ms);
        }
    }
    panic!("the file did not arrive");
}

#[test]
fn a_line_waits_for_a_moment_at_any_rate_and_the_file_loses_nothing() {
    for rate in [16, 32, 125, 1_250, 12_500] {
        let ms = 2000.min(FILE_BYTES_MAX as usize / rate);
        let (delays_ms, file_ms) = run(&pattern(ms * rate), rate);
        assert!(delays_ms.len() >= 5, "{rate}: {delays_ms:?}");
        let allowed_ms = (8 * 1024 / rate as u64).max(8) + 2;
        assert!(delays_ms.iter().all(|ms| *ms <= allowed_ms), "{rate}: {delays_ms:?}");
        // Heads of frames and lines take their part.
        assert!(file_ms <= ms as u64 * 105 / 100, "{rate}: {file_ms} ms");
    }
}
