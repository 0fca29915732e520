//! What a run can have wrong on purpose.

use super::layered::Lie;
use super::pipe;

/// Something that is wrong on purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sabotage {
    /// Syncing says that it is done and does nothing.
    LyingSync,
    /// The journal says that it has kept what it has not begun to write.
    HastyJournal,
    /// The network changes a byte.
    FlippedByte,
    /// The network loses a byte.
    LostByte,
    /// The system interrupts each write again and again, so the server works for nothing.
    Interrupts,
    /// The store says that it has kept bans and does not.
    LostBans,
    /// The store takes a guest's file whatever digest it should have.
    AnyDigest,
    /// Any password is right.
    LaxVerifier,
    /// When the journal is replayed into a second room, its last event is left out.
    ShortReplay,
    /// A layer denies that it owns bytes which are not sent.
    NothingPending,
    /// A layer denies that it has read more than it has handed out.
    NothingBuffered,
    /// A layer loses a byte that it has accepted.
    AcceptedMore,
    /// The model expects one line more than was said.
    ExpectsMore,
}

impl Sabotage {
    /// What a wire does to a byte.
    pub(crate) fn of_wires(self) -> Option<pipe::Sabotage> {
        match self {
            Self::FlippedByte => Some(pipe::Sabotage::Flip),
            Self::LostByte => Some(pipe::Sabotage::Drop),
            Self::Interrupts => Some(pipe::Sabotage::Interrupt),
            _ => None,
        }
    }

    /// What a layer lies about.
    pub(crate) fn of_layers(self) -> Option<Lie> {
        match self {
            Self::NothingPending => Some(Lie::NothingPending),
            Self::NothingBuffered => Some(Lie::NothingBuffered),
            Self::AcceptedMore => Some(Lie::AcceptedMore),
            _ => None,
        }
    }
}
