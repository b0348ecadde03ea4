//! Goal: a pipeline does what its parts say, for any cut into batches, and goes on from a checkpoint.
//! Method: a small pipeline with every kind of stage, against plain code.
