//! Goal: the plan is a function of its seed, in order, and its bodies say what its ledger expects.

use super::*;
use crate::workload::{Arrivals, Source, SourceKind};
use proptest::prelude::*;
use serde_json::Value;

fn workload(seed: u64, disorder: Disorder) -> Workload {
    let source = |name: &str, kind, arrivals| Source {
        name: name.to_owned(),
        kind,
        count: 20,
        rate_per_second: 1_000.0,
        arrivals,
    };
    Workload {
        seed,
        start_micros: 1_767_225_600_000_000,
        duration_ns: 500_000_000,
        time_scale: 10.0,
        sources: vec![
            source("iot", SourceKind::Devices, Arrivals::Constant),
            source("web", SourceKind::Visitors, Arrivals::Poisson),
        ],
        disorder,
    }
}

const DISORDER: Disorder = Disorder {
    late: 0.05,
    late_by_min_s: 600.0,
    late_by_max_s: 900.0,
    out_of_order: 0.1,
    out_of_order_by_max_s: 20.0,
    duplicate: 0.1,
    conflicting_duplicate: 0.05,
    malformed: 0.1,
    oversize: 0.0,
};

fn digest(workload: &Workload) -> String {
    let mut digest = StreamDigest::default();
    workload.plan().for_each(|event| digest.update(&event));
    digest.hex()
}

/// The fingerprint of a body, read back by another reader.
fn read_back(body: &[u8]) -> (u64, u64) {
    let event: Value = serde_json::from_slice(body).unwrap();
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let properties = &event["properties"];
    let time = DateTime::parse_from_rfc3339(event["event_timestamp"].as_str().unwrap()).unwrap();
    let (user_id, page_url, referrer) =
        (text(&event["user_id"]), text(&properties["page_url"]), text(&properties["referrer"]));
    let event_id = event["event_id"].as_str().unwrap();
    let canonical = crate::CanonicalEvent {
        event_id,
        event_time_micros: time.timestamp_micros(),
        event_type: event["event_type"].as_str().unwrap(),
        device_id: event["device_id"].as_str().unwrap(),
        user_id: user_id.as_deref(),
        page_url: page_url.as_deref(),
        referrer: referrer.as_deref(),
        value: properties["value"].as_f64(),
        temperature: properties["temperature"].as_f64(),
        humidity: properties["humidity"].as_f64(),
        battery: properties["battery"].as_f64(),
    };
    (crate::id_hash(event_id), crate::fingerprint(&canonical))
}

use chrono::DateTime;

proptest! {
    #![proptest_config(ProptestConfig { cases: 16, ..ProptestConfig::default() })]
    #[test]
    fn a_plan_is_in_order_and_means_what_it_says(seed in any::<u64>()) {
        let workload = workload(seed, DISORDER);
        let mut last = (0, 0);
        for (position, event) in workload.plan().enumerate() {
            prop_assert_eq!(event.ordinal, position as u64);
            prop_assert!(event.intended_ns >= last.0 && event.intended_ns < workload.duration_ns);
            last = (event.intended_ns, event.ordinal);
            match event.expect {
                Expect::Row { id, fingerprint, .. } | Expect::Copy { id, fingerprint } => {
                    prop_assert_eq!(read_back(&event.body), (id, fingerprint));
                    prop_assert!(event.windowed.is_some());
                    prop_assert_eq!(event.windowed, Windowed::of_body(&event.body));
                }
                Expect::Reject(Malformation::WrongType | Malformation::MissingField) => {
                    prop_assert!(serde_json::from_slice::<Value>(&event.body).is_ok());
                }
                Expect::Reject(_) => {
                    prop_assert!(serde_json::from_slice::<Value>(&event.body).is_err());
                }
            }
        }
        prop_assert!((900..1_300).contains(&last.1), "{} events", last.1);
        prop_assert_eq!(digest(&workload), digest(&workload));
    }
}

#[test]
fn another_seed_is_another_stream_and_a_known_seed_is_a_known_stream() {
    assert_ne!(digest(&workload(1, DISORDER)), digest(&workload(2, DISORDER)));
    // A change of this digest is a change of every recorded run: say so in the changelog.
    let known = digest(&workload(1, DISORDER));
    assert_eq!(known.len(), 64);
    let threads: Vec<_> =
        (0..4).map(|_| std::thread::spawn(|| digest(&workload(1, DISORDER)))).collect();
    for thread in threads {
        assert_eq!(thread.join().unwrap(), known);
    }
}

#[test]
fn shares_are_kept() {
    let mut counts = [0_u64; 4];
    for event in workload(3, DISORDER).plan() {
        counts[match event.expect {
            Expect::Row { late: true, .. } => 0,
            Expect::Row { late: false, .. } => 1,
            Expect::Copy { .. } => 2,
            Expect::Reject(_) => 3,
        }] += 1;
    }
    let [late, _, copies, rejects] = counts;
    assert!((25..90).contains(&late), "{late} late of about 1,000 events");
    assert!((100..200).contains(&copies), "{copies} copies of about 1,000 events");
    assert!((65..140).contains(&rejects), "{rejects} rejects of about 1,000 events");
}
