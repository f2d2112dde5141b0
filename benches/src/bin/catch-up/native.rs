//! The server's own replication.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use switchback_fixtures::Server;
use url::Url;

use crate::backlog::Expected;
use crate::{Of, backlog};

/// Connects the replica, and holds it back until the backlog is there.
pub(crate) async fn prepare(engine: Of, origin: &Server, replica: &Server, rows: u64) -> Result<()> {
    match engine {
        Of::Postgres => {
            replica.create_database("bench").await?;
            replica.execute("bench", &backlog::table(engine, rows)).await?;
            origin.execute("bench", "CREATE PUBLICATION native FOR TABLE orders").await?;
            let url = Url::parse(&origin.url("bench"))?;
            let conninfo = format!(
                "host=127.0.0.1 port={} user={} password={} dbname=bench",
                origin.port(),
                url.username(),
                url.password().unwrap_or_default()
            );
            let create = format!(
                "CREATE SUBSCRIPTION native CONNECTION '{conninfo}' PUBLICATION native \
                 WITH (copy_data = false)"
            );
            replica.execute("bench", &create).await?;
            replica.execute("bench", "ALTER SUBSCRIPTION native DISABLE").await?;
        }
        // From the first transaction on, so that the table arrives, too.
        Of::Mysql | Of::Mariadb => {
            let url = Url::parse(&origin.url("bench"))?;
            let (user, password) = (url.username(), url.password().unwrap_or_default());
            let change = if engine == Of::Mysql {
                format!(
                    "RESET BINARY LOGS AND GTIDS; CHANGE REPLICATION SOURCE TO SOURCE_HOST='127.0.0.1', \
                     SOURCE_PORT={}, SOURCE_USER='{user}', SOURCE_PASSWORD='{password}', SOURCE_AUTO_POSITION=1, \
                     GET_SOURCE_PUBLIC_KEY=1",
                    origin.port()
                )
            } else {
                format!(
                    "RESET MASTER; SET GLOBAL gtid_slave_pos=''; CHANGE MASTER TO MASTER_HOST='127.0.0.1', \
                     MASTER_PORT={}, MASTER_USER='{user}', MASTER_PASSWORD='{password}', MASTER_USE_GTID=slave_pos",
                    origin.port()
                )
            };
            replica.create_database("bench").await?;
            replica.execute("bench", "DROP DATABASE bench").await?;
            replica.execute("mysql", &change).await?;
            replica.execute("mysql", if engine == Of::Mysql { "START REPLICA" } else { "START SLAVE" }).await?;
            arrival(replica, rows).await?;
            replica.execute("mysql", if engine == Of::Mysql { "STOP REPLICA" } else { "STOP SLAVE" }).await?;
        }
    }
    Ok(())
}

/// Lets it go, and holds it back again when it is done.
pub(crate) async fn catch_up(engine: Of, origin: &Server, replica: &Server, expected: &Expected) -> Result<f64> {
    let (database, go, halt) = match engine {
        Of::Postgres => ("bench", "ALTER SUBSCRIPTION native ENABLE", "ALTER SUBSCRIPTION native DISABLE"),
        Of::Mysql => ("mysql", "START REPLICA", "STOP REPLICA"),
        Of::Mariadb => ("mysql", "START SLAVE", "STOP SLAVE"),
    };
    let mut reader = backlog::session(replica, "bench").await?;
    let begin = Instant::now();
    replica.execute(database, go).await?;
    let seconds = backlog::wait(reader.as_mut(), expected).await?.duration_since(begin).as_secs_f64();
    if engine == Of::Postgres {
        backlog::settle(backlog::session(origin, "bench").await?.as_mut(), "native").await?;
    }
    replica.execute(database, halt).await?;
    Ok(seconds)
}

/// Waits for the table, which arrives as everything else does.
async fn arrival(replica: &Server, rows: u64) -> Result<()> {
    let deadline = Instant::now() + crate::PATIENCE;
    loop {
        if let Ok(mut session) = backlog::session(replica, "bench").await
            && let Ok(count) = backlog::ask(session.as_mut(), "SELECT COUNT(*) FROM orders").await
            && count == rows.to_string()
        {
            return Ok(());
        }
        if Instant::now() > deadline {
            bail!("the table did not arrive at the replica");
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}
