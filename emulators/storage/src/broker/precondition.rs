//! The conditions of a request. Those on the generation look at the live object and those on the
//! metageneration at the addressed one; generation 0 means that no live object is there.

use super::{BrokerError, Object};

/// The four conditions on an object's generations; for buckets only those on the metageneration.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Preconditions {
    /// `ifGenerationMatch`.
    pub generation_match: Option<i64>,
    /// `ifGenerationNotMatch`; it fails when no live object is there.
    pub generation_not_match: Option<i64>,
    /// `ifMetagenerationMatch`.
    pub metageneration_match: Option<i64>,
    /// `ifMetagenerationNotMatch`.
    pub metageneration_not_match: Option<i64>,
}

impl Preconditions {
    /// For calls that change something: whichever condition fails, the call fails.
    pub(super) fn for_write(
        self,
        live: Option<&Object>,
        addressed: Option<&Object>,
    ) -> Result<(), BrokerError> {
        self.for_read(live, addressed).map_err(|_| BrokerError::Precondition)
    }

    /// For calls that read: a failed `NotMatch` says that what the caller has is still right.
    pub(super) fn for_read(
        self,
        live: Option<&Object>,
        addressed: Option<&Object>,
    ) -> Result<(), BrokerError> {
        let live = live.map(|object| object.generation);
        let metageneration = addressed.map(|object| object.metageneration);
        if self.generation_match.is_some_and(|wanted| wanted != live.unwrap_or(0)) {
            return Err(BrokerError::Precondition);
        }
        let unwanted = |unwanted| live.is_none_or(|generation| generation == unwanted);
        if self.generation_not_match.is_some_and(unwanted) {
            return Err(BrokerError::NotModified);
        }
        self.for_metageneration(metageneration)
    }

    /// The conditions on a metageneration alone, as buckets have them.
    pub(super) fn for_metageneration(self, metageneration: Option<i64>) -> Result<(), BrokerError> {
        if self.metageneration_match.is_some_and(|wanted| metageneration != Some(wanted)) {
            return Err(BrokerError::Precondition);
        }
        if self.metageneration_not_match.is_some_and(|wanted| metageneration == Some(wanted)) {
            return Err(BrokerError::NotModified);
        }
        Ok(())
    }
}
