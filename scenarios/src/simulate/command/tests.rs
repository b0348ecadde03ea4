//! Goal: what the command is asked is what it does, and the same arguments print the same report. Method:
//! arguments as on a command line; failures go to a temporary folder and are read back.

use clap::Parser;

use super::*;
use crate::library;
use crate::simulate::bugs::{Bug, Tamper};

#[derive(Debug, Parser)]
struct Cli {
    #[command(flatten)]
    arguments: SimulateArguments,
}

fn arguments(words: &[&str]) -> Result<SimulateArguments, clap::Error> {
    let words = std::iter::once("simulate").chain(words.iter().copied());
    Cli::try_parse_from(words).map(|cli| cli.arguments)
}

#[test]
fn arguments_are_read_or_refused() {
    for words in [
        &["happy-path", "--seed", "7", "--for", "24h", "--crash-points", "pairs:9"][..],
        &["--seeds", "100000", "--threads", "2", "--output", "json"],
        &["--replay", "failure.json", "--trace"],
    ] {
        assert!(arguments(words).is_ok(), "{words:?}");
    }
    for (words, complaint) in [
        (&["--for", "soon"][..], "no length of time"),
        (&["--crash-points", "pairs:none"], "none of all, pairs:K"),
        (&["--seeds", "0"], "0 is not in 1.."),
        (&["--replay", "f", "--seed", "1"], "cannot be used with"),
    ] {
        let error = arguments(words).unwrap_err().to_string();
        assert!(error.contains(complaint), "{words:?}: {error}");
    }
}

#[test]
fn the_exit_code_says_what_was_found() {
    let text = library::find("happy-path").unwrap();
    let progress = Arc::default();
    for (words, expected) in [
        (&["--events", "50", "--seeds", "3"][..], Exit::Pass),
        (&["--events", "30", "--crash-points", "pairs:5", "--output", "json"], Exit::Pass),
        (&["--replay", "/there/is/no/such/file"], Exit::Usage),
    ] {
        assert_eq!(run(&arguments(words).unwrap(), text, &progress), expected, "{words:?}");
    }
    assert_eq!(run(&arguments(&[]).unwrap(), "name = 1", &progress), Exit::Usage);
    assert!(progress.runs() > 8);
}

/// Goal: what a crash point has found can be replayed, too. Method: rows that go to the `_default` stream,
/// which only a crash brings to light.
#[test]
fn a_failure_at_a_crash_point_comes_back() {
    let mut simulation = Simulation::of_library("happy-path").unwrap();
    simulation.tamper = Tamper::with(Bug::DefaultStream);
    let campaign = Campaign {
        simulation: simulation.about(40),
        first: 1,
        count: 1,
        points: CrashPoints::All,
        point_events: 40,
        threads: 1,
    };
    let mut artefact = None;
    campaign.run(&Arc::default(), &mut || {}, &mut |run| {
        assert!(run.outcome.holds() && !run.holds());
        artefact = run.shrunk().map(|shrunk| Artefact::of(&shrunk));
    });
    let artefact = artefact.unwrap();
    let mut again = Artefact::read(&artefact.text()).unwrap().simulation().unwrap();
    again.tamper = Tamper::with(Bug::DefaultStream);
    let (told, outcome) = explain(&again);
    assert_eq!(outcome.findings[0], artefact.finding);
    assert!(told.contains("the engine dies"), "{told}");
    println!("{told}");
}

/// Goal: a failure in a file is the same failure for whoever reads it. Method: a planted bug that shows in
/// a calm world; the file is written, read back, and simulated with the bug and without it.
#[test]
fn a_failure_goes_to_a_file_and_comes_back() {
    let folder = tempfile::tempdir().unwrap();
    let mut simulation = Simulation::of_library("happy-path").unwrap().about(50);
    simulation.tamper = Tamper::with(Bug::FlushBeyondCheckpoint);
    let campaign = Campaign {
        simulation,
        first: 5,
        count: 1,
        points: CrashPoints::None,
        point_events: 10,
        threads: 1,
    };
    let mut written = None;
    campaign.run(&Arc::default(), &mut || {}, &mut |run| {
        written = write_artefact(&run, "happy path", folder.path()).unwrap();
    });
    let (file, told) = written.unwrap();
    assert!(file.ends_with("windtunnel-failure-happy-path-5.json"));
    assert!(told.contains("found: flush_beyond_checkpoint"), "{told}");
    assert!(told.contains("is appended on connection"), "{told}");
    let artefact = Artefact::read(&std::fs::read_to_string(&file).unwrap()).unwrap();
    assert_eq!((artefact.seed, artefact.events.len()), (5, 1));
    let mut again = artefact.simulation().unwrap();
    let name = file.display().to_string();
    let exit = run(&arguments(&["--replay", &name, "--trace"]).unwrap(), "", &Arc::default());
    assert_eq!(exit, Exit::Pass, "nothing is planted in the command");
    again.tamper = Tamper::with(Bug::FlushBeyondCheckpoint);
    assert_eq!(again.run().findings[0], artefact.finding);
}
