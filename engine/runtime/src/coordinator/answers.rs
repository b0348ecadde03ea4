//! What the coordinator does with the answers that change rows: scores, appends that took or did not,
//! rows that a table refuses. Invariant: rows go to their streams in the order of their batches.

use std::collections::BTreeMap;
use std::sync::Arc;

use windtunnel_model::{EventBatch, ProcessingTime, Reject, RejectReason, Score, Stage};
use windtunnel_stages::decode::reject;

use super::epoch::State;
use super::{Coordinator, Scoring};
use crate::command::{
    AppendError, AppendId, Command, FatalError, Rows, ScoreId, ScoreOutcome, SinkCommand,
};

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
            self.events.push(epoch, Rows::Events(Arc::new(batch)), &mut self.ids, out);
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
                let _known = self.events.appended(append) || self.windows.appended(append);
                return Ok(());
            }
            Err(AppendError::RowsRefused(rows)) => self.refuse_rows(append, &rows)?,
            Err(AppendError::StreamLost(_)) => {}
            Err(AppendError::Refused(error)) => return Err(error),
        }
        let lost = match self.events.abandon(append, now, &mut self.ids) {
            Some(lost) => Some(lost),
            None => self.windows.abandon(append, now, &mut self.ids),
        };
        let Some(lost) = lost else { return Ok(()) };
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

    /// Rows that the table refuses become dead letters with the table's reason; the rest of the append
    /// goes to the next stream with everything that follows.
    fn refuse_rows(&mut self, append: AppendId, rows: &[(u32, String)]) -> Result<(), FatalError> {
        if let Some((_, Rows::Windows(_))) = self.windows.rows_of(append) {
            let reason = rows.first().map_or("no reason given", |(_, reason)| reason.as_str());
            let message = format!("the window table refuses rows: {reason}; check its schema");
            return Err(FatalError { service: "BigQuery", message });
        }
        let Some((number, Rows::Events(batch))) = self.events.rows_of(append) else {
            return Ok(());
        };
        let refused: BTreeMap<u32, &str> =
            rows.iter().map(|(index, reason)| (*index, reason.as_str())).collect();
        let mut kept = EventBatch::clone(batch);
        let mut index = 0;
        kept.events.retain(|_| {
            index += 1;
            !refused.contains_key(&(index - 1))
        });
        let rejects: Vec<Reject> = refused
            .iter()
            .filter_map(|(&index, reason)| {
                let event = batch.events.get(index as usize)?;
                Some(Reject {
                    event_id: Some(batch.text(event.event_id).to_owned()),
                    event_time: Some(event.event_time),
                    ..reject(
                        batch.message_of(event),
                        Stage::Sink,
                        RejectReason::RowRefused,
                        (*reason).to_owned(),
                    )
                })
            })
            .collect();
        self.counters.rows -= rejects.len() as u64;
        if let Some(epoch) = self.epoch_mut(number) {
            rejects.iter().for_each(|reject| epoch.add_reject(reject));
        }
        for _ in &rejects {
            self.counters.count_reject(RejectReason::RowRefused);
        }
        self.events.replace_rows(append, Rows::Events(Arc::new(kept)));
        Ok(())
    }
}
