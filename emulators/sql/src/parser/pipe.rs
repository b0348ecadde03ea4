//! The operators of the pipe syntax, behind their `|>`.

use super::Parser;
use super::query::Chain;
use crate::ast::{Ident, PipeOperator, SelectItem, TableOperator};
use crate::error::Result;

/// Operators of the language that the service does not have.
const UNSUPPORTED: [&str; 11] = [
    "CREATE",
    "DESCRIBE",
    "EXPORT",
    "FORK",
    "IF",
    "INSERT",
    "LOG",
    "MATCH_RECOGNIZE",
    "RECURSIVE",
    "STATIC_DESCRIBE",
    "TEE",
];

impl Parser<'_> {
    /// One operator.
    pub(super) fn pipe_operator(&mut self) -> Result<PipeOperator> {
        let token = self.peek();
        let word = self.text_of(token).to_ascii_uppercase();
        match word.as_str() {
            "SELECT" => {
                let mut select = self.select_list()?;
                select.windows = self.windows()?;
                Ok(PipeOperator::Select(Box::new(select)))
            }
            "EXTEND" => self.pipe_extend(),
            "SET" => self.pipe_set(),
            "DROP" => self.pipe_drop(),
            "RENAME" => self.pipe_rename(),
            "AS" => {
                self.take();
                self.identifier().map(PipeOperator::As)
            }
            "WHERE" => {
                self.take();
                self.expression().map(PipeOperator::Where)
            }
            "LIMIT" => self.pipe_limit(),
            "AGGREGATE" => self.pipe_aggregate(),
            "DISTINCT" => {
                self.take();
                Ok(PipeOperator::Distinct)
            }
            "ORDER" => self.pipe_order(),
            "CALL" => self.pipe_call(),
            "WINDOW" => {
                self.take();
                self.select_items().map(PipeOperator::Window)
            }
            "TABLESAMPLE" => match self.table_sample()? {
                TableOperator::Sample { percent, .. } => Ok(PipeOperator::Sample(percent)),
                other => Ok(PipeOperator::Table(other)),
            },
            "PIVOT" => self.pivot().map(PipeOperator::Table),
            "UNPIVOT" => self.unpivot().map(PipeOperator::Table),
            "WITH" => self.with().map(PipeOperator::With),
            "ASSERT" => self.pipe_assert(),
            "GROUP" => self.fail(
                "Syntax error: GROUP BY should be part of a pipe AGGREGATE operator, without a \
                 leading pipe symbol",
            ),
            word if UNSUPPORTED.contains(&word) => {
                self.not_implemented(&format!("pipe operator {word}"))
            }
            _ if self.is_set_operation() => self.pipe_set_operation(),
            _ => self.pipe_join(),
        }
    }

    fn pipe_join(&mut self) -> Result<PipeOperator> {
        let kind = self.join_kind()?;
        let right = self.table_primary()?;
        let condition = self.join_condition()?;
        Ok(PipeOperator::Join { kind, right, condition })
    }

    fn pipe_extend(&mut self) -> Result<PipeOperator> {
        self.take();
        let items = self.select_items()?;
        let windows = self.windows()?;
        if windows.is_empty() {
            return Ok(PipeOperator::Extend(items));
        }
        Ok(PipeOperator::ExtendWithWindows { items, windows })
    }

    fn pipe_set(&mut self) -> Result<PipeOperator> {
        self.take();
        let mut items = Vec::new();
        loop {
            let path = self.path()?;
            if !self.eat_symbol("=") {
                return self.expected("\".\" or \"=\"");
            }
            items.push((path, self.expression()?));
            if !self.eat_symbol(",") || self.is_list_end() {
                return Ok(PipeOperator::Set(items));
            }
        }
    }

    fn pipe_drop(&mut self) -> Result<PipeOperator> {
        self.take();
        let mut names = vec![self.identifier()?];
        while self.eat_symbol(",") && !self.is_list_end() {
            names.push(self.identifier()?);
        }
        Ok(PipeOperator::Drop(names))
    }

    fn pipe_rename(&mut self) -> Result<PipeOperator> {
        self.take();
        let mut names: Vec<(Ident, Ident)> = Vec::new();
        loop {
            let from = self.identifier()?;
            self.eat_word("AS");
            names.push((from, self.identifier()?));
            if !self.eat_symbol(",") || self.is_list_end() {
                return Ok(PipeOperator::Rename(names));
            }
        }
    }

    fn pipe_limit(&mut self) -> Result<PipeOperator> {
        match self.limit()? {
            (Some(limit), offset) => Ok(PipeOperator::Limit { limit, offset }),
            (None, _) => self.fail("Syntax error: Unexpected keyword ALL"),
        }
    }

    fn pipe_order(&mut self) -> Result<PipeOperator> {
        self.take();
        self.expect_by()?;
        let mut items = vec![self.order_item()?];
        while self.eat_symbol(",") && !self.is_list_end() {
            items.push(self.order_item()?);
        }
        Ok(PipeOperator::OrderBy(items))
    }

    /// `AGGREGATE [items] [GROUP [AND ORDER] BY items]`
    fn pipe_aggregate(&mut self) -> Result<PipeOperator> {
        self.take();
        self.skip_hint()?;
        let (mut items, mut orders) = (Vec::new(), Vec::new());
        while !self.is_list_end() {
            let item = self.select_item()?;
            let order = match &item {
                SelectItem::Expr { value, .. } => self.order_suffix(value)?,
                SelectItem::Star { .. } => None,
            };
            items.push(item);
            orders.push(order);
            if !self.eat_symbol(",") {
                break;
            }
        }
        let (mut group_by, mut order_by_groups) = (None, false);
        if self.is_word("GROUP") {
            let at = self.take().start;
            order_by_groups = self.eat_words(&["AND", "ORDER"]);
            self.expect_by()?;
            group_by = Some(self.grouping_items(at, true)?);
        }
        Ok(PipeOperator::Aggregate { items, orders, group_by, order_by_groups })
    }

    /// `UNION ALL (query), (query)`
    fn pipe_set_operation(&mut self) -> Result<PipeOperator> {
        let Chain { operator, distinct, matching } = self.set_operator()?;
        let mut queries = Vec::new();
        loop {
            self.expect_symbol("(")?;
            queries.push(self.query()?);
            self.expect_symbol(")")?;
            if !self.eat_symbol(",") || self.is_list_end() {
                break;
            }
        }
        Ok(PipeOperator::SetOperation {
            operator,
            distinct,
            by_name: matching.by_name,
            mode: matching.mode,
            by_columns: matching.by_columns,
            queries,
        })
    }

    fn pipe_call(&mut self) -> Result<PipeOperator> {
        self.take();
        let name = self.table_path()?;
        let args = self.table_function_arguments()?;
        let alias = self.alias()?;
        Ok(PipeOperator::Call { name, args, alias })
    }

    fn pipe_assert(&mut self) -> Result<PipeOperator> {
        self.take();
        let condition = self.expression()?;
        let mut payload = Vec::new();
        while self.eat_symbol(",") && !self.is_list_end() {
            payload.push(self.expression()?);
        }
        Ok(PipeOperator::Assert { condition, payload })
    }
}
