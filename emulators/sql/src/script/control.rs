//! The statements of a script in their order: variables, conditions, loops, handlers, calls.

use super::{DdlTarget, Flow, Runner, StatementResult};
use crate::analyzer::TypedValue;
use crate::ast::{self, ConditionalBlock, Ident, Statement, StatementKind};
use crate::database::Exists;
use crate::error::{Reason, Result, SqlError, line_and_column};
use crate::limits::SCRIPT_STEPS_MAX;
use crate::sql_type::{StructField, Type};
use crate::value::Value;

/// Whether a statement is one of control flow, which makes a script of its text.
pub(super) fn is_control(kind: &StatementKind) -> bool {
    matches!(
        kind,
        StatementKind::Declare { .. }
            | StatementKind::Set { .. }
            | StatementKind::If { .. }
            | StatementKind::Case { .. }
            | StatementKind::Loop { .. }
            | StatementKind::While { .. }
            | StatementKind::Repeat { .. }
            | StatementKind::For { .. }
            | StatementKind::Begin { .. }
            | StatementKind::ExecuteImmediate { .. }
            | StatementKind::Call { .. }
            | StatementKind::Raise(_)
            | StatementKind::Return
    )
}

/// BigQuery's `statementType` of a statement that is neither a query nor DML.
pub(super) fn statement_type(kind: &StatementKind) -> &'static str {
    match kind {
        StatementKind::Truncate(_) => "TRUNCATE_TABLE",
        StatementKind::CreateView(view) if view.materialized => "CREATE_MATERIALIZED_VIEW",
        StatementKind::CreateView(_) => "CREATE_VIEW",
        StatementKind::CreateSchema(_) => "CREATE_SCHEMA",
        StatementKind::CreateFunction(function) if function.table => "CREATE_TABLE_FUNCTION",
        StatementKind::CreateFunction(_) => "CREATE_FUNCTION",
        StatementKind::CreateProcedure(_) => "CREATE_PROCEDURE",
        StatementKind::CreateRowAccessPolicy(_) => "CREATE_ROW_ACCESS_POLICY",
        StatementKind::Alter { target: ast::AlterTarget::Table, .. } => "ALTER_TABLE",
        StatementKind::Alter { target: ast::AlterTarget::View, .. } => "ALTER_VIEW",
        StatementKind::Alter { target: ast::AlterTarget::MaterializedView, .. } => {
            "ALTER_MATERIALIZED_VIEW"
        }
        StatementKind::Alter { target: ast::AlterTarget::Schema, .. } => "ALTER_SCHEMA",
        StatementKind::LoadData(_) => "LOAD_DATA",
        StatementKind::Call { .. } => "CALL",
        StatementKind::Assert { .. } => "ASSERT",
        StatementKind::BeginTransaction => "BEGIN_TRANSACTION",
        StatementKind::CommitTransaction => "COMMIT_TRANSACTION",
        StatementKind::RollbackTransaction => "ROLLBACK_TRANSACTION",
        _ => "SCRIPT",
    }
}

impl Runner<'_> {
    pub(super) fn statements(&mut self, statements: &[Statement]) -> Result<Flow> {
        for statement in statements {
            self.steps += 1;
            self.session.go_on()?;
            if self.steps > SCRIPT_STEPS_MAX {
                return Err(SqlError::evaluation("The script has run too many statements"));
            }
            match self.statement(statement)? {
                Flow::Next => {}
                flow => return Ok(flow),
            }
        }
        Ok(Flow::Next)
    }

    fn statement(&mut self, statement: &Statement) -> Result<Flow> {
        self.columns_read.clear();
        match &statement.kind {
            StatementKind::Declare { names, declared, default } => {
                self.declare(names, declared.as_ref(), default.as_ref())?;
            }
            StatementKind::Set { names, system, value, grouped } => {
                self.set(names, *system, value, *grouped)?;
            }
            StatementKind::If { branches, otherwise } => {
                return self.branches(branches, otherwise.as_deref());
            }
            StatementKind::Case { operand, branches, otherwise } => {
                return self.case(operand.as_ref(), branches, otherwise.as_deref());
            }
            StatementKind::Loop { label, body } => loop {
                match self.body(body)? {
                    flow if ends_loop(&flow, label.as_ref()) => {
                        return Ok(after_loop(flow, label.as_ref()));
                    }
                    _ => {}
                }
            },
            StatementKind::While { label, condition, body } => {
                while self.is_true(condition)? {
                    match self.body(body)? {
                        flow if ends_loop(&flow, label.as_ref()) => {
                            return Ok(after_loop(flow, label.as_ref()));
                        }
                        _ => {}
                    }
                }
            }
            StatementKind::Repeat { label, body, until } => loop {
                match self.body(body)? {
                    flow if ends_loop(&flow, label.as_ref()) => {
                        return Ok(after_loop(flow, label.as_ref()));
                    }
                    _ => {}
                }
                if self.is_true(until)? {
                    return Ok(Flow::Next);
                }
            },
            StatementKind::For { label, name, query, body } => {
                return self.for_each(label.as_ref(), name, query, body);
            }
            StatementKind::Begin { label, body, exception } => {
                let flow = self.block(body, exception.as_deref())?;
                return Ok(match (&flow, label) {
                    (Flow::Break(Some(to)), Some(label))
                        if to.eq_ignore_ascii_case(&label.name) =>
                    {
                        Flow::Next
                    }
                    _ => flow,
                });
            }
            StatementKind::Break(label) => {
                return Ok(Flow::Break(label.as_ref().map(|label| label.name.clone())));
            }
            StatementKind::Continue(label) => {
                return Ok(Flow::Continue(label.as_ref().map(|label| label.name.clone())));
            }
            StatementKind::Return => return Ok(Flow::Return),
            StatementKind::Raise(message) => return Err(self.raised(message.as_ref())?),
            StatementKind::Call { name, args } => self.call(statement, name, args)?,
            StatementKind::ExecuteImmediate { sql, into, using } => {
                self.execute_immediate(statement, sql, into, using)?
            }
            StatementKind::BeginTransaction => {
                self.database.begin()?;
                self.state.in_transaction = true;
                self.plain("BEGIN_TRANSACTION", statement);
            }
            StatementKind::CommitTransaction => {
                self.database.commit()?;
                self.state.in_transaction = false;
                self.plain("COMMIT_TRANSACTION", statement);
            }
            StatementKind::RollbackTransaction => {
                self.database.rollback()?;
                self.state.in_transaction = false;
                self.plain("ROLLBACK_TRANSACTION", statement);
            }
            StatementKind::Assert { condition, description } => {
                if !self.is_true(condition)? {
                    let text = match description {
                        Some(description) => description.clone(),
                        None => "Assertion failed".to_owned(),
                    };
                    return Err(SqlError::evaluation(text));
                }
                self.plain("ASSERT", statement);
            }
            StatementKind::Query(query) => {
                let (result, tables) = self.query(query)?;
                let result = StatementResult {
                    result: Some(result),
                    tables,
                    is_volatile: is_volatile(&self.words(statement.at, statement.end)),
                    ..self.new_result("SELECT", statement)
                };
                self.results.push(result);
            }
            StatementKind::Insert(insert) => self.insert(statement, insert)?,
            StatementKind::Update(update) => self.update(statement, update)?,
            StatementKind::Delete { table, alias, filter } => {
                self.delete(statement, table, alias.as_ref(), filter)?;
            }
            StatementKind::Merge(merge) => self.merge(statement, merge)?,
            StatementKind::Other { what } => {
                return Err(SqlError::not_implemented(what).or_at(statement.at));
            }
            _ => self.ddl(statement)?,
        }
        Ok(Flow::Next)
    }

    /// A statement that leaves no result but its name.
    pub(super) fn plain(&mut self, statement_type: &'static str, statement: &Statement) {
        let result = self.new_result(statement_type, statement);
        self.results.push(result);
    }

    pub(super) fn done(
        &mut self,
        statement: &Statement,
        statement_type: &'static str,
        operation: &'static str,
        target: DdlTarget,
    ) {
        let result = StatementResult {
            ddl: Some((operation, target)),
            ..self.new_result(statement_type, statement)
        };
        self.results.push(result);
    }

    fn is_true(&mut self, condition: &ast::Expr) -> Result<bool> {
        let value = self.value_as(condition, Some((&Type::Bool, "Condition")))?;
        Ok(value.value.is_true())
    }

    // ---- branches and loops ----

    fn branches(
        &mut self,
        branches: &[ConditionalBlock],
        otherwise: Option<&[Statement]>,
    ) -> Result<Flow> {
        for branch in branches {
            if self.is_true(&branch.condition)? {
                return self.statements(&branch.body);
            }
        }
        self.statements(otherwise.unwrap_or_default())
    }

    pub(super) fn case(
        &mut self,
        operand: Option<&ast::Expr>,
        branches: &[ConditionalBlock],
        otherwise: Option<&[Statement]>,
    ) -> Result<Flow> {
        let Some(operand) = operand else { return self.branches(branches, otherwise) };
        for branch in branches {
            let equal = ast::Expr {
                kind: ast::ExprKind::Binary {
                    operator: ast::BinaryOperator::Equal,
                    left: Box::new(operand.clone()),
                    right: Box::new(branch.condition.clone()),
                    operator_at: branch.condition.at,
                },
                at: branch.condition.at,
            };
            if self.is_true(&equal)? {
                return self.statements(&branch.body);
            }
        }
        self.statements(otherwise.unwrap_or_default())
    }

    /// One round of a loop; variables that it declares go with it.
    fn body(&mut self, body: &[Statement]) -> Result<Flow> {
        let variables = self.state.bindings.variables.len();
        let flow = self.statements(body);
        self.state.bindings.variables.truncate(variables);
        flow
    }

    fn for_each(
        &mut self,
        label: Option<&Ident>,
        name: &Ident,
        query: &ast::Query,
        body: &[Statement],
    ) -> Result<Flow> {
        let (rows, _) = self.query(query)?;
        let fields = rows
            .columns
            .iter()
            .map(|column| StructField::new(&column.name, column.column_type.clone()));
        let value_type = Type::struct_of(fields);
        for row in rows.rows {
            let variables = self.state.bindings.variables.len();
            let value = TypedValue { value_type: value_type.clone(), value: Value::structure(row) };
            self.state.bindings.variables.push((name.name.clone(), value));
            let flow = self.statements(body);
            self.state.bindings.variables.truncate(variables);
            match flow? {
                flow if ends_loop(&flow, label) => return Ok(after_loop(flow, label)),
                _ => {}
            }
        }
        Ok(Flow::Next)
    }

    /// `BEGIN … EXCEPTION WHEN ERROR THEN … END`
    fn block(&mut self, body: &[Statement], exception: Option<&[Statement]>) -> Result<Flow> {
        let error = match (self.body(body), exception) {
            (Err(error), Some(_)) if error.reason != Reason::NotImplemented => error,
            (result, _) => return result,
        };
        let text = |text: String| TypedValue { value_type: Type::String, value: Value::from(text) };
        self.set_binding("error.message", text(error.text(self.text)));
        let statement = match error.at {
            Some(at) => {
                let (line, column) = line_and_column(self.text, at);
                format!("[{line}:{column}]")
            }
            None => String::new(),
        };
        self.set_binding("error.formatted_stack_trace", text(statement.clone()));
        self.set_binding("error.statement_text", text(statement));
        self.body(exception.unwrap_or_default())
    }

    fn raised(&mut self, message: Option<&ast::Expr>) -> Result<SqlError> {
        let text = match message {
            Some(message) => {
                let value = self.value_as(message, Some((&Type::String, "RAISE message")))?;
                value.value.as_str().unwrap_or_default().to_owned()
            }
            None => {
                let known =
                    self.state.bindings.system.iter().find(|(name, _)| name == "error.message");
                match known.and_then(|(_, value)| value.value.as_str()) {
                    Some(text) => text.to_owned(),
                    None => {
                        return Err(SqlError::evaluation(
                            "Cannot re-raise outside of an exception handler",
                        ));
                    }
                }
            }
        };
        Ok(SqlError::evaluation(text))
    }
}

/// `IF EXISTS` and its like.
pub(super) fn exists(written: ast::IfExists) -> Exists {
    match written {
        ast::IfExists::Plain => Exists::Fail,
        ast::IfExists::Lenient => Exists::Skip,
        ast::IfExists::Replace => Exists::Replace,
    }
}

fn is_mine(to: Option<&String>, label: Option<&Ident>) -> bool {
    match (to, label) {
        (None, _) => true,
        (Some(to), Some(label)) => to.eq_ignore_ascii_case(&label.name),
        (Some(_), None) => false,
    }
}

fn ends_loop(flow: &Flow, label: Option<&Ident>) -> bool {
    match flow {
        Flow::Next => false,
        Flow::Continue(to) => !is_mine(to.as_ref(), label),
        Flow::Break(_) | Flow::Return => true,
    }
}

fn after_loop(flow: Flow, label: Option<&Ident>) -> Flow {
    match flow {
        Flow::Break(to) if is_mine(to.as_ref(), label) => Flow::Next,
        flow => flow,
    }
}

/// Whether a query's words ask for what changes: then its result is not kept for the next one.
fn is_volatile(text: &str) -> bool {
    let text = text.to_ascii_uppercase();
    ["CURRENT_", "RAND(", "GENERATE_UUID", "SESSION_USER", "NOW("]
        .iter()
        .any(|word| text.contains(word))
}
