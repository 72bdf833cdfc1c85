//! Functions that a historian needs, beside those of the engine.

mod catalogue;
mod edge_values;
mod fold;
mod gapfill;
mod lists;
mod plain;
mod time_bucket;

pub use catalogue::{FunctionClass, FunctionInfo, rule_functions, statement_functions};
pub use fold::{Kind as Course, of_stretches};
pub use gapfill::{
    BUCKET as GAPFILL_BUCKET, CARRY as GAPFILL_CARRY, INTERPOLATE as GAPFILL_INTERPOLATE,
};

use datafusion::logical_expr::{AggregateUDF, ScalarUDF};
use std::sync::{Arc, LazyLock};

pub fn scalars() -> Vec<Arc<ScalarUDF>> {
    let bucket = ScalarUDF::new_from_impl(time_bucket::TimeBucket::default());
    let gapfill = gapfill::ALL.iter().map(|role| ScalarUDF::new_from_impl(gapfill::new(*role)));
    let lists = lists::all();
    std::iter::once(bucket).chain(gapfill).chain(lists).chain(plain::all()).map(Arc::new).collect()
}

pub fn aggregates() -> Vec<Arc<AggregateUDF>> {
    let folds = fold::ALL.iter().map(|kind| AggregateUDF::new_from_impl(fold::Fold::new(*kind)));
    let ends = [edge_values::End::First, edge_values::End::Last];
    let ends =
        ends.into_iter().map(|end| AggregateUDF::new_from_impl(edge_values::EdgeValue::new(end)));
    folds.chain(ends).map(Arc::new).collect()
}

static OURS: LazyLock<Vec<&'static FunctionInfo>> = LazyLock::new(|| {
    let (scalars, aggregates) = (scalars(), aggregates());
    let of_class = |function: &&FunctionInfo| match function.class {
        FunctionClass::Scalar => scalars.iter().any(|ours| ours.name() == function.name),
        FunctionClass::Aggregate => aggregates.iter().any(|ours| ours.name() == function.name),
        _ => false,
    };
    statement_functions().iter().filter(of_class).collect()
});

/// Those that are not the engine's.
pub fn ours() -> &'static [&'static FunctionInfo] {
    &OURS
}
