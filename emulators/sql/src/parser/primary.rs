//! Expressions without operators: literals, names, parentheses, constructors, `CASE`, `CAST`,
//! `EXTRACT`, and the fields and subscripts that follow them.

use super::Parser;
use super::expression::Level;
use crate::ast::{
    ArrayElements, CaseBranch, Expr, ExprKind, Ident, LiteralKind, Path, StructItem, SubqueryKind,
    TypeExpr, TypeExprKind,
};
use crate::error::{Offset, Result};
use crate::lexer::{self, TokenKind};

impl Parser<'_> {
    /// A primary expression with its fields and subscripts.
    pub(super) fn postfix(&mut self) -> Result<Expr> {
        let parenthesised = self.is_symbol("(");
        let mut base = self.primary()?;
        let mut length = 0;
        loop {
            if self.is_symbol("[") {
                self.take();
                let index = Box::new(self.expression()?);
                self.expect_symbol("]")?;
                base =
                    Expr { at: base.at, kind: ExprKind::Subscript { base: Box::new(base), index } };
            } else if self.is_symbol(".") && !self.nth_is_symbol(1, "*") {
                self.take();
                base = self.member(base)?;
            } else if self.is_symbol("(") {
                let call = matches!(base.kind, ExprKind::Call(_)) && !parenthesised;
                return self.fail(if call {
                    "Syntax error: Double function call parentheses"
                } else {
                    "Syntax error: Function call cannot be applied to this expression. Function \
                     calls require a path, e.g. a.b.c()"
                });
            } else {
                return Ok(base);
            }
            length += 1;
            self.check_chain(length)?;
        }
    }

    /// What follows a dot: a field, or a function whose first argument stands before the dot.
    fn member(&mut self, base: Expr) -> Result<Expr> {
        let at = base.at;
        if self.is_symbol("(") {
            self.take();
            let name = self.path()?;
            self.expect_symbol(")")?;
            return self.chained_call(base, name);
        }
        let field = self.identifier()?;
        if self.is_symbol("(") {
            let path = Path { at: field.at, parts: vec![field] };
            return self.chained_call(base, path);
        }
        Ok(Expr { kind: ExprKind::Field { base: Box::new(base), field }, at })
    }

    fn primary(&mut self) -> Result<Expr> {
        let token = self.peek();
        let at = token.start;
        let kind = match token.kind {
            TokenKind::Integer => {
                self.take();
                ExprKind::Integer(self.text_of(token).to_owned())
            }
            TokenKind::Float => {
                self.take();
                ExprKind::Float(self.text_of(token).to_owned())
            }
            TokenKind::String => ExprKind::String(self.string_literal()?),
            TokenKind::Bytes => ExprKind::Bytes(self.bytes_literal()?),
            TokenKind::Symbol("(") => return self.parenthesised_expression(),
            TokenKind::Symbol("[") => self.array(None)?,
            TokenKind::Symbol("?") => {
                self.take();
                self.parameters += 1;
                ExprKind::PositionalParameter(self.parameters - 1)
            }
            TokenKind::Symbol("@") => {
                self.take();
                ExprKind::NamedParameter(self.any_word()?.name)
            }
            TokenKind::Symbol("@@") => ExprKind::SystemVariable(self.system_variable()?),
            TokenKind::Name | TokenKind::Quoted => return self.name_or_call(),
            TokenKind::Word if lexer::is_reserved(self.text_of(token)) => {
                return self.reserved_primary(at);
            }
            TokenKind::Word => return self.word_primary(),
            TokenKind::Symbol(_) | TokenKind::End | TokenKind::Glued | TokenKind::Error(_) => {
                return self.unexpected();
            }
        };
        Ok(Expr { kind, at })
    }

    /// `@@a.b`, without its signs.
    pub(super) fn system_variable(&mut self) -> Result<String> {
        self.expect_symbol("@@")?;
        let at = self.at();
        let first = self.any_word()?;
        Ok(self.path_after(first, at)?.text())
    }

    fn bytes_literal(&mut self) -> Result<Vec<u8>> {
        let mut value = Vec::new();
        loop {
            let token = self.peek();
            if !matches!(token.kind, TokenKind::Bytes | TokenKind::String) {
                return Ok(value);
            }
            self.check_concatenation(token, TokenKind::Bytes, value.is_empty())?;
            self.take();
            value.extend(lexer::decode_bytes(self.text_of(token), token.start)?);
        }
    }

    /// A word that is not reserved: a typed literal, `SAFE_CAST`, a name or a call.
    fn word_primary(&mut self) -> Result<Expr> {
        let token = self.peek();
        let at = token.start;
        if self.peek_nth(1).kind == TokenKind::String
            && let Some(kind) = literal_kind(self.text_of(token))
        {
            self.take();
            let text = self.string_literal()?;
            return Ok(Expr { kind: ExprKind::Literal { kind, text }, at });
        }
        if self.is_word("SAFE_CAST") && self.nth_is_symbol(1, "(") {
            self.take();
            return self.cast(true, at);
        }
        self.name_or_call()
    }

    fn name_or_call(&mut self) -> Result<Expr> {
        let at = self.at();
        let path = self.path()?;
        if self.is_symbol("(") {
            return self.call(path);
        }
        Ok(Expr { kind: ExprKind::Path(path), at })
    }

    /// An expression that begins with a reserved word.
    fn reserved_primary(&mut self, at: Offset) -> Result<Expr> {
        let token = self.peek();
        let word = self.text_of(token).to_ascii_uppercase();
        let kind = match word.as_str() {
            "NULL" => self.constant(ExprKind::Null),
            "TRUE" => self.constant(ExprKind::Bool(true)),
            "FALSE" => self.constant(ExprKind::Bool(false)),
            "CASE" => self.case()?,
            "CAST" => {
                self.take();
                return self.cast(false, at);
            }
            "EXTRACT" => self.extract()?,
            "ARRAY" => self.array_with_word()?,
            "STRUCT" => self.structure()?,
            "RANGE" if self.nth_is_symbol(1, "<") => self.range_literal()?,
            "INTERVAL" => self.interval()?,
            "EXISTS" => {
                self.take();
                self.skip_hint()?;
                self.subquery(SubqueryKind::Exists)?
            }
            "WITH" if self.nth_is_symbol(1, "(") => self.with_expression()?,
            "IF" | "LEFT" | "RIGHT" | "GROUPING" | "COLLATE" | "RANGE" => {
                let name = self.any_word()?;
                if !self.is_symbol("(") {
                    return self.expected("\"(\"");
                }
                return self.call(Path { at, parts: vec![name] });
            }
            _ => return self.unexpected(),
        };
        Ok(Expr { kind, at })
    }

    fn constant(&mut self, kind: ExprKind) -> ExprKind {
        self.take();
        kind
    }

    /// `(query)`, of the kind that was asked for.
    fn subquery(&mut self, kind: SubqueryKind) -> Result<ExprKind> {
        if !self.eat_symbol("(") || !(self.is_query_start() || self.is_symbol("(")) {
            return self.unexpected();
        }
        let query = Box::new(self.query()?);
        self.expect_symbol(")")?;
        Ok(ExprKind::Subquery { kind, query })
    }

    /// `(a)`, `(a, b)`, `(SELECT …)`
    fn parenthesised_expression(&mut self) -> Result<Expr> {
        let at = self.at();
        let mut inside = self.parenthesised()?;
        if inside.len() == 1 {
            let mut only = inside.pop().expect("there is one");
            only.at = at;
            return Ok(only);
        }
        Ok(Expr { kind: ExprKind::Tuple(inside), at })
    }

    /// What is in parentheses: expressions between commas, at least one; a query is a scalar
    /// subquery. Two parentheses may open a query or an expression that begins with a subquery:
    /// what follows tells.
    pub(super) fn parenthesised(&mut self) -> Result<Vec<Expr>> {
        self.expect_symbol("(")?;
        if self.is_query_start() {
            let at = self.at();
            let query = Box::new(self.query()?);
            self.expect_symbol(")")?;
            let kind = ExprKind::Subquery { kind: SubqueryKind::Scalar, query };
            return Ok(vec![Expr { kind, at }]);
        }
        let first = self.expression()?;
        if let ExprKind::Subquery { kind: SubqueryKind::Scalar, .. } = first.kind
            && self.is_query_continuation()
        {
            let at = first.at;
            let ExprKind::Subquery { query, .. } = first.kind else { return self.unexpected() };
            let query = Box::new(self.query_from_parenthesised(*query, at)?);
            self.expect_symbol(")")?;
            let kind = ExprKind::Subquery { kind: SubqueryKind::Scalar, query };
            return Ok(vec![Expr { kind, at }]);
        }
        let mut found = vec![first];
        if self.eat_symbol(")") {
            return Ok(found);
        }
        if !self.is_symbol(",") {
            return self.expected("\",\"");
        }
        while self.eat_symbol(",") {
            found.push(self.expression()?);
        }
        if !self.eat_symbol(")") {
            return self.expected("\")\" or \",\"");
        }
        Ok(found)
    }

    /// `ARRAY(query)`, `ARRAY[…]`, `ARRAY<type>[…]`
    fn array_with_word(&mut self) -> Result<ExprKind> {
        self.take();
        if self.is_symbol("(") {
            return self.subquery(SubqueryKind::Array);
        }
        if !self.eat_symbol("<") {
            if !self.is_symbol("[") {
                return self.expected("\"<\"");
            }
            return self.array(None);
        }
        let element = self.type_expression()?;
        self.expect_closing_angle()?;
        self.array(Some(element))
    }

    /// `[a, b]`
    fn array(&mut self, element: Option<TypeExpr>) -> Result<ExprKind> {
        self.expect_symbol("[")?;
        let mut found = Vec::new();
        if !self.is_symbol("]") {
            found.push(self.expression()?);
            while self.eat_symbol(",") {
                found.push(self.expression()?);
            }
        }
        if !self.eat_symbol("]") {
            return self.expected("\",\" or \"]\"");
        }
        Ok(ExprKind::Array { element, elements: ArrayElements::List(found) })
    }

    /// `STRUCT(…)`, `STRUCT<…>(…)`
    fn structure(&mut self) -> Result<ExprKind> {
        let target = if self.nth_is_symbol(1, "(") {
            self.take();
            None
        } else {
            let at = self.take().start;
            let kind = TypeExprKind::Struct(self.type_fields()?);
            Some(TypeExpr { kind, parameters: Vec::new(), at })
        };
        self.expect_symbol("(")?;
        if self.eat_symbol(")") {
            return Ok(ExprKind::Struct { target, items: Vec::new() });
        }
        let items = self.list_until_parenthesis(|parser| {
            let value = parser.expression()?;
            let alias = parser.explicit_alias()?;
            Ok(StructItem { value, alias })
        })?;
        Ok(ExprKind::Struct { target, items })
    }

    /// `RANGE<DATE> '[…, …)'`
    fn range_literal(&mut self) -> Result<ExprKind> {
        let TypeExprKind::Range(element) = self.type_expression()?.kind else {
            return self.unexpected();
        };
        if self.peek().kind != TokenKind::String {
            return self.expected("string literal");
        }
        let text = self.string_literal()?;
        Ok(ExprKind::RangeLiteral { element: *element, text })
    }

    /// `INTERVAL value part [TO part]`
    fn interval(&mut self) -> Result<ExprKind> {
        self.take();
        let value = Box::new(self.expression()?);
        let from = self.identifier()?.name.to_ascii_uppercase();
        let to = if self.eat_word("TO") {
            Some(self.identifier()?.name.to_ascii_uppercase())
        } else {
            None
        };
        Ok(ExprKind::Interval { value, from, to })
    }

    fn case(&mut self) -> Result<ExprKind> {
        self.take();
        let operand = if self.is_word("WHEN") { None } else { Some(Box::new(self.expression()?)) };
        let mut branches = Vec::new();
        self.expect_word("WHEN")?;
        loop {
            let when = self.expression()?;
            self.expect_word("THEN")?;
            let then = self.expression()?;
            branches.push(CaseBranch { when, then });
            if !self.eat_word("WHEN") {
                break;
            }
        }
        let mut otherwise = None;
        if self.eat_word("ELSE") {
            otherwise = Some(Box::new(self.expression()?));
            self.expect_word("END")?;
        } else if !self.eat_word("END") {
            return self.expected("keyword ELSE or keyword END");
        }
        Ok(ExprKind::Case { operand, branches, otherwise })
    }

    /// `CAST(operand AS type [FORMAT format [AT TIME ZONE zone]])`, behind its first word.
    fn cast(&mut self, safe: bool, at: Offset) -> Result<Expr> {
        self.expect_symbol("(")?;
        let operand = Box::new(self.expression()?);
        self.expect_word("AS")?;
        let target = self.type_expression()?;
        let (mut format, mut zone) = (None, None);
        if self.eat_word("FORMAT") {
            format = Some(Box::new(self.expression()?));
            zone = self.time_zone()?;
        } else if !self.is_symbol(")") {
            return self.expected("\")\" or keyword FORMAT");
        }
        self.expect_symbol(")")?;
        Ok(Expr { kind: ExprKind::Cast { safe, operand, target, format, zone }, at })
    }

    /// `AT TIME ZONE zone`
    fn time_zone(&mut self) -> Result<Option<Box<Expr>>> {
        if !self.eat_word("AT") {
            if !self.is_symbol(")") {
                return self.expected("\")\" or keyword AT");
            }
            return Ok(None);
        }
        self.expect_words(&["TIME", "ZONE"])?;
        Ok(Some(Box::new(self.expression()?)))
    }

    /// `EXTRACT(part FROM operand [AT TIME ZONE zone])`
    fn extract(&mut self) -> Result<ExprKind> {
        self.take();
        self.expect_symbol("(")?;
        let mut part = self.identifier()?.name.to_ascii_uppercase();
        if self.eat_symbol("(") {
            let day = self.identifier()?.name.to_ascii_uppercase();
            self.expect_symbol(")")?;
            part = format!("{part}({day})");
        }
        if !self.eat_word("FROM") {
            return self.unexpected();
        }
        let operand = Box::new(self.expression()?);
        let zone = self.time_zone()?;
        self.expect_symbol(")")?;
        Ok(ExprKind::Extract { part, operand, zone })
    }

    /// `WITH(a AS …, b AS …, result)`
    fn with_expression(&mut self) -> Result<ExprKind> {
        self.take();
        if !(self.nth_is_identifier(1) && self.nth_is_word(2, "AS")) {
            return self.unexpected();
        }
        self.take();
        let mut bindings: Vec<(Ident, Expr)> = Vec::new();
        while self.nth_is_identifier(0) && self.nth_is_word(1, "AS") {
            let name = self.identifier()?;
            self.take();
            bindings.push((name, self.expression()?));
            self.expect_symbol(",")?;
        }
        let result = Box::new(self.expression_at(Level::Or)?);
        self.expect_symbol(")")?;
        Ok(ExprKind::With { bindings, result })
    }
}

/// Types whose literals are the type's name before a string.
fn literal_kind(word: &str) -> Option<LiteralKind> {
    Some(match word.to_ascii_uppercase().as_str() {
        "DATE" => LiteralKind::Date,
        "TIME" => LiteralKind::Time,
        "DATETIME" => LiteralKind::Datetime,
        "TIMESTAMP" => LiteralKind::Timestamp,
        "NUMERIC" | "DECIMAL" => LiteralKind::Numeric,
        "BIGNUMERIC" | "BIGDECIMAL" => LiteralKind::BigNumeric,
        "JSON" => LiteralKind::Json,
        _ => return None,
    })
}
