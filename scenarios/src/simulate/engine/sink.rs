//! BigQuery as the engine's sink: the production conversation on connections in memory, and the same
//! retries of the other calls. Requests of one connection arrive in their order.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use tonic::Status;
use windtunnel_gcp::write_sink::{
    Append, Conversation, Settled, Verdict, flushed, judge, stream_lost,
};
use windtunnel_protos::bigquery::AppendRowsResponse;
use windtunnel_runtime::command::{FatalError, Input, Rows, SinkCommand, StreamId};

use super::super::call::{Answer, CONNECTIONS_OF_A_PROCESS, Caller, Happening, Request, Token};
use super::super::fault::{Effect, Loss};
use super::super::net::Net;
use super::backoff;
use super::planted::Planted;

#[derive(Debug)]
pub(super) struct Sink {
    instance: u32,
    connections: BTreeMap<StreamId, Connection>,
    names: BTreeMap<Arc<str>, StreamId>,
    last: u64,
    planted: Planted,
}

#[derive(Debug)]
struct Connection {
    number: u64,
    name: Arc<str>,
    conversation: Option<Conversation>,
    /// Appends that wait for room.
    waiting: VecDeque<Append>,
    /// Appends under way, for planted bugs.
    sent: VecDeque<Append>,
    forgets_offsets: bool,
    last_arrival: i64,
}

impl Sink {
    pub(super) fn new(instance: u32, planted: Planted) -> Self {
        Self {
            instance,
            connections: BTreeMap::new(),
            names: BTreeMap::new(),
            last: u64::from(instance) * CONNECTIONS_OF_A_PROCESS,
            planted,
        }
    }

    fn caller(&self) -> Caller {
        Caller::Engine(self.instance)
    }

    pub(super) fn carry_out(&mut self, command: SinkCommand, net: &mut Net) -> Result<(), Loss> {
        match command {
            SinkCommand::Open { stream, table, visibility: _ } => {
                let old = self.planted.old_streams.get(&table);
                if let Some(name) = old.filter(|_| self.planted.tamper.reuses_streams()) {
                    let opened = Input::StreamOpened { stream, result: Ok(Arc::clone(name)) };
                    return self.tell(opened, net);
                }
                self.ask(Token::Open { stream, table, attempt: 0 }, net)
            }
            SinkCommand::Append { append, stream, name, offset, rows } => {
                self.append(stream, name, Append { id: append, offset, rows }, net)
            }
            SinkCommand::Flush { name, rows } => {
                if self.planted.tamper.uses_default_stream() {
                    return self.tell(Input::Flushed { name, result: Ok(rows) }, net);
                }
                self.ask(Token::Flush { name, rows, attempt: 0 }, net)
            }
            SinkCommand::Finalize { .. } if self.planted.tamper.reuses_streams() => Ok(()),
            SinkCommand::Finalize { name } => {
                if let Some(stream) = self.names.remove(&name) {
                    self.connections.remove(&stream);
                }
                let request = Request::Finalize { name };
                net.call(Effect::Finalize, self.caller(), request, Token::Nothing, 0).map(drop)
            }
            SinkCommand::Seal { .. } | SinkCommand::Commit { .. } => {
                let message = "UNIMPLEMENTED: the simulation has streams, and no PENDING streams";
                let error = FatalError { service: "BigQuery", message: message.to_owned() };
                self.tell(Input::Committed { result: Err(error) }, net)
            }
        }
    }

    /// Tells the coordinator something that no service has answered.
    fn tell(&self, input: Input, net: &mut Net) -> Result<(), Loss> {
        net.agenda.at(net.now(), Happening::Hear(self.instance, Box::new(input)));
        Ok(())
    }

    /// Asks, for the first time or once more.
    pub(super) fn ask(&mut self, token: Token, net: &mut Net) -> Result<(), Loss> {
        let (effect, request) = match &token {
            Token::Open { table, .. } => {
                (Effect::OpenStream, Request::OpenStream { table: table.clone() })
            }
            Token::Flush { name, rows, .. } => {
                (Effect::Flush, Request::Flush { name: Arc::clone(name), rows: *rows })
            }
            _ => return Ok(()),
        };
        net.call(effect, self.caller(), request, token, 0).map(drop)
    }

    fn append(
        &mut self,
        stream: StreamId,
        name: Arc<str>,
        append: Append,
        net: &mut Net,
    ) -> Result<(), Loss> {
        self.names.insert(Arc::clone(&name), stream);
        let last = &mut self.last;
        let connection = self.connections.entry(stream).or_insert_with(|| {
            *last += 1;
            Connection {
                number: *last,
                conversation: Some(Conversation::new(Arc::clone(&name))),
                name,
                waiting: VecDeque::new(),
                sent: VecDeque::new(),
                forgets_offsets: false,
                last_arrival: 0,
            }
        });
        if connection.conversation.is_none() {
            // It reported its own loss; what comes after shares it.
            let lost = stream_lost(append.id, "the stream was lost before");
            return self.tell(lost, net);
        }
        self.planted.remember(&connection.name, &append);
        connection.waiting.push_back(append);
        connection.send(stream, self.instance, &self.planted, net)
    }

    /// Hears the answer to a call; what the coordinator is to know.
    pub(super) fn hear(
        &mut self,
        token: Token,
        outcome: Result<Answer, Status>,
        net: &mut Net,
    ) -> Result<Vec<Input>, Loss> {
        match token {
            Token::Open { stream, table, attempt } => {
                let what = format!("CreateWriteStream of {table:?}");
                match judge(&what, outcome) {
                    Verdict::Done(result) => {
                        let result = result.map(|answer| match answer {
                            Answer::Stream(name) => name,
                            other => unreachable!("a stream was asked for, not {other:?}"),
                        });
                        Ok(vec![Input::StreamOpened { stream, result }])
                    }
                    Verdict::Again(_) => {
                        let token = Token::Open { stream, table, attempt: attempt + 1 };
                        self.again(token, attempt, net);
                        Ok(Vec::new())
                    }
                }
            }
            Token::Flush { name, rows, attempt } => {
                let what = format!("FlushRows of {name}");
                let outcome = outcome.map(drop).and_then(|()| flushed(rows, Ok(())));
                match judge(&what, outcome.or_else(|status| flushed(rows, Err(status)))) {
                    Verdict::Again(_) if self.planted.tamper.writes_again_after_lost_flush() => {
                        self.write_again(&name, rows, net)?;
                        Ok(vec![Input::Flushed { name, result: Ok(rows) }])
                    }
                    Verdict::Done(result) => {
                        self.planted.flushed(&name, rows);
                        Ok(vec![Input::Flushed { name, result }])
                    }
                    Verdict::Again(_) => {
                        let token = Token::Flush { name, rows, attempt: attempt + 1 };
                        self.again(token, attempt, net);
                        Ok(Vec::new())
                    }
                }
            }
            Token::Append { stream } => match outcome {
                Ok(Answer::Appended(response)) => self.appended(stream, *response, net),
                Ok(_) => Ok(Vec::new()),
                Err(status) => self.connection_lost(stream, status.message(), net),
            },
            _ => Ok(Vec::new()),
        }
    }

    fn appended(
        &mut self,
        stream: StreamId,
        mut response: AppendRowsResponse,
        net: &mut Net,
    ) -> Result<Vec<Input>, Loss> {
        self.planted.answer(&mut response);
        let Some(connection) = self.connections.get_mut(&stream) else { return Ok(Vec::new()) };
        let Some(conversation) = connection.conversation.as_mut() else { return Ok(Vec::new()) };
        match conversation.answered(response) {
            Ok(None) => Ok(Vec::new()),
            Ok(Some(Settled { input, doubt: None })) => {
                let sent = connection.sent.pop_front();
                let end = sent.map(|append| append.offset + append.rows.count());
                if let Some(rows) = end.filter(|_| self.planted.tamper.flushes_at_once()) {
                    let name = Arc::clone(&connection.name);
                    let request = Request::Flush { name, rows };
                    let caller = Caller::Engine(self.instance);
                    net.call(Effect::Flush, caller, request, Token::Nothing, 0)?;
                }
                connection.send(stream, self.instance, &self.planted, net)?;
                Ok(vec![input])
            }
            Ok(Some(Settled { input, doubt: Some(doubt) })) => {
                let mut inputs = vec![input];
                inputs.extend(self.connection_lost(stream, &doubt, net)?);
                Ok(inputs)
            }
            Err(doubt) => self.connection_lost(stream, &doubt, net),
        }
    }

    /// Everything under way on a connection is reported as lost.
    pub(super) fn connection_lost(
        &mut self,
        stream: StreamId,
        reason: &str,
        net: &mut Net,
    ) -> Result<Vec<Input>, Loss> {
        let Some(connection) = self.connections.get_mut(&stream) else { return Ok(Vec::new()) };
        let Some(conversation) = connection.conversation.take() else { return Ok(Vec::new()) };
        if let Some((reversed, at_offsets)) = self.planted.tries_again() {
            self.last += 1;
            connection.number = self.last;
            connection.conversation = Some(Conversation::new(Arc::clone(&connection.name)));
            connection.forgets_offsets = !at_offsets;
            let mut sent = std::mem::take(&mut connection.sent);
            if reversed {
                sent.make_contiguous().reverse();
            }
            sent.append(&mut connection.waiting);
            connection.waiting = sent;
            connection.send(stream, self.instance, &self.planted, net)?;
            return Ok(Vec::new());
        }
        net.news(format_args!("engine-{} gives {} up: {reason}", self.instance, connection.name));
        let mut inputs: Vec<Input> = conversation.lost(reason).collect();
        let waiting = std::mem::take(&mut connection.waiting);
        inputs.extend(waiting.into_iter().map(|append| stream_lost(append.id, reason)));
        Ok(inputs)
    }

    /// A planted bug: the rows of a flush whose answer was lost are written once more.
    fn write_again(&mut self, name: &Arc<str>, rows: u64, net: &mut Net) -> Result<(), Loss> {
        self.last += 1;
        for request in self.planted.written_again(name, rows) {
            let request = Request::Append {
                connection: self.last,
                request: Box::new(request),
                is_events: false,
            };
            net.call(Effect::Append, self.caller(), request, Token::Nothing, 0)?;
        }
        Ok(())
    }

    fn again(&self, token: Token, attempt: u32, net: &mut Net) {
        let again = Happening::Retry(Box::new((self.caller(), token)));
        net.agenda.at(net.now() + backoff(attempt), again);
    }
}

impl Connection {
    /// Sends what waits, as far as there is room.
    fn send(
        &mut self,
        stream: StreamId,
        instance: u32,
        planted: &Planted,
        net: &mut Net,
    ) -> Result<(), Loss> {
        let Some(conversation) = self.conversation.as_mut() else { return Ok(()) };
        while conversation.has_room() {
            let Some(append) = self.waiting.pop_front() else { break };
            let is_events = matches!(append.rows, Rows::Events(_));
            let requests = conversation.append(&append);
            for mut request in requests.expect("events and windows fit their tables") {
                planted.request(&mut request);
                if self.forgets_offsets {
                    request.offset = None;
                }
                let request = Request::Append {
                    connection: self.number,
                    request: Box::new(request),
                    is_events,
                };
                let token = Token::Append { stream };
                let caller = Caller::Engine(instance);
                let arrival =
                    net.call(Effect::Append, caller, request, token, self.last_arrival)?;
                self.last_arrival = arrival + 1;
            }
            self.sent.push_back(append);
        }
        Ok(())
    }
}
