use crate::support::Place;

#[test]
fn exactly_the_damage_is_found_each_time() {
    let place = Place::new();
    for _ in 0..2 {
        let ended = place.run(&["demo"]).expect(0, &[]);
        assert_eq!(ended.stderr, "");
        assert!(ended.stdout.contains("Exactly what went wrong was found"), "{ended:#?}");
    }
    let folder = place.path().join("switchback-demo");
    assert!(folder.join("source.db").is_file() && folder.join("run/summary.json").is_file());
}

#[test]
fn what_it_suggests_works() {
    let place = Place::new();
    let printed = place.run(&["demo", "--dir", "shop"]).expect(0, &[]).stdout;
    let suggested = |command: &str| {
        let line = printed.lines().map(str::trim).find(|line| line.starts_with(&format!("switchback {command}")));
        let words: Vec<&str> = line.unwrap_or_else(|| panic!("no {command}: {printed}")).split(' ').skip(1).collect();
        place.run(&words)
    };
    suggested("report").expect(0, &[]);
    suggested("verify").expect(1, &[]);
    // The coupon that the target takes for another one can't be inserted.
    let repair = suggested("repair").expect(3, &["1 difference is left"]);

    place.database("shop/target.db", &repair.stdout);
    let left = place.run(&["verify", "-c", "shop/demo.toml", "--format", "json"]).expect(1, &[]).json();
    let tables = left["outcome"]["tables"].as_array().unwrap();
    let with_rows: Vec<&serde_json::Value> =
        tables.iter().filter(|table| !table["differences"].as_object().unwrap().is_empty()).collect();
    assert_eq!(with_rows.len(), 1, "{with_rows:#?}");
    assert_eq!(with_rows[0]["differences"], serde_json::json!({ "key_collision": 1 }));
}

#[test]
fn a_folder_of_somebody_else_is_left_alone() {
    let place = Place::new();
    std::fs::create_dir(place.path().join("switchback-demo")).unwrap();
    place.file("switchback-demo/source.db", "mine");
    place.run(&["demo"]).expect(2, &["`switchback-demo`", "something else", "hint: "]);
    assert_eq!(std::fs::read_to_string(place.path().join("switchback-demo/source.db")).unwrap(), "mine");
}
