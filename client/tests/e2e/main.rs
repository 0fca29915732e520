//! The real client against the real server, run as their users run them: what may be on standard
//! input (`stdin`), how one gets in (`joining`) and out again (`shutdown`), talk between several
//! (`talk`), files (`files`), connections that break (`returning`) and transfers that go on
//! (`resuming`), slow lines (`slow_lines`), malicious peers (`hostile`), a real terminal
//! (`interactive`: lines, `full_screen`, one in a room that talks without end: `flood`, how it is
//! left: `restored`, and stopped and continued by a shell: `suspend`), one-shot commands
//! (`oneshot`, `oneshot_files`, `oneshot_places`), links for browsers (`links`), options that are
//! set elsewhere (`settings`), what is made for shells and manuals (`shells`), what `make install`
//! puts where (`installed`), which server it is (`encryption`), how it is found on the local
//! network (`discovery`), passwords and operators (`operators`), what is said of limits (`limits`),
//! the load test's program (`load`), and the example bot (`bot`). What needs a Windows
//! console is in `console`.
//!
//! No test depends on how fast anything is: each waits for what must come, and only a hang ends
//! the waiting.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod bot;
mod console;
#[cfg(unix)]
mod discovery;
mod encryption;
mod files;
#[cfg(unix)]
mod flood;
mod frozen;

#[cfg(unix)]
mod full_screen;
mod harness;
mod hostile;
#[cfg(unix)]
mod installed;
#[cfg(unix)]
mod interactive;
mod joining;
mod languages;
mod limits;
mod links;
mod load;
mod oneshot;
mod oneshot_files;
#[cfg(unix)]
mod oneshot_places;
mod operators;
#[cfg(unix)]
mod recording;
#[cfg(unix)]
mod restored;
mod resuming;
mod returning;
#[cfg(unix)]
mod screenshot;
mod settings;
#[cfg(unix)]
mod shells;
mod shutdown;
#[cfg(target_os = "linux")]
mod slow_lines;
mod stdin;
#[cfg(target_os = "linux")]
mod suspend;
mod talk;
#[cfg(unix)]
mod windows_pictures;
