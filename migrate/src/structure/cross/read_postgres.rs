//! What PostgreSQL's catalog says beyond columns and keys.

use switchback_engines::{Endpoint, Engine, TableRef, TextRow};

use super::default::of_expression;
use super::model::{Default, ForeignKeyModel, IndexPart, Model};
use crate::structure::error::{Result, StructureError};
use crate::structure::plan::{Kind, Object, StructurePlan};

const COLUMNS: &str = "SELECT n.nspname::text, c.relname::text, a.attname::text, pg_get_expr(d.adbin, d.adrelid),
           (a.attidentity <> '' OR pg_get_serial_sequence(quote_ident(n.nspname) || '.' || quote_ident(c.relname), a.attname) IS NOT NULL)::text,
           (a.attgenerated <> '')::text, col_description(c.oid, a.attnum)
    FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace
    LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
    WHERE c.relkind IN ('r', 'p') AND a.attnum > 0 AND NOT a.attisdropped AND n.nspname !~ '^pg_'
      AND n.nspname <> 'information_schema'";

const LABELS: &str = "SELECT n.nspname::text, c.relname::text, a.attname::text, e.enumlabel::text
    FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace
    JOIN pg_type t ON t.oid = a.atttypid
    JOIN pg_enum e ON e.enumtypid = CASE WHEN t.typtype = 'd' THEN t.typbasetype ELSE t.oid END
    WHERE c.relkind IN ('r', 'p') AND a.attnum > 0 AND NOT a.attisdropped ORDER BY 1, 2, 3, e.enumsortorder";

const INDEXES: &str = "SELECT n.nspname::text, c.relname::text, ic.relname::text, i.indisunique::text,
           (i.indpred IS NOT NULL OR i.indexprs IS NOT NULL OR am.amname NOT IN ('btree', 'hash')
            OR coalesce((to_jsonb(i) ->> 'indnullsnotdistinct')::boolean, false))::text,
           a.attname::text, (coalesce(i.indoption[k.place::int4 - 1], 0) & 1)::text
    FROM pg_index i JOIN pg_class ic ON ic.oid = i.indexrelid JOIN pg_class c ON c.oid = i.indrelid
    JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_am am ON am.oid = ic.relam
    CROSS JOIN LATERAL unnest(i.indkey::int2[]) WITH ORDINALITY k (attnum, place)
    LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = k.attnum
    WHERE NOT i.indisprimary AND k.place <= i.indnkeyatts AND c.relkind IN ('r', 'p')
    ORDER BY 1, 2, 3, k.place";

const FOREIGN_KEYS: &str =
    "SELECT n.nspname::text, c.relname::text, o.conname::text, pn.nspname::text, p.relname::text,
           o.confupdtype::text, o.confdeltype::text, a.attname::text, pa.attname::text
    FROM pg_constraint o JOIN pg_class c ON c.oid = o.conrelid JOIN pg_namespace n ON n.oid = c.relnamespace
    JOIN pg_class p ON p.oid = o.confrelid JOIN pg_namespace pn ON pn.oid = p.relnamespace
    CROSS JOIN LATERAL unnest(o.conkey, o.confkey) WITH ORDINALITY k (child, parent, place)
    JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = k.child
    JOIN pg_attribute pa ON pa.attrelid = p.oid AND pa.attnum = k.parent
    WHERE o.contype = 'f' AND o.conparentid = 0 ORDER BY 1, 2, 3, k.place";

const COMMENTS: &str = "SELECT n.nspname::text, c.relname::text, obj_description(c.oid, 'pg_class') FROM pg_class c
    JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind IN ('r', 'p')";

/// What has no counterpart in the model.
const OTHERS: &str = "WITH mine AS (SELECT oid, nspname FROM pg_namespace
        WHERE nspname !~ '^pg_' AND nspname NOT IN ('information_schema', 'switchback'))
    SELECT 'view', m.nspname || '.' || c.relname FROM pg_class c JOIN mine m ON m.oid = c.relnamespace WHERE c.relkind IN ('v', 'm')
    UNION ALL SELECT 'function', m.nspname || '.' || p.proname FROM pg_proc p JOIN mine m ON m.oid = p.pronamespace
        WHERE NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype IN ('e', 'i'))
    UNION ALL SELECT 'trigger', m.nspname || '.' || c.relname || '.' || t.tgname FROM pg_trigger t
        JOIN pg_class c ON c.oid = t.tgrelid JOIN mine m ON m.oid = c.relnamespace WHERE NOT t.tgisinternal AND t.tgparentid = 0
    UNION ALL SELECT 'rule', m.nspname || '.' || c.relname || '.' || r.rulename FROM pg_rewrite r
        JOIN pg_class c ON c.oid = r.ev_class JOIN mine m ON m.oid = c.relnamespace WHERE r.rulename <> '_RETURN'
    UNION ALL SELECT 'policy', m.nspname || '.' || c.relname || '.' || p.polname FROM pg_policy p
        JOIN pg_class c ON c.oid = p.polrelid JOIN mine m ON m.oid = c.relnamespace
    UNION ALL SELECT 'check', m.nspname || '.' || c.relname || '.' || o.conname FROM pg_constraint o
        JOIN pg_class c ON c.oid = o.conrelid JOIN mine m ON m.oid = c.relnamespace WHERE o.contype IN ('c', 'x') AND NOT c.relispartition
    UNION ALL SELECT 'domain', m.nspname || '.' || t.typname FROM pg_type t JOIN mine m ON m.oid = t.typnamespace WHERE t.typtype = 'd'
    UNION ALL SELECT 'sequence', m.nspname || '.' || c.relname FROM pg_class c JOIN mine m ON m.oid = c.relnamespace
        WHERE c.relkind = 'S' AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass
        AND d.objid = c.oid AND d.deptype IN ('a', 'i') AND d.refobjsubid > 0)
    UNION ALL SELECT 'partitions', m.nspname || '.' || c.relname FROM pg_class c JOIN mine m ON m.oid = c.relnamespace
        WHERE c.relkind = 'p' AND NOT c.relispartition ORDER BY 1, 2";

pub(super) async fn complete(source: &dyn Endpoint, model: &mut Model, plan: &mut StructurePlan) -> Result<()> {
    for row in ask(source, COLUMNS).await? {
        let [schema, Some(table), Some(column), default, auto, generated, comment] = row.as_slice() else { continue };
        let Some(found) = model.table_mut(schema.as_deref(), table).and_then(|t| t.column_mut(column)) else {
            continue;
        };
        found.is_auto = auto.as_deref() == Some("true");
        found.comment.clone_from(comment);
        if let (Some(shown), false, Some("false")) = (default, found.is_auto, generated.as_deref()) {
            found.default = of_expression(Engine::Postgres, shown);
        }
        if found.is_auto {
            found.default = Default::Absent;
        }
    }
    for row in ask(source, LABELS).await? {
        let [schema, Some(table), Some(column), Some(label)] = row.as_slice() else { continue };
        if let Some(found) = model.table_mut(schema.as_deref(), table).and_then(|t| t.column_mut(column)) {
            found.labels.push(label.clone());
        }
    }
    indexes(source, model, plan).await?;
    foreign_keys(source, model).await?;
    for row in ask(source, COMMENTS).await? {
        let [schema, Some(table), Some(comment)] = row.as_slice() else { continue };
        if let Some(found) = model.table_mut(schema.as_deref(), table) {
            found.comment = Some(comment.clone());
        }
    }
    for row in ask(source, OTHERS).await? {
        let [Some(what), Some(name)] = row.as_slice() else { continue };
        let kind = match what.as_str() {
            "view" => Kind::View,
            "function" => Kind::Function,
            "trigger" => Kind::Trigger,
            "rule" => Kind::Rule,
            "policy" => Kind::Policy,
            "check" => Kind::Check,
            "domain" => Kind::Domain,
            "sequence" => Kind::Sequence,
            _ => Kind::Partition,
        };
        let why = match kind {
            Kind::Domain => "its columns have the type that it is made of, without its checks",
            Kind::Partition => "it is one table on the target, without partitions",
            _ => "it is not translated for another engine, and stays behind",
        };
        plan.warn(Object::new(kind, name), why);
    }
    Ok(())
}

async fn indexes(source: &dyn Endpoint, model: &mut Model, plan: &mut StructurePlan) -> Result<()> {
    for row in ask(source, INDEXES).await? {
        let [schema, Some(table), Some(index), unique, special, column, descending] = row.as_slice() else { continue };
        let Some(found) = model.table_mut(schema.as_deref(), table) else { continue };
        match (special.as_deref(), column) {
            (Some("false"), Some(column)) => {
                let part = IndexPart { column: column.clone(), descending: descending.as_deref() == Some("1") };
                found.add_part(index, unique.as_deref() == Some("true"), part);
            }
            _ => {
                let what =
                    "it is over expressions, a part of the rows, or of a kind that the target lacks, and stays behind";
                plan.warn(Object::new(Kind::Index, format!("{}.{index}", found.shown)), what);
            }
        }
    }
    Ok(())
}

async fn foreign_keys(source: &dyn Endpoint, model: &mut Model) -> Result<()> {
    for row in ask(source, FOREIGN_KEYS).await? {
        let [schema, Some(table), Some(key), parent_schema, Some(parent), update, delete, Some(column), Some(of)] =
            row.as_slice()
        else {
            continue;
        };
        let Some(found) = model.table_mut(schema.as_deref(), table) else { continue };
        match found.foreign_keys.last_mut() {
            Some(last) if last.name == *key => {
                last.columns.push(column.clone());
                last.parent_columns.push(of.clone());
            }
            _ => found.foreign_keys.push(ForeignKeyModel {
                name: key.clone(),
                columns: vec![column.clone()],
                parent: TableRef { schema: parent_schema.clone(), name: parent.clone() },
                parent_columns: vec![of.clone()],
                on_update: action(update.as_deref()),
                on_delete: action(delete.as_deref()),
            }),
        }
    }
    Ok(())
}

fn action(letter: Option<&str>) -> String {
    match letter {
        Some("r") => "RESTRICT",
        Some("c") => "CASCADE",
        Some("n") => "SET NULL",
        Some("d") => "SET DEFAULT",
        _ => "NO ACTION",
    }
    .to_owned()
}

async fn ask(source: &dyn Endpoint, question: &str) -> Result<Vec<TextRow>> {
    source.look("reading the structure", question).await.map_err(StructureError::Source)
}
