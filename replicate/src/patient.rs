//! A session that is not waited for without end.
//!
//! A server that hangs, or a network that swallows what is sent, closes no
//! connection: without a limit of our own the stream would wait for as long as
//! the operating system does, which may be for ever. What happened to the
//! statements is then as unknown as after a connection that broke.

use std::time::Duration;

use async_trait::async_trait;
use switchback_engines::{Error, Neutral, Outcome, QueryFault, StatementFailed, Writer};

/// A [`Writer`] whose answers come in time or not at all.
pub(crate) struct Patient {
    pub(crate) inner: Box<dyn Writer>,
    /// For the error.
    pub(crate) location: String,
    pub(crate) timeout: Duration,
}

#[async_trait]
impl Writer for Patient {
    async fn run(&mut self, statements: &[String]) -> Result<Vec<Outcome>, StatementFailed> {
        match tokio::time::timeout(self.timeout, self.inner.run(statements)).await {
            Ok(ran) => ran,
            Err(_) => Err(StatementFailed {
                index: 0,
                violation: None,
                error: silent(&self.location, "writing", self.timeout),
            }),
        }
    }

    fn neutral(&self) -> Neutral {
        self.inner.neutral()
    }

    async fn close(self: Box<Self>) -> Result<(), Error> {
        let Self { inner, location, timeout } = *self;
        match tokio::time::timeout(timeout, inner.close()).await {
            Ok(closed) => closed,
            Err(_) => Err(silent(&location, "closing the session", timeout)),
        }
    }
}

/// What is done with an end, in time.
///
/// # Errors
/// Its own, or that there was no answer.
pub(crate) async fn in_time<T>(
    location: &str,
    what: &str,
    timeout: Duration,
    asked: impl Future<Output = Result<T, Error>>,
) -> Result<T, Error> {
    tokio::time::timeout(timeout, asked).await.unwrap_or_else(|_| Err(silent(location, what, timeout)))
}

fn silent(location: &str, what: &str, timeout: Duration) -> Error {
    Error::Query {
        location: location.to_owned(),
        what: what.to_owned(),
        fault: QueryFault::ConnectionLost,
        source: format!("no answer within {} s", timeout.as_secs_f64()).into(),
    }
}
