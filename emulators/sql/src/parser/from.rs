//! `FROM`: tables, arrays, subqueries and table functions, the joins between them, and `PIVOT`,
//! `UNPIVOT` and `TABLESAMPLE` after them. Joins lean left; consecutive `ON` clauses close the
//! joins before them in turn.

use super::Parser;
use crate::ast::{
    Arg, ExprKind, FromItem, FromKind, Ident, JoinCondition, JoinKind, PivotAggregate, PivotColumn,
    Query, TableOperator, TvfArg, UnpivotColumn,
};
use crate::error::{Offset, Result, SqlError};
use crate::lexer::TokenKind;

impl Parser<'_> {
    /// Everything after `FROM`.
    pub(super) fn table_items(&mut self) -> Result<FromItem> {
        let first = self.table_primary()?;
        self.joins(first, true)
    }

    /// The joins after a first table. They lean left, but for those without a condition whose
    /// condition stands after that of a later join: `a JOIN b JOIN c ON … ON …`.
    fn joins(&mut self, first: FromItem, commas: bool) -> Result<FromItem> {
        let mut chain = JoinChain { first, joins: Vec::new(), needing: 0 };
        let mut after_comma = false;
        loop {
            self.check_chain(chain.joins.len())?;
            if commas && self.eat_symbol(",") {
                let right = self.table_primary()?;
                chain.joins.push((JoinKind::Comma, right, JoinCondition::None));
                after_comma = true;
                continue;
            }
            if !self.is_join() {
                return Ok(chain.into_item());
            }
            if after_comma {
                self.check_join_after_comma()?;
            }
            let kind = self.join_kind()?;
            let right = self.table_primary()?;
            let condition = self.join_condition()?;
            let conditioned = condition != JoinCondition::None;
            chain.needing += usize::from(kind != JoinKind::Cross);
            chain.joins.push((kind, right, condition));
            while conditioned && (self.is_word("ON") || self.is_word("USING")) {
                self.close_earlier_join(&mut chain)?;
            }
        }
    }

    fn check_join_after_comma(&mut self) -> Result<()> {
        let side = ["RIGHT", "FULL"].into_iter().find(|word| self.is_word(word));
        let Some(side) = side else { return Ok(()) };
        self.fail(&format!(
            "Syntax error: {side} JOIN must be parenthesized when following a comma join.  Also, \
             if the preceding comma join is a correlated CROSS JOIN that unnests an array, then \
             CROSS JOIN syntax must be used in place of the comma join"
        ))
    }

    /// One more condition after that of the last join: it belongs to the last join that has none.
    fn close_earlier_join(&mut self, chain: &mut JoinChain) -> Result<()> {
        let open = chain.joins.iter().rposition(|(kind, _, condition)| {
            !matches!(kind, JoinKind::Comma | JoinKind::Cross) && *condition == JoinCondition::None
        });
        let Some(open) = open else {
            let word = if self.is_word("ON") { "ON" } else { "USING" };
            let (conditions, joins) = (chain.needing + 1, chain.needing);
            return self.fail(&format!(
                "Syntax error: The number of join conditions is {conditions} but the number of \
                 joins that require a join condition is only {joins}. Unexpected keyword {word}"
            ));
        };
        let condition = self.join_condition()?;
        chain.close(open, condition);
        Ok(())
    }

    /// Whether a join comes next: `LEFT UNION ALL` is none.
    fn is_join(&mut self) -> bool {
        const WORDS: [&str; 9] =
            ["JOIN", "CROSS", "INNER", "LEFT", "RIGHT", "FULL", "NATURAL", "HASH", "LOOKUP"];
        self.is_any_word(&WORDS) && !self.is_set_operation()
    }

    pub(super) fn join_kind(&mut self) -> Result<JoinKind> {
        let at = self.at();
        if self.is_word("NATURAL") {
            return Err(SqlError::at(at, "Natural join not supported"));
        }
        let mut kind = JoinKind::Inner;
        if self.eat_word("CROSS") {
            kind = JoinKind::Cross;
        } else if !self.eat_word("INNER") {
            let outer =
                [("LEFT", JoinKind::Left), ("RIGHT", JoinKind::Right), ("FULL", JoinKind::Full)];
            for (word, found) in outer {
                if kind == JoinKind::Inner && self.eat_word(word) {
                    self.eat_word("OUTER");
                    kind = found;
                }
            }
        }
        if !self.eat_word("HASH") {
            self.eat_word("LOOKUP");
        }
        self.expect_word("JOIN")?;
        self.skip_hint()?;
        Ok(kind)
    }

    pub(super) fn join_condition(&mut self) -> Result<JoinCondition> {
        if self.eat_word("ON") {
            return self.expression().map(JoinCondition::On);
        }
        if self.eat_word("USING") {
            return self.identifier_list().map(JoinCondition::Using);
        }
        Ok(JoinCondition::None)
    }

    /// One table with its alias and operators.
    pub(super) fn table_primary(&mut self) -> Result<FromItem> {
        let mut item = if self.is_symbol("(") {
            self.nested(Self::parenthesised_table)?
        } else if self.is_word("UNNEST") {
            self.unnest()?
        } else {
            self.table_or_function()?
        };
        while self.is_word("TABLESAMPLE") {
            let sample = self.table_sample()?;
            item.operators.push(sample);
        }
        Ok(item)
    }

    /// `(query)` or `(… JOIN …)`. Two parentheses may open either: what follows tells.
    fn parenthesised_table(&mut self) -> Result<FromItem> {
        let at = self.at();
        self.expect_symbol("(")?;
        if self.is_query_start() {
            let query = self.query()?;
            self.expect_symbol(")")?;
            return self.table_subquery(query, at);
        }
        let inner_at = self.at();
        let mut inner = self.table_primary()?;
        let bare = inner.alias.is_none() && inner.operators.is_empty();
        if let FromKind::Subquery(query) = inner.kind {
            if bare && (self.is_symbol(")") || self.is_query_continuation()) {
                let query = self.query_from_parenthesised(*query, inner_at)?;
                self.expect_symbol(")")?;
                return self.table_subquery(query, at);
            }
            inner.kind = FromKind::Subquery(query);
        }
        if !self.is_join() {
            return self.expected("keyword JOIN");
        }
        let inner = self.joins(inner, false)?;
        if !self.eat_symbol(")") {
            return self.expected("keyword JOIN");
        }
        let kind = FromKind::Parenthesised(Box::new(inner));
        Ok(FromItem { kind, alias: None, operators: Vec::new(), at })
    }

    fn table_subquery(&mut self, query: Query, at: Offset) -> Result<FromItem> {
        let kind = FromKind::Subquery(Box::new(query));
        self.with_alias_and_operators(kind, at)
    }

    /// `UNNEST(array, …)`
    fn unnest(&mut self) -> Result<FromItem> {
        let at = self.take().start;
        self.expect_symbol("(")?;
        if self.is_word("SELECT") {
            return self.fail(
                "The argument to UNNEST is an expression, not a query; to use a query as an \
                 expression, the query must be wrapped with additional parentheses to make it a \
                 scalar subquery expression",
            );
        }
        let arrays = self.list_until_parenthesis(Self::argument)?;
        self.check_no_element_access()?;
        let kind = FromKind::Unnest { arrays, with_offset: None };
        self.with_alias_and_operators(kind, at)
    }

    fn check_no_element_access(&mut self) -> Result<()> {
        if self.is_symbol("[") {
            return self.fail(
                "Syntax error: Array element access is not allowed in the FROM clause without \
                 UNNEST; Use UNNEST(<expression>)",
            );
        }
        Ok(())
    }

    fn table_or_function(&mut self) -> Result<FromItem> {
        let at = self.at();
        if self.is_word("GRAPH_TABLE") && self.nth_is_symbol(1, "(") {
            return self.not_implemented("GRAPH_TABLE");
        }
        let path = self.table_path()?;
        if self.is_symbol("(") {
            let args = self.table_function_arguments()?;
            let kind = FromKind::Function { name: path, args };
            return self.with_alias_and_operators(kind, at);
        }
        self.check_no_element_access()?;
        let kind = FromKind::Table { path, system_time: None, with_offset: None };
        self.with_alias_and_operators(kind, at)
    }

    /// What may follow every kind of table: an alias, an offset, a pivot, a time.
    fn with_alias_and_operators(&mut self, mut kind: FromKind, at: Offset) -> Result<FromItem> {
        self.skip_hint()?;
        let alias = if self.is_table_operator() { None } else { self.alias()? };
        if let FromKind::Table { with_offset, .. } | FromKind::Unnest { with_offset, .. } =
            &mut kind
            && self.is_word("WITH")
        {
            *with_offset = Some(self.with_offset()?);
        }
        if self.is_match_recognize() {
            return self.not_implemented("MATCH_RECOGNIZE");
        }
        let mut operators = Vec::new();
        if self.is_pivot() {
            operators.push(self.pivot()?);
        } else if self.is_unpivot() {
            operators.push(self.unpivot()?);
        }
        if let FromKind::Table { system_time, .. } = &mut kind
            && self.is_word("FOR")
        {
            *system_time = Some(self.system_time()?);
        }
        Ok(FromItem { kind, alias, operators, at })
    }

    fn with_offset(&mut self) -> Result<Option<Ident>> {
        self.expect_words(&["WITH", "OFFSET"])?;
        if self.is_table_operator() { Ok(None) } else { self.alias() }
    }

    /// `FOR SYSTEM_TIME AS OF time`
    pub(super) fn system_time(&mut self) -> Result<crate::ast::Expr> {
        self.expect_word("FOR")?;
        if self.eat_word("SYSTEM") {
            self.expect_word("TIME")?;
        } else if !self.eat_word("SYSTEM_TIME") {
            return self.expected("SYSTEM_TIME or keyword SYSTEM");
        }
        self.expect_words(&["AS", "OF"])?;
        self.expression()
    }

    /// Arguments of a table function, in parentheses.
    pub(super) fn table_function_arguments(&mut self) -> Result<Vec<TvfArg>> {
        self.expect_symbol("(")?;
        let mut args = Vec::new();
        if self.is_expression_start() || self.is_word("SELECT") {
            args.push(self.table_function_argument()?);
            while self.eat_symbol(",") {
                args.push(self.table_function_argument()?);
            }
        }
        self.expect_symbol(")")?;
        Ok(args)
    }

    fn table_function_argument(&mut self) -> Result<TvfArg> {
        if self.is_word("TABLE") && self.nth_is_identifier(1) {
            self.take();
            return self.table_path().map(TvfArg::Table);
        }
        if self.is_word("MODEL") && self.nth_is_identifier(1) {
            self.take();
            return self.table_path().map(TvfArg::Model);
        }
        if self.is_word("SELECT") {
            return self.fail(
                "Syntax error: Each subquery argument for table-valued function calls must be \
                 enclosed in parentheses. To fix this, replace SELECT... with (SELECT...)",
            );
        }
        if self.nth_is_identifier(0) && self.nth_is_symbol(1, "=>") && self.is_table_after_arrow() {
            return self.named_table_argument();
        }
        let argument = self.argument()?;
        Ok(plain_subquery(argument))
    }

    fn is_table_after_arrow(&mut self) -> bool {
        (self.nth_is_word(2, "TABLE") || self.nth_is_word(2, "MODEL")) && self.nth_is_identifier(3)
    }

    /// `name => TABLE path`, `name => MODEL path`
    fn named_table_argument(&mut self) -> Result<TvfArg> {
        let name = self.identifier()?;
        self.take();
        let model = self.is_word("MODEL");
        self.take();
        let path = self.table_path()?;
        let value = if model { TvfArg::Model(path) } else { TvfArg::Table(path) };
        Ok(TvfArg::Named(name, Box::new(value)))
    }

    // Operators after a table.

    fn is_pivot(&mut self) -> bool {
        self.is_word("PIVOT") && self.nth_is_symbol(1, "(")
    }

    fn is_unpivot(&mut self) -> bool {
        self.is_word("UNPIVOT")
            && (self.nth_is_symbol(1, "(")
                || ((self.nth_is_word(1, "INCLUDE") || self.nth_is_word(1, "EXCLUDE"))
                    && self.nth_is_word(2, "NULLS")))
    }

    fn is_table_operator(&mut self) -> bool {
        self.is_pivot() || self.is_unpivot() || self.is_match_recognize()
    }

    fn is_match_recognize(&mut self) -> bool {
        self.is_word("MATCH_RECOGNIZE") && self.nth_is_symbol(1, "(")
    }

    /// `PIVOT(aggregate [AS alias], … FOR input IN (value [AS alias], …)) [AS alias]`
    pub(super) fn pivot(&mut self) -> Result<TableOperator> {
        let at = self.take().start;
        self.expect_symbol("(")?;
        let mut aggregates = vec![self.pivot_aggregate()?];
        while self.eat_symbol(",") {
            aggregates.push(self.pivot_aggregate()?);
        }
        if !self.eat_word("FOR") {
            return self.expected("\",\" or keyword FOR");
        }
        let input = self.operand()?;
        if !self.eat_word("IN") || !self.eat_symbol("(") {
            return self.unexpected();
        }
        let columns = self.list_until_parenthesis(|parser| {
            let value = parser.expression()?;
            let alias = parser.alias()?;
            Ok(PivotColumn { value, alias })
        })?;
        self.expect_symbol(")")?;
        let alias = self.alias()?;
        Ok(TableOperator::Pivot { aggregates, input, columns, alias, at })
    }

    fn pivot_aggregate(&mut self) -> Result<PivotAggregate> {
        let at = self.at();
        let expression = self.expression()?;
        let ExprKind::Call(call) = expression.kind else {
            return Err(SqlError::at(at, "PIVOT expression must be an aggregate function call"));
        };
        let alias = self.alias()?;
        Ok(PivotAggregate { call: *call, at, alias })
    }

    /// `UNPIVOT [INCLUDE NULLS] (values FOR name IN (columns [AS label], …)) [AS alias]`
    pub(super) fn unpivot(&mut self) -> Result<TableOperator> {
        let at = self.take().start;
        let include_nulls = self.eat_words(&["INCLUDE", "NULLS"]);
        if !include_nulls {
            self.eat_words(&["EXCLUDE", "NULLS"]);
        }
        self.expect_symbol("(")?;
        let values =
            if self.is_symbol("(") { self.identifier_list()? } else { vec![self.identifier()?] };
        self.expect_word("FOR")?;
        let name = self.identifier()?;
        if !self.eat_word("IN") {
            return self.expected("\".\" or keyword IN");
        }
        self.expect_symbol("(")?;
        let columns = self.list_until_parenthesis(Self::unpivot_column)?;
        self.expect_symbol(")")?;
        let alias = self.alias()?;
        Ok(TableOperator::Unpivot { include_nulls, values, name, columns, alias, at })
    }

    fn unpivot_column(&mut self) -> Result<UnpivotColumn> {
        let columns = if self.eat_symbol("(") {
            self.list_until_parenthesis(Self::path)?
        } else {
            vec![self.path()?]
        };
        let labelled = self.eat_word("AS");
        let mut label = None;
        if labelled || matches!(self.peek().kind, TokenKind::String | TokenKind::Integer) {
            if !matches!(self.peek().kind, TokenKind::String | TokenKind::Integer) {
                return self.expected("integer literal or string literal");
            }
            label = Some(self.operand()?);
        }
        Ok(UnpivotColumn { columns, label })
    }

    /// `TABLESAMPLE SYSTEM (n PERCENT)`
    pub(super) fn table_sample(&mut self) -> Result<TableOperator> {
        let at = self.take().start;
        let method = self.identifier()?;
        self.expect_symbol("(")?;
        let percent = self.expression()?;
        if self.is_word("ROWS") {
            return Err(SqlError::at(at, "TABLESAMPLE with ROWS is not supported"));
        }
        if !self.eat_word("PERCENT") {
            return self.expected("keyword PERCENT or keyword ROWS");
        }
        self.expect_symbol(")")?;
        if !method.name.eq_ignore_ascii_case("SYSTEM") {
            let message = format!("Unsupported sampling method {}", method.name);
            return Err(SqlError::at(method.at, message));
        }
        Ok(TableOperator::Sample { percent, at })
    }
}

/// An argument that is a query in parentheses and nothing else is a table.
fn plain_subquery(argument: Arg) -> TvfArg {
    match argument {
        Arg { name: None, alias: None, value } => match value.kind {
            ExprKind::Subquery { kind: crate::ast::SubqueryKind::Scalar, query } => {
                TvfArg::Query(query)
            }
            kind => TvfArg::Expr(Arg {
                name: None,
                value: crate::ast::Expr { kind, at: value.at },
                alias: None,
            }),
        },
        named => TvfArg::Expr(named),
    }
}

/// Joins as they were written, before they are a tree.
struct JoinChain {
    first: FromItem,
    joins: Vec<(JoinKind, FromItem, JoinCondition)>,
    /// How many of them need a condition.
    needing: usize,
}

impl JoinChain {
    /// The tree, leaning left.
    fn into_item(self) -> FromItem {
        self.joins.into_iter().fold(self.first, |left, (kind, right, condition)| {
            let at = left.at;
            let (left, right) = (Box::new(left), Box::new(right));
            let kind = FromKind::Join { kind, left, right, condition };
            FromItem { kind, alias: None, operators: Vec::new(), at }
        })
    }

    /// Gives a join its condition: everything after it is then within its right side.
    fn close(&mut self, open: usize, condition: JoinCondition) {
        let joins = self.joins.split_off(open + 1);
        let (kind, first, _) = self.joins.pop().expect("the open join is the last one left");
        let right = Self { first, joins, needing: 0 }.into_item();
        self.joins.push((kind, right, condition));
    }
}
