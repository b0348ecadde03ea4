//! Goal: bytes from outside end in a value or a refusal. Method: the fuzz targets of `fuzz/` on stable
//! Rust, over their seeds and a fixed number of mutations (bits, bytes, pieces of other seeds), which are
//! the same in every run; `FUZZ_MUTATIONS` makes it longer.

#![expect(clippy::unwrap_used, reason = "a failing test may panic anywhere")]

#[path = "../../fuzz/src/targets.rs"]
#[expect(unreachable_pub, reason = "in its own crate it is reachable")]
mod targets;

use std::panic::catch_unwind;

use targets::{TARGETS, Target};

/// Mutations of each seed that every run tries.
const MUTATIONS: u64 = 60;

/// A stream of numbers that is the same everywhere (SplitMix64).
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut it = self.0;
        it = (it ^ (it >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        it = (it ^ (it >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        it ^ (it >> 31)
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound.max(1) as u64) as usize
    }
}

/// Changes a few places of an input.
fn mutate(input: &[u8], others: &[Vec<u8>], dice: &mut Dice) -> Vec<u8> {
    let mut out = input.to_vec();
    for _ in 0..=dice.below(4) {
        let at = dice.below(out.len() + 1);
        let end = (at + dice.below(16)).min(out.len());
        match dice.below(8) {
            0 if at < out.len() => out[at] ^= 1 << dice.below(8),
            1 if at < out.len() => out[at] = dice.next() as u8,
            2 => out.insert(at, dice.next() as u8),
            3 => drop(out.drain(at..end)),
            4 => out.truncate(at),
            5 => drop(out.splice(at..at, out[at..end].to_vec())),
            6 => {
                let other = &others[dice.below(others.len())];
                let from = dice.below(other.len() + 1);
                let to = (from + dice.below(64)).min(other.len());
                drop(out.splice(at..end, other[from..to].iter().copied()));
            }
            _ => {
                let words: [&[u8]; 6] =
                    [b"\"", b"{", b"]", b"\\u0000", b"-9223372036854775808", b"\xff"];
                let word = words[dice.below(words.len())];
                drop(out.splice(at..at, word.iter().copied()));
            }
        }
    }
    out
}

fn holds(target: &Target, input: &[u8]) {
    let run = target.run;
    let outcome = catch_unwind(|| run(input));
    assert!(
        outcome.is_ok(),
        "{} breaks with {:?} ({})",
        target.name,
        input,
        String::from_utf8_lossy(input)
    );
}

fn check(targets: &[&str]) {
    let mutations =
        std::env::var("FUZZ_MUTATIONS").ok().map_or(MUTATIONS, |it| it.parse().unwrap());
    for name in targets {
        let target = TARGETS.iter().find(|target| target.name == *name).unwrap();
        let seeds = (target.seeds)();
        let mut dice = Dice(7);
        holds(target, b"");
        for seed in &seeds {
            holds(target, seed);
            for _ in 0..mutations {
                holds(target, &mutate(seed, &seeds, &mut dice));
            }
        }
    }
}

/// The targets of each test: a test for every group, so that they run side by side.
const GROUPS: [&[&str]; 4] = [
    &["event", "privacy", "batch_block", "dead_letter", "push_request"],
    &["checkpoint", "checkpoint_file", "scenario", "predict", "pubsub_rest"],
    &["sql"],
    &["append_rows", "load_file", "source_file", "storage_upload", "storage_batch"],
];

#[test]
fn every_target_is_in_a_group() {
    let mut grouped: Vec<&str> = GROUPS.concat();
    let mut all: Vec<&str> = TARGETS.iter().map(|target| target.name).collect();
    grouped.sort_unstable();
    all.sort_unstable();
    assert_eq!(grouped, all);
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/fuzz_targets");
    for name in all {
        assert!(folder.join(format!("{name}.rs")).exists(), "{name} has no file for cargo fuzz");
    }
}

#[test]
fn events_end_in_a_value_or_a_refusal() {
    check(GROUPS[0]);
}

#[test]
fn stored_state_and_small_requests_end_in_a_value_or_a_refusal() {
    check(GROUPS[1]);
}

#[test]
fn queries_end_in_a_value_or_a_refusal() {
    check(GROUPS[2]);
}

#[test]
fn files_and_uploads_end_in_a_value_or_a_refusal() {
    check(GROUPS[3]);
}

#[test]
fn a_target_that_breaks_is_found() {
    let broken = Target {
        name: "broken",
        run: |data| assert!(!data.contains(&0xff)),
        seeds: || vec![b"abc".to_vec()],
    };
    let seeds = (broken.seeds)();
    let mut dice = Dice(7);
    let found = (0..MUTATIONS).any(|_| {
        let input = mutate(&seeds[0], &seeds, &mut dice);
        input.contains(&0xff)
    });
    assert!(found, "mutations reach it");
    assert!(catch_unwind(|| holds(&broken, b"\xff")).is_err());
}
