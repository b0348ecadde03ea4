//! What the system says of this process: CPU time and memory, from Linux's `/proc`. Elsewhere nothing is
//! known, and nothing is shown.

/// Ticks of a second in `/proc/self/stat`: fixed in Linux's interface, whatever the kernel's own rate.
const TICKS_PER_SECOND: f64 = 100.0;

/// CPU time of all threads, in seconds.
pub(super) fn cpu_seconds() -> Option<f64> {
    parse_cpu(&std::fs::read_to_string("/proc/self/stat").ok()?)
}

/// Resident memory.
pub(super) fn memory_bytes() -> Option<u64> {
    parse_memory(&std::fs::read_to_string("/proc/self/status").ok()?)
}

fn parse_cpu(stat: &str) -> Option<f64> {
    // The name of the program stands in parentheses and may hold spaces.
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let ticks = |index: usize| fields.get(index)?.parse::<f64>().ok();
    Some((ticks(11)? + ticks(12)?) / TICKS_PER_SECOND)
}

fn parse_memory(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    Some(line.split_whitespace().next()?.parse::<u64>().ok()? * 1_024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_systems_lines_are_read() {
        let stat = "7 (a (b) c) S 1 7 7 0 -1 4194560 100 0 0 0 150 50 0 0 20 0 4 0 9 9 9";
        assert_eq!(parse_cpu(stat), Some(2.0));
        assert_eq!(parse_memory("VmPeak:\t 9 kB\nVmRSS:\t  12 kB\n"), Some(12_288));
        assert_eq!((parse_cpu(""), parse_memory("")), (None, None));
    }
}
