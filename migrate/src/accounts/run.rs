//! Running a plan by an administrator's session.

use std::error::Error as StdError;
use std::time::{Duration, Instant};

use secrecy::{ExposeSecret as _, SecretString};
use switchback_engines::{Endpoint, Engine, Outcome, StatementFailed, Writer, WriterOptions};

use super::error::{AccountError, Result};
use super::plan::{AccountPlan, Action, PLACEHOLDER, Step};
use crate::structure::{spell, verb};

/// What became of the steps.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Ran {
    pub done: usize,
    /// Found to be done already.
    pub skipped: usize,
}

/// Rights on things that all databases of a server share are kept in rows that
/// another GRANT may be changing, and then PostgreSQL refuses the later one.
const TRIES: u32 = 5;
const PAUSE: Duration = Duration::from_millis(100);
/// How long the account's sessions may take to end.
const ENDING: Duration = Duration::from_secs(10);

/// Makes the account, or what is missing of it. One that is there already keeps its
/// password.
///
/// # Errors
/// [`AccountError`], with what was done by then left as it is: run it again.
pub async fn create(endpoint: &dyn Endpoint, plan: &AccountPlan, password: &SecretString) -> Result<Ran> {
    if password.expose_secret().is_empty() {
        return Err(AccountError::NoPassword);
    }
    run(endpoint, plan, &plan.create, Some(password)).await
}

/// Removes the account and all that it has been given. What it owns goes to the heir.
///
/// # Errors
/// [`AccountError::StillNeeded`] for an account that something would miss; otherwise
/// as [`create`].
pub async fn revoke(endpoint: &dyn Endpoint, plan: &AccountPlan) -> Result<Ran> {
    run(endpoint, plan, &plan.revoke, None).await
}

async fn run(
    endpoint: &dyn Endpoint,
    plan: &AccountPlan,
    steps: &[Step],
    password: Option<&SecretString>,
) -> Result<Ran> {
    let options = WriterOptions { application_name: "switchback account".to_owned(), ..WriterOptions::default() };
    let mut writer = endpoint.writer(&options).await.map_err(AccountError::Look)?;
    let mut doing = Doing { plan, engine: endpoint.info().engine, password, writer: writer.as_mut() };
    let mut ran = Ran::default();
    for step in steps {
        if doing.step(step).await? {
            ran.done += 1;
        } else {
            ran.skipped += 1;
        }
    }
    writer.close().await.map_err(AccountError::Look)?;
    Ok(ran)
}

struct Doing<'a> {
    plan: &'a AccountPlan,
    engine: Engine,
    password: Option<&'a SecretString>,
    writer: &'a mut dyn Writer,
}

impl Doing<'_> {
    /// Whether there was something to do.
    async fn step(&mut self, step: &Step) -> Result<bool> {
        if let Some(done) = &step.done
            && !self.statement(done).await?.rows.is_empty()
        {
            return Ok(false);
        }
        match &step.action {
            Action::Run(sql) => {
                self.statement(sql).await?;
            }
            Action::RunAnswers(question) => {
                self.until_nothing_is_left(question).await?;
            }
            Action::Refuse(question) => {
                let found = answers(self.statement(question).await?);
                if !found.is_empty() {
                    return Err(AccountError::StillNeeded {
                        account: self.plan.account.clone(),
                        what: found.join(", "),
                    });
                }
            }
        }
        Ok(true)
    }

    /// Runs what a question answers until it answers nothing: a session takes a moment
    /// to end, and may have ended by itself.
    async fn until_nothing_is_left(&mut self, question: &str) -> Result<()> {
        let deadline = Instant::now() + ENDING;
        loop {
            let left = answers(self.statement(question).await?);
            let mut refused = None;
            for statement in &left {
                if let Err(error) = self.statement(statement).await {
                    refused.get_or_insert(error);
                }
            }
            match refused {
                _ if left.is_empty() => return Ok(()),
                Some(error) if Instant::now() > deadline => return Err(error),
                None if Instant::now() > deadline => {
                    return Err(AccountError::StillNeeded {
                        account: self.plan.account.clone(),
                        what: "its sessions do not end".to_owned(),
                    });
                }
                _ => tokio::time::sleep(PAUSE).await,
            }
        }
    }

    async fn statement(&mut self, sql: &str) -> Result<Outcome> {
        let text = match (sql.strip_suffix(PLACEHOLDER), self.password) {
            (Some(before), Some(password)) => format!("{before}{}", secret(self.engine, password)),
            _ => sql.to_owned(),
        };
        let mut tries = 0;
        loop {
            tries += 1;
            match self.writer.run(std::slice::from_ref(&text)).await {
                Ok(outcomes) => return Ok(outcomes.into_iter().next().unwrap_or_default()),
                Err(failed) if tries < TRIES && may_pass(&failed) => tokio::time::sleep(PAUSE * tries).await,
                Err(failed) => return Err(self.refused(sql, failed)),
            }
        }
    }

    fn refused(&self, sql: &str, failed: StatementFailed) -> AccountError {
        let (account, verb) = (self.plan.account.clone(), verb(sql));
        let said = chain(&failed.error);
        match self.password {
            Some(password) if said.contains(password.expose_secret()) => AccountError::Unsaid { account, verb },
            _ => AccountError::Step { account, verb, source: Box::new(failed.error) },
        }
    }
}

fn may_pass(failed: &StatementFailed) -> bool {
    chain(&failed.error).contains("concurrently updated")
}

fn chain(error: &dyn StdError) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(source) = next {
        text.push_str(": ");
        text.push_str(&source.to_string());
        next = source.source();
    }
    text
}

fn answers(outcome: Outcome) -> Vec<String> {
    outcome.rows.into_iter().filter_map(|row| row.into_iter().next().flatten()).collect()
}

/// The password as a literal.
fn secret(engine: Engine, password: &SecretString) -> String {
    let text = password.expose_secret();
    match engine {
        // Whether a backslash is itself depends on a setting, but not here.
        Engine::Postgres if text.contains('\\') => {
            format!("E'{}'", text.replace('\\', "\\\\").replace('\'', "''"))
        }
        _ => spell::text(engine, text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_stays_what_it_is() {
        let secret = |engine, text: &str| secret(engine, &SecretString::from(text));
        assert_eq!(secret(Engine::Postgres, "it's"), "'it''s'");
        assert_eq!(secret(Engine::Postgres, "a\\'b"), "E'a\\\\''b'");
        assert_eq!(secret(Engine::MySql, "a\\'b"), "'a\\\\''b'");
    }

    #[test]
    fn an_error_tells_the_kind_of_statement_only() {
        assert_eq!(verb("CREATE ROLE \"secret\" LOGIN PASSWORD 'x'"), "CREATE ROLE");
        assert_eq!(verb("GRANT SELECT, INSERT ON t"), "GRANT");
        assert_eq!(verb("GRANT REPLICATION SLAVE ON *.* TO x"), "GRANT REPLICATION SLAVE");
    }
}
