//! The scenarios that are built in.

/// Names and texts, in the order in which they are listed.
pub const SCENARIOS: &[(&str, &str)] = &[
    ("happy-path", include_str!("../library/happy-path.toml")),
    ("late-data", include_str!("../library/late-data.toml")),
    ("duplicate-storm", include_str!("../library/duplicate-storm.toml")),
    ("poison-messages", include_str!("../library/poison-messages.toml")),
    ("fleet-day", include_str!("../library/fleet-day.toml")),
    ("hot-device", include_str!("../library/hot-device.toml")),
];

/// The text of a built-in scenario.
#[must_use]
pub fn find(name: &str) -> Option<&'static str> {
    SCENARIOS.iter().find(|(known, _)| *known == name).map(|(_, text)| *text)
}

/// The name that is most like another.
#[must_use]
pub fn nearest(name: &str) -> &'static str {
    let likeness = |known: &str| strsim::jaro_winkler(known, name);
    SCENARIOS
        .iter()
        .max_by(|a, b| likeness(a.0).total_cmp(&likeness(b.0)))
        .map_or("happy-path", |(name, _)| *name)
}
