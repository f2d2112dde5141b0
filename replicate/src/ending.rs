//! How a stream comes to its end: a barrier shows that it has drained, and closing it
//! lets nobody add to it any more.

use std::hash::{BuildHasher as _, Hasher as _, RandomState};

use crate::error::Result;
use crate::own::{self, BARRIER, Own, Store};
use crate::progress::{Progress, ProgressTable};
use crate::stream::Stream;

impl Stream {
    /// Writes a barrier at the origin. When [`crate::Status::barrier`] of the process
    /// that runs the stream is the number that this returns, everything that had been
    /// committed at the origin before the call is in the sink. What commits later may be
    /// there too; keeping writers out is for the caller to do, before.
    pub async fn barrier(&self) -> Result<i64> {
        let token = token();
        let store = Store::new(self.origin.info(), Own::Heartbeats);
        let (update, insert) = own::heartbeat(&store, &format!("{}{BARRIER}", self.spec.name), token, 0);
        let mut writer = self.writer(&self.origin).await?;
        let outcomes = writer.run(&[update]).await.map_err(|failed| failed.error)?;
        if outcomes.first().is_none_or(|outcome| outcome.affected == 0) {
            writer.run(&[insert]).await.map_err(|failed| failed.error)?;
        }
        writer.close().await?;
        Ok(token)
    }

    /// Closes the stream, whoever runs it: no process can apply anything more, and none
    /// can take it over. Returns what the sink has; a stream that is closed already
    /// stays as it is.
    pub async fn close(&self) -> Result<Progress> {
        let mut writer = self.writer(&self.sink).await?;
        let table = ProgressTable::new(self.sink.info(), &self.spec.name);
        let closed = table.close(writer.as_mut()).await?;
        writer.close().await?;
        Ok(closed)
    }
}

/// A number that no barrier before had, as far as chance goes.
fn token() -> i64 {
    i64::try_from(RandomState::new().build_hasher().finish() >> 1).unwrap_or_default()
}
