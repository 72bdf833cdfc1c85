//! The current value, quality and age of every tag, and the state of every device.
//!
//! Written by device tasks, read by everyone who wants to know what is the case now.

use crate::load::LoadMeter;
use crate::output::{Output, Outputs};
use crate::view::{
    DeviceCounters, DeviceState, DeviceView, GroupView, QualityFilter, RoundTrip, TagCounts,
    TagPage, TagQuery, TagView,
};
use parking_lot::{Mutex, RwLock};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tagwerk_component::Trace;
use tagwerk_config::CheckedTag;
use tagwerk_env::{Clock, Moment};
use tagwerk_model::{BatchBuilder, Columns, Quality, SampleBatch, Severity, TagSet, Value};

/// A tag is stale after this many intervals without a read.
const STALE_INTERVALS: u32 = 3;
/// But never sooner than this: a fast group is not stale for one slow answer.
const STALE_MIN: Duration = Duration::from_secs(2);
/// Round trips kept for the figures shown.
const ROUND_TRIPS: usize = 256;

/// One reading of both clocks, to show moments as wall-clock times.
#[derive(Clone, Copy)]
pub(crate) struct Now {
    pub moment: Moment,
    pub unix_ns: i64,
}

impl Now {
    pub fn of(clock: &dyn Clock) -> Now {
        Now { moment: clock.now(), unix_ns: clock.wall().unix_ns }
    }

    /// Wall-clock time of a moment of this boot, by the offset known now: a clock that was set late
    /// corrects what is shown.
    pub fn unix(&self, moment: Moment) -> i64 {
        self.unix_ns - (self.moment.0 as i64 - moment.0 as i64)
    }
}

/// All devices by name, in the order of the configuration, and what rules give.
#[derive(Default)]
pub(crate) struct Live {
    devices: RwLock<BTreeMap<Arc<str>, Placed>>,
    outputs: RwLock<Outputs>,
    /// Grows with every update, so that a subscriber knows that there is something to look at.
    pub updates: tokio::sync::watch::Sender<u64>,
}

/// A device and its place in the configuration.
type Placed = (u32, Arc<DeviceLive>);

pub(crate) struct DeviceLive {
    pub name: Arc<str>,
    pub driver: &'static str,
    pub link: Arc<str>,
    pub description: RwLock<Option<Arc<str>>>,
    pub status: Mutex<Status>,
    /// The device's own tags, `status` first of all.
    pub own: Arc<GroupLive>,
    pub groups: RwLock<Vec<Arc<GroupLive>>>,
    pub counters: Mutex<Counters>,
    /// Of the link; off, where the device does not run.
    pub trace: RwLock<Trace>,
}

pub(crate) struct Status {
    pub state: DeviceState,
    pub since: Moment,
    pub reason: Option<String>,
    pub next_try: Option<Moment>,
}

#[derive(Default)]
pub(crate) struct Counters {
    pub plain: DeviceCounters,
    load: LoadMeter,
    round_trips_us: Vec<u32>,
    next: usize,
}

impl Counters {
    pub fn round_trip(&mut self, time: Duration) {
        let micros = time.as_micros().min(u128::from(u32::MAX)) as u32;
        if self.round_trips_us.len() < ROUND_TRIPS {
            self.round_trips_us.push(micros);
        } else {
            self.round_trips_us[self.next % ROUND_TRIPS] = micros;
        }
        self.next += 1;
    }

    /// A request was under way between these moments.
    pub fn busy(&mut self, from: Moment, to: Moment) {
        self.load.add(from, to);
    }

    fn view(&self) -> DeviceCounters {
        let mut sorted = self.round_trips_us.clone();
        sorted.sort_unstable();
        let micros = |us: u32| Duration::from_micros(u64::from(us));
        let round_trip = (!sorted.is_empty()).then(|| RoundTrip {
            min: micros(sorted[0]),
            mean: micros(
                (sorted.iter().map(|us| u64::from(*us)).sum::<u64>() / sorted.len() as u64) as u32,
            ),
            p99: micros(sorted[(sorted.len() - 1) * 99 / 100]),
            max: micros(sorted[sorted.len() - 1]),
        });
        DeviceCounters { round_trip, ..self.plain.clone() }
    }
}

/// The tags of one group and what is known of them.
pub(crate) struct GroupLive {
    pub set: Arc<TagSet>,
    pub name: Arc<str>,
    pub tags: Box<[CheckedTag]>,
    /// Zero for tags that report by themselves.
    pub interval: Duration,
    /// Whether the device reports the group by itself, or why not; `None` where it cannot.
    watched: Mutex<Option<Result<(), String>>>,
    /// Of tags that are computed: why they have no value.
    reasons: Mutex<BTreeMap<usize, Box<str>>>,
    state: Mutex<GroupState>,
    generation: AtomicU64,
}

struct GroupState {
    columns: Columns,
    qualities: Box<[Quality]>,
    /// When value or quality last became another; zero before the first read.
    changed: Box<[Moment]>,
    quality_since: Box<[Moment]>,
    source_times: Option<Box<[i64]>>,
    good: u64,
    uncertain: u64,
    read: Option<Moment>,
    duration: Option<Duration>,
    polls: u64,
    late: u64,
    missed: u64,
}

impl GroupLive {
    pub fn new(
        set: Arc<TagSet>,
        tags: Box<[CheckedTag]>,
        interval: Duration,
        quality: Quality,
        now: Moment,
    ) -> GroupLive {
        let count = set.len();
        // A tag that is only written has nothing to be bad about.
        let qualities: Box<[Quality]> = tags
            .iter()
            .map(|tag| if tag.access.reads() { quality } else { Quality::GOOD })
            .collect();
        GroupLive {
            name: Arc::from(set.group()),
            state: Mutex::new(GroupState {
                columns: Columns::for_set(&set),
                good: qualities.iter().filter(|q| q.is_good()).count() as u64,
                qualities,
                changed: vec![Moment(0); count].into(),
                quality_since: vec![now; count].into(),
                source_times: None,
                uncertain: 0,
                read: None,
                duration: None,
                polls: 0,
                late: 0,
                missed: 0,
            }),
            watched: Mutex::new(None),
            reasons: Mutex::default(),
            set,
            tags,
            interval,
            generation: AtomicU64::new(1),
        }
    }

    /// Takes over what a batch says. A batch without any value (an outage) is no read: the age of
    /// the values goes on growing.
    pub fn update(&self, batch: &SampleBatch) {
        let moment = Moment(batch.moment_ns);
        let mut guard = self.state.lock();
        let state = &mut *guard;
        let mut any_value = false;
        for sample in batch.samples() {
            let index = sample.index;
            let old = state.qualities[index];
            let kind = self.set.kind(index);
            let slot = self.set.slot(index);
            let mut changed = old != sample.quality;
            if let Some(value) = sample.value {
                any_value = true;
                if state.columns.get(kind, slot) != value || state.changed[index] == Moment(0) {
                    changed = true;
                    state.columns.set(slot, value);
                }
            }
            if old != sample.quality {
                state.count(old, u64::wrapping_sub);
                state.count(sample.quality, u64::wrapping_add);
                state.qualities[index] = sample.quality;
                state.quality_since[index] = moment;
            }
            if changed {
                state.changed[index] = moment;
            }
            if let Some(time) = sample.source_time {
                let count = self.set.len();
                state.source_times.get_or_insert_with(|| vec![0; count].into())[index] = time;
            }
        }
        if any_value {
            state.read = Some(moment);
        }
        drop(guard);
        self.generation.fetch_add(1, Ordering::Release);
    }

    pub fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    pub fn polled(&self, duration: Duration, late: bool, missed: u64) {
        let mut state = self.state.lock();
        state.polls += 1;
        state.duration = Some(duration);
        state.late += u64::from(late);
        state.missed += missed;
    }

    /// An empty builder for batches of this group.
    pub fn builder(&self) -> BatchBuilder {
        let scales = self.tags.iter().map(|tag| tag.scale).collect();
        BatchBuilder::new(self.set.clone(), scales)
    }

    /// Says why a tag that is computed has no value.
    pub fn explain(&self, index: usize, reason: Option<&str>) {
        let mut reasons = self.reasons.lock();
        match reason {
            None if reasons.is_empty() => {}
            None => drop(reasons.remove(&index)),
            Some(reason) if reasons.get(&index).is_some_and(|known| **known == *reason) => {}
            Some(reason) => drop(reasons.insert(index, reason.into())),
        }
    }

    /// The value and quality of a tag now; one that is stale is uncertain.
    pub fn now(&self, index: usize, now: Moment) -> (Option<Value>, Quality) {
        let state = self.state.lock();
        let quality = state.qualities[index];
        if quality.is_bad() {
            return (None, quality);
        }
        // A tag that is only written, and never was.
        if state.changed[index] == Moment(0) {
            return (None, Quality::BAD_WAITING);
        }
        let value = state.columns.get(self.set.kind(index), self.set.slot(index)).to_value();
        let stale = self.is_stale(&state, now) && quality.is_good();
        (Some(value), if stale { Quality::UNCERTAIN_LAST_USABLE } else { quality })
    }

    pub fn set_watched(&self, watched: Result<(), String>) {
        *self.watched.lock() = Some(watched);
    }

    pub fn is_watched(&self) -> bool {
        matches!(*self.watched.lock(), Some(Ok(())))
    }

    /// What a device reports by itself is fresh for as long as the link is up, however old.
    fn is_stale(&self, state: &GroupState, now: Moment) -> bool {
        if self.interval.is_zero() || self.is_watched() {
            return false;
        }
        let limit = (self.interval * STALE_INTERVALS).max(STALE_MIN);
        state.read.is_some_and(|read| now.since(read) > limit)
    }

    pub fn counts(&self, now: Moment) -> TagCounts {
        let state = self.state.lock();
        let total = self.set.len() as u64;
        TagCounts {
            total,
            good: state.good,
            uncertain: state.uncertain,
            bad: total - state.good - state.uncertain,
            stale: if self.is_stale(&state, now) { state.good + state.uncertain } else { 0 },
        }
    }

    /// The worst thing that tags of this group say, for the list of problems: how many are bad,
    /// since when, and the reason of the first.
    pub fn worst(&self) -> Option<(u64, Moment, Quality, usize)> {
        let state = self.state.lock();
        let mut found: Option<(u64, Moment, Quality, usize)> = None;
        for (index, quality) in state.qualities.iter().enumerate().filter(|(_, q)| q.is_bad()) {
            let since = state.quality_since[index];
            let entry = found.get_or_insert((0, since, *quality, index));
            entry.0 += 1;
            entry.1 = entry.1.min(since);
        }
        found
    }

    fn view(&self, now: Now) -> GroupView {
        let state = self.state.lock();
        GroupView {
            name: self.name.clone(),
            interval: self.interval,
            tags: self.set.len(),
            last_read_unix_ns: state.read.map(|m| now.unix(m)),
            duration: state.duration,
            late: state.late,
            missed: state.missed,
            polls: state.polls,
            watched: self.is_watched(),
            polled_because: self.watched.lock().clone().and_then(Result::err),
        }
    }

    /// Time of the last read with a value.
    pub fn last_read(&self) -> Option<Moment> {
        self.state.lock().read
    }

    /// The tag's value now; `None` while it is bad or never read.
    pub fn value(&self, index: usize) -> Option<tagwerk_model::Value> {
        let state = self.state.lock();
        (!state.qualities[index].is_bad())
            .then(|| state.columns.get(self.set.kind(index), self.set.slot(index)).to_value())
    }

    /// When any of the tags last changed.
    pub fn last_changed(&self) -> Moment {
        self.state.lock().changed.iter().copied().max().unwrap_or_default()
    }

    /// Calls `visit` for each tag that changed after `since`.
    pub fn changed_after(&self, since: Moment, mut visit: impl FnMut(usize)) {
        let state = self.state.lock();
        let changed: Vec<usize> =
            (0..self.set.len()).filter(|i| state.changed[*i] > since).collect();
        drop(state);
        changed.into_iter().for_each(&mut visit);
    }

    pub fn tag_view(&self, index: usize, now: Now) -> TagView {
        let state = self.state.lock();
        self.tag_view_locked(&state, index, now)
    }

    fn tag_view_locked(&self, state: &GroupState, index: usize, now: Now) -> TagView {
        let tag = &self.tags[index];
        let definition = &self.set.tags()[index];
        let quality = state.qualities[index];
        let seen = state.changed[index] != Moment(0);
        TagView {
            id: definition.id,
            device: Arc::from(self.set.device()),
            group: self.name.clone(),
            name: tag.name.clone(),
            address: tag.address.clone(),
            formula: tag.formula.as_ref().map(|formula| formula.text.clone()),
            reason: self.reasons.lock().get(&index).cloned(),
            data_type: definition.data_type,
            unit: Arc::from(&*definition.unit),
            description: tag.description.clone(),
            readable: tag.access.reads(),
            writable: tag.access.writes(),
            range: tag.range,
            interval: self.interval,
            value: (!quality.is_bad() && seen)
                .then(|| state.columns.get(self.set.kind(index), self.set.slot(index)).to_value()),
            quality,
            read_unix_ns: state.read.map(|m| now.unix(m)),
            source_unix_ns: state.source_times.as_ref().map(|t| t[index]).filter(|t| *t != 0),
            age: state.read.map(|m| now.moment.since(m)),
            changed_unix_ns: seen.then(|| now.unix(state.changed[index])),
            quality_since_unix_ns: now.unix(state.quality_since[index]),
            stale: self.is_stale(state, now.moment) && !quality.is_bad(),
        }
    }
}

impl GroupState {
    fn count(&mut self, quality: Quality, step: fn(u64, u64) -> u64) {
        match quality.severity() {
            Severity::Good => self.good = step(self.good, 1),
            Severity::Uncertain => self.uncertain = step(self.uncertain, 1),
            Severity::Bad => {}
        }
    }
}

impl DeviceLive {
    /// The device's own tags first, then its groups.
    pub fn all_groups(&self) -> Vec<Arc<GroupLive>> {
        let groups = self.groups.read();
        std::iter::once(self.own.clone()).chain(groups.iter().cloned()).collect()
    }

    pub fn counts(&self, now: Moment) -> TagCounts {
        let mut sum = TagCounts::default();
        self.all_groups().iter().for_each(|group| sum.add(group.counts(now)));
        sum
    }

    pub fn view(&self, now: Now) -> DeviceView {
        let status = self.status.lock();
        DeviceView {
            name: self.name.clone(),
            description: self.description.read().clone(),
            driver: self.driver,
            link: self.link.clone(),
            state: status.state,
            since_unix_ns: now.unix(status.since),
            reason: status.reason.clone(),
            next_try: status.next_try.map(|m| m.since(now.moment)),
            tags: self.counts(now.moment),
            groups: self.groups.read().iter().map(|g| g.view(now)).collect(),
            counters: {
                let mut counters = self.counters.lock().view();
                for group in self.groups.read().iter() {
                    let view = group.view(now);
                    counters.late_polls += view.late;
                    counters.missed_polls += view.missed;
                }
                counters
            },
            load: self.counters.lock().load.view(now.moment),
        }
    }
}

impl Live {
    pub fn put(&self, order: u32, device: Arc<DeviceLive>) {
        self.devices.write().insert(device.name.clone(), (order, device));
        self.touch();
    }

    pub fn remove(&self, name: &str) {
        self.devices.write().remove(name);
        self.touch();
    }

    pub fn touch(&self) {
        self.updates.send_modify(|n| *n = n.wrapping_add(1));
    }

    /// In the order of the configuration.
    pub fn devices(&self) -> Vec<Arc<DeviceLive>> {
        let mut devices: Vec<_> = self.devices.read().values().cloned().collect();
        devices.sort_by_key(|(order, _)| *order);
        devices.into_iter().map(|(_, device)| device).collect()
    }

    pub fn device(&self, name: &str) -> Option<Arc<DeviceLive>> {
        self.devices.read().get(name).map(|(_, device)| device.clone())
    }

    pub fn put_outputs(&self, outputs: Outputs) {
        let before = std::mem::replace(&mut *self.outputs.write(), outputs);
        for (rule, old) in before {
            if !self.output(&rule).is_some_and(|new| Arc::ptr_eq(&new, &old)) {
                old.end();
            }
        }
        self.touch();
    }

    pub fn output(&self, rule: &str) -> Option<Arc<Output>> {
        self.outputs.read().get(rule).cloned()
    }

    pub fn outputs(&self) -> Vec<Arc<GroupLive>> {
        self.outputs.read().values().map(|output| output.live.clone()).collect()
    }

    /// Of devices, and then of rules.
    pub fn all_groups(&self) -> Vec<Arc<GroupLive>> {
        let mut groups: Vec<_> = self.devices().iter().flat_map(|d| d.all_groups()).collect();
        groups.append(&mut self.outputs());
        groups
    }

    /// Of the device, or the rule, of this name.
    pub fn groups_of(&self, name: &str) -> Vec<Arc<GroupLive>> {
        match self.device(name) {
            Some(device) => device.all_groups(),
            None => self.output(name).into_iter().map(|output| output.live.clone()).collect(),
        }
    }

    /// Of this device alone, or all.
    pub fn groups(&self, device: Option<&str>) -> Vec<Arc<GroupLive>> {
        match device {
            Some(name) => self.groups_of(name),
            None => self.all_groups(),
        }
    }

    pub fn find(&self, device: &str, tag: &str) -> Option<(Arc<GroupLive>, usize)> {
        self.groups_of(device).into_iter().find_map(|group| {
            let index = group.tags.iter().position(|t| *t.name == *tag)?;
            Some((group, index))
        })
    }

    pub fn page(&self, query: &TagQuery, now: Now) -> TagPage {
        let filter = query.filter.as_ref().map(|f| f.to_lowercase());
        let mut page = TagPage { items: Vec::new(), total: 0 };
        for group in self.groups(query.device.as_deref()) {
            if query.group.as_ref().is_some_and(|name| **name != *group.name) {
                continue;
            }
            // Who looks among all devices may mean one of them, or a rule.
            let named = |f: &String| group.set.device().to_lowercase().contains(f);
            let filter = filter.as_ref().filter(|f| query.device.is_some() || !named(f));
            if filter.is_none() && query.quality.is_none() {
                group.page_all(query, now, &mut page);
            } else {
                group.page_filtered(query, filter.map(String::as_str), now, &mut page);
            }
        }
        page
    }
}

impl GroupLive {
    /// Skips whole groups before the page, so that paging through 100,000 tags stays cheap.
    fn page_all(&self, query: &TagQuery, now: Now, page: &mut TagPage) {
        let start = query.offset.saturating_sub(page.total);
        let room = query.limit - page.items.len();
        let state = self.state.lock();
        for index in (start.min(self.set.len())..self.set.len()).take(room) {
            page.items.push(self.tag_view_locked(&state, index, now));
        }
        page.total += self.set.len();
    }

    fn page_filtered(&self, query: &TagQuery, filter: Option<&str>, now: Now, page: &mut TagPage) {
        let state = self.state.lock();
        let stale = self.is_stale(&state, now.moment);
        for (index, tag) in self.tags.iter().enumerate() {
            let severity = state.qualities[index].severity();
            let quality_fits = query.quality.is_none_or(|wanted| match wanted {
                QualityFilter::Good => severity == Severity::Good && !stale,
                QualityFilter::Uncertain => severity == Severity::Uncertain,
                QualityFilter::Bad => severity == Severity::Bad,
                QualityFilter::Stale => stale && severity != Severity::Bad,
            });
            let text_fits = filter.is_none_or(|f| {
                let has = |text: &str| text.to_lowercase().contains(f);
                let formula = tag.formula.as_ref().is_some_and(|formula| has(&formula.text));
                has(&tag.name)
                    || has(&tag.address)
                    || formula
                    || tag.description.as_deref().is_some_and(has)
            });
            if quality_fits && text_fits {
                if page.total >= query.offset && page.items.len() < query.limit {
                    page.items.push(self.tag_view_locked(&state, index, now));
                }
                page.total += 1;
            }
        }
    }
}
