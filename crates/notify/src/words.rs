//! The words of notices. Pure.

use crate::desk::Letter;
use crate::episode::Why;
use crate::leg::Entry;
use crate::plan::Plan;
use std::cmp::Reverse;
use tagwerk_alarms::alarm::Priority;
use tagwerk_component::{Notice, NoticeAlarm};
use tagwerk_model::limits;

const LATE_NS: i64 = limits::NOTIFY_LATE.as_nanos() as i64;

/// A notice of these alarms, and of `more`.
pub fn letter(
    plan: &Plan,
    (route, channel): (&str, &str),
    (mut entries, more): (Vec<Entry>, u64),
    (id, now_ns, unix_ns): (u64, i64, i64),
) -> Letter {
    let due_ns = entries.iter().map(|entry| entry.due_ns).min().unwrap_or(now_ns);
    let raised = entries.iter().map(|entry| entry.about.unix_ns).min().unwrap_or(unix_ns);
    entries.sort_by_key(|entry| (Reverse(entry.about.priority), !entry.why.presents()));
    let urgent = entries.iter().any(|e| e.why.presents() && e.about.priority >= Priority::High);
    let subject = subject(plan, &entries, more);
    let listed: Vec<NoticeAlarm> =
        entries.iter().take(limits::NOTIFY_LISTED_MAX).map(|entry| alarm(plan, entry)).collect();
    let more = more + (entries.len() - listed.len()) as u64;
    let time = plan.zone.text(unix_ns);
    let link = plan.public_url.as_ref().map(|url| format!("{url}/alarms").into());
    let mut notice = Notice {
        id: format!("{unix_ns:x}-{id}").into(),
        edge: (&*plan.edge).into(),
        route: route.into(),
        subject,
        message: String::new(),
        urgent,
        unix_ns,
        time,
        alarms: listed,
        more,
        link,
    };
    notice.message = message(&notice);
    let to = plan.channel(channel).map(|channel| channel.plan.recipients.clone());
    Letter {
        route: route.into(),
        channel: channel.into(),
        notice,
        to: to.unwrap_or_default(),
        made_ns: now_ns,
        due_ns,
        raised_unix_ns: raised,
    }
}

/// The notice as it is sent now: one that is late says so.
pub fn as_sent(plan: &Plan, letter: &Letter, now_ns: i64) -> Notice {
    let mut notice = letter.notice.clone();
    if now_ns.saturating_sub(letter.due_ns) >= LATE_NS {
        let raised = plan.zone.short(letter.raised_unix_ns);
        notice.subject = format!("{} (late: raised at {raised})", notice.subject);
    }
    notice
}

/// A notice that tells of no alarm, to see whether it arrives.
pub fn test(plan: &Plan, channel: &str, by: &str, unix_ns: i64) -> Notice {
    let time = plan.zone.text(unix_ns);
    Notice {
        id: format!("{unix_ns:x}-test").into(),
        edge: (&*plan.edge).into(),
        subject: format!("Test of the channel {channel} ({})", plan.edge),
        message: format!(
            "This is a test. {by} sent it at {time} from the edge {}, by the channel {channel}.\n\
             Nothing is wrong, and nothing is to be done.\n",
            plan.edge
        ),
        unix_ns,
        time,
        link: plan.public_url.as_ref().map(|url| format!("{url}/alarms").into()),
        ..Notice::default()
    }
}

fn alarm(plan: &Plan, entry: &Entry) -> NoticeAlarm {
    let acknowledged = entry.why == Why::Acknowledged;
    let over = entry.over_unix_ns.map(|over| plan.zone.text(over).into());
    NoticeAlarm {
        event: entry.why.name().into(),
        alarm: entry.key.alarm.clone(),
        device: entry.key.device.clone(),
        tag: entry.key.tag.clone(),
        priority: entry.about.priority.name().into(),
        state: match (acknowledged, &over) {
            (true, _) => "acknowledged",
            (false, Some(_)) => "over",
            (false, None) => "active",
        }
        .into(),
        value: entry.about.value.clone(),
        unit: entry.about.unit.clone(),
        raised: plan.zone.text(entry.about.unix_ns).into(),
        over,
        occurrences: entry.occurrences,
        by: entry.by.clone(),
        comment: entry.comment.clone(),
        text: entry.about.text.clone(),
        response: plan.responses.get(&entry.key.alarm).cloned(),
    }
}

fn subject(plan: &Plan, entries: &[Entry], more: u64) -> String {
    let count = entries.len() as u64 + more;
    let Some(first) = entries.first().filter(|_| count == 1) else {
        let highest = entries.first().map_or("", |entry| entry.about.priority.name());
        return format!("{count} alarms, the highest {highest} ({})", plan.edge);
    };
    let key = &first.key;
    let name = format!("{} on {}/{}", key.alarm, key.device, key.tag);
    let priority = first.about.priority.name();
    let said = match first.why {
        Why::Raised => format!("{}: {name}", capital(priority)),
        Why::Escalated => format!("Not acknowledged, {priority}: {name}"),
        Why::Repeated => format!("Still not acknowledged, {priority}: {name}"),
        Why::Cleared => format!("Over: {name}"),
        Why::Acknowledged => format!("Acknowledged: {name}"),
    };
    let value = match (&first.about.value, &first.about.unit) {
        (Some(value), Some(unit)) if first.why.presents() => format!(", {value} {unit}"),
        (Some(value), None) if first.why.presents() => format!(", {value}"),
        _ => String::new(),
    };
    format!("{said}{value} ({})", plan.edge)
}

fn capital(word: &str) -> String {
    let mut letters = word.chars();
    let first = letters.next().map(|first| first.to_uppercase().to_string());
    format!("{}{}", first.unwrap_or_default(), letters.as_str())
}

fn message(notice: &Notice) -> String {
    let mut text = String::new();
    for alarm in &notice.alarms {
        describe(alarm, &mut text);
        text.push('\n');
    }
    if notice.more > 0 {
        text.push_str(&format!("And {} more, which the console lists.\n\n", notice.more));
    }
    if notice.alarms.iter().any(|alarm| &*alarm.state != "acknowledged") {
        match &notice.link {
            Some(link) => text.push_str(&format!("Acknowledge at {link}\n")),
            None => text.push_str("Acknowledge in the edge's console, page Alarms.\n"),
        }
    }
    text.push_str(&format!("Edge {}, route {}, {}\n", notice.edge, notice.route, notice.time));
    text
}

fn describe(alarm: &NoticeAlarm, out: &mut String) {
    let mut line = |name: &str, value: &str| {
        // What a device or a person wrote stays in its line.
        let value: String = value.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        out.push_str(&format!("{:<9}{value}\n", format!("{name}:")));
    };
    let NoticeAlarm { device, tag, priority, .. } = alarm;
    line("Alarm", &format!("{} on {device}/{tag}, {priority}", alarm.alarm));
    if let Some(text) = &alarm.text {
        line("Meaning", text);
    }
    match alarm.occurrences {
        0 | 1 => line("Raised", &alarm.raised),
        times => line("Raised", &format!("{}, {times} times by now", alarm.raised)),
    }
    if let Some(value) = &alarm.value {
        line("Value", format!("{value} {}", alarm.unit.as_deref().unwrap_or_default()).trim_end());
    }
    if let Some(over) = &alarm.over {
        line("Over", over);
    }
    match (&*alarm.event, &alarm.by) {
        ("acknowledged", Some(by)) => match &alarm.comment {
            Some(comment) => line("Seen by", &format!("{by}: {comment}")),
            None => line("Seen by", by),
        },
        ("escalated" | "repeated", _) => line("State", "nobody has acknowledged it"),
        _ => {}
    }
    if let Some(response) = alarm.response.as_ref().filter(|_| alarm.over.is_none()) {
        line("To do", response);
    }
}

#[cfg(test)]
mod tests;
