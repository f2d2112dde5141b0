//! How far the clocks of the two ends are apart.
//!
//! Nothing that is moved hangs on it: positions are no times, and how far a stream is
//! behind is told by one clock. But applications put times of the one server beside
//! those of the other as soon as they are switched over.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use switchback_engines::Engine;

use super::item::{Direction, End, Grade, Item, Report};
use super::{CheckError, Checked};

const ITEM: &str = "clocks";
/// More than NTP leaves, and than an answer takes.
const MAY_DIFFER: f64 = 2.0;

/// How far a server's clock is before ours, in seconds, and how exactly that is known.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Reading {
    ahead: f64,
    exact_to: f64,
}

pub(super) async fn check(source: Checked<'_>, target: Checked<'_>, report: &mut Report) -> Result<(), CheckError> {
    let (here, there) = (read(End::Source, source).await?, read(End::Target, target).await?);
    let (grade, found) = judged(here, there);
    report.items.push(Item {
        end: End::Target,
        direction: Direction::Forward,
        item: ITEM,
        grade,
        found,
        why: "times that applications write jump when they are switched over",
        remedy: (grade != Grade::Pass).then(|| "set both machines' clocks by the same time servers".to_owned()),
    });
    Ok(())
}

async fn read(end: End, checked: Checked<'_>) -> Result<Option<Reading>, CheckError> {
    let question = match checked.endpoint.info().engine {
        Engine::Postgres => "SELECT extract(epoch FROM clock_timestamp())::text",
        // Not NOW(), which a session can set.
        Engine::MySql => "SELECT UNIX_TIMESTAMP(SYSDATE(6))",
        // Its clock is ours.
        Engine::Sqlite => return Ok(Some(Reading { ahead: 0.0, exact_to: 0.0 })),
        Engine::SqlServer | Engine::MongoDb => return Ok(None),
    };
    // The first one may have to connect.
    let mut best: Option<Reading> = None;
    for _ in 0..3 {
        let before = now();
        let rows = checked.endpoint.look("reading the clock", question).await;
        let rows = rows.map_err(|error| CheckError { end, item: ITEM, source: Box::new(error) })?;
        let after = now();
        let text = rows.into_iter().next().and_then(|row| row.into_iter().next()).flatten();
        let Some(theirs) = text.and_then(|text| text.parse::<f64>().ok()) else { return Ok(None) };
        let reading = Reading { ahead: theirs - f64::midpoint(before, after), exact_to: (after - before) / 2.0 };
        if best.is_none_or(|best| reading.exact_to < best.exact_to) {
            best = Some(reading);
        }
    }
    Ok(best)
}

fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO).as_secs_f64()
}

fn judged(source: Option<Reading>, target: Option<Reading>) -> (Grade, String) {
    let (Some(source), Some(target)) = (source, target) else {
        return (Grade::Warn, "not known: a server does not tell the time".to_owned());
    };
    let apart = (target.ahead - source.ahead).abs();
    let exact_to = source.exact_to + target.exact_to;
    let grade = if apart - exact_to > MAY_DIFFER { Grade::Warn } else { Grade::Pass };
    let which = if target.ahead > source.ahead { "ahead of" } else { "behind" };
    if grade == Grade::Pass {
        return (grade, format!("apart by at most {:.1} s", apart + exact_to));
    }
    (grade, format!("the target's is {apart:.1} s {which} the source's"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clocks_that_are_apart_by_more_than_an_answer_takes_are_told() {
        let at = |ahead: f64, exact_to: f64| Some(Reading { ahead, exact_to });
        assert_eq!(judged(at(0.0, 0.1), at(1.9, 0.1)), (Grade::Pass, "apart by at most 2.1 s".to_owned()));
        assert_eq!(judged(at(0.0, 0.1), at(-9.0, 0.1)).0, Grade::Warn);
        assert_eq!(judged(at(3.0, 0.1), at(1_000.0, 0.1)).1, "the target's is 997.0 s ahead of the source's");
        // Who answers late is not said to be wrong.
        assert_eq!(judged(at(0.0, 5.0), at(4.0, 0.1)).0, Grade::Pass);
        assert_eq!(judged(None, at(0.0, 0.1)).0, Grade::Warn);
    }
}
