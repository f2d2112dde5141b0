//! Doing a task, phase by phase.
//!
//! A phase is written down before anything is done in it, and each can be begun again:
//! the structure looks for what is there, the load has its ledger, the stream its
//! progress row. So a later process does the phases that are left, in the same way.

use std::fs;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use switchback_engines::WriterOptions;
use switchback_replicate::{Settings, Spec, Stream};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::error::{Error, Result};
use super::folder::{Held, file};
use super::follow;
use super::inspect::{self, Opened};
use super::leftovers;
use super::live::{Live, LoadLive};
use super::request::{Ends, Parts, Request};
use super::state::{State, Wish};
use super::tables;
use crate::load::{Load, Progress};
use crate::structure::{self, Part, StructurePlan};

/// How often wishes are looked for, and the process at work says how far it is.
const LOOK: Duration = Duration::from_millis(500);

const TABLES: &str = "tables";
const PLAN: &str = "plan";
const CHECK: &str = "check";
/// All rows are loaded.
const LOADED: &str = "loaded";
/// The stream is being closed, or is.
pub(super) const CLOSING: &str = "closing";

/// Works at a task until it is completed, paused or failed, and returns which.
///
/// `told` hears of whatever changes. Cancelling `stop` pauses the task.
///
/// # Errors
/// Why it failed, which is also written down. [`Error::Obstacles`] before anything was
/// done at either end.
pub async fn run(
    held: &Held,
    ends: &Ends,
    request: &Request,
    stop: &CancellationToken,
    told: &watch::Sender<(State, Live)>,
) -> Result<State> {
    let record = held.record().await?;
    if record.state == State::Completed {
        return Err(Error::State { name: record.name, state: record.state });
    }
    // Somebody who begins it again does not want it paused any more.
    held.store.wish(Wish::Run).await?;
    let at_work = AtWork::new(held, ends, request, stop.child_token(), told);
    let ended = at_work.watched(record.phase).await;
    match &ended {
        Ok(state) => at_work.enter(*state, None).await?,
        Err(Error::Stopped) => {
            let reason = if stop.is_cancelled() { "interrupted" } else { "as it was told to" };
            at_work.enter(State::Paused, Some(reason)).await?;
            return Ok(State::Paused);
        }
        // That it can't be written down, on a full disk, must not hide why it failed; the
        // task then looks cut off, which it is.
        Err(error) => drop(at_work.enter(State::Failed, Some(&chain(error))).await),
    }
    ended
}

/// An error and its causes on one line.
fn chain(error: &Error) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        let line = error.to_string();
        if !text.ends_with(&line) {
            text.push_str(": ");
            text.push_str(&line);
        }
        cause = error.source();
    }
    text
}

/// A process at work.
pub(super) struct AtWork<'a> {
    pub(super) held: &'a Held,
    pub(super) ends: &'a Ends,
    pub(super) request: &'a Request,
    told: &'a watch::Sender<(State, Live)>,
    /// Cancelled when the task is to be paused.
    pub(super) stop: CancellationToken,
    pub(super) wish: watch::Sender<Wish>,
}

impl<'a> AtWork<'a> {
    pub(super) fn new(
        held: &'a Held,
        ends: &'a Ends,
        request: &'a Request,
        stop: CancellationToken,
        told: &'a watch::Sender<(State, Live)>,
    ) -> Self {
        Self { held, ends, request, told, stop, wish: watch::Sender::new(Wish::Run) }
    }

    /// Works, while wishes are listened to and it is written down how far it is. Both are
    /// polled all the time: each may wait for the other's connection.
    async fn watched(&self, phase: State) -> Result<State> {
        tokio::select! {
            ended = self.work(phase) => ended,
            error = self.attend() => Err(error),
        }
    }

    /// Goes on until the control database fails.
    async fn attend(&self) -> Error {
        let mut looks = tokio::time::interval(LOOK);
        looks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut said = Live::default();
        loop {
            looks.tick().await;
            if let Err(error) = self.look(&mut said).await {
                return error;
            }
        }
    }

    async fn look(&self, said: &mut Live) -> Result<()> {
        let live = self.told.borrow().1.clone();
        if live != *said {
            self.held.store.say(&live).await?;
            *said = live;
        }
        let wish = self.held.store.wished().await?;
        if wish == Wish::Pause {
            self.stop.cancel();
        }
        self.wish.send_if_modified(|now| std::mem::replace(now, wish) != wish);
        Ok(())
    }

    async fn work(&self, phase: State) -> Result<State> {
        self.wait_for_its_time(phase).await?;
        let opened = self.unless_stopped(self.open(phase)).await?;
        if phase == State::Created {
            if self.request.parts != Parts::Structure {
                leftovers::refuse(opened.target.as_ref(), self.request).await?;
            }
            self.unless_stopped(self.check(&opened)).await?;
            self.enter(State::Checked, None).await?;
        }
        let plan = self.held.store.document::<StructurePlan>(PLAN).await?;
        if let Some(plan) = &plan
            && matches!(phase, State::Created | State::Checked | State::Structuring)
        {
            self.enter(State::Structuring, None).await?;
            self.create(&opened, plan, Part::BeforeLoad).await?;
        }
        if self.request.parts == Parts::Structure {
            return self.complete_structure(&opened, plan.as_ref()).await;
        }
        let stream = Arc::new(self.stream(&opened).await?);
        if phase != State::Following {
            self.enter(State::Loading, None).await?;
            // Once they are there nothing is loaded again, whatever is made at the target.
            if self.held.store.document::<bool>(LOADED).await?.is_none() {
                self.load(&stream).await?;
                self.held.store.keep(LOADED, &true).await?;
            }
            self.finish_tables(&opened, plan.as_ref()).await?;
        }
        if self.request.parts == Parts::FullAndIncremental {
            self.enter(State::Following, None).await?;
            follow::follow(self, &stream).await?;
        }
        // What is written down of the load stays until the task is deleted: whoever is
        // killed here begins with it again.
        self.complete_structure(&opened, plan.as_ref()).await
    }

    async fn wait_for_its_time(&self, phase: State) -> Result<()> {
        let Some(at) = self.request.start_at.filter(|_| phase == State::Created) else { return Ok(()) };
        self.doing("waiting for its time");
        // In small steps: a clock may be set.
        while SystemTime::now() < at {
            tokio::select! {
                () = self.stop.cancelled() => return Err(Error::Stopped),
                () = tokio::time::sleep(LOOK) => {}
            }
        }
        Ok(())
    }

    /// The tables are chosen until the check is clear, and are the same from then on.
    pub(super) async fn open(&self, phase: State) -> Result<Opened> {
        self.doing("connecting");
        let chosen = match phase {
            State::Created => None,
            _ => self.held.store.document(TABLES).await?,
        };
        inspect::open(self.ends, self.request, chosen).await
    }

    /// Looks at both ends and plans; nothing is changed by it.
    async fn check(&self, opened: &Opened) -> Result<()> {
        let found = inspect::look(self.ends, self.request, opened, &|what| self.doing(what)).await?;
        self.held.store.keep(CHECK, &found.report).await?;
        if !found.is_clear() {
            return Err(Error::Obstacles(Box::new(found)));
        }
        self.held.store.keep(TABLES, &opened.chosen).await?;
        if let Some(plan) = &found.plan {
            self.held.store.keep(PLAN, plan).await?;
        }
        Ok(())
    }

    async fn create(&self, opened: &Opened, plan: &StructurePlan, part: Part) -> Result<()> {
        let options = WriterOptions { application_name: self.application(), ..WriterOptions::default() };
        let mut each = |object: &structure::Object| self.doing(&object.to_string());
        self.unless_stopped(async {
            Ok(structure::run(opened.target.as_ref(), &options, plan, part, &mut each).await?)
        })
        .await?;
        Ok(())
    }

    async fn load(&self, stream: &Arc<Stream>) -> Result<()> {
        let load = Load::new(Arc::clone(stream), self.load_settings());
        let (progress, mut seen) = watch::channel(Progress::default());
        let mut loading = std::pin::pin!(load.run(&self.stop, &progress));
        self.doing("loading");
        loop {
            let ended = tokio::select! {
                ended = &mut loading => Some(ended),
                _ = seen.changed() => None,
            };
            let live = LoadLive::of(&seen.borrow_and_update());
            self.say(|told| told.load = Some(live));
            if let Some(ended) = ended {
                return Ok(ended?);
            }
        }
    }

    /// What is made when the rows are there.
    async fn finish_tables(&self, opened: &Opened, plan: Option<&StructurePlan>) -> Result<()> {
        if let Some(plan) = plan {
            self.create(opened, plan, Part::AfterLoad).await?;
        }
        self.positions(opened, plan.is_some()).await
    }

    /// What would act on rows by itself, now that nothing of ours writes any more; and
    /// where sequences stand.
    async fn complete_structure(&self, opened: &Opened, plan: Option<&StructurePlan>) -> Result<State> {
        if let Some(plan) = plan {
            self.create(opened, plan, Part::AfterLoad).await?;
            self.create(opened, plan, Part::AtCutover).await?;
        }
        self.positions(opened, plan.is_some()).await?;
        self.doing("");
        Ok(State::Completed)
    }

    /// Between engines only in tables of ours: which column of another's numbers itself
    /// is not known.
    async fn positions(&self, opened: &Opened, is_ours: bool) -> Result<()> {
        if !is_ours && opened.source.info().engine != opened.target.info().engine {
            return Ok(());
        }
        let engines = (opened.source.info().engine, opened.target.info().engine);
        let options = tables::structure_options(self.request, &opened.chosen, engines);
        let steps = structure::positions(opened.source.as_ref(), opened.target.as_ref(), &options).await?;
        let writer = WriterOptions { application_name: self.application(), ..WriterOptions::default() };
        let mut each = |object: &structure::Object| self.doing(&object.to_string());
        structure::run_steps(opened.target.as_ref(), &writer, &steps, &mut each).await?;
        Ok(())
    }

    pub(super) async fn stream(&self, opened: &Opened) -> Result<Stream> {
        let (source, target) = (&opened.source, &opened.target);
        let tables = tables::pairs(source.as_ref(), target.as_ref(), self.request, &opened.chosen).await?;
        let spill_dir = self.held.dir.join("spill");
        fs::create_dir_all(&spill_dir).map_err(|e| file(format!("making the folder {}", spill_dir.display()), e))?;
        let defaults = Settings::default();
        let follow = &self.request.follow;
        let spec = Spec {
            name: self.request.name.clone(),
            opposite: self.request.way_back().ok(),
            tables,
            settings: Settings {
                policies: follow.policies.clone(),
                sessions: follow.sessions.unwrap_or(defaults.sessions),
                retained: follow.retained,
                spill_dir,
                ..defaults
            },
        };
        Ok(Stream::new(Arc::clone(source), Arc::clone(target), spec)?)
    }

    fn load_settings(&self) -> crate::load::Settings {
        crate::load::Settings { follow: self.request.parts == Parts::FullAndIncremental, ..self.request.load.clone() }
    }

    fn application(&self) -> String {
        format!("switchback {}", self.request.name)
    }

    /// Says what is being done.
    pub(super) fn doing(&self, what: &str) {
        self.told.send_if_modified(|(_, live)| {
            let changed = live.doing != what;
            if changed {
                what.clone_into(&mut live.doing);
            }
            changed
        });
    }

    pub(super) fn say(&self, change: impl FnOnce(&mut Live)) {
        self.told.send_modify(|(_, live)| change(live));
    }

    pub(super) async fn enter(&self, state: State, reason: Option<&str>) -> Result<()> {
        self.held.store.enter(state, reason).await?;
        self.told.send_modify(|(now, live)| {
            *now = state;
            live.doing.clear();
        });
        self.held.store.say(&self.told.borrow().1.clone()).await?;
        Ok(())
    }

    pub(super) async fn unless_stopped<T>(&self, work: impl Future<Output = Result<T>>) -> Result<T> {
        tokio::select! {
            done = work => done,
            () = self.stop.cancelled() => Err(Error::Stopped),
        }
    }
}
