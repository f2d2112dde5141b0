//! Differences in the words of the data.

use std::collections::BTreeMap;

use switchback_engines::{Value, display};
use switchback_verify::{Difference, Kind, Status, TablePlan};

use crate::collect::Found;

/// The differences of each table, by its name.
pub(super) fn by_table(found: &Found) -> BTreeMap<&str, Vec<(&TablePlan, &Difference)>> {
    let mut tables: BTreeMap<&str, Vec<(&TablePlan, &Difference)>> = BTreeMap::new();
    for (plan, difference) in found {
        tables.entry(&plan.source.name.name).or_default().push((plan, difference));
    }
    tables
}

/// The number of a row, which is its key.
pub(super) fn id(difference: &Difference) -> Option<usize> {
    match row(difference).first() {
        Some(Value::Int(id)) => usize::try_from(*id).ok(),
        _ => None,
    }
}

/// `changed 7 [v]`, `source_only a`, `target_only 1, x 0/2`: the kind, the key
/// (all values without one), the columns of a changed row, and how often each
/// side has the row where that is not once.
pub(super) fn spell(plan: &TablePlan, difference: &Difference) -> String {
    let len = if plan.key_len == 0 { plan.columns.len() } else { plan.key_len };
    let key: Vec<String> = row(difference).iter().take(len).map(text).collect();
    let mut spelled = format!("{} {}", difference.kind.name(), key.join(", "));
    if difference.kind == Kind::Changed {
        let names = difference.changed.iter().map(|&at| plan.source_column(&plan.columns[at]).unwrap().name.as_str());
        spelled.push_str(&format!(" [{}]", names.collect::<Vec<_>>().join(", ")));
    }
    let counts = (difference.source_count, difference.target_count);
    if counts.0 > 1 || counts.1 > 1 {
        spelled.push_str(&format!(" {}/{}", counts.0, counts.1));
    }
    if difference.status != Status::Confirmed {
        spelled.push_str(" (unresolved)");
    }
    spelled
}

pub(super) fn text(value: &Value<'_>) -> String {
    display::text(value).unwrap_or_else(|| "NULL".to_owned())
}

fn row(difference: &Difference) -> &[Value<'static>] {
    difference.source.as_deref().or(difference.target.as_deref()).unwrap_or_default()
}
