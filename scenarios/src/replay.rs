//! `windtunnel replay-dead-letters`: sends dead letters back to their topic after a fix, each once.

use anyhow::Context;
use windtunnel_gcp::replay::{InDoubt, ReplayConfig, replay};
use windtunnel_gcp::world::ReferenceNames;
use windtunnel_model::{EventTime, RejectReason};

use crate::cli::TargetArguments;
use crate::clock::wall;
use crate::target::reach;

/// Which dead letters.
#[derive(Debug, clap::Args)]
pub struct ReplayArguments {
    #[command(flatten)]
    target: TargetArguments,
    /// Objects of the failed-events bucket whose names begin so; `failed_events/late/` are the late events
    #[arg(long, default_value = "failed_events/")]
    prefix: String,
    /// Letters with this reason; may be given several times
    #[arg(long = "reason", value_name = "REASON", value_parser = reason)]
    reasons: Vec<RejectReason>,
    /// Letters whose message was published at this time or later
    #[arg(long, value_name = "TIME", value_parser = time)]
    from: Option<EventTime>,
    /// Letters whose message was published before this time
    #[arg(long, value_name = "TIME", value_parser = time)]
    to: Option<EventTime>,
    /// The topic to publish to, instead of the one that each letter came from
    #[arg(long)]
    topic: Option<String>,
    /// Say what would be sent, and send nothing
    #[arg(long)]
    dry_run: bool,
    /// What becomes of letters that a replay had begun to send more than half an hour ago
    #[arg(long, value_enum, default_value = "report")]
    in_doubt: Doubt,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Doubt {
    /// They are counted, not sent, and the command fails.
    Report,
    /// They are sent: you have seen that their rows are nowhere.
    Publish,
    /// They count as sent: you have seen their rows.
    Skip,
}

fn reason(text: &str) -> Result<RejectReason, String> {
    RejectReason::parse(text).ok_or_else(|| {
        let names = RejectReason::ALL.map(RejectReason::as_str).join(", ");
        format!("must be one of {names}")
    })
}

fn time(text: &str) -> Result<EventTime, String> {
    EventTime::parse(text).map_err(|_| "must be a time such as 2026-01-01T08:00:00Z".to_owned())
}

/// Replays, and prints what it came to as a JSON line.
///
/// # Errors
/// The target cannot be reached, the replay ended early, or letters are in doubt.
pub async fn run(arguments: ReplayArguments) -> anyhow::Result<()> {
    let services = reach(arguments.target.target, &arguments.target.region).await?;
    let names = ReferenceNames::for_project(&arguments.target.project);
    let config = ReplayConfig {
        prefix: arguments.prefix,
        reasons: arguments.reasons,
        from: arguments.from,
        to: arguments.to,
        topic: arguments.topic,
        dry_run: arguments.dry_run,
        in_doubt: match arguments.in_doubt {
            Doubt::Report => InDoubt::Report,
            Doubt::Publish => InDoubt::Publish,
            Doubt::Skip => InDoubt::Skip,
        },
    };
    let summary = replay(&services.endpoints, &names, &config, || EventTime(wall().0))
        .await
        .context("the replay ended early; run the same command again when the cause is gone")?;
    let mut line = serde_json::to_value(&summary).expect("a summary holds JSON's own types");
    line["type"] = "replay".into();
    line["dry_run"] = config.dry_run.into();
    println!("{line}");
    if summary.in_doubt > 0 {
        anyhow::bail!(
            "{} letters may or may not have been sent by a replay that ended more than half an \
             hour ago, which is more than dedup is sure to remember; look for their rows, then \
             pass --in-doubt publish or --in-doubt skip",
            summary.in_doubt
        );
    }
    Ok(())
}
