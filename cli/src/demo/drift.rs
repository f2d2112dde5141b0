//! The damage that the target suffers, and what a comparison must find of it.
//!
//! Each entry is one thing that goes wrong in real moves. No two of them touch
//! the same row, so that what must be found is simply their sum.

use switchback_verify::Kind;
use switchback_verify::outcome::{Side, StructureDifference};

/// One thing that went wrong.
pub(crate) struct Drift {
    pub(crate) table: &'static str,
    /// What happened, for people.
    pub(crate) story: &'static str,
    /// Statements that do it to the target, where the source is attached as
    /// `origin`; none where the target's definition (`target.sql`) does.
    pub(super) statements: &'static [&'static str],
    pub(crate) effect: Effect,
}

/// What a comparison must say.
pub(crate) enum Effect {
    /// So many rows of a kind, which differ in just these columns; none where
    /// the other side has no row to differ from.
    Rows { kind: Kind, count: u64, columns: &'static [&'static str] },
    /// A difference of the definitions.
    Structure(fn() -> StructureDifference),
}

impl Effect {
    /// How many rows the statements touch in total.
    pub(super) fn rows(&self) -> u64 {
        match self {
            Self::Rows { count, .. } => *count,
            Self::Structure(_) => 0,
        }
    }
}

pub(crate) const DRIFTS: &[Drift] = &[
    Drift {
        table: "customers",
        story: "`newsletter` flipped in a stretch of rows: an update that ran on one side",
        statements: &["UPDATE customers SET newsletter = NOT newsletter WHERE id BETWEEN 7001 AND 7400"],
        effect: Effect::Rows { kind: Kind::Changed, count: 400, columns: &["newsletter"] },
    },
    Drift {
        table: "customers",
        story: "names that differ by one letter",
        statements: &[
            "UPDATE customers SET full_name = full_name || 's' WHERE id = 1815",
            "UPDATE customers SET full_name = substr(full_name, 2) WHERE id = 11011",
        ],
        effect: Effect::Rows { kind: Kind::Changed, count: 2, columns: &["full_name"] },
    },
    Drift {
        table: "customers",
        story: "a mail address that differs only in upper and lower case",
        statements: &["UPDATE customers SET email = upper(substr(email, 1, 1)) || substr(email, 2) WHERE id = 42"],
        effect: Effect::Rows { kind: Kind::Changed, count: 1, columns: &["email"] },
    },
    Drift {
        table: "customers",
        story: "`phone` is no longer NOT NULL",
        statements: &[],
        effect: Effect::Structure(|| StructureDifference::Nullability {
            column: "phone".to_owned(),
            source_nullable: false,
            target_nullable: true,
        }),
    },
    Drift {
        table: "addresses",
        story: "two addresses swapped: no value is lost, and sums of columns still agree",
        statements: &[
            "UPDATE addresses AS a SET (street, postcode) = (SELECT street, postcode FROM origin.addresses AS o \
             WHERE o.id = CASE a.id WHEN 100 THEN 200 ELSE 100 END) WHERE id IN (100, 200)",
        ],
        effect: Effect::Rows { kind: Kind::Changed, count: 2, columns: &["street", "postcode"] },
    },
    Drift {
        table: "products",
        story: "`weight_grams` is a floating-point number now; the values are the same",
        statements: &[],
        effect: Effect::Structure(|| StructureDifference::Type {
            column: "weight_grams".to_owned(),
            source: "INTEGER".to_owned(),
            target: "REAL".to_owned(),
        }),
    },
    Drift {
        table: "coupons",
        story: "a code that differs only in case, which the target takes for the same",
        statements: &["UPDATE coupons SET code = upper(code) WHERE rowid = 60"],
        effect: Effect::Rows { kind: Kind::KeyCollision, count: 1, columns: &["code"] },
    },
    Drift {
        table: "orders",
        story: "one night's orders an hour late: a time zone that was applied twice",
        statements: &["UPDATE orders SET placed_at = datetime(placed_at, '+1 hour') WHERE id BETWEEN 12001 AND 12025"],
        effect: Effect::Rows { kind: Kind::Changed, count: 25, columns: &["placed_at"] },
    },
    Drift {
        table: "order_lines",
        story: "the lines of twenty orders never copied: a batch that failed",
        statements: &["DELETE FROM order_lines WHERE order_id BETWEEN 20001 AND 20020"],
        effect: Effect::Rows { kind: Kind::SourceOnly, count: 47, columns: &[] },
    },
    Drift {
        table: "payments",
        story: "amounts rounded to whole numbers",
        statements: &["UPDATE payments SET amount = round(amount) WHERE order_id BETWEEN 15000 AND 15006"],
        effect: Effect::Rows { kind: Kind::Changed, count: 7, columns: &["amount"] },
    },
    Drift {
        table: "payments",
        story: "payments booked twice, under new references: a retry",
        statements: &["INSERT INTO payments SELECT 'R' || substr(reference, 2), order_id, method, amount, paid_at \
             FROM origin.payments WHERE order_id IN (SELECT order_id FROM origin.payments WHERE order_id > 25000 \
             AND reference NOT LIKE 'R%' ORDER BY order_id LIMIT 3)"],
        effect: Effect::Rows { kind: Kind::TargetOnly, count: 3, columns: &[] },
    },
    Drift {
        table: "events",
        story: "one of two equal events is gone, and there is no key to miss it by",
        statements: &[
            "DELETE FROM events WHERE rowid = (SELECT max(rowid) FROM events GROUP BY at, visitor, page, action \
             HAVING count(*) = 2 ORDER BY at LIMIT 1)",
        ],
        effect: Effect::Rows { kind: Kind::SourceOnly, count: 1, columns: &[] },
    },
    Drift {
        table: "audit_settings",
        story: "values that were never set became empty text",
        statements: &["UPDATE audit_settings SET value = '' WHERE value IS NULL"],
        effect: Effect::Rows { kind: Kind::Changed, count: 3, columns: &["value"] },
    },
    Drift {
        table: "legacy_imports",
        story: "the table was not taken along",
        statements: &[],
        effect: Effect::Structure(|| StructureDifference::MissingTable { on: Side::Target }),
    },
    Drift {
        table: "schema_versions",
        story: "the table is new",
        statements: &[],
        effect: Effect::Structure(|| StructureDifference::MissingTable { on: Side::Source }),
    },
];
