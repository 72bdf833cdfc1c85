//! `time_bucket`: the engine's `date_bin` under the name that historians know, with intervals as text.

use arrow::datatypes::{DataType, IntervalUnit};
use datafusion::common::{Result, ScalarValue, plan_err};
use datafusion::functions::datetime::date_bin;
use datafusion::logical_expr::simplify::{ExprSimplifyResult, SimplifyContext};
use datafusion::logical_expr::{
    ColumnarValue, Expr, ScalarFunctionArgs, ScalarUDFImpl, Signature, TypeSignature, Volatility,
    cast,
};

#[derive(Debug, PartialEq, Eq, Hash)]
pub struct TimeBucket(Signature);

impl Default for TimeBucket {
    fn default() -> TimeBucket {
        let counts = vec![TypeSignature::Any(2), TypeSignature::Any(3)];
        TimeBucket(Signature::one_of(counts, Volatility::Immutable))
    }
}

impl ScalarUDFImpl for TimeBucket {
    fn name(&self) -> &str {
        "time_bucket"
    }

    fn signature(&self) -> &Signature {
        &self.0
    }

    fn return_type(&self, arguments: &[DataType]) -> Result<DataType> {
        match arguments.get(1) {
            Some(time @ DataType::Timestamp(..)) => Ok(time.clone()),
            other => {
                let other = other.map_or_else(|| "nothing".to_owned(), ToString::to_string);
                plan_err!("the second argument of time_bucket is a time, not {other}")
            }
        }
    }

    /// Replaced by `date_bin` in every plan.
    fn invoke_with_args(&self, _arguments: ScalarFunctionArgs) -> Result<ColumnarValue> {
        plan_err!("time_bucket stands in a place where it cannot be computed")
    }

    fn simplify(
        &self,
        mut arguments: Vec<Expr>,
        _info: &SimplifyContext,
    ) -> Result<ExprSimplifyResult> {
        let text = matches!(
            arguments.first(),
            Some(Expr::Literal(
                ScalarValue::Utf8(_) | ScalarValue::Utf8View(_) | ScalarValue::LargeUtf8(_),
                _
            ))
        );
        if text && let Some(first) = arguments.first_mut() {
            let interval = DataType::Interval(IntervalUnit::MonthDayNano);
            *first = cast(std::mem::take(first), interval);
        }
        Ok(ExprSimplifyResult::Simplified(date_bin().call(arguments)))
    }
}
