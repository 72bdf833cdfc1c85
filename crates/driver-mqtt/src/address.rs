//! What a user writes as a tag's address: where the value stands in a message, and how it is sent.

use crate::command::Command;
use crate::payload::Format;
use tagwerk_component::{AddressForm, TagRequest};
use tagwerk_model::{DataType, Kind};

/// In the order of the reference page.
pub const FORMS: &[AddressForm] = &[
    AddressForm {
        form: "NAME.NAME.NUMBER",
        meaning: "a field of the JSON payload, by names and places in lists",
        example: "motor.current.0",
    },
    AddressForm {
        form: "/NAME/NUMBER",
        meaning: "the same as a JSON pointer (RFC 6901), for names with dots or spaces",
        example: "/motor/current/0",
    },
    AddressForm { form: "$payload", meaning: "the whole payload", example: "$payload" },
    AddressForm { form: "$topic", meaning: "the message's topic", example: "$topic" },
    AddressForm {
        form: "$topic/LEVEL",
        meaning: "one level of the topic, counted from 1",
        example: "$topic/2",
    },
    AddressForm {
        form: "$retain",
        meaning: "whether the broker had kept the message",
        example: "$retain",
    },
    AddressForm { form: "$qos", meaning: "the message's quality of service", example: "$qos" },
    AddressForm {
        form: "READ > TOPIC",
        meaning: "a write publishes the value to TOPIC, a text as it is, anything else as JSON; \
                  without READ the tag is only written",
        example: "> plant/boiler/set",
    },
    AddressForm {
        form: "READ > TOPIC = PAYLOAD",
        meaning: "a write publishes PAYLOAD with the value as JSON in the place of `$value`",
        example: "target > plant/boiler/set = {\"target\": $value}",
    },
];

const REMEDY: &str = "write a field such as `motor.current` or `/motor/current`, or `$payload`, \
                      `$topic`, `$topic/2`, `$retain` or `$qos`";

/// What is wrong with an address, and what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wrong {
    pub problem: String,
    pub remedy: String,
}

impl Wrong {
    pub fn new(problem: impl Into<String>, remedy: impl Into<String>) -> Wrong {
        Wrong { problem: problem.into(), remedy: remedy.into() }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    pub source: Option<Source>,
    pub command: Option<Command>,
}

/// Where a value stands in a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// Steps into the payload's JSON, from outside.
    Field(Box<[Box<str>]>),
    Payload,
    Topic,
    /// Counted from 0.
    Level(usize),
    Retain,
    Qos,
}

impl Address {
    pub fn parse(text: &str) -> Result<Address, Wrong> {
        let (read, write) = match text.split_once('>') {
            Some((read, write)) if read.is_empty() || read.ends_with(' ') => (read, Some(write)),
            _ => (text, None),
        };
        let command = write.map(Command::parse).transpose()?;
        let read = read.trim();
        let source = match (read, &command) {
            ("", Some(_)) => None,
            ("", None) => return Err(Wrong::new("there is no address", REMEDY)),
            (read, _) => Some(Source::parse(read)?),
        };
        Ok(Address { source, command })
    }

    /// Whether a tag can have this address.
    pub fn check(&self, tag: &TagRequest<'_>, format: Format) -> Result<(), Wrong> {
        match &self.source {
            Some(source) if tag.read => source.check(tag.data_type, format)?,
            None if tag.read => {
                return Err(Wrong::new(
                    "it says where to write, and not what to read",
                    "give the tag the access `write`, or write a field before `>`",
                ));
            }
            _ => {}
        }
        if tag.write && self.command.is_none() {
            return Err(Wrong::new(
                "a tag that is written needs the topic of its command",
                "add it, such as `… > plant/boiler/set`, or give the tag the access `read`",
            ));
        }
        Ok(())
    }
}

impl Source {
    pub fn parse(text: &str) -> Result<Source, Wrong> {
        if let Some(word) = text.strip_prefix('$') {
            return match word.split_once('/') {
                None if word == "payload" => Ok(Source::Payload),
                None if word == "topic" => Ok(Source::Topic),
                None if word == "retain" => Ok(Source::Retain),
                None if word == "qos" => Ok(Source::Qos),
                Some(("topic", level)) => match level.parse::<u16>() {
                    Ok(level) if level > 0 => Ok(Source::Level(usize::from(level) - 1)),
                    _ => Err(Wrong::new(
                        format!("`{level}` is not a level of a topic"),
                        "count levels from 1, such as `$topic/2`",
                    )),
                },
                _ => Err(Wrong::new("a message has no such part", REMEDY)),
            };
        }
        let steps = match text.strip_prefix('/') {
            Some(pointer) => pointer.split('/').map(unescaped).collect(),
            None => dotted(text),
        };
        let steps: Option<Vec<Box<str>>> = steps;
        let wrong = || Wrong::new("it is not the place of a value in a message", REMEDY);
        Ok(Source::Field(steps.ok_or_else(wrong)?.into()))
    }

    fn check(&self, data_type: DataType, format: Format) -> Result<(), Wrong> {
        let whole = matches!(data_type.kind(), Kind::I64 | Kind::U64);
        let fits = match self {
            Source::Field(_) if format != Format::Json => {
                return Err(Wrong::new(
                    "a payload that is not JSON has no fields",
                    "use `$payload`, or set `format: json`",
                ));
            }
            Source::Field(_) => true,
            Source::Payload if format == Format::Bytes => {
                matches!(data_type, DataType::Bytes | DataType::Text)
            }
            Source::Payload => format == Format::Json || data_type != DataType::List,
            Source::Topic => data_type == DataType::Text,
            Source::Level(_) => !matches!(data_type, DataType::Bytes | DataType::List),
            Source::Retain => data_type == DataType::Bool,
            Source::Qos => whole,
        };
        if fits {
            return Ok(());
        }
        Err(Wrong::new(format!("it cannot be a `{data_type}`"), self.types(format)))
    }

    fn types(&self, format: Format) -> &'static str {
        match self {
            Source::Payload if format == Format::Bytes => "use the type `bytes`, or `text` for hex",
            Source::Payload => "use another type, or `format: json`",
            Source::Topic => "use the type `text`",
            Source::Retain => "use the type `bool`",
            Source::Qos => "use a type of whole numbers, such as `uint8`",
            Source::Level(_) | Source::Field(_) => "use the type `text`, `bool` or one of numbers",
        }
    }
}

/// One step of a JSON pointer, with `~0` and `~1` for `~` and `/`.
fn unescaped(step: &str) -> Option<Box<str>> {
    let mut out = String::with_capacity(step.len());
    let mut letters = step.chars();
    while let Some(letter) = letters.next() {
        match (letter, letter == '~') {
            (_, true) => out.push(match letters.next()? {
                '0' => '~',
                '1' => '/',
                _ => return None,
            }),
            (letter, _) if letter.is_control() => return None,
            (letter, _) => out.push(letter),
        }
    }
    Some(out.into())
}

fn dotted(text: &str) -> Option<Vec<Box<str>>> {
    let is_name = |step: &str| {
        step.starts_with(|c: char| c.is_alphabetic() || c == '_')
            && step.chars().all(|c| c.is_alphabetic() || c.is_ascii_digit() || "_-".contains(c))
    };
    let is_place = |step: &str| step.len() <= 9 && step.bytes().all(|b| b.is_ascii_digit());
    let mut steps = text.split('.').enumerate();
    let good =
        steps.all(|(at, step)| !step.is_empty() && (is_name(step) || (at > 0 && is_place(step))));
    good.then(|| text.split('.').map(Into::into).collect())
}

/// How a field is written as an address: with dots where that is possible.
pub fn written(steps: &[String]) -> String {
    let plain = steps.join(".");
    if dotted(&plain).is_some_and(|read| read.len() == steps.len()) {
        return plain;
    }
    let escaped = steps.iter().map(|step| step.replace('~', "~0").replace('/', "~1"));
    escaped.fold(String::new(), |out, step| out + "/" + &step)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field(steps: &[&str]) -> Option<Source> {
        Some(Source::Field(steps.iter().map(|step| Box::from(*step)).collect()))
    }

    #[test]
    fn addresses_are_read() {
        for (text, expected) in [
            ("a", field(&["a"])),
            ("a.b-c.0", field(&["a", "b-c", "0"])),
            ("größe._x1", field(&["größe", "_x1"])),
            ("/a b/~0~1/0", field(&["a b", "~/", "0"])),
            ("/", field(&[""])),
            ("/0", field(&["0"])),
            ("$payload", Some(Source::Payload)),
            ("$topic", Some(Source::Topic)),
            ("$topic/1", Some(Source::Level(0))),
            ("$retain", Some(Source::Retain)),
            ("$qos", Some(Source::Qos)),
        ] {
            let read = Address::parse(text).unwrap();
            assert_eq!((read.source, read.command), (expected, None), "{text}");
        }
        let both = Address::parse("a.b > c/d e = {\"v\": $value}").unwrap();
        assert_eq!(both.source, field(&["a", "b"]));
        assert_eq!(both.command.unwrap().topic, "c/d e");
        assert_eq!(Address::parse("> c").unwrap().source, None);
        assert_eq!(Address::parse("/a>b").unwrap().source, field(&["a>b"]));
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for wrong in [
            "",
            "a..b",
            ".a",
            "a.",
            "1",
            "a b",
            "a/b",
            "/~2",
            "/~",
            "$",
            "$topic/0",
            "$topic/x",
            "$no",
            "$payload/1",
            "½",
            "a > ",
            "a > b/+",
            "a > b = ",
            "/a\0",
        ] {
            assert!(Address::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_field_is_written_as_it_is_read() {
        for (steps, text) in [
            (&["a", "0", "b"][..], "a.0.b"),
            (&["a.b"], "/a.b"),
            (&["0"], "/0"),
            (&["", "x/y~"], "//x~1y~0"),
        ] {
            let steps: Vec<String> = steps.iter().map(|step| (*step).to_owned()).collect();
            assert_eq!(written(&steps), text);
            let read = Source::parse(text).unwrap();
            let expected = steps.iter().map(|step| Box::from(step.as_str())).collect();
            assert_eq!(read, Source::Field(expected));
        }
    }
}
