//! Checks who is told of alarms: channels, and the routes that lead to them.

use crate::check::{Checker, Names};
use crate::checked::{
    CheckedAlarm, CheckedChannel, CheckedDevice, CheckedLevel, CheckedNotify, CheckedQuiet,
    CheckedRoute, settings_fingerprint,
};
use crate::document::Lenient;
use crate::names::check_name;
use crate::notify_form::{ChannelForm, LevelForm, NotifyForm, QuietForm, RouteForm};
use crate::pattern::NamePattern;
use crate::source::{Form, Node, shortened};
use crate::value_types::{AlarmPriority, Also, Day};
use serde::Deserialize;
use std::time::Duration;
use tagwerk_component::{ChannelRequest, Findings, nearest};
use tagwerk_model::limits;

/// The shortest time between two messages of the same.
const REPEAT_MIN: Duration = Duration::from_secs(60);
/// The longest delay and the longest time between two messages: a month.
const TIME_MAX: Duration = Duration::from_secs(31 * 86_400);
const MESSAGES_PER_HOUR_DEFAULT: u32 = 60;
const MESSAGES_PER_HOUR_MAX: u32 = 360;
const ZONE_DEFAULT: &str = "UTC";

/// The channels of a document, by name, and whether a route leads there.
struct Channels<'s>(Vec<(&'s str, Node<'s>, bool)>);

impl<'s> Checker<'s> {
    pub fn notify(
        &mut self,
        node: Node<'s>,
        devices: &[CheckedDevice],
        alarms: &[CheckedAlarm],
    ) -> Option<CheckedNotify> {
        let form = NotifyForm::deserialize(node).ok()?;
        let zone = form.time_zone.optional();
        if let Some(zone) = zone.filter(|zone| zone.parse::<chrono_tz::Tz>().is_err()) {
            self.unknown_zone(node.get("time_zone").unwrap_or(node), zone);
        }
        let public_url = form.public_url.optional().map(|url| url.trim_end_matches('/'));
        if let Some(url) = public_url.filter(|url| !is_web_address(url)) {
            let problem = format!("`{}` is not the address of a console", shortened(url));
            let remedy = "write it as in a browser, such as `https://press-1.plant.example`";
            self.report.error(node.get("public_url").unwrap_or(node), problem, remedy);
        }
        let items = |key: &str| node.get(key).into_iter().flat_map(Node::items);
        let mut names = Names::default();
        let mut known = Channels(Vec::new());
        let mut channels = Vec::new();
        for item in items("channels") {
            if let Some(name) = item.get("name").filter(|name| name.form() != Form::Map)
                && !known.0.iter().any(|(known, ..)| *known == name.text())
            {
                known.0.push((name.text(), item, false));
            }
            channels.extend(self.channel(item, &mut names));
        }
        let mut names = Names::default();
        let mut routes = Vec::new();
        for item in items("routes") {
            match self.route(item, &mut names, &mut known, (devices, alarms)) {
                Some((route, true)) => routes.push(route),
                Some((_, false)) => {}
                None => self.incomplete = true,
            }
        }
        for (name, channel, _) in known.0.iter().filter(|(.., used)| !used) {
            let problem = format!("no route leads to the channel `{}`", shortened(name));
            let remedy = "name it in `to` of a route, or remove it";
            self.report.warning(channel.get("name").unwrap_or(*channel), problem, remedy);
        }
        Some(CheckedNotify {
            time_zone: zone.unwrap_or(ZONE_DEFAULT).into(),
            public_url: public_url.map(Into::into),
            channels,
            routes,
        })
    }

    fn unknown_zone(&mut self, node: Node<'s>, zone: &str) {
        let all = chrono_tz::TZ_VARIANTS.iter().map(|zone| zone.name());
        let near = nearest(zone, all).filter(|_| zone.len() <= limits::NAME_BYTES_MAX);
        let remedy = match near {
            Some(near) => format!("write `{near}`"),
            None => "write it as the database of time zones does, such as `Europe/Berlin`".into(),
        };
        self.report.error(node, format!("there is no time zone `{}`", shortened(zone)), remedy);
    }

    fn channel(&mut self, node: Node<'s>, names: &mut Names<'s>) -> Option<CheckedChannel> {
        let Ok(form) = ChannelForm::deserialize(node) else {
            self.incomplete = true;
            return None;
        };
        let name = form.name.get();
        self.named(node, name.and_then(check_name));
        self.unique(node, name, "channel", names);
        let description = form.description.optional();
        self.description(node, description);
        let checked = form.kind.get().and_then(|kind| {
            let list = &self.channels;
            Checker::component(&mut self.report, node, "kind", "kind of channel", kind, list)
        });
        let checked = checked.and_then(|kind| {
            let settings = self.settings(node, ("notify.channels", name), &kind)?;
            let request = ChannelRequest { name: name.unwrap_or("?"), settings: &settings.value };
            let mut findings = Findings::new();
            let plan = kind.component.check(&request, &mut findings);
            self.take_over(node, &findings, &settings, |_| None);
            if plan.is_none() && findings.errors() == 0 {
                let problem = format!("the channel `{}` refuses its settings", kind.spec.name);
                self.report.error(node, problem, "compare them with the channel's reference");
            }
            Some(CheckedChannel {
                name: name?.into(),
                description: description.map(Into::into),
                kind: kind.spec.name,
                plan: plan?,
                settings_fingerprint: settings_fingerprint(kind.spec.name, &settings.value),
            })
        });
        self.incomplete |= checked.is_none();
        checked
    }

    /// The route, and whether it is enabled.
    fn route(
        &mut self,
        node: Node<'s>,
        names: &mut Names<'s>,
        channels: &mut Channels<'s>,
        (devices, alarms): (&[CheckedDevice], &[CheckedAlarm]),
    ) -> Option<(CheckedRoute, bool)> {
        let form = RouteForm::deserialize(node).ok()?;
        let name = form.name.get();
        self.named(node, name.and_then(check_name));
        self.unique(node, name, "route", names);
        let description = form.description.optional();
        self.description(node, description);
        let chosen = self.alarm_names(node, alarms);
        let tags = self.patterns(node, ("the route", "tell of"), devices);
        for item in node.get("tags").into_iter().flat_map(Node::items) {
            if item.form() != Form::Map && item.text().matches('/').count() == 2 {
                let problem = format!("`{}` names a group", shortened(item.text()));
                self.report.error(item, problem, "write `device/tag`: alarms know no groups");
            }
        }
        let mut levels = vec![CheckedLevel {
            after: self.bounded(node, "after", form.after),
            to: self.channel_names(node, channels),
        }];
        self.levels(node, channels, &mut levels);
        let repeat = form.repeat.optional().map(|repeat| repeat.0);
        if let Some(repeat) = repeat.filter(|repeat| !(REPEAT_MIN..=TIME_MAX).contains(repeat)) {
            let problem = format!("repeated every {}", tagwerk_component::Duration(repeat));
            let place = node.get("repeat").unwrap_or(node);
            self.report.error(place, problem, "write a time from `1m` to `31d`");
        }
        let messages_per_hour_max = form.messages_per_hour_max.optional();
        let messages_per_hour_max = messages_per_hour_max.unwrap_or(MESSAGES_PER_HOUR_DEFAULT);
        let also = self.words::<Also>(node, "also");
        let quiet = node.get("quiet").into_iter().flat_map(Node::items);
        let route = CheckedRoute {
            name: name?.into(),
            description: description.map(Into::into),
            alarms: chosen,
            tags,
            priority_min: form.min_priority.optional().unwrap_or(AlarmPriority::Low),
            levels,
            repeat,
            cleared: also.contains(&Also::Cleared),
            acknowledged: also.contains(&Also::Acknowledged),
            quiet: quiet.filter_map(|item| self.quiet(item)).collect(),
            messages_per_hour_max: messages_per_hour_max.clamp(1, MESSAGES_PER_HOUR_MAX),
        };
        Some((route, form.enabled.optional().unwrap_or(true)))
    }

    fn alarm_names(&mut self, node: Node<'s>, alarms: &[CheckedAlarm]) -> Vec<NamePattern> {
        let Some(list) = node.get("alarms").filter(|node| node.form() == Form::List) else {
            return vec![NamePattern::all()];
        };
        if list.len() == 0 {
            let remedy = "remove `alarms` to tell of all, or write names such as `boiler-*`";
            self.report.warning(list, "the route chooses no alarms", remedy);
        }
        // Alarms with mistakes are not among those built.
        let known = self.report.errors() == 0 && !self.incomplete;
        let mut patterns = Vec::new();
        for item in list.items() {
            let Ok(text) = <&str>::deserialize(item) else { continue };
            let Some(pattern) = NamePattern::parse(text) else {
                let problem = format!("`{}` is not a pattern of names", shortened(text));
                self.report.error(item, problem, "write the name of an alarm, with `*` and `?`");
                continue;
            };
            if known && !alarms.iter().any(|alarm| pattern.matches(&alarm.name)) {
                let problem = format!("`{}` matches no alarm", shortened(text));
                self.report.warning(item, problem, "compare it with the names of alarms");
            }
            patterns.push(pattern);
        }
        patterns
    }

    /// Those under `to` of `owner`, each once.
    fn channel_names(&mut self, owner: Node<'s>, channels: &mut Channels<'s>) -> Vec<Box<str>> {
        let mut names: Vec<Box<str>> = Vec::new();
        for item in owner.get("to").into_iter().flat_map(Node::items) {
            let Ok(text) = <&str>::deserialize(item) else { continue };
            match channels.0.iter_mut().find(|(name, ..)| *name == text) {
                Some((_, _, used)) => *used = true,
                None => {
                    let all = channels.0.iter().map(|(name, ..)| *name);
                    let remedy = match nearest(text, all) {
                        Some(near) => format!("write `{near}`"),
                        None => "name one of `notify.channels`, or add it there".to_owned(),
                    };
                    let problem = format!("there is no channel `{}`", shortened(text));
                    self.report.error(item, problem, remedy);
                }
            }
            if !names.iter().any(|known| **known == *text) {
                names.push(text.into());
            }
        }
        names
    }

    fn levels(
        &mut self,
        node: Node<'s>,
        channels: &mut Channels<'s>,
        levels: &mut Vec<CheckedLevel>,
    ) {
        for item in node.get("escalate").into_iter().flat_map(Node::items) {
            let Ok(form) = LevelForm::deserialize(item) else { continue };
            let to = self.channel_names(item, channels);
            let Some(after) = form.after.get().map(|after| after.0) else { continue };
            let place = item.get("after").unwrap_or(item);
            let before = levels.last().map_or(Duration::ZERO, |level| level.after);
            if after > TIME_MAX {
                self.report.error(place, "this is longer than a month", "write a shorter time");
            } else if after <= before {
                let problem = format!(
                    "`after: {}` is not later than the level before, which is told after {}",
                    tagwerk_component::Duration(after),
                    tagwerk_component::Duration(before)
                );
                let remedy = "times count from when the alarm was raised; write them in order";
                self.report.error(place, problem, remedy);
            }
            levels.push(CheckedLevel { after, to });
        }
    }

    fn bounded(
        &mut self,
        node: Node<'s>,
        key: &str,
        time: Lenient<Option<tagwerk_component::Duration>>,
    ) -> Duration {
        let time = time.optional().map_or(Duration::ZERO, |time| time.0);
        if time > TIME_MAX {
            let place = node.get(key).unwrap_or(node);
            self.report.error(place, "this is longer than a month", "write a shorter time");
        }
        time
    }

    fn words<T: serde::de::DeserializeOwned>(&mut self, owner: Node<'s>, key: &str) -> Vec<T> {
        let items = owner.get(key).into_iter().flat_map(Node::items);
        items.filter_map(|item| T::deserialize(item).ok()).collect()
    }

    fn quiet(&mut self, node: Node<'s>) -> Option<CheckedQuiet> {
        let form = QuietForm::deserialize(node).ok()?;
        let mut time = |key: &str, text: Option<&str>| {
            let text = text?;
            let minutes = minutes_of_day(text);
            if minutes.is_none() {
                let problem = format!("`{}` is not a time of day", shortened(text));
                let remedy = "write hours and minutes in quotes, such as `\"22:00\"`";
                self.report.error(node.get(key).unwrap_or(node), problem, remedy);
            }
            minutes
        };
        let (from, to) = (time("from", form.from.get()), time("to", form.to.get()));
        let days = match node.get("days").filter(|days| days.form() == Form::List) {
            None => Day::ALL.to_vec(),
            Some(_) => self.words::<Day>(node, "days"),
        };
        let up_to = form.up_to.optional().unwrap_or(AlarmPriority::High);
        Some(CheckedQuiet { days, from: from?, to: to?, up_to })
    }
}

fn minutes_of_day(text: &str) -> Option<u16> {
    let (hours, minutes) = text.split_once(':')?;
    let number = |text: &str, below: u16| {
        let fits = (1..=2).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
        text.parse::<u16>().ok().filter(|number| fits && *number < below)
    };
    let minutes = number(minutes, 60).filter(|_| minutes.len() == 2)?;
    Some(number(hours, 24)? * 60 + minutes)
}

fn is_web_address(url: &str) -> bool {
    let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
    rest.is_some_and(|rest| {
        !rest.is_empty()
            && !rest.starts_with('/')
            && rest.chars().all(|c| c.is_ascii_graphic() && !"<>\"'\\^`{|}@".contains(c))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_of_day_are_read() {
        for (text, expected) in [("0:00", 0), ("00:00", 0), ("6:05", 365), ("23:59", 1_439)] {
            assert_eq!(minutes_of_day(text), Some(expected), "{text}");
        }
        for wrong in ["", "22", "24:00", "22:60", "22:5", "-1:00", "22:00:00", "+2:00", "a:b"] {
            assert_eq!(minutes_of_day(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn addresses_of_consoles_are_known() {
        assert!(is_web_address("https://press-1.plant.example"));
        assert!(is_web_address("http://10.0.0.5:8080/edge"));
        for wrong in
            ["", "press-1", "https://", "https:///a", "https://a b", "ftp://a", "https://u@h"]
        {
            assert!(!is_web_address(wrong), "{wrong}");
        }
    }
}
