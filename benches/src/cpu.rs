//! CPU time of this process, so that figures mean the same on a busy machine as on an idle one. Linux
//! only: the kernel's own account of each thread (`schedstat`), in nanoseconds.

use std::fs;

/// Nanoseconds that all living threads of this process have run.
///
/// # Panics
/// When the kernel keeps no such account.
#[must_use]
pub fn process_nanos() -> u64 {
    fs::read_dir("/proc/self/task")
        .expect("Linux lists a process's threads")
        .filter_map(|thread| thread.ok().and_then(|it| nanos_in(&it.path().join("schedstat"))))
        .sum()
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
