//! What is shown: the newest snapshot, the history of the throughput, and what the keys did.

/// Where a run is: plain data, made once a second by whoever runs it.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Snapshot {
    /// The scenario's name.
    pub scenario: String,
    /// Where it runs.
    pub target: String,
    /// What it does.
    pub phase: String,
    /// Seconds since the start.
    pub elapsed_s: f64,
    /// Seconds that the load lasts.
    pub duration_s: f64,
    /// Events sent.
    pub attempted: u64,
    /// Rows in the events table.
    pub rows: u64,
    /// Dead letters of the engine.
    pub dead_letters: u64,
    /// Late events.
    pub late: u64,
    /// Messages that wait.
    pub backlog: u64,
    /// Publish to queryable: p50, p95, p99 in milliseconds.
    pub e2e_ms: [Option<f64>; 3],
    /// Prediction requests: p50, p95, p99 in milliseconds.
    pub prediction_ms: [Option<f64>; 3],
}

/// Seconds of history that are kept: wider than any terminal.
const HISTORY: usize = 600;

/// The view's state.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct State {
    /// The newest snapshot, or that at which the display was frozen.
    pub shown: Snapshot,
    /// Rows a second, oldest first.
    pub rates: Vec<u64>,
    /// The display stands still.
    pub is_frozen: bool,
    /// The keys are explained.
    pub shows_help: bool,
}

/// What a key does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// End the run.
    Quit,
    /// Let the display stand still, or move again.
    Freeze,
    /// Explain the keys, or stop.
    Help,
}

/// The keys, in the order of the footer.
pub(crate) const KEYS: [(char, Action, &str); 3] =
    [('q', Action::Quit, "quit"), ('f', Action::Freeze, "freeze"), ('?', Action::Help, "help")];

impl State {
    /// Takes a snapshot in.
    pub fn update(&mut self, snapshot: Snapshot) {
        let seconds = (snapshot.elapsed_s - self.shown.elapsed_s).max(0.001);
        let rows = snapshot.rows.saturating_sub(self.shown.rows);
        if self.is_frozen {
            return;
        }
        self.rates.push((rows as f64 / seconds).round() as u64);
        if self.rates.len() > HISTORY {
            self.rates.remove(0);
        }
        self.shown = snapshot;
    }

    /// Does what a key says; quitting is the caller's.
    pub fn act(&mut self, action: Action) {
        match action {
            Action::Quit => {}
            Action::Freeze => self.is_frozen = !self.is_frozen,
            Action::Help => self.shows_help = !self.shows_help,
        }
    }
}

/// The action of a key.
pub(crate) fn action_of(key: char) -> Option<Action> {
    KEYS.iter().find(|(known, _, _)| *known == key).map(|(_, action, _)| *action)
}
