//! What one side does arrives on the other, whole and in order.

use std::sync::Arc;
use std::time::Duration;

use switchback_engines::{Endpoint, StreamName};
use switchback_fixtures::Side;
use switchback_replicate::{Error, Settings, Spec, Status, Stream, TablePair};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::end::{ALL, End, On};
use crate::judge::{assert_same, wait_for_same, watch};
use crate::shop::{self, Customer, buy};

/// The stream that runs the other way; the tests know two.
pub(crate) fn opposite(name: &str) -> Option<StreamName> {
    let other = if name == "forward" { "reverse" } else { "forward" };
    StreamName::new(other).ok()
}

/// The application's tables on both sides.
pub(crate) async fn pairs(origin: &Arc<dyn Endpoint>, sink: &Arc<dyn Endpoint>) -> Vec<TablePair> {
    let mut pairs = Vec::new();
    for reference in origin.tables().await.unwrap() {
        let there = sink.tables().await.unwrap().into_iter().find(|t| t.name == reference.name);
        let there = there.unwrap_or_else(|| panic!("{} has no table {reference}", sink.info().location));
        let origin = origin.describe(&reference).await.unwrap().unwrap();
        pairs.push(TablePair::new(origin, sink.describe(&there).await.unwrap().unwrap()));
    }
    pairs
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

    pub(crate) async fn stop(self) -> Status {
        self.stop.cancel();
        self.task.await.unwrap().unwrap_or_else(|e| panic!("{e:?}"));
        self.status.borrow().clone()
    }

    /// How it ended by itself.
    pub(crate) async fn end(self) -> Result<(), Error> {
        self.task.await.unwrap()
    }
}

/// Two ends with the same rows.
pub(crate) async fn shops(origin: On, sink: On) -> (End, End) {
    let schema = shop::schema();
    (End::new(origin, Side::Source, &schema).await, End::new(sink, Side::Target, &schema).await)
}

pub(crate) const DONE: &str = "SELECT MAX(tx) FROM ledger";
const PATIENCE: Duration = Duration::from_secs(60);

async fn a_shop_arrives(from: On, to: On) {
    eprintln!("{from:?} to {to:?}");
    let (origin, sink) = shops(from, to).await;
    let stream = stream(&origin, &sink, "forward", Settings::default()).await;
    stream.arm().await.unwrap_or_else(|e| panic!("{e:?}"));
    let running = Running::start(stream);
    let looking = CancellationToken::new();
    let (ended, looks) = tokio::join!(
        async {
            let mut customers = Vec::new();
            for n in 0..3 {
                let (mut writer, engine) = (origin.writer().await, origin.engine());
                customers.push(tokio::spawn(async move {
                    let mut customer = Customer::new(n, i64::try_from(n).unwrap() * 1_000_000);
                    buy(writer.as_mut(), engine, &mut customer, 150).await;
                }));
            }
            for customer in customers {
                customer.await.unwrap();
            }
            origin.execute("INSERT INTO ledger VALUES (99000000, -1, 0, 'the end'); UPDATE accounts SET version = version + 1 WHERE id = 1").await;
            wait_for_same(&origin, &sink, DONE, PATIENCE).await;
            looking.cancel();
            running.stop().await
        },
        watch(&sink, looking.clone())
    );
    assert!(looks > 0);
    assert!(ended.transactions > 100, "{ended:?}");
    assert_same(&origin, &sink).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shop_on_postgres_arrives_everywhere() {
    for to in ALL {
        a_shop_arrives(On::Postgres, to).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shop_on_mysql_arrives_everywhere() {
    for to in ALL {
        a_shop_arrives(On::MySql, to).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shop_on_mariadb_arrives_everywhere() {
    for to in ALL {
        a_shop_arrives(On::MariaDb, to).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shop_on_sqlite_arrives_everywhere() {
    for to in ALL {
        a_shop_arrives(On::Sqlite, to).await;
    }
}
