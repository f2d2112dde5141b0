//! PostgreSQL to PostgreSQL, by `pg_dump`.
//!
//! The catalog's own functions (`pg_get_viewdef` and its kin) would need no other
//! program, but what they give is a part: the order in which objects need each
//! other, and the statements for everything around a definition (options of
//! sequences, storage, statistics, operator classes, replica identity, columns
//! that were dropped from a parent, `BEGIN ATOMIC` bodies, views that need a primary
//! key …) are `pg_dump`'s knowledge of twenty versions, and the server's makers
//! keep it right. So it says what to create, and only the *when*, the names and
//! the choice are decided here: its output is cut into the entries that it marks
//! itself, with all names quoted, so that a name can be told from anything else.
//!
//! - `tool`: a `pg_dump` that fits, and running it without a password in sight.
//! - `entries`: its output as entries.
//! - `choose`: entries that stay behind, since their tables do.
//! - `rename`: other names.
//! - `steps`: entries as steps of the plan; `check`: how to see that one is done.
//! - `roles`: roles without passwords, where asked for.
//! - `positions`: where sequences stand.

mod check;
mod choose;
mod entries;
mod positions;
mod rename;
mod roles;
mod steps;
mod tool;

use switchback_engines::{DatabaseUrl, Endpoint, Engine};

use super::error::{Result, StructureError};
use super::options::StructureOptions;
use super::plan::{Clash, Kind, Object, StructurePlan};
use super::spell;

pub(super) use positions::positions;

pub(super) async fn plan(
    source: &dyn Endpoint,
    url: &DatabaseUrl,
    target: &dyn Endpoint,
    options: &StructureOptions,
) -> Result<StructurePlan> {
    let mut plan = StructurePlan::new(Engine::Postgres, Engine::Postgres);
    let server = major(&source.info().version);
    if major(&target.info().version) < server {
        let what = "the target is of an older version, which may lack what the source has";
        plan.warn(Object::new(Kind::Other, "version"), what);
    }
    let text = tool::dump(url, server, options).await?;
    let all = entries::entries(&text);
    let chosen = choose::choose(source, options, all, &mut plan).await?;
    let renamed = rename::rename(&options.rename, chosen, &mut plan);
    if options.roles {
        roles::add(source, &mut plan).await?;
    }
    steps::add(renamed, &mut plan)?;
    left_out(source, options, &mut plan).await?;
    steps::add_refreshes(source, options, &mut plan).await?;
    extensions(target, &mut plan).await?;
    Ok(plan)
}

/// The number before the first dot.
fn major(version: &str) -> u32 {
    version.split(|c: char| !c.is_ascii_digit()).next().and_then(|n| n.parse().ok()).unwrap_or(0)
}

/// What `pg_dump` is told to leave out, or leaves out by itself.
async fn left_out(source: &dyn Endpoint, options: &StructureOptions, plan: &mut StructurePlan) -> Result<()> {
    let question = "SELECT 'publication', pubname::text FROM pg_publication \
                    UNION ALL SELECT 'subscription', subname::text FROM pg_subscription s \
                    JOIN pg_database d ON d.oid = s.subdbid WHERE d.datname = current_database() \
                    UNION ALL SELECT 'table', n.nspname || '.' || c.relname FROM pg_class c \
                    JOIN pg_namespace n ON n.oid = c.relnamespace \
                    WHERE c.reltablespace <> 0 AND c.relkind IN ('r', 'p', 'm') AND n.nspname !~ '^pg_' \
                    ORDER BY 1, 2";
    let rows = match source.look("looking for publications and tablespaces", question).await {
        Ok(rows) => rows,
        // Not every account may look at subscriptions.
        Err(_) => {
            let short = "SELECT 'publication', pubname::text FROM pg_publication ORDER BY 2";
            source.look("looking for publications", short).await.map_err(StructureError::Source)?
        }
    };
    for row in rows {
        let [Some(kind), Some(name)] = row.as_slice() else { continue };
        match kind.as_str() {
            "table" => plan.warn(Object::new(Kind::Table, name), "its tablespace is not kept"),
            other => plan.warn(Object::new(Kind::Other, name), format!("this {other} is not moved")),
        }
    }
    if !options.roles {
        let question = "SELECT n.nspname || '.' || p.proname FROM pg_proc p \
                        JOIN pg_namespace n ON n.oid = p.pronamespace \
                        WHERE p.prosecdef AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' \
                        AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_proc'::regclass \
                        AND d.objid = p.oid AND d.deptype = 'e') ORDER BY 1";
        let rows = source.look("looking for functions", question).await.map_err(StructureError::Source)?;
        for name in rows.into_iter().filter_map(|row| row.into_iter().next().flatten()) {
            let what = "it runs with its owner's rights, and its owner will be the account that creates it";
            plan.warn(Object::new(Kind::Function, name), what);
        }
    }
    Ok(())
}

async fn extensions(target: &dyn Endpoint, plan: &mut StructurePlan) -> Result<()> {
    let wanted: Vec<Object> =
        plan.before_load.iter().map(|s| &s.object).filter(|o| o.kind == Kind::Extension).cloned().collect();
    if wanted.is_empty() {
        return Ok(());
    }
    let question = "SELECT name::text FROM pg_available_extensions";
    let rows = target.look("looking for extensions", question).await.map_err(StructureError::Target)?;
    let available: Vec<String> = rows.into_iter().filter_map(|row| row.into_iter().next().flatten()).collect();
    for object in wanted {
        if !available.contains(&object.name) {
            plan.clash(object, Clash::ExtensionUnavailable);
        }
    }
    Ok(())
}

fn text(value: &str) -> String {
    spell::text(Engine::Postgres, value)
}

fn name(value: &str) -> String {
    spell::name(Engine::Postgres, value)
}
