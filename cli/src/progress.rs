//! How far the run has come, on a terminal.
//!
//! A line for everything and one for each table being read. It only looks at
//! counters ([`switchback_verify::Progress`]), ten times a second, so that
//! a slow terminal slows nothing down. Without a terminal nothing is drawn;
//! with ten thousand tables the display is as small as with ten.

use std::fmt::Write as _;
use std::io::IsTerminal;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use indicatif::{
    BinaryBytes, HumanCount, HumanDuration, MultiProgress, ProgressBar, ProgressDrawTarget, ProgressState,
    ProgressStyle,
};
use switchback_verify::Progress;
use switchback_verify::progress::TableProgress;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::output;

const INTERVAL: Duration = Duration::from_millis(100);
/// More lines than this push what the operator typed off the screen.
const BARS_MAX: usize = 8;
const NAME_WIDTH: usize = 28;

/// Of a table of which it is known how much is left, and of any other.
const ENDED: &str = "  {prefix} {bar:20} {percent:>3}%  {msg}, {rate}, {left} left";
const UNENDED: &str = "  {prefix} {spinner}  {msg}, {rate}";

/// stderr, shared by the bars and by what is said meanwhile.
#[derive(Debug, Clone)]
pub(crate) struct Screen {
    bars: MultiProgress,
}

impl Screen {
    /// Draws only when `wanted` and stderr is a terminal.
    pub(crate) fn new(wanted: bool) -> Self {
        let target = if wanted && std::io::stderr().is_terminal() {
            ProgressDrawTarget::stderr()
        } else {
            ProgressDrawTarget::hidden()
        };
        Self { bars: MultiProgress::with_draw_target(target) }
    }

    /// Says something above the bars, never across them.
    pub(crate) fn say(&self, text: &str) {
        self.bars.suspend(|| output::message(text));
    }

    /// A line that changes.
    pub(crate) fn line(&self) -> ProgressBar {
        self.bars.add(ProgressBar::no_length().with_style(style("{spinner} {msg}")))
    }

    /// Shows `progress` until the guard is finished.
    pub(crate) fn watch(&self, progress: Arc<Progress>) -> Watch {
        let (stop, mut stopped) = oneshot::channel();
        let bars = self.bars.clone();
        let task = tokio::spawn(async move {
            let mut display = Display::new(bars, progress);
            let mut clock = tokio::time::interval(INTERVAL);
            loop {
                tokio::select! {
                    _ = clock.tick() => display.refresh(),
                    _ = &mut stopped => break,
                }
            }
            display.clear();
        });
        Watch { stop, task }
    }
}

/// Shows a run's progress for as long as it is kept.
pub(crate) struct Watch {
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl Watch {
    /// Takes the bars away, so that the result starts on a clean line.
    pub(crate) async fn finish(self) {
        let _ = self.stop.send(());
        // A display that panicked is not worth the run's result.
        let _ = self.task.await;
    }
}

/// The bars.
struct Display {
    bars: MultiProgress,
    progress: Arc<Progress>,
    total: ProgressBar,
    started: Instant,
    /// How many of the tables were looked at; those before are in `running`,
    /// or in `finished`.
    seen: usize,
    running: Vec<(Arc<TableProgress>, Option<ProgressBar>)>,
    finished: Sums,
}

/// Of several tables.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Sums {
    tables: u64,
    rows: u64,
    bytes: u64,
    differences: u64,
}

impl Sums {
    fn add(&mut self, table: &TableProgress) {
        self.rows += rows(table);
        self.bytes += table.bytes.load(Ordering::Relaxed);
        self.differences += table.differences.load(Ordering::Relaxed);
    }
}

impl Display {
    fn new(bars: MultiProgress, progress: Arc<Progress>) -> Self {
        let total = bars.add(ProgressBar::no_length().with_style(style("{spinner} {msg}")));
        let started = Instant::now();
        Self { bars, progress, total, started, seen: 0, running: Vec::new(), finished: Sums::default() }
    }

    fn refresh(&mut self) {
        let tables = self.progress.tables();
        self.running.extend(tables.iter().skip(self.seen).map(|table| (Arc::clone(table), None)));
        self.seen = tables.len();
        let finished = &mut self.finished;
        self.running.retain(|(table, bar)| {
            if table.is_done() {
                finished.tables += 1;
                finished.add(table);
                if let Some(bar) = bar {
                    bar.finish_and_clear();
                    self.bars.remove(bar);
                }
            }
            !table.is_done()
        });
        let mut sums = self.finished;
        for (index, (table, bar)) in self.running.iter_mut().enumerate() {
            sums.add(table);
            if index < BARS_MAX {
                let bar = bar.get_or_insert_with(|| self.bars.insert_before(&self.total, table_bar(table)));
                show_table(bar, table);
            }
        }
        let hidden = self.running.len().saturating_sub(BARS_MAX);
        self.total.set_message(total_line(sums, self.progress.tables_total(), hidden, self.started.elapsed()));
        self.total.tick();
    }

    fn clear(self) {
        for (_, bar) in &self.running {
            if let Some(bar) = bar {
                bar.finish_and_clear();
            }
        }
        self.total.finish_and_clear();
    }
}

fn rows(table: &TableProgress) -> u64 {
    table.source_rows.load(Ordering::Relaxed) + table.target_rows.load(Ordering::Relaxed)
}

fn table_bar(table: &TableProgress) -> ProgressBar {
    ProgressBar::no_length().with_prefix(short_name(&table.name)).with_style(style(UNENDED)).with_message("0 rows")
}

fn show_table(bar: &ProgressBar, table: &TableProgress) {
    let rows = rows(table);
    let estimate = table.rows_estimate.load(Ordering::Relaxed);
    // Statistics may be old: a bar that is full while rows still come would
    // promise an end that nobody knows. Nor does anybody before the first row.
    if rows > 0 && estimate > rows {
        if bar.length().is_none() {
            bar.set_style(style(ENDED));
        }
        bar.set_length(estimate);
    } else if bar.length().is_some() {
        bar.set_style(style(UNENDED));
        bar.unset_length();
    }
    bar.set_position(rows);
    let mut message = format!("{} rows, {}", HumanCount(rows), BinaryBytes(table.bytes.load(Ordering::Relaxed)));
    let differences = table.differences.load(Ordering::Relaxed);
    if differences > 0 {
        let _ = write!(message, ", {} differ", HumanCount(differences));
    }
    bar.set_message(message);
}

fn total_line(sums: Sums, tables_total: u32, hidden: usize, elapsed: Duration) -> String {
    if tables_total == 0 {
        return "reading the lists of tables".to_owned();
    }
    let mut line = format!("{}/{tables_total} tables", sums.tables);
    let rate = per_second(sums.rows, elapsed);
    let _ = write!(
        line,
        ", {} rows, {}, {} rows/s, {}",
        HumanCount(sums.rows),
        BinaryBytes(sums.bytes),
        HumanCount(rate),
        HumanDuration(elapsed)
    );
    if sums.differences > 0 {
        let _ = write!(line, ", {} differ", HumanCount(sums.differences));
    }
    if hidden > 0 {
        let _ = write!(line, " (and {hidden} more tables being read)");
    }
    line
}

fn per_second(count: u64, elapsed: Duration) -> u64 {
    let millis = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX).max(1);
    count.saturating_mul(1000) / millis
}

/// A name of fixed width that can't steer the terminal: names come from a
/// server, and may hold anything.
fn short_name(name: &str) -> String {
    let clean: Vec<char> = name.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect();
    if clean.len() <= NAME_WIDTH {
        return format!("{:<NAME_WIDTH$}", clean.iter().collect::<String>());
    }
    // Names that share a schema or a prefix differ at the end.
    let tail = clean.len() - (NAME_WIDTH - 1);
    std::iter::once('…').chain(clean.into_iter().skip(tail)).collect()
}

/// No colours: the bars mean the same without, and so NO_COLOR is kept.
fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template)
        // The templates are constants of this file, and a test uses each.
        .unwrap_or_else(|_| ProgressStyle::default_bar())
        .with_key("rate", |state: &ProgressState, text: &mut dyn std::fmt::Write| {
            let _ = write!(text, "{} rows/s", HumanCount(state.per_sec() as u64));
        })
        .with_key("left", |state: &ProgressState, text: &mut dyn std::fmt::Write| {
            let _ = write!(text, "{}", HumanDuration(state.eta()));
        })
        .progress_chars("=> ")
}

#[cfg(test)]
mod tests {
    use indicatif::InMemoryTerm;

    use super::*;

    /// A display on a terminal of 24 lines that can be read back.
    fn display(progress: &Arc<Progress>) -> (Display, InMemoryTerm) {
        let terminal = InMemoryTerm::new(24, 120);
        let target = ProgressDrawTarget::term_like_with_hz(Box::new(terminal.clone()), 255);
        (Display::new(MultiProgress::with_draw_target(target), Arc::clone(progress)), terminal)
    }

    /// Drawing is limited to so many times a second, so a refresh may draw nothing.
    fn refresh_until(display: &mut Display, terminal: &InMemoryTerm, is_there: impl Fn(&str) -> bool) -> String {
        let deadline = Instant::now() + Duration::from_secs(10);
        loop {
            display.refresh();
            let shown = terminal.contents();
            if is_there(&shown) {
                return shown;
            }
            assert!(Instant::now() < deadline, "never shown; last:\n{shown}");
            std::thread::yield_now();
        }
    }

    #[test]
    fn a_table_is_shown_while_it_is_read() {
        let progress = Progress::new();
        let (mut display, terminal) = display(&progress);
        refresh_until(&mut display, &terminal, |shown| shown.contains("reading the lists of tables"));

        progress.set_tables_total(3);
        let table = progress.begin("public.orders".to_owned());
        table.rows_estimate.store(4_000, Ordering::Relaxed);
        table.source_rows.store(500, Ordering::Relaxed);
        table.target_rows.store(500, Ordering::Relaxed);
        table.bytes.store(2_097_152, Ordering::Relaxed);
        table.differences.store(7, Ordering::Relaxed);
        let shown = refresh_until(&mut display, &terminal, |shown| shown.contains("1,000 rows, 2.00 MiB, 7 differ"));
        assert!(shown.contains("public.orders") && shown.contains("25%"), "{shown}");
        assert!(shown.contains("0/3 tables"), "{shown}");

        table.finish();
        let shown = refresh_until(&mut display, &terminal, |shown| shown.contains("1/3 tables"));
        assert!(!shown.contains("public.orders"), "{shown}");
        display.clear();
        assert_eq!(terminal.contents(), "");
    }

    #[test]
    fn rows_beyond_the_estimate_promise_no_end() {
        let progress = Progress::new();
        progress.set_tables_total(1);
        let table = progress.begin("orders".to_owned());
        table.rows_estimate.store(10, Ordering::Relaxed);
        table.source_rows.store(12_345, Ordering::Relaxed);
        let (mut display, terminal) = display(&progress);
        let shown = refresh_until(&mut display, &terminal, |shown| shown.contains("12,345 rows"));
        assert!(!shown.contains('%') && !shown.contains("left"), "{shown}");
    }

    #[test]
    fn ten_thousand_tables_take_a_few_lines() {
        let progress = Progress::new();
        progress.set_tables_total(10_000);
        let tables: Vec<_> = (0..10_000).map(|n| progress.begin(format!("table_{n:05}"))).collect();
        tables.iter().take(9_900).for_each(|table| table.finish());
        let (mut display, terminal) = display(&progress);
        let shown = refresh_until(&mut display, &terminal, |shown| shown.contains("9900/10000 tables"));
        assert_eq!(shown.lines().count(), BARS_MAX + 1, "{shown}");
        assert!(shown.contains("table_09900") && shown.contains("92 more tables"), "{shown}");
        for table in &tables {
            table.finish();
        }
        let shown = refresh_until(&mut display, &terminal, |shown| shown.contains("10000/10000 tables"));
        assert_eq!(shown.lines().count(), 1, "{shown}");
    }

    #[test]
    fn names_can_not_steer_the_terminal() {
        assert_eq!(short_name("a\u{1b}[2Jb").trim_end(), "a\u{fffd}[2Jb");
        let long = short_name("a_rather_long_schema_name.a_table_of_it");
        assert!(long.starts_with('…') && long.ends_with(".a_table_of_it"), "{long}");
        assert_eq!(long.chars().count(), NAME_WIDTH);
        assert_eq!(short_name("orders").chars().count(), NAME_WIDTH);
    }
}
