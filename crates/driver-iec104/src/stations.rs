//! All stations of a link: takes what they send apart, knows what each point said last, and who
//! wants to hear of it.

use crate::flight::Flights;
use crate::line::Line;
use crate::point::{Point, Time};
use crate::station::{Job, Outcome, Station, StationPlan, refusal};
use crate::zone;
use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::sync::Arc;
use tagwerk_component::{Report, Trace, Watch, WatchId};
use tagwerk_env::{Moment, WallTime};
use tagwerk_model::Quality;
use tagwerk_proto_iec104::{Asdu, Cause, Element, Family, Header, Malformed, Object, Sizes};

/// Points remembered per link. More: they are reported, but not remembered for reads and browsing.
const POINTS_MAX: usize = 1_000_000;
/// Reports that wait for the next `event`. More: nothing is read from the link until some are
/// taken, and a read or write that would need it fails.
pub const REPORTS_WAITING_MAX: usize = 262_144;
/// Addresses named in one note of the communication log.
const NAMED_MAX: usize = 20;

/// What a read and a watch know of their group.
pub struct GroupPlan {
    pub station: Arc<StationPlan>,
    pub points: Vec<TagPoint>,
}

#[derive(Clone, Copy)]
pub struct TagPoint {
    /// The tag's place in its group.
    pub index: u32,
    pub point: Point,
}

/// What a point said last.
#[derive(Clone, Copy, Debug)]
pub struct Seen {
    pub element: Element,
    pub time: Option<Time>,
}

struct Watched {
    watch: WatchId,
    tag: u32,
    point: Point,
    /// What was reported instead of a value.
    told: Option<Quality>,
}

/// A read of a single object.
struct Single {
    common_address: u16,
    object: u32,
    answer: Option<Result<(), Cause>>,
}

#[derive(Default)]
struct Counts {
    untagged: u64,
    unknown_types: u64,
    malformed: u64,
    tests: u64,
    unexpected: u64,
}

type Key = (u16, u32, Family);

pub struct Stations {
    trace: Trace,
    list: BTreeMap<u16, Station>,
    points: BTreeMap<Key, Seen>,
    watched: HashMap<(u16, u32), Vec<Watched>>,
    watches: HashSet<WatchId>,
    queue: VecDeque<Report>,
    single: Option<Single>,
    pub flights: Flights,
    counts: Counts,
}

impl Stations {
    pub fn new(trace: Trace) -> Stations {
        Stations {
            trace,
            list: BTreeMap::new(),
            points: BTreeMap::new(),
            watched: HashMap::new(),
            watches: HashSet::new(),
            queue: VecDeque::new(),
            single: None,
            flights: Flights::default(),
            counts: Counts::default(),
        }
    }

    /// The station of this plan, asked for everything that is due at the beginning.
    pub fn begin(&mut self, plan: &Arc<StationPlan>) -> &mut Station {
        let station = self.list.entry(plan.common_address).or_insert_with(|| Station::new(plan));
        if !Arc::ptr_eq(station.plan(), plan) {
            station.set_plan(plan);
        }
        station.begin();
        station
    }

    pub fn station(&self, common_address: u16) -> Option<&Station> {
        self.list.get(&common_address)
    }

    /// From now on just these groups are reported.
    pub fn watch(&mut self, watches: &[Watch]) {
        let mut before = std::mem::take(&mut self.watched);
        let known = std::mem::take(&mut self.watches);
        for watch in watches {
            let group: &GroupPlan = watch.token.get();
            self.begin(&group.station).tells_missing = true;
            self.watches.insert(watch.id);
            let is_new = !known.contains(&watch.id);
            for TagPoint { index, point } in &group.points {
                let place = (group.station.common_address, point.address.object);
                let told = before.get_mut(&place).and_then(|list| {
                    list.iter().find(|w| w.watch == watch.id && w.tag == *index)?.told
                });
                if is_new && let Some(seen) = self.seen(place.0, point) {
                    self.queue.push_back(report(watch.id, *index, point, &seen));
                }
                let watched = Watched { watch: watch.id, tag: *index, point: *point, told };
                self.watched.entry(place).or_default().push(watched);
            }
        }
        let Stations { queue, watches, .. } = self;
        queue.retain(|report| watches.contains(&report.watch));
        self.tell_missing();
    }

    /// What a point said last, as far as the tag's address takes it.
    pub fn seen(&self, common_address: u16, point: &Point) -> Option<Seen> {
        let object = point.address.object;
        match point.address.family {
            Some(family) => self.points.get(&(common_address, object, plain(family))).copied(),
            None => {
                let from = (common_address, object, Family::Single);
                let to = (common_address, object, Family::Delay);
                self.points.range(from..=to).next().map(|(_, seen)| *seen)
            }
        }
    }

    /// All points of a station, by family and address.
    pub fn points(&self, common_address: u16) -> impl Iterator<Item = (u32, Family, &Seen)> {
        let from = (common_address, 0, Family::Single);
        let to = (common_address, u32::MAX, Family::Delay);
        self.points.range(from..=to).map(|((_, object, family), seen)| (*object, *family, seen))
    }

    /// What stands in place of a value that the station never sent.
    pub fn missing(&self, common_address: u16) -> Quality {
        match self.list.get(&common_address).map(|station| station.outcome(Job::Interrogation)) {
            Some(Outcome::Refused { quality, .. }) => *quality,
            Some(Outcome::Silent) => Quality::BAD_TIMEOUT,
            _ => Quality::BAD_WAITING,
        }
    }

    pub fn begin_single(&mut self, common_address: u16, object: u32) {
        self.single = Some(Single { common_address, object, answer: None });
    }

    /// The answer to a read of a single object, once there is one.
    pub fn single(&self) -> Option<Result<(), Cause>> {
        self.single.as_ref()?.answer
    }

    pub fn end_single(&mut self) {
        self.single = None;
    }

    pub fn queued(&self) -> usize {
        self.queue.len()
    }

    pub fn take_reports(&mut self, count: usize, out: &mut Vec<Report>) {
        let count = count.min(self.queue.len());
        out.extend(self.queue.drain(..count));
    }

    pub fn due(&self) -> Option<Moment> {
        self.list.values().filter_map(Station::due).min()
    }

    pub fn tick(&mut self, now: Moment, wall: WallTime, line: &mut Line) {
        for station in self.list.values_mut() {
            if let Some(news) = station.tick(now, wall, line) {
                self.trace.note(|| news);
            }
        }
        self.tell_missing();
    }

    /// Says so of tags that nothing reported once there is nothing more to expect.
    fn tell_missing(&mut self) {
        let settled: Vec<u16> = self
            .list
            .iter_mut()
            .filter(|(_, station)| station.is_settled())
            .filter_map(|(address, station)| {
                std::mem::take(&mut station.tells_missing).then_some(*address)
            })
            .collect();
        for common_address in settled {
            self.tell_missing_of(common_address);
        }
    }

    fn tell_missing_of(&mut self, common_address: u16) {
        let missing = self.missing(common_address);
        let mut objects = Vec::new();
        let Stations { watched, points, queue, .. } = self;
        for ((_, object), list) in watched.iter_mut().filter(|((ca, _), _)| *ca == common_address) {
            for watched in list {
                let family = watched.point.address.family.map(plain);
                let key = |family| (common_address, *object, family);
                let seen = match family {
                    Some(family) => points.contains_key(&key(family)),
                    None => {
                        let all = key(Family::Single)..=key(Family::Delay);
                        points.range(all).next().is_some()
                    }
                };
                if seen || watched.told == Some(missing) {
                    continue;
                }
                watched.told = Some(missing);
                objects.push(*object);
                queue.push_back(bad(watched.watch, watched.tag, missing));
            }
        }
        if !objects.is_empty() {
            objects.sort_unstable();
            self.trace.note(|| not_reported(common_address, &objects, missing));
        }
    }

    /// Takes an ASDU apart.
    pub fn take(&mut self, bytes: &[u8], sizes: Sizes, now: Moment, wall: WallTime) {
        let asdu = match Asdu::decode(bytes, sizes) {
            Ok(asdu) => asdu,
            Err(malformed) => {
                match malformed {
                    Malformed::UnknownType(_) => self.counts.unknown_types += 1,
                    _ => self.counts.malformed += 1,
                }
                return;
            }
        };
        if asdu.header.test {
            self.counts.tests += 1;
            return;
        }
        match asdu.type_id.family() {
            family if family.is_monitored() => self.take_data(&asdu, now, wall),
            family if family.is_command() => self.flights.take(&asdu, now),
            Family::EndOfInitialisation => {
                if let Some(station) = self.list.get_mut(&asdu.header.common_address) {
                    station.restart();
                }
            }
            Family::Read => self.take_read(&asdu),
            _ => {
                let station = self.list.get_mut(&asdu.header.common_address);
                if !station.is_some_and(|station| station.answer(&asdu, now)) {
                    self.counts.unexpected += 1;
                }
            }
        }
    }

    /// The mirrored request: why it is refused, or, with some stations (c104), a confirmation
    /// before the data or before the reason.
    fn take_read(&mut self, asdu: &Asdu<'_>) {
        let Header { common_address, cause, .. } = asdu.header;
        let object = asdu.objects().next().map(|object| object.address);
        match &mut self.single {
            Some(single)
                if single.common_address == common_address && Some(single.object) == object =>
            {
                if cause.is_unknown() {
                    single.answer = Some(Err(cause));
                }
            }
            _ => self.counts.unexpected += 1,
        }
    }

    fn take_data(&mut self, asdu: &Asdu<'_>, now: Moment, wall: WallTime) {
        let Header { common_address, cause, .. } = asdu.header;
        let station = self.list.get_mut(&common_address);
        let offset_ms = station.as_ref().map_or(0, |station| station.plan().offset_ms);
        if let Some(station) = station {
            station.progress(cause, now);
        }
        for object in asdu.objects() {
            let unix_ns = object.time.and_then(|tag| zone::moment(&tag, offset_ms, wall.unix_ns));
            let time = object.time.map(|tag| Time { tag, unix_ns });
            let seen = Seen { element: object.element, time };
            self.take_object(common_address, &object, seen);
            if let Some(single) = &mut self.single
                && (single.common_address, single.object) == (common_address, object.address)
                && cause == Cause::REQUESTED
            {
                single.answer = Some(Ok(()));
            }
        }
    }

    fn take_object(&mut self, common_address: u16, object: &Object, seen: Seen) {
        let family = plain(seen.element.family());
        let key = (common_address, object.address, family);
        let room = self.points.len() < POINTS_MAX;
        let watched = self.watched.get_mut(&(common_address, object.address));
        match self.points.get_mut(&key) {
            Some(place) => *place = seen,
            None => {
                self.counts.untagged += u64::from(watched.is_none());
                if room {
                    self.points.insert(key, seen);
                }
            }
        }
        for watched in watched.into_iter().flatten() {
            if watched.point.address.family.is_some_and(|wanted| plain(wanted) != family) {
                // Another type under the same address: some stations do that on purpose.
                if watched.told.is_some_and(|told| told == Quality::BAD_ENCODING) {
                    continue;
                }
                let wanted = watched.point.address.family.map(plain).unwrap_or(family);
                if !self.points.contains_key(&(key.0, key.1, wanted)) {
                    watched.told = Some(Quality::BAD_ENCODING);
                    let (watch, tag) = (watched.watch, watched.tag);
                    self.queue.push_back(bad(watch, tag, Quality::BAD_ENCODING));
                }
                continue;
            }
            watched.told = None;
            self.queue.push_back(report(watched.watch, watched.tag, &watched.point, &seen));
        }
    }

    /// What was noticed since the last call.
    pub fn counters(&mut self) -> Vec<(&'static str, u64)> {
        let counts = std::mem::take(&mut self.counts);
        let flights = std::mem::take(&mut self.flights.counts);
        let mut sums = [0; 4];
        for station in self.list.values_mut() {
            let counts = std::mem::take(&mut station.counts);
            sums[0] += counts.interrogations;
            sums[1] += counts.failed;
            sums[2] += counts.clock_syncs;
            sums[3] += counts.clock_syncs_withheld;
        }
        vec![
            ("interrogations", sums[0]),
            ("requests failed", sums[1]),
            ("clock synchronisations", sums[2]),
            ("clock synchronisations withheld", sums[3]),
            ("objects without a tag", counts.untagged),
            ("unknown types", counts.unknown_types),
            ("malformed ASDUs", counts.malformed),
            ("test ASDUs ignored", counts.tests),
            ("unexpected ASDUs", counts.unexpected),
            ("late confirmations", flights.late),
            ("foreign confirmations", flights.foreign),
        ]
    }
}

/// Normalized values are one family, with quality or without.
pub fn plain(family: Family) -> Family {
    match family {
        Family::NormalizedBare => Family::Normalized,
        other => other,
    }
}

fn report(watch: WatchId, tag: u32, point: &Point, seen: &Seen) -> Report {
    let (value, quality) = point.read(&seen.element, seen.time.as_ref());
    let source_time = seen.time.and_then(|time| time.unix_ns);
    Report { watch, tag, value, quality, source_time, past: false }
}

fn bad(watch: WatchId, tag: u32, quality: Quality) -> Report {
    Report { watch, tag, value: None, quality, source_time: None, past: false }
}

fn not_reported(common_address: u16, objects: &[u32], missing: Quality) -> String {
    let named: Vec<String> = objects.iter().take(NAMED_MAX).map(u32::to_string).collect();
    let more = match objects.len().saturating_sub(NAMED_MAX) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    format!(
        "station {common_address}: no interrogation reported {}{more}; quality `{}`",
        named.join(", "),
        missing.name()
    )
}

/// What a refused read of a single object says of its tag.
pub fn refused_read(cause: Cause, common_address: u16, object: u32) -> (Quality, String) {
    let reason = format!("station {common_address} refused to read object {object}: {cause}");
    (refusal(cause), reason)
}
