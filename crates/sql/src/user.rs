//! Functions of the user's own, as the engine calls them. What computes them is a closure: nothing here
//! knows in which language they are written.

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::compute::{CastOptions, cast_with_options};
use arrow::datatypes::{DataType as ArrowType, Float64Type, Int64Type, UInt64Type};
use datafusion::common::{Result, ScalarValue, exec_err, plan_err};
use datafusion::logical_expr::{
    ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, TypeSignature,
    Volatility,
};
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use tagwerk_model::{DataType, Value, ValueRef, limits};

/// The arguments of one call, of the types that the function says and none of them NULL.
pub type Arguments<'a> = Vec<Option<ValueRef<'a>>>;
/// What came of a call.
pub type Given = std::result::Result<Option<Value>, CallError>;
/// Computes the values of the first of these rows, of one at least; it is called again for the others.
pub type Call = Arc<dyn Fn(&[Arguments<'_>]) -> Vec<Given> + Send + Sync>;

/// Rows that are handed on at once.
const ROWS_AT_ONCE: usize = 256;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallError {
    pub message: String,
    /// It was stopped because it took too long.
    pub late: bool,
}

#[derive(Clone)]
pub struct UserFunction {
    /// Small letters, digits and `_`.
    pub name: Arc<str>,
    pub arguments: Vec<DataType>,
    pub returns: DataType,
    /// Two functions of which this is the same compute the same.
    pub text: Arc<str>,
    pub call: Call,
}

impl fmt::Debug for UserFunction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.signature())
    }
}

impl UserFunction {
    /// As people write it: `dew_margin(float64, float64)`.
    pub fn signature(&self) -> String {
        let names: Vec<&str> = self.arguments.iter().map(|of| of.name()).collect();
        format!("{}({})", self.name, names.join(", "))
    }

    /// All by which it differs from another.
    pub fn fingerprint(&self) -> String {
        format!("{} {}\n{}", self.signature(), self.returns.name(), self.text)
    }

    /// A text that calls it has its name in it as a word.
    pub fn is_named_in(&self, text: &str) -> bool {
        let mut words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
        words.any(|word| word.eq_ignore_ascii_case(&self.name))
    }

    pub fn udf(&self, calls: &Arc<Calls>) -> ScalarUDF {
        let any = vec![TypeSignature::Nullary, TypeSignature::VariadicAny];
        ScalarUDF::new_from_impl(Udf {
            function: self.clone(),
            calls: calls.clone(),
            signature: Signature::one_of(any, Volatility::Immutable),
        })
    }
}

/// How the calls of a function in one statement fare, and when they end.
#[derive(Default)]
pub struct Calls {
    /// Calls running that were stopped.
    late: AtomicU32,
    /// Says that nobody waits any more.
    over: Option<Box<dyn Fn() -> bool + Send + Sync>>,
}

impl fmt::Debug for Calls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Calls")
    }
}

impl Calls {
    pub fn until(over: impl Fn() -> bool + Send + Sync + 'static) -> Calls {
        Calls { late: AtomicU32::default(), over: Some(Box::new(over)) }
    }

    /// It took too long too often, and is called no more.
    pub fn are_stopped(&self) -> bool {
        self.late.load(Ordering::Relaxed) >= limits::FUNCTION_LATE_MAX
    }

    fn note(&self, late: bool) {
        match late {
            true => {
                self.late.fetch_add(1, Ordering::Relaxed);
            }
            // Nearly always the case already.
            false if self.late.load(Ordering::Relaxed) == 0 => {}
            false => self.late.store(0, Ordering::Relaxed),
        }
    }
}

/// Why a function is called no more.
pub fn stopped(name: &str) -> String {
    let (most, times) = (limits::FUNCTION_CALL_MAX, limits::FUNCTION_LATE_MAX);
    format!("the function {name} took longer than {most:?} {times} times running")
}

#[derive(Debug)]
struct Udf {
    function: UserFunction,
    calls: Arc<Calls>,
    signature: Signature,
}

impl PartialEq for Udf {
    fn eq(&self, other: &Udf) -> bool {
        let (own, other) = (&self.function, &other.function);
        own.name == other.name
            && own.text == other.text
            && own.arguments == other.arguments
            && own.returns == other.returns
    }
}

impl Eq for Udf {}

impl Hash for Udf {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.function.name.hash(state);
        self.function.text.hash(state);
    }
}

impl ScalarUDFImpl for Udf {
    fn name(&self) -> &str {
        &self.function.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, given: &[ArrowType]) -> Result<ArrowType> {
        let UserFunction { arguments, returns, .. } = &self.function;
        let signature = self.function.signature();
        if given.len() != arguments.len() {
            return plan_err!(
                "{signature} takes {} arguments, and {} are given",
                arguments.len(),
                given.len()
            );
        }
        for (place, (wanted, found)) in arguments.iter().zip(given).enumerate() {
            if !takes(*wanted, found) {
                let shown = shown(found);
                let place = place + 1;
                return plan_err!(
                    "{signature} takes {wanted} as argument {place}, and {shown} is given"
                );
            }
        }
        Ok(arrow(*returns))
    }

    fn invoke_with_args(&self, given: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let constant = given.args.iter().all(|arg| matches!(arg, ColumnarValue::Scalar(_)));
        let rows = if constant { 1 } else { given.number_rows };
        let exactly = CastOptions { safe: false, ..CastOptions::default() };
        let columns = given.args.iter().zip(&self.function.arguments).map(|(arg, wanted)| {
            let column = arg.to_array(rows)?;
            Ok(cast_with_options(&column, &arrow(*wanted), &exactly)?)
        });
        let columns = columns.collect::<Result<Vec<ArrayRef>>>()?;
        let mut values = Vec::with_capacity(rows);
        while values.len() < rows {
            self.go_on(&columns, rows, &mut values)?;
        }
        let array = ScalarValue::iter_to_array(values)?;
        match constant {
            true => Ok(ColumnarValue::Scalar(ScalarValue::try_from_array(&array, 0)?)),
            false => Ok(ColumnarValue::Array(array)),
        }
    }
}

impl Udf {
    /// The values of the next rows.
    fn go_on(
        &self,
        columns: &[ArrayRef],
        rows: usize,
        values: &mut Vec<ScalarValue>,
    ) -> Result<()> {
        let UserFunction { name, arguments, returns, call, .. } = &self.function;
        if self.calls.are_stopped() {
            return exec_err!("{}", stopped(name));
        }
        if self.calls.over.as_ref().is_some_and(|over| over()) {
            return exec_err!("the statement is over");
        }
        let cells = |row: usize| -> Option<Arguments<'_>> {
            let cells = columns.iter().zip(arguments).map(|(column, of)| cell(column, *of, row));
            let cells: Arguments<'_> = cells.collect();
            // JavaScript would compute with NULL as with 0.
            cells.iter().all(Option::is_some).then_some(cells)
        };
        let next = values.len()..rows.min(values.len() + ROWS_AT_ONCE);
        let given: Vec<Arguments<'_>> = next.map_while(cells).collect();
        if given.is_empty() {
            values.push(scalar(None, *returns));
            return Ok(());
        }
        let made = call(&given);
        if made.is_empty() {
            return exec_err!("{name}: it gave nothing");
        }
        for made in made {
            self.calls.note(matches!(&made, Err(error) if error.late));
            match made {
                Ok(value) => values.push(scalar(value, *returns)),
                Err(error) => return exec_err!("{name}: {}", error.message),
            }
        }
        Ok(())
    }
}

fn cell(column: &ArrayRef, of: DataType, row: usize) -> Option<ValueRef<'_>> {
    if column.is_null(row) {
        return None;
    }
    Some(match of {
        DataType::Bool => ValueRef::Bool(column.as_boolean().value(row)),
        DataType::Int64 => ValueRef::I64(column.as_primitive::<Int64Type>().value(row)),
        DataType::Uint64 => ValueRef::U64(column.as_primitive::<UInt64Type>().value(row)),
        DataType::Float64 => ValueRef::F64(column.as_primitive::<Float64Type>().value(row)),
        DataType::Bytes => ValueRef::Bytes(column.as_binary::<i32>().value(row)),
        _ => ValueRef::Text(column.as_string_view().value(row)),
    })
}

fn scalar(value: Option<Value>, returns: DataType) -> ScalarValue {
    match (returns, value) {
        (DataType::Bool, Some(Value::Bool(value))) => ScalarValue::Boolean(Some(value)),
        (DataType::Bool, _) => ScalarValue::Boolean(None),
        (DataType::Int64, Some(Value::I64(value))) => ScalarValue::Int64(Some(value)),
        (DataType::Int64, _) => ScalarValue::Int64(None),
        (DataType::Uint64, Some(Value::U64(value))) => ScalarValue::UInt64(Some(value)),
        (DataType::Uint64, _) => ScalarValue::UInt64(None),
        (DataType::Float64, Some(Value::F64(value))) => ScalarValue::Float64(Some(value)),
        (DataType::Float64, _) => ScalarValue::Float64(None),
        (DataType::Bytes, Some(Value::Bytes(value))) => ScalarValue::Binary(Some(value.into())),
        (DataType::Bytes, _) => ScalarValue::Binary(None),
        (_, Some(Value::Text(value))) => ScalarValue::Utf8View(Some(value.into())),
        (_, _) => ScalarValue::Utf8View(None),
    }
}

/// Functions have six types; whatever else there is of tags is a text here.
fn arrow(of: DataType) -> ArrowType {
    match of {
        DataType::Bool => ArrowType::Boolean,
        DataType::Int64 => ArrowType::Int64,
        DataType::Uint64 => ArrowType::UInt64,
        DataType::Float64 => ArrowType::Float64,
        DataType::Bytes => ArrowType::Binary,
        _ => ArrowType::Utf8View,
    }
}

/// Numbers become wider ones; a fraction is never cut off, and nothing becomes a text by itself.
fn takes(wanted: DataType, found: &ArrowType) -> bool {
    if let ArrowType::Dictionary(_, values) = found {
        return takes(wanted, values);
    }
    if found.is_null() {
        return true;
    }
    let whole_decimal = matches!(found, ArrowType::Decimal128(_, 0) | ArrowType::Decimal256(_, 0));
    match wanted {
        DataType::Bool => *found == ArrowType::Boolean,
        DataType::Int64 | DataType::Uint64 => found.is_integer() || whole_decimal,
        DataType::Float64 => found.is_numeric(),
        DataType::Bytes => matches!(
            found,
            ArrowType::Binary
                | ArrowType::LargeBinary
                | ArrowType::BinaryView
                | ArrowType::FixedSizeBinary(_)
        ),
        _ => matches!(found, ArrowType::Utf8 | ArrowType::LargeUtf8 | ArrowType::Utf8View),
    }
}

/// A type of the engine's in the words of tags, where there is one.
fn shown(found: &ArrowType) -> String {
    match found {
        ArrowType::Boolean => "bool".to_owned(),
        ArrowType::Utf8 | ArrowType::LargeUtf8 | ArrowType::Utf8View => "text".to_owned(),
        ArrowType::Binary | ArrowType::LargeBinary | ArrowType::BinaryView => "bytes".to_owned(),
        ArrowType::Timestamp(..) => "a time".to_owned(),
        ArrowType::Dictionary(_, values) => shown(values),
        other if other.is_numeric() => other.to_string().to_lowercase(),
        other => crate::sql_name(other),
    }
}
