//! Datasets, tables and routines. Pure: `&mut self`, time as an argument. Every project exists and holds
//! nothing until something is made in it.

mod routine;
mod rows;

use std::collections::BTreeMap;

use serde_json::{Map, Value};

pub use routine::{Routine, RoutineId};
pub(crate) use rows::too_early;
pub use rows::{Disposition, Write};

use crate::schema::TableSchema;
use crate::table::{Table, TableId, TableKind};

/// Why the catalog refuses a call.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CatalogError {
    /// The dataset does not exist.
    #[error("Not found: Dataset {0}")]
    DatasetNotFound(String),
    /// The table does not exist.
    #[error("Not found: Table {0}")]
    TableNotFound(TableId),
    /// The routine does not exist.
    #[error("Not found: Routine {0}")]
    RoutineNotFound(RoutineId),
    /// The row access policy does not exist.
    #[error("Not found: Row access policy {0}")]
    PolicyNotFound(String),
    /// It exists already.
    #[error("Already Exists: {0}")]
    AlreadyExists(String),
    /// The dataset still holds tables.
    #[error("Dataset {0} is still in use")]
    DatasetInUse(String),
    /// The `etag` of the request is not that of the resource.
    #[error("Precondition check failed.")]
    Precondition,
    /// The call breaks a rule.
    #[error("{0}")]
    Invalid(String),
}

/// A dataset.
#[derive(Debug, Clone)]
pub struct Dataset {
    /// `PROJECT:DATASET`, as errors show it.
    pub full_id: String,
    /// Its location.
    pub location: String,
    /// When it was made, in microseconds since the epoch.
    pub created_at: i64,
    /// When it was last changed.
    pub modified_at: i64,
    /// Grows with every change.
    pub version: u64,
    /// Description, labels and the like, as they were given.
    pub settings: Map<String, Value>,
}

impl Dataset {
    /// Changes when the resource changes.
    #[must_use]
    pub fn etag(&self) -> String {
        format!("{:x}.{:x}", self.created_at, self.version)
    }
}

/// All datasets, tables and routines.
#[derive(Debug, Default)]
pub struct Catalog {
    datasets: BTreeMap<(String, String), Dataset>,
    tables: BTreeMap<TableId, Table>,
    routines: BTreeMap<RoutineId, Routine>,
    incarnations: u64,
    /// When the first of the tables that expire does.
    next_expiration: Option<i64>,
}

impl Catalog {
    /// Creates a dataset.
    ///
    /// # Errors
    /// It exists.
    pub fn create_dataset(
        &mut self,
        project: &str,
        dataset: &str,
        location: &str,
        settings: Map<String, Value>,
        now: i64,
    ) -> Result<&Dataset, CatalogError> {
        let full_id = format!("{project}:{dataset}");
        let key = (project.to_owned(), dataset.to_owned());
        if self.datasets.contains_key(&key) {
            return Err(CatalogError::AlreadyExists(format!("Dataset {full_id}")));
        }
        let location = location.to_owned();
        let made =
            Dataset { full_id, location, created_at: now, modified_at: now, version: 0, settings };
        Ok(self.datasets.entry(key).or_insert(made))
    }

    /// A dataset.
    ///
    /// # Errors
    /// Not found.
    pub fn dataset(&self, project: &str, dataset: &str) -> Result<&Dataset, CatalogError> {
        self.datasets
            .get(&(project.to_owned(), dataset.to_owned()))
            .ok_or_else(|| CatalogError::DatasetNotFound(format!("{project}:{dataset}")))
    }

    /// Changes a dataset's settings.
    ///
    /// # Errors
    /// Not found.
    pub fn update_dataset(
        &mut self,
        project: &str,
        dataset: &str,
        settings: Map<String, Value>,
        now: i64,
    ) -> Result<&Dataset, CatalogError> {
        let found = self
            .datasets
            .get_mut(&(project.to_owned(), dataset.to_owned()))
            .ok_or_else(|| CatalogError::DatasetNotFound(format!("{project}:{dataset}")))?;
        found.settings = settings;
        found.modified_at = found.modified_at.max(now);
        found.version += 1;
        Ok(found)
    }

    /// The datasets of a project with their ids, in order.
    pub fn datasets<'a>(
        &'a self,
        project: &'a str,
    ) -> impl Iterator<Item = (&'a str, &'a Dataset)> {
        self.datasets
            .iter()
            .filter(move |((owner, _), _)| owner == project)
            .map(|((_, id), dataset)| (id.as_str(), dataset))
    }

    /// The projects in which there are datasets, in order.
    #[must_use]
    pub fn projects(&self) -> Vec<&str> {
        let mut projects: Vec<&str> =
            self.datasets.keys().map(|(project, _)| project.as_str()).collect();
        projects.dedup();
        projects
    }

    /// Deletes a dataset, with its tables and routines when `delete_contents` says so.
    ///
    /// # Errors
    /// Not found, or not empty.
    pub fn delete_dataset(
        &mut self,
        project: &str,
        dataset: &str,
        delete_contents: bool,
    ) -> Result<(), CatalogError> {
        self.dataset(project, dataset)?;
        let mine = |id: &TableId| id.project == project && id.dataset == dataset;
        let my_routine = |id: &RoutineId| id.project == project && id.dataset == dataset;
        let in_use = self.tables.keys().any(mine) || self.routines.keys().any(my_routine);
        if !delete_contents && in_use {
            return Err(CatalogError::DatasetInUse(format!("{project}:{dataset}")));
        }
        self.tables.retain(|id, _| !mine(id));
        self.routines.retain(|id, _| !my_routine(id));
        self.datasets.remove(&(project.to_owned(), dataset.to_owned()));
        Ok(())
    }

    /// Creates a table that holds rows.
    ///
    /// # Errors
    /// As [`Catalog::create`].
    pub fn create_table(
        &mut self,
        id: TableId,
        schema: TableSchema,
        settings: Map<String, Value>,
        now: i64,
    ) -> Result<&Table, CatalogError> {
        self.create(id, TableKind::Table, schema, settings, now)
    }

    /// Creates a table of any kind. The dataset's `defaultTableExpirationMs` counts.
    ///
    /// # Errors
    /// Unknown dataset, it exists, or it cannot be partitioned so.
    pub fn create(
        &mut self,
        id: TableId,
        kind: TableKind,
        schema: TableSchema,
        mut settings: Map<String, Value>,
        now: i64,
    ) -> Result<&Table, CatalogError> {
        let dataset = self.dataset(&id.project, &id.dataset)?;
        if self.tables.contains_key(&id) {
            return Err(CatalogError::AlreadyExists(format!("Table {id}")));
        }
        if kind == TableKind::Table
            && !settings.contains_key("expirationTime")
            && let Some(millis) = millis(dataset.settings.get("defaultTableExpirationMs"))
        {
            let at = (now / 1_000).saturating_add(millis).to_string();
            settings.insert("expirationTime".to_owned(), Value::String(at));
        }
        let mut table =
            Table::new(id.clone(), kind, schema, settings, now).map_err(CatalogError::Invalid)?;
        self.incarnations += 1;
        table.incarnation = self.incarnations;
        self.note_expiration(&table.settings);
        Ok(self.tables.entry(id).or_insert(table))
    }

    /// A table.
    ///
    /// # Errors
    /// Not found: the dataset if that is missing, too.
    pub fn table(&self, id: &TableId) -> Result<&Table, CatalogError> {
        match self.tables.get(id) {
            Some(table) => Ok(table),
            None => {
                self.dataset(&id.project, &id.dataset)?;
                Err(CatalogError::TableNotFound(id.clone()))
            }
        }
    }

    /// A table to change.
    fn table_mut(&mut self, id: &TableId) -> Result<&mut Table, CatalogError> {
        self.table(id)?;
        self.tables.get_mut(id).ok_or_else(|| CatalogError::TableNotFound(id.clone()))
    }

    /// Changes a table's settings, and its columns where they are given.
    ///
    /// # Errors
    /// Not found, or it cannot be partitioned so.
    pub fn update_table(
        &mut self,
        id: &TableId,
        settings: Map<String, Value>,
        schema: Option<TableSchema>,
        now: i64,
    ) -> Result<&Table, CatalogError> {
        self.note_expiration(&settings);
        let table = self.table_mut(id)?;
        let before = std::mem::replace(&mut table.settings, settings);
        let schema = schema.unwrap_or_else(|| TableSchema::clone(&table.schema));
        if let Err(text) = table.set_schema(schema, now) {
            table.settings = before;
            return Err(CatalogError::Invalid(text));
        }
        Ok(table)
    }

    /// Gives a table another name in its dataset.
    ///
    /// # Errors
    /// Not found, or the name is taken.
    pub fn rename_table(
        &mut self,
        id: &TableId,
        name: &str,
        now: i64,
    ) -> Result<&Table, CatalogError> {
        self.table(id)?;
        let to = TableId { table: name.to_owned(), ..id.clone() };
        if self.tables.contains_key(&to) {
            return Err(CatalogError::AlreadyExists(format!("Table {to}")));
        }
        let Some(mut table) = self.tables.remove(id) else {
            return Err(CatalogError::TableNotFound(id.clone()));
        };
        table.id = to.clone();
        table.touch(now);
        Ok(self.tables.entry(to).or_insert(table))
    }

    /// Puts a table back as it was, or takes it away where there was none: a transaction that ends so.
    pub(crate) fn put_back(&mut self, id: &TableId, table: Option<Table>) {
        match table {
            Some(table) => drop(self.tables.insert(id.clone(), table)),
            None => drop(self.tables.remove(id)),
        }
    }

    /// Gives a column another name; its values stay.
    ///
    /// # Errors
    /// Not found.
    pub(crate) fn rename_column(
        &mut self,
        id: &TableId,
        from: &str,
        to: &str,
        now: i64,
    ) -> Result<(), CatalogError> {
        self.table_mut(id)?.rename_column(from, to, now).map_err(CatalogError::Invalid)
    }

    /// Changes a table's row access policies.
    ///
    /// # Errors
    /// Not found.
    pub fn policies_mut(
        &mut self,
        id: &TableId,
    ) -> Result<&mut BTreeMap<String, crate::table::RowAccessPolicy>, CatalogError> {
        Ok(&mut self.table_mut(id)?.policies)
    }

    /// The tables of a dataset, in the order of their names.
    ///
    /// # Errors
    /// Unknown dataset.
    pub fn tables(
        &self,
        project: &str,
        dataset: &str,
    ) -> Result<impl Iterator<Item = &Table>, CatalogError> {
        self.dataset(project, dataset)?;
        let first = TableId::new(project, dataset, "");
        let mine = move |id: &TableId| id.project == first.project && id.dataset == first.dataset;
        let from = TableId::new(project, dataset, "");
        Ok(self.tables.range(from..).take_while(move |(id, _)| mine(id)).map(|(_, table)| table))
    }

    /// Deletes a table with its rows.
    ///
    /// # Errors
    /// Not found.
    pub fn delete_table(&mut self, id: &TableId) -> Result<(), CatalogError> {
        self.table(id)?;
        self.tables.remove(id);
        Ok(())
    }

    /// Deletes the tables whose `expirationTime` is over.
    pub(crate) fn expire(&mut self, now: i64) {
        if self.next_expiration.is_none_or(|at| at > now) {
            return;
        }
        self.tables.retain(|_, table| expiration(&table.settings).is_none_or(|at| at > now));
        self.next_expiration =
            self.tables.values().filter_map(|table| expiration(&table.settings)).min();
    }

    fn note_expiration(&mut self, settings: &Map<String, Value>) {
        if let Some(at) = expiration(settings) {
            self.next_expiration = Some(self.next_expiration.map_or(at, |next| next.min(at)));
        }
    }
}

/// `expirationTime`, in microseconds.
fn expiration(settings: &Map<String, Value>) -> Option<i64> {
    millis(settings.get("expirationTime"))?.checked_mul(1_000).filter(|at| *at > 0)
}

/// A number of REST's JSON, where 64-bit integers may be texts.
fn millis(value: Option<&Value>) -> Option<i64> {
    let value = value?;
    value.as_i64().or_else(|| value.as_str()?.parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn tables_go_when_their_time_is_over() {
        let mut catalog = Catalog::default();
        let settings = json!({ "defaultTableExpirationMs": "1000" });
        let settings = settings.as_object().unwrap().clone();
        catalog.create_dataset("p", "d", "US", settings, 0).unwrap();
        let id = |name: &str| TableId::new("p", "d", name);
        let schema = TableSchema::default();
        catalog.create_table(id("short"), schema.clone(), Map::new(), 0).unwrap();
        let later = json!({ "expirationTime": "5000" }).as_object().unwrap().clone();
        catalog.create_table(id("long"), schema, later, 0).unwrap();
        for (now, left) in [(999_000, 2), (1_000_000, 1), (4_999_999, 1), (5_000_000, 0)] {
            catalog.expire(now);
            assert_eq!(catalog.tables("p", "d").unwrap().count(), left, "at {now}");
        }
    }

    #[test]
    fn a_table_keeps_its_rows_under_another_name() {
        let mut catalog = Catalog::default();
        catalog.create_dataset("p", "d", "US", Map::new(), 0).unwrap();
        let (from, to) = (TableId::new("p", "d", "a"), TableId::new("p", "d", "b"));
        catalog.create_table(from.clone(), TableSchema::default(), Map::new(), 0).unwrap();
        catalog.rename_table(&from, "b", 1).unwrap();
        assert!(catalog.table(&from).is_err());
        assert!(catalog.table(&to).is_ok());
        assert!(catalog.rename_table(&to, "b", 2).is_err());
        let text = catalog.delete_dataset("p", "d", false).unwrap_err().to_string();
        assert_eq!(text, "Dataset p:d is still in use");
    }
}
