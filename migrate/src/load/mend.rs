//! Bringing what was loaded from a snapshot that is gone to the one that is there.
//!
//! The keys that the log has between the two are all that can differ. Their rows
//! are deleted before anything else is loaded, so that no row of the past is in the
//! way of one of the present; and once all ranges are loaded they are copied from
//! the new snapshot, whatever range they are in now. Until that is done the ranges
//! stay written down as of the old snapshot: whoever is killed in between begins with
//! the same keys, and more.
//!
//! A table without a key, one that was emptied meanwhile, and one of whose keys a
//! lookup does not find what the log says is there, are loaded again as a whole.

use std::collections::BTreeSet;

use switchback_engines::sql::change;
use switchback_engines::{Engine, Event, Form, KeyValues, Position, Writer};
use switchback_replicate::failpoint::reached;

use super::error::{Error, Result};
use super::ledger::Range;
use super::plan::Job;
use super::rows::{Converter, Waiting};
use super::touched::{KeyBatch, Touched};
use super::work::{Part, Shop};

/// Reads the log from the oldest position that a range is of up to the snapshot.
pub(super) async fn touched(shop: &Shop, ranges: &[Range], incarnation: &str) -> Result<Touched> {
    let mut touched = Touched::default();
    let origin = shop.stream.origin();
    let Some(goal) = &shop.taken.position else { return Ok(touched) };
    let loaded: Vec<(&Range, &Position)> =
        ranges.iter().filter_map(|range| Some((range, &range.loaded.as_ref()?.position))).collect();
    let has_reached = |position: &Position, other: &Position| {
        origin.has_reached(position, other).ok_or_else(|| Error::State { what: format!("the position `{position}`") })
    };
    let Some((_, mut oldest)) = loaded.first().copied() else { return Ok(touched) };
    for (_, position) in &loaded {
        if has_reached(oldest, position)? {
            oldest = *position;
        }
    }
    if has_reached(oldest, goal)? {
        return Ok(touched);
    }
    let numbers: BTreeSet<i64> = loaded.iter().map(|(range, _)| range.table.number).collect();
    let wanted = |table: usize| shop.jobs.get(table).is_some_and(|job| numbers.contains(&job.numbered.number));
    // What comes of a file as one transaction are all that the reader found, and the
    // snapshot may lie in the middle of them.
    let straddles = match origin.info().engine {
        Engine::Sqlite => true,
        Engine::Postgres | Engine::MySql | Engine::SqlServer | Engine::MongoDb => false,
    };
    let request = shop.stream.capture_request().await?;
    let mut capture = origin.capture(&request, oldest, incarnation).await?;
    loop {
        for event in capture.next().await? {
            shop.counters.alive();
            let position = match event {
                Event::Begin => continue,
                Event::Change(change) => {
                    touched.note(&shop.jobs, &change, wanted)?;
                    continue;
                }
                Event::Commit { position, .. } => {
                    if has_reached(goal, &position)? {
                        touched.settle()?;
                    } else if straddles {
                        touched.settle_vaguely()?;
                    } else {
                        touched.drop_pending();
                    }
                    position
                }
                Event::Idle { position } => position,
            };
            if has_reached(&position, goal)? {
                return Ok(touched);
            }
        }
    }
}

/// Empties the tables that have to be loaded again as a whole, and deletes the
/// rows that were touched of the others.
pub(super) async fn clear(shop: &Shop, writer: &mut dyn Writer, touched: &mut Touched) -> Result<()> {
    let whole: Vec<usize> = touched.whole().collect();
    for job in whole.into_iter().filter_map(|table| shop.jobs.get(table)) {
        empty(shop, writer, job).await?;
    }
    for table in touched.tables() {
        let Some(job) = shop.jobs.get(table) else { continue };
        let converter = Converter::new(&shop.stream, job)?;
        let mut batches = touched.batches(table)?;
        while let Some(batch) = batches.next()? {
            let keys = fitting(job, &batch.keys);
            if !keys.is_empty() {
                shop.ledger.change(writer, vec![converter.delete(&keys)]).await?;
            }
            reached("mid-clearing");
            shop.counters.alive();
        }
    }
    Ok(())
}

/// Has a table loaded again.
pub(super) async fn empty(shop: &Shop, writer: &mut dyn Writer, job: &Job) -> Result<()> {
    let engine = shop.stream.sink().info().engine;
    let statements = vec![change::empty(engine, job.map.sink()), shop.ledger.reopen(job.numbered.number)];
    shop.ledger.change(writer, statements).await
}

/// Copies the rows that were touched from the snapshot. Returns the tables of which
/// that can't be done by key, which were emptied and are to be loaded again.
pub(super) async fn copy(shop: &Shop, writer: &mut dyn Writer, touched: &mut Touched) -> Result<Vec<usize>> {
    let mut again = Vec::new();
    for table in touched.tables() {
        let Some(job) = shop.jobs.get(table) else { continue };
        let converter = Converter::new(&shop.stream, job)?;
        let mut batches = touched.batches(table)?;
        while let Some(batch) = batches.next()? {
            let count = batch.keys.len() as u64;
            let copied = copy_batch(shop, writer, &converter, batch).await;
            if copied.is_err() {
                let _ = writer.run(&["ROLLBACK".to_owned()]).await;
            }
            if !copied? {
                empty(shop, writer, job).await?;
                again.push(table);
                break;
            }
            shop.counters.mended(count);
        }
    }
    Ok(again)
}

/// Whether all rows were found that must be there; nothing is done if not.
async fn copy_batch(shop: &Shop, writer: &mut dyn Writer, converter: &Converter<'_>, batch: KeyBatch) -> Result<bool> {
    let job = converter.job;
    let keys = fitting(job, &batch.keys);
    shop.ledger.open_turn(writer).await?;
    if !keys.is_empty() {
        writer.run(&[converter.delete(&keys)]).await?;
    }
    let mut reading = shop.read(job, Part::Keys(batch.keys), Form::Decoded);
    let mut found = 0;
    while let Some(batch) = reading.next().await {
        let mut waiting = Waiting::default();
        let mut statements = Vec::new();
        let mut count = 0;
        let mut flush = |rows: Vec<Vec<_>>| {
            // A key that the source takes for another's equal may be spelled otherwise
            // in what is here already.
            let keys: Vec<KeyValues> = rows.iter().map(|row| key_of(job, row)).collect();
            statements.extend([converter.delete(&keys), converter.insert(&rows)]);
        };
        converter.rows(&batch, |row| {
            count += 1;
            if waiting.add(row) || count % 200 == 0 {
                flush(waiting.take());
            }
            Ok(())
        })?;
        let rest = waiting.take();
        if !rest.is_empty() {
            flush(rest);
        }
        shop.throttle.pass(statements.iter().map(|statement| statement.len() as u64).sum()).await;
        writer.run(&statements).await?;
        found += count;
    }
    reading.end(job, found).await?;
    if found < batch.present_min as u64 {
        writer.run(&["ROLLBACK".to_owned()]).await?;
        return Ok(false);
    }
    reached("mid-mending");
    writer.run(&["COMMIT".to_owned()]).await?;
    reached("after-mending");
    Ok(true)
}

fn key_of(job: &Job, row: &[switchback_engines::OwnedValue]) -> KeyValues {
    job.key_places().iter().filter_map(|&place| row.get(place).cloned()).collect()
}

/// The keys as the sink has them, without those that it can't hold: it has no such
/// row, and one that the source still has is refused when it is copied.
fn fitting(job: &Job, keys: &[KeyValues]) -> Vec<KeyValues> {
    let fit = |key: &KeyValues| -> Option<KeyValues> {
        job.key_places().iter().zip(key).map(|(&place, value)| job.map.fit(place, value.clone()).ok()).collect()
    };
    keys.iter().filter_map(fit).collect()
}
