//! The rows of the shop, the same on every machine.
//!
//! Rows are JSON arrays in the order of the table's columns: SQLite unpacks a
//! few thousand of them from one parameter, which is many times faster than
//! one statement for each row.

use chrono::{DateTime, Days, TimeDelta};
use serde_json::{Value, json};

use super::random::Random;
use super::words as w;

pub(super) const CUSTOMERS: i64 = 12_000;
pub(super) const ORDERS: i64 = 30_000;
const PRODUCTS: i64 = 1_500;
const COUPONS: i64 = 120;
const EVENTS: i64 = 25_000;
const LEGACY_IMPORTS: i64 = 240;

/// 2024-01-01 00:00:00 UTC.
const OPENING: i64 = 1_704_067_200;
/// How long the shop has been open: until 2026-10-31.
const OPEN_DAYS: i64 = 1_034;

/// One table's rows, and the statement that takes them.
pub(super) struct TableRows {
    pub(super) insert: &'static str,
    pub(super) rows: Vec<Value>,
}

/// All tables, parents before children.
pub(super) fn shop() -> Vec<TableRows> {
    let mut random = Random::new(0x5357_4954_4348);
    let products = products(&mut random);
    let coupons = coupons(&mut random);
    let mut orders = Orders::default();
    for id in 1..=ORDERS {
        orders.place(id, &products, &coupons, &mut random);
    }
    let table = |insert, rows| TableRows { insert, rows };
    vec![
        table(COUNTRIES_SQL, w::COUNTRIES.iter().map(|(code, name)| json!([code, name])).collect()),
        table(CUSTOMERS_SQL, (1..=CUSTOMERS).map(|id| customer(id, &mut random)).collect()),
        table(ADDRESSES_SQL, addresses(&mut random)),
        table(PRODUCTS_SQL, products),
        table(COUPONS_SQL, coupons),
        table(ORDERS_SQL, orders.orders),
        table(ORDER_LINES_SQL, orders.lines),
        table(PAYMENTS_SQL, orders.payments),
        table(EVENTS_SQL, events(&mut random)),
        table(SETTINGS_SQL, w::SETTINGS.iter().map(|(name, value)| json!([name, value, "admin"])).collect()),
        table(LEGACY_IMPORTS_SQL, (1..=LEGACY_IMPORTS).map(|id| legacy_import(id, &mut random)).collect()),
    ]
}

fn customer(id: i64, random: &mut Random) -> Value {
    let (first, last) = (random.pick(w::FIRST_NAMES), random.pick(w::LAST_NAMES));
    let email = format!("{}.{id}@example.com", first.to_lowercase());
    let company = random.chance(20).then(|| random.pick(w::COMPANIES));
    let phone = format!("+{} {:07}", random.between(30, 49), random.between(0, 9_999_999));
    let born = random.chance(85).then(|| day(random.between(-9_000, 13_500)));
    let created = moment(random.between(0, OPEN_DAYS * 86_400));
    let limit = random.between(0, 200) * 50;
    json!([id, email, format!("{first} {last}"), company, phone, random.chance(40), limit, born, created])
}

/// Everybody has one for invoices, and every fourth another for parcels.
fn addresses(random: &mut Random) -> Vec<Value> {
    let mut rows = Vec::new();
    for customer in 1..=CUSTOMERS {
        let purposes: &[&str] = if customer % 4 == 0 { &["billing", "shipping"] } else { &["billing"] };
        for purpose in purposes {
            let street = format!("{} {}", random.pick(w::STREETS), random.between(1, 180));
            let postcode = format!("{:05}", random.between(1_000, 99_999));
            let index = usize::try_from(random.next()).unwrap_or(usize::MAX) % w::CITIES.len();
            let (city, country) = w::CITIES.get(index).copied().unwrap_or_default();
            rows.push(json!([rows.len() + 1, customer, purpose, street, postcode, city, country]));
        }
    }
    rows
}

fn products(random: &mut Random) -> Vec<Value> {
    let row = |number: i64| {
        let (material, good) = (random.pick(w::MATERIALS), random.pick(w::GOODS));
        let group: String = good.chars().take(3).collect();
        let sku = format!("{}-{number:05}-{}", group.to_uppercase(), random.pick(w::SIZES));
        let price = cents(random.between(190, 24_900));
        json!([sku, format!("{material} {good}"), price, random.between(40, 9_000), random.chance(92)])
    };
    (1..=PRODUCTS).map(row).collect()
}

fn coupons(random: &mut Random) -> Vec<Value> {
    let row = |number: i64| {
        let code = format!("{}{:02}-{number:03}", random.pick(w::SEASONS), random.between(24, 26));
        json!([code, random.between(1, 6) * 5, day(19_723 + random.between(0, 1_400))])
    };
    (1..=COUPONS).map(row).collect()
}

/// Orders with their lines and payments, whose totals agree.
#[derive(Default)]
struct Orders {
    orders: Vec<Value>,
    lines: Vec<Value>,
    payments: Vec<Value>,
}

impl Orders {
    fn place(&mut self, id: i64, products: &[Value], coupons: &[Value], random: &mut Random) {
        let placed = id * OPEN_DAYS * 86_400 / ORDERS + random.between(0, 3_000);
        let mut total = 0;
        for line in 1..=random.between(1, 4) {
            let product = choose(products, random);
            let quantity = random.between(1, 3);
            let price = product.get(2).and_then(Value::as_f64).unwrap_or_default();
            total += quantity * (price * 100.0).round() as i64;
            self.lines.push(json!([id, line, product.get(0), quantity, price]));
        }
        let state = random.pick(w::ORDER_STATES);
        let coupon = random.chance(10).then(|| choose(coupons, random).get(0).cloned()).flatten();
        let customer = random.between(1, CUSTOMERS);
        self.orders.push(json!([id, customer, state, cents(total), random.chance(8), coupon, moment(placed)]));
        if !matches!(state, "placed" | "cancelled") {
            let reference = format!("{:016X}", random.next());
            let paid = moment(placed + random.between(20, 90_000));
            self.payments.push(json!([reference, id, random.pick(w::PAYMENT_METHODS), cents(total), paid]));
        }
    }
}

/// Every fortieth event happened twice in the same second.
fn events(random: &mut Random) -> Vec<Value> {
    let mut rows = Vec::new();
    for number in 1..=EVENTS {
        let visitor = random.chance(70).then(|| random.between(1, CUSTOMERS));
        let at = moment(number * OPEN_DAYS * 86_400 / EVENTS);
        let row = json!([at, visitor, random.pick(w::PAGES), random.pick(w::ACTIONS)]);
        if number % 40 == 0 {
            rows.push(row.clone());
        }
        rows.push(row);
    }
    rows
}

fn legacy_import(id: i64, random: &mut Random) -> Value {
    let at = moment(id * 3 * 86_400 + random.between(0, 80_000));
    json!([id, format!("stock-{id:04}.csv"), random.between(80, 1_500), at])
}

fn choose<'a>(rows: &'a [Value], random: &mut Random) -> &'a Value {
    let index = usize::try_from(random.next()).unwrap_or(usize::MAX) % rows.len().max(1);
    rows.get(index).unwrap_or(&Value::Null)
}

fn cents(cents: i64) -> f64 {
    cents as f64 / 100.0
}

/// Seconds after the opening, as SQLite's date functions write it.
fn moment(seconds: i64) -> String {
    let opening = DateTime::from_timestamp(OPENING, 0).unwrap_or_default();
    (opening + TimeDelta::seconds(seconds)).format("%Y-%m-%d %H:%M:%S").to_string()
}

/// Days after 1970-01-01.
fn day(days: i64) -> String {
    let epoch = DateTime::UNIX_EPOCH.date_naive();
    let days_abs = Days::new(days.unsigned_abs());
    let date = if days < 0 { epoch.checked_sub_days(days_abs) } else { epoch.checked_add_days(days_abs) };
    date.unwrap_or(epoch).to_string()
}

const COUNTRIES_SQL: &str = "INSERT INTO countries SELECT value ->> 0, value ->> 1 FROM json_each(?1)";
const CUSTOMERS_SQL: &str = "INSERT INTO customers SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, \
                             value ->> 5, value ->> 6, value ->> 7, value ->> 8 FROM json_each(?1)";
const ADDRESSES_SQL: &str = "INSERT INTO addresses SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, \
                             value ->> 5, value ->> 6 FROM json_each(?1)";
const PRODUCTS_SQL: &str = "INSERT INTO products SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4 \
                            FROM json_each(?1)";
const COUPONS_SQL: &str = "INSERT INTO coupons SELECT value ->> 0, value ->> 1, value ->> 2 FROM json_each(?1)";
const ORDERS_SQL: &str = "INSERT INTO orders SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, \
                          value ->> 5, value ->> 6 FROM json_each(?1)";
const ORDER_LINES_SQL: &str = "INSERT INTO order_lines SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, \
                               value ->> 4 FROM json_each(?1)";
const PAYMENTS_SQL: &str = "INSERT INTO payments SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4 \
                            FROM json_each(?1)";
const EVENTS_SQL: &str =
    "INSERT INTO events SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3 FROM json_each(?1)";
const SETTINGS_SQL: &str = "INSERT INTO audit_settings SELECT value ->> 0, value ->> 1, value ->> 2 FROM json_each(?1)";
const LEGACY_IMPORTS_SQL: &str = "INSERT INTO legacy_imports SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3 \
                                  FROM json_each(?1)";
