//! Types as they are written in casts, constructors, columns and routines.

use super::Parser;
use crate::ast::{TypeExpr, TypeExprKind, TypeField};
use crate::error::{Result, SqlError};
use crate::lexer::TokenKind;

impl Parser<'_> {
    /// A type with its parameters.
    pub(super) fn type_expression(&mut self) -> Result<TypeExpr> {
        self.nested(Self::type_expression_within)
    }

    fn type_expression_within(&mut self) -> Result<TypeExpr> {
        let at = self.at();
        let kind = if self.eat_word("ARRAY") {
            self.expect_symbol("<")?;
            let element = self.type_expression()?;
            self.expect_closing_angle()?;
            TypeExprKind::Array(Box::new(element))
        } else if self.eat_word("STRUCT") {
            TypeExprKind::Struct(self.type_fields()?)
        } else if self.eat_word("RANGE") {
            self.expect_symbol("<")?;
            let element = self.type_expression()?;
            self.expect_closing_angle()?;
            TypeExprKind::Range(Box::new(element))
        } else if self.is_word("TABLE") && self.nth_is_symbol(1, "<") {
            self.take();
            TypeExprKind::Table(self.type_fields()?)
        } else if self.eat_word("INTERVAL") {
            TypeExprKind::Simple("INTERVAL".into())
        } else {
            TypeExprKind::Simple(self.path()?.text().to_ascii_uppercase())
        };
        let parameters = if self.is_symbol("(") { self.type_parameters()? } else { Vec::new() };
        Ok(TypeExpr { kind, parameters, at })
    }

    /// A type of a parameter of a routine, which may be `ANY TYPE` or `ANY TABLE`.
    pub(super) fn templated_type(&mut self) -> Result<TypeExpr> {
        let at = self.at();
        if self.eat_word("ANY") {
            let kind = if self.eat_word("TYPE") {
                TypeExprKind::Simple("ANY".into())
            } else if self.eat_word("TABLE") {
                TypeExprKind::Table(Vec::new())
            } else {
                return self.unexpected();
            };
            return Ok(TypeExpr { kind, parameters: Vec::new(), at });
        }
        self.type_expression()
    }

    /// `<a INT64, STRING>`; empty for `<>`.
    pub(super) fn type_fields(&mut self) -> Result<Vec<TypeField>> {
        if self.eat_symbol("<>") {
            return Ok(Vec::new());
        }
        self.expect_symbol("<")?;
        let mut fields = Vec::new();
        if self.is_symbol(">") || self.is_symbol(">>") {
            self.expect_closing_angle()?;
            return Ok(fields);
        }
        if !self.nth_is_type_start(0) {
            return self.expected("\">\"");
        }
        loop {
            fields.push(self.type_field()?);
            if !self.eat_symbol(",") {
                break;
            }
        }
        self.expect_closing_angle()?;
        Ok(fields)
    }

    fn type_field(&mut self) -> Result<TypeField> {
        let named = self.nth_is_identifier(0) && self.nth_is_type_start(1);
        let name = if named { Some(self.identifier()?) } else { None };
        let field_type = self.type_expression()?;
        let collation = self.collation()?;
        let not_null = self.eat_words(&["NOT", "NULL"]);
        let options = self.options_if_any()?;
        Ok(TypeField { name, field_type, collation, not_null, options })
    }

    pub(super) fn nth_is_type_start(&mut self, nth: usize) -> bool {
        if self.nth_is_word(nth, "OPTIONS") && self.nth_is_symbol(nth + 1, "(") {
            return false;
        }
        self.nth_is_identifier(nth)
            || ["ARRAY", "STRUCT", "RANGE", "INTERVAL"]
                .iter()
                .any(|word| self.nth_is_word(nth, word))
    }

    /// `COLLATE 'und:ci'`
    pub(super) fn collation(&mut self) -> Result<Option<String>> {
        if self.eat_word("COLLATE") { self.string_literal().map(Some) } else { Ok(None) }
    }

    /// `(10)`, `(10, 2)`, `(MAX)`
    fn type_parameters(&mut self) -> Result<Vec<i64>> {
        self.expect_symbol("(")?;
        let parameters = self.list_of_type_parameters()?;
        if !self.eat_symbol(")") {
            return self.expected("\")\" or \",\"");
        }
        Ok(parameters)
    }

    fn list_of_type_parameters(&mut self) -> Result<Vec<i64>> {
        let mut parameters = Vec::new();
        loop {
            let token = self.peek();
            if self.eat_word("MAX") {
                parameters.push(-1);
            } else if token.kind == TokenKind::Integer {
                self.take();
                let written = self.text_of(token);
                let value = match written.strip_prefix("0x").or(written.strip_prefix("0X")) {
                    Some(digits) => i64::from_str_radix(digits, 16),
                    None => written.parse(),
                };
                parameters.push(value.map_err(|_| {
                    SqlError::at(token.start, format!("Invalid integer literal: {written}"))
                })?);
            } else {
                return self.unexpected();
            }
            if !self.is_symbol(",") {
                return Ok(parameters);
            }
            let comma = self.take().start;
            if self.is_symbol(")") {
                let message = "Syntax error: Trailing comma in type parameter list is not allowed.";
                return Err(SqlError::at(comma, message));
            }
        }
    }
}
