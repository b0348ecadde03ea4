//! Sessions: which there are, and how long they last. What they hold (temporary tables, variables) belongs
//! to SQL.

use std::collections::BTreeMap;

use windtunnel_sql::ScriptState;

use super::JobError;
use super::store::scrambled;
use crate::limits::{SESSION_IDLE_MICROS, SESSIONS_MAX};

/// The sessions of all projects.
#[derive(Debug, Default)]
pub(crate) struct Sessions {
    /// When each was last used.
    sessions: BTreeMap<String, i64>,
    /// What each holds: variables, temporary functions and tables. A session runs one script at a time.
    states: BTreeMap<String, ScriptState>,
    next: u64,
}

impl Sessions {
    /// Begins a session.
    pub(crate) fn create(&mut self, now: i64) -> String {
        self.next += 1;
        let id = format!("session_{}", scrambled(self.next));
        self.sessions.retain(|_, used| now.saturating_sub(*used) < SESSION_IDLE_MICROS);
        while self.sessions.len() >= SESSIONS_MAX {
            let idlest = self.sessions.iter().min_by_key(|(_, used)| **used);
            let Some(idlest) = idlest.map(|(id, _)| id.clone()) else { break };
            self.sessions.remove(&idlest);
            self.states.remove(&idlest);
        }
        self.sessions.insert(id.clone(), now);
        id
    }

    /// Uses a session.
    pub(crate) fn touch(&mut self, id: &str, now: i64) -> Result<(), JobError> {
        let used = self
            .sessions
            .get_mut(id)
            .filter(|used| now.saturating_sub(**used) < SESSION_IDLE_MICROS);
        let used = used.ok_or_else(|| JobError::invalid("Invalid input session id."))?;
        *used = now;
        Ok(())
    }

    /// What a session holds, for the script that runs in it.
    pub(crate) fn take_state(&mut self, id: &str) -> ScriptState {
        self.states.remove(id).unwrap_or_default()
    }

    /// Keeps what a script left in its session.
    pub(crate) fn put_state(&mut self, id: &str, state: ScriptState) {
        if self.sessions.contains_key(id) {
            self.states.insert(id.to_owned(), state);
        }
    }

    /// Ends a session (`CALL BQ.ABORT_SESSION()`).
    pub(crate) fn end(&mut self, id: &str) {
        self.sessions.remove(id);
        self.states.remove(id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sessions_end_when_nobody_uses_them() {
        let mut sessions = Sessions::default();
        let id = sessions.create(0);
        assert!(sessions.touch(&id, SESSION_IDLE_MICROS - 1).is_ok());
        assert!(sessions.touch(&id, 2 * SESSION_IDLE_MICROS).is_err());
        let id = sessions.create(0);
        sessions.end(&id);
        let error = sessions.touch(&id, 1).unwrap_err();
        assert_eq!(error.message, "Invalid input session id.");
    }
}
