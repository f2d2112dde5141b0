//! The columns of a table's difference files.
//!
//! Made from the plan alone, for writing and for reading, so that both agree.

use std::sync::Arc;

use arrow_schema::{DataType, Field, Fields, Schema, SchemaRef, TimeUnit};
use switchback_engines::{Column, Engine};
use switchback_verify::TablePlan;

use super::shape::Shape;

pub(super) const RUN_ID: &str = "run_id";
pub(super) const KIND: &str = "kind";
pub(super) const STATUS: &str = "status";
pub(super) const KEY: &str = "key";
pub(super) const CHANGED_COLUMNS: &str = "changed_columns";
pub(super) const SOURCE: &str = "source";
pub(super) const TARGET: &str = "target";
pub(super) const SOURCE_COUNT: &str = "source_count";
pub(super) const TARGET_COUNT: &str = "target_count";
pub(super) const RANGE: &str = "range";
pub(super) const SOURCE_POSITION: &str = "source_position";
pub(super) const TARGET_POSITION: &str = "target_position";
pub(super) const FIRST_SEEN: &str = "first_seen";
pub(super) const DECIDED: &str = "decided";
pub(super) const UNTYPED: &str = "untyped";

/// A plan names a column by a position that its table doesn't have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the plan refers to a column that its table doesn't have")]
pub(super) struct NoSuchColumn;

/// A named column with its type.
#[derive(Debug, Clone)]
pub(super) struct NamedShape {
    pub(super) name: String,
    pub(super) shape: Shape,
}

/// What the plan says of the files.
#[derive(Debug, Clone)]
pub(super) struct Layout {
    /// The key's columns; empty without a key.
    pub(super) key: Vec<NamedShape>,
    /// One for each compared column, as the plan orders them.
    pub(super) source: Vec<NamedShape>,
    pub(super) target: Vec<NamedShape>,
    pub(super) schema: SchemaRef,
}

impl Layout {
    pub(super) fn of(plan: &TablePlan) -> Result<Self, NoSuchColumn> {
        let named = |engine: Engine, column: Option<&Column>| {
            let column = column.ok_or(NoSuchColumn)?;
            Ok(NamedShape { name: column.name.clone(), shape: Shape::of(engine, column.logical.as_ref()) })
        };
        let source = plan
            .columns
            .iter()
            .map(|pair| named(plan.source_engine, plan.source_column(pair)))
            .collect::<Result<Vec<_>, _>>()?;
        let target = plan
            .columns
            .iter()
            .map(|pair| named(plan.target_engine, plan.target_column(pair)))
            .collect::<Result<Vec<_>, _>>()?;
        let key = source.get(..plan.key_len).ok_or(NoSuchColumn)?.to_vec();
        let schema = Arc::new(schema(&key, &source, &target));
        Ok(Self { key, source, target, schema })
    }
}

fn schema(key: &[NamedShape], source: &[NamedShape], target: &[NamedShape]) -> Schema {
    let required = |name, of| Field::new(name, of, false);
    let repeated = || DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8));
    let mut fields =
        vec![required(RUN_ID, repeated()), required(KIND, DataType::Utf8), required(STATUS, DataType::Utf8)];
    // Parquet has no structs without fields.
    if !key.is_empty() {
        fields.push(required(KEY, DataType::Struct(fields_of(key))));
    }
    fields.push(required(CHANGED_COLUMNS, DataType::List(item_field(DataType::Utf8))));
    if !source.is_empty() {
        fields.push(Field::new(SOURCE, DataType::Struct(fields_of(source)), true));
        fields.push(Field::new(TARGET, DataType::Struct(fields_of(target)), true));
    }
    let moment = DataType::Timestamp(TimeUnit::Microsecond, Some(Arc::from("UTC")));
    fields.extend([
        required(SOURCE_COUNT, DataType::Int64),
        required(TARGET_COUNT, DataType::Int64),
        required(RANGE, DataType::Int32),
        Field::new(SOURCE_POSITION, repeated(), true),
        Field::new(TARGET_POSITION, repeated(), true),
        required(FIRST_SEEN, moment.clone()),
        required(DECIDED, moment),
        required(UNTYPED, DataType::List(item_field(DataType::Struct(untyped_fields())))),
    ]);
    Schema::new(fields)
}

pub(super) fn fields_of(columns: &[NamedShape]) -> Fields {
    columns.iter().map(|c| c.shape.field(&c.name)).collect()
}

pub(super) fn item_field(of: DataType) -> Arc<Field> {
    Arc::new(Field::new("item", of, false))
}

pub(super) fn untyped_fields() -> Fields {
    ["side", "column", "type", "text"].into_iter().map(|name| Field::new(name, DataType::Utf8, false)).collect()
}
