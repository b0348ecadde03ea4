//! `FROM`: tables, views, common tables, arrays, subqueries, table functions and joins.

use super::scope::{Names, RangeVariable, ScopeColumn};
use super::select::Relation;
use super::{Analyzer, CommonName};
use crate::ast::{self, FromItem, FromKind};
use crate::catalog::{TableDescription, TableKind, TableName};
use crate::error::{Offset, Result, SqlError};
use crate::parser;
use crate::resolved::{Column, Expr, ExprKind, Plan, Scan, Unnest, UnnestArray};
use crate::sql_type::Type;
use crate::value::Value;

impl Analyzer<'_> {
    /// A `FROM` clause.
    pub(super) fn resolve_from(&mut self, from: &FromItem) -> Result<(Plan, Names)> {
        self.in_clause("FROM clause", |this| this.source(from, None))
    }

    /// A source; `left` is what stands before it in a join, whose columns an array may name.
    pub(super) fn source(
        &mut self,
        from: &FromItem,
        left: Option<(Plan, Names)>,
    ) -> Result<(Plan, Names)> {
        let alias = from.alias.as_ref().map(|alias| alias.name.as_str());
        let is_array = self.is_array(from, left.as_ref().map(|(_, names)| names));
        if is_array {
            let (plan, names) = left.unwrap_or((Plan::OneRow, Names::default()));
            let (plan, array) = self.unnest(from, plan, &names, false, None)?;
            let mut both = names;
            both.variables.extend(array.variables);
            return Ok((plan, both));
        }
        let (mut plan, mut names) = match &from.kind {
            FromKind::Table { path, system_time, .. } => {
                self.table_source(path, alias, system_time.as_ref())?
            }
            FromKind::Subquery(query) => {
                let relation = self.with_fresh_collector(|this| this.resolve_query(query))?;
                self.names_of(relation, alias.unwrap_or_default())
            }
            FromKind::Join { kind, left, right, condition } => {
                self.join(*kind, left, right, condition, from.at)?
            }
            FromKind::Parenthesised(inner) => self.source(inner, None)?,
            FromKind::Function { name, args } => {
                let relation = self.table_function(name, args)?;
                let default = name.parts.last().map_or("", |part| part.name.as_str());
                self.names_of(relation, alias.unwrap_or(default))
            }
            FromKind::Unnest { .. } => unreachable!("an array"),
        };
        for operator in &from.operators {
            (plan, names) = self.table_operator(plan, names, operator)?;
        }
        Ok((plan, names))
    }

    /// Whether a source is an array: `UNNEST`, or a path that begins with a name of this query.
    pub(super) fn is_array(&self, from: &FromItem, left: Option<&Names>) -> bool {
        match &from.kind {
            FromKind::Unnest { .. } => true,
            FromKind::Table { path, with_offset, .. } => {
                let first = &path.parts[0];
                if path.parts.len() == 1 && with_offset.is_none() {
                    return false;
                }
                let known = |names: &Names| names.variable(&first.name).is_some();
                left.is_some_and(known)
                    || self.levels.iter().any(|level| known(&level.names))
                    || with_offset.is_some()
            }
            _ => false,
        }
    }

    // ---- arrays ----

    pub(super) fn unnest(
        &mut self,
        from: &FromItem,
        input: Plan,
        names: &Names,
        outer: bool,
        condition: Option<Expr>,
    ) -> Result<(Plan, Names)> {
        let (arrays, with_offset, default_alias) = match &from.kind {
            FromKind::Unnest { arrays, with_offset } => {
                let arrays: Vec<ast::Expr> = arrays
                    .iter()
                    .filter(|arg| arg.name.is_none())
                    .map(|arg| arg.value.clone())
                    .collect();
                let default = match &arrays[..] {
                    [ast::Expr { kind: ast::ExprKind::Path(path), .. }] => {
                        path.parts.last().map(|part| part.name.clone())
                    }
                    _ => None,
                };
                (arrays, with_offset, default)
            }
            FromKind::Table { path, with_offset, .. } => {
                let array = ast::Expr { kind: ast::ExprKind::Path(path.clone()), at: path.at };
                let default = path.parts.last().map(|part| part.name.clone());
                (vec![array], with_offset, default)
            }
            _ => unreachable!("an array"),
        };
        let resolved = self.with_names(names.clone(), |this| {
            arrays.iter().map(|array| this.resolve(array)).collect::<Result<Vec<_>>>()
        })?;
        let alias = from
            .alias
            .as_ref()
            .map(|alias| alias.name.clone())
            .or(default_alias)
            .unwrap_or_default();
        let mut variables = Vec::new();
        let mut unnested = Vec::new();
        for array in resolved {
            let Some(element_type) = array.expr_type.element().cloned() else {
                let text = format!(
                    "Values referenced in UNNEST must be arrays. UNNEST contains expression of type {}",
                    array.expr_type
                );
                return Err(SqlError::at(array.at, text));
            };
            let element = self.named_column(&alias, element_type);
            let (columns, fields) = self.fields_of(&element);
            variables.push(RangeVariable {
                name: alias.as_str().into(),
                columns,
                value: Some(element.clone()),
            });
            unnested.push(UnnestArray { array, element: element.id, fields });
        }
        let mut offset = None;
        if let Some(offset_alias) = with_offset {
            let name = offset_alias.as_ref().map_or("offset", |alias| alias.name.as_str());
            if let Some(alias) = offset_alias
                && variables.iter().any(|known| known.name.eq_ignore_ascii_case(name))
            {
                return Err(SqlError::at(alias.at, format!("Duplicate alias {name} found")));
            }
            let column = self.named_column(name, Type::Int64);
            offset = Some(column.id);
            let value = Some(column);
            variables.push(RangeVariable { name: name.into(), columns: Vec::new(), value });
        }
        let plan =
            Plan::Unnest(Box::new(Unnest { input, arrays: unnested, offset, outer, condition }));
        Ok((plan, Names { variables, ..Names::default() }))
    }

    /// Columns for the fields of a struct column.
    fn fields_of(
        &mut self,
        value: &Column,
    ) -> (Vec<ScopeColumn>, Vec<(usize, crate::resolved::ColumnId)>) {
        let Type::Struct(fields) = &value.column_type else { return (Vec::new(), Vec::new()) };
        let mut columns = Vec::with_capacity(fields.len());
        let mut ids = Vec::with_capacity(fields.len());
        for (index, field) in fields.iter().enumerate() {
            let column = self.named_column(&field.name, field.field_type.clone());
            ids.push((index, column.id));
            columns.push(ScopeColumn { column, pseudo: false });
        }
        (columns, ids)
    }

    /// A value table's only column as a range variable with the fields as columns.
    pub(super) fn value_names(&mut self, plan: Plan, value: Column, alias: &str) -> (Plan, Names) {
        let (columns, fields) = self.fields_of(&value);
        let computed = fields
            .iter()
            .zip(&columns)
            .map(|((index, id), column)| {
                let base = Box::new(Expr::column(value.id, value.column_type.clone(), 0));
                let expr_type = column.column.column_type.clone();
                (*id, Expr { kind: ExprKind::Field { base, index: *index }, expr_type, at: 0 })
            })
            .collect::<Vec<_>>();
        let plan = match computed.is_empty() {
            true => plan,
            false => Plan::Project { input: Box::new(plan), computed },
        };
        let named = Column { name: alias.into(), ..value };
        let variable = RangeVariable { name: alias.into(), columns, value: Some(named) };
        (plan, Names::of_variable(variable))
    }

    // ---- tables ----

    fn table_source(
        &mut self,
        path: &ast::Path,
        alias: Option<&str>,
        time: Option<&ast::Expr>,
    ) -> Result<(Plan, Names)> {
        if let [name] = &path.parts[..] {
            let same = |known: &&CommonName| known.name.eq_ignore_ascii_case(&name.name);
            if let Some(common) = self.common.iter().rev().find(same).cloned() {
                return Ok(self.common_table(&common, alias.unwrap_or(&name.name)));
            }
            let argument = self
                .table_arguments
                .iter()
                .rev()
                .find(|(known, _)| known.eq_ignore_ascii_case(&name.name));
            if let Some((_, relation)) = argument.cloned() {
                return Ok(self.names_of(relation, alias.unwrap_or(&name.name)));
            }
        }
        let at_micros = time.map(|time| self.system_time(time)).transpose()?;
        let names = path.names();
        let name = self.named_table(&names, path.at)?;
        let description = self.catalog.table(&name, at_micros)?;
        let default = names.last().map(String::as_str).unwrap_or_default();
        let relation = match &description.kind {
            TableKind::View(sql) => self.view(sql, &description, path.at)?,
            TableKind::Table => {
                return self.scan(&description, alias.unwrap_or(default), at_micros);
            }
        };
        Ok(self.names_of(relation, alias.unwrap_or(default)))
    }

    /// A table by its path: a temporary one of the script goes first.
    pub(crate) fn named_table(&self, names: &[String], at: Offset) -> Result<TableName> {
        let short = match names {
            [name] => Some(name),
            [session, name] if session.eq_ignore_ascii_case("_SESSION") => Some(name),
            _ => None,
        };
        if let Some(short) = short {
            let same = |(known, _): &&(String, TableName)| known.eq_ignore_ascii_case(short);
            if let Some((_, table)) = self.bindings.temporary_tables.iter().rev().find(same) {
                return Ok(table.clone());
            }
        }
        self.table_name(names, at)
    }

    fn system_time(&mut self, time: &ast::Expr) -> Result<i64> {
        let time = self.resolve_as(time, &Type::Timestamp, "FOR SYSTEM_TIME AS OF expression")?;
        match crate::evaluate::constant(self.session, &time)? {
            Value::Timestamp(micros) => Ok(micros),
            _ => Err(SqlError::at(time.at, "FOR SYSTEM_TIME AS OF expression must not be NULL")),
        }
    }

    fn common_table(&mut self, common: &CommonName, alias: &str) -> (Plan, Names) {
        self.common_read.insert(common.number);
        let columns: Vec<Column> = common
            .columns
            .iter()
            .map(|(name, column_type)| self.named_column(name, column_type.clone()))
            .collect();
        let ids = columns.iter().map(|column| column.id).collect();
        let plan = Plan::CommonTable { number: common.number, columns: ids };
        self.names_of(Relation { plan, columns, is_value_table: common.is_value_table }, alias)
    }

    fn view(&mut self, sql: &str, description: &TableDescription, at: Offset) -> Result<Relation> {
        let query = parser::parse_query(sql)?;
        let name = &description.name;
        self.tables.insert(name.clone());
        let relation =
            self.isolated(at, |this| this.resolve_query(&query)).map_err(|error| SqlError {
                message: format!(
                    "Invalid view {}.{}.{}: {}",
                    name.project,
                    name.dataset,
                    name.table,
                    error.text(sql)
                ),
                at: None,
                ..error
            })?;
        if description.columns.len() != relation.columns.len() {
            return Ok(relation);
        }
        // A view's own column list names the columns.
        let columns = relation
            .columns
            .into_iter()
            .zip(&description.columns)
            .map(|(column, named)| Column { name: named.name.as_str().into(), ..column });
        Ok(Relation { columns: columns.collect(), ..relation })
    }

    /// A table's rows, with the caller's row access policies.
    pub(super) fn scan_plan(
        &mut self,
        description: &TableDescription,
        alias: &str,
        at_micros: Option<i64>,
    ) -> Result<(Plan, Names)> {
        self.scan(description, alias, at_micros)
    }

    fn scan(
        &mut self,
        description: &TableDescription,
        alias: &str,
        at_micros: Option<i64>,
    ) -> Result<(Plan, Names)> {
        self.tables.insert(description.name.clone());
        let mut columns = Vec::with_capacity(description.columns.len());
        let mut ids = Vec::with_capacity(description.columns.len());
        for (index, known) in description.columns.iter().enumerate() {
            let column = self.named_column(&known.name, known.column_type.clone());
            ids.push((index, column.id));
            columns.push(ScopeColumn { column, pseudo: known.pseudo });
        }
        let plan = Plan::Scan(Scan {
            table: description.name.clone(),
            columns: ids,
            at_micros,
            row_number: None,
            bounds: Vec::new(),
        });
        let names = Names::of_variable(RangeVariable { name: alias.into(), columns, value: None });
        let Some(filters) = &description.row_filters else { return Ok((plan, names)) };
        let mut seen = Vec::with_capacity(filters.len());
        for filter in filters {
            let filter = parser::parse_expression(filter)?;
            let resolved = self.isolated(filter.at, |this| {
                this.collector.no_aggregates = Some("row access policy");
                this.collector.no_windows = Some("row access policy");
                this.with_names(names.clone(), |this| this.condition(&filter, "Row access policy"))
            })?;
            seen.push(Expr { at: 0, ..resolved });
        }
        // No policy for the caller: no rows.
        let predicate = Expr { kind: ExprKind::Or(seen), expr_type: Type::Bool, at: 0 };
        Ok((Plan::Filter { input: Box::new(plan), predicate }, names))
    }
}
