-- The shop as it was before the move.
CREATE TABLE countries (
    code CHAR(2) NOT NULL PRIMARY KEY,
    name VARCHAR(40) NOT NULL
);

CREATE TABLE customers (
    id           INTEGER PRIMARY KEY,
    email        VARCHAR(120) NOT NULL UNIQUE,
    full_name    VARCHAR(80) NOT NULL,
    company      VARCHAR(80),
    phone        VARCHAR(30) NOT NULL,
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
    weight_grams INTEGER NOT NULL,
    active       BOOLEAN NOT NULL
);

CREATE TABLE coupons (
    code        VARCHAR(20) NOT NULL PRIMARY KEY,
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

-- No key at all: the same visitor may look at the same page twice in a second.
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

-- Only here.
CREATE TABLE legacy_imports (
    id          INTEGER PRIMARY KEY,
    file_name   VARCHAR(80) NOT NULL,
    row_count   INTEGER NOT NULL,
    imported_at DATETIME NOT NULL
);
