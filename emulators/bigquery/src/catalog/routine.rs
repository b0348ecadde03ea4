//! Routines: functions and procedures, kept as REST's resource has them.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{Catalog, CatalogError};

/// A routine's full name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RoutineId {
    /// The project.
    pub project: String,
    /// The dataset.
    pub dataset: String,
    /// The routine.
    pub routine: String,
}

impl std::fmt::Display for RoutineId {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{}:{}.{}", self.project, self.dataset, self.routine)
    }
}

/// A routine.
#[derive(Debug, Clone, PartialEq)]
pub struct Routine {
    /// `routineType`, `language`, `arguments`, `returnType`, `definitionBody` and the like, as given.
    pub resource: Value,
    /// When it was made, in microseconds since the epoch.
    pub created_at: i64,
    /// When it was last changed.
    pub modified_at: i64,
    /// Grows with every change.
    pub version: u64,
}

impl Routine {
    /// Changes when the resource changes.
    #[must_use]
    pub fn etag(&self) -> String {
        format!("{:x}.{:x}", self.created_at, self.version)
    }
}

impl Catalog {
    /// Creates a routine, or replaces it when `replace` says so.
    ///
    /// # Errors
    /// Unknown dataset, or it exists.
    pub fn create_routine(
        &mut self,
        id: RoutineId,
        resource: Value,
        replace: bool,
        now: i64,
    ) -> Result<&Routine, CatalogError> {
        self.dataset(&id.project, &id.dataset)?;
        if self.routines.contains_key(&id) && !replace {
            return Err(CatalogError::AlreadyExists(format!("Routine {id}")));
        }
        let made = Routine { resource, created_at: now, modified_at: now, version: 0 };
        self.routines.insert(id.clone(), made);
        self.routine(&id)
    }

    /// A routine.
    ///
    /// # Errors
    /// Not found: the dataset if that is missing, too.
    pub fn routine(&self, id: &RoutineId) -> Result<&Routine, CatalogError> {
        match self.routines.get(id) {
            Some(routine) => Ok(routine),
            None => {
                self.dataset(&id.project, &id.dataset)?;
                Err(CatalogError::RoutineNotFound(id.clone()))
            }
        }
    }

    /// The routines of a dataset with their names, in order.
    ///
    /// # Errors
    /// Unknown dataset.
    pub fn routines(
        &self,
        project: &str,
        dataset: &str,
    ) -> Result<BTreeMap<&str, &Routine>, CatalogError> {
        self.dataset(project, dataset)?;
        let mine = |id: &RoutineId| id.project == project && id.dataset == dataset;
        let found = self.routines.iter().filter(|(id, _)| mine(id));
        Ok(found.map(|(id, routine)| (id.routine.as_str(), routine)).collect())
    }

    /// Changes a routine.
    ///
    /// # Errors
    /// Not found.
    pub fn update_routine(
        &mut self,
        id: &RoutineId,
        resource: Value,
        now: i64,
    ) -> Result<&Routine, CatalogError> {
        self.routine(id)?;
        let found = self.routines.get_mut(id);
        let found = found.ok_or_else(|| CatalogError::RoutineNotFound(id.clone()))?;
        found.resource = resource;
        found.modified_at = now;
        found.version += 1;
        Ok(found)
    }

    /// Deletes a routine.
    ///
    /// # Errors
    /// Not found.
    pub fn delete_routine(&mut self, id: &RoutineId) -> Result<(), CatalogError> {
        self.routine(id)?;
        self.routines.remove(id);
        Ok(())
    }
}
