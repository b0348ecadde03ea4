//! GoogleSQL's keywords. Those that are reserved cannot name anything without backticks; the others
//! are keywords only in what errors call them and where the grammar asks for them.

/// Reserved keywords, sorted.
#[rustfmt::skip]
const RESERVED: [&str; 96] = [
    "ALL", "AND", "ANY", "ARRAY", "AS", "ASC", "ASSERT_ROWS_MODIFIED", "AT", "BETWEEN", "BY",
    "CASE", "CAST", "COLLATE", "CONTAINS", "CREATE", "CROSS", "CUBE", "CURRENT", "DEFAULT",
    "DEFINE", "DESC", "DISTINCT", "ELSE", "END", "ENUM", "ESCAPE", "EXCEPT", "EXCLUDE", "EXISTS",
    "EXTRACT", "FALSE", "FETCH", "FOLLOWING", "FOR", "FROM", "FULL", "GROUP", "GROUPING", "GROUPS",
    "HASH", "HAVING", "IF", "IGNORE", "IN", "INNER", "INTERSECT", "INTERVAL", "INTO", "IS", "JOIN",
    "LATERAL", "LEFT", "LIKE", "LIMIT", "LOOKUP", "MERGE", "NATURAL", "NEW", "NO", "NOT", "NULL",
    "NULLS", "OF", "ON", "OR", "ORDER", "OUTER", "OVER", "PARTITION", "PRECEDING", "PROTO",
    "QUALIFY", "RANGE", "RECURSIVE", "RESPECT", "RIGHT", "ROLLUP", "ROWS", "SELECT", "SET", "SOME",
    "STRUCT", "TABLESAMPLE", "THEN", "TO", "TREAT", "TRUE", "UNBOUNDED", "UNION", "UNNEST", "USING",
    "WHEN", "WHERE", "WINDOW", "WITH", "WITHIN",
];

/// Keywords that are names as well, sorted.
#[rustfmt::skip]
const UNRESERVED: [&str; 226] = [
    "ABORT", "ACCESS", "ACTION", "ACYCLIC", "ADD", "AFTER", "AGGREGATE", "ALTER", "ALWAYS",
    "ANALYZE", "APPROX", "ARE", "ASCENDING", "ASSERT", "BATCH", "BEGIN", "BIGDECIMAL", "BIGNUMERIC",
    "BREAK", "CALL", "CASCADE", "CHEAPEST", "CHECK", "CLAMPED", "CLONE", "CLUSTER", "COLUMN",
    "COLUMNS", "COMMIT", "CONFLICT", "CONNECTION", "CONSTANT", "CONSTRAINT", "CONTINUE", "COPY",
    "CORRESPONDING", "COST", "CYCLE", "DATA", "DATABASE", "DATE", "DATETIME", "DECIMAL", "DECLARE",
    "DEFINER", "DELETE", "DELETION", "DEPTH", "DESCENDING", "DESCRIBE", "DESCRIPTOR", "DESTINATION",
    "DETERMINISTIC", "DO", "DROP", "DYNAMIC", "EDGE", "ELSEIF", "ENFORCED", "ERROR", "EXCEPTION",
    "EXECUTE", "EXPLAIN", "EXPORT", "EXTEND", "EXTERNAL", "FILES", "FILL", "FILTER", "FIRST",
    "FOREIGN", "FORK", "FORMAT", "FUNCTION", "GENERATED", "GRANT", "GRAPH", "GROUP_ROWS", "HIDDEN",
    "IDENTITY", "IMMEDIATE", "IMMUTABLE", "IMPORT", "INCLUDE", "INCREMENT", "INDEX", "INOUT",
    "INPUT", "INSERT", "INTERLEAVE", "INVOKER", "ISOLATION", "ITERATE", "JSON", "KEY", "LABEL",
    "LABELED", "LANGUAGE", "LAST", "LEAVE", "LET", "LEVEL", "LOAD", "LOCALITY", "LOG", "LOOP",
    "MACRO", "MAP", "MATCH", "MATCHED", "MATERIALIZED", "MAX", "MAXVALUE", "MEASURES", "MESSAGE",
    "METADATA", "MIN", "MINVALUE", "MODEL", "MODULE", "NAME", "NEXT", "NODE", "NOTHING",
    "NULL_FILTERED", "NUMERIC", "OFFSET", "ONLY", "OPTIONAL", "OPTIONS", "OUT", "OUTPUT",
    "OVERWRITE", "PARENT", "PARTITIONS", "PAST", "PATH", "PATHS", "PATTERN", "PER", "PERCENT",
    "PIVOT", "POLICIES", "POLICY", "PRIMARY", "PRIVATE", "PRIVILEGE", "PRIVILEGES", "PROCEDURE",
    "PROJECT", "PROPERTIES", "PROPERTY", "PUBLIC", "RAISE", "READ", "REBUILD", "REFERENCES",
    "REMOTE", "REMOVE", "RENAME", "REPEAT", "REPEATABLE", "REPLACE", "REPLACE_FIELDS", "REPLICA",
    "REPORT", "RESTRICT", "RESTRICTION", "RETURN", "RETURNS", "REVOKE", "ROLLBACK", "ROW", "RUN",
    "SAFE_CAST", "SCHEMA", "SEARCH", "SECURITY", "SEQUENCE", "SETS", "SHORTEST", "SHOW", "SIMPLE",
    "SKIP", "SNAPSHOT", "SOURCE", "SQL", "STABLE", "START", "STATIC_DESCRIBE", "STORED", "STORING",
    "STRICT", "SYSTEM", "SYSTEM_TIME", "TABLE", "TABLES", "TARGET", "TEE", "TEMP", "TEMPORARY",
    "TIME", "TIMESTAMP", "TRAIL", "TRANSACTION", "TRANSFORM", "TRUNCATE", "TYPE", "UNDROP",
    "UNIQUE", "UNKNOWN", "UNPIVOT", "UNTIL", "UPDATE", "VALUE", "VALUES", "VECTOR", "VIEW", "VIEWS",
    "VOLATILE", "WALK", "WEIGHT", "WHILE", "WRITE", "YIELD", "ZONE",
];

/// No keyword is longer, so that longer words need not be looked up.
const LONGEST: usize = 24;

fn among(list: &[&str], word: &str) -> bool {
    if word.len() > LONGEST {
        return false;
    }
    list.binary_search_by(|keyword| {
        keyword.bytes().cmp(word.bytes().map(|byte| byte.to_ascii_uppercase()))
    })
    .is_ok()
}

/// Whether the word cannot be an identifier.
pub(crate) fn is_reserved(word: &str) -> bool {
    among(&RESERVED, word)
}

/// Whether errors call the word a keyword.
pub(crate) fn is_keyword(word: &str) -> bool {
    among(&RESERVED, word) || among(&UNRESERVED, word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lists_are_sorted() {
        for list in [RESERVED.as_slice(), UNRESERVED.as_slice()] {
            assert!(list.is_sorted(), "{list:?}");
            assert!(list.iter().all(|word| word.len() <= LONGEST));
        }
    }

    #[test]
    fn words() {
        for (word, reserved, keyword) in [
            ("select", true, true),
            ("Qualify", true, true),
            ("date", false, true),
            ("pivot", false, true),
            ("string", false, false),
            ("é", false, false),
        ] {
            assert_eq!((is_reserved(word), is_keyword(word)), (reserved, keyword), "{word}");
        }
    }
}
