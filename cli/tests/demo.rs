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
    let suggested: Vec<&str> = printed.lines().filter_map(|line| line.trim().strip_prefix("switchback ")).collect();
    assert_eq!(suggested.len(), 3, "{printed}");
    for words in suggested {
        let words: Vec<&str> = words.split_whitespace().collect();
        let ended = place.run(&words);
        assert!(matches!(ended.code, Some(0 | 1)) && ended.stderr.is_empty(), "{words:?}: {ended:#?}");
    }
}

#[test]
fn a_folder_of_somebody_else_is_left_alone() {
    let place = Place::new();
    std::fs::create_dir(place.path().join("switchback-demo")).unwrap();
    place.file("switchback-demo/source.db", "mine");
    place.run(&["demo"]).expect(2, &["`switchback-demo`", "something else", "hint: "]);
    assert_eq!(std::fs::read_to_string(place.path().join("switchback-demo/source.db")).unwrap(), "mine");
}
