//! Goal: the direction of dependencies and the house rules hold. Method: `cargo metadata` against the
//! table of levels in ARCHITECTURE.md, and a walk over every source file.

#![expect(clippy::unwrap_used, reason = "a failing test may panic anywhere")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// A crate may use only crates of a lower level.
const LEVELS: &[(&str, u32)] = &[
    ("windtunnel-model", 0),
    ("windtunnel-protos", 0),
    ("windtunnel-sql", 0),
    ("windtunnel-stages", 1),
    ("windtunnel-simulator", 1),
    ("windtunnel-tui", 1),
    ("windtunnel-runtime", 2),
    ("windtunnel-pubsub", 2),
    ("windtunnel-storage", 2),
    ("windtunnel-bigquery", 2),
    ("windtunnel-vertex", 2),
    ("windtunnel-gcp", 3),
    ("windtunnel-emulators", 3),
    ("windtunnel", 4),
    ("windtunnel-benches", 4),
];

/// Crates that may use no other of ours, whatever their level.
const ALONE: &[&str] = &["windtunnel-simulator", "windtunnel-tui"];

/// The engine and the emulators share the generated protos and nothing else.
const ENGINE: &[&str] =
    &["windtunnel-model", "windtunnel-stages", "windtunnel-runtime", "windtunnel-gcp"];

/// Holds features and no code; every crate may name it.
const UNIFY: &str = "windtunnel-unify";

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// Every member with the members that it uses, development dependencies included.
fn members() -> BTreeMap<String, Vec<String>> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--no-deps", "--offline"])
        .current_dir(root())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    let ours = |name: &str| name.starts_with("windtunnel") && name != UNIFY;
    let package = |package: &Value| {
        let name = package["name"].as_str().unwrap().to_owned();
        let used = package["dependencies"].as_array().unwrap().iter();
        let used = used.map(|it| it["name"].as_str().unwrap().to_owned()).filter(|it| ours(it));
        (name, used.collect())
    };
    let packages = metadata["packages"].as_array().unwrap();
    packages.iter().map(package).filter(|(name, _)| name != UNIFY).collect()
}

#[test]
fn dependencies_point_downwards() {
    let level = |name: &str| {
        let found = LEVELS.iter().find(|(known, _)| *known == name);
        found.unwrap_or_else(|| panic!("{name} has no level: add it to LEVELS")).1
    };
    for (name, used) in members() {
        for other in used {
            assert!(level(&other) < level(&name), "{name} must not use {other}: not a lower level");
            assert!(
                !ALONE.contains(&name.as_str()),
                "{name} must not use {other}: it stands alone"
            );
            let name_is_emulator = level(&name) < 4 && !ENGINE.contains(&name.as_str());
            let crosses = name_is_emulator && ENGINE.contains(&other.as_str());
            assert!(!crosses, "{name} must not use {other}: emulators do not know the engine");
        }
    }
}

fn sources(folder: &Path, out: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() && name != "target" && !name.starts_with('.') {
            sources(&path, out);
        } else if name.ends_with(".rs") {
            out.push(path);
        }
    }
}

#[test]
fn source_files_keep_the_house_rules() {
    let mut files = Vec::new();
    sources(&root(), &mut files);
    assert!(files.len() > 50, "the walk found only {} files", files.len());
    let mut broken = Vec::new();
    for file in files {
        let text = std::fs::read_to_string(&file).unwrap();
        let name = file.file_name().unwrap().to_string_lossy().into_owned();
        let mut report = |rule: String| broken.push(format!("{}: {rule}", file.display()));
        let forbidden = ["mod.rs", "imp.rs", "utils.rs", "helpers.rs", "common.rs", "types.rs"];
        if forbidden.contains(&name.as_str()) {
            report("a name that says nothing".to_owned());
        }
        if !text.starts_with("//!") {
            report("no head comment".to_owned());
        }
        let before_tests = text.split("#[cfg(test)]").next().unwrap_or_default();
        let lines = before_tests.lines().count();
        if lines > 500 {
            report(format!("{lines} lines before its tests"));
        }
        for (number, line) in text.lines().enumerate() {
            let number = number + 1;
            let is_literal =
                line.trim_start().starts_with(['"', 'r', '(', '/']) || line.contains('"');
            if line.chars().count() > 100 && !is_literal {
                report(format!("line {number} is longer than 100 columns"));
            }
            if line.contains('\t') || line.ends_with(' ') {
                report(format!("line {number} has a tab or ends in a space"));
            }
            for word in ["todo", "unimplemented"] {
                if line.contains(&format!("{word}!(")) {
                    report(format!("line {number} has {word}!"));
                }
            }
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}
