//! Statements that change rows: `INSERT`, `UPDATE`, `DELETE`, `MERGE`, `TRUNCATE`.

use super::Parser;
use crate::ast::{
    Expr, ExprKind, Ident, Insert, InsertSource, Merge, MergeAction, MergeMatch, MergeWhen,
    StatementKind, Update, UpdateItem,
};
use crate::error::{Result, SqlError};

impl Parser<'_> {
    /// `INSERT [INTO] table [(columns)] {VALUES … | query}`
    pub(super) fn insert(&mut self) -> Result<StatementKind> {
        self.take();
        self.eat_word("INTO");
        let table = self.table_path()?;
        let columns = self.insert_columns()?;
        let source = if self.is_word("VALUES") {
            InsertSource::Values(self.values()?)
        } else if self.is_query_start() || self.is_symbol("(") {
            InsertSource::Query(Box::new(self.query()?))
        } else {
            return self.unexpected();
        };
        Ok(StatementKind::Insert(Insert { table, columns, source }))
    }

    /// `(a, b)`, unless the parenthesis opens a query.
    fn insert_columns(&mut self) -> Result<Vec<Ident>> {
        let query = ["SELECT", "FROM", "WITH"].iter().any(|word| self.nth_is_word(1, word));
        if !self.is_symbol("(") || query || self.nth_is_symbol(1, "(") {
            return Ok(Vec::new());
        }
        self.take();
        let columns = self.identifiers()?;
        self.expect_symbol(")")?;
        Ok(columns)
    }

    /// `VALUES (…), (…)`
    fn values(&mut self) -> Result<Vec<Vec<Expr>>> {
        self.take();
        let mut rows = Vec::new();
        loop {
            self.expect_symbol("(")?;
            rows.push(self.list_until_parenthesis(Self::value_or_default)?);
            if !self.eat_symbol(",") {
                return Ok(rows);
            }
        }
    }

    /// An expression, or `DEFAULT`.
    fn value_or_default(&mut self) -> Result<Expr> {
        if self.is_word("DEFAULT") {
            let at = self.take().start;
            return Ok(Expr { kind: ExprKind::Default, at });
        }
        self.expression()
    }

    /// `UPDATE table [alias] SET … [FROM …] [WHERE …]`
    pub(super) fn update(&mut self) -> Result<StatementKind> {
        self.take();
        let table = self.table_path()?;
        let alias = self.alias()?;
        if !self.eat_word("SET") {
            if alias.is_none() {
                return self.unexpected();
            }
            return self.expected("keyword SET or keyword WITH");
        }
        let items = self.update_items()?;
        let from = if self.eat_word("FROM") { Some(self.table_items()?) } else { None };
        let filter = if self.eat_word("WHERE") { Some(self.expression()?) } else { None };
        Ok(StatementKind::Update(Update { table, alias, items, from, filter }))
    }

    fn update_items(&mut self) -> Result<Vec<UpdateItem>> {
        let mut items = vec![self.update_item()?];
        while self.eat_symbol(",") {
            items.push(self.update_item()?);
        }
        Ok(items)
    }

    fn update_item(&mut self) -> Result<UpdateItem> {
        let at = self.at();
        if self.eat_symbol("(") {
            if !self.is_any_word(&["DELETE", "INSERT", "UPDATE"]) {
                return self.expected("keyword DELETE or keyword INSERT or keyword UPDATE");
            }
            return self.not_implemented("a nested statement in UPDATE … SET");
        }
        if !self.nth_is_identifier(0) {
            return self.expected("\"(\"");
        }
        let target = self.path()?;
        if self.is_symbol("[") {
            let message = "UPDATE ... SET does not support array modification with []";
            return Err(SqlError::at(at, message));
        }
        if !self.eat_symbol("=") {
            return self.expected("\".\" or \"=\" or \"[\"");
        }
        let value = self.value_or_default()?;
        Ok(UpdateItem { target, value })
    }

    /// `DELETE [FROM] table [alias] WHERE …`
    pub(super) fn delete(&mut self) -> Result<StatementKind> {
        let at = self.take().start;
        self.eat_word("FROM");
        let table = self.table_path()?;
        let alias = self.alias()?;
        if self.eat_word("WHERE") {
            let filter = self.expression()?;
            return Ok(StatementKind::Delete { table, alias, filter });
        }
        if self.is_statement_end() {
            return Err(SqlError::at(at, "DELETE must have a WHERE clause"));
        }
        self.expected(self.statement_separator())
    }

    /// `MERGE [INTO] table [alias] USING source ON … WHEN …`
    pub(super) fn merge(&mut self) -> Result<StatementKind> {
        self.take();
        self.eat_word("INTO");
        let table = self.table_path()?;
        let alias = self.alias()?;
        if alias.is_none() && !self.is_word("USING") {
            return self.unexpected();
        }
        self.expect_word("USING")?;
        let source = self.table_primary()?;
        self.expect_word("ON")?;
        let on = self.expression()?;
        self.expect_word("WHEN")?;
        let mut whens = vec![self.merge_when()?];
        while self.eat_word("WHEN") {
            whens.push(self.merge_when()?);
        }
        Ok(StatementKind::Merge(Box::new(Merge { table, alias, source, on, whens })))
    }

    fn merge_when(&mut self) -> Result<MergeWhen> {
        let mut matched = MergeMatch::Matched;
        let by_allowed = self.is_word("NOT") && !self.nth_is_word(2, "BY");
        if self.eat_word("NOT") {
            self.expect_word("MATCHED")?;
            matched = MergeMatch::NotMatchedByTarget;
            if self.eat_words(&["BY", "SOURCE"]) {
                matched = MergeMatch::NotMatchedBySource;
            } else if self.eat_word("BY") && !self.eat_word("TARGET") {
                return self.expected("keyword SOURCE or keyword TARGET");
            }
        } else if !self.eat_word("MATCHED") {
            return self.expected("keyword MATCHED or keyword NOT");
        }
        let condition = if self.eat_word("AND") { Some(self.expression()?) } else { None };
        if !self.eat_word("THEN") {
            let by = if by_allowed { "keyword BY or " } else { "" };
            let what =
                if condition.is_some() { String::new() } else { format!("keyword AND or {by}") };
            return self.expected(&format!("{what}keyword THEN"));
        }
        let action = self.merge_action()?;
        Ok(MergeWhen { matched, condition, action })
    }

    fn merge_action(&mut self) -> Result<MergeAction> {
        if self.eat_word("DELETE") {
            return Ok(MergeAction::Delete);
        }
        if self.eat_word("UPDATE") {
            self.expect_word("SET")?;
            return self.update_items().map(MergeAction::Update);
        }
        if !self.eat_word("INSERT") {
            return self.expected("keyword DELETE or keyword INSERT or keyword UPDATE");
        }
        let columns = self.insert_columns()?;
        if self.eat_word("ROW") {
            return Ok(MergeAction::Insert { columns, source: InsertSource::Row });
        }
        if !self.is_word("VALUES") {
            return self.expected("keyword ROW or keyword VALUES");
        }
        self.take();
        self.expect_symbol("(")?;
        let row = self.list_until_parenthesis(Self::value_or_default)?;
        Ok(MergeAction::Insert { columns, source: InsertSource::Values(vec![row]) })
    }

    pub(super) fn truncate(&mut self) -> Result<StatementKind> {
        self.take();
        self.expect_word("TABLE")?;
        self.table_path().map(StatementKind::Truncate)
    }
}
