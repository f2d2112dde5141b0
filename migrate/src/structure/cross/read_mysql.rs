//! What the catalog of MySQL and MariaDB says beyond columns and keys.

use switchback_engines::{Endpoint, Engine, Flavor, Logical, TableRef, TextRow};

use super::default::{of_expression, of_mysql};
use super::model::{Default, ForeignKeyModel, IndexPart, Model};
use crate::structure::error::{Result, StructureError};
use crate::structure::plan::{Kind, Object, StructurePlan};
use crate::structure::tokens::{Token, tokens};

const COLUMNS: &str = "SELECT TABLE_NAME, COLUMN_NAME, COLUMN_DEFAULT, EXTRA, COLUMN_TYPE, COLUMN_COMMENT \
     FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = DATABASE()";
const INDEXES: &str = "SELECT TABLE_NAME, INDEX_NAME, NON_UNIQUE, COLUMN_NAME, SUB_PART, COLLATION, INDEX_TYPE \
     FROM information_schema.STATISTICS WHERE TABLE_SCHEMA = DATABASE() AND INDEX_NAME <> 'PRIMARY' \
     ORDER BY TABLE_NAME, INDEX_NAME, SEQ_IN_INDEX";
const FOREIGN_KEYS: &str = "SELECT k.TABLE_NAME, k.CONSTRAINT_NAME, k.COLUMN_NAME, k.REFERENCED_TABLE_SCHEMA, \
     k.REFERENCED_TABLE_NAME, k.REFERENCED_COLUMN_NAME, r.UPDATE_RULE, r.DELETE_RULE \
     FROM information_schema.KEY_COLUMN_USAGE k JOIN information_schema.REFERENTIAL_CONSTRAINTS r \
     ON r.CONSTRAINT_SCHEMA = k.CONSTRAINT_SCHEMA AND r.CONSTRAINT_NAME = k.CONSTRAINT_NAME AND r.TABLE_NAME = k.TABLE_NAME \
     WHERE k.TABLE_SCHEMA = DATABASE() AND k.REFERENCED_TABLE_NAME IS NOT NULL \
     ORDER BY k.TABLE_NAME, k.CONSTRAINT_NAME, k.ORDINAL_POSITION";
const COMMENTS: &str = "SELECT TABLE_NAME, TABLE_COMMENT, CREATE_OPTIONS FROM information_schema.TABLES \
     WHERE TABLE_SCHEMA = DATABASE() AND TABLE_TYPE <> 'VIEW'";
const OTHERS: &str = "SELECT 'view', TABLE_NAME FROM information_schema.VIEWS WHERE TABLE_SCHEMA = DATABASE() \
     UNION ALL SELECT 'function', ROUTINE_NAME FROM information_schema.ROUTINES WHERE ROUTINE_SCHEMA = DATABASE() \
     UNION ALL SELECT 'trigger', TRIGGER_NAME FROM information_schema.TRIGGERS WHERE TRIGGER_SCHEMA = DATABASE() \
     UNION ALL SELECT 'event', EVENT_NAME FROM information_schema.EVENTS WHERE EVENT_SCHEMA = DATABASE() \
     UNION ALL SELECT 'sequence', TABLE_NAME FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE() AND TABLE_TYPE = 'SEQUENCE' \
     UNION ALL SELECT 'check', CONSTRAINT_NAME FROM information_schema.CHECK_CONSTRAINTS WHERE CONSTRAINT_SCHEMA = DATABASE() \
     AND LOWER(CHECK_CLAUSE) NOT LIKE 'json_valid(%' ORDER BY 1, 2";

pub(super) async fn complete(source: &dyn Endpoint, model: &mut Model, plan: &mut StructurePlan) -> Result<()> {
    columns(source, model, plan).await?;
    indexes(source, model, plan).await?;
    foreign_keys(source, model).await?;
    for row in ask(source, COMMENTS).await? {
        let [Some(table), comment, options] = row.as_slice() else { continue };
        let Some(found) = model.table_mut(None, table) else { continue };
        found.comment = comment.clone().filter(|c| !c.is_empty());
        if options.as_deref().is_some_and(|o| o.contains("partitioned")) {
            plan.warn(Object::new(Kind::Partition, table), "it is one table on the target, without partitions");
        }
    }
    for row in ask(source, OTHERS).await? {
        let [Some(what), Some(name)] = row.as_slice() else { continue };
        let kind = match what.as_str() {
            "view" => Kind::View,
            "function" => Kind::Function,
            "trigger" => Kind::Trigger,
            "event" => Kind::Event,
            "sequence" => Kind::Sequence,
            _ => Kind::Check,
        };
        plan.warn(Object::new(kind, name), "it is not translated for another engine, and stays behind");
    }
    Ok(())
}

async fn columns(source: &dyn Endpoint, model: &mut Model, plan: &mut StructurePlan) -> Result<()> {
    let flavor = source.info().flavor;
    for row in ask(source, COLUMNS).await? {
        let [Some(table), Some(column), default, extra, native, comment] = row.as_slice() else { continue };
        let extra = extra.as_deref().unwrap_or_default().to_ascii_lowercase();
        let Some(found) = model.table_mut(None, table).and_then(|t| t.column_mut(column)) else { continue };
        found.is_auto = extra.contains("auto_increment");
        found.comment = comment.clone().filter(|c| !c.is_empty());
        if matches!(found.column.logical, Some(Logical::Enum | Logical::Set)) {
            found.labels = labels(native.as_deref().unwrap_or_default());
        }
        found.default = match (default, flavor) {
            _ if found.is_auto || found.column.generated => Default::Absent,
            (None, _) => Default::Absent,
            (Some(shown), Flavor::MariaDb) => of_expression(Engine::MySql, shown),
            (Some(shown), Flavor::Original) => of_mysql(shown, extra.contains("default_generated")),
        };
        let object = || Object::new(Kind::Column, format!("{table}.{column}"));
        if extra.contains("on update") {
            plan.warn(object(), "the target does not set it when a row is updated");
        }
        if extra.contains("invisible") {
            plan.warn(object(), "the target has no invisible columns");
        }
        let folds = found.column.collation.as_deref().is_some_and(|c| !c.ends_with("_bin"));
        if folds && matches!(found.column.logical, Some(Logical::Char { .. } | Logical::Text { .. })) {
            let what =
                "its collation is not kept: on the target only the same text is equal, and it is sorted by code points";
            plan.warn(object(), what);
        }
    }
    Ok(())
}

/// The labels of `enum('a','it''s')`.
fn labels(native: &str) -> Vec<String> {
    let texts = tokens(Engine::MySql, native).into_iter().filter_map(|token| match token {
        Token::Text(quoted) => quoted.strip_prefix('\'')?.strip_suffix('\'').map(|t| t.replace("''", "'")),
        _ => None,
    });
    texts.collect()
}

async fn indexes(source: &dyn Endpoint, model: &mut Model, plan: &mut StructurePlan) -> Result<()> {
    for row in ask(source, INDEXES).await? {
        let [Some(table), Some(index), not_unique, column, part, order, kind] = row.as_slice() else { continue };
        let Some(found) = model.table_mut(None, table) else { continue };
        let is_plain = matches!(kind.as_deref(), Some("BTREE" | "HASH")) && part.is_none();
        match column.as_ref().filter(|_| is_plain) {
            Some(column) => {
                let part = IndexPart { column: column.clone(), descending: order.as_deref() == Some("D") };
                found.add_part(index, not_unique.as_deref() == Some("0"), part);
            }
            None => {
                // Also the parts that were read before.
                found.indexes.retain(|i| i.name != *index);
                let what =
                    "it is over expressions or parts of values, or of a kind that the target lacks, and stays behind";
                plan.warn(Object::new(Kind::Index, format!("{table}.{index}")), what);
            }
        }
    }
    Ok(())
}

async fn foreign_keys(source: &dyn Endpoint, model: &mut Model) -> Result<()> {
    for row in ask(source, FOREIGN_KEYS).await? {
        let [Some(table), Some(key), Some(column), schema, Some(parent), Some(of), Some(update), Some(delete)] =
            row.as_slice()
        else {
            continue;
        };
        let Some(found) = model.table_mut(None, table) else { continue };
        match found.foreign_keys.last_mut() {
            Some(last) if last.name == *key => {
                last.columns.push(column.clone());
                last.parent_columns.push(of.clone());
            }
            _ => found.foreign_keys.push(ForeignKeyModel {
                name: key.clone(),
                columns: vec![column.clone()],
                parent: TableRef { schema: schema.clone(), name: parent.clone() },
                parent_columns: vec![of.clone()],
                on_update: update.clone(),
                on_delete: delete.clone(),
            }),
        }
    }
    Ok(())
}

async fn ask(source: &dyn Endpoint, question: &str) -> Result<Vec<TextRow>> {
    source.look("reading the structure", question).await.map_err(StructureError::Source)
}
