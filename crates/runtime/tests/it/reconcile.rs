//! An edit touches only what it changes.

use crate::edge::{Edge, check};
use tagwerk_runtime::view::{DeviceState, EffectKind};

/// Two devices on one bus; the edited one has a group that stays and one whose interval changes.
fn config(interval: &str, extra: &str) -> String {
    format!(
        "version: 1
edge: {{ name: test }}
devices:
  - name: edited
    driver: sim
    settings: {{ link: bus }}
    groups:
      - name: stays
        interval: 100ms
        tags: [ {{ name: a, address: counter, type: uint64 }} ]
      - name: changes
        interval: {interval}
        tags: [ {{ name: b, address: 'constant:1', type: uint16 }} ]
  - name: neighbour
    driver: sim
    settings: {{ link: bus }}
    groups:
      - name: g
        interval: 100ms
        tags: [ {{ name: n, address: counter, type: uint64 }} ]
  - name: elsewhere
    driver: sim
    groups:
      - name: g
        interval: 100ms
        tags: [ {{ name: n, address: counter, type: uint64 }} ]
{extra}"
    )
}

const NEW_DEVICE: &str = "  - name: new
    driver: sim
    settings: { link: bus }
    groups:
      - name: g
        interval: 100ms
        tags: [ { name: n, address: counter, type: uint64 } ]
";

#[tokio::test]
async fn untouched_groups_devices_and_neighbours_miss_no_poll() {
    let folder = tempfile::tempdir().unwrap();
    let edge = Edge::start(folder.path(), &config("100ms", ""));
    edge.until("polls", |e| e.batches("elsewhere", "g").len() >= 5).await;
    for round in 0..5 {
        let (interval, extra) = if round % 2 == 0 { ("200ms", NEW_DEVICE) } else { ("100ms", "") };
        let text = config(interval, extra);
        let effects = edge.runtime.plan(&check(&text));
        let changed = effects.iter().find(|e| e.device == "edited").unwrap();
        assert_eq!(
            (changed.kind, &*changed.groups),
            (EffectKind::Changes, &["changes".into()][..])
        );
        assert_eq!(effects.len(), 2, "{effects:?}");
        edge.apply(&text);
        let seen = edge.batches("neighbour", "g").len();
        edge.until("more polls", |e| e.batches("neighbour", "g").len() >= seen + 3).await;
    }
    for (device, group) in [("edited", "stays"), ("neighbour", "g"), ("elsewhere", "g")] {
        let batches = edge.batches(device, group);
        assert!(batches.iter().all(|b| b.expected == 1), "{device}/{group} missed a poll");
        assert!(batches.iter().all(|b| b.quality(0).is_good()));
        let view = edge.runtime.device(device).unwrap();
        assert_eq!(view.counters.reconnects, 0);
    }
    // The counter begins anew with a connection: it never did.
    let numbers: Vec<u64> =
        edge.batches("neighbour", "g").iter().map(|b| b.columns.u64s[0]).collect();
    assert!(numbers.windows(2).all(|w| w[1] == w[0] + 1), "{numbers:?}");
    edge.stop().await;
}

#[tokio::test]
async fn devices_stop_start_and_change_their_link() {
    let folder = tempfile::tempdir().unwrap();
    let one = |settings: &str, enabled: bool| {
        format!(
            "version: 1\nedge: {{ name: test }}\ndevices:\n  - name: a\n    driver: sim\n    enabled: {enabled}\n    settings: {{ {settings} }}\n    groups:\n      - name: g\n        interval: 20ms\n        tags: [ {{ name: n, address: counter, type: uint64 }} ]\n"
        )
    };
    let edge = Edge::start(folder.path(), &one("", true));
    edge.until_state("a", DeviceState::Online).await;
    edge.apply(&one("latency: 1ms", true));
    edge.until_state("a", DeviceState::Online).await;
    edge.apply(&one("latency: 1ms, link: other", true));
    edge.until_state("a", DeviceState::Online).await;
    assert_eq!(&*edge.runtime.device("a").unwrap().link, "sim://other");
    edge.apply(&one("latency: 1ms, link: other", false));
    assert_eq!(edge.state("a"), DeviceState::Disabled);
    assert!(edge.runtime.read_now("a", "n").await.is_err());
    edge.apply(&one("", true));
    edge.until_state("a", DeviceState::Online).await;
    assert!(edge.runtime.read_now("a", "n").await.unwrap().value.is_some());
    edge.apply("version: 1\nedge: { name: test }\n");
    assert!(edge.runtime.device("a").is_none() && edge.runtime.problems().iter().all(|p| !p.error));
    edge.stop().await;
}
