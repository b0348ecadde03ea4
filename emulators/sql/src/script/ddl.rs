//! DDL: what was written becomes a specification, which the database carries out.

use super::control::{exists, statement_type};
use super::query::check_arrays;
use super::{DdlTarget, Runner, StatementResult};
use crate::analyzer::{Analyzer, table_name, type_of};
use crate::ast::{
    self, AlterAction, AlterColumnAction, AlterTarget, DropKind, Statement, StatementKind,
};
use crate::catalog::{TableColumn, TableName};
use crate::database::{
    AlterSpec, ColumnSpec, ConstraintSpec, DropTarget, Exists, ExportSpec, LoadSpec, Made,
    TableSource, TableSpec, ViewSpec,
};
use crate::error::{Reason, Result, SqlError};
use crate::sql_type::Type;
use crate::value::Value;

impl Runner<'_> {
    pub(super) fn ddl(&mut self, statement: &Statement) -> Result<()> {
        match &statement.kind {
            StatementKind::Truncate(table) => self.truncate(statement, table),
            StatementKind::CreateTable(table) => self.create_table(statement, table),
            StatementKind::CreateView(view) => self.create_view(statement, view),
            StatementKind::CreateSchema(schema) => self.create_schema(statement, schema),
            StatementKind::CreateFunction(function) => self.create_function(statement, function),
            StatementKind::CreateProcedure(procedure) => {
                self.create_procedure(statement, procedure)
            }
            StatementKind::CreateRowAccessPolicy(policy) => self.create_policy(statement, policy),
            StatementKind::Alter { target, if_exists, path, actions } => {
                self.alter(statement, *target, *if_exists, path, actions)
            }
            StatementKind::Drop { kind, if_exists, path, cascade, on_table } => self.drop_thing(
                statement,
                *kind,
                exists(*if_exists),
                path,
                *cascade,
                on_table.as_ref(),
            ),
            StatementKind::DropAllRowAccessPolicies(table) => {
                let name = table_name(self.session, &table.names(), table.at)?;
                self.database.drop_row_access_policy(&name, None, Exists::Fail)?;
                self.done(
                    statement,
                    "DROP_ALL_ROW_ACCESS_POLICIES",
                    "DROP",
                    DdlTarget::RowAccessPolicy(name, None),
                );
                Ok(())
            }
            StatementKind::ExportData(export) => self.export(statement, export),
            StatementKind::LoadData(load) => self.load(statement, load),
            StatementKind::Undrop { .. } => {
                Err(SqlError::not_implemented("UNDROP SCHEMA").or_at(statement.at))
            }
            StatementKind::Grant { revoke, .. } => {
                let what = if *revoke { "REVOKE" } else { "GRANT" };
                Err(SqlError::not_implemented(what).or_at(statement.at))
            }
            _ => Err(SqlError::not_implemented("this statement").or_at(statement.at)),
        }
    }

    // ---- tables ----

    fn create_table(&mut self, statement: &Statement, table: &ast::CreateTable) -> Result<()> {
        let name = match table.temporary {
            true => self.temporary_name(&table.path)?,
            false => table_name(self.session, &table.path.names(), table.path.at)?,
        };
        let mut columns = self.columns(&table.columns)?;
        let constraints = self.constraints(&table.columns, &table.constraints)?;
        let partitioning = self.partitioning(table.partition_by.as_ref())?;
        let clustering = table.cluster_by.iter().map(ast::Path::text).collect();
        let options = self.options(&table.options)?;
        let mut tables = std::collections::BTreeSet::new();
        let mut statement_type = "CREATE_TABLE";
        let source = if let Some(query) = &table.query {
            statement_type = "CREATE_TABLE_AS_SELECT";
            let (result, read) = self.query(query)?;
            tables = read;
            let found: Vec<TableColumn> = result
                .columns
                .iter()
                .map(|column| TableColumn::new(&column.name, column.column_type.clone()))
                .collect();
            let mut rows = result.rows;
            if columns.is_empty() {
                columns = found
                    .into_iter()
                    .map(|column| ColumnSpec {
                        column,
                        options: Vec::new(),
                        collation: None,
                        required_fields: Vec::new(),
                    })
                    .collect();
            } else {
                rows = self.fit_rows(rows, &found, &columns)?;
            }
            TableSource::Rows(rows)
        } else if let Some(like) = &table.like {
            TableSource::Like(self.existing(like)?)
        } else if let Some(copy) = &table.copy {
            statement_type = "CREATE_TABLE_COPY";
            TableSource::Copy(self.existing(copy)?)
        } else if let Some((clone, time)) = &table.clone {
            statement_type =
                if table.snapshot { "CREATE_SNAPSHOT_TABLE" } else { "CREATE_TABLE_CLONE" };
            let time = match time {
                None => None,
                Some(time) => {
                    let value = self.value_as(
                        time,
                        Some((&Type::Timestamp, "FOR SYSTEM_TIME AS OF expression")),
                    )?;
                    match value.value {
                        Value::Timestamp(micros) => Some(micros),
                        _ => {
                            return Err(SqlError::at(
                                time.at,
                                "FOR SYSTEM_TIME AS OF expression must not be NULL",
                            ));
                        }
                    }
                }
            };
            TableSource::Clone(self.existing(clone)?, time)
        } else {
            TableSource::Empty
        };
        if table.external {
            statement_type = "CREATE_EXTERNAL_TABLE";
        }
        let spec = TableSpec {
            name: name.clone(),
            exists: exists(table.exists),
            temporary: table.temporary,
            snapshot: table.snapshot,
            external: table.external,
            columns,
            constraints,
            partitioning,
            clustering,
            options,
            source,
        };
        let made = self.database.create_table(spec)?;
        if table.temporary {
            let short = table.path.names().pop().unwrap_or_default();
            let temporary = &mut self.state.bindings.temporary_tables;
            temporary.retain(|(known, _)| !known.eq_ignore_ascii_case(&short));
            temporary.push((short, name.clone()));
        }
        let operation = created(made);
        let result = StatementResult {
            ddl: Some((operation, DdlTarget::Table(name))),
            tables,
            ..self.new_result(statement_type, statement)
        };
        self.results.push(result);
        Ok(())
    }

    /// The rows of a query as the columns that `CREATE TABLE` gives.
    fn fit_rows(
        &self,
        rows: Vec<Vec<Value>>,
        found: &[TableColumn],
        columns: &[ColumnSpec],
    ) -> Result<Vec<Vec<Value>>> {
        if found.len() != columns.len() {
            let text = format!(
                "Number of columns in the query {} does not match the column definition list {}",
                found.len(),
                columns.len()
            );
            return Err(SqlError::evaluation(text));
        }
        rows.into_iter()
            .map(|row| {
                row.into_iter()
                    .zip(found)
                    .zip(columns)
                    .map(|((value, found), spec)| {
                        let column = &spec.column;
                        let value = crate::cast::cast(
                            self.session,
                            &value,
                            &found.column_type,
                            &column.column_type,
                        )?;
                        check_arrays(&value, &column.name)?;
                        crate::cast::apply_parameters(
                            &value,
                            &column.column_type,
                            &column.parameters,
                        )
                    })
                    .collect()
            })
            .collect()
    }

    fn temporary_name(&self, path: &ast::Path) -> Result<TableName> {
        let names = path.names();
        let short = match &names[..] {
            [name] => name,
            [session, name] if session.eq_ignore_ascii_case("_SESSION") => name,
            _ => {
                return Err(SqlError::at(
                    path.at,
                    "A temporary table must not be qualified with a dataset",
                ));
            }
        };
        let (project, dataset) = self.temporary.clone();
        Ok(TableName { project, dataset, table: short.clone() })
    }

    /// A table that is there: temporary ones go first.
    fn existing(&self, path: &ast::Path) -> Result<TableName> {
        let analyzer =
            Analyzer::new(self.database.as_catalog(), self.session, &self.state.bindings);
        analyzer.named_table(&path.names(), path.at)
    }

    fn create_view(&mut self, statement: &Statement, view: &ast::CreateView) -> Result<()> {
        let name = table_name(self.session, &view.path.names(), view.path.at)?;
        let catalog = self.database.as_catalog();
        let mut analyzer = Analyzer::new(catalog, self.session, &self.state.bindings);
        let resolved = analyzer.query(&view.query)?;
        let tables = std::mem::take(&mut analyzer.tables);
        let mut columns: Vec<TableColumn> = super::query::result_columns(&resolved)
            .into_iter()
            .map(|column| TableColumn::new(&column.name, column.column_type))
            .collect();
        if !view.columns.is_empty() {
            if view.columns.len() != columns.len() {
                let text = format!(
                    "View has {} columns but its query has {}",
                    view.columns.len(),
                    columns.len()
                );
                return Err(SqlError::at(view.path.at, text));
            }
            for (column, named) in columns.iter_mut().zip(&view.columns) {
                column.name.clone_from(&named.name.name);
            }
        }
        let spec = ViewSpec {
            name: name.clone(),
            exists: exists(view.exists),
            materialized: view.materialized,
            query: self.words(view.query_from, view.query_to),
            columns,
            options: self.options(&view.options)?,
        };
        let made = self.database.create_view(spec)?;
        let result = StatementResult {
            ddl: Some((created(made), DdlTarget::Table(name))),
            tables,
            ..self.new_result(statement_type(&statement.kind), statement)
        };
        self.results.push(result);
        Ok(())
    }

    fn create_schema(&mut self, statement: &Statement, schema: &ast::CreateSchema) -> Result<()> {
        let (project, dataset) = self.schema_name(&schema.path)?;
        let mut options = self.options(&schema.options)?;
        if let Some(collation) = &schema.default_collation {
            options.push(("default_collation".to_owned(), Value::string(collation)));
        }
        let made =
            self.database.create_schema(&project, &dataset, exists(schema.exists), options)?;
        self.done(statement, "CREATE_SCHEMA", created(made), DdlTarget::Schema(project, dataset));
        Ok(())
    }

    fn schema_name(&self, path: &ast::Path) -> Result<(String, String)> {
        match &path.names()[..] {
            [dataset] => Ok((self.session.project.clone(), dataset.clone())),
            [project, dataset] => Ok((project.clone(), dataset.clone())),
            names => {
                Err(SqlError::at(path.at, format!("Invalid dataset name: {}", names.join("."))))
            }
        }
    }

    // ---- changes ----

    fn alter(
        &mut self,
        statement: &Statement,
        target: AlterTarget,
        if_exists: ast::IfExists,
        path: &ast::Path,
        actions: &[AlterAction],
    ) -> Result<()> {
        let statement_type = statement_type(&statement.kind);
        if target == AlterTarget::Schema {
            let (project, dataset) = self.schema_name(path)?;
            let mut options = Vec::new();
            for action in actions {
                match action {
                    AlterAction::SetOptions(items) => options.extend(self.options(items)?),
                    AlterAction::SetDefaultCollation(collation) => {
                        options.push(("default_collation".to_owned(), Value::string(collation)));
                    }
                    _ => {
                        return Err(SqlError::at(
                            path.at,
                            "ALTER SCHEMA does not support this action",
                        ));
                    }
                }
            }
            self.database.alter_schema(&project, &dataset, exists(if_exists), options)?;
            self.done(statement, statement_type, "ALTER", DdlTarget::Schema(project, dataset));
            return Ok(());
        }
        let name = self.existing(path)?;
        let actions =
            actions.iter().map(|action| self.action(action)).collect::<Result<Vec<_>>>()?;
        self.database.alter_table(&name, exists(if_exists), actions)?;
        self.done(statement, statement_type, "ALTER", DdlTarget::Table(name));
        Ok(())
    }

    fn action(&mut self, action: &AlterAction) -> Result<AlterSpec> {
        Ok(match action {
            AlterAction::SetOptions(items) => AlterSpec::SetOptions(self.options(items)?),
            AlterAction::AddColumn { exists: if_exists, column } => {
                AlterSpec::AddColumn(exists(*if_exists), self.column(column)?)
            }
            AlterAction::DropColumn { exists: if_exists, name } => {
                AlterSpec::DropColumn(exists(*if_exists), name.name.clone())
            }
            AlterAction::RenameColumn { exists: if_exists, from, to } => {
                AlterSpec::RenameColumn(exists(*if_exists), from.name.clone(), to.name.clone())
            }
            AlterAction::RenameTo(path) => {
                AlterSpec::RenameTo(path.names().pop().unwrap_or_default())
            }
            AlterAction::AlterColumn { exists: if_exists, name, action } => {
                let (if_exists, name) = (exists(*if_exists), name.name.clone());
                match &**action {
                    AlterColumnAction::SetOptions(items) => {
                        AlterSpec::SetColumnOptions(if_exists, name, self.options(items)?)
                    }
                    AlterColumnAction::DropNotNull => AlterSpec::DropNotNull(if_exists, name),
                    AlterColumnAction::SetDataType(to) => {
                        AlterSpec::SetDataType(if_exists, name, type_of(to)?, to.parameters.clone())
                    }
                    AlterColumnAction::SetDefault(default) => {
                        let words = self.words(default.from, default.to);
                        AlterSpec::SetDefault(if_exists, name, Some(words))
                    }
                    AlterColumnAction::DropDefault => AlterSpec::SetDefault(if_exists, name, None),
                }
            }
            AlterAction::AddConstraint(constraint) => {
                let constraints = self.constraints(&[], std::slice::from_ref(constraint))?;
                let first: Option<ConstraintSpec> = constraints.into_iter().next();
                AlterSpec::AddConstraint(first.expect("one constraint was given"))
            }
            AlterAction::DropConstraint { exists: if_exists, name, .. } => {
                AlterSpec::DropConstraint(
                    exists(*if_exists),
                    name.as_ref().map(|name| name.name.clone()),
                )
            }
            AlterAction::SetDefaultCollation(collation) => {
                AlterSpec::SetDefaultCollation(collation.clone())
            }
        })
    }

    fn drop_thing(
        &mut self,
        statement: &Statement,
        kind: DropKind,
        if_exists: Exists,
        path: &ast::Path,
        cascade: bool,
        on_table: Option<&ast::Path>,
    ) -> Result<()> {
        let operation = |dropped: bool| if dropped { "DROP" } else { "SKIP" };
        let (statement_type, target) = match kind {
            DropKind::Table => ("DROP_TABLE", DropTarget::Table),
            DropKind::ExternalTable => ("DROP_EXTERNAL_TABLE", DropTarget::ExternalTable),
            DropKind::SnapshotTable => ("DROP_SNAPSHOT_TABLE", DropTarget::Snapshot),
            DropKind::View => ("DROP_VIEW", DropTarget::View),
            DropKind::MaterializedView => ("DROP_MATERIALIZED_VIEW", DropTarget::MaterializedView),
            DropKind::Schema => {
                let (project, dataset) = self.schema_name(path)?;
                let dropped = self.database.drop_schema(&project, &dataset, if_exists, cascade)?;
                self.done(
                    statement,
                    "DROP_SCHEMA",
                    operation(dropped),
                    DdlTarget::Schema(project, dataset),
                );
                return Ok(());
            }
            DropKind::Function | DropKind::TableFunction | DropKind::Procedure => {
                let statement_type = match kind {
                    DropKind::Function => "DROP_FUNCTION",
                    DropKind::TableFunction => "DROP_TABLE_FUNCTION",
                    _ => "DROP_PROCEDURE",
                };
                let full = self.routine_path(&path.names(), path.at)?;
                let dropped = self.database.drop_routine(&full, if_exists)?;
                self.done(statement, statement_type, operation(dropped), DdlTarget::Routine(full));
                return Ok(());
            }
            DropKind::RowAccessPolicy => {
                let Some(table) = on_table else {
                    return Err(SqlError::at(
                        path.at,
                        "DROP ROW ACCESS POLICY needs ON and a table",
                    ));
                };
                let table = table_name(self.session, &table.names(), table.at)?;
                let name = path.text();
                let dropped =
                    self.database.drop_row_access_policy(&table, Some(&name), if_exists)?;
                let target = DdlTarget::RowAccessPolicy(table, Some(name));
                self.done(statement, "DROP_ROW_ACCESS_POLICY", operation(dropped), target);
                return Ok(());
            }
        };
        let name = self.existing(path)?;
        let dropped = self.database.drop_table(&name, target, if_exists)?;
        self.state.bindings.temporary_tables.retain(|(_, known)| *known != name);
        self.done(statement, statement_type, operation(dropped), DdlTarget::Table(name));
        Ok(())
    }

    // ---- files ----

    fn export(&mut self, statement: &Statement, export: &ast::ExportData) -> Result<()> {
        let options = self.options(&export.options)?;
        let has_uri = options.iter().any(|(name, value)| {
            name == "uri" && value.as_str().is_some_and(|uri| !uri.is_empty())
        });
        if !has_uri {
            return Err(SqlError::new(Reason::InvalidOption, "Option 'uri' is missing or empty."));
        }
        let (result, tables) = self.query(&export.query)?;
        let columns =
            result.columns.into_iter().map(|column| (column.name, column.column_type)).collect();
        self.database.export(ExportSpec { options, columns, rows: result.rows })?;
        let result = StatementResult { tables, ..self.new_result("EXPORT_DATA", statement) };
        self.results.push(result);
        Ok(())
    }

    fn load(&mut self, statement: &Statement, load: &ast::LoadData) -> Result<()> {
        let name = match load.temporary {
            true => self.temporary_name(&load.path)?,
            false => table_name(self.session, &load.path.names(), load.path.at)?,
        };
        let spec = LoadSpec {
            name: name.clone(),
            overwrite: load.overwrite,
            columns: self.columns(&load.columns)?,
            partitioning: self.partitioning(load.partition_by.as_ref())?,
            clustering: load.cluster_by.iter().map(ast::Path::text).collect(),
            options: self.options(&load.options)?,
            files: self.options(&load.files)?,
        };
        self.database.load(spec)?;
        self.done(statement, "LOAD_DATA", "CREATE", DdlTarget::Table(name));
        Ok(())
    }
}

/// What `CREATE` did, as the statistics of a job say it.
pub(super) fn created(made: Made) -> &'static str {
    match made {
        Made::Created => "CREATE",
        Made::Replaced => "REPLACE",
        Made::Skipped => "SKIP",
    }
}
