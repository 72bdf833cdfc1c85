//! Spans of time as a rule writes them: `'10s'`, `'1m 30s'`, `'2 hours'`, `INTERVAL '10 seconds'`.

use datafusion::sql::sqlparser::ast::{Expr, Value};

pub struct Nanoseconds;

impl Nanoseconds {
    pub fn of(expr: &Expr) -> Option<i64> {
        match expr {
            Expr::Value(value) => match &value.value {
                Value::SingleQuotedString(text) => parse(text),
                _ => None,
            },
            Expr::Interval(interval) => {
                let Expr::Value(value) = &*interval.value else { return None };
                let Value::SingleQuotedString(text) = &value.value else { return None };
                match &interval.leading_field {
                    None => parse(text),
                    Some(field) => parse(&format!("{text} {field}")),
                }
            }
            _ => None,
        }
    }
}

fn parse(text: &str) -> Option<i64> {
    let mut rest = text.trim();
    if rest.is_empty() {
        return None;
    }
    let mut sum = 0f64;
    while !rest.is_empty() {
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let number: f64 = rest[..end].parse().ok()?;
        rest = rest[end..].trim_start();
        let end = rest.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(rest.len());
        let unit: f64 = match rest[..end].to_ascii_lowercase().as_str() {
            "us" | "microsecond" | "microseconds" => 1e3,
            "ms" | "millisecond" | "milliseconds" => 1e6,
            "s" | "sec" | "secs" | "second" | "seconds" => 1e9,
            "m" | "min" | "mins" | "minute" | "minutes" => 60e9,
            "h" | "hour" | "hours" => 3_600e9,
            "d" | "day" | "days" => 86_400e9,
            "w" | "week" | "weeks" => 604_800e9,
            _ => return None,
        };
        sum += number * unit;
        rest = rest[end..].trim_start();
    }
    // A century is more than any window.
    (sum <= 3_155_760_000e9).then_some(sum as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_read_as_people_write_them() {
        for (text, wanted) in [
            ("10s", Some(10_000_000_000)),
            ("1m 30s", Some(90_000_000_000)),
            ("1.5 hours", Some(5_400_000_000_000)),
            ("250ms", Some(250_000_000)),
            ("2 DAYS", Some(172_800_000_000_000)),
            ("", None),
            ("10", None),
            ("s", None),
            ("10 parsecs", None),
            ("999999999 weeks", None),
        ] {
            assert_eq!(parse(text), wanted, "{text}");
        }
    }
}
