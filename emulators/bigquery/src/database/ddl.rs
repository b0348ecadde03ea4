//! DDL over the catalog.

use serde_json::{Map, json};
use windtunnel_sql::{
    AlterSpec, Catalog as SqlCatalog, Database, DropTarget, Exists, ExportSpec, LoadSpec, Made,
    Reason, Result, Routine, RowAccessPolicySpec, RowChange, SqlError, TableName, TableSource,
    TableSpec, Type, Value, ViewSpec,
};

use super::alter::{alter, column};
use super::options::{add_constraint, schema_of, set_layout, set_options};
use super::{SqlDatabase, id_of, routines, sql_error};
use crate::catalog::{CatalogError, RoutineId};
use crate::rows::values::batch_of_rows;
use crate::schema::TableSchema;
use crate::table::{RowAccessPolicy, Segment, TableId, TableKind};

impl Database for SqlDatabase<'_> {
    fn as_catalog(&self) -> &dyn SqlCatalog {
        self
    }

    fn create_table(&mut self, spec: TableSpec) -> Result<Made> {
        if spec.external {
            return Err(SqlError::not_implemented("CREATE EXTERNAL TABLE"));
        }
        let id = id_of(&spec.name);
        if spec.temporary {
            self.ensure_dataset(&id);
        }
        let kind = if spec.snapshot { TableKind::Snapshot } else { TableKind::Table };
        let mut settings = Map::new();
        let mut segments = Vec::new();
        let mut schema = schema_of(&spec.columns)?;
        match &spec.source {
            TableSource::Empty => {}
            TableSource::Rows(rows) => {
                let batch = batch_of_rows(&schema, rows)
                    .map_err(|error| SqlError::evaluation(error.to_string()))?;
                segments.push(Segment { batch, partition_time: None });
            }
            TableSource::Like(other) => (schema, settings, _) = self.shape_of(other, None)?,
            TableSource::Copy(other) => {
                (schema, settings, segments) = self.shape_of(other, None)?
            }
            TableSource::Clone(other, at) => {
                (schema, settings, segments) = self.shape_of(other, *at)?;
                if spec.snapshot {
                    let base = json!({ "projectId": other.project, "datasetId": other.dataset, "tableId": other.table });
                    settings.insert(
                        "snapshotDefinition".to_owned(),
                        json!({ "baseTableReference": base }),
                    );
                } else {
                    let base = json!({ "projectId": other.project, "datasetId": other.dataset, "tableId": other.table });
                    settings.insert(
                        "cloneDefinition".to_owned(),
                        json!({ "baseTableReference": base }),
                    );
                }
            }
        }
        set_layout(&mut settings, spec.partitioning.as_ref(), &spec.clustering);
        for constraint in &spec.constraints {
            add_constraint(&mut settings, constraint);
        }
        set_options(&mut settings, &spec.options)?;
        let made = self.make(&id, kind, schema, settings, spec.exists)?;
        if made != Made::Skipped {
            self.shared
                .state()
                .catalog
                .append_segments(&id, segments, self.now)
                .map_err(sql_error)?;
        }
        Ok(made)
    }

    fn create_view(&mut self, spec: ViewSpec) -> Result<Made> {
        let id = id_of(&spec.name);
        let columns: Vec<(&str, &Type)> =
            spec.columns.iter().map(|column| (column.name.as_str(), &column.column_type)).collect();
        let schema = TableSchema::of_sql_columns(columns)
            .map_err(|error| SqlError::evaluation(error.to_string()))?;
        let (kind, key) = match spec.materialized {
            true => (TableKind::MaterializedView, "materializedView"),
            false => (TableKind::View, "view"),
        };
        let mut settings = Map::new();
        settings.insert(key.to_owned(), json!({ "query": spec.query, "useLegacySql": false }));
        set_options(&mut settings, &spec.options)?;
        self.make(&id, kind, schema, settings, spec.exists)
    }

    fn create_schema(
        &mut self,
        project: &str,
        dataset: &str,
        exists: Exists,
        options: Vec<(String, Value)>,
    ) -> Result<Made> {
        let location = options
            .iter()
            .find(|(name, _)| name == "location")
            .and_then(|(_, value)| value.as_str());
        let location = location.unwrap_or("US").to_owned();
        let mut settings = Map::new();
        set_options(&mut settings, &options)?;
        let mut state = self.shared.state();
        match state.catalog.create_dataset(project, dataset, &location, settings, self.now) {
            Ok(_) => Ok(Made::Created),
            Err(CatalogError::AlreadyExists(_)) if exists == Exists::Skip => Ok(Made::Skipped),
            Err(error) => Err(sql_error(error)),
        }
    }

    fn drop_schema(
        &mut self,
        project: &str,
        dataset: &str,
        exists: Exists,
        cascade: bool,
    ) -> Result<bool> {
        let mut state = self.shared.state();
        match state.catalog.delete_dataset(project, dataset, cascade) {
            Ok(()) => Ok(true),
            Err(CatalogError::DatasetNotFound(_)) if exists == Exists::Skip => Ok(false),
            Err(error) => Err(sql_error(error)),
        }
    }

    fn alter_schema(
        &mut self,
        project: &str,
        dataset: &str,
        exists: Exists,
        options: Vec<(String, Value)>,
    ) -> Result<()> {
        let mut state = self.shared.state();
        let mut settings = match state.catalog.dataset(project, dataset) {
            Ok(dataset) => dataset.settings.clone(),
            Err(_) if exists == Exists::Skip => return Ok(()),
            Err(error) => return Err(sql_error(error)),
        };
        set_options(&mut settings, &options)?;
        state
            .catalog
            .update_dataset(project, dataset, settings, self.now)
            .map(drop)
            .map_err(sql_error)
    }

    fn drop_table(&mut self, name: &TableName, target: DropTarget, exists: Exists) -> Result<bool> {
        let id = id_of(name);
        let kind = match self.shared.state().catalog.table(&id) {
            Ok(table) => table.kind,
            Err(_) if exists == Exists::Skip => return Ok(false),
            Err(error) => return Err(sql_error(error)),
        };
        let wanted = match target {
            DropTarget::Table => TableKind::Table,
            DropTarget::Snapshot => TableKind::Snapshot,
            DropTarget::View => TableKind::View,
            DropTarget::MaterializedView => TableKind::MaterializedView,
            DropTarget::ExternalTable => {
                return Err(SqlError::not_implemented("DROP EXTERNAL TABLE"));
            }
        };
        if kind != wanted {
            let text = format!(
                "Cannot drop {}.{}.{} which has type {}. An object of type {} was expected.",
                id.project,
                id.dataset,
                id.table,
                kind.name(),
                wanted.name()
            );
            return Err(SqlError::evaluation(text));
        }
        self.before_change(&id);
        self.shared.state().catalog.delete_table(&id).map_err(sql_error)?;
        Ok(true)
    }

    fn alter_table(
        &mut self,
        name: &TableName,
        exists: Exists,
        actions: Vec<AlterSpec>,
    ) -> Result<()> {
        let id = id_of(name);
        let (mut schema, mut settings) = {
            let state = self.shared.state();
            match state.catalog.table(&id) {
                Ok(table) => (TableSchema::clone(&table.schema), table.settings.clone()),
                Err(_) if exists == Exists::Skip => return Ok(()),
                Err(error) => return Err(sql_error(error)),
            }
        };
        self.before_change(&id);
        for action in actions {
            if let AlterSpec::RenameTo(to) = &action {
                self.shared.state().catalog.rename_table(&id, to, self.now).map_err(sql_error)?;
                return Ok(());
            }
            if let AlterSpec::RenameColumn(exists, from, to) = &action {
                let Some(index) = column(&schema, from, *exists)? else { continue };
                if schema.index_of(to).is_some() {
                    return Err(SqlError::evaluation(format!("Column already exists: {to}")));
                }
                schema.fields[index].name.clone_from(to);
                self.shared
                    .state()
                    .catalog
                    .rename_column(&id, from, to, self.now)
                    .map_err(sql_error)?;
                continue;
            }
            alter(&mut schema, &mut settings, action)?;
        }
        let mut state = self.shared.state();
        let changed =
            (*state.catalog.table(&id).map_err(sql_error)?.schema != schema).then_some(schema);
        state.catalog.update_table(&id, settings, changed, self.now).map(drop).map_err(sql_error)
    }

    fn create_routine(&mut self, routine: Routine, exists: Exists) -> Result<Made> {
        let id = routine_id(&routine.path)?;
        let resource = routines::resource_of(&routine);
        let mut state = self.shared.state();
        let known = state.catalog.routine(&id).is_ok();
        match state.catalog.create_routine(id, resource, exists == Exists::Replace, self.now) {
            Ok(_) if known => Ok(Made::Replaced),
            Ok(_) => Ok(Made::Created),
            Err(CatalogError::AlreadyExists(_)) if exists == Exists::Skip => Ok(Made::Skipped),
            Err(error) => Err(sql_error(error)),
        }
    }

    fn drop_routine(&mut self, path: &[String], exists: Exists) -> Result<bool> {
        let id = routine_id(path)?;
        let mut state = self.shared.state();
        match state.catalog.delete_routine(&id) {
            Ok(()) => Ok(true),
            Err(CatalogError::RoutineNotFound(_)) if exists == Exists::Skip => Ok(false),
            Err(error) => Err(sql_error(error)),
        }
    }

    fn create_row_access_policy(&mut self, policy: RowAccessPolicySpec) -> Result<Made> {
        let id = id_of(&policy.table);
        let mut state = self.shared.state();
        let policies = state.catalog.policies_mut(&id).map_err(sql_error)?;
        match (policies.contains_key(&policy.name), policy.exists) {
            (true, Exists::Skip) => return Ok(Made::Skipped),
            (true, Exists::Fail) => {
                let text = format!("Already Exists: Row access policy {id}.{}", policy.name);
                return Err(SqlError::new(Reason::Duplicate, text));
            }
            _ => {}
        }
        let RowAccessPolicySpec { name, grantees, filter, .. } = policy;
        let made =
            RowAccessPolicy { filter, grantees, created_at: self.now, modified_at: self.now };
        Ok(match policies.insert(name, made) {
            Some(_) => Made::Replaced,
            None => Made::Created,
        })
    }

    fn drop_row_access_policy(
        &mut self,
        table: &TableName,
        name: Option<&str>,
        exists: Exists,
    ) -> Result<bool> {
        let id = id_of(table);
        let mut state = self.shared.state();
        let policies = state.catalog.policies_mut(&id).map_err(sql_error)?;
        let Some(name) = name else {
            policies.clear();
            return Ok(true);
        };
        match (policies.remove(name), exists) {
            (Some(_), _) => Ok(true),
            (None, Exists::Skip) => Ok(false),
            (None, _) => {
                let missing = CatalogError::PolicyNotFound(format!("{id}.{name}"));
                Err(sql_error(missing))
            }
        }
    }

    fn insert(&mut self, table: &TableName, rows: Vec<Vec<Value>>) -> Result<()> {
        self.insert_rows(table, rows)
    }

    fn rewrite(
        &mut self,
        table: &TableName,
        changes: Vec<(u64, RowChange)>,
        appended: Vec<Vec<Value>>,
    ) -> Result<()> {
        self.rewrite_rows(table, changes, appended)
    }

    fn truncate(&mut self, table: &TableName) -> Result<u64> {
        self.truncate_table(table)
    }

    fn export(&mut self, spec: ExportSpec) -> Result<()> {
        self.export_rows(spec)
    }

    fn load(&mut self, spec: LoadSpec) -> Result<u64> {
        self.load_files(spec)
    }

    fn call_system_procedure(&mut self, name: &str, args: &[Value]) -> Result<()> {
        match (name, args) {
            // Materialized views are computed when they are read: they are always fresh.
            ("BQ.REFRESH_MATERIALIZED_VIEW", [Value::String(view)]) => {
                let parts: Vec<&str> = view.split('.').collect();
                let [.., dataset, table] = parts[..] else {
                    return Err(SqlError::evaluation(format!("Invalid view name: {view}")));
                };
                let project = if parts.len() > 2 { parts[0] } else { "" };
                let id = TableId::new(project, dataset, table);
                match self.shared.state().catalog.table(&id).map_err(sql_error)?.kind {
                    TableKind::MaterializedView => Ok(()),
                    _ => Err(SqlError::evaluation(format!("{view} is not a materialized view"))),
                }
            }
            ("BQ.ABORT_SESSION", []) => {
                self.aborts_session = true;
                Ok(())
            }
            _ => Err(SqlError::not_implemented(format!("CALL {name}"))),
        }
    }

    fn begin(&mut self) -> Result<()> {
        if self.undo.is_some() {
            return Err(SqlError::evaluation("Transaction is already in progress"));
        }
        self.undo = Some(std::collections::HashMap::new());
        Ok(())
    }

    fn commit(&mut self) -> Result<()> {
        match self.undo.take() {
            Some(_) => Ok(()),
            None => Err(SqlError::evaluation(
                "Cannot commit transaction: there is no transaction in progress",
            )),
        }
    }

    fn rollback(&mut self) -> Result<()> {
        if self.undo.is_none() {
            return Err(SqlError::evaluation(
                "Cannot rollback transaction: there is no transaction in progress",
            ));
        }
        self.undo_all();
        Ok(())
    }
}

impl SqlDatabase<'_> {
    /// Creates a table or a view, with what it may replace.
    fn make(
        &mut self,
        id: &TableId,
        kind: TableKind,
        schema: TableSchema,
        settings: Map<String, serde_json::Value>,
        exists: Exists,
    ) -> Result<Made> {
        let known = self.shared.state().catalog.table(id).is_ok();
        match (known, exists) {
            (true, Exists::Skip) => return Ok(Made::Skipped),
            (true, Exists::Replace) => {
                self.before_change(id);
                self.shared.state().catalog.delete_table(id).map_err(sql_error)?;
            }
            _ => self.before_change(id),
        }
        let mut state = self.shared.state();
        state.catalog.create(id.clone(), kind, schema, settings, self.now).map_err(sql_error)?;
        Ok(if known { Made::Replaced } else { Made::Created })
    }

    /// The hidden dataset of temporary tables is made when it is needed.
    fn ensure_dataset(&mut self, id: &TableId) {
        let mut state = self.shared.state();
        let made =
            state.catalog.create_dataset(&id.project, &id.dataset, "US", Map::new(), self.now);
        debug_assert!(
            matches!(made, Ok(_) | Err(CatalogError::AlreadyExists(_))),
            "nothing else can be wrong"
        );
    }

    /// Columns, layout and rows of a table, at a time.
    fn shape_of(
        &self,
        name: &TableName,
        at: Option<i64>,
    ) -> Result<(TableSchema, Map<String, serde_json::Value>, Vec<Segment>)> {
        let id = id_of(name);
        let state = self.shared.state();
        let table = state.catalog.table(&id).map_err(sql_error)?;
        if table.query().is_some() {
            return Err(SqlError::evaluation(format!("{id} is a view")));
        }
        let snapshot = match at {
            None => table.snapshot(),
            Some(at) => table
                .snapshot_at(at)
                .map_err(|first| sql_error(crate::catalog::too_early(&id, at, first)))?,
        };
        let layout =
            ["timePartitioning", "rangePartitioning", "clustering", "requirePartitionFilter"];
        let settings = table.settings.iter().filter(|(key, _)| layout.contains(&key.as_str()));
        let settings = settings.map(|(key, value)| (key.clone(), value.clone())).collect();
        Ok((TableSchema::clone(&snapshot.schema), settings, snapshot.segments()))
    }
}

fn routine_id(path: &[String]) -> Result<RoutineId> {
    match path {
        [project, dataset, routine] => Ok(RoutineId {
            project: project.clone(),
            dataset: dataset.clone(),
            routine: routine.clone(),
        }),
        _ => Err(SqlError::evaluation(format!("Invalid routine name: {}", path.join(".")))),
    }
}
