//! What a rule of eKuiper's does with its rows: commands to devices, and sinks, which are written
//! disabled, without their secrets.

use super::Work;
use super::export::Export;
use super::names;
use super::report::Note;
use super::rule::{Rule, Write};
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};
use tagwerk_model::limits;

/// Sinks as they are put together: one for all rules that send to the same place in the same way.
#[derive(Default)]
pub struct Sinks(BTreeMap<(&'static str, String), BTreeSet<String>>);

impl Sinks {
    fn add(&mut self, kind: &'static str, settings: &Value, rule: &str) {
        self.0.entry((kind, settings.to_string())).or_default().insert(rule.to_owned());
    }

    /// As the configuration has them.
    pub fn into_list(self, told: &mut Vec<Note>) -> Vec<Value> {
        let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
        let mut list = Vec::new();
        for ((kind, settings), rules) in self.0 {
            if list.len() == limits::SINKS_MAX {
                let remedy = "let rules that belong together share a sink";
                told.push(Note::lost("there are more sinks than an edge can have", remedy));
                break;
            }
            let count = counts.entry(kind).or_default();
            *count += 1;
            let name = match *count {
                1 => format!("ekuiper-{kind}"),
                count => format!("ekuiper-{kind}-{count}"),
            };
            let tags: Vec<String> = rules.iter().map(|rule| format!("{rule}/*")).collect();
            let settings: Value = serde_json::from_str(&settings).unwrap_or_default();
            list.push(json!({ "name": name, "kind": kind, "enabled": false, "settings": settings,
                "tags": tags }));
        }
        list
    }
}

/// The actions of a document: kinds with their properties.
fn actions<'a>(document: &'a Value, export: &Export) -> Vec<(&'a str, Map<String, Value>)> {
    let list = document["actions"].as_array().into_iter().flatten();
    let parts = list.filter_map(Value::as_object).flatten();
    let empty = Map::new();
    parts
        .map(|(kind, own)| {
            (kind.as_str(), export.properties(kind, own.as_object().unwrap_or(&empty)))
        })
        .collect()
}

/// Topics in memory, each with the rule that writes to it.
pub fn memory(export: &Export) -> Vec<(String, String)> {
    let mut all = Vec::new();
    for (id, document) in &export.rules {
        for (kind, properties) in actions(document, export) {
            if let ("memory", Some(topic)) = (kind, text(&properties, "topic")) {
                all.push((topic.to_owned(), id.clone()));
            }
        }
    }
    all
}

pub fn read(document: &Value, rule: &mut Rule, work: &mut Work<'_>) {
    for (kind, properties) in actions(document, work.export) {
        match kind {
            "log" | "nop" => {}
            "memory" => memory_sink(&properties, rule),
            "mqtt" => mqtt(&properties, rule, work),
            "rest" => rest(&properties, rule, work),
            "neuron" => neuron(&properties, rule),
            other => {
                let remedy = match other {
                    "influx" | "influx2" | "tdengine" | "tdengine3" | "sql" | "file" => {
                        "history keeps what a rule gives; elsewhere it goes by an HTTP or MQTT sink"
                    }
                    _ => "send it by an HTTP or MQTT sink",
                };
                let text = format!("the action `{other}` has no counterpart");
                rule.notes.push(Note::lost(text, remedy));
            }
        }
    }
    if rule.writes.len() > limits::RULE_ACTIONS_MAX as usize {
        rule.writes.truncate(limits::RULE_ACTIONS_MAX as usize);
        let text = "there are more writes than a rule can have";
        rule.notes.push(Note::lost(text, "divide it into several rules"));
    }
}

fn text<'a>(properties: &'a Map<String, Value>, key: &str) -> Option<&'a str> {
    properties.get(key).and_then(Value::as_str).filter(|text| !text.is_empty())
}

fn memory_sink(properties: &Map<String, Value>, rule: &mut Rule) {
    if text(properties, "topic").is_some_and(|topic| topic.contains("{{")) {
        let text = "rows go to topics in memory by their values";
        rule.notes.push(Note::lost(text, "let other rules choose the rows by WHERE"));
    }
}

fn disabled_sink(kind: &str, rule: &mut Rule) {
    let text =
        format!("what it sends by `{kind}` is what the disabled sink `ekuiper-{kind}…` sends");
    let remedy = "look at its settings and payload, and enable it";
    rule.notes.push(Note::by_hand(text, remedy));
}

/// What of the form of messages is not carried over.
fn payload(properties: &Map<String, Value>, rule: &mut Rule) {
    if text(properties, "dataTemplate").is_some() {
        let remedy = "write it as `format: jq` with a `filter` in the sink's settings";
        rule.notes.push(Note::lost("the sink's dataTemplate is not translated", remedy));
    }
    for key in ["fields", "excludeFields"] {
        if properties.get(key).and_then(Value::as_array).is_some_and(|list| !list.is_empty()) {
            let text = format!("the sink's `{key}` are not translated");
            rule.notes.push(Note::lost(text, "name the tags in the sink's `tags`"));
        }
    }
    for key in ["format", "compression", "encryption"] {
        if let Some(value) = text(properties, key).filter(|value| *value != "json") {
            let text = format!("the sink's {key} `{value}` is not translated");
            rule.notes.push(Note::lost(text, "see what the sink can do instead"));
        }
    }
}

/// Addresses without what is secret in them.
fn address(text: &str) -> Option<String> {
    let (scheme, rest) = text.split_once("://")?;
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    let host = &rest[..end];
    let host = host.rsplit('@').next().unwrap_or(host);
    let plain = !host.is_empty() && !text.contains("{{") && !text.contains(char::is_whitespace);
    plain.then(|| format!("{}://{host}{}", scheme.to_ascii_lowercase(), &rest[end..]))
}

/// How a broker is reached, without what is secret; `None` where that is not known.
pub fn broker(properties: &Map<String, Value>) -> Option<Value> {
    let server = text(properties, "server").and_then(address)?;
    let (scheme, rest) = server.split_once("://")?;
    let secure = matches!(scheme, "ssl" | "tls" | "mqtts" | "tcps");
    let mut host = rest.trim_end_matches('/').to_owned();
    if !host.contains(':') {
        host += if secure { ":8883" } else { ":1883" };
    }
    let scheme = if secure { "mqtts" } else { "mqtt" };
    let mut settings = json!({ "url": format!("{scheme}://{host}") });
    if text(properties, "protocolVersion").is_some_and(|version| version.starts_with('3')) {
        settings["version"] = json!("3.1.1");
    }
    if let Some(name) = text(properties, "username") {
        settings["username"] = json!(name);
    }
    Some(settings)
}

fn mqtt(properties: &Map<String, Value>, rule: &mut Rule, work: &mut Work<'_>) {
    payload(properties, rule);
    let Some(mut settings) = broker(properties) else {
        let text = "the broker that it sends to is not known";
        let remedy = format!("add an MQTT sink with `tags: [\"{}/*\"]`", rule.name);
        rule.notes.push(Note::by_hand(text, remedy));
        return;
    };
    match text(properties, "topic") {
        Some(topic) if topic.contains("{{") || topic.contains(['{', '+', '#']) => {
            let text = "the topic is made of values";
            rule.notes.push(Note::lost(text, "write it in the sink's jq program"));
        }
        Some(topic) => settings["topic"] = json!(topic),
        None => {}
    }
    if let Some(qos @ (0 | 2)) = properties.get("qos").and_then(Value::as_u64) {
        settings["qos"] = json!(qos);
    }
    if let Some(true) = properties.get("retained").and_then(Value::as_bool) {
        settings["retain"] = json!(true);
    }
    secrets(properties, &["password", "privateKeyPath", "certificationPath"], rule);
    work.sinks.add("mqtt", &settings, &rule.name);
    disabled_sink("mqtt", rule);
}

fn secrets(properties: &Map<String, Value>, keys: &[&str], rule: &mut Rule) {
    let given: Vec<&str> =
        keys.iter().copied().filter(|key| properties.contains_key(*key)).collect();
    if !given.is_empty() {
        let text = format!("{} of the sink is left out", given.join(", "));
        rule.notes.push(Note::by_hand(text, "store it as a secret and name it in the settings"));
    }
}

fn rest(properties: &Map<String, Value>, rule: &mut Rule, work: &mut Work<'_>) {
    if let Some(write) = written(properties) {
        write_back(write, rule);
        return;
    }
    payload(properties, rule);
    let url = text(properties, "url").and_then(address);
    let Some(url) = url.filter(|url| url.starts_with("http://") || url.starts_with("https://"))
    else {
        let text = "the address that it sends to is made of values, or not known";
        let remedy = format!("add an HTTP sink with `tags: [\"{}/*\"]`", rule.name);
        rule.notes.push(Note::by_hand(text, remedy));
        return;
    };
    // A query may hold a token.
    let (plain, query) = match url.split_once('?') {
        Some((plain, _)) => (plain.to_owned(), true),
        None => (url, false),
    };
    if query {
        let text = "what stands behind `?` in the sink's address is left out";
        rule.notes.push(Note::by_hand(text, "add what is no secret to the sink's `url`"));
    }
    let mut settings = json!({ "url": plain.replace(['{', '}'], "") });
    let method = text(properties, "method").unwrap_or("get").to_ascii_uppercase();
    match method.as_str() {
        "POST" => {}
        "PUT" | "PATCH" => settings["method"] = json!(method),
        _ => {
            let text = format!("a sink does not send by {method}, but by POST");
            rule.notes.push(Note::changed(text, "choose another address, or another method"));
        }
    }
    let headers = properties.get("headers").and_then(Value::as_object);
    if headers.is_some_and(|headers| !headers.is_empty()) {
        let text = "the sink's headers are left out, since they may be secret";
        rule.notes.push(Note::by_hand(text, "write them in the settings, secrets by their names"));
    }
    secrets(properties, &["oAuth", "privateKeyPath", "certificationPath"], rule);
    work.sinks.add("http", &settings, &rule.name);
    disabled_sink("http", rule);
}

fn neuron(properties: &Map<String, Value>, rule: &mut Rule) {
    if let Some(write) = written(properties) {
        write_back(write, rule);
        return;
    }
    let node = text(properties, "nodeName").filter(|node| !node.contains("{{"));
    let Some(node) = node.filter(|_| properties.get("raw") != Some(&Value::Bool(true))) else {
        let text = "which node and tag it writes to is made of values";
        let remedy = "add `write: { column: …, tag: device/tag }` to the rule's actions for each";
        rule.notes.push(Note::lost(text, remedy));
        return;
    };
    let device = names::tidied(node);
    let tags = properties.get("tags").and_then(Value::as_array).filter(|tags| !tags.is_empty());
    match tags {
        Some(tags) => {
            for tag in tags.iter().filter_map(Value::as_str) {
                let write = Write {
                    column: Some(names::column(tag)),
                    device: device.clone(),
                    tag: Some(names::tag(tag)),
                };
                write_back(write, rule);
            }
        }
        None => write_back(Write { column: None, device, tag: None }, rule),
    }
}

fn write_back(write: Write, rule: &mut Rule) {
    let what = match &write.tag {
        Some(tag) => format!("{}/{tag}", write.device),
        None => format!("each column to its tag of `{}`", write.device),
    };
    let text = format!("it writes {what}");
    let remedy = "see that the device is there, and that the tags may be written";
    rule.notes.push(Note::by_hand(text, remedy));
    if !rule.writes.contains(&write) {
        rule.writes.push(write);
    }
}

/// The command that a template makes: Neuron's `{"node": …, "group": …, "tag": …, "value": {{.x}}}`.
fn written(properties: &Map<String, Value>) -> Option<Write> {
    let template = text(properties, "dataTemplate")?;
    let mut filled = String::new();
    let mut rest = template;
    while let Some((before, after)) = rest.split_once("{{") {
        let (name, after) = after.split_once("}}")?;
        let name = name.trim().strip_prefix('.')?;
        let quoted = before.ends_with('"') && after.starts_with('"');
        let mark = format!("\u{1}{name}");
        filled += before;
        filled += &if quoted { mark } else { format!("\"\\u0001{name}\"") };
        rest = after;
    }
    filled += rest;
    let filled = filled.replace('\u{1}', "\\u0001");
    let command: Value = serde_json::from_str(&filled).ok()?;
    let plain = |key: &str| command[key].as_str().filter(|text| !text.starts_with('\u{1}'));
    let column = command["value"].as_str()?.strip_prefix('\u{1}')?;
    let node = plain("node").or(plain("node_name"))?;
    let tag = plain("tag").or(plain("tag_name"))?;
    let (column, tag) = (Some(names::column(column)), Some(names::tag(tag)));
    Some(Write { column, device: names::tidied(node), tag })
}
