//! What was heard on a broker within some seconds: topics, and the fields of an example of each.

use crate::Shape;
use crate::address::written;
use crate::convert;
use crate::inbox::Arrived;
use crate::payload::{Form, Format, Message, Row, Rows};
use serde_json::Value as Json;
use std::collections::BTreeMap;
use std::ops::Bound;
use std::time::Duration;
use tagwerk_component::{BrowseNode, BrowsePage, BrowseRequest};
use tagwerk_model::{DataType, Value, limits};

/// How long to listen.
pub const LISTEN: Duration = Duration::from_secs(5);
/// Topics remembered. More: the rest is not shown.
const TOPICS_MAX: usize = 1_000;
/// Payloads remembered, all together. More: topics are shown without their fields.
const EXAMPLES_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Letters of a payload that are shown with its topic.
const SHOWN_MAX: usize = 80;

/// An example of each topic that was heard.
#[derive(Default)]
pub struct Seen {
    topics: BTreeMap<String, Option<Arrived>>,
    bytes: usize,
}

impl Seen {
    pub fn knows(&self, topic: &str) -> bool {
        self.topics.contains_key(topic)
    }

    /// What was heard of a device's topics, in the place of what was heard before.
    pub fn take<'a>(&mut self, shape: &Shape, heard: impl Iterator<Item = &'a Arrived>) {
        *self = Seen::default();
        for arrived in heard {
            if !shape.filters.iter().any(|filter| filter.fits(&arrived.topic))
                || (self.topics.len() >= TOPICS_MAX && !self.knows(&arrived.topic))
            {
                continue;
            }
            let place = self.topics.entry(arrived.topic.clone()).or_default();
            let before = place.take().map_or(0, |old| old.message().payload.len());
            let bytes = self.bytes - before + arrived.message().payload.len();
            if bytes <= EXAMPLES_BYTES_MAX {
                *place = Some(arrived.clone());
                self.bytes = bytes;
            } else {
                self.bytes -= before;
            }
        }
    }

    pub fn page(&self, shape: &Shape, request: &BrowseRequest<'_>) -> BrowsePage {
        match request.from {
            "" => self.topics(request.after),
            topic => {
                let example = self.topics.get(topic).and_then(Option::as_ref);
                let nodes = example.map(|arrived| fields(&arrived.message(), &shape.form));
                BrowsePage { nodes: nodes.unwrap_or_default(), more: None }
            }
        }
    }

    fn topics(&self, after: Option<&str>) -> BrowsePage {
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        let mut found = self.topics.range::<str, _>((from, Bound::Unbounded));
        let nodes: Vec<BrowseNode> = found
            .by_ref()
            .take(limits::PAGE_ITEMS_MAX)
            .map(|(topic, example)| BrowseNode {
                id: topic.clone(),
                name: topic.clone(),
                inside: true,
                description: example.as_ref().map(|arrived| shown(arrived.message().payload)),
                ..BrowseNode::default()
            })
            .collect();
        let more = found.next().and_then(|_| nodes.last()).map(|node| node.name.clone());
        BrowsePage { nodes, more }
    }
}

/// What a tag can be of a message like this one.
fn fields(message: &Message<'_>, form: &Form) -> Vec<BrowseNode> {
    let rows = Rows::of(message, form);
    let mut nodes = Vec::new();
    if let Some(Row::Document(document)) = rows.iter().next() {
        let mut steps = Vec::new();
        leaves(document, &mut steps, &mut nodes);
    }
    let text = |address: &str, value: &str| BrowseNode {
        id: address.to_owned(),
        name: address.to_owned(),
        address: Some(address.to_owned()),
        data_type: Some(DataType::Text),
        value: Some(Value::Text(value.into())),
        ..BrowseNode::default()
    };
    if nodes.is_empty() {
        let data_type = match form.format {
            Format::Bytes => DataType::Bytes,
            Format::Json | Format::Text => DataType::Text,
        };
        let payload = text("$payload", &shown(message.payload));
        nodes.push(BrowseNode { data_type: Some(data_type), ..payload });
    }
    nodes.push(text("$topic", message.topic));
    nodes
}

/// For fuzzing: whatever the message is, its fields are addresses.
pub fn of_any(message: &Message<'_>, form: &Form) {
    for node in fields(message, form) {
        let read = node.address.as_deref().map(crate::address::Source::parse);
        // A control character in a name has no address; the place is shown all the same.
        assert!(read.is_some_and(|read| read.is_ok() || node.name.contains(char::is_control)));
    }
}

/// The values inside, each with its place.
fn leaves(json: &Json, steps: &mut Vec<String>, nodes: &mut Vec<BrowseNode>) {
    if nodes.len() >= limits::PAGE_ITEMS_MAX {
        return;
    }
    let data_type = convert::suggested(json);
    let inside: Vec<(String, &Json)> = match json {
        Json::Object(fields) => fields.iter().map(|(name, inner)| (name.clone(), inner)).collect(),
        // A list of plain values is one value.
        Json::Array(items) if data_type.is_none() => {
            items.iter().enumerate().map(|(place, inner)| (place.to_string(), inner)).collect()
        }
        _ => Vec::new(),
    };
    if inside.is_empty() && !steps.is_empty() {
        let address = written(steps);
        nodes.push(BrowseNode {
            id: address.clone(),
            name: address.clone(),
            address: Some(address),
            data_type: Some(data_type.unwrap_or(DataType::Text)),
            value: data_type.and_then(|data_type| convert::of_json(json, data_type).ok()),
            ..BrowseNode::default()
        });
    }
    for (step, inner) in inside {
        steps.push(step);
        leaves(inner, steps, nodes);
        steps.pop();
    }
}

fn shown(payload: &[u8]) -> String {
    let text = String::from_utf8_lossy(&payload[..payload.len().min(4 * SHOWN_MAX)]).into_owned();
    let mut letters = text.chars().map(|c| if c.is_control() { ' ' } else { c });
    let mut shown: String = letters.by_ref().take(SHOWN_MAX).collect();
    if letters.next().is_some() {
        shown.push('…');
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(payload: &str, format: Format) -> Vec<(String, Option<DataType>)> {
        let message = Message { topic: "a/b", payload: payload.as_bytes(), qos: 0, retain: false };
        let nodes = fields(&message, &Form { format, time: None });
        nodes.into_iter().map(|node| (node.address.unwrap(), node.data_type)).collect()
    }

    #[test]
    fn the_fields_of_an_example_are_addresses() {
        let payload = r#"[{"t": 21.5, "on": true, "in": {"a.b": 1, "list": [1, 2], "rows": [{"x": "y"}]},
            "none": null}, {"never": 1}]"#;
        let expected = [
            ("/in/a.b", DataType::Int64),
            ("in.list", DataType::List),
            ("in.rows.0.x", DataType::Text),
            ("none", DataType::Text),
            ("on", DataType::Bool),
            ("t", DataType::Float64),
            ("$topic", DataType::Text),
        ];
        let expected = expected.map(|(address, of)| (address.to_owned(), Some(of)));
        assert_eq!(found(payload, Format::Json), expected);
        let whole = |of| {
            vec![("$payload".to_owned(), Some(of)), ("$topic".to_owned(), Some(DataType::Text))]
        };
        assert_eq!(found("21.5", Format::Json), whole(DataType::Text));
        assert_eq!(found("no json", Format::Json), whole(DataType::Text));
        assert_eq!(found("{}", Format::Bytes), whole(DataType::Bytes));
    }
}
