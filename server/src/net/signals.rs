//! Signals that ask the server to end. On Unix the reactor hears of them as of anything else that
//! becomes ready; on Windows a thread of `ctrlc` wakes it.
//!
//! A signal that was ignored when the program began stays ignored: `nohup` means it. There is no
//! safe and portable way to ask for that; on Linux `/proc` tells, and elsewhere each signal counts.

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
    use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGXFSZ};
    use signal_hook::flag;
    use signal_hook_mio::v1_0;

    /// Signals that end the server in order.
    const ENDING: [i32; 3] = [SIGHUP, SIGINT, SIGTERM];

    /// What is heard of the system's signals.
    pub(crate) struct Signals(v1_0::Signals);

    impl fmt::Debug for Signals {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("Signals(…)")
        }
    }

    impl Signals {
        /// Hears of them from now on, by readiness of `token`.
        ///
        /// # Errors
        /// When the system does not allow that.
        pub(crate) fn hear(
            registry: &Registry,
            token: Token,
            _waker: &Arc<Waker>,
        ) -> io::Result<Self> {
            let ignored = ignored();
            let wanted = ENDING.into_iter().filter(|signal| ignored & bit(*signal) == 0);
            let wanted: Vec<i32> = wanted.collect();
            end_at_the_second(&wanted)?;
            // Once it is handled, a write beyond the limit of a file's size is an error as any
            // other.
            flag::register(SIGXFSZ, Arc::default())?;
            let mut signals = v1_0::Signals::new(wanted)?;
            registry.register(&mut signals, token, Interest::READABLE)?;
            Ok(Self(signals))
        }

        /// True if any has come since the last time.
        pub(crate) fn take(&mut self) -> bool {
            self.0.pending().count() > 0
        }
    }

    /// Has a second signal end the program at once, whatever it is at. A terminal that goes away
    /// may well say so twice, so SIGHUP is never the second.
    fn end_at_the_second(signals: &[i32]) -> io::Result<()> {
        let is_asked = Arc::new(AtomicBool::new(false));
        for &signal in signals {
            // The order counts: the first time, the flag is not set yet.
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

    /// Signals that are ignored: here, those that were when the program began.
    #[cfg(any(target_os = "linux", target_os = "android"))]
    fn ignored() -> u64 {
        mask_of(&std::fs::read_to_string("/proc/self/status").unwrap_or_default())
    }

    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    fn ignored() -> u64 {
        0
    }

    /// What `/proc/self/status` says of ignored signals, a bit for each.
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

    /// Exit code when the second signal ends the program.
    const INTERRUPTED: i32 = 130;

    /// What is heard of the console's events.
    #[derive(Debug)]
    pub(crate) struct Signals(Arc<AtomicBool>);

    impl Signals {
        /// Hears of them from now on, by a call of `waker`.
        ///
        /// # Errors
        /// When the system does not allow that.
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
                // It fails only when the loop is gone, and then there is nobody to wake.
                let _ = waker.wake();
            })
            .map_err(io::Error::other)?;
            Ok(Self(is_asked))
        }

        /// True if any has come.
        pub(crate) fn take(&mut self) -> bool {
            self.0.load(Ordering::Relaxed)
        }
    }
}
