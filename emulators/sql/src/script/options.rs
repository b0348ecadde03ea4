//! `OPTIONS(…)`, columns and partitions of DDL, evaluated.

use super::Runner;
use crate::analyzer::type_of;
use crate::ast::{
    self, ColumnDefinition, ExprKind, OptionItem, PartitionBy, TableConstraint, TypeExpr,
    TypeExprKind,
};
use crate::catalog::TableColumn;
use crate::database::{ColumnSpec, ConstraintSpec, Partitioning};
use crate::error::{Result, SqlError};
use crate::value::Value;

impl Runner<'_> {
    /// Options by name, in the order in which they stand.
    pub(super) fn options(&mut self, items: &[OptionItem]) -> Result<Vec<(String, Value)>> {
        items
            .iter()
            .map(|item| Ok((item.name.name.to_ascii_lowercase(), self.value(&item.value)?.value)))
            .collect()
    }

    pub(super) fn columns(&mut self, columns: &[ColumnDefinition]) -> Result<Vec<ColumnSpec>> {
        let mut out: Vec<ColumnSpec> = Vec::with_capacity(columns.len());
        for column in columns {
            if out.iter().any(|known| known.column.name.eq_ignore_ascii_case(&column.name.name)) {
                let text = format!("Duplicate column name {} in CREATE TABLE", column.name.name);
                return Err(SqlError::at(column.name.at, text));
            }
            out.push(self.column(column)?);
        }
        Ok(out)
    }

    pub(super) fn column(&mut self, column: &ColumnDefinition) -> Result<ColumnSpec> {
        let Some(written) = &column.column_type else {
            return Err(SqlError::at(
                column.name.at,
                format!("Column {} has no type", column.name.name),
            ));
        };
        let default = match &column.default {
            None => None,
            Some(default) => {
                let to = type_of(written)?;
                // It must have a value of the column's type.
                self.value_as(&default.value, Some((&to, "DEFAULT value")))?;
                Some(self.words(default.from, default.to))
            }
        };
        let mut required_fields = Vec::new();
        note_required_fields(written, "", &mut required_fields);
        Ok(ColumnSpec {
            column: TableColumn {
                name: column.name.name.clone(),
                column_type: type_of(written)?,
                required: column.not_null,
                parameters: written.parameters.clone(),
                default,
                pseudo: false,
            },
            options: self.options(&column.options)?,
            collation: column.collation.clone(),
            required_fields,
        })
    }

    pub(super) fn constraints(
        &self,
        columns: &[ColumnDefinition],
        constraints: &[TableConstraint],
    ) -> Result<Vec<ConstraintSpec>> {
        let names =
            |columns: &[ast::Ident]| columns.iter().map(|column| column.name.clone()).collect();
        let mut out = Vec::new();
        let keys: Vec<String> = columns
            .iter()
            .filter(|column| column.primary_key)
            .map(|column| column.name.name.clone())
            .collect();
        if !keys.is_empty() {
            out.push(ConstraintSpec::PrimaryKey(keys));
        }
        for constraint in constraints {
            out.push(match constraint {
                TableConstraint::PrimaryKey { columns, .. } => {
                    ConstraintSpec::PrimaryKey(names(columns))
                }
                TableConstraint::ForeignKey { name, columns, references, referenced } => {
                    ConstraintSpec::ForeignKey {
                        name: name.as_ref().map(|name| name.name.clone()),
                        columns: names(columns),
                        references: crate::analyzer::table_name(
                            self.session,
                            &references.names(),
                            references.at,
                        )?,
                        referenced: names(referenced),
                    }
                }
            });
        }
        Ok(out)
    }

    /// `PARTITION BY`: the shapes that BigQuery knows.
    pub(super) fn partitioning(
        &mut self,
        partition: Option<&PartitionBy>,
    ) -> Result<Option<Partitioning>> {
        let Some(PartitionBy { value }) = partition else { return Ok(None) };
        let wrong = || {
            SqlError::at(
                value.at,
                "PARTITION BY expression must be DATE(<timestamp_column>), DATE(<datetime_column>), \
                 DATETIME_TRUNC(<datetime_column>, DAY/HOUR/MONTH/YEAR), a DATE column, \
                 TIMESTAMP_TRUNC(<timestamp_column>, DAY/HOUR/MONTH/YEAR), \
                 DATE_TRUNC(<date_column>, MONTH/YEAR), or RANGE_BUCKET(<int64_column>, \
                 GENERATE_ARRAY(<int64_value>, <int64_value>[, <int64_value>]))",
            )
        };
        let column_of = |expr: &ast::Expr| match &expr.kind {
            ExprKind::Path(path) if path.parts.len() == 1 => Some(path.parts[0].name.clone()),
            _ => None,
        };
        let by = |column: String, granularity: String| match column.to_ascii_uppercase().as_str() {
            "_PARTITIONDATE" | "_PARTITIONTIME" => Partitioning::Ingestion { granularity },
            _ => Partitioning::Column { column, granularity },
        };
        if let Some(column) = column_of(value) {
            return Ok(Some(by(column, "DAY".to_owned())));
        }
        let ExprKind::Call(call) = &value.kind else { return Err(wrong()) };
        let args: Vec<&ast::Expr> = call.args.iter().map(|arg| &arg.value).collect();
        let name = call.name.text().to_ascii_uppercase();
        match (name.as_str(), &args[..]) {
            ("DATE" | "TIMESTAMP", [column]) => {
                let column = column_of(column).ok_or_else(wrong)?;
                Ok(Some(by(column, "DAY".to_owned())))
            }
            ("TIMESTAMP_TRUNC" | "DATETIME_TRUNC" | "DATE_TRUNC", [column, part]) => {
                let column = column_of(column).ok_or_else(wrong)?;
                let granularity = column_of(part).ok_or_else(wrong)?.to_ascii_uppercase();
                match granularity.as_str() {
                    "HOUR" | "DAY" | "MONTH" | "YEAR" => Ok(Some(by(column, granularity))),
                    _ => Err(wrong()),
                }
            }
            ("RANGE_BUCKET", [column, array]) => {
                let column = column_of(column).ok_or_else(wrong)?;
                let ExprKind::Call(generate) = &array.kind else { return Err(wrong()) };
                let mut bounds = Vec::new();
                for arg in &generate.args {
                    bounds.push(self.value(&arg.value)?.value.as_int64().ok_or_else(wrong)?);
                }
                let (start, end, interval) = match bounds[..] {
                    [start, end] => (start, end, 1),
                    [start, end, interval] if interval > 0 => (start, end, interval),
                    _ => return Err(wrong()),
                };
                Ok(Some(Partitioning::Range { column, start, end, interval }))
            }
            _ => Err(wrong()),
        }
    }
}

/// `NOT NULL` fields within structs, by dotted path.
fn note_required_fields(written: &TypeExpr, prefix: &str, out: &mut Vec<String>) {
    let fields = match &written.kind {
        TypeExprKind::Struct(fields) => fields,
        TypeExprKind::Array(element) => return note_required_fields(element, prefix, out),
        _ => return,
    };
    for field in fields {
        let Some(name) = &field.name else { continue };
        let path = match prefix {
            "" => name.name.clone(),
            prefix => format!("{prefix}.{}", name.name),
        };
        if field.not_null {
            out.push(path.clone());
        }
        note_required_fields(&field.field_type, &path, out);
    }
}
