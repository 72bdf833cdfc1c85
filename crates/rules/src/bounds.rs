//! `window_start()` and `window_end()`: the bounds of the window that the statement is run over.

use arrow::datatypes::DataType;
use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::{
    ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};
use std::hash::{Hash, Hasher};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

#[derive(Debug, Default)]
pub struct Bounds {
    start: AtomicI64,
    end: AtomicI64,
}

impl Bounds {
    pub fn set(&self, start: i64, end: i64) {
        self.start.store(start, Ordering::Relaxed);
        self.end.store(end, Ordering::Relaxed);
    }

    pub fn functions(self: &Arc<Bounds>) -> [ScalarUDF; 2] {
        [("window_start", Which::Start), ("window_end", Which::End)].map(|(name, which)| {
            // What it gives changes from one run to the next.
            let signature = Signature::nullary(Volatility::Volatile);
            ScalarUDF::new_from_impl(Bound { name, which, bounds: self.clone(), signature })
        })
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Which {
    Start,
    End,
}

#[derive(Debug)]
struct Bound {
    name: &'static str,
    which: Which,
    bounds: Arc<Bounds>,
    signature: Signature,
}

impl PartialEq for Bound {
    fn eq(&self, other: &Bound) -> bool {
        self.which == other.which && Arc::ptr_eq(&self.bounds, &other.bounds)
    }
}

impl Eq for Bound {}

impl Hash for Bound {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.which.hash(state);
    }
}

impl ScalarUDFImpl for Bound {
    fn name(&self) -> &str {
        self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arguments: &[DataType]) -> Result<DataType> {
        Ok(tagwerk_sql::stream::time_type())
    }

    fn invoke_with_args(&self, _arguments: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let bound = match self.which {
            Which::Start => &self.bounds.start,
            Which::End => &self.bounds.end,
        };
        let time = ScalarValue::TimestampNanosecond(
            Some(bound.load(Ordering::Relaxed)),
            Some("+00:00".into()),
        );
        Ok(ColumnarValue::Scalar(time))
    }
}
