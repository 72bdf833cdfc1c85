//! What the fuzz target calls: the reader of payloads, with everything that it may meet.

use crate::address::{Address, Source};
use crate::browse;
use crate::payload::{Form, Format, Message, Point, Rows};
use crate::time::{TimeOf, TimeUnit};
use tagwerk_model::{DataType, Kind};

/// An address on the first line, the topic on the second, the payload behind. Must never panic, and
/// never give a value of another type than the tag's.
pub fn message(bytes: &[u8]) {
    let mut parts = bytes.splitn(3, |byte| *byte == b'\n');
    let mut part = || parts.next().unwrap_or_default();
    let (address, topic, payload) = (part(), part(), part());
    let address = String::from_utf8_lossy(address);
    let topic = String::from_utf8_lossy(topic);
    let source = Address::parse(&address).ok().and_then(|address| address.source);
    let source = source.unwrap_or(Source::Payload);
    let message = Message { topic: &topic, payload, qos: 1, retain: false };
    for format in [Format::Json, Format::Text, Format::Bytes] {
        let time = TimeOf { source: source.clone(), unit: TimeUnit::Ms };
        let form = Form { format, time: Some(time) };
        let rows = Rows::of(&message, &form);
        for row in rows.iter().take(3) {
            let _ = row.time(&form);
            for data_type in DataType::ALL {
                let point = Point { index: 0, source: source.clone(), data_type };
                let Ok(value) = row.value(&message, &point, format) else { continue };
                let stands_beside = matches!(source, Source::Retain);
                assert!(stands_beside || value.kind() == data_type.kind(), "{value:?} {data_type}");
                if let Kind::F64 = value.kind() {
                    assert!(value.as_ref().as_f64().is_some_and(f64::is_finite));
                }
            }
        }
        browse::of_any(&message, &form);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn any_message_is_borne(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
            super::message(&bytes);
        }

        #[test]
        fn messages_that_look_right_are_borne(
            address in "[$/]?(payload|topic|a|b)?([./][a0-9]{1,3}){0,2}( > a)?",
            topic in "[a-c0-9$]{0,3}(/[a-c0-9]{0,3}){0,3}",
            payload in "[\\[{]{0,3}\"?(a|b|0)?\"?[:,]?[-0-9eE.]{0,25}[\"truefalsn]{0,5}[\\]}]{0,3}",
        ) {
            super::message(format!("{address}\n{topic}\n{payload}").as_bytes());
        }
    }
}
