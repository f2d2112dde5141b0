//! What SQLite's pragmas say beyond columns and keys.

use switchback_engines::{Endpoint, Engine, TableRef, TextRow};

use super::default::of_expression;
use super::model::{Default, ForeignKeyModel, IndexPart, Model, TableModel};
use crate::structure::error::{Result, StructureError};
use crate::structure::plan::{Kind, Object, StructurePlan};
use crate::structure::spell::text;
use crate::structure::tokens::tokens;

const OTHERS: &str = "SELECT s.type, s.name, coalesce(l.type, '') FROM sqlite_schema s \
     LEFT JOIN pragma_table_list l ON l.schema = 'main' AND l.name = s.name \
     WHERE s.type IN ('view', 'trigger') OR l.type = 'virtual' ORDER BY 1, 2";

pub(super) async fn complete(source: &dyn Endpoint, model: &mut Model, plan: &mut StructurePlan) -> Result<()> {
    for table in &mut model.tables {
        let quoted = text(Engine::Sqlite, &table.name.name);
        columns(source, table, &quoted).await?;
        indexes(source, table, &quoted, plan).await?;
        foreign_keys(source, table, &quoted).await?;
        checks(source, table, &quoted, plan).await?;
    }
    // A key that names no columns means the parent's primary key.
    let keys: Vec<(String, Vec<String>)> =
        model.tables.iter().map(|t| (t.name.name.to_lowercase(), t.primary.clone())).collect();
    for key in model.tables.iter_mut().flat_map(|t| &mut t.foreign_keys) {
        if key.parent_columns.is_empty() {
            let primary = keys.iter().find(|(name, _)| *name == key.parent.name.to_lowercase());
            key.parent_columns = primary.map(|(_, columns)| columns.clone()).unwrap_or_default();
        }
    }
    for row in ask(source, OTHERS).await? {
        let [Some(what), Some(name), _] = row.as_slice() else { continue };
        let (kind, why) = match what.as_str() {
            "view" => (Kind::View, "it is not translated for another engine, and stays behind"),
            "trigger" => (Kind::Trigger, "it is not translated for another engine, and stays behind"),
            _ => (Kind::Table, "a virtual table is not moved"),
        };
        if !name.starts_with(switchback_engines::own::PREFIX) {
            plan.warn(Object::new(kind, name), why);
        }
    }
    Ok(())
}

async fn columns(source: &dyn Endpoint, table: &mut TableModel, quoted: &str) -> Result<()> {
    let question = format!("SELECT name, dflt_value, upper(type) FROM pragma_table_xinfo({quoted}, 'main')");
    let is_single = table.primary.len() == 1;
    for row in ask(source, &question).await? {
        let [Some(column), default, native] = row.as_slice() else { continue };
        // The row's number under another name: it numbers itself.
        let is_row = is_single && table.primary.first() == Some(column) && native.as_deref() == Some("INTEGER");
        let Some(found) = table.column_mut(column) else { continue };
        found.is_auto = is_row;
        found.default = match default {
            Some(shown) if !found.column.generated && !is_row => of_expression(Engine::Sqlite, shown),
            _ => Default::Absent,
        };
    }
    Ok(())
}

async fn indexes(source: &dyn Endpoint, table: &mut TableModel, quoted: &str, plan: &mut StructurePlan) -> Result<()> {
    let question = format!(
        "SELECT i.name, i.\"unique\", i.partial, x.name, x.\"desc\", x.coll, x.cid FROM pragma_index_list({quoted}, 'main') i \
         JOIN pragma_index_xinfo(i.name, 'main') x WHERE x.\"key\" AND i.origin <> 'pk' ORDER BY i.seq DESC, x.seqno"
    );
    for row in ask(source, &question).await? {
        let [Some(index), unique, partial, column, descending, collation, _] = row.as_slice() else { continue };
        // The index of a UNIQUE in the table has a name that only SQLite may give.
        let name = index.strip_prefix("sqlite_autoindex_").map_or_else(|| index.clone(), |rest| format!("{rest}_key"));
        match column.as_ref().filter(|_| partial.as_deref() == Some("0")) {
            Some(column) => {
                if collation.as_deref() != Some("BINARY") && unique.as_deref() == Some("1") {
                    let what = "it compares by a collation that is not kept: on the target only the same text is equal";
                    plan.warn(Object::new(Kind::UniqueKey, format!("{}.{name}", table.shown)), what);
                }
                let part = IndexPart { column: column.clone(), descending: descending.as_deref() == Some("1") };
                table.add_part(&name, unique.as_deref() == Some("1"), part);
            }
            None => {
                table.indexes.retain(|i| i.name != name);
                let what = "it is over expressions or a part of the rows, and stays behind";
                plan.warn(Object::new(Kind::Index, format!("{}.{name}", table.shown)), what);
            }
        }
    }
    Ok(())
}

async fn foreign_keys(source: &dyn Endpoint, table: &mut TableModel, quoted: &str) -> Result<()> {
    let question = format!(
        "SELECT id, \"table\", \"from\", \"to\", on_update, on_delete FROM pragma_foreign_key_list({quoted}, 'main') ORDER BY id DESC, seq"
    );
    let mut last = None;
    for row in ask(source, &question).await? {
        let [id, Some(parent), Some(column), of, Some(update), Some(delete)] = row.as_slice() else { continue };
        if *id != last {
            last.clone_from(id);
            table.foreign_keys.push(ForeignKeyModel {
                name: format!("{}_{column}_fkey", table.name.name),
                columns: Vec::new(),
                parent: TableRef { schema: None, name: parent.clone() },
                parent_columns: Vec::new(),
                on_update: update.clone(),
                on_delete: delete.clone(),
            });
        }
        if let Some(key) = table.foreign_keys.last_mut() {
            key.columns.push(column.clone());
            key.parent_columns.extend(of.clone());
        }
    }
    Ok(())
}

/// SQLite has no list of checks; the word in the table's text is enough to warn.
async fn checks(source: &dyn Endpoint, table: &TableModel, quoted: &str, plan: &mut StructurePlan) -> Result<()> {
    let question = format!("SELECT sql FROM sqlite_schema WHERE type = 'table' AND name = {quoted}");
    let sql = ask(source, &question).await?.into_iter().next().and_then(|row| row.into_iter().next().flatten());
    if tokens(Engine::Sqlite, &sql.unwrap_or_default()).iter().any(|t| t.is_word("CHECK")) {
        let object = Object::new(Kind::Check, table.shown.clone());
        plan.warn(object, "its checks are not translated for another engine, and stay behind");
    }
    Ok(())
}

async fn ask(source: &dyn Endpoint, question: &str) -> Result<Vec<TextRow>> {
    source.look("reading the schema", question).await.map_err(StructureError::Source)
}
