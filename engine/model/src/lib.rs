//! Events, rows, rejects, ids and times of the pipeline: no I/O, no clock, no runtime.
