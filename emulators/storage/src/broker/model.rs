//! Goal: the broker keeps generations as Cloud Storage says. Method: random calls against a model that is
//! nothing but a list of every generation ever written, each live, noncurrent, deleted or gone; after
//! every call the answers and all three lists must be equal.

use bytes::Bytes;
use proptest::prelude::*;

use super::tests::{broker, set};
use super::{
    Broker, BrokerError, Destination, ListQuery, ListScope, ObjectSpec, Preconditions, Selector,
    Source,
};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kept {
    Live,
    Noncurrent,
    SoftDeleted,
    Gone,
}

#[derive(Debug, Clone)]
struct Version {
    name: String,
    generation: i64,
    content: String,
    kept: Kept,
}

#[derive(Debug, Default)]
struct Model {
    versions: Vec<Version>,
    keeps_versions: bool,
    keeps_deleted: bool,
}

/// What a call requires of the live object.
#[derive(Debug, Clone, Copy)]
enum Require {
    Nothing,
    Absent,
    Present,
    /// The generation that is live, or one that never was.
    Current,
    Stale,
    NotCurrent,
}

#[derive(Debug, Clone)]
enum Call {
    Put(String, String, Require),
    /// The last number picks a generation of the name, newest first.
    Delete(String, Option<usize>, Require),
    Compose(String, Vec<String>, Require),
    Copy(String, String, Require),
    Move(String, String, Require),
    Restore(String, usize, Require),
    Get(String, Option<usize>, Require),
    Versioning(bool),
    SoftDelete(bool),
}

type Outcome = Result<String, &'static str>;

impl Model {
    fn live(&self, name: &str) -> Option<&Version> {
        self.versions.iter().find(|it| it.name == name && it.kept == Kept::Live)
    }

    fn conditions(&self, name: &str, require: Require) -> Preconditions {
        let live = self.live(name).map_or(7, |it| it.generation);
        let mut conditions = Preconditions::default();
        match require {
            Require::Nothing => {}
            Require::Absent => conditions.generation_match = Some(0),
            Require::Present => conditions.generation_not_match = Some(0),
            Require::Current => conditions.generation_match = Some(live),
            Require::Stale => conditions.generation_match = Some(-1),
            Require::NotCurrent => conditions.generation_not_match = Some(live),
        }
        conditions
    }

    fn holds(&self, name: &str, require: Require) -> Result<(), &'static str> {
        let is_live = self.live(name).is_some();
        match require {
            Require::Nothing => Ok(()),
            Require::Absent if is_live => Err("precondition"),
            Require::Absent => Ok(()),
            Require::Present | Require::Current if is_live => Ok(()),
            Require::NotCurrent | Require::Present => Err("not modified"),
            Require::Current | Require::Stale => Err("precondition"),
        }
    }

    /// The nth generation of a name that a call can name, newest first; else one that never was.
    fn pick(&self, name: &str, nth: usize, kept: &[Kept]) -> i64 {
        let matching = self.versions.iter().rev();
        let mut matching = matching.filter(|it| it.name == name && kept.contains(&it.kept));
        matching.nth(nth).map_or(3, |it| it.generation)
    }

    fn find(&mut self, name: &str, generation: Option<i64>) -> Option<&mut Version> {
        self.versions.iter_mut().find(|it| {
            it.name == name
                && match generation {
                    None => it.kept == Kept::Live,
                    Some(wanted) => {
                        it.generation == wanted && matches!(it.kept, Kept::Live | Kept::Noncurrent)
                    }
                }
        })
    }

    fn fate(&self, is_archived: bool) -> Kept {
        match (is_archived && self.keeps_versions, self.keeps_deleted) {
            (true, _) => Kept::Noncurrent,
            (false, true) => Kept::SoftDeleted,
            (false, false) => Kept::Gone,
        }
    }

    fn write(&mut self, name: &str, content: String, generation: i64) {
        let fate = self.fate(true);
        if let Some(live) = self.find(name, None) {
            live.kept = fate;
        }
        self.versions.push(Version {
            name: name.to_owned(),
            generation,
            content,
            kept: Kept::Live,
        });
    }

    fn visible(&self, kept: &[Kept]) -> Vec<(String, i64, String)> {
        let mut all: Vec<_> = self
            .versions
            .iter()
            .filter(|it| kept.contains(&it.kept))
            .map(|it| (it.name.clone(), it.generation, it.content.clone()))
            .collect();
        all.sort();
        all
    }
}

fn word(error: &BrokerError) -> &'static str {
    match error {
        BrokerError::ObjectNotFound(_) => "not found",
        BrokerError::Precondition => "precondition",
        BrokerError::NotModified => "not modified",
        BrokerError::Invalid(_) => "invalid",
        other => panic!("{other}"),
    }
}

fn listed(broker: &Broker, scope: ListScope) -> Vec<(String, i64, String)> {
    let query = ListQuery { scope, ..ListQuery::default() };
    let listing = broker.list("bucket", &query, 9).unwrap();
    let text = |content: &Bytes| String::from_utf8_lossy(content).into_owned();
    listing.objects.iter().map(|it| (it.name.clone(), it.generation, text(&it.content))).collect()
}

fn source(name: &str) -> Source {
    Source { bucket: "bucket".to_owned(), name: name.to_owned(), ..Source::default() }
}

/// Calls the broker; on success answers the content and the generation of the object.
fn call(broker: &mut Broker, model: &Model, call: &Call) -> Result<(String, i64), &'static str> {
    let spec = |name: &str| ObjectSpec { name: name.to_owned(), ..ObjectSpec::default() };
    let view = match call {
        Call::Put(name, content, require) => {
            let conditions = model.conditions(name, *require);
            broker.put("bucket", spec(name), Bytes::from(content.clone()).into(), conditions, 9)
        }
        Call::Compose(name, sources, require) => {
            let conditions = model.conditions(name, *require);
            let sources: Vec<_> = sources.iter().map(|name| source(name)).collect();
            broker.compose("bucket", &sources, spec(name), conditions, false, 9)
        }
        Call::Copy(from, to, require) => {
            let conditions = model.conditions(to, *require);
            let (bucket, name) = ("bucket".to_owned(), to.clone());
            let to = Destination { bucket, name, attributes: None, conditions };
            broker.copy(&source(from), to, 9)
        }
        Call::Move(from, to, require) => {
            broker.move_object(&source(from), to, model.conditions(to, *require), 9)
        }
        Call::Restore(name, nth, require) => {
            let generation = model.pick(name, *nth, &[Kept::SoftDeleted]);
            broker.restore("bucket", name, generation, model.conditions(name, *require), 9)
        }
        Call::Get(name, nth, require) => {
            let kept = [Kept::Live, Kept::Noncurrent];
            let generation = nth.map(|nth| model.pick(name, nth, &kept));
            let conditions = model.conditions(name, *require);
            broker.get("bucket", name, Selector::of(generation), conditions, 9)
        }
        Call::Delete(name, nth, require) => {
            let kept = [Kept::Live, Kept::Noncurrent];
            let generation = nth.map(|nth| model.pick(name, nth, &kept));
            let conditions = model.conditions(name, *require);
            let deleted = broker.delete("bucket", name, generation, conditions, 9);
            return deleted.map(|()| (String::new(), 0)).map_err(|error| word(&error));
        }
        Call::Versioning(on) => {
            set(broker, |settings| settings.versioning = Some(*on));
            return Ok((String::new(), 0));
        }
        Call::SoftDelete(on) => {
            let seconds = i64::from(*on) * 7 * 86_400;
            set(broker, |settings| settings.soft_delete_policy.duration_seconds = seconds);
            return Ok((String::new(), 0));
        }
    };
    let object = view.map_err(|error| word(&error))?.object;
    Ok((String::from_utf8_lossy(&object.content).into_owned(), object.generation))
}

/// What the model says of a call, given the generation that the broker chose.
fn expect(model: &mut Model, call: &Call, generation: i64) -> Outcome {
    let refused = |model: &Model, name: &str, require: Require| {
        model.holds(name, require).map_err(|_| "precondition")
    };
    match call {
        Call::Put(name, content, require) => {
            refused(model, name, *require)?;
            model.write(name, content.clone(), generation);
            Ok(content.clone())
        }
        Call::Compose(name, sources, require) => {
            if sources.is_empty() {
                return Err("invalid");
            }
            refused(model, name, *require)?;
            let contents: Option<String> =
                sources.iter().map(|it| Some(model.live(it)?.content.as_str())).collect();
            let content = contents.ok_or("not found")?;
            model.write(name, content.clone(), generation);
            Ok(content)
        }
        Call::Copy(from, to, require) => {
            let content = model.live(from).ok_or("not found")?.content.clone();
            refused(model, to, *require)?;
            model.write(to, content.clone(), generation);
            Ok(content)
        }
        Call::Move(from, to, require) => {
            if from == to {
                return Err("invalid");
            }
            let content = model.live(from).ok_or("not found")?.content.clone();
            refused(model, to, *require)?;
            model.write(to, content.clone(), generation);
            let fate = model.fate(true);
            model.find(from, None).unwrap().kept = fate;
            Ok(content)
        }
        Call::Restore(name, nth, require) => {
            let wanted = model.pick(name, *nth, &[Kept::SoftDeleted]);
            let found = model.versions.iter().find(|it| it.generation == wanted);
            let content = found.ok_or("not found")?.content.clone();
            refused(model, name, *require)?;
            model.write(name, content.clone(), generation);
            Ok(content)
        }
        Call::Get(name, nth, require) => {
            let wanted = nth.map(|nth| model.pick(name, nth, &[Kept::Live, Kept::Noncurrent]));
            let content = model.find(name, wanted).ok_or("not found")?.content.clone();
            model.holds(name, *require)?;
            Ok(content)
        }
        Call::Delete(name, nth, require) => {
            let wanted = nth.map(|nth| model.pick(name, nth, &[Kept::Live, Kept::Noncurrent]));
            let fate = model.fate(wanted.is_none());
            model.find(name, wanted).ok_or("not found")?;
            refused(model, name, *require)?;
            model.find(name, wanted).unwrap().kept = fate;
            Ok(String::new())
        }
        Call::Versioning(on) => {
            model.keeps_versions = *on;
            Ok(String::new())
        }
        Call::SoftDelete(on) => {
            model.keeps_deleted = *on;
            Ok(String::new())
        }
    }
}

fn calls() -> impl Strategy<Value = Vec<Call>> {
    let name = || "[abc]";
    let require = || {
        prop_oneof![
            4 => Just(Require::Nothing),
            1 => Just(Require::Absent),
            1 => Just(Require::Present),
            1 => Just(Require::Current),
            1 => Just(Require::Stale),
            1 => Just(Require::NotCurrent),
        ]
    };
    let nth = || proptest::option::of(0_usize..3);
    let call = prop_oneof![
        6 => (name(), "[xyz]{0,3}", require()).prop_map(|(a, b, c)| Call::Put(a, b, c)),
        3 => (name(), nth(), require()).prop_map(|(a, b, c)| Call::Delete(a, b, c)),
        2 => (name(), proptest::collection::vec(name(), 0..4), require())
            .prop_map(|(a, b, c)| Call::Compose(a, b, c)),
        2 => (name(), name(), require()).prop_map(|(a, b, c)| Call::Copy(a, b, c)),
        2 => (name(), name(), require()).prop_map(|(a, b, c)| Call::Move(a, b, c)),
        2 => (name(), 0_usize..3, require()).prop_map(|(a, b, c)| Call::Restore(a, b, c)),
        2 => (name(), nth(), require()).prop_map(|(a, b, c)| Call::Get(a, b, c)),
        1 => any::<bool>().prop_map(Call::Versioning),
        1 => any::<bool>().prop_map(Call::SoftDelete),
    ];
    proptest::collection::vec(call, 0..40)
}

proptest! {
    #[test]
    fn the_broker_is_the_model(calls in calls()) {
        let mut broker = broker();
        let mut model = Model { keeps_deleted: true, ..Model::default() };
        for step in calls {
            let answer = call(&mut broker, &model, &step);
            let generation = answer.as_ref().map_or(0, |(_, generation)| *generation);
            let expected = expect(&mut model, &step, generation);
            prop_assert_eq!(answer.map(|(content, _)| content), expected, "{:?}", &step);
            for (scope, kept) in [
                (ListScope::Live, &[Kept::Live][..]),
                (ListScope::Versions, &[Kept::Live, Kept::Noncurrent][..]),
                (ListScope::SoftDeleted, &[Kept::SoftDeleted][..]),
            ] {
                prop_assert_eq!(listed(&broker, scope), model.visible(kept), "{:?}", &step);
            }
        }
    }
}
