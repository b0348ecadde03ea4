//! The network between the parts: every call leaves through here, is given its fate, and arrives later or
//! never. Invariant: a call that was not lost is answered once, or its caller hears that it was lost.

use std::cell::RefCell;
use std::rc::Rc;

use tonic::Status;

use super::agenda::Agenda;
use super::call::{Answer, Caller, Happening, Meta, Request, Token};
use super::fates::Fates;
use super::fault::{CallFault, Effect, Loss, Side};
use super::trace::Trace;

/// After how long a caller hears that a call was lost, in microseconds.
const LOST_AFTER_MICROS: i64 = 1_000_000;

#[derive(Debug)]
pub(super) struct Net {
    pub(super) agenda: Agenda<Happening>,
    pub(super) fates: Rc<RefCell<Fates>>,
    pub(super) trace: Trace,
}

impl Net {
    pub(super) fn now(&self) -> i64 {
        self.agenda.now()
    }

    pub(super) fn say(&mut self, what: std::fmt::Arguments<'_>) {
        self.trace.say(self.agenda.now(), what);
    }

    /// Says what concerns every event.
    pub(super) fn news(&mut self, what: std::fmt::Arguments<'_>) {
        self.trace.news(self.agenda.now(), what);
    }

    /// Sends a call that arrives not before an instant, and answers when it does.
    ///
    /// # Errors
    /// The caller dies before it has sent the call.
    pub(super) fn call(
        &mut self,
        effect: Effect,
        from: Caller,
        request: Request,
        token: Token,
        not_before: i64,
    ) -> Result<i64, Loss> {
        let now = self.now();
        let fate = self.fates.borrow_mut().next(effect, now);
        let name = effect.name();
        if let Some((Side::Before, loss)) = fate.crash {
            self.news(format_args!("{from} dies before {name} #{} ({loss:?})", fate.nth));
            return Err(loss);
        }
        match fate.fault {
            None => self.say(format_args!("{from} > {name} #{} {request}", fate.nth)),
            Some(fault) => {
                self.news(format_args!("{from} > {name} #{} {request}: {fault}", fate.nth));
            }
        }
        let mut meta = Meta {
            effect,
            nth: fate.nth,
            from,
            token,
            back: fate.back,
            is_lost: false,
            is_answer_lost: false,
            is_throttled: false,
            is_doubled: false,
            refused_row: None,
            crash: fate.crash.map(|(_, loss)| loss),
        };
        let mut arrival = (now + fate.there).max(not_before);
        match fate.fault {
            None => {}
            Some(CallFault::RequestLost) => meta.is_lost = true,
            Some(CallFault::ResponseLost) => meta.is_answer_lost = true,
            Some(CallFault::Throttled) => meta.is_throttled = true,
            Some(CallFault::Delayed { by_ms }) => arrival += i64::from(by_ms) * 1_000,
            Some(CallFault::RowRefused { row }) => meta.refused_row = Some(row),
            Some(CallFault::Duplicated) => {
                meta.is_doubled = true;
                if !matches!(request, Request::Pull { .. } | Request::Append { .. }) {
                    let twin = Meta { from: Caller::Nobody, crash: None, ..meta.clone() };
                    let twin = Happening::Arrival(Box::new((request.clone(), twin)));
                    self.agenda.at(arrival + 3 * fate.there, twin);
                }
            }
        }
        self.agenda.at(arrival, Happening::Arrival(Box::new((request, meta))));
        Ok(arrival)
    }

    /// Whether a request is lost on its way: by its own fate or because of a split.
    pub(super) fn is_lost(&self, meta: &Meta) -> bool {
        meta.is_lost || self.is_split(meta.effect)
    }

    /// Whether an answer that is given now is lost.
    pub(super) fn is_answer_lost(&self, meta: &Meta) -> bool {
        meta.is_answer_lost || self.is_split(meta.effect)
    }

    fn is_split(&self, effect: Effect) -> bool {
        let target = effect.target().unwrap_or_else(|| effect.actor());
        self.fates.borrow().is_split(effect.actor(), target, self.now())
    }

    /// Sends an answer back.
    pub(super) fn answer(&mut self, meta: Meta, outcome: Result<Answer, Status>) {
        self.answer_behind(0, meta, outcome);
    }

    /// Sends an answer back that is there not before an instant; answers when it is.
    pub(super) fn answer_behind(
        &mut self,
        not_before: i64,
        meta: Meta,
        outcome: Result<Answer, Status>,
    ) -> i64 {
        let at = (self.now() + meta.back).max(not_before);
        if meta.from == Caller::Nobody {
            return at;
        }
        if self.is_answer_lost(&meta) {
            self.lose(meta, "its answer is lost");
            return at;
        }
        if let Err(status) = &outcome {
            let (effect, code) = (meta.effect.name(), status.code());
            self.news(format_args!("{} < {effect} #{} {code:?}", meta.from, meta.nth));
        }
        self.agenda.at(at, Happening::Answer(Box::new((meta.from, meta.token, outcome))));
        at
    }

    /// Lets the caller hear, after a while, that the call was lost.
    pub(super) fn lose(&mut self, meta: Meta, what: &str) {
        if meta.from == Caller::Nobody {
            return;
        }
        self.news(format_args!("{} > {} #{}: {what}", meta.from, meta.effect.name(), meta.nth));
        let at = self.now() + LOST_AFTER_MICROS;
        let outcome = Err(Status::unavailable("the connection was lost"));
        self.agenda.at(at, Happening::Answer(Box::new((meta.from, meta.token, outcome))));
    }

    /// When a connection that is lost now is known to be.
    pub(super) fn lost_at(&self) -> i64 {
        self.now() + LOST_AFTER_MICROS
    }
}
