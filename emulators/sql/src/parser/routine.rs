//! `CREATE` of functions, table functions and procedures: parameters, result, language and body. A
//! routine keeps the words of its body, so where that stands is noted.

use super::Parser;
use super::create::Creation;
use crate::ast::{
    CreateFunction, CreateProcedure, FunctionBody, FunctionParameter, ParameterMode, Path,
    StatementKind,
};
use crate::error::Result;
use crate::lexer::TokenKind;

impl Parser<'_> {
    pub(super) fn create_function(
        &mut self,
        creation: Creation,
        aggregate: bool,
    ) -> Result<StatementKind> {
        let exists = self.if_not_exists(creation)?;
        let path = self.routine_path()?;
        let parameters = self.parameters(false)?;
        let returns = if self.eat_word("RETURNS") { Some(self.templated_type()?) } else { None };
        let mut function = CreateFunction {
            exists,
            temporary: creation.temporary,
            aggregate,
            table: false,
            path,
            parameters,
            returns,
            body: FunctionBody::Remote,
            body_from: 0,
            body_to: 0,
            options: Vec::new(),
            deterministic: None,
        };
        function.deterministic = self.determinism();
        let language = if self.eat_word("LANGUAGE") { Some(self.identifier()?.name) } else { None };
        function.deterministic = function.deterministic.or(self.determinism());
        let remote = self.eat_word("REMOTE");
        self.connection()?;
        function.options = self.statement_options()?;
        if !remote {
            if !self.is_word("AS") && !self.is_statement_end() {
                return self.expected(self.statement_separator());
            }
            self.expect_word("AS")?;
            self.function_body(&mut function, language)?;
            if self.is_word("OPTIONS") {
                function.options.extend(self.options()?);
            }
        }
        Ok(StatementKind::CreateFunction(Box::new(function)))
    }

    /// The path of a routine; its parameters follow.
    fn routine_path(&mut self) -> Result<Path> {
        let path = self.table_path()?;
        if self.is_symbol("(") { Ok(path) } else { self.expected("\"(\" or \".\"") }
    }

    fn determinism(&mut self) -> Option<bool> {
        if self.eat_words(&["NOT", "DETERMINISTIC"]) {
            return Some(false);
        }
        self.eat_word("DETERMINISTIC").then_some(true)
    }

    /// `(expression)`, or the text of another language.
    fn function_body(
        &mut self,
        function: &mut CreateFunction,
        language: Option<String>,
    ) -> Result<()> {
        let foreign = self.peek().kind == TokenKind::String;
        if let Some(language) = language.filter(|_| foreign) {
            function.body_from = self.at();
            let code = self.string_literal()?;
            function.body_to = self.last_end;
            function.body = FunctionBody::Foreign { language, code };
            return Ok(());
        }
        if foreign {
            return self.fail("Function cannot specify a literal string body without a LANGUAGE");
        }
        if !self.is_symbol("(") {
            return self.expected("\"(\" or string literal");
        }
        self.take();
        if self.is_word("SELECT") || (self.is_word("WITH") && !self.nth_is_symbol(1, "(")) {
            return self.fail(
                "The body of each CREATE FUNCTION statement is an expression, not a query; to use \
                 a query as an expression, the query must be wrapped with additional parentheses \
                 to make it a scalar subquery expression",
            );
        }
        function.body_from = self.at();
        let body = self.expression()?;
        function.body_to = self.last_end;
        self.expect_symbol(")")?;
        function.body = FunctionBody::Expr(body);
        Ok(())
    }

    pub(super) fn create_table_function(&mut self, creation: Creation) -> Result<StatementKind> {
        let exists = self.if_not_exists(creation)?;
        let path = self.routine_path()?;
        let parameters = self.parameters(false)?;
        let mut returns = None;
        if self.eat_word("RETURNS") {
            if !self.is_word("TABLE") {
                return self.fail("Syntax error: Expected keyword TABLE");
            }
            returns = Some(self.type_expression()?);
        }
        let mut options = self.statement_options()?;
        if !self.is_word("AS") && !self.is_statement_end() {
            return self.expected(self.statement_separator());
        }
        self.expect_word("AS")?;
        let body_from = self.at();
        let query = Box::new(self.query()?);
        let body_to = self.last_end;
        options.extend(self.statement_options()?);
        Ok(StatementKind::CreateFunction(Box::new(CreateFunction {
            exists,
            temporary: creation.temporary,
            aggregate: false,
            table: true,
            path,
            parameters,
            returns,
            body: FunctionBody::Query(query),
            body_from,
            body_to,
            options,
            deterministic: None,
        })))
    }

    pub(super) fn create_procedure(&mut self, creation: Creation) -> Result<StatementKind> {
        let exists = self.if_not_exists(creation)?;
        let path = self.routine_path()?;
        let parameters = self.parameters(true)?;
        let connection = self.connection()?;
        let options = self.statement_options()?;
        if connection.is_some() || self.is_word("LANGUAGE") {
            self.skip_statement()?;
            let what = "CREATE PROCEDURE in another language".into();
            return Ok(StatementKind::Other { what });
        }
        if !self.is_word("BEGIN") {
            return self.unexpected();
        }
        let body_from = self.at();
        let body = self.block()?;
        Ok(StatementKind::CreateProcedure(CreateProcedure {
            exists,
            path,
            parameters,
            options,
            body: vec![body],
            body_from,
            body_to: self.last_end,
        }))
    }

    /// `(name type, …)`; those of procedures have modes.
    fn parameters(&mut self, procedure: bool) -> Result<Vec<FunctionParameter>> {
        self.expect_symbol("(")?;
        let mut parameters = Vec::new();
        if self.eat_symbol(")") {
            return Ok(parameters);
        }
        if !self.nth_is_identifier(0) && !self.is_word("IN") {
            return self.expected("\")\"");
        }
        loop {
            parameters.push(self.parameter(procedure)?);
            if !self.eat_symbol(",") {
                break;
            }
        }
        self.expect_symbol(")")?;
        Ok(parameters)
    }

    fn parameter(&mut self, procedure: bool) -> Result<FunctionParameter> {
        let mut mode = ParameterMode::In;
        if procedure {
            if self.is_word("OUT") && self.nth_is_identifier(1) {
                mode = ParameterMode::Out;
                self.take();
            } else if self.is_word("INOUT") && self.nth_is_identifier(1) {
                mode = ParameterMode::InOut;
                self.take();
            } else {
                self.eat_word("IN");
            }
        }
        let name = self.identifier()?;
        let ended = self.is_symbol(")") || self.is_symbol(",");
        if procedure && ended {
            return self.fail(
                "Syntax error: Unexpected end of parameter. Parameters should be in the format \
                 [<parameter mode>] <parameter name> <type>. If IN/OUT/INOUT is intended to be \
                 the name of a parameter, it must be escaped with backticks",
            );
        }
        if !ended && !self.nth_is_type_start(0) && !self.is_any_word(&["ANY", "TABLE"]) {
            return self.expected("\")\"");
        }
        let parameter_type = self.templated_type()?;
        let default = if self.eat_word("DEFAULT") { Some(self.expression()?) } else { None };
        let not_aggregate = self.eat_words(&["NOT", "AGGREGATE"]);
        Ok(FunctionParameter { name, parameter_type, mode, not_aggregate, default })
    }
}
