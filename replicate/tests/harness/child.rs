//! A stream in a process of its own, so that it can be killed and stopped.
//!
//! The program runs itself: with the environment that [`Child::start`] gives it,
//! it is the stream and nothing else.

use std::os::unix::process::ExitStatusExt as _;
use std::process::Stdio;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use switchback_engines::StreamName;
use switchback_replicate::{Error, Settings, Spec, Status, Stream};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader};
use tokio::process::Command;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::end::{End, open};
use super::stage::{self, PATIENCE};

const ORIGIN: &str = "SWITCHBACK_CHILD_ORIGIN";
const SINK: &str = "SWITCHBACK_CHILD_SINK";
const NAME: &str = "SWITCHBACK_CHILD_STREAM";
const SESSIONS: &str = "SWITCHBACK_CHILD_SESSIONS";
const FAILPOINT: &str = "SWITCHBACK_FAILPOINT";

/// How the process of a stream ends that was taken over by another one, and of
/// one that ended for another reason.
pub(crate) const FENCED: i32 = 3;
pub(crate) const FAILED: i32 = 4;

/// What the process says when it has applied something.
const APPLIED: &str = "applied";

/// Small groups, so that there are many boundaries to be killed at; some
/// transactions go to disk, and by another way into the sink; and the server frees
/// the locks of a process that is stopped after a second.
pub(crate) fn settings() -> Settings {
    Settings {
        group_transactions: 50,
        transaction_bytes: 4 << 10,
        idle_timeout: Duration::from_secs(1),
        ..Settings::default()
    }
}

pub(crate) struct Child(tokio::process::Child);

impl Child {
    /// Starts the stream `name`, which has been armed, between two ends.
    pub(crate) fn start(origin: &End, sink: &End, name: &str, failpoint: Option<&str>) -> Self {
        Self::start_with(origin, sink, name, failpoint, 1)
    }

    pub(crate) fn start_with(origin: &End, sink: &End, name: &str, failpoint: Option<&str>, sessions: usize) -> Self {
        let sessions = sessions.to_string();
        let environment =
            [(ORIGIN, origin.url.as_str()), (SINK, &sink.url), (NAME, name), (SESSIONS, sessions.as_str())];
        Self::of("harness::child::the_stream", &environment, failpoint)
    }

    /// Starts this program again, as nothing but the one `test`.
    pub(crate) fn of(test: &str, environment: &[(&str, &str)], failpoint: Option<&str>) -> Self {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command
            .args([test, "--exact", "--nocapture"])
            .envs(environment.iter().copied())
            .env_remove(FAILPOINT)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        if let Some(failpoint) = failpoint {
            command.env(FAILPOINT, failpoint);
        }
        Self(command.spawn().unwrap())
    }

    /// Waits until it has applied something.
    pub(crate) async fn applied(&mut self) {
        let output = self.0.stdout.as_mut().expect("it is a pipe");
        let mut lines = BufReader::new(output).lines();
        let applied = async {
            loop {
                match lines.next_line().await.unwrap() {
                    Some(line) if line.ends_with(APPLIED) => return true,
                    Some(_) => {}
                    None => return false,
                }
            }
        };
        let applied = tokio::time::timeout(PATIENCE, applied).await.expect("it applies nothing");
        if !applied {
            panic!("it ended by itself: {}", self.said().await);
        }
    }

    /// Kills it, unless a failpoint has done so before `when`; `true` then.
    pub(crate) async fn killed_within(mut self, when: Duration) -> bool {
        match tokio::time::timeout(when, self.0.wait()).await {
            Ok(status) => {
                let status = status.unwrap();
                let said = self.said().await;
                assert_eq!(status.signal(), Some(9), "it ended by itself: {status:?}: {said}");
                true
            }
            Err(_) => {
                self.0.kill().await.unwrap();
                false
            }
        }
    }

    /// Waits until a failpoint has stopped it; `false` when that takes too long.
    pub(crate) async fn stopped_within(&self, patience: Duration) -> bool {
        let stat = format!("/proc/{}/stat", self.pid().as_raw_nonzero());
        let deadline = Instant::now() + patience;
        loop {
            let text = std::fs::read_to_string(&stat).unwrap();
            let state = text.rsplit_once(") ").and_then(|(_, rest)| rest.chars().next());
            if state == Some('T') {
                return true;
            }
            assert_ne!(state, Some('Z'), "it ended by itself");
            if Instant::now() > deadline {
                return false;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(self.pid(), signal).unwrap();
    }

    pub(crate) fn has_ended(&mut self) -> bool {
        self.0.try_wait().unwrap().is_some()
    }

    /// It must end by itself, having been fenced out.
    pub(crate) async fn assert_fenced(mut self) {
        let status = tokio::time::timeout(PATIENCE, self.0.wait()).await.expect("it goes on").unwrap();
        let said = self.said().await;
        assert_eq!(status.code(), Some(FENCED), "{status:?}: {said}");
    }

    async fn said(&mut self) -> String {
        let mut said = String::new();
        if let Some(mut errors) = self.0.stderr.take() {
            errors.read_to_string(&mut said).await.unwrap();
        }
        said
    }

    fn pid(&self) -> Pid {
        let id = self.0.id().expect("it has not been waited for");
        Pid::from_raw(i32::try_from(id).unwrap()).unwrap()
    }
}

/// Does nothing unless the environment says which ends to connect; then it does
/// not return.
pub(crate) async fn run_if_asked() {
    let (Ok(origin), Ok(sink), Ok(name)) = (std::env::var(ORIGIN), std::env::var(SINK), std::env::var(NAME)) else {
        return;
    };
    let (origin, sink) = (open(&origin).await, open(&sink).await);
    let tables = stage::pairs(&origin, &sink).await;
    let name = StreamName::new(&name).unwrap();
    let opposite = stage::opposite(name.as_str());
    let sessions = std::env::var(SESSIONS).ok().and_then(|n| n.parse().ok()).unwrap_or(1);
    let settings = Settings { sessions, ..settings() };
    let stream = Stream::new(origin, sink, Spec { name, opposite, tables, settings }).unwrap();
    let (status, mut applied) = watch::channel(Status::default());
    tokio::spawn(async move {
        if applied.wait_for(|status| status.transactions > 0).await.is_ok() {
            println!("\n{APPLIED}");
        }
    });
    if let Err(error) = stream.run(&CancellationToken::new(), &status).await {
        eprintln!("{error:?}");
        std::process::exit(if matches!(error, Error::Fenced { .. }) { FENCED } else { FAILED });
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_stream() {
    run_if_asked().await;
}
