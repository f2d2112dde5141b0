//! Differences written as Parquet and read back.

use std::fs;
use std::path::Path;

use switchback_engines::{Decimal, Engine, Logical, OwnedValue, Value};
use switchback_reports::parquet::{self, Limits, ParquetSink};
use switchback_verify::{Began, Difference, DifferenceSink, Kind, Status, TableOutcome};

use crate::build::{self, INT, TEXT, changed, column, plan, required, source_only, table, target_only, text};
use crate::every_type::{self, Case};

fn read(run_dir: &Path, outcome: &TableOutcome) -> Vec<Difference> {
    parquet::differences(run_dir, outcome).unwrap().map(Result::unwrap).collect()
}

/// The same value, whatever the scale it is written with. NaN is itself.
fn same(a: &OwnedValue, b: &OwnedValue) -> bool {
    match (a, b) {
        (Value::Decimal(a), Value::Decimal(b)) if a.shortest().is_some() => a.shortest() == b.shortest(),
        (Value::F64(a), Value::F64(b)) => a.to_bits() == b.to_bits(),
        _ => a == b,
    }
}

fn assert_same(written: &[Difference], read: &[Difference]) {
    assert_eq!(written.len(), read.len());
    for (a, b) in written.iter().zip(read) {
        let values = |d: &Difference| [d.source.clone(), d.target.clone()];
        for (a, b) in values(a).into_iter().zip(values(b)) {
            assert_eq!(a.is_some(), b.is_some());
            for (a, b) in a.iter().flatten().zip(b.iter().flatten()) {
                assert!(same(a, b), "{a:?} came back as {b:?}");
            }
        }
        let rest = |d: &Difference| Difference { source: None, target: None, ..d.clone() };
        assert_eq!(rest(a), rest(b));
    }
}

/// One changed row for each value of each case: that value on the source's
/// side, and NULL everywhere else.
fn one_row_a_value(cases: &[Case]) -> Vec<Difference> {
    let mut rows = Vec::new();
    for (i, case) in cases.iter().enumerate() {
        for value in case.typed.iter().chain(&case.untyped) {
            let mut source = vec![Value::Null; cases.len() + 1];
            source[0] = Value::Int(rows.len().try_into().unwrap());
            let target = source.clone();
            source[i + 1] = value.clone();
            rows.push(changed(&[i + 1], source, target));
        }
    }
    rows
}

#[test]
fn every_value_of_every_type_comes_back() {
    for (engine, cases) in [
        (Engine::Postgres, every_type::server_cases()),
        (Engine::MySql, every_type::server_cases()),
        (Engine::Sqlite, every_type::sqlite_cases()),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let plan = every_type::plan_of(engine, &cases);
        let rows = one_row_a_value(&cases);
        let outcome = build::write(&ParquetSink::new(folder.path(), "run"), &plan, &rows);
        assert_same(&rows, &read(folder.path(), &outcome));
    }
}

/// The Arrow types and nulls as another reader sees them.
#[test]
fn a_value_is_in_its_field_or_in_untyped() {
    use arrow_array::cast::AsArray;
    use arrow_array::{Array, RecordBatch};

    for (engine, cases) in
        [(Engine::Postgres, every_type::server_cases()), (Engine::Sqlite, every_type::sqlite_cases())]
    {
        let folder = tempfile::tempdir().unwrap();
        let plan = every_type::plan_of(engine, &cases);
        let rows = one_row_a_value(&cases);
        let outcome = build::write(&ParquetSink::new(folder.path(), "run"), &plan, &rows);
        let file = fs::File::open(folder.path().join(&outcome.files[0])).unwrap();
        let reader = ::parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder::try_new(file).unwrap();
        let batches: Vec<RecordBatch> = reader.with_batch_size(10_000).build().unwrap().map(Result::unwrap).collect();
        let batch = &batches[0];
        let source = batch.column_by_name("source").unwrap().as_struct();
        let untyped = batch.column_by_name("untyped").unwrap().as_list::<i32>();
        let mut row = 0;
        for case in &cases {
            let field = source.column_by_name(case.name).unwrap();
            for (i, value) in case.typed.iter().chain(&case.untyped).enumerate() {
                let is_typed = i < case.typed.len();
                assert_eq!(!field.is_null(row), is_typed, "{}: {value:?}", case.name);
                assert_eq!(untyped.value(row).len(), usize::from(!is_typed), "{}: {value:?}", case.name);
                row += 1;
            }
        }
        assert_eq!(row, rows.len());
    }
}

#[test]
fn columns_have_the_types_of_their_tables() {
    let folder = tempfile::tempdir().unwrap();
    let cases = every_type::server_cases();
    let plan = every_type::plan_of(Engine::Postgres, &cases);
    let rows = one_row_a_value(&cases);
    let outcome = build::write(&ParquetSink::new(folder.path(), "run"), &plan, &rows);
    let file = fs::File::open(folder.path().join(&outcome.files[0])).unwrap();
    let reader = ::parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder::try_new(file).unwrap();
    let arrow_schema::DataType::Struct(fields) = reader.schema().field_with_name("source").unwrap().data_type() else {
        panic!("no struct")
    };
    let types: Vec<String> = fields.iter().map(|f| format!("{}: {}", f.name(), f.data_type())).collect();
    insta::assert_snapshot!(types.join("\n"), @r#"
    id: Int64
    bool: Boolean
    i8: Int8
    i16: Int16
    i24: Int32
    i32: Int32
    i64: Int64
    u8: UInt8
    u16: UInt16
    u32: UInt32
    u64: UInt64
    dec12_2: Decimal128(12, 2)
    dec3_5: Decimal128(5, 5)
    dec65_30: Decimal256(65, 30)
    dec_any: Utf8
    f32: Float32
    f64: Float64
    char: Utf8
    text: Utf8
    binary: Binary
    bytes: Binary
    date: Date32
    time: Time64(µs)
    timetz: Utf8
    timestamp: Timestamp(µs)
    instant: Timestamp(µs, "UTC")
    year: Int32
    interval: Utf8
    uuid: FixedSizeBinary(16)
    json: Utf8
    enum: Utf8
    set: Utf8
    bits: Utf8
    network: Utf8
    "#);
    let uuid = fields.iter().find(|f| f.name() == "uuid").unwrap();
    assert_eq!(uuid.extension_type_name(), Some("arrow.uuid"));
    let footer = reader.metadata().file_metadata().key_value_metadata().unwrap().clone();
    let footer: Vec<String> = footer
        .iter()
        .filter(|kv| kv.key.starts_with("switchback."))
        .map(|kv| format!("{} = {}", kv.key, kv.value.as_deref().unwrap_or_default()))
        .collect();
    insta::assert_snapshot!(footer.join("\n"), @r#"
    switchback.schema_version = 1
    switchback.tool_version = 0.1.0
    switchback.run_id = run
    switchback.source_engine = PostgreSQL
    switchback.target_engine = PostgreSQL
    switchback.source_table = public.every_type
    switchback.target_table = public.every_type
    switchback.policies = decimal_scale,negative_zero,char_padding,binary_padding,json_meaning,set_members
    "#);
}

#[test]
fn keys_have_the_sources_type_whichever_side_has_the_row() {
    let uuid = "0188b9a2-0000-7000-8000-0123456789ab";
    let id = |logical| required("id", "id", logical);
    let n = |logical| required("n", "n", logical);
    let source = table(None, "t", vec![id(Logical::Char { chars_max: 36 }), n(INT)], &[0, 1]);
    let target = table(
        None,
        "t",
        vec![id(Logical::Binary { bytes: 16 }), n(Logical::Decimal { precision: Some(38), scale: 0 })],
        &[0, 1],
    );
    let mut plan = plan(Engine::Postgres, source, Engine::MySql, target_as_text(&target));
    plan.target = target;
    plan.columns[0].rule = switchback_engines::canon::Rule::Uuid;
    let bytes = switchback_engines::canon::text::uuid(uuid).unwrap();
    let rows = [
        target_only(vec![Value::Bytes(bytes.to_vec().into()), Value::Decimal(Decimal::parse("42").unwrap())]),
        source_only(vec![text(uuid), Value::Int(42)]),
    ];
    let folder = tempfile::tempdir().unwrap();
    let outcome = build::write(&ParquetSink::new(folder.path(), "run"), &plan, &rows);
    let keys = keys_of(&folder.path().join(&outcome.files[0]));
    assert_eq!(keys, [(uuid.to_owned(), 42), (uuid.to_owned(), 42)]);
    assert_same(&rows, &read(folder.path(), &outcome));
}

/// CHAR against BINARY is compared as UUID by a person's choice, not by rule.
fn target_as_text(target: &switchback_engines::Table) -> switchback_engines::Table {
    let mut target = target.clone();
    target.columns[0].logical = Some(Logical::Char { chars_max: 36 });
    target
}

fn keys_of(path: &Path) -> Vec<(String, i64)> {
    use arrow_array::cast::AsArray;
    use arrow_array::types::Int64Type;

    let file = fs::File::open(path).unwrap();
    let reader = ::parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder::try_new(file).unwrap();
    let batch = reader.build().unwrap().next().unwrap().unwrap();
    let key = batch.column_by_name("key").unwrap().as_struct();
    let ids = key.column_by_name("id").unwrap().as_string::<i32>();
    let numbers = key.column_by_name("n").unwrap().as_primitive::<Int64Type>();
    ids.iter().zip(numbers.iter()).map(|(id, n)| (id.unwrap().to_owned(), n.unwrap())).collect()
}

#[test]
fn a_table_without_key_has_no_key_column_and_counts_duplicates() {
    let keyless = table(Some("s"), "log", vec![column("line", "text", TEXT)], &[]);
    let plan = plan(Engine::Postgres, keyless.clone(), Engine::Postgres, keyless);
    let rows = [
        Difference { source_count: 5, target_count: 2, ..source_only(vec![text("a")]) },
        Difference { source_count: 0, target_count: u64::from(u32::MAX) * 2, ..target_only(vec![Value::Null]) },
        Difference { status: Status::Unresolved, kind: Kind::KeyCollision, ..source_only(vec![text("b")]) },
    ];
    let folder = tempfile::tempdir().unwrap();
    let outcome = build::write(&ParquetSink::new(folder.path(), "run"), &plan, &rows);
    assert_same(&rows, &read(folder.path(), &outcome));
    let file = fs::File::open(folder.path().join(&outcome.files[0])).unwrap();
    let reader = ::parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder::try_new(file).unwrap();
    assert!(reader.schema().field_with_name("key").is_err());
}

fn small(name: &str) -> switchback_verify::TablePlan {
    let small = table(Some("s"), name, vec![required("id", "bigint", INT), column("v", "text", TEXT)], &[0]);
    plan(Engine::Postgres, small.clone(), Engine::MySql, small)
}

fn rows(count: i64) -> Vec<Difference> {
    (0..count).map(|i| source_only(vec![Value::Int(i), text(&format!("value {i}"))])).collect()
}

/// All files below the folder, by their paths from it.
fn files_below(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                found.push(path.strip_prefix(folder).unwrap().to_str().unwrap().to_owned());
            }
        }
    }
    found.sort();
    found
}

#[test]
fn an_equal_table_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let sink = ParquetSink::new(folder.path(), "run");
    assert_eq!(sink.open(&small("t"), &Began::default()).unwrap().finish().unwrap(), Vec::<std::path::PathBuf>::new());
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn every_difference_says_where_the_logs_stood() {
    use arrow_array::cast::AsArray;
    use arrow_array::{Array, types::Int32Type};

    let folder = tempfile::tempdir().unwrap();
    let sink = ParquetSink::new(folder.path(), "run");
    // A file has no log.
    let began = Began { source_position: Some("0/16B3748".to_owned()), target_position: None };
    let mut writer = sink.open(&small("t"), &began).unwrap();
    writer.write(&rows(3)).unwrap();
    let files = writer.finish().unwrap();
    let file = fs::File::open(folder.path().join(&files[0])).unwrap();
    let reader = ::parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder::try_new(file).unwrap();
    let batch = reader.build().unwrap().next().unwrap().unwrap();
    let source = batch.column_by_name("source_position").unwrap().as_dictionary::<Int32Type>();
    let texts: Vec<Option<&str>> = source.downcast_dict::<arrow_array::StringArray>().unwrap().into_iter().collect();
    assert_eq!(texts, [Some("0/16B3748"); 3]);
    assert_eq!(batch.column_by_name("target_position").unwrap().null_count(), 3);
}

#[test]
fn files_roll_over_and_keep_their_order() {
    let folder = tempfile::tempdir().unwrap();
    let limits = Limits { batch_bytes: 1_000, row_group_bytes: 20_000, file_bytes: 8_000 };
    let rows = rows(10_000);
    let outcome = build::write(&ParquetSink::new(folder.path(), "run").with_limits(limits), &small("t"), &rows);
    assert!(outcome.files.len() > 3, "{:?}", outcome.files);
    assert_eq!(outcome.files[1], "differences/s.t/part-00001.parquet");
    assert_eq!(files_below(folder.path()), outcome.files);
    assert_same(&rows, &read(folder.path(), &outcome));
}

#[test]
fn nothing_has_its_name_before_all_of_it_has() {
    let folder = tempfile::tempdir().unwrap();
    let limits = Limits { batch_bytes: 1_000, row_group_bytes: 20_000, file_bytes: 8_000 };
    let sink = ParquetSink::new(folder.path(), "run").with_limits(limits);
    let mut writer = sink.open(&small("t"), &Began::default()).unwrap();
    writer.write(&rows(10_000)).unwrap();
    let files = files_below(folder.path());
    assert!(files.len() > 3 && files.iter().all(|f| f.ends_with(".partial")), "{files:?}");
    drop(writer);
    assert_eq!(files_below(folder.path()), Vec::<String>::new());
}

#[test]
fn a_second_attempt_replaces_the_first() {
    let folder = tempfile::tempdir().unwrap();
    let limits = Limits { batch_bytes: 1_000, row_group_bytes: 20_000, file_bytes: 8_000 };
    let sink = ParquetSink::new(folder.path(), "run").with_limits(limits);
    let first = build::write(&sink, &small("t"), &rows(10_000));
    // As a killed process leaves it.
    fs::write(folder.path().join("differences/s.t/part-00099.parquet.partial"), "half").unwrap();
    let second = build::write(&sink, &small("t"), &rows(3));
    assert!(first.files.len() > 1);
    assert_eq!(files_below(folder.path()), second.files);
    assert_same(&rows(3), &read(folder.path(), &second));
    // And one that finds nothing leaves nothing.
    build::write(&sink, &small("t"), &[]);
    assert_eq!(files_below(folder.path()), Vec::<String>::new());
}

#[test]
fn tables_never_share_a_folder() {
    let folder = tempfile::tempdir().unwrap();
    let sink = ParquetSink::new(folder.path(), "run");
    let mut other_target = small("t");
    other_target.target.name.name = "t_copy".to_owned();
    let plans = [small("t"), small("T"), other_target, small("t.x"), small("t/x")];
    let outcomes: Vec<TableOutcome> = plans.iter().map(|plan| build::write(&sink, plan, &rows(1))).collect();
    let mut files: Vec<&str> = outcomes.iter().flat_map(|o| &o.files).map(String::as_str).collect();
    files.sort_unstable();
    assert_eq!(files_below(folder.path()), files);
    files.dedup();
    assert_eq!(files.len(), plans.len());
}

#[test]
fn a_difference_that_is_not_of_the_plan_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let sink = ParquetSink::new(folder.path(), "run");
    for wrong in [
        source_only(vec![Value::Int(1)]),
        changed(&[9], vec![Value::Int(1), text("a")], vec![Value::Int(1), text("b")]),
    ] {
        let mut writer = sink.open(&small("t"), &Began::default()).unwrap();
        assert!(writer.write(&[wrong]).is_err());
    }
}

#[test]
fn damaged_and_foreign_files_are_errors() {
    let folder = tempfile::tempdir().unwrap();
    let outcome = build::write(&ParquetSink::new(folder.path(), "run"), &small("t"), &rows(100));
    let path = folder.path().join(&outcome.files[0]);
    let whole = fs::read(&path).unwrap();
    let mut of_other_plan = outcome.clone();
    of_other_plan.plan = Some(small_with_other_type());
    let first = |outcome: &TableOutcome| parquet::differences(folder.path(), outcome).unwrap().next().unwrap();
    assert!(matches!(first(&of_other_plan), Err(switchback_reports::Error::Malformed { .. })));
    for cut in [0, 10, whole.len() / 2, whole.len() - 1] {
        fs::write(&path, &whole[..cut]).unwrap();
        assert!(matches!(first(&outcome), Err(switchback_reports::Error::Malformed { .. })), "{cut}");
    }
    fs::remove_file(&path).unwrap();
    assert!(matches!(first(&outcome), Err(switchback_reports::Error::Read { .. })));
}

fn small_with_other_type() -> switchback_verify::TablePlan {
    let small = table(Some("s"), "t", vec![required("id", "bigint", INT), column("v", "int", INT)], &[0]);
    plan(Engine::Postgres, small.clone(), Engine::MySql, small)
}
