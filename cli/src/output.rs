//! The one place that writes to the terminal.
//!
//! stdout takes the result and nothing else, stderr all the rest, so that
//! `switchback … | jq` always works.

use std::error::Error;
use std::io::{self, ErrorKind, IsTerminal as _, Write};

use console::Term;
use switchback_reports::terminal::Style;

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

/// Asks whoever sits at the terminal; `None` where nobody does.
///
/// # Errors
/// When the terminal can't be read.
pub(crate) fn ask(question: &str) -> io::Result<Option<String>> {
    if !(io::stdin().is_terminal() && io::stderr().is_terminal()) {
        return Ok(None);
    }
    let _ = write!(io::stderr().lock(), "{question}");
    let mut answer = String::new();
    io::stdin().read_line(&mut answer)?;
    Ok(Some(answer.trim().to_owned()))
}

/// How text is laid out on stdout: as wide as the terminal, and in colour where
/// there is one that shows them and NO_COLOR doesn't forbid it.
pub(crate) fn style(verbose: bool) -> Style {
    let terminal = Term::stdout();
    let width = terminal.is_term().then(|| terminal.size_checked()).flatten().map(|(_, columns)| columns);
    Style { width, color: terminal.is_term() && console::colors_enabled(), verbose }
}

/// Whether the reader of stdout went away, somewhere below `error`.
pub(crate) fn is_broken_pipe(error: &(dyn Error + 'static)) -> bool {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == ErrorKind::BrokenPipe) {
            return true;
        }
        cause = error.source();
    }
    false
}
