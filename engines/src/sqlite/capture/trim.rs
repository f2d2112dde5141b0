//! Deleting what a log need not keep.
//!
//! A task of its own with a connection of its own, since it has to wait for the
//! write lock now and then. Few rows at a time, and not often: while it writes
//! nobody else can. The row of the acknowledged position itself stays, so that
//! the log is never empty and its numbers never begin anew.

use std::time::Duration;

use sqlx::Row as _;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::capture::StreamName;
use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::sql;
use crate::sqlite::connect::{self, End};
use crate::sqlite::pool::{self, Member};
use crate::sqlite::{fault, objects};

/// In one transaction: some milliseconds' worth.
const ROWS_PER_TRANSACTION: i64 = 2_000;

/// Between two rounds; a busy stream would otherwise commit as often as it is
/// acknowledged.
const PAUSE: Duration = Duration::from_secs(1);

/// Between two transactions of a round, for those who wait for the lock.
const BREATH: Duration = Duration::from_millis(5);

/// How long to wait for the lock before trying again after a [`PAUSE`].
const LOCK_WAIT: Duration = Duration::from_millis(200);

pub(super) struct Trimmer {
    acknowledged: watch::Sender<i64>,
    task: JoinHandle<Result<()>>,
}

/// What the task needs to know.
pub(super) struct Plan {
    pub(super) file: connect::File,
    pub(super) stream: StreamName,
    /// Deletes nothing once another reads the log.
    pub(super) reader: String,
}

impl Trimmer {
    pub(super) fn start(plan: Plan) -> Self {
        let (acknowledged, to) = watch::channel(0);
        Self { acknowledged, task: tokio::spawn(run(plan, to)) }
    }

    /// Rows before this one may go.
    pub(super) fn acknowledge(&self, seq: i64) {
        self.acknowledged.send_if_modified(|last| {
            let further = seq > *last;
            if further {
                *last = seq;
            }
            further
        });
    }

    /// Why the task has ended, if it has.
    pub(super) async fn failure(&mut self) -> Option<Error> {
        if !self.task.is_finished() {
            return None;
        }
        match (&mut self.task).await {
            Ok(Err(error)) => Some(error),
            Ok(Ok(())) | Err(_) => None,
        }
    }
}

impl Drop for Trimmer {
    fn drop(&mut self) {
        // A transaction under way is undone with its connection.
        self.task.abort();
    }
}

async fn run(plan: Plan, mut to: watch::Receiver<i64>) -> Result<()> {
    let mut member = None;
    while to.changed().await.is_ok() {
        loop {
            let seq = *to.borrow_and_update();
            if round(&plan, &mut member, seq).await? {
                break;
            }
            tokio::time::sleep(PAUSE).await;
        }
        tokio::time::sleep(PAUSE).await;
    }
    Ok(())
}

/// Whether all that was to be deleted is; it isn't when others had the lock.
async fn round(plan: &Plan, member: &mut Option<Member>, to: i64) -> Result<bool> {
    let name = |name: &str| sql::name(Engine::Sqlite, name);
    let (log, state) = (name(&objects::log(&plan.stream)), name(&objects::state(&plan.stream)));
    let reader = format!("EXISTS (SELECT 1 FROM {state} WHERE reader = ?1)");
    let old = format!("DELETE FROM {log} WHERE seq < min(?2, (SELECT min(seq) FROM {log}) + ?3) AND {reader}");
    // No statement is under way while we have the lock.
    let replaced = format!("DELETE FROM {} WHERE {reader}", name(&objects::replaced(&plan.stream)));
    let any_replaced = format!("SELECT EXISTS (SELECT 1 FROM {})", name(&objects::replaced(&plan.stream)));

    let connection = match member {
        Some(member) => &mut member.connection,
        None => {
            let opened = connect::open_end(&plan.file, End::Trims, LOCK_WAIT).await?;
            &mut member.insert(opened).connection
        }
    };
    let failed = |e| fault::querying(&plan.file.location, "removing what was read of the change table".to_owned(), e);
    loop {
        let query = pool::prepared(old.clone()).bind(plan.reader.clone()).bind(to).bind(ROWS_PER_TRANSACTION);
        match query.execute(&mut *connection).await {
            Ok(done) if done.rows_affected() == 0 => break,
            Ok(_) => tokio::time::sleep(BREATH).await,
            Err(error) if fault::is_busy(&error) => return Ok(false),
            Err(error) => return Err(failed(error)),
        }
    }
    let any = pool::prepared(any_replaced).fetch_one(&mut *connection).await.and_then(|row| row.try_get(0));
    match any {
        Ok(false) => return Ok(true),
        Ok(true) => {}
        Err(error) if fault::is_busy(&error) => return Ok(false),
        Err(error) => return Err(failed(error)),
    }
    match pool::prepared(replaced).bind(plan.reader.clone()).execute(&mut *connection).await {
        Err(error) if fault::is_busy(&error) => Ok(false),
        Err(error) => Err(failed(error)),
        Ok(_) => Ok(true),
    }
}
