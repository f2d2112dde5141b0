//! The stages at work.
//!
//! Capturing, rendering and applying run at the same time, a group of
//! transactions apart, with bounded room between them. When an end is lost,
//! all of them are dropped and begun again from what the progress row says; there
//! is no other way to go on, so there is none that is used less often.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use switchback_engines::{
    Armed, Capture, CaptureRequest, Class, Distance, Endpoint, Outcome, Position, Table, Writer, WriterOptions,
};
use tokio::sync::{Semaphore, mpsc, watch};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::apply::{Applied, Applier, Group};
use crate::assemble::{Assembler, Item};
use crate::dead_letters::Letters;
use crate::doings;
use crate::error::{Error, Result};
use crate::failpoint::reached;
use crate::held;
use crate::own::{self, Own, Store};
use crate::patient::{Patient, in_time};
use crate::plan::Plan;
use crate::progress::{Claims, Progress, ProgressTable};
use crate::render::Dialect;
use crate::spec::Spec;
use crate::status::Status;
use crate::transaction::{Changes, Transaction};

/// A stream, running or not.
pub struct Stream {
    origin: Arc<dyn Endpoint>,
    pub(crate) sink: Arc<dyn Endpoint>,
    pub(crate) spec: Arc<Spec>,
    pub(crate) plan: Arc<Plan>,
}

/// Between two tries to reach an end that was lost.
const RECONNECT_PAUSE: Duration = Duration::from_millis(200);
const RECONNECT_PAUSE_MAX: Duration = Duration::from_secs(3);
/// How often a position is saved behind which nothing was for the sink. Each save
/// is a change of the sink, which the opposite stream has to pass over.
const SAVE_INTERVAL: Duration = Duration::from_secs(2);
const ITEMS_IN_FLIGHT: usize = 4_096;
/// What a permit of the room for waiting transactions stands for.
const ROOM_UNIT: usize = 1 << 10;

impl Stream {
    /// # Errors
    /// [`Error::Plan`] when the tables do not go together.
    pub fn new(origin: Arc<dyn Endpoint>, sink: Arc<dyn Endpoint>, spec: Spec) -> Result<Self> {
        let plan = Arc::new(Plan::new(&spec, origin.info(), sink.info())?);
        Ok(Self { origin, sink, spec: Arc::new(spec), plan })
    }

    #[must_use]
    pub fn spec(&self) -> &Spec {
        &self.spec
    }

    /// Makes our own tables on both sides, arms the origin, and writes the first
    /// progress row: from here on nothing is missed.
    pub async fn arm(&self) -> Result<Armed> {
        for end in [&self.origin, &self.sink] {
            let mut writer = self.writer(end).await?;
            for statement in own::create(end.info().engine) {
                writer.run(&[statement]).await.map_err(|failed| failed.error)?;
            }
            writer.close().await?;
        }
        let mut writer = self.writer(&self.sink).await?;
        doings::refuse(writer.as_mut(), &self.plan).await?;
        let armed = self.origin.arm(&self.request().await?).await?;
        reached("after-arm");
        let table = ProgressTable::new(self.sink.info(), &self.spec.name);
        let first = Progress::first(&armed.incarnation, &armed.position);
        writer.run(&[table.insert(&first)]).await.map_err(|failed| failed.error)?;
        writer.close().await?;
        Ok(armed)
    }

    /// Removes what [`Stream::arm`] made at the origin, and the progress row.
    pub async fn disarm(&self) -> Result<Vec<String>> {
        let done = self.origin.disarm(&self.request().await?).await?;
        let mut writer = self.writer(&self.sink).await?;
        let table = ProgressTable::new(self.sink.info(), &self.spec.name);
        writer.run(&[table.delete()]).await.map_err(|failed| failed.error)?;
        writer.close().await?;
        Ok(done)
    }

    /// What the sink has.
    pub async fn progress(&self) -> Result<Progress> {
        let mut writer = self.writer(&self.sink).await?;
        let progress = ProgressTable::new(self.sink.info(), &self.spec.name).read(writer.as_mut()).await?;
        writer.close().await?;
        Ok(progress)
    }

    /// How far the end of the origin's log is from what the sink has.
    pub async fn distance(&self) -> Result<Distance> {
        let progress = self.progress().await?;
        Ok(self.origin.distance(&self.spec.name, &progress.position).await?)
    }

    /// Takes the stream over and applies changes until `stop` is cancelled; what
    /// has been received by then is applied before it returns.
    ///
    /// # Errors
    /// The first one that trying again for [`crate::Settings::patience`] does not
    /// get over.
    pub async fn run(&self, stop: &CancellationToken, status: &watch::Sender<Status>) -> Result<()> {
        let mut claims = Claims::default();
        let mut lost: Option<Instant> = None;
        let mut pause = RECONNECT_PAUSE;
        loop {
            let before = status.borrow().position.clone();
            let begun = Instant::now();
            let Err(error) = self.session(stop, status, &mut claims).await else { return Ok(()) };
            if error.class() != Class::Transient || stop.is_cancelled() {
                return Err(self.cause(error, &claims).await);
            }
            // An idle origin may go on for long without a new position.
            let went_well = begun.elapsed() > self.spec.settings.patience;
            if went_well || status.borrow().position != before {
                (lost, pause) = (None, RECONNECT_PAUSE);
            }
            if lost.get_or_insert_with(Instant::now).elapsed() > self.spec.settings.patience {
                return Err(error);
            }
            status.send_modify(|status| status.reconnects += 1);
            tokio::select! {
                () = stop.cancelled() => return Ok(()),
                () = tokio::time::sleep(pause) => {}
            }
            pause = (pause * 2).min(RECONNECT_PAUSE_MAX);
        }
    }

    /// What ended the stream. An origin that notices by itself that somebody else
    /// reads the log now has its own words for it; whether it is because the
    /// stream was taken over is for the progress row to say.
    async fn cause(&self, error: Error, claims: &Claims) -> Error {
        if !matches!(&error, Error::Engine(switchback_engines::Error::Capture { .. })) {
            return error;
        }
        match self.progress().await {
            Ok(found) if !claims.may_be(found.epoch) => {
                Error::Fenced { stream: self.spec.name.clone(), ours: claims.latest(), theirs: found.epoch }
            }
            _ => error,
        }
    }

    /// From one loss of an end to the next.
    async fn session(
        &self,
        stop: &CancellationToken,
        status: &watch::Sender<Status>,
        claims: &mut Claims,
    ) -> Result<()> {
        let (mut applier, capture) = self.open(claims).await?;
        let position = applier.progress.position.clone();
        status.send_modify(|status| status.position = Some(position.clone()));
        let (acknowledged, to_acknowledge) = watch::channel(position);
        let (items, captured) = mpsc::channel(ITEMS_IN_FLIGHT);
        let (batches, mut rendered) = mpsc::channel(1);

        let mut stages = JoinSet::new();
        let beating = stop.child_token();
        let ending = stop.child_token();
        stages.spawn(capturing(
            Arc::clone(&self.plan),
            Arc::clone(&self.spec),
            capture,
            items,
            to_acknowledge,
            ending.clone(),
        ));
        stages.spawn(rendering(Arc::clone(&self.plan), Arc::clone(&self.spec), applier.dialect, captured, batches));
        if let Some(interval) = self.spec.settings.heartbeat {
            let writer = self.writer(&self.origin).await?;
            let store = Store::new(self.origin.info(), Own::Heartbeats);
            let beats = heartbeat(writer, store, Arc::clone(&self.spec), interval, beating.clone());
            stages.spawn(async move {
                let ended = beats.await;
                // An origin that can't be written to may be one whose log has gone
                // silent without a word.
                if ended.is_err() {
                    ending.cancel();
                }
                ended
            });
        }

        let applied = applying(&mut applier, &mut rendered, &acknowledged, status).await;
        drop(rendered);
        beating.cancel();
        if applied.is_err() {
            stages.abort_all();
        }
        // What ended the stages before is the cause of what ended later.
        let mut ended = Ok(());
        while let Some(stage) = stages.join_next().await {
            match stage {
                Ok(stage) => ended = ended.and(stage),
                // A stage that is gone looks to the others like one that was told
                // to end, and the stream would end as if all were well.
                Err(error) => {
                    if let Ok(panic) = error.try_into_panic() {
                        std::panic::resume_unwind(panic);
                    }
                }
            }
        }
        applied.and(ended)?;
        applier.writer.close().await?;
        Ok(())
    }

    /// Claims the stream, and opens both ends where it stands.
    async fn open(&self, claims: &mut Claims) -> Result<(Applier, Box<dyn Capture>)> {
        let request = self.request().await?;
        let mut writer = self.writer(&self.sink).await?;
        let info = self.sink.info();
        let table = ProgressTable::new(info, &self.spec.name);
        let progress = table.claim(writer.as_mut(), claims).await?;
        doings::refuse(writer.as_mut(), &self.plan).await?;
        let letters = Letters::new(info, &self.spec.name);
        let held = held::load(writer.as_mut(), &letters, &self.plan).await?;
        let opening = self.origin.capture(&request, &progress.position, &progress.incarnation);
        let capture = self.asking(&self.origin, "beginning to follow the changes", opening).await?;
        let applier = Applier {
            plan: Arc::clone(&self.plan),
            dialect: self.dialect(),
            policies: self.spec.settings.policies.clone(),
            table,
            letters,
            stream: self.spec.name.clone(),
            writer,
            progress,
            held,
            // The one by which the stream was claimed.
            commits: 1,
        };
        Ok((applier, capture))
    }

    /// The tables that are streamed, and behind them our own that have to be seen.
    async fn request(&self) -> Result<CaptureRequest> {
        let mut tables: Vec<Table> = self.spec.tables.iter().map(|pair| pair.origin.clone()).collect();
        for own in [Own::Progress, Own::Heartbeats] {
            let reference = own::reference(self.origin.info().engine, own);
            let describing = self.origin.describe(&reference);
            let table = self.asking(&self.origin, "looking at our own tables", describing).await?;
            tables.push(table.ok_or_else(|| Error::NotArmed {
                stream: self.spec.name.clone(),
                sink: self.origin.info().location.clone(),
            })?);
        }
        Ok(CaptureRequest { stream: self.spec.name.clone(), tables })
    }

    /// How the sink's rows are written.
    pub(crate) fn dialect(&self) -> Dialect {
        let info = self.sink.info();
        Dialect { engine: info.engine, flavor: info.flavor, check_before: self.spec.settings.check_before }
    }

    pub(crate) async fn writer(&self, end: &Arc<dyn Endpoint>) -> Result<Box<dyn Writer>> {
        let settings = &self.spec.settings;
        let options = WriterOptions {
            application_name: format!("switchback {}", self.spec.name),
            lock_timeout: settings.lock_timeout,
            idle_timeout: settings.idle_timeout,
        };
        let inner = self.asking(end, "opening a session", end.writer(&options)).await?;
        Ok(Box::new(Patient { inner, location: end.info().location.clone(), timeout: settings.answer_timeout }))
    }

    async fn asking<T>(
        &self,
        end: &Arc<dyn Endpoint>,
        what: &str,
        asked: impl Future<Output = switchback_engines::Result<T>> + Send,
    ) -> Result<T> {
        Ok(in_time(&end.info().location, what, self.spec.settings.answer_timeout, asked).await?)
    }
}

/// Takes events and makes transactions of them.
async fn capturing(
    plan: Arc<Plan>,
    spec: Arc<Spec>,
    mut capture: Box<dyn Capture>,
    out: mpsc::Sender<Item>,
    mut to_acknowledge: watch::Receiver<Position>,
    stop: CancellationToken,
) -> Result<()> {
    let settings = &spec.settings;
    let room_max = (settings.waiting_bytes / ROOM_UNIT).clamp(1, Semaphore::MAX_PERMITS);
    let room = Arc::new(Semaphore::new(room_max));
    let mut assembler =
        Assembler::new(&plan, &spec.name, spec.opposite.as_ref(), &settings.spill_dir, settings.transaction_bytes);
    let mut items = Vec::new();
    loop {
        let events = tokio::select! {
            biased;
            () = stop.cancelled() => return Ok(()),
            changed = to_acknowledge.changed() => {
                // Whoever applies is gone when the sender is.
                if changed.is_err() {
                    return Ok(());
                }
                let position = to_acknowledge.borrow_and_update().clone();
                reached("before-acknowledge");
                capture.acknowledge(&position);
                continue;
            }
            events = capture.next() => events?,
        };
        reached("after-receive");
        for event in events {
            assembler.take(event, &mut items)?;
        }
        for mut item in items.drain(..) {
            if let Item::Transaction(transaction) = &mut item {
                let units = (transaction.bytes / ROOM_UNIT).clamp(1, room_max);
                let units = u32::try_from(units).unwrap_or(u32::MAX);
                transaction._room = Arc::clone(&room).acquire_many_owned(units).await.ok();
            }
            if out.send(item).await.is_err() {
                return Ok(());
            }
        }
    }
}

/// What is applied at once.
#[derive(Debug, Default)]
struct Batch {
    group: Option<Group>,
    /// Up to here nothing else is for the sink.
    passed: Option<Position>,
    heartbeat: Option<SystemTime>,
    own_dropped: u64,
}

/// Puts transactions into groups and makes statements of them, while the sink is
/// busy with the group before: so groups grow with the load, and a single
/// transaction waits for nothing.
async fn rendering(
    plan: Arc<Plan>,
    spec: Arc<Spec>,
    dialect: Dialect,
    mut items: mpsc::Receiver<Item>,
    out: mpsc::Sender<Batch>,
) -> Result<()> {
    let mut next = None;
    loop {
        let first = match next.take() {
            Some(item) => item,
            None => match items.recv().await {
                Some(item) => item,
                None => return Ok(()),
            },
        };
        let Ok(slot) = out.reserve().await else { return Ok(()) };
        let mut gathering = Gathering::default();
        let mut item = Some(first);
        while let Some(one) = item.take() {
            if let Some(late) = gathering.add(one, &spec) {
                next = Some(late);
                break;
            }
            item = items.try_recv().ok();
        }
        let Gathering { transactions, mut batch, .. } = gathering;
        if !transactions.is_empty() {
            batch.group = Some(Group::new(&plan, dialect, transactions, batch.passed.take()));
        }
        slot.send(batch);
    }
}

#[derive(Debug, Default)]
struct Gathering {
    transactions: Vec<Transaction>,
    bytes: usize,
    batch: Batch,
}

impl Gathering {
    /// Adds an item, or gives it back when it has to wait for the next group.
    fn add(&mut self, item: Item, spec: &Spec) -> Option<Item> {
        match item {
            Item::Passed(position) => self.batch.passed = Some(position),
            Item::Heartbeat(at) => self.batch.heartbeat = Some(at),
            Item::OwnDropped => self.batch.own_dropped += 1,
            Item::Transaction(transaction) => {
                let settings = &spec.settings;
                let is_spilled = |t: &Transaction| matches!(t.changes, Changes::Spilled(_));
                let full = self.transactions.len() >= settings.group_transactions
                    || self.bytes.saturating_add(transaction.bytes) > settings.group_bytes;
                // One that is on disk is alone.
                let alone = is_spilled(&transaction) || self.transactions.first().is_some_and(is_spilled);
                if !self.transactions.is_empty() && (alone || full) {
                    return Some(Item::Transaction(transaction));
                }
                self.bytes += transaction.bytes;
                self.transactions.push(transaction);
                // It lies before this one, and that is where the group ends.
                self.batch.passed = None;
            }
        }
        None
    }
}

/// Applies groups in order, and saves a position now and then when there are none.
async fn applying(
    applier: &mut Applier,
    batches: &mut mpsc::Receiver<Batch>,
    acknowledged: &watch::Sender<Position>,
    status: &watch::Sender<Status>,
) -> Result<()> {
    let mut passed: Option<Position> = None;
    let mut timer = tokio::time::interval(SAVE_INTERVAL);
    timer.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        // Neither goes before the other: a log that is busy with what is not for the
        // sink must not keep its position from being saved.
        let batch = tokio::select! {
            batch = batches.recv() => batch,
            _ = timer.tick(), if passed.is_some() => {
                if let Some(position) = passed.take() {
                    applier.pass(&position).await?;
                    reached("after-commit");
                    tell(applier, acknowledged, status, &Batch::default(), Applied::default());
                }
                continue;
            }
        };
        let Some(batch) = batch else { break };
        let applied = match &batch.group {
            Some(group) => {
                let applied = applier.apply(group).await?;
                reached("after-commit");
                passed = None;
                timer.reset();
                applied
            }
            None => Applied::default(),
        };
        if batch.passed.is_some() {
            passed.clone_from(&batch.passed);
        }
        tell(applier, acknowledged, status, &batch, applied);
    }
    if let Some(position) = passed {
        applier.pass(&position).await?;
        tell(applier, acknowledged, status, &Batch::default(), Applied::default());
    }
    Ok(())
}

/// Lets the origin and whoever watches know what is durable now.
fn tell(
    applier: &mut Applier,
    acknowledged: &watch::Sender<Position>,
    status: &watch::Sender<Status>,
    batch: &Batch,
    applied: Applied,
) {
    let commits = std::mem::take(&mut applier.commits);
    let progress = &applier.progress;
    acknowledged.send_if_modified(|position| {
        let moved = *position != progress.position;
        position.clone_from(&progress.position);
        moved
    });
    status.send_modify(|status| {
        status.position = Some(progress.position.clone());
        status.transactions += applied.transactions;
        status.rows += applied.rows;
        status.commits += commits;
        status.dead_letters += applied.dead_letters;
        status.own_dropped += batch.own_dropped;
        status.heartbeat_written = batch.heartbeat.or(status.heartbeat_written);
        if let Ok(micros @ 1..) = u64::try_from(progress.committed_at) {
            status.committed_at = Some(SystemTime::UNIX_EPOCH + Duration::from_micros(micros));
        }
    });
}

/// Writes to the origin now and then. A beat that is refused, because somebody
/// holds the row, is left out; one that can't be sent at all ends the session.
async fn heartbeat(
    mut writer: Box<dyn Writer>,
    store: Store,
    spec: Arc<Spec>,
    interval: Duration,
    stop: CancellationToken,
) -> Result<()> {
    let mut timer = tokio::time::interval(interval);
    timer.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut beat = 0;
    loop {
        tokio::select! {
            () = stop.cancelled() => break,
            _ = timer.tick() => {}
        }
        beat += 1;
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let micros = i64::try_from(now.as_micros()).unwrap_or(i64::MAX);
        let (update, insert) = own::heartbeat(&store, &spec.name, beat, micros);
        let found = match writer.run(&[update]).await {
            Ok(outcomes) => outcomes.first().map_or(0, |Outcome { affected, .. }| *affected),
            Err(failed) if failed.violation.is_some() => continue,
            Err(failed) => return Err(failed.error.into()),
        };
        if found == 0 {
            writer.run(&[insert]).await.map_err(|failed| failed.error)?;
        }
    }
    Ok(writer.close().await?)
}
