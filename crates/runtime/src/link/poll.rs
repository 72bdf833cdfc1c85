//! Reading one group: its schedule, its requests, and what each kind of failure does to its tags.

use super::watch::Watched;
use super::{GroupTask, LinkShared, LinkTask, Message};
use crate::live::DeviceLive;
use crate::report::Report;
use std::sync::Arc;
use std::time::Duration;
use tagwerk_component::{Fault, ReadRequest, Session};
use tagwerk_env::{Clock, Moment};
use tagwerk_model::{BatchBuilder, Quality, SampleBatch, limits};
use tokio::sync::{mpsc, oneshot};

/// First polls are spread over this much, so that a thousand devices do not all ask at once.
const SPREAD: Duration = Duration::from_millis(250);
/// A poll is late when it begins this much after it was due, or a tenth of its interval if that is
/// more.
const LATE_MIN: Duration = Duration::from_millis(10);

/// A group as its link reads it.
pub(super) struct Group {
    pub task: Arc<GroupTask>,
    builder: BatchBuilder,
    slots: Vec<Slot>,
    divided: bool,
    report: Option<Report>,
    next_due: Moment,
    /// Reads asked for, by schedule or by hand, since the last batch.
    pub(super) asked: u32,
    suppressed: u32,
    pub(super) outage: bool,
    again: bool,
    /// For a group that its device can report by itself.
    pub(super) watched: Option<Watched>,
    waiters: Vec<oneshot::Sender<Result<(), String>>>,
    run: Option<Run>,
}

/// One request, or a part of one that the device refused as a whole.
struct Slot {
    request: ReadRequest,
    /// The device said no for good: not asked again before this moment.
    refused: Option<(Quality, Moment)>,
}

/// A read of the group under way.
struct Run {
    index: usize,
    attempt: u32,
    started: Moment,
    resume: Moment,
    late: bool,
    missed: u64,
}

enum Ended {
    Read,
    /// Something else comes first; the run goes on afterwards.
    Paused,
    Fault(Fault),
}

impl Group {
    pub fn new(task: Arc<GroupTask>, now: Moment) -> Group {
        // A hash of the name, so that the spread does not depend on the order of the configuration.
        let hash = task.live.set.device().bytes().chain(task.live.name.bytes());
        let hash = hash.fold(0xcbf2_9ce4_8422_2325u64, |h, b| {
            (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3)
        });
        let spread = SPREAD.min(task.live.interval / 4).as_nanos() as u64;
        let offset = Duration::from_nanos(if spread == 0 { 0 } else { (hash >> 16) % spread });
        Group {
            builder: task.live.builder(),
            slots: slots(&task.reads),
            divided: false,
            report: Report::new(&task.live.tags),
            next_due: now.after(offset),
            asked: 0,
            suppressed: 0,
            outage: false,
            again: false,
            watched: None,
            waiters: Vec::new(),
            run: None,
            task,
        }
    }

    pub fn has_reads(&self) -> bool {
        !self.slots.is_empty()
    }

    /// Nothing is read or reported, and tags are computed at its interval.
    fn only_computes(&self) -> bool {
        let silent = self.slots.is_empty() && self.task.watch.is_none();
        silent && !self.task.computed.read().is_empty()
    }

    /// When the group is to be read next, on a link that is up.
    pub fn due(&self, silent_until: Option<Moment>) -> Moment {
        const NOW: Moment = Moment(0);
        match (&self.run, silent_until) {
            // A device that does not answer is asked by what is read of it.
            (_, silent) if self.slots.is_empty() && (silent.is_some() || !self.only_computes()) => {
                Moment(u64::MAX)
            }
            (_, Some(until)) => until,
            (Some(run), None) => run.resume,
            (None, None) if self.is_watched() && !self.again => Moment(u64::MAX),
            (None, None) if self.again || self.outage => NOW,
            (None, None) => self.next_due,
        }
    }

    /// Reads the group once more beside its schedule, and tells `done` when that is over.
    pub fn read_again(&mut self, done: Option<oneshot::Sender<Result<(), String>>>) {
        if !self.has_reads() && !self.only_computes() {
            if let Some(done) = done {
                let reason = match self.task.watch {
                    Some(_) => "the device sends the group by itself and cannot be asked for it",
                    None => "the group has no readable tags",
                };
                drop(done.send(Err(reason.into())));
            }
            return;
        }
        self.again = true;
        self.waiters.extend(done);
    }

    /// Forgets what the device refused: after a new connection it may be another device.
    pub fn undivide(&mut self) {
        if self.divided {
            self.slots = slots(&self.task.reads);
            self.divided = false;
        }
        self.slots.iter_mut().for_each(|slot| slot.refused = None);
    }

    pub async fn probe(&mut self, session: &mut dyn Session) -> Result<(), Fault> {
        session.read(&self.slots[0].request, &mut self.builder).await
    }

    /// The group cannot be read: one bad batch, however long it lasts.
    pub fn begin_outage(&mut self, shared: &LinkShared, quality: Quality, reason: &str) {
        self.run = None;
        self.again = false;
        if let Some(watched) = &mut self.watched {
            watched.interrupted();
        }
        for waiter in self.waiters.drain(..) {
            drop(waiter.send(Err(reason.to_owned())));
        }
        if !self.outage {
            self.outage = true;
            let expected = self.asked.saturating_mul(self.task.samples());
            let now = shared.env.clock.now();
            if shared.publisher.publish_outage(&self.task, quality, now, expected) {
                self.asked = 0;
            }
        }
    }

    fn begin(&mut self, now: Moment, steady: bool) {
        if self.run.is_some() {
            return;
        }
        let behind = now.since(self.next_due);
        let interval = self.task.live.interval.max(limits::INTERVAL_MIN);
        let mut passed = 0;
        if now >= self.next_due {
            passed = 1 + (behind.as_nanos() / interval.as_nanos()) as u64;
            let step = interval.as_nanos() as u64 * passed;
            self.next_due = Moment(self.next_due.0.saturating_add(step));
        }
        let steady = steady && !self.outage;
        // A read beside the schedule is asked for as well.
        self.asked = self.asked.saturating_add(passed.max(1).min(u64::from(u32::MAX)) as u32);
        self.again = false;
        self.builder.clear();
        self.run = Some(Run {
            index: 0,
            attempt: 0,
            started: now,
            resume: now,
            late: steady && passed > 0 && behind > LATE_MIN.max(interval / 10),
            missed: if steady { passed.saturating_sub(1) } else { 0 },
        });
    }

    /// Sends the group's requests from where the run stands.
    async fn work(
        &mut self,
        session: &mut dyn Session,
        retries: u32,
        device: &DeviceLive,
        clock: &dyn Clock,
        messages: &mpsc::UnboundedReceiver<Message>,
    ) -> Ended {
        let Some(run) = &mut self.run else { return Ended::Read };
        let mut first = true;
        while run.index < self.slots.len() {
            if !first && !messages.is_empty() {
                return Ended::Paused;
            }
            let asked = clock.now();
            let slot = &mut self.slots[run.index];
            if let Some((quality, _)) = slot.refused.filter(|(_, until)| *until > asked) {
                slot.request
                    .tags
                    .iter()
                    .for_each(|t| self.builder.put_quality(*t as usize, quality));
                run.index += 1;
                continue;
            }
            first = false;
            let result = session.read(&slot.request, &mut self.builder).await;
            let answered = clock.now();
            count(device, asked, answered, &result);
            match result {
                Ok(()) => {
                    // The device has changed its mind: it may have about the others too.
                    if slot.refused.take().is_some() {
                        self.slots.iter_mut().for_each(|slot| slot.refused = None);
                    }
                    run.index += 1;
                    run.attempt = 0;
                }
                Err(Fault::Refused { quality, .. })
                    if quality.with_detail(0) == Quality::BAD_DEVICE_BUSY
                        && run.attempt < retries =>
                {
                    device.counters.lock().plain.retries += 1;
                    run.attempt += 1;
                    run.resume = answered.after(limits::BUSY_RETRY);
                    return Ended::Paused;
                }
                Err(Fault::Refused { quality, .. }) => {
                    run.attempt = 0;
                    let index = run.index;
                    let parts = match is_permanent(quality) {
                        true => session.divide(&slot.request),
                        false => None,
                    };
                    if let Some(parts) = parts {
                        self.divided = true;
                        let parts =
                            parts.into_iter().map(|request| Slot { request, refused: None });
                        self.slots.splice(index..=index, parts);
                        continue;
                    }
                    if is_permanent(quality) {
                        slot.refused = Some((quality, answered.after(limits::REFUSED_RETRY)));
                    }
                    for tag in &slot.request.tags {
                        self.builder.put_quality(*tag as usize, quality);
                    }
                    run.index += 1;
                }
                Err(Fault::Silent(_)) if run.attempt < retries => {
                    device.counters.lock().plain.retries += 1;
                    run.attempt += 1;
                    // Neighbours on the link that are due by now come before the second try.
                    run.resume = answered;
                    return Ended::Paused;
                }
                Err(fault) => return Ended::Fault(fault),
            }
        }
        Ended::Read
    }

    fn finish(&mut self, shared: &LinkShared) {
        let Some(run) = self.run.take() else { return };
        let now = shared.env.clock.now();
        self.keep_asking(now);
        self.task.live.polled(now.since(run.started), run.late, run.missed);
        self.outage = false;
        let expected = self.asked.saturating_mul(self.task.samples());
        let computed = self.task.computed.read().clone();
        computed.all(&self.task.live, &mut self.builder, shared.at());
        let batch = self.builder.batch(now.0, shared.env.clock.wall().unix_ns, expected);
        let batch = match &self.task.readable {
            None => Some(batch),
            Some(readable) => batch.filtered(|sample| readable[sample.index]),
        };
        if let Some(batch) = batch {
            self.tell(shared, batch);
        }
        self.wake();
    }

    /// Publishes what is news of a batch, and shows all of it.
    pub(super) fn tell(&mut self, shared: &LinkShared, batch: SampleBatch) {
        match &mut self.report {
            // What the journal cannot take stays asked for, and so is missing from the next.
            None => {
                if shared.publisher.publish(&self.task, &batch) {
                    self.asked = 0;
                }
            }
            Some(report) => {
                let (told, suppressed) = report.filter(&batch);
                self.suppressed += suppressed;
                if let Some(mut told) = told {
                    told.suppressed = std::mem::take(&mut self.suppressed);
                    match shared.publisher.publish(&self.task, &told) {
                        true => self.asked = 0,
                        false => self.suppressed = told.suppressed,
                    }
                }
            }
        }
        self.task.live.update(&batch);
        shared.live.touch();
    }

    /// Where everything is refused, something is asked now and then: otherwise nobody would notice
    /// that the device came to its senses, or that it is gone.
    fn keep_asking(&mut self, now: Moment) {
        if self.slots.iter().all(|slot| slot.refused.is_some())
            && let Some((_, until)) = self.slots.first_mut().and_then(|slot| slot.refused.as_mut())
        {
            *until = (*until).min(now.after(limits::REFUSED_ALL_RETRY));
        }
    }

    fn wake(&mut self) {
        for waiter in self.waiters.drain(..) {
            drop(waiter.send(Ok(())));
        }
    }
}

fn count(device: &DeviceLive, asked: Moment, answered: Moment, result: &Result<(), Fault>) {
    let mut counters = device.counters.lock();
    counters.plain.requests += 1;
    counters.busy(asked, answered);
    let Err(fault) = result else { return counters.round_trip(answered.since(asked)) };
    counters.plain.errors += 1;
    match fault {
        Fault::Refused { .. } => counters.plain.exceptions += 1,
        Fault::Silent(_) => counters.plain.timeouts += 1,
        Fault::Link(_) | Fault::Settings(_) => {}
    }
}

fn slots(reads: &[ReadRequest]) -> Vec<Slot> {
    reads.iter().map(|request| Slot { request: request.clone(), refused: None }).collect()
}

/// A refusal that asking again at once will not change.
fn is_permanent(quality: Quality) -> bool {
    let plain = quality.with_detail(0);
    [Quality::BAD_UNKNOWN_ADDRESS, Quality::BAD_OUT_OF_RANGE, Quality::BAD_NOT_SUPPORTED]
        .contains(&plain)
}

impl LinkTask {
    pub(super) async fn poll(
        &mut self,
        d: usize,
        g: usize,
        messages: &mpsc::UnboundedReceiver<Message>,
    ) {
        let shared = self.shared.clone();
        let Some(session) = self.session.as_mut() else { return };
        let device = &mut self.devices[d];
        shared.context.trace.for_device(Some(&device.task.live.name));
        let silent = device.silence.is_some();
        let retries = if silent { 0 } else { device.task.read_retries };
        let group = &mut device.groups[g];
        group.begin(shared.env.clock.now(), !silent);
        let clock = shared.env.clock.as_ref();
        let ended = group.work(session.as_mut(), retries, &device.task.live, clock, messages).await;
        match ended {
            Ended::Paused => {}
            Ended::Read => {
                let was_read = group.has_reads();
                group.finish(&shared);
                if was_read {
                    self.serves();
                }
                if was_read && silent {
                    self.answered(d);
                }
            }
            Ended::Fault(Fault::Link(reason)) => self.link_lost(&reason),
            Ended::Fault(Fault::Settings(reason)) => {
                self.silent(d, Quality::BAD_CONFIGURATION, &reason);
            }
            Ended::Fault(fault) => self.silent(d, Quality::BAD_TIMEOUT, &fault.to_string()),
        }
        self.collect_link_counters();
    }
}
