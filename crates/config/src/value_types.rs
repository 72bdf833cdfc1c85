//! The small types of values in a document.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tagwerk_model::{DataType, Scale};

/// What may be done with a tag.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Access {
    #[default]
    Read,
    Write,
    ReadWrite,
}

impl Access {
    pub fn reads(self) -> bool {
        self != Access::Write
    }

    pub fn writes(self) -> bool {
        self != Access::Read
    }
}

/// Which samples of a tag are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ReportOn {
    Always,
    Change,
}

/// What values a template's parameter takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ParameterKind {
    Text,
    /// A whole number.
    Integer,
    Number,
    Boolean,
}

/// When an alarm is raised, compared with the tag's value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Comparison {
    /// Than `limit`.
    Above,
    /// Than `limit`.
    Below,
    /// The two numbers of `range`.
    Outside,
    /// `value`.
    Equals,
    /// `value`.
    NotEquals,
    /// In quality; the value is not looked at.
    Bad,
    /// For so long as `after` says: there is no value, or only bad ones.
    Stale,
    /// By more than `limit` within the span `per`.
    Rising,
    /// By more than `limit` within the span `per`.
    Falling,
    /// From the tag `reference`, by more than `limit`.
    Deviation,
}

impl Comparison {
    pub fn name(self) -> &'static str {
        match self {
            Comparison::Above => "above",
            Comparison::Below => "below",
            Comparison::Outside => "outside",
            Comparison::Equals => "equals",
            Comparison::NotEquals => "not_equals",
            Comparison::Bad => "bad",
            Comparison::Stale => "stale",
            Comparison::Rising => "rising",
            Comparison::Falling => "falling",
            Comparison::Deviation => "deviation",
        }
    }
}

/// How soon somebody must act.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AlarmPriority {
    Low,
    #[default]
    Medium,
    High,
    Critical,
}

/// What a function of the user's own takes and gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum FunctionType {
    Bool,
    /// A BigInt in JavaScript.
    Int64,
    /// A BigInt in JavaScript.
    Uint64,
    Float64,
    Text,
    /// A Uint8Array in JavaScript.
    Bytes,
}

impl FunctionType {
    pub fn data_type(self) -> DataType {
        match self {
            FunctionType::Bool => DataType::Bool,
            FunctionType::Int64 => DataType::Int64,
            FunctionType::Uint64 => DataType::Uint64,
            FunctionType::Float64 => DataType::Float64,
            FunctionType::Text => DataType::Text,
            FunctionType::Bytes => DataType::Bytes,
        }
    }
}

/// How far a rule is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RuleStage {
    /// Kept, and not run.
    Draft,
    /// Run, and its rows are shown; nothing is written or done.
    Trial,
    /// Run, with all that follows from it.
    #[default]
    Live,
}

/// Where in the journal a new sink begins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Start {
    /// With what is sampled from now on.
    #[default]
    Now,
    /// With the oldest sample that is still kept.
    Oldest,
}

/// What goes first when a sink has fallen behind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SinkOrder {
    /// Everything in the order in which it happened.
    #[default]
    Fifo,
    /// What is new at once; what has waited beside it, at a bounded rate and marked as replayed.
    RealtimeFirst,
}

/// A line, by `slope` and `offset`, or by two points: the device's numbers `from` become the values
/// `to`.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[schemars(rename = "Scale", deny_unknown_fields)]
pub(crate) struct ScaleForm {
    /// Default: 1.
    pub slope: Option<f64>,
    /// Default: 0.
    pub offset: Option<f64>,
    /// Two numbers of the device.
    pub from: Option<[f64; 2]>,
    /// Their two values.
    pub to: Option<[f64; 2]>,
}

impl ScaleForm {
    /// The line, or what is wrong and what to do.
    pub fn line(self) -> Result<Scale, (&'static str, &'static str)> {
        let by_slope = self.slope.is_some() || self.offset.is_some();
        match (by_slope, self.from, self.to) {
            (true, None, None) => {
                let slope = self.slope.unwrap_or(1.0);
                let scale = Scale { slope, offset: self.offset.unwrap_or(0.0) };
                scale.is_usable().then_some(scale).ok_or((
                    "a slope of 0 makes every value the same",
                    "write a slope other than 0",
                ))
            }
            (false, Some(from), Some(to)) => Scale::two_points((from[0], from[1]), (to[0], to[1]))
                .ok_or((
                    "the two points of the scale do not make a line that can be turned around",
                    "give two different numbers in `from` and two different numbers in `to`",
                )),
            (false, None, None) => Err((
                "the scale is empty",
                "write `{ slope: …, offset: … }` or `{ from: [a, b], to: [c, d] }`",
            )),
            (false, ..) => {
                Err(("the scale has only one of `from` and `to`", "write both, or neither"))
            }
            (true, ..) => Err((
                "the scale is given in two ways",
                "keep either `slope` and `offset`, or `from` and `to`",
            )),
        }
    }
}

/// A day of the week.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Day {
    Mon,
    Tue,
    Wed,
    Thu,
    Fri,
    Sat,
    Sun,
}

impl Day {
    pub const ALL: [Day; 7] =
        [Day::Mon, Day::Tue, Day::Wed, Day::Thu, Day::Fri, Day::Sat, Day::Sun];
}

/// What of an alarm is told besides that it was raised.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Also {
    /// It is over.
    Cleared,
    /// Somebody acknowledged it.
    Acknowledged,
}
