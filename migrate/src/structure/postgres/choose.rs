//! Entries that stay behind.
//!
//! `pg_dump --table` would leave out schemas, types and functions too, so all is
//! dumped and what belongs to a table that is not chosen is taken out here. What
//! belongs to a chosen one and *needs* another (a foreign key, a view) stays
//! behind with a warning. A function's body is text that nobody knows the names
//! in: functions stay.

use std::collections::{HashMap, HashSet};

use switchback_engines::{Endpoint, TableRef};

use super::entries::Entry;
use super::steps::{kind_of, object_of};
use crate::structure::error::{Result, StructureError};
use crate::structure::options::StructureOptions;
use crate::structure::plan::{Kind, StructurePlan};

pub(super) async fn choose(
    source: &dyn Endpoint,
    options: &StructureOptions,
    entries: Vec<Entry>,
    plan: &mut StructurePlan,
) -> Result<Vec<Entry>> {
    if options.tables.is_empty() && options.exclude.is_empty() {
        return Ok(entries);
    }
    let roots = roots(source).await?;
    let is_chosen = |table: &TableRef| options.is_chosen(roots.get(table).unwrap_or(table));
    let mut gone: HashSet<TableRef> = entries
        .iter()
        .filter(|e| matches!(e.kind.as_str(), "TABLE" | "FOREIGN TABLE") && !is_chosen(&e.relation()))
        .map(Entry::relation)
        .collect();
    // A sequence goes with the table that owns it, and comes before it.
    let owned: Vec<TableRef> = entries
        .iter()
        .filter(|e| e.kind == "SEQUENCE OWNED BY" && e.mentions().iter().any(|m| gone.contains(m)))
        .map(Entry::relation)
        .collect();
    gone.extend(owned);
    let mut kept = Vec::with_capacity(entries.len());
    for entry in entries {
        let mentions = entry.mentions();
        let Some(missing) = mentions.iter().find(|m| gone.contains(m)) else {
            kept.push(entry);
            continue;
        };
        let belongs = gone.contains(&entry.relation()) || mentions.first() == Some(missing);
        let stands_alone = matches!(
            kind_of(&entry),
            Some(Kind::View | Kind::MaterializedView | Kind::Function | Kind::Table | Kind::Partition)
        );
        if (stands_alone && !gone.contains(&entry.relation())) || !belongs {
            let what = format!("it needs `{missing}`, which is not moved, and stays behind");
            plan.warn(object_of(&entry), what);
        }
        // What needs this one stays behind too.
        if stands_alone || entry.kind == "INDEX" {
            gone.insert(entry.relation());
        }
    }
    Ok(kept)
}

/// The partitioned table that each partition is a part of, in the end.
async fn roots(source: &dyn Endpoint) -> Result<HashMap<TableRef, TableRef>> {
    let question = "SELECT n.nspname::text, c.relname::text, rn.nspname::text, r.relname::text \
                    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
                    JOIN pg_class r ON r.oid = pg_partition_root(c.oid)::oid \
                    JOIN pg_namespace rn ON rn.oid = r.relnamespace \
                    WHERE c.relispartition AND c.relkind IN ('r', 'p', 'f')";
    let rows = source.look("looking for partitions", question).await.map_err(StructureError::Source)?;
    Ok(rows
        .into_iter()
        .filter_map(|row| {
            let [schema, Some(name), root_schema, Some(root)] = <[_; 4]>::try_from(row).ok()? else { return None };
            Some((TableRef { schema, name }, TableRef { schema: root_schema, name: root }))
        })
        .collect())
}
