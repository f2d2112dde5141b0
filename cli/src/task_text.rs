//! Tasks and checks as people and programs get to see them.

use std::fmt::Write as _;
use std::time::SystemTime;

use chrono::{DateTime, SecondsFormat, Utc};
use indicatif::{BinaryBytes, HumanCount};
use serde::Serialize;
use switchback_migrate::check::{Direction, Grade, Item};
use switchback_migrate::structure::StructureError;
use switchback_migrate::task::{
    Accept, Error, Event, Folder, Listed, Live, LoadLive, Obstacles, Record, State, StreamLive,
};

use crate::args::Format;
use crate::error::{Failure, Result, SCHEMA_VERSION};
use crate::exit::Exit;
use crate::output;

/// An error of a task, on its way to the operator.
pub(crate) fn failure(error: Error) -> Failure {
    let is_usage = matches!(
        &error,
        Error::Connect { .. }
            | Error::Tables { .. }
            | Error::Structure(StructureError::NoColumn { .. } | StructureError::Whole { .. })
            | Error::Changed { .. }
            | Error::Busy { .. }
            | Error::Missing { .. }
            | Error::Leftovers { .. }
            | Error::Letters { .. }
            | Error::State { .. }
    );
    if is_usage { Failure::usage(error) } else { Failure::unfinished(error) }
}

/// What a check found.
pub(crate) fn check(found: &Obstacles, accept: &Accept, format: Format, verbose: bool, exit: Exit) -> Result<String> {
    #[derive(Serialize)]
    struct Document<'a> {
        schema_version: u32,
        exit_code: u8,
        failures: usize,
        warnings: usize,
        items: &'a [Item],
        structure: Option<&'a switchback_migrate::structure::StructurePlan>,
    }
    match format {
        Format::Json => json(&Document {
            schema_version: SCHEMA_VERSION,
            exit_code: exit.code(),
            failures: found.failures,
            warnings: found.warnings,
            items: &found.report.items,
            structure: found.plan.as_ref(),
        }),
        Format::Text => Ok(check_text(found, accept, verbose)),
    }
}

fn check_text(found: &Obstacles, accept: &Accept, verbose: bool) -> String {
    let mut text = String::new();
    let passed = found.report.of(Grade::Pass).count();
    for grade in [Grade::Fail, Grade::Warn, Grade::Pass] {
        if grade == Grade::Pass && !verbose {
            continue;
        }
        for item in found.report.of(grade) {
            add_item(&mut text, item, accept);
        }
    }
    if let Some(plan) = &found.plan {
        for conflict in &plan.conflicts {
            let _ = writeln!(text, "fail  target  {conflict}");
        }
        let word = if accept.has(Accept::STRUCTURE) { "known" } else { "warn " };
        for warning in &plan.warnings {
            let _ = writeln!(text, "{word} target  structure: {warning}");
        }
    }
    let _ = writeln!(text, "{passed} passed, {} to accept, {} failed", found.warnings, found.failures);
    text
}

fn add_item(text: &mut String, item: &Item, accept: &Accept) {
    let word = match item.grade {
        Grade::Pass => "pass ",
        Grade::Warn if accept.has(item.item) => "known",
        Grade::Warn => "warn ",
        Grade::Fail => "fail ",
    };
    let way = match item.direction {
        Direction::Forward => "",
        Direction::Back => " (way back)",
    };
    let _ = writeln!(text, "{word} {}{way}  {}: {}", item.end, item.item, item.found);
    if item.grade != Grade::Pass {
        let _ = writeln!(text, "      why:  {}", item.why);
    }
    if let Some(remedy) = &item.remedy {
        let _ = writeln!(text, "      mend: {}", remedy.replace('\n', "\n            "));
    }
}

/// One line: where a task is.
pub(crate) fn line(state: State, live: &Live) -> String {
    let mut text = state.to_string();
    match (state, &live.load, &live.stream) {
        (State::Loading, Some(load), _) => text.push_str(&format!(": {}", load_line(load))),
        (State::Following, _, Some(stream)) => text.push_str(&format!(": {}", stream_line(stream))),
        _ => {}
    }
    if !live.doing.is_empty() && !matches!(live.doing.as_str(), "loading" | "following") {
        text.push_str(&format!(" ({})", live.doing));
    }
    text
}

fn load_line(load: &LoadLive) -> String {
    let mut text = format!(
        "{} of {} ranges, {} rows, {}",
        load.ranges_loaded,
        load.ranges_total,
        HumanCount(load.rows),
        BinaryBytes(load.bytes)
    );
    if let Some(left) = load.seconds_left {
        text.push_str(&format!(", {left} s left"));
    }
    if load.snapshots_lost > 0 {
        text.push_str(&format!(", {} snapshots lost", load.snapshots_lost));
    }
    text
}

fn stream_line(stream: &StreamLive) -> String {
    let lag = stream.lag_seconds.map_or("lag unknown".to_owned(), |lag| format!("{lag} s behind"));
    let gap = stream.gap_bytes.map_or(String::new(), |gap| format!(", gap {:.1} MB", gap as f64 / 1e6));
    let letters = match stream.dead_letters {
        0 => String::new(),
        n => format!(", {n} dead letters"),
    };
    format!("{lag}{gap}, {} transactions{letters}", HumanCount(stream.transactions))
}

#[derive(Serialize)]
struct Task<'a> {
    name: &'a str,
    state: State,
    /// In which it goes on.
    phase: State,
    /// Whether a process works at it, and which where that is known.
    is_at_work: bool,
    pid: Option<u32>,
    /// Nobody is at work, and its state is one in which somebody should be.
    was_cut_off: bool,
    reason: Option<&'a str>,
    source: &'a str,
    target: &'a str,
    r#type: &'a str,
    created_at: String,
    changed_at: String,
}

impl<'a> Task<'a> {
    fn of(listed: &'a Listed) -> Self {
        let record = &listed.record;
        let asked = |what: &str| record.asked().find(|(name, _)| *name == what).map_or("", |(_, value)| value);
        // Whoever shows how it ended may still hold the lock.
        let is_at_work = listed.at_work.filter(|_| record.state != State::Completed);
        Self {
            name: &record.name,
            state: record.state,
            phase: record.phase,
            is_at_work: is_at_work.is_some(),
            pid: is_at_work.flatten(),
            was_cut_off: listed.was_cut_off(),
            reason: record.reason.as_deref(),
            source: asked("source"),
            target: asked("target"),
            r#type: asked("type"),
            created_at: time(record.created_at),
            changed_at: time(record.changed_at),
        }
    }

    fn who(&self) -> String {
        match (self.is_at_work, self.pid, self.was_cut_off) {
            (true, Some(pid), _) => format!(" (process {pid})"),
            (true, None, _) => " (at work)".to_owned(),
            (false, _, true) => " (cut off: nobody is at work; `switchback task resume` goes on)".to_owned(),
            (false, _, false) => String::new(),
        }
    }
}

/// All tasks of a folder.
pub(crate) fn list(listed: &[Listed], format: Format) -> Result<String> {
    #[derive(Serialize)]
    struct Document<'a> {
        schema_version: u32,
        tasks: Vec<Task<'a>>,
    }
    let tasks: Vec<Task<'_>> = listed.iter().map(Task::of).collect();
    if format == Format::Json {
        return json(&Document { schema_version: SCHEMA_VERSION, tasks });
    }
    let width = tasks.iter().map(|task| task.name.len()).max().unwrap_or_default();
    let line = |task: &Task<'_>| {
        format!("{:width$}  {:<11}  {} -> {}{}\n", task.name, task.state.name(), task.source, task.target, task.who())
    };
    Ok(tasks.iter().map(line).collect())
}

/// Prints how a task stands, and ends as told.
pub(crate) async fn show(folder: &Folder, name: &str, format: Format, exit: Exit) -> Result<Exit> {
    let store = folder.open(name).await.map_err(failure)?;
    let listed =
        Listed { record: store.record().await.map_err(failure)?, at_work: folder.at_work(name).map_err(failure)? };
    let live = store.live().await.map_err(failure)?;
    let history = store.history().await.map_err(failure)?;
    // What was put aside is left undecided.
    let is_left = live.as_ref().is_some_and(|(_, live)| live.letters_waiting > 0);
    let exit = if is_left && exit == Exit::Done { Exit::Unfinished } else { exit };
    let text = match format {
        Format::Json => status_json(&listed, live.as_ref(), &history, exit)?,
        Format::Text => status_text(&listed, live.as_ref(), &history),
    };
    output::data(&text).map_err(Failure::stdout)?;
    Ok(exit)
}

fn status_json(listed: &Listed, live: Option<&(SystemTime, Live)>, history: &[Event], exit: Exit) -> Result<String> {
    #[derive(Serialize)]
    struct Change<'a> {
        at: String,
        state: State,
        reason: Option<&'a str>,
    }
    #[derive(Serialize)]
    struct Said<'a> {
        as_of: String,
        #[serde(flatten)]
        live: &'a Live,
    }
    #[derive(Serialize)]
    struct Document<'a> {
        schema_version: u32,
        exit_code: u8,
        task: Task<'a>,
        /// What the process at work said last.
        progress: Option<Said<'a>>,
        history: Vec<Change<'a>>,
    }
    let change = |event: &'_ Event| (time(event.at), event.state);
    json(&Document {
        schema_version: SCHEMA_VERSION,
        exit_code: exit.code(),
        task: Task::of(listed),
        progress: live.map(|(at, live)| Said { as_of: time(*at), live }),
        history: history
            .iter()
            .map(|event| {
                let (at, state) = change(event);
                Change { at, state, reason: event.reason.as_deref() }
            })
            .collect(),
    })
}

fn status_text(listed: &Listed, live: Option<&(SystemTime, Live)>, history: &[Event]) -> String {
    let task = Task::of(listed);
    let record: &Record = &listed.record;
    let mut text = String::new();
    let mut add = |name: &str, value: &str| {
        let _ = writeln!(text, "{name:<10}{value}");
    };
    add("task", task.name);
    add("state", &format!("{}{}", record.state, task.who()));
    if let Some(reason) = task.reason {
        add("reason", reason);
    }
    if record.phase != record.state && record.state != State::Completed {
        add("goes on", &format!("in {}", record.phase));
    }
    add("type", task.r#type);
    add("source", task.source);
    add("target", task.target);
    if let Some((at, live)) = live {
        let is_old = !task.is_at_work;
        let when = if is_old { format!(", as of {}", time(*at)) } else { String::new() };
        if let Some(load) = &live.load {
            add("load", &format!("{}{when}", load_line(load)));
        }
        if live.letters_waiting > 0 {
            add("letters", &format!("{} changes are put aside at the target: they are not made", live.letters_waiting));
        }
        if let Some(stream) = &live.stream {
            add("stream", &format!("{}{when}", stream_line(stream)));
        }
        if task.is_at_work && !live.doing.is_empty() {
            add("doing", &live.doing);
        }
    }
    for (i, event) in history.iter().enumerate() {
        add(if i == 0 { "history" } else { "" }, &format!("{}  {}", time(event.at), event.state));
    }
    text
}

fn time(at: SystemTime) -> String {
    DateTime::<Utc>::from(at).to_rfc3339_opts(SecondsFormat::Secs, true)
}

fn json<T: Serialize>(document: &T) -> Result<String> {
    serde_json::to_string_pretty(document).map_err(Failure::unfinished)
}
