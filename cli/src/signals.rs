//! SIGINT and SIGTERM: the first one ends the run in order, the second at once.

use std::io;

use tokio_util::sync::CancellationToken;

use crate::exit::Exit;

/// Fires the token on the first signal, after `notice` has told the operator
/// what happens now; leaves the process on the second.
///
/// The handlers are in place when this returns, so that no signal kills the
/// run between here and its first range.
///
/// # Errors
/// When the system refuses the handlers.
pub(crate) fn cancel_on_signal(cancel: CancellationToken, notice: impl Fn() + Send + 'static) -> io::Result<()> {
    let mut signals = Signals::new()?;
    tokio::spawn(async move {
        signals.next().await;
        notice();
        cancel.cancel();
        signals.next().await;
        // Nothing that was finished is lost: results get their final name only when they are whole.
        std::process::exit(i32::from(Exit::Interrupted.code()));
    });
    Ok(())
}

#[cfg(unix)]
struct Signals {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Signals {
    fn new() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

#[cfg(windows)]
struct Signals(tokio::signal::windows::CtrlC);

#[cfg(windows)]
impl Signals {
    fn new() -> io::Result<Self> {
        tokio::signal::windows::ctrl_c().map(Self)
    }

    async fn next(&mut self) {
        let _ = self.0.recv().await;
    }
}
