//! Which expressions are the same for all samples of a tag in a bucket of time, and of which bucket.

use arrow::datatypes::IntervalUnit;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::logical_expr::{BinaryExpr, Expr, Operator};
use tagwerk_historian::Buckets;

pub const SECOND: i64 = 1_000_000_000;
const MINUTE: i64 = 60 * SECOND;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;
/// 1970-01-05 was a Monday.
const MONDAY: i64 = 4 * DAY;
/// Narrower buckets have hardly more than a sample.
const WIDTH_MIN: i64 = SECOND / 1_000;

/// True when the expression depends on the tag and on buckets alone. The buckets become as narrow as
/// it needs them.
pub fn constant(expr: &Expr, constants: &[&str], buckets: &mut Option<Buckets>) -> Result<bool> {
    if expr.is_volatile() {
        return Ok(false);
    }
    let mut constant = true;
    expr.apply(|expr| {
        if let Some(found) = of(expr) {
            *buckets = Some(buckets.map_or(found, |known| common(known, found)));
            return Ok(TreeNodeRecursion::Jump);
        }
        let known = match expr {
            Expr::Column(column) => constants.contains(&column.name.as_str()),
            Expr::Literal(..)
            | Expr::Alias(_)
            | Expr::BinaryExpr(_)
            | Expr::Like(_)
            | Expr::Not(_)
            | Expr::IsNotNull(_)
            | Expr::IsNull(_)
            | Expr::IsTrue(_)
            | Expr::IsFalse(_)
            | Expr::IsNotTrue(_)
            | Expr::IsNotFalse(_)
            | Expr::Negative(_)
            | Expr::Between(_)
            | Expr::Case(_)
            | Expr::Cast(_)
            | Expr::TryCast(_)
            | Expr::InList(_)
            | Expr::ScalarFunction(_) => true,
            _ => false,
        };
        if known {
            return Ok(TreeNodeRecursion::Continue);
        }
        constant = false;
        Ok(TreeNodeRecursion::Stop)
    })?;
    Ok(constant && buckets.is_none_or(|buckets| buckets.width_ns >= WIDTH_MIN))
}

/// The widest buckets of which both kinds are made.
fn common(a: Buckets, b: Buckets) -> Buckets {
    let apart = a.origin_ns.abs_diff(b.origin_ns);
    let width = gcd(gcd(a.width_ns.unsigned_abs(), b.width_ns.unsigned_abs()), apart);
    Buckets { width_ns: i64::try_from(width).unwrap_or(1), origin_ns: a.origin_ns }
}

fn gcd(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { gcd(b, a % b) }
}

/// The buckets in which this expression of the time alone stays the same.
fn of(expr: &Expr) -> Option<Buckets> {
    match expr {
        Expr::ScalarFunction(ScalarFunction { func, args }) => match (func.name(), &args[..]) {
            ("date_bin", [width, time]) if is_time(time) => buckets(interval_ns(width)?, 0),
            ("date_bin", [width, time, Expr::Literal(origin, _)]) if is_time(time) => {
                buckets(interval_ns(width)?, instant(origin)?)
            }
            ("date_trunc" | "date_part", [part, time]) if is_time(time) => {
                let (width, origin) = part_of_calendar(text(part)?)?;
                buckets(width, origin)
            }
            ("floor", [Expr::BinaryExpr(BinaryExpr { left, op: Operator::Divide, right })]) => {
                if !is_epoch(left) {
                    return None;
                }
                // Beginnings of these buckets are whole seconds, so that they come out exactly.
                let seconds = whole_seconds(right)?;
                buckets(seconds.checked_mul(SECOND)?, 0)
            }
            _ => None,
        },
        _ => None,
    }
}

fn buckets(width_ns: i64, origin_ns: i64) -> Option<Buckets> {
    (width_ns > 0).then_some(Buckets { width_ns, origin_ns })
}

fn is_time(expr: &Expr) -> bool {
    matches!(expr, Expr::Column(column) if column.name == "time")
}

fn text(expr: &Expr) -> Option<&str> {
    match expr {
        Expr::Literal(value, _) => value.try_as_str().flatten(),
        _ => None,
    }
}

/// `date_part('EPOCH', time)`: seconds as a double.
fn is_epoch(expr: &Expr) -> bool {
    match expr {
        Expr::ScalarFunction(ScalarFunction { func, args }) if func.name() == "date_part" => {
            let epoch =
                args.first().and_then(text).is_some_and(|t| t.eq_ignore_ascii_case("epoch"));
            epoch && args.get(1).is_some_and(is_time)
        }
        _ => false,
    }
}

fn whole_seconds(expr: &Expr) -> Option<i64> {
    let seconds = match expr {
        Expr::Literal(ScalarValue::Float64(Some(seconds)), _) => *seconds,
        _ => return None,
    };
    (seconds.fract() == 0.0 && (1.0..1e9).contains(&seconds)).then_some(seconds as i64)
}

/// Width and origin of spans in which a part of the calendar stays the same, or that make it up.
fn part_of_calendar(part: &str) -> Option<(i64, i64)> {
    Some(match part.to_ascii_lowercase().as_str() {
        "second" => (SECOND, 0),
        "minute" => (MINUTE, 0),
        "hour" => (HOUR, 0),
        "week" => (7 * DAY, MONDAY),
        "day" | "month" | "quarter" | "year" | "doy" | "dow" | "isodow" => (DAY, 0),
        _ => return None,
    })
}

/// Nanoseconds of an interval that has always the same.
pub fn interval_ns(width: &Expr) -> Option<i64> {
    let Expr::Literal(width, _) = width else { return None };
    let unit = arrow::datatypes::DataType::Interval(IntervalUnit::MonthDayNano);
    match width.cast_to(&unit).ok()? {
        ScalarValue::IntervalMonthDayNano(Some(interval)) if interval.months == 0 => {
            i64::from(interval.days).checked_mul(DAY)?.checked_add(interval.nanoseconds)
        }
        _ => None,
    }
}

pub fn instant(origin: &ScalarValue) -> Option<i64> {
    match origin {
        ScalarValue::TimestampNanosecond(Some(ns), _) => Some(*ns),
        _ => None,
    }
}
