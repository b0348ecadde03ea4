//! A database in memory, for tests of the language alone: tables are lists of rows.

use std::collections::BTreeMap;

use windtunnel_sql::{
    AlterSpec, Bound, Catalog, ControlFlow, Database, DropTarget, Exists, ExportSpec, LoadSpec,
    Made, Reason, Result, Routine, RowAccessPolicySpec, RowChange, RowSink, SqlError,
    TableDescription, TableKind, TableName, TableSource, TableSpec, Value, ViewSpec,
};

/// Tables, views and routines.
#[derive(Debug, Default, Clone)]
pub(crate) struct Memory {
    tables: BTreeMap<TableName, (TableDescription, Vec<Vec<Value>>)>,
    routines: BTreeMap<Vec<String>, Routine>,
    saved: Option<Box<Memory>>,
}

fn not_found(name: &TableName) -> SqlError {
    SqlError::new(Reason::NotFound, format!("Not found: Table {name} was not found in location US"))
}

impl Memory {
    fn table_mut(&mut self, name: &TableName) -> Result<&mut (TableDescription, Vec<Vec<Value>>)> {
        self.tables.get_mut(name).ok_or_else(|| not_found(name))
    }

    fn put(
        &mut self,
        description: TableDescription,
        rows: Vec<Vec<Value>>,
        exists: Exists,
    ) -> Result<Made> {
        let name = description.name.clone();
        if self.tables.contains_key(&name) {
            match exists {
                Exists::Skip => return Ok(Made::Skipped),
                Exists::Fail => {
                    return Err(SqlError::new(
                        Reason::Duplicate,
                        format!("Already Exists: Table {name}"),
                    ));
                }
                Exists::Replace => {}
            }
        }
        Ok(match self.tables.insert(name, (description, rows)) {
            Some(_) => Made::Replaced,
            None => Made::Created,
        })
    }
}

impl Catalog for Memory {
    fn table(&self, name: &TableName, _: Option<i64>) -> Result<TableDescription> {
        self.tables
            .get(name)
            .map(|(description, _)| description.clone())
            .ok_or_else(|| not_found(name))
    }

    fn routine(&self, path: &[String]) -> Result<Option<Routine>> {
        Ok(self.routines.get(path).cloned())
    }

    fn scan(
        &self,
        name: &TableName,
        _: Option<i64>,
        columns: &[usize],
        _: &[Bound],
        sink: RowSink<'_>,
    ) -> Result<()> {
        let (_, rows) = self.tables.get(name).ok_or_else(|| not_found(name))?;
        for (number, row) in rows.iter().enumerate() {
            let mut values: Vec<Value> =
                columns.iter().map(|column| row[*column].clone()).collect();
            if let ControlFlow::Break(()) = sink(number as u64, &mut values)? {
                break;
            }
        }
        Ok(())
    }
}

impl Database for Memory {
    fn as_catalog(&self) -> &dyn Catalog {
        self
    }

    fn create_table(&mut self, spec: TableSpec) -> Result<Made> {
        let mut columns: Vec<_> = spec.columns.into_iter().map(|column| column.column).collect();
        let rows = match spec.source {
            TableSource::Empty => Vec::new(),
            TableSource::Rows(rows) => rows,
            TableSource::Like(other) => {
                columns = self.table(&other, None)?.columns;
                Vec::new()
            }
            TableSource::Copy(other) | TableSource::Clone(other, _) => {
                let (description, rows) = self.table_mut(&other)?;
                columns = description.columns.clone();
                rows.clone()
            }
        };
        let description = TableDescription {
            name: spec.name,
            kind: TableKind::Table,
            columns,
            required_filter: Vec::new(),
            row_filters: None,
        };
        self.put(description, rows, spec.exists)
    }

    fn create_view(&mut self, spec: ViewSpec) -> Result<Made> {
        let description = TableDescription {
            name: spec.name,
            kind: TableKind::View(spec.query),
            columns: spec.columns,
            required_filter: Vec::new(),
            row_filters: None,
        };
        self.put(description, Vec::new(), spec.exists)
    }

    fn create_schema(
        &mut self,
        _: &str,
        _: &str,
        _: Exists,
        _: Vec<(String, Value)>,
    ) -> Result<Made> {
        Ok(Made::Created)
    }

    fn drop_schema(&mut self, _: &str, _: &str, _: Exists, _: bool) -> Result<bool> {
        Ok(true)
    }

    fn alter_schema(&mut self, _: &str, _: &str, _: Exists, _: Vec<(String, Value)>) -> Result<()> {
        Ok(())
    }

    fn drop_table(&mut self, name: &TableName, _: DropTarget, exists: Exists) -> Result<bool> {
        match self.tables.remove(name) {
            Some(_) => Ok(true),
            None if exists == Exists::Skip => Ok(false),
            None => Err(not_found(name)),
        }
    }

    fn alter_table(&mut self, name: &TableName, _: Exists, actions: Vec<AlterSpec>) -> Result<()> {
        let (description, rows) = self.table_mut(name)?;
        for action in actions {
            match action {
                AlterSpec::AddColumn(_, column) => {
                    description.columns.push(column.column);
                    rows.iter_mut().for_each(|row| row.push(Value::Null));
                }
                AlterSpec::DropColumn(_, name) => {
                    if let Some(index) =
                        description.columns.iter().position(|column| column.name == name)
                    {
                        description.columns.remove(index);
                        rows.iter_mut().for_each(|row| drop(row.remove(index)));
                    }
                }
                AlterSpec::RenameColumn(_, from, to) => {
                    description
                        .columns
                        .iter_mut()
                        .filter(|column| column.name == from)
                        .for_each(|column| column.name.clone_from(&to));
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn create_routine(&mut self, routine: Routine, _: Exists) -> Result<Made> {
        self.routines.insert(routine.path.clone(), routine);
        Ok(Made::Created)
    }

    fn drop_routine(&mut self, path: &[String], _: Exists) -> Result<bool> {
        Ok(self.routines.remove(path).is_some())
    }

    fn create_row_access_policy(&mut self, _: RowAccessPolicySpec) -> Result<Made> {
        Err(SqlError::not_implemented("row access policies"))
    }

    fn drop_row_access_policy(
        &mut self,
        _: &TableName,
        _: Option<&str>,
        _: Exists,
    ) -> Result<bool> {
        Err(SqlError::not_implemented("row access policies"))
    }

    fn insert(&mut self, table: &TableName, new: Vec<Vec<Value>>) -> Result<()> {
        self.table_mut(table)?.1.extend(new);
        Ok(())
    }

    fn rewrite(
        &mut self,
        table: &TableName,
        changes: Vec<(u64, RowChange)>,
        appended: Vec<Vec<Value>>,
    ) -> Result<()> {
        let mut changes: BTreeMap<u64, RowChange> = changes.into_iter().collect();
        let (_, rows) = self.table_mut(table)?;
        let old = std::mem::take(rows);
        for (number, row) in old.into_iter().enumerate() {
            match changes.remove(&(number as u64)) {
                None => rows.push(row),
                Some(RowChange::Replace(row)) => rows.push(row),
                Some(RowChange::Delete) => {}
            }
        }
        rows.extend(appended);
        Ok(())
    }

    fn truncate(&mut self, table: &TableName) -> Result<u64> {
        let rows = &mut self.table_mut(table)?.1;
        Ok(std::mem::take(rows).len() as u64)
    }

    fn export(&mut self, _: ExportSpec) -> Result<()> {
        Err(SqlError::not_implemented("EXPORT DATA"))
    }

    fn load(&mut self, _: LoadSpec) -> Result<u64> {
        Err(SqlError::not_implemented("LOAD DATA"))
    }

    fn call_system_procedure(&mut self, name: &str, _: &[Value]) -> Result<()> {
        Err(SqlError::not_implemented(name))
    }

    fn begin(&mut self) -> Result<()> {
        self.saved = Some(Box::new(self.clone()));
        Ok(())
    }

    fn commit(&mut self) -> Result<()> {
        self.saved = None;
        Ok(())
    }

    fn rollback(&mut self) -> Result<()> {
        if let Some(saved) = self.saved.take() {
            *self = *saved;
        }
        Ok(())
    }
}
