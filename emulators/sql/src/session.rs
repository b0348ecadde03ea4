//! What a statement may know of the world beside tables and arguments: the time, the zone, the caller and
//! entropy. All of it comes from outside, so that the same session gives the same answers.

use std::cell::RefCell;
use std::collections::HashMap;

use chrono_tz::Tz;
use regex::Regex;

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
            patterns: RefCell::default(),
            random_state: RefCell::new(seed),
        }
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
