//! What the planted bugs of the sink do in the place of what is right: they write to other streams, try
//! again what is in doubt, and flush what no checkpoint covers. For tests alone.

use std::collections::BTreeMap;
use std::sync::Arc;

use windtunnel_gcp::write_sink::{Append, Conversation};
use windtunnel_protos::bigquery::append_rows_response::{AppendResult, Response};
use windtunnel_protos::bigquery::{AppendRowsRequest, AppendRowsResponse};
use windtunnel_runtime::command::{Rows, Table};

use super::super::bugs::Tamper;

/// gRPC's codes for rows that are there already, and for an offset beyond the end.
const ALREADY_EXISTS: i32 = 6;
const OUT_OF_RANGE: i32 = 11;

/// What the bugs remember of the process and its streams.
#[derive(Debug, Default)]
pub(super) struct Planted {
    pub(super) tamper: Tamper,
    /// The streams of the last process, by their tables.
    pub(super) old_streams: BTreeMap<Table, Arc<str>>,
    /// Everything that was appended, by stream, and how far each was flushed.
    appended: BTreeMap<Arc<str>, Vec<(u64, Rows)>>,
    flushed: BTreeMap<Arc<str>, u64>,
}

impl Planted {
    pub(super) fn of_log(tamper: Tamper, streams: impl Iterator<Item = Arc<str>>) -> Self {
        let table = |name: &str| match name.contains("/tables/events/") {
            true => Table::Events,
            false => Table::Windows,
        };
        let old_streams = streams.map(|name| (table(&name), name)).collect();
        Self { tamper, old_streams, ..Self::default() }
    }

    /// A request of an append, changed.
    pub(super) fn request(&self, request: &mut AppendRowsRequest) {
        if self.tamper.uses_default_stream() {
            request.offset = None;
            to_default_stream(request);
        }
    }

    /// An answer to an append, changed.
    pub(super) fn answer(&self, response: &mut AppendRowsResponse) {
        let forgives = match &response.response {
            Some(Response::Error(status)) if status.code == ALREADY_EXISTS => {
                self.tamper.reuses_streams() || self.tamper.takes_any_offset()
            }
            Some(Response::Error(status)) if status.code == OUT_OF_RANGE => {
                self.tamper.takes_any_offset()
            }
            _ => false,
        };
        if forgives {
            response.response = Some(Response::AppendResult(AppendResult { offset: None }));
        }
    }

    pub(super) fn remember(&mut self, name: &Arc<str>, append: &Append) {
        if self.tamper.writes_again_after_lost_flush() {
            let appended = self.appended.entry(Arc::clone(name)).or_default();
            appended.push((append.offset, append.rows.clone()));
        }
    }

    /// The order in which appends whose connection was lost are tried again on the same stream, and whether
    /// with their offsets.
    pub(super) fn tries_again(&self) -> Option<(bool, bool)> {
        match () {
            () if self.tamper.appends_again() => Some((false, false)),
            () if self.tamper.takes_any_offset() => Some((true, true)),
            () => None,
        }
    }

    /// The requests that write the rows of a lost flush once more.
    pub(super) fn written_again(&mut self, name: &Arc<str>, rows: u64) -> Vec<AppendRowsRequest> {
        let flushed = self.flushed.insert(Arc::clone(name), rows).unwrap_or_default();
        let appended = self.appended.get(name).map(Vec::as_slice).unwrap_or_default();
        let lost = appended.iter().filter(|(offset, _)| (flushed..rows).contains(offset));
        let mut conversation = Conversation::new(Arc::clone(name));
        let mut requests = Vec::new();
        for (offset, rows) in lost {
            let id = windtunnel_runtime::command::AppendId(0);
            let append = Append { id, offset: *offset, rows: rows.clone() };
            let appended = conversation.append(&append);
            requests.extend(appended.expect("events and windows fit their tables"));
        }
        for request in &mut requests {
            request.offset = None;
            to_default_stream(request);
        }
        requests
    }

    pub(super) fn flushed(&mut self, name: &Arc<str>, rows: u64) {
        if self.tamper.writes_again_after_lost_flush() {
            self.flushed.insert(Arc::clone(name), rows);
        }
    }
}

fn to_default_stream(request: &mut AppendRowsRequest) {
    if let Some((table, _)) = request.write_stream.split_once("/streams/") {
        request.write_stream = format!("{table}/_default");
    }
}
