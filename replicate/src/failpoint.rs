//! Places where a test can end the process, or let it wait.
//!
//! Compiled in only with the feature `failpoints`. `SWITCHBACK_FAILPOINT` names
//! the place, and which time it is reached: `after-cas:3` kills the process with
//! SIGKILL when it gets there for the third time, so nothing of ours runs after.

/// Does nothing unless the environment says otherwise.
#[inline]
pub(crate) fn reached(place: &str) {
    #[cfg(feature = "failpoints")]
    armed::reached(place);
    #[cfg(not(feature = "failpoints"))]
    let _ = place;
}

#[cfg(feature = "failpoints")]
mod armed {
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicU64, Ordering};

    struct Armed {
        place: String,
        left: AtomicU64,
    }

    static ARMED: OnceLock<Option<Armed>> = OnceLock::new();

    fn armed() -> Option<&'static Armed> {
        let read = || {
            let text = std::env::var("SWITCHBACK_FAILPOINT").ok()?;
            let (place, times) = text.split_once(':').unwrap_or((&text, "1"));
            Some(Armed { place: place.to_owned(), left: AtomicU64::new(times.parse().unwrap_or(1)) })
        };
        ARMED.get_or_init(read).as_ref()
    }

    pub(super) fn reached(place: &str) {
        let Some(armed) = armed().filter(|armed| armed.place == place) else { return };
        if armed.left.fetch_sub(1, Ordering::SeqCst) == 1 {
            // Not an abort, which would still run handlers and dump a core.
            let _ = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL);
        }
    }
}
