//! A move from its check to the way back, by two accounts.

use std::error::Error as StdError;
use std::sync::Arc;
use std::time::{Duration, Instant};

use switchback_engines::{Endpoint, SnapshotRequest, StreamName, Table, WriterOptions};
use switchback_fixtures::Family;
use switchback_migrate::check::{CheckOptions, Checked, Grade, Item, check};
use switchback_migrate::load::{Load, Progress};
use switchback_migrate::structure::{self, Part, StructureOptions};
use switchback_replicate::{Policies, Policy, Settings, Spec, Status, Stream, TablePair};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::scene::{Scene, Shape, TABLES};

/// What a move came to, to be held against another.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Moved {
    /// How many readers share a snapshot.
    pub(crate) readers: usize,
    /// Tables that were refused, as a trigger of the sink's would act on them.
    pub(crate) refused: Vec<String>,
    /// Objects and warnings of the structure's plan.
    pub(crate) structure: Vec<String>,
    /// Where sequences stand.
    pub(crate) positions: Vec<String>,
    /// How many rows each table has in the end, at either end.
    pub(crate) rows: Vec<String>,
}

/// A stage, and what went wrong in it.
pub(crate) type Failed = (&'static str, String);

const PATIENCE: Duration = Duration::from_secs(30);

struct Ends<'a> {
    scene: &'a Scene,
    shape: Shape,
    source: Arc<dyn Endpoint>,
    target: Arc<dyn Endpoint>,
    /// With the source's URL.
    source_url: String,
}

/// What the check says does not pass, and what the move then comes to.
pub(crate) struct Tried {
    pub(crate) checked: Vec<String>,
    pub(crate) moved: Result<Moved, Failed>,
}

/// Moves everything there is, as the shape says, by these two accounts.
pub(crate) async fn tried(scene: &Scene, shape: Shape, source: &str, target: &str) -> Tried {
    let ends = match Ends::connect(scene, shape, source, target).await {
        Ok(ends) => ends,
        Err(failed) => return Tried { checked: vec![failed.1.clone()], moved: Err(failed) },
    };
    let checked = ends.check().await.unwrap_or_else(|(_, why)| vec![why]);
    Tried { checked, moved: ends.moved().await }
}

impl<'a> Ends<'a> {
    async fn connect(scene: &'a Scene, shape: Shape, source: &str, target: &str) -> Result<Self, Failed> {
        let source_url = scene.source.url(source);
        Ok(Self {
            scene,
            shape,
            source: connect("connecting to the source", &source_url).await?,
            target: connect("connecting to the target", &scene.target.url(target)).await?,
            source_url,
        })
    }

    async fn moved(&self) -> Result<Moved, Failed> {
        let (plan, structure) = self.structure().await?;
        if let Some(plan) = &plan {
            self.run(plan, Part::BeforeLoad).await?;
        }
        let forward = Arc::new(self.stream("forward", false).await?);
        self.load(&forward).await?;
        let mut moved = Moved { structure, readers: self.readers(&forward).await?, ..Moved::default() };
        if let Some(plan) = &plan {
            self.run(plan, Part::AfterLoad).await?;
        }
        moved.positions = self.positions(false).await?;
        if self.shape.follow {
            self.follow(Arc::clone(&forward)).await?;
        }
        if self.shape.rollback {
            moved.positions.extend(self.positions(true).await?);
        }
        if let Some(plan) = &plan {
            self.run(plan, Part::AtCutover).await?;
        }
        moved.rows = self.rows().await;
        moved.refused = self.refused(&forward).await?;
        Ok(moved)
    }
}

async fn connect(stage: &'static str, url: &str) -> Result<Arc<dyn Endpoint>, Failed> {
    let url = switchback_engines::DatabaseUrl::parse(url).unwrap();
    let options = switchback_engines::ConnectOptions::default();
    switchback_engines::connect_endpoint(&url, &options).await.map_err(|e| failed(stage, &e))
}

fn failed(stage: &'static str, error: &dyn StdError) -> Failed {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(source) = next {
        text.push_str(": ");
        text.push_str(&source.to_string());
        next = source.source();
    }
    (stage, text)
}

async fn tables(stage: &'static str, endpoint: &Arc<dyn Endpoint>) -> Result<Vec<Table>, Failed> {
    let mut tables = Vec::new();
    for name in endpoint.tables().await.map_err(|e| failed(stage, &e))? {
        tables.extend(endpoint.describe(&name).await.map_err(|e| failed(stage, &e))?);
    }
    Ok(tables)
}

impl Ends<'_> {
    async fn check(&self) -> Result<Vec<String>, Failed> {
        const STAGE: &str = "check";
        let (mut here, mut there) = (tables(STAGE, &self.source).await?, tables(STAGE, &self.target).await?);
        if here.len() != TABLES.len() {
            return Err((STAGE, format!("{} tables are seen", here.len())));
        }
        // The one with a trigger, which is in the way of the way back.
        for tables in [&mut here, &mut there] {
            tables.retain(|table| TABLES.contains(&(table.name.name.as_str(), true)));
        }
        let of = |endpoint, tables| Checked { endpoint, tables, streams: &[] };
        let Shape { follow, rollback, structure, .. } = self.shape;
        let options = CheckOptions { follow, rollback, structure, ..CheckOptions::default() };
        let (source, target) = (of(self.source.as_ref(), &here), of(self.target.as_ref(), &there));
        let report = check(source, target, options).await.map_err(|e| failed(STAGE, &e))?;
        let line = |i: &Item| format!("{:?}: {} {:?} {} ({})", i.grade, i.end, i.direction, i.item, i.found);
        // Whoever writes elsewhere on the server shows there, and statistics differ.
        let tells = |item: &&Item| {
            item.grade != Grade::Pass && !["long_transactions", "clocks", "free_space"].contains(&item.item)
        };
        Ok(report.items.iter().filter(tells).map(line).collect())
    }

    async fn structure(&self) -> Result<(Option<structure::StructurePlan>, Vec<String>), Failed> {
        if !self.shape.structure {
            return Ok((None, Vec::new()));
        }
        let url = switchback_engines::DatabaseUrl::parse(&self.source_url).unwrap();
        let options = StructureOptions::default();
        let planned = structure::plan(self.source.as_ref(), &url, self.target.as_ref(), &options).await;
        let plan = planned.map_err(|e| failed("structure", &e))?;
        let mut told: Vec<String> = plan.steps().map(|step| step.object.to_string()).collect();
        told.extend(plan.warnings.iter().map(ToString::to_string));
        told.extend(plan.conflicts.iter().map(ToString::to_string));
        Ok((Some(plan), told))
    }

    async fn run(&self, plan: &structure::StructurePlan, part: Part) -> Result<(), Failed> {
        let ran = structure::run(self.target.as_ref(), &WriterOptions::default(), plan, part, &mut |_| {}).await;
        ran.map(|_| ()).map_err(|e| failed("structure", &e))
    }

    async fn positions(&self, back: bool) -> Result<Vec<String>, Failed> {
        let options = StructureOptions::default();
        let (from, to) = if back { (&self.target, &self.source) } else { (&self.source, &self.target) };
        let steps = structure::positions(from.as_ref(), to.as_ref(), &options).await;
        let steps = steps.map_err(|e| failed("positions", &e))?;
        let ran = structure::run_steps(to.as_ref(), &WriterOptions::default(), &steps, &mut |_| {}).await;
        ran.map_err(|e| failed("positions", &e))?;
        Ok(steps.into_iter().map(|step| step.object.to_string()).collect())
    }

    /// From the source to the target, or back.
    async fn stream(&self, name: &'static str, back: bool) -> Result<Stream, Failed> {
        self.pairs(name, back, |both| both || !back).await
    }

    async fn pairs(&self, name: &'static str, back: bool, takes: impl Fn(bool) -> bool) -> Result<Stream, Failed> {
        let (origin, sink) = if back { (&self.target, &self.source) } else { (&self.source, &self.target) };
        let (from, to) = (tables(name, origin).await?, tables(name, sink).await?);
        let wanted = |table: &&Table| TABLES.iter().any(|(name, both)| *name == table.name.name && takes(*both));
        let mut pairs = Vec::new();
        for table in from.iter().filter(wanted) {
            let Some(other) = to.iter().find(|other| other.name.name == table.name.name) else {
                return Err((name, format!("`{}` is not seen at the other end", table.name)));
            };
            pairs.push(TablePair::new(table.clone(), other.clone()));
        }
        let opposite = StreamName::new(if back { "forward" } else { "reverse" }).ok();
        let settings = Settings {
            patience: Duration::from_secs(5),
            heartbeat: Some(Duration::from_millis(100)),
            policies: Policies::all(Policy::DeadLetter),
            ..Settings::default()
        };
        let spec = Spec { name: StreamName::new(name).unwrap(), opposite, tables: pairs, settings };
        Stream::new(Arc::clone(origin), Arc::clone(sink), spec).map_err(|e| failed(name, &e))
    }

    /// Twice, as if it had been cut off: where nothing is followed, the second one begins
    /// with empty tables.
    async fn load(&self, forward: &Arc<Stream>) -> Result<(), Failed> {
        self.load_once(forward).await?;
        if !self.shape.follow {
            let own = match self.scene.target.family {
                Family::Postgres => "switchback.loads",
                Family::MySql | Family::MariaDb => "_switchback_loads",
            };
            self.scene.target.execute(&format!("UPDATE {own} SET state = 'loading'")).await;
            self.load_once(forward).await?;
            let load = Load::new(Arc::clone(forward), switchback_migrate::load::Settings::default());
            load.forget().await.map_err(|e| failed("forgetting the load", &e))?;
        }
        Ok(())
    }

    /// How many share one state of the source.
    async fn readers(&self, forward: &Stream) -> Result<usize, Failed> {
        let stream = self.shape.follow.then(|| forward.spec().name.clone());
        let taken = self.source.snapshot(&SnapshotRequest { stream, readers: 2 }).await;
        Ok(taken.map_err(|e| failed("taking a snapshot", &e))?.snapshot.readers())
    }

    /// A table with a trigger that would act on what is applied, at each end that is a
    /// sink.
    async fn refused(&self, forward: &Stream) -> Result<Vec<String>, Failed> {
        let trigger = match self.scene.target.family {
            Family::Postgres => "ALTER TABLE public.noted ENABLE ALWAYS TRIGGER noted_before",
            _ if self.shape.structure => "DO 0",
            Family::MySql | Family::MariaDb => {
                "CREATE TRIGGER noted_before BEFORE INSERT ON noted FOR EACH ROW SET NEW.v = TRIM(NEW.v)"
            }
        };
        self.scene.target.execute(trigger).await;
        let mut refused = Vec::new();
        let mut note = |prepared: Result<(), switchback_replicate::Error>| match prepared {
            Err(switchback_replicate::Error::Plan { table, .. }) => refused.push(table),
            Err(error) => refused.push(failed("refusing", &error).1),
            Ok(()) => {}
        };
        note(forward.prepare().await);
        if self.shape.rollback {
            if self.scene.source.family == Family::Postgres {
                self.scene.source.execute(trigger).await;
            }
            note(self.pairs("reverse", true, |_| true).await?.prepare().await);
        }
        // Of tables that differ by the name of their database.
        Ok(refused.iter().map(|table| table.rsplit('.').next().unwrap_or_default().to_owned()).collect())
    }

    async fn load_once(&self, forward: &Arc<Stream>) -> Result<(), Failed> {
        let settings = switchback_migrate::load::Settings {
            workers: 2,
            follow: self.shape.follow,
            patience: Duration::from_secs(5),
            ..switchback_migrate::load::Settings::default()
        };
        let (progress, _seen) = watch::channel(Progress::default());
        let ran = Load::new(Arc::clone(forward), settings).run(&CancellationToken::new(), &progress).await;
        ran.map_err(|e| failed("load", &e))
    }

    /// Changes of either end arrive at the other, and what does not fit is put aside.
    async fn follow(&self, forward: Arc<Stream>) -> Result<(), Failed> {
        self.one_way("forward", &forward, 11).await?;
        let load = Load::new(forward, switchback_migrate::load::Settings::default());
        load.forget().await.map_err(|e| failed("forgetting the load", &e))?;
        if self.shape.rollback {
            let reverse = Arc::new(self.stream("reverse", true).await?);
            reverse.arm().await.map_err(|e| failed("arming the way back", &e))?;
            self.one_way("reverse", &reverse, 21).await?;
        }
        Ok(())
    }

    /// The sink has lost two rows, from `lost` on, that the origin changes.
    async fn one_way(&self, name: &'static str, stream: &Arc<Stream>, lost: u32) -> Result<(), Failed> {
        let (from, to) = match name {
            "forward" => (&self.scene.source, &self.scene.target),
            _ => (&self.scene.target, &self.scene.source),
        };
        let guarded = if to.family == Family::Postgres { "public.guarded" } else { "guarded" };
        to.execute(&format!("DELETE FROM {guarded} WHERE id IN ({lost}, {})", lost + 1)).await;
        let mut running = Running::start(name, Arc::clone(stream));
        from.execute(&changes(from.family, lost)).await;
        running.until_drained().await?;
        running.end().await?;
        let mend = |id: u32| format!("INSERT INTO {guarded} VALUES ({id}, 'g{id}');");
        to.execute(&(mend(lost) + &mend(lost + 1))).await;
        let letters = stream.dead_letters(0, 10).await.map_err(|e| failed("dead letters", &e))?;
        let [first, second] = letters.as_slice() else { return Err(("dead letters", format!("{}", letters.len()))) };
        let made = stream.replay(&[first.id]).await.map_err(|e| failed("replaying", &e))?;
        if made.made != [first.id] {
            return Err(("replaying", format!("{made:?}")));
        }
        stream.discard(&[second.id]).await.map_err(|e| failed("discarding", &e))?;
        stream.close().await.map_err(|e| failed("closing", &e))?;
        stream.disarm().await.map(|_| ()).map_err(|e| failed("disarming", &e))
    }

    async fn rows(&self) -> Vec<String> {
        let mut rows = Vec::new();
        for place in [&self.scene.source, &self.scene.target] {
            for (table, _) in TABLES {
                let schema = match (place.family, table) {
                    (Family::Postgres, "children") => "depot.",
                    (Family::Postgres, _) => "public.",
                    (Family::MySql | Family::MariaDb, _) => "",
                };
                rows.extend(place.lines(&format!("SELECT '{table}', count(*) FROM {schema}{table}")).await);
            }
        }
        rows
    }
}

/// Every kind of change in one transaction.
fn changes(family: Family, lost: u32) -> String {
    let (depot, begin) =
        if family == Family::Postgres { ("depot.", "SET search_path = public; BEGIN") } else { ("", "BEGIN") };
    let id = lost * 100;
    // Only one way is it streamed.
    let noted = if lost == 11 { "INSERT INTO noted VALUES (90, 'later');" } else { "" };
    let empties = if family == Family::Postgres { "TRUNCATE keyless;" } else { "DELETE FROM keyless;" };
    format!(
        "{begin}; INSERT INTO parents (id, v) VALUES ({id}, 'new'); UPDATE parents SET v = 'changed {id}' WHERE id = 1;
         INSERT INTO {depot}children VALUES ({id}, {id}, 'new'); DELETE FROM {depot}children WHERE id = {lost} / 10;
         {empties} INSERT INTO keyless VALUES ({id}, 'new'); INSERT INTO guarded VALUES ({id}, 'a{id}'); {noted}
         UPDATE guarded SET v = 'changed {lost}' WHERE id = {lost}; UPDATE guarded SET v = 'again {lost}' WHERE id = {lost} + 1;
         COMMIT"
    )
}

struct Running {
    name: &'static str,
    stream: Arc<Stream>,
    stop: CancellationToken,
    task: tokio::task::JoinHandle<Result<(), switchback_replicate::Error>>,
    status: watch::Receiver<Status>,
}

impl Running {
    fn start(name: &'static str, stream: Arc<Stream>) -> Self {
        let stop = CancellationToken::new();
        let (sender, status) = watch::channel(Status::default());
        let (token, running) = (stop.clone(), Arc::clone(&stream));
        let task = tokio::spawn(async move { running.run(&token, &sender).await });
        Self { name, stream, stop, task, status }
    }

    /// All that was committed has come, and a beat by way of the log.
    async fn until_drained(&mut self) -> Result<(), Failed> {
        let barrier = self.stream.barrier().await.map_err(|e| failed(self.name, &e))?;
        self.wait("barrier", |status| status.barrier == Some(barrier) && status.transactions > 0).await?;
        self.wait("heartbeat", |status| status.heartbeat_written.is_some()).await
    }

    async fn wait(&mut self, what: &str, is_so: impl Fn(&Status) -> bool) -> Result<(), Failed> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let status = self.status.borrow().clone();
            if is_so(&status) {
                return Ok(());
            }
            if self.task.is_finished() {
                let ended = (&mut self.task).await.unwrap();
                return Err(ended.err().map_or((self.name, "it ended".to_owned()), |e| failed(self.name, &e)));
            }
            if Instant::now() > deadline {
                return Err((self.name, format!("no {what} within {PATIENCE:?}: {status:?}")));
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    async fn end(self) -> Result<(), Failed> {
        self.stop.cancel();
        self.task.await.unwrap().map_err(|e| failed(self.name, &e))
    }
}
