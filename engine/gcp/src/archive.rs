//! The archive: what messages were, in the raw bucket, and the rows that their events became, in the
//! processed bucket, as Parquet partitioned by date. Every epoch is a file a date and bucket, named by job,
//! shard and epoch, so that writing it again is writing the same file.
//!
//! Invariants: a file that a later lease of the job wrote is never written over; nothing here is on the way
//! of the events, which wait for their checkpoint alone.

mod encode;

use std::collections::BTreeSet;
use std::sync::Arc;

use bytes::Bytes;
use google_cloud_gax::error::rpc::Code;
use google_cloud_gax::options::RequestOptionsBuilder as _;
use google_cloud_gax::paginator::ItemPaginator as _;
use google_cloud_storage::client::{Storage, StorageControl};
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinSet;
use tokio::time::sleep;
use windtunnel_runtime::command::{ArchiveCommand, FatalError, Input};

use crate::checkpoints::is;
use crate::limits::{ARCHIVE_EPOCHS_IN_FLIGHT, ARCHIVE_LISTS_IN_FLIGHT, BACKOFF, BACKOFF_MAX};
use crate::objects::is_refused;
use encode::File;

/// What the raw bucket's files begin with: its `batch/` holds what people put there.
const RAW_PREFIX: &str = "archive";
/// What the processed bucket's files begin with.
const PROCESSED_PREFIX: &str = "events";
/// The custom metadata that says which lease of the job wrote a file.
const LEASE: &str = "lease";

/// Where the archive of one shard is, and who writes it.
#[derive(Debug)]
pub(crate) struct Archive {
    pub(crate) storage: Storage,
    pub(crate) control: StorageControl,
    /// `{project}-raw-data`.
    pub(crate) raw_bucket: String,
    /// `{project}-processed-data`.
    pub(crate) processed_bucket: String,
    pub(crate) job: String,
    pub(crate) shard: u32,
    /// The lease under which the job's checkpoints are held.
    pub(crate) lease: u64,
}

/// Carries commands out until their channel closes.
pub(crate) async fn run(
    archive: Archive,
    mut commands: mpsc::Receiver<ArchiveCommand>,
    inputs: mpsc::Sender<Input>,
) {
    let archive = Arc::new(archive);
    let room = Arc::new(Semaphore::new(ARCHIVE_EPOCHS_IN_FLIGHT));
    let mut under_way = JoinSet::new();
    while let Some(command) = commands.recv().await {
        while under_way.try_join_next().is_some() {}
        let (archive, inputs, room) = (Arc::clone(&archive), inputs.clone(), Arc::clone(&room));
        under_way.spawn(async move {
            let Ok(_permit) = room.acquire_owned().await else { return };
            let _ended = inputs.send(archive.carry_out(command).await).await;
        });
    }
    while under_way.join_next().await.is_some() {}
}

impl Archive {
    async fn carry_out(self: &Arc<Self>, command: ArchiveCommand) -> Input {
        match command {
            ArchiveCommand::Prune { after } => {
                Input::ArchivePruned { result: self.prune(after).await }
            }
            ArchiveCommand::Write { epoch, again, rows, rejects } => {
                let encoded = tokio::task::spawn_blocking(move || {
                    let raw = encode::raw(&rows, &rejects)?;
                    Ok((raw, encode::processed(&rows)?))
                });
                let encoded = encoded.await.unwrap_or_else(|error| Err(error.to_string()));
                let result = match encoded {
                    Ok((raw, processed)) => self.write(epoch, again, raw, processed).await,
                    Err(reason) => Err(fatal(format!("epoch {epoch} cannot be encoded: {reason}"))),
                };
                Input::Archived { epoch, result }
            }
        }
    }

    #[tracing::instrument(skip_all, fields(epoch))]
    async fn write(
        self: &Arc<Self>,
        epoch: u64,
        again: bool,
        raw: Vec<File>,
        processed: Vec<File>,
    ) -> Result<(), FatalError> {
        let mut kept = BTreeSet::new();
        for (bucket, prefix, files) in [
            (&self.raw_bucket, RAW_PREFIX, raw),
            (&self.processed_bucket, PROCESSED_PREFIX, processed),
        ] {
            for File { date, content } in files {
                let name = format!("{prefix}/date={date}/{}", self.file_name(epoch));
                self.put(bucket, &name, content).await?;
                kept.insert((bucket.as_str(), name));
            }
        }
        if again {
            // Dates that the epoch has no row of any more.
            let is_old = |bucket: &str, name: &str, of: u64| {
                of == epoch && !kept.contains(&(bucket, name.to_owned()))
            };
            self.remove(epoch, is_old).await?;
        }
        Ok(())
    }

    async fn prune(self: &Arc<Self>, after: u64) -> Result<(), FatalError> {
        self.remove(after + 1, |_, _, epoch| epoch > after).await
    }

    fn file_name(&self, epoch: u64) -> String {
        format!("{}-{:03}-{epoch:010}.parquet", self.job, self.shard)
    }

    /// Removes files of this shard, by their bucket, name and epoch, from an epoch on. Every date is asked for
    /// its files, and answers with those from that epoch on alone: the cost does not grow with the epochs.
    async fn remove(
        self: &Arc<Self>,
        from: u64,
        is_over: impl Fn(&str, &str, u64) -> bool,
    ) -> Result<(), FatalError> {
        for (bucket, prefix) in
            [(&self.raw_bucket, RAW_PREFIX), (&self.processed_bucket, PROCESSED_PREFIX)]
        {
            let room = Arc::new(Semaphore::new(ARCHIVE_LISTS_IN_FLIGHT));
            let mut lists = JoinSet::new();
            for date in self.dates(bucket, prefix).await? {
                let (archive, bucket, room) = (Arc::clone(self), bucket.clone(), Arc::clone(&room));
                lists.spawn(async move {
                    let _permit = room.acquire_owned().await;
                    archive.files_from(&bucket, &date, from).await
                });
            }
            while let Some(listed) = lists.join_next().await {
                let listed = listed.unwrap_or_else(|error| Err(fatal(error.to_string())))?;
                for (name, epoch) in listed {
                    if is_over(bucket, &name, epoch) {
                        self.delete(bucket, &name).await?;
                    }
                }
            }
        }
        Ok(())
    }

    /// The folders of all dates.
    async fn dates(&self, bucket: &str, prefix: &str) -> Result<Vec<String>, FatalError> {
        let (mut dates, mut page_token) = (Vec::new(), String::new());
        loop {
            let page = self
                .control
                .list_objects()
                .set_parent(format!("projects/_/buckets/{bucket}"))
                .set_prefix(format!("{prefix}/date="))
                .set_delimiter("/")
                .set_page_token(page_token)
                .send()
                .await
                .map_err(|error| fatal(format!("gs://{bucket}/{prefix}: {error}")))?;
            dates.extend(page.prefixes);
            if page.next_page_token.is_empty() {
                return Ok(dates);
            }
            page_token = page.next_page_token;
        }
    }

    /// This shard's files of a date, from an epoch on.
    async fn files_from(
        &self,
        bucket: &str,
        date: &str,
        from: u64,
    ) -> Result<Vec<(String, u64)>, FatalError> {
        let begins = format!("{date}{}-{:03}-", self.job, self.shard);
        let mut listed = self
            .control
            .list_objects()
            .set_parent(format!("projects/_/buckets/{bucket}"))
            .set_prefix(&begins)
            .set_lexicographic_start(format!("{date}{}", self.file_name(from)))
            .by_item();
        let mut files = Vec::new();
        while let Some(object) = listed.next().await {
            let object = object.map_err(|error| fatal(format!("gs://{bucket}/{date}: {error}")))?;
            let epoch = object.name.strip_prefix(&begins);
            let epoch = epoch.and_then(|epoch| epoch.strip_suffix(".parquet")?.parse().ok());
            files.extend(epoch.map(|epoch| (object.name, epoch)));
        }
        Ok(files)
    }

    async fn delete(&self, bucket: &str, name: &str) -> Result<(), FatalError> {
        let deleted = self
            .control
            .delete_object()
            .set_bucket(format!("projects/_/buckets/{bucket}"))
            .set_object(name)
            .with_idempotency(true)
            .send()
            .await;
        match deleted {
            Err(error) if !is(&error, 404, Code::NotFound) => {
                Err(fatal(format!("cannot delete gs://{bucket}/{name}: {error}")))
            }
            _ => {
                tracing::info!("removed gs://{bucket}/{name}, which no checkpoint covers");
                Ok(())
            }
        }
    }

    /// Writes a file, again and again while the failure is not the caller's; over one that is there when
    /// this lease or an earlier one wrote it.
    async fn put(&self, bucket: &str, name: &str, content: Bytes) -> Result<(), FatalError> {
        let parent = format!("projects/_/buckets/{bucket}");
        let mut over = 0;
        let mut pause = BACKOFF;
        loop {
            let written = self
                .storage
                .write_object(&parent, name, content.clone())
                .set_content_type("application/vnd.apache.parquet")
                .set_metadata([(LEASE, self.lease.to_string())])
                .set_if_generation_match(over)
                .send_buffered()
                .await;
            let Err(error) = written else { return Ok(()) };
            if is(&error, 412, Code::FailedPrecondition) {
                over = self.generation_to_replace(&parent, name).await?;
                continue;
            }
            if is_refused(&error) {
                return Err(fatal(format!("cannot write gs://{bucket}/{name}: {error}")));
            }
            tracing::warn!(%error, "writing gs://{bucket}/{name} failed, again");
            sleep(pause).await;
            pause = (pause * 2).min(BACKOFF_MAX);
        }
    }

    /// The generation of a file that may be written over; 0 when it has gone meanwhile.
    async fn generation_to_replace(&self, parent: &str, name: &str) -> Result<i64, FatalError> {
        let found = self.control.get_object().set_bucket(parent).set_object(name).send().await;
        let found = match found {
            Ok(object) => object,
            Err(error) if is(&error, 404, Code::NotFound) => return Ok(0),
            Err(error) => return Err(fatal(format!("cannot look at {parent}/{name}: {error}"))),
        };
        let lease = found.metadata.get(LEASE).and_then(|lease| lease.parse::<u64>().ok());
        match lease.filter(|lease| *lease > self.lease) {
            None => Ok(found.generation),
            Some(lease) => Err(fatal(format!(
                "{parent}/{name} was written under lease {lease}: this process had lease {} and was taken \
                 over",
                self.lease
            ))),
        }
    }
}

fn fatal(message: String) -> FatalError {
    FatalError { service: "archive", message }
}
