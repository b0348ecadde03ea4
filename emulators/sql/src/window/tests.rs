//! Goal: frames are those of the standard. Method: examples by hand, and a model that asks of every
//! pair of rows whether the one is in the other's frame.

use std::cmp::Ordering;

use proptest::prelude::*;

use super::*;
use crate::functions::Call;
use crate::session::Session;
use crate::sql_type::Type;
use crate::value::Numeric;

use FrameBound::{CurrentRow, Following, Preceding, UnboundedFollowing, UnboundedPreceding};

fn integers(values: &[Option<i64>]) -> Vec<Value> {
    values.iter().map(|value| (*value).into()).collect()
}

fn resolved(
    unit: FrameUnit,
    start: FrameBound,
    end: FrameBound,
    keys: &[Value],
    descending: bool,
) -> Result<Vec<(usize, usize)>> {
    let peers = peers(keys.len(), &[keys.to_vec()]);
    frames(&Frame { unit, start, end }, &peers, &[OrderKey { values: keys, descending }])
}

#[test]
fn peers_are_equal_in_all_keys() {
    let first = integers(&[None, None, Some(1), Some(1), Some(2)]);
    let second = integers(&[Some(1), Some(1), Some(1), Some(2), Some(2)]);
    assert_eq!(peers(5, &[first, second]), [(0, 2), (0, 2), (2, 3), (3, 4), (4, 5)]);
    assert_eq!(peers(3, &[]), [(0, 3); 3]);
    assert_eq!(peers(0, &[]), []);
    let nan = [f64::NAN, f64::NAN, 1.0].map(Value::Float64).to_vec();
    assert_eq!(peers(3, &[nan]), [(0, 2), (0, 2), (2, 3)]);
}

#[test]
fn frames_of_rows() {
    let check = |start: FrameBound, end: FrameBound, expected: [(usize, usize); 4]| {
        let keys = integers(&[Some(1), Some(1), Some(2), Some(3)]);
        let found = resolved(FrameUnit::Rows, start.clone(), end.clone(), &keys, false);
        assert_eq!(found, Ok(expected.to_vec()), "{start:?} {end:?}");
    };
    let preceding = |offset: i64| Preceding(offset.into());
    let following = |offset: i64| Following(offset.into());
    check(UnboundedPreceding, CurrentRow, [(0, 1), (0, 2), (0, 3), (0, 4)]);
    check(CurrentRow, UnboundedFollowing, [(0, 4), (1, 4), (2, 4), (3, 4)]);
    check(preceding(1), following(1), [(0, 2), (0, 3), (1, 4), (2, 4)]);
    check(preceding(2), preceding(1), [(0, 0), (0, 1), (0, 2), (1, 3)]);
    check(following(2), following(3), [(2, 4), (3, 4), (4, 4), (4, 4)]);
    check(following(1), preceding(1), [(1, 1), (2, 2), (3, 3), (4, 4)]);
    check(preceding(i64::MAX), following(i64::MAX), [(0, 4); 4]);
}

#[test]
fn frames_of_ranges() {
    let check = |start: FrameBound, end: FrameBound, expected: &[(usize, usize)]| {
        let keys = integers(&[None, None, Some(i64::MIN), Some(10), Some(11), Some(11), Some(13)]);
        let found = resolved(FrameUnit::Range, start.clone(), end.clone(), &keys, false);
        assert_eq!(found, Ok(expected.to_vec()), "{start:?} {end:?}");
    };
    let nulls = [(0, 2), (0, 2)];
    let preceding = |offset: i64| Preceding(offset.into());
    let following = |offset: i64| Following(offset.into());
    let all = [(0, 2), (0, 2), (0, 3), (0, 4), (0, 6), (0, 6), (0, 7)];
    check(UnboundedPreceding, CurrentRow, &all);
    let near = [(2, 3), (3, 6), (3, 6), (3, 6), (6, 7)];
    check(preceding(1), following(1), &[&nulls[..], &near].concat());
    let before = [(0, 2), (0, 3), (0, 3), (0, 3), (0, 6)];
    check(UnboundedPreceding, preceding(2), &[&nulls[..], &before].concat());
    let after = [(2, 7), (4, 7), (6, 7), (6, 7), (7, 7)];
    let far = [&[(0, 7), (0, 7)][..], &[(3, 7)], &after[1..]].concat();
    check(following(1), UnboundedFollowing, &far);
}

#[test]
fn ranges_of_doubles_and_decimals() {
    let doubles =
        [f64::NAN, f64::NEG_INFINITY, 1.0, 1.5, f64::MAX, f64::INFINITY].map(Value::Float64);
    let near = |offset: f64| {
        let (start, end) = (Preceding(offset.into()), Following(offset.into()));
        resolved(FrameUnit::Range, start, end, &doubles, false)
    };
    assert_eq!(near(0.5), Ok(vec![(0, 1), (1, 2), (2, 4), (2, 4), (4, 5), (5, 6)]));
    assert_eq!(near(f64::MAX), Ok(vec![(0, 1), (1, 2), (2, 5), (2, 5), (2, 6), (5, 6)]));
    assert!(near(f64::INFINITY).is_err());
    let max = Numeric::MAX_SCALED;
    let numeric = |scaled| Value::Numeric(Numeric::from_scaled(scaled).unwrap());
    let keys = [numeric(-max), numeric(0), numeric(1), numeric(max)];
    let (start, end) = (Preceding(numeric(max)), Following(numeric(max)));
    let found = resolved(FrameUnit::Range, start, end, &keys, false);
    assert_eq!(found, Ok(vec![(0, 2), (0, 4), (1, 4), (1, 4)]));
}

#[test]
fn offsets_that_are_refused() {
    let check = |unit: FrameUnit, offset: Value, expected: &str| {
        let keys = integers(&[Some(1)]);
        let error = resolved(unit, Preceding(offset), CurrentRow, &keys, false).unwrap_err();
        assert!(error.message.ends_with(expected), "{}", error.message);
    };
    check(FrameUnit::Rows, Value::Null, "cannot be null");
    check(FrameUnit::Rows, (-1).into(), "must be non-negative, but was -1");
    check(FrameUnit::Range, Value::Null, "cannot be null");
    check(FrameUnit::Range, (-2).into(), "must be non-negative, but was -2");
    check(FrameUnit::Range, (-0.5).into(), "must be non-negative, but was -0.5");
    check(FrameUnit::Range, Value::Date(1), "not implemented by this emulator");
}

/// Where another row lies seen from a bound of the current row: `Less` is before it.
fn side_of(
    unit: FrameUnit,
    bound: &FrameBound,
    keys: &[Value],
    descending: bool,
    (current, other): (usize, usize),
) -> Ordering {
    let offset = match bound {
        UnboundedPreceding => return Ordering::Greater,
        UnboundedFollowing => return Ordering::Less,
        CurrentRow => 0,
        Preceding(offset) => -offset.as_int64().unwrap(),
        Following(offset) => offset.as_int64().unwrap(),
    };
    match (unit, keys[current].as_int64(), keys[other].as_int64()) {
        (FrameUnit::Rows, ..) => (other as i64).cmp(&(current as i64 + offset)),
        (_, Some(key), Some(value)) if descending => (key - offset).cmp(&value),
        (_, Some(key), Some(value)) => value.cmp(&(key + offset)),
        // NULLs are a number's neighbours on the side where they stand, and peers among themselves.
        (_, None, None) => Ordering::Equal,
        _ => other.cmp(&current),
    }
}

fn bound() -> impl Strategy<Value = FrameBound> {
    prop_oneof![
        Just(UnboundedPreceding),
        Just(CurrentRow),
        Just(UnboundedFollowing),
        (0i64..4).prop_map(|offset| Preceding(offset.into())),
        (0i64..4).prop_map(|offset| Following(offset.into())),
    ]
}

fn ordered(mut keys: Vec<Option<i64>>, descending: bool, nulls_first: bool) -> Vec<Value> {
    keys.sort_by(|left, right| match (left, right) {
        (Some(left), Some(right)) if descending => right.cmp(left),
        (Some(left), Some(right)) => left.cmp(right),
        (None, None) => Ordering::Equal,
        (None, _) if nulls_first => Ordering::Less,
        (_, None) if !nulls_first => Ordering::Less,
        _ => Ordering::Greater,
    });
    integers(&keys)
}

fn over_frames(name: &str, args: &[Vec<Value>], frames: &[(usize, usize)]) -> Vec<Value> {
    let session = Session::new("project", 0, 0);
    let call = Call { session: &session, args: &[Type::Int64] };
    let function = crate::functions::aggregate(name)[0];
    let rows = FoldedRows { args, skip_nulls: name != "ARRAY_AGG", distinct: false };
    aggregate_over_frames(function, &call, rows, frames).unwrap()
}

proptest! {
    #[test]
    fn frames_agree_with_the_model(
        keys in prop::collection::vec(prop::option::weighted(0.8, 0i64..8), 0..12),
        (descending, nulls_first, by_rows) in any::<(bool, bool, bool)>(),
        (start, end) in (bound(), bound()),
    ) {
        let keys = ordered(keys, descending, nulls_first);
        let unit = if by_rows { FrameUnit::Rows } else { FrameUnit::Range };
        let found = resolved(unit, start.clone(), end.clone(), &keys, descending).unwrap();
        for (current, (first, past_last)) in found.iter().enumerate() {
            let model: Vec<usize> = (0..keys.len())
                .filter(|other| {
                    let side = |bound| side_of(unit, bound, &keys, descending, (current, *other));
                    side(&start).is_ge() && side(&end).is_le()
                })
                .collect();
            prop_assert_eq!((*first..*past_last).collect::<Vec<_>>(), model, "row {}", current);
        }
    }

    #[test]
    fn shared_work_changes_no_aggregate(
        values in prop::collection::vec(prop::option::weighted(0.8, -50i64..50), 1..20),
        keys in prop::collection::vec(0i64..6, 20),
        (start, end) in (bound(), bound()),
        by_rows: bool,
    ) {
        let keys = ordered(keys[..values.len()].iter().copied().map(Some).collect(), false, true);
        let unit = if by_rows { FrameUnit::Rows } else { FrameUnit::Range };
        let frames = resolved(unit, start, end, &keys, false).unwrap();
        let args = [integers(&values)];
        for name in ["SUM", "COUNT", "MIN", "ARRAY_AGG"] {
            let single = |frame: &(usize, usize)| over_frames(name, &args, &[*frame]).remove(0);
            let each: Vec<_> = frames.iter().map(single).collect();
            prop_assert_eq!(over_frames(name, &args, &frames), each, "{}", name);
        }
    }
}

#[test]
fn distinct_rows_of_a_frame() {
    let session = Session::new("project", 0, 0);
    let call = Call { session: &session, args: &[Type::Int64] };
    let args = [integers(&[Some(1), Some(1), None, Some(2)])];
    let rows = FoldedRows { args: &args, skip_nulls: true, distinct: true };
    let function = crate::functions::aggregate("COUNT")[0];
    let frames = [(0, 1), (0, 2), (0, 4), (1, 1), (1, 4)];
    let counts = aggregate_over_frames(function, &call, rows, &frames).unwrap();
    assert_eq!(counts, integers(&[Some(1), Some(1), Some(2), Some(0), Some(2)]));
}
