//! The texts of what arming creates. Pure, so that what is in the file can be
//! compared with what should be there.
//!
//! A trigger runs on the connection of whoever writes, with whatever SQLite that
//! program brings and whatever settings it has. So the texts use nothing beyond
//! what SQLite had fifteen years ago, call nothing that an untrusted schema may
//! not call, and meet no constraint: the conflict clause of the statement that
//! fires a trigger also governs the statements in it.

use super::shape::{Identity, Of, Shape, Term, Unique};
use crate::capture::StreamName;
use crate::engine::Engine;
use crate::sql;
use crate::sqlite::objects::{self, Moment};

/// The columns of the log before the cells.
pub(super) mod op {
    /// The row that arming makes, so that the log is never empty.
    pub(in crate::sqlite::capture) const ORIGIN: &str = "o";
    pub(in crate::sqlite::capture) const INSERT: &str = "i";
    /// The row after the change, then the row before it.
    pub(in crate::sqlite::capture) const UPDATE: &str = "u";
    pub(in crate::sqlite::capture) const DELETE: &str = "d";
    /// A transaction of a writer of ours begins.
    pub(in crate::sqlite::capture) const BEGIN: &str = "b";
    pub(in crate::sqlite::capture) const END: &str = "e";
}

/// Of a function (`SQLITE_MAX_FUNCTION_ARG` of older versions).
const ARGUMENTS_MAX: usize = 100;

/// Milliseconds since 1970 by the origin's clock.
const NOW: &str = "CAST((julianday('now') - 2440587.5) * 86400000.0 + 0.5 AS INTEGER)";

/// The tables of a stream whose widest table has so many captured columns; and
/// the row of the log that comes before all others.
pub(super) fn tables(stream: &StreamName, width: usize) -> Vec<String> {
    let (log, state, replaced) =
        (quoted(&objects::log(stream)), quoted(&objects::state(stream)), quoted(&objects::replaced(stream)));
    let index = |what: &str| quoted(&objects::replaced_index(stream, what));
    // Cells have no declared type: then a value is kept just as it is.
    let cells = |n: usize| (0..n).map(|i| format!(", c{i}")).collect::<String>();
    vec![
        format!("CREATE TABLE {log}(seq INTEGER PRIMARY KEY, tbl INTEGER, op TEXT, at INTEGER{})", cells(2 * width)),
        format!("CREATE TABLE {replaced}(tbl INTEGER, row, tag{})", cells(width)),
        format!("CREATE INDEX {} ON {replaced}(tbl, row)", index("row")),
        format!("CREATE INDEX {} ON {replaced}(tbl, tag)", index("tag")),
        format!(
            "CREATE TABLE {state}(id INTEGER PRIMARY KEY CHECK (id = 1), format INTEGER, incarnation TEXT, reader TEXT)"
        ),
        format!("INSERT INTO {state} VALUES (1, {FORMAT}, lower(hex(randomblob(16))), '')"),
        format!("INSERT INTO {log}(seq, op, at) VALUES (0, '{}', {NOW})", op::ORIGIN),
    ]
}

/// Of all that is named here. A later version of the tool that does something
/// else does it under another number.
pub(super) const FORMAT: i64 = 1;

/// The table that writers mark their transactions by.
pub(super) fn context() -> String {
    format!("CREATE TABLE {}(id INTEGER PRIMARY KEY CHECK (id = 1), writing INTEGER)", quoted(&objects::context()))
}

pub(super) fn mark(stream: &StreamName) -> String {
    format!(
        "CREATE TRIGGER {} AFTER INSERT ON {} BEGIN \
         INSERT INTO {}(op, at) VALUES (CASE NEW.writing WHEN 1 THEN '{}' ELSE '{}' END, {NOW}); END",
        quoted(&objects::mark(stream)),
        quoted(&objects::context()),
        quoted(&objects::log(stream)),
        op::BEGIN,
        op::END
    )
}

/// A trigger of ours.
pub(super) struct Trigger {
    pub(super) name: String,
    pub(super) text: String,
    /// Of the two sides of a change, the one it is fired on.
    pub(super) before: bool,
}

/// The triggers on one table.
pub(super) fn triggers(stream: &StreamName, number: usize, shape: &Shape) -> Vec<Trigger> {
    let texts = Texts {
        number,
        shape,
        table: sql::table(Engine::Sqlite, &shape.table.name),
        log: quoted(&objects::log(stream)),
        replaced: quoted(&objects::replaced(stream)),
    };
    Moment::ALL
        .into_iter()
        .map(|moment| {
            let name = objects::trigger(stream, moment, number);
            let text = format!("CREATE TRIGGER {} {}", quoted(&name), texts.body(moment));
            let before = matches!(moment, Moment::BeforeInsert | Moment::BeforeUpdate);
            Trigger { name, text, before }
        })
        .collect()
}

struct Texts<'a> {
    number: usize,
    shape: &'a Shape,
    table: String,
    log: String,
    replaced: String,
}

impl Texts<'_> {
    fn body(&self, moment: Moment) -> String {
        let table = &self.table;
        match moment {
            Moment::BeforeInsert => {
                let conflicts: Vec<String> = self.conflicts("").into_iter().map(|(_, exists)| exists).collect();
                format!(
                    "BEFORE INSERT ON {table} WHEN {} BEGIN {} END",
                    conflicts.join(" OR "),
                    self.remember(&self.conflicting(""), &self.tag())
                )
            }
            Moment::BeforeUpdate => {
                let other = format!(" AND NOT ({})", self.same_row("t", "OLD"));
                let conflicts: Vec<String> = self
                    .conflicts(&other)
                    .into_iter()
                    .map(
                        |(changed, exists)| {
                            if changed.is_empty() { exists } else { format!("({changed}) AND {exists}") }
                        },
                    )
                    .collect();
                format!(
                    "BEFORE UPDATE ON {table} WHEN {}({}) BEGIN {} END",
                    self.all_loaded(),
                    conflicts.join(" OR "),
                    self.remember(&self.conflicting(&other), &self.identity("OLD"))
                )
            }
            Moment::AfterInsert => format!(
                "AFTER INSERT ON {table} BEGIN {} {} END",
                self.log_replaced(&self.tag(), &self.gone()),
                self.log_row(op::INSERT, &["NEW"])
            ),
            Moment::AfterUpdate => {
                let old = self.identity("OLD");
                let gone = format!("p.row IS NOT {old} AND {}", self.gone());
                let cells: Vec<String> =
                    self.cells("NEW").into_iter().enumerate().map(|(i, cell)| format!(", c{i} = {cell}")).collect();
                format!(
                    "AFTER UPDATE ON {table} BEGIN {} UPDATE {} SET row = {}{} WHERE tbl = {} AND row = {}; {} END",
                    self.log_replaced(&old, &gone),
                    self.replaced,
                    self.identity("NEW"),
                    cells.concat(),
                    self.number,
                    old,
                    self.log_row(op::UPDATE, &["NEW", "OLD"])
                )
            }
            // A cascade from a row that was replaced may delete the very row for
            // which it was replaced, and then nothing comes after that update.
            Moment::AfterDelete => {
                let old = self.identity("OLD");
                format!(
                    "AFTER DELETE ON {table} BEGIN DELETE FROM {} WHERE tbl = {} AND row = {old}; {} {} END",
                    self.replaced,
                    self.number,
                    self.log_replaced(&old, &self.absent()),
                    self.log_row(op::DELETE, &["OLD"])
                )
            }
        }
    }

    /// A condition that is true of every row. Before an update SQLite only loads
    /// those columns of NEW that the triggers name, and computes the generated ones
    /// from these; so where a key is computed, all must be named. It keeps count of
    /// 32 columns and loads all of a table where one behind them is named, which is
    /// why a function's largest number of arguments does.
    fn all_loaded(&self) -> String {
        let computed = self.shape.uniques.iter().flat_map(|unique| &unique.terms).any(|term| match &term.of {
            Of::Column { column, .. } => self.generated(*column),
            Of::Expression(_) => true,
        });
        if !computed {
            return String::new();
        }
        let cells = self.cells("NEW").into_iter().take(ARGUMENTS_MAX - 1).map(|cell| format!("{cell}, "));
        format!("coalesce({}1) IS NOT NULL AND ", cells.collect::<String>())
    }

    fn log_row(&self, op: &str, images: &[&str]) -> String {
        let cells: Vec<String> = images.iter().flat_map(|row| self.cells(row)).collect();
        format!(
            "INSERT INTO {}(tbl, op, at{}) VALUES ({}, '{op}', {NOW}{});",
            self.log,
            names(cells.len()),
            self.number,
            cells.iter().map(|cell| format!(", {cell}")).collect::<String>()
        )
    }

    /// Those of the rows that were put down under `tag` that `condition` is true of
    /// were deleted by the statement that is under way, and nothing else has logged
    /// it.
    fn log_replaced(&self, tag: &str, condition: &str) -> String {
        let (log, replaced, number) = (&self.log, &self.replaced, self.number);
        let width = self.shape.columns.len();
        let cells: String = (0..width).map(|i| format!(", p.c{i}")).collect();
        let which = format!("p.tbl = {number} AND p.tag IS {tag} AND {condition}");
        format!(
            "INSERT INTO {log}(tbl, op, at{}) SELECT {number}, '{}', {NOW}{cells} FROM {replaced} AS p WHERE {which}; \
             DELETE FROM {replaced} WHERE tbl = {number} AND row IN (SELECT p.row FROM {replaced} AS p WHERE {which});",
            names(width),
            op::DELETE
        )
    }

    /// Puts down the rows that `condition` is true of, under a tag by which they are
    /// found again: of an update the row that is updated, of an insert see
    /// [`Self::tag`]. What is found besides is no harm, since it is not gone.
    fn remember(&self, condition: &str, tag: &str) -> String {
        let (replaced, number, row) = (&self.replaced, self.number, self.identity("t"));
        let cells: String = self.cells("t").into_iter().map(|cell| format!(", {cell}")).collect();
        format!(
            "INSERT INTO {replaced}(tbl, row, tag{}) SELECT {number}, {row}, {tag}{cells} FROM {} AS t \
             WHERE ({condition}) AND NOT EXISTS (SELECT 1 FROM {replaced} AS p \
             WHERE p.tbl = {number} AND p.row = {row} AND p.tag IS {tag});",
            names(self.shape.columns.len()),
            self.table
        )
    }

    /// For each way in which another row can be in the way of NEW: what must have
    /// changed for that (empty when that can't be said), and whether there is one.
    fn conflicts(&self, and: &str) -> Vec<(String, String)> {
        let exists = |condition: &str| format!("EXISTS (SELECT 1 FROM {} AS t WHERE {condition}{and})", self.table);
        let mut conflicts = Vec::new();
        for (unique, condition) in self.ways() {
            let changed = match unique {
                None => match &self.shape.identity {
                    Identity::Rowid(rowid) => format!("NEW.{rowid} <> OLD.{rowid}"),
                    Identity::Key(key) => self.changed(key),
                },
                Some(unique) => self.changed(unique),
            };
            conflicts.push((changed, exists(&condition)));
        }
        conflicts
    }

    /// Any of them.
    fn conflicting(&self, and: &str) -> String {
        let ways: Vec<String> = self.ways().into_iter().map(|(_, condition)| format!("({condition}){and}")).collect();
        ways.join(" OR ")
    }

    /// The conditions under which `t` has what NEW wants: by its identity, and by
    /// each unique index.
    fn ways(&self) -> Vec<(Option<&Unique>, String)> {
        let identity = std::iter::once((None, self.same_row("t", "NEW")));
        let uniques = self.shape.uniques.iter().map(|unique| {
            let mut condition = self.equal(unique);
            if let Some(rows) = &unique.condition {
                condition = format!("{condition} AND ({rows})");
            }
            (Some(unique), condition)
        });
        identity.chain(uniques).collect()
    }

    fn equal(&self, unique: &Unique) -> String {
        let terms: Vec<String> = unique
            .terms
            .iter()
            .map(|term| {
                let own = match &term.of {
                    Of::Column { column, .. } => format!("t.{}", self.name(*column)),
                    // The only table in sight is `t`.
                    Of::Expression(text) => format!("({text})"),
                };
                format!("{own} = {} COLLATE {}", self.wanted(term), quoted(&term.collation))
            })
            .collect();
        terms.join(" AND ")
    }

    /// What NEW brings for a term of an index.
    fn wanted(&self, term: &Term) -> String {
        match &term.of {
            Of::Column { column, default: None } => format!("NEW.{}", self.name(*column)),
            Of::Column { column, default: Some(default) } => format!("coalesce(NEW.{}, {default})", self.name(*column)),
            Of::Expression(text) => {
                let columns: Vec<String> = (0..self.shape.table.columns.len())
                    .map(|column| format!("NEW.{0} AS {0}", self.name(column)))
                    .collect();
                format!("(SELECT ({text}) FROM (SELECT {}))", columns.join(", "))
            }
        }
    }

    /// Whether an update touches the index at all. Empty where only its rows, or
    /// what its columns are computed from, may have changed.
    fn changed(&self, unique: &Unique) -> String {
        let plain: Option<Vec<String>> = unique
            .terms
            .iter()
            .map(|term| match &term.of {
                Of::Column { column, .. } if !self.generated(*column) => {
                    Some(format!("NEW.{0} IS NOT OLD.{0}", self.name(*column)))
                }
                Of::Column { .. } | Of::Expression(_) => None,
            })
            .collect();
        plain.filter(|_| unique.condition.is_none()).map(|terms| terms.join(" OR ")).unwrap_or_default()
    }

    /// `t` is the row `other`, or has its place.
    fn same_row(&self, t: &str, other: &str) -> String {
        match &self.shape.identity {
            Identity::Rowid(rowid) => format!("{t}.{rowid} = {other}.{rowid}"),
            Identity::Key(key) => self.by_key(key, other, |column| format!("{t}.{}", self.name(column))),
        }
    }

    fn by_key(&self, key: &Unique, other: &str, cell: impl Fn(usize) -> String) -> String {
        let terms: Vec<String> = key_columns(key)
            .map(|(column, collation)| {
                format!("{other}.{} = {} COLLATE {}", self.name(column), cell(column), quoted(collation))
            })
            .collect();
        terms.join(" AND ")
    }

    /// The row `p` that was put down is there no more, or NEW has its place.
    /// Whatever else takes a row away also takes it from what was put down.
    fn gone(&self) -> String {
        let place = match &self.shape.identity {
            Identity::Rowid(rowid) => format!("p.row = NEW.{rowid}"),
            Identity::Key(key) => self.by_key(key, "NEW", |column| self.put_down(column)),
        };
        format!("(({place}) OR {})", self.absent())
    }

    /// No row has the place of the row `p`.
    fn absent(&self) -> String {
        let same = match &self.shape.identity {
            Identity::Rowid(rowid) => format!("t.{rowid} = p.row"),
            Identity::Key(key) => self.by_key(key, "t", |column| self.put_down(column)),
        };
        format!("NOT EXISTS (SELECT 1 FROM {} AS t WHERE {same})", self.table)
    }

    /// The cell of a column in the row `p`.
    fn put_down(&self, column: usize) -> String {
        format!("p.c{}", self.shape.columns.iter().position(|c| *c == column).unwrap_or_default())
    }

    /// What one row of the table has for its own. Of a key it is a text from which
    /// the values could be told, since a collation would take some for equal.
    fn identity(&self, row: &str) -> String {
        match &self.shape.identity {
            // The plus takes the column's affinity away, without which the index
            // of what was put down would be of no use.
            Identity::Rowid(rowid) => format!("+{row}.{rowid}"),
            Identity::Key(key) => {
                let terms: Vec<String> = key_columns(key)
                    .map(|(column, _)| {
                        let cell = format!("{row}.{}", self.name(column));
                        format!("CASE typeof({cell}) WHEN 'text' THEN 't' || hex({cell}) ELSE quote({cell}) END")
                    })
                    .collect();
                format!("({})", terms.join(" || ',' || "))
            }
        }
    }

    /// What is the same for NEW before and after the change, and seldom the same
    /// for two rows: it finds what was put down for this row. The row number, and
    /// what is computed, may be given only in between, so they come last.
    fn tag(&self) -> String {
        let key = match &self.shape.identity {
            Identity::Key(key) => Some(key),
            Identity::Rowid(_) => None,
        };
        let given_late = |term: &Term| match &term.of {
            Of::Column { column, .. } if Some(*column) == self.shape.numbered => 2,
            Of::Column { column, .. } if self.generated(*column) => 1,
            Of::Column { default: None, .. } => 0,
            Of::Column { .. } | Of::Expression(_) => 1,
        };
        let best = key
            .into_iter()
            .chain(&self.shape.uniques)
            .min_by_key(|unique| unique.terms.iter().map(given_late).max().unwrap_or_default());
        let terms: Vec<String> = match (best, &self.shape.identity) {
            (Some(unique), _) => unique.terms.iter().map(|term| self.wanted(term)).collect(),
            (None, Identity::Rowid(rowid)) => vec![format!("NEW.{rowid}")],
            (None, Identity::Key(_)) => Vec::new(),
        };
        match terms.as_slice() {
            [one] => format!("+{one}"),
            several => {
                let quoted: Vec<String> = several.iter().map(|term| format!("quote({term})")).collect();
                format!("({})", quoted.join(" || ',' || "))
            }
        }
    }

    fn cells(&self, row: &str) -> Vec<String> {
        self.shape.columns.iter().map(|&column| format!("{row}.{}", self.name(column))).collect()
    }

    fn name(&self, column: usize) -> String {
        self.shape.table.columns.get(column).map(|column| quoted(&column.name)).unwrap_or_default()
    }

    fn generated(&self, column: usize) -> bool {
        self.shape.table.columns.get(column).is_some_and(|column| column.generated)
    }
}

/// A key of a table WITHOUT ROWID is of plain columns.
fn key_columns(key: &Unique) -> impl Iterator<Item = (usize, &str)> {
    key.terms.iter().filter_map(|term| match &term.of {
        Of::Column { column, .. } => Some((*column, term.collation.as_str())),
        Of::Expression(_) => None,
    })
}

fn names(cells: usize) -> String {
    (0..cells).map(|i| format!(", c{i}")).collect()
}

fn quoted(name: &str) -> String {
    sql::name(Engine::Sqlite, name)
}
