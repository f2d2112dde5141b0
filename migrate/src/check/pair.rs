//! What is about both ends at once.

use std::collections::BTreeSet;

use switchback_engines::{Engine, TableRef};

use super::item::{Direction, End, Grade, Item, Report};
use super::{CheckError, CheckOptions, Checked, clocks, room};

pub(super) async fn check(
    source: Checked<'_>,
    target: Checked<'_>,
    options: CheckOptions,
    report: &mut Report,
) -> Result<(), CheckError> {
    let _ = options;
    tables(source, report);
    versions(source, target, report);
    room::check(source, target, report);
    clocks::check(source, target, report).await?;
    if source.endpoint.info().engine == Engine::Postgres && target.endpoint.info().engine == Engine::Postgres {
        settings(source, target, report).await?;
    }
    Ok(())
}

/// The schemas of a PostgreSQL target that tables will be created in, where they are
/// not given other names.
pub(super) fn schemas(source: Checked<'_>, target: Checked<'_>) -> Vec<String> {
    if source.endpoint.info().engine != Engine::Postgres || target.endpoint.info().engine != Engine::Postgres {
        return vec!["public".to_owned()];
    }
    let schemas: BTreeSet<&str> = source.tables.iter().filter_map(|table| table.name.schema.as_deref()).collect();
    schemas.into_iter().map(str::to_owned).collect()
}

fn add(
    report: &mut Report,
    end: End,
    item: &'static str,
    grade: Grade,
    found: String,
    why: &'static str,
    remedy: &str,
) {
    let remedy = Some(remedy.to_owned()).filter(|_| grade != Grade::Pass);
    report.items.push(Item { end, direction: Direction::Forward, item, grade, found, why, remedy });
}

/// Tables that are chosen have keys, and the tables that they refer to.
fn tables(source: Checked<'_>, report: &mut Report) {
    let chosen: BTreeSet<&TableRef> = source.tables.iter().map(|table| &table.name).collect();
    let keyless: Vec<String> =
        source.tables.iter().filter(|table| table.primary_key.is_none()).map(|table| table.name.to_string()).collect();
    let grade = if keyless.is_empty() { Grade::Pass } else { Grade::Warn };
    let why = "without one a table is loaded in one piece and again as a whole after a crash, and its rows are \
               told apart by all that they hold";
    add(report, End::Source, "primary_keys", grade, super::named(&keyless), why, "ALTER TABLE … ADD PRIMARY KEY");
    let missing: BTreeSet<String> = source
        .tables
        .iter()
        .flat_map(|table| &table.foreign_keys)
        .filter(|key| !chosen.contains(&key.parent))
        .map(|key| key.parent.to_string())
        .collect();
    let missing: Vec<String> = missing.into_iter().collect();
    let grade = if missing.is_empty() { Grade::Pass } else { Grade::Warn };
    let why = "rows of a table that is moved refer to them, and their foreign keys stay behind";
    add(report, End::Source, "parents", grade, super::named(&missing), why, "choose these tables, too");
}

/// The target is as new as the source, where both are of one engine.
fn versions(source: Checked<'_>, target: Checked<'_>, report: &mut Report) {
    let (from, to) = (source.endpoint.info(), target.endpoint.info());
    if (from.engine, from.flavor) != (to.engine, to.flavor) {
        return;
    }
    let major = |version: &str| version.split('.').next().and_then(|major| major.parse::<u32>().ok()).unwrap_or(0);
    let grade = if major(&to.version) >= major(&from.version) { Grade::Pass } else { Grade::Warn };
    let found = format!("{} to {}", from.version, to.version);
    let why = "an older server may lack what a newer one's structure needs";
    add(
        report,
        End::Target,
        "versions",
        grade,
        found,
        why,
        "move to a server of the same major version, or a later one",
    );
}

/// What two PostgreSQL servers have to have in common, for texts to mean the same.
async fn settings(source: Checked<'_>, target: Checked<'_>, report: &mut Report) -> Result<(), CheckError> {
    const QUESTION: &str = "SELECT current_setting('server_encoding'), d.datcollate, d.datctype, \
         current_setting('lc_monetary'), current_setting('TimeZone') FROM pg_database d WHERE datname = current_database()";
    const NAMES: [(&str, Grade); 5] = [
        ("server_encoding", Grade::Fail),
        ("lc_collate", Grade::Warn),
        ("lc_ctype", Grade::Warn),
        ("lc_monetary", Grade::Warn),
        ("timezone", Grade::Warn),
    ];
    let mut found = Vec::new();
    for (end, checked) in [(End::Source, source), (End::Target, target)] {
        let rows = checked.endpoint.look("comparing settings", QUESTION).await;
        let rows = rows.map_err(|error| CheckError { end, item: "settings", source: Box::new(error) })?;
        found.push(rows.into_iter().next().unwrap_or_default());
    }
    for (i, (name, otherwise)) in NAMES.into_iter().enumerate() {
        let of = |end: usize| found.get(end).and_then(|row| row.get(i).cloned().flatten()).unwrap_or_default();
        let grade = if of(0) == of(1) { Grade::Pass } else { otherwise };
        let why = "both servers should take texts, orders and times the same way";
        let text = format!("{} and {}", of(0), of(1));
        add(report, End::Target, name, grade, text, why, "create the target's database with the source's settings");
    }
    Ok(())
}
