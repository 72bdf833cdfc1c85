//! Delivery: everything in order, across outages and restarts; only what is asked for.

use crate::edge::Edge;
use crate::fake_sink::{Mode, place};
use tagwerk_model::ValueRef;
use tagwerk_runtime::view::SinkState;

fn config(name: &str, sink: &str) -> String {
    format!(
        "version: 1
edge: {{ name: test }}
devices:
  - name: a
    driver: sim
    groups:
      - name: g
        interval: 10ms
        tags:
          - {{ name: n, address: counter, type: uint64 }}
          - {{ name: other, address: 'constant:1', type: uint16 }}
sinks:
  - name: s
    kind: fake
    settings: {{ place: {name} }}
    from: oldest
{sink}"
    )
}

fn numbers(name: &str) -> Vec<u64> {
    let place = place(name);
    let delivered = place.delivered.lock();
    delivered
        .iter()
        .filter(|d| d.batch.set.group() == "g")
        .filter_map(|d| match d.batch.samples().next()?.value? {
            ValueRef::U64(n) => Some(n),
            _ => None,
        })
        .collect()
}

fn in_order(numbers: &[u64]) -> bool {
    numbers.iter().enumerate().all(|(i, n)| *n == i as u64 + 1)
}

#[tokio::test]
async fn an_outage_of_the_destination_loses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let to = place("outage");
    let edge = Edge::start(folder.path(), &config("outage", ""));
    edge.until("deliveries", |_| numbers("outage").len() > 10).await;
    to.mode.send_replace(Mode::Down);
    let sink = |e: &Edge| e.runtime.sinks().remove(0);
    edge.until("the loss", |e| sink(e).state == SinkState::Retrying).await;
    let before = edge.batches("a", "g").len();
    edge.until("a backlog", |e| e.batches("a", "g").len() > before + 20).await;
    assert!(sink(&edge).backlog_samples > 20);
    to.mode.send_replace(Mode::Up);
    let wanted = edge.batches("a", "g").len();
    edge.until("everything, and then news", |_| {
        numbers("outage").len() > wanted && to.delivered.lock().last().is_some_and(|d| !d.replayed)
    })
    .await;
    assert!(in_order(&numbers("outage")));
    {
        let ranges = to.delivered.lock();
        assert!(ranges.windows(2).all(|w| w[0].to == w[1].from), "ranges follow each other");
        assert!(ranges.iter().any(|d| d.replayed));
    }
    edge.stop().await;
}

#[tokio::test]
async fn unacknowledged_deliveries_come_again_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let to = place("restart");
    let edge = Edge::start(folder.path(), &config("restart", ""));
    edge.until("deliveries", |_| numbers("restart").len() > 10).await;
    to.mode.send_replace(Mode::Mute);
    edge.until("in flight", |e| e.runtime.sinks()[0].in_flight == 8).await;
    let first_run = edge.batches("a", "g").len() as u64;
    edge.stop().await;
    to.mode.send_replace(Mode::Up);
    let edge = Edge::start(folder.path(), &config("restart", ""));
    edge.until("the rest", |_| numbers("restart").len() as u64 > first_run + 5).await;
    // The simulated counter begins anew with the second run.
    let numbers = numbers("restart");
    let again = numbers.windows(2).position(|w| w[1] == 1).unwrap() + 1;
    assert!(in_order(&numbers[..again]) && in_order(&numbers[again..]), "{numbers:?}");
    assert!(again as u64 >= first_run);
    edge.stop().await;
}

#[tokio::test]
async fn patterns_choose_and_rejected_messages_do_not_block() {
    let folder = tempfile::tempdir().unwrap();
    let to = place("picky");
    to.mode.send_replace(Mode::Picky);
    let edge = Edge::start(folder.path(), &config("picky", "    tags: ['a/n']\n"));
    edge.until("rejections", |e| e.runtime.sinks()[0].rejected_messages > 3).await;
    {
        let delivered = to.delivered.lock();
        assert!(delivered.iter().all(|d| d.batch.set.group() == "g" && d.batch.len() == 1));
    }
    assert!(edge.runtime.problems().iter().any(|p| p.cause.contains("rejected")));
    edge.stop().await;
}

#[tokio::test]
async fn ranges_cover_what_the_sink_has_nothing_to_say_of() {
    let folder = tempfile::tempdir().unwrap();
    let to = place("terse");
    to.mode.send_replace(Mode::Terse);
    let edge = Edge::start(folder.path(), &config("terse", ""));
    edge.until("deliveries", |_| to.delivered.lock().len() > 10).await;
    {
        let ranges = to.delivered.lock();
        assert!(
            ranges.windows(2).all(|w| w[0].to == w[1].from),
            "no hole where nothing is missing"
        );
        assert!(ranges.iter().skip(1).all(|d| d.to - d.from > d.batch.len() as u64));
    }
    edge.until("the cursor", |e| e.runtime.sinks()[0].backlog_samples < 10).await;
    edge.stop().await;
}
