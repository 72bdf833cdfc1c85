//! When an alarm's condition is met, judged by one sample and by whether it was met before.

use serde::{Deserialize, Serialize};
use std::cmp::Ordering;
use std::fmt;
use tagwerk_model::{Quality, ValueRef};

/// What a tag's value must be for its alarm. Limits are in the tag's unit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Condition {
    /// Above the limit; over again once it is `hysteresis` below.
    Above {
        limit: f64,
        hysteresis: f64,
    },
    /// Below the limit; over again once it is `hysteresis` above.
    Below {
        limit: f64,
        hysteresis: f64,
    },
    /// Below the first or above the second.
    Outside {
        low: f64,
        high: f64,
        hysteresis: f64,
    },
    /// A state, a count or a text that is this.
    Equals(Scalar),
    NotEquals(Scalar),
    /// The quality is bad.
    Bad,
    /// No value of good or uncertain quality for so long.
    Stale {
        after_ns: i64,
    },
    /// Rises by more than the limit within the span; over again once it rises by `hysteresis` less.
    Rising {
        limit: f64,
        hysteresis: f64,
        per_ns: i64,
    },
    Falling {
        limit: f64,
        hysteresis: f64,
        per_ns: i64,
    },
    /// Farther than the limit from the value of another tag; over again once it is `hysteresis` nearer.
    Deviation {
        limit: f64,
        hysteresis: f64,
    },
}

/// What a value is compared with.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Scalar {
    Bool(bool),
    I64(i64),
    U64(u64),
    F64(f64),
    Text(Box<str>),
}

/// As people are told.
impl fmt::Display for Scalar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Scalar::Bool(flag) => write!(f, "{flag}"),
            Scalar::I64(number) => write!(f, "{number}"),
            Scalar::U64(number) => write!(f, "{number}"),
            Scalar::F64(number) => write!(f, "{number}"),
            Scalar::Text(text) => write!(f, "“{text}”"),
        }
    }
}

/// What a sample says of a condition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    Met,
    NotMet,
    /// The value is not known: the alarm stays as it is.
    Unknown,
}

impl From<bool> for Verdict {
    fn from(met: bool) -> Verdict {
        if met { Verdict::Met } else { Verdict::NotMet }
    }
}

impl Condition {
    /// Judges a sample by itself; `was` says whether the condition was met by the one before. What needs
    /// samples before it, or of another tag, is judged with its memory.
    pub fn judge(&self, was: bool, value: Option<ValueRef<'_>>, quality: Quality) -> Verdict {
        if let Condition::Bad = self {
            return Verdict::from(quality.is_bad());
        }
        let Some(value) = value.filter(|_| !quality.is_bad()) else { return Verdict::Unknown };
        match self {
            Condition::Equals(scalar) => known(scalar.equals(value), |equal| equal),
            Condition::NotEquals(scalar) => known(scalar.equals(value), |equal| !equal),
            Condition::Stale { .. } => Verdict::NotMet,
            Condition::Above { .. } | Condition::Below { .. } | Condition::Outside { .. } => {
                known(number(value), |number| self.beyond(was, number))
            }
            _ => Verdict::Unknown,
        }
    }

    /// Whether a number is beyond the limits: the value, its change within a span, or its distance from
    /// another.
    pub(super) fn beyond(&self, was: bool, number: f64) -> bool {
        let slack = |hysteresis: f64| if was { hysteresis } else { 0.0 };
        match *self {
            Condition::Above { limit, hysteresis } => number > limit - slack(hysteresis),
            Condition::Below { limit, hysteresis } => number < limit + slack(hysteresis),
            Condition::Outside { low, high, hysteresis } => {
                number < low + slack(hysteresis) || number > high - slack(hysteresis)
            }
            Condition::Rising { limit, hysteresis, .. } => number > limit - slack(hysteresis),
            Condition::Falling { limit, hysteresis, .. } => -number > limit - slack(hysteresis),
            Condition::Deviation { limit, hysteresis } => number.abs() > limit - slack(hysteresis),
            Condition::Equals(_) | Condition::NotEquals(_) => false,
            Condition::Bad | Condition::Stale { .. } => false,
        }
    }
}

pub(super) fn known<T>(value: Option<T>, met: impl FnOnce(T) -> bool) -> Verdict {
    value.map_or(Verdict::Unknown, |value| Verdict::from(met(value)))
}

/// NaN says nothing of a limit. A limit is a float, and an integer beyond 2^53 is judged by the
/// nearest one.
pub(super) fn number(value: ValueRef<'_>) -> Option<f64> {
    match value {
        ValueRef::I64(number) => Some(number as f64),
        ValueRef::U64(number) => Some(number as f64),
        ValueRef::F64(number) => Some(number).filter(|number| !number.is_nan()),
        ValueRef::Bool(_) | ValueRef::Text(_) | ValueRef::Bytes(_) | ValueRef::List(_) => None,
    }
}

impl Scalar {
    /// None where the two cannot be compared.
    pub(super) fn equals(&self, value: ValueRef<'_>) -> Option<bool> {
        let order = match (self, value) {
            (Scalar::Bool(own), ValueRef::Bool(value)) => own.cmp(&value),
            (Scalar::Text(own), ValueRef::Text(value)) => (**own).cmp(value),
            (Scalar::I64(own), ValueRef::I64(value)) => own.cmp(&value),
            (Scalar::U64(own), ValueRef::U64(value)) => own.cmp(&value),
            (Scalar::I64(own), ValueRef::U64(value)) => i128::from(*own).cmp(&i128::from(value)),
            (Scalar::U64(own), ValueRef::I64(value)) => i128::from(*own).cmp(&i128::from(value)),
            (own, value) => own.float()?.partial_cmp(&number(value)?)?,
        };
        Some(order == Ordering::Equal)
    }

    fn float(&self) -> Option<f64> {
        match self {
            Scalar::I64(number) => Some(*number as f64),
            Scalar::U64(number) => Some(*number as f64),
            Scalar::F64(number) => Some(*number),
            Scalar::Bool(_) | Scalar::Text(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: Quality = Quality::GOOD;

    #[test]
    fn a_limit_is_over_only_beyond_its_hysteresis() {
        let above = Condition::Above { limit: 95.0, hysteresis: 2.0 };
        let judge = |was, number| above.judge(was, Some(ValueRef::F64(number)), GOOD);
        assert_eq!(judge(false, 95.0), Verdict::NotMet);
        assert_eq!(judge(false, 95.1), Verdict::Met);
        assert_eq!(judge(true, 93.1), Verdict::Met);
        assert_eq!(judge(true, 93.0), Verdict::NotMet);
        let outside = Condition::Outside { low: 1.0, high: 5.0, hysteresis: 0.5 };
        let judge = |was, number| outside.judge(was, Some(ValueRef::I64(number)), GOOD);
        assert_eq!([judge(false, 0), judge(false, 1), judge(false, 6)].map(met), [1, 0, 1]);
        assert_eq!([judge(true, 1), judge(true, 2), judge(true, 5)].map(met), [1, 0, 1]);
    }

    fn met(verdict: Verdict) -> u8 {
        u8::from(verdict == Verdict::Met)
    }

    #[test]
    fn what_is_not_known_changes_nothing() {
        let above = Condition::Above { limit: 95.0, hysteresis: 0.0 };
        let bad = Quality::BAD_TIMEOUT;
        assert_eq!(above.judge(true, None, bad), Verdict::Unknown);
        assert_eq!(above.judge(true, Some(ValueRef::F64(1.0)), bad), Verdict::Unknown);
        assert_eq!(above.judge(true, Some(ValueRef::F64(f64::NAN)), GOOD), Verdict::Unknown);
        assert_eq!(above.judge(true, Some(ValueRef::Text("99")), GOOD), Verdict::Unknown);
        assert_eq!(Condition::Bad.judge(false, None, bad), Verdict::Met);
        assert_eq!(Condition::Bad.judge(true, Some(ValueRef::I64(1)), GOOD), Verdict::NotMet);
    }

    #[test]
    fn states_are_compared_exactly() {
        let equals =
            |scalar: Scalar, value| Condition::Equals(scalar).judge(false, Some(value), GOOD);
        let large = u64::MAX - 1;
        assert_eq!(equals(Scalar::U64(large), ValueRef::U64(large)), Verdict::Met);
        assert_eq!(equals(Scalar::U64(large), ValueRef::U64(u64::MAX)), Verdict::NotMet);
        assert_eq!(equals(Scalar::I64(-1), ValueRef::U64(u64::MAX)), Verdict::NotMet);
        assert_eq!(equals(Scalar::I64(2), ValueRef::F64(2.0)), Verdict::Met);
        assert_eq!(equals(Scalar::Text("open".into()), ValueRef::Text("open")), Verdict::Met);
        assert_eq!(equals(Scalar::Bool(true), ValueRef::I64(1)), Verdict::Unknown);
    }
}
