//! What the coordinator does with the answers that change rows: scores, appends that took or did not,
//! rows that a table refuses. Invariant: rows go to their streams in the order of their batches.

use std::collections::BTreeMap;
use std::sync::Arc;

use windtunnel_model::{EventBatch, ProcessingTime, Reject, RejectReason, Score, Stage, TableRows};
use windtunnel_stages::decode::reject;

use super::archive::Archive;
use super::epoch::State;
use super::{Coordinator, Scoring};
use crate::command::{
    AppendError, AppendId, Command, FatalError, Rows, ScoreId, ScoreOutcome, SinkCommand, Table,
};
use crate::limits::NAMED_TABLES_MAX;
use crate::pipeline::refused_row;

impl Coordinator {
    pub(super) fn scored(
        &mut self,
        score: ScoreId,
        outcomes: Vec<ScoreOutcome>,
        model_version: String,
        out: &mut Vec<Command>,
    ) -> Result<(), FatalError> {
        let Some(scoring) = self.scoring.iter_mut().find(|scoring| scoring.id == score) else {
            return Ok(());
        };
        let expected = scoring.batch.events.len();
        if outcomes.len() != expected {
            let message = format!("{} outcomes for {expected} events", outcomes.len());
            return Err(FatalError { service: "Vertex AI", message });
        }
        scoring.answer = Some((outcomes, model_version));
        // Batches are appended in their order, so that a stream's prefix is a prefix of the epochs.
        while self.scoring.front().is_some_and(|scoring| scoring.answer.is_some()) {
            let Some(Scoring { epoch, batch, answer: Some((outcomes, version)), .. }) =
                self.scoring.pop_front()
            else {
                break;
            };
            let mut batch = Arc::unwrap_or_clone(batch);
            for (event, outcome) in batch.events.iter_mut().zip(outcomes) {
                event.score = match outcome {
                    ScoreOutcome::Value(value) => Score::Value(value),
                    ScoreOutcome::Degraded => Score::Degraded,
                };
                self.counters.degraded += u64::from(outcome == ScoreOutcome::Degraded);
            }
            batch.model_version = version;
            if let Some(epoch) = self.epoch_mut(epoch) {
                epoch.unscored -= 1;
            }
            let rows = Rows::Events(Arc::new(batch));
            self.lanes.push(Table::Events, epoch, rows, &mut self.ids, out);
        }
        Ok(())
    }

    pub(super) fn appended(
        &mut self,
        append: AppendId,
        result: Result<(), AppendError>,
        now: ProcessingTime,
        out: &mut Vec<Command>,
    ) -> Result<(), FatalError> {
        match result {
            Ok(()) => {
                self.lanes.appended(append);
                return Ok(());
            }
            Err(AppendError::RowsRefused(rows)) => self.refuse_rows(append, &rows)?,
            Err(AppendError::StreamLost(_)) => {}
            Err(AppendError::Refused(error)) => return Err(error),
        }
        let Some(lost) = self.lanes.abandon(append, now, &mut self.ids) else { return Ok(()) };
        self.counters.streams_lost += 1;
        debug_assert!(
            self.epochs
                .iter()
                .any(|epoch| epoch.number == lost.epoch && epoch.state < State::Saving),
            "an append of a sealed epoch cannot be under way"
        );
        let Some(name) = lost.name else { return Ok(()) };
        match self.streams.iter_mut().find(|stream| stream.name == name) {
            Some(stream) => stream.abandoned = true,
            // No checkpoint names it, so nothing of it will ever be visible.
            None => out.push(Command::Sink(SinkCommand::Finalize { name })),
        }
        Ok(())
    }

    /// Rows of a table too many become dead letters.
    pub(super) fn refuse_table(&mut self, epoch: u64, rows: &TableRows) {
        for (index, row) in rows.iter().enumerate() {
            let detail = format!("the pipeline names more than {NAMED_TABLES_MAX} tables");
            self.counters.count_reject(RejectReason::RowRefused);
            self.reject_row(epoch, refused_row(rows.message(index), row, detail));
        }
    }

    fn reject_row(&mut self, epoch: u64, reject: Reject) {
        let archives = self.archive != Archive::Off;
        let Some(epoch) = self.epoch_mut(epoch) else { return };
        epoch.add_reject(&reject);
        epoch.archived.outdate();
        if archives {
            epoch.rejects.push(reject);
        }
    }

    /// Rows that the table refuses become dead letters with the table's reason; the rest of the append
    /// goes to the next stream with everything that follows.
    fn refuse_rows(&mut self, append: AppendId, rows: &[(u32, String)]) -> Result<(), FatalError> {
        let Some((number, sent)) = self.lanes.rows_of(append) else { return Ok(()) };
        let refused: BTreeMap<u32, &str> =
            rows.iter().map(|(index, reason)| (*index, reason.as_str())).collect();
        let (kept, rejects) = match sent {
            Rows::Windows(_) => {
                let reason = rows.first().map_or("no reason given", |(_, reason)| reason.as_str());
                let message = format!("the window table refuses rows: {reason}; check its schema");
                return Err(FatalError { service: "BigQuery", message });
            }
            Rows::Events(batch) => without_events(batch, &refused),
            Rows::Named(rows) => without_rows(rows, &refused),
        };
        let count = rejects.len() as u64;
        match kept {
            Rows::Named(_) => self.counters.named_rows -= count,
            Rows::Events(_) | Rows::Windows(_) => self.counters.rows -= count,
        }
        for reject in rejects {
            self.counters.count_reject(RejectReason::RowRefused);
            self.reject_row(number, reject);
        }
        self.lanes.replace_rows(append, kept);
        Ok(())
    }
}

fn without_events(batch: &EventBatch, refused: &BTreeMap<u32, &str>) -> (Rows, Vec<Reject>) {
    let rejects = refused.iter().filter_map(|(&index, reason)| {
        let event = batch.events.get(index as usize)?;
        let message = batch.message_of(event);
        Some(Reject {
            event_id: Some(batch.text(event.event_id).to_owned()),
            event_time: Some(event.event_time),
            ..reject(message, Stage::Sink, RejectReason::RowRefused, (*reason).to_owned())
        })
    });
    let rejects = rejects.collect();
    let mut kept = EventBatch::clone(batch);
    let mut index = 0;
    kept.events.retain(|_| {
        index += 1;
        !refused.contains_key(&(index - 1))
    });
    (Rows::Events(Arc::new(kept)), rejects)
}

fn without_rows(rows: &TableRows, refused: &BTreeMap<u32, &str>) -> (Rows, Vec<Reject>) {
    let is_refused =
        |index: usize| u32::try_from(index).is_ok_and(|index| refused.contains_key(&index));
    let rejects = refused.iter().filter(|(index, _)| (**index as usize) < rows.len());
    let rejects = rejects.map(|(&index, reason)| {
        let index = index as usize;
        refused_row(rows.message(index), rows.row(index), (*reason).to_owned())
    });
    let rejects = rejects.collect();
    (Rows::Named(Arc::new(rows.filtered(|index| !is_refused(index)))), rejects)
}
