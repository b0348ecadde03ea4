//! Goal: every mistake in a file is reported at its place with what to do. Method: files with one
//! mistake each, and the library.

use super::*;

const GOOD: &str = r#"name = "t"
duration = "5s"
[[fleet]]
name = "iot"
devices = 10
rate = "100/s"
"#;

fn problems(text: &str) -> Vec<String> {
    match parse("t.toml", text) {
        Ok(_) => Vec::new(),
        Err(problems) => problems.iter().map(ToString::to_string).collect(),
    }
}

#[test]
fn a_good_file_has_no_problems() {
    assert_eq!(problems(GOOD), Vec::<String>::new());
}

#[test]
fn the_archive_is_off_unless_it_is_asked_for() {
    for (keys, expected) in [("", false), ("[pipeline]\narchive = true\n", true)] {
        assert_eq!(parse("t.toml", &format!("{GOOD}{keys}")).unwrap().archive, expected);
    }
}

#[test]
fn mistakes_are_reported_with_place_and_advice() {
    let cases = [
        (
            GOOD.replace("rate =", "ratee ="),
            "t.toml:6:1: error: unknown key \"ratee\" in [[fleet]]; nearest valid key is \"rate\"",
        ),
        (
            GOOD.replace("100/s", "-100/s"),
            "t.toml:6:8: error: rate: must be a positive rate such as \"5000/s\" or \"30/m\"",
        ),
        (
            GOOD.replace("duration =", "durations ="),
            "t.toml:2:1: error: unknown key \"durations\" at the top; nearest valid key is \"duration\"",
        ),
        (
            format!("{GOOD}[[fault]]\nkind = \"outage\"\nat = \"9s\"\n"),
            "t.toml:9:6: error: the fault is after the end of the scenario",
        ),
        (
            format!("{GOOD}[[expect]]\nthat = \"ledger.lots == 0\"\n"),
            "t.toml:8:8: error: unknown metric \"ledger.lots\"; nearest is \"ledger.lost\"",
        ),
        (
            format!("{GOOD}[[expect]]\nthat = \"ledger.lost == 0\"\nabort = true\n"),
            "t.toml:8:8: error: \"ledger.lost\" is known only at the end; abort can be judged by backlog, \
             e2e.p50, e2e.p95, e2e.p99, ledger.attempted, prediction.p50, prediction.p95, prediction.p99",
        ),
        (
            format!("{GOOD}[disorder]\nlate = 1.5\n"),
            "t.toml:8:8: error: late: must be a number from 0 to 1",
        ),
    ];
    for (text, expected) in cases {
        assert_eq!(problems(&text), [expected], "{text}");
    }
}

#[test]
fn mistakes_in_privacy_are_reported_with_place_and_advice() {
    let secret = "0123456789abcdef0123456789abcdef";
    let privacy = format!(
        "[[privacy.field]]\npath = \"user_id\"\naction = \"hash\"\n\
         [[privacy.key]]\nid = \"k\"\nsecret = \"{secret}\"\n"
    );
    let scenario = |privacy: &str| problems(&format!("{GOOD}{privacy}"));
    assert_eq!(scenario(&privacy), Vec::<String>::new());
    let cases = [
        (("user_id", ""), "t.toml:8:8: error: the path is empty or has an empty name"),
        (
            ("path = \"user_id\"", "path = \"properties.value\""),
            "t.toml:8:8: error: properties.value is a number or a time: its hash would be none, so it can \
             only be dropped",
        ),
        (
            ("user_id\"\naction = \"hash", "device_id\"\naction = \"drop"),
            "t.toml:8:8: error: device_id is required: an event without it is rejected, so it can only be \
             hashed",
        ),
        (("\"hash\"", "\"mask\""), "t.toml:9:10: error: action: must be one of \"hash\", \"drop\""),
        (("action = \"hash\"", ""), "t.toml:7:1: error: action is missing: \"hash\" or \"drop\""),
        (
            ("path =", "field ="),
            "t.toml:8:1: error: unknown key \"field\" in [[field]]; nearest valid key is \"action\"",
        ),
        ((secret, "short"), "t.toml:12:10: error: the secret has 5 bytes, at least 32 are needed"),
        (
            ("secret =", "secret_file ="),
            "t.toml:12:15: error: cannot read 0123456789abcdef0123456789abcdef: No such file or \
             directory (os error 2)",
        ),
        (("\"k\"", "\"a b\""), "t.toml:11:6: error: must be 1 to 32 letters, digits, '-' or '_'"),
    ];
    for ((from, to), expected) in cases {
        let found = scenario(&privacy.replace(from, to));
        assert!(found.iter().any(|problem| problem == expected), "{found:#?} has no {expected}");
    }
    let alone = privacy.replace("privacy.", "");
    assert!(parse_privacy("p.toml", &alone).is_ok());
    assert!(parse_privacy("p.toml", &alone.replace("user_id", "")).is_err());
}

#[test]
fn all_mistakes_of_a_file_are_reported_at_once() {
    let text = GOOD.replace("devices", "device").replace("5s", "five");
    assert_eq!(problems(&text).len(), 2);
    assert!(problems("name = ").first().is_some_and(|problem| problem.starts_with("t.toml:1:")));
}

#[test]
fn every_scenario_of_the_library_can_be_read() {
    for (name, text) in crate::library::SCENARIOS {
        let scenario = parse(name, text).unwrap_or_else(|problems| panic!("{problems:?}"));
        assert_eq!(scenario.name, *name);
        assert!(!scenario.expectations.is_empty(), "{name} expects nothing");
    }
}
