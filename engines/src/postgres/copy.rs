//! `COPY (query) TO STDOUT (FORMAT binary)`: the one way rows are read.

use futures_util::StreamExt as _;
use sqlx::postgres::PgConnection;
use tokio::sync::mpsc;

use super::bytes::Fault;
use super::frame::Framer;
use super::pool::Pool;
use crate::batch::RawBatch;
use crate::error::{Error, QueryFault, Result};

/// Sends all rows of `query` into `out` and returns their number. Stops early
/// when the receiver is gone.
pub(super) async fn stream(pool: &Pool, what: &str, query: &str, out: &mpsc::Sender<RawBatch>) -> Result<u64> {
    let mut lease = pool.lease().await?;
    let mut sent = 0;
    match drain(lease.connection(), query, out, &mut sent).await {
        Ok(true) => {
            lease.give_back();
            Ok(sent)
        }
        Ok(false) => Ok(sent),
        Err(Broken::Driver(e)) => Err(lease.fail(what, e)),
        Err(Broken::Protocol(why)) => Err(unreadable(pool.location(), what, why)),
    }
}

/// The server did not keep to its own format.
pub(super) fn unreadable(location: &str, what: &str, why: Fault) -> Error {
    Error::Query { location: location.to_owned(), what: what.to_owned(), fault: QueryFault::Other, source: why.into() }
}

pub(super) enum Broken {
    Driver(sqlx::Error),
    Protocol(Fault),
}

/// Sends all rows of `query`, and says whether the result was read to its end.
pub(super) async fn drain(
    connection: &mut PgConnection,
    query: &str,
    out: &mpsc::Sender<RawBatch>,
    sent: &mut u64,
) -> Result<bool, Broken> {
    let statement = format!("COPY ({query}) TO STDOUT (FORMAT binary)");
    let gone = out.closed();
    tokio::pin!(gone);
    // Both waits end when the receiver is gone: the server answers nothing
    // before it has a first row. In this order, so that the receiver is asked
    // for only while there is nothing to read.
    let mut messages = tokio::select! {
        biased;
        begun = connection.copy_out_raw(&statement) => begun.map_err(Broken::Driver)?,
        () = &mut gone => return Ok(false),
    };
    let mut framer = Framer::new();
    loop {
        let message = tokio::select! {
            biased;
            message = messages.next() => message,
            () = &mut gone => return Ok(false),
        };
        let Some(message) = message else { break };
        framer.push(&message.map_err(Broken::Driver)?).map_err(Broken::Protocol)?;
        if framer.is_full() && !send(out, framer.take(), sent).await {
            return Ok(false);
        }
    }
    let last = framer.finish().map_err(Broken::Protocol)?;
    // The result was read to its end whether or not anybody wants the rest.
    if last.row_count > 0 {
        send(out, last, sent).await;
    }
    Ok(true)
}

/// Whether there was a receiver.
async fn send(out: &mpsc::Sender<RawBatch>, batch: RawBatch, sent: &mut u64) -> bool {
    let row_count = u64::try_from(batch.row_count).unwrap_or(u64::MAX);
    let delivered = out.send(batch).await.is_ok();
    if delivered {
        *sent += row_count;
    }
    delivered
}

/// All rows of a `query` that returns few.
pub(super) async fn collect(pool: &Pool, what: &str, query: &str) -> Result<Vec<RawBatch>> {
    let (out, mut rows) = mpsc::channel(1);
    let receive = async {
        let mut batches = Vec::new();
        while let Some(batch) = rows.recv().await {
            batches.push(batch);
        }
        batches
    };
    let send = async move { stream(pool, what, query, &out).await };
    let (sent, batches) = tokio::join!(send, receive);
    sent.map(|_| batches)
}
