//! How a stream comes to its end: a barrier shows that it has drained, and closing it
//! lets nobody add to it any more.

use std::hash::{BuildHasher as _, Hasher as _, RandomState};

use crate::dead_letters::Letters;
use crate::error::{Error, Result};
use crate::letter::LetterState;
use crate::own::{self, BARRIER, Own, Store};
use crate::progress::{Progress, ProgressTable};
use crate::stream::Stream;

impl Stream {
    /// Writes a barrier at the origin. When [`crate::Status::barrier`] of the process
    /// that runs the stream is the number that this returns, everything that had been
    /// committed at the origin before the call is in the sink, or was put aside there. What commits later may be
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

    /// How many changes were put aside at the sink and wait there. A barrier that has come
    /// through says nothing of them.
    pub async fn waiting_letters(&self) -> Result<u64> {
        let letters = Letters::new(self.sink.info(), &self.spec.name);
        let mut writer = self.writer(&self.sink).await?;
        let query = format!(
            "SELECT COUNT(*) FROM {} WHERE {} AND {}",
            letters.store().name(),
            letters.mine(),
            letters.is_state(LetterState::Waiting)
        );
        let rows = letters.ask(writer.as_mut(), query).await?;
        writer.close().await?;
        let count = rows.into_iter().next().and_then(|row| row.into_iter().next().flatten()?.parse().ok());
        count.ok_or_else(|| Error::State { what: "the number of dead letters".to_owned() })
    }

    /// Removes all letters, whatever became of them.
    pub async fn forget_letters(&self) -> Result<()> {
        let letters = Letters::new(self.sink.info(), &self.spec.name);
        let mut writer = self.writer(&self.sink).await?;
        writer.run(&[letters.delete("1 = 1")]).await.map_err(|failed| failed.error)?;
        Ok(writer.close().await?)
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
