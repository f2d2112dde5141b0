//! Rows from one database to another, for tests: as the load does it, one at a time.

use switchback_engines::canon::rule::Side;
use switchback_engines::canon::{Settings, pair};
use switchback_engines::{Endpoint, OwnedValue, ReadRequest, Scope, Table, WriterOptions, fit, sql};

/// Copies what the target takes, and gives the rows that it refuses, by the value
/// of their first column.
pub(crate) async fn copy(
    source: &dyn Endpoint,
    target: &dyn Endpoint,
    from: &Table,
    to: &Table,
) -> (usize, Vec<OwnedValue>) {
    let columns: Vec<usize> = (0..from.columns.len()).collect();
    let side = |end: &dyn Endpoint| (end.info().engine, end.info().flavor);
    let rules: Vec<_> = from
        .columns
        .iter()
        .zip(&to.columns)
        .map(|(a, b)| {
            let ((ae, af), (be, bf)) = (side(source), side(target));
            let (a, b) = (Side { engine: ae, flavor: af, column: a }, Side { engine: be, flavor: bf, column: b });
            pair(a, b, &Settings::default()).unwrap_or_else(|e| panic!("{}: {e}", from.name)).rule
        })
        .collect();
    let decoder = source.decoder(from, &columns).unwrap();
    let (send, mut receive) = tokio::sync::mpsc::channel(8);
    let request = ReadRequest { table: from, columns: &columns, scope: Scope::All, filter: None };
    let mut rows: Vec<Vec<OwnedValue>> = Vec::new();
    let (read, ()) = tokio::join!(source.read(request, send), async {
        while let Some(batch) = receive.recv().await {
            decoder.decode(&batch, &mut |row| rows.push(row.iter().map(|v| v.clone().into_owned()).collect())).unwrap();
        }
    });
    read.unwrap();
    let (engine, flavor) = side(target);
    let insert = sql::change::Rows { engine, flavor, table: to, columns: &columns, identity: &[] };
    let mut writer = target.writer(&WriterOptions::default()).await.unwrap();
    let (mut copied, mut refused) = (0, Vec::new());
    for row in &rows {
        let fitted: Result<Vec<OwnedValue>, _> = row
            .iter()
            .zip(&rules)
            .zip(&to.columns)
            .map(|((value, rule), column)| fit::fit(engine, rule, column, value, false))
            .collect();
        let Ok(fitted) = fitted else {
            refused.push(row[0].clone());
            continue;
        };
        let cells: Vec<Option<&OwnedValue>> = fitted.iter().map(Some).collect();
        // What only the server knows to refuse, it refuses.
        let statements = ["BEGIN".to_owned(), insert.insert(&[&cells])];
        let (end, taken) = match writer.run(&statements).await {
            Ok(_) => ("COMMIT", true),
            Err(_) => ("ROLLBACK", false),
        };
        writer.run(&[end.to_owned()]).await.unwrap();
        if taken {
            copied += 1;
        } else {
            refused.push(row[0].clone());
        }
    }
    (copied, refused)
}
