//! A made-up past is what the edge finds when it first runs: its numbers, its times, its outages.

use super::*;
use tagwerk_historian::Scan;
use tagwerk_model::Severity;

const CONFIG: &str = r#"
version: 1
edge: { name: test-edge }
devices:
  - name: mixer
    driver: sim
    groups:
      - name: fast
        interval: 100ms
        tags:
          - { name: level, address: "ramp:0..100", type: float64, unit: "%" }
          - { name: strokes, address: counter, type: uint64 }
          - { name: state, address: "random:4", type: int32, report: change }
      - name: slow
        interval: 10m
        tags:
          - { name: shift, address: "constant:early", type: text }
"#;

fn made(length: Duration, period: Duration) -> (tempfile::TempDir, Made, Historian) {
    let folder = tempfile::tempdir().unwrap();
    let (data, config) = (folder.path().join("data"), folder.path().join("edge.yaml"));
    std::fs::write(&config, CONFIG).unwrap();
    let env = Env::system();
    let past = Past { data: &data, config: &config, length, period };
    let made = make(&env, &past).unwrap();
    let (historian, _) = Historian::open(&env, &data.join("history"), Options::default()).unwrap();
    (folder, made, historian)
}

fn samples(historian: &Historian, name: &str) -> Vec<(i64, Quality)> {
    let tag = historian.tags().into_iter().find(|tag| &*tag.name == name).unwrap();
    let request = Scan { tags: vec![tag.id], ..Scan::default() };
    let pieces = historian.scan(&request).map(|piece| piece.unwrap());
    let samples = pieces.flat_map(|piece| {
        (0..piece.len()).map(|i| (piece.times[i], piece.quality(i))).collect::<Vec<_>>()
    });
    samples.collect()
}

#[test]
fn each_tag_has_its_samples_in_order_and_an_outage_between() {
    let day = Duration::from_secs(86_400);
    let (folder, made, historian) = made(day, Duration::from_secs(60));
    assert_eq!(made.tags, 4);
    assert_eq!(made.samples, historian.usage().samples);
    let level = samples(&historian, "level");
    assert!(level.is_sorted_by(|a, b| a.0 < b.0));
    let bad: Vec<i64> =
        level.iter().filter(|(_, q)| q.severity() == Severity::Bad).map(|(at, _)| *at).collect();
    assert_eq!(bad.len(), 1, "the first device is away once a day");
    let longest = level.windows(2).map(|pair| pair[1].0 - pair[0].0).max().unwrap();
    assert!((5..=25).contains(&(longest / 60_000_000_000)), "{longest}");
    assert!((140..=145).contains(&samples(&historian, "shift").len()));
    assert!(samples(&historian, "state").len() < 400, "only changes are kept");
    let own = samples(&historian, RESERVED_TAG);
    assert_eq!(own.len(), 3, "online, offline, online: {own:?}");
    let store = open_store(&Env::system(), &folder.path().join("data")).unwrap();
    let ids = TagNumbers::new(store).tags("mixer", &["level", "shift"]).unwrap();
    let known: Vec<TagId> = historian.tags().iter().map(|tag| tag.id).collect();
    assert!(ids.iter().all(|id| known.contains(id)), "{ids:?} {known:?}");
}

#[test]
fn there_is_no_second_past() {
    let hour = Duration::from_secs(3_600);
    let (folder, _, historian) = made(hour, Duration::from_secs(1));
    drop(historian);
    let (data, config) = (folder.path().join("data"), folder.path().join("edge.yaml"));
    let past = Past { data: &data, config: &config, length: hour, period: hour };
    let refused = make(&Env::system(), &past).unwrap_err().to_string();
    assert!(refused.contains("holds samples already"), "{refused}");
}
