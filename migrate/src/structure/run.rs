//! Running steps.
//!
//! A step is looked for before it is done, so that running the same steps again
//! goes on where they stopped. On PostgreSQL and SQLite a step is a transaction:
//! it is there whole or not at all. MySQL and MariaDB commit with every statement
//! that creates something, so there a step has only one of those, which the
//! server makes whole or not at all (MySQL 8, MariaDB 10.6).

use std::collections::HashSet;

use switchback_engines::{Endpoint, Engine, StatementFailed, Writer, WriterOptions};

use super::error::{Result, StructureError};
use super::look;
use super::plan::{Check, Object, Step, StructurePlan};

/// What became of the steps.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ran {
    pub done: usize,
    /// Found to be there.
    pub skipped: usize,
}

/// Which list of a plan to run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    BeforeLoad,
    AfterLoad,
    AtCutover,
}

/// Runs a part of a plan. `each` hears of every step before it is begun.
///
/// # Errors
/// [`StructureError::Conflicts`] before anything is created;
/// [`StructureError::Step`] names the object at which it stopped.
pub async fn run(
    target: &dyn Endpoint,
    options: &WriterOptions,
    plan: &StructurePlan,
    part: Part,
    each: &mut (dyn FnMut(&Object) + Send),
) -> Result<Ran> {
    if let Some(first) = plan.conflicts.first() {
        return Err(StructureError::Conflicts { count: plan.conflicts.len(), first: first.to_string() });
    }
    let steps = match part {
        Part::BeforeLoad => &plan.before_load,
        Part::AfterLoad => &plan.after_load,
        Part::AtCutover => &plan.at_cutover,
    };
    run_steps(target, options, steps, each).await
}

/// Runs steps that are in no plan, such as those of [`super::positions`].
///
/// # Errors
/// As [`run`].
pub async fn run_steps(
    target: &dyn Endpoint,
    options: &WriterOptions,
    steps: &[Step],
    each: &mut (dyn FnMut(&Object) + Send),
) -> Result<Ran> {
    let engine = target.info().engine;
    let mut writer = target.writer(options).await.map_err(StructureError::Target)?;
    let settings: Vec<String> = session(engine).iter().map(|s| (*s).to_owned()).collect();
    writer.run(&settings).await.map_err(|failed| StructureError::Target(failed.error))?;
    let mut ran = Ran::default();
    for some in steps.chunks(look::ASKED_AT_ONCE) {
        let there = there(writer.as_mut(), engine, some).await?;
        for (place, step) in some.iter().enumerate() {
            each(&step.object);
            if there.contains(&place) {
                ran.skipped += 1;
                continue;
            }
            match one(writer.as_mut(), engine, step).await {
                Ok(()) => ran.done += 1,
                // Asked for together, it may have been made by one of the others.
                Err(_) if is_there(writer.as_mut(), step).await => ran.skipped += 1,
                Err(error) => return Err(error),
            }
        }
    }
    writer.close().await.map_err(StructureError::Target)?;
    Ok(ran)
}

/// What a session that creates needs otherwise than one that applies.
///
/// PostgreSQL's applier looks up rows by key and is kept from reading whole
/// tables; a foreign key is checked by joining two. Bodies of functions are not
/// checked, as they may use what is created later. MySQL's session has foreign keys
/// off already, which also lets an ALTER TABLE add one without copying the table:
/// the rows are a copy of such as fulfil it, and `verify` says whether they are.
fn session(engine: Engine) -> &'static [&'static str] {
    match engine {
        Engine::Postgres => &[
            "SELECT set_config('search_path', '', false)",
            "SET check_function_bodies = off",
            "SET enable_seqscan = on",
            "SET enable_hashjoin = on",
            "SET enable_mergejoin = on",
            "RESET max_parallel_workers_per_gather",
            "SET xmloption = content",
            "SET default_tablespace = ''",
            "SET default_table_access_method = heap",
            "SET client_min_messages = warning",
        ],
        // A pipe that is quoted as an identifier is one in either mode.
        Engine::MySql | Engine::Sqlite | Engine::SqlServer | Engine::MongoDb => &[],
    }
}

/// Which of some steps are done, by their places.
async fn there(writer: &mut dyn Writer, engine: Engine, some: &[Step]) -> Result<HashSet<usize>> {
    let mut asked = Vec::new();
    for (place, step) in some.iter().enumerate() {
        if let Check::Query(question) = &step.check {
            asked.push((place, question.as_str()));
        }
    }
    if asked.is_empty() {
        return Ok(HashSet::new());
    }
    let question = look::together(engine, &asked);
    let outcomes = writer.run(&[question]).await.map_err(|failed| StructureError::Target(failed.error))?;
    let rows = outcomes.into_iter().flat_map(|outcome| outcome.rows);
    rows.map(look::place).collect::<Option<_>>().ok_or_else(look::not_understood)
}

/// Whether a step that failed is done nevertheless.
async fn is_there(writer: &mut dyn Writer, step: &Step) -> bool {
    let Check::Query(question) = &step.check else { return false };
    // What was begun by it is not there any more, or nothing was begun.
    let _ = writer.run(&["ROLLBACK".to_owned()]).await;
    let answer = writer.run(std::slice::from_ref(question)).await;
    answer.is_ok_and(|outcomes| outcomes.first().is_some_and(|outcome| !outcome.rows.is_empty()))
}

async fn one(writer: &mut dyn Writer, engine: Engine, step: &Step) -> Result<()> {
    // Each by itself where the server keeps the text of a statement: of such as travel
    // together, it would keep the joint to the next one too.
    let ends = ["BEGIN".to_owned(), "COMMIT".to_owned()];
    let each = |statements: &[String]| statements.iter().map(|s| vec![s.clone()]).collect();
    let groups: Vec<Vec<String>> = match engine {
        Engine::Postgres => vec![[&ends[..1], &step.statements, &ends[1..]].concat()],
        Engine::Sqlite => each(&[&ends[..1], &step.statements, &ends[1..]].concat()),
        Engine::MySql | Engine::SqlServer | Engine::MongoDb => each(&step.statements),
    };
    for statements in &groups {
        // After a failure the session is dropped, and with it what was begun.
        let ran = writer.run(statements).await;
        ran.map_err(|failed| {
            let statement = statements.get(failed.index).cloned().unwrap_or_default();
            failure(step, &statement, failed)
        })?;
    }
    Ok(())
}

fn failure(step: &Step, statement: &str, failed: StatementFailed) -> StructureError {
    StructureError::Step { object: step.object.clone(), verb: verb(statement), source: Box::new(failed.error) }
}

/// The words before the first name: no more than what kind of statement it is.
pub(crate) fn verb(statement: &str) -> String {
    let is_keyword = |word: &&str| word.chars().all(|c| c.is_ascii_uppercase());
    statement.split_whitespace().take_while(is_keyword).take(3).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::verb;

    #[test]
    fn an_error_shows_the_kind_of_statement_and_no_name_or_value() {
        assert_eq!(verb("CREATE UNIQUE INDEX \"i\" ON t (a)"), "CREATE UNIQUE INDEX");
        assert_eq!(verb("ALTER TABLE `secret` ADD KEY"), "ALTER TABLE");
        assert_eq!(verb("CREATE TYPE \"mood\" AS ENUM ('A')"), "CREATE TYPE");
    }
}
