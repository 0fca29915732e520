//! One end of a wire, as a client or the engine holds it.

use std::io::{self, IoSlice, Read, Write};
use std::rc::Rc;

use chatshelf_server::engine::Transport;

use super::clock::Clock;
use super::network::{Shared, Side};

/// One end. Closed when dropped.
#[derive(Debug)]
pub(crate) struct End {
    wire: Shared,
    side: Side,
    clock: Clock,
}

impl End {
    pub(crate) fn new(wire: &Shared, side: Side, clock: Clock) -> Self {
        Self { wire: Rc::clone(wire), side, clock }
    }

    pub(crate) fn wire(&self) -> &Shared {
        &self.wire
    }
}

impl Read for End {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.wire.borrow_mut().read(self.side, buffer, self.clock.now_ms())
    }
}

impl Write for End {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.write_vectored(&[IoSlice::new(bytes)])
    }

    fn write_vectored(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        self.wire.borrow_mut().write(self.side, slices, self.clock.now_ms())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Transport for End {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        Read::read(self, buffer)
    }

    fn has_buffered(&self) -> bool {
        false
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Write::write(self, bytes)
    }

    fn has_pending(&self) -> bool {
        false
    }

    fn flush_pending(&mut self) -> io::Result<usize> {
        Ok(0)
    }

    fn short_is_blocked(&self) -> bool {
        self.wire.borrow().is_short()
    }

    fn can_send_files(&self) -> bool {
        true
    }

    fn shutdown_write(&mut self) -> io::Result<()> {
        self.wire.borrow_mut().shut(self.side, self.clock.now_ms())
    }
}

impl Drop for End {
    fn drop(&mut self) {
        self.wire.borrow_mut().close(self.side, self.clock.now_ms());
    }
}
