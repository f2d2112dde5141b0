//! `switchback account`: accounts that may do what a move needs, and no more.

use secrecy::SecretString;
use serde::Serialize;
use switchback_engines::DatabaseUrl;
use switchback_migrate::accounts::{self, AccountPlan, Planned, Ran};
use switchback_migrate::check::End;
use switchback_migrate::task;

use crate::args::{AccountArgs, EndArg, Format};
use crate::error::{Failure, Mistake, Result, SCHEMA_VERSION};
use crate::exit::Exit;
use crate::settings::{self, Environment};
use crate::task_settings::TaskSettings;
use crate::{config, output, task_text};

const SOURCE_ADMIN: &str = "SWITCHBACK_SOURCE_ADMIN_URL";
const TARGET_ADMIN: &str = "SWITCHBACK_TARGET_ADMIN_URL";
const PASSWORD: &str = "SWITCHBACK_ACCOUNT_PASSWORD";

pub(crate) async fn run(args: &AccountArgs) -> Result<Exit> {
    let environment = &settings::environment;
    let mut settings = TaskSettings::resolve(&args.config, false, environment)?;
    for (url, variable) in [(&mut settings.ends.source, SOURCE_ADMIN), (&mut settings.ends.target, TARGET_ADMIN)] {
        if let Some(text) = environment(variable) {
            *url = DatabaseUrl::parse(text.trim()).map_err(|error| {
                Failure::usage(anyhow::Error::new(error).context(format!("cannot use the URL in `{variable}`")))
            })?;
        }
    }
    let password = if args.create { Some(password(args, environment)?) } else { None };
    let ends: &[End] = match args.end {
        None => &[End::Source, End::Target],
        Some(EndArg::Source) => &[End::Source],
        Some(EndArg::Target) => &[End::Target],
    };
    // Two moves on one server must not share what the end of one of them takes away.
    let name = args.name.clone().unwrap_or_else(|| format!("switchback_{}", settings.request.name));
    let mut shown = Vec::new();
    for &end in ends {
        let planned = task::plan_account(&settings.ends, &settings.request, end, &name, &args.host).await;
        let (endpoint, planned) = planned.map_err(task_text::failure)?;
        let ran = match (&planned, &password) {
            (Planned::Account(plan), Some(password)) => {
                Some(accounts::create(endpoint.as_ref(), plan, password).await.map_err(failure)?)
            }
            (Planned::Account(plan), None) if args.revoke => {
                Some(accounts::revoke(endpoint.as_ref(), plan).await.map_err(failure)?)
            }
            _ => None,
        };
        shown.push(Shown { end, planned, ran });
    }
    output::data(&text(&shown, args)?).map_err(Failure::stdout)?;
    Ok(Exit::Done)
}

fn failure(error: accounts::AccountError) -> Failure {
    task_text::failure(task::Error::Account(error))
}

fn password(args: &AccountArgs, environment: Environment<'_>) -> Result<SecretString> {
    let text = match &args.password_file {
        Some(path) => Some(config::read_secret(path).map_err(Failure::usage)?),
        None => environment(PASSWORD),
    };
    text.map(SecretString::from).ok_or_else(|| {
        Failure::usage(Mistake::new(
            "it is not said which password the account is to have",
            format!("set the environment variable {PASSWORD}, or name a file with --password-file"),
        ))
    })
}

struct Shown {
    end: End,
    planned: Planned,
    ran: Option<Ran>,
}

fn text(shown: &[Shown], args: &AccountArgs) -> Result<String> {
    #[derive(Serialize)]
    struct Account<'a> {
        end: End,
        plan: Option<&'a AccountPlan>,
        /// Why there is none.
        why: Option<&'static str>,
        /// Statements that were run.
        done: Option<usize>,
    }
    #[derive(Serialize)]
    struct Document<'a> {
        schema_version: u32,
        accounts: Vec<Account<'a>>,
    }
    if args.format == Format::Json {
        let account = |shown: &'_ Shown| (shown.end, shown.ran.map(|ran| ran.done));
        let accounts = shown.iter().map(|one| {
            let (end, done) = account(one);
            match &one.planned {
                Planned::Account(plan) => Account { end, plan: Some(plan), why: None, done },
                Planned::None { why } => Account { end, plan: None, why: Some(why), done },
            }
        });
        let document = Document { schema_version: SCHEMA_VERSION, accounts: accounts.collect() };
        return serde_json::to_string_pretty(&document).map_err(Failure::unfinished);
    }
    let verb = if args.revoke { "revoked" } else { "created" };
    let one = |one: &Shown| match (&one.planned, one.ran) {
        (Planned::None { why }, _) => format!("-- {}: {why}\n", one.end),
        (Planned::Account(plan), None) => format!("-- {}\n{plan}", one.end),
        (Planned::Account(plan), Some(ran)) => format!(
            "{} at {} is {verb}: {} statements, {} of them needless\n",
            plan.account,
            plan.location,
            ran.done + ran.skipped,
            ran.skipped
        ),
    };
    Ok(shown.iter().map(one).collect())
}
