//! The statements of a script in their order: variables, conditions, loops, handlers, calls.

use super::{DdlTarget, Flow, Runner, StatementResult, placed};
use crate::analyzer::TypedValue;
use crate::ast::{self, ConditionalBlock, Ident, Statement, StatementKind, TypeExpr};
use crate::catalog::{Exists, Routine, RoutineKind};
use crate::error::{Reason, Result, SqlError, line_and_column};
use crate::limits::{SCRIPT_DEPTH_MAX, SCRIPT_STEPS_MAX};
use crate::parser;
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

    // ---- variables ----

    fn declare(
        &mut self,
        names: &[Ident],
        declared: Option<&TypeExpr>,
        default: Option<&ast::Expr>,
    ) -> Result<()> {
        let declared = declared.map(crate::analyzer::type_of).transpose()?;
        let value = match (&declared, default) {
            (Some(declared), Some(default)) => {
                self.value_as(default, Some((declared, "DEFAULT value")))?
            }
            (Some(declared), None) => {
                TypedValue { value_type: declared.clone(), value: Value::Null }
            }
            (None, Some(default)) => self.value(default)?,
            (None, None) => return Err(SqlError::evaluation("DECLARE needs a type or a default")),
        };
        for name in names {
            self.state.bindings.variables.push((name.name.clone(), value.clone()));
        }
        Ok(())
    }

    fn set(
        &mut self,
        names: &[Ident],
        system: bool,
        value: &ast::Expr,
        grouped: bool,
    ) -> Result<()> {
        if system {
            let value = self.value(value)?;
            return self.set_system(&names[0].name, value);
        }
        if !grouped {
            return self.assign(&names[0], value);
        }
        let value = self.value(value)?;
        let (Value::Struct(values), Type::Struct(fields)) = (&value.value, &value.value_type)
        else {
            return Err(SqlError::evaluation("SET of several variables needs a struct"));
        };
        if values.len() != names.len() {
            let text = format!(
                "Number of variables {} does not match the number of fields {}",
                names.len(),
                values.len()
            );
            return Err(SqlError::evaluation(text));
        }
        for ((name, value), field) in names.iter().zip(values.iter()).zip(fields.iter()) {
            self.assign_value(
                name,
                TypedValue { value_type: field.field_type.clone(), value: value.clone() },
            )?;
        }
        Ok(())
    }

    fn assign(&mut self, name: &Ident, value: &ast::Expr) -> Result<()> {
        let target = self.variable_type(name)?;
        let value = self.value_as(value, Some((&target, "Value of variable")))?;
        self.put(name, value.value);
        Ok(())
    }

    /// Puts a value with a type of its own into a variable.
    fn assign_value(&mut self, name: &Ident, value: TypedValue) -> Result<()> {
        let target = self.variable_type(name)?;
        let value = crate::cast::cast(self.session, &value.value, &value.value_type, &target)?;
        self.put(name, value);
        Ok(())
    }

    fn variable_type(&self, name: &Ident) -> Result<Type> {
        let known = self
            .state
            .bindings
            .variables
            .iter()
            .rev()
            .find(|(known, _)| known.eq_ignore_ascii_case(&name.name));
        known
            .map(|(_, variable)| variable.value_type.clone())
            .ok_or_else(|| SqlError::at(name.at, format!("Undeclared variable: {}", name.name)))
    }

    fn put(&mut self, name: &Ident, value: Value) {
        let mut variables = self.state.bindings.variables.iter_mut().rev();
        if let Some((_, variable)) =
            variables.find(|(known, _)| known.eq_ignore_ascii_case(&name.name))
        {
            variable.value = value;
        }
    }

    fn set_system(&mut self, name: &str, value: TypedValue) -> Result<()> {
        match name.to_ascii_lowercase().as_str() {
            "time_zone" => {
                let zone = value.value.as_str().unwrap_or_default();
                self.session.time_zone = zone
                    .parse()
                    .map_err(|_| SqlError::evaluation(format!("Invalid time zone: {zone}")))?;
            }
            "dataset_id" => {
                let dataset = value.value.as_str().unwrap_or_default().to_owned();
                let project = self.session.project.clone();
                self.session.default_dataset = Some((project, dataset));
            }
            "dataset_project_id" => {
                let project = value.value.as_str().unwrap_or_default().to_owned();
                let dataset = self.session.default_dataset.take().map(|(_, dataset)| dataset);
                self.session.default_dataset = Some((project, dataset.unwrap_or_default()));
            }
            "query_label" | "error.message" => {}
            other => {
                let text = format!("Unable to set system variable @@{other}");
                return Err(SqlError::evaluation(text));
            }
        }
        self.set_binding(name, value);
        Ok(())
    }

    fn set_binding(&mut self, name: &str, value: TypedValue) {
        let system = &mut self.state.bindings.system;
        system.retain(|(known, _)| !known.eq_ignore_ascii_case(name));
        system.push((name.to_owned(), value));
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

    fn case(
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

    // ---- calls ----

    fn call(&mut self, statement: &Statement, name: &ast::Path, args: &[ast::Expr]) -> Result<()> {
        let names = name.names();
        if names[0].eq_ignore_ascii_case("BQ") {
            let values =
                args.iter().map(|arg| Ok(self.value(arg)?.value)).collect::<Result<Vec<_>>>()?;
            self.database.call_system_procedure(&name.text().to_ascii_uppercase(), &values)?;
            self.plain("CALL", statement);
            return Ok(());
        }
        let path = self.routine_path(&names, name.at)?;
        let routine = self.database.as_catalog().routine(&path)?;
        let Some(routine) = routine.filter(|routine| routine.kind == RoutineKind::Procedure) else {
            return Err(SqlError::at(
                name.at,
                format!("Procedure is not found: {}", path.join(".")),
            ));
        };
        self.procedure(statement, &routine, args, name)
    }

    fn procedure(
        &mut self,
        statement: &Statement,
        routine: &Routine,
        args: &[ast::Expr],
        name: &ast::Path,
    ) -> Result<()> {
        if self.depth >= SCRIPT_DEPTH_MAX {
            return Err(SqlError::at(
                name.at,
                "Out of stack space due to deeply-nested procedure call",
            ));
        }
        if args.len() != routine.parameters.len() {
            let text = format!(
                "Procedure {} needs {} arguments, not {}",
                name.text(),
                routine.parameters.len(),
                args.len()
            );
            return Err(SqlError::at(name.at, text));
        }
        let mut variables = Vec::with_capacity(args.len());
        for (arg, parameter) in args.iter().zip(&routine.parameters) {
            let value = match (&parameter.parameter_type, parameter.is_input) {
                (Some(to), true) => self.value_as(arg, Some((to, "Argument")))?,
                (None, true) => self.value(arg)?,
                (to, false) => {
                    TypedValue { value_type: to.clone().unwrap_or(Type::Int64), value: Value::Null }
                }
            };
            variables.push((parameter.name.clone(), value));
        }
        let statements = parser::parse_script(&routine.body)
            .map_err(|error| placed(error, &routine.body))?
            .statements;
        let outer = std::mem::replace(&mut self.state.bindings.variables, variables);
        let (named, positional) = (
            std::mem::take(&mut self.state.bindings.named),
            std::mem::take(&mut self.state.bindings.positional),
        );
        self.depth += 1;
        let id = name.names().join(".");
        let ended = self.within(statement, Some(id), &routine.body, &statements);
        self.depth -= 1;
        let inner = std::mem::replace(&mut self.state.bindings.variables, outer);
        self.state.bindings.named = named;
        self.state.bindings.positional = positional;
        ended?;
        for ((arg, parameter), (_, value)) in args.iter().zip(&routine.parameters).zip(inner) {
            if !parameter.is_output {
                continue;
            }
            match &arg.kind {
                ast::ExprKind::Path(path) if path.parts.len() == 1 => {
                    self.assign_value(&path.parts[0], value)?
                }
                _ => {
                    return Err(SqlError::at(
                        arg.at,
                        "An OUT or INOUT argument must be a variable",
                    ));
                }
            }
        }
        Ok(())
    }

    /// Runs the statements of another text, to which a statement of this one leads.
    fn within(
        &mut self,
        caller: &Statement,
        procedure: Option<String>,
        text: &str,
        statements: &[Statement],
    ) -> Result<Flow> {
        let mut inner = Runner {
            text,
            session: self.session,
            state: self.state,
            database: self.database,
            temporary: self.temporary.clone(),
            procedure,
            results: Vec::new(),
            columns_read: Vec::new(),
            depth: self.depth,
            steps: self.steps,
        };
        let ended = inner.statements(statements).map_err(|error| placed(error, text));
        let (results, steps) = (std::mem::take(&mut inner.results), inner.steps);
        self.steps = steps;
        let frame = self.frame(caller);
        self.results.extend(results.into_iter().map(|mut result| {
            result.frames.push(frame.clone());
            result
        }));
        ended
    }

    fn execute_immediate(
        &mut self,
        statement: &Statement,
        sql: &ast::Expr,
        into: &[Ident],
        using: &[(ast::Expr, Option<Ident>)],
    ) -> Result<()> {
        let text = self.value_as(sql, Some((&Type::String, "EXECUTE IMMEDIATE string")))?;
        let Some(text) = text.value.as_str().map(str::to_owned) else {
            return Err(SqlError::at(sql.at, "SQL created for EXECUTE IMMEDIATE is NULL"));
        };
        if self.depth >= SCRIPT_DEPTH_MAX {
            return Err(SqlError::at(sql.at, "EXECUTE IMMEDIATE is nested too deeply"));
        }
        let (mut named, mut positional) = (Vec::new(), Vec::new());
        for (value, name) in using {
            let value = self.value(value)?;
            match name {
                Some(name) => named.push((name.name.clone(), value)),
                None => positional.push(value),
            }
        }
        let statements =
            parser::parse_script(&text).map_err(|error| placed(error, &text))?.statements;
        if statements.len() != 1 {
            return Err(SqlError::at(sql.at, "EXECUTE IMMEDIATE needs exactly one statement"));
        }
        let outer_named = std::mem::replace(&mut self.state.bindings.named, named);
        let outer_positional = std::mem::replace(&mut self.state.bindings.positional, positional);
        let before = self.results.len();
        self.depth += 1;
        let ended = self.within(statement, None, &text, &statements);
        self.depth -= 1;
        self.state.bindings.named = outer_named;
        self.state.bindings.positional = outer_positional;
        ended?;
        if into.is_empty() {
            return Ok(());
        }
        let result = self.results.drain(before..).next_back().and_then(|result| result.result);
        let Some(result) = result else {
            return Err(SqlError::evaluation("EXECUTE IMMEDIATE INTO needs a query"));
        };
        if result.rows.len() > 1 {
            return Err(SqlError::evaluation("EXECUTE IMMEDIATE INTO returned more than one row"));
        }
        if result.columns.len() != into.len() {
            return Err(SqlError::evaluation(
                "EXECUTE IMMEDIATE INTO has another number of variables than the query of columns",
            ));
        }
        let row = result.rows.into_iter().next();
        for (index, name) in into.iter().enumerate() {
            let value = row.as_ref().map(|row| row[index].clone()).unwrap_or_default();
            let value_type = result.columns[index].column_type.clone();
            self.assign_value(name, TypedValue { value_type, value })?;
        }
        Ok(())
    }

    /// Project, dataset and name of a routine.
    pub(super) fn routine_path(
        &self,
        names: &[String],
        at: crate::error::Offset,
    ) -> Result<Vec<String>> {
        match names {
            [name] => match &self.session.default_dataset {
                Some((project, dataset)) => {
                    Ok(vec![project.clone(), dataset.clone(), name.clone()])
                }
                None => Err(SqlError::at(
                    at,
                    format!(
                        "Routine name \"{name}\" missing dataset while no default dataset is set in the request."
                    ),
                )),
            },
            [dataset, name] => {
                Ok(vec![self.session.project.clone(), dataset.clone(), name.clone()])
            }
            [_, _, _] => Ok(names.to_vec()),
            _ => Err(SqlError::at(at, format!("Invalid routine name: {}", names.join(".")))),
        }
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
