//! The command line as it was typed: words and their spelling, no meaning.
//!
//! What the words come to, together with file and environment, is decided in
//! [`crate::settings`]. Here is only what can be said of one word alone.
//!
//! The examples in the help texts are run by the tests.

use std::path::PathBuf;

use clap::error::ErrorKind;
use clap::{Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use switchback_engines::canon::settings::{Amount, Normalize, TimeDigits};
use switchback_engines::canon::{Policy, Settings};
use switchback_verify::options::IgnoredColumn;
use switchback_verify::plan::selection::Pattern;

use crate::commands::show::Detail;
use crate::error::{ErrorText, arguments};
use crate::exit::Exit;
use crate::redact::redact;
use crate::words::{Assignment, ColumnList, Duration, Percent, Zone};
use crate::{help, output};

/// Proves that two databases hold the same data.
#[derive(Debug, Parser)]
#[command(name = "switchback", version, max_term_width = 100, arg_required_else_help = true)]
#[command(long_about = help::ABOUT, after_long_help = help::EXIT_CODES, after_help = help::SEE_MORE)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    #[command(about = "Compare two databases, table by table and row by row")]
    #[command(long_about = help::VERIFY, after_long_help = help::VERIFY_EXAMPLES)]
    Verify(Box<VerifyArgs>),

    #[command(about = "Look at what a move needs of both databases, in both directions")]
    #[command(long_about = help::CHECK, after_long_help = help::CHECK_EXAMPLES)]
    Check(CheckArgs),

    #[command(about = "Print, create or revoke accounts that may do what a move needs, and no more")]
    #[command(long_about = help::ACCOUNT, after_long_help = help::ACCOUNT_EXAMPLES)]
    Account(AccountArgs),

    #[command(about = "Move structure and rows, and follow what changes")]
    #[command(long_about = help::MIGRATE, after_long_help = help::MIGRATE_EXAMPLES)]
    Migrate(MigrateArgs),

    #[command(about = "Show how far a move is")]
    #[command(after_long_help = help::STATUS_EXAMPLES)]
    Status(StatusArgs),

    #[command(about = "List moves, and pause, resume, retry, complete or delete one")]
    #[command(after_long_help = help::TASK_EXAMPLES)]
    Task(TaskArgs),

    #[command(about = "Show the result of a finished run again")]
    #[command(after_long_help = help::REPORT_EXAMPLES)]
    Report(ReportArgs),

    #[command(about = "Print the SQL that would make the target equal to the source")]
    #[command(long_about = help::REPAIR, after_long_help = help::REPAIR_EXAMPLES)]
    Repair(RepairArgs),

    #[command(about = "See it work: two small databases with known differences, no server needed")]
    #[command(long_about = help::DEMO, after_long_help = help::DEMO_EXAMPLES)]
    Demo(DemoArgs),

    #[command(about = "Print the completion script for a shell")]
    #[command(after_long_help = help::COMPLETIONS_EXAMPLES)]
    Completions(CompletionsArgs),
}

/// The command line, or how the process ends without one: after `--help`, or
/// after a mistake, which has been printed.
pub(crate) fn read() -> Result<Args, Exit> {
    let error = match Args::try_parse() {
        Ok(args) => return Ok(args),
        Err(error) => error,
    };
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => {
            // A reader that went away has seen enough of the help.
            let _ = error.print();
            Err(Exit::Done)
        }
        _ => {
            print_mistake(&error);
            Err(Exit::Usage)
        }
    }
}

/// clap repeats what it did not understand, and that may be a URL.
fn print_mistake(error: &clap::Error) {
    let arguments = arguments();
    let text = redact(error.render().to_string().trim_end(), &arguments);
    let wants_json = arguments.iter().any(|word| word == "--format=json")
        || arguments.windows(2).any(|pair| pair == ["--format", "json"]);
    if wants_json {
        let message = text.lines().next().unwrap_or_default().trim_start_matches("error: ").to_owned();
        let hint = Some("see `switchback help`".to_owned());
        ErrorText { message, causes: Vec::new(), hint }.print_json(Exit::Usage);
    }
    output::message(&text);
}

impl Args {
    /// The form in which the result, or an error, is wanted.
    pub(crate) fn format(&self) -> Format {
        match &self.command {
            Command::Verify(args) => args.format,
            Command::Report(args) => args.format,
            Command::Account(args) => args.format,
            Command::Check(args) => args.format,
            Command::Migrate(args) => args.go_on.format,
            Command::Status(args) => args.format,
            Command::Task(args) => args.command.format(),
            Command::Repair(_) | Command::Demo(_) | Command::Completions(_) => Format::Text,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum Format {
    /// For people.
    #[default]
    Text,
    /// For programs: one object that carries `schema_version`.
    Json,
}

#[derive(Debug, clap::Args)]
pub(crate) struct VerifyArgs {
    /// The database that is right: postgres://, mysql://, mariadb:// or sqlite:FILE
    ///
    /// Everybody on this machine can read a command line (`ps`), and your shell keeps it. Give a URL that
    /// holds a password in the environment variable SWITCHBACK_SOURCE_URL, or name a file that
    /// holds it as `source_file` in the config.
    #[arg(value_name = "SOURCE_URL", conflicts_with = "config")]
    pub(crate) source: Option<String>,

    /// The database that should hold the same; SWITCHBACK_TARGET_URL is its variable
    #[arg(value_name = "TARGET_URL", conflicts_with = "config")]
    pub(crate) target: Option<String>,

    /// Read settings from this TOML file
    ///
    /// The environment goes before the file, and a flag goes before both. --table replaces the file's
    /// `include`; --exclude and --ignore-columns add to what the file leaves out.
    #[arg(short, long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) selection: SelectionArgs,

    #[command(flatten)]
    pub(crate) equality: EqualityArgs,

    #[command(flatten)]
    pub(crate) extent: ExtentArgs,

    #[command(flatten)]
    pub(crate) output: OutputArgs,

    /// How to print the result on stdout
    #[arg(long, value_enum, default_value_t, help_heading = "Output")]
    pub(crate) format: Format,
}

/// Which tables and columns, and under which names.
#[derive(Debug, Default, clap::Args)]
#[command(next_help_heading = "What to compare")]
pub(crate) struct SelectionArgs {
    /// Compare only tables of this name; `*` and `?` stand for any text and any one character
    ///
    /// Matched against `schema.table` and against `table` alone, exact in case. May be repeated. A
    /// pattern that no table matches is an error.
    #[arg(short, long = "table", value_name = "PATTERN")]
    pub(crate) tables: Vec<Pattern>,

    /// Leave tables of this name out; may be repeated
    #[arg(short = 'x', long, value_name = "PATTERN")]
    pub(crate) exclude: Vec<Pattern>,

    /// Leave a column out: COLUMN in every table, or TABLE.COLUMN; comma-separated or repeated
    #[arg(long, value_name = "[TABLE.]COLUMN", value_delimiter = ',', value_parser = crate::words::ignored_column)]
    pub(crate) ignore_columns: Vec<IgnoredColumn>,

    /// Match the rows of a table by these columns and not by its primary key
    #[arg(long = "key", value_name = "TABLE=COLUMN,COLUMN")]
    pub(crate) keys: Vec<Assignment<ColumnList>>,

    /// Compare a table with one of another name
    #[arg(long = "rename-table", value_name = "SOURCE=TARGET")]
    pub(crate) renames: Vec<Assignment>,

    /// Compare only the rows of the source that meet a condition, in the source's SQL
    #[arg(long = "source-filter", value_name = "TABLE=SQL")]
    pub(crate) source_filters: Vec<Assignment>,

    /// Compare only the rows of the target that meet a condition, in the target's SQL
    #[arg(long = "target-filter", value_name = "TABLE=SQL")]
    pub(crate) target_filters: Vec<Assignment>,
}

/// What counts as equal in the whole run. Tables and columns can have settings
/// of their own, in the config.
#[derive(Debug, Default, clap::Args)]
#[command(next_help_heading = "What counts as equal (in the config also for a table or a column)")]
pub(crate) struct EqualityArgs {
    /// Switch default policies off, by their names in the certificate: decimal_scale, json_meaning
    ///
    /// Comma-separated or repeated. Where a stricter comparison exists it is used; columns that can only be
    /// compared under the policy are reported as not compared.
    #[arg(long, value_name = "POLICY", value_delimiter = ',', value_parser = crate::words::default_policy)]
    pub(crate) strict: Vec<Policy>,

    /// Ignore spaces at the end of text
    #[arg(long)]
    pub(crate) trim_spaces: bool,

    /// Ignore upper and lower case in text, by Unicode's full case folding
    #[arg(long)]
    pub(crate) ignore_case: bool,

    /// Compare text in a normalisation form of Unicode: nfc
    #[arg(long, value_name = "FORM")]
    pub(crate) normalize: Option<Normalize>,

    /// Take empty text for NULL
    #[arg(long)]
    pub(crate) empty_is_null: bool,

    /// Take the date 0000-00-00 for NULL
    #[arg(long)]
    pub(crate) zero_date_is_null: bool,

    /// Compare times to this many digits of the second's fraction at most
    #[arg(long, value_name = "DIGITS")]
    pub(crate) time_digits: Option<TimeDigits>,

    /// Let numbers differ by this amount: 0.01
    ///
    /// Rows that differ by no more are read a second time, and counted. A number is within tolerance if it is within
    /// any of --absolute, --relative and --ulps. Keys must always be the same.
    #[arg(long, value_name = "AMOUNT")]
    pub(crate) absolute: Option<Amount>,

    /// Let numbers differ by this share of the larger one: 1e-9
    #[arg(long, value_name = "SHARE")]
    pub(crate) relative: Option<Amount>,

    /// Let floating-point numbers be this many representable values apart
    #[arg(long, value_name = "N")]
    pub(crate) ulps: Option<u32>,

    /// The zone of dates with times that name none, such as +00:00
    ///
    /// Needed only where the other side's type is a point in time. It is never guessed.
    #[arg(long, value_name = "OFFSET", allow_hyphen_values = true)]
    pub(crate) naive_zone: Option<Zone>,
}

impl EqualityArgs {
    pub(crate) fn settings(&self) -> Settings {
        // A flag that is not there says nothing: the file may say it.
        let on = |flag: bool| flag.then_some(true);
        Settings {
            strict: self.strict.iter().copied().collect(),
            trim_spaces: on(self.trim_spaces),
            ignore_case: on(self.ignore_case),
            normalize: self.normalize,
            empty_is_null: on(self.empty_is_null),
            zero_date_is_null: on(self.zero_date_is_null),
            time_digits: self.time_digits,
            absolute: self.absolute.clone(),
            relative: self.relative.clone(),
            ulps: self.ulps,
            naive_zone_minutes: self.naive_zone.map(|zone| zone.minutes),
            ..Settings::default()
        }
    }
}

/// How much, and for how long.
#[derive(Debug, Default, clap::Args)]
#[command(next_help_heading = "How much")]
pub(crate) struct ExtentArgs {
    /// Compare the numbers of rows only
    #[arg(long, conflicts_with = "sample")]
    pub(crate) count_only: bool,

    /// Compare a random share of each table, in percent
    ///
    /// Finds out quickly whether something is badly wrong. It can't prove that nothing is.
    #[arg(long, value_name = "PERCENT")]
    pub(crate) sample: Option<Percent>,

    /// Stop after this many differences
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) max_differences: Option<u64>,

    /// Stop after this long: 90s, 15m, 1h30m
    #[arg(long, value_name = "DURATION")]
    pub(crate) max_time: Option<Duration>,

    /// How many parts of tables are read at once, each with a connection to either side [default: 4]
    #[arg(short, long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    pub(crate) jobs: Option<u16>,
}

/// What to show and where to leave it.
#[derive(Debug, Default, clap::Args)]
#[command(next_help_heading = "Output")]
pub(crate) struct OutputArgs {
    /// Where the result goes; must be new or empty [default: ./switchback-runs/<run id>]
    ///
    /// The text {run_id} in it stands for the run's id, which begins with date and time.
    #[arg(long, value_name = "DIR")]
    pub(crate) run_dir: Option<PathBuf>,

    /// How many differences to show for each table; all of them are in the run's folder
    #[arg(long, value_name = "N", default_value_t = 5)]
    pub(crate) show: usize,

    /// Show no progress; without a terminal none is shown anyway
    #[arg(long)]
    pub(crate) no_progress: bool,

    /// Show equal tables too, and what was decided about each column
    #[arg(short, long)]
    pub(crate) verbose: bool,
}

impl OutputArgs {
    pub(crate) fn detail(&self) -> Detail {
        Detail { samples: self.show, verbose: self.verbose }
    }
}

#[derive(Debug, clap::Args)]
pub(crate) struct CheckArgs {
    /// The TOML file that says what is moved
    #[arg(short, long, value_name = "FILE")]
    pub(crate) config: PathBuf,

    /// Show what passed too
    #[arg(short, long)]
    pub(crate) verbose: bool,

    /// How to print it
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: Format,
}

#[derive(Debug, clap::Args)]
pub(crate) struct AccountArgs {
    /// The TOML file that says what is moved
    #[arg(short, long, value_name = "FILE")]
    pub(crate) config: PathBuf,

    /// At one end only
    #[arg(long, value_enum, value_name = "END")]
    pub(crate) end: Option<EndArg>,

    /// The account's name [default: switchback_ and the task's name]
    #[arg(long, value_name = "NAME")]
    pub(crate) name: Option<String>,

    /// From where the account may come, in MySQL and MariaDB
    #[arg(long, value_name = "PATTERN", default_value = "%")]
    pub(crate) host: String,

    /// Create it, instead of printing how
    #[arg(long, conflicts_with = "revoke")]
    pub(crate) create: bool,

    /// Revoke all that it has, and remove it
    #[arg(long)]
    pub(crate) revoke: bool,

    /// The password for --create, in a file that holds nothing else
    ///
    /// SWITCHBACK_ACCOUNT_PASSWORD is its variable. It is never printed.
    #[arg(long, value_name = "FILE", requires = "create")]
    pub(crate) password_file: Option<PathBuf>,

    /// How to print it
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: Format,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum EndArg {
    Source,
    Target,
}

#[derive(Debug, clap::Args)]
pub(crate) struct MigrateArgs {
    #[command(flatten)]
    pub(crate) go_on: GoOnArgs,

    /// Print what the check finds and every statement for the structure, and change nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
}

/// Of all commands that make a task go on.
#[derive(Debug, clap::Args)]
pub(crate) struct GoOnArgs {
    /// The TOML file that says what is moved
    #[arg(short, long, value_name = "FILE")]
    pub(crate) config: PathBuf,

    /// Go on in spite of all warnings; the config can accept single ones by their names
    #[arg(long)]
    pub(crate) accept_warnings: bool,

    /// Show no progress; without a terminal there is a line for each change of the state
    #[arg(long)]
    pub(crate) no_progress: bool,

    /// How to print how it ended
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: Format,
}

#[derive(Debug, clap::Args)]
pub(crate) struct StatusArgs {
    /// The TOML file that says what is moved
    #[arg(short, long, value_name = "FILE")]
    pub(crate) config: PathBuf,

    /// How to print it
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: Format,
}

#[derive(Debug, clap::Args)]
pub(crate) struct TaskArgs {
    #[command(subcommand)]
    pub(crate) command: TaskCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum TaskCommand {
    /// List all tasks of a folder
    List(ListArgs),
    /// Show one, as `switchback status` does
    Show(StatusArgs),
    /// Stop one in order; it goes on where it was when it is resumed
    Pause(StatusArgs),
    /// Let one go on that was paused or cut off
    Resume(GoOnArgs),
    /// Let one go on that has failed
    Retry(GoOnArgs),
    /// End a move that follows: what is committed at the source by now goes to the target, and nothing after it
    Complete(GoOnArgs),
    /// Remove a task, and what it set up at both databases; what was moved stays
    Delete(DeleteArgs),
}

impl TaskCommand {
    fn format(&self) -> Format {
        match self {
            Self::List(args) => args.format,
            Self::Show(args) | Self::Pause(args) => args.format,
            Self::Resume(args) | Self::Retry(args) | Self::Complete(args) => args.format,
            Self::Delete(_) => Format::Text,
        }
    }
}

#[derive(Debug, clap::Args)]
pub(crate) struct ListArgs {
    /// The folder of the tasks
    #[arg(long, value_name = "DIR", default_value = crate::task_settings::STATE_DIR)]
    pub(crate) state_dir: PathBuf,

    /// How to print them
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: Format,
}

#[derive(Debug, clap::Args)]
pub(crate) struct DeleteArgs {
    /// The TOML file that says what is moved
    #[arg(short, long, value_name = "FILE")]
    pub(crate) config: PathBuf,

    /// Also when a database can't be reached, where its share is left behind then
    #[arg(long)]
    pub(crate) force: bool,
}

#[derive(Debug, clap::Args)]
pub(crate) struct ReportArgs {
    /// The folder of the run
    #[arg(value_name = "RUN")]
    pub(crate) run: PathBuf,

    /// How to print it
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: Format,

    /// How many differences to show for each table
    #[arg(long, value_name = "N", default_value_t = 5)]
    pub(crate) show: usize,

    /// Show equal tables too, and what was decided about each column
    #[arg(short, long)]
    pub(crate) verbose: bool,
}

#[derive(Debug, clap::Args)]
pub(crate) struct RepairArgs {
    /// The folder of the run
    #[arg(value_name = "RUN")]
    pub(crate) run: PathBuf,

    /// Write the SQL to this new file and not to stdout
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct DemoArgs {
    /// Where the two databases and the result go; made anew each time
    #[arg(long, value_name = "DIR", default_value = "switchback-demo")]
    pub(crate) dir: PathBuf,

    /// Show no progress
    #[arg(long)]
    pub(crate) no_progress: bool,
}

#[derive(Debug, clap::Args)]
pub(crate) struct CompletionsArgs {
    /// The shell
    #[arg(value_name = "SHELL", value_enum)]
    pub(crate) shell: Shell,
}
