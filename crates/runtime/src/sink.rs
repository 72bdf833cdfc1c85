//! One task per sink: reads the journal from the sink's cursor, delivers, and moves the cursor when
//! the destination has taken responsibility.
//!
//! A sink that is down is a cursor that stands still. Nothing here touches the devices' tasks.

mod again;
mod lane;
mod live;
#[cfg(test)]
mod tests;

use crate::dead::{DeadLetters, Refused};
use crate::selection::Selection;
use crate::set_table::SetTable;
use crate::view::SinkState;
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use lane::{Lane, Past, Way};
pub(crate) use live::SinkLive;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tagwerk_component::{
    BoxFuture, Certificates, Delivery, OpenSink, Secrets, SinkContext, SinkFault, SinkSession,
};
use tagwerk_config::{SinkOrder, Start, TagPattern};
use tagwerk_env::{Env, Moment};
use tagwerk_journal::{
    Acknowledged, BacklogLimit, Block, Cursor, Item, Journal, MissingReason, ReaderFilter, Span,
    Stream,
};
use tagwerk_ledger::SinkBegins;
use tagwerk_model::{TagSet, codec, limits};
use tokio::sync::watch;

/// Acknowledgements are gathered for this long before the cursor is written: after a crash at most
/// this much is delivered twice.
const CURSOR_EVERY: Duration = Duration::from_millis(200);

pub(crate) struct SinkSetup {
    pub name: Arc<str>,
    pub open: Arc<dyn OpenSink>,
    pub in_flight_max: usize,
    pub tags: Arc<[TagPattern]>,
    pub from: Start,
    pub order: SinkOrder,
    /// What has waited for longer or is more is given up, with a gap record.
    pub backlog: BacklogLimit,
}

pub(crate) fn cursor_name(sink: &str) -> String {
    format!("sink/{sink}")
}

pub(crate) struct SinkTask {
    pub setup: SinkSetup,
    pub env: Env,
    pub edge: Arc<str>,
    pub secrets: Arc<dyn Secrets>,
    pub certificates: Arc<dyn Certificates>,
    pub journal: Journal,
    pub sets: Arc<SetTable>,
    pub live: Arc<SinkLive>,
    pub dead: Arc<DeadLetters>,
    pub stop: watch::Receiver<bool>,
}

/// Runs a sink until it is told to stop; a panic inside is reported and the task starts again.
pub(crate) async fn supervise(task: SinkTask) {
    let task = Arc::new(task);
    let mut pause = limits::PANIC_FIRST;
    loop {
        let running = task.clone();
        let Err(error) = tokio::spawn(async move { run(&running).await }).await else { return };
        if !error.is_panic() {
            return;
        }
        tracing::error!(sink = %task.setup.name, "sink task panicked; it starts again");
        let now = task.env.clock.now();
        let again = now.after(pause);
        let reason = "a fault inside the sink".to_owned();
        task.live.set(SinkState::Failed, Some(reason), Some(again), now);
        task.env.clock.sleep_until(again).await;
        pause = (pause * 2).min(limits::PANIC_MAX);
    }
}

async fn run(task: &SinkTask) {
    let mut cursor = place(&task.journal, &task.setup.name, task.setup.from);
    task.live.show(&cursor);
    let context = SinkContext {
        env: task.env.clone(),
        edge: task.edge.clone(),
        sink: task.setup.name.clone(),
        secrets: task.secrets.clone(),
        certificates: task.certificates.clone(),
    };
    let mut stop = task.stop.clone();
    let mut pause = limits::RECONNECT_FIRST;
    loop {
        give_up(task, &mut cursor);
        let now = task.env.clock.now();
        task.live.set(SinkState::Connecting, None, None, now);
        let opened = tokio::select! {
            biased;
            () = told(&mut stop) => return,
            opened = task.setup.open.open(&context) => opened,
        };
        let fault = match opened {
            Err(fault) => fault,
            Ok(session) => {
                let connected = task.env.clock.now();
                task.live.set(SinkState::Connected, None, None, connected);
                let mut serving = Serving::new(task, session, &mut cursor);
                let ended = serving.run(&mut stop).await;
                task.live.in_flight.store(0, Ordering::Relaxed);
                save(task, &cursor);
                // A connection that held for a while earns a quick first try.
                if task.env.clock.now().since(connected) > limits::RECONNECT_MAX {
                    pause = limits::RECONNECT_FIRST;
                }
                match ended {
                    None => return,
                    Some(fault) => fault,
                }
            }
        };
        let now = task.env.clock.now();
        let (state, wait) = match &fault {
            SinkFault::Settings(_) => (SinkState::Failed, limits::RECONNECT_MAX),
            _ => (SinkState::Retrying, pause),
        };
        let again = now.after(wait);
        task.live.set(state, Some(fault.to_string()), Some(again), now);
        pause = (pause * 2).min(limits::RECONNECT_MAX);
        tokio::select! {
            biased;
            () = told(&mut stop) => return,
            () = task.env.clock.sleep_until(again) => {}
        }
    }
}

/// Where a sink stands. A new one has its place from now on; what came before is not its.
pub(crate) fn place(journal: &Journal, sink: &str, from: Start) -> Cursor {
    let name = cursor_name(sink);
    if let Some(cursor) = journal.cursor(&name) {
        return cursor;
    }
    let at = match from {
        Start::Now => journal.end(Stream::Samples),
        Start::Oldest => journal.oldest(Stream::Samples),
    };
    let (kind, record) = tagwerk_ledger::encode_begins(&SinkBegins { sink: sink.to_owned(), at });
    if let Err(error) = journal.append_record(kind, &record) {
        tracing::warn!(sink, %error, "a sink's beginning cannot be noted");
    }
    let cursor = Cursor::new(Stream::Samples, at);
    if let Err(error) = journal.save_cursor(&name, &cursor) {
        tracing::error!(sink, %error, "a sink's cursor cannot be saved");
    }
    cursor
}

/// Resolves when the sink is to stop, or when nobody is left to tell it.
async fn told(stop: &mut watch::Receiver<bool>) {
    let _ = stop.wait_for(|stop| *stop).await;
}

fn save(task: &SinkTask, cursor: &Cursor) {
    task.live.show(cursor);
    let removed = task.live.removed.lock();
    if *removed {
        return;
    }
    if let Err(error) = task.journal.save_cursor(&cursor_name(&task.setup.name), cursor) {
        tracing::error!(sink = %task.setup.name, %error, "a sink's cursor cannot be saved");
    }
}

/// Gives up what the sink's limits do not allow to wait any longer; says what it was.
fn give_up(task: &SinkTask, cursor: &mut Cursor) -> Option<Span> {
    if task.setup.backlog == BacklogLimit::default() {
        return None;
    }
    let name = cursor_name(&task.setup.name);
    let given_up = match task.journal.limit_backlog(&name, &task.setup.backlog) {
        Ok(given_up) => given_up?,
        Err(error) => {
            tracing::error!(sink = %task.setup.name, %error, "a backlog cannot be limited");
            return None;
        }
    };
    let done: u64 = cursor.ranges().iter().map(|range| range.to.min(given_up.to)).sum::<u64>()
        - cursor.ranges().iter().map(|range| range.from.min(given_up.to)).sum::<u64>();
    let samples = given_up.count().saturating_sub(done);
    task.live.dropped_samples.fetch_add(samples, Ordering::Relaxed);
    tracing::warn!(sink = %task.setup.name, samples, "a backlog was over its limit");
    cursor.move_to(given_up.to);
    task.live.show(cursor);
    Some(given_up)
}

/// A delivery on its way.
type InFlight = BoxFuture<'static, (Way, Sent, Result<(), SinkFault>)>;

/// What was handed to the session.
struct Sent {
    /// The part of the journal that it accounts for.
    span: Span,
    /// The block itself.
    block: Span,
    set: Arc<TagSet>,
    samples: u64,
}

/// One connection's time.
struct Serving<'a> {
    task: &'a SinkTask,
    session: Option<Box<dyn SinkSession>>,
    cursor: &'a mut Cursor,
    in_flight: FuturesUnordered<InFlight>,
    /// What is new; in order, everything.
    live: Lane,
    /// What has waited, where new samples go first.
    past: Option<Past>,
    /// What lies before is backlog, not news.
    live_from: u64,
    selections: HashMap<u32, Selection>,
    save_at: Option<Moment>,
}

impl<'a> Serving<'a> {
    fn new(task: &'a SinkTask, session: Box<dyn SinkSession>, cursor: &'a mut Cursor) -> Self {
        let (sets, wanted) = (task.sets.clone(), task.setup.tags.clone());
        let filter = ReaderFilter {
            tags: Some(Arc::new(move |stored: &tagwerk_journal::TagSet| {
                // A set that cannot be read is let through, to be reported where it is decoded.
                sets.get(stored)
                    .map_or(true, |set| Selection::of(&wanted, &set) != Selection::Nothing)
            })),
        };
        task.dead.connected(&task.setup.name);
        let live_from = task.journal.end(Stream::Samples);
        let lane = |from| Lane::new(task.journal.reader(Stream::Samples, from, filter.clone()));
        let behind = cursor.next() < live_from && lane::may_overtake(cursor);
        let (live, past) = match task.setup.order {
            SinkOrder::RealtimeFirst if behind => {
                (lane(live_from), Some(Past::new(lane(cursor.next()), live_from)))
            }
            _ => (lane(cursor.next()), None),
        };
        Serving {
            live,
            past,
            live_from,
            session: Some(session),
            cursor,
            task,
            in_flight: FuturesUnordered::new(),
            selections: HashMap::new(),
            save_at: None,
        }
    }

    /// `None` when told to stop, else why the connection ended.
    async fn run(&mut self, stop: &mut watch::Receiver<bool>) -> Option<SinkFault> {
        let clock = self.task.env.clock.clone();
        loop {
            let room = self.in_flight.len() < self.task.setup.in_flight_max.max(1);
            let past_due = self.past_due(room);
            let session = self.session.as_mut()?;
            let save_at = *self.save_at.get_or_insert_with(|| clock.now().after(CURSOR_EVERY));
            tokio::select! {
                biased;
                () = told(stop) => {
                    if let Some(session) = self.session.take() {
                        session.close().await;
                    }
                    return None;
                }
                Some((way, sent, result)) = self.in_flight.next() => {
                    if let (Way::Past, Some(past)) = (way, &mut self.past) {
                        past.in_flight = past.in_flight.saturating_sub(1);
                    }
                    if let Some(fault) = self.received(way, sent, result) {
                        return Some(fault);
                    }
                }
                () = clock.sleep_until(save_at) => self.save(),
                fault = session.lost() => return Some(fault),
                item = self.live.reader.next(), if room => match item {
                    None => return None,
                    Some(item) => {
                        if let Err(fault) = self.hand_over(item, Way::Live).await {
                            return Some(fault);
                        }
                    }
                },
                letter = self.task.dead.wanted(&self.task.setup.name), if room => {
                    if let Err(fault) = self.deliver_again(letter).await {
                        return Some(fault);
                    }
                }
                () = lane::wait(&*clock, past_due), if past_due.is_some() => {
                    if let Err(fault) = self.hand_over_past().await {
                        return Some(fault);
                    }
                }
            }
        }
    }

    fn save(&mut self) {
        self.save_at = None;
        // What the reader passed over needs no acknowledgement from anyone.
        if self.in_flight.is_empty() {
            let passed = self.live.pass();
            self.acknowledge(passed);
        }
        let known = self.task.live.cursor_next.load(Ordering::Relaxed);
        if known != self.cursor.next() || !self.cursor.ranges().is_empty() {
            save(self.task, self.cursor);
        }
        if let Some(given_up) = give_up(self.task, self.cursor) {
            self.live.leave(given_up.to);
            if let Some(past) = &mut self.past {
                past.lane.leave(given_up.to);
            }
        }
    }

    fn lane(&mut self, way: Way) -> &mut Lane {
        match (way, &mut self.past) {
            (Way::Past, Some(past)) => &mut past.lane,
            _ => &mut self.live,
        }
    }

    /// When the next of what has waited may go.
    fn past_due(&self, room: bool) -> Option<Moment> {
        let past = self.past.as_ref().filter(|_| room)?;
        past.due(self.task.setup.in_flight_max)
    }

    async fn hand_over_past(&mut self) -> Result<(), SinkFault> {
        let now = self.task.env.clock.now();
        let Some(past) = &mut self.past else { return Ok(()) };
        let before = past.lane.covered;
        match past.next(now) {
            Some(item) => {
                self.hand_over(item, Way::Past).await?;
                if let Some(past) = &mut self.past {
                    past.pace(now, past.lane.covered.saturating_sub(before));
                }
            }
            None if past.is_over() => {
                let rest = Span { from: before, to: past.until };
                self.past = None;
                self.acknowledge(rest);
                tracing::info!(sink = %self.task.setup.name, "the backlog is delivered");
            }
            None => {}
        }
        Ok(())
    }

    fn acknowledge(&mut self, span: Span) {
        match self.cursor.acknowledge(span) {
            Acknowledged::Kept => {}
            // Never reached with the bound on deliveries in flight; if it were, the range would be
            // delivered again after a restart, not lost.
            Acknowledged::TooManyHoles => tracing::warn!("a cursor has too many holes"),
        }
    }

    fn received(
        &mut self,
        way: Way,
        sent: Sent,
        result: Result<(), SinkFault>,
    ) -> Option<SinkFault> {
        let live = &self.task.live;
        live.in_flight.store(self.in_flight.len() as u64, Ordering::Relaxed);
        match result {
            Ok(()) => {
                live.delivered_samples.fetch_add(sent.samples, Ordering::Relaxed);
                live.delivered_messages.fetch_add(1, Ordering::Relaxed);
                live.status.lock().last_delivered = Some(self.task.env.clock.now());
                match way {
                    Way::Again(letter) => self.task.dead.delivered(letter),
                    Way::Live | Way::Past => self.acknowledge(sent.span),
                }
                None
            }
            Err(SinkFault::Reject(reason)) => {
                self.rejected(&reason);
                self.refused(way, &sent, &reason);
                None
            }
            Err(fault) => {
                if let Way::Again(letter) = way {
                    self.task.dead.interrupted(letter);
                }
                Some(fault)
            }
        }
    }

    /// Keeps what was refused for good as a dead letter.
    fn refused(&mut self, way: Way, sent: &Sent, reason: &str) {
        if let Way::Again(letter) = way {
            return self.task.dead.refused_again(letter, reason);
        }
        let refused = Refused {
            sink: &self.task.setup.name,
            set: &sent.set,
            span: sent.block,
            samples: sent.samples,
            reason,
        };
        self.task.dead.add(&refused);
        self.acknowledge(sent.span);
    }

    fn rejected(&self, reason: &str) {
        let before = self.task.live.rejected_messages.fetch_add(1, Ordering::Relaxed);
        self.task.live.status.lock().reason = Some(format!("rejected: {reason}"));
        if before == 0 {
            tracing::error!(sink = %self.task.setup.name, reason, "a message was rejected");
        }
    }

    async fn hand_over(&mut self, item: Item, way: Way) -> Result<(), SinkFault> {
        let span = self.lane(way).pass();
        match item {
            Item::Block(block) => {
                if self.cursor.is_acknowledged(block.span.from) {
                    self.acknowledge(span);
                    return Ok(());
                }
                self.deliver(block, span, way).await
            }
            Item::Missing { span: missing, reason } => {
                if reason != MissingReason::Unclean {
                    self.task.live.dropped_samples.fetch_add(missing.count(), Ordering::Relaxed);
                    tracing::warn!(
                        sink = %self.task.setup.name,
                        samples = missing.count(),
                        ?reason,
                        "samples were gone before they could be delivered"
                    );
                }
                self.lane(way).told = span.to;
                self.acknowledge(span);
                Ok(())
            }
            Item::Record(_) | Item::Gap { .. } => {
                self.acknowledge(span);
                Ok(())
            }
        }
    }

    async fn deliver(&mut self, block: Block, span: Span, way: Way) -> Result<(), SinkFault> {
        let decoded = self.task.sets.get(&block.set).and_then(|set| {
            codec::decode_batch(set, &block.payload, block.moment.0, block.unix_ns)
        });
        let batch = match decoded {
            Ok(batch) => batch,
            Err(error) => {
                self.rejected(&error.to_string());
                self.lane(way).told = span.to;
                self.acknowledge(span);
                return Ok(());
            }
        };
        let patterns = &self.task.setup.tags;
        let selection = self
            .selections
            .entry(block.set.id)
            .or_insert_with(|| Selection::of(patterns, &batch.set));
        let selected = match selection {
            Selection::All => Some(batch),
            Selection::Nothing => None,
            Selection::Some(flags) => batch.filtered(|sample| flags[sample.index]),
        };
        let Some(batch) = selected else {
            self.acknowledge(span);
            return Ok(());
        };
        let from = self.lane(way).told;
        let Some(session) = self.session.as_mut() else { return Ok(()) };
        let (set, samples) = (batch.set.clone(), batch.len() as u64);
        let sent = Sent { span, block: block.span, set, samples };
        let delivery = Delivery {
            batch: &batch,
            from,
            to: span.to,
            epoch: u64::from(block.epoch),
            replayed: block.span.from < self.live_from,
        };
        match session.deliver(&delivery).await {
            Ok(None) => {
                self.acknowledge(span);
                Ok(())
            }
            Ok(Some(receipt)) => {
                self.lane(way).told = span.to;
                if let (Way::Past, Some(past)) = (way, &mut self.past) {
                    past.in_flight += 1;
                }
                self.in_flight.push(Box::pin(async move { (way, sent, receipt.await) }));
                self.task.live.in_flight.store(self.in_flight.len() as u64, Ordering::Relaxed);
                if self.in_flight.len() == 1 {
                    self.task.live.status.lock().oldest_waiting_unix_ns = Some(block.unix_ns);
                }
                Ok(())
            }
            Err(SinkFault::Reject(reason)) => {
                self.lane(way).told = span.to;
                self.rejected(&reason);
                self.refused(way, &sent, &reason);
                Ok(())
            }
            Err(fault) => Err(fault),
        }
    }
}
