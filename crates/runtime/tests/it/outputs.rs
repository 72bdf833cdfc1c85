//! What rules give: tags that nobody polls, in every place where tags are, and no device in any.

use crate::edge::{Edge, Numbers};
use crate::fake_sink::place;
use crate::ledger::FastClock;
use serde_json::json;
use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;
use tagwerk_env::Env;
use tagwerk_ledger::{Asked, Keeper, MINUTE_NS, Schedules};
use tagwerk_model::limits::VALUE_BYTES_MAX;
use tagwerk_model::{DataType, Quality, SampleBatch, SourceTimes, TagId, Value};
use tagwerk_runtime::view::{CommandRefused, QualityFilter, TagQuery};
use tagwerk_runtime::{LiveFilter, OutputColumn, OutputRow, RuleOutput};

fn config(sinks: &str) -> String {
    format!(
        "version: 1
edge: {{ name: test }}
devices:
  - name: a
    driver: sim
    groups:
      - name: g
        interval: 50ms
        tags: [ {{ name: n, address: counter, type: uint64 }} ]
{sinks}"
    )
}

fn sink(name: &str, pattern: &str) -> String {
    format!(
        "sinks:\n  - name: s\n    kind: fake\n    settings: {{ place: {name} }}\n    from: oldest\n    tags: ['{pattern}']\n"
    )
}

fn output(rule: &str, columns: &[(&str, DataType, &str)]) -> RuleOutput {
    let column = |&(name, data_type, unit): &(&str, DataType, &str)| OutputColumn {
        name: name.into(),
        data_type,
        unit: unit.into(),
    };
    RuleOutput { rule: rule.into(), columns: columns.iter().map(column).collect() }
}

fn hot() -> RuleOutput {
    output("hot", &[("is_hot", DataType::Bool, ""), ("t", DataType::Float64, "°C")])
}

fn row(time_ns: i64, is_hot: bool, t: Option<f64>) -> OutputRow {
    OutputRow { time_ns, values: vec![Some(Value::Bool(is_hot)), t.map(Value::F64)] }
}

fn start(folder: &std::path::Path, config: &str, outputs: Vec<RuleOutput>) -> Edge {
    Edge::start_with(Env::system(), folder, config, outputs, Arc::default())
}

/// Time, values and qualities of each block.
type Block = (SourceTimes, Vec<Option<Value>>, Vec<Quality>);

fn block(batch: &SampleBatch) -> Block {
    let values = batch.samples().map(|s| s.value.map(|v| v.to_value())).collect();
    let qualities = batch.samples().map(|s| s.quality).collect();
    (batch.source_times.clone(), values, qualities)
}

fn tag_ids(edge: &Edge, rule: &str) -> Vec<TagId> {
    let set = edge.runtime.output_set(rule).unwrap();
    set.tags().iter().map(|tag| tag.id).collect()
}

#[tokio::test]
async fn rows_reach_the_journal_and_show_as_tags() {
    let folder = tempfile::tempdir().unwrap();
    let edge = start(folder.path(), &config(""), vec![hot()]);
    let runtime = &edge.runtime;
    let waiting = runtime.tag("hot", "t").unwrap();
    assert_eq!((waiting.quality, waiting.value), (Quality::BAD_WAITING, None));
    let mut live = runtime.subscribe(LiveFilter { device: Some("hot".into()), tags: Vec::new() });
    assert_eq!(live.next().await.tags.len(), 2, "a full picture first");
    let rows = [row(1_000, false, Some(20.5)), row(2_000, true, None)];
    // A rule's thread is nobody's executor.
    std::thread::scope(|scope| {
        scope.spawn(|| runtime.publish_rows("hot", &rows)).join().unwrap().unwrap();
    });
    let stored = edge.batches("hot", "output");
    assert!(stored.iter().all(|b| (b.expected, b.suppressed, b.len()) == (2, 0, 2)));
    assert!(stored.iter().all(|b| b.unix_ns > 1_000_000_000 && b.moment_ns > 0));
    let (good, none) = (Quality::GOOD, Quality::BAD_NO_DATA);
    let (yes, no) = (Some(Value::Bool(true)), Some(Value::Bool(false)));
    assert_eq!(
        stored.iter().map(block).collect::<Vec<_>>(),
        [
            (SourceTimes::One(1_000), vec![no, Some(Value::F64(20.5))], vec![good, good]),
            (SourceTimes::One(2_000), vec![yes.clone(), None], vec![good, none]),
        ]
    );
    let tag = runtime.tag("hot", "is_hot").unwrap();
    assert_eq!((tag.value, tag.quality, tag.source_unix_ns), (yes, good, Some(2_000)));
    assert!(tag.readable && !tag.writable && tag.read_unix_ns.is_some());
    let tag = runtime.tag("hot", "t").unwrap();
    assert_eq!((tag.value, tag.quality, &*tag.unit), (None, none, "°C"));
    assert_eq!((none.0, none.name()), (0x809B_0000, "BadNoData"));
    assert_eq!(live.next().await.tags.len(), 2, "both are another than before");
    let page = runtime.look_back("hot", "t", 0, i64::MAX, 100).unwrap();
    assert_eq!(page.samples.len(), 2);
    edge.stop().await;
}

#[tokio::test]
async fn an_output_is_among_the_tags_and_not_among_the_devices() {
    let folder = tempfile::tempdir().unwrap();
    let edge = start(folder.path(), &config(""), vec![hot(), output("empty", &[])]);
    edge.until("a read", |e| e.runtime.tag("a", "n").unwrap().value.is_some()).await;
    let runtime = &edge.runtime;
    let mut tags = Vec::new();
    runtime.each_tag(&mut |device, group, tag| tags.push(format!("{device}/{group}/{}", tag.name)));
    assert_eq!(tags, ["a/_device/status", "a/g/n", "hot/output/is_hot", "hot/output/t"]);
    let query = |device: Option<&str>, quality| {
        let device = device.map(str::to_owned);
        runtime.tags(&TagQuery { device, quality, limit: 100, ..TagQuery::default() })
    };
    assert_eq!(query(None, None).total, 4);
    assert_eq!(query(Some("hot"), None).total, 2);
    assert_eq!(query(None, Some(QualityFilter::Bad)).total, 2);
    let found = |device: Option<&str>, text: &str| {
        let (device, filter) = (device.map(str::to_owned), Some(text.to_owned()));
        let page = runtime.tags(&TagQuery { device, filter, limit: 100, ..TagQuery::default() });
        page.items.iter().map(|tag| tag.name.to_string()).collect::<Vec<_>>()
    };
    // By the rule's name; within the rule its name says nothing more.
    assert_eq!(found(None, "HOT"), ["is_hot", "t"]);
    assert_eq!(found(Some("hot"), "hot"), ["is_hot"]);
    let counts = runtime.tag_counts();
    assert_eq!((counts.total, counts.good, counts.bad), (4, 2, 2));
    runtime.publish_rows("hot", &[row(1, true, Some(1.0))]).unwrap();
    let wanted: HashSet<TagId> = tag_ids(&edge, "hot").into_iter().collect();
    let newest: HashSet<TagId> = runtime.newest(&wanted).into_iter().map(|(id, _)| id).collect();
    assert_eq!(newest, wanted);
    let devices: Vec<_> = runtime.devices().iter().map(|device| device.name.clone()).collect();
    assert_eq!(devices, ["a".into()]);
    assert!(runtime.device("hot").is_none() && runtime.trace("hot", 0).is_none());
    assert_eq!(runtime.schedules().len(), 2, "of the device's state and its group");
    assert!(runtime.output_set("a").is_none());
    edge.stop().await;
}

#[tokio::test]
async fn a_silent_rule_is_no_problem_and_never_stale() {
    let folder = tempfile::tempdir().unwrap();
    let env = FastClock::env();
    let text = config("").replace("50ms", "10s");
    let never = output("never", &[("x", DataType::Int64, "")]);
    let outputs = vec![hot(), never];
    let edge = Edge::start_with(env.clone(), folder.path(), &text, outputs, Arc::default());
    edge.runtime.publish_rows("hot", &[row(1, true, None)]).unwrap();
    let clock = &env.clock;
    clock.sleep_until(clock.now().after(Duration::from_secs(600))).await;
    let tag = edge.runtime.tag("hot", "is_hot").unwrap();
    assert!(tag.age.unwrap() >= Duration::from_secs(600));
    assert_eq!((tag.stale, tag.quality), (false, Quality::GOOD));
    let about = |p: &tagwerk_runtime::view::Problem| {
        p.subject.starts_with("hot") || p.subject.starts_with("never")
    };
    let problems = edge.runtime.problems();
    assert!(!problems.iter().any(about), "{problems:#?}");
    edge.stop().await;
}

#[tokio::test]
async fn a_sink_gets_the_rows_that_its_pattern_chooses() {
    let folder = tempfile::tempdir().unwrap();
    let cold = output("cold", &[("t", DataType::Float64, "")]);
    let text = config(&sink("outputs", "hot/*"));
    let edge = start(folder.path(), &text, vec![hot(), cold]);
    let cold = OutputRow { time_ns: 1, values: vec![Some(Value::F64(1.0))] };
    for time in 0..20 {
        edge.runtime.publish_rows("cold", std::slice::from_ref(&cold)).unwrap();
        edge.runtime.publish_rows("hot", &[row(time, time % 2 == 0, None)]).unwrap();
    }
    let to = place("outputs");
    edge.until("all rows", |_| to.delivered.lock().len() >= 20).await;
    {
        let delivered = to.delivered.lock();
        let times = delivered.iter().map(|d| d.batch.source_times.clone());
        assert!(times.eq((0..20).map(SourceTimes::One)), "in order, each once");
        assert!(delivered.iter().all(|d| d.batch.set.device() == "hot"));
    }
    edge.stop().await;
}

#[tokio::test]
async fn an_apply_touches_only_outputs_that_changed() {
    let folder = tempfile::tempdir().unwrap();
    let other = output("other", &[("x", DataType::Int64, "")]);
    let edge = start(folder.path(), &config(""), vec![hot(), other.clone()]);
    let runtime = &edge.runtime;
    runtime.publish_rows("hot", &[row(7, true, None)]).unwrap();
    let (set, ids) = (runtime.output_set("hot").unwrap(), tag_ids(&edge, "hot"));
    let text = config("").replace("50ms", "40ms");
    edge.apply_with(&text, vec![output("new", &[("y", DataType::Bool, "")]), hot(), other]);
    assert!(Arc::ptr_eq(&set, &runtime.output_set("hot").unwrap()), "untouched");
    assert_eq!(runtime.tag("hot", "is_hot").unwrap().value, Some(Value::Bool(true)));
    // Another unit, another set: the same numbers for the same names.
    let changed = output(
        "hot",
        &[
            ("t", DataType::Float64, "K"),
            ("x", DataType::Int64, ""),
            ("is_hot", DataType::Bool, ""),
        ],
    );
    edge.apply_with(&text, vec![changed]);
    assert_ne!(runtime.output_set("hot").unwrap().id(), set.id());
    let now = tag_ids(&edge, "hot");
    assert_eq!((now[0], now[2], now.len()), (ids[1], ids[0], 3));
    let (place, why) = runtime.publish_rows("hot", &[row(8, true, None)]).unwrap_err();
    assert!(place == 0 && why.contains("are 2") && why.contains("columns 3"), "{why}");
    assert!(runtime.tag("other", "x").is_none() && runtime.output_set("other").is_none());
    let (place, why) = runtime.publish_rows("new", &[]).unwrap_err();
    assert!(place == 0 && why.contains("new"), "{why}");
    edge.apply(&text);
    assert_eq!(runtime.tags(&TagQuery { limit: 9, ..TagQuery::default() }).total, 2);
    assert_eq!(edge.batches("hot", "output").len(), 1, "what was stored stays");
    edge.stop().await;
}

#[tokio::test]
async fn a_restart_keeps_the_numbers_of_tags() {
    let folder = tempfile::tempdir().unwrap();
    let numbers = Arc::new(Numbers::default());
    let mut known = None;
    for run in 1..=2 {
        let (text, numbers) = (config(""), numbers.clone());
        let edge = Edge::start_with(Env::system(), folder.path(), &text, vec![hot()], numbers);
        let ids = tag_ids(&edge, "hot");
        assert_eq!(*known.get_or_insert_with(|| ids.clone()), ids);
        edge.runtime.publish_rows("hot", &[row(run, true, Some(run as f64))]).unwrap();
        let page = edge.runtime.look_back("hot", "t", 0, i64::MAX, 100).unwrap();
        assert_eq!(page.samples.len() as i64, run, "one tag over both runs");
        edge.stop().await;
    }
}

#[tokio::test]
async fn a_row_that_does_not_fit_stops_there_and_a_value_that_does_not_is_bad() {
    let folder = tempfile::tempdir().unwrap();
    let said = output("said", &[("text", DataType::Text, ""), ("n", DataType::Float64, "")]);
    let edge = start(folder.path(), &config(""), vec![said]);
    let text = |length: usize| Some(Value::Text("x".repeat(length).into()));
    let row = |values: Vec<Option<Value>>| OutputRow { time_ns: 5, values };
    let rows = [
        row(vec![text(VALUE_BYTES_MAX), Some(Value::F64(1.0))]),
        row(vec![text(VALUE_BYTES_MAX + 1), Some(Value::F64(f64::NAN))]),
        row(vec![text(1)]),
        row(vec![text(1), None]),
    ];
    let (written, why) = edge.runtime.publish_rows("said", &rows).unwrap_err();
    assert!(written == 2 && why.contains("are 1"), "{written} {why}");
    let stored = edge.batches("said", "output");
    assert_eq!(stored.len(), 2, "what comes behind it is still the caller's");
    assert!(stored[0].samples().all(|sample| sample.quality == Quality::GOOD));
    assert!(stored[1].samples().all(|sample| sample.quality == Quality::BAD_OUT_OF_RANGE));
    assert_eq!(edge.runtime.journal_lost().0, 0);
    edge.stop().await;
}

#[tokio::test]
async fn what_the_journal_cannot_take_is_not_shown_and_stays_the_callers() {
    let folder = tempfile::tempdir().unwrap();
    let edge = start(folder.path(), &config(""), vec![hot()]);
    edge.runtime.publish_rows("hot", &[row(1, false, None)]).unwrap();
    edge.runtime.stop().await;
    edge.journal.close().unwrap();
    let rows = [row(2, true, None), row(3, true, None)];
    let (written, why) = edge.runtime.publish_rows("hot", &rows).unwrap_err();
    assert!(written == 0 && !why.is_empty());
    assert_eq!(edge.runtime.tag("hot", "is_hot").unwrap().value, Some(Value::Bool(false)));
    assert_eq!(edge.runtime.journal_lost().0, 0, "nothing is lost while somebody has it");
}

#[tokio::test]
async fn nothing_can_be_written_to_an_output() {
    let folder = tempfile::tempdir().unwrap();
    let edge = start(folder.path(), &config(""), vec![hot()]);
    let check = async |tag: &str| edge.write(None, tag, json!(true)).await.unwrap_err();
    let refused = check("hot/is_hot").await;
    let CommandRefused::Calculated(why) = refused else { panic!("{refused:?}") };
    assert_eq!(why, "hot/is_hot is the output of a rule");
    assert!(matches!(check("hot/none").await, CommandRefused::UnknownTag(_)));
    assert!(matches!(check("warm/is_hot").await, CommandRefused::UnknownDevice(_)));
    assert_eq!(edge.runtime.commands(0, 10).1, 0);
    assert_eq!(edge.runtime.read_now("hot", "t").await.unwrap().quality, Quality::BAD_WAITING);
    edge.stop().await;
}

#[tokio::test]
async fn the_ledger_balances_with_outputs() {
    let folder = tempfile::tempdir().unwrap();
    let (env, numbers) = (FastClock::env(), Arc::new(Numbers::default()));
    let text = config(&sink("outputs-ledger", "hot/*")).replace("50ms", "10s");
    let pass = async |seconds| {
        env.clock.sleep_until(env.clock.now().after(Duration::from_secs(seconds))).await;
    };
    let to = place("outputs-ledger");
    let mut last = None;
    for run in 1..=2 {
        let (outputs, numbers) = (vec![hot()], numbers.clone());
        let edge = Edge::start_with(env.clone(), folder.path(), &text, outputs, numbers);
        for time in 0..15 {
            let rows = [row(time, true, Some(1.0)), row(time, false, None)];
            edge.runtime.publish_rows("hot", &rows).unwrap();
            pass(20).await;
        }
        // The machine's own time: the fast one is over before a slow machine has done anything.
        let real = Env::system().clock;
        while to.delivered.lock().len() < run * 30 {
            real.sleep_until(real.now().after(Duration::from_millis(5))).await;
        }
        let schedules = edge.runtime.schedules();
        edge.runtime.stop().await;
        let known = schedules.clone();
        let (mut keeper, ledger) =
            Keeper::open(&env, &edge.journal, Arc::new(move || known.clone()));
        keeper.end();
        edge.journal.close().unwrap();
        // A rule that says nothing for long, or does not run, owes nothing.
        pass(1200).await;
        last = Some((ledger, schedules));
    }
    let (ledger, schedules) = last.unwrap();
    let now_ns = env.clock.wall().unix_ns;
    let account = account(&ledger, &schedules, now_ns);
    assert_eq!((account.expected(), account.stored), (120, 120), "{account:?}");
    assert_eq!((account.good(), account.missed_samples(), account.suppressed), (90, 0, 0));
    assert!(account.bad.into_iter().eq([(Quality::BAD_NO_DATA, 30)]));
    assert_eq!(to.delivered.lock().len(), 60);
}

fn account(
    ledger: &tagwerk_ledger::Ledger,
    schedules: &Schedules,
    now_ns: i64,
) -> tagwerk_ledger::Account {
    let to = now_ns.div_euclid(MINUTE_NS) + 1;
    let asked = Asked { from: to - 6_000, to, interval: 1, now_ns, schedules };
    let told = ledger.tell(&asked, &|set| &*set.device == "hot");
    assert!(told.missing.iter().all(|missing| missing.bad && !missing.open), "{:?}", told.missing);
    let mut sum = tagwerk_ledger::Account::default();
    told.rows.iter().for_each(|row| sum.add(&row.account));
    sum
}
