//! Queries as statements: analysis, evaluation, and what makes rows a result.

use std::collections::BTreeSet;

use super::{Description, ResultColumn, ResultSet, Runner};
use crate::analyzer::{Analyzer, TypedValue};
use crate::ast::{Expr, InsertSource, Query, Statement, StatementKind};
use crate::catalog::TableName;
use crate::error::{Result, SqlError};
use crate::evaluate::{Evaluator, Registers};
use crate::optimize::optimize;
use crate::resolved::{Plan, ResolvedQuery};
use crate::sql_type::Type;
use crate::value::Value;

impl Runner<'_> {
    /// A query's rows with the types and the names of its columns.
    pub(super) fn query(&mut self, query: &Query) -> Result<(ResultSet, BTreeSet<TableName>)> {
        let catalog = self.database.as_catalog();
        let mut analyzer = Analyzer::new(catalog, self.session, &self.state.bindings);
        let resolved = analyzer.query(query)?;
        let tables = std::mem::take(&mut analyzer.tables);
        let columns = result_columns(&resolved);
        let registers = analyzer.register_count();
        let common = analyzer.common_table_count();
        let is_struct = is_struct_table(&resolved);
        let resolved = optimize(resolved);
        self.columns_read = crate::optimize::columns_read(&resolved.plan);
        check_partition_filters(&resolved.plan, catalog)?;
        let evaluator = Evaluator::new(self.session, catalog, common);
        let rows = evaluator.rows(&resolved, registers)?;
        let rows = rows
            .into_iter()
            .map(|row| match (is_struct, &*row) {
                (true, [Value::Struct(fields)]) => fields.to_vec(),
                (true, _) => vec![Value::Null; columns.len()],
                (false, _) => row.into_vec(),
            })
            .collect::<Vec<_>>();
        for row in &rows {
            for (value, column) in row.iter().zip(&columns) {
                check_arrays(value, &column.name)?;
            }
        }
        Ok((ResultSet { columns, rows }, tables))
    }

    /// The value of an expression of the script, with its type.
    pub(super) fn value(&mut self, expr: &Expr) -> Result<TypedValue> {
        self.value_as(expr, None)
    }

    /// The same as a given type.
    pub(super) fn value_as(
        &mut self,
        expr: &Expr,
        to: Option<(&Type, &str)>,
    ) -> Result<TypedValue> {
        let catalog = self.database.as_catalog();
        let mut analyzer = Analyzer::new(catalog, self.session, &self.state.bindings);
        let mut resolved = analyzer.standalone(expr)?;
        if let Some((to, what)) = to {
            resolved = analyzer.assigned(resolved, to, what)?;
        }
        let registers = analyzer.register_count();
        let common = analyzer.common_table_count();
        let evaluator = Evaluator::new(self.session, catalog, common);
        let value = evaluator.eval(&resolved, &mut Registers::new(registers))?;
        Ok(TypedValue { value_type: resolved.expr_type, value })
    }

    /// What a dry run says of one statement.
    pub(super) fn describe(self, statement: &Statement) -> Result<Description> {
        let (statement_type, query) = match &statement.kind {
            StatementKind::Query(query) => ("SELECT", Some(query)),
            StatementKind::Insert(insert) => match &insert.source {
                InsertSource::Query(query) => ("INSERT", Some(&**query)),
                _ => ("INSERT", None),
            },
            StatementKind::CreateTable(table) => match &table.query {
                Some(query) => ("CREATE_TABLE_AS_SELECT", Some(query)),
                None => ("CREATE_TABLE", None),
            },
            StatementKind::ExportData(export) => ("EXPORT_DATA", Some(&export.query)),
            StatementKind::Update(_) => ("UPDATE", None),
            StatementKind::Delete { .. } => ("DELETE", None),
            StatementKind::Merge(_) => ("MERGE", None),
            kind => (super::control::statement_type(kind), None),
        };
        let mut described = Description {
            statement_type,
            columns: Vec::new(),
            tables: BTreeSet::new(),
            columns_read: Vec::new(),
            undeclared: Vec::new(),
        };
        if let StatementKind::Insert(insert) = &statement.kind {
            // A dry run of DML shows the columns of the table.
            let catalog = self.database.as_catalog();
            let name = Analyzer::new(catalog, self.session, &self.state.bindings)
                .named_table(&insert.table.names(), insert.table.at)?;
            let columns =
                catalog.table(&name, None)?.columns.into_iter().filter(|column| !column.pseudo);
            described.columns = columns
                .map(|column| ResultColumn { name: column.name, column_type: column.column_type })
                .collect();
        }
        let Some(query) = query else { return Ok(described) };
        let mut analyzer =
            Analyzer::new(self.database.as_catalog(), self.session, &self.state.bindings);
        let resolved = analyzer.query(query)?;
        described.tables = std::mem::take(&mut analyzer.tables);
        let columns = result_columns(&resolved);
        if matches!(statement.kind, StatementKind::Query(_)) {
            described.columns = columns;
        }
        let resolved = optimize(resolved);
        described.columns_read = crate::optimize::columns_read(&resolved.plan);
        Ok(described)
    }
}

fn is_struct_table(query: &ResolvedQuery) -> bool {
    query.is_value_table
        && matches!(query.columns.first().map(|column| &column.column_type), Some(Type::Struct(_)))
}

/// The columns of a result; those without a name are `f0_`, `f1_` and so on.
pub(super) fn result_columns(query: &ResolvedQuery) -> Vec<ResultColumn> {
    let named: Vec<(String, Type)> = match query.columns.first().map(|column| &column.column_type) {
        Some(Type::Struct(fields)) if query.is_value_table => {
            fields.iter().map(|field| (field.name.to_string(), field.field_type.clone())).collect()
        }
        _ => query
            .columns
            .iter()
            .map(|column| (column.name.to_string(), column.column_type.clone()))
            .collect(),
    };
    let mut anonymous = 0;
    let mut columns: Vec<ResultColumn> = Vec::with_capacity(named.len());
    for (name, column_type) in named {
        let name = match name.is_empty() {
            true => {
                anonymous += 1;
                format!("f{}_", anonymous - 1)
            }
            false => name,
        };
        // The second `a` is `a_1`, unless a column has that name itself.
        let is_taken =
            |name: &str| columns.iter().any(|column| column.name.eq_ignore_ascii_case(name));
        let mut unique = name.clone();
        let mut number = 0;
        while is_taken(&unique) {
            number += 1;
            unique = format!("{name}_{number}");
        }
        columns.push(ResultColumn { name: unique, column_type });
    }
    columns
}

/// A written array has no NULL elements.
pub(super) fn check_arrays(value: &Value, field: &str) -> Result<()> {
    match value {
        Value::Array(elements) => {
            if elements.iter().any(Value::is_null) {
                let text =
                    format!("Array cannot have a null element; error in writing field {field}");
                return Err(SqlError::evaluation(text));
            }
            elements.iter().try_for_each(|element| check_arrays(element, field))
        }
        Value::Struct(fields) => fields.iter().try_for_each(|value| check_arrays(value, field)),
        _ => Ok(()),
    }
}

/// `require_partition_filter`: a scan must have a bound on a partitioning column.
fn check_partition_filters(plan: &Plan, catalog: &dyn crate::catalog::Catalog) -> Result<()> {
    let mut missing = None;
    crate::optimize::visit_scans(&mut plan.clone(), &mut |scan, filtered| {
        let Ok(description) = catalog.table(&scan.table, scan.at_micros) else { return };
        let required = &description.required_filter;
        if !required.is_empty() && !required.iter().any(|column| filtered.contains(column)) {
            missing.get_or_insert(description);
        }
    });
    let Some(description) = missing else { return Ok(()) };
    let columns: Vec<String> = description
        .required_filter
        .iter()
        .filter_map(|column| description.columns.get(*column))
        .map(|column| format!("'{}'", column.name))
        .collect();
    let name = &description.name;
    let text = format!(
        "Cannot query over table '{}.{}.{}' without a filter over column(s) {} that can be used for partition elimination",
        name.project,
        name.dataset,
        name.table,
        columns.join(", ")
    );
    Err(SqlError::evaluation(text))
}
