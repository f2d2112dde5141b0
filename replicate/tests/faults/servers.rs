//! A server is killed and started again, or ends the sessions of the stream.

use rustix::process::{Pid, Signal, kill_process};
use switchback_fixtures::{Family, Server};

use super::{ends, goes_on, servers, settings, under_load};
use crate::harness::end::{End, ask};
use crate::harness::stage::{Running, stream};

/// Whose sessions a server is to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Whose {
    /// The one that reads the log.
    Reader,
    /// Those that write, for the stream or for the heartbeat.
    Writers,
}

impl Whose {
    /// The numbers of the sessions, separated by commas.
    fn sessions(self, family: Family) -> String {
        match (family, self) {
            (Family::Postgres, Self::Reader) => {
                "SELECT string_agg(pid::text, ',') FROM pg_stat_activity WHERE backend_type = 'walsender'".to_owned()
            }
            (Family::Postgres, Self::Writers) => "SELECT string_agg(pid::text, ',') FROM pg_stat_activity \
                 WHERE application_name = 'switchback forward'"
                .to_owned(),
            (Family::MySql | Family::MariaDb, whose) => {
                let is = if whose == Self::Reader { "LIKE" } else { "NOT LIKE" };
                format!(
                    "SELECT GROUP_CONCAT(id) FROM information_schema.processlist WHERE db = 'shop' \
                     AND command {is} 'Binlog Dump%' AND id <> CONNECTION_ID()"
                )
            }
        }
    }
}

async fn sessions(end: &End, whose: Whose, family: Family) -> Vec<i32> {
    let mut writer = end.writer().await;
    let list = ask(writer.as_mut(), &whose.sessions(family)).await.unwrap_or_else(|e| panic!("{e:?}"));
    let list = list.unwrap_or_else(|| panic!("there is no session of the {whose:?}"));
    list.split(',').map(|id| id.parse().unwrap()).collect()
}

/// Has the server end sessions, in its own way.
async fn end_sessions(end: &End, whose: Whose, family: Family) {
    for id in sessions(end, whose, family).await {
        let statement = match family {
            Family::Postgres => format!("SELECT pg_terminate_backend({id})"),
            Family::MySql | Family::MariaDb => format!("KILL CONNECTION {id}"),
        };
        // It may have ended by itself.
        let _ = end.writer().await.run(&[statement]).await;
    }
}

async fn killed(server: &mut Server) {
    server.kill().unwrap_or_else(|e| panic!("{e:?}"));
    server.start_again().await.unwrap_or_else(|e| panic!("{e:?}"));
}

async fn servers_fail(family: Family) {
    let (mut origin_server, mut sink_server) = servers(family).await;
    let (origin, sink) = ends(&origin_server, &sink_server, "shop").await;
    let stream = stream(&origin, &sink, "forward", settings()).await;
    stream.arm().await.unwrap_or_else(|e| panic!("{e:?}"));
    let faults = async {
        let mut running = Running::start(stream);
        for round in 0..2 {
            running.until("it begins", |now| now.transactions > 10).await;
            for (end, name) in [(&sink, "sink"), (&origin, "origin")] {
                for whose in [Whose::Writers, Whose::Reader] {
                    if whose == Whose::Reader && name == "sink" {
                        continue;
                    }
                    let before = running.now();
                    end_sessions(end, whose, family).await;
                    goes_on(&mut running, &format!("round {round}: the {name} ends the {whose:?}"), &before).await;
                    if family == Family::Postgres {
                        let before = running.now();
                        for pid in sessions(end, whose, family).await {
                            // One is enough for the server to end all others.
                            let _ = kill_process(Pid::from_raw(pid).unwrap(), Signal::KILL);
                        }
                        goes_on(&mut running, &format!("round {round}: {whose:?} of the {name} killed"), &before).await;
                    }
                }
            }
            let before = running.now();
            killed(&mut sink_server).await;
            goes_on(&mut running, &format!("round {round}: the sink is killed"), &before).await;
            let before = running.now();
            killed(&mut origin_server).await;
            goes_on(&mut running, &format!("round {round}: the origin is killed"), &before).await;
        }
        eprintln!("{:?}", running.stop().await);
    };
    under_load(&origin, &sink, 1, faults).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn postgres() {
    Box::pin(servers_fail(Family::Postgres)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn mysql() {
    Box::pin(servers_fail(Family::MySql)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn mariadb() {
    Box::pin(servers_fail(Family::MariaDb)).await;
}
