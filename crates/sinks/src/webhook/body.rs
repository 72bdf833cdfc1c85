//! What a notice becomes in a request: text with placeholders, wherever it stands in the body. Pure.

use crate::template::{Problem, Template};
use serde_json::{Map, Value, json};
use std::borrow::Cow;
use tagwerk_component::{Notice, NoticeAlarm};

/// What a text of the settings may hold.
pub const PLACEHOLDERS: &[&str] = &[
    "subject", "message", "edge", "route", "time", "count", "event", "alarm", "device", "tag",
    "priority", "state", "value", "unit", "raised", "text", "response", "link", "id",
];

/// A body with placeholders in its texts.
#[derive(Clone, Debug)]
pub enum Body {
    /// All that is known, as JSON.
    All,
    Text(Template),
    Json(Json),
}

#[derive(Clone, Debug)]
pub enum Json {
    Text(Template),
    List(Vec<Json>),
    Map(Vec<(String, Json)>),
    /// What holds no text.
    Plain(Value),
}

/// A text that is no template, and where it stands.
pub type Wrong = (Vec<String>, Problem);

impl Body {
    pub fn parse(value: Option<&Value>) -> Result<Body, Wrong> {
        Ok(match value {
            None | Some(Value::Null) => Body::All,
            Some(Value::String(text)) => Body::Text(parse(text, &[])?),
            Some(other) => Body::Json(Json::parse(other, &mut Vec::new())?),
        })
    }

    /// The bytes of the body and their media type.
    pub fn fill(&self, notice: &Notice) -> (String, &'static str) {
        const JSON: &str = "application/json";
        match self {
            Body::All => (all(notice).to_string(), JSON),
            Body::Text(text) => {
                (text.render(|name| value(notice, name)), "text/plain; charset=utf-8")
            }
            Body::Json(json) => (json.fill(notice).to_string(), JSON),
        }
    }
}

impl Json {
    fn parse(value: &Value, place: &mut Vec<String>) -> Result<Json, Wrong> {
        let mut below = |step: String, value: &Value| {
            place.push(step);
            let parsed = Json::parse(value, place);
            place.pop();
            parsed
        };
        Ok(match value {
            Value::String(text) if text.is_empty() => Json::Plain(value.clone()),
            Value::String(text) => Json::Text(parse(text, place)?),
            Value::Array(items) => {
                let items = items.iter().enumerate();
                Json::List(items.map(|(i, v)| below(i.to_string(), v)).collect::<Result<_, _>>()?)
            }
            Value::Object(map) => {
                let pairs = map.iter().map(|(key, v)| Ok((key.clone(), below(key.clone(), v)?)));
                Json::Map(pairs.collect::<Result<_, Wrong>>()?)
            }
            plain => Json::Plain(plain.clone()),
        })
    }

    fn fill(&self, notice: &Notice) -> Value {
        match self {
            Json::Text(text) => text.render(|name| value(notice, name)).into(),
            Json::List(items) => items.iter().map(|item| item.fill(notice)).collect(),
            Json::Map(pairs) => {
                let pairs = pairs.iter().map(|(key, item)| (key.clone(), item.fill(notice)));
                Value::Object(pairs.collect::<Map<_, _>>())
            }
            Json::Plain(plain) => plain.clone(),
        }
    }
}

fn parse(text: &str, place: &[String]) -> Result<Template, Wrong> {
    Template::parse(text, PLACEHOLDERS).map_err(|problem| (place.to_vec(), problem))
}

/// Of several alarms, the most urgent one's.
pub fn value<'a>(notice: &'a Notice, name: &str) -> Cow<'a, str> {
    let count = notice.alarms.len() as u64 + notice.more;
    let of = |part: fn(&NoticeAlarm) -> &str| notice.alarms.first().map_or("", part).into();
    match name {
        "subject" => (&*notice.subject).into(),
        "message" => (&*notice.message).into(),
        "edge" => (&*notice.edge).into(),
        "route" => (&*notice.route).into(),
        "time" => (&*notice.time).into(),
        "count" => count.to_string().into(),
        "link" => notice.link.as_deref().unwrap_or_default().into(),
        "id" => (&*notice.id).into(),
        "event" => of(|alarm| &alarm.event),
        "alarm" => of(|alarm| &alarm.alarm),
        "device" => of(|alarm| &alarm.device),
        "tag" => of(|alarm| &alarm.tag),
        "priority" => of(|alarm| &alarm.priority),
        "state" => of(|alarm| &alarm.state),
        "value" => of(|alarm| alarm.value.as_deref().unwrap_or_default()),
        "unit" => of(|alarm| alarm.unit.as_deref().unwrap_or_default()),
        "raised" => of(|alarm| &alarm.raised),
        "text" => of(|alarm| alarm.text.as_deref().unwrap_or_default()),
        _ => of(|alarm| alarm.response.as_deref().unwrap_or_default()),
    }
}

fn all(notice: &Notice) -> Value {
    json!({
        "id": notice.id,
        "edge": notice.edge,
        "route": notice.route,
        "time": notice.time,
        "subject": notice.subject,
        "message": notice.message,
        "count": notice.alarms.len() as u64 + notice.more,
        "alarms": notice.alarms,
        "link": notice.link,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn notice() -> Notice {
        Notice {
            subject: "a \"b\"\n{edge}".into(),
            edge: "e".into(),
            alarms: vec![NoticeAlarm {
                alarm: "hot".into(),
                value: Some("120".into()),
                unit: Some("°C".into()),
                ..NoticeAlarm::default()
            }],
            more: 2,
            ..Notice::default()
        }
    }

    fn fill(body: Value) -> String {
        Body::parse(Some(&body)).unwrap().fill(&notice()).0
    }

    #[test]
    fn placeholders_are_filled_wherever_they_stand() {
        assert_eq!(fill(json!("{alarm}: {value} {unit}, {count}")), "hot: 120 °C, 3");
        let body = json!({ "text": "{subject}", "parts": [{ "n": 1 }, "{text}|", ""], "x": null });
        let filled: Value = serde_json::from_str(&fill(body)).unwrap();
        // What an alarm says is text: it ends nothing and is filled with nothing.
        let expected =
            json!({ "text": "a \"b\"\n{edge}", "parts": [{ "n": 1 }, "|", ""], "x": null });
        assert_eq!(filled, expected);
        let whole = Body::parse(None).unwrap().fill(&notice());
        let whole: Value = serde_json::from_str(&whole.0).unwrap();
        assert_eq!(whole["alarms"][0]["alarm"], "hot");
        assert_eq!(whole["count"], 3);
        let (place, problem) =
            Body::parse(Some(&json!({ "a": [1, { "b": "{alrm}" }] }))).unwrap_err();
        assert_eq!(place, ["a", "1", "b"]);
        assert_eq!(problem, Problem::Unknown("alrm".into()));
    }

    #[test]
    fn every_placeholder_has_a_value_of_its_own() {
        let names: serde_json::Map<String, Value> =
            PLACEHOLDERS.iter().map(|name| (name.to_string(), json!(name))).collect();
        let with = |extra: Value| {
            let mut all = names.clone();
            all.extend(extra.as_object().unwrap().clone());
            Value::Object(all)
        };
        let alarm = with(json!({ "occurrences": 1 }));
        let notice = json!({ "urgent": false, "unix_ns": 0, "alarms": [alarm], "more": 0 });
        let notice: Notice = serde_json::from_value(with(notice)).unwrap();
        for name in PLACEHOLDERS.iter().filter(|name| **name != "count") {
            assert_eq!(value(&notice, name), *name);
        }
    }
}
