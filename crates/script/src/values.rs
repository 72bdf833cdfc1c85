//! Values on their way into JavaScript and out of it, exactly or not at all.

use crate::fault::{Fault, FaultKind};
use rquickjs::{BigInt, Ctx, String as Text, TypedArray};
use tagwerk_model::{DataType, Kind, Value, ValueRef, limits};

/// Up to here every whole number is a number of JavaScript's.
const SAFE_MAX: f64 = 9_007_199_254_740_991.0;

/// 64-bit integers are BigInts, whatever they are, so that a function can count on it.
pub fn to_js<'js>(
    ctx: &Ctx<'js>,
    value: Option<ValueRef<'_>>,
) -> rquickjs::Result<rquickjs::Value<'js>> {
    use rquickjs::Value as Js;
    let ctx = ctx.clone();
    Ok(match value {
        None => Js::new_null(ctx),
        Some(ValueRef::Bool(value)) => Js::new_bool(ctx, value),
        Some(ValueRef::I64(value)) => BigInt::from_i64(ctx, value)?.into_value(),
        Some(ValueRef::U64(value)) => BigInt::from_u64(ctx, value)?.into_value(),
        Some(ValueRef::F64(value)) => Js::new_float(ctx, value),
        Some(ValueRef::Text(value)) => Text::from_str(ctx, value)?.into_value(),
        Some(ValueRef::Bytes(value)) => TypedArray::<u8>::new(ctx, value)?.into_value(),
        // No function declares one.
        Some(ValueRef::List(_)) => Js::new_null(ctx),
    })
}

pub fn from_js<'js>(
    ctx: &Ctx<'js>,
    value: rquickjs::Value<'js>,
    returns: DataType,
) -> Result<Option<Value>, Fault> {
    if value.is_null() || value.is_undefined() || value.as_float().is_some_and(f64::is_nan) {
        return Ok(None);
    }
    let wrong = || {
        let text = format!("it returned {}, and says that it returns {returns}", kind(&value));
        Fault::new(FaultKind::Value, text)
    };
    let made = match returns.kind() {
        Kind::Bool => value.as_bool().map(Value::Bool),
        Kind::I64 => whole(ctx, &value, returns)?.map(|whole| Value::I64(whole as i64)),
        Kind::U64 => whole(ctx, &value, returns)?.map(|whole| Value::U64(whole as u64)),
        Kind::F64 => float(ctx, &value)?.map(Value::F64),
        Kind::Text | Kind::List => text(&value)?.map(|text| Value::Text(text.into())),
        Kind::Bytes => bytes(&value)?.map(|bytes| Value::Bytes(bytes.into())),
    };
    made.ok_or_else(wrong).map(Some)
}

/// Within the range of the type, or a fault.
fn whole<'js>(
    ctx: &Ctx<'js>,
    value: &rquickjs::Value<'js>,
    returns: DataType,
) -> Result<Option<i128>, Fault> {
    let number = if let Some(number) = value.as_number() {
        if number.fract() != 0.0 || number.abs() > SAFE_MAX {
            let text =
                format!("it returned {number}, which is no exact whole number; use a BigInt");
            return Err(Fault::new(FaultKind::Value, text));
        }
        number as i128
    } else if let Some(number) = value.as_big_int() {
        match big(ctx, number) {
            Some(number) => number,
            None => return Err(too_large(&"its BigInt", returns)),
        }
    } else {
        return Ok(None);
    };
    let (low, high) =
        returns.integer_range().unwrap_or((i128::from(i64::MIN), i128::from(i64::MAX)));
    if (low..=high).contains(&number) {
        return Ok(Some(number));
    }
    Err(too_large(&number, returns))
}

fn too_large(value: &dyn std::fmt::Display, returns: DataType) -> Fault {
    Fault::new(FaultKind::Value, format!("{value} does not fit {returns}"))
}

/// The engine gives the lowest 64 bits of a BigInt: they are it when both are told the same.
fn big<'js>(ctx: &Ctx<'js>, number: &BigInt<'js>) -> Option<i128> {
    let bits = number.clone().to_i64().ok()?;
    let same = |other: rquickjs::Result<BigInt<'js>>| -> Option<bool> {
        let equal: rquickjs::Function =
            ctx.globals().get::<_, rquickjs::Object>("Object").ok()?.get("is").ok()?;
        equal.call((number.clone(), other.ok()?)).ok()
    };
    if same(BigInt::from_i64(ctx.clone(), bits))? {
        return Some(i128::from(bits));
    }
    let unsigned = bits as u64;
    same(BigInt::from_u64(ctx.clone(), unsigned))?.then_some(i128::from(unsigned))
}

fn float<'js>(ctx: &Ctx<'js>, value: &rquickjs::Value<'js>) -> Result<Option<f64>, Fault> {
    if let Some(number) = value.as_number() {
        if number.is_finite() {
            return Ok(Some(number));
        }
        return Err(Fault::new(FaultKind::Value, "it returned no finite number"));
    }
    let Some(number) = value.as_big_int() else { return Ok(None) };
    let exact = big(ctx, number).filter(|whole| (*whole as f64) as i128 == *whole);
    let Some(exact) = exact else { return Err(too_large(&"its BigInt", DataType::Float64)) };
    Ok(Some(exact as f64))
}

fn text(value: &rquickjs::Value<'_>) -> Result<Option<String>, Fault> {
    let Some(text) = value.as_string() else { return Ok(None) };
    let text = text.to_string().map_err(|_| {
        Fault::new(
            FaultKind::Value,
            "it returned a text with half a character, which is no Unicode",
        )
    })?;
    bounded(text.len())?;
    Ok(Some(text))
}

fn bytes(value: &rquickjs::Value<'_>) -> Result<Option<Vec<u8>>, Fault> {
    let array = value.as_object().and_then(|object| object.as_typed_array::<u8>());
    let Some(array) = array else { return Ok(None) };
    bounded(array.len())?;
    // One by one, because a slice of it is only sound for whoever knows that nothing runs meanwhile.
    let bytes = (0..array.len() as u32).map(|place| array.get::<_, u8>(place));
    let bytes = bytes.collect::<rquickjs::Result<Vec<u8>>>();
    bytes.map(Some).map_err(|error| Fault::new(FaultKind::Value, error.to_string()))
}

fn bounded(length: usize) -> Result<(), Fault> {
    if length <= limits::VALUE_BYTES_MAX {
        return Ok(());
    }
    let text = format!("it returned {length} bytes; {} at most", limits::VALUE_BYTES_MAX);
    Err(Fault::new(FaultKind::Value, text))
}

/// For people.
fn kind(value: &rquickjs::Value<'_>) -> &'static str {
    match value {
        value if value.is_bool() => "a boolean",
        value if value.is_big_int() => "a BigInt",
        value if value.is_number() => "a number",
        value if value.is_string() => "a string",
        value if value.is_promise() => "a promise",
        value if value.is_array() => "an array",
        value if value.is_function() => "a function",
        _ => "an object",
    }
}
