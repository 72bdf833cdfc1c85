//! A command as a message: where it is published, and the value within its payload.

use crate::address::Wrong;
use tagwerk_model::{DataType, Value};

/// What stands for the value.
const PLACE: &str = "$value";

/// How a tag is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Command {
    pub topic: String,
    /// The payload with [`PLACE`] in it; without, the value is the payload.
    template: Option<String>,
}

/// A writable tag, as a session is told of it.
pub struct Order {
    pub command: Command,
    pub data_type: DataType,
}

impl Command {
    /// What stands behind `>` in an address.
    pub fn parse(text: &str) -> Result<Command, Wrong> {
        let (topic, template) = match text.split_once(" = ") {
            Some((topic, template)) => (topic.trim(), Some(template.trim().to_owned())),
            None => (text.trim(), None),
        };
        if let Some(problem) = tagwerk_mqtt::topic_problem(topic) {
            return Err(Wrong::new(problem, "name one topic, such as `> plant/boiler/set`"));
        }
        if topic.ends_with(" =") || template.as_ref().is_some_and(|t| !t.contains(PLACE)) {
            return Err(Wrong::new(
                "the payload of its command has no place for the value",
                "write `$value` where the value is to stand, such as `= {\"target\": $value}`",
            ));
        }
        Ok(Command { topic: topic.to_owned(), template })
    }
}

impl Order {
    pub fn payload(&self, value: &Value) -> Vec<u8> {
        let mut json = Vec::new();
        value.as_ref().write_json(self.data_type, &mut json);
        match (&self.command.template, value) {
            (None, Value::Text(text)) => text.as_bytes().to_vec(),
            (None, Value::Bytes(bytes)) => bytes.to_vec(),
            (None, _) => json,
            (Some(template), _) => {
                template.replace(PLACE, &String::from_utf8_lossy(&json)).into_bytes()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_put_into_payloads() {
        let text = Value::Text("a\"b".into());
        for (address, data_type, value, expected) in [
            ("t", DataType::Float64, Value::F64(21.5), "21.5"),
            ("t", DataType::Bool, Value::Bool(true), "true"),
            ("t", DataType::Uint64, Value::U64(u64::MAX), "18446744073709551615"),
            ("t", DataType::Text, text.clone(), "a\"b"),
            ("t = $value", DataType::Text, text.clone(), "\"a\\\"b\""),
            (
                "t = {\"v\": $value, \"w\": $value}",
                DataType::Int8,
                Value::I64(-1),
                "{\"v\": -1, \"w\": -1}",
            ),
            ("t", DataType::Bytes, Value::Bytes([1, 255].into()), "\u{1}\u{fffd}"),
            ("t = {$value}", DataType::Bytes, Value::Bytes([1, 255].into()), "{\"01ff\"}"),
        ] {
            let order = Order { command: Command::parse(address).unwrap(), data_type };
            let payload = order.payload(&value);
            assert_eq!(String::from_utf8_lossy(&payload), expected, "{address}");
        }
        for wrong in ["", "a/#", "t = {}", "t = "] {
            assert!(Command::parse(wrong).is_err(), "{wrong}");
        }
    }
}
