//! How far a task is, on stderr: a line that changes on a terminal, and elsewhere a line
//! for each change of the state, and now and then one between.

use std::io::IsTerminal as _;
use std::time::{Duration, Instant};

use indicatif::ProgressBar;
use switchback_migrate::task::{Folder, Live, Record, State};
use tokio::sync::watch;

use crate::error::Result;
use crate::progress::Screen;
use crate::task_text;

const INTERVAL: Duration = Duration::from_millis(200);
/// Between two lines in a log.
const QUIET: Duration = Duration::from_secs(60);

/// Shows what is told until the other end is gone.
pub(crate) fn display(screen: &Screen, seen: watch::Receiver<(State, Live)>) -> impl Future<Output = ()> + use<> {
    let screen = screen.clone();
    let task = tokio::spawn(async move {
        let mut shown = Shown::new(&screen);
        let mut clock = tokio::time::interval(INTERVAL);
        // An error is that nobody tells any more.
        while seen.has_changed().is_ok() {
            clock.tick().await;
            let (state, live) = seen.borrow().clone();
            shown.update(state, &live);
        }
        shown.bar.finish_and_clear();
    });
    async move {
        // A display that panicked is not worth the task's result.
        let _ = task.await;
    }
}

/// Waits until nobody works at a task any more, and returns how it was left.
pub(crate) async fn wait_until_idle(folder: &Folder, name: &str, screen: &Screen) -> Result<Record> {
    let store = folder.open(name).await.map_err(task_text::failure)?;
    let mut shown = Shown::new(screen);
    let mut clock = tokio::time::interval(INTERVAL);
    loop {
        clock.tick().await;
        let is_idle = folder.at_work(name).map_err(task_text::failure)?.is_none();
        let record = store.record().await.map_err(task_text::failure)?;
        let live = store.live().await.map_err(task_text::failure)?;
        shown.update(record.state, &live.map(|(_, live)| live).unwrap_or_default());
        if is_idle {
            shown.bar.finish_and_clear();
            return Ok(record);
        }
    }
}

struct Shown {
    screen: Screen,
    bar: ProgressBar,
    state: Option<State>,
    said: Instant,
}

impl Shown {
    fn new(screen: &Screen) -> Self {
        Self { screen: screen.clone(), bar: screen.line(), state: None, said: Instant::now() }
    }

    fn update(&mut self, state: State, live: &Live) {
        let line = task_text::line(state, live);
        let is_new = self.state.replace(state) != Some(state);
        self.bar.set_message(line.clone());
        self.bar.tick();
        let is_log = !std::io::stderr().is_terminal();
        if is_log && (is_new || self.said.elapsed() > QUIET) {
            self.said = Instant::now();
            self.screen.say(&line);
        }
    }
}
