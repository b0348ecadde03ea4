//! Avro as BigQuery reads and writes it (specification 1.11): object container files with their schema, and
//! bare rows for the Storage Read API. Types are BigQuery's own mapping; a written file reads back as the
//! same rows. Invariant: any bytes are read or refused.

mod binary;
mod container;
mod schema;

pub(crate) use binary::rows_as_avro;
pub(crate) use container::{Codec, read_columns, read_rows, write};
pub(crate) use schema::{Naming, schema_json};
