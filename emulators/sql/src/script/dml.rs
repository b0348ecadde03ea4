//! INSERT, UPDATE, DELETE and TRUNCATE. Which rows change is computed first, over the table as it is; then
//! all changes are made at once.

use std::collections::{HashMap, HashSet};
use std::ops::ControlFlow;

use super::query::check_arrays;
use super::{DmlCounts, Runner, StatementResult};
use crate::analyzer::{Analyzer, Target};
use crate::ast::{self, Ident, InsertSource, Statement};
use crate::catalog::{TableColumn, TableDescription, TableName};
use crate::database::RowChange;
use crate::error::{Result, SqlError};
use crate::evaluate::{Evaluator, Registers};
use crate::optimize::optimize_plan;
use crate::parser;
use crate::resolved::{ColumnId, Expr, Plan};
use crate::sql_type::Type;
use crate::value::Value;

/// A new value for a column or for a field of one.
pub(super) struct Assignment {
    /// The table's column.
    pub(super) column: usize,
    /// Fields within it.
    pub(super) fields: Vec<usize>,
    pub(super) value: AssignedValue,
}

pub(super) enum AssignedValue {
    Expr(Expr),
    /// `DEFAULT`
    Default,
}

impl Runner<'_> {
    pub(super) fn insert(&mut self, statement: &Statement, insert: &ast::Insert) -> Result<()> {
        let catalog = self.database.as_catalog();
        let mut analyzer = Analyzer::new(catalog, self.session, &self.state.bindings);
        let name = analyzer.named_table(&insert.table.names(), insert.table.at)?;
        let description = catalog.table(&name, None)?;
        let targets = insert_columns(&description, &insert.columns)?;
        let typed: Vec<(String, Type)> = targets
            .iter()
            .map(|index| {
                let column = &description.columns[*index];
                (column.name.clone(), column.column_type.clone())
            })
            .collect();
        let given: Vec<Vec<Option<Value>>> = match &insert.source {
            InsertSource::Query(query) => {
                let (plan, ids) = analyzer.inserted_query(query, &typed)?;
                let plan = optimize_plan(plan, ids.iter().copied());
                let evaluator =
                    Evaluator::new(self.session, catalog, analyzer.common_table_count());
                let mut registers = Registers::new(analyzer.register_count());
                let rows = evaluator.collect(&plan, &mut registers, &ids)?;
                rows.into_iter().map(|row| row.into_iter().map(Some).collect()).collect()
            }
            InsertSource::Values(rows) => {
                let mut resolved = Vec::with_capacity(rows.len());
                for row in rows {
                    if row.len() != typed.len() {
                        let at = row.first().map_or(statement.at, |value| value.at);
                        let text = format!(
                            "Inserted row has wrong column count; Has {}, expected {}",
                            row.len(),
                            typed.len()
                        );
                        return Err(SqlError::at(at, text));
                    }
                    let mut values = Vec::with_capacity(row.len());
                    for (value, (column, to)) in row.iter().zip(&typed) {
                        values.push(match value.kind {
                            ast::ExprKind::Default => None,
                            _ => Some(analyzer.inserted(value, column, to)?),
                        });
                    }
                    resolved.push(values);
                }
                let evaluator =
                    Evaluator::new(self.session, catalog, analyzer.common_table_count());
                let mut registers = Registers::new(analyzer.register_count());
                let mut rows = Vec::with_capacity(resolved.len());
                for values in &resolved {
                    let row = values.iter().map(|value| match value {
                        Some(value) => evaluator.eval(value, &mut registers).map(Some),
                        None => Ok(None),
                    });
                    rows.push(row.collect::<Result<Vec<_>>>()?);
                }
                rows
            }
            InsertSource::Row => {
                return Err(SqlError::at(statement.at, "INSERT ROW stands in MERGE alone"));
            }
        };
        let tables = std::mem::take(&mut analyzer.tables);
        let defaults = self.defaults(&description)?;
        let rows = given
            .into_iter()
            .map(|values| full_row(&description, &targets, values, &defaults))
            .collect::<Result<Vec<_>>>()?;
        let inserted = rows.len() as u64;
        self.database.insert(&name, rows)?;
        let counts = DmlCounts { inserted, ..DmlCounts::default() };
        self.changed("INSERT", statement, name, counts, tables);
        Ok(())
    }

    pub(super) fn changed(
        &mut self,
        statement_type: &'static str,
        statement: &Statement,
        table: TableName,
        counts: DmlCounts,
        tables: std::collections::BTreeSet<TableName>,
    ) {
        let result = StatementResult {
            dml: Some(counts),
            dml_table: Some(table),
            tables,
            ..self.new_result(statement_type, statement)
        };
        self.results.push(result);
    }

    /// The values of columns that a statement does not name.
    pub(super) fn defaults(&mut self, description: &TableDescription) -> Result<Vec<Value>> {
        let columns = description.columns.iter().filter(|column| !column.pseudo);
        let columns: Vec<TableColumn> = columns.cloned().collect();
        columns.into_iter().map(|column| self.default_of(&column)).collect()
    }

    fn default_of(&mut self, column: &TableColumn) -> Result<Value> {
        let Some(default) = &column.default else { return Ok(Value::Null) };
        let expr =
            parser::parse_expression(default).map_err(|error| super::placed(error, default))?;
        let value = self.value_as(&expr, Some((&column.column_type, "DEFAULT value")));
        Ok(value.map_err(|error| super::placed(error, default))?.value)
    }

    pub(super) fn update(&mut self, statement: &Statement, update: &ast::Update) -> Result<()> {
        let Some(filter) = &update.filter else {
            return Err(SqlError::at(statement.end, "Syntax error: Expected keyword WHERE"));
        };
        let catalog = self.database.as_catalog();
        let mut analyzer = Analyzer::new(catalog, self.session, &self.state.bindings);
        let mut target = analyzer.target(&update.table, update.alias.as_ref())?;
        if let Some(from) = &update.from {
            target = analyzer.target_from(target, from)?;
        }
        let predicate = analyzer.target_condition(&target, filter)?;
        let alias = alias_of(&update.table, update.alias.as_ref());
        let mut assignments = Vec::with_capacity(update.items.len());
        for item in &update.items {
            assignments.push(assignment(
                &target.description,
                &item.target,
                &alias,
                |column, to| {
                    Ok(match item.value.kind {
                        ast::ExprKind::Default => AssignedValue::Default,
                        _ => AssignedValue::Expr(analyzer.target_value(
                            &target,
                            &item.value,
                            column,
                            to,
                        )?),
                    })
                },
            )?);
        }
        let plan = Plan::Filter { input: Box::new(target.plan.clone()), predicate };
        let plan = optimize_plan(plan, needed(&target, assignments.iter()));
        let evaluator = Evaluator::new(self.session, catalog, analyzer.common_table_count());
        let mut registers = Registers::new(analyzer.register_count());
        let mut rows: Vec<(u64, Vec<Value>, Vec<Option<Value>>)> = Vec::new();
        let mut seen = HashSet::new();
        let _flow = evaluator.run(&plan, &mut registers, &mut |row| {
            let Some(number) = row_number(row, target.row_number) else {
                return Ok(ControlFlow::Continue(()));
            };
            if !seen.insert(number) {
                return Err(SqlError::evaluation(
                    "UPDATE/MERGE must match at most one source row for each target row",
                ));
            }
            let values = evaluated(&evaluator, &assignments, row)?;
            rows.push((number, current(&target, row), values));
            Ok(ControlFlow::Continue(()))
        })?;
        let tables = std::mem::take(&mut analyzer.tables);
        let description = target.description;
        let defaults = self.defaults(&description)?;
        let updated = rows.len() as u64;
        let changes = rows
            .into_iter()
            .map(|(number, row, values)| {
                let row = assign(row, &assignments, values, &defaults, &description)?;
                Ok((number, RowChange::Replace(row)))
            })
            .collect::<Result<Vec<_>>>()?;
        self.database.rewrite(&description.name, changes, Vec::new())?;
        let counts = DmlCounts { updated, ..DmlCounts::default() };
        self.changed("UPDATE", statement, description.name, counts, tables);
        Ok(())
    }

    pub(super) fn delete(
        &mut self,
        statement: &Statement,
        table: &ast::Path,
        alias: Option<&Ident>,
        filter: &ast::Expr,
    ) -> Result<()> {
        let catalog = self.database.as_catalog();
        let mut analyzer = Analyzer::new(catalog, self.session, &self.state.bindings);
        let target = analyzer.target(table, alias)?;
        let predicate = analyzer.target_condition(&target, filter)?;
        let plan = Plan::Filter { input: Box::new(target.plan.clone()), predicate };
        let plan = optimize_plan(plan, []);
        let evaluator = Evaluator::new(self.session, catalog, analyzer.common_table_count());
        let mut registers = Registers::new(analyzer.register_count());
        let rows = evaluator.collect(&plan, &mut registers, &[target.row_number])?;
        let tables = std::mem::take(&mut analyzer.tables);
        let numbers = rows
            .iter()
            .filter_map(|row| row[0].as_int64())
            .filter_map(|number| u64::try_from(number).ok());
        let changes: Vec<(u64, RowChange)> =
            numbers.map(|number| (number, RowChange::Delete)).collect();
        let deleted = changes.len() as u64;
        let name = target.description.name;
        self.database.rewrite(&name, changes, Vec::new())?;
        let counts = DmlCounts { deleted, ..DmlCounts::default() };
        self.changed("DELETE", statement, name, counts, tables);
        Ok(())
    }

    pub(super) fn truncate(&mut self, statement: &Statement, table: &ast::Path) -> Result<()> {
        let name = {
            let analyzer =
                Analyzer::new(self.database.as_catalog(), self.session, &self.state.bindings);
            analyzer.named_table(&table.names(), table.at)?
        };
        let deleted = self.database.truncate(&name)?;
        let counts = DmlCounts { deleted, ..DmlCounts::default() };
        self.changed("TRUNCATE_TABLE", statement, name, counts, std::collections::BTreeSet::new());
        Ok(())
    }
}

/// The columns that an insert names; all of them when it names none.
pub(super) fn insert_columns(
    description: &TableDescription,
    columns: &[Ident],
) -> Result<Vec<usize>> {
    if columns.is_empty() {
        let plain = description.columns.iter().enumerate().filter(|(_, column)| !column.pseudo);
        return Ok(plain.map(|(index, _)| index).collect());
    }
    let mut out = Vec::with_capacity(columns.len());
    for column in columns {
        let same = |known: &TableColumn| known.name.eq_ignore_ascii_case(&column.name);
        let Some(index) = description.columns.iter().position(same) else {
            let name = &description.name;
            let text = format!(
                "Column {} is not present in table {}.{}.{}",
                column.name, name.project, name.dataset, name.table
            );
            return Err(SqlError::at(column.at, text));
        };
        if out.contains(&index) {
            return Err(SqlError::at(
                column.at,
                format!("Duplicate column name in INSERT statement: {}", column.name),
            ));
        }
        out.push(index);
    }
    Ok(out)
}

/// A whole row from the values of some columns.
pub(super) fn full_row(
    description: &TableDescription,
    targets: &[usize],
    values: Vec<Option<Value>>,
    defaults: &[Value],
) -> Result<Vec<Value>> {
    let mut row = defaults.to_vec();
    for (index, value) in targets.iter().zip(values) {
        if let (Some(value), Some(slot)) = (value, row.get_mut(*index)) {
            *slot = value;
        }
    }
    checked(row, description)
}

/// Checks what every written row must keep.
pub(super) fn checked(row: Vec<Value>, description: &TableDescription) -> Result<Vec<Value>> {
    for (value, column) in row.iter().zip(&description.columns) {
        if column.required && value.is_null() {
            let text = format!("Required field {} cannot be null", column.name);
            return Err(SqlError::evaluation(text));
        }
        check_arrays(value, &column.name)?;
    }
    let fitted = row.into_iter().zip(&description.columns).map(|(value, column)| {
        match column.parameters.is_empty() {
            true => Ok(value),
            false => crate::cast::apply_parameters(&value, &column.column_type, &column.parameters),
        }
    });
    fitted.collect()
}

fn alias_of(path: &ast::Path, alias: Option<&Ident>) -> String {
    match alias {
        Some(alias) => alias.name.clone(),
        None => path.names().pop().unwrap_or_default(),
    }
}

/// What a `SET` item names: a column, or a field of one; the table's alias may stand before it.
pub(super) fn assignment(
    description: &TableDescription,
    path: &ast::Path,
    alias: &str,
    resolve: impl FnOnce(&str, &Type) -> Result<AssignedValue>,
) -> Result<Assignment> {
    let mut parts = &path.parts[..];
    let find = |part: &Ident| {
        description.columns.iter().position(|column| column.name.eq_ignore_ascii_case(&part.name))
    };
    if parts.len() > 1 && parts[0].name.eq_ignore_ascii_case(alias) && find(&parts[1]).is_some() {
        parts = &parts[1..];
    }
    let Some(column) = find(&parts[0]) else {
        return Err(SqlError::at(parts[0].at, format!("Unrecognized name: {}", parts[0].name)));
    };
    let mut to = &description.columns[column].column_type;
    let mut fields = Vec::new();
    for part in &parts[1..] {
        let known = to.fields().unwrap_or_default();
        let Some(index) =
            known.iter().position(|field| field.name.eq_ignore_ascii_case(&part.name))
        else {
            return Err(SqlError::at(
                part.at,
                format!("Field name {} does not exist in {to}", part.name),
            ));
        };
        fields.push(index);
        to = &known[index].field_type;
    }
    let name = parts.iter().map(|part| part.name.as_str()).collect::<Vec<_>>().join(".");
    Ok(Assignment { column, fields, value: resolve(&name, to)? })
}

/// The columns that assignments and whole rows read.
pub(super) fn needed<'a>(
    target: &Target,
    assignments: impl Iterator<Item = &'a Assignment>,
) -> Vec<ColumnId> {
    let mut ids = target.columns.clone();
    for assignment in assignments {
        if let AssignedValue::Expr(value) = &assignment.value {
            ids.extend(crate::optimize::columns_in(value));
        }
    }
    ids
}

pub(super) fn row_number(row: &Registers, id: ColumnId) -> Option<u64> {
    row.get(id).as_int64().and_then(|number| u64::try_from(number).ok())
}

/// The row as it is, without pseudo-columns.
pub(super) fn current(target: &Target, row: &Registers) -> Vec<Value> {
    let columns = target.columns.iter().zip(&target.description.columns);
    columns.filter(|(_, column)| !column.pseudo).map(|(id, _)| row.get(*id).clone()).collect()
}

pub(super) fn evaluated<'p>(
    evaluator: &Evaluator<'p>,
    assignments: &'p [Assignment],
    row: &mut Registers,
) -> Result<Vec<Option<Value>>> {
    assignments
        .iter()
        .map(|assignment| match &assignment.value {
            AssignedValue::Expr(value) => evaluator.eval(value, row).map(Some),
            AssignedValue::Default => Ok(None),
        })
        .collect()
}

/// The row with its new values.
pub(super) fn assign(
    mut row: Vec<Value>,
    assignments: &[Assignment],
    values: Vec<Option<Value>>,
    defaults: &[Value],
    description: &TableDescription,
) -> Result<Vec<Value>> {
    for (assignment, value) in assignments.iter().zip(values) {
        let value = value.or_else(|| defaults.get(assignment.column).cloned()).unwrap_or_default();
        if let Some(slot) = row.get_mut(assignment.column) {
            let column_type = &description.columns[assignment.column].column_type;
            *slot = with_field(slot, column_type, &assignment.fields, value);
        }
    }
    checked(row, description)
}

/// A struct with one field, however deep, replaced.
fn with_field(value: &Value, value_type: &Type, fields: &[usize], new: Value) -> Value {
    let [first, rest @ ..] = fields else { return new };
    let types = value_type.fields().unwrap_or_default();
    let mut values: Vec<Value> = match value.as_struct() {
        Some(values) => values.to_vec(),
        None => vec![Value::Null; types.len()],
    };
    if let (Some(slot), Some(field)) = (values.get_mut(*first), types.get(*first)) {
        *slot = with_field(slot, &field.field_type, rest, new);
    }
    Value::structure(values)
}

/// Changes by row, the last one of a row counting.
pub(super) fn by_row(changes: HashMap<u64, RowChange>) -> Vec<(u64, RowChange)> {
    let mut changes: Vec<(u64, RowChange)> = changes.into_iter().collect();
    changes.sort_by_key(|(number, _)| *number);
    changes
}
