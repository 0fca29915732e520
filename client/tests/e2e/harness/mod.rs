//! What the tests are written with beside the kit: the programs ([`programs`]), a room with a real
//! server and its clients ([`room`]), a client on a terminal ([`terminal`], whose screen can be
//! made a picture: [`svg`], and over time a moving one: [`film`]), a connection that does what a
//! test says ([`proxy`]) and a network of two machines ([`network`]).

#[cfg(unix)]
pub(crate) mod film;
#[cfg(target_os = "linux")]
pub(crate) mod network;
pub(crate) mod programs;
pub(crate) mod proxy;
pub(crate) mod room;
#[cfg(unix)]
pub(crate) mod svg;
#[cfg(unix)]
pub(crate) mod terminal;
