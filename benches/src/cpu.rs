//! CPU time of this process, so that figures mean the same on a busy machine as on an idle one. Linux
//! only: the kernel's own account.

use std::fs;

/// Seconds that all threads of this process have run, those that have ended included; exact to 10 ms.
///
/// # Panics
/// When the kernel keeps no such account.
#[must_use]
pub fn process_seconds() -> f64 {
    let stat = fs::read_to_string("/proc/self/stat").expect("Linux accounts for processes");
    // The name in brackets may hold blanks; user and system time are the 12th and 13th field after it.
    let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
    let ticks: f64 = fields.skip(11).take(2).filter_map(|ticks| ticks.parse::<f64>().ok()).sum();
    ticks / 100.0
}

/// Nanoseconds that the calling thread has run.
///
/// # Panics
/// When the kernel keeps no such account.
#[must_use]
pub fn thread_nanos() -> u64 {
    nanos_in("/proc/thread-self/schedstat".as_ref()).expect("Linux accounts for threads")
}

/// Resident memory at its highest, in kilobytes.
#[must_use]
pub fn peak_kilobytes() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|text| text.trim().trim_end_matches(" kB").parse().ok()).unwrap_or_default()
}

fn nanos_in(path: &std::path::Path) -> Option<u64> {
    fs::read_to_string(path).ok()?.split(' ').next()?.parse().ok()
}
