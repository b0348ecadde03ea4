//! No text makes the parser panic: neither arbitrary text, nor words of the language in any order,
//! nor statements with a token missing, doubled or replaced.

use proptest::prelude::*;

use crate::lexer::{Lexer, TokenKind};
use crate::parser::{parse_expression, parse_query, parse_script, parse_type};

const WORDS: [&str; 72] = [
    "SELECT",
    "FROM",
    "WHERE",
    "(",
    ")",
    "[",
    "]",
    ",",
    ".",
    ";",
    "*",
    "+",
    "-",
    "a",
    "b",
    "`c d`",
    "1",
    "1.5",
    "'s'",
    "b'x'",
    "NULL",
    "AS",
    "AND",
    "OR",
    "NOT",
    "IN",
    "BETWEEN",
    "LIKE",
    "ANY",
    "IS",
    "CASE",
    "WHEN",
    "THEN",
    "ELSE",
    "END",
    "CAST",
    "EXTRACT",
    "ARRAY",
    "STRUCT",
    "<",
    ">",
    ">>",
    "INTERVAL",
    "DATE",
    "WITH",
    "UNION",
    "ALL",
    "JOIN",
    "ON",
    "USING",
    "UNNEST",
    "OVER",
    "PARTITION",
    "BY",
    "ORDER",
    "|>",
    "EXTEND",
    "AGGREGATE",
    "GROUP",
    "PIVOT",
    "FOR",
    "CREATE",
    "TABLE",
    "OPTIONS",
    "INSERT",
    "VALUES",
    "MERGE",
    "BEGIN",
    "IF",
    "DECLARE",
    "->",
    "=>",
];

const STATEMENTS: [&str; 14] = [
    "WITH RECURSIVE a AS (SELECT 1 UNION ALL SELECT x + 1 FROM a) SELECT * EXCEPT (b), a.* FROM \
     a-b.c.d AS t LEFT JOIN UNNEST([STRUCT(1 AS x)]) WITH OFFSET AS o ON TRUE, u FOR SYSTEM_TIME \
     AS OF y WHERE a IN (1, 2)",
    "SELECT COUNT(DISTINCT a IGNORE NULLS ORDER BY b DESC LIMIT 1) OVER (PARTITION BY c ORDER BY \
     d ROWS BETWEEN UNBOUNDED PRECEDING AND 1 FOLLOWING), CASE a WHEN 1 THEN 2 ELSE 3 END, CAST(a \
     AS ARRAY<STRUCT<x INT64, y STRING(10)>>), EXTRACT(WEEK(MONDAY) FROM d AT TIME ZONE 'UTC'), \
     INTERVAL '1-2' YEAR TO MONTH",
    "SELECT a FROM t PIVOT(SUM(x) AS s FOR y IN ('a' AS b, 'c')) AS p GROUP BY GROUPING SETS (a, \
     ROLLUP(b, c), ()) HAVING a QUALIFY b WINDOW w AS (PARTITION BY z) ORDER BY 1 NULLS LAST \
     LIMIT 10 OFFSET 5",
    "FROM t |> WHERE a |> EXTEND b AS c |> AGGREGATE SUM(d) AS e DESC GROUP AND ORDER BY f |> \
     JOIN u USING (x) |> SET a = 1 |> DROP b |> RENAME c AS d |> PIVOT(SUM(x) FOR y IN (1)) |> \
     UNION ALL (SELECT 1), (FROM v)",
    "SELECT * FROM ((SELECT 1) UNION ALL (SELECT 2)) JOIN (a JOIN b ON c) USING (d), ML.PREDICT(MODEL m, TABLE t)",
    "SELECT f(x -> x + 1, (y, z) -> y), g(n => 1, m => TABLE), ARRAY(SELECT 1), EXISTS (SELECT 1), (SELECT 1)",
    "INSERT INTO t (a, b) VALUES (1, DEFAULT), (2, @p), (?, @@x.y); UPDATE t SET a.b = 1 FROM u WHERE c",
    "MERGE t USING u ON a WHEN MATCHED AND b THEN UPDATE SET c = 1 WHEN NOT MATCHED BY SOURCE \
     THEN DELETE WHEN NOT MATCHED THEN INSERT (a) VALUES (1)",
    "CREATE OR REPLACE TABLE t (a INT64 NOT NULL OPTIONS(description='x'), PRIMARY KEY (a) NOT \
     ENFORCED) PARTITION BY DATE(a) CLUSTER BY b OPTIONS(x=1) AS SELECT 1",
    "CREATE FUNCTION f(a ANY TYPE, b ARRAY<INT64>) RETURNS INT64 AS (a + b[OFFSET(0)]); CREATE VIEW v (a) AS SELECT 1",
    "DECLARE a, b INT64 DEFAULT 1; SET (a, b) = (1, 2); l: LOOP IF a THEN BREAK l; ELSEIF b THEN \
     CONTINUE; END IF; END LOOP l; BEGIN SELECT 1; EXCEPTION WHEN ERROR THEN RAISE USING MESSAGE \
     = 'x'; END",
    "ALTER TABLE t ADD COLUMN IF NOT EXISTS a INT64, ALTER COLUMN b SET DATA TYPE NUMERIC(10, 2), DROP COLUMN c",
    "EXECUTE IMMEDIATE 'SELECT ?' INTO a USING 1, 2 AS b; CALL p(1); ASSERT a AS 'b'; EXPORT DATA \
     OPTIONS(a=1) AS SELECT 1; LOAD DATA INTO t FROM FILES(a=1); GRANT `r` ON TABLE t TO 'u'; \
     DROP SCHEMA s CASCADE",
    r#"SELECT r'\n', b"\x41", '''a'b''', DATE '2024-01-01', RANGE<DATE> '[a, b)', JSON '{}', 0xAF, .5, 1e10"#,
];

/// Everything parses anything without a panic; what is accepted has its places within the text.
fn parse_in_every_way(text: &str) {
    if let Ok(script) = parse_script(text) {
        for statement in &script.statements {
            let (from, to) = (statement.at as usize, statement.end as usize);
            assert!(from <= to && text.get(from..to).is_some(), "{from}..{to} of {text}");
        }
    }
    for error in [
        parse_script(text).err(),
        parse_query(text).err(),
        parse_expression(text).err(),
        parse_type(text).err(),
    ]
    .into_iter()
    .flatten()
    {
        assert!(error.at.is_some_and(|at| text.is_char_boundary(at as usize)), "{text}");
    }
}

/// The tokens of a text, as they are written.
fn tokens(text: &str) -> Vec<&str> {
    let mut lexer = Lexer::new(text);
    let mut found = Vec::new();
    loop {
        let token = lexer.next_token();
        if matches!(token.kind, TokenKind::End | TokenKind::Error(_)) {
            return found;
        }
        found.push(&text[token.start as usize..token.end as usize]);
    }
}

#[test]
fn statements_parse_and_their_mutations_do_not_panic() {
    for statement in STATEMENTS {
        if let Err(error) = parse_script(statement) {
            panic!("{}\n{statement}", error.text(statement));
        }
        let tokens = tokens(statement);
        for at in 0..tokens.len() {
            let mut without = tokens.clone();
            without.remove(at);
            parse_in_every_way(&without.join(" "));
            let mut twice = tokens.clone();
            twice.insert(at, tokens[at]);
            parse_in_every_way(&twice.join(" "));
            parse_in_every_way(&tokens[..at].join(" "));
        }
    }
}

proptest! {
    #[test]
    fn arbitrary_text_does_not_panic(text in "\\PC{0,60}") {
        parse_in_every_way(&text);
    }

    #[test]
    fn arbitrary_lexemes_do_not_panic(text in "[a-z'\"`\\\\.0-9ex@?#/*\\-\n\r é{}<>|=;:(),]{0,40}") {
        parse_in_every_way(&text);
    }

    #[test]
    fn words_in_any_order_do_not_panic(words in prop::collection::vec(0..WORDS.len(), 0..40)) {
        let words: Vec<_> = words.into_iter().map(|word| WORDS[word]).collect();
        parse_in_every_way(&words.join(" "));
    }

    #[test]
    fn replaced_tokens_do_not_panic(
        statement in 0..STATEMENTS.len(),
        at in any::<prop::sample::Index>(),
        word in 0..WORDS.len(),
    ) {
        let mut tokens = tokens(STATEMENTS[statement]);
        let at = at.index(tokens.len());
        tokens[at] = WORDS[word];
        parse_in_every_way(&tokens.join(" "));
    }
}
