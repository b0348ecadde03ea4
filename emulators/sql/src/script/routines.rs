//! `CREATE FUNCTION`, `CREATE PROCEDURE`, `CREATE ROW ACCESS POLICY`.

use super::control::{exists, statement_type};
use super::ddl::created;
use super::{DdlTarget, Runner, placed};
use crate::analyzer::{Analyzer, TypedValue, table_name, type_of};
use crate::ast::{self, FunctionBody, ParameterMode, Statement, TypeExprKind};
use crate::catalog::{Routine, RoutineKind, RoutineParameter};
use crate::database::RowAccessPolicySpec;
use crate::error::{Result, SqlError};
use crate::value::Value;

/// Code of another language that lies in Cloud Storage.
fn has_library(options: &[ast::OptionItem]) -> bool {
    options.iter().any(|option| option.name.name.eq_ignore_ascii_case("library"))
}

impl Runner<'_> {
    pub(super) fn create_function(
        &mut self,
        statement: &Statement,
        function: &ast::CreateFunction,
    ) -> Result<()> {
        let mut parameters = Vec::with_capacity(function.parameters.len());
        for parameter in &function.parameters {
            parameters.push(self.parameter(parameter)?);
        }
        let mut returns = match &function.returns {
            None => None,
            Some(returns) => Some(type_of(returns)?),
        };
        let (kind, body) = match &function.body {
            FunctionBody::Expr(_) if function.aggregate => {
                (RoutineKind::SqlAggregate, self.words(function.body_from, function.body_to))
            }
            FunctionBody::Expr(_) => {
                (RoutineKind::SqlFunction, self.words(function.body_from, function.body_to))
            }
            FunctionBody::Query(_) => {
                (RoutineKind::TableFunction, self.words(function.body_from, function.body_to))
            }
            FunctionBody::Foreign { .. } if has_library(&function.options) => {
                return Err(
                    SqlError::not_implemented("a library of a function").or_at(statement.at)
                );
            }
            FunctionBody::Foreign { language, code } => {
                (RoutineKind::ForeignFunction { language: language.clone() }, code.clone())
            }
            FunctionBody::Remote => {
                return Err(SqlError::not_implemented("a remote function").or_at(statement.at));
            }
        };
        if kind == RoutineKind::TableFunction {
            returns = None;
        }
        let names = function.path.names();
        let path = match function.temporary {
            true => names,
            false => self.routine_path(&names, function.path.at)?,
        };
        let routine = Routine { path: path.clone(), kind, parameters, returns, body };
        self.check_body(&routine)?;
        let statement_type = statement_type(&statement.kind);
        if function.temporary {
            let routines = &mut self.state.bindings.routines;
            let same = |known: &Routine| {
                known.path.last().map(|name| name.to_ascii_lowercase())
                    == path.last().map(|name| name.to_ascii_lowercase())
            };
            routines.retain(|known| !same(known));
            routines.push(routine);
            self.done(statement, statement_type, "CREATE", DdlTarget::Routine(path));
            return Ok(());
        }
        let made = self.database.create_routine(routine, exists(function.exists))?;
        self.done(statement, statement_type, created(made), DdlTarget::Routine(path));
        Ok(())
    }

    fn parameter(&self, parameter: &ast::FunctionParameter) -> Result<RoutineParameter> {
        let (parameter_type, table) = match &parameter.parameter_type.kind {
            TypeExprKind::Simple(name) if name == "ANY" => (None, None),
            TypeExprKind::Table(fields) => {
                let columns = fields
                    .iter()
                    .map(|field| {
                        let name =
                            field.name.as_ref().map_or(String::new(), |name| name.name.clone());
                        Ok((name, type_of(&field.field_type)?))
                    })
                    .collect::<Result<Vec<_>>>()?;
                (None, Some(columns))
            }
            _ => (Some(type_of(&parameter.parameter_type)?), None),
        };
        Ok(RoutineParameter {
            name: parameter.name.name.clone(),
            parameter_type,
            table,
            is_output: parameter.mode != ParameterMode::In,
            is_input: parameter.mode != ParameterMode::Out,
            not_aggregate: parameter.not_aggregate,
        })
    }

    /// A function whose arguments all have types is analyzed when it is made.
    fn check_body(&self, routine: &Routine) -> Result<()> {
        if routine.kind != RoutineKind::SqlFunction {
            return Ok(());
        }
        let typed = routine.parameters.iter().map(|parameter| {
            let value_type = parameter.parameter_type.clone()?;
            Some((parameter.name.clone(), TypedValue { value_type, value: Value::Null }))
        });
        let Some(arguments) = typed.collect::<Option<Vec<_>>>() else { return Ok(()) };
        let bindings = crate::analyzer::Bindings {
            variables: arguments,
            routines: self.state.bindings.routines.clone(),
            ..crate::analyzer::Bindings::default()
        };
        let body = crate::parser::parse_expression(&routine.body)
            .map_err(|error| placed(error, &routine.body))?;
        let mut analyzer = Analyzer::new(self.database.as_catalog(), self.session, &bindings);
        let resolved = analyzer.standalone(&body).map_err(|error| placed(error, &routine.body))?;
        match &routine.returns {
            Some(returns) => analyzer
                .assigned(resolved, returns, "Function body")
                .map(drop)
                .map_err(|error| placed(error, &routine.body)),
            None => Ok(()),
        }
    }

    pub(super) fn create_procedure(
        &mut self,
        statement: &Statement,
        procedure: &ast::CreateProcedure,
    ) -> Result<()> {
        let path = self.routine_path(&procedure.path.names(), procedure.path.at)?;
        let parameters = procedure
            .parameters
            .iter()
            .map(|parameter| self.parameter(parameter))
            .collect::<Result<Vec<_>>>()?;
        let routine = Routine {
            path: path.clone(),
            kind: RoutineKind::Procedure,
            parameters,
            returns: None,
            body: self.words(procedure.body_from, procedure.body_to),
        };
        let made = self.database.create_routine(routine, exists(procedure.exists))?;
        self.done(statement, "CREATE_PROCEDURE", created(made), DdlTarget::Routine(path));
        Ok(())
    }

    pub(super) fn create_policy(
        &mut self,
        statement: &Statement,
        policy: &ast::CreateRowAccessPolicy,
    ) -> Result<()> {
        let table = table_name(self.session, &policy.table.names(), policy.table.at)?;
        let spec = RowAccessPolicySpec {
            name: policy.name.name.clone(),
            table: table.clone(),
            exists: exists(policy.exists),
            grantees: policy.grantees.clone(),
            filter: self.words(policy.filter_from, policy.filter_to),
        };
        let made = self.database.create_row_access_policy(spec)?;
        let target = DdlTarget::RowAccessPolicy(table, Some(policy.name.name.clone()));
        self.done(statement, "CREATE_ROW_ACCESS_POLICY", created(made), target);
        Ok(())
    }
}
