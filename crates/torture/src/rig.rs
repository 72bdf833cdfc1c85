//! One driver under one fault: a runtime, the device behind a proxy, two neighbours, and what is seen
//! of them from outside.

use crate::faults::Fault;
use crate::peer::{Peers, free_port};
use crate::subject::{DRIVERS, Subject, TIMEOUT_MS};
use anyhow::{Context, Result, bail};
use serde::Serialize;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};
use tagwerk_component::{NoCertificates, NoSecrets};
use tagwerk_config::Catalogue;
use tagwerk_env::Env;
use tagwerk_journal::{Journal, Options};
use tagwerk_model::{TagId, Value, limits};
use tagwerk_runtime::view::TagView;
use tagwerk_runtime::{Parts, Runtime, TagIds};
use tagwerk_testkit::FaultProxy;

const EXPECTED: Value = Value::F64(1234.5);
/// How often the value is looked at.
const LOOK: Duration = Duration::from_millis(5);
/// After this it will not be noticed, or not come back.
const GIVE_UP: Duration = Duration::from_secs(45);
/// A neighbour's lateness is counted over this long before the fault, for comparison.
const BASELINE: Duration = Duration::from_secs(2);

/// What was seen.
#[derive(Debug, Serialize)]
pub struct Row {
    driver: &'static str,
    fault: &'static str,
    /// What the tag said while the fault lasted, in the order in which it came.
    qualities: Vec<String>,
    /// Milliseconds from its beginning to the first bad value; none when it was not noticed.
    noticed_ms: Option<u64>,
    /// Milliseconds from its end to the first good value; none when there was none.
    recovered_ms: Option<u64>,
    /// Good values that were not the device's.
    wrong_values: u32,
    /// Late and missed polls of the neighbours, in per mille of all, before and during the fault.
    neighbours_late: [f64; 2],
    descriptors_more: i64,
    memory_more_kib: i64,
    /// Everything promised was kept.
    passed: bool,
    failures: Vec<String>,
}

impl Row {
    pub fn summary(&self) -> String {
        format!(
            "noticed {:?} ms, recovered {:?} ms, wrong {}, {:?}, {:?}",
            self.noticed_ms, self.recovered_ms, self.wrong_values, self.qualities, self.failures
        )
    }
}

#[derive(Default)]
struct Numbers(AtomicU32);

impl TagIds for Numbers {
    fn tag_ids(&self, _: &str, tags: &[&str]) -> Result<Vec<TagId>, String> {
        Ok(tags.iter().map(|_| TagId(self.0.fetch_add(1, Ordering::Relaxed))).collect())
    }

    fn next_set_id(&self, count: u32) -> Result<u32, String> {
        Ok(self.0.fetch_add(count, Ordering::Relaxed))
    }
}

struct Watcher<'a> {
    runtime: &'a Runtime,
    qualities: Vec<String>,
    wrong_values: u32,
    read: Option<i64>,
}

impl Watcher<'_> {
    /// The value now: whether it is good.
    fn look(&mut self) -> bool {
        let Some(tag) = self.runtime.tag("subject", "value") else { return false };
        self.note(&tag);
        let fresh = tag.read_unix_ns != self.read;
        self.read = tag.read_unix_ns;
        if fresh && !tag.quality.is_bad() && tag.value.as_ref() != Some(&EXPECTED) {
            self.wrong_values += 1;
        }
        tag.quality.is_good()
    }

    fn note(&mut self, tag: &TagView) {
        let name = tag.quality.name().to_owned();
        if self.qualities.last() != Some(&name) && self.qualities.len() < 8 {
            self.qualities.push(name);
        }
    }

    /// Looks until the value is good, or bad; how long that took.
    async fn until(&mut self, good: bool, at_most: Duration) -> Option<Duration> {
        let started = Instant::now();
        while started.elapsed() < at_most {
            if self.look() == good {
                return Some(started.elapsed());
            }
            tokio::time::sleep(LOOK).await;
        }
        None
    }

    async fn watch_for(&mut self, time: Duration) {
        let started = Instant::now();
        while started.elapsed() < time {
            self.look();
            tokio::time::sleep(LOOK).await;
        }
    }
}

/// Polls of the neighbours, and how many of them were late or missed.
fn polls(runtime: &Runtime) -> (u64, u64) {
    let names = ["neighbour", "bystander"];
    let views = names.iter().filter_map(|name| runtime.device(name)).flat_map(|d| d.groups);
    views.fold((0, 0), |(all, late), g| (all + g.polls + g.missed, late + g.late + g.missed))
}

fn per_mille(from: (u64, u64), to: (u64, u64)) -> f64 {
    let (all, late) = (to.0 - from.0, to.1 - from.1);
    if all == 0 { 0.0 } else { 1000.0 * late as f64 / all as f64 }
}

pub async fn run(subject: &Subject, fault: Fault, peers: &Peers) -> Result<Row> {
    let (port, beside) = (free_port()?, free_port()?);
    let peer = peers.start(subject.protocol, port, false).await?;
    let _neighbour = peers.start(subject.protocol, beside, false).await?;
    let env = Env::system();
    let target = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let proxy = FaultProxy::start(target, env.clock.clone()).await?;
    let folder = tempfile::tempdir()?;
    let runtime =
        start(env, folder.path(), &subject.configuration(proxy.address().port(), beside))?;

    let mut watcher =
        Watcher { runtime: &runtime, qualities: Vec::new(), wrong_values: 0, read: None };
    let first = watcher.until(true, GIVE_UP).await;
    first.with_context(|| format!("{} never got a value: {:?}", subject.name, state(&runtime)))?;
    watcher.watch_for(BASELINE / 2).await;
    let (before, resources) = (polls(&runtime), resources()?);
    watcher.watch_for(BASELINE).await;
    let during = polls(&runtime);
    watcher.qualities.clear();

    let began = Instant::now();
    let begin = fault.begin(subject, peers, port, &proxy, peer);
    tokio::pin!(begin);
    let mut noticed = None;
    let other = loop {
        tokio::select! {
            peer = &mut begin => break peer?,
            () = tokio::time::sleep(LOOK) => {
                let good = watcher.look();
                noticed = noticed.or((!good).then(|| began.elapsed()));
            }
        }
    };
    while began.elapsed() < fault.lasts() {
        let good = watcher.look();
        noticed = noticed.or((!good).then(|| began.elapsed()));
        tokio::time::sleep(LOOK).await;
    }
    let after = polls(&runtime);
    let peer = fault.end(subject, peers, port, &proxy, other).await?;
    let recovered = watcher.until(true, GIVE_UP).await;
    // What is left of a fault shows itself soon after.
    watcher.watch_for(Duration::from_millis(500)).await;
    let end = self::resources()?;
    let qualities = watcher.qualities.clone();
    let wrong_values = watcher.wrong_values;
    // A driver without time-outs would not let it end.
    let stopped = tokio::time::timeout(Duration::from_secs(5), runtime.stop()).await.is_ok();
    drop(peer);
    let mut row = Row {
        driver: subject.name,
        fault: fault.name(),
        qualities,
        noticed_ms: noticed.map(|time| time.as_millis() as u64),
        recovered_ms: recovered.map(|time| time.as_millis() as u64),
        wrong_values,
        neighbours_late: [per_mille(before, during), per_mille(during, after)],
        descriptors_more: end.0 - resources.0,
        memory_more_kib: end.1 - resources.1,
        passed: true,
        failures: Vec::new(),
    };
    judge(&mut row, subject, fault);
    if !stopped {
        row.failures.push("it does not let the edge end".to_owned());
        row.passed = false;
    }
    Ok(row)
}

/// A runtime that runs this configuration.
fn start(env: Env, folder: &Path, text: &str) -> Result<Runtime> {
    let (journal, _) = Journal::open(&env, folder, Options::default())?;
    let runtime = Runtime::start(Parts {
        env,
        journal,
        edge: Arc::from("torture"),
        secrets: Arc::new(NoSecrets),
        certificates: Arc::new(NoCertificates),
    })?;
    let lint = tagwerk_config::lint(
        text.as_bytes(),
        &Catalogue { drivers: DRIVERS, sinks: &[], channels: &[] },
    );
    let Some(checked) = lint.checked else { bail!("{text}\n{:#?}", lint.findings) };
    runtime.apply(checked, Vec::new(), &Numbers::default())?;
    Ok(runtime)
}

fn state(runtime: &Runtime) -> Option<String> {
    runtime.device("subject")?.reason
}

/// Holds what was seen against what is promised.
fn judge(row: &mut Row, subject: &Subject, fault: Fault) {
    let mut fail = |text: String| row.failures.push(text);
    let limit = fault.notice_max(subject).map(|time| time.as_millis() as u64);
    match (row.noticed_ms, limit) {
        (None, _) if fault.must_show() => fail("it was not noticed".to_owned()),
        (Some(time), Some(limit)) if time > limit => {
            fail(format!("noticed after more than {limit} ms"));
        }
        _ => {}
    }
    // One step of the back-off, and one exchange with a peer that may just have missed one.
    let step = limits::RECONNECT_MAX.max(limits::SILENCE_MAX);
    let limit = step.as_millis() as u64 + 2 * TIMEOUT_MS;
    match row.recovered_ms {
        None => fail("it never got a good value again".to_owned()),
        Some(time) if time > limit => fail(format!("recovered after more than {limit} ms")),
        Some(_) => {}
    }
    if row.wrong_values > 0 {
        fail(format!("{} wrong values", row.wrong_values));
    }
    let [without, with] = row.neighbours_late;
    if with > without + 50.0 {
        fail(format!("neighbours were late: {with:.0} ‰ of their polls, {without:.0} ‰ without"));
    }
    if row.descriptors_more > 2 {
        fail(format!("{} descriptors more than before", row.descriptors_more));
    }
    if row.memory_more_kib > 4096 {
        fail(format!("{} KiB more than before", row.memory_more_kib));
    }
    row.passed = row.failures.is_empty();
}

/// Open descriptors, and anonymous memory in KiB.
fn resources() -> Result<(i64, i64)> {
    let descriptors = std::fs::read_dir("/proc/self/fd")?.count() as i64;
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:"));
    let memory = line.and_then(|l| l.split_whitespace().next()?.parse().ok());
    Ok((descriptors, memory.context("no RssAnon in /proc/self/status")?))
}
