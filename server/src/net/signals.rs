//! Signals, and what each asks for ([`Intent`]). On Unix they reach the reactor as a source of
//! readiness like any other; on Windows a thread of `ctrlc` wakes the reactor.
//!
//! A signal that was ignored when the program started stays ignored, as `nohup` intends. There is
//! no safe and portable way to find out; Linux tells in `/proc`, and elsewhere every signal counts.

/// What a signal asks the server to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Intent {
    /// Shut down gracefully.
    Stop,
    /// Read the configuration file again.
    Reload,
    /// Write the statistics to the log.
    Report,
}

#[cfg(not(unix))]
pub(crate) use other::Signals;
#[cfg(unix)]
pub(crate) use unix::Signals;

#[cfg(unix)]
mod unix {
    use std::fmt;
    use std::io;
    use std::sync::Arc;
    use std::sync::atomic::AtomicBool;

    use mio::{Interest, Registry, Token, Waker};
    use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGUSR1, SIGXFSZ};
    use signal_hook::flag;
    use signal_hook_mio::v1_0;

    use super::Intent;

    /// The signals received from the system.
    pub(crate) struct Signals {
        received: v1_0::Signals,
        /// What each signal asks for.
        intents: Vec<(i32, Intent)>,
    }

    /// What each signal asks for: the one place that knows.
    fn intents(hangup: Intent) -> [(i32, Intent); 4] {
        let stop = Intent::Stop;
        [(SIGHUP, hangup), (SIGINT, stop), (SIGTERM, stop), (SIGUSR1, Intent::Report)]
    }

    impl fmt::Debug for Signals {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("Signals(…)")
        }
    }

    impl Signals {
        /// Starts receiving signals, as readiness of `token`; `hangup` is what SIGHUP asks for.
        ///
        /// # Errors
        /// If the system does not allow it.
        pub(crate) fn hear(
            registry: &Registry,
            token: Token,
            _waker: &Arc<Waker>,
            hangup: Intent,
        ) -> io::Result<Self> {
            let ignored = ignored();
            let mut intents = intents(hangup).to_vec();
            intents.retain(|(signal, _)| ignored & bit(*signal) == 0);
            end_at_the_second(&intents)?;
            // With a handler in place, a write beyond the file size limit fails with an error
            // instead of killing the process.
            flag::register(SIGXFSZ, Arc::default())?;
            let mut received = v1_0::Signals::new(intents.iter().map(|(signal, _)| signal))?;
            registry.register(&mut received, token, Interest::READABLE)?;
            Ok(Self { received, intents })
        }

        /// Returns what the signals that have arrived since the last call ask for.
        pub(crate) fn take(&mut self) -> Vec<Intent> {
            let of = |signal| self.intents.iter().find(|(known, _)| *known == signal);
            self.received.pending().filter_map(|signal| Some(of(signal)?.1)).collect()
        }
    }

    /// Makes a second signal end the program at once, whatever it is doing, if both ask it to stop.
    /// A closing terminal may send SIGHUP twice, so SIGHUP never counts as the second.
    fn end_at_the_second(intents: &[(i32, Intent)]) -> io::Result<()> {
        let is_asked = Arc::new(AtomicBool::new(false));
        for &(signal, _) in intents.iter().filter(|(_, intent)| *intent == Intent::Stop) {
            // The order matters: at the first signal, the flag is not set yet.
            if signal != SIGHUP {
                flag::register_conditional_shutdown(signal, 128 + signal, Arc::clone(&is_asked))?;
            }
            flag::register(signal, Arc::clone(&is_asked))?;
        }
        Ok(())
    }

    fn bit(signal: i32) -> u64 {
        1 << (signal - 1)
    }

    /// Returns the mask of ignored signals. At startup these are the ones the parent chose to
    /// ignore.
    #[cfg(any(target_os = "linux", target_os = "android"))]
    fn ignored() -> u64 {
        mask_of(&std::fs::read_to_string("/proc/self/status").unwrap_or_default())
    }

    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    fn ignored() -> u64 {
        0
    }

    /// Reads the mask of ignored signals from the text of `/proc/self/status`, one bit for each.
    #[cfg(any(target_os = "linux", target_os = "android"))]
    fn mask_of(status: &str) -> u64 {
        let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
        mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0)
    }

    #[cfg(all(test, any(target_os = "linux", target_os = "android")))]
    mod tests {
        use super::*;

        #[test]
        fn the_mask_is_read_as_the_kernel_writes_it() {
            let mask =
                mask_of("SigBlk:\t0000000000000004\nSigIgn:\t0000000000001001\nSigCgt:\t0\n");
            assert_eq!((mask & bit(SIGHUP), mask & bit(SIGTERM)), (1, 0));
            assert_eq!([mask_of(""), mask_of("SigIgn:\tnonsense")], [0, 0]);
        }
    }
}

#[cfg(not(unix))]
mod other {
    use std::io;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};

    use mio::{Registry, Token, Waker};

    use super::Intent;

    /// Exit code when the second signal ends the program.
    const INTERRUPTED: i32 = 130;

    /// The events received from the console. All of them ask the server to stop.
    #[derive(Debug)]
    pub(crate) struct Signals {
        is_asked: Arc<AtomicBool>,
        is_taken: bool,
    }

    impl Signals {
        /// Starts receiving events; each wakes `waker`.
        ///
        /// # Errors
        /// If the system does not allow it.
        pub(crate) fn hear(
            _registry: &Registry,
            _token: Token,
            waker: &Arc<Waker>,
            _hangup: Intent,
        ) -> io::Result<Self> {
            let is_asked = Arc::new(AtomicBool::new(false));
            let (flag, waker) = (Arc::clone(&is_asked), Arc::clone(waker));
            ctrlc::set_handler(move || {
                if flag.swap(true, Ordering::Relaxed) {
                    std::process::exit(INTERRUPTED);
                }
                // It fails only if the loop has ended, and then nobody needs waking.
                let _ = waker.wake();
            })
            .map_err(io::Error::other)?;
            Ok(Self { is_asked, is_taken: false })
        }

        /// Returns what the events that have arrived since the last call ask for.
        pub(crate) fn take(&mut self) -> Vec<Intent> {
            if self.is_taken || !self.is_asked.load(Ordering::Relaxed) {
                return Vec::new();
            }
            self.is_taken = true;
            vec![Intent::Stop]
        }
    }
}
