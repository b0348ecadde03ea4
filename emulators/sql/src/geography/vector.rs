//! Places as unit vectors, and the geometry of the sphere in them: distances, edges, turns, areas. The
//! formulas are chosen so that the last digits agree with those of the S2 library, which BigQuery calculates
//! with.

use std::f64::consts::PI;

use super::Point;

/// A vector; places on the sphere have length one.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Vector {
    pub(super) x: f64,
    pub(super) y: f64,
    pub(super) z: f64,
}

impl Vector {
    pub(super) const ZERO: Self = Self { x: 0.0, y: 0.0, z: 0.0 };

    pub(super) fn dot(self, other: Self) -> f64 {
        self.x * other.x + self.y * other.y + self.z * other.z
    }

    pub(super) fn cross(self, other: Self) -> Self {
        Self {
            x: self.y * other.z - self.z * other.y,
            y: self.z * other.x - self.x * other.z,
            z: self.x * other.y - self.y * other.x,
        }
    }

    pub(super) fn scale(self, factor: f64) -> Self {
        Self { x: self.x * factor, y: self.y * factor, z: self.z * factor }
    }

    pub(super) fn norm(self) -> f64 {
        self.dot(self).sqrt()
    }

    pub(super) fn normalize(self) -> Self {
        let norm = self.norm();
        if norm == 0.0 { self } else { self.scale(1.0 / norm) }
    }

    /// The angle between two directions.
    pub(super) fn angle(self, other: Self) -> f64 {
        self.cross(other).norm().atan2(self.dot(other))
    }

    /// The squared length of the chord between two places.
    pub(super) fn chord2(self, other: Self) -> f64 {
        let difference = self - other;
        difference.dot(difference).min(4.0)
    }

    /// A direction at right angles, never along an axis.
    pub(super) fn ortho(self) -> Self {
        let (x, y, z) = (self.x.abs(), self.y.abs(), self.z.abs());
        let other = if x > y && x > z {
            Self { x: 0.012, y: 0.0053, z: 1.0 }
        } else if y > z {
            Self { x: 1.0, y: 0.0053, z: 0.00457 }
        } else {
            Self { x: 0.012, y: 1.0, z: 0.00457 }
        };
        self.cross(other).normalize()
    }

    /// The place in degrees.
    pub(super) fn place(self) -> Point {
        // Adding a zero takes the sign off zeros.
        let latitude = (self.z + 0.0).atan2((self.x * self.x + self.y * self.y).sqrt());
        let longitude = (self.y + 0.0).atan2(self.x + 0.0);
        Point { longitude: (180.0 / PI) * longitude, latitude: (180.0 / PI) * latitude }
    }
}

impl std::ops::Add for Vector {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self { x: self.x + other.x, y: self.y + other.y, z: self.z + other.z }
    }
}

impl std::ops::Sub for Vector {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        Self { x: self.x - other.x, y: self.y - other.y, z: self.z - other.z }
    }
}

impl Point {
    /// The place on the unit sphere.
    pub(super) fn vector(self) -> Vector {
        let (latitude, longitude) = ((PI / 180.0) * self.latitude, (PI / 180.0) * self.longitude);
        let radius = latitude.cos();
        Vector { x: longitude.cos() * radius, y: longitude.sin() * radius, z: latitude.sin() }
    }
}

pub(super) fn vectors(points: &[Point]) -> Vec<Vector> {
    points.iter().map(|point| point.vector()).collect()
}

/// The direction of `a × b` without the loss that near places suffer.
pub(super) fn normal(a: Vector, b: Vector) -> Vector {
    let cross = (b + a).cross(b - a);
    if cross == Vector::ZERO { a.ortho() } else { cross }
}

/// The angle of a chord by the square of its length.
pub(super) fn angle_of_chord2(chord2: f64) -> f64 {
    2.0 * (0.5 * chord2.sqrt()).asin()
}

/// The squared chord of an angle.
pub(super) fn chord2_of_angle(angle: f64) -> f64 {
    let chord = 2.0 * (0.5 * angle.min(PI)).sin();
    chord * chord
}

/// The place that lies an angle, given as a squared chord, from an origin in a direction.
pub(super) fn on_ray(origin: Vector, direction: Vector, chord2: f64) -> Vector {
    let (cosine, sine) = (1.0 - 0.5 * chord2, (chord2 * (1.0 - 0.25 * chord2)).sqrt());
    (origin.scale(cosine) + direction.scale(sine)).normalize()
}

/// The place a fraction of the way along an edge.
pub(super) fn interpolate(a: Vector, b: Vector, fraction: f64) -> Vector {
    if fraction == 0.0 || a == b {
        return a;
    }
    if fraction == 1.0 {
        return b;
    }
    at_distance(a, b, fraction * a.angle(b))
}

/// The place an angle along the way from `a` to `b`.
pub(super) fn at_distance(a: Vector, b: Vector, angle: f64) -> Vector {
    let direction = normal(a, b).cross(a).normalize();
    (a.scale(angle.cos()) + direction.scale(angle.sin())).normalize()
}

/// The squared chord between a place and the nearest place of an edge.
pub(super) fn chord2_to_edge(x: Vector, a: Vector, b: Vector) -> f64 {
    let (to_a, to_b) = (x.chord2(a), x.chord2(b));
    interior_chord2(x, a, b).unwrap_or_else(|| to_a.min(to_b))
}

/// The squared chord to the inside of an edge, when the nearest place is there.
fn interior_chord2(x: Vector, a: Vector, b: Vector) -> Option<f64> {
    let across = normal(a, b);
    let along = across.cross(x);
    if (a - x).dot(along) >= 0.0 || (b - x).dot(along) <= 0.0 {
        return None;
    }
    let length2 = across.dot(across);
    let height = x.dot(across);
    let rest = 1.0 - (along.dot(along) / length2).sqrt();
    Some((height * height) / length2 + rest * rest)
}

/// The place of an edge that is nearest to a place.
pub(super) fn project(x: Vector, a: Vector, b: Vector) -> Vector {
    if x == a || x == b || a == b {
        return if x == b {
            b
        } else if x == a {
            x
        } else {
            a
        };
    }
    if interior_chord2(x, a, b).is_some() {
        let across = normal(a, b).normalize();
        return normal(across, x).cross(across).normalize();
    }
    if x.chord2(a) <= x.chord2(b) { a } else { b }
}

/// What two places may differ by and still be one: a few times what a double can tell apart.
pub(super) const SAME: f64 = 4e-15;

/// Which side of an edge's great circle a place is on: positive left, negative right, zero on it.
pub(super) fn side(a: Vector, b: Vector, x: Vector) -> i8 {
    if x == a || x == b || a == b {
        return 0;
    }
    let across = normal(a, b);
    let height = across.dot(x) / across.norm();
    if height.abs() <= SAME {
        0
    } else if height > 0.0 {
        1
    } else {
        -1
    }
}

/// The area of a triangle with the sign of its orientation.
fn signed_triangle(a: Vector, b: Vector, c: Vector) -> f64 {
    let sign = match orientation(a, b, c) {
        0 => return 0.0,
        sign => f64::from(sign),
    };
    sign * triangle(a, b, c)
}

/// The orientation of three places: 1 counterclockwise, -1 clockwise, 0 on one great circle.
pub(super) fn orientation(a: Vector, b: Vector, c: Vector) -> i8 {
    let determinant = (b - a).cross(c - a).dot(a);
    if determinant > 0.0 {
        1
    } else if determinant < 0.0 {
        -1
    } else {
        0
    }
}

/// L'Huilier's theorem, or Girard's where a triangle is long and thin.
fn triangle(a: Vector, b: Vector, c: Vector) -> f64 {
    let stable =
        |left: Vector, right: Vector| 2.0 * (left - right).norm().atan2((left + right).norm());
    let (side_a, side_b, side_c) = (stable(b, c), stable(c, a), stable(a, b));
    let half = 0.5 * (side_a + side_b + side_c);
    if half >= 3e-4 {
        let slack = half - side_a.max(side_b.max(side_c));
        let square = half * half;
        if slack < 1e-2 * half * square * square {
            let (ab, bc, ac) = (normal(a, b), normal(b, c), normal(a, c));
            let area = (ab.angle(ac) - ab.angle(bc) + bc.angle(ac)).max(0.0);
            if slack < half * (0.1 * (area + 5e-15)) {
                return area;
            }
        }
    }
    let product = (0.5 * half).tan()
        * (0.5 * (half - side_a)).tan()
        * (0.5 * (half - side_b)).tan()
        * (0.5 * (half - side_c)).tan();
    4.0 * product.max(0.0).sqrt().atan()
}

/// The area on the left of a ring, from -2π to 2π: what is negative is the other side's.
pub(super) fn signed_area(ring: &[Vector]) -> f64 {
    let [first, rest @ ..] = ring else { return 0.0 };
    let sum = rest.windows(2).map(|edge| signed_triangle(*first, edge[0], edge[1])).sum::<f64>();
    sum - (sum / (4.0 * PI)).round() * 4.0 * PI
}
