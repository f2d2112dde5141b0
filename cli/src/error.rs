//! Errors on their way to the operator: what went wrong, why, and what to do.
//!
//! Each error says its own part and never repeats its cause, so the whole chain
//! is printed, one cause to a line. Drivers don't keep that rule; a cause whose
//! text the line above already ends with is left out.

use std::fmt;

use serde::Serialize;
use switchback_verify::RunError;

use crate::args::Format;
use crate::exit::Exit;
use crate::output;
use crate::redact::redact;

pub(crate) type Result<T, E = Failure> = std::result::Result<T, E>;

/// The version of the JSON that this program prints around a run's outcome, and
/// for errors.
pub(crate) const SCHEMA_VERSION: u32 = 1;

/// Why a command could not do what it was asked for, and how the process ends.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) exit: Exit,
    error: anyhow::Error,
}

impl Failure {
    /// The operator asked for something that can't be done.
    pub(crate) fn usage(error: impl Into<anyhow::Error>) -> Self {
        Self { exit: Exit::Usage, error: error.into() }
    }

    /// It could be done and did not come to its end.
    pub(crate) fn unfinished(error: impl Into<anyhow::Error>) -> Self {
        Self { exit: Exit::Unfinished, error: error.into() }
    }

    /// The result is there and can't be shown.
    pub(crate) fn stdout(error: std::io::Error) -> Self {
        Self::unfinished(anyhow::Error::new(error).context("cannot write to stdout"))
    }

    /// Stopped before there was anything to show.
    pub(crate) fn interrupted(error: impl Into<anyhow::Error>) -> Self {
        Self { exit: Exit::Interrupted, error: error.into() }
    }

    /// The same in the form that is printed as JSON, without passwords.
    pub(crate) fn describe(&self) -> ErrorText {
        let arguments = arguments();
        let mut lines: Vec<String> = Vec::new();
        for cause in self.error.chain() {
            let line = redact(cause.to_string().trim(), &arguments);
            if !line.is_empty() && lines.last().is_none_or(|above| !above.ends_with(&line)) {
                lines.push(line);
            }
        }
        let causes = lines.split_off(lines.len().min(1));
        ErrorText { message: lines.pop().unwrap_or_default(), causes, hint: hint(&self.error) }
    }

    /// Tells the operator: on stderr, and for a program on stdout as well.
    pub(crate) fn print(&self, format: Format) {
        let text = self.describe();
        if format == Format::Json {
            text.print_json(self.exit);
        }
        output::message(&text.to_string());
    }
}

/// The words of the command line, for [`redact`].
pub(crate) fn arguments() -> Vec<String> {
    std::env::args_os().skip(1).map(|word| word.to_string_lossy().into_owned()).collect()
}

/// An error as people and programs get to see it.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct ErrorText {
    pub(crate) message: String,
    pub(crate) causes: Vec<String>,
    pub(crate) hint: Option<String>,
}

impl ErrorText {
    pub(crate) fn print_json(&self, exit: Exit) {
        #[derive(Serialize)]
        struct Document<'a> {
            schema_version: u32,
            exit_code: u8,
            error: &'a ErrorText,
        }
        let document = Document { schema_version: SCHEMA_VERSION, exit_code: exit.code(), error: self };
        // Strings and numbers always have a JSON form; and when stdout is gone the same text is on stderr.
        if let Ok(json) = serde_json::to_string_pretty(&document) {
            let _ = output::data(&json);
        }
    }
}

impl fmt::Display for ErrorText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "error: {}", self.message)?;
        for cause in &self.causes {
            write!(f, "\n  caused by: {}", cause.replace('\n', "\n    "))?;
        }
        match &self.hint {
            Some(hint) => write!(f, "\nhint: {hint}"),
            None => Ok(()),
        }
    }
}

/// A mistake of the operator's that this crate found itself.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub(crate) struct Mistake {
    pub(crate) message: String,
    pub(crate) hint: String,
}

impl Mistake {
    pub(crate) fn new(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { message: message.into(), hint: hint.into() }
    }
}

/// The advice of the first error in the chain that has any: the outermost one
/// knows best what the operator was doing.
fn hint(error: &anyhow::Error) -> Option<String> {
    error
        .chain()
        .find_map(|cause| {
            if let Some(mistake) = cause.downcast_ref::<Mistake>() {
                return Some(mistake.hint.clone());
            }
            if let Some(RunError::Config { hint, .. }) = cause.downcast_ref::<RunError>() {
                return Some(hint.clone());
            }
            if let Some(error) = cause.downcast_ref::<switchback_reports::Error>() {
                return error.hint().map(str::to_owned);
            }
            if let Some(error) = cause.downcast_ref::<switchback_migrate::task::Error>() {
                return error.hint();
            }
            cause.downcast_ref::<switchback_engines::Error>()?.hint().map(str::to_owned)
        })
        .filter(|hint| !hint.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("{text}")]
    struct Layer {
        text: &'static str,
        #[source]
        source: Option<Box<Layer>>,
    }

    fn chain(texts: &[&'static str]) -> Failure {
        let layers = texts.iter().rev().fold(None, |source, text| Some(Box::new(Layer { text, source })));
        Failure::usage(*layers.unwrap())
    }

    #[test]
    fn every_cause_is_printed_once() {
        let text = chain(&["cannot start", "cannot connect: refused", "refused", "os error 111"]).describe();
        assert_eq!(
            text.to_string(),
            "error: cannot start\n  caused by: cannot connect: refused\n  caused by: os error 111"
        );
    }

    #[test]
    fn advice_comes_from_the_outermost_error_that_has_it() {
        let failure = Failure::usage(anyhow::Error::new(Mistake::new("no", "do this")).context("cannot start"));
        assert_eq!(failure.describe().to_string(), "error: cannot start\n  caused by: no\nhint: do this");
    }

    #[test]
    fn a_password_in_a_cause_is_hidden() {
        let text = chain(&["cannot start", "bad: postgres://ada:s3cret@h/x"]).describe();
        assert!(!format!("{text}{text:?}").contains("s3cret"));
    }
}
