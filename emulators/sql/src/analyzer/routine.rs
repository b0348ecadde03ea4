//! Calls of routines: SQL functions are put in place of their calls, functions in other languages are kept
//! as calls, table functions become queries.

use std::sync::Arc;

use super::coercion::coerce_to;
use super::select::Relation;
use super::{Analyzer, Level};
use crate::ast::{self, Call, TvfArg};
use crate::catalog::{Routine, RoutineKind};
use crate::error::{Offset, Result, SqlError};
use crate::parser;
use crate::resolved::{ColumnId, Expr, ExprKind, Plan, Sessionize};
use crate::routine::ForeignFunction;
use crate::sql_type::Type;

impl Analyzer<'_> {
    pub(super) fn temporary_routine(&self, name: &str) -> Option<Routine> {
        let routines = self.bindings.routines.iter().rev();
        let mut named = routines.filter(|routine| {
            routine.path.last().is_some_and(|known| known.eq_ignore_ascii_case(name))
        });
        named.next().cloned()
    }

    /// A routine of a dataset by its path.
    pub(super) fn stored_routine(&self, path: &ast::Path, safe: bool) -> Result<Option<Routine>> {
        let names = path.names();
        let names = &names[usize::from(safe)..];
        let full = match names {
            [name] => match &self.session.default_dataset {
                Some((project, dataset)) => vec![project.clone(), dataset.clone(), name.clone()],
                None => return Ok(None),
            },
            [dataset, name] => vec![self.session.project.clone(), dataset.clone(), name.clone()],
            [_, _, _] => names.to_vec(),
            _ => return Ok(None),
        };
        self.catalog.routine(&full)
    }

    pub(super) fn routine_call(
        &mut self,
        routine: &Routine,
        call: &Call,
        at: Offset,
    ) -> Result<Expr> {
        let name = routine.path.last().map(String::as_str).unwrap_or_default();
        if call.args.len() != routine.parameters.len() {
            let wanted: Vec<String> = routine
                .parameters
                .iter()
                .map(|parameter| {
                    parameter.parameter_type.as_ref().map_or("ANY TYPE".to_owned(), Type::to_string)
                })
                .collect();
            let text = format!(
                "Number of arguments does not match for function {name}. Supported signature: {name}({})",
                wanted.join(", ")
            );
            return Err(SqlError::at(at, text));
        }
        if routine.kind == RoutineKind::SqlAggregate {
            return self.aggregate_routine(routine, call, at);
        }
        let mut args = Vec::with_capacity(call.args.len());
        for (arg, parameter) in call.args.iter().zip(&routine.parameters) {
            let value = self.resolve(&arg.value)?;
            args.push(match &parameter.parameter_type {
                Some(to) => self.coerce(
                    value,
                    to,
                    &format!("Argument {} of function {name}", parameter.name),
                )?,
                None => value,
            });
        }
        match &routine.kind {
            RoutineKind::SqlFunction => self.inline(routine, args, at),
            RoutineKind::ForeignFunction { language } => {
                if !language.eq_ignore_ascii_case("js") {
                    return Err(SqlError::not_implemented(format!("LANGUAGE {language}")).or_at(at));
                }
                let Some(result) = routine.returns.clone() else {
                    return Err(SqlError::at(at, format!("Function {name} has no RETURNS clause")));
                };
                let function = ForeignFunction {
                    name: name.to_owned(),
                    language: language.clone(),
                    parameters: routine
                        .parameters
                        .iter()
                        .map(|parameter| parameter.name.clone())
                        .collect(),
                    result: result.clone(),
                    code: routine.body.clone(),
                };
                let kind = ExprKind::Foreign { function: Arc::new(function), args };
                Ok(Expr { kind, expr_type: result, at })
            }
            RoutineKind::TableFunction => {
                Err(SqlError::at(at, format!("Table-valued function {name} cannot be called here")))
            }
            RoutineKind::Procedure | RoutineKind::SqlAggregate => {
                Err(SqlError::at(at, format!("Function not found: {name}")))
            }
        }
    }

    /// The body with the arguments bound.
    fn inline(&mut self, routine: &Routine, args: Vec<Expr>, at: Offset) -> Result<Expr> {
        let body =
            parser::parse_expression(&routine.body).map_err(|error| in_routine(routine, error))?;
        let mut bindings = Vec::with_capacity(args.len());
        let mut arguments = Vec::with_capacity(args.len());
        for (arg, parameter) in args.into_iter().zip(&routine.parameters) {
            if arg.as_literal().is_some() {
                let value = arg.as_literal().cloned().unwrap_or_default();
                let firm = Expr::firm(value, arg.expr_type, arg.at);
                arguments.push((parameter.name.clone(), firm));
                continue;
            }
            let id = self.new_column();
            arguments.push((parameter.name.clone(), Expr::column(id, arg.expr_type.clone(), at)));
            bindings.push((id, arg));
        }
        let resolved = self.isolated(at, |this| {
            this.arguments = arguments;
            this.collector.no_aggregates = Some("SQL function body");
            this.collector.no_windows = Some("SQL function body");
            this.levels.push(Level::default());
            let resolved = this.resolve(&body)?;
            match &routine.returns {
                Some(returns) => this.coerce(resolved, returns, "Function body"),
                None => Ok(resolved),
            }
        });
        let body = resolved.map_err(|error| in_routine(routine, error))?;
        let expr_type = body.expr_type.clone();
        Ok(Expr { kind: ExprKind::Let { bindings, body: Box::new(body) }, expr_type, at })
    }

    /// An aggregate function in SQL: its body's aggregates are those of the query.
    fn aggregate_routine(&mut self, routine: &Routine, call: &Call, at: Offset) -> Result<Expr> {
        if self.collector.in_aggregate {
            return Err(SqlError::at(at, "Aggregations of aggregations are not allowed"));
        }
        let body =
            parser::parse_expression(&routine.body).map_err(|error| in_routine(routine, error))?;
        let mut arguments = Vec::with_capacity(call.args.len());
        for (arg, parameter) in call.args.iter().zip(&routine.parameters) {
            let value = self.resolve(&arg.value)?;
            let value = match &parameter.parameter_type {
                Some(to) => self.coerce(value, to, "Argument of aggregate function")?,
                None => value,
            };
            arguments.push((parameter.name.clone(), value));
        }
        let levels = std::mem::take(&mut self.levels);
        let outer = std::mem::replace(&mut self.arguments, arguments);
        let resolved = self.resolve(&body).and_then(|resolved| match &routine.returns {
            Some(returns) => coerce_to(self.session, resolved, returns),
            None => Ok(resolved),
        });
        self.arguments = outer;
        self.levels = levels;
        resolved.map_err(|error| in_routine(routine, error))
    }

    /// A table function in `FROM`.
    pub(super) fn table_function(&mut self, name: &ast::Path, args: &[TvfArg]) -> Result<Relation> {
        let written = name.text();
        match written.to_ascii_uppercase().as_str() {
            "RANGE_SESSIONIZE" => return self.range_sessionize(args, name.at),
            "APPENDS"
            | "CHANGES"
            | "EXTERNAL_QUERY"
            | "VECTOR_SEARCH"
            | "SEARCH"
            | "GAP_FILL"
            | "EXTERNAL_OBJECT_TRANSFORM" => {
                return Err(SqlError::not_implemented(format!("the table function {written}"))
                    .or_at(name.at));
            }
            _ => {}
        }
        let Some(routine) = self.stored_routine(name, false)? else {
            return Err(SqlError::at(
                name.at,
                format!("Table-valued function not found: {written}"),
            ));
        };
        if routine.kind != RoutineKind::TableFunction {
            let text = format!("Table-valued function is not expected here: {written}");
            return Err(SqlError::at(name.at, text));
        }
        if args.len() != routine.parameters.len() {
            let text = format!("No matching signature for table-valued function {written}");
            return Err(SqlError::at(name.at, text));
        }
        let (mut values, mut tables) = (Vec::new(), Vec::new());
        for (arg, parameter) in args.iter().zip(&routine.parameters) {
            match arg {
                TvfArg::Expr(arg) => {
                    let value = self.resolve(&arg.value)?;
                    let value = match &parameter.parameter_type {
                        Some(to) => self.coerce(value, to, "Argument of table-valued function")?,
                        None => value,
                    };
                    values.push((parameter.name.clone(), value));
                }
                arg => tables.push((parameter.name.clone(), self.table_argument(arg)?)),
            }
        }
        let query =
            parser::parse_query(&routine.body).map_err(|error| in_routine(&routine, error))?;
        let resolved = self.isolated(name.at, |this| {
            this.arguments = values;
            this.table_arguments = tables;
            this.resolve_query(&query)
        });
        resolved.map_err(|error| in_routine(&routine, error))
    }

    fn table_argument(&mut self, arg: &TvfArg) -> Result<Relation> {
        match arg {
            TvfArg::Query(query) => self.with_fresh_collector(|this| this.resolve_query(query)),
            TvfArg::Table(path) => {
                let from = ast::FromItem {
                    kind: ast::FromKind::Table {
                        path: path.clone(),
                        system_time: None,
                        with_offset: None,
                    },
                    alias: None,
                    operators: Vec::new(),
                    at: path.at,
                };
                let (plan, names) = self.resolve_from(&from)?;
                Ok(Relation { plan, columns: names.star(), is_value_table: false })
            }
            TvfArg::Model(path) => {
                Err(SqlError::not_implemented("a model as an argument").or_at(path.at))
            }
            TvfArg::Named(_, arg) => self.table_argument(arg),
            TvfArg::Expr(arg) => Err(SqlError::at(arg.value.at, "Expected a table or a query")),
        }
    }

    /// `RANGE_SESSIONIZE(TABLE t, 'range', ['partition', …], ['MEETS' | 'OVERLAPS'])`
    fn range_sessionize(&mut self, args: &[TvfArg], at: Offset) -> Result<Relation> {
        let (table, range, partition, mode) = match args {
            [table, range, partition] => (table, range, partition, None),
            [table, range, partition, mode] => (table, range, partition, Some(mode)),
            _ => return Err(SqlError::at(at, "No matching signature for RANGE_SESSIONIZE")),
        };
        let input = self.table_argument(table)?;
        let text = |this: &mut Self, arg: &TvfArg| -> Result<String> {
            let TvfArg::Expr(arg) = arg else {
                return Err(SqlError::at(at, "No matching signature for RANGE_SESSIONIZE"));
            };
            let value = this.resolve(&arg.value)?;
            value.as_literal().and_then(|value| value.as_str().map(str::to_owned)).ok_or_else(
                || SqlError::at(arg.value.at, "RANGE_SESSIONIZE needs constant arguments"),
            )
        };
        let column = |name: &str| {
            let found = input.columns.iter().find(|column| column.name.eq_ignore_ascii_case(name));
            found.cloned().ok_or_else(|| {
                SqlError::at(
                    at,
                    format!("Column {name} does not exist in the input table of RANGE_SESSIONIZE"),
                )
            })
        };
        let range = column(&text(self, range)?)?;
        let Type::Range(element) = &range.column_type else {
            return Err(SqlError::at(at, format!("Column {} is not a RANGE", range.name)));
        };
        let session_type = Type::Range(Arc::clone(element));
        let mut keys = Vec::new();
        if let TvfArg::Expr(arg) = partition {
            let ast::ExprKind::Array { elements: ast::ArrayElements::List(names), .. } =
                &arg.value.kind
            else {
                return Err(SqlError::at(
                    arg.value.at,
                    "RANGE_SESSIONIZE needs constant arguments",
                ));
            };
            for name in names {
                let arg = ast::Arg { name: None, value: name.clone(), alias: None };
                keys.push(column(&text(self, &TvfArg::Expr(arg))?)?.id);
            }
        }
        let meets = match mode {
            None => true,
            Some(mode) => match text(self, mode)?.as_str() {
                "MEETS" => true,
                "OVERLAPS" => false,
                other => {
                    let place = match mode {
                        TvfArg::Expr(arg) => arg.value.at,
                        _ => at,
                    };
                    let text =
                        format!("Could not cast literal \"{other}\" to type RANGE_SESSIONIZE_MODE");
                    return Err(SqlError::at(place, text));
                }
            },
        };
        let ids: Vec<ColumnId> = input.columns.iter().map(|column| column.id).collect();
        let mut columns: Vec<_> = input
            .columns
            .iter()
            .map(|column| self.named_column(&column.name, column.column_type.clone()))
            .collect();
        let session = self.named_column("session_range", session_type);
        let pairs = ids.into_iter().zip(columns.iter().map(|column| column.id)).collect();
        columns.push(session.clone());
        let plan = Plan::Sessionize(Box::new(Sessionize {
            input: input.plan,
            columns: pairs,
            range: range.id,
            partition: keys,
            meets,
            session: session.id,
        }));
        Ok(Relation { plan, columns, is_value_table: false })
    }
}

fn in_routine(routine: &Routine, error: SqlError) -> SqlError {
    let text = error.text(&routine.body);
    let name = routine.path.join(".");
    SqlError { message: format!("Error in routine {name}: {text}"), at: None, ..error }
}
