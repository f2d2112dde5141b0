//! Differences into record batches.

use std::sync::Arc;

use arrow_array::builder::{
    ArrayBuilder, Int32Builder, Int64Builder, ListBuilder, StringBuilder, TimestampMicrosecondBuilder,
};
use arrow_array::{ArrayRef, DictionaryArray, Int32Array, ListArray, RecordBatch, StringArray, StructArray};
use arrow_buffer::{NullBuffer, OffsetBuffer};
use arrow_schema::{ArrowError, DataType, SchemaRef};
use switchback_engines::canon::{self, Rule, cell};
use switchback_engines::{OwnedValue, Value};
use switchback_verify::{Began, Difference, TablePlan};

use super::column::{Appended, Column};
use super::layout::{self, Layout, NamedShape, NoSuchColumn};
use super::{coerce, spelling};

/// Bytes of a row beside its values: counts, times, names.
const ROW_BYTES: usize = 64;

/// A difference that the files have no place for.
#[derive(Debug, thiserror::Error)]
pub(super) enum RowError {
    #[error(transparent)]
    Plan(#[from] NoSuchColumn),

    #[error("a difference has {found} values and the plan {expected} columns")]
    Width { expected: usize, found: usize },

    #[error("the column `{column}` has too many bytes in one row")]
    TooLarge { column: String },

    #[error("a count or a range's number is too large for the file's type")]
    Count,

    #[error("the batch could not be built")]
    Arrow(#[source] ArrowError),
}

/// Collects differences of one table and turns them into record batches.
#[derive(Debug)]
pub(super) struct Rows {
    layout: Layout,
    rules: Vec<Rule>,
    run_id: String,
    began: Began,
    len: usize,
    bytes: usize,
    kind: StringBuilder,
    status: StringBuilder,
    key: Vec<Column>,
    changed: ListBuilder<StringBuilder>,
    source: Side,
    target: Side,
    source_count: Int64Builder,
    target_count: Int64Builder,
    range: Int32Builder,
    first_seen: TimestampMicrosecondBuilder,
    decided: TimestampMicrosecondBuilder,
    untyped: Untyped,
}

/// One side's row values.
#[derive(Debug)]
struct Side {
    name: &'static str,
    columns: Vec<Column>,
    present: Vec<bool>,
}

/// The list of what the typed columns can't hold.
#[derive(Debug, Default)]
struct Untyped {
    offsets: Vec<i32>,
    side: StringBuilder,
    column: StringBuilder,
    kind: StringBuilder,
    text: StringBuilder,
}

impl Rows {
    pub(super) fn new(plan: &TablePlan, run_id: &str, began: &Began) -> Result<Self, RowError> {
        let layout = Layout::of(plan)?;
        let columns = |named: &[NamedShape]| named.iter().map(|c| Column::new(c.shape)).collect::<Vec<_>>();
        let side = |name, named| Side { name, columns: columns(named), present: Vec::new() };
        let moments = || TimestampMicrosecondBuilder::new().with_timezone("UTC");
        Ok(Self {
            rules: plan.columns.iter().map(|pair| pair.rule.clone()).collect(),
            run_id: run_id.to_owned(),
            began: began.clone(),
            len: 0,
            bytes: 0,
            kind: StringBuilder::new(),
            status: StringBuilder::new(),
            key: columns(&layout.key),
            changed: ListBuilder::new(StringBuilder::new()).with_field(layout::item_field(DataType::Utf8)),
            source: side(layout::SOURCE, &layout.source),
            target: side(layout::TARGET, &layout.target),
            source_count: Int64Builder::new(),
            target_count: Int64Builder::new(),
            range: Int32Builder::new(),
            first_seen: moments(),
            decided: moments(),
            untyped: Untyped { offsets: vec![0], ..Untyped::default() },
            layout,
        })
    }

    pub(super) fn schema(&self) -> SchemaRef {
        Arc::clone(&self.layout.schema)
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// About how many bytes are held.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Adds one difference. After an error the rows can't be used any more.
    pub(super) fn push(&mut self, difference: &Difference) -> Result<(), RowError> {
        for values in [&difference.source, &difference.target].into_iter().flatten() {
            if values.len() != self.layout.source.len() {
                return Err(RowError::Width { expected: self.layout.source.len(), found: values.len() });
            }
        }
        let count = |n: u64| i64::try_from(n).map_err(|_| RowError::Count);
        self.source_count.append_value(count(difference.source_count)?);
        self.target_count.append_value(count(difference.target_count)?);
        self.range.append_value(i32::try_from(difference.range).map_err(|_| RowError::Count)?);
        self.kind.append_value(difference.kind.name());
        self.status.append_value(difference.status.name());
        self.first_seen.append_value(difference.first_seen.timestamp_micros());
        self.decided.append_value(difference.decided.timestamp_micros());
        for &i in &difference.changed {
            self.changed.values().append_value(&self.layout.source.get(i).ok_or(NoSuchColumn)?.name);
        }
        self.changed.append(true);
        self.push_key(difference)?;
        let Self { source, target, untyped, layout, .. } = self;
        self.bytes += ROW_BYTES
            + source.push(&layout.source, difference.source.as_deref(), untyped)?
            + target.push(&layout.target, difference.target.as_deref(), untyped)?;
        untyped.end_row()?;
        self.len += 1;
        Ok(())
    }

    /// The key is typed as the source's. The target's value of a row that the
    /// source lacks is written in that type where it has a meaning there.
    fn push_key(&mut self, difference: &Difference) -> Result<(), RowError> {
        let values = difference.source.as_deref().or(difference.target.as_deref());
        for (i, (column, named)) in self.key.iter_mut().zip(&self.layout.key).enumerate() {
            let Some(value) = values.and_then(|v| v.get(i)) else {
                column.append_null();
                continue;
            };
            let other = |value: &OwnedValue| match difference.source {
                Some(_) => None,
                None => coerce::to_type(named.shape.of, canonical(self.rules.get(i)?, value)?),
            };
            self.bytes += append(column, named, layout::KEY, value, other, &mut self.untyped)?;
        }
        Ok(())
    }

    /// What was pushed, as a batch; what follows begins anew.
    pub(super) fn finish(&mut self) -> Result<RecordBatch, RowError> {
        let mut columns: Vec<ArrayRef> =
            vec![repeated(Some(&self.run_id), self.len)?, Arc::new(self.kind.finish()), Arc::new(self.status.finish())];
        if !self.key.is_empty() {
            columns.push(structure(&mut self.key, &self.layout.key, None)?);
        }
        columns.push(Arc::new(self.changed.finish()));
        if !self.layout.source.is_empty() {
            columns.push(self.source.finish(&self.layout.source)?);
            columns.push(self.target.finish(&self.layout.target)?);
        }
        columns.extend([
            Arc::new(self.source_count.finish()) as ArrayRef,
            Arc::new(self.target_count.finish()),
            Arc::new(self.range.finish()),
            repeated(self.began.source_position.as_deref(), self.len)?,
            repeated(self.began.target_position.as_deref(), self.len)?,
            Arc::new(self.first_seen.finish()),
            Arc::new(self.decided.finish()),
            self.untyped.finish()?,
        ]);
        self.len = 0;
        self.bytes = 0;
        RecordBatch::try_new(self.schema(), columns).map_err(RowError::Arrow)
    }
}

/// The same text, or none, in every row.
fn repeated(text: Option<&str>, rows: usize) -> Result<ArrayRef, RowError> {
    let places = Int32Array::from(vec![text.map(|_| 0); rows]);
    let array = DictionaryArray::try_new(places, Arc::new(StringArray::from_iter_values(text)));
    Ok(Arc::new(array.map_err(RowError::Arrow)?))
}

/// The one form that values equal under `rule` have.
fn canonical(rule: &Rule, value: &OwnedValue) -> Option<OwnedValue> {
    let mut bytes = Vec::new();
    canon::encode(rule, value, &mut bytes);
    cell::decode_all(&bytes)?.into_iter().next()
}

/// Puts `value` into the column, or else what `other` makes of it, or else into
/// `untyped`. Returns the bytes that it takes.
fn append(
    column: &mut Column,
    named: &NamedShape,
    side: &'static str,
    value: &OwnedValue,
    other: impl FnOnce(&OwnedValue) -> Option<OwnedValue>,
    untyped: &mut Untyped,
) -> Result<usize, RowError> {
    let too_large = || RowError::TooLarge { column: named.name.clone() };
    let heap_bytes = match column.append(value) {
        Appended::Typed(heap_bytes) => heap_bytes,
        Appended::Full => return Err(too_large()),
        Appended::Shown(heap_bytes) => heap_bytes + untyped.push(side, &named.name, value)?,
        Appended::Unfit => match other(value).map(|other| column.append(&other)) {
            Some(Appended::Typed(heap_bytes)) => heap_bytes,
            Some(Appended::Shown(heap_bytes)) => heap_bytes + untyped.push(side, &named.name, value)?,
            Some(Appended::Full) => return Err(too_large()),
            Some(Appended::Unfit) | None => {
                column.append_null();
                untyped.push(side, &named.name, value)?
            }
        },
    };
    Ok(named.shape.of.width_bytes() + heap_bytes)
}

fn structure(columns: &mut [Column], named: &[NamedShape], nulls: Option<NullBuffer>) -> Result<ArrayRef, RowError> {
    let arrays = columns.iter_mut().map(Column::finish).collect();
    let array = StructArray::try_new(layout::fields_of(named), arrays, nulls).map_err(RowError::Arrow)?;
    Ok(Arc::new(array))
}

impl Side {
    fn push(
        &mut self,
        named: &[NamedShape],
        values: Option<&[OwnedValue]>,
        untyped: &mut Untyped,
    ) -> Result<usize, RowError> {
        self.present.push(values.is_some());
        let mut bytes = 0;
        for (i, (column, named)) in self.columns.iter_mut().zip(named).enumerate() {
            match values.and_then(|v| v.get(i)) {
                Some(value) => bytes += append(column, named, self.name, value, |_| None, untyped)?,
                None => column.append_null(),
            }
        }
        Ok(bytes)
    }

    fn finish(&mut self, named: &[NamedShape]) -> Result<ArrayRef, RowError> {
        let present = std::mem::take(&mut self.present);
        structure(&mut self.columns, named, Some(NullBuffer::from(present)))
    }
}

impl Untyped {
    fn push(&mut self, side: &str, column: &str, value: &Value<'_>) -> Result<usize, RowError> {
        // Only NULL has no spelling, and NULL fits every type.
        let (Some(kind), Some(text)) = (spelling::kind(value), spelling::text(value)) else { return Ok(0) };
        let bytes = side.len() + column.len() + kind.len() + text.len();
        if self.text.values_slice().len() + text.len() > i32::MAX as usize {
            return Err(RowError::TooLarge { column: column.to_owned() });
        }
        self.side.append_value(side);
        self.column.append_value(column);
        self.kind.append_value(kind);
        self.text.append_value(text);
        Ok(bytes)
    }

    fn end_row(&mut self) -> Result<(), RowError> {
        let end = self.side.len();
        self.offsets.push(i32::try_from(end).map_err(|_| RowError::Count)?);
        Ok(())
    }

    fn finish(&mut self) -> Result<ArrayRef, RowError> {
        let arrays: Vec<ArrayRef> = [&mut self.side, &mut self.column, &mut self.kind, &mut self.text]
            .into_iter()
            .map(|b| Arc::new(b.finish()) as ArrayRef)
            .collect();
        let fields = layout::untyped_fields();
        let items = StructArray::try_new(fields.clone(), arrays, None).map_err(RowError::Arrow)?;
        let offsets = OffsetBuffer::new(std::mem::replace(&mut self.offsets, vec![0]).into());
        let list = ListArray::try_new(layout::item_field(DataType::Struct(fields)), offsets, Arc::new(items), None);
        Ok(Arc::new(list.map_err(RowError::Arrow)?))
    }
}
