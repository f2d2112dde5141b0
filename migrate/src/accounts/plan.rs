//! What is to be run, as a value that people can read.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What there is to plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Planned {
    Account(AccountPlan),
    /// The engine has no accounts.
    None {
        why: &'static str,
    },
}

/// How an account comes, and how it goes again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AccountPlan {
    /// The account as its server writes it.
    pub account: String,
    /// Where.
    pub location: String,
    /// Whether it was there when this was planned: then it keeps its password, and
    /// loses all that it has when it is revoked.
    pub exists: bool,
    pub create: Vec<Step>,
    pub revoke: Vec<Step>,
}

/// One statement.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    pub action: Action,
    /// What it is needed for.
    pub why: String,
    /// A question that has a row when there is nothing left to do; without one, doing
    /// it again does no harm.
    pub done: Option<String>,
}

/// What is done with a statement.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Action {
    /// It is run. Where it ends in [`PLACEHOLDER`], the password goes there.
    Run(String),
    /// It is asked, and the answers are statements that are run.
    RunAnswers(String),
    /// It is asked, and there must be no answer.
    Refuse(String),
}

/// Where the password goes.
pub(super) const PLACEHOLDER: &str = "'<password>'";

impl Step {
    pub(super) fn run(sql: impl Into<String>, why: impl Into<String>) -> Self {
        Self { action: Action::Run(sql.into()), why: why.into(), done: None }
    }

    pub(super) fn unless(mut self, done: impl Into<String>) -> Self {
        self.done = Some(done.into());
        self
    }

    /// The statement, without a password.
    #[must_use]
    pub fn sql(&self) -> &str {
        match &self.action {
            Action::Run(sql) | Action::RunAnswers(sql) | Action::Refuse(sql) => sql,
        }
    }
}

/// As a script for people, which a client program takes too.
impl fmt::Display for AccountPlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "-- {} at {}", one_line(&self.account), one_line(&self.location))?;
        if self.exists {
            writeln!(f, "-- It is there already: it keeps its password, and a revoke takes all that it has.")?;
        }
        for (title, steps) in [("To create it", &self.create), ("To revoke it", &self.revoke)] {
            writeln!(f, "\n-- {title}:")?;
            for step in steps {
                let how = match step.action {
                    Action::Run(_) => "",
                    Action::RunAnswers(_) => " (run what it answers)",
                    Action::Refuse(_) => " (go on only when it answers nothing)",
                };
                writeln!(f, "\n-- {}{how}\n{};", one_line(&step.why), step.sql())?;
            }
        }
        Ok(())
    }
}

/// A name may hold a line break, and what follows would be no comment.
fn one_line(text: &str) -> String {
    text.replace(['\n', '\r'], " ")
}
