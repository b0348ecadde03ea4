//! Goal: no geography, however odd, makes the geometry panic or contradict itself. Method: properties of
//! random shapes.

use proptest::prelude::*;

use super::*;

fn reading() -> Reading {
    Reading { function: "test", oriented: false, planar: false }
}

fn places() -> impl Strategy<Value = Point> {
    let coarse = (-9_i32..9, -9_i32..9).prop_map(|(x, y)| (f64::from(x), f64::from(y)));
    let fine = (-180.0..=180.0, -90.0..=90.0);
    prop_oneof![coarse, fine].prop_map(|(longitude, latitude)| Point { longitude, latitude })
}

fn boxes() -> impl Strategy<Value = Geography> {
    (-8_i32..8, -8_i32..8, 1_i32..6, 1_i32..6).prop_map(|(x, y, width, height)| {
        let text = format!(
            "POLYGON(({x} {y}, {right} {y}, {right} {top}, {x} {top}, {x} {y}))",
            right = x + width,
            top = y + height
        );
        from_wkt(&text, &reading()).unwrap()
    })
}

fn geographies() -> impl Strategy<Value = Geography> {
    let line = prop::collection::vec(places(), 2..6)
        .prop_filter_map("a line", |line| reading().line(line).ok());
    let ring = prop::collection::vec(places(), 3..6).prop_filter_map("a ring", |mut ring| {
        ring.push(ring[0]);
        reading().polygon(vec![ring]).ok()
    });
    prop_oneof![places().prop_map(Geography::point), line, ring, boxes()]
}

proptest! {
    #[test]
    fn formats_read_back(geography in geographies()) {
        let text = geography.to_string();
        let back = from_wkt(&text, &reading()).map(|back| back.to_string());
        prop_assert_eq!(back.as_deref(), Ok(text.as_str()));
        let back = from_wkb(&to_wkb(&geography), &reading()).map(|back| back.to_string());
        prop_assert_eq!(back.as_deref(), Ok(text.as_str()));
    }

    #[test]
    fn areas_add_up(left in boxes(), right in boxes()) {
        let of = |operation| area(&overlay(&left, &right, operation));
        let (union, both) = (of(Operation::Union), of(Operation::Intersection));
        let (sum, rest) = (area(&left) + area(&right), of(Operation::Difference));
        prop_assert!((union + both - sum).abs() < 1e-9 * sum, "{left} {right}");
        prop_assert!((rest + both - area(&left)).abs() < 1e-9 * sum, "{left} {right}");
    }

    #[test]
    fn relations_agree(left in boxes(), right in boxes()) {
        let relation = Relation::of(&left, &right);
        let both = overlay(&left, &right, Operation::Intersection);
        prop_assert_eq!(relation.intersects, !both.is_empty(), "{} {}", left, right);
        prop_assert_eq!(relation.interiors_intersect, both.dimension() == 2, "{} {}", left, right);
        let union = overlay(&left, &right, Operation::Union);
        prop_assert!(Relation::of(&union, &left).covers, "{left} {right}");
        prop_assert!(Relation::of(&left, &both).covers || both.is_empty(), "{left} {right}");
    }

    #[test]
    fn nothing_panics(left in geographies(), right in geographies(), number in any::<f64>(), text in "\\PC*") {
        for operation in [Operation::Union, Operation::Intersection, Operation::Difference] {
            let _ = overlay(&left, &right, operation);
        }
        let _ = (distance(&left, &right), max_distance(&left, &right));
        let _ = closest_point(&left, &right);
        let _ = (bounds(&left), centroid(&left), convex_hull(&left), area(&left), length(&left));
        let _ = (simplify(&left, number), snap_to_grid(&left, number));
        let _ = (buffer(&left, number, Segments::Quarter(8.0)), to_geojson(&left));
        let _ = (from_wkt(&text, &reading()), from_geojson(&text, &reading()));
        let _ = (from_wkb(text.as_bytes(), &reading()), point_of_geohash(&text));
        if let Some(point) = left.as_point() {
            let _ = (cell_id(point, 30), geohash(point, 20));
        }
    }
}
