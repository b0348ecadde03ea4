//! The words of errors and their places.

use crate::parser::parse_script;

fn check(text: &str, expected: &str) {
    let actual = match parse_script(text) {
        Ok(_) => "parses".to_owned(),
        Err(error) => error.text(text),
    };
    assert_eq!(actual, expected, "{text}");
}

#[test]
fn nesting_is_bounded() {
    let deep = [
        format!("SELECT {}1", "(".repeat(10_000)),
        format!("SELECT {}TRUE", "NOT ".repeat(10_000)),
        format!("SELECT {}1", "- ".repeat(10_000)),
        format!("SELECT {}1", "[".repeat(10_000)),
        format!("SELECT {}1", "f(".repeat(10_000)),
        format!("SELECT {}", "CASE WHEN ".repeat(10_000)),
        format!("SELECT {}", "(SELECT ".repeat(10_000)),
        format!("SELECT * FROM {}", "(".repeat(10_000)),
        format!("SELECT * FROM {}", "(SELECT * FROM ".repeat(10_000)),
        format!("SELECT {}", "a OR b AND NOT c = d | e ^ f & g << h + i || j * (".repeat(10_000)),
        format!("SELECT CAST(a AS {}", "ARRAY<".repeat(10_000)),
        format!("SELECT {}", "STRUCT<a ".repeat(10_000)),
        format!("SELECT a{}", "[0]".repeat(10_000)),
        format!("SELECT f(){}", ".a".repeat(10_000)),
        format!("SELECT 1{}", " + 1".repeat(10_000)),
        format!("SELECT 1{}", " UNION ALL SELECT 1".repeat(10_000)),
        format!("SELECT 1 FROM a{}", ", a".repeat(10_000)),
        format!("SELECT 1 FROM a{}", " JOIN a".repeat(10_000)),
        format!("SELECT 1 GROUP BY {}a", "GROUPING SETS(".repeat(10_000)),
        "BEGIN ".repeat(10_000),
        "IF a THEN ".repeat(10_000),
        "WITH a AS (".repeat(10_000),
    ];
    for text in deep {
        let error = parse_script(&text).unwrap_err();
        assert!(error.message.contains("too deeply"), "{}: {}", &text[..40], error.message);
    }
}

#[test]
fn long_chains_are_balanced() {
    for operator in ["OR", "AND", "||"] {
        let text = format!("SELECT a{}", format!(" {operator} a").repeat(10_000));
        parse_script(&text).unwrap();
    }
}
