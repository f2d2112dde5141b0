-- The shop after the move. Three columns were not carried over as they were:
-- customers.phone lost its NOT NULL, products.weight_grams is no whole number
-- any more, and coupons.code takes upper and lower case for the same.
CREATE TABLE countries (
    code CHAR(2) NOT NULL PRIMARY KEY,
    name VARCHAR(40) NOT NULL
);

CREATE TABLE customers (
    id           INTEGER PRIMARY KEY,
    email        VARCHAR(120) NOT NULL UNIQUE,
    full_name    VARCHAR(80) NOT NULL,
    company      VARCHAR(80),
    phone        VARCHAR(30),
    newsletter   BOOLEAN NOT NULL,
    credit_limit DECIMAL(12, 2) NOT NULL,
    born         DATE,
    created_at   DATETIME NOT NULL
);

CREATE TABLE addresses (
    id          INTEGER PRIMARY KEY,
    customer_id INTEGER NOT NULL REFERENCES customers (id),
    purpose     VARCHAR(10) NOT NULL,
    street      VARCHAR(80) NOT NULL,
    postcode    VARCHAR(10) NOT NULL,
    city        VARCHAR(60) NOT NULL,
    country     CHAR(2) NOT NULL REFERENCES countries (code)
);

CREATE TABLE products (
    sku          VARCHAR(20) NOT NULL PRIMARY KEY,
    title        VARCHAR(120) NOT NULL,
    price        DECIMAL(10, 2) NOT NULL,
    weight_grams REAL NOT NULL,
    active       BOOLEAN NOT NULL
);

CREATE TABLE coupons (
    code        VARCHAR(20) COLLATE NOCASE NOT NULL PRIMARY KEY,
    percent     INTEGER NOT NULL,
    valid_until DATE NOT NULL
);

CREATE TABLE orders (
    id          INTEGER PRIMARY KEY,
    customer_id INTEGER NOT NULL REFERENCES customers (id),
    state       VARCHAR(12) NOT NULL,
    total       DECIMAL(12, 2) NOT NULL,
    gift        BOOLEAN NOT NULL,
    coupon      VARCHAR(20) REFERENCES coupons (code),
    placed_at   DATETIME NOT NULL
);
CREATE INDEX orders_by_customer ON orders (customer_id);

CREATE TABLE order_lines (
    order_id INTEGER NOT NULL REFERENCES orders (id),
    line     INTEGER NOT NULL,
    sku      VARCHAR(20) NOT NULL REFERENCES products (sku),
    quantity INTEGER NOT NULL,
    price    DECIMAL(10, 2) NOT NULL,
    PRIMARY KEY (order_id, line)
);

CREATE TABLE payments (
    reference CHAR(16) NOT NULL PRIMARY KEY,
    order_id  INTEGER NOT NULL REFERENCES orders (id),
    method    VARCHAR(12) NOT NULL,
    amount    DECIMAL(12, 2) NOT NULL,
    paid_at   DATETIME NOT NULL
);

CREATE TABLE events (
    at      DATETIME NOT NULL,
    visitor INTEGER,
    page    VARCHAR(60) NOT NULL,
    action  VARCHAR(12) NOT NULL
);

CREATE TABLE audit_settings (
    name       VARCHAR(40) NOT NULL PRIMARY KEY,
    value      VARCHAR(200),
    changed_by VARCHAR(40)
);

-- Only here: what the new system's own tooling left.
CREATE TABLE schema_versions (
    version    INTEGER PRIMARY KEY,
    title      VARCHAR(80) NOT NULL,
    applied_at DATETIME NOT NULL
);
INSERT INTO schema_versions VALUES
    (1, 'create shop', '2026-09-01 08:00:00'),
    (2, 'index orders by customer', '2026-09-03 14:30:00'),
    (3, 'coupons ignore case', '2026-09-07 10:15:00');

INSERT INTO countries SELECT * FROM origin.countries;
INSERT INTO customers SELECT * FROM origin.customers;
INSERT INTO addresses SELECT * FROM origin.addresses;
INSERT INTO products SELECT * FROM origin.products;
INSERT INTO coupons SELECT * FROM origin.coupons;
INSERT INTO orders SELECT * FROM origin.orders;
INSERT INTO order_lines SELECT * FROM origin.order_lines;
INSERT INTO payments SELECT * FROM origin.payments;
INSERT INTO events SELECT * FROM origin.events;
INSERT INTO audit_settings SELECT * FROM origin.audit_settings;
