//! Places where a test can end the process, or let it wait.
//!
//! Compiled in only with the feature `failpoints`. `SWITCHBACK_FAILPOINT` names
//! the place, and which time it is reached: `after-commit:3` kills the process with
//! SIGKILL when it gets there for the third time, so nothing of ours runs after.
//! `after-commit:3:stop` stops it with SIGSTOP, until somebody lets it go on.
//!
//! Public for the crates that build on this one: a process counts the times in one
//! place, whoever's step it is.

/// Does nothing unless the environment says otherwise.
#[inline]
pub fn reached(place: &str) {
    #[cfg(feature = "failpoints")]
    armed::reached(place);
    #[cfg(not(feature = "failpoints"))]
    let _ = place;
}

#[cfg(feature = "failpoints")]
mod armed {
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicU64, Ordering};

    use rustix::process::Signal;

    struct Armed {
        place: String,
        left: AtomicU64,
        signal: Signal,
    }

    static ARMED: OnceLock<Option<Armed>> = OnceLock::new();

    fn armed() -> Option<&'static Armed> {
        let read = || {
            let text = std::env::var("SWITCHBACK_FAILPOINT").ok()?;
            let mut parts = text.split(':');
            let place = parts.next()?.to_owned();
            let times = parts.next().and_then(|times| times.parse().ok()).unwrap_or(1);
            // Not an abort, which would still run handlers and dump a core.
            let signal = if parts.next() == Some("stop") { Signal::STOP } else { Signal::KILL };
            Some(Armed { place, left: AtomicU64::new(times), signal })
        };
        ARMED.get_or_init(read).as_ref()
    }

    pub(super) fn reached(place: &str) {
        let Some(armed) = armed().filter(|armed| armed.place == place) else { return };
        if armed.left.fetch_sub(1, Ordering::SeqCst) == 1 {
            let _ = rustix::process::kill_process(rustix::process::getpid(), armed.signal);
        }
    }
}
