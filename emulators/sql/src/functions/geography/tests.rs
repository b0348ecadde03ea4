//! Goal: the functions of geographies give BigQuery's answers. Method: tables of calls on well-known text; the
//! answers were recorded from the service or stand in its documentation.

use super::*;
use crate::session::Session;

fn call(name: &str, args: &[Value]) -> Result<Value, String> {
    let function = FUNCTIONS.iter().find(|function| function.name == name).unwrap();
    let session = Session::new("p", 0, 0);
    let call = Call { session: &session, args: &[] };
    if function.nulls == Nulls::Propagate && args.iter().any(Value::is_null) {
        return Ok(Value::Null);
    }
    (function.call)(&call, args).map_err(|error| error.message)
}

fn wkt(text: &str) -> Value {
    call("ST_GEOGFROMTEXT", &[text.into()]).unwrap()
}

/// Checks what a function makes of geographies and other values, as text.
fn check(name: &str, args: &[Value], expected: &str) {
    let result = call(name, args).map(|result| match result {
        Value::Geography(geography) => geography.to_string(),
        Value::String(text) => text.to_string(),
        Value::Array(elements) => {
            let texts = elements.iter().map(|element| geography(element).unwrap().to_string());
            format!("[{}]", texts.collect::<Vec<_>>().join("; "))
        }
        Value::Float64(value) => crate::value::general(value, Some(12)),
        other => format!("{other:?}"),
    });
    assert_eq!(result.unwrap_or_else(|error| error), expected, "{name}");
}

const SQUARE: &str = "POLYGON((0 0, 4 0, 4 4, 0 4, 0 0))";

#[test]
fn text_in_and_out() {
    let same = |text: &str| check("ST_ASTEXT", &[wkt(text)], text);
    same("POINT(1.5 2.5)");
    same("LINESTRING(0 0, 1 1, 2 2)");
    same(SQUARE);
    same("MULTIPOINT(0 0, 1 1)");
    same("MULTILINESTRING((2 2, 3 4), (5 6, 7 7))");
    same("GEOMETRYCOLLECTION(MULTIPOINT(-1 2, 0 12), LINESTRING(-2 4, 0 6))");
    same("GEOMETRYCOLLECTION EMPTY");
    let becomes = |text: &str, expected: &str| check("ST_ASTEXT", &[wkt(text)], expected);
    becomes("POINT EMPTY", "GEOMETRYCOLLECTION EMPTY");
    becomes("multipoint((0 0), (1 1))", "MULTIPOINT(0 0, 1 1)");
    becomes("POINT(190 10)", "POINT(-170 10)");
    becomes("POLYGON((0 0, 0 2, 2 2, 2 0, 0 0))", "POLYGON((2 0, 2 2, 0 2, 0 0, 2 0))");
    becomes("LINESTRING(1 2, 1 2)", "POINT(1 2)");
    let wrong = |text: &str, error: &str| check("ST_GEOGFROMTEXT", &[text.into()], error);
    wrong(
        "POINT(0 100)",
        "ST_GeogFromText failed: Latitude must be between -90 and 90 degrees. Actual value was 100",
    );
    wrong("POINT(0", "ST_GeogFromText failed: Invalid WKT near \"\"");
    wrong(
        "POLYGON((0 0, 2 2, 2 0, 0 2, 0 0))",
        "ST_GeogFromText failed: Invalid polygon loop: Edge 0 crosses edge 2",
    );
    let args = ["LINESTRING(1 1, 3 2)".into(), Value::Null, true.into()];
    check("ST_GEOGFROMTEXT", &args, "LINESTRING(1 1, 2 1.5, 2.5 1.75, 3 2)");
}

#[test]
fn other_formats() {
    check(
        "ST_ASGEOJSON",
        &[wkt("POINT(3 4)")],
        "{ \"type\": \"Point\", \"coordinates\": [3, 4] } ",
    );
    let empty = "{ \"type\": \"GeometryCollection\", \"geometries\": [ ] } ";
    check("ST_ASGEOJSON", &[wkt("POINT EMPTY")], empty);
    let line = "{ \"type\": \"LineString\", \"coordinates\": [ [0, 0], [0, 2] ] } ";
    check("ST_ASGEOJSON", &[wkt("LINESTRING(0 0, 0 2)")], line);
    check("ST_GEOGFROMGEOJSON", &[line.into()], "LINESTRING(0 0, 0 2)");
    let polygon = "{ \"type\": \"Polygon\", \"coordinates\": [ [ [2, 0], [2, 2], [1, 2], [0, 2], \
                   [0, 0], [2, 0] ] ] }";
    check("ST_GEOGFROM", &[polygon.into()], "POLYGON((2 0, 2 2, 1 2, 0 2, 0 0, 2 0))");
    let hex = "010100000000000000000000400000000000001040";
    check("ST_GEOGFROM", &[hex.into()], "POINT(2 4)");
    for text in ["POINT(1 2)", SQUARE, "GEOMETRYCOLLECTION(POINT(0 0), LINESTRING(1 2, 2 1))"] {
        let bytes = call("ST_ASBINARY", &[wkt(text)]).unwrap();
        check("ST_GEOGFROMWKB", &[bytes], text);
    }
    check("ST_GEOGFROMWKB", &[Value::bytes([1, 1])], "ST_GeogFromWKB failed: Invalid WKB");
    check("ST_GEOHASH", &[wkt("POINT(-122.35 47.62)"), 10.into()], "c22yzugqw7");
    let point = call("ST_GEOGPOINTFROMGEOHASH", &["c22yzugqw7".into()]).unwrap();
    check("ST_GEOHASH", &[point, 10.into()], "c22yzugqw7");
    let cell = |args: &[Value], expected: i64| {
        assert_eq!(call("S2_CELLIDFROMPOINT", args), Ok(expected.into()));
    };
    cell(&[wkt("POINT(-122 47)")], 6_093_613_931_972_369_317);
    cell(&[wkt("POINT(-122 47)"), 10.into()], 6_093_613_287_902_019_584);
}

#[test]
fn shapes_and_their_parts() {
    check("ST_GEOMETRYTYPE", &[wkt("MULTIPOINT(0 0, 1 1)")], "ST_MultiPoint");
    check("ST_GEOMETRYTYPE", &[wkt("POINT EMPTY")], "ST_GeometryCollection");
    check("ST_DIMENSION", &[wkt("POINT EMPTY")], "Int64(-1)");
    check("ST_NUMPOINTS", &[wkt(SQUARE)], "Int64(5)");
    check("ST_NPOINTS", &[wkt("LINESTRING(0 0, 1 1, 0 1, 0 0)")], "Int64(4)");
    check("ST_X", &[wkt("POINT(1.25 2.5)")], "1.25");
    check("ST_X", &[wkt(SQUARE)], "ST_X failed: Input must be a single point");
    let closed = |text: &str, expected: bool| {
        check("ST_ISCLOSED", &[wkt(text)], &format!("Bool({expected})"));
    };
    closed("POINT(5 0)", true);
    closed("LINESTRING(0 1, 4 3, 2 6, 0 1)", true);
    closed("LINESTRING(2 6, 1 3, 3 9)", false);
    closed("GEOMETRYCOLLECTION EMPTY", false);
    check("ST_ISRING", &[wkt("LINESTRING(0 0, 1 1, 0 1, 0 0)")], "Bool(true)");
    check("ST_ISRING", &[wkt("LINESTRING(0 0, 2 2, 2 0, 0 2, 0 0)")], "Bool(false)");
    let line = || wkt("LINESTRING(1 1, 2 1, 3 2, 3 3)");
    check("ST_POINTN", &[line(), 1.into()], "POINT(1 1)");
    check("ST_POINTN", &[line(), (-2).into()], "POINT(3 2)");
    check("ST_ENDPOINT", &[line()], "POINT(3 3)");
    check("ST_BOUNDARY", &[line()], "MULTIPOINT(1 1, 3 3)");
    check("ST_BOUNDARY", &[wkt(SQUARE)], "LINESTRING(0 0, 4 0, 4 4, 0 4, 0 0)");
    let holes = "POLYGON((1 1, 1 10, 5 10, 5 1, 1 1), (2 2.5, 3.5 3, 2.5 2, 2 2.5), (3.5 7, 4 6, 3 3, 3.5 7))";
    check("ST_EXTERIORRING", &[wkt(holes)], "LINESTRING(5 1, 5 10, 1 10, 1 1, 5 1)");
    let rings = "[LINESTRING(2.5 2, 3.5 3, 2 2.5, 2.5 2); LINESTRING(3 3, 4 6, 3.5 7, 3 3)]";
    check("ST_INTERIORRINGS", &[wkt(holes)], rings);
    let mixed = || wkt("GEOMETRYCOLLECTION(POINT(0 0), LINESTRING(1 2, 2 1))");
    check("ST_DUMP", &[mixed()], "[POINT(0 0); LINESTRING(1 2, 2 1)]");
    check("ST_DUMP", &[mixed(), 1.into()], "[LINESTRING(1 2, 2 1)]");
    check("ST_DUMPPOINTS", &[mixed()], "[POINT(0 0); POINT(1 2); POINT(2 1)]");
}

#[test]
fn measures() {
    let point = |longitude: f64, latitude: f64| {
        call("ST_GEOGPOINT", &[longitude.into(), latitude.into()]).unwrap()
    };
    check("ST_DISTANCE", &[point(-74.0060, 40.7128), point(-74.7430, 40.2206)], "82960.3621615");
    check("ST_DISTANCE", &[wkt(SQUARE), point(2.0, 2.0)], "0");
    check("ST_DISTANCE", &[wkt("LINESTRING(0 0, 0 2)"), point(1.0, 1.0)], "111178.163906");
    check("ST_DISTANCE", &[wkt("POINT EMPTY"), point(1.0, 1.0)], "Null");
    check("ST_MAXDISTANCE", &[point(0.0, 0.0), point(1.0, 1.0)], "157249.628093");
    let line = "LINESTRING(-74.0060 40.7128, -118.2437 34.0522)";
    check("ST_LENGTH", &[wkt(line)], "3935752.43221");
    let continent = "POLYGON((-125 25, -65 25, -65 50, -125 50, -125 25))";
    check("ST_PERIMETER", &[wkt(continent)], "15721531.2097");
    check("ST_AREA", &[wkt(continent)], "1.43760487752e+13");
    let state = "POLYGON((-111 41, -104 41, -104 45, -111 45, -111 41))";
    check("ST_AREA", &[wkt(state)], "253019996795");
    check("ST_AREA", &[wkt("POINT(0 0)")], "0");
    check("ST_AZIMUTH", &[point(1.0, 0.0), point(0.0, 0.0)], "4.71238898038");
    check("ST_AZIMUTH", &[point(0.0, 0.0), point(0.0, 1.0)], "0");
    check("ST_AZIMUTH", &[point(-30.0, 0.0), point(150.0, 0.0)], "Null");
    check("ST_ANGLE", &[point(1.0, 0.0), point(0.0, 0.0), point(0.0, 1.0)], "4.71238898038");
    check("ST_ANGLE", &[point(0.0, 0.0), point(1.0, 0.0), point(0.0, 1.0)], "0.785474321619");
    let diagonal = || wkt("LINESTRING(1 1, 5 5)");
    check("ST_LINELOCATEPOINT", &[diagonal(), point(2.0, 2.0)], "0.250152146851");
    check("ST_LINELOCATEPOINT", &[diagonal(), point(6.0, 5.0)], "1");
    let [left, right] =
        ["LINESTRING(20 70, 70 60, 10 70, 70 70)", "LINESTRING(20 90, 30 90, 60 10, 90 10)"];
    check("ST_HAUSDORFFDISTANCE", &[wkt(left), wkt(right), true.into()], "1688933.9832");
    check("ST_HAUSDORFFDISTANCE", &[wkt(right), wkt(left)], "5802892.74549");
    let bounds = |text: &str, expected: [f64; 4]| {
        let result = call("ST_BOUNDINGBOX", &[wkt(text)]).unwrap();
        let sides = result.as_struct().unwrap().iter().map(|side| side.as_float64().unwrap());
        for (side, expected) in sides.zip(expected) {
            assert!((side - expected).abs() < 1e-9, "{text}: {side} {expected}");
        }
    };
    bounds("POLYGON((-125 48, -124 46, -117 46, -117 49, -125 48))", [-125.0, 46.0, -117.0, 49.0]);
    bounds("POLYGON((172 53, -130 55, -141 70, 172 53))", [172.0, 53.0, 230.0, 70.0]);
    bounds("POINT(5 6)", [5.0, 6.0, 5.0, 6.0]);
}

#[test]
fn relations() {
    let check = |name: &str, left: &str, right: &str, expected: bool| {
        assert_eq!(
            call(name, &[wkt(left), wkt(right)]),
            Ok(expected.into()),
            "{name} {left} {right}"
        );
    };
    let triangle = "POLYGON((1 1, 20 1, 10 20, 1 1))";
    for (place, covers, contains) in
        [("POINT(0 0)", false, false), ("POINT(1 1)", true, false), ("POINT(10 10)", true, true)]
    {
        check("ST_CONTAINS", triangle, place, contains);
        check("ST_COVERS", triangle, place, covers);
        check("ST_COVEREDBY", place, triangle, covers);
        check("ST_WITHIN", place, triangle, contains);
    }
    let beside = "POLYGON((4 0, 8 0, 8 4, 4 4, 4 0))";
    let over = "POLYGON((2 2, 6 2, 6 6, 2 6, 2 2))";
    let inner = "POLYGON((1 1, 2 1, 2 2, 1 2, 1 1))";
    let frame = "POLYGON((0 0, 4 0, 4 4, 0 4, 0 0), (1 1, 1 2, 2 2, 2 1, 1 1))";
    check("ST_TOUCHES", SQUARE, beside, true);
    check("ST_TOUCHES", SQUARE, over, false);
    check("ST_INTERSECTS", SQUARE, over, true);
    check("ST_INTERSECTS", SQUARE, beside, true);
    check("ST_DISJOINT", SQUARE, "POLYGON((10 10, 14 10, 14 14, 10 14, 10 10))", true);
    check("ST_CONTAINS", SQUARE, inner, true);
    check("ST_CONTAINS", SQUARE, over, false);
    check("ST_CONTAINS", SQUARE, SQUARE, true);
    check("ST_CONTAINS", frame, inner, false);
    check("ST_INTERSECTS", frame, inner, true);
    check("ST_TOUCHES", frame, inner, true);
    check("ST_COVERS", frame, SQUARE, false);
    check("ST_COVERS", SQUARE, frame, true);
    check("ST_EQUALS", SQUARE, "POLYGON((4 4, 0 4, 0 0, 4 0, 4 4))", true);
    check("ST_EQUALS", "LINESTRING(0 0, 0 2)", "LINESTRING(0 2, 0 1, 0 0)", true);
    check("ST_EQUALS", "POINT(1 2)", "POINT(2 1)", false);
    check("ST_EQUALS", "POINT EMPTY", "POINT EMPTY", true);
    check("ST_COVERS", SQUARE, "POINT EMPTY", false);
    check("ST_CONTAINS", SQUARE, "LINESTRING(1 1, 3 3)", true);
    check("ST_CONTAINS", SQUARE, "LINESTRING(0 0, 4 0)", false);
    check("ST_COVERS", SQUARE, "LINESTRING(0 0, 4 0)", true);
    check("ST_INTERSECTS", "LINESTRING(0 0, 2 2)", "LINESTRING(0 2, 2 0)", true);
    check("ST_TOUCHES", "LINESTRING(0 0, 1 1)", "LINESTRING(1 1, 2 0)", true);
    check("ST_TOUCHES", "LINESTRING(0 0, 0 2)", "POINT(0 2)", true);
    check("ST_TOUCHES", "POINT(0 0)", "POINT(2 2)", false);
    check("ST_INTERSECTS", "POINT(0 0)", "POINT(0 0)", true);
    let boxed = |text: &str, sides: [f64; 4], expected: bool| {
        let mut args = vec![wkt(text)];
        args.extend(sides.map(Value::Float64));
        assert_eq!(call("ST_INTERSECTSBOX", &args), Ok(expected.into()));
    };
    boxed("POINT(10 10)", [-90.0, 0.0, 90.0, 20.0], true);
    boxed("POINT(170 10)", [-90.0, 0.0, 90.0, 20.0], false);
    boxed("POINT(170 10)", [90.0, 0.0, -90.0, 20.0], true);
    boxed(SQUARE, [1.0, 1.0, 2.0, 2.0], true);
    boxed("LINESTRING(-10 1, 10 1)", [-1.0, 0.0, 1.0, 2.0], true);
    let near = |meters: f64| {
        call("ST_DWITHIN", &[wkt("POINT(0 0)"), wkt("POINT(0 0.0001)"), meters.into()])
    };
    assert_eq!(near(100.0), Ok(true.into()));
    assert_eq!(near(10.0), Ok(false.into()));
}

#[test]
fn overlays() {
    let check = |name: &str, left: &str, right: &str, expected: &str| {
        super::tests::check(name, &[wkt(left), wkt(right)], expected);
    };
    let over = "POLYGON((2 2, 6 2, 6 6, 2 6, 2 2))";
    check(
        "ST_INTERSECTION",
        SQUARE,
        over,
        "POLYGON((2 2, 4 2.00121809765277, 4 4, 2 4.00243025545118, 2 2))",
    );
    check(
        "ST_UNION",
        SQUARE,
        over,
        "POLYGON((2 4.00243025545118, 0 4, 0 0, 4 0, 4 2.00121809765277, 6 2, 6 6, 2 6, 2 4.00243025545118))",
    );
    check(
        "ST_DIFFERENCE",
        "POLYGON((0 0, 10 0, 10 10, 0 0))",
        "POLYGON((4 2, 6 2, 8 6, 4 2))",
        "POLYGON((0 0, 10 0, 10 10, 0 0), (8 6, 6 2, 4 2, 8 6))",
    );
    check("ST_DIFFERENCE", SQUARE, SQUARE, "GEOMETRYCOLLECTION EMPTY");
    check("ST_UNION", SQUARE, SQUARE, SQUARE);
    check("ST_INTERSECTION", SQUARE, "POINT(1 1)", "POINT(1 1)");
    check("ST_INTERSECTION", SQUARE, "POINT(9 9)", "GEOMETRYCOLLECTION EMPTY");
    check("ST_UNION", "POINT(0 0)", "POINT(1 1)", "MULTIPOINT(0 0, 1 1)");
    check("ST_UNION", "POINT(0 0)", "POINT(0 0)", "POINT(0 0)");
    check("ST_UNION", SQUARE, "POINT(1 1)", SQUARE);
    check("ST_DIFFERENCE", "MULTIPOINT(0 0, 1 1)", "POINT(1 1)", "POINT(0 0)");
    let beside = "POLYGON((4 0, 8 0, 8 4, 4 4, 4 0))";
    check("ST_INTERSECTION", SQUARE, beside, "LINESTRING(4 0, 4 4)");
    check("ST_UNION", SQUARE, beside, "POLYGON((4 4, 0 4, 0 0, 4 0, 8 0, 8 4, 4 4))");
    check("ST_INTERSECTION", "LINESTRING(2 2, 2 9)", SQUARE, "LINESTRING(2 2, 2 4.00243025545118)");
    check(
        "ST_DIFFERENCE",
        "LINESTRING(0 -2, 0 2)",
        "LINESTRING(0 0, 0 1)",
        "MULTILINESTRING((0 -2, 0 0), (0 1, 0 2))",
    );
    let far = "POLYGON((10 10, 14 10, 14 14, 10 14, 10 10))";
    check(
        "ST_UNION",
        far,
        SQUARE,
        &format!("MULTI{far}")
            .replace("))", ")), ((0 0, 4 0, 4 4, 0 4, 0 0)))")
            .replace("N((", "N((("),
    );
}

#[test]
fn constructions() {
    let points = [wkt("POINT(1 2)"), wkt("POINT(2 3)")];
    check("ST_MAKELINE", &points, "LINESTRING(1 2, 2 3)");
    check("ST_MAKELINE", &[Value::array([wkt("POINT(1 2)"), wkt("POINT(1 2)")])], "POINT(1 2)");
    let lines = Value::array([wkt("LINESTRING(1 2, 2 3)"), wkt("LINESTRING(2 3, 3 4)")]);
    check("ST_MAKELINE", &[lines], "LINESTRING(1 2, 2 3, 3 4)");
    let ring = || wkt("LINESTRING(0 0, 4 0, 4 4, 0 4, 0 0)");
    check("ST_MAKEPOLYGON", &[ring()], SQUARE);
    let hole = Value::array([wkt("LINESTRING(1 1, 2 1, 2 2, 1 1)")]);
    let with_hole = "POLYGON((0 0, 4 0, 4 4, 0 4, 0 0), (2 2, 2 1, 1 1, 2 2))";
    check("ST_MAKEPOLYGON", &[ring(), hole], with_hole);
    check("ST_CENTROID", &[wkt("MULTIPOINT(0 1, 0 3)")], "POINT(0 2)");
    check("ST_CENTROID", &[wkt("LINESTRING(0 0, 0 2)")], "POINT(0 1)");
    check("ST_CENTROID", &[wkt("POLYGON((-1 -1, 1 -1, 1 1, -1 1, -1 -1))")], "POINT(0 0)");
    check("ST_CENTROID", &[wkt("POINT EMPTY")], "GEOMETRYCOLLECTION EMPTY");
    check("ST_CONVEXHULL", &[wkt("POINT(1 1)")], "POINT(0.999999999999943 1)");
    let middle = "LINESTRING(2 2, 1.49988573656168 1.5000570914792, 1 1)";
    check("ST_CONVEXHULL", &[wkt("LINESTRING(1 1, 2 2)")], middle);
    let scattered = wkt("MULTIPOINT(2 11, 4 12, 0 15, 1 9, 1 12)");
    check("ST_CONVEXHULL", &[scattered], "POLYGON((1 9, 4 12, 0 15, 1 9))");
    let straight = wkt("LINESTRING(0 0, 0.05 0, 0.1 0, 0.15 0, 2 0)");
    check("ST_SIMPLIFY", &[straight, 1.0.into()], "LINESTRING(0 0, 2 0)");
    let triangle = "POLYGON((0 0, 0.1 0, 0.1 0.1, 0 0))";
    check("ST_SIMPLIFY", &[wkt(triangle), 1000.0.into()], triangle);
    check("ST_SIMPLIFY", &[wkt(triangle), 10_000.0.into()], "LINESTRING(0 0, 0.1 0.1)");
    check("ST_SIMPLIFY", &[wkt(triangle), 100_000.0.into()], "POINT(0 0)");
    check("ST_SNAPTOGRID", &[wkt("POINT(1.234 5.678)"), 0.1.into()], "POINT(1.2 5.7)");
    let diagonal = || wkt("LINESTRING(1 1, 5 5)");
    let half = "POINT(2.99633827268976 3.00182528336078)";
    check("ST_LINEINTERPOLATEPOINT", &[diagonal(), 0.5.into()], half);
    check("ST_LINEINTERPOLATEPOINT", &[diagonal(), 1.0.into()], "POINT(5 5)");
    let long = || wkt("LINESTRING(20 70, 70 60, 10 70, 70 70)");
    let second_half = "LINESTRING(49.4760661523471 67.2419539103851, 10 70, 70 70)";
    check("ST_LINESUBSTRING", &[long(), 0.5.into(), 1.0.into()], second_half);
    check("ST_CLOSESTPOINT", &[wkt("LINESTRING(0 0, 0 2)"), wkt("POINT(1 0)")], "POINT(0 0)");
    check("ST_CLOSESTPOINT", &[wkt(SQUARE), wkt("POINT(1 1)")], "POINT(1 1)");
}

#[test]
fn buffers_of_points() {
    let disk = call("ST_BUFFER", &[wkt("POINT(0 0)"), 100.0.into()]).unwrap();
    let text = geography(&disk).unwrap().to_string();
    let start = "POLYGON((-0.000899307563648656 4.76633008714216e-06, -0.000882957485856079 \
                 -0.000170771455785793, -0.000832675847054949 -0.000339746590384111, \
                 -0.000750394942423682 -0.000495665454048581, ";
    let end = ", -0.000881097756113225 0.000180120948567833, -0.000899307563648656 \
               4.76633008714216e-06))";
    assert!(text.starts_with(start) && text.ends_with(end), "{text}");
    check("ST_NUMPOINTS", &[disk], "Int64(33)");
    let eight = call("ST_BUFFER", &[wkt("POINT(1 2)"), 50.0.into(), 2.0.into()]).unwrap();
    check("ST_NUMPOINTS", &[eight], "Int64(9)");
    let five =
        call("ST_BUFFERWITHTOLERANCE", &[wkt("POINT(1 2)"), 100.0.into(), 25.0.into()]).unwrap();
    check("ST_NUMPOINTS", &[five], "Int64(6)");
    check("ST_BUFFER", &[wkt("POINT(1 2)"), (-5.0).into()], "GEOMETRYCOLLECTION EMPTY");
    check(
        "ST_BUFFER",
        &[wkt(SQUARE), 5.0.into()],
        "ST_BUFFER of lines and polygons is not implemented by this emulator",
    );
}

#[test]
fn aggregates() {
    let aggregate = |name: &str, texts: &[&str]| {
        let function = AGGREGATES.iter().find(|function| function.name == name).unwrap();
        let session = Session::new("p", 0, 0);
        let call = Call { session: &session, args: &[] };
        let mut accumulator = (function.make)(&call);
        for text in texts {
            accumulator.add(&call, &[wkt(text)]).unwrap();
        }
        accumulator.result(&call).unwrap()
    };
    let union = aggregate("ST_UNION_AGG", &["POINT(0 0)", "POINT(1 1)"]);
    check("ST_ASTEXT", &[union], "MULTIPOINT(0 0, 1 1)");
    let center = aggregate("ST_CENTROID_AGG", &["POINT(0 0)", "POINT(0 2)"]);
    check("ST_ASTEXT", &[center], "POINT(0 1)");
    let extent = aggregate("ST_EXTENT", &["POINT(0 0)", "POINT(3 2)"]);
    assert_eq!(extent, Value::structure([0.0, 0.0, 3.0, 2.0].map(Value::Float64)));
    assert_eq!(aggregate("ST_EXTENT", &[]), Value::Null);
}
