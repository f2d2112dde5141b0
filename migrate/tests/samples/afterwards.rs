//! What the application finds at the target.

use crate::harness::end::{End, ask};
use crate::moving::Moved;

pub(crate) struct Afterwards {
    /// Both sides answer alike.
    same: &'static [&'static str],
    /// A statement; a number; and by how much the one raises the other.
    does: &'static [&'static [(&'static str, &'static str, i64)]],
    refused: &'static [&'static str],
}

/// How often each statement is run: numbers that are taken would soon be met.
const TIMES: usize = 3;

pub(crate) async fn works(moved: &Moved, afterwards: &Afterwards) {
    for question in afterwards.same {
        let (wanted, found) = (answer(&moved.origin, question).await, answer(&moved.target, question).await);
        assert_eq!(wanted, found, "{question}");
        assert_ne!(found.as_str(), "0", "{question} asks for nothing");
    }
    for (statement, question, more) in afterwards.does.iter().copied().flatten() {
        for n in 0..TIMES {
            let before = number(&moved.target, question).await;
            let statement = statement.replace("{n}", &n.to_string());
            moved.target.try_execute(&statement).await.unwrap_or_else(|e| panic!("{statement}: {e}"));
            assert_eq!(number(&moved.target, question).await - before, *more, "{question} after {statement}");
        }
    }
    for statement in afterwards.refused {
        assert!(moved.target.try_execute(statement).await.is_err(), "the target takes {statement}");
        let said = moved.origin.try_execute(statement).await;
        assert!(said.is_err(), "the source takes {statement}");
    }
}

async fn answer(end: &End, question: &str) -> String {
    let mut writer = end.writer().await;
    let answer = ask(writer.as_mut(), question).await.unwrap_or_else(|e| panic!("{e:?}"));
    answer.unwrap_or_else(|| panic!("{question}: NULL"))
}

async fn number(end: &End, question: &str) -> i64 {
    answer(end, question).await.parse().unwrap_or_else(|e| panic!("{question}: {e}"))
}

pub(crate) const POSTGRES: Afterwards = Afterwards {
    same: &[
        "SELECT md5(string_agg(s::text, ',' ORDER BY id)) FROM spending s",
        "SELECT count(*) + 1 FROM big_spending",
        "SELECT (count(*) > 10)::int FROM depot.stock",
        "SELECT md5(string_agg(a::text, ',' ORDER BY id)) FROM active a",
        "SELECT md5(string_agg(t::text, ',' ORDER BY id)) FROM tools_of('kind 7') t",
        "SELECT count(*) FROM depot.tool WHERE words @@ 'heavy & sharp'",
        "SELECT count(*) FROM customer WHERE tags @> ARRAY ['it''s']",
        "SELECT string_agg(relname || ' ' || n, ',' ORDER BY relname) FROM (SELECT tableoid::regclass::text AS relname, \
         count(*) AS n FROM rental GROUP BY 1) parts",
        "SELECT last_value FROM customer_id_seq",
    ],
    does: &[&[
        ("INSERT INTO customer (email) VALUES ('after{n}@example.org')", "SELECT count(*) FROM audit", 1),
        ("UPDATE customer SET email = 'x{n}@example.org' WHERE id = 120", "SELECT count(*) FROM audit", 1),
        ("UPDATE customer SET nickname = 'x{n}' WHERE id = 120", "SELECT count(*) FROM audit", 0),
        (
            "INSERT INTO rental (started, customer, tool) SELECT '2026-07-01 10:00+00', 120, tool FROM depot.part LIMIT 1",
            "SELECT count(*) FROM audit",
            1,
        ),
        ("INSERT INTO note (body) VALUES ('after')", "SELECT count(*) FROM audit", 0),
        ("INSERT INTO audit (entry) VALUES ('1')", "SELECT count(*) FROM audit", 1),
        ("DELETE FROM audit", "SELECT count(*) FROM audit", 0),
        ("INSERT INTO depot.category (\"Label\") VALUES ('after {n}')", "SELECT count(*) FROM depot.category", 1),
        (
            "INSERT INTO depot.repair (tool, part) SELECT tool, number FROM depot.part LIMIT 1",
            "SELECT count(*) FROM depot.repair",
            1,
        ),
        (
            "INSERT INTO review (tool, stars, body) SELECT tool, 5, 'afterwards {n}' FROM depot.part LIMIT 1",
            "SELECT count(*) FROM review WHERE words @@ 'afterwards'",
            1,
        ),
        (
            "INSERT INTO depot.tool (category, title, about, daily_price) VALUES (3, 'T', 'afterwards', 10)",
            "SELECT count(*) FROM depot.tool WHERE words @@ 'afterwards' AND gross_price = 11.9",
            1,
        ),
    ]],
    refused: &[
        "INSERT INTO customer (email) VALUES ('nobody')",
        "INSERT INTO customer (email, zip) VALUES ('a@b.example', 'none')",
        "INSERT INTO customer (email, country) VALUES ('a@b.example', '??')",
        "INSERT INTO rental (started, customer, tool) VALUES (now(), 1, gen_random_uuid())",
        "INSERT INTO depot.repair (id, tool, part) SELECT id, tool, part FROM depot.repair LIMIT 1",
        "UPDATE review SET stars = 6",
        "DELETE FROM country",
        "UPDATE depot.tool SET gross_price = 1",
    ],
};

pub(crate) const MYSQL: Afterwards = Afterwards {
    same: &[
        "SELECT CONCAT(COUNT(*), ' ', SUM(rentals), ' ', SUM(CRC32(email))) FROM z_spending",
        "SELECT COUNT(*) + 1 FROM a_big_spending",
        "SELECT CONCAT(COUNT(*), ' ', SUM(CRC32(email))) FROM active",
        "SELECT COUNT(*) FROM customer WHERE MATCH (about) AGAINST ('sharp')",
        "SELECT rounded_up(1.01)",
        "SELECT CONCAT(SUM(gross), ' ', (SELECT SUM(CRC32(initial)) FROM customer)) FROM tool",
        "SELECT COUNT(*) FROM rental PARTITION (p2026)",
    ],
    does: &[&[
        ("INSERT INTO customer (email) VALUES ('after{n}@example.org')", "SELECT COUNT(*) FROM audit", 2),
        ("INSERT INTO category (`Label ``odd```) VALUES ('after {n}')", "SELECT COUNT(*) FROM category", 1),
        ("INSERT INTO repair (tool, part) SELECT tool, number FROM part LIMIT 1", "SELECT COUNT(*) FROM repair", 1),
        ("INSERT INTO counter (grp) VALUES (1)", "SELECT COUNT(*) FROM counter", 1),
        ("INSERT INTO quote (customer) VALUES (NULL)", "SELECT COUNT(*) FROM quote WHERE total = 25", 1),
        (
            "INSERT INTO note (body) VALUES ('afterwards'); UPDATE note SET body = '  {n}trimmed ' WHERE body = 'afterwards'",
            "SELECT COUNT(*) FROM note WHERE LENGTH(body) = 8 AND body LIKE '%trimmed'",
            1,
        ),
        ("INSERT INTO audit (entry) VALUES ('after')", "SELECT COUNT(*) FROM audit", 1),
        (
            "UPDATE customer SET is_active = 1 WHERE id = 120; CALL close_account(120, @found); UPDATE quote SET hidden = 8 WHERE @found = 1 AND hidden <> 8 LIMIT 1",
            "SELECT COUNT(*) FROM quote WHERE hidden = 8",
            1,
        ),
    ]],
    refused: &[
        "INSERT INTO customer (email) VALUES ('nobody')",
        "INSERT INTO customer (email, country) VALUES ('a@b.example', '??')",
        "INSERT INTO quote (customer) VALUES (999999999)",
        "INSERT INTO country VALUES ('DE', 'again')",
        "UPDATE tool SET daily_price = -1",
        "DELETE FROM country",
        "UPDATE active SET country = '??'",
    ],
};

pub(crate) const SQLITE: Afterwards = Afterwards {
    same: &[
        "SELECT count(*) || ' ' || sum(rentals) || group_concat(email) FROM (SELECT * FROM spending ORDER BY id)",
        "SELECT count(*) + 1 FROM big_spending",
        "SELECT group_concat(initial || loud) FROM (SELECT * FROM customer ORDER BY id)",
        "SELECT seq FROM sqlite_sequence WHERE name = 'counter'",
    ],
    does: &[&[
        (
            "INSERT INTO customer (email, full_name) VALUES ('after{n}@example.org', 'Ada')",
            "SELECT count(*) FROM audit",
            1,
        ),
        ("INSERT INTO counter DEFAULT VALUES", "SELECT count(*) FROM counter", 1),
        ("INSERT INTO note (body) VALUES ('after')", "SELECT count(*) FROM note", 1),
        ("INSERT INTO spending (id) VALUES (1)", "SELECT count(*) FROM customer", 0),
    ]],
    refused: &[
        "INSERT INTO customer (email) VALUES ('nobody')",
        "INSERT INTO customer (email, country) VALUES ('a@b.example', '??')",
        "INSERT INTO rental (started, customer) VALUES ('2026-01-01', 999999999)",
        "UPDATE customer SET email = (SELECT upper(min(email)) FROM customer)",
        "UPDATE review SET stars = 6",
    ],
};

pub(crate) const POSTGRES_ON_MYSQL: Afterwards = Afterwards {
    same: &["SELECT SUM(days) FROM rental"],
    does: &[&[
        (
            "INSERT INTO customer (email, country, preferences) VALUES ('after{n}@example.org', 'AB', '{}')",
            "SELECT COUNT(*) FROM customer",
            1,
        ),
        ("INSERT INTO audit (entry) VALUES ('1')", "SELECT COUNT(*) FROM audit", 1),
        ("INSERT INTO note (body) VALUES ('after')", "SELECT COUNT(*) FROM note", 1),
        ("INSERT INTO category (`Label`) VALUES ('after {n}')", "SELECT COUNT(*) FROM category", 1),
        ("INSERT INTO repair (tool, part) SELECT tool, number FROM part LIMIT 1", "SELECT COUNT(*) FROM repair", 1),
    ]],
    refused: &["INSERT INTO quote (id, customer) VALUES (-1, 1)", "DELETE FROM country"],
};

pub(crate) const POSTGRES_ON_SQLITE: Afterwards = Afterwards {
    same: &["SELECT SUM(days) FROM rental"],
    does: &[&[
        (
            "INSERT INTO customer (email, country, preferences) VALUES ('after{n}@example.org', 'AB', '{}')",
            "SELECT COUNT(*) FROM customer",
            1,
        ),
        ("INSERT INTO audit (entry) VALUES ('1')", "SELECT COUNT(*) FROM audit", 1),
        ("INSERT INTO note (body) VALUES ('after')", "SELECT COUNT(*) FROM note", 1),
        ("INSERT INTO category (\"Label\") VALUES ('after {n}')", "SELECT COUNT(*) FROM category", 1),
        ("INSERT INTO repair (tool, part) SELECT tool, number FROM part LIMIT 1", "SELECT COUNT(*) FROM repair", 1),
    ]],
    refused: &["INSERT INTO quote (id, customer) VALUES (-1, 1)", "DELETE FROM country"],
};

pub(crate) const MYSQL_ON_SQLITE: Afterwards = Afterwards {
    same: &["SELECT SUM(days) FROM rental"],
    // A number that is only a part of a key is nobody's business in SQLite, which the
    // plan warns of.
    does: &[OF_MYSQL],
    refused: MYSQL_ON_POSTGRES.refused,
};

pub(crate) const RENAMED: Afterwards = Afterwards {
    same: &["SELECT md5(string_agg(s::text, ',' ORDER BY id)) FROM spending s"],
    does: &[&[
        (
            "INSERT INTO \"stock room\".category (\"Label\") VALUES ('{n}')",
            "SELECT count(*) FROM \"stock room\".category",
            1,
        ),
        ("INSERT INTO customer (email) VALUES ('after{n}@example.org')", "SELECT count(*) FROM audit", 1),
    ]],
    refused: &["INSERT INTO rental (started, customer, tool) VALUES (now(), 120, gen_random_uuid())"],
};

pub(crate) const RENAMED_ACROSS: Afterwards = Afterwards {
    same: &["SELECT SUM(days) FROM rental"],
    does: &[&[
        (
            "INSERT INTO client (email, interests) VALUES ('after{n}@example.org', 'saws')",
            "SELECT count(*) FROM client",
            1,
        ),
        ("INSERT INTO \"from\" (what) VALUES ('after')", "SELECT count(*) FROM \"from\"", 1),
    ]],
    refused: &["INSERT INTO quote (customer) VALUES (999999999)"],
};

pub(crate) const MYSQL_ON_POSTGRES: Afterwards = Afterwards {
    same: &["SELECT SUM(days) FROM rental"],
    does: &[OF_MYSQL, &[("INSERT INTO counter (grp) VALUES (1)", "SELECT count(*) FROM counter", 1)]],
    refused: &["INSERT INTO quote (customer) VALUES (999999999)", "DELETE FROM country"],
};

pub(crate) const SQLITE_ON_POSTGRES: Afterwards = Afterwards {
    same: &["SELECT SUM(days) FROM rental"],
    does: &[OF_SQLITE],
    refused: &["INSERT INTO rental (started, customer) VALUES ('2026-01-01', 999999999)", "DELETE FROM country"],
};

pub(crate) const SQLITE_ON_MYSQL: Afterwards = Afterwards {
    same: &["SELECT SUM(days) FROM rental"],
    does: &[OF_SQLITE],
    refused: &["INSERT INTO rental (started, customer) VALUES ('2026-01-01', 999999999)", "DELETE FROM country"],
};

const OF_SQLITE: &[(&str, &str, i64)] = &[
    ("INSERT INTO customer (email, country) VALUES ('after{n}@example.org', 'AB')", "SELECT count(*) FROM customer", 1),
    ("INSERT INTO audit (entry) VALUES ('after')", "SELECT count(*) FROM audit", 1),
    ("INSERT INTO note (body) VALUES ('after')", "SELECT count(*) FROM note", 1),
    ("INSERT INTO rental (started, customer) VALUES ('2026-01-01', 20)", "SELECT count(*) FROM rental", 1),
];

const OF_MYSQL: &[(&str, &str, i64)] = &[
    (
        "INSERT INTO customer (email, country, interests) VALUES ('after{n}@example.org', 'AB', 'saws')",
        "SELECT count(*) FROM customer",
        1,
    ),
    ("INSERT INTO audit (entry) VALUES ('after')", "SELECT count(*) FROM audit", 1),
    ("INSERT INTO note (body) VALUES ('after')", "SELECT count(*) FROM note", 1),
    ("INSERT INTO quote (customer) VALUES (120)", "SELECT count(*) FROM quote", 1),
    ("INSERT INTO repair (tool, part) SELECT tool, number FROM part LIMIT 1", "SELECT count(*) FROM repair", 1),
];
