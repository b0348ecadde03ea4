//! `EXPORT DATA` and `LOAD DATA`: files of the connected object store.

use windtunnel_sql::{ExportSpec, LoadSpec, Result, SqlError};

use super::SqlDatabase;

impl SqlDatabase<'_> {
    pub(super) fn export_rows(&mut self, _spec: ExportSpec) -> Result<()> {
        Err(SqlError::not_implemented("EXPORT DATA"))
    }

    pub(super) fn load_files(&mut self, _spec: LoadSpec) -> Result<u64> {
        Err(SqlError::not_implemented("LOAD DATA"))
    }
}
