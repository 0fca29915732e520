//! Kernel pipes, through which downloads go from files to sockets without being copied. They are
//! made here, filled by the disk thread's read-ahead, and drained by the transports that can
//! splice.

use std::io;

use crate::disk::readahead::{Pipe, PipeSource};

/// Returns a source of at most `pipes_max` pipes; it fails on systems that cannot splice to a
/// socket.
#[must_use]
pub(crate) fn source(pipes_max: usize) -> PipeSource {
    PipeSource { make, pipes_max }
}

/// Makes a pipe whose two ends never block.
#[cfg(target_os = "linux")]
fn make() -> io::Result<Pipe> {
    use rustix::pipe::{PipeFlags, fcntl_setpipe_size, pipe_with};

    use crate::disk::readahead::PIPE_BYTES;

    let (reader, writer) = pipe_with(PipeFlags::CLOEXEC | PipeFlags::NONBLOCK)?;
    fcntl_setpipe_size(&writer, PIPE_BYTES)?;
    Ok(Pipe::new(reader.into(), writer.into()))
}

#[cfg(not(target_os = "linux"))]
fn make() -> io::Result<Pipe> {
    Err(io::ErrorKind::Unsupported.into())
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::io::{ErrorKind, Read};

    use super::*;

    #[test]
    fn a_pipe_never_blocks() {
        let pipe = (source(1).make)().unwrap();
        let why = pipe.reader().read(&mut [0]).unwrap_err();
        assert_eq!(why.kind(), ErrorKind::WouldBlock);
    }
}
