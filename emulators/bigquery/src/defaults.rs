//! Default values of columns (`defaultValueExpression`) for rows that do not name them: streamed, written or
//! loaded. SQL computes them, a value for each row, so that `GENERATE_UUID()` gives another every time.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, BooleanArray, RecordBatch, RecordBatchOptions};
use arrow::compute::concat;
use arrow::compute::kernels::zip::zip;
use arrow::datatypes::{Fields, Schema};

use crate::database::run_query;
use crate::jobs::{Caller, JobError, QueryRequest};
use crate::schema::{Field, Mode, TableSchema};
use crate::table::adapt;
use crate::wire::Shared;

/// Whose defaults are computed, and when.
pub(crate) struct Defaults<'a> {
    pub(crate) shared: &'a Shared,
    pub(crate) project: &'a str,
    pub(crate) now: i64,
}

/// Whether a schema has default values at all.
pub(crate) fn has_defaults(schema: &TableSchema) -> bool {
    schema.fields.iter().any(|field| field.default_value.is_some())
}

/// The schema as rows are read that may leave columns to their defaults: those may be NULL for the time.
pub(crate) fn lenient(schema: &TableSchema) -> TableSchema {
    let fields = schema.fields.iter().map(|field| match (field.mode, &field.default_value) {
        (Mode::Required, Some(_)) => field.clone().with_mode(Mode::Nullable),
        _ => field.clone(),
    });
    TableSchema { fields: fields.collect() }
}

impl Defaults<'_> {
    /// The rows with the columns of the table; a column that `is_missing` says is left out in a row has
    /// its default there, if it has one.
    ///
    /// # Errors
    /// A default that cannot be computed, or NULL where the table has none.
    pub(crate) fn fill(
        &self,
        batch: &RecordBatch,
        table: &TableSchema,
        is_missing: impl Fn(&Field, usize) -> bool,
    ) -> Result<RecordBatch, JobError> {
        let failed = |error: arrow::error::ArrowError| JobError::invalid(error.to_string());
        let rows = batch.num_rows();
        let wide = adapt(batch, &lenient(table).to_arrow());
        let mut columns = wide.columns().to_vec();
        for (field, column) in table.fields.iter().zip(&mut columns) {
            let Some(expression) = &field.default_value else { continue };
            let missing: BooleanArray = (0..rows).map(|row| Some(is_missing(field, row))).collect();
            if missing.true_count() > 0 {
                let values = self.values(field, expression, rows)?;
                *column = zip(&missing, &values, column).map_err(failed)?;
            }
        }
        let required = table.fields.iter().zip(&columns);
        if let Some((field, _)) = { required }
            .find(|(field, column)| field.mode == Mode::Required && column.null_count() > 0)
        {
            return Err(JobError::invalid(format!("Missing required field: {}.", field.name)));
        }
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        RecordBatch::try_new_with_options(table.to_arrow(), columns, &options).map_err(failed)
    }

    /// As many values of an expression as there are rows, in the column's type.
    fn values(&self, field: &Field, expression: &str, rows: usize) -> Result<ArrayRef, JobError> {
        let of = field.sql_text();
        let text = format!(
            "SELECT CAST(({expression}) AS {of}) AS value FROM UNNEST(GENERATE_ARRAY(1, {rows}))"
        );
        let caller = Caller { principal: "user:user@example.com".to_owned(), groups: Vec::new() };
        let mut request = QueryRequest::plain(self.project, text, caller, self.now);
        request.seed = self.now.unsigned_abs();
        let outcome = run_query(self.shared, &request)?;
        let last = outcome.statements.into_iter().last();
        let batches = last.and_then(|last| last.rows).unwrap_or_default();
        let nullable = match field.mode {
            Mode::Required => field.clone().with_mode(Mode::Nullable),
            _ => field.clone(),
        };
        let nullable = Field { name: "value".to_owned(), ..nullable };
        let fields: Fields = [nullable.to_arrow()].into_iter().collect();
        let arrow = Arc::new(Schema::new(fields));
        let columns: Vec<ArrayRef> =
            batches.iter().map(|batch| Arc::clone(adapt(batch, &arrow).column(0))).collect();
        let columns: Vec<&dyn Array> = columns.iter().map(AsRef::as_ref).collect();
        concat(&columns).map_err(|error| JobError::invalid(error.to_string()))
    }
}
