//! Two ends with the same tables, and a stream between them in this process.

use std::sync::Arc;
use std::time::{Duration, Instant};

use switchback_engines::{Endpoint, StreamName};
use switchback_fixtures::Side;
use switchback_replicate::{Error, Settings, Spec, Status, Stream, TablePair};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::end::{End, On};
use super::shop;

/// The stream that runs the other way; the tests know two.
pub(crate) fn opposite(name: &str) -> Option<StreamName> {
    let other = if name == "forward" { "reverse" } else { "forward" };
    StreamName::new(other).ok()
}

/// The application's tables on both sides.
pub(crate) async fn pairs(origin: &Arc<dyn Endpoint>, sink: &Arc<dyn Endpoint>) -> Vec<TablePair> {
    let mut pairs = Vec::new();
    for name in shop::TABLES {
        pairs.push(TablePair::new(table(origin, name).await, table(sink, name).await));
    }
    pairs
}

/// All tables of the origin, whatever they are, with their namesakes.
pub(crate) async fn all_pairs(origin: &Arc<dyn Endpoint>, sink: &Arc<dyn Endpoint>) -> Vec<TablePair> {
    let mut pairs = Vec::new();
    let others = sink.tables().await.unwrap();
    for reference in origin.tables().await.unwrap() {
        let name = &reference.name;
        let other = others.iter().find(|t| t.name == *name).unwrap_or_else(|| panic!("no table {name}"));
        let (there, here) = tokio::join!(origin.describe(&reference), sink.describe(other));
        pairs.push(TablePair::new(there.unwrap().unwrap(), here.unwrap().unwrap()));
    }
    pairs
}

/// A stream of all of the origin's tables.
pub(crate) async fn stream_of_all(origin: &End, sink: &End, settings: Settings) -> Stream {
    named_stream_of_all(origin, sink, "forward", settings).await
}

pub(crate) async fn named_stream_of_all(origin: &End, sink: &End, name: &str, settings: Settings) -> Stream {
    let spec = Spec {
        name: StreamName::new(name).unwrap(),
        opposite: opposite(name),
        tables: all_pairs(&origin.endpoint, &sink.endpoint).await,
        settings,
    };
    Stream::new(origin.endpoint.clone(), sink.endpoint.clone(), spec).unwrap_or_else(|e| panic!("{e:?}"))
}

async fn table(endpoint: &Arc<dyn Endpoint>, name: &str) -> switchback_engines::Table {
    let tables = endpoint.tables().await.unwrap();
    let reference = tables.iter().find(|t| t.name == name).unwrap_or_else(|| panic!("no table {name}"));
    endpoint.describe(reference).await.unwrap().unwrap()
}

pub(crate) async fn stream(origin: &End, sink: &End, name: &str, settings: Settings) -> Stream {
    let spec = Spec {
        name: StreamName::new(name).unwrap(),
        opposite: opposite(name),
        tables: pairs(&origin.endpoint, &sink.endpoint).await,
        settings,
    };
    Stream::new(origin.endpoint.clone(), sink.endpoint.clone(), spec).unwrap_or_else(|e| panic!("{e:?}"))
}

/// A stream that runs in this process.
pub(crate) struct Running {
    stop: CancellationToken,
    task: JoinHandle<Result<(), Error>>,
    pub(crate) status: watch::Receiver<Status>,
}

impl Running {
    pub(crate) fn start(stream: Stream) -> Self {
        let stop = CancellationToken::new();
        let (sender, status) = watch::channel(Status::default());
        let token = stop.clone();
        let task = tokio::spawn(async move { stream.run(&token, &sender).await });
        Self { stop, task, status }
    }

    pub(crate) fn now(&self) -> Status {
        self.status.borrow().clone()
    }

    /// Waits until the status is as wanted.
    ///
    /// # Panics
    /// With how the stream ended, when it did, and when it takes too long.
    pub(crate) async fn until(&mut self, what: &str, is_so: impl Fn(&Status) -> bool) -> Status {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let status = self.now();
            if is_so(&status) {
                return status;
            }
            if self.task.is_finished() {
                panic!("waiting until {what}: the stream ended with {:?} at {status:?}", (&mut self.task).await);
            }
            assert!(Instant::now() < deadline, "not within {PATIENCE:?}: {what}; the stream is at {status:?}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// How it ended by itself.
    pub(crate) async fn ended(self) -> Result<(), Error> {
        tokio::time::timeout(PATIENCE, self.task).await.expect("it does not end").unwrap()
    }

    pub(crate) async fn stop(self) -> Status {
        self.stop.cancel();
        self.task.await.unwrap().unwrap_or_else(|e| panic!("{e:?}"));
        self.status.borrow().clone()
    }
}

/// Two ends with the same rows.
pub(crate) async fn shops(origin: On, sink: On) -> (End, End) {
    let schema = shop::schema();
    (End::new(origin, Side::Source, &schema).await, End::new(sink, Side::Target, &schema).await)
}

/// How long anything may take that is not measured.
pub(crate) const PATIENCE: Duration = Duration::from_secs(90);
