//! Times and durations as numbers and as people read them.

use super::{Answer, Cell, Plain, Sort};
use Sort::{Number, Text, Time};

pub const ALL: &[Plain] = &[
    Plain { name: "seconds_between", takes: &[Time; 2], gives: Number, body: seconds_between },
    Plain { name: "duration_text", takes: &[Number], gives: Text, body: duration_text },
];

fn seconds_between(cells: &[Cell]) -> Option<Answer> {
    let [Cell::Time(from), Cell::Time(to)] = cells else { return None };
    Some(Answer::Number((i128::from(*to) - i128::from(*from)) as f64 / 1e9))
}

fn duration_text(cells: &[Cell]) -> Option<Answer> {
    let [Cell::Number(seconds)] = cells else { return None };
    // 2^53: beyond it seconds are not exact.
    if seconds.is_nan() || seconds.abs() > 9_007_199_254_740_992.0 {
        return None;
    }
    let sign = if *seconds <= -1.0 { "-" } else { "" };
    let whole = seconds.abs().trunc() as u64;
    let (days, hours, minutes) = (whole / 86_400, whole / 3_600 % 24, whole / 60 % 60);
    let clock = format!("{hours:02}:{minutes:02}:{:02}", whole % 60);
    let days = if days > 0 { format!("{days}d ") } else { String::new() };
    Some(Answer::Text(format!("{sign}{days}{clock}")))
}
