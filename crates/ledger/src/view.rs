//! Accounts over a time, and what is missing in it.

use crate::minute::{Entry, Minute, Stretch, Why};
use crate::shared::{Ledger, SetInfo};
use crate::{MINUTE_NS, Schedules};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use tagwerk_model::codec::Outline;
use tagwerk_model::{Quality, Severity};

/// Samples by what became of them. What was expected is stored + suppressed + missed.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Account {
    pub stored: u64,
    pub uncertain: u64,
    pub bad: BTreeMap<Quality, u64>,
    pub suppressed: u64,
    pub missed: BTreeMap<Why, u64>,
    /// Samples of one read.
    pub size: u32,
    /// Each batch held every tag with one quality, so that each tag has its even share.
    pub even: bool,
}

impl Account {
    pub fn expected(&self) -> u64 {
        self.stored + self.suppressed + self.missed_samples()
    }

    pub fn missed_samples(&self) -> u64 {
        self.missed.values().sum()
    }

    pub fn bad_samples(&self) -> u64 {
        self.bad.values().sum()
    }

    pub fn good(&self) -> u64 {
        self.stored - self.uncertain - self.bad_samples()
    }

    pub fn add(&mut self, other: &Account) {
        self.stored += other.stored;
        self.uncertain += other.uncertain;
        self.suppressed += other.suppressed;
        for (quality, samples) in &other.bad {
            *self.bad.entry(*quality).or_default() += samples;
        }
        for (why, samples) in &other.missed {
            *self.missed.entry(*why).or_default() += samples;
        }
        self.even &= other.even;
        self.size = self.size.max(other.size);
    }

    fn take(&mut self, entry: &Entry) {
        self.stored += entry.stored;
        self.uncertain += entry.uncertain;
        self.suppressed += entry.suppressed;
        for (quality, samples) in &entry.bad {
            *self.bad.entry(*quality).or_default() += samples;
        }
        self.even &= entry.even;
        self.size = self.size.max(entry.size);
    }

    /// Counts a batch on its own.
    pub(crate) fn take_new(&mut self, outline: &Outline, missing: u64, why: Why) {
        self.stored += u64::from(outline.count);
        self.suppressed += u64::from(outline.suppressed);
        for (quality, samples) in &outline.qualities {
            match quality.severity() {
                Severity::Good => {}
                Severity::Uncertain => self.uncertain += u64::from(*samples),
                Severity::Bad => {
                    let plain = quality.with_detail(0);
                    *self.bad.entry(plain).or_default() += u64::from(*samples);
                }
            }
        }
        if missing > 0 {
            *self.missed.entry(why).or_default() += missing;
        }
    }

    fn take_samples(&mut self, why: Why, samples: u64) {
        match why {
            Why::Suppressed => self.suppressed += samples,
            why => *self.missed.entry(why).or_default() += samples,
        }
    }
}

/// The account of one group in one interval.
#[derive(Clone, Debug)]
pub struct Row {
    /// ns since 1970.
    pub from_ns: i64,
    pub set: Arc<SetInfo>,
    pub account: Account,
}

/// A time in which samples of a group were missing or bad for one reason.
#[derive(Clone, Debug, PartialEq)]
pub struct Missing {
    pub set: Arc<SetInfo>,
    pub from_ns: i64,
    pub to_ns: i64,
    pub samples: u64,
    pub why: Why,
    /// Stored without a value; else not there at all.
    pub bad: bool,
    pub open: bool,
}

/// A question about whole minutes.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// Minutes since 1970: from this up to before `to`.
    pub from: i64,
    pub to: i64,
    /// Minutes of one interval.
    pub interval: i64,
    pub now_ns: i64,
    pub schedules: &'a Schedules,
}

/// Everything that the accounts say of a time.
pub struct Told {
    pub rows: Vec<Row>,
    pub missing: Vec<Missing>,
    pub minutes: Vec<Arc<Minute>>,
}

impl Ledger {
    /// Accounts of the wanted groups by interval, what they miss, newest first, and the parts of the
    /// journal that they sum up.
    pub fn tell(&self, asked: &Asked<'_>, wanted: &dyn Fn(&SetInfo) -> bool) -> Told {
        let minutes = self.minutes(asked.from, asked.to);
        let mut sets: HashMap<u32, Option<Arc<SetInfo>>> = HashMap::new();
        let mut telling = Telling { asked, accounts: BTreeMap::new(), missing: Vec::new() };
        let mut find = |id: u32| -> bool {
            sets.entry(id).or_insert_with(|| self.set(id).filter(|set| wanted(set))).is_some()
        };
        for minute in &minutes {
            for (id, entry) in minute.groups.iter().filter(|(id, _)| find(**id)) {
                telling.entry(minute.minute, *id, entry, self);
            }
        }
        for (id, stretch) in self.open(asked.now_ns, asked.schedules) {
            if find(id) {
                telling.stretch(id, &stretch, true, self);
            }
        }
        let set = |id: &u32| sets.get(id).cloned().flatten();
        let Telling { accounts, missing, .. } = telling;
        let rows = accounts.into_iter().filter_map(|((interval, id), account)| {
            Some(Row { from_ns: interval * MINUTE_NS, set: set(&id)?, account })
        });
        let missing = merge(missing).into_iter().filter_map(|found| {
            let Found { id, from_ns, to_ns, samples, why, bad, open } = found;
            Some(Missing { set: set(&id)?, from_ns, to_ns, samples, why, bad, open })
        });
        let (rows, mut missing): (Vec<Row>, Vec<Missing>) = (rows.collect(), missing.collect());
        missing.sort_by_key(|m| (!m.open, std::cmp::Reverse(m.to_ns)));
        Told { rows, missing, minutes }
    }
}

/// What is missing, of a set by its number.
#[derive(Clone, Copy)]
struct Found {
    id: u32,
    from_ns: i64,
    to_ns: i64,
    samples: u64,
    why: Why,
    bad: bool,
    open: bool,
}

struct Telling<'a> {
    asked: &'a Asked<'a>,
    accounts: BTreeMap<(i64, u32), Account>,
    missing: Vec<Found>,
}

impl Telling<'_> {
    fn account(&mut self, minute: i64, id: u32) -> &mut Account {
        let within = minute - self.asked.from;
        let interval = self.asked.from + within - within.rem_euclid(self.asked.interval);
        self.accounts
            .entry((interval, id))
            .or_insert_with(|| Account { even: true, ..Account::default() })
    }

    fn is_asked(&self, minute: i64) -> bool {
        (self.asked.from..self.asked.to).contains(&minute)
    }

    fn entry(&mut self, minute: i64, id: u32, entry: &Entry, ledger: &Ledger) {
        if self.is_asked(minute) {
            self.account(minute, id).take(entry);
            for (quality, samples) in &entry.bad {
                let (from_ns, to_ns) = (minute * MINUTE_NS, (minute + 1) * MINUTE_NS);
                let why = Why::Quality(*quality);
                let (samples, bad, open) = (*samples, true, false);
                self.missing.push(Found { id, from_ns, to_ns, samples, why, bad, open });
            }
        }
        for stretch in &entry.stretches {
            self.stretch(id, stretch, false, ledger);
        }
    }

    /// Spreads a stretch over its minutes, to the sample.
    fn stretch(&mut self, id: u32, stretch: &Stretch, open: bool, ledger: &Ledger) {
        let Stretch { from_ns, to_ns, samples, mut why } = *stretch;
        if why == Why::Late && ledger.was_unstored(from_ns, to_ns) {
            why = Why::NotStored;
        }
        let length = i128::from((to_ns - from_ns).max(1));
        // Samples up to a moment of the stretch; all of them at its end.
        let up_to = |ns: i64| -> u64 {
            let part = i128::from((ns - from_ns).clamp(0, to_ns - from_ns));
            if ns >= to_ns { samples } else { (i128::from(samples) * part / length) as u64 }
        };
        // The end of a stretch is the moment of a read, which belongs to its own minute.
        let (first, last) = (from_ns.div_euclid(MINUTE_NS), to_ns.div_euclid(MINUTE_NS));
        let mut inside = 0;
        for minute in first.max(self.asked.from)..=last.min(self.asked.to - 1) {
            let end = if minute == last { to_ns } else { (minute + 1) * MINUTE_NS - 1 };
            let begin = if minute == first { from_ns } else { minute * MINUTE_NS - 1 };
            let count = up_to(end) - if minute == first { 0 } else { up_to(begin) };
            if count > 0 {
                self.account(minute, id).take_samples(why, count);
                inside += count;
            }
        }
        if inside > 0 && why != Why::Suppressed {
            let from_ns = from_ns.max(self.asked.from * MINUTE_NS);
            let to_ns = to_ns.min(self.asked.to * MINUTE_NS);
            let (samples, bad) = (inside, false);
            self.missing.push(Found { id, from_ns, to_ns, samples, why, bad, open });
        }
    }
}

/// Makes one of those that follow each other for the same reason.
fn merge(mut all: Vec<Found>) -> Vec<Found> {
    all.sort_by_key(|found| (found.id, found.bad, found.why, found.from_ns));
    let mut merged: Vec<Found> = Vec::new();
    for found in all {
        match merged.last_mut() {
            Some(last)
                if (last.id, last.bad, last.why) == (found.id, found.bad, found.why)
                    && found.from_ns <= last.to_ns + MINUTE_NS =>
            {
                last.to_ns = last.to_ns.max(found.to_ns);
                last.samples += found.samples;
                last.open |= found.open;
            }
            _ => merged.push(found),
        }
    }
    merged
}
