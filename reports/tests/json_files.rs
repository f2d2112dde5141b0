//! `summary.json` and `certificate.json`.

use std::fs;

use switchback_reports::{Error, certificate, summary};
use switchback_verify::Kind;
use switchback_verify::outcome::{Stop, Verdict};

use crate::sample_run::mixed;

#[test]
fn a_summary_comes_back_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let mut outcome = mixed(folder.path());
    outcome.stopped = Some(Stop::MaxTime);
    let path = summary::write(folder.path(), &outcome).unwrap();
    assert_eq!(path, folder.path().join("summary.json"));
    assert_eq!(summary::read(folder.path()).unwrap(), outcome);
}

#[test]
fn a_later_summary_is_refused_with_both_versions() {
    let folder = tempfile::tempdir().unwrap();
    let mut outcome = mixed(folder.path());
    outcome.schema_version = 2;
    summary::write(folder.path(), &outcome).unwrap();
    let error = summary::read(folder.path()).unwrap_err();
    assert!(matches!(error, Error::Newer { found: 2, known: 1, .. }), "{error:?}");
    assert!(error.to_string().ends_with("summary.json is in format 2; this version knows up to 1"), "{error}");
    assert!(error.hint().is_some());
}

#[test]
fn a_certificate_says_what_was_not_covered() {
    let folder = tempfile::tempdir().unwrap();
    let mut outcome = mixed(folder.path());
    outcome.stopped = Some(Stop::Interrupted);
    certificate::write(folder.path(), &outcome).unwrap();
    let certificate = certificate::read(folder.path()).unwrap();
    assert_eq!(certificate, certificate::certify(&outcome));
    let lines: Vec<String> = certificate
        .not_covered
        .iter()
        .map(|gap| {
            let what = serde_json::to_value(gap.what).unwrap();
            let place =
                [gap.table.as_deref(), gap.side.map(switchback_verify::outcome::Side::name), gap.column.as_deref()];
            format!("{} {}: {}", what.as_str().unwrap(), place.map(|p| p.unwrap_or("*")).join(" "), gap.why)
        })
        .collect();
    insta::assert_snapshot!(lines.join("\n"), @r#"
    objects * * *: only the tables listed here were compared: rows, columns, their types and nullability, and keys; not other tables, indexes, other constraints, defaults, sequences, views, triggers, routines or grants
    rows * * *: the run was interrupted
    column public.orders target updated_at: ignored by the configuration
    rows public.orders * *: 1 rows differed and kept changing, or could not be read again: they may or may not be equal
    rows public.events * *: a random sample of about 10.0 % was asked for: 40 of 400 ranges were compared
    values public.log * *: the rows were counted and not compared
    rows public.customers source *: only rows that meet the filter `tenant = 4`
    rows public.customers target *: only rows that meet the filter `tenant_id = 4`
    rows public.payments * *: 2 of 4 ranges were compared
    rows public.payments * *: reading `public.payments` failed: connection reset
    table public.drafts * *: the target has no such table
    table public.secret_0 * *: permission denied
    table public.secret_1 * *: permission denied
    table public.secret_2 * *: permission denied
    table public.secret_3 * *: permission denied
    table public.secret_4 * *: permission denied
    "#);
    insta::assert_snapshot!(certificate.statement, @r#"Not everything was compared or decided: 8 of 21 tables are incomplete. 6 differing rows were confirmed."#);
    let complete: Vec<bool> = certificate.tables.iter().map(|t| t.coverage.complete).collect();
    assert_eq!(complete.iter().filter(|&&c| c).count(), 12, "two that differ, nine that are equal, one with a filter");
}

#[test]
fn a_certificate_names_every_number() {
    let folder = tempfile::tempdir().unwrap();
    let mut outcome = mixed(folder.path());
    outcome.tables.truncate(1);
    outcome.verdict = Verdict::Incomplete;
    certificate::write(folder.path(), &outcome).unwrap();
    let text = fs::read_to_string(folder.path().join("certificate.json")).unwrap();
    insta::assert_snapshot!(text, @r#"
    {
      "schema_version": 1,
      "tool": {
        "name": "switchback",
        "version": "0.1.0"
      },
      "run_id": "2026-11-21T10-00-00-7f3a",
      "started": "2026-11-21T10:00:00.123456Z",
      "finished": "2026-11-21T10:01:05.555456Z",
      "source": {
        "product": "PostgreSQL",
        "version": "15.18",
        "location": "db1:5432/shop"
      },
      "target": {
        "product": "MariaDB",
        "version": "10.11.19-MariaDB",
        "location": "db2:3306/shop"
      },
      "verdict": "incomplete",
      "statement": "Not everything was compared or decided: 1 of 1 table is incomplete. 5 differing rows were confirmed.",
      "stopped": null,
      "hash": {
        "algorithm": "BLAKE3-128, keyed",
        "key_id": "0011223344556677",
        "cell_format": 1
      },
      "totals": {
        "tables": 1,
        "tables_equal": 0,
        "tables_without_difference_found": 0,
        "tables_different": 0,
        "tables_incomplete": 1,
        "source_rows": 1234567,
        "target_rows": 1234566,
        "differences": 5,
        "unresolved": 1,
        "within_tolerance": 0
      },
      "policies": [
        {
          "policy": "decimal_scale",
          "meaning": "1.10 equals 1.1: a decimal's scale is not part of its value",
          "origin": "default"
        }
      ],
      "not_covered": [
        {
          "what": "objects",
          "table": null,
          "side": null,
          "column": null,
          "why": "only the tables listed here were compared: rows, columns, their types and nullability, and keys; not other tables, indexes, other constraints, defaults, sequences, views, triggers, routines or grants"
        },
        {
          "what": "column",
          "table": "public.orders",
          "side": "target",
          "column": "updated_at",
          "why": "ignored by the configuration"
        },
        {
          "what": "rows",
          "table": "public.orders",
          "side": null,
          "column": null,
          "why": "1 rows differed and kept changing, or could not be read again: they may or may not be equal"
        }
      ],
      "tables": [
        {
          "source": "public.orders",
          "target": "shop.orders",
          "verdict": "incomplete",
          "method": "keyed",
          "key": [
            "id"
          ],
          "source_rows": 1234567,
          "target_rows": 1234566,
          "coverage": {
            "complete": true,
            "sampled": null,
            "ranges_total": 4,
            "ranges_done": 4
          },
          "columns": [
            {
              "source": "id",
              "target": "id",
              "source_type": "bigint",
              "target_type": "bigint",
              "rule": "as exact numbers",
              "policies": [],
              "strict": [],
              "tolerance": null,
              "changed": 0,
              "within_tolerance": 0
            },
            {
              "source": "status",
              "target": "status",
              "source_type": "varchar(20)",
              "target_type": "varchar(20)",
              "rule": "as text, character by character",
              "policies": [],
              "strict": [],
              "tolerance": null,
              "changed": 2,
              "within_tolerance": 0
            },
            {
              "source": "total",
              "target": "total",
              "source_type": "decimal",
              "target_type": "decimal",
              "rule": "as exact numbers",
              "policies": [
                "decimal_scale"
              ],
              "strict": [],
              "tolerance": null,
              "changed": 1,
              "within_tolerance": 0
            },
            {
              "source": "note",
              "target": "note",
              "source_type": "text",
              "target_type": "text",
              "rule": "as text, character by character",
              "policies": [],
              "strict": [],
              "tolerance": null,
              "changed": 2,
              "within_tolerance": 0
            }
          ],
          "excluded": [
            {
              "side": "target",
              "column": "updated_at",
              "why": "ignored by the configuration"
            }
          ],
          "policies": [
            {
              "policy": "decimal_scale",
              "meaning": "1.10 equals 1.1: a decimal's scale is not part of its value",
              "origin": "default"
            }
          ],
          "source_filter": null,
          "target_filter": null,
          "source_positions": {
            "start": "0/16B3748",
            "end": "0/16B4000"
          },
          "target_positions": {
            "start": null,
            "end": null
          },
          "structure": [
            {
              "kind": "type",
              "column": "total",
              "source": "numeric(12,2)",
              "target": "decimal(12,4)"
            }
          ],
          "differences": {
            "source_only": 1,
            "target_only": 1,
            "changed": 3,
            "key_collision": 0
          },
          "unresolved": 1,
          "in_sync": 3,
          "within_tolerance": 0,
          "problems": [],
          "elapsed_ms": 1234,
          "files": [
            "differences/public.orders/part-00000.parquet"
          ]
        }
      ]
    }
    "#);
    let certificate = certificate::read(folder.path()).unwrap();
    assert_eq!(certificate.tables[0].differences[&Kind::KeyCollision], 0);
}
