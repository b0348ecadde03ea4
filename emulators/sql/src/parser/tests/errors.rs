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
        format!("SELECT 1{}", " EXCEPT DISTINCT SELECT 1".repeat(10_000)),
        format!("SELECT 1 FROM a{}", ", a".repeat(10_000)),
        format!("SELECT 1 FROM a{}", " JOIN a".repeat(10_000)),
        format!("SELECT 1 GROUP BY {}a", "GROUPING SETS(".repeat(10_000)),
        "BEGIN ".repeat(10_000),
        "IF a THEN ".repeat(10_000),
        "WITH a AS (".repeat(10_000),
    ];
    for text in deep {
        let error = parse_script(&text).map(|_| ()).unwrap_err();
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

/// The words and places that GoogleSQL's own parser gives: a statement, a tab, the error.
#[test]
fn words_and_places() {
    for line in include_str!("errors.tsv").lines() {
        let (text, expected) = line.split_once('\t').expect("two columns");
        check(text, expected);
    }
}

#[test]
fn literals_over_several_lines() {
    check("SELECT 'a\nb'", "Syntax error: Unclosed string literal at [1:8]");
    check("SELECT 'a\\\nb'", "Syntax error: Illegal escaped newline at [1:10]");
    check("SELECT '''a\\\nb'''", "Syntax error: Illegal escaped newline at [1:12]");
    check("SELECT r'a\\\nb', '''a\nb'''", "parses");
    check("SELECT 1 FROM  -- x\n", "Syntax error: Unexpected end of script at [2:1]");
    check("SELECT\n\n", "Syntax error: Unexpected end of script at [1:7]");
    check("SELECT \u{1}", "Syntax error: Illegal input character \"\\001\" at [1:8]");
}

#[test]
fn what_the_service_has_and_the_emulator_does_not() {
    for (text, expected) in [
        ("FROM t |> TEE", "pipe operator TEE is not implemented by this emulator at [1:11]"),
        (
            "SELECT * FROM t MATCH_RECOGNIZE(x)",
            "MATCH_RECOGNIZE is not implemented by this emulator at [1:17]",
        ),
        ("EXPLAIN SELECT 1", "Statement not supported: ExplainStatement at [1:1]"),
        ("DELETE FROM t", "DELETE must have a WHERE clause at [1:1]"),
        (
            "SELECT 1 UNION ALL SELECT 2 INTERSECT DISTINCT SELECT 3",
            "Syntax error: Different set operations cannot be used in the same query without \
             using parentheses for grouping at [1:29]",
        ),
    ] {
        check(text, expected);
    }
}
