//! Queries around their `SELECT`: `WITH`, set operations, order and limit, and where a pipe begins.

use super::Parser;
use crate::ast::{
    CommonTable, Expr, Ident, NullOrder, OrderItem, Query, QueryBody, SetOperation, SetOperator,
    With,
};
use crate::error::{Offset, Result, SqlError};
use crate::limits;

/// How a set operation matches columns: by name or not, in which mode, over which columns.
#[derive(PartialEq)]
pub(super) struct Matching {
    pub(super) by_name: bool,
    pub(super) mode: Option<String>,
    pub(super) by_columns: Vec<Ident>,
}

/// The operator of a chain of set operations, which is one and the same all along.
pub(super) struct Chain {
    pub(super) operator: SetOperator,
    pub(super) distinct: bool,
    pub(super) matching: Matching,
}

impl Chain {
    /// Operators do not mix without parentheses.
    fn check_same(&self, other: &Self, at: Offset) -> Result<()> {
        let message = if (self.operator, self.distinct) != (other.operator, other.distinct) {
            "Syntax error: Different set operations cannot be used in the same query without \
             using parentheses for grouping"
        } else if self.matching != other.matching {
            "Different set operation modifiers cannot be used in the same query without using \
             parentheses for grouping"
        } else {
            return Ok(());
        };
        Err(SqlError::at(at, message))
    }

    fn join(&self, left: QueryBody, right: QueryBody, at: Offset) -> QueryBody {
        QueryBody::SetOperation(Box::new(SetOperation {
            operator: self.operator,
            distinct: self.distinct,
            left,
            right,
            by_name: self.matching.by_name,
            mode: self.matching.mode.clone(),
            by_columns: self.matching.by_columns.clone(),
            at,
        }))
    }
}

/// A tree over operands in their order, as low as can be.
fn balanced(chain: &Chain, mut operands: Vec<QueryBody>, at: Offset) -> QueryBody {
    if operands.len() == 1 {
        return operands.pop().expect("there is one");
    }
    let right = operands.split_off(operands.len() / 2);
    chain.join(balanced(chain, operands, at), balanced(chain, right, at), at)
}

impl Parser<'_> {
    /// A query of any kind.
    pub(super) fn query(&mut self) -> Result<Query> {
        self.nested(|parser| {
            let at = parser.at();
            let with = if parser.is_word("WITH") { Some(parser.with()?) } else { None };
            if with.is_some() && parser.is_symbol("|>") {
                return parser.fail(
                    "Syntax error: A pipe operator cannot follow the WITH clause before the main \
                     query; The main query usually starts with SELECT or FROM here",
                );
            }
            let first = parser.query_primary()?;
            let mut query = parser.query_after(first, at)?;
            query.with = with;
            Ok(query)
        })
    }

    /// The rest of a query that began with a query in parentheses.
    pub(super) fn query_from_parenthesised(&mut self, first: Query, at: Offset) -> Result<Query> {
        self.query_after(QueryBody::Parenthesised(Box::new(first)), at)
    }

    /// What goes on with a query after its first part.
    pub(super) fn is_query_continuation(&mut self) -> bool {
        self.is_set_operation()
            || self.is_word("ORDER")
            || self.is_word("LIMIT")
            || self.is_symbol("|>")
    }

    /// Everything after the first part of a query.
    fn query_after(&mut self, first: QueryBody, at: Offset) -> Result<Query> {
        if let QueryBody::From(_) = first {
            self.check_after_from()?;
        }
        let body = self.set_operations(first, at)?;
        let order_by = self.order_by()?;
        let (limit, offset) = self.limit()?;
        let mut pipes = Vec::new();
        while self.is_symbol("|>") {
            self.take();
            let place = self.at();
            pipes.push((self.pipe_operator()?, place));
        }
        Ok(Query { with: None, body, order_by, limit, offset, pipes, at })
    }

    /// After `FROM …` everything comes in a pipe.
    fn check_after_from(&mut self) -> Result<()> {
        let (word, advice) = match () {
            () if self.is_word("WHERE") => ("WHERE", "pipe operator `|> WHERE`"),
            () if self.is_word("SELECT") => ("SELECT", "pipe operator `|> SELECT`"),
            () if self.is_word("GROUP") => ("GROUP BY", "pipe operator `|> AGGREGATE`"),
            () if self.is_word("ORDER") => {
                ("ORDER BY", "pipe operator `|> ORDER BY` or parentheses around the FROM query")
            }
            () if self.is_word("LIMIT") => {
                ("LIMIT", "pipe operator `|> LIMIT` or parentheses around the FROM query")
            }
            () if self.is_word("UNION") => {
                ("UNION", "pipe operator `|> UNION` or parentheses around the FROM query")
            }
            () if self.is_word("INTERSECT") => {
                ("INTERSECT", "pipe operator `|> INTERSECT` or parentheses around the FROM query")
            }
            () if self.is_word("EXCEPT") => {
                ("EXCEPT", "pipe operator `|> EXCEPT` or parentheses around the FROM query")
            }
            () => return Ok(()),
        };
        self.fail(&format!(
            "Syntax error: {word} not supported after FROM query; Consider using {advice}"
        ))
    }

    /// `SELECT …`, `(query)` or `FROM …`.
    fn query_primary(&mut self) -> Result<QueryBody> {
        if self.is_word("SELECT") {
            return Ok(QueryBody::Select(Box::new(self.select()?)));
        }
        if self.is_symbol("(") {
            self.take();
            let query = Box::new(self.query()?);
            self.expect_symbol(")")?;
            return Ok(QueryBody::Parenthesised(query));
        }
        if self.eat_word("FROM") {
            return Ok(QueryBody::From(Box::new(self.table_items()?)));
        }
        self.unexpected()
    }

    pub(super) fn with(&mut self) -> Result<With> {
        self.take();
        let recursive = self.eat_word("RECURSIVE");
        let mut tables = vec![self.common_table()?];
        while self.eat_symbol(",") {
            if self.is_word("SELECT") || self.is_word("FROM") || self.is_symbol("(") {
                return self.fail(
                    "Syntax error: Trailing comma after the WITH clause before the main query is \
                     not allowed",
                );
            }
            tables.push(self.common_table()?);
        }
        Ok(With { recursive, tables })
    }

    fn common_table(&mut self) -> Result<CommonTable> {
        let name = self.identifier()?;
        self.expect_word("AS")?;
        self.expect_symbol("(")?;
        let query = self.query()?;
        self.expect_symbol(")")?;
        let mut depth = None;
        if self.eat_words(&["WITH", "DEPTH"]) {
            let alias = self.explicit_alias()?;
            let (mut low, mut high) = (None, None);
            if self.eat_word("BETWEEN") {
                low = self.depth_bound()?;
                self.expect_word("AND")?;
                high = self.depth_bound()?;
            } else if self.eat_word("MAX") {
                high = self.depth_bound()?;
            }
            depth = Some((alias, low, high));
        }
        Ok(CommonTable { name, query, depth })
    }

    fn depth_bound(&mut self) -> Result<Option<Expr>> {
        if self.eat_word("UNBOUNDED") { Ok(None) } else { self.operand().map(Some) }
    }

    /// Whether a set operation comes next, with its outer mode or without; `EXCEPT (` belongs to a
    /// star.
    pub(super) fn is_set_operation(&mut self) -> bool {
        let mut after = 0;
        if self.is_any_word(&["FULL", "LEFT", "INNER"]) {
            after = if self.nth_is_word(1, "OUTER") { 2 } else { 1 };
        }
        self.nth_is_word(after, "UNION")
            || self.nth_is_word(after, "INTERSECT")
            || (self.nth_is_word(after, "EXCEPT") && !self.nth_is_symbol(after + 1, "("))
    }

    fn set_operations(&mut self, first: QueryBody, at: Offset) -> Result<QueryBody> {
        let mut operands = vec![first];
        let mut chain: Option<Chain> = None;
        while self.is_set_operation() {
            let place = self.at();
            let found = self.set_operator()?;
            match &chain {
                None => chain = Some(found),
                Some(chain) => chain.check_same(&found, place)?,
            }
            operands.push(self.right_side()?);
        }
        let Some(chain) = chain else {
            return Ok(operands.pop().expect("the first operand is there"));
        };
        let associative = chain.operator == SetOperator::Union && !chain.matching.by_name;
        if associative && operands.len() >= limits::BALANCED_FROM {
            return Ok(balanced(&chain, operands, at));
        }
        self.check_chain(operands.len())?;
        let mut operands = operands.into_iter();
        let first = operands.next().expect("the first operand is there");
        Ok(operands.fold(first, |left, right| chain.join(left, right, at)))
    }

    fn right_side(&mut self) -> Result<QueryBody> {
        if self.is_word("FROM") {
            return self.fail(
                "Syntax error: Unexpected FROM; FROM queries following a set operation must be \
                 parenthesized",
            );
        }
        if !self.is_word("SELECT") && !self.is_symbol("(") {
            return self.expected("\"(\" or keyword SELECT or keyword TABLE");
        }
        self.query_primary()
    }

    /// `[mode] UNION ALL [BY NAME | CORRESPONDING …]`
    pub(super) fn set_operator(&mut self) -> Result<Chain> {
        let mut mode = None;
        for word in ["FULL", "LEFT", "INNER"] {
            if self.eat_word(word) {
                mode = Some(word);
                self.eat_word("OUTER");
            }
        }
        let at_operator = self.peek();
        let operator = if self.eat_word("UNION") {
            SetOperator::Union
        } else if self.eat_word("INTERSECT") {
            SetOperator::Intersect
        } else if self.eat_word("EXCEPT") {
            SetOperator::Except
        } else {
            return self.unexpected();
        };
        self.skip_hint()?;
        let distinct = self.eat_word("DISTINCT");
        if !distinct && !self.eat_word("ALL") {
            if operator == SetOperator::Except {
                let message = "EXCEPT must be followed by ALL, DISTINCT, or \"(\"";
                return Err(SqlError::at(at_operator.start, message));
            }
            return self.expected("keyword ALL or keyword DISTINCT");
        }
        let matching = self.set_matching(mode)?;
        Ok(Chain { operator, distinct, matching })
    }

    /// How columns match; `BY NAME` alone wants the same names on both sides, `CORRESPONDING` the
    /// common ones.
    fn set_matching(&mut self, mode: Option<&str>) -> Result<Matching> {
        let mut mode = mode;
        if self.eat_word("STRICT") {
            if mode.is_some() {
                return self
                    .fail("Syntax error: STRICT cannot be used with outer mode in set operations");
            }
            mode = Some("STRICT");
        }
        let mut by_columns = Vec::new();
        let mut by_name = true;
        if self.eat_word("BY") {
            self.expect_word("NAME")?;
            if mode == Some("STRICT") {
                return self
                    .fail("Syntax error: STRICT cannot be used with BY NAME in set operations");
            }
            mode = mode.or(Some("STRICT"));
            if self.eat_word("ON") {
                by_columns = self.identifier_list()?;
            }
        } else if self.eat_word("CORRESPONDING") {
            if self.eat_word("BY") {
                by_columns = self.identifier_list()?;
            }
        } else {
            by_name = false;
        }
        let mode = mode.filter(|mode| *mode != "INNER").map(str::to_owned);
        Ok(Matching { by_name, mode, by_columns })
    }

    /// The `BY` of `ORDER BY` and its kind.
    pub(super) fn expect_by(&mut self) -> Result<()> {
        self.skip_hint()?;
        if self.eat_word("BY") {
            return Ok(());
        }
        self.expected("@ for hint or keyword BY")
    }

    /// `ORDER BY …`, or nothing.
    pub(super) fn order_by(&mut self) -> Result<Vec<OrderItem>> {
        if !self.eat_word("ORDER") {
            return Ok(Vec::new());
        }
        self.expect_by()?;
        let mut items = vec![self.order_item()?];
        while self.eat_symbol(",") {
            items.push(self.order_item()?);
        }
        Ok(items)
    }

    pub(super) fn order_item(&mut self) -> Result<OrderItem> {
        let value = self.expression()?;
        let collation = if self.eat_word("COLLATE") { Some(self.expression()?) } else { None };
        let descending = self.direction().unwrap_or(false);
        let nulls = self.null_order()?;
        Ok(OrderItem { value, descending, nulls, collation })
    }

    /// `ASC` (false), `DESC` (true), or nothing.
    pub(super) fn direction(&mut self) -> Option<bool> {
        if self.eat_word("DESC") {
            return Some(true);
        }
        self.eat_word("ASC").then_some(false)
    }

    pub(super) fn null_order(&mut self) -> Result<Option<NullOrder>> {
        if !self.eat_word("NULLS") {
            return Ok(None);
        }
        if self.eat_word("FIRST") {
            return Ok(Some(NullOrder::First));
        }
        if self.eat_word("LAST") {
            return Ok(Some(NullOrder::Last));
        }
        self.expected("keyword FIRST or keyword LAST")
    }

    /// `LIMIT n [OFFSET m]`; `LIMIT ALL` is no limit.
    pub(super) fn limit(&mut self) -> Result<(Option<Expr>, Option<Expr>)> {
        if !self.eat_word("LIMIT") {
            return Ok((None, None));
        }
        let limit = if self.eat_word("ALL") { None } else { Some(self.expression()?) };
        let offset = if self.eat_word("OFFSET") { Some(self.expression()?) } else { None };
        Ok((limit, offset))
    }
}
