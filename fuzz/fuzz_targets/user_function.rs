//! Functions in JavaScript: reading and calling end, with a value of the type or a fault. The first bytes say
//! what it takes and gives, the rest is its text.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tagwerk_env::Env;
use tagwerk_model::{DataType, Value, ValueRef};
use tagwerk_script::{Script, Signature};

const TYPES: [DataType; 6] = [
    DataType::Bool,
    DataType::Int64,
    DataType::Uint64,
    DataType::Float64,
    DataType::Text,
    DataType::Bytes,
];

fuzz_target!(|bytes: &[u8]| {
    let Some(([takes, gives, body], rest)) = bytes.split_first_chunk::<3>() else { return };
    let of = |byte: &u8| TYPES[usize::from(*byte) % TYPES.len()];
    let (takes, returns) = (of(takes), of(gives));
    let text = String::from_utf8_lossy(rest);
    let source = match body % 2 {
        0 => format!("function f(x) {{ {text}\n }}"),
        _ => text.clone().into_owned(),
    };
    let signature = Signature { arguments: vec![takes], returns };
    let Ok(script) = Script::compile(Env::system().clock, "f", &source, signature) else { return };
    let given = match takes {
        DataType::Bool => ValueRef::Bool(true),
        DataType::Int64 => ValueRef::I64(i64::MIN),
        DataType::Uint64 => ValueRef::U64(u64::MAX),
        DataType::Float64 => ValueRef::F64(0.1),
        DataType::Text => ValueRef::Text(&text),
        _ => ValueRef::Bytes(rest),
    };
    for argument in [Some(given), None, Some(given)] {
        let Ok(Some(value)) = script.call(&[argument]) else { continue };
        let fits = match value {
            Value::Bool(_) => returns == DataType::Bool,
            Value::I64(_) => returns == DataType::Int64,
            Value::U64(_) => returns == DataType::Uint64,
            Value::F64(number) => returns == DataType::Float64 && number.is_finite(),
            Value::Text(_) => returns == DataType::Text,
            Value::Bytes(_) => returns == DataType::Bytes,
            Value::List(_) => false,
        };
        assert!(fits, "{value:?} is no {returns}");
    }
});
