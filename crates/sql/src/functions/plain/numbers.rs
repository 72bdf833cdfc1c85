//! Numbers of a process: bounds, ranges, steps, angles.

use super::{Answer, Cell, Plain, Sort};
use Sort::Number;

pub const ALL: &[Plain] = &[
    Plain { name: "clamp", takes: &[Number; 3], gives: Number, body: clamp },
    Plain { name: "scale", takes: &[Number; 5], gives: Number, body: scale },
    Plain { name: "deadband", takes: &[Number; 3], gives: Number, body: deadband },
    Plain { name: "round_to", takes: &[Number; 2], gives: Number, body: round_to },
    Plain { name: "safe_divide", takes: &[Number; 2], gives: Number, body: safe_divide },
    Plain { name: "mod", takes: &[Number; 2], gives: Number, body: modulo },
    Plain { name: "wrap_range", takes: &[Number; 3], gives: Number, body: wrap_range },
    Plain { name: "angle_difference", takes: &[Number; 2], gives: Number, body: angle_difference },
];

fn clamp(cells: &[Cell]) -> Option<Answer> {
    let [Cell::Number(x), Cell::Number(low), Cell::Number(high)] = cells else { return None };
    (low <= high).then(|| Answer::Number(x.clamp(*low, *high)))
}

fn scale(cells: &[Cell]) -> Option<Answer> {
    let [
        Cell::Number(x),
        Cell::Number(in_low),
        Cell::Number(in_high),
        Cell::Number(out_low),
        Cell::Number(out_high),
    ] = cells
    else {
        return None;
    };
    let part = (x - in_low) / (in_high - in_low);
    Some(Answer::Number(out_low + part * (out_high - out_low)))
}

fn deadband(cells: &[Cell]) -> Option<Answer> {
    let [Cell::Number(x), Cell::Number(centre), Cell::Number(width)] = cells else { return None };
    let within = (x - centre).abs() <= width / 2.0;
    (*width >= 0.0).then_some(Answer::Number(if within { *centre } else { *x }))
}

fn round_to(cells: &[Cell]) -> Option<Answer> {
    let [Cell::Number(x), Cell::Number(step)] = cells else { return None };
    if *step <= 0.0 {
        return None;
    }
    // One over a step such as 0.1 is a whole number, and dividing by it keeps 0.3 from becoming
    // 0.30000000000000004.
    let inverse = (1.0 / step).round();
    let exact = *step < 1.0 && (step * inverse - 1.0).abs() < 1e-12;
    Some(Answer::Number(if exact {
        (x * inverse).round() / inverse
    } else {
        (x / step).round() * step
    }))
}

fn safe_divide(cells: &[Cell]) -> Option<Answer> {
    let [Cell::Number(part), Cell::Number(whole)] = cells else { return None };
    Some(Answer::Number(part / whole))
}

fn modulo(cells: &[Cell]) -> Option<Answer> {
    let [Cell::Number(x), Cell::Number(by)] = cells else { return None };
    Some(Answer::Number(x % by))
}

fn wrap_range(cells: &[Cell]) -> Option<Answer> {
    let [Cell::Number(x), Cell::Number(low), Cell::Number(high)] = cells else { return None };
    (low < high).then(|| Answer::Number(wrapped(*x, *low, *high)))
}

fn angle_difference(cells: &[Cell]) -> Option<Answer> {
    let [Cell::Number(to), Cell::Number(from)] = cells else { return None };
    // From -180, not in it, to 180.
    Some(Answer::Number(-wrapped(from - to, -180.0, 180.0)))
}

fn wrapped(x: f64, low: f64, high: f64) -> f64 {
    let inside = low + (x - low).rem_euclid(high - low);
    // A hair below the lower end is the upper end after rounding.
    if inside >= high { low } else { inside }
}
