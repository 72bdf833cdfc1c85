//! Functions that a historian needs, beside those of the engine.

mod edge_values;
mod fold;
mod gapfill;
mod time_bucket;

pub use fold::{Kind as Course, of_stretches};
pub use gapfill::{
    BUCKET as GAPFILL_BUCKET, CARRY as GAPFILL_CARRY, INTERPOLATE as GAPFILL_INTERPOLATE,
};

use datafusion::logical_expr::{AggregateUDF, ScalarUDF};
use std::sync::Arc;

/// A function as the reference lists it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FunctionInfo {
    pub name: &'static str,
    pub signature: &'static str,
    pub description: &'static str,
    pub example: &'static str,
}

pub fn scalars() -> Vec<Arc<ScalarUDF>> {
    let bucket = ScalarUDF::new_from_impl(time_bucket::TimeBucket::default());
    let gapfill = gapfill::ALL.iter().map(|role| ScalarUDF::new_from_impl(gapfill::new(*role)));
    std::iter::once(bucket).chain(gapfill).map(Arc::new).collect()
}

pub fn aggregates() -> Vec<Arc<AggregateUDF>> {
    let folds = fold::ALL.iter().map(|kind| AggregateUDF::new_from_impl(fold::Fold::new(*kind)));
    let ends = [edge_values::End::First, edge_values::End::Last];
    let ends =
        ends.into_iter().map(|end| AggregateUDF::new_from_impl(edge_values::EdgeValue::new(end)));
    folds.chain(ends).map(Arc::new).collect()
}

pub const FUNCTIONS: &[FunctionInfo] = &[
    FunctionInfo {
        name: "time_bucket",
        signature: "time_bucket(interval, time [, origin]) → timestamp",
        description: "the start of the interval that a time lies in; intervals begin at 1970-01-01 UTC unless an origin is given",
        example: "SELECT time_bucket('15 minutes', time) AS t, avg(value) FROM samples WHERE device = 'boiler-1' AND tag = 'temperature' AND time > now() - INTERVAL '1 day' GROUP BY t ORDER BY t",
    },
    FunctionInfo {
        name: "time_bucket_gapfill",
        signature: "time_bucket_gapfill(interval, time [, start, finish]) → timestamp",
        description: "time_bucket, with rows for the intervals that have no sample too, in each group; the range is the one that WHERE says, or start and finish",
        example: "SELECT time_bucket_gapfill('1 minute', time) AS t, tag, avg(value) FROM samples WHERE device = 'boiler-1' AND time > now() - INTERVAL '1 hour' GROUP BY t, tag ORDER BY tag, t",
    },
    FunctionInfo {
        name: "locf",
        signature: "locf(value) → type of the value",
        description: "with time_bucket_gapfill: where there is no value, the last one before it",
        example: "SELECT time_bucket_gapfill('1 minute', time) AS t, locf(avg(value)) FROM samples WHERE device = 'boiler-1' AND tag = 'setpoint' AND time > now() - INTERVAL '1 hour' GROUP BY t ORDER BY t",
    },
    FunctionInfo {
        name: "interpolate",
        signature: "interpolate(value) → double",
        description: "with time_bucket_gapfill: where there is no value, the one on the straight line between those around it",
        example: "SELECT time_bucket_gapfill('1 minute', time) AS t, interpolate(avg(value)) FROM samples WHERE device = 'tank-1' AND tag = 'level' AND time > now() - INTERVAL '1 hour' GROUP BY t ORDER BY t",
    },
    FunctionInfo {
        name: "time_weighted_average",
        signature: "time_weighted_average(time, value) → double",
        description: "mean of a value that holds until the next sample, from the first to the last sample of the group; one tag a group",
        example: "SELECT time_weighted_average(time, value) FROM samples WHERE device = 'boiler-1' AND tag = 'temperature' AND time > now() - INTERVAL '8 hours'",
    },
    FunctionInfo {
        name: "counter_delta",
        signature: "counter_delta(time, value) → double",
        description: "how much a counter grew; a value below the one before it is a counter that began again at zero",
        example: "SELECT time_bucket('1 hour', time) AS t, counter_delta(time, value) FROM samples WHERE device = 'meter-1' AND tag = 'energy' GROUP BY t ORDER BY t",
    },
    FunctionInfo {
        name: "rate",
        signature: "rate(time, value) → double",
        description: "growth of a counter per second, as counter_delta counts it",
        example: "SELECT rate(time, value) FROM samples WHERE device = 'meter-1' AND tag = 'energy' AND time > now() - INTERVAL '10 minutes'",
    },
    FunctionInfo {
        name: "seconds_where",
        signature: "seconds_where(time, condition) → double",
        description: "for how many seconds a condition held, each sample holding until the next",
        example: "SELECT seconds_where(time, value_bool) FROM samples WHERE device = 'pump-1' AND tag = 'running' AND time > now() - INTERVAL '1 day'",
    },
    FunctionInfo {
        name: "first",
        signature: "first(value, time) → type of the value",
        description: "the value of the earliest row that has one",
        example: "SELECT tag, first(value, time) FROM samples WHERE device = 'boiler-1' AND time > now() - INTERVAL '1 hour' GROUP BY tag",
    },
    FunctionInfo {
        name: "last",
        signature: "last(value, time) → type of the value",
        description: "the value of the latest row that has one",
        example: "SELECT tag, last(value, time) FROM samples WHERE device = 'boiler-1' AND time > now() - INTERVAL '1 hour' GROUP BY tag",
    },
];
