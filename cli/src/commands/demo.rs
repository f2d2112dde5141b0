//! `switchback demo`: damage a copy in known ways, and see all of it found.

use std::fmt::Write as _;
use std::path::Path;

use switchback_engines::DatabaseUrl;
use switchback_verify::Options;

use crate::args::{DemoArgs, Format};
use crate::commands::show::{self, Detail, Shown};
use crate::commands::verify::{self, Finished};
use crate::demo::drift::{DRIFTS, Effect};
use crate::demo::folder::Folder;
use crate::demo::{database, truth};
use crate::error::{Failure, Result};
use crate::exit::Exit;
use crate::output;
use crate::progress::Screen;
use crate::settings::{self, Settings};

/// Enough to see one of each kind without scrolling.
const SAMPLES: usize = 2;

pub(crate) async fn run(args: &DemoArgs) -> Result<Exit> {
    let folder = Folder::prepare(&args.dir).map_err(Failure::usage)?;
    let row_count = database::create(&folder.source(), &folder.target()).await.map_err(Failure::unfinished)?;
    print(&story(&folder, row_count))?;

    let screen = Screen::new(!args.no_progress);
    let finished = verify::compare(settings(&folder)?, &screen).await?;
    let Finished { outcome, run_dir, unwritten } = &finished;
    let error = unwritten.as_ref().map(Failure::describe);
    let failed = error.is_some();
    let shown = Shown { outcome, run_dir, exit: finished.exit(), error };
    show::print(&shown, Format::Text, &Detail { samples: SAMPLES, verbose: false })?;
    if failed || finished.exit() == Exit::Interrupted {
        return Ok(finished.exit());
    }
    let disagreements = truth::disagreements(outcome);
    print(&verdict(&disagreements))?;
    if !disagreements.is_empty() {
        return Ok(Exit::Unfinished);
    }
    print(&next_steps(&folder))?;
    Ok(Exit::Done)
}

/// The same as `switchback verify -c demo.toml --run-dir run`.
fn settings(folder: &Folder) -> Result<Settings> {
    let url = |path: &Path| DatabaseUrl::parse(&format!("sqlite:{}", path.display())).map_err(Failure::usage);
    let options = Options { run_id: "demo".to_owned(), ..Options::default() };
    Ok(Settings {
        source: url(&folder.source())?,
        target: url(&folder.target())?,
        connect: settings::connect_options(options.jobs),
        run_dir: folder.run(),
        options,
    })
}

fn print(text: &str) -> Result<()> {
    output::data(text).map_err(Failure::stdout)
}

/// What was done to the copy, as the comparison is not told.
fn story(folder: &Folder, row_count: u64) -> String {
    let mut text = format!(
        "Two databases of a shop are in `{}`: `source.db` with {row_count} rows,\n\
         and `target.db`, a copy of it in which this went wrong:\n\n  {:<16}{:>4}",
        folder.source().parent().unwrap_or(Path::new(".")).display(),
        "table",
        "rows"
    );
    let mut table = "";
    for drift in DRIFTS {
        // A table's name stands once, before the first thing that happened to it.
        let name = if drift.table == table { "" } else { drift.table };
        table = drift.table;
        let rows = match drift.effect {
            Effect::Rows { count, .. } => count.to_string(),
            Effect::Structure(_) => String::new(),
        };
        let _ = write!(text, "\n  {name:<16}{rows:>4}  {}", drift.story);
    }
    text.push_str("\n\nNow they are compared, as `switchback verify` would:\n");
    text
}

fn verdict(disagreements: &[String]) -> String {
    let (rows, definitions) = truth::damage_count();
    if disagreements.is_empty() {
        return format!(
            "\nExactly what went wrong was found, and nothing else: {rows} rows and {definitions} definitions.\n"
        );
    }
    let mut text = "\nThis is not what went wrong:\n".to_owned();
    for sentence in disagreements {
        let _ = write!(text, "\n  {sentence}");
    }
    text.push_str("\n\nThat is a defect of switchback: please report it.\n");
    text
}

fn next_steps(folder: &Folder) -> String {
    let (run, config) = (folder.run(), folder.config());
    let (run, config) = (run.display(), config.display());
    format!(
        "\nLook further:\n\
         \n  the result again, as text or JSON\n      switchback report {run} --format json\n\
         \n  the SQL that would make the target equal\n      switchback repair {run}\n\
         \n  compare again by yourself\n      switchback verify -c {config}\n"
    )
}
