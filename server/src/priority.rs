//! Priorities of threads beside the reactor's: talk comes before what they do.

/// Gives the calling thread, which does this, a nice value of its own. Only Linux has one for each
/// thread (setpriority(2)); elsewhere this does nothing.
#[cfg(target_os = "linux")]
pub fn lower(what: &str, niceness: i32) {
    let own = Some(rustix::thread::gettid());
    if let Err(why) = rustix::process::setpriority_process(own, niceness) {
        log::warn!("cannot lower the priority of the {what} thread: {why}");
    }
}

/// See the one for Linux.
#[cfg(not(target_os = "linux"))]
pub fn lower(_what: &str, _niceness: i32) {}
