//! `switchback status` and `switchback task`: the tasks that are there.

use switchback_migrate::task::{self, Folder, State, Wish};

use crate::args::{DeleteArgs, GoOnArgs, ListArgs, StatusArgs, TaskCommand};
use crate::commands::migrate;
use crate::error::{Failure, Mistake, Result};
use crate::exit::Exit;
use crate::progress::Screen;
use crate::task_settings::TaskSettings;
use crate::{output, settings, task_progress, task_text};

pub(crate) async fn run(command: &TaskCommand) -> Result<Exit> {
    match command {
        TaskCommand::List(args) => list(args).await,
        TaskCommand::Show(args) => status(args).await,
        TaskCommand::Pause(args) => pause(args).await,
        TaskCommand::Resume(args) => resume(args).await,
        TaskCommand::Retry(args) => migrate::go_on(args, &[State::Failed], "retry").await,
        TaskCommand::Complete(args) => migrate::complete(args).await,
        TaskCommand::Delete(args) => delete(args).await,
    }
}

async fn resume(args: &GoOnArgs) -> Result<Exit> {
    // Paused, or cut off in the middle of something.
    const WANTED: [State; 6] =
        [State::Paused, State::Created, State::Checked, State::Structuring, State::Loading, State::Following];
    migrate::go_on(args, &WANTED, "resume").await
}

pub(crate) async fn status(args: &StatusArgs) -> Result<Exit> {
    let (folder, name) = TaskSettings::place(&args.config)?;
    task_text::show(&folder, &name, args.format, Exit::Done).await
}

async fn list(args: &ListArgs) -> Result<Exit> {
    let folder = Folder::new(&args.state_dir);
    let listed = folder.list().await.map_err(task_text::failure)?;
    output::data(&task_text::list(&listed, args.format)?).map_err(Failure::stdout)?;
    Ok(Exit::Done)
}

async fn pause(args: &StatusArgs) -> Result<Exit> {
    let (folder, name) = TaskSettings::place(&args.config)?;
    let store = folder.open(&name).await.map_err(task_text::failure)?;
    if folder.at_work(&name).map_err(task_text::failure)?.is_some() {
        if store.wish(Wish::Pause).await.map_err(task_text::failure)? == Wish::Complete {
            return Err(Failure::usage(Mistake::new(
                format!("the task `{name}` is being completed"),
                "let it come to its end, or interrupt its process",
            )));
        }
        task_progress::wait_until_idle(&folder, &name, &Screen::new(true)).await?;
    }
    let record = store.record().await.map_err(task_text::failure)?;
    let exit = if record.state == State::Paused { Exit::Done } else { Exit::Unfinished };
    task_text::show(&folder, &name, args.format, exit).await
}

async fn delete(args: &DeleteArgs) -> Result<Exit> {
    let settings = TaskSettings::resolve(&args.config, false, &settings::environment)?;
    let name = settings.request.name.as_str();
    // Looked at first, so that no new task comes of it.
    settings.folder.open(name).await.map_err(task_text::failure)?;
    let held = settings.folder.hold_to_delete(&settings.request, &settings.ends).await.map_err(task_text::failure)?;
    let left = task::delete(held, &settings.ends, &settings.request, args.force).await.map_err(task_text::failure)?;
    match left {
        None => output::data(&format!("the task `{name}` is deleted; what it moved stays where it is")),
        Some(left) => output::data(&format!("the task `{name}` is deleted here; left behind at the databases: {left}")),
    }
    .map_err(Failure::stdout)?;
    Ok(Exit::Done)
}
