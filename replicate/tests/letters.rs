//! Dead letters while the process is killed: written, exported and made again
//! once each.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use switchback_engines::StreamName;
use switchback_fixtures::Side;
use switchback_replicate::{
    ArchiveError, DeadLetter, LetterArchive, LetterState, Policies, Policy, Settings, Spec, Stream,
};
use tokio::process::Command;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::harness::end::{ALL, End, On, open};
use crate::harness::judge::{same_tables, wait_for_same};
use crate::harness::stage::{Running, all_pairs as pairs, named_stream_of_all, stream_of_all as stream};

const ORIGIN: &str = "SWITCHBACK_LETTERS_ORIGIN";
const SINK: &str = "SWITCHBACK_LETTERS_SINK";
const JOB: &str = "SWITCHBACK_LETTERS_JOB";
const ARCHIVE: &str = "SWITCHBACK_LETTERS_ARCHIVE";

const PATIENCE: Duration = Duration::from_secs(60);
const LAST: &str = "SELECT COALESCE(MAX(id), 0) FROM last";
/// Rows that both sides have, and of these the first so many that the sink lost.
const ROWS: i64 = 24;
const MISSING: i64 = 12;

fn settings() -> Settings {
    Settings { policies: Policies::all(Policy::DeadLetter), group_transactions: 4, ..Settings::default() }
}

fn schema() -> String {
    let mut script = "CREATE TABLE t (id INT NOT NULL PRIMARY KEY, v INT NOT NULL); \
                      CREATE TABLE last (id INT NOT NULL PRIMARY KEY);"
        .to_owned();
    (1..=ROWS).for_each(|id| script.push_str(&format!("INSERT INTO t VALUES ({id}, 0);")));
    script
}

/// Each letter's number and hash, a line for each, in a file that appears whole.
struct Lines(PathBuf);

impl LetterArchive for Lines {
    fn holds(&self, name: &str) -> Result<bool, ArchiveError> {
        Ok(self.0.join(name).try_exists()?)
    }

    fn write(&self, name: &str, letters: &[DeadLetter]) -> Result<(), ArchiveError> {
        let partial = self.0.join(format!(".{name}"));
        let mut file = std::fs::File::create(&partial)?;
        for letter in letters {
            writeln!(file, "{} {}", letter.id, letter.row_blake3)?;
        }
        file.sync_all()?;
        Ok(std::fs::rename(partial, self.0.join(name))?)
    }
}

fn archived(folder: &Path) -> BTreeMap<i64, usize> {
    let mut seen = BTreeMap::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        if entry.file_name().to_str().unwrap().starts_with('.') {
            continue;
        }
        for line in std::fs::read_to_string(entry.path()).unwrap().lines() {
            *seen.entry(line.split(' ').next().unwrap().parse().unwrap()).or_default() += 1;
        }
    }
    seen
}

/// Does nothing unless the environment says what.
#[tokio::test(flavor = "multi_thread")]
async fn the_process() {
    let [Ok(origin), Ok(sink), Ok(job), Ok(archive)] = [ORIGIN, SINK, JOB, ARCHIVE].map(std::env::var) else { return };
    let (origin, sink) = (open(&origin).await, open(&sink).await);
    let tables = pairs(&origin, &sink).await;
    let spec = Spec { name: StreamName::new("forward").unwrap(), opposite: None, tables, settings: settings() };
    let stream = Stream::new(origin, sink, spec).unwrap();
    match job.as_str() {
        "run" => {
            let (status, _) = watch::channel(switchback_replicate::Status::default());
            stream.run(&CancellationToken::new(), &status).await.unwrap_or_else(|e| panic!("{e:?}"));
        }
        "export" => {
            stream.export_dead_letters(Arc::new(Lines(archive.into()))).await.unwrap_or_else(|e| panic!("{e:?}"));
        }
        _ => {
            let ids: Vec<i64> = (1..1000).collect();
            stream.replay(&ids).await.unwrap_or_else(|e| panic!("{e:?}"));
        }
    }
}

/// Runs a job in a process that dies at a place. Returns whether it did; it may
/// also have come to its end before.
async fn killed(origin: &End, sink: &End, archive: &Path, job: &str, at: &str) -> bool {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["letters::the_process", "--exact", "--nocapture"])
        .envs([(ORIGIN, &origin.url), (SINK, &sink.url)])
        .env(JOB, job)
        .env(ARCHIVE, archive)
        .env("SWITCHBACK_FAILPOINT", at)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    use std::os::unix::process::ExitStatusExt as _;
    let status = tokio::time::timeout(PATIENCE, child.wait()).await.expect("it hangs").unwrap();
    assert!(status.success() || status.signal() == Some(9), "{job} {at}: {status:?}");
    status.signal() == Some(9)
}

async fn letters_come_once(from: On, to: On) {
    eprintln!("{from:?} to {to:?}");
    let (origin, sink) = (End::new(from, Side::Source, &schema()).await, End::new(to, Side::Target, &schema()).await);
    let folder = tempfile::tempdir().unwrap();
    stream(&origin, &sink, settings()).await.arm().await.unwrap_or_else(|e| panic!("{e:?}"));
    sink.execute(&format!("DELETE FROM t WHERE id <= {MISSING}")).await;
    for id in 1..=MISSING {
        origin
            .execute(&format!(
                "BEGIN; UPDATE t SET v = {id} WHERE id = {id}; UPDATE t SET v = {id} WHERE id = {}; COMMIT",
                id + MISSING
            ))
            .await;
    }
    origin.execute("INSERT INTO last VALUES (1)").await;

    for at in ["after-dead-letter:1", "after-dead-letter:3", "before-commit:2", "after-commit:4", "mid-rows:2"] {
        assert!(killed(&origin, &sink, folder.path(), "run", at).await, "{at} was not reached");
    }
    let running = Running::start(stream(&origin, &sink, settings()).await);
    wait_for_same(&origin, &sink, LAST, PATIENCE).await;
    running.stop().await;
    let one = stream(&origin, &sink, settings()).await;
    let letters = one.dead_letters(0, 100).await.unwrap();
    let seqs: Vec<(i64, &str)> = letters.iter().map(|l| (l.seq, l.key.as_str())).collect();
    let keys: Vec<String> = (1..=MISSING).map(|id| format!("id={id}")).collect();
    let wanted: Vec<(i64, &str)> = (1..=MISSING).zip(keys.iter().map(String::as_str)).collect();
    assert_eq!(seqs, wanted, "one letter for each change that does not fit");

    for at in ["after-letters-chosen", "after-letters-written", "after-letters-archived"] {
        assert!(killed(&origin, &sink, folder.path(), "export", at).await, "{at} was not reached");
    }
    let once: BTreeMap<i64, usize> = letters.iter().map(|letter| (letter.id, 1)).collect();
    assert_eq!(archived(folder.path()), once);
    let again = one.export_dead_letters(Arc::new(Lines(folder.path().to_owned()))).await.unwrap();
    assert_eq!(again.letters, 0, "all of them are there");
    // They wait, so they are still what holds their keys.
    assert_eq!(one.dead_letters(0, 100).await.unwrap(), letters);

    sink.execute(&(1..=MISSING).map(|id| format!("INSERT INTO t VALUES ({id}, 0);")).collect::<String>()).await;
    for at in ["after-claim:2", "mid-rows:2", "before-commit:2", "after-commit:2"] {
        assert!(killed(&origin, &sink, folder.path(), "replay", at).await, "{at} was not reached");
    }
    // Of each that was killed before its second commit, the first had been made.
    let left = one.dead_letters(0, 100).await.unwrap();
    assert_eq!(left.len() as i64, MISSING - 5);
    let ids: Vec<i64> = left.iter().map(|letter| letter.id).collect();
    assert_eq!(one.discard(&ids[..1]).await.unwrap(), 1);
    let replayed = one.replay(&ids).await.unwrap();
    assert_eq!((replayed.made.as_slice(), replayed.left.len()), (&ids[1..], 0));
    let gone = one.dead_letters(0, 100).await.unwrap();
    assert!(gone.is_empty(), "what is in the archive and does not wait needs no row: {gone:?}");
    assert_eq!(letters.iter().filter(|l| l.state != LetterState::Waiting).count(), 0);

    // The one that was given up is the only difference.
    let given_up = &letters.iter().find(|letter| letter.id == ids[0]).unwrap().key;
    sink.execute(&format!("UPDATE t SET v = 6 WHERE {given_up}")).await;
    assert_eq!(given_up, "id=6");
    assert_eq!(same_tables(&origin, &sink).await, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn letters_are_neither_lost_nor_doubled() {
    for to in ALL {
        letters_come_once(On::Postgres, to).await;
    }
}

/// What a replay writes was written by the stream, as all that it writes.
async fn what_is_replayed_stays(from: On, to: On) {
    eprintln!("{from:?} to {to:?}");
    let (origin, sink) = (End::new(from, Side::Source, &schema()).await, End::new(to, Side::Target, &schema()).await);
    let forward = stream(&origin, &sink, settings()).await;
    forward.arm().await.unwrap_or_else(|e| panic!("{e:?}"));
    sink.execute("DELETE FROM t WHERE id <= 3").await;
    origin.execute("UPDATE t SET v = id WHERE id <= 3").await;
    origin.execute("INSERT INTO last VALUES (1)").await;
    let running = Running::start(forward);
    wait_for_same(&origin, &sink, LAST, PATIENCE).await;
    running.stop().await;
    sink.execute("INSERT INTO t VALUES (1, 0); INSERT INTO t VALUES (2, 0); INSERT INTO t VALUES (3, 3)").await;

    let back = named_stream_of_all(&sink, &origin, "reverse", Settings::default()).await;
    back.arm().await.unwrap_or_else(|e| panic!("{e:?}"));
    let forward = stream(&origin, &sink, settings()).await;
    assert_eq!(forward.replay(&[1, 2]).await.unwrap().made, [1, 2]);
    assert_eq!(forward.discard(&[3]).await.unwrap(), 1);
    sink.execute("INSERT INTO last VALUES (2)").await;
    // Both begin by claiming the stream.
    let mut running = Running::start(back);
    let status = running.until("what is behind it has come", |now| now.transactions > 0).await;
    assert_eq!((status.transactions, status.own_dropped), (1, 5), "{from:?} to {to:?}");
    wait_for_same(&origin, &sink, LAST, PATIENCE).await;
    running.stop().await;
    assert_eq!(same_tables(&origin, &sink).await, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_replayed_does_not_come_back() {
    for to in ALL {
        what_is_replayed_stays(On::Postgres, to).await;
    }
}
