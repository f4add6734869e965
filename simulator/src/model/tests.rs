use rstest::rstest;

use super::*;

#[test]
fn every_told_script_can_be_read_and_run() {
    for script in told().unwrap() {
        let seen = run(&script);
        assert_eq!(seen.steps.len(), script.with_ends().steps.len(), "{}", script.name);
        let last = seen.steps.last().unwrap();
        assert_eq!(last.code, 200, "{}: the object that ends the watches", script.name);
        assert!(seen.watches.values().all(|events| events.last().unwrap().object.name == END));
    }
}

#[test]
fn told_scripts_meet_every_answer() {
    let codes: std::collections::BTreeSet<(u16, String)> = told()
        .unwrap()
        .iter()
        .flat_map(|script| run(script).steps)
        .map(|seen| (seen.code, seen.reason))
        .collect();
    let wanted = [
        (200, ""),
        (400, "BadRequest"),
        (404, "NotFound"),
        (409, "AlreadyExists"),
        (409, "Conflict"),
        (422, "Invalid"),
    ];
    assert_eq!(codes, wanted.map(|(code, reason)| (code, reason.to_owned())).into());
}

#[rstest]
fn one_seed_is_one_script(#[values(1, 2, 3)] seed: u64) {
    assert_eq!(random(seed, 40), random(seed, 40));
    assert_ne!(random(seed, 40), random(seed + 10, 40));
    assert_eq!(run(&random(seed, 40)), run(&random(seed, 40)));
}

#[test]
fn marks_stand_for_what_was_seen() {
    let mut book = Book::new("shop");
    let facts = |version: &str| Facts {
        version: version.to_owned(),
        ..Facts::of(
            crds::object_ref::Kind::Service,
            "web",
            &serde_json::json!({ "metadata": { "uid": "u" } }),
        )
    };
    let step = |value: serde_json::Value| Step {
        kind: crds::object_ref::Kind::Service,
        name: "web".to_owned(),
        act: Act::Merge(value),
    };
    let resolved = |book: &Book, mark: &str| match book.resolve(&step(serde_json::json!([mark]))) {
        Act::Merge(value) => value[0].as_str().unwrap().to_owned(),
        other => panic!("{other:?}"),
    };
    assert_eq!(resolved(&book, "$version"), "4000000000", "nothing was seen");
    for version in ["7", "7", "9"] {
        book.learn(&step(serde_json::json!({})), &Seen::object(Some(facts(version))));
    }
    let marks = ["$version", "$version-1", "$uid", "$uid:Service/web", "$uid:Rollout/web", "http://x"];
    assert_eq!(marks.map(|mark| resolved(&book, mark)), ["9", "7", "u", "u", "4000000000", "http://x"]);
    book.refresh(crds::object_ref::Kind::Service, "web", "11");
    assert_eq!([resolved(&book, "$version"), resolved(&book, "$version-1")], ["11", "7"]);
}

#[test]
fn versions_are_compared_by_their_order_alone() {
    let seen = |versions: &[&str]| {
        let steps = versions
            .iter()
            .map(|version| {
                let object = serde_json::json!({ "metadata": { "uid": "u", "resourceVersion": version } });
                Seen::object(Some(Facts::of(crds::object_ref::Kind::Service, "web", &object)))
            })
            .collect();
        Transcript { steps, ..Transcript::default() }.comparable()
    };
    assert_eq!(seen(&["9", "9", "1000"]), seen(&["1", "1", "2"]));
    assert_ne!(seen(&["9", "10", "1000"]), seen(&["1", "1", "2"]));
    assert_ne!(seen(&["1000", "9"]), seen(&["1", "2"]));
}
