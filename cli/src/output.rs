//! The one place that writes to the terminal.
//!
//! stdout takes the result and nothing else, stderr all the rest, so that
//! `switchback … | jq` always works.

use std::io::{self, ErrorKind, Write};

/// Writes a result to stdout.
///
/// A reader that has seen enough (`| head`) closes the pipe. Rust ignores
/// SIGPIPE, so that this arrives here as an error; to the one who typed it
/// nothing went wrong, so it counts as written.
///
/// # Errors
/// When stdout can't be written for another reason, such as a full disk.
pub(crate) fn data(text: &str) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    let written = stdout.write_all(text.as_bytes()).and_then(|()| {
        if text.ends_with('\n') { Ok(()) } else { stdout.write_all(b"\n") }?;
        stdout.flush()
    });
    match written {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        other => other,
    }
}

/// Writes a message to stderr. There is nowhere left to report that stderr
/// itself is gone, so that is ignored.
pub(crate) fn message(text: &str) {
    let _ = writeln!(io::stderr().lock(), "{text}");
}
