//! With the accounts of a plan a move works from its check to the way back.

use switchback_fixtures::Family;
use switchback_migrate::check::End;

use crate::flow::{Tried, tried};
use crate::scene::{BOTH_WAYS, FORWARD, LOAD, Scene, Shape, WHOLE};

async fn is_enough(family: Family, shape: Shape) {
    let scene = Scene::new(family, shape).await;
    let (source, target) = (scene.plan(End::Source, shape).await, scene.plan(End::Target, shape).await);
    scene.create(End::Source, &source).await;
    scene.create(End::Target, &target).await;
    let names = (scene.request(End::Source, shape).await.name, scene.request(End::Target, shape).await.name);
    let Tried { checked, moved } = tried(&scene, shape, &names.0, &names.1).await;
    let moved = moved.unwrap_or_else(|(stage, why)| panic!("{family:?} {shape:?}: {stage}: {why}"));
    let failing: Vec<&String> = checked.iter().filter(|line| !KNOWN.iter().any(|known| line.contains(known))).collect();
    assert!(failing.is_empty(), "{family:?} {shape:?}: {failing:#?}");
    // The one with a trigger, at each end that is a sink.
    assert_eq!(moved.refused, vec!["noted"; 1 + usize::from(shape.rollback)], "{family:?} {shape:?}");
    let rows = moved.rows.len() / 2;
    assert_eq!(moved.rows[..rows], moved.rows[rows..], "{family:?} {shape:?}");
    assert_eq!(moved.readers, 2, "{family:?} {shape:?}");
}

/// What the check says of any move between these servers, whatever the accounts.
const KNOWN: [&str; 7] =
    ["durability", "primary_keys", "identity", "free_space", "Warn: source Forward versions", "slot_limit", "lc_"];

async fn are_enough(family: Family) {
    for shape in [WHOLE, FORWARD, BOTH_WAYS, LOAD] {
        is_enough(family, shape).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn accounts_of_postgres_are_enough() {
    are_enough(Family::Postgres).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn accounts_of_mysql_are_enough() {
    are_enough(Family::MySql).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn accounts_of_mariadb_are_enough() {
    are_enough(Family::MariaDb).await;
}
