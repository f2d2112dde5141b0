//! Where sequences stand: those of `serial` and identity columns, and others.

use switchback_engines::{Endpoint, TableRef, own};

use super::{name, text};
use crate::structure::error::{Result, StructureError};
use crate::structure::options::StructureOptions;
use crate::structure::plan::{Check, Kind, Object, Step};

const QUESTION: &str = "SELECT n.nspname::text, c.relname::text, pn.nspname::text, p.relname::text
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    LEFT JOIN pg_depend d ON d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype IN ('a', 'i')
        AND d.refclassid = 'pg_class'::regclass AND d.refobjsubid > 0
    LEFT JOIN pg_class p ON p.oid = d.refobjid
    LEFT JOIN pg_namespace pn ON pn.oid = p.relnamespace
    WHERE c.relkind = 'S' AND c.relpersistence <> 't'
      AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = 'pg_class'::regclass AND e.objid = c.oid
                      AND e.deptype = 'e')
    ORDER BY 1, 2";

/// A sequence that the target lacks is passed over, as its table stayed behind.
pub(in crate::structure) async fn positions(source: &dyn Endpoint, options: &StructureOptions) -> Result<Vec<Step>> {
    let mut steps = Vec::new();
    for row in source.look("listing the sequences", QUESTION).await.map_err(StructureError::Source)? {
        let [Some(schema), Some(sequence), owner_schema, owner] = row.as_slice() else { continue };
        let owner = owner.as_ref().map(|name| TableRef { schema: owner_schema.clone(), name: name.clone() });
        if schema == own::SCHEMA || owner.is_some_and(|owner| !options.is_chosen(&owner)) {
            continue;
        }
        let from = TableRef { schema: Some(schema.clone()), name: sequence.clone() };
        let question = format!("SELECT last_value::text, is_called::text FROM {}.{}", name(schema), name(sequence));
        let found = source.look("reading a sequence", &question).await.map_err(StructureError::Source)?;
        let Some([Some(value), Some(called)]) = found.first().map(Vec::as_slice) else { continue };
        let to = options.rename.table(&from);
        let quoted = text(&format!("{}.{}", name(to.schema.as_deref().unwrap_or(schema)), name(&to.name)));
        let statement =
            format!("SELECT setval(to_regclass({quoted}), {value}, {called}) WHERE to_regclass({quoted}) IS NOT NULL");
        steps.push(Step::new(Object::new(Kind::Position, to.to_string()), statement, Check::Repeatable));
    }
    Ok(steps)
}
