use super::*;
use crate::desk::tests::{plan, route};
use crate::episode::{About, Key};

fn entry(alarm: &str, why: Why, priority: Priority) -> Entry {
    Entry {
        key: Key { alarm: alarm.into(), device: "boiler".into(), tag: "temperature".into() },
        why,
        due_ns: 0,
        about: About {
            priority,
            unix_ns: 1_795_356_131_000_000_000,
            value: Some("120.5".into()),
            unit: Some("°C".into()),
            text: Some("Too hot\r\nBcc: x@y".into()),
        },
        occurrences: 3,
        over_unix_ns: None,
        by: None,
        comment: None,
    }
}

fn written(entries: Vec<Entry>, more: u64) -> (Plan, Letter) {
    let mut plan = plan(route(&[(0, &["a"])]));
    plan.zone = crate::quiet::Zone::parse("Europe/Berlin").unwrap();
    plan.public_url = Some("https://press-1.example".into());
    plan.responses.insert("hot".into(), "Close valve V3".into());
    let now = (7, 0, 1_795_356_132_000_000_000);
    let letter = letter(&plan, ("r", "a"), (entries, more), now);
    (plan, letter)
}

#[test]
fn a_notice_says_what_where_since_when_and_what_to_do() {
    let (plan, letter) = written(vec![entry("hot", Why::Raised, Priority::Critical)], 0);
    let notice = &letter.notice;
    assert_eq!(notice.subject, "Critical: hot on boiler/temperature, 120.5 °C (press-1)");
    let expected = "\
Alarm:   hot on boiler/temperature, critical
Meaning: Too hot  Bcc: x@y
Raised:  2026-11-22 15:02:11 +01:00, 3 times by now
Value:   120.5 °C
To do:   Close valve V3

Acknowledge at https://press-1.example/alarms
Edge press-1, route r, 2026-11-22 15:02:12 +01:00
";
    assert_eq!(notice.message, expected);
    assert!(notice.urgent);
    assert_eq!(letter.to.len(), 2);
    let sent = as_sent(&plan, &letter, 599_000_000_000);
    assert_eq!(sent, *notice);
    let late = as_sent(&plan, &letter, 3_600_000_000_000);
    assert!(late.subject.ends_with("(press-1) (late: raised at 15:02 on 2026-11-22)"), "{late:?}");
    assert_eq!(late.id, notice.id);
}

#[test]
fn subjects_say_why() {
    let subject = |why| written(vec![entry("hot", why, Priority::High)], 0).1.notice.subject;
    assert_eq!(subject(Why::Cleared), "Over: hot on boiler/temperature (press-1)");
    assert_eq!(subject(Why::Acknowledged), "Acknowledged: hot on boiler/temperature (press-1)");
    assert!(subject(Why::Escalated).starts_with("Not acknowledged, high: hot"));
    assert!(subject(Why::Repeated).starts_with("Still not acknowledged, high: hot"));
    let entries = vec![
        entry("low", Why::Cleared, Priority::Low),
        entry("hot", Why::Raised, Priority::Critical),
    ];
    let (_, letter) = written(entries, 3);
    assert_eq!(letter.notice.subject, "5 alarms, the highest critical (press-1)");
    assert!(letter.notice.message.contains("And 3 more, which the console lists."));
}

#[test]
fn an_acknowledgement_names_who_and_asks_for_nothing() {
    let mut seen = entry("hot", Why::Acknowledged, Priority::High);
    (seen.by, seen.comment) = (Some("anna".into()), Some("on my way".into()));
    let (_, letter) = written(vec![seen], 0);
    assert!(letter.notice.message.contains("Seen by: anna: on my way\n"));
    assert!(!letter.notice.message.contains("Acknowledge at"));
    assert!(!letter.notice.urgent);
}
