//! Decides what happens to every effect: its latency, its fault, a crash. Faults come from a list, or are
//! drawn from the seed while the run goes on; what was drawn is kept as a list that does the same again.
//! Invariant: the decision depends on the seed, the kind of effect, its number and the time alone.

use std::collections::BTreeMap;

use super::chance::{Chance, Dice};
use super::fault::{CallFault, Effect, Fault, Loss, Part, Side};

/// Where the faults of a run come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Faults {
    /// There are none.
    None,
    /// The seed draws a subset of kinds, and how often they come.
    Random,
    /// These and no others.
    These(Vec<Fault>),
}

impl Faults {
    /// Whether nothing goes wrong.
    #[must_use]
    pub fn are_none(&self) -> bool {
        match self {
            Self::None => true,
            Self::Random => false,
            Self::These(faults) => faults.is_empty(),
        }
    }
}

/// What happens to one effect.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fate {
    /// Which of its kind, from 1.
    pub(super) nth: u64,
    /// Microseconds on the way there and back.
    pub(super) there: i64,
    pub(super) back: i64,
    pub(super) fault: Option<CallFault>,
    pub(super) crash: Option<(Side, Loss)>,
}

/// The least and most that a message is under way, in microseconds.
const LATENCY_MICROS: (u64, u64) = (200, 2_000);
/// The longest delay of a delayed call: beyond the shortest lease, so that late answers meet new ones.
const DELAY_MS: (i64, i64) = (5, 15_000);
/// Shares of the calls that a drawn kind of fault strikes, in millionths.
const SHARES: [u64; 3] = [2_000, 10_000, 50_000];
/// The length of a drawn outage, split, hang or full disk, in milliseconds.
const SPELL_MS: (i64, i64) = (50, 20_000);
/// The largest jump of a process's clock, and of a service's, in milliseconds.
const CLOCK_MS_MAX: i64 = 7_200_000;
const CLOCK_OF_SERVICE_MS_MAX: i64 = 30_000;

/// The fate of everything in one run.
#[derive(Debug)]
pub(super) struct Fates {
    chance: Chance,
    start: i64,
    draws: Option<Draws>,
    calls: BTreeMap<(Effect, u64), CallFault>,
    crashes: BTreeMap<(Effect, u64), (Side, Loss)>,
    timed: Vec<Fault>,
    counts: [u64; Effect::ALL.len()],
    injected: Vec<Fault>,
}

/// Faults that are drawn as calls come.
#[derive(Debug)]
struct Draws {
    shares: Vec<(Kind, u64)>,
    /// Crashes at the first effect of a part after a time.
    crashes: Vec<(i64, Part, Side, Loss)>,
    until: i64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    RequestLost,
    ResponseLost,
    Delayed,
    Duplicated,
    Throttled,
    RowRefused,
}

impl Fates {
    pub(super) fn new(seed: u64, faults: &Faults, start: i64, load_micros: i64) -> Self {
        let mut fates = Self {
            chance: Chance::new(seed),
            start,
            draws: None,
            calls: BTreeMap::new(),
            crashes: BTreeMap::new(),
            timed: Vec::new(),
            counts: [0; Effect::ALL.len()],
            injected: Vec::new(),
        };
        match faults {
            Faults::None => {}
            Faults::Random => fates.draw(load_micros),
            Faults::These(faults) => faults.iter().for_each(|fault| fates.enter(*fault)),
        }
        fates
    }

    fn enter(&mut self, fault: Fault) {
        match fault {
            Fault::Call { effect, nth, fault } => {
                self.calls.insert((effect, nth), fault);
            }
            Fault::Crash { effect, nth, side, loss } => {
                self.crashes.insert((effect, nth), (side, loss));
            }
            timed => self.timed.push(timed),
        }
    }

    /// Draws which kinds of faults there are, how often, and when.
    fn draw(&mut self, load_micros: i64) {
        let mut dice = self.chance.of(1_000, 0);
        let load_ms = (load_micros / 1_000).max(1);
        let all = [
            Kind::RequestLost,
            Kind::ResponseLost,
            Kind::Delayed,
            Kind::Duplicated,
            Kind::Throttled,
            Kind::RowRefused,
        ];
        let mut shares = Vec::new();
        for kind in all {
            if dice.below(3) == 0 {
                shares.push((kind, SHARES[dice.below(SHARES.len() as u64) as usize]));
            }
        }
        let mut crashes = Vec::new();
        let kinds_of_crash = [
            (Part::Engine, &[Loss::Nothing][..]),
            (Part::Engine, &[Loss::Unsynced, Loss::Torn][..]),
            (Part::Function, &[Loss::Nothing][..]),
        ];
        for (part, losses) in kinds_of_crash {
            for _ in 0..some(&mut dice) {
                let at = self.start + at_ms(&mut dice, load_ms) * 1_000;
                let side = [Side::Before, Side::After][dice.below(2) as usize];
                crashes.push((at, part, side, losses[dice.below(losses.len() as u64) as usize]));
            }
        }
        crashes.sort_unstable();
        let until = self.start + load_micros;
        self.draws = Some(Draws { shares, crashes, until });
        self.draw_timed(&mut dice, load_ms);
    }

    fn draw_timed(&mut self, dice: &mut Dice, load_ms: i64) {
        let services = [Part::Pubsub, Part::Storage, Part::Bigquery, Part::Vertex];
        let links = [
            (Part::Generator, Part::Pubsub),
            (Part::Pubsub, Part::Function),
            (Part::Function, Part::Storage),
            (Part::Engine, Part::Pubsub),
            (Part::Engine, Part::Bigquery),
            (Part::Engine, Part::Storage),
            (Part::Engine, Part::Vertex),
        ];
        for kind in 0..6 {
            for _ in 0..some(dice) {
                let at = at_ms(dice, load_ms);
                let most = SPELL_MS.1.min(load_ms).max(SPELL_MS.0);
                let for_ms = unsigned(dice.between(SPELL_MS.0, most));
                let at_ms = unsigned(at);
                self.timed.push(match kind {
                    0 => Fault::Outage { part: services[dice.below(4) as usize], at_ms, for_ms },
                    1 => {
                        let (between, and) = links[dice.below(links.len() as u64) as usize];
                        Fault::Split { between, and, at_ms, for_ms }
                    }
                    2 => {
                        let part = [Part::Engine, Part::Function, Part::Pubsub, Part::Bigquery]
                            [dice.below(4) as usize];
                        // A service's clock is kept within seconds; a process's may be anywhere.
                        let is_process = matches!(part, Part::Engine | Part::Function);
                        let most = if is_process { CLOCK_MS_MAX } else { CLOCK_OF_SERVICE_MS_MAX };
                        let by = dice.between(10, most);
                        let by_ms = if dice.below(2) == 0 { by } else { -by };
                        Fault::Clock { part, at_ms, by_ms }
                    }
                    3 => {
                        let part =
                            [Part::Engine, Part::Engine, Part::Function][dice.below(3) as usize];
                        Fault::Hang { part, at_ms, for_ms }
                    }
                    4 => Fault::DoubleStart { at_ms },
                    _ => Fault::DiskFull { at_ms, for_ms },
                });
            }
        }
    }

    /// The fate of the next effect of a kind.
    pub(super) fn next(&mut self, effect: Effect, now: i64) -> Fate {
        let count = &mut self.counts[effect as usize];
        *count += 1;
        let nth = *count;
        let mut dice = self.chance.of(effect as u64, nth);
        let (least, most) = LATENCY_MICROS;
        let mut latency = || i64::try_from(least + dice.below(most - least)).unwrap_or(0);
        let (there, back) = (latency(), latency());
        let mut fault = self.calls.get(&(effect, nth)).copied();
        let mut crash = self.crashes.get(&(effect, nth)).copied();
        if let Some(draws) = self.draws.as_mut().filter(|draws| now < draws.until) {
            fault = fault.or_else(|| draws.call(effect, &mut dice));
            crash = crash.or_else(|| draws.crash(effect, now));
        }
        if let Some(fault) = fault {
            self.injected.push(Fault::Call { effect, nth, fault });
        }
        if let Some((side, loss)) = crash {
            self.injected.push(Fault::Crash { effect, nth, side, loss });
        }
        Fate { nth, there, back, fault, crash }
    }

    /// Everything that has been injected, and everything that has a time: a list that does it again.
    pub(super) fn schedule(&self) -> Vec<Fault> {
        self.timed.iter().chain(&self.injected).copied().collect()
    }

    /// Faults with a time that are carried out by the world: hangs and double starts.
    pub(super) fn timed(&self) -> impl Iterator<Item = (i64, Fault)> {
        self.timed.iter().filter_map(|fault| match fault {
            Fault::Hang { at_ms, .. } | Fault::DoubleStart { at_ms } => {
                Some((self.start + micros(*at_ms), *fault))
            }
            _ => None,
        })
    }

    /// How often each kind of effect came.
    pub(super) fn counts(&self) -> impl Iterator<Item = (Effect, u64)> {
        Effect::ALL.into_iter().zip(self.counts)
    }

    pub(super) fn is_out(&self, service: Part, now: i64) -> bool {
        self.during(now, |fault| match fault {
            Fault::Outage { part, at_ms, for_ms } if *part == service => Some((*at_ms, *for_ms)),
            _ => None,
        })
    }

    pub(super) fn is_split(&self, one: Part, other: Part, now: i64) -> bool {
        self.during(now, |fault| match fault {
            Fault::Split { between, and, at_ms, for_ms }
                if (*between, *and) == (one, other) || (*and, *between) == (one, other) =>
            {
                Some((*at_ms, *for_ms))
            }
            _ => None,
        })
    }

    pub(super) fn is_disk_full(&self, now: i64) -> bool {
        self.during(now, |fault| match fault {
            Fault::DiskFull { at_ms, for_ms } => Some((*at_ms, *for_ms)),
            _ => None,
        })
    }

    /// How far a part's wall clock is from virtual time, in microseconds.
    pub(super) fn skew(&self, of: Part, now: i64) -> i64 {
        let jumps = self.timed.iter().map(|fault| match fault {
            Fault::Clock { part, at_ms, by_ms }
                if *part == of && self.start + micros(*at_ms) <= now =>
            {
                by_ms * 1_000
            }
            _ => 0,
        });
        jumps.sum()
    }

    fn during(&self, now: i64, spell: impl Fn(&Fault) -> Option<(u64, u64)>) -> bool {
        self.timed.iter().filter_map(spell).any(|(at_ms, for_ms)| {
            let from = self.start + micros(at_ms);
            (from..from + micros(for_ms)).contains(&now)
        })
    }
}

impl Draws {
    fn call(&self, effect: Effect, dice: &mut Dice) -> Option<CallFault> {
        effect.target()?;
        let struck = self.shares.iter().find(|(kind, share)| {
            let applies = match kind {
                Kind::RowRefused => effect == Effect::Append,
                // A connection carries every request once.
                Kind::Duplicated => effect != Effect::Append,
                _ => true,
            };
            applies && dice.hits(*share)
        });
        Some(match struck?.0 {
            Kind::RequestLost => CallFault::RequestLost,
            Kind::ResponseLost => CallFault::ResponseLost,
            Kind::Delayed => {
                let by_ms = u32::try_from(dice.between(DELAY_MS.0, DELAY_MS.1)).unwrap_or(0);
                CallFault::Delayed { by_ms }
            }
            Kind::Duplicated => CallFault::Duplicated,
            Kind::Throttled => CallFault::Throttled,
            Kind::RowRefused => CallFault::RowRefused { row: dice.below(1_000) as u32 },
        })
    }

    fn crash(&mut self, effect: Effect, now: i64) -> Option<(Side, Loss)> {
        let due = |(at, part, ..): &(i64, Part, Side, Loss)| *at <= now && *part == effect.actor();
        let (_, _, side, loss) = self.crashes.remove(self.crashes.iter().position(due)?);
        Some((side, loss))
    }
}

/// None for two seeds of three, else one or two.
fn some(dice: &mut Dice) -> u64 {
    match dice.below(6) {
        0 => 1,
        1 => 2,
        _ => 0,
    }
}

fn at_ms(dice: &mut Dice, load_ms: i64) -> i64 {
    i64::try_from(dice.below(unsigned(load_ms))).unwrap_or(0)
}

fn unsigned(value: i64) -> u64 {
    u64::try_from(value).unwrap_or(0)
}

fn micros(millis: u64) -> i64 {
    i64::try_from(millis.saturating_mul(1_000)).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Goal: what a seed draws can be written down. Method: the drawn list gives every effect the same
    /// fate again.
    #[test]
    fn a_drawn_schedule_does_the_same_again() {
        let (mut struck, mut crashed) = (0, 0);
        for seed in 0..50 {
            let mut drawn = Fates::new(seed, &Faults::Random, 0, 20_000_000);
            let effects = |nth: i64| (Effect::ALL[(nth % 18) as usize], nth * 10_000);
            let fates: Vec<Fate> =
                (0..2_000).map(effects).map(|(effect, now)| drawn.next(effect, now)).collect();
            let these = Faults::These(drawn.schedule());
            let mut again = Fates::new(seed, &these, 0, 20_000_000);
            for (nth, fate) in fates.iter().enumerate() {
                let (effect, now) = effects(nth as i64);
                let other = again.next(effect, now);
                assert_eq!((fate.fault, fate.crash), (other.fault, other.crash));
                assert_eq!((fate.there, fate.back), (other.there, other.back));
                struck += usize::from(fate.fault.is_some());
                crashed += usize::from(fate.crash.is_some());
            }
            assert_eq!(again.schedule().len(), drawn.schedule().len());
        }
        assert!(struck > 100 && crashed > 10, "{struck} {crashed}");
    }

    #[test]
    fn spells_begin_and_end() {
        let split = Fault::Split { between: Part::Engine, and: Part::Pubsub, at_ms: 5, for_ms: 10 };
        let jump = Fault::Clock { part: Part::Engine, at_ms: 7, by_ms: -3 };
        let fates = Fates::new(1, &Faults::These(vec![split, jump]), 1_000, 1);
        for (now, expected) in [(5_999, false), (6_000, true), (15_999, true), (16_000, false)] {
            assert_eq!(fates.is_split(Part::Pubsub, Part::Engine, now), expected, "{now}");
        }
        assert!(!fates.is_split(Part::Pubsub, Part::Generator, 7_000));
        let skews = [7_999, 8_000].map(|now| fates.skew(Part::Engine, now));
        assert_eq!(skews, [0, -3_000]);
        assert_eq!(fates.skew(Part::Function, 8_000), 0);
    }
}
