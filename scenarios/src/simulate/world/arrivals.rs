//! Requests at their services: what a call's fate does to it here, what the service does, and the crash of
//! a caller whose call has been carried out.

use tonic::Status;
use windtunnel_protos::bigquery::append_rows_response::Response;
use windtunnel_protos::bigquery::{AppendRowsRequest, AppendRowsResponse};
use windtunnel_simulator::id_hash;

use super::super::call::{Answer, Caller, Happening, Meta, Request, Token, connection_name};
use super::super::fault::Part;
use super::super::services::bigquery::{error_response, event_id_of, refusal, row_count};
use super::World;

impl World {
    pub(super) fn arrive(&mut self, arrival: Box<(Request, Meta)>) {
        let is_push = matches!(arrival.0, Request::Push { .. });
        if is_push && self.function.hung_until > self.net.now() && self.function.life.is_some() {
            let at = self.function.hung_until;
            self.net.agenda.at(at, Happening::Arrival(arrival));
            return;
        }
        let (request, meta) = *arrival;
        let (from, crash) = (meta.from, meta.crash);
        let name = (meta.effect.name(), meta.nth);
        if self.net.is_lost(&meta) {
            self.lose(&request, meta);
        } else if self.is_out(&meta) {
            self.refuse(&request, meta, Status::unavailable("the service is down"));
        } else if meta.is_throttled {
            self.refuse(&request, meta, Status::resource_exhausted("quota exceeded"));
        } else {
            self.serve(request, meta);
        }
        if let Some(loss) = crash {
            self.net.news(format_args!("{from} dies after {} #{} ({loss:?})", name.0, name.1));
            self.kill(from, loss);
        }
    }

    fn is_out(&self, meta: &Meta) -> bool {
        let target = meta.effect.target();
        target.is_some_and(|part| self.net.fates.borrow().is_out(part, self.net.now()))
    }

    /// A request that never arrives; on a connection, nothing after it does either.
    fn lose(&mut self, request: &Request, meta: Meta) {
        match request {
            Request::Append { connection, .. } => self.cut(*connection, meta, "it is lost"),
            _ => self.net.lose(meta, "it is lost"),
        }
    }

    fn cut(&mut self, connection: u64, meta: Meta, what: &str) {
        let (Caller::Engine(id), Token::Append { stream }) = (meta.from, meta.token) else {
            return;
        };
        if self.bigquery.cut(connection) {
            self.net.news(format_args!("engine-{id} > append #{}: {what}", meta.nth));
            let at = self.net.lost_at();
            self.net.agenda.at(at, Happening::ConnectionLost(id, stream));
        }
    }

    fn refuse(&mut self, request: &Request, meta: Meta, status: Status) {
        match request {
            Request::Append { connection, .. } if self.bigquery.is_over(*connection) => {}
            Request::Append { connection, .. } => {
                let response = error_response(status.code(), status.message());
                self.answer_append(*connection, meta, response);
            }
            _ => self.net.answer(meta, Err(status)),
        }
    }

    fn answer_append(&mut self, connection: u64, meta: Meta, response: AppendRowsResponse) {
        if self.net.is_answer_lost(&meta) {
            self.cut(connection, meta, "its answer is lost");
            return;
        }
        let behind = self.bigquery.answered.get(&connection).copied().unwrap_or_default();
        let answer = Ok(Answer::Appended(Box::new(response)));
        let at = self.net.answer_behind(behind + 1, meta, answer);
        self.bigquery.answered.insert(connection, at);
    }

    fn clock(&self, part: Part) -> i64 {
        let now = self.net.now();
        now + self.net.fates.borrow().skew(part, now)
    }

    fn serve(&mut self, request: Request, meta: Meta) {
        let answer = match request {
            Request::Push { stored } => {
                let taken = self.function.take(&stored, meta, &mut self.net);
                self.function_ended(taken);
                return;
            }
            Request::Pull { instance } => {
                self.pubsub.pull(instance, meta, &mut self.net);
                return;
            }
            Request::Append { connection, request, is_events } => {
                self.append(connection, *request, is_events, meta);
                return;
            }
            Request::Publish { topic, messages } => {
                self.pubsub.publish(topic, messages, &mut self.net)
            }
            Request::Acknowledge { ack_ids, ordinals } => {
                self.observer.acknowledged(&ordinals);
                self.pubsub.acknowledge(&ack_ids)
            }
            Request::ModifyDeadline { ack_ids, seconds } => {
                self.pubsub.modify_deadline(&ack_ids, seconds, &mut self.net)
            }
            Request::OpenStream { table } => self.bigquery.open(table, self.clock(Part::Bigquery)),
            Request::Flush { name, rows } => {
                self.observer.flush(&name, rows);
                let flushed = self.bigquery.flush(&name, rows, self.clock(Part::Bigquery));
                self.observer.look(&self.bigquery, &mut self.net);
                flushed
            }
            Request::Finalize { name } => self.bigquery.finalize(&name),
            Request::Store { name, content } => {
                let stored = self.storage.put(&name, &content, self.clock(Part::Storage));
                if stored.is_ok() {
                    self.observer.object(&name, &content, &mut self.net);
                }
                stored
            }
            Request::Predict { batch } => Ok(self.scorer.predict(&batch)),
        };
        self.net.answer(meta, answer);
    }

    fn tell_appended(&mut self, ids: &[String], connection: u64, response: &AppendRowsResponse) {
        let (process, number) = connection_name(connection);
        for id in ids {
            let Some(ordinal) = self.observer.ledger.ordinal_of(id_hash(id)) else { continue };
            self.net.trace.event(self.net.agenda.now(), ordinal, || match &response.response {
                Some(Response::AppendResult(_)) => {
                    format!("is appended on connection {process}.{number}")
                }
                _ => format!("is not appended on connection {process}.{number}"),
            });
        }
    }

    fn append(&mut self, connection: u64, request: AppendRowsRequest, is_events: bool, meta: Meta) {
        // On a connection that is over nothing is heard any more.
        if self.bigquery.is_over(connection) {
            return;
        }
        let rows = row_count(&request);
        if let Some(row) = meta.refused_row.filter(|_| is_events && rows > 0) {
            let row = row as usize % rows;
            if let Some(event_id) = event_id_of(&request, row) {
                self.observer.refused.insert(id_hash(&event_id));
            }
            let response = refusal(u32::try_from(row).unwrap_or(0));
            self.answer_append(connection, meta, response);
            return;
        }
        let now = self.clock(Part::Bigquery);
        let events = match is_events && self.net.trace.watches() {
            true => (0..rows).filter_map(|row| event_id_of(&request, row)).collect(),
            false => Vec::new(),
        };
        if let Some(response) = self.bigquery.append(connection, request, now) {
            self.tell_appended(&events, connection, &response);
            self.answer_append(connection, meta, response);
        }
        self.observer.look(&self.bigquery, &mut self.net);
    }
}
