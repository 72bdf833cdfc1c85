//! `first(value, time)` and `last(value, time)`.

use crate::columns::time_type;
use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::{DataType, Field, FieldRef, TimestampNanosecondType};
use datafusion::common::{Result, ScalarValue, exec_err, plan_err};
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::utils::AggregateOrderSensitivity;
use datafusion::logical_expr::{Accumulator, AggregateUDFImpl, Signature, Volatility};
use std::sync::Arc;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum End {
    First,
    Last,
}

#[derive(Debug, PartialEq, Eq, Hash)]
pub struct EdgeValue {
    end: End,
    signature: Signature,
}

impl EdgeValue {
    pub fn new(end: End) -> EdgeValue {
        EdgeValue { end, signature: Signature::user_defined(Volatility::Immutable) }
    }
}

impl AggregateUDFImpl for EdgeValue {
    fn name(&self) -> &str {
        match self.end {
            End::First => "first",
            End::Last => "last",
        }
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, arguments: &[DataType]) -> Result<DataType> {
        Ok(arguments.first().cloned().unwrap_or(DataType::Null))
    }

    fn coerce_types(&self, arguments: &[DataType]) -> Result<Vec<DataType>> {
        match arguments {
            [value, DataType::Timestamp(..)] => Ok(vec![value.clone(), time_type()]),
            _ => {
                let name = self.name();
                plan_err!("{name} takes a value and then a time: {name}(value, time)")
            }
        }
    }

    fn accumulator(&self, arguments: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        let value = ScalarValue::try_from(arguments.return_field.data_type())?;
        Ok(Box::new(Found { end: self.end, time: None, value }))
    }

    fn state_fields(&self, arguments: StateFieldsArgs) -> Result<Vec<FieldRef>> {
        let value = arguments.return_field.data_type().clone();
        Ok(vec![
            Arc::new(Field::new(format!("{}_value", arguments.name), value, true)),
            Arc::new(Field::new(format!("{}_time", arguments.name), time_type(), true)),
        ])
    }

    fn order_sensitivity(&self) -> AggregateOrderSensitivity {
        AggregateOrderSensitivity::Insensitive
    }
}

#[derive(Debug)]
struct Found {
    end: End,
    time: Option<i64>,
    value: ScalarValue,
}

impl Found {
    /// A state is a value and a time, as a row is.
    fn look(&mut self, columns: &[ArrayRef]) -> Result<()> {
        let [values, times] = columns else { return exec_err!("two columns were expected") };
        let times = times.as_primitive::<TimestampNanosecondType>();
        let rows = (0..times.len()).filter(|row| times.is_valid(*row) && values.is_valid(*row));
        let best = match self.end {
            End::First => rows.min_by_key(|row| times.value(*row)),
            End::Last => rows.max_by_key(|row| times.value(*row)),
        };
        let Some(row) = best else { return Ok(()) };
        let time = times.value(row);
        let better = match (self.time, self.end) {
            (None, _) => true,
            (Some(known), End::First) => time < known,
            (Some(known), End::Last) => time >= known,
        };
        if better {
            self.time = Some(time);
            self.value = ScalarValue::try_from_array(values, row)?;
        }
        Ok(())
    }
}

impl Accumulator for Found {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        self.look(values)
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        Ok(self.value.clone())
    }

    fn size(&self) -> usize {
        size_of_val(self) + self.value.size() - size_of_val(&self.value)
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        let zone = Some(crate::columns::UTC.into());
        Ok(vec![self.value.clone(), ScalarValue::TimestampNanosecond(self.time, zone)])
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        self.look(states)
    }
}
