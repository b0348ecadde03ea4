//! Scenario files: TOML, typed once. Every key is known or an error with file, line, column and the
//! nearest valid key; all errors of a file are reported, not only the first. Invariant: a scenario that
//! was read can be run.

mod expectation;
mod privacy;
mod reader;
mod units;

use std::sync::Arc;
use std::time::Duration;

use windtunnel_model::EventTime;
use windtunnel_simulator::{Arrivals, Disorder, Source, SourceKind, Workload};
use windtunnel_stages::privacy::Privacy;
use windtunnel_stages::window::WindowConfig;

pub use expectation::{Expectation, Judged, METRICS, Metrics};
pub use privacy::parse_privacy;
pub use reader::Problem;

use reader::Reader;
pub(crate) use units::duration as parse_duration;

/// How the pipeline is laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Topology {
    /// Raw topic, push, preprocessing function, second topic, engine.
    Function,
    /// Raw topic, engine.
    Fused,
}

/// A scenario.
#[derive(Debug, Clone)]
pub struct Scenario {
    /// Its name.
    pub name: String,
    /// What it shows.
    pub about: String,
    /// What is blown at the pipeline.
    pub workload: Workload,
    /// How the pipeline is laid out.
    pub topology: Topology,
    /// Its windows.
    pub windows: WindowConfig,
    /// How long an epoch takes messages.
    pub checkpoint_interval: Duration,
    /// Whether events are scored.
    pub predict: bool,
    /// Whether messages and rows are archived as Parquet; not in a simulation.
    pub archive: bool,
    /// What is taken out of events before anything is stored.
    pub privacy: Option<Arc<Privacy>>,
    /// Faults on the timeline; this build injects none, so they make the verdict `not_evaluated`.
    pub faults: Vec<String>,
    /// What must hold at the end.
    pub expectations: Vec<Expectation>,
}

/// The share of all events from which a single device or visitor is a hot key.
const HOT_SHARE: f64 = 0.05;

impl Scenario {
    /// The source with a hot key, and the share of all events that one of its members sends; none where
    /// no member sends a twentieth.
    #[must_use]
    pub fn hot_source(&self) -> Option<(&str, f64)> {
        let sources = &self.workload.sources;
        let all: f64 = sources.iter().map(|source| source.rate_per_second).sum();
        let share = |source: &Source| source.rate_per_second / f64::from(source.count.max(1)) / all;
        let hottest = sources.iter().max_by(|a, b| share(a).total_cmp(&share(b)))?;
        (share(hottest) >= HOT_SHARE && sources.len() > 1)
            .then(|| (hottest.name.as_str(), share(hottest)))
    }
}

/// Reads a scenario.
///
/// # Errors
/// All problems of the file, in the order of their places.
pub fn parse(file: &str, text: &str) -> Result<Scenario, Vec<Problem>> {
    let (scenario, mut problems) = read(file, text, scenario)?;
    if problems.is_empty()
        && let Err(error) = scenario.workload.validate()
    {
        problems.push(Problem::at(file, text, 0, error.to_string()));
    }
    if problems.is_empty() {
        return Ok(scenario);
    }
    problems.sort_by_key(|problem| (problem.line, problem.column));
    Err(problems)
}

/// Reads a file's tables with a function, and gives its problems beside what it read.
fn read<T>(
    file: &str,
    text: &str,
    read: impl FnOnce(&mut Reader<'_, '_>) -> T,
) -> Result<(T, Vec<Problem>), Vec<Problem>> {
    let mut problems = Vec::new();
    let document = toml::de::DeTable::parse(text).map_err(|error| {
        let at = error.span().map_or(0, |span| span.start);
        vec![Problem::at(file, text, at, error.message().to_owned())]
    })?;
    let mut reader = Reader::new(file, text, "", document.get_ref(), &mut problems);
    let read = read(&mut reader);
    reader.finish();
    Ok((read, problems))
}

fn scenario(reader: &mut Reader<'_, '_>) -> Scenario {
    let name = reader.text("name").unwrap_or_default();
    let about = reader.text("about").unwrap_or_default();
    let seed = reader.integer("seed").unwrap_or(1);
    let duration = reader.duration("duration").unwrap_or(Duration::from_secs(20));
    let start = reader.time("start").unwrap_or(EventTime(1_767_254_400_000_000));
    let time_scale = reader.number("time_scale", 1e-6, 1e6).unwrap_or(1.0);
    let mut sources = reader.tables("fleet", |fleet| source(fleet, SourceKind::Devices, "devices"));
    sources
        .extend(reader.tables("visitors", |group| source(group, SourceKind::Visitors, "visitors")));
    if sources.is_empty() {
        reader.problem(0, "no [[fleet]] and no [[visitors]]: nothing would be sent".to_owned());
    }
    let disorder = reader.table("disorder", disorder).unwrap_or_default();
    let pipeline = reader.table("pipeline", pipeline).unwrap_or_default();
    let privacy = reader.table("privacy", privacy::privacy).flatten().map(Arc::new);
    let faults = reader.tables("fault", |fault| {
        let kind = fault.text("kind").unwrap_or_default();
        if let Some((at, place)) = fault.placed_duration("at")
            && at >= duration
        {
            fault.problem(place, "the fault is after the end of the scenario".to_owned());
        }
        let _for = fault.duration("for");
        kind
    });
    let expectations = reader
        .tables("expect", |expect| {
            let (text, place) = expect.placed_text("that")?;
            let aborts = expect.flag("abort").unwrap_or(false);
            let parsed = Expectation::parse(&text).and_then(|expectation| {
                if aborts { expectation.aborting() } else { Ok(expectation) }
            });
            match parsed {
                Ok(expectation) => Some(expectation),
                Err(message) => {
                    expect.problem(place, message);
                    None
                }
            }
        })
        .into_iter()
        .flatten()
        .collect();
    let duration_ns = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
    let start_micros = start.0;
    Scenario {
        name,
        about,
        workload: Workload { seed, start_micros, duration_ns, time_scale, sources, disorder },
        topology: pipeline.topology,
        windows: pipeline.windows,
        checkpoint_interval: pipeline.checkpoint_interval,
        predict: pipeline.predict,
        archive: pipeline.archive,
        privacy,
        faults,
        expectations,
    }
}

fn source(reader: &mut Reader<'_, '_>, kind: SourceKind, count_key: &str) -> Source {
    Source {
        name: reader.text("name").unwrap_or_else(|| count_key.to_owned()),
        kind,
        count: u32::try_from(reader.integer(count_key).unwrap_or(1)).unwrap_or(u32::MAX),
        rate_per_second: reader.rate("rate").unwrap_or(1.0),
        arrivals: reader
            .choice("arrivals", &[("constant", Arrivals::Constant), ("poisson", Arrivals::Poisson)])
            .unwrap_or(Arrivals::Constant),
    }
}

fn disorder(reader: &mut Reader<'_, '_>) -> Disorder {
    let mut share = |name: &str| reader.number(name, 0.0, 1.0).unwrap_or_default();
    let mut disorder = Disorder {
        late: share("late"),
        out_of_order: share("out_of_order"),
        duplicate: share("duplicate"),
        conflicting_duplicate: share("conflicting_duplicate"),
        malformed: share("malformed"),
        oversize: share("oversize"),
        ..Disorder::default()
    };
    let mut seconds = |name: &str| reader.duration(name).unwrap_or_default().as_secs_f64();
    disorder.late_by_min_s = seconds("late_by_min");
    disorder.late_by_max_s = seconds("late_by_max");
    disorder.out_of_order_by_max_s = seconds("out_of_order_by_max");
    disorder
}

struct Pipeline {
    topology: Topology,
    windows: WindowConfig,
    checkpoint_interval: Duration,
    predict: bool,
    archive: bool,
}

impl Default for Pipeline {
    fn default() -> Self {
        Self {
            topology: Topology::Function,
            windows: WindowConfig::default(),
            checkpoint_interval: Duration::from_millis(200),
            predict: true,
            archive: false,
        }
    }
}

fn pipeline(reader: &mut Reader<'_, '_>) -> Pipeline {
    let default = Pipeline::default();
    let mut micros = |name: &str, default: i64| {
        let micros =
            reader.duration(name).map(|it| i64::try_from(it.as_micros()).unwrap_or(i64::MAX));
        micros.unwrap_or(default)
    };
    let windows = WindowConfig {
        size_micros: micros("window", default.windows.size_micros).max(1),
        allowed_lateness_micros: micros(
            "allowed_lateness",
            default.windows.allowed_lateness_micros,
        ),
        watermark_bound_micros: micros("watermark_bound", default.windows.watermark_bound_micros),
    };
    Pipeline {
        topology: reader
            .choice("topology", &[("function", Topology::Function), ("fused", Topology::Fused)])
            .unwrap_or(default.topology),
        windows,
        checkpoint_interval: reader
            .duration("checkpoint_interval")
            .unwrap_or(default.checkpoint_interval),
        predict: reader.flag("predict").unwrap_or(default.predict),
        archive: reader.flag("archive").unwrap_or(default.archive),
    }
}

#[cfg(test)]
mod tests;
