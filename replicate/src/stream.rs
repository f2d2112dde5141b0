//! A stream from arming to its end.
//!
//! While it runs, its stages (`stage`) run at the same time. When an end is lost,
//! all of them are dropped and begun again from what the progress row says; there
//! is no other way to go on, so there is none that is used less often.

use std::sync::Arc;
use std::time::{Duration, Instant};

use switchback_engines::{
    Armed, Capture, CaptureRequest, Class, Distance, Endpoint, Engine, Table, Writer, WriterOptions,
};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::apply::Applier;
use crate::dead_letters::Letters;
use crate::doings;
use crate::error::{Error, Result};
use crate::held;
use crate::own::{self, Own, Store};
use crate::patient::{Patient, in_time};
use crate::plan::Plan;
use crate::progress::{Claims, Progress, ProgressTable, SESSIONS_MAX};
use crate::render::Dialect;
use crate::spec::Spec;
use crate::stage::applying::applying;
use crate::stage::capturing::capturing;
use crate::stage::grouping::grouping;
use crate::stage::heartbeat::heartbeat;
use crate::stage::looking::looking;
use crate::status::Status;

/// A stream, running or not.
pub struct Stream {
    pub(crate) origin: Arc<dyn Endpoint>,
    pub(crate) sink: Arc<dyn Endpoint>,
    pub(crate) spec: Arc<Spec>,
    pub(crate) plan: Arc<Plan>,
}

/// Between two tries to reach an end that was lost.
const RECONNECT_PAUSE: Duration = Duration::from_millis(200);
const RECONNECT_PAUSE_MAX: Duration = Duration::from_secs(3);
const ITEMS_IN_FLIGHT: usize = 4_096;

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
        self.prepare().await?;
        let armed = self.arm_origin().await?;
        let mut writer = self.writer(&self.sink).await?;
        let first = self.first_progress(&armed.incarnation, &armed.position);
        writer.run(&[first]).await.map_err(|failed| failed.error)?;
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
        status.send_modify(|status| {
            status.position = Some(position.clone());
            // What has come and is not in the sink comes again.
            status.received = status.transactions;
        });
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
            status.clone(),
            ending.clone(),
        ));
        stages.spawn(grouping(
            Arc::clone(&self.plan),
            Arc::clone(&self.spec),
            applier.dialect,
            self.sessions(),
            applier.unfinished.clone(),
            captured,
            batches,
        ));
        stages.spawn(looking(
            Arc::clone(&self.origin),
            self.request().await?,
            Arc::clone(&self.spec),
            status.clone(),
            beating.clone(),
            ending.clone(),
        ));
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
        for writer in applier.sessions {
            writer.close().await?;
        }
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
        let unfinished = table.unfinished(writer.as_mut()).await?;
        let left = unfinished.as_ref().map_or(0, |group| group.sessions);
        let mut sessions = Vec::new();
        while sessions.len() < left || (self.sessions() > 1 && sessions.len() < self.sessions()) {
            sessions.push(self.writer(&self.sink).await?);
        }
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
            sessions,
            unfinished,
        };
        Ok((applier, capture))
    }

    /// The tables that are streamed, and behind them our own that have to be seen.
    pub(crate) async fn request(&self) -> Result<CaptureRequest> {
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

    /// How many sessions apply; see [`crate::Settings::sessions`].
    fn sessions(&self) -> usize {
        let is_file = |end: &Arc<dyn Endpoint>| end.info().engine == Engine::Sqlite;
        let wanted = self.spec.settings.sessions.clamp(1, SESSIONS_MAX);
        if is_file(&self.origin) || is_file(&self.sink) { 1 } else { wanted }
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
