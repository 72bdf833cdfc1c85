//! Checks what an alarm compares: which keys its condition needs, and the other tags that have a say.

use crate::alarm::SuppressionForm;
use crate::check::Checker;
use crate::checked::{
    AlarmCondition, CheckedAlarm, CheckedDevice, CheckedSuppression, CheckedTag, TagName,
};
use crate::source::{Node, shortened};
use crate::value_types::Comparison;
use serde::Deserialize;
use serde_json::Value as Json;
use std::time::Duration;
use tagwerk_component::Duration as Written;
use tagwerk_model::{DataType, Value};

/// What is written beside a condition.
pub(crate) struct Compared {
    pub limit: Option<f64>,
    pub range: Option<[f64; 2]>,
    pub hysteresis: f64,
    pub after: Option<Duration>,
    pub per: Option<Duration>,
    pub reference: Option<TagName>,
}

/// All keys that some condition needs, with an example.
const KEYS: [(&str, &str); 6] = [
    ("limit", "limit: 95"),
    ("range", "range: [1, 5]"),
    ("value", "value: true"),
    ("after", "after: 5m"),
    ("per", "per: 1m"),
    ("reference", "reference: boiler-1/setpoint"),
];

/// The keys that a condition needs.
fn needs(comparison: Comparison) -> &'static [&'static str] {
    match comparison {
        Comparison::Above | Comparison::Below => &["limit"],
        Comparison::Outside => &["range"],
        Comparison::Equals | Comparison::NotEquals => &["value"],
        Comparison::Bad => &[],
        Comparison::Stale => &["after"],
        Comparison::Rising | Comparison::Falling => &["limit", "per"],
        Comparison::Deviation => &["limit", "reference"],
    }
}

impl<'s> Checker<'s> {
    /// What is compared, from the keys that this comparison needs; others are mistakes.
    pub fn condition(
        &mut self,
        node: Node<'s>,
        comparison: Comparison,
        compared: Compared,
    ) -> Option<AlarmCondition> {
        if !self.has_its_keys(node, comparison) {
            return None;
        }
        let Compared { limit, range, hysteresis, after, per, reference } = compared;
        Some(match comparison {
            Comparison::Above => AlarmCondition::Above { limit: limit?, hysteresis },
            Comparison::Below => AlarmCondition::Below { limit: limit?, hysteresis },
            Comparison::Outside => self.outside(node, range?, hysteresis),
            Comparison::Equals => AlarmCondition::Equals(self.scalar(node.get("value")?)?),
            Comparison::NotEquals => AlarmCondition::NotEquals(self.scalar(node.get("value")?)?),
            Comparison::Bad => AlarmCondition::Bad,
            Comparison::Stale => AlarmCondition::Stale { after: after? },
            Comparison::Rising | Comparison::Falling => {
                let limit = self.magnitude(node, limit?);
                let per = per?;
                match comparison {
                    Comparison::Rising => AlarmCondition::Rising { limit, hysteresis, per },
                    _ => AlarmCondition::Falling { limit, hysteresis, per },
                }
            }
            Comparison::Deviation => {
                let limit = self.magnitude(node, limit?);
                if hysteresis > limit {
                    let problem = "the hysteresis is more than the limit: it would never be over";
                    let at = node.get("hysteresis").unwrap_or(node);
                    self.report.error(at, problem, "write one that is less than the limit");
                }
                AlarmCondition::Deviation { limit, hysteresis, reference: reference? }
            }
        })
    }

    fn has_its_keys(&mut self, node: Node<'s>, comparison: Comparison) -> bool {
        let (word, needs) = (comparison.name(), needs(comparison));
        let limits = needs.iter().any(|key| matches!(*key, "limit" | "range"));
        let stale = matches!(comparison, Comparison::Stale);
        let others = [("hysteresis", limits), ("samples", !stale)];
        let all = KEYS.iter().map(|(key, _)| (*key, needs.contains(key))).chain(others);
        for (key, _) in all.filter(|(_, needed)| !needed) {
            let Some(given) = node.get(key) else { continue };
            let problem = format!("`{key}` means nothing for the condition `{word}`");
            self.report.error(given, problem, format!("remove `{key}`"));
        }
        let missing = needs.iter().filter(|key| node.get(key).is_none());
        let mut whole = true;
        for key in missing {
            let example = KEYS.iter().find(|(known, _)| known == key).map_or("", |(_, e)| *e);
            let problem = format!("the condition `{word}` has no `{key}`");
            self.report.error(node, problem, format!("write one, such as `{example}`"));
            whole = false;
        }
        whole
    }

    fn outside(
        &mut self,
        node: Node<'s>,
        [low, high]: [f64; 2],
        hysteresis: f64,
    ) -> AlarmCondition {
        if low > high || 2.0 * hysteresis > high - low {
            let problem = if low > high {
                format!("the range from {low} to {high} is empty")
            } else {
                "the hysteresis is more than half of the range".to_owned()
            };
            let remedy = "write the lower limit first, and a hysteresis that leaves values at which \
                          the alarm is over";
            self.report.error(node.get("range").unwrap_or(node), problem, remedy);
        }
        AlarmCondition::Outside { low, high, hysteresis }
    }

    /// A limit of a change or of a distance has no sign.
    fn magnitude(&mut self, node: Node<'s>, limit: f64) -> f64 {
        if limit < 0.0 {
            let problem = format!("the limit {limit} is negative");
            let remedy = "write how much is too much, without a sign";
            self.report.error(node.get("limit").unwrap_or(node), problem, remedy);
        }
        limit
    }

    pub fn tag_name(&mut self, node: Option<Node<'s>>, text: Option<&str>) -> Option<TagName> {
        let (node, text) = (node?, text?);
        let name = TagName::parse(text);
        if name.is_none() {
            let problem = format!("`{}` is not the name of one tag", shortened(text));
            let remedy = "write `device/tag`, or `tag` for one of the device that has the alarm";
            self.report.error(node, problem, remedy);
        }
        name
    }

    pub fn suppression(&mut self, alarm: Node<'s>) -> Option<CheckedSuppression> {
        let node = alarm.get("suppress_when")?;
        let form = SuppressionForm::deserialize(node).ok()?;
        let tag = self.tag_name(node.get("tag"), form.tag.get());
        let equals = node.get("equals").and_then(|node| self.scalar(node));
        if tag.is_none() || equals.is_none() {
            self.incomplete = true;
        }
        Some(CheckedSuppression { tag: tag?, equals: equals? })
    }

    fn scalar(&mut self, given: Node<'s>) -> Option<Value> {
        let scalar = match given.to_json() {
            Json::Bool(flag) => Some(Value::Bool(flag)),
            Json::String(text) => Some(Value::Text(text.into())),
            Json::Number(number) => number
                .as_i64()
                .map(Value::I64)
                .or_else(|| number.as_u64().map(Value::U64))
                .or_else(|| number.as_f64().map(Value::F64)),
            Json::Null | Json::Array(_) | Json::Object(_) => None,
        };
        if scalar.is_none() {
            let problem = "the value is no number, text, true or false";
            self.report.error(given, problem, "write a value that the tag can have");
        }
        scalar
    }

    /// Looks whether the document has the other tags that an alarm names, and such values of them.
    pub fn others(&mut self, node: Node<'s>, alarm: &CheckedAlarm, devices: &[CheckedDevice]) {
        if let AlarmCondition::Deviation { reference, .. } = &alarm.condition {
            let at = node.get("reference").unwrap_or(node);
            self.other(at, reference, alarm, devices, is_number);
        }
        if let Some(CheckedSuppression { tag, equals }) = &alarm.suppress_when {
            let at = node.get("suppress_when").and_then(|node| node.get("tag")).unwrap_or(node);
            self.other(at, tag, alarm, devices, |tag| can_be(equals, tag));
        }
        if let AlarmCondition::Stale { after } = alarm.condition {
            self.silence(node, after, alarm, devices);
        }
    }

    fn other(
        &mut self,
        node: Node<'s>,
        name: &TagName,
        alarm: &CheckedAlarm,
        devices: &[CheckedDevice],
        fits: impl Fn(&CheckedTag) -> bool,
    ) {
        let own = |device: &&CheckedDevice| match &name.device {
            Some(named) => *named == device.name,
            None => watches(alarm, device),
        };
        let (mut any, mut unfit) = (name.device.is_none(), None);
        for device in devices.iter().filter(own) {
            let mut tags = device.groups.iter().flat_map(|group| &group.tags);
            let Some(tag) = tags.find(|tag| tag.name == name.tag) else {
                let problem = format!("the device `{}` has no tag `{}`", device.name, name.tag);
                let remedy = "compare it with the names of tags; `device/tag` names one of another";
                self.report.error(node, problem, remedy);
                return;
            };
            any = true;
            if unfit.is_none() && !fits(tag) {
                unfit =
                    Some(format!("`{}/{}`, a {},", device.name, tag.name, tag.published.name()));
            }
        }
        if !any {
            let problem = format!("there is no device `{}`", name.device.as_deref().unwrap_or(""));
            self.report.error(node, problem, "compare it with the names of devices");
        }
        if let Some(tag) = unfit {
            let problem = format!("{tag} never has such a value");
            self.report.warning(node, problem, "choose a tag of a fitting type");
        }
    }

    /// What is read seldom, or kept only when it changes, is silent although nothing is the matter.
    fn silence(
        &mut self,
        node: Node<'s>,
        after: Duration,
        alarm: &CheckedAlarm,
        devices: &[CheckedDevice],
    ) {
        let at = node.get("after").unwrap_or(node);
        let (mut seldom, mut changing) = (None, None);
        for device in devices {
            for group in &device.groups {
                let chosen = group.tags.iter().find(|tag| chooses(alarm, device, group, tag));
                if chosen.is_some() && group.interval >= after {
                    seldom = seldom.or(Some((device, group)));
                }
                let keeps = |tag: &&CheckedTag| tag.on_change && chooses(alarm, device, group, tag);
                changing = changing.or(group.tags.iter().find(keeps).map(|tag| (device, tag)));
            }
        }
        if let Some((device, group)) = seldom {
            let (name, interval) = (&group.name, Written(group.interval));
            let problem = format!("the group `{}/{name}` is read every {interval}", device.name);
            self.report.warning(at, problem, "write a time that is longer than that");
        }
        if let Some((device, tag)) = changing {
            let tag = format!("`{}/{}`", device.name, tag.name);
            let problem =
                format!("of {tag} only changes are kept: a value that stays is silent too");
            self.report.warning(at, problem, "remove `report` and `deadband` of the tag");
        }
    }
}

fn watches(alarm: &CheckedAlarm, device: &CheckedDevice) -> bool {
    let tags = |group| alarm.tags.iter().any(|p| p.matches_group(&device.name, group));
    device.groups.iter().any(|group| {
        tags(&group.name) && group.tags.iter().any(|tag| chooses(alarm, device, group, tag))
    })
}

fn chooses(
    alarm: &CheckedAlarm,
    device: &CheckedDevice,
    group: &crate::checked::CheckedGroup,
    tag: &CheckedTag,
) -> bool {
    alarm.tags.iter().any(|pattern| pattern.matches(&device.name, &group.name, &tag.name))
}

fn is_number(tag: &CheckedTag) -> bool {
    use DataType::{Bool, Bytes, List, Text};
    !matches!(tag.published, Text | Bool | Bytes | List)
}

fn can_be(value: &Value, tag: &CheckedTag) -> bool {
    match value {
        Value::Bool(_) => tag.published == DataType::Bool,
        Value::Text(_) => tag.published == DataType::Text,
        _ => is_number(tag),
    }
}

/// Whether a tag can have a value for which the condition is met.
pub(crate) fn fits(condition: &AlarmCondition, tag: &CheckedTag) -> bool {
    match condition {
        AlarmCondition::Bad | AlarmCondition::Stale { .. } => true,
        AlarmCondition::Equals(value) | AlarmCondition::NotEquals(value) => can_be(value, tag),
        _ => is_number(tag),
    }
}
