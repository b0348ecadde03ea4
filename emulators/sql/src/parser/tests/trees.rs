//! The shapes of trees: what binds to what, and what is told apart by looking ahead.

use crate::ast::{
    AlterAction, Arg, ArrayElements, BinaryOperator, Expr, ExprKind, FromItem, FromKind, InSource,
    JoinCondition, LikeQuantifier, Path, Query, QueryBody, SelectItem, Statement, StatementKind,
    SubqueryKind, TableOperator, TypeExpr, TypeExprKind, UnaryOperator,
};
use crate::parser::{parse_expression, parse_query, parse_script, parse_type};

fn list<'a, T: 'a>(items: impl IntoIterator<Item = &'a T>, show: impl Fn(&T) -> String) -> String {
    items.into_iter().map(show).collect::<Vec<_>>().join(" ")
}

fn path(path: &Path) -> String {
    path.parts.iter().map(|part| part.name.as_str()).collect::<Vec<_>>().join(".")
}

/// An expression with all its parentheses, operators first.
fn shape(expression: &Expr) -> String {
    match &expression.kind {
        ExprKind::Null => "NULL".into(),
        ExprKind::Bool(value) => value.to_string(),
        ExprKind::Integer(text) | ExprKind::Float(text) => text.clone(),
        ExprKind::String(text) => format!("'{text}'"),
        ExprKind::Literal { kind, text } => format!("({kind:?} '{text}')"),
        ExprKind::Path(name) => path(name),
        ExprKind::NamedParameter(name) => format!("@{name}"),
        ExprKind::PositionalParameter(number) => format!("?{number}"),
        ExprKind::SystemVariable(name) => format!("@@{name}"),
        ExprKind::Field { base, field } => format!("(. {} {})", shape(base), field.name),
        ExprKind::Subscript { base, index } => format!("([] {} {})", shape(base), shape(index)),
        ExprKind::Unary { operator, operand } => {
            let sign = match operator {
                UnaryOperator::Minus => "-",
                UnaryOperator::Plus => "+",
                UnaryOperator::BitNot => "~",
                UnaryOperator::Not => "NOT",
            };
            format!("({sign} {})", shape(operand))
        }
        ExprKind::Binary { operator, left, right, .. } => {
            format!("({operator:?} {} {})", shape(left), shape(right))
        }
        ExprKind::Like { not, operand, quantifier } => {
            let right = match quantifier {
                LikeQuantifier::One(pattern) => shape(pattern),
                LikeQuantifier::Any(source) => format!("ANY {}", source_shape(source)),
                LikeQuantifier::All(source) => format!("ALL {}", source_shape(source)),
            };
            format!("({}LIKE {} {right})", negated(*not), shape(operand))
        }
        ExprKind::In { not, operand, source, .. } => {
            format!("({}IN {} {})", negated(*not), shape(operand), source_shape(source))
        }
        ExprKind::Between { not, operand, low, high, .. } => {
            let operands = [operand, low, high].map(|operand| shape(operand)).join(" ");
            format!("({}BETWEEN {operands})", negated(*not))
        }
        ExprKind::Is { not, operand, what } => {
            format!("({}IS {} {what:?})", negated(*not), shape(operand))
        }
        ExprKind::IsDistinct { not, left, right } => {
            format!("({}DISTINCT {} {})", negated(*not), shape(left), shape(right))
        }
        ExprKind::Cast { safe, operand, target, .. } => {
            format!(
                "({}CAST {} {})",
                if *safe { "SAFE_" } else { "" },
                shape(operand),
                type_shape(target)
            )
        }
        ExprKind::Interval { value, from, to } => {
            format!(
                "(INTERVAL {} {from}{})",
                shape(value),
                to.as_ref().map_or(String::new(), |to| format!(" {to}"))
            )
        }
        ExprKind::Extract { part, operand, .. } => format!("(EXTRACT {part} {})", shape(operand)),
        ExprKind::Array { element, elements: ArrayElements::List(items) } => {
            let element = element
                .as_ref()
                .map_or(String::new(), |element| format!("{} ", type_shape(element)));
            format!("[{element}{}]", list(items, shape))
        }
        ExprKind::Struct { target, items } => {
            let target = target.as_ref().map_or("STRUCT".into(), type_shape);
            format!("({target} {})", list(items, |item| shape(&item.value)))
        }
        ExprKind::Tuple(items) => format!("(TUPLE {})", list(items, shape)),
        ExprKind::Subquery { kind, query } => {
            let kind = match kind {
                SubqueryKind::Scalar => "",
                SubqueryKind::Array => "ARRAY ",
                SubqueryKind::Exists => "EXISTS ",
            };
            format!("{{{kind}{}}}", query_shape(query))
        }
        ExprKind::Call(call) => {
            format!("{}({})", path(&call.name), list(&call.args, argument_shape))
        }
        ExprKind::Lambda { parameters, body } => {
            format!("(-> {} {})", list(parameters, |name| name.name.clone()), shape(body))
        }
        ExprKind::With { bindings, result } => {
            let bindings =
                list(bindings, |(name, value)| format!("{}={}", name.name, shape(value)));
            format!("(WITH {bindings} {})", shape(result))
        }
        ExprKind::Star => "*".into(),
        other => format!("{other:?}"),
    }
}

fn negated(not: bool) -> &'static str {
    if not { "NOT " } else { "" }
}

fn argument_shape(argument: &Arg) -> String {
    match &argument.name {
        Some(name) => format!("{}={}", name.name, shape(&argument.value)),
        None => shape(&argument.value),
    }
}

fn source_shape(source: &InSource) -> String {
    match source {
        InSource::List(items) => format!("({})", list(items, shape)),
        InSource::Subquery(query) => format!("{{{}}}", query_shape(query)),
        InSource::Unnest(array) => format!("UNNEST({})", shape(array)),
    }
}

fn type_shape(written: &TypeExpr) -> String {
    let name = match &written.kind {
        TypeExprKind::Simple(name) => name.clone(),
        TypeExprKind::Array(element) => format!("ARRAY<{}>", type_shape(element)),
        TypeExprKind::Range(element) => format!("RANGE<{}>", type_shape(element)),
        TypeExprKind::Struct(fields) | TypeExprKind::Table(fields) => {
            let fields = list(fields, |field| {
                let name =
                    field.name.as_ref().map_or(String::new(), |name| format!("{}:", name.name));
                format!("{name}{}", type_shape(&field.field_type))
            });
            format!("STRUCT<{fields}>")
        }
    };
    let parameters = list(&written.parameters, i64::to_string);
    if parameters.is_empty() { name } else { format!("{name}({parameters})") }
}

fn query_shape(query: &Query) -> String {
    let mut text = body_shape(&query.body);
    if !query.order_by.is_empty() {
        text.push_str(" ORDER");
    }
    if let Some(limit) = &query.limit {
        text.push_str(&format!(" LIMIT {}", shape(limit)));
    }
    for (pipe, _) in &query.pipes {
        let name = format!("{pipe:?}");
        text.push_str(&format!(" |> {}", name.split([' ', '(']).next().unwrap()));
    }
    text
}

fn body_shape(body: &QueryBody) -> String {
    match body {
        QueryBody::Select(select) => {
            let items = list(&select.items, |item| match item {
                SelectItem::Star { of: None, .. } => "*".into(),
                SelectItem::Star { of: Some(of), .. } => format!("{}.*", shape(of)),
                SelectItem::Expr { value, alias } => {
                    let alias =
                        alias.as_ref().map_or(String::new(), |alias| format!(":{}", alias.name));
                    format!("{}{alias}", shape(value))
                }
            });
            let from = select
                .from
                .as_ref()
                .map_or(String::new(), |from| format!(" FROM {}", from_shape(from)));
            format!("SELECT {items}{from}")
        }
        QueryBody::SetOperation(set) => {
            format!("({:?} {} {})", set.operator, body_shape(&set.left), body_shape(&set.right))
        }
        QueryBody::Parenthesised(query) => format!("({})", query_shape(query)),
        QueryBody::From(from) => format!("FROM {}", from_shape(from)),
    }
}

fn from_shape(from: &FromItem) -> String {
    let mut text = match &from.kind {
        FromKind::Table { path: name, with_offset, .. } => {
            format!("{}{}", path(name), if with_offset.is_some() { "+offset" } else { "" })
        }
        FromKind::Unnest { arrays, .. } => format!("UNNEST({})", list(arrays, argument_shape)),
        FromKind::Subquery(query) => format!("{{{}}}", query_shape(query)),
        FromKind::Join { kind, left, right, condition } => {
            let condition = match condition {
                JoinCondition::None => String::new(),
                JoinCondition::On(on) => format!(" {}", shape(on)),
                JoinCondition::Using(names) => {
                    format!(" {}", list(names, |name| name.name.clone()))
                }
            };
            format!("({kind:?} {} {}{condition})", from_shape(left), from_shape(right))
        }
        FromKind::Parenthesised(inner) => format!("({})", from_shape(inner)),
        FromKind::Function { name, args } => format!("{}/{}", path(name), args.len()),
    };
    if let Some(alias) = &from.alias {
        text.push_str(&format!(":{}", alias.name));
    }
    for operator in &from.operators {
        text.push_str(match operator {
            TableOperator::Pivot { .. } => " PIVOT",
            TableOperator::Unpivot { .. } => " UNPIVOT",
            TableOperator::Sample { .. } => " SAMPLE",
        });
    }
    text
}

fn check(text: &str, expected: &str) {
    let actual =
        parse_expression(text).unwrap_or_else(|error| panic!("{}: {text}", error.text(text)));
    assert_eq!(shape(&actual), expected, "{text}");
}

fn check_query(text: &str, expected: &str) {
    let actual = parse_query(text).unwrap_or_else(|error| panic!("{}: {text}", error.text(text)));
    assert_eq!(query_shape(&actual), expected, "{text}");
}

fn statement(text: &str) -> Statement {
    let script = parse_script(text).unwrap_or_else(|error| panic!("{}: {text}", error.text(text)));
    script.statements.into_iter().next().unwrap()
}

#[test]
fn operators_bind_as_documented() {
    check("a + b * c", "(Add a (Multiply b c))");
    check("a - b - c", "(Subtract (Subtract a b) c)");
    check("a || b * c || d", "(Concat (Concat a (Multiply b c)) d)");
    check("a + b || c", "(Add a (Concat b c))");
    check("a << 1 + b & c ^ d | e", "(BitOr (BitXor (BitAnd (ShiftLeft a (Add 1 b)) c) d) e)");
    check("NOT a = b AND c OR d", "(Or (And (NOT (Equal a b)) c) d)");
    check("a OR b AND c", "(Or a (And b c))");
    check("a OR NOT b", "(Or a (NOT b))");
    check("- -a.b[0]", "(- (- ([] a.b 0)))");
    check("-a * b", "(Multiply (- a) b)");
    check("a = b + c", "(Equal a (Add b c))");
    check("a BETWEEN b + 1 AND c AND d", "(And (BETWEEN a (Add b 1) c) d)");
    check("a NOT IN (1, 2) OR b", "(Or (NOT IN a (1 2)) b)");
    check("a IS NOT DISTINCT FROM b AND c", "(And (NOT DISTINCT a b) c)");
    check("a | b IS NOT NULL", "(NOT IS (BitOr a b) Null)");
    check("a LIKE b || '%'", "(LIKE a (Concat b '%'))");
    check("a NOT LIKE ANY ('x', 'y')", "(NOT LIKE a ANY ('x' 'y'))");
    check("(a = b) = c", "(Equal (Equal a b) c)");
}

#[test]
fn what_parentheses_hold() {
    check("(a)", "a");
    check("(a, b)", "(TUPLE a b)");
    check("(SELECT 1)", "{SELECT 1}");
    check("((SELECT 1))", "{SELECT 1}");
    check("((SELECT 1) + 1)", "(Add {SELECT 1} 1)");
    check("((SELECT 1) UNION ALL SELECT 2)", "{(Union (SELECT 1) SELECT 2)}");
    check("((SELECT 1) LIMIT 1)", "{(SELECT 1) LIMIT 1}");
    check("a IN (SELECT 1)", "(IN a {SELECT 1})");
    check("a IN ((SELECT 1))", "(IN a {SELECT 1})");
    check("a IN ((SELECT 1), 2)", "(IN a ({SELECT 1} 2))");
    check("a IN (ARRAY(SELECT 1))", "(IN a ({ARRAY SELECT 1}))");
    check("a IN UNNEST(b)", "(IN a UNNEST(b))");
    check("(WITH x AS (SELECT 1) SELECT 2)", "{SELECT 2}");
    check("WITH(x AS 1, y AS x, x + y)", "(WITH x=1 y=x (Add x y))");
    check("(FROM t |> WHERE a |> SELECT b)", "{FROM t |> Where |> Select}");
    check("EXISTS (SELECT 1)", "{EXISTS SELECT 1}");
}

#[test]
fn names_calls_and_constructors() {
    check("a.b.c", "a.b.c");
    check("a.select.1b", "a.select.1b");
    check("`a.b`.c", "a.b.c");
    check("f(x).y[OFFSET(0)].z", "(. ([] (. f(x) y) OFFSET(0)) z)");
    check("SAFE.f(x, n => 1)", "SAFE.f(x n=1)");
    check("a.UPPER().TRIM()", "TRIM(a.UPPER())");
    check("IF(a, LEFT(b, 1), REPLACE(c, d, e))", "IF(a LEFT(b 1) REPLACE(c d e))");
    check("COUNT(*)", "COUNT(*)");
    check("f(x -> x + 1, (x, y) -> y)", "f((-> x (Add x 1)) (-> x y y))");
    check("DATE(2024, 1, 1)", "DATE(2024 1 1)");
    check("DATE '2024-01-01'", "(Date '2024-01-01')");
    check("date", "date");
    check("DATE_TRUNC(d, WEEK(MONDAY))", "DATE_TRUNC(d WEEK(MONDAY))");
    check("INTERVAL a + 1 DAY", "(INTERVAL (Add a 1) DAY)");
    check("INTERVAL '1-2' YEAR TO MONTH", "(INTERVAL '1-2' YEAR MONTH)");
    check("EXTRACT(week(monday) FROM d)", "(EXTRACT WEEK(MONDAY) d)");
    check("[1, 2]", "[1 2]");
    check(
        "ARRAY<STRUCT<a INT64, STRING(10)>>[(1, 'x')]",
        "[STRUCT<a:INT64 STRING(10)> (TUPLE 1 'x')]",
    );
    check("STRUCT<INT64, ARRAY<STRING>>(1, ['a'])", "(STRUCT<INT64 ARRAY<STRING>> 1 ['a'])");
    check("STRUCT(1 AS a, b)", "(STRUCT 1 b)");
    check(
        "SAFE_CAST(a AS ARRAY<ARRAY<NUMERIC(10, 2)>>)",
        "(SAFE_CAST a ARRAY<ARRAY<NUMERIC(10 2)>>)",
    );
    check("? + ? + @p + @@a.b", "(Add (Add (Add ?0 ?1) @p) @@a.b)");
    check("'a' \"b\" r'\\c'", "'ab\\c'");
    check("1. + .5 + 0xAF", "(Add (Add 1. .5) 0xAF)");
}

#[test]
fn types() {
    for (text, expected) in [
        ("struct<>", "STRUCT<>"),
        ("STRUCT<a STRUCT<b INT64>>", "STRUCT<a:STRUCT<b:INT64>>"),
        ("STRUCT<date DATE, DATE>", "STRUCT<date:DATE DATE>"),
        ("RANGE<DATE>", "RANGE<DATE>"),
        ("STRING(MAX)", "STRING(-1)"),
        ("interval", "INTERVAL"),
    ] {
        assert_eq!(type_shape(&parse_type(text).unwrap()), expected, "{text}");
    }
}

#[test]
fn what_from_holds() {
    check_query("SELECT * FROM a-b.c.d", "SELECT * FROM a-b.c.d");
    check_query("SELECT * FROM a-b-12.c.1d AS t", "SELECT * FROM a-b-12.c.1d:t");
    check_query("SELECT * FROM a t, t.b WITH OFFSET", "SELECT * FROM (Comma a:t t.b+offset)");
    check_query("SELECT * FROM a, b JOIN c ON d", "SELECT * FROM (Inner (Comma a b) c d)");
    check_query(
        "SELECT * FROM a JOIN b JOIN c ON x ON y",
        "SELECT * FROM (Inner a (Inner b c x) y)",
    );
    check_query(
        "SELECT * FROM a JOIN b ON x LEFT JOIN c USING (y, z)",
        "SELECT * FROM (Left (Inner a b x) c y z)",
    );
    check_query(
        "SELECT * FROM a JOIN a.b LEFT JOIN c ON x",
        "SELECT * FROM (Left (Inner a a.b) c x)",
    );
    check_query("SELECT * FROM (a JOIN b USING (c))", "SELECT * FROM ((Inner a b c))");
    check_query(
        "SELECT * FROM ((SELECT 1) a JOIN b ON c)",
        "SELECT * FROM ((Inner {SELECT 1}:a b c))",
    );
    check_query("SELECT * FROM ((SELECT 1))", "SELECT * FROM {(SELECT 1)}");
    check_query(
        "SELECT * FROM ((SELECT 1) UNION ALL SELECT 2) AS t",
        "SELECT * FROM {(Union (SELECT 1) SELECT 2)}:t",
    );
    check_query("SELECT * FROM UNNEST([1]) AS x WITH OFFSET", "SELECT * FROM UNNEST([1]):x");
    check_query("SELECT * FROM a.f(TABLE b, MODEL c, (SELECT 1), 2)", "SELECT * FROM a.f/4");
    check_query("SELECT * FROM a PIVOT", "SELECT * FROM a:PIVOT");
    check_query("SELECT * FROM a b PIVOT(f(x) FOR y IN (1))", "SELECT * FROM a:b PIVOT");
    check_query("SELECT * FROM a UNPIVOT(x FOR y IN (b))", "SELECT * FROM a UNPIVOT");
    check_query(
        "SELECT 1 FROM a LEFT UNION ALL BY NAME SELECT 2",
        "(Union SELECT 1 FROM a SELECT 2)",
    );
}

#[test]
fn queries() {
    check_query("SELECT a, b c, t.*, FROM t", "SELECT a b:c t.* FROM t");
    check_query("SELECT * EXCEPT (a) REPLACE (1 AS b) FROM t", "SELECT * FROM t");
    check_query(
        "SELECT 1 UNION ALL SELECT 2 UNION ALL SELECT 3 ORDER BY 1 LIMIT 2",
        "(Union (Union SELECT 1 SELECT 2) SELECT 3) ORDER LIMIT 2",
    );
    check_query("(SELECT 1) EXCEPT DISTINCT (SELECT 2)", "(Except (SELECT 1) (SELECT 2))");
    check_query(
        "SELECT a FROM t |> WHERE b |> AGGREGATE COUNT(*) GROUP BY c",
        "SELECT a FROM t |> Where |> Aggregate",
    );
    let query = parse_query("SELECT 1 UNION ALL BY NAME SELECT 2").unwrap();
    let QueryBody::SetOperation(set) = query.body else { panic!() };
    assert_eq!((set.by_name, set.mode.as_deref()), (true, Some("STRICT")));
}

#[test]
fn words_of_views_and_routines_are_kept() {
    let text = "CREATE VIEW v AS SELECT 1 -- x\n;";
    let StatementKind::CreateView(view) = statement(text).kind else { panic!() };
    assert_eq!(&text[view.query_from as usize..view.query_to as usize], "SELECT 1");
    let text = "CREATE FUNCTION f(x INT64) AS ( x + 1 )";
    let StatementKind::CreateFunction(function) = statement(text).kind else { panic!() };
    assert_eq!(&text[function.body_from as usize..function.body_to as usize], "x + 1");
    let text = "CREATE PROCEDURE p() BEGIN SELECT 1; END; CALL p()";
    let StatementKind::CreateProcedure(procedure) = statement(text).kind else { panic!() };
    let body = &text[procedure.body_from as usize..procedure.body_to as usize];
    assert_eq!(body, "BEGIN SELECT 1; END");
    let found = statement(" SELECT 1 ; SELECT 2");
    assert_eq!((found.at, found.end), (1, 9));
}

#[test]
fn columns_and_alterations() {
    let text = "CREATE TABLE p-q.d.t (a STRUCT<b INT64 NOT NULL OPTIONS(x=1)> REFERENCES u(b) NOT \
                ENFORCED DEFAULT NULL NOT NULL, PRIMARY KEY (a) NOT ENFORCED,) OPTIONS(y=2)";
    let StatementKind::CreateTable(table) = statement(text).kind else { panic!() };
    assert_eq!(table.path.text(), "p-q.d.t");
    assert_eq!((table.columns.len(), table.constraints.len(), table.options.len()), (1, 2, 1));
    assert!(table.columns[0].not_null && table.columns[0].default.is_some());
    let text = "ALTER TABLE t ADD COLUMN a INT64, RENAME COLUMN b TO c, DROP PRIMARY KEY IF EXISTS";
    let StatementKind::Alter { actions, .. } = statement(text).kind else { panic!() };
    assert_eq!(actions.len(), 3);
    assert!(matches!(actions[2], AlterAction::DropConstraint { primary_key: true, .. }));
    let StatementKind::Other { what } = statement("CREATE OR REPLACE MODEL m AS SELECT 1").kind
    else {
        panic!()
    };
    assert_eq!(what, "CREATE MODEL");
}

#[test]
fn long_chains_are_shallow() {
    let text = format!("SELECT a{}", " OR a".repeat(5_000));
    let QueryBody::Select(select) = parse_query(&text).unwrap().body else { panic!() };
    let SelectItem::Expr { value, .. } = &select.items[0] else { panic!() };
    let mut depth = 0;
    let mut expression = value;
    while let ExprKind::Binary { operator: BinaryOperator::Or, left, .. } = &expression.kind {
        depth += 1;
        expression = left;
    }
    assert!(depth < 20, "{depth}");
    parse_query(&format!("SELECT 1{}", " UNION ALL SELECT 1".repeat(5_000))).unwrap();
}
