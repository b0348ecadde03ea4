//! Exit codes: numbered, documented, and nowhere else.

/// How the process ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// Everything held.
    Pass = 0,
    /// windtunnel itself failed.
    Internal = 1,
    /// The command line or a scenario is wrong.
    Usage = 2,
    /// An expectation does not hold.
    ExpectationFailed = 3,
    /// The generator was the bottleneck, or a fault could not be injected: nothing is proven.
    Void = 4,
    /// A rule of the scenario ended the run early.
    Aborted = 5,
    /// The user interrupted.
    Interrupted = 130,
}

impl From<Exit> for std::process::ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}
