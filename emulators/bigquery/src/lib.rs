//! An emulator of BigQuery: catalog, storage and write streams apart from wire.
