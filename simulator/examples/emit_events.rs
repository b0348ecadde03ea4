//! Prints the well-formed events of a seeded workload as JSON lines: what `deploy/vertex/train.py` learns
//! from. Usage: `cargo run --package windtunnel-simulator --example emit_events -- [SEED]`.

use std::io::{self, BufWriter, Write};

use windtunnel_simulator::{Arrivals, Disorder, Expect, Source, SourceKind, Workload};

fn main() -> io::Result<()> {
    let seed = std::env::args().nth(1).and_then(|seed| seed.parse().ok()).unwrap_or(1);
    let source = |name: &str, kind, count| Source {
        name: name.to_owned(),
        kind,
        count,
        rate_per_second: 1_000.0,
        arrivals: Arrivals::Poisson,
    };
    let workload = Workload {
        seed,
        start_micros: 1_767_225_600_000_000,
        duration_ns: 60_000_000_000,
        // A day of event time in a minute, so that every hour is there.
        time_scale: 1_440.0,
        sources: vec![
            source("iot", SourceKind::Devices, 200),
            source("web", SourceKind::Visitors, 200),
        ],
        disorder: Disorder::default(),
    };
    let mut out = BufWriter::new(io::stdout().lock());
    for event in workload.plan() {
        if matches!(event.expect, Expect::Row { .. }) {
            out.write_all(&event.body)?;
            out.write_all(b"\n")?;
        }
    }
    out.flush()
}
