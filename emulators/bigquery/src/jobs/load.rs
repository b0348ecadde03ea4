//! Load jobs.

use super::store::Task;
use super::{Finished, JobError};
use crate::wire::Shared;

pub(super) fn run(_shared: &Shared, _task: &Task) -> Result<Finished, JobError> {
    Err(JobError::unimplemented("load jobs"))
}
