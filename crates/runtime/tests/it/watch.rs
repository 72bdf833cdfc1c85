//! Groups that their devices report, trials, the communication log, load and events.

use crate::edge::{Edge, check};
use tagwerk_model::Value;
use tagwerk_runtime::view::DeviceState;
use tagwerk_runtime::{EventQuery, RecordKind, TrialAsk, TrialFound};

const TAGS: &str = "          - { name: n, address: counter, type: uint64 }\n          - { name: s, address: 'setpoint:s', type: float64, access: read_write, scale: { slope: 0.5 } }\n";

fn config(settings: &str, tags: &str) -> String {
    format!(
        "version: 1\nedge: {{ name: test }}\ndevices:\n  - name: a\n    driver: sim\n    settings: {{{settings}}}\n    groups:\n      - name: g\n        interval: 20ms\n        tags:\n{tags}"
    )
}

#[tokio::test]
async fn a_reported_group_is_not_polled_and_keeps_the_times_of_its_source() {
    let folder = tempfile::tempdir().unwrap();
    let edge = Edge::start(folder.path(), &config("report: true", TAGS));
    edge.until("five reports", |e| e.batches("a", "g").len() >= 5).await;
    let device = edge.runtime.device("a").unwrap();
    assert_eq!(device.counters.requests, 0, "nothing was asked for");
    assert!(device.groups[0].watched && device.groups[0].polled_because.is_none());
    for (i, batch) in edge.batches("a", "g").iter().enumerate() {
        let sample = batch.samples().next().unwrap();
        assert_eq!(sample.value.unwrap().to_value(), Value::U64(i as u64 + 1), "once, in order");
        assert!(sample.source_time.is_some());
        assert_eq!(batch.expected, 2);
    }
    let now = edge.runtime.read_now("a", "n").await.unwrap();
    assert!(matches!(now.value, Some(Value::U64(n)) if n > 5));
    assert_eq!(edge.runtime.device("a").unwrap().counters.requests, 1);
    edge.stop().await;
}

#[tokio::test]
async fn a_report_ends_the_outage_after_the_link_was_lost() {
    let folder = tempfile::tempdir().unwrap();
    let edge = Edge::start(folder.path(), &config("report: true, lost_every: 5", TAGS));
    edge.until("two losses survived", |e| e.runtime.device("a").unwrap().counters.reconnects >= 2)
        .await;
    edge.until("good again", |e| {
        e.runtime.device("a").is_some_and(|d| d.tags.good == d.tags.total)
    })
    .await;
    let bad: Vec<bool> = edge.batches("a", "g").iter().map(|b| b.quality(0).is_bad()).collect();
    assert!(bad.iter().filter(|bad| **bad).count() >= 2);
    assert!(bad.windows(2).all(|w| !(w[0] && w[1])), "one bad batch an outage: {bad:?}");
    edge.stop().await;
}

#[tokio::test]
async fn an_edit_leaves_a_reported_neighbour_alone_and_takes_the_new_group_up() {
    let folder = tempfile::tempdir().unwrap();
    let edge = Edge::start(folder.path(), &config("report: true", TAGS));
    edge.until("reports", |e| e.batches("a", "g").len() >= 2).await;
    let more = format!(
        "{}      - name: h\n        interval: 20ms\n        tags:\n          - {{ name: m, address: counter, type: uint64 }}\n",
        config("report: true", TAGS)
    );
    edge.apply(&more);
    edge.until("the new group", |e| e.batches("a", "h").len() >= 2).await;
    assert_eq!(edge.state("a"), DeviceState::Online);
    assert!(edge.batches("a", "g").iter().all(|b| !b.quality(0).is_bad()));
    edge.stop().await;
}

#[tokio::test]
async fn a_trial_reads_and_browses_without_being_part_of_the_configuration() {
    let folder = tempfile::tempdir().unwrap();
    let edge = Edge::start(folder.path(), &config("link: bus", TAGS));
    edge.until_state("a", DeviceState::Online).await;
    let candidate = |settings: &str, tags: &str| {
        let mut checked = check(&config(settings, tags).replace("name: a\n", "name: b\n"));
        checked.devices.pop().unwrap()
    };
    let tags = "          - { name: c, address: 'constant:8', type: int16, scale: { slope: 0.5 } }\n          - { name: no, address: 'constant:9', type: int16 }\n";
    for (settings, beside) in [("link: bus", true), ("link: other", false)] {
        let settings = format!("{settings}, refuse: ['constant:9']");
        let trial = edge.runtime.trial(candidate(&settings, tags), TrialAsk::Read).await;
        assert_eq!(trial.used_running_link, beside);
        let Ok(TrialFound::Values(values)) = trial.result else { panic!("{:?}", trial.result) };
        assert_eq!(values[0].value, Some(Value::F64(4.0)));
        assert!(values[1].quality.is_bad() && values[1].reason.is_some());
    }
    let ask = TrialAsk::Browse { from: "counter".into(), after: None };
    let trial = edge.runtime.trial(candidate("", tags), ask).await;
    let Ok(TrialFound::Nodes(page)) = trial.result else { panic!("{:?}", trial.result) };
    assert_eq!(page.nodes[0].address.as_deref(), Some("counter"));
    let trial = edge.runtime.trial(candidate("unreachable: true", tags), TrialAsk::Read).await;
    assert!(trial.result.unwrap_err().contains("refuses"));
    let estimate = edge.runtime.estimate(&candidate("link: bus", tags));
    assert_eq!((estimate.groups[0].requests_per_read, estimate.requests_per_second), (1, 50.0));
    edge.stop().await;
}

#[tokio::test]
async fn events_tell_of_devices_and_fold_one_that_flaps() {
    let folder = tempfile::tempdir().unwrap();
    let edge = Edge::start(folder.path(), &config("lost_every: 2", TAGS));
    edge.until("ten losses", |e| e.runtime.device("a").unwrap().counters.reconnects >= 10).await;
    let query = EventQuery { kind: Some(RecordKind::Device), limit: 100, ..EventQuery::default() };
    let told = edge.runtime.events(&query);
    assert_eq!(told.len(), 6, "{told:#?}");
    assert!(told[0].text.contains("unstable"));
    edge.runtime.record(RecordKind::Login, "ada", "logged in").await.unwrap();
    let found = EventQuery { text: Some("ADA".into()), limit: 1, ..EventQuery::default() };
    assert_eq!(edge.runtime.events(&found)[0].by.as_deref(), Some("ada"));
    edge.stop().await;
    let again = Edge::start(folder.path(), &config("", TAGS));
    assert_eq!(again.runtime.events(&found)[0].text, "logged in".into(), "kept over a restart");
    again.stop().await;
}
