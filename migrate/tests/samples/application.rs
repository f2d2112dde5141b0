//! What a shop's application does all day, in each engine's words: rows come,
//! change and go, in tables with triggers, in partitions and from one to another,
//! with cascades, without a key.
//!
//! It has a session of its own kind and not one of the tool's, where triggers and
//! foreign keys would be off. One that is alone loses against nobody, so all that it
//! does has to succeed.

use std::sync::Arc;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::harness::end::{End, On};

/// Its own rows are numbered from here.
const FIRST: i64 = 1_000_000;

struct Application {
    on: On,
    random: StdRng,
    next: i64,
}

impl Application {
    /// The statements of the next transaction.
    fn transaction(&mut self) -> Vec<String> {
        self.next += 1;
        let mut statements = self.doing();
        statements.extend(self.doing());
        statements
    }

    fn doing(&mut self) -> Vec<String> {
        match self.random.random_range(0..9) {
            0 => self.somebody_new(),
            1 => self.somebody_else(),
            2 => self.rentals(),
            3 => self.somebody_leaves(),
            4 => self.tools(),
            5 => self.repairs(),
            6 => self.without_keys(),
            7 => self.notes(),
            _ => self.of_this_engine(),
        }
    }

    fn some(&mut self, below: i64) -> i64 {
        self.random.random_range(0..below)
    }

    /// The number of a customer of the sample.
    fn customer(&mut self) -> i64 {
        let n = self.some(1_200);
        match self.on {
            On::Postgres => 120 + 10 * n,
            On::MySql | On::MariaDb => 102 + n,
            On::Sqlite => 3 + n,
        }
    }

    fn depot(&self, table: &str) -> String {
        if self.on == On::Postgres { format!("depot.{table}") } else { table.to_owned() }
    }

    fn tool(&self, n: i64) -> String {
        match self.on {
            On::MySql | On::MariaDb => format!("UNHEX(LPAD(HEX({n}), 32, '0'))"),
            On::Postgres | On::Sqlite => format!("'00000000-0000-4000-8000-{n:012}'"),
        }
    }

    /// A day in any of four years, and so in any partition.
    fn day(&mut self) -> String {
        let (year, month, day) = (2024 + self.some(4), 1 + self.some(12), 1 + self.some(28));
        match self.on {
            On::Postgres => format!("'{year}-{month:02}-{day:02} 10:00:00+00'"),
            On::MySql | On::MariaDb => format!("'{year}-{month:02}-{day:02}'"),
            On::Sqlite => format!("'{year}-{month:02}-{day:02} 10:00:00'"),
        }
    }

    fn somebody_new(&mut self) -> Vec<String> {
        let (n, day, tool) = (self.next, self.day(), 1 + self.some(300));
        let who = format!("FROM customer WHERE email = 'app{n}@example.org'");
        let rental = match self.on {
            On::Postgres => {
                format!("INSERT INTO rental (started, customer, tool) SELECT {day}, id, {} {who}", self.tool(tool))
            }
            On::MySql | On::MariaDb => {
                format!(
                    "INSERT INTO rental (id, started, customer) SELECT {n}, {day}, id {who} ON DUPLICATE KEY UPDATE days = 2"
                )
            }
            On::Sqlite => format!("INSERT INTO rental (started, customer) SELECT {day}, id {who}"),
        };
        let name = format!("'It''s ä \\ {n}'");
        let name = if self.on == On::Sqlite || self.on == On::Postgres { name } else { name.replace('\\', "\\\\") };
        let insert =
            format!("INSERT INTO customer (email, full_name, country) VALUES ('app{n}@example.org', {name}, 'AB')");
        // Twice in one transaction would be one too many.
        let insert = match self.on {
            On::Postgres => format!("{insert} ON CONFLICT DO NOTHING"),
            On::MySql | On::MariaDb => insert.replacen("INSERT", "INSERT IGNORE", 1),
            On::Sqlite => insert.replacen("INSERT", "INSERT OR IGNORE", 1),
        };
        vec![insert, rental]
    }

    fn somebody_else(&mut self) -> Vec<String> {
        let (n, id) = (self.next, self.customer());
        let other = self.customer();
        let mut statements = vec![
            format!("UPDATE customer SET email = 'changed{id}.{n}@example.org', nickname = NULL WHERE id = {id}"),
            format!("UPDATE customer SET nickname = 'nick {n}', recommended_by = {id} WHERE id = {other}"),
        ];
        // MariaDB's cascades are in no log, so its sample has none.
        if self.on != On::MariaDb {
            statements.push(
                "UPDATE country SET code = CASE code WHEN 'AC' THEN 'ac' ELSE 'AC' END WHERE code IN ('AC', 'ac')"
                    .to_owned(),
            );
        }
        statements
    }

    fn rentals(&mut self) -> Vec<String> {
        let (a, b, c, day) = (self.some(4_000), self.some(4_000), self.some(4_000), self.day());
        let id = |n: i64| if self.on == On::Postgres { 1_010 + 5 * n } else { 1 + n };
        vec![
            format!("UPDATE rental SET days = {} WHERE id = {}", 1 + a % 40, id(a)),
            format!("UPDATE rental SET started = {day} WHERE id = {}", id(b)),
            format!("DELETE FROM rental WHERE id = {}", id(c)),
        ]
    }

    fn somebody_leaves(&mut self) -> Vec<String> {
        let who = format!("app{}@example.org", self.next - 1 - self.some(5));
        let id = format!("(SELECT id FROM customer WHERE email = '{who}')");
        vec![
            format!("DELETE FROM rental WHERE customer IN {id}"),
            format!("DELETE FROM customer WHERE email = '{who}'"),
        ]
    }

    /// A tool comes with its parts, and another one goes with them.
    fn tools(&mut self) -> Vec<String> {
        let (n, gone) = (self.next, self.next - 3);
        let (new, gone) = (self.tool(n), self.tool(gone));
        let (tool, part, category) = (self.depot("tool"), self.depot("part"), self.depot("category"));
        let cascades = match self.on {
            On::MariaDb => format!("DELETE FROM part WHERE tool = {gone}"),
            On::Postgres | On::MySql | On::Sqlite => "SELECT 1".to_owned(),
        };
        vec![
            format!("DELETE FROM {part} WHERE tool = {new}"),
            format!("DELETE FROM {tool} WHERE id = {new}"),
            format!(
                "INSERT INTO {tool} (id, category, title, daily_price, weight) VALUES ({new}, {}, 'New {n}', 7.25, 0.1)",
                1 + n % 40
            ),
            format!("INSERT INTO {part} (tool, number, name) VALUES ({new}, 1, 'first'), ({new}, 4, 'fourth')"),
            cascades,
            format!("DELETE FROM {tool} WHERE id = {gone}"),
            format!("UPDATE {category} SET {} = {} WHERE id = {}", self.quoted("order"), n % 30_000, 1 + n % 40),
        ]
    }

    fn quoted(&self, name: &str) -> String {
        match self.on {
            On::MySql | On::MariaDb => format!("`{name}`"),
            On::Postgres | On::Sqlite => format!("\"{name}\""),
        }
    }

    fn repairs(&mut self) -> Vec<String> {
        let (a, b) = (1 + self.some(600), 1 + self.some(600));
        let (tool, repair) = (self.tool(1 + a % 300), self.depot("repair"));
        vec![
            format!("INSERT INTO {repair} (tool, part, cost) VALUES ({tool}, {}, {}.25)", 1 + a % 3, b),
            format!("UPDATE {repair} SET cost = cost + 1 WHERE id = {a}"),
            format!("DELETE FROM {repair} WHERE id = {b}"),
        ]
    }

    fn without_keys(&mut self) -> Vec<String> {
        let (n, what) = (self.next, self.some(50));
        vec![
            format!("INSERT INTO keyless VALUES ('what {what}', 3), ('what {what}', 3), (NULL, {})", n % 1_000),
            format!("UPDATE keyless SET many = {} WHERE what = 'what {}'", n % 1_000, (what + 7) % 50),
            format!("DELETE FROM keyless WHERE what = 'what {}'", (what + 31) % 50),
        ]
    }

    fn notes(&mut self) -> Vec<String> {
        let (n, id) = (self.next, 1 + self.some(200));
        let mut statements = vec![
            format!("INSERT INTO note (body) VALUES ('note of {n}')"),
            format!("UPDATE note SET body = '  changed {n} ' WHERE id = {id}"),
            format!("DELETE FROM note WHERE id = {}", 1 + (id + 77) % 200),
        ];
        if self.on == On::Postgres {
            statements.push(format!("INSERT INTO internal_note (body, secret) VALUES ('of {n}', true)"));
            statements.push(format!("DELETE FROM internal_note WHERE body = 'internal {}'", id % 150));
        }
        statements
    }

    /// What only this engine's sample has.
    fn of_this_engine(&mut self) -> Vec<String> {
        let (n, id) = (self.next, 1 + self.some(60));
        match self.on {
            On::Postgres => vec![
                format!(
                    "UPDATE settings SET doc = jsonb_set(doc, '{{deep}}', '[{n}, 1.50]') WHERE name = 'setting {id}'"
                ),
                format!("INSERT INTO quote (id, total) VALUES ({n}, 1.5) ON CONFLICT (id) DO UPDATE SET total = 2.5"),
                format!("UPDATE review SET body = 'changed {n}', stars = {} WHERE id = {id}", 1 + n % 5),
                format!("DELETE FROM review WHERE id = {}", id + 100),
                format!(
                    "UPDATE \"Mixed Case\".\"Odd \"\"Name\"\"\" SET value = '{}.25' WHERE \"Id\" = {id}",
                    n % 1_000
                ),
            ],
            On::MySql | On::MariaDb => vec![
                format!("UPDATE settings SET doc = JSON_OBJECT('n', {n}, 'x', JSON_ARRAY(1, 'ü')) WHERE id = {id}"),
                format!("INSERT INTO quote (customer, total) VALUES ({}, 1.5)", 100 + id),
                format!("INSERT INTO hashed VALUES ({n}, 'new') ON DUPLICATE KEY UPDATE what = 'twice'"),
                format!("UPDATE hashed SET id = id + 100000 WHERE id = {id}"),
                format!("DELETE FROM hashed WHERE id = {}", id + 100),
                format!("INSERT INTO counter (grp) VALUES ({})", 1 + n % 3),
                format!("UPDATE unique_only SET a = a + 100000, b = NULL WHERE a = {}", id + 200),
                format!("UPDATE `select` SET `key; --` = 'changed {n}' WHERE `from` = {id}"),
            ],
            On::Sqlite => vec![
                format!("UPDATE settings SET value = 'changed {n}' WHERE name = 'setting {id}'"),
                format!("INSERT OR REPLACE INTO quote (id, total) VALUES ({id}, {n}.5)"),
                format!("UPDATE review SET body = 'changed {n}' WHERE id = {id}"),
                format!("DELETE FROM review WHERE id = {}", id + 100),
                "INSERT INTO counter DEFAULT VALUES".to_owned(),
                format!("UPDATE \"select\" SET \"key; --\" = 'changed {n}' WHERE \"from\" = {id}"),
            ],
        }
    }
}

/// The application at work, until it is told to stop.
pub(crate) struct Working {
    home: CancellationToken,
    task: JoinHandle<u64>,
}

impl Working {
    pub(crate) fn start(end: &Arc<End>, on: On, pause: Duration) -> Self {
        let home = CancellationToken::new();
        let (end, until) = (Arc::clone(end), home.clone());
        let task = tokio::spawn(async move {
            let mut application = Application { on, random: StdRng::seed_from_u64(11), next: FIRST };
            let mut done = 0;
            while !until.is_cancelled() {
                end.execute(&script(on, &application.transaction())).await;
                done += 1;
                tokio::time::sleep(pause).await;
            }
            done
        });
        Self { home, task }
    }

    pub(crate) async fn stop(self) -> u64 {
        self.home.cancel();
        self.task.await.unwrap()
    }
}

/// One transaction.
pub(crate) fn script(on: On, statements: &[String]) -> String {
    let begin = if on == On::Sqlite { "BEGIN IMMEDIATE" } else { "BEGIN" };
    format!("{begin}; {}; COMMIT", statements.join("; "))
}
