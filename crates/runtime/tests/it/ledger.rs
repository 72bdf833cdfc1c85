//! The ledger over simulated hours of faults: what was expected is accounted for, to the sample.

use crate::edge::Edge;
use crate::fake_sink::{Mode, Place, place};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;
use tagwerk_env::{BoxFuture, Clock, Env, Moment, WallTime};
use tagwerk_journal::{Item, Journal, ReaderFilter, Stream};
use tagwerk_ledger::{
    Account, Asked, Keeper, Ledger, MINUTE_NS, Minute, Schedules, SinkPlace, SinkShare, Told, Why,
};
use tagwerk_model::{SampleBatch, Severity, TagId, TagSet, codec};

/// Time goes this much faster.
const FASTER: u64 = 1_000;
const INTERVAL: Duration = Duration::from_secs(10);

/// The machine's clock, run fast.
pub struct FastClock {
    clock: Arc<dyn Clock>,
    begun: Moment,
    wall: i64,
}

impl FastClock {
    pub fn env() -> Env {
        let env = Env::system();
        let (begun, wall) = (env.clock.now(), env.clock.wall().unix_ns);
        Env { clock: Arc::new(FastClock { clock: env.clock.clone(), begun, wall }), ..env }
    }

    fn real(&self, moment: Moment) -> Moment {
        Moment(self.begun.0 + moment.0.saturating_sub(self.begun.0) / FASTER)
    }
}

impl Clock for FastClock {
    fn now(&self) -> Moment {
        Moment(self.begun.0 + (self.clock.now().0 - self.begun.0) * FASTER)
    }

    fn wall(&self) -> WallTime {
        let unix_ns = self.wall + (self.now().0 - self.begun.0) as i64;
        WallTime { unix_ns, synchronised: true }
    }

    fn boot_id(&self) -> [u8; 16] {
        self.clock.boot_id()
    }

    fn sleep_until(&self, moment: Moment) -> BoxFuture<'static, ()> {
        self.clock.sleep_until(self.real(moment))
    }

    fn park_until(&self, moment: Moment) {
        self.clock.park_until(self.real(moment));
    }
}

fn config() -> String {
    let device = |name: &str, settings: &str, tags: &str| {
        format!(
            "  - name: {name}\n    driver: sim\n    settings: {{{settings}}}\n    groups:\n      - name: g\n        interval: 10s\n        tags:\n{tags}"
        )
    };
    let two = "          - { name: n, address: counter, type: uint64 }\n          - { name: c, address: 'constant:4', type: int16 }\n";
    let changes = "          - { name: c, address: 'constant:4', type: int16, report: change }\n          - { name: s, address: 'sine:10m', type: float64, deadband: 0.2 }\n";
    let devices = [
        device("steady", "", two),
        device("lost", "lost_every: 25", two),
        device("silent", "silent_every: 9, timeout: 2s", two),
        device("rare", "", changes),
        device("dead", "unreachable: true", two),
    ];
    let sink = |name: &str, more: &str| {
        format!(
            "  - name: {name}\n    kind: fake\n    settings: {{ place: ledger-{name} }}\n    from: oldest\n{more}"
        )
    };
    let sinks = [
        sink("all", ""),
        sink("late", ""),
        sink("picky", ""),
        sink("forgetful", "    backlog_age_max: 20m\n"),
    ];
    format!(
        "version: 1\nedge: {{ name: test }}\ndevices:\n{}sinks:\n{}",
        devices.join(""),
        sinks.join("")
    )
}

/// What the journal says by itself: the tests' own reckoning.
#[derive(Default, Debug)]
struct Counted {
    stored: u64,
    bad: u64,
    suppressed: u64,
    first_ns: i64,
    last_ns: i64,
}

fn count(journal: &Journal) -> HashMap<String, Counted> {
    let oldest = journal.oldest(Stream::Samples);
    let mut reader = journal.reader(Stream::Samples, oldest, ReaderFilter::default());
    let mut all: HashMap<String, Counted> = HashMap::new();
    while let Some(item) = reader.try_next() {
        let Item::Block(block) = item else { continue };
        let definition = codec::decode_definition(block.set.id, &block.set.dictionary).unwrap();
        let set = Arc::new(TagSet::new(definition));
        let batch: SampleBatch =
            codec::decode_batch(set, &block.payload, block.moment.0, block.unix_ns).unwrap();
        if batch.set.group() != "g" {
            continue;
        }
        let counted = all.entry(batch.set.device().to_owned()).or_default();
        counted.first_ns = if counted.stored == 0 { block.unix_ns } else { counted.first_ns };
        counted.last_ns = block.unix_ns;
        counted.stored += batch.len() as u64;
        counted.suppressed += u64::from(batch.suppressed);
        let bad = batch.samples().filter(|s| s.quality.severity() == Severity::Bad).count();
        counted.bad += bad as u64;
    }
    all
}

fn tell(ledger: &Ledger, edge: &Edge, schedules: &Schedules) -> Told {
    let now_ns = edge.env.clock.wall().unix_ns;
    let to = now_ns.div_euclid(MINUTE_NS) + 1;
    let asked = Asked { from: to - 600, to, interval: 1, now_ns, schedules };
    ledger.tell(&asked, &|set| &*set.group == "g")
}

fn by_device(told: &Told) -> HashMap<String, Account> {
    let mut all: HashMap<String, Account> = HashMap::new();
    for row in &told.rows {
        all.entry(row.set.device.to_string()).or_default().add(&row.account);
    }
    all
}

fn sink_place(edge: &Edge, sink: &str) -> SinkPlace {
    let letters = edge.runtime.dead_letters(Some(sink));
    SinkPlace {
        name: sink.to_owned(),
        cursor: edge.runtime.sink_cursor(sink),
        rejected: letters.iter().map(|letter| letter.span).collect(),
    }
}

fn share(ledger: &Ledger, edge: &Edge, told: &Told, sink: &str) -> SinkShare {
    let sharing = ledger.sharing(sink_place(edge, sink));
    let mut sum = SinkShare::default();
    told.minutes.iter().for_each(|minute| sum.add(&sharing.share(minute, &|_| (1, 1))));
    sum
}

fn arrived(place: &Place) -> u64 {
    place.delivered.lock().iter().map(|delivered| delivered.batch.len() as u64).sum()
}

async fn pass(edge: &Edge, time: Duration) {
    let clock = &edge.env.clock;
    clock.sleep_until(clock.now().after(time)).await;
}

const MINUTES_20: Duration = Duration::from_secs(20 * 60);

/// Two runs, with a stop of twenty minutes between them.
async fn two_runs(folder: &std::path::Path, env: &Env) -> (Edge, Ledger, Schedules) {
    let edge = Edge::start_in(env.clone(), folder, &config());
    place("ledger-picky").mode.send_replace(Mode::Picky);
    pass(&edge, MINUTES_20).await;
    place("ledger-late").mode.send_replace(Mode::Down);
    place("ledger-forgetful").mode.send_replace(Mode::Down);
    pass(&edge, 2 * MINUTES_20).await;
    let schedules = edge.runtime.schedules();
    edge.runtime.stop().await;
    let (mut keeper, _) = Keeper::open(env, &edge.journal, Arc::new(move || schedules.clone()));
    keeper.end();
    edge.journal.close().unwrap();
    env.clock.sleep_until(env.clock.now().after(MINUTES_20)).await;
    let edge = Edge::start_in(env.clone(), folder, &config());
    pass(&edge, MINUTES_20).await;
    place("ledger-forgetful").mode.send_replace(Mode::Up);
    pass(&edge, MINUTES_20).await;
    let schedules = edge.runtime.schedules();
    let known = schedules.clone();
    let (mut keeper, ledger) = Keeper::open(env, &edge.journal, Arc::new(move || known.clone()));
    // Devices end, so that nothing moves while it is counted; the sinks go on.
    edge.runtime.stop().await;
    while keeper.step() {}
    keeper.end();
    (edge, ledger, schedules)
}

#[tokio::test]
async fn two_hours_of_faults_are_accounted_for_to_the_sample() {
    let folder = tempfile::tempdir().unwrap();
    let env = FastClock::env();
    let (edge, ledger, schedules) = two_runs(folder.path(), &env).await;
    let told = tell(&ledger, &edge, &schedules);
    let accounts = by_device(&told);
    let counted = count(&edge.journal);
    for (device, counted) in &counted {
        let account = &accounts[device];
        assert_eq!(account.stored, counted.stored, "{device}");
        assert_eq!(account.bad_samples(), counted.bad, "{device}");
        let open = account.suppressed - counted.suppressed;
        assert_eq!(
            account.expected(),
            account.good() + account.bad_samples() + account.suppressed + account.missed_samples()
        );
        if device != "rare" && device != "dead" {
            assert_eq!(open, 0, "{device} keeps nothing back: {account:?}");
        }
    }
    on_schedule(&accounts, &counted);
    reasons(&accounts);
    sinks(&ledger, &edge, &told, counted.values().map(|c| c.stored).sum());
    control(&ledger, &edge, &told);
    by_tag(&ledger, &edge, &told);
    edge.journal.close().unwrap();
}

/// NEGATIVE CONTROL: the same check finds one minute that is not in the accounts.
fn control(ledger: &Ledger, edge: &Edge, told: &Told) {
    let fullest = (0..told.minutes.len()).max_by_key(|at| told.minutes[*at].stored()).unwrap();
    let mut minutes = told.minutes.clone();
    minutes.remove(fullest);
    let fewer = Told { rows: Vec::new(), missing: Vec::new(), minutes };
    let delivered = share(ledger, edge, &fewer, "all").delivered;
    assert!(delivered < arrived(&place("ledger-all")), "a minute less is noticed");
}

/// Of a tag, in a minute: what of its samples was stored and what became of them.
type ByTag = BTreeMap<(i64, u32), SinkShare>;

/// What the accounts say of each tag and minute on the way to a sink.
fn deliveries(ledger: &Ledger, edge: &Edge, minutes: &[Arc<Minute>], sink: &str) -> ByTag {
    let stored = stored_by_tag(&edge.journal);
    let sharing = ledger.sharing(sink_place(edge, sink));
    let mut records: BTreeMap<i64, Vec<Arc<Minute>>> = BTreeMap::new();
    minutes.iter().for_each(|m| records.entry(m.minute).or_default().push(m.clone()));
    let mut told = ByTag::new();
    for (minute, records) in records {
        let delivery = ledger.delivery(&records, &sharing, &mut None);
        let ids: BTreeSet<u32> = records.iter().flat_map(|r| r.groups.keys().copied()).collect();
        for set in ids.into_iter().filter_map(|id| ledger.set(id)) {
            let of = |tag: &TagId| stored.get(&(minute, tag.0)).copied().unwrap_or(0);
            let stored: Vec<u64> = set.tags.iter().map(of).collect();
            for (tag, share) in set.tags.iter().zip(delivery.of_tags(&set, &stored)) {
                told.entry((minute, tag.0)).or_default().add(&share);
            }
        }
    }
    told
}

fn stored_by_tag(journal: &Journal) -> BTreeMap<(i64, u32), u64> {
    let oldest = journal.oldest(Stream::Samples);
    let mut reader = journal.reader(Stream::Samples, oldest, ReaderFilter::default());
    let mut stored = BTreeMap::new();
    while let Some(item) = reader.try_next() {
        let Item::Block(block) = item else { continue };
        let definition = codec::decode_definition(block.set.id, &block.set.dictionary).unwrap();
        let set = Arc::new(TagSet::new(definition));
        let batch =
            codec::decode_batch(set, &block.payload, block.moment.0, block.unix_ns).unwrap();
        for (minute, tag) in tags_of(&batch) {
            *stored.entry((minute, tag)).or_default() += 1;
        }
    }
    stored
}

fn tags_of(batch: &SampleBatch) -> impl Iterator<Item = (i64, u32)> {
    let minute = batch.unix_ns.div_euclid(MINUTE_NS);
    batch.samples().map(move |sample| (minute, batch.set.tags()[sample.index].id.0))
}

/// Each tag's samples of each minute are delivered as often as they arrived, whatever else happened
/// in that minute, and nothing is without an outcome.
fn by_tag(ledger: &Ledger, edge: &Edge, told: &Told) {
    let stored = stored_by_tag(&edge.journal);
    let mut parted = 0;
    for sink in ["all", "late", "picky", "forgetful"] {
        let by_tag = deliveries(ledger, edge, &told.minutes, sink);
        let mut arrived: BTreeMap<(i64, u32), u64> = BTreeMap::new();
        for delivered in place(&format!("ledger-{sink}")).delivered.lock().iter() {
            tags_of(&delivered.batch).for_each(|key| *arrived.entry(key).or_default() += 1);
        }
        let (mut mixed, mut sum) = (0, SinkShare::default());
        for (key, share) in &by_tag {
            let came = arrived.remove(key).unwrap_or(0);
            assert_eq!(share.delivered, came, "{sink}, {key:?}: {share:?}");
            assert_eq!(share.expected, stored.get(key).copied().unwrap_or(0), "{sink}, {key:?}");
            mixed += u32::from(came > 0 && came < share.expected);
            sum.add(share);
        }
        assert!(arrived.is_empty(), "{sink}: arrived and not in the accounts: {arrived:?}");
        assert_eq!(sum, self::share(ledger, edge, told, sink), "{sink}: as the account by sink");
        parted += mixed;
    }
    assert!(parted > 0, "no minute in which samples of a tag parted");
}

/// By the clock alone: one read each ten seconds, from the first to now, whether it could be made or
/// not. A start may shift the grid by a part of an interval.
fn on_schedule(accounts: &HashMap<String, Account>, counted: &HashMap<String, Counted>) {
    for device in ["steady", "lost", "silent"] {
        let (account, counted) = (&accounts[device], &counted[device]);
        let slots = (counted.last_ns - counted.first_ns) as f64 / INTERVAL.as_nanos() as f64 + 1.0;
        let open: u64 = account.missed.values().sum::<u64>();
        let reads = account.expected() as f64 / 2.0;
        // Since the last batch there may be an open stretch.
        assert!(
            reads >= slots - 2.0 && reads <= slots + 2.0 + open as f64 / 2.0,
            "{device}: {reads} reads of {slots} slots; {account:?}"
        );
    }
}

fn reasons(accounts: &HashMap<String, Account>) {
    let missed = |device: &str, wanted: fn(&Why) -> bool| -> u64 {
        accounts[device].missed.iter().filter(|(why, _)| wanted(why)).map(|(_, n)| n).sum()
    };
    let stopped = missed("steady", |why| *why == Why::EdgeStopped);
    // Ending and starting takes time too, and each millisecond of it counts as a second.
    assert!((236..=400).contains(&stopped), "20 minutes of two tags each 10 s: {stopped}");
    // A lost connection costs the read it met, and so does a silence shorter than the interval.
    assert!(accounts["lost"].bad_samples() > 0 && accounts["silent"].bad_samples() > 0);
    let dead = missed("dead", |why| matches!(why, Why::Quality(_)));
    assert!(dead > 2 * 6 * 80, "an outage that goes on is told while it lasts: {dead}");
    assert!(accounts["rare"].suppressed > 200, "{:?}", accounts["rare"]);
}

fn sinks(ledger: &Ledger, edge: &Edge, told: &Told, of_groups: u64) {
    let stored: u64 = told.minutes.iter().map(|minute| minute.stored()).sum();
    assert!(stored > of_groups, "the status tags come on top");
    for sink in ["all", "late", "picky", "forgetful"] {
        let share = share(ledger, edge, told, sink);
        let sum = share.delivered + share.pending + share.rejected + share.lost_samples();
        assert_eq!(share.expected, sum, "{sink}: {share:?}");
        assert_eq!(share.expected, stored, "{sink}: {share:?}");
        let place = place(&format!("ledger-{sink}"));
        match sink {
            // What came as the edge ended may wait for the next start.
            "all" => {
                assert_eq!(share.delivered, arrived(&place));
                assert!(share.pending < 20, "{share:?}");
            }
            "late" => {
                assert_eq!(share.delivered, arrived(&place));
                assert!(share.pending > 0 && share.lost_samples() == 0, "{share:?}");
            }
            "picky" => {
                assert_eq!(share.delivered, arrived(&place), "{share:?}");
                assert!(share.rejected > 0 && share.pending < 20, "{share:?}");
            }
            _ => {
                assert_eq!(share.delivered, arrived(&place));
                assert!(share.lost_samples() > 0, "{share:?}");
            }
        }
    }
}
