//! A bucket in memory whose calls fail, lose their answers and let others in between.

use std::collections::BTreeMap;
use std::fmt;
use std::rc::Rc;
use std::sync::Arc;

use proptest::prelude::*;

use super::*;

/// What happens to one call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Fine,
    /// It takes, the answer is lost, and whoever carries it out tries again.
    AnswerLost,
    /// It fails and has not taken.
    Failed,
    /// It fails and has taken.
    FailedAfter,
}

#[derive(Default)]
struct State {
    objects: BTreeMap<String, (Bytes, i64)>,
    generation: i64,
    fates: Vec<Fate>,
    calls: usize,
    /// What others do before the call of that number.
    between: Option<(usize, Box<dyn FnOnce() + Send>)>,
}

#[derive(Clone, Default)]
struct Memory(Arc<Mutex<State>>);

impl fmt::Debug for Memory {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str("Memory")
    }
}

impl Memory {
    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    /// Lets others in if it is their turn, and says what becomes of the call.
    fn call(&self) -> Fate {
        let mut state = self.state();
        state.calls += 1;
        let calls = state.calls;
        let due = state.between.take_if(|(at, _)| *at == calls);
        let fate = state.fates.pop().unwrap_or(Fate::Fine);
        drop(state);
        if let Some((_, others)) = due {
            others();
        }
        fate
    }

    fn put(&self, name: &str, content: &Bytes, over: Option<i64>) -> Option<i64> {
        let mut state = self.state();
        let found = state.objects.get(name).map_or(0, |(_, generation)| *generation);
        if over.is_some_and(|over| over != found) {
            return None;
        }
        state.generation += 1;
        let generation = state.generation;
        state.objects.insert(name.to_owned(), (content.clone(), generation));
        Some(generation)
    }

    /// Writes bytes that are none of ours.
    fn damage(&self, name: &str) {
        let mut state = self.state();
        let (content, _) = state.objects.get_mut(name).unwrap();
        let mut bytes = content.to_vec();
        let last = bytes.last_mut().unwrap();
        *last = last.wrapping_add(1);
        *content = bytes.into();
    }

    fn acquire(&self) -> Result<(BucketStore<Self>, Vec<Bytes>), StoreError> {
        BucketStore::acquire(self.clone(), "gs://b/p", "job")
    }
}

fn lost() -> io::Error {
    io::Error::other("the connection is lost")
}

impl Objects for Memory {
    fn read(&self, name: &str) -> io::Result<Option<(Bytes, i64)>> {
        match self.call() {
            Fate::Failed | Fate::FailedAfter => Err(lost()),
            Fate::Fine | Fate::AnswerLost => Ok(self.state().objects.get(name).cloned()),
        }
    }

    fn write(&self, name: &str, content: Bytes, over: Option<i64>) -> io::Result<Option<i64>> {
        match self.call() {
            Fate::Fine => Ok(self.put(name, &content, over)),
            Fate::AnswerLost => {
                self.put(name, &content, over);
                Ok(self.put(name, &content, over))
            }
            Fate::Failed => Err(lost()),
            Fate::FailedAfter => {
                self.put(name, &content, over);
                Err(lost())
            }
        }
    }

    fn list(&self, prefix: &str) -> io::Result<Vec<String>> {
        match self.call() {
            Fate::Failed | Fate::FailedAfter => Err(lost()),
            Fate::Fine | Fate::AnswerLost => {
                let state = self.state();
                Ok(state.objects.keys().filter(|name| name.starts_with(prefix)).cloned().collect())
            }
        }
    }

    fn delete(&self, name: &str) -> io::Result<()> {
        match self.call() {
            Fate::Failed | Fate::FailedAfter => Err(lost()),
            Fate::Fine | Fate::AnswerLost => {
                self.state().objects.remove(name);
                Ok(())
            }
        }
    }
}

fn checkpoint(epoch: u64, is_snapshot: bool, content: &str) -> Checkpoint {
    Checkpoint { epoch, is_snapshot, bytes: Bytes::copy_from_slice(content.as_bytes()) }
}

fn texts(log: &[Bytes]) -> Vec<&str> {
    log.iter().map(|bytes| std::str::from_utf8(bytes).unwrap()).collect()
}

#[test]
fn a_log_is_the_last_snapshot_and_the_deltas_after_it() {
    let memory = Memory::default();
    let (store, log) = memory.acquire().unwrap();
    assert_eq!(texts(&log), Vec::<&str>::new());
    store.save(&checkpoint(1, true, "s1")).unwrap();
    store.save(&checkpoint(2, false, "d2")).unwrap();
    let (store, log) = memory.acquire().unwrap();
    assert_eq!((store.job(), texts(&log)), ("job", vec!["s1", "d2"]));
    store.save(&checkpoint(3, false, "d3")).unwrap();
    for epoch in 4..100 {
        store.save(&checkpoint(epoch, epoch % 2 == 0, &format!("c{epoch}"))).unwrap();
    }
    let (_, log) = memory.acquire().unwrap();
    assert_eq!(texts(&log), ["c98", "c99"]);
    let left = memory.state().objects.len();
    assert_eq!(left, 7, "OWNER, and HEAD and two records with their copies");
}

#[test]
fn a_zombie_is_fenced_and_changes_nothing() {
    let memory = Memory::default();
    let (zombie, _) = memory.acquire().unwrap();
    zombie.save(&checkpoint(1, true, "s1")).unwrap();
    let (owner, _) = memory.acquire().unwrap();
    let fenced = zombie.save(&checkpoint(2, false, "zombie"));
    assert!(matches!(fenced, Err(StoreError::Fenced { mine: 1, current: 2, .. })), "{fenced:?}");
    owner.save(&checkpoint(2, false, "owner")).unwrap();
    assert_eq!(texts(&memory.acquire().unwrap().1), ["s1", "owner"]);
}

#[test]
fn a_corrupt_object_is_refused_and_its_copy_is_used() {
    for name in ["HEAD", "epoch-000000000001-lease-000001", "epoch-000000000002-lease-000001"] {
        for is_gone in [false, true] {
            let memory = Memory::default();
            let (store, _) = memory.acquire().unwrap();
            store.save(&checkpoint(1, true, "s1")).unwrap();
            store.save(&checkpoint(2, false, "d2")).unwrap();
            match is_gone {
                true => drop(memory.state().objects.remove(name)),
                false => memory.damage(name),
            }
            let (owner, log) = memory.acquire().unwrap();
            assert_eq!(texts(&log), ["s1", "d2"], "{name}");
            assert!(store.save(&checkpoint(3, false, "zombie")).is_err());
            owner.save(&checkpoint(3, false, "d3")).unwrap();
            assert_eq!(texts(&memory.acquire().unwrap().1), ["s1", "d2", "d3"], "{name}");
            // What has no copy either is refused, and nothing is changed.
            if memory.state().objects.contains_key(name) {
                memory.damage(name);
                memory.damage(&copy_of(name));
                let before = memory.state().objects.get(HEAD).cloned();
                assert!(matches!(memory.acquire(), Err(StoreError::Corrupt { .. })), "{name}");
                assert_eq!(memory.state().objects.get(HEAD).cloned(), before);
            }
        }
    }
}

/// Goal: what was saved is in the log of everybody who comes later, whoever comes in between. Method: a save
/// or a takeover, and before each of its calls another takeover, save, or both.
#[test]
fn whoever_comes_in_between_nothing_that_was_saved_is_lost() {
    // What the one does, and what the other does in between, who may hold the job already.
    for (saves, other_acquires, other_saves) in
        [(true, true, false), (true, true, true), (false, false, true), (false, true, true)]
    {
        let mut is_over = false;
        for at in 1.. {
            if is_over {
                break;
            }
            let memory = Memory::default();
            let (first, _) = memory.acquire().unwrap();
            first.save(&checkpoint(1, true, "s1")).unwrap();
            let first = Arc::new(first);
            let saved = Arc::new(Mutex::new(Vec::new()));
            let others: Box<dyn FnOnce() + Send> = {
                let (memory, saved, first) =
                    (memory.clone(), Arc::clone(&saved), Arc::clone(&first));
                Box::new(move || {
                    let taken = other_acquires.then(|| memory.acquire().unwrap());
                    let (store, epoch) = match &taken {
                        Some((store, log)) => (store, log.len() as u64 + 1),
                        None => (&*first, 2),
                    };
                    if other_saves && store.save(&checkpoint(epoch, false, "other")).is_ok() {
                        saved.lock().unwrap().push((epoch, "other"));
                    }
                    drop(taken);
                })
            };
            let calls = memory.state().calls;
            memory.state().between = Some((calls + at, others));
            let taken = (!saves).then(|| memory.acquire().unwrap());
            let (store, epoch) = match &taken {
                Some((store, log)) => (store, log.len() as u64 + 1),
                None => (&*first, 2),
            };
            match store.save(&checkpoint(epoch, false, "mine")) {
                Ok(()) => saved.lock().unwrap().push((epoch, "mine")),
                Err(error) => assert!(matches!(error, StoreError::Fenced { .. }), "{error}"),
            }
            is_over = memory.state().between.take().is_some();
            let (_, log) = memory.acquire().unwrap();
            let log = texts(&log);
            assert_eq!(log.len(), saved.lock().unwrap().len() + 1, "call {at}: {log:?}");
            for (epoch, content) in saved.lock().unwrap().iter() {
                let found = log.get(*epoch as usize - 1);
                assert_eq!(found, Some(content), "call {at}, {log:?}: {saves} {other_saves}");
            }
        }
    }
}

#[derive(Debug, Clone)]
enum Step {
    Acquire(Vec<Fate>),
    Save(bool, Vec<Fate>),
    /// A writer that somebody took the job over from.
    Zombie(Vec<Fate>),
}

/// Whether no call fails.
fn is_sound(fates: &[Fate]) -> bool {
    !fates.iter().any(|fate| matches!(fate, Fate::Failed | Fate::FailedAfter))
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let fate = prop_oneof![
        6 => Just(Fate::Fine),
        3 => Just(Fate::AnswerLost),
        1 => Just(Fate::Failed),
        1 => Just(Fate::FailedAfter),
    ];
    let fates = prop::collection::vec(fate, 0..12);
    let step = prop_oneof![
        fates.clone().prop_map(Step::Acquire),
        (any::<bool>(), fates.clone()).prop_map(|(snapshot, fates)| Step::Save(snapshot, fates)),
        (any::<bool>(), fates.clone()).prop_map(|(snapshot, fates)| Step::Save(snapshot, fates)),
        fates.prop_map(Step::Zombie),
    ];
    prop::collection::vec(step, 0..40)
}

proptest! {
    /// Goal: a log is what was saved and, at most, what nobody knows of; a lost answer is no lost lease; a
    /// zombie never saves; the number of objects is bounded. Method: steps of writers over a bucket that
    /// fails and loses answers, against a model that knows what was promised.
    #[test]
    fn the_log_is_what_was_saved(steps in steps()) {
        let memory = Memory::default();
        let mut owner: Option<Rc<BucketStore<Memory>>> = None;
        let mut zombies: Vec<Rc<BucketStore<Memory>>> = Vec::new();
        // What was saved from the last snapshot on, and a save that may have taken.
        let mut log: Vec<String> = Vec::new();
        let mut doubt: Option<Vec<String>> = None;
        let (mut epoch, mut takeovers) = (0, 0);
        for step in steps {
            match step {
                Step::Acquire(fates) => {
                    takeovers += 1;
                    let is_sound = is_sound(&fates);
                    memory.state().fates = fates;
                    let acquired = memory.acquire();
                    memory.state().fates.clear();
                    zombies.extend(owner.take());
                    prop_assert!(!is_sound || acquired.is_ok(), "{:?}", acquired.err());
                    let Ok((store, found)) = acquired else { continue };
                    let found: Vec<String> =
                        texts(&found).into_iter().map(str::to_owned).collect();
                    prop_assert!(found == log || Some(&found) == doubt.as_ref(), "{found:?}");
                    epoch = found.last().map_or(0, |it| it[1..].parse().unwrap());
                    (log, doubt) = (found, None);
                    owner = Some(Rc::new(store));
                }
                Step::Save(is_snapshot, fates) => {
                    let Some(store) = &owner else { continue };
                    let is_sound = is_sound(&fates);
                    let is_snapshot = is_snapshot || log.is_empty();
                    epoch += 1;
                    let content = format!("c{epoch}");
                    let mut next = if is_snapshot { Vec::new() } else { log.clone() };
                    next.push(content.clone());
                    memory.state().fates = fates;
                    let saved = store.save(&checkpoint(epoch, is_snapshot, &content));
                    memory.state().fates.clear();
                    match saved {
                        Ok(()) => log = next,
                        Err(error) => {
                            prop_assert!(!is_sound, "{error}");
                            // Its process ends, and nobody knows.
                            doubt = Some(next);
                            owner = None;
                        }
                    }
                }
                Step::Zombie(fates) => {
                    let Some(store) = zombies.pop() else { continue };
                    memory.state().fates = fates;
                    let saved = store.save(&checkpoint(epoch + 1, true, "zombie"));
                    memory.state().fates.clear();
                    let is_owned = owner.is_some();
                    prop_assert!(saved.is_err() || !is_owned, "a zombie saved");
                    if saved.is_ok() || !is_owned {
                        // Its successor failed before it had taken the job over.
                        return Ok(());
                    }
                }
            }
        }
        let objects = memory.state().objects.len();
        prop_assert!(objects <= 5 + 2 * (log.len() + 2 * takeovers + 4), "{objects} objects");
    }
}
