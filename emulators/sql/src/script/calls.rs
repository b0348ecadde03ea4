//! Procedures, `EXECUTE IMMEDIATE`, and other texts that run within a script.

use super::{Flow, Runner, placed};
use crate::analyzer::TypedValue;
use crate::ast::{self, Ident, Statement};
use crate::catalog::{Routine, RoutineKind};
use crate::error::{Result, SqlError};
use crate::limits::SCRIPT_DEPTH_MAX;
use crate::parser;
use crate::sql_type::Type;
use crate::value::Value;

impl Runner<'_> {
    pub(super) fn call(
        &mut self,
        statement: &Statement,
        name: &ast::Path,
        args: &[ast::Expr],
    ) -> Result<()> {
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

    pub(super) fn execute_immediate(
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
