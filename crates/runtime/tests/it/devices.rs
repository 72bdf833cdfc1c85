//! Polling: values, outages, silence, refusals, panics, deadbands.

use crate::edge::Edge;
use tagwerk_model::{Quality, Value, ValueRef};
use tagwerk_runtime::view::DeviceState;

fn device(name: &str, settings: &str, tags: &str) -> String {
    format!(
        "  - name: {name}\n    driver: sim\n    settings: {{{settings}}}\n    groups:\n      - name: g\n        interval: 20ms\n        tags:\n{tags}"
    )
}

fn config(devices: &[String]) -> String {
    format!("version: 1\nedge: {{ name: test }}\ndevices:\n{}", devices.join(""))
}

const COUNTER: &str = "          - { name: n, address: counter, type: uint64 }\n";

#[tokio::test]
async fn values_arrive_with_quality_and_times_and_in_the_journal() {
    let folder = tempfile::tempdir().unwrap();
    let tags = "          - { name: n, address: counter, type: uint64 }\n          - { name: t, address: 'constant:20', type: int16, scale: { slope: 0.1, offset: 1 }, unit: C }\n";
    let edge = Edge::start(folder.path(), &config(&[device("a", "", tags)]));
    edge.until("five reads", |e| e.batches("a", "g").len() >= 5).await;
    let tag = edge.runtime.tag("a", "t").unwrap();
    assert_eq!(tag.value, Some(Value::F64(3.0)));
    assert_eq!((tag.quality, &*tag.unit), (Quality::GOOD, "C"));
    assert!(tag.age.is_some() && tag.read_unix_ns.is_some() && !tag.stale);
    assert_eq!(edge.runtime.tag("a", "status").unwrap().value, Some(Value::Bool(true)));
    let counts = edge.runtime.tag_counts();
    assert_eq!((counts.total, counts.good, counts.bad), (3, 3, 0));
    for (i, batch) in edge.batches("a", "g").iter().enumerate() {
        let number = batch.samples().next().unwrap().value;
        assert_eq!(number, Some(ValueRef::U64(i as u64 + 1)), "each answer once and in order");
    }
    let page = edge.runtime.look_back("a", "n", 0, i64::MAX, 1000).unwrap();
    assert!(page.samples.len() >= 5);
    edge.stop().await;
}

#[tokio::test]
async fn an_outage_is_one_bad_batch_and_ends_by_itself() {
    let folder = tempfile::tempdir().unwrap();
    let tags = COUNTER;
    let lost = device("a", "lost_every: 10", tags);
    let dead = device("dead", "unreachable: true", tags);
    let edge = Edge::start(folder.path(), &config(&[lost, dead]));
    edge.until_state("dead", DeviceState::Offline).await;
    edge.until("two losses survived", |e| e.runtime.device("a").unwrap().counters.reconnects >= 2)
        .await;
    let bad: Vec<bool> = edge.batches("a", "g").iter().map(|b| b.quality(0).is_bad()).collect();
    assert!(bad.windows(2).all(|w| !(w[0] && w[1])), "{bad:?}");
    let dead = edge.batches("dead", "g");
    assert_eq!(dead.len(), 1);
    assert_eq!(dead[0].quality(0), Quality::BAD_NOT_CONNECTED);
    let problems = edge.runtime.problems();
    let problem = problems.iter().find(|p| &*p.subject == "dead").unwrap();
    assert!(problem.error && !problem.remedy.is_empty() && problem.cause.contains("refuses"));
    edge.stop().await;
}

#[tokio::test]
async fn a_silent_device_backs_off_and_its_neighbour_on_the_link_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let silent = device("silent", "link: bus, timeout: 30ms, silent_every: 1", COUNTER);
    let good = device("good", "link: bus, timeout: 30ms", COUNTER);
    let edge = Edge::start(folder.path(), &config(&[silent, good]));
    edge.until_state("silent", DeviceState::Silent).await;
    let before = edge.batches("good", "g").len();
    edge.until("the neighbour", |e| e.batches("good", "g").len() > before + 10).await;
    assert_eq!(edge.state("good"), DeviceState::Online);
    assert_eq!(edge.runtime.device("good").unwrap().counters.reconnects, 0);
    assert!(edge.runtime.device("silent").unwrap().counters.timeouts <= 3, "it backs off");
    assert_eq!(edge.batches("silent", "g").len(), 1, "one bad batch, not one per poll");
    edge.stop().await;
}

#[tokio::test]
async fn a_refused_address_is_found_and_its_neighbours_are_read() {
    let folder = tempfile::tempdir().unwrap();
    let tags: String = (0..9)
        .map(|i| format!("          - {{ name: t{i}, address: 'constant:{i}', type: uint16 }}\n"))
        .collect();
    let edge = Edge::start(folder.path(), &config(&[device("a", "refuse: ['constant:4']", &tags)]));
    edge.until("eight good tags", |e| e.runtime.device("a").unwrap().tags.good == 9).await;
    let bad = edge.runtime.tag("a", "t4").unwrap();
    assert_eq!(bad.quality.with_detail(0), Quality::BAD_UNKNOWN_ADDRESS);
    assert_eq!(bad.value, None);
    assert_eq!(edge.state("a"), DeviceState::Online);
    edge.stop().await;
}

#[tokio::test]
async fn a_panic_stays_in_its_task() {
    let folder = tempfile::tempdir().unwrap();
    let bad = device("bad", "panic_every: 5", COUNTER);
    let good = device("good", "", COUNTER);
    let edge = Edge::start(folder.path(), &config(&[bad, good]));
    edge.until("a panic, and polling after it", |e| {
        let device = e.runtime.device("bad").unwrap();
        device.counters.panics >= 1 && device.state == DeviceState::Online
    })
    .await;
    let good = edge.runtime.device("good").unwrap();
    assert_eq!((good.counters.panics, good.counters.reconnects), (0, 0));
    edge.stop().await;
}

#[tokio::test]
async fn deadband_and_change_keep_back_what_is_not_news() {
    let folder = tempfile::tempdir().unwrap();
    let tags = "          - { name: still, address: 'constant:5', type: float64, report: change }\n          - { name: near, address: 'sine:1h', type: float64, deadband: 5 }\n          - { name: n, address: counter, type: uint64 }\n";
    let edge = Edge::start(folder.path(), &config(&[device("a", "", tags)]));
    edge.until("reads", |e| e.batches("a", "g").len() >= 10).await;
    let batches = edge.batches("a", "g");
    assert_eq!(batches[0].len(), 3, "everything is told once");
    assert!(batches[1..].iter().all(|b| b.len() == 1 && b.suppressed == 2 && b.expected == 3));
    edge.stop().await;
}

#[tokio::test]
async fn a_tag_that_is_only_written_has_no_samples_and_is_not_bad() {
    let folder = tempfile::tempdir().unwrap();
    let tags = "          - { name: n, address: counter, type: uint64 }\n          - { name: reset, address: 'setpoint:r', type: uint16, access: write }\n";
    let edge = Edge::start(folder.path(), &config(&[device("a", "lost_every: 7", tags)]));
    edge.until("an outage survived", |e| e.runtime.device("a").unwrap().counters.reconnects >= 1)
        .await;
    assert!(edge.batches("a", "g").iter().all(|b| b.len() == 1 && b.expected <= 2));
    let tag = edge.runtime.tag("a", "reset").unwrap();
    assert_eq!((tag.quality, tag.value), (Quality::GOOD, None));
    edge.stop().await;
}
