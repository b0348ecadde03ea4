//! What a statement may know of the world beside tables and arguments: the time, the zone, the caller and
//! entropy. All of it comes from outside, so that the same session gives the same answers.

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use chrono_tz::Tz;
use regex::Regex;

use crate::error::{Reason, Result, SqlError};

/// The surroundings of a statement.
#[derive(Debug)]
pub struct Session {
    /// `CURRENT_TIMESTAMP()`, in microseconds since the epoch; one for a whole statement.
    pub now_micros: i64,
    /// The default zone; UTC unless a script sets `@@time_zone`.
    pub time_zone: Tz,
    /// `SESSION_USER()`.
    pub user: String,
    /// The project whose names need no prefix.
    pub project: String,
    /// The dataset of unqualified names: project and dataset.
    pub default_dataset: Option<(String, String)>,
    /// Set by whoever no longer waits: the statement that runs ends with an error of reason `stopped`.
    pub cancelled: Arc<AtomicBool>,
    /// Compiled patterns: the same few are used for every row.
    pub(crate) patterns: RefCell<HashMap<String, Regex>>,
    random_state: RefCell<u64>,
}

impl Session {
    /// A session of a project, with the time and a seed for `RAND()` and `GENERATE_UUID()`.
    #[must_use]
    pub fn new(project: &str, now_micros: i64, seed: u64) -> Self {
        Self {
            now_micros,
            time_zone: Tz::UTC,
            user: "user@example.com".to_owned(),
            project: project.to_owned(),
            default_dataset: None,
            cancelled: Arc::default(),
            patterns: RefCell::default(),
            random_state: RefCell::new(seed),
        }
    }

    /// Whether somebody still waits for the statement.
    ///
    /// # Errors
    /// The reason `stopped` after a cancellation.
    pub(crate) fn go_on(&self) -> Result<()> {
        if self.cancelled.load(Ordering::Relaxed) {
            let text = "Job execution was cancelled: User requested cancellation";
            return Err(SqlError::new(Reason::Stopped, text));
        }
        Ok(())
    }

    /// 64 bits of the session's seeded sequence (SplitMix64, Steele et al. 2014).
    pub(crate) fn random(&self) -> u64 {
        let mut state = self.random_state.borrow_mut();
        *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = *state;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^ (bits >> 31)
    }
}
