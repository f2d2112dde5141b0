//! `switchback migrate`, and those commands that make a task go on.

use switchback_migrate::task::{self, Accept, Error, Held, Live, Obstacles, State, Wish};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::args::{Format, GoOnArgs, MigrateArgs};
use crate::error::{Failure, Mistake, Result};
use crate::exit::Exit;
use crate::progress::Screen;
use crate::task_settings::TaskSettings;
use crate::{output, settings, signals, task_progress, task_text};

pub(crate) async fn run(args: &MigrateArgs) -> Result<Exit> {
    let settings = resolve(&args.go_on)?;
    if args.dry_run {
        return plan(&settings).await;
    }
    let held = hold(&settings).await?;
    work(held, settings, &args.go_on).await
}

/// `task resume` and `task retry`: only from where each makes sense.
pub(crate) async fn go_on(args: &GoOnArgs, wanted: &[State], verb: &str) -> Result<Exit> {
    let settings = resolve(args)?;
    // Looked at first, so that no new task comes of it.
    let store = settings.folder.open(settings.request.name.as_str()).await.map_err(task_text::failure)?;
    let record = store.record().await.map_err(task_text::failure)?;
    let held = hold(&settings).await?;
    if !wanted.contains(&record.state) {
        return Err(Failure::usage(Mistake::new(
            format!("the task `{}` is {}, which nothing can {verb}", record.name, record.state),
            "`switchback status` shows where it stands",
        )));
    }
    work(held, settings, args).await
}

/// `task complete`: by the process at work, or by this one.
pub(crate) async fn complete(args: &GoOnArgs) -> Result<Exit> {
    let settings = resolve(args)?;
    let name = &settings.request.name.to_string();
    let store = settings.folder.open(name).await.map_err(task_text::failure)?;
    let record = store.record().await.map_err(task_text::failure)?;
    match record.state {
        State::Completed => return task_text::show(&settings.folder, name, args.format, Exit::Done).await,
        _ if record.phase == State::Following => {}
        state => {
            return Err(Failure::usage(Mistake::new(
                format!("the task `{name}` is {state}, and not all rows are loaded yet"),
                "wait until it follows, or let it go on until then",
            )));
        }
    }
    loop {
        // First, so that nothing is wished of a task that is another one.
        match settings.folder.hold(&settings.request, &settings.ends).await {
            Ok(held) => {
                store.wish(Wish::Complete).await.map_err(task_text::failure)?;
                return work(held, settings, args).await;
            }
            Err(Error::Busy { .. }) => {}
            Err(error) => return Err(task_text::failure(error)),
        }
        store.wish(Wish::Complete).await.map_err(task_text::failure)?;
        let screen = Screen::new(!args.no_progress);
        let ended = task_progress::wait_until_idle(&settings.folder, name, &screen).await?;
        match ended.state {
            State::Completed => {
                return task_text::show(&settings.folder, name, args.format, Exit::Done).await;
            }
            State::Failed => {
                return task_text::show(&settings.folder, name, args.format, Exit::Unfinished).await;
            }
            // It was cut off, or paused by a signal: this process does the rest.
            _ => {}
        }
    }
}

fn resolve(args: &GoOnArgs) -> Result<TaskSettings> {
    TaskSettings::resolve(&args.config, args.accept_warnings, &settings::environment)
}

async fn hold(settings: &TaskSettings) -> Result<Held> {
    settings.folder.hold(&settings.request, &settings.ends).await.map_err(task_text::failure)
}

async fn plan(settings: &TaskSettings) -> Result<Exit> {
    let found = task::inspect(&settings.ends, &settings.request).await.map_err(task_text::failure)?;
    let exit = if found.is_clear() { Exit::Done } else { Exit::Blocked };
    let mut text = task_text::check(&found, &settings.request.accept, Format::Text, false, exit)?;
    if let Some(plan) = &found.plan {
        text.push_str(&format!("\n{plan}"));
    }
    output::data(&text).map_err(Failure::stdout)?;
    Ok(exit)
}

/// Works at a task; on a terminal it asks whether warnings are known and wanted.
async fn work(held: Held, mut settings: TaskSettings, args: &GoOnArgs) -> Result<Exit> {
    let (exit, found) = try_work(&held, &settings, args).await?;
    // Nobody is at work while the operator thinks.
    drop(held);
    match found {
        Some(found) if found.failures == 0 && is_accepted(found.warnings)? => {
            settings.request.accept = Accept::All;
            let held = hold(&settings).await?;
            Ok(try_work(&held, &settings, args).await?.0)
        }
        Some(found) => {
            output::message(&task_text::failure(Error::Obstacles(found)).describe().to_string());
            Ok(exit)
        }
        None => Ok(exit),
    }
}

/// Asks the operator, where there is one.
fn is_accepted(warnings: usize) -> Result<bool> {
    let these = if warnings == 1 { "this warning" } else { "these warnings" };
    let answer = output::ask(&format!("Go on in spite of {these}? [y/N] "))
        .map_err(|error| Failure::unfinished(anyhow::Error::new(error).context("cannot read the answer")))?;
    Ok(matches!(answer.as_deref(), Some("y" | "Y" | "yes")))
}

/// How it ended, and what stood in the way.
async fn try_work(held: &Held, settings: &TaskSettings, args: &GoOnArgs) -> Result<(Exit, Option<Box<Obstacles>>)> {
    let stop = CancellationToken::new();
    let screen = Screen::new(!args.no_progress);
    let notice = {
        let screen = screen.clone();
        move || screen.say("interrupted: the task is being paused; interrupt again to leave at once")
    };
    signals::cancel_on_signal(stop.clone(), notice)
        .map_err(|error| Failure::unfinished(anyhow::Error::new(error).context("cannot listen for signals")))?;
    let (told, seen) = watch::channel((State::Created, Live::default()));
    let display = task_progress::display(&screen, seen);
    let ended = task::run(held, &settings.ends, &settings.request, &stop, &told).await;
    drop(told);
    display.await;
    let exit = match ended {
        Ok(State::Completed) => Exit::Done,
        Ok(_) if stop.is_cancelled() => Exit::Interrupted,
        // Somebody else paused it: whoever waits for the move must not go on.
        Ok(_) => Exit::Unfinished,
        Err(Error::Obstacles(found)) => {
            let accept = &settings.request.accept;
            let text = task_text::check(&found, accept, args.format, false, Exit::Blocked)?;
            output::data(&text).map_err(Failure::stdout)?;
            return Ok((Exit::Blocked, Some(found)));
        }
        Err(error) => return Err(task_text::failure(error)),
    };
    let exit = task_text::show(&settings.folder, settings.request.name.as_str(), args.format, exit).await?;
    Ok((exit, None))
}
