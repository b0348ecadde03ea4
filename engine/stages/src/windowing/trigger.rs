//! Triggers: when a window gives out a pane. A trigger is a tree; evaluating it needs a few numbers
//! for each window (a count, a deadline, a position), which lie in slots beside the window's state:
//! the trees that most pipelines use need none. The rules are Beam's: elements of a micro-batch are
//! taken in first, then each window they fell into is asked once.
//!
//! Invariant: whether a trigger fires depends on slots, watermark and time alone, never on which timer
//! woke it, so that timers need not be kept in a checkpoint.

use windtunnel_model::{EventTime, ProcessingTime};

/// When a window gives out a pane. What is not repeated fires once, and the window is closed then.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trigger {
    /// When the watermark passes the window's end, and again for every batch of late events.
    Default,
    /// Only when the window expires, with everything that is in it: complete, and once.
    AtExpiry,
    /// When the watermark passes the window's end; before that, repeatedly, as `early` says; after it,
    /// repeatedly, as `late` says. Without `late` the window is closed when it has fired on time.
    AfterWatermark {
        /// Speculative firings.
        early: Option<Box<Self>>,
        /// Firings for late events.
        late: Option<Box<Self>>,
    },
    /// When so many events have come since the last firing.
    AfterCount(u32),
    /// When so long has passed since the first event after the last firing.
    AfterProcessingTime {
        /// How long, in microseconds.
        delay_micros: i64,
    },
    /// As the trigger says, again and again.
    Repeatedly(Box<Self>),
    /// When the first of them does.
    AfterAny(Vec<Self>),
    /// When all of them would.
    AfterAll(Vec<Self>),
    /// One after the other.
    AfterEach(Vec<Self>),
}

impl Trigger {
    /// At the watermark, with early and late firings.
    #[must_use]
    pub fn after_watermark(early: Option<Self>, late: Option<Self>) -> Self {
        Self::AfterWatermark { early: early.map(Box::new), late: late.map(Box::new) }
    }

    /// Again and again.
    #[must_use]
    pub fn repeatedly(self) -> Self {
        Self::Repeatedly(Box::new(self))
    }
}

/// What a trigger is asked with.
#[derive(Debug, Clone, Copy)]
pub(super) struct At {
    pub(super) watermark: EventTime,
    pub(super) now: ProcessingTime,
    pub(super) window_end: EventTime,
}

impl At {
    fn is_past_end(self) -> bool {
        self.watermark >= self.window_end
    }
}

/// A trigger with the slots of its state given out.
#[derive(Debug, Clone)]
pub(super) enum Node {
    Default,
    AtExpiry,
    AfterWatermark { early: Option<Box<Self>>, late: Option<(usize, Box<Self>)> },
    AfterCount { count: i64, slot: usize },
    AfterProcessingTime { delay_micros: i64, slot: usize },
    Repeatedly(Box<Self>),
    AfterAny(Vec<Self>),
    AfterAll(Vec<Self>),
    AfterEach { slot: usize, nodes: Vec<Self> },
}

/// No deadline is set.
const UNSET: i64 = i64::MAX;

impl Node {
    /// Compiles a trigger; `slots` gets the initial value of each slot.
    pub(super) fn compile(trigger: &Trigger, slots: &mut Vec<i64>) -> Self {
        let all = |triggers: &[Trigger], slots: &mut Vec<i64>| {
            triggers.iter().map(|trigger| Self::compile(trigger, slots)).collect()
        };
        match trigger {
            Trigger::Default => Self::Default,
            Trigger::AtExpiry => Self::AtExpiry,
            Trigger::AfterWatermark { early, late } => Self::AfterWatermark {
                early: early.as_ref().map(|early| Box::new(Self::compile(early, slots))),
                late: late.as_ref().map(|late| {
                    let slot = new_slot(slots, 0);
                    (slot, Box::new(Self::compile(late, slots)))
                }),
            },
            Trigger::AfterCount(count) => {
                Self::AfterCount { count: i64::from(*count), slot: new_slot(slots, 0) }
            }
            Trigger::AfterProcessingTime { delay_micros } => Self::AfterProcessingTime {
                delay_micros: *delay_micros,
                slot: new_slot(slots, UNSET),
            },
            Trigger::Repeatedly(trigger) => {
                Self::Repeatedly(Box::new(Self::compile(trigger, slots)))
            }
            Trigger::AfterAny(triggers) => Self::AfterAny(all(triggers, slots)),
            Trigger::AfterAll(triggers) => Self::AfterAll(all(triggers, slots)),
            Trigger::AfterEach(triggers) => {
                let slot = new_slot(slots, 0);
                Self::AfterEach { slot, nodes: all(triggers, slots) }
            }
        }
    }

    /// An event came; true when that set a deadline of processing time.
    pub(super) fn on_element(&self, at: At, slots: &mut [i64]) -> bool {
        match self {
            Self::Default | Self::AtExpiry => false,
            Self::AfterWatermark { early, late } => match (early, late) {
                (_, Some((slot, late))) if slots[*slot] != 0 => late.on_element(at, slots),
                (Some(early), _) => early.on_element(at, slots),
                _ => false,
            },
            Self::AfterCount { slot, .. } => {
                slots[*slot] = slots[*slot].saturating_add(1);
                false
            }
            Self::AfterProcessingTime { delay_micros, slot } => {
                let is_new = slots[*slot] == UNSET;
                if is_new {
                    slots[*slot] = at.now.0.saturating_add(*delay_micros);
                }
                is_new
            }
            Self::Repeatedly(node) => node.on_element(at, slots),
            Self::AfterAny(nodes) | Self::AfterAll(nodes) => {
                nodes.iter().fold(false, |is_new, node| node.on_element(at, slots) | is_new)
            }
            Self::AfterEach { slot, nodes } => {
                nodes.get(position(slots[*slot])).is_some_and(|node| node.on_element(at, slots))
            }
        }
    }

    /// Whether the window shall give out a pane now.
    pub(super) fn should_fire(&self, at: At, slots: &[i64]) -> bool {
        match self {
            Self::Default => at.is_past_end(),
            Self::AtExpiry => false,
            Self::AfterWatermark { early, late } => match late {
                Some((slot, late)) if slots[*slot] != 0 => late.should_fire(at, slots),
                _ if at.is_past_end() => true,
                _ => early.as_ref().is_some_and(|early| early.should_fire(at, slots)),
            },
            Self::AfterCount { count, slot } => slots[*slot] >= *count,
            Self::AfterProcessingTime { slot, .. } => {
                slots[*slot] != UNSET && at.now.0 >= slots[*slot]
            }
            Self::Repeatedly(node) => node.should_fire(at, slots),
            Self::AfterAny(nodes) => nodes.iter().any(|node| node.should_fire(at, slots)),
            Self::AfterAll(nodes) => nodes.iter().all(|node| node.should_fire(at, slots)),
            Self::AfterEach { slot, nodes } => {
                nodes.get(position(slots[*slot])).is_some_and(|node| node.should_fire(at, slots))
            }
        }
    }

    /// The window gives out a pane; true when the trigger is finished.
    pub(super) fn on_fire(&self, at: At, slots: &mut [i64]) -> bool {
        match self {
            Self::Default => false,
            Self::AtExpiry => true,
            Self::AfterWatermark { early, late } => match late {
                Some((slot, late)) if slots[*slot] != 0 => late.on_repeated_fire(at, slots),
                Some((slot, _)) if at.is_past_end() => {
                    slots[*slot] = 1;
                    false
                }
                None if at.is_past_end() => true,
                _ => {
                    if let Some(early) = early {
                        early.on_repeated_fire(at, slots);
                    }
                    false
                }
            },
            Self::AfterCount { .. } | Self::AfterProcessingTime { .. } => true,
            Self::Repeatedly(node) => node.on_repeated_fire(at, slots),
            Self::AfterAny(nodes) => {
                let mut finished = false;
                for node in nodes {
                    finished |= node.should_fire(at, slots) && node.on_fire(at, slots);
                }
                finished
            }
            Self::AfterAll(nodes) => {
                let mut finished = true;
                for node in nodes {
                    finished &= node.on_fire(at, slots);
                }
                finished
            }
            Self::AfterEach { slot, nodes } => {
                if let Some(node) = nodes.get(position(slots[*slot]))
                    && node.on_fire(at, slots)
                {
                    slots[*slot] += 1;
                }
                position(slots[*slot]) >= nodes.len()
            }
        }
    }

    fn on_repeated_fire(&self, at: At, slots: &mut [i64]) -> bool {
        if self.on_fire(at, slots) {
            self.reset(slots);
        }
        false
    }

    /// As if no event had come.
    fn reset(&self, slots: &mut [i64]) {
        match self {
            Self::Default | Self::AtExpiry => {}
            Self::AfterWatermark { early, late } => {
                if let Some(early) = early {
                    early.reset(slots);
                }
                if let Some((slot, late)) = late {
                    slots[*slot] = 0;
                    late.reset(slots);
                }
            }
            Self::AfterCount { slot, .. } => slots[*slot] = 0,
            Self::AfterProcessingTime { slot, .. } => slots[*slot] = UNSET,
            Self::Repeatedly(node) => node.reset(slots),
            Self::AfterAny(nodes) | Self::AfterAll(nodes) => {
                nodes.iter().for_each(|node| node.reset(slots));
            }
            Self::AfterEach { slot, nodes } => {
                slots[*slot] = 0;
                nodes.iter().for_each(|node| node.reset(slots));
            }
        }
    }

    /// Two sessions become one: counts add up, the earlier deadline and the later position stay.
    pub(super) fn on_merge(&self, slots: &mut [i64], other: &[i64]) {
        match self {
            Self::Default | Self::AtExpiry => {}
            Self::AfterWatermark { early, late } => {
                if let Some(early) = early {
                    early.on_merge(slots, other);
                }
                if let Some((slot, late)) = late {
                    slots[*slot] = slots[*slot].max(other[*slot]);
                    late.on_merge(slots, other);
                }
            }
            Self::AfterCount { slot, .. } => {
                slots[*slot] = slots[*slot].saturating_add(other[*slot]);
            }
            Self::AfterProcessingTime { slot, .. } => slots[*slot] = slots[*slot].min(other[*slot]),
            Self::Repeatedly(node) => node.on_merge(slots, other),
            Self::AfterAny(nodes) | Self::AfterAll(nodes) => {
                nodes.iter().for_each(|node| node.on_merge(slots, other));
            }
            Self::AfterEach { slot, nodes } => {
                slots[*slot] = slots[*slot].max(other[*slot]);
                nodes.iter().for_each(|node| node.on_merge(slots, other));
            }
        }
    }

    /// Calls `visit` with every deadline of processing time that is set.
    pub(super) fn deadlines(&self, slots: &[i64], visit: &mut impl FnMut(ProcessingTime)) {
        match self {
            Self::Default | Self::AtExpiry | Self::AfterCount { .. } => {}
            Self::AfterWatermark { early, late } => {
                if let Some(early) = early {
                    early.deadlines(slots, visit);
                }
                if let Some((_, late)) = late {
                    late.deadlines(slots, visit);
                }
            }
            Self::AfterProcessingTime { slot, .. } => {
                if slots[*slot] != UNSET {
                    visit(ProcessingTime(slots[*slot]));
                }
            }
            Self::Repeatedly(node) => node.deadlines(slots, visit),
            Self::AfterAny(nodes) | Self::AfterAll(nodes) | Self::AfterEach { nodes, .. } => {
                nodes.iter().for_each(|node| node.deadlines(slots, visit));
            }
        }
    }
}

fn new_slot(slots: &mut Vec<i64>, initial: i64) -> usize {
    slots.push(initial);
    slots.len() - 1
}

/// A slot that counts triggers; a torn checkpoint cannot make it point outside.
fn position(slot: i64) -> usize {
    usize::try_from(slot).unwrap_or(usize::MAX)
}
