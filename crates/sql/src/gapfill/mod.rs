//! Buckets of time in which there is nothing, made up where a statement groups by
//! `time_bucket_gapfill`: a rule of the optimizer finds them and the range, a node has the buckets,
//! an operator fills them.

mod fill;
mod node;
mod operator;
mod rule;

pub use operator::GapFillPlanner;
pub use rule::GapFillRule;

/// What stands in a bucket without a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Fill {
    /// The last value before it.
    Carry,
    /// On the straight line between the values around it.
    Interpolate,
}

/// Buckets side by side, from the first to the last, each by its beginning.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Grid {
    pub first_ns: i64,
    pub last_ns: i64,
    /// More than 0.
    pub width_ns: i64,
}
