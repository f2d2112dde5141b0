//! Without any one right of a plan something of the move fails, or comes to something
//! else: a check that does not pass, objects that are not seen, rows that are missing.

use switchback_fixtures::Family;
use switchback_migrate::accounts::AccountPlan;
use switchback_migrate::check::End;

use crate::flow::{Moved, Tried, tried};
use crate::scene::{BOTH_WAYS, FORWARD, LOAD, Scene, Shape, WHOLE, lesser};

/// Rights that a move does without, and why they are in a plan all the same.
const ONLY_CHECKED: [&str; 0] = [];

/// A move by the accounts of a plan, of which `change` takes something.
async fn with(family: Family, shape: Shape, change: impl Fn(End, AccountPlan) -> AccountPlan) -> (Tried, Scene) {
    let scene = Scene::new(family, shape).await;
    let mut names = Vec::new();
    for end in [End::Source, End::Target] {
        let plan = scene.plan(end, shape).await;
        scene.create(end, &change(end, plan)).await;
        names.push(scene.request(end, shape).await.name);
    }
    (tried(&scene, shape, &names[0], &names[1]).await, scene)
}

async fn each_is_needed(family: Family, shape: Shape) {
    let (whole, scene) = with(family, shape, |_, plan| plan).await;
    let moved = whole.moved.unwrap_or_else(|(stage, why)| panic!("{family:?} {shape:?}: {stage}: {why}"));
    let (mut needless, mut unnoticed) = (Vec::new(), Vec::new());
    for end in [End::Source, End::Target] {
        for (right, _) in lesser(&scene.plan(end, shape).await) {
            let take = |other: End, plan: AccountPlan| {
                if other != end {
                    return plan;
                }
                let all = lesser(&plan);
                all.into_iter().find(|(name, _)| *name == right).map(|(_, lesser)| lesser).expect("the same rights")
            };
            let (found, _scene) = with(family, shape, take).await;
            let what = format!("{end}: {right}");
            match found.moved {
                Ok(found) if found == moved && !ONLY_CHECKED.contains(&what.as_str()) => needless.push(what.clone()),
                Ok(found) => eprintln!("{family:?} {end} without {right}: {}", difference(&moved, &found)),
                Err((stage, why)) => eprintln!("{family:?} {end} without {right}: {stage}: {}", short(&why)),
            }
            let known: Vec<String> = whole.checked.iter().map(|line| anywhere(line)).collect();
            let said: Vec<String> =
                found.checked.iter().map(|line| anywhere(line)).filter(|line| !known.contains(line)).collect();
            eprintln!("    the check: {}", short(&format!("{said:?}")));
            if said.is_empty() {
                unnoticed.push(what);
            }
        }
    }
    assert!(needless.is_empty(), "{family:?} {shape:?}: nothing fails without {needless:#?}");
    assert!(unnoticed.is_empty(), "{family:?} {shape:?}: the check does not miss {unnoticed:#?}");
}

/// Without the names of databases, of which no two are the same.
fn anywhere(line: &str) -> String {
    let mut words: Vec<&str> = line.split("t_accounts_").collect();
    for word in words.iter_mut().skip(1) {
        *word = word.get(16..).unwrap_or_default();
    }
    words.join("DB")
}

fn difference(whole: &Moved, found: &Moved) -> String {
    let lists = [
        (&whole.refused, &found.refused),
        (&whole.structure, &found.structure),
        (&whole.positions, &found.positions),
        (&whole.rows, &found.rows),
    ];
    let mut told = vec![format!("{} readers", found.readers)];
    for (before, after) in lists {
        told.extend(before.iter().filter(|line| !after.contains(line)).map(|line| format!("-{line}")));
        told.extend(after.iter().filter(|line| !before.contains(line)).map(|line| format!("+{line}")));
    }
    told.join(" ")
}

fn short(text: &str) -> String {
    let line: String = text.split_whitespace().collect::<Vec<_>>().join(" ");
    line.chars().take(300).collect()
}

macro_rules! every_right_is_needed {
    ($($name:ident: $family:ident $shape:ident;)*) => {$(
        #[tokio::test(flavor = "multi_thread")]
        async fn $name() {
            each_is_needed(Family::$family, $shape).await;
        }
    )*};
}

every_right_is_needed! {
    postgres_whole: Postgres WHOLE;
    postgres_forward: Postgres FORWARD;
    postgres_both_ways: Postgres BOTH_WAYS;
    postgres_load: Postgres LOAD;
    mysql_whole: MySql WHOLE;
    mysql_forward: MySql FORWARD;
    mysql_both_ways: MySql BOTH_WAYS;
    mysql_load: MySql LOAD;
    mariadb_whole: MariaDb WHOLE;
    mariadb_forward: MariaDb FORWARD;
    mariadb_both_ways: MariaDb BOTH_WAYS;
    mariadb_load: MariaDb LOAD;
}
