//! The engine as its peers and its disk see it: everything but sockets, files and the clock.

mod chaos;
mod deadlines;
mod disk;
mod downloads;
mod endings;
mod joining;
mod limits;
mod peer;
mod persistence;
mod pipe;
mod rig;
mod slow;
mod split;
mod talking;
mod upload_ends;
mod uploads;
mod violations;
