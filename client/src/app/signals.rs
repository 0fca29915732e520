//! Signals: those that ask for an end, and those by which a shell stops and continues the program.
//! Owns the thread that hears them. One that whoever started us has ignored (`nohup` does) stays
//! ignored. What they do to a run is the loop's matter.
//!
//! On Unix they are heard by `signal-hook`. On Windows, where nothing stops a program, `ctrlc`
//! hears the events of the console.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};

use mio::Waker;

use super::exit::{EXIT_FAILED, Failure};
use super::view::View;

/// What has been heard.
pub(crate) struct Signals {
    heard: Arc<Heard>,
    /// A word for each time that we were continued.
    continued: Receiver<()>,
}

#[derive(Default)]
struct Heard {
    /// How often an end was asked for.
    ends: AtomicUsize,
    /// A stop was asked for.
    stop: AtomicBool,
}

/// The thread's end of it.
struct Hearing {
    heard: Arc<Heard>,
    #[cfg_attr(not(unix), allow(dead_code, reason = "nothing is stopped there"))]
    continued: Sender<()>,
    waker: Arc<Waker>,
    abandon: fn(),
}

impl Hearing {
    /// An end is asked for. Whoever asks twice does not want to wait for the loop.
    fn end(&self) {
        if self.heard.ends.fetch_add(1, Ordering::SeqCst) > 0 {
            (self.abandon)();
            std::process::exit(EXIT_FAILED.into());
        }
        self.wake();
    }

    fn wake(&self) {
        let _ = self.waker.wake();
    }
}

impl Signals {
    /// Watches from now on, for a run of this view.
    ///
    /// # Errors
    /// When the system does not let us.
    pub(super) fn watch<V: View>(waker: Arc<Waker>) -> Result<Self, Failure> {
        let heard = Arc::new(Heard::default());
        let (sender, continued) = channel();
        let (abandon, continued_by) = (V::abandon, sender);
        let hearing =
            Hearing { heard: Arc::clone(&heard), continued: continued_by, waker, abandon };
        system::hear(hearing, V::TAKES_TERMINAL)
            .map_err(|why| Failure::new(format!("cannot watch for signals: {why}"), EXIT_FAILED))?;
        Ok(Self { heard, continued })
    }

    /// True once an end was asked for.
    pub(crate) fn wants_end(&self) -> bool {
        self.heard.ends.load(Ordering::SeqCst) > 0
    }

    /// Stops the program if that was asked for; the view gives the terminal back before, and takes
    /// it again once the program continues. So it does after a stop that nothing can hear: others
    /// may have used the terminal.
    pub(crate) fn stop_if_asked(&self, view: &mut impl View) {
        if self.heard.stop.swap(false, Ordering::SeqCst) && can_be_continued() {
            view.suspend();
            system::stop(&self.continued);
            view.resume();
        } else if self.continued.try_iter().count() > 0 {
            view.resume();
        }
    }
}

/// Stops the job that we are part of, as Ctrl-Z does on a terminal that watches for it: `make` and
/// its like stop as well. False where no shell could continue it.
pub(crate) fn stop_job() -> bool {
    can_be_continued() && system::stop_job()
}

/// Asks the job that we are part of for an end, as Ctrl-C does on a terminal that watches for it.
/// False where that is no signal.
pub(crate) fn interrupt_job() -> bool {
    system::interrupt_job()
}

use system::can_be_continued;

#[cfg(unix)]
mod system {
    use std::io;
    use std::sync::Arc;
    use std::sync::atomic::Ordering;
    use std::sync::mpsc::Receiver;
    use std::time::Duration;

    use rustix::process::{Signal, getpgrp, getsid, kill_current_process_group};
    use signal_hook::consts::{SIGCONT, SIGHUP, SIGINT, SIGTERM, SIGTSTP, SIGXFSZ};
    use signal_hook::low_level::emulate_default_handler;

    use super::Hearing;

    /// How long the thread may take to pass on that we were continued.
    const CONTINUED_MAX: Duration = Duration::from_secs(1);

    /// Starts the thread. Stops are of interest to who must give a terminal back first.
    pub(super) fn hear(hearing: Hearing, takes_terminal: bool) -> io::Result<()> {
        let mut wanted = vec![SIGINT, SIGTERM, SIGHUP];
        if takes_terminal {
            wanted.extend([SIGTSTP, SIGCONT]);
        }
        let ignored = ignored();
        // Continuing works whether the signal is ignored or not.
        wanted.retain(|signal| *signal == SIGCONT || ignored & (1 << (signal - 1)) == 0);
        // Once it is handled, a write beyond the limit of a file's size is an error as any other.
        signal_hook::flag::register(SIGXFSZ, Arc::default())?;
        let mut signals = signal_hook::iterator::Signals::new(wanted)?;
        std::thread::Builder::new().name("signals".into()).spawn(move || {
            for signal in signals.forever() {
                match signal {
                    SIGTSTP => hearing.heard.stop.store(true, Ordering::SeqCst),
                    SIGCONT => drop(hearing.continued.send(())),
                    _ => hearing.end(),
                }
                hearing.wake();
            }
        })?;
        Ok(())
    }

    /// Signals that are ignored, a bit for each from the lowest: here, those that were when the
    /// program began. There is no safe way to ask for them but this.
    #[cfg(any(target_os = "linux", target_os = "android"))]
    fn ignored() -> u64 {
        let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
        let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
        mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0)
    }

    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    fn ignored() -> u64 {
        0
    }

    /// Stops, and returns once somebody continues us.
    pub(super) fn stop(continued: &Receiver<()>) {
        // A continuation from before this stop means nothing.
        while continued.try_recv().is_ok() {}
        match emulate_default_handler(SIGTSTP) {
            Ok(()) => drop(continued.recv_timeout(CONTINUED_MAX)),
            Err(error) => log::info!("cannot stop: {error}"),
        }
    }

    /// False where our process group is the session's first one: its parent is outside, so no shell
    /// would learn that it has stopped. The system ignores Ctrl-Z there too.
    pub(super) fn can_be_continued() -> bool {
        getsid(None).is_ok_and(|session| session != getpgrp())
    }

    pub(super) fn stop_job() -> bool {
        kill_current_process_group(Signal::TSTP).is_ok()
    }

    pub(super) fn interrupt_job() -> bool {
        kill_current_process_group(Signal::INT).is_ok()
    }
}

#[cfg(not(unix))]
mod system {
    use std::sync::mpsc::Receiver;

    use super::Hearing;

    pub(super) fn hear(hearing: Hearing, _takes_terminal: bool) -> Result<(), ctrlc::Error> {
        ctrlc::set_handler(move || hearing.end())
    }

    pub(super) fn stop(_continued: &Receiver<()>) {}

    pub(super) fn can_be_continued() -> bool {
        false
    }

    pub(super) fn stop_job() -> bool {
        false
    }

    pub(super) fn interrupt_job() -> bool {
        false
    }
}
