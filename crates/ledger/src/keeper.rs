//! Reads the journal's samples, one minute at a time, and writes what each minute comes to.

use crate::minute::{Entry, Minute, Stretch, Why};
use crate::record::{MINUTE_KIND, Noted, SET_KIND, STARTED_KIND, encode_set, encode_started};
use crate::shared::{Last, Ledger, SetInfo, State};
use crate::{MINUTE_NS, Schedules};
use parking_lot::Mutex;
use std::collections::{HashMap, HashSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;
use tagwerk_env::Env;
use tagwerk_journal::{Block, Item, Journal, Reader, ReaderFilter, Stream};
use tagwerk_model::{codec, limits};
use tokio::sync::watch;

/// How long after a sample the account may still not have it.
const IDLE: Duration = Duration::from_millis(500);
/// A minute is closed this long after its end when nothing new has come.
const GRACE_NS: i64 = 5_000_000_000;
/// Blocks taken under one hold of the lock that those who ask need too.
const BLOCKS_AT_ONCE: usize = 256;
/// Longest time that a difference of wall clocks over a restart is believed.
const BELIEVED_NS: i64 = 400 * 24 * 60 * MINUTE_NS;

/// Asks how the groups are read now.
pub type AskSchedules = Arc<dyn Fn() -> Schedules + Send + Sync>;

/// Keeps the ledger. One thread.
pub struct Keeper {
    ledger: Ledger,
    journal: Journal,
    env: Env,
    schedules: AskSchedules,
    samples: Reader,
    record: Reader,
    /// The end of the stream of samples when this run began.
    begun_at: u64,
    loaded: bool,
    current: Option<Minute>,
    /// Closed, and not yet to be written: what they sum up is not on disk.
    closed: Vec<Minute>,
    /// Written to the record stream by this run.
    told: HashSet<u32>,
    known: HashMap<u32, (u32, Arc<SetInfo>)>,
    /// As they were when groups last ran.
    seen: Schedules,
    /// Of the newest batch of the run before.
    ended_ns: i64,
    /// Of the newest batch: its place in the stream, and its time.
    newest: (u64, i64),
}

impl Keeper {
    /// A keeper that has read nothing yet: the first step does, on the thread that takes it, so that no
    /// start waits for it.
    pub fn open(env: &Env, journal: &Journal, schedules: AskSchedules) -> (Keeper, Ledger) {
        let ledger = Ledger { journal: journal.clone(), state: Arc::new(Mutex::default()) };
        let begun_at = journal.end(Stream::Samples);
        let start = encode_started(begun_at);
        if let Err(error) = journal.append_record(STARTED_KIND, &start) {
            tracing::warn!(%error, "the start cannot be noted in the ledger");
        }
        let all = ReaderFilter::default;
        let keeper = Keeper {
            journal: journal.clone(),
            env: env.clone(),
            schedules,
            samples: journal.reader(Stream::Samples, journal.oldest(Stream::Samples), all()),
            record: journal.reader(Stream::Record, journal.oldest(Stream::Record), all()),
            begun_at,
            loaded: false,
            current: None,
            closed: Vec::new(),
            told: HashSet::new(),
            known: HashMap::new(),
            seen: Schedules::new(),
            ended_ns: 0,
            newest: (0, 0),
            ledger: ledger.clone(),
        };
        (keeper, ledger)
    }

    /// Reads what is known, and where to go on.
    fn load(&mut self) {
        let mut known = State::default();
        read_record(&mut self.record, &mut known);
        // A journal that was begun anew knows nothing of what the record says.
        if known.position > self.begun_at {
            known = State::default();
        }
        self.samples.seek(known.position.max(self.journal.oldest(Stream::Samples)));
        let newest = known.last.values().map(|last| (last.seq, last.ns)).max();
        self.newest = newest.unwrap_or_default();
        self.ended_ns = self.newest.1;
        *self.ledger.state.lock() = known;
        self.loaded = true;
    }

    /// Takes what is new. Returns whether there may be more at once.
    pub fn step(&mut self) -> bool {
        if !self.loaded {
            self.load();
        }
        self.seen.extend((self.schedules)());
        let schedules = std::mem::take(&mut self.seen);
        let state = self.ledger.state.clone();
        let more = {
            let mut state = state.lock();
            read_record(&mut self.record, &mut state);
            state.forget(self.journal.oldest(Stream::Record));
            let mut taken = 0;
            while taken < BLOCKS_AT_ONCE
                && let Some(item) = self.samples.try_next()
            {
                taken += 1;
                if let Item::Block(block) = item {
                    self.take(&block, &schedules, &mut state);
                }
            }
            taken == BLOCKS_AT_ONCE
        };
        self.seen = schedules;
        let now_ns = self.env.clock.wall().unix_ns;
        let over = self.current.as_ref().is_some_and(|minute| {
            let end = (minute.minute + 1) * MINUTE_NS;
            now_ns > end + GRACE_NS || now_ns < minute.minute * MINUTE_NS - GRACE_NS
        });
        if over && !more {
            self.close();
        }
        self.write();
        self.show();
        more
    }

    /// Writes what there is; the minute goes on in another record.
    pub fn end(&mut self) {
        while self.step() {}
        self.close();
        if let Err(error) = self.journal.commit(Stream::Samples) {
            tracing::warn!(%error, "the ledger's last minute is summed up at the next start");
        }
        self.write();
        self.show();
    }

    fn take(&mut self, block: &Block, schedules: &Schedules, state: &mut State) {
        let Some(set) = self.set(block, state) else { return };
        let Ok(outline) = codec::decode_outline(set.tags.len(), &block.payload) else { return };
        let minute = block.unix_ns.div_euclid(MINUTE_NS);
        if self.current.as_ref().is_some_and(|c| c.minute != minute || c.epoch != block.epoch) {
            self.close();
        }
        if state.is_other_run(self.newest.0, block.span.from) {
            self.ended_ns = self.newest.1;
        }
        self.newest = (block.span.from, block.unix_ns);
        let current = self.current.get_or_insert_with(|| Minute {
            minute,
            epoch: block.epoch,
            seqs: (block.span.from, block.span.to),
            ..Minute::default()
        });
        current.seqs.1 = block.span.to;
        let schedule = schedules.get(&set.id);
        let size = schedule.map_or(set.tags.len() as u32, |s| s.samples.max(1));
        let first = !current.groups.contains_key(&set.id);
        let entry = current.groups.entry(set.id).or_default();
        if first {
            (entry.even, entry.size) = (true, size);
        }
        entry.add(&outline, block.unix_ns);
        let last = state.last.get(&set.id).copied();
        let began_ns = began(last, block);
        let suppressed = u64::from(outline.suppressed);
        if suppressed > 0 && began_ns.div_euclid(MINUTE_NS) != minute {
            let (from_ns, to_ns) = (began_ns, block.unix_ns);
            entry.add_stretch(Stretch {
                from_ns,
                to_ns,
                samples: suppressed,
                why: Why::Suppressed,
            });
        } else {
            entry.suppressed += suppressed;
        }
        let there = u64::from(outline.count) + suppressed;
        let missing = u64::from(outline.expected).saturating_sub(there);
        let bad = last.and_then(|last| last.bad);
        let why = bad.map_or(Why::Late, |quality| Why::Quality(quality.with_detail(0)));
        if missing > 0 {
            let (from_ns, to_ns) = (began_ns, block.unix_ns);
            entry.add_stretch(Stretch { from_ns, to_ns, samples: missing, why });
        }
        if let (Some(last), Some(schedule)) = (last, schedule)
            && state.is_other_run(last.seq, block.span.from)
        {
            let reads = i64::from(outline.expected / size.max(1));
            stopped(entry, last, block.unix_ns, reads, self.ended_ns, schedule);
        }
        state.totals.take_new(&outline, missing, why);
        let bad = match &outline.qualities[..] {
            [(quality, _)] if quality.is_bad() => Some(*quality),
            _ => None,
        };
        let (ns, seq, boot, moment) = (block.unix_ns, block.span.from, block.boot, block.moment);
        state.last.insert(set.id, Last { ns, seq, boot, moment, bad });
    }

    fn set(&mut self, block: &Block, state: &mut State) -> Option<Arc<SetInfo>> {
        let (id, revision) = (block.set.id, block.set.revision);
        if let Some((known, set)) = self.known.get(&id)
            && *known == revision
        {
            return Some(set.clone());
        }
        let definition = codec::decode_definition(id, &block.set.dictionary).ok()?;
        let set = Arc::new(SetInfo {
            id,
            device: Arc::from(&*definition.device),
            group: Arc::from(&*definition.group),
            tags: definition.tags.iter().map(|tag| tag.id).collect(),
        });
        self.known.insert(id, (revision, set.clone()));
        if state.sets.get(&id) != Some(&set) || !self.told.contains(&id) {
            self.told.insert(id);
            if let Err(error) = self.journal.append_record(SET_KIND, &encode_set(&set)) {
                tracing::warn!(%error, "a group cannot be noted in the ledger");
            }
            state.sets.insert(id, set.clone());
        }
        Some(set)
    }

    fn close(&mut self) {
        self.closed.extend(self.current.take());
    }

    /// Writes the closed minutes of which all samples are on disk.
    fn write(&mut self) {
        while let Some(minute) = self.closed.first() {
            if self.journal.committed(Stream::Samples) < minute.seqs.1 {
                return;
            }
            if let Err(error) = self.journal.append_record(MINUTE_KIND, &minute.encode()) {
                tracing::warn!(%error, "a minute of the ledger cannot be written now");
                return;
            }
            self.closed.remove(0);
        }
    }

    /// Lets those who ask see what is not written.
    fn show(&mut self) {
        let mut state = self.ledger.state.lock();
        // What was just written is found by reading it back.
        read_record(&mut self.record, &mut state);
        state.unwritten.clear();
        state.unwritten.extend(self.closed.iter().chain(&self.current).cloned().map(Arc::new));
    }
}

fn read_record(reader: &mut Reader, state: &mut State) {
    while let Some(item) = reader.try_next() {
        match item {
            Item::Record(record) => {
                if let Some(noted) = Noted::decode(record.kind, &record.payload) {
                    state.note_fresh(record.seq, noted);
                }
            }
            Item::Gap { gap, unix_ns, .. } => state.note_gap(gap, unix_ns),
            Item::Block(_) | Item::Missing { .. } => {}
        }
    }
}

impl State {
    /// As [`State::note`]; what this run knows better by its batches stays.
    fn note_fresh(&mut self, seq: u64, noted: Noted) {
        let known: Vec<(u32, Last)> = match &noted {
            Noted::Minute(minute) => {
                let newer = |set: &u32| Some((*set, *self.last.get(set)?));
                minute.groups.keys().filter_map(newer).filter(|(_, l)| l.moment.0 > 0).collect()
            }
            _ => Vec::new(),
        };
        self.note(seq, noted);
        self.last.extend(known);
    }
}

/// When the batch before ended: by the monotonic clock where that went through.
fn began(last: Option<Last>, block: &Block) -> i64 {
    match last {
        None => block.unix_ns,
        Some(last) if last.boot == block.boot && last.moment.0 > 0 => {
            block.unix_ns - block.moment.since(last.moment).as_nanos() as i64
        }
        Some(last) => last.ns.clamp(block.unix_ns.saturating_sub(BELIEVED_NS), block.unix_ns),
    }
}

/// What was not read between two runs of the edge.
fn stopped(
    entry: &mut Entry,
    last: Last,
    now_ns: i64,
    reads: i64,
    ended_ns: i64,
    schedule: &crate::Schedule,
) {
    let interval = schedule.interval.as_nanos() as i64;
    if interval == 0 || now_ns <= last.ns || now_ns - last.ns > BELIEVED_NS {
        return;
    }
    let size = u64::from(schedule.samples);
    // Slots lie at whole intervals; a start has its own beginning.
    let slots = ((now_ns - last.ns + interval / 2) / interval - reads.max(1)).max(0);
    let ended = ended_ns.clamp(last.ns, now_ns);
    let before = ((ended - last.ns) / interval).min(slots);
    let why = match last.bad {
        Some(quality) => Why::Quality(quality.with_detail(0)),
        None if schedule.on_change => Why::NotTold,
        None => Why::EdgeStopped,
    };
    let mut add = |from_ns, to_ns, slots: i64, why| {
        if slots > 0 {
            entry.add_stretch(Stretch { from_ns, to_ns, samples: slots as u64 * size, why });
        }
    };
    add(last.ns, ended, before, why);
    add(ended, now_ns, slots - before, Why::EdgeStopped);
}

/// Keeps the ledger until `stop` is true or its sender is gone. Blocking: on a thread of its own.
pub fn run(keeper: Keeper, stop: watch::Receiver<bool>) {
    let mut keeper = keeper;
    let clock = keeper.env.clock.clone();
    let stopping = || *stop.borrow() || stop.has_changed().is_err();
    let mut pause = limits::PANIC_FIRST;
    while !stopping() {
        let stepped = catch_unwind(AssertUnwindSafe(|| keeper.step()));
        match stepped {
            Ok(true) => {}
            Ok(false) => clock.park_until(clock.now().after(IDLE)),
            Err(_) => {
                tracing::error!("the ledger panicked and starts again");
                clock.park_until(clock.now().after(pause));
                pause = (pause * 2).min(limits::PANIC_MAX);
                let (env, schedules) = (keeper.env.clone(), keeper.schedules.clone());
                let (fresh, _) = Keeper::open(&env, &keeper.journal, schedules);
                keeper = Keeper { ledger: keeper.ledger.clone(), ..fresh };
            }
        }
    }
    keeper.end();
}
