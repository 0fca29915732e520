//! The engine as its peers and its disk see it: everything but sockets, files and the clock.

mod chaos;
mod deadlines;
mod disk;
mod downloads;
mod drops;
mod endings;
mod joining;
mod journaling;
mod limits;
mod memory;
mod peer;
mod persistence;
mod pipe;
mod presence;
mod resuming;
mod rig;
mod shares;
mod slow;
mod slow_lines;
mod split;
mod talking;
mod upload_ends;
mod upload_resumes;
mod uploads;
mod violations;
mod work;
