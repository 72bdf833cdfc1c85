//! The ledger on the edge: the thread that keeps it, and what it says of a time.

use crate::feeding::Feeding;
use anyhow::Context;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::thread::JoinHandle;
use tagwerk_env::Env;
use tagwerk_historian::Historian;
use tagwerk_journal::Journal;
use tagwerk_ledger::{
    Account, Asked, Keeper, Ledger, MINUTE_NS, Missing, SetInfo, Sharing, SinkPlace, SinkShare,
};
use tagwerk_model::TagId;
use tagwerk_runtime::Runtime;
use tagwerk_runtime::view::Problem;
use tokio::sync::watch;

/// The ledger, and the thread that keeps it.
pub struct Keeping {
    ledger: Ledger,
    stop: watch::Sender<bool>,
    thread: JoinHandle<()>,
}

impl Keeping {
    pub fn start(env: &Env, journal: &Journal, runtime: &Runtime) -> anyhow::Result<Keeping> {
        let asked = runtime.clone();
        let (keeper, ledger) = Keeper::open(env, journal, Arc::new(move || asked.schedules()));
        let (stop, stopping) = watch::channel(false);
        let thread = std::thread::Builder::new().name("ledger".to_owned()).spawn(move || {
            tagwerk_env::yield_to_other_threads();
            tagwerk_ledger::run(keeper, stopping);
        });
        let thread = thread.context("the thread of the ledger cannot be started")?;
        Ok(Keeping { ledger, stop, thread })
    }

    pub fn ledger(&self) -> Ledger {
        self.ledger.clone()
    }

    /// Writes what is summed up and ends. Blocking.
    pub fn end(self) {
        self.stop.send_replace(true);
        if self.thread.join().is_err() {
            tracing::error!("the thread of the ledger panicked");
        }
    }
}

/// What the accounts are made of.
#[derive(Clone)]
pub struct Books {
    pub env: Env,
    pub runtime: Runtime,
    pub historian: Historian,
    pub ledger: Ledger,
    off: Option<Arc<Problem>>,
}

impl Books {
    pub fn new(env: &Env, runtime: &Runtime, feeding: &Feeding, keeping: &Keeping) -> Books {
        Books {
            env: env.clone(),
            runtime: runtime.clone(),
            historian: feeding.historian(),
            ledger: keeping.ledger(),
            off: feeding.why_off(),
        }
    }

    /// History did not open.
    pub fn problem(&self) -> Option<Problem> {
        self.off.as_deref().cloned()
    }

    /// Why there is no history, for those who ask it something.
    pub fn history_off(&self) -> Option<String> {
        let cause = &self.off.as_ref()?.cause;
        Some(format!("the edge works without history: {cause}; then start the edge again"))
    }
}

/// A time of whole minutes, in intervals of whole minutes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range {
    /// Minutes since 1970.
    pub from: i64,
    pub to: i64,
    pub interval: i64,
}

/// The account of a time.
pub struct Told {
    pub account: Account,
    /// By the beginning of the interval, ns since 1970.
    pub intervals: BTreeMap<i64, Interval>,
    pub groups: Vec<(Arc<SetInfo>, Account)>,
    pub missing: Vec<Missing>,
    pub sinks: Vec<SinkTold>,
}

#[derive(Default)]
pub struct Interval {
    pub account: Account,
    /// In the order of [`Told::sinks`].
    pub sinks: Vec<SinkShare>,
}

pub struct SinkTold {
    pub share: SinkShare,
    pub sharing: Sharing,
    /// The first minute in which something waits.
    pub pending_since_ns: Option<i64>,
}

/// Sums up a time, of one device or of all. Blocking.
pub fn tell(books: &Books, range: Range, device: Option<&str>) -> Told {
    let schedules = books.runtime.schedules();
    let now_ns = books.env.clock.wall().unix_ns;
    let Range { from, to, interval } = range;
    let asked = Asked { from, to, interval, now_ns, schedules: &schedules };
    let wanted = |set: &SetInfo| device.is_none_or(|device| device == &*set.device);
    let told = books.ledger.tell(&asked, &wanted);
    let mut whole = Account { even: true, ..Account::default() };
    let mut intervals: BTreeMap<i64, Interval> = BTreeMap::new();
    let mut groups: BTreeMap<u32, (Arc<SetInfo>, Account)> = BTreeMap::new();
    for row in told.rows {
        whole.add(&row.account);
        intervals.entry(row.from_ns).or_default().account.add(&row.account);
        let group = groups.entry(row.set.id);
        group.or_insert_with(|| (row.set.clone(), Account::default())).1.add(&row.account);
    }
    let mut sinks = sinks(books);
    let selected = Selections::new(books, device);
    for minute in told.minutes.iter().filter(|m| (from..to).contains(&m.minute)) {
        let within = (minute.minute - from).rem_euclid(interval);
        let interval = intervals.entry((minute.minute - within) * MINUTE_NS).or_default();
        interval.sinks.resize(sinks.len(), SinkShare::default());
        for (at, sink) in sinks.iter_mut().enumerate() {
            let share = sink.sharing.share(minute, &|set| selected.of(at, set));
            if share.pending > 0 {
                let begin = minute.minute * MINUTE_NS;
                sink.pending_since_ns =
                    Some(sink.pending_since_ns.map_or(begin, |since| since.min(begin)));
            }
            interval.sinks[at].add(&share);
            sink.share.add(&share);
        }
    }
    for interval in intervals.values_mut() {
        interval.sinks.resize(sinks.len(), SinkShare::default());
    }
    let (account, groups) = (whole, groups.into_values().collect());
    Told { account, intervals, groups, missing: told.missing, sinks }
}

fn sinks(books: &Books) -> Vec<SinkTold> {
    let names = books.runtime.sink_tags().into_iter().map(|(name, _)| name);
    let told = names.map(|name| {
        let sharing = books.ledger.sharing(place(books, &name));
        SinkTold { share: SinkShare::default(), sharing, pending_since_ns: None }
    });
    told.collect()
}

/// How far a sink is.
pub fn place(books: &Books, name: &str) -> SinkPlace {
    let letters = books.runtime.dead_letters(Some(name));
    SinkPlace {
        cursor: books.runtime.sink_cursor(name),
        rejected: letters.iter().map(|letter| letter.span).collect(),
        name: name.to_owned(),
    }
}

/// How many tags of each group each sink gets.
struct Selections {
    by_set: HashMap<u32, (Vec<u32>, u32)>,
}

impl Selections {
    fn new(books: &Books, device: Option<&str>) -> Selections {
        let sinks = books.runtime.sink_tags();
        let names: HashMap<TagId, Arc<str>> =
            books.historian.tags().into_iter().map(|tag| (tag.id, tag.name)).collect();
        let mut by_set = HashMap::new();
        for set in books.ledger.sets() {
            let all = set.tags.len() as u32;
            if device.is_some_and(|device| device != &*set.device) {
                by_set.insert(set.id, (vec![0; sinks.len()], all));
                continue;
            }
            let count = |patterns: &[tagwerk_config::TagPattern]| {
                let chosen = |tag: &&TagId| {
                    let name = names.get(tag).map_or("", |name| name);
                    patterns.iter().any(|p| p.matches(&set.device, &set.group, name))
                };
                set.tags.iter().filter(chosen).count() as u32
            };
            let some = sinks.iter().map(|(_, patterns)| count(patterns)).collect();
            by_set.insert(set.id, (some, all));
        }
        Selections { by_set }
    }

    fn of(&self, sink: usize, set: u32) -> (u32, u32) {
        match self.by_set.get(&set) {
            Some((some, all)) => (some.get(sink).copied().unwrap_or(0), *all),
            None => (1, 1),
        }
    }
}
