//! An application that writes: what it does is what applications do that make
//! streams wrong.
//!
//! - `accounts` and `ledger`: each transfer changes two accounts and adds two
//!   rows to a table without a key, so money is neither made nor lost, and the
//!   ledger has as many rows as the accounts have versions, in any state that a
//!   reader may see. Ledger rows repeat.
//! - `seats`: people swap seats, which are unique.
//! - `items`: rows of a composite key come, change, move to another key, and go.

use std::ops::Range;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use switchback_engines::{Class, Engine, Error, Writer};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::end::{End, Session};
use super::judge::wait_for_same;
use super::stage::PATIENCE;

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

/// Which rows somebody changes; two who have nothing in common never meet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    All,
    Lower,
    Upper,
}

impl Part {
    fn of(self, count: i64) -> Range<i64> {
        match self {
            Self::All => 0..count,
            Self::Lower => 0..count / 2,
            Self::Upper => count / 2..count,
        }
    }
}

pub(crate) struct Customer {
    random: StdRng,
    /// Numbers of transactions are `offset`, `offset + 1`, and so on.
    next: i64,
    part: Part,
}

impl Customer {
    pub(crate) fn new(seed: u64, offset: i64, part: Part) -> Self {
        Self { random: StdRng::seed_from_u64(seed), next: offset, part }
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
        let accounts = self.part.of(ACCOUNTS);
        let (from, to) = (self.random.random_range(accounts.clone()), self.random.random_range(accounts));
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
        let Range { start, end } = self.part.of(SEATS);
        let last = end - 1;
        let (free, moved) = if self.random.random_bool(0.5) {
            (1000 + last, format!("{start} ELSE seat - 999"))
        } else {
            (1000 + start, format!("{last} ELSE seat - 1001"))
        };
        let which = format!("WHERE id >= {start} AND id < {end}");
        vec![
            format!("UPDATE seats SET seat = seat + 1000 {which}"),
            format!(
                "UPDATE seats SET seat = CASE WHEN seat = {free} THEN {moved} END, holder = 'tx {}' {which}",
                self.next
            ),
        ]
    }

    fn items(&mut self, tx: i64) -> Vec<String> {
        let a = self.random.random_range(self.part.of(20));
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

fn begin(engine: Engine) -> &'static str {
    match engine {
        Engine::Sqlite => "BEGIN IMMEDIATE",
        Engine::MySql => "START TRANSACTION",
        Engine::Postgres | Engine::SqlServer | Engine::MongoDb => "BEGIN",
    }
}

/// Runs a transaction of a customer. One that loses against another is left out:
/// what counts is what the origin has in the end. `false` then.
///
/// # Errors
/// When the session is of no use any more; whether the transaction took place is
/// for the origin to know.
pub(crate) async fn buy(writer: &mut dyn Writer, engine: Engine, customer: &mut Customer) -> Result<bool, Error> {
    let mut statements = vec![begin(engine).to_owned()];
    statements.extend(customer.transaction());
    statements.push("COMMIT".to_owned());
    let Err(failed) = writer.run(&statements).await else { return Ok(true) };
    if failed.error.class() == Class::Transient {
        return Err(failed.error);
    }
    assert!(failed.violation.is_some(), "{failed:?}");
    writer.run(&["ROLLBACK".to_owned()]).await.map_err(|failed| failed.error)?;
    Ok(false)
}

/// Customers who buy until they are told to stop, whatever becomes of their
/// server meanwhile.
pub(crate) struct Shop {
    open: CancellationToken,
    customers: Vec<JoinHandle<u64>>,
}

impl Shop {
    /// `pause`: between two transactions of a customer.
    pub(crate) fn open(end: &End, seed: u64, customers: u64, pause: Duration, part: Part) -> Self {
        let open = CancellationToken::new();
        let customer = |n: u64| {
            // Numbers that nobody else has, on either side, and that fit an INT.
            let first = i64::try_from(n).unwrap() * 10_000_000 + if part == Part::Upper { 500_000_000 } else { 0 };
            let customer = Customer::new(seed + n, first, part);
            tokio::spawn(shop(end.session(), customer, pause, open.clone()))
        };
        let customers = (0..customers).map(customer).collect();
        Self { open, customers }
    }

    /// Sends everybody home, and says how many transactions they know of.
    pub(crate) async fn close(self) -> u64 {
        self.open.cancel();
        let mut transactions = 0;
        for customer in self.customers {
            transactions += customer.await.unwrap();
        }
        transactions
    }
}

async fn shop(session: Session, mut customer: Customer, pause: Duration, open: CancellationToken) -> u64 {
    let mut transactions = 0;
    while !open.is_cancelled() {
        let mut writer = session.open().await;
        while !open.is_cancelled() {
            match buy(writer.as_mut(), session.engine(), &mut customer).await {
                Ok(took_place) => transactions += u64::from(took_place),
                Err(_) => break,
            }
            tokio::time::sleep(pause).await;
        }
    }
    transactions
}

/// Writes what the sink must have in the end, and waits until it does.
pub(crate) async fn close(origin: &End, sink: &End) {
    close_day(origin, sink, 0).await;
}

/// The same at the end of one of many days, which are counted.
pub(crate) async fn close_day(origin: &End, sink: &End, day: u64) {
    let last = format!(
        "BEGIN; INSERT INTO ledger VALUES ({}, 1, 0, 'the end'); \
         UPDATE accounts SET version = version + 1 WHERE id = 1; COMMIT",
        1_000_000_000_000 + day
    );
    origin.execute(&last).await;
    wait_for_same(origin, sink, "SELECT MAX(tx) FROM ledger", PATIENCE).await;
}
