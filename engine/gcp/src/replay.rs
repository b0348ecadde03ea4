//! Dead letters go back to their topic, each once, however often the command is killed and started again.
//! Two things see to it. A journal beside each dead-letter object says which lines are on their way (before
//! they are published) and which are published (after); it is written under a generation precondition, so
//! that two replays never overwrite each other's. And every message carries the identity of its letter
//! (`replay_of`), which the engine's dedup knows: a line that is published again in doubt vanishes there.
//! Invariant: doubt that is older than the dedup horizon is never resolved by guessing.

mod bucket;
mod journal;
mod letter;

use std::collections::{BTreeMap, BTreeSet};

use google_cloud_pubsub::client::Publisher;
use windtunnel_model::{EventTime, RejectReason};

use crate::endpoints::{ConnectError, Endpoints};
use crate::world::ReferenceNames;
use bucket::Bucket;
use journal::Journal;
use letter::Letter;

/// Where the late output is.
const LATE_PREFIX: &str = "failed_events/late";

/// Which letters, and what to do with them.
#[derive(Debug, Clone)]
pub struct ReplayConfig {
    /// Objects whose names begin so.
    pub prefix: String,
    /// Letters with one of these reasons; empty is any.
    pub reasons: Vec<RejectReason>,
    /// Letters whose message was published at this time or later.
    pub from: Option<EventTime>,
    /// Letters whose message was published before this time.
    pub to: Option<EventTime>,
    /// The topic to publish to; none is the one that each letter came from.
    pub topic: Option<String>,
    /// Count and publish nothing.
    pub dry_run: bool,
    /// What becomes of letters that an earlier replay may or may not have published, too long ago for
    /// dedup to know.
    pub in_doubt: InDoubt,
}

/// What becomes of letters in doubt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InDoubt {
    /// They are counted, and stay in doubt.
    Report,
    /// They are published: whoever says so has seen that they are nowhere.
    Publish,
    /// They count as published: whoever says so has seen that they are somewhere.
    Skip,
}

/// What a replay came to, in letters.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize)]
pub struct ReplaySummary {
    /// Dead-letter objects read.
    pub objects: u64,
    /// Letters in them.
    pub letters: u64,
    /// Letters that the filters let through.
    pub matched: u64,
    /// Letters published now; with a dry run, those that would be.
    pub published: u64,
    /// Letters that an earlier replay has published.
    pub published_before: u64,
    /// Letters that hold no payload, since it could not be redacted.
    pub withheld: u64,
    /// Letters that an earlier replay may or may not have published.
    pub in_doubt: u64,
    /// Letters published now, by reason.
    pub reasons: BTreeMap<&'static str, u64>,
}

/// Why a replay ended early; what it did is in its journals.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// A client cannot be made.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// An object cannot be listed, read or written.
    #[error("cannot {action} gs://{bucket}/{name}: {reason}")]
    Storage {
        /// What was tried.
        action: &'static str,
        /// The bucket.
        bucket: String,
        /// The object.
        name: String,
        /// The service's words.
        reason: String,
    },
    /// A line is no dead letter, or a journal is none.
    #[error("gs://{bucket}/{name}: {reason}")]
    Content {
        /// The bucket.
        bucket: String,
        /// The object.
        name: String,
        /// What is wrong.
        reason: String,
    },
    /// Another replay writes the same journal.
    #[error("another replay is at gs://{bucket}/{name}; let it end, then run this one again")]
    Busy {
        /// The bucket.
        bucket: String,
        /// The journal.
        name: String,
    },
    /// The topic takes no messages.
    #[error("cannot publish to {topic}: {reason}")]
    Publish {
        /// The topic.
        topic: String,
        /// The service's words.
        reason: String,
    },
}

/// Publishes the letters of a project again, as far as no earlier replay has; `now` is the wall clock.
///
/// # Errors
/// [`ReplayError`]; run the same command again when its cause is gone.
pub async fn replay(
    endpoints: &Endpoints,
    names: &ReferenceNames,
    config: &ReplayConfig,
    now: impl Fn() -> EventTime,
) -> Result<ReplaySummary, ReplayError> {
    let mut replay = Replay {
        bucket: Bucket { name: names.failed_events_bucket(), storage: endpoints.storage().await? },
        endpoints,
        names,
        config,
        publishers: BTreeMap::new(),
        summary: ReplaySummary::default(),
    };
    let control = endpoints.storage_control().await?;
    // Late events are no mistakes: they come back only when they are asked for.
    let wants_late = config.prefix.starts_with(LATE_PREFIX);
    for object in replay.bucket.list(&control, &config.prefix).await? {
        if object.starts_with(LATE_PREFIX) && !wants_late {
            continue;
        }
        replay.object(&object, now()).await?;
    }
    Ok(replay.summary)
}

/// Says whether a line is a dead letter as the engine and the function write them.
///
/// # Errors
/// What is wrong with it.
pub fn check_letter(line: &[u8]) -> Result<(), String> {
    Letter::parse(line).map(drop)
}

struct Replay<'a> {
    bucket: Bucket,
    endpoints: &'a Endpoints,
    names: &'a ReferenceNames,
    config: &'a ReplayConfig,
    publishers: BTreeMap<String, Publisher>,
    summary: ReplaySummary,
}

impl Replay<'_> {
    /// Publishes the letters of one object: intent, messages, outcome.
    async fn object(&mut self, object: &str, now: EventTime) -> Result<(), ReplayError> {
        let Some((content, _)) = self.bucket.read(object).await? else { return Ok(()) };
        let letters = self.letters(object, &content)?;
        let (mut journal, generation) = self.journal(object).await?;
        let matching = letters.iter().filter(|(_, letter)| self.matches(letter));
        let matching: BTreeSet<u64> = matching.map(|(line, _)| *line).collect();
        self.summary.objects += 1;
        self.summary.letters += letters.len() as u64;
        self.summary.matched += matching.len() as u64;
        self.summary.published_before += matching.intersection(&journal.published).count() as u64;
        let settled = match self.config.in_doubt {
            _ if !journal.is_in_doubt(now) => false,
            InDoubt::Publish => false,
            InDoubt::Skip => journal.finish(),
            InDoubt::Report => {
                self.summary.in_doubt += journal.lines.len() as u64;
                return Ok(());
            }
        };
        // What an earlier replay had begun is finished, whatever the filters are now.
        let due = matching.union(&journal.lines).filter(|line| !journal.published.contains(line));
        let (due, withheld): (Vec<_>, Vec<_>) = due
            .filter_map(|line| Some((*line, letters.get(line)?)))
            .partition(|(_, letter)| !letter.is_withheld);
        self.summary.withheld += withheld.len() as u64;
        self.summary.published += due.len() as u64;
        for (_, letter) in &due {
            *self.summary.reasons.entry(letter.reason.as_str()).or_default() += 1;
        }
        if self.config.dry_run || (due.is_empty() && !settled) {
            return Ok(());
        }
        journal.begin(due.iter().map(|(line, _)| *line), now);
        let generation = self.write_journal(object, &journal, generation).await?;
        self.publish(object, due).await?;
        journal.finish();
        self.write_journal(object, &journal, generation).await?;
        Ok(())
    }

    /// Publishes letters, and waits until the topic has them all.
    async fn publish(&mut self, object: &str, due: Vec<(u64, &Letter)>) -> Result<(), ReplayError> {
        let mut sent = Vec::with_capacity(due.len());
        for (line, letter) in due {
            let topic = self.config.topic.as_deref().unwrap_or_else(|| letter.topic());
            let message = letter.message(&format!("{object}:{line}"), topic);
            let topic = self.names.topic(topic);
            if !self.publishers.contains_key(&topic) {
                let publisher = self.endpoints.publisher(&topic).await?;
                self.publishers.insert(topic.clone(), publisher);
            }
            sent.push((topic.clone(), self.publishers[&topic].publish(message)));
        }
        for (topic, answer) in sent {
            if let Err(error) = answer.await {
                return Err(ReplayError::Publish { topic, reason: error.to_string() });
            }
        }
        Ok(())
    }

    /// The letters of an object by line, from 1.
    fn letters(&self, object: &str, content: &[u8]) -> Result<BTreeMap<u64, Letter>, ReplayError> {
        let lines = (1_u64..).zip(content.split(|&byte| byte == b'\n'));
        let letters = lines.filter(|(_, line)| !line.is_empty()).map(|(number, line)| {
            let letter = Letter::parse(line).map_err(|reason| {
                self.bucket.content(object, format!("line {number} is no dead letter: {reason}"))
            });
            Ok((number, letter?))
        });
        letters.collect()
    }

    fn matches(&self, letter: &Letter) -> bool {
        let ReplayConfig { reasons, from, to, .. } = self.config;
        (reasons.is_empty() || reasons.contains(&letter.reason))
            && from.is_none_or(|from| letter.publish_time >= from)
            && to.is_none_or(|to| letter.publish_time < to)
    }

    /// The journal of an object, and its generation; an empty one of generation 0 where there is none.
    async fn journal(&self, object: &str) -> Result<(Journal, i64), ReplayError> {
        let name = journal::object_name(object);
        let Some((content, generation)) = self.bucket.read(&name).await? else {
            return Ok((Journal::default(), 0));
        };
        let journal = Journal::parse(&content)
            .map_err(|reason| self.bucket.content(&name, format!("it is no journal: {reason}")))?;
        Ok((journal, generation))
    }

    /// Writes a journal over the generation that was read, and answers with the new one.
    async fn write_journal(
        &self,
        object: &str,
        journal: &Journal,
        generation: i64,
    ) -> Result<i64, ReplayError> {
        self.bucket.write(&journal::object_name(object), journal.to_json(), generation).await
    }
}
