//! A run from beginning to end.

use std::sync::Arc;

use switchback_engines::Database;
use tokio_util::sync::CancellationToken;

use crate::difference::DifferenceSink;
use crate::options::Options;
use crate::outcome::RunOutcome;
use crate::progress::Progress;

/// Why nothing could be compared. What goes wrong with one table is in that
/// table's outcome instead.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// What was asked for does not fit what is there.
    #[error("{message}")]
    Config { message: String, hint: String },

    /// A database could not be asked which tables it has.
    #[error("cannot list the tables of the {side}")]
    Catalog {
        side: &'static str,
        #[source]
        source: switchback_engines::Error,
    },
}

/// Compares `source` and `target`.
///
/// Differences go to `sink` as they are confirmed. When `cancel` fires, reading
/// stops at once; what was compared by then is in the outcome, whose verdict is
/// incomplete, and in finished files of the sink.
///
/// # Errors
/// [`RunError`] when not even the list of tables could be made.
pub async fn run(
    source: Arc<dyn Database>,
    target: Arc<dyn Database>,
    options: Options,
    sink: Arc<dyn DifferenceSink>,
    progress: Arc<Progress>,
    cancel: CancellationToken,
) -> Result<RunOutcome, RunError> {
    let _ = (source, target, options, sink, progress, cancel);
    Err(RunError::Config { message: "not built yet".to_owned(), hint: String::new() })
}
