//! `SELECT`: its list, its clauses, grouping and named windows.

use super::Parser;
use crate::ast::{
    Expr, ExprKind, GroupBy, GroupingItem, Ident, OrderItem, Select, SelectAs, SelectItem,
    WindowSpec,
};
use crate::error::Result;
use crate::lexer::TokenKind;

impl Parser<'_> {
    /// A `SELECT` with its clauses.
    pub(super) fn select(&mut self) -> Result<Select> {
        let mut select = self.select_list()?;
        if self.eat_word("FROM") {
            select.from = Some(self.table_items()?);
        }
        select.filter_at = self.at();
        if self.eat_word("WHERE") {
            select.filter = Some(self.expression()?);
        }
        select.group_by = self.group_by()?;
        if self.eat_word("HAVING") {
            select.having = Some(self.expression()?);
        }
        if self.eat_word("QUALIFY") {
            select.qualify = Some(self.expression()?);
        }
        select.windows = self.windows()?;
        Ok(select)
    }

    /// `SELECT [DISTINCT] [AS …] items`, without what follows.
    pub(super) fn select_list(&mut self) -> Result<Select> {
        let at = self.take().start;
        self.skip_hint()?;
        if self.is_word("WITH") && self.nth_is_identifier(1) {
            self.take();
            return self.not_implemented("SELECT WITH …");
        }
        let distinct = self.eat_word("DISTINCT");
        if !distinct {
            self.eat_word("ALL");
        }
        let select_as = self.select_as()?;
        if self.is_word("FROM") {
            return self.fail("Syntax error: SELECT list must not be empty");
        }
        let items = self.select_items()?;
        Ok(Select {
            distinct,
            select_as,
            items,
            from: None,
            filter: None,
            filter_at: at,
            group_by: None,
            having: None,
            qualify: None,
            windows: Vec::new(),
            at,
        })
    }

    fn select_as(&mut self) -> Result<Option<SelectAs>> {
        if !self.eat_word("AS") {
            return Ok(None);
        }
        if self.eat_word("STRUCT") {
            return Ok(Some(SelectAs::Struct));
        }
        if self.is_word("VALUE") && !self.nth_is_symbol(1, ".") {
            self.take();
            return Ok(Some(SelectAs::Value));
        }
        Ok(Some(SelectAs::Type(self.path()?)))
    }

    /// Items between commas; a comma may trail.
    pub(super) fn select_items(&mut self) -> Result<Vec<SelectItem>> {
        let mut items = vec![self.select_item()?];
        while self.eat_symbol(",") {
            if self.is_list_end() {
                break;
            }
            items.push(self.select_item()?);
        }
        Ok(items)
    }

    /// Whether nothing that begins an item comes next, so that a comma before it trailed.
    pub(super) fn is_list_end(&mut self) -> bool {
        !self.is_expression_start()
    }

    pub(super) fn select_item(&mut self) -> Result<SelectItem> {
        let at = self.at();
        if self.eat_symbol("*") {
            return self.star(None, at);
        }
        let value = self.expression()?;
        if self.is_symbol(".") && self.nth_is_symbol(1, "*") {
            self.take();
            self.take();
            return self.star(Some(value), at);
        }
        if self.peek().kind == TokenKind::Glued {
            return self.fail("Syntax error: Missing whitespace between literal and alias");
        }
        let alias = self.alias()?;
        Ok(SelectItem::Expr { value, alias })
    }

    /// `EXCEPT (…)` and `REPLACE (…)` after a star.
    fn star(&mut self, of: Option<Expr>, at: crate::error::Offset) -> Result<SelectItem> {
        let (mut except, mut replace) = (Vec::new(), Vec::new());
        if self.is_word("EXCEPT") && self.nth_is_symbol(1, "(") {
            self.take();
            except = self.identifier_list()?;
        }
        if self.is_word("REPLACE") && self.nth_is_symbol(1, "(") {
            self.take();
            self.take();
            replace = self.list_until_parenthesis(Self::replacement)?;
        }
        Ok(SelectItem::Star { of, except, replace, at })
    }

    fn replacement(&mut self) -> Result<(Expr, Ident)> {
        let value = self.expression()?;
        self.expect_word("AS")?;
        Ok((value, self.identifier()?))
    }

    /// `GROUP BY …`, or nothing.
    fn group_by(&mut self) -> Result<Option<GroupBy>> {
        if !self.is_word("GROUP") {
            return Ok(None);
        }
        let at = self.take().start;
        self.expect_by()?;
        self.grouping_items(at, false).map(Some)
    }

    /// What is grouped by; in a pipe items may have aliases, orders and a trailing comma.
    pub(super) fn grouping_items(
        &mut self,
        at: crate::error::Offset,
        pipe: bool,
    ) -> Result<GroupBy> {
        if self.eat_word("ALL") {
            return Ok(GroupBy { all: true, items: Vec::new(), at });
        }
        let mut items = vec![self.grouping_item(pipe)?];
        while self.eat_symbol(",") {
            if pipe && self.is_list_end() {
                break;
            }
            items.push(self.grouping_item(pipe)?);
        }
        Ok(GroupBy { all: false, items, at })
    }

    fn grouping_item(&mut self, pipe: bool) -> Result<GroupingItem> {
        if self.is_symbol("(") && self.nth_is_symbol(1, ")") {
            self.take();
            self.take();
            return Ok(GroupingItem::Empty);
        }
        if self.eat_word("ROLLUP") {
            return self.grouping_elements().map(GroupingItem::Rollup);
        }
        if self.eat_word("CUBE") {
            return self.grouping_elements().map(GroupingItem::Cube);
        }
        if self.eat_words(&["GROUPING", "SETS"]) {
            self.expect_symbol("(")?;
            let sets = self.nested(|parser| {
                parser.list_until_parenthesis(|parser| parser.grouping_item(false))
            })?;
            return Ok(GroupingItem::Sets(sets));
        }
        let value = self.expression()?;
        let alias = if pipe { self.alias()? } else { None };
        let order = if pipe { self.order_suffix(&value)? } else { None };
        Ok(GroupingItem::Expr { value, alias, order: order.map(Box::new) })
    }

    /// `ASC`, `DESC NULLS LAST` after an item of a pipe.
    pub(super) fn order_suffix(&mut self, value: &Expr) -> Result<Option<OrderItem>> {
        let Some(descending) = self.direction() else { return Ok(None) };
        let nulls = self.null_order()?;
        Ok(Some(OrderItem { value: value.clone(), descending, nulls, collation: None }))
    }

    /// `(a, (b, c))`: each element is one or more expressions.
    fn grouping_elements(&mut self) -> Result<Vec<Vec<Expr>>> {
        self.expect_symbol("(")?;
        self.list_until_parenthesis(|parser| {
            let element = parser.expression()?;
            Ok(match element.kind {
                ExprKind::Tuple(items) => items,
                kind => vec![Expr { kind, at: element.at }],
            })
        })
    }

    /// `WINDOW name AS (…), …`, or nothing.
    pub(super) fn windows(&mut self) -> Result<Vec<(Ident, WindowSpec)>> {
        let mut windows = Vec::new();
        if !self.eat_word("WINDOW") {
            return Ok(windows);
        }
        loop {
            let name = self.identifier()?;
            self.expect_word("AS")?;
            let window = if self.is_symbol("(") {
                self.window()?
            } else {
                let base = self.identifier()?;
                let at = base.at;
                WindowSpec {
                    base: Some(base),
                    partition_by: Vec::new(),
                    order_by: Vec::new(),
                    frame: None,
                    at,
                    inner_at: at,
                }
            };
            windows.push((name, window));
            if !self.eat_symbol(",") {
                return Ok(windows);
            }
        }
    }
}
