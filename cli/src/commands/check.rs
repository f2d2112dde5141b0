//! `switchback check`: what stands in the way of a move, before anything is done.

use switchback_migrate::task;

use crate::args::CheckArgs;
use crate::error::{Failure, Result};
use crate::exit::Exit;
use crate::task_settings::TaskSettings;
use crate::{output, settings, task_text};

pub(crate) async fn run(args: &CheckArgs) -> Result<Exit> {
    let settings = TaskSettings::resolve(&args.config, false, &settings::environment)?;
    let found = task::inspect(&settings.ends, &settings.request).await.map_err(task_text::failure)?;
    let exit = if found.is_clear() { Exit::Done } else { Exit::Blocked };
    let accept = &settings.request.accept;
    output::data(&task_text::check(&found, accept, args.format, args.verbose, exit)?).map_err(Failure::stdout)?;
    Ok(exit)
}
