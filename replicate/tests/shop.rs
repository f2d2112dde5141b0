//! An application that writes: what it does is what applications do that make
//! streams wrong.
//!
//! - `accounts` and `ledger`: each transfer changes two accounts and adds two
//!   rows to a table without a key, so money is neither made nor lost, and the
//!   ledger has as many rows as the accounts have versions, in any state that a
//!   reader may see. Ledger rows repeat.
//! - `seats`: people swap seats, which are unique.
//! - `items`: rows of a composite key come, change, move to another key, and go.

use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use switchback_engines::{Engine, Writer};

pub(crate) const TABLES: [&str; 4] = ["accounts", "ledger", "seats", "items"];
const ACCOUNTS: i64 = 40;
const SEATS: i64 = 12;

/// The tables, with their first rows.
pub(crate) fn schema() -> String {
    let mut script = "CREATE TABLE accounts (id INT NOT NULL PRIMARY KEY, balance BIGINT NOT NULL, \
         version BIGINT NOT NULL, note VARCHAR(200));\n\
         CREATE TABLE ledger (tx BIGINT NOT NULL, account INT NOT NULL, delta BIGINT NOT NULL, note VARCHAR(200));\n\
         CREATE TABLE seats (id INT NOT NULL PRIMARY KEY, seat INT NOT NULL UNIQUE, holder VARCHAR(50));\n\
         CREATE TABLE items (a INT NOT NULL, b VARCHAR(40) NOT NULL, qty INT, price DECIMAL(12,2), \
         PRIMARY KEY (a, b));\n"
        .to_owned();
    for id in 0..ACCOUNTS {
        script.push_str(&format!("INSERT INTO accounts VALUES ({id}, 1000, 0, 'opened');\n"));
    }
    for id in 0..SEATS {
        script.push_str(&format!("INSERT INTO seats VALUES ({id}, {id}, 'nobody');\n"));
    }
    script
}

/// 0 in every state that holds whole transactions only.
pub(crate) const BALANCED: &str = "SELECT (SELECT SUM(balance) FROM accounts) - 40000 \
     + (SELECT COUNT(*) FROM ledger) - (SELECT SUM(version) FROM accounts)";

pub(crate) struct Customer {
    random: StdRng,
    /// Numbers of transactions are `offset`, `offset + 1`, and so on.
    next: i64,
}

impl Customer {
    pub(crate) fn new(seed: u64, offset: i64) -> Self {
        Self { random: StdRng::seed_from_u64(seed), next: offset }
    }

    /// The statements of one transaction, without its frame.
    pub(crate) fn transaction(&mut self) -> Vec<String> {
        let tx = self.next;
        self.next += 1;
        match self.random.random_range(0..10) {
            0..=5 => self.transfer(tx),
            6 => self.swap_seats(),
            _ => self.items(tx),
        }
    }

    fn transfer(&mut self, tx: i64) -> Vec<String> {
        let (from, to) = (self.random.random_range(0..ACCOUNTS), self.random.random_range(0..ACCOUNTS));
        let amount = self.random.random_range(1..50);
        // Twice the same row now and then, in a table that has no key.
        let note = if tx % 7 == 0 { "same".to_owned() } else { format!("it's tx {tx} – ü") };
        let delta = |account: i64, delta: i64| {
            [
                format!(
                    "UPDATE accounts SET balance = balance + {delta}, version = version + 1, note = '{}' WHERE id = {account}",
                    note.replace('\'', "''")
                ),
                format!(
                    "INSERT INTO ledger VALUES ({}, {account}, {delta}, '{}')",
                    if tx % 7 == 0 { 7 } else { tx },
                    note.replace('\'', "''")
                ),
            ]
        };
        [delta(from, -amount), delta(to, amount)].concat()
    }

    /// Everybody moves on by one seat, or back, by seats that nobody has in
    /// between: in the end each row has what another had before.
    fn swap_seats(&mut self) -> Vec<String> {
        let last = SEATS - 1;
        let (free, moved) = if self.random.random_bool(0.5) {
            (format!("seat = 1000 + {last}"), "0 ELSE seat - 999")
        } else {
            ("seat = 1000".to_owned(), "11 ELSE seat - 1001")
        };
        vec![
            "UPDATE seats SET seat = seat + 1000".to_owned(),
            format!("UPDATE seats SET seat = CASE WHEN {free} THEN {moved} END, holder = 'tx {}'", self.next),
        ]
    }

    fn items(&mut self, tx: i64) -> Vec<String> {
        let a = self.random.random_range(0..20);
        let row = |b: &str| format!("a = {a} AND b = '{b}'");
        vec![
            format!("DELETE FROM items WHERE {}", row("kept")),
            format!("INSERT INTO items VALUES ({a}, 'kept', {tx}, {}.25)", tx % 100),
            format!("INSERT INTO items VALUES ({a}, 'tx {tx}', NULL, NULL)"),
            format!("UPDATE items SET qty = {tx} WHERE {}", row(&format!("tx {tx}"))),
            format!("DELETE FROM items WHERE {}", row(&format!("moved {}", tx - 3))),
            if tx % 3 == 0 {
                format!("DELETE FROM items WHERE {}", row(&format!("tx {tx}")))
            } else {
                format!("UPDATE items SET b = 'moved {tx}' WHERE {}", row(&format!("tx {tx}")))
            },
        ]
    }
}

pub(crate) fn begin(engine: Engine) -> &'static str {
    match engine {
        Engine::Sqlite => "BEGIN IMMEDIATE",
        Engine::MySql => "START TRANSACTION",
        Engine::Postgres | Engine::SqlServer | Engine::MongoDb => "BEGIN",
    }
}

/// Runs transactions of a customer. One that loses against another is left out:
/// what counts is what the origin has in the end.
pub(crate) async fn buy(writer: &mut dyn Writer, engine: Engine, customer: &mut Customer, transactions: usize) {
    for _ in 0..transactions {
        let mut statements = vec![begin(engine).to_owned()];
        statements.extend(customer.transaction());
        statements.push("COMMIT".to_owned());
        if let Err(failed) = writer.run(&statements).await {
            assert!(failed.violation.is_some(), "{failed:?}");
            writer.run(&["ROLLBACK".to_owned()]).await.unwrap_or_else(|e| panic!("{e:?}"));
        }
    }
}
