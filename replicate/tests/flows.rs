//! What one side does arrives on the other, whole and in order.

use switchback_replicate::Settings;
use tokio_util::sync::CancellationToken;

use crate::harness::end::{ALL, On};
use crate::harness::judge::{assert_same, watch};
use crate::harness::shop::{self, Customer, Part, buy};
use crate::harness::stage::{Running, shops, stream};

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
                    let mut customer = Customer::new(n, i64::try_from(n).unwrap() * 1_000_000, Part::All);
                    for _ in 0..150 {
                        buy(writer.as_mut(), engine, &mut customer).await.unwrap_or_else(|e| panic!("{e:?}"));
                    }
                }));
            }
            for customer in customers {
                customer.await.unwrap();
            }
            shop::close(&origin, &sink).await;
            looking.cancel();
            running.stop().await
        },
        watch(&sink, looking.clone())
    );
    assert!(looks > 0);
    assert!(ended.transactions > 100, "{ended:?}");
    assert_same(&origin, &sink).await;
}

async fn a_shop_arrives_everywhere(from: On) {
    for to in ALL {
        a_shop_arrives(from, to).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shop_on_postgres_arrives_everywhere() {
    a_shop_arrives_everywhere(On::Postgres).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shop_on_mysql_arrives_everywhere() {
    a_shop_arrives_everywhere(On::MySql).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shop_on_mariadb_arrives_everywhere() {
    a_shop_arrives_everywhere(On::MariaDb).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shop_on_sqlite_arrives_everywhere() {
    a_shop_arrives_everywhere(On::Sqlite).await;
}
