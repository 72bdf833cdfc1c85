//! A message as rows, and the values of tags in a row. Any bytes make rows: what cannot be read is a
//! row whose values out of the payload are bad.

use crate::address::Source;
use crate::convert::{self, Bad};
use crate::time::TimeOf;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use tagwerk_model::{DataType, Quality, Value, limits};

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[schemars(inline)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// An object is one row, an array of objects a row for each, in their order.
    #[default]
    Json,
    /// One value as text, such as `21.5` or `true`, at the address `$payload`.
    Text,
    /// Bytes as they are, at the address `$payload`; as hex for a tag of the type `text`.
    Bytes,
}

/// How the payloads of a device are read.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Form {
    pub format: Format,
    pub time: Option<TimeOf>,
}

/// A readable tag of a group.
pub struct Point {
    /// The tag's place in its group.
    pub index: u32,
    pub source: Source,
    pub data_type: DataType,
}

/// What arrived.
#[derive(Clone, Copy, Debug)]
pub struct Message<'a> {
    pub topic: &'a str,
    pub payload: &'a [u8],
    pub qos: u8,
    pub retain: bool,
}

/// The payload of a message, read.
#[derive(Debug)]
pub enum Rows {
    /// One row each.
    Documents(Vec<Json>),
    /// One row, of a payload that has no fields.
    Plain,
    /// One row, of a payload that is not what the format says.
    Unreadable(Bad),
}

/// One row of a message.
#[derive(Clone, Copy)]
pub enum Row<'a> {
    Document(&'a Json),
    Plain,
    Unreadable(&'a Bad),
}

impl Rows {
    pub fn of(message: &Message<'_>, form: &Form) -> Rows {
        let length = message.payload.len();
        if length > limits::MESSAGE_BYTES_MAX {
            let max = limits::MESSAGE_BYTES_MAX;
            let reason = format!("a payload of {length} bytes, at most {max} are read");
            return Rows::Unreadable(Bad::new(Quality::BAD_OUT_OF_RANGE, reason));
        }
        if form.format != Format::Json {
            return Rows::Plain;
        }
        if message.payload.iter().all(u8::is_ascii_whitespace) {
            return Rows::Unreadable(Bad::new(Quality::BAD_NO_DATA, "the payload is empty"));
        }
        match serde_json::from_slice(message.payload) {
            Ok(Json::Array(items)) if items.iter().all(Json::is_object) => of_items(items),
            Ok(document) => Rows::Documents(vec![document]),
            Err(error) => {
                let reason = format!("the payload is not JSON: {error}");
                Rows::Unreadable(Bad::new(Quality::BAD_ENCODING, reason))
            }
        }
    }

    pub fn iter(&self) -> impl Iterator<Item = Row<'_>> {
        let (documents, other) = match self {
            Rows::Documents(documents) => (documents.as_slice(), None),
            Rows::Plain => (&[][..], Some(Row::Plain)),
            Rows::Unreadable(bad) => (&[][..], Some(Row::Unreadable(bad))),
        };
        documents.iter().map(Row::Document).chain(other)
    }

    /// Why the payload cannot be read.
    pub fn problem(&self) -> Option<&str> {
        match self {
            Rows::Unreadable(bad) => Some(&bad.reason),
            Rows::Documents(_) | Rows::Plain => None,
        }
    }
}

fn of_items(items: Vec<Json>) -> Rows {
    let (count, max) = (items.len(), limits::MESSAGE_ROWS_MAX);
    if count > max {
        let reason = format!("an array of {count} rows, at most {max} are read");
        return Rows::Unreadable(Bad::new(Quality::BAD_OUT_OF_RANGE, reason));
    }
    Rows::Documents(items)
}

impl Row<'_> {
    /// The value of a tag in this row of the message.
    pub fn value(self, message: &Message<'_>, point: &Point, format: Format) -> Result<Value, Bad> {
        let data_type = point.data_type;
        match &point.source {
            Source::Topic => convert::of_text(message.topic, data_type),
            Source::Level(level) => match message.topic.split('/').nth(*level) {
                Some(part) => convert::of_text(part, data_type),
                None => Err(Bad::new(Quality::BAD_NO_DATA, "the topic has fewer levels")),
            },
            Source::Retain => Ok(Value::Bool(message.retain)),
            Source::Qos => convert::of_text(&message.qos.to_string(), data_type),
            Source::Payload => self.whole(message, data_type, format),
            Source::Field(steps) => match self {
                Row::Document(document) => match find(document, steps) {
                    Some(found) => convert::of_json(found, data_type),
                    None => Err(Bad::new(Quality::BAD_NO_DATA, "the message has no such field")),
                },
                Row::Unreadable(bad) => Err(bad.clone()),
                Row::Plain => Err(Bad::new(Quality::BAD_NO_DATA, "the payload has no fields")),
            },
        }
    }

    fn whole(
        self,
        message: &Message<'_>,
        data_type: DataType,
        format: Format,
    ) -> Result<Value, Bad> {
        let raw = matches!(data_type, DataType::Text | DataType::Bytes);
        match self {
            Row::Unreadable(bad) if !raw || message.payload.len() > limits::VALUE_BYTES_MAX => {
                Err(bad.clone())
            }
            Row::Document(document) if !raw => convert::of_json(document, data_type),
            _ => raw_value(message.payload, data_type, format),
        }
    }

    pub fn time(self, form: &Form) -> Option<Result<i64, &'static str>> {
        let time = form.time.as_ref()?;
        let Row::Document(document) = self else { return Some(Err("the payload has no fields")) };
        Some(time.read(document).ok_or("the field of the time is missing or says none"))
    }
}

fn raw_value(payload: &[u8], data_type: DataType, format: Format) -> Result<Value, Bad> {
    if data_type == DataType::Bytes {
        let (length, max) = (payload.len(), limits::VALUE_BYTES_MAX);
        if length > max {
            let reason = format!("a payload of {length} bytes, a value has at most {max}");
            return Err(Bad::new(Quality::BAD_OUT_OF_RANGE, reason));
        }
        return Ok(Value::Bytes(payload.into()));
    }
    if format == Format::Bytes {
        return convert::of_text(&convert::hex(payload), data_type);
    }
    match std::str::from_utf8(payload) {
        Ok(text) => convert::of_text(text, data_type),
        Err(_) => Err(Bad::new(Quality::BAD_ENCODING, "the payload is not text in UTF-8")),
    }
}

/// What the steps lead to.
pub fn find<'a>(document: &'a Json, steps: &[Box<str>]) -> Option<&'a Json> {
    steps.iter().try_fold(document, |at, step| match at {
        Json::Object(fields) => fields.get(&**step),
        // A place as of RFC 6901, section 4: no sign, no leading zero.
        Json::Array(items) if step.len() == 1 || !step.starts_with('0') => {
            let digits = step.bytes().all(|byte| byte.is_ascii_digit());
            items.get(step.parse::<usize>().ok().filter(|_| digits)?)
        }
        _ => None,
    })
}

#[cfg(test)]
mod tests;
