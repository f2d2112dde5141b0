//! Columns that the target does without, and what hangs on them.
//!
//! A generated column is always one: not every engine's log has its values, so neither
//! the stream nor the load carries them, and a plain column of that name would be NULL.

use super::model::{Model, TableModel};
use crate::structure::error::{Result, StructureError};
use crate::structure::options::{ColumnRef, StructureOptions, same};
use crate::structure::plan::{Clash, Kind, Object, StructurePlan};

/// Takes them out of the model, with a warning for each and for what goes with it.
///
/// # Errors
/// [`StructureError::NoColumn`] where one that was asked for by name isn't there.
pub(super) fn take_out(model: &mut Model, options: &StructureOptions, plan: &mut StructurePlan) -> Result<()> {
    let asked = |of: &ColumnRef| {
        let is_there = |t: &TableModel| same(&of.table, &t.name) && t.column(&of.column).is_some();
        model.tables.iter().any(is_there)
    };
    if let Some(missing) = options.columns_left_out.iter().find(|of| !asked(of)) {
        return Err(StructureError::NoColumn { table: missing.table.clone(), column: missing.column.clone() });
    }
    let mut left_out = Vec::new();
    for table in &mut model.tables {
        let of = |column: &str| ColumnRef { table: table.name.clone(), column: column.to_owned() };
        for column in table.columns.iter().map(|c| &c.column) {
            let is_asked =
                options.columns_left_out.iter().any(|of| same(&of.table, &table.name) && of.column == column.name);
            let object = Object::new(Kind::Column, format!("{}.{}", table.shown, column.name));
            let what = match (is_asked, column.generated) {
                (false, false) => continue,
                (true, _) => "it is left out, as was asked",
                (false, true) => "it is computed at the source, and left out: add it to the target in its words",
            };
            if table.primary.contains(&column.name) {
                plan.clash(object, Clash::InPrimaryKey);
            } else {
                plan.warn(object, what);
                left_out.push(of(&column.name));
            }
        }
        without(table, &left_out, plan);
    }
    for table in &mut model.tables {
        let gone = |key: &super::model::ForeignKeyModel| {
            left_out.iter().any(|of| of.table == key.parent && key.parent_columns.contains(&of.column))
        };
        for key in table.foreign_keys.extract_if(.., |key| gone(key)) {
            let object = Object::new(Kind::ForeignKey, format!("{}.{}", table.shown, key.name));
            plan.warn(object, "it refers to a column that is left out");
        }
    }
    plan.left_out.append(&mut left_out);
    Ok(())
}

fn without(table: &mut TableModel, left_out: &[ColumnRef], plan: &mut StructurePlan) {
    let name = table.name.clone();
    let is_out = |column: &String| left_out.iter().any(|of| of.table == name && of.column == *column);
    const WHY: &str = "it is over a column that is left out";
    for index in table.indexes.extract_if(.., |index| index.parts.iter().any(|part| is_out(&part.column))) {
        let kind = if index.is_unique { Kind::UniqueKey } else { Kind::Index };
        plan.warn(Object::new(kind, format!("{}.{}", table.shown, index.name)), WHY);
    }
    for key in table.foreign_keys.extract_if(.., |key| key.columns.iter().any(is_out)) {
        plan.warn(Object::new(Kind::ForeignKey, format!("{}.{}", table.shown, key.name)), WHY);
    }
    table.columns.retain(|column| !is_out(&column.column.name));
}
