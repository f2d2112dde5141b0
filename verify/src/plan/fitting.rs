//! Whether the settings of tables and columns fit the tables that are there.
//!
//! A setting that can do nothing is a mistake of the operator's: a tolerance on
//! a column of text, a policy that a pair does not stand on. Of a column each
//! setting must apply, of a table to one of its columns at least; what is said of
//! the whole run applies wherever it can.

use switchback_engines::Column;
use switchback_engines::canon::{SettingKey, Settings, declared};

use super::build::{Described, counterparts, settings_of};
use super::selection::Mismatch;
use super::table::TablePlan;
use crate::options::TableSettings;

/// What `settings` say of equality, against the two tables and how their rows
/// are matched (`plan`; `None` when not one column can be compared).
pub(crate) fn check(
    source: Described<'_>,
    target: Described<'_>,
    settings: &TableSettings,
    ignored: &[String],
    run: &Settings,
    plan: Option<&TablePlan>,
) -> Result<(), Mismatch> {
    let counterparts = counterparts(source.table, target.table, settings);
    let mut pairs = Vec::new();
    for (column, counterpart) in source.table.columns.iter().zip(&counterparts) {
        let is_ignored = ignored.contains(&column.name);
        let other = counterpart.and_then(|i| target.table.columns.get(i)).filter(|_| !is_ignored);
        match other {
            Some(other) => pairs.push(Pair { source, target, column, other }),
            None if settings.columns.contains_key(&column.name) => {
                let why = if is_ignored { "is ignored" } else { "is not in the target" };
                return Err(Mismatch {
                    message: format!("the column `{}` of `{}` has settings and {why}", column.name, source.table.name),
                    hint: format!("take `{}` out of the table's `columns`", column.name),
                });
            }
            None => {}
        }
    }
    for pair in &pairs {
        if let Some(of_column) = settings.columns.get(&pair.column.name) {
            pair.check(of_column, &settings_of(&pair.column.name, settings, run), plan)?;
        }
    }
    let name = source.table.name.to_string();
    for key in settings.equality.keys() {
        let applies = |pair: &&Pair<'_>| {
            pair.applies(key, &settings_of(&pair.column.name, settings, run))
                && (!is_granted_by(key, &settings.equality) || pair.matched_by(plan).is_none())
        };
        if !pairs.iter().any(|pair| applies(&pair)) {
            let keyless = is_granted_by(key, &settings.equality) && plan.is_some_and(|plan| plan.key_len == 0);
            return Err(Mismatch {
                message: if keyless {
                    format!("`{key}` cannot apply to `{name}`: {NO_KEY}")
                } else {
                    format!("`{key}` in the settings of `{name}` applies to none of its columns")
                },
                hint: if keyless { ANOTHER_KEY } else { remedy(key) }.to_owned(),
            });
        }
    }
    Ok(())
}

const NO_KEY: &str = "the table has no key, so its rows are matched by all that they hold";
const ANOTHER_KEY: &str = "take it out; or match the rows by other columns (key = [\"COLUMN\"], --key TABLE=COLUMN)";

/// Two columns that hold the same thing.
struct Pair<'a> {
    source: Described<'a>,
    target: Described<'a>,
    column: &'a Column,
    other: &'a Column,
}

impl Pair<'_> {
    fn applies(&self, key: SettingKey, settings: &Settings) -> bool {
        declared::applies(key, self.source.side(self.column), self.target.side(self.other), settings)
    }

    /// Why the column can have no tolerance, if it can't.
    fn matched_by(&self, plan: Option<&TablePlan>) -> Option<&'static str> {
        let plan = plan?;
        if plan.key_len == 0 {
            return Some(NO_KEY);
        }
        let key = plan.columns.iter().take(plan.key_len).filter_map(|pair| plan.source_column(pair));
        key.into_iter().any(|c| c.name == self.column.name).then_some("rows are matched by this column")
    }

    fn check(&self, own: &Settings, all: &Settings, plan: Option<&TablePlan>) -> Result<(), Mismatch> {
        let place = || format!("column `{}` of `{}`", self.column.name, self.source.table.name);
        for key in own.keys() {
            if !self.applies(key, all) {
                let (a, b) = (&self.column.native, &self.other.native);
                return Err(Mismatch {
                    message: format!("`{key}` cannot apply to {}, which compares `{a}` with `{b}`", place()),
                    hint: remedy(key).to_owned(),
                });
            }
            if is_granted_by(key, own)
                && let Some(why) = self.matched_by(plan)
            {
                return Err(Mismatch {
                    message: format!("`{key}` cannot apply to {}: {why}", place()),
                    hint: ANOTHER_KEY.to_owned(),
                });
            }
        }
        Ok(())
    }
}

/// Whether the key is a tolerance and not the taking back of one.
fn is_granted_by(key: SettingKey, settings: &Settings) -> bool {
    let amount = match key {
        SettingKey::Absolute => &settings.absolute,
        SettingKey::Relative => &settings.relative,
        SettingKey::Ulps => return settings.ulps.is_some_and(|count| count > 0),
        _ => return false,
    };
    amount.as_ref().is_some_and(|amount| !amount.is_zero())
}

fn remedy(key: SettingKey) -> &'static str {
    use SettingKey as K;
    match key {
        K::Strict(_) | K::Lenient(_) => {
            "name only policies that the column stands on; the certificate of a run lists them (--verbose shows them)"
        }
        K::TrimSpaces | K::IgnoreCase | K::Normalize | K::EmptyIsNull => "it is for columns of text on both sides",
        K::ZeroDateIsNull => "it is for dates and dates with times, of MySQL, MariaDB or SQLite on one side",
        K::TimeDigits | K::TimeRounding => "it is for times and dates with times",
        K::CompareAs => "it is for floating-point numbers, of single precision on one side",
        K::BoolWords => "it is for text on one side and a boolean or an integer on the other",
        K::UuidLayout => "it is for bytes on one side and a UUID or text on the other",
        K::Absolute | K::Relative => "it is for numbers on both sides, in columns that are no part of the key",
        K::Ulps => "it is for floating-point numbers on one side at least, in columns that are no part of the key",
        K::NaiveZone => "it is for a date with time that names no zone, against a point in time",
    }
}
