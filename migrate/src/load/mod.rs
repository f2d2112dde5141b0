//! All rows of the source, as they were at one place in its log, into the target.
//!
//! ```text
//!  claim ─► arm ─► cut ─► snapshot ─► mend: clear ─► load ranges ─► mend: copy ─► hand over
//!             (once)  (once)    ▲      (only what a lost snapshot left)               │
//!                               └──────────── lost, killed: again ◄──────────────────┘
//! ```
//!
//! The log is armed before the snapshot is taken, and the stream begins where the
//! snapshot is, so that everything that commits is in one of the two and nothing in
//! both.
//!
//! # What holds, whatever is killed
//!
//! 1. A range of a table is loaded in one transaction of the sink, which says so in
//!    the ledger as its first statement, and finds the range not loaded. So it is
//!    loaded once.
//! 2. A process that takes a load over raises the epoch in every row of the ledger:
//!    it waits for what an older one has under way, and nothing later of that one
//!    gets in ([`Error::Fenced`]).
//! 3. A snapshot is lost with its process. The next one is of a later place, and
//!    what was loaded by then is brought there by the keys that the log has in
//!    between ([`mend`]); a range is written down as of the snapshot that it is of
//!    until all of them are.
//! 4. The stream's progress row is written in the transaction that ends the load, at
//!    the place of the snapshot that all rows are of by then.
//! 5. Rows are mapped, and values fitted, as the stream does it: see
//!    [`switchback_replicate::TableMap`].
//!
//! # Where things are
//!
//! - [`own`], [`ledger`]: what is written down, in two tables at the sink.
//! - [`plan`]: tables and ranges. [`rows`]: from the source's rows to the sink's.
//! - [`work`]: the workers. [`throttle`]: how fast they may be.
//! - [`touched`], [`mend`]: after a snapshot was lost.
//! - [`progress`]: how far it is. [`patience`]: how long is waited for it.
//!
//! What it does not do: make tables, keys or indexes; switch constraints off, beyond
//! what a session of the sink can do for itself. It is fastest, and finds no unique
//! key in its way, where the tables have only their primary keys.
//!
//! A load without a stream ([`Settings::follow`] is false) has no log to mend by:
//! one that was cut off is begun again from empty tables.

mod error;
mod ledger;
mod mend;
mod own;
mod patience;
mod plan;
mod progress;
mod rows;
mod throttle;
mod touched;
mod work;

use std::sync::Arc;
use std::time::{Duration, Instant};

use switchback_engines::{Class, Engine, SnapshotRequest, Writer, WriterOptions};
use switchback_replicate::Stream;
use switchback_replicate::failpoint::reached;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

pub use self::error::{Error, Result};
use self::ledger::{Ledger, Range, Stage};
use self::patience::{in_time, told, while_it_moves};
use self::progress::Counters;
pub use self::progress::{Phase, Progress};
use self::throttle::Throttle;
use self::work::Shop;

/// How a load goes about it.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Ranges that are loaded at once, each with a connection at either end. SQLite
    /// as the target has one writer, and so one of them.
    pub workers: usize,
    /// Of the source's data in one range, by its statistics.
    pub range_bytes: u64,
    /// Over all workers; `None` for as fast as it goes.
    pub bytes_per_second: Option<u64>,
    /// Whether a stream goes on from there.
    pub follow: bool,
    /// How long an end may be away before the load gives up.
    pub patience: Duration,
    /// A statement that waits longer for a lock of the sink fails.
    pub lock_timeout: Duration,
    /// A transaction of ours that says nothing for this long is ended by the
    /// server, so that a process that was stopped doesn't keep its locks. Shorter
    /// than `lock_timeout`; longer than the source may take from one batch of rows
    /// to the next.
    pub idle_timeout: Duration,
    /// When nothing has moved at either end for this long, the ends are taken for
    /// lost.
    pub stall_timeout: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            workers: 4,
            range_bytes: 32 << 20,
            bytes_per_second: None,
            follow: true,
            patience: Duration::from_secs(60),
            lock_timeout: Duration::from_secs(75),
            idle_timeout: Duration::from_secs(60),
            stall_timeout: Duration::from_secs(300),
        }
    }
}

/// Between two tries to reach an end that was lost.
const RECONNECT_PAUSE: Duration = Duration::from_millis(200);
/// Arming a log, and taking a snapshot, may wait in silence for transactions that are
/// open: for as long as the engines let them, which is 10 minutes.
const OTHERS: Duration = Duration::from_secs(660);

/// The load of a stream's tables, running or not.
pub struct Load {
    stream: Arc<Stream>,
    settings: Settings,
}

impl Load {
    #[must_use]
    pub fn new(stream: Arc<Stream>, settings: Settings) -> Self {
        Self { stream, settings }
    }

    /// Loads whatever is not loaded yet. When it returns, the stream can be run; a
    /// load that is done already returns at once.
    ///
    /// # Errors
    /// The first one that trying again for [`Settings::patience`] does not get over;
    /// what was loaded stays, and another run goes on from there.
    pub async fn run(&self, stop: &CancellationToken, progress: &watch::Sender<Progress>) -> Result<()> {
        let mut ledger = Ledger::new(self.stream.sink().info(), &self.stream.spec().name);
        let mut lost: Option<Instant> = None;
        loop {
            let loaded = progress.borrow().ranges_loaded;
            let session = tokio::select! {
                ended = self.session(&mut ledger, progress) => ended,
                () = stop.cancelled() => return Err(Error::Stopped),
            };
            let Err(error) = session else { return Ok(()) };
            if error.class() != Class::Transient {
                return Err(error);
            }
            if progress.borrow().ranges_loaded > loaded {
                lost = None;
            }
            if lost.get_or_insert_with(Instant::now).elapsed() > self.settings.patience {
                return Err(error);
            }
            tokio::select! {
                () = stop.cancelled() => return Err(Error::Stopped),
                () = tokio::time::sleep(RECONNECT_PAUSE) => {}
            }
        }
    }

    /// Forgets that there was a load, so that another one of this name can begin:
    /// in empty tables, as nothing is removed from them.
    pub async fn forget(&self) -> Result<()> {
        let mut writer = self.stream.sink_writer().await?;
        let mut ledger = Ledger::new(self.stream.sink().info(), &self.stream.spec().name);
        ledger.claim(writer.as_mut()).await?;
        ledger.change(writer.as_mut(), ledger.forget()).await?;
        Ok(writer.close().await?)
    }

    fn options(&self) -> WriterOptions {
        WriterOptions {
            application_name: ledger::application_name(&self.stream.spec().name),
            lock_timeout: self.settings.lock_timeout,
            idle_timeout: self.settings.idle_timeout,
        }
    }

    fn workers(&self) -> usize {
        match self.stream.sink().info().engine {
            Engine::Sqlite => 1,
            Engine::Postgres | Engine::MySql | Engine::SqlServer | Engine::MongoDb => self.settings.workers.max(1),
        }
    }

    /// From one loss of an end to the next.
    async fn session(&self, ledger: &mut Ledger, progress: &watch::Sender<Progress>) -> Result<()> {
        let patience = self.settings.stall_timeout;
        in_time(patience, self.stream.prepare()).await?;
        let mut writer = in_time(patience, self.stream.sink().writer(&self.options())).await?;
        let writer = writer.as_mut();
        let stage = in_time(patience, ledger.claim(writer)).await?;
        reached("after-takeover");
        let incarnation = match stage {
            Some(Stage::Loaded) => {
                progress.send_modify(|progress| progress.phase = Phase::Done);
                return Ok(());
            }
            Some(Stage::Loading { incarnation }) => incarnation,
            stage => in_time(patience.max(OTHERS), self.arm(writer, ledger, stage.is_some())).await?,
        };
        let shop = self.open(writer, ledger).await?;
        if !self.settings.follow {
            in_time(patience.max(OTHERS), self.begin_again(writer, &shop)).await?;
        }
        let ranges = in_time(patience, ledger.ranges(writer)).await?;
        self.tell(progress, &shop, &ranges);
        let loading = self.load(writer, &shop, &incarnation, progress);
        told(loading, &shop.counters, patience, progress).await?;
        progress.send_modify(|progress| progress.phase = Phase::Done);
        Ok(())
    }

    /// Arms the origin and writes that down. `again`: somebody was about to before.
    async fn arm(&self, writer: &mut dyn Writer, ledger: &Ledger, again: bool) -> Result<String> {
        if !self.settings.follow {
            ledger.change(writer, vec![ledger.armed("", &no_position())]).await?;
            return Ok(String::new());
        }
        if again {
            // Whether that came to something is not known; so it is undone, and done.
            self.stream.disarm_origin().await?;
        }
        let armed = match self.stream.arm_origin().await {
            Ok(armed) => armed,
            Err(error) => {
                if matches!(&error, switchback_replicate::Error::Engine(switchback_engines::Error::Capture { .. })) {
                    // It may be armed for somebody else, whom the next try must leave alone.
                    ledger.change(writer, ledger.forget()).await?;
                }
                return Err(error.into());
            }
        };
        ledger.change(writer, vec![ledger.armed(&armed.incarnation, &armed.position)]).await?;
        reached("after-armed");
        Ok(armed.incarnation)
    }

    /// Cuts what has not been cut, and takes hold of a snapshot.
    async fn open(&self, writer: &mut dyn Writer, ledger: &Ledger) -> Result<Arc<Shop>> {
        let patience = self.settings.stall_timeout;
        let known = in_time(patience, ledger.ranges(writer)).await?;
        let jobs = plan::jobs(&self.stream, &known)?;
        let cuts = Counters::new();
        let cutting = plan::cut(&self.stream, writer, ledger, &jobs, &known, self.settings.range_bytes, &cuts);
        while_it_moves(cutting, &cuts, patience, || {}).await?;
        reached("after-cutting");
        let request = SnapshotRequest {
            stream: self.settings.follow.then(|| self.stream.spec().name.clone()),
            readers: self.workers(),
        };
        let taken = in_time(patience.max(OTHERS), self.stream.origin().snapshot(&request)).await?;
        reached("after-snapshot");
        Ok(Arc::new(Shop {
            stream: Arc::clone(&self.stream),
            ledger: ledger.clone(),
            taken,
            jobs,
            counters: Arc::new(Counters::new()),
            throttle: Throttle::new(self.settings.bytes_per_second),
            options: self.options(),
        }))
    }

    fn tell(&self, progress: &watch::Sender<Progress>, shop: &Shop, ranges: &[Range]) {
        let loaded = || ranges.iter().filter_map(|range| range.loaded.as_ref());
        let estimate = |job: &plan::Job| job.map.origin().row_estimate;
        progress.send_modify(|progress| {
            progress.phase = Phase::Loading;
            progress.tables = shop.jobs.len() as u64;
            progress.ranges_total = ranges.len() as u64;
            progress.ranges_loaded = loaded().count() as u64;
            progress.rows = loaded().map(|range| range.rows).sum();
            progress.bytes = loaded().map(|range| range.bytes).sum();
            progress.rows_estimate = shop.jobs.iter().map(estimate).sum();
            progress.snapshots += 1;
        });
    }

    async fn load(
        &self,
        writer: &mut dyn Writer,
        shop: &Arc<Shop>,
        incarnation: &str,
        progress: &watch::Sender<Progress>,
    ) -> Result<()> {
        let phase = |phase| progress.send_modify(|progress| progress.phase = phase);
        let ranges = shop.ledger.ranges(writer).await?;
        let mut touched = mend::touched(shop, &ranges, incarnation).await?;
        if !touched.is_empty() {
            phase(Phase::Mending);
            mend::clear(shop, writer, &mut touched).await?;
        }
        loop {
            phase(Phase::Loading);
            let ranges = shop.ledger.ranges(writer).await?;
            let open: Vec<Range> = ranges.into_iter().filter(|range| range.loaded.is_none()).collect();
            work::load(shop, open, self.workers()).await?;
            reached("after-loading");
            if touched.is_empty() {
                break;
            }
            phase(Phase::Mending);
            let again = mend::copy(shop, writer, &mut touched).await?;
            if again.is_empty() {
                break;
            }
            touched.leave_out(&again);
            progress.send_modify(|progress| progress.reloaded_tables += again.len() as u64);
        }
        self.finish(writer, shop, incarnation).await
    }

    /// Without a log there is nothing to mend by.
    async fn begin_again(&self, writer: &mut dyn Writer, shop: &Shop) -> Result<()> {
        let ranges = shop.ledger.ranges(writer).await?;
        for job in &shop.jobs {
            if ranges.iter().any(|range| range.table == job.numbered && range.loaded.is_some()) {
                mend::empty(shop, writer, job).await?;
            }
        }
        Ok(())
    }

    /// Hands over to the stream.
    async fn finish(&self, writer: &mut dyn Writer, shop: &Shop, incarnation: &str) -> Result<()> {
        let ledger = &shop.ledger;
        let statements = match &shop.taken.position {
            Some(position) => vec![
                ledger.mended(position),
                ledger.loaded(position),
                self.stream.first_progress(incarnation, position),
            ],
            None => vec![ledger.loaded(&no_position())],
        };
        reached("before-handover");
        ledger.change(writer, statements).await?;
        reached("after-handover");
        Ok(())
    }
}

fn no_position() -> switchback_engines::Position {
    switchback_engines::Position(String::new())
}
