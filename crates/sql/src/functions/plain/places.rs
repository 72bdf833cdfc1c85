//! Places on the earth, for machines that move.

use super::{Answer, Cell, Plain, Sort};
use Sort::Number;

pub const ALL: &[Plain] = &[
    Plain { name: "haversine", takes: &[Number; 4], gives: Number, body: haversine },
    Plain { name: "bearing", takes: &[Number; 4], gives: Number, body: bearing },
];

/// The mean radius of the earth (IUGG).
const RADIUS_M: f64 = 6_371_008.8;

/// Latitude and longitude of two places, in radians.
fn places(cells: &[Cell]) -> Option<[f64; 4]> {
    let [Cell::Number(lat), Cell::Number(lon), Cell::Number(to_lat), Cell::Number(to_lon)] = cells
    else {
        return None;
    };
    let known = lat.abs() <= 90.0 && to_lat.abs() <= 90.0;
    known.then(|| [*lat, *lon, *to_lat, *to_lon].map(f64::to_radians))
}

fn haversine(cells: &[Cell]) -> Option<Answer> {
    let [lat, lon, to_lat, to_lon] = places(cells)?;
    let half = |angle: f64| (angle / 2.0).sin().powi(2);
    let part = half(to_lat - lat) + lat.cos() * to_lat.cos() * half(to_lon - lon);
    Some(Answer::Number(2.0 * RADIUS_M * part.clamp(0.0, 1.0).sqrt().asin()))
}

fn bearing(cells: &[Cell]) -> Option<Answer> {
    let [lat, lon, to_lat, to_lon] = places(cells)?;
    let east = (to_lon - lon).sin() * to_lat.cos();
    let north = lat.cos() * to_lat.sin() - lat.sin() * to_lat.cos() * (to_lon - lon).cos();
    Some(Answer::Number(east.atan2(north).to_degrees().rem_euclid(360.0)))
}
