//! Datasets and tables. Pure: `&mut self`, time as an argument. Every project exists and holds nothing
//! until something is made in it.

use std::collections::BTreeMap;

use arrow::array::RecordBatch;
use serde_json::{Map, Value};

use crate::schema::TableSchema;
use crate::table::{Table, TableId};

/// Why the catalog refuses a call.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CatalogError {
    /// The dataset does not exist.
    #[error("Not found: Dataset {0}")]
    DatasetNotFound(String),
    /// The table does not exist.
    #[error("Not found: Table {0}")]
    TableNotFound(TableId),
    /// The dataset or table exists already.
    #[error("Already Exists: {0}")]
    AlreadyExists(String),
    /// The dataset still holds tables.
    #[error("Dataset {0} is still in use")]
    DatasetInUse(String),
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
    /// Description, labels and the like, as they were given.
    pub settings: Map<String, Value>,
}

/// All datasets and tables.
#[derive(Debug, Default)]
pub struct Catalog {
    datasets: BTreeMap<(String, String), Dataset>,
    tables: BTreeMap<TableId, Table>,
    incarnations: u64,
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
        let made = Dataset { full_id, location: location.to_owned(), created_at: now, settings };
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

    /// Deletes a dataset, with its tables when `delete_contents` says so.
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
        if !delete_contents && self.tables.keys().any(mine) {
            return Err(CatalogError::DatasetInUse(format!("{project}:{dataset}")));
        }
        self.tables.retain(|id, _| !mine(id));
        self.datasets.remove(&(project.to_owned(), dataset.to_owned()));
        Ok(())
    }

    /// Creates a table.
    ///
    /// # Errors
    /// Unknown dataset, or it exists.
    pub fn create_table(
        &mut self,
        id: TableId,
        schema: TableSchema,
        settings: Map<String, Value>,
        now: i64,
    ) -> Result<&Table, CatalogError> {
        self.dataset(&id.project, &id.dataset)?;
        if self.tables.contains_key(&id) {
            return Err(CatalogError::AlreadyExists(format!("Table {id}")));
        }
        self.incarnations += 1;
        let table = Table::new(id.clone(), schema, settings, self.incarnations, now);
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
        Ok(self
            .tables
            .values()
            .filter(move |table| table.id.project == project && table.id.dataset == dataset))
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

    /// Makes rows visible, all at once.
    ///
    /// # Errors
    /// Unknown table.
    pub fn append(
        &mut self,
        id: &TableId,
        batches: impl IntoIterator<Item = RecordBatch>,
        now: i64,
    ) -> Result<(), CatalogError> {
        self.table(id)?;
        if let Some(table) = self.tables.get_mut(id) {
            batches.into_iter().for_each(|batch| table.append(batch, now));
        }
        Ok(())
    }
}
