//! The server's own order, for keys that came from elsewhere.

use switchback_engines::{Database as _, KeyValues, Value};
use switchback_fixtures::Side;

use super::{Fixture, on_both_versions};

on_both_versions!(
    ranks_follow_the_collation_of_the_column,
    ten_thousand_keys_are_ranked_at_once,
    keys_longer_than_the_column_are_not_cut,
    composite_keys_are_ranked_column_by_column,
    keys_of_the_wrong_length_are_refused,
);

fn texts(values: &[&str]) -> Vec<KeyValues> {
    values.iter().map(|v| vec![Value::Text((*v).to_owned().into())]).collect()
}

async fn ranks_follow_the_collation_of_the_column(side: Side) {
    let fixture = Fixture::new(
        side,
        "collations",
        "CREATE EXTENSION citext;
         CREATE COLLATION ci (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
         CREATE COLLATION blunt (provider = icu, locale = 'und-u-ks-level1', deterministic = false);
         CREATE TABLE t (c text COLLATE \"C\", u text COLLATE \"und-x-icu\", i text COLLATE ci, b varchar(3) COLLATE blunt,
                         x citext, p char(3) COLLATE \"C\", d text)",
    )
    .await;
    let table = fixture.table("t").await;
    let keys = texts(&["b", "a", "B", "A", "á", "a-c", "ab"]);
    let expected: [(&str, [u64; 7]); 7] = [
        // Bytes: A B a a-c ab b á.
        ("c", [6, 3, 2, 1, 7, 4, 5]),
        // The root collation: a A á a-c ab b B; the hyphen counts in PostgreSQL.
        ("u", [6, 1, 7, 2, 3, 4, 5]),
        ("i", [5, 1, 5, 1, 2, 3, 4]),
        ("b", [4, 1, 4, 1, 1, 2, 3]),
        ("x", [4, 1, 4, 1, 5, 2, 3]),
        ("p", [6, 3, 2, 1, 7, 4, 5]),
        ("d", [6, 3, 2, 1, 7, 4, 5]),
    ];
    for (i, (name, ranks)) in expected.into_iter().enumerate() {
        assert_eq!(fixture.postgres.rank_keys(&table, &[i], &keys).await.expect("ranks"), ranks, "{name}");
    }
    let spaces = texts(&["a", "a ", "a  "]);
    assert_eq!(fixture.postgres.rank_keys(&table, &[5], &spaces).await.expect("ranks"), [1, 1, 1]);
    assert_eq!(fixture.postgres.rank_keys(&table, &[6], &spaces).await.expect("ranks"), [1, 2, 3]);
}

async fn ten_thousand_keys_are_ranked_at_once(side: Side) {
    let fixture = Fixture::new(side, "many", "CREATE TABLE t (a text COLLATE \"und-x-icu\", b bigint)").await;
    let table = fixture.table("t").await;
    // 7919 has no factor in common with 10,000: a permutation.
    let keys: Vec<KeyValues> = (0..10_000i64)
        .map(|i| i * 7919 % 10_000)
        .map(|i| vec![Value::Text(format!("it's key {i:05}").into()), Value::Int(i)])
        .collect();
    let expected: Vec<u64> = (0..10_000).map(|i| i * 7919 % 10_000 + 1).collect();
    assert_eq!(fixture.postgres.rank_keys(&table, &[0, 1], &keys).await.expect("ranks"), expected);
    assert_eq!(fixture.postgres.rank_keys(&table, &[0, 1], &[]).await.expect("ranks"), [] as [u64; 0]);
}

async fn keys_longer_than_the_column_are_not_cut(side: Side) {
    let fixture = Fixture::new(
        side,
        "long",
        "CREATE DOMAIN short AS varchar(2);
         CREATE TABLE t (v varchar(2), d short, c char(2), n numeric(4,1), s timestamp(0), b bit(2), q \"char\")",
    )
    .await;
    let table = fixture.table("t").await;
    for column in [0, 1, 2] {
        let keys = texts(&["abc", "ab", "abd"]);
        assert_eq!(fixture.postgres.rank_keys(&table, &[column], &keys).await.expect("ranks"), [2, 1, 3]);
    }
    let decimal = |coefficient| vec![Value::Decimal(switchback_engines::Decimal::Small { coefficient, scale: 3 })];
    let keys = [decimal(1_049), decimal(1_000), decimal(1_001), decimal(123_456_789)];
    assert_eq!(fixture.postgres.rank_keys(&table, &[3], &keys).await.expect("ranks"), [3, 1, 2, 4]);
    let moment = |micros| vec![Value::Timestamp(switchback_engines::Moment::Micros(micros))];
    let keys = [moment(400_000), moment(0), moment(-1)];
    assert_eq!(fixture.postgres.rank_keys(&table, &[4], &keys).await.expect("ranks"), [3, 2, 1]);
}

async fn composite_keys_are_ranked_column_by_column(side: Side) {
    let fixture = Fixture::new(side, "two", "CREATE TABLE t (a text COLLATE \"C\", b int, c uuid)").await;
    let table = fixture.table("t").await;
    let key = |b: i64, a: &str| vec![Value::Int(b), Value::Text(a.to_owned().into())];
    let keys = [key(10, "a"), key(9, "b"), key(9, "B"), key(10, "a")];
    assert_eq!(fixture.postgres.rank_keys(&table, &[1, 0], &keys).await.expect("ranks"), [3, 2, 1, 3]);
    let uuid = |v: u128| vec![Value::Uuid(v.to_be_bytes())];
    assert_eq!(
        fixture.postgres.rank_keys(&table, &[2], &[uuid(5), uuid(u128::MAX), uuid(0)]).await.expect("ranks"),
        [2, 3, 1]
    );
}

async fn keys_of_the_wrong_length_are_refused(side: Side) {
    let fixture = Fixture::new(side, "wrong", "CREATE TABLE t (a int, b int)").await;
    let table = fixture.table("t").await;
    for keys in [vec![vec![Value::Int(1)]], vec![vec![Value::Int(1), Value::Null]]] {
        fixture.postgres.rank_keys(&table, &[0, 1], &keys).await.expect_err("no key");
    }
    fixture.postgres.rank_keys(&table, &[2], &[vec![Value::Int(1)]]).await.expect_err("no column");
}
