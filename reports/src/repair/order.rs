//! In which order tables are written, by the target's foreign keys.
//!
//! Rows go children first and come parents first. One thing breaks that rule: a
//! child that is updated to another parent still refers to the old one while the
//! rows to delete go, so that the `DELETE` fails or, worse, takes the child with
//! it (`ON DELETE CASCADE`). The old parent's table, and what that refers to in
//! turn, deletes last.

use std::collections::HashMap;

use switchback_engines::TableRef;
use switchback_verify::TableOutcome;
use switchback_verify::TablePlan;

/// The order of some tables, by their positions.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Order {
    /// Parents before children.
    pub(super) parents_first: Vec<usize>,
    /// Tables of which no order is right: they refer to themselves or to one
    /// another in a circle, or are between two that do.
    pub(super) cyclic: Vec<usize>,
    /// Tables that delete after all updates and inserts.
    pub(super) delete_last: Vec<usize>,
}

/// A foreign key from one of the tables to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Edge {
    child: usize,
    parent: usize,
    /// Whether rows of the child are given another parent.
    moves: bool,
}

pub(super) fn order(tables: &[(&TableOutcome, &TablePlan)]) -> Order {
    let edges = edges(tables);
    let (parents_first, cyclic) = sort(tables.len(), &edges);
    let mut delete_last = vec![false; tables.len()];
    for edge in edges.iter().filter(|edge| edge.moves) {
        mark_with_parents(edge.parent, &edges, &mut delete_last);
    }
    let delete_last = (0..tables.len()).filter(|&i| delete_last.get(i).copied().unwrap_or(false)).collect();
    Order { parents_first, cyclic, delete_last }
}

fn edges(tables: &[(&TableOutcome, &TablePlan)]) -> Vec<Edge> {
    let positions: HashMap<&TableRef, usize> =
        tables.iter().enumerate().map(|(i, (_, plan))| (&plan.target.name, i)).collect();
    let mut edges = Vec::new();
    for (child, (outcome, plan)) in tables.iter().enumerate() {
        for foreign_key in &plan.target.foreign_keys {
            let Some(&parent) = positions.get(&foreign_key.parent) else { continue };
            let moves = outcome.columns.iter().any(|c| c.changed > 0 && foreign_key.columns.contains(&c.target));
            edges.push(Edge { child, parent, moves });
        }
    }
    edges
}

/// Takes away what has no parent left, then what has no child left; what remains
/// are the circles and what lies between them.
fn sort(count: usize, edges: &[Edge]) -> (Vec<usize>, Vec<usize>) {
    let mut left: Vec<usize> = (0..count).collect();
    let first = peel(&mut left, edges, |edge| (edge.child, edge.parent));
    let mut last = peel(&mut left, edges, |edge| (edge.parent, edge.child));
    last.reverse();
    let mut cyclic = left.clone();
    cyclic.extend(edges.iter().filter(|e| e.child == e.parent).map(|e| e.child));
    cyclic.sort_unstable();
    cyclic.dedup();
    ([first, left, last].concat(), cyclic)
}

/// Removes from `left`, again and again, what refers to nothing in it.
fn peel(left: &mut Vec<usize>, edges: &[Edge], ends: impl Fn(&Edge) -> (usize, usize)) -> Vec<usize> {
    let mut referred: HashMap<usize, Vec<usize>> = HashMap::new();
    let mut waits_for: HashMap<usize, usize> = left.iter().map(|&table| (table, 0)).collect();
    for (from, to) in edges.iter().map(ends).filter(|(from, to)| from != to) {
        if waits_for.contains_key(&to)
            && let Some(waits) = waits_for.get_mut(&from)
        {
            *waits += 1;
            referred.entry(to).or_default().push(from);
        }
    }
    let mut ready: Vec<usize> = left.iter().copied().filter(|table| waits_for.get(table) == Some(&0)).collect();
    let mut next = 0;
    while let Some(&table) = ready.get(next) {
        next += 1;
        for from in referred.remove(&table).unwrap_or_default() {
            if let Some(waits) = waits_for.get_mut(&from) {
                *waits -= 1;
                if *waits == 0 {
                    ready.push(from);
                }
            }
        }
    }
    left.retain(|table| waits_for.get(table).is_some_and(|&waits| waits > 0));
    ready
}

fn mark_with_parents(table: usize, edges: &[Edge], marked: &mut [bool]) {
    let mut todo = vec![table];
    while let Some(table) = todo.pop() {
        if let Some(mark) = marked.get_mut(table)
            && !*mark
        {
            *mark = true;
            todo.extend(edges.iter().filter(|e| e.child == table).map(|e| e.parent));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn edge(child: usize, parent: usize) -> Edge {
        Edge { child, parent, moves: false }
    }

    #[test]
    fn parents_come_first() {
        // 0 refers to 1, 1 and 3 to 2.
        let (sorted, cyclic) = sort(4, &[edge(0, 1), edge(1, 2), edge(3, 2)]);
        assert_eq!(sorted, [2, 1, 3, 0]);
        assert!(cyclic.is_empty());
        assert_eq!(sort(3, &[]).0, [0, 1, 2]);
        // Two foreign keys to one parent.
        assert_eq!(sort(2, &[edge(0, 1), edge(0, 1)]).0, [1, 0]);
    }

    #[test]
    fn circles_are_named_and_stay_between_what_has_an_order() {
        // 4 refers to the circle of 1 and 2, which refers to 3; 0 to itself.
        let (sorted, cyclic) = sort(5, &[edge(1, 2), edge(2, 1), edge(1, 3), edge(4, 1), edge(0, 0)]);
        assert_eq!(sorted, [0, 3, 1, 2, 4]);
        assert_eq!(cyclic, [0, 1, 2]);
    }

    #[test]
    fn what_a_late_table_refers_to_is_late_too() {
        let edges = [edge(0, 1), edge(1, 2), edge(3, 2), edge(2, 1)];
        let mut marked = vec![false; 4];
        mark_with_parents(1, &edges, &mut marked);
        assert_eq!(marked, [false, true, true, false]);
    }
}
