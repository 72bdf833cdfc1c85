//! Groups that their devices report by themselves: from reports to batches.

use super::poll::Group;
use super::{GroupTask, LinkShared, LinkTask};
use std::sync::Arc;
use tagwerk_component::{Fault, Report, Session, Unwatched, Watch, WatchId};
use tagwerk_model::{BatchBuilder, Quality, SampleBatch};

/// How a group with a watch is served.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Service {
    /// The device reports it.
    Watched,
    /// It is read at its interval.
    Polled,
}

/// The watched side of a group, and the reports that have gathered for its next batch: each tag once,
/// all with a source time or all without, all present or all past.
pub(super) struct Watched {
    pub id: WatchId,
    pub service: Service,
    /// The latest source time of any sample.
    latest: Option<i64>,
    /// Up to which source time samples are known, since an outage began.
    known_to: Option<i64>,
    builder: BatchBuilder,
    touched: Vec<u32>,
    seen: Box<[bool]>,
    timed: bool,
    past: bool,
}

impl Watched {
    fn new(id: WatchId, builder: BatchBuilder) -> Watched {
        Watched {
            id,
            service: Service::Polled,
            latest: None,
            known_to: None,
            touched: Vec::new(),
            seen: vec![false; builder.set().len()].into(),
            builder,
            timed: false,
            past: false,
        }
    }

    /// The group is not reported for a while: its history may have a gap from here on.
    pub fn interrupted(&mut self) {
        self.known_to = self.known_to.or(self.latest);
    }

    /// The device is to report everything anew.
    pub fn again(&mut self, ids: &mut u64) {
        *ids += 1;
        self.id = WatchId(*ids);
    }

    /// Whether the report can go into the batch that is gathering.
    fn takes(&self, report: &Report) -> bool {
        let same = report.source_time.is_some() == self.timed && report.past == self.past;
        self.touched.is_empty() || (same && !self.seen[report.tag as usize])
    }

    fn put(&mut self, report: &Report) {
        let index = report.tag as usize;
        self.seen[index] = true;
        self.touched.push(report.tag);
        self.timed = report.source_time.is_some();
        self.past = report.past;
        self.latest = self.latest.max(report.source_time);
        self.builder.put_quality(index, report.quality);
        if let Some(value) = report.value.as_ref().filter(|_| !report.quality.is_bad()) {
            self.builder.put(index, value.as_ref());
            // A value that does not fit its tag stays bad, whatever the device says of it.
            if self.builder.quality(index) == Quality::GOOD {
                self.builder.put_quality(index, report.quality);
            }
        }
        if let Some(time) = report.source_time {
            self.builder.put_source_time(index, time);
        }
    }

    /// What has gathered, and whether it is past; nothing has afterwards.
    fn take(&mut self, shared: &LinkShared, task: &GroupTask) -> Option<(SampleBatch, bool)> {
        let mut touched = std::mem::take(&mut self.touched);
        // What is past is not computed again: what else was the case then is not known any more.
        if !self.past && !touched.is_empty() {
            let computed = task.computed.read().clone();
            let at = (&mut touched, &mut *self.seen);
            computed.touched(&task.live, &mut self.builder, shared.at(), at);
        }
        touched.sort_unstable();
        touched.iter().for_each(|tag| self.seen[*tag as usize] = false);
        let clock = &shared.env.clock;
        let (now, wall) = (clock.now().0, clock.wall().unix_ns);
        Some((self.builder.part(touched, self.timed, now, wall)?, self.past))
    }
}

impl Group {
    pub fn is_watched(&self) -> bool {
        self.watched.as_ref().is_some_and(|watched| watched.service == Service::Watched)
    }

    fn take_report(&mut self, report: &Report, shared: &LinkShared) {
        if report.tag as usize >= self.task.live.set.len() {
            return;
        }
        if self.watched.as_ref().is_some_and(|watched| !watched.takes(report)) {
            self.publish_reports(shared);
        }
        if let Some(watched) = &mut self.watched {
            watched.put(report);
        }
    }

    /// What has gathered becomes a batch.
    fn publish_reports(&mut self, shared: &LinkShared) {
        let task = self.task.clone();
        let taken = self.watched.as_mut().and_then(|watched| watched.take(shared, &task));
        let Some((batch, past)) = taken else { return };
        if past {
            let _ = shared.publisher.publish(&self.task, &batch);
            return;
        }
        self.outage = false;
        self.asked = batch.expected;
        self.tell(shared, batch);
    }

    fn watch(&mut self, device: &Arc<str>, ids: &mut u64) -> Option<Watch> {
        let token = self.task.watch.clone()?;
        let live = &self.task.live;
        let watched = self.watched.get_or_insert_with(|| {
            *ids += 1;
            Watched::new(WatchId(*ids), live.builder())
        });
        Some(Watch {
            id: watched.id,
            device: device.clone(),
            group: live.name.clone(),
            interval: live.interval,
            token,
            known_to: watched.known_to,
        })
    }

    /// Takes over whether the device reports the group.
    fn served(&mut self, unwatched: &[Unwatched]) {
        let Some(watched) = &mut self.watched else { return };
        let refused = unwatched.iter().find(|u| u.id == watched.id);
        watched.service = if refused.is_some() { Service::Polled } else { Service::Watched };
        if refused.is_none() {
            watched.known_to = None;
        }
        self.task.live.set_watched(match refused {
            None => Ok(()),
            Some(refused) => Err(refused.reason.clone()),
        });
    }
}

impl LinkTask {
    /// Tells the session which groups to report on, when they are others than before.
    pub(super) async fn watch(&mut self) {
        self.watch_changed = false;
        let mut watches = Vec::new();
        for device in &mut self.devices {
            let (name, groups) = (&device.task.live.name, &mut device.groups);
            watches.extend(groups.iter_mut().filter_map(|g| g.watch(name, &mut self.watch_ids)));
        }
        if watches.is_empty() && !self.watching {
            return;
        }
        self.watching = !watches.is_empty();
        let Some(session) = self.session.as_mut() else { return };
        self.shared.context.trace.for_device(None);
        let unwatched = match session.watch(&watches).await {
            Ok(unwatched) => {
                self.serves();
                unwatched
            }
            Err(Fault::Refused { reason, .. }) => watches
                .iter()
                .map(|watch| Unwatched { id: watch.id, reason: reason.clone() })
                .collect(),
            Err(fault) => return self.link_lost(&fault.to_string()),
        };
        for group in self.devices.iter_mut().flat_map(|d| &mut d.groups) {
            group.served(&unwatched);
        }
    }

    /// What an event brought.
    pub(super) fn reported(&mut self, result: Result<(), Fault>) {
        let shared = self.shared.clone();
        let mut reports = std::mem::take(&mut self.reports);
        if !reports.is_empty() {
            self.serves();
        }
        let mut at: Option<(usize, usize)> = None;
        for report in &reports {
            let is_it = |g: &Group| g.watched.as_ref().is_some_and(|w| w.id == report.watch);
            // Reports of one group come in a row.
            if !at.is_some_and(|(d, g)| is_it(&self.devices[d].groups[g])) {
                at =
                    self.devices.iter().enumerate().find_map(|(d, device)| {
                        device.groups.iter().position(is_it).map(|g| (d, g))
                    });
            }
            // A report of a group that has just been removed is nobody's.
            if let Some((d, g)) = at {
                self.devices[d].groups[g].take_report(report, &shared);
            }
        }
        for group in self.devices.iter_mut().flat_map(|d| &mut d.groups) {
            group.publish_reports(&shared);
        }
        reports.clear();
        self.reports = reports;
        self.collect_link_counters();
        if let Err(fault) = result {
            self.link_lost(&fault.to_string());
        }
    }
}

/// What devices send next; never, while there is no session.
pub(super) async fn event(
    session: &mut Option<Box<dyn Session>>,
    reports: &mut Vec<Report>,
) -> Result<(), Fault> {
    match session {
        None => std::future::pending().await,
        Some(session) => session.event(reports).await,
    }
}
