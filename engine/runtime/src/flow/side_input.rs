//! A side input: a value beside the stream (a table of devices, a list of thresholds) that transforms read
//! and somebody else replaces. A batch that runs sees one version from its first event to its last
//! when it takes the value once. What depends on a side input depends on when it was replaced; a
//! pipeline that must replay to the same rows sends such changes through the stream instead.

use std::sync::{Arc, Mutex, PoisonError};

/// A shared value that is replaced as a whole.
#[derive(Debug)]
pub struct SideInput<T>(Arc<Mutex<Arc<T>>>);

impl<T> Clone for SideInput<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T> SideInput<T> {
    /// A side input with its first value.
    #[must_use]
    pub fn new(value: T) -> Self {
        Self(Arc::new(Mutex::new(Arc::new(value))))
    }

    /// The value now.
    #[must_use]
    pub fn get(&self) -> Arc<T> {
        Arc::clone(&self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Replaces the value; who has taken the old one keeps it.
    pub fn set(&self, value: T) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(value);
    }
}
