//! Signals to the server: to stop, and on Unix to write its statistics to the log. On Unix they
//! reach the reactor as a source of readiness like any other; on Windows a thread of `ctrlc` wakes
//! the reactor.
//!
//! A signal that was ignored when the program started stays ignored, as `nohup` intends. There is
//! no safe and portable way to find out; Linux tells in `/proc`, and elsewhere every signal counts.

#[cfg(not(unix))]
pub(crate) use other::Signals;
#[cfg(unix)]
pub(crate) use unix::Signals;

/// What a signal asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Signal {
    /// Shut down gracefully.
    Stop,
    /// Write the statistics to the log.
    #[cfg(unix)]
    Report,
}

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

    use super::Signal;

    /// Signals that shut the server down gracefully.
    const ENDING: [i32; 3] = [SIGHUP, SIGINT, SIGTERM];

    /// The signals received from the system.
    pub(crate) struct Signals(v1_0::Signals);

    impl fmt::Debug for Signals {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("Signals(…)")
        }
    }

    impl Signals {
        /// Starts receiving signals, as readiness of `token`.
        ///
        /// # Errors
        /// If the system does not allow it.
        pub(crate) fn hear(
            registry: &Registry,
            token: Token,
            _waker: &Arc<Waker>,
        ) -> io::Result<Self> {
            let ignored = ignored();
            let wanted = ENDING.into_iter().filter(|signal| ignored & bit(*signal) == 0);
            let mut wanted: Vec<i32> = wanted.collect();
            end_at_the_second(&wanted)?;
            wanted.push(SIGUSR1);
            // With a handler in place, a write beyond the file size limit fails with an error
            // instead of killing the process.
            flag::register(SIGXFSZ, Arc::default())?;
            let mut signals = v1_0::Signals::new(wanted)?;
            registry.register(&mut signals, token, Interest::READABLE)?;
            Ok(Self(signals))
        }

        /// Returns what the signals ask for that have arrived since the last call.
        pub(crate) fn take(&mut self) -> impl Iterator<Item = Signal> {
            self.0.pending().map(|signal| match signal {
                SIGUSR1 => Signal::Report,
                _ => Signal::Stop,
            })
        }
    }

    /// Makes a second signal end the program at once, whatever it is doing. A closing terminal may
    /// send SIGHUP twice, so SIGHUP never counts as the second.
    fn end_at_the_second(signals: &[i32]) -> io::Result<()> {
        let is_asked = Arc::new(AtomicBool::new(false));
        for &signal in signals {
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

    use super::Signal;

    /// Exit code when the second signal ends the program.
    const INTERRUPTED: i32 = 130;

    /// The events received from the console.
    #[derive(Debug)]
    pub(crate) struct Signals(Arc<AtomicBool>);

    impl Signals {
        /// Starts receiving events; each wakes `waker`.
        ///
        /// # Errors
        /// If the system does not allow it.
        pub(crate) fn hear(
            _registry: &Registry,
            _token: Token,
            waker: &Arc<Waker>,
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
            Ok(Self(is_asked))
        }

        /// Returns what the console's events ask for.
        pub(crate) fn take(&mut self) -> impl Iterator<Item = Signal> {
            self.0.load(Ordering::Relaxed).then_some(Signal::Stop).into_iter()
        }
    }
}
