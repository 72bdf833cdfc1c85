//! What others may see of a sink's task.

use crate::event::{EventSeverity, Events};
use crate::live::Now;
use crate::record::RecordKind;
use crate::view::{SinkState, SinkView};
use parking_lot::Mutex;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tagwerk_env::Moment;
use tagwerk_journal::Cursor;

pub(crate) struct SinkLive {
    events: Arc<Events>,
    pub name: Arc<str>,
    pub kind: &'static str,
    pub(super) status: Mutex<Status>,
    pub delivered_samples: AtomicU64,
    pub delivered_messages: AtomicU64,
    pub rejected_messages: AtomicU64,
    pub dropped_samples: AtomicU64,
    pub(super) in_flight: AtomicU64,
    pub(super) cursor_next: AtomicU64,
    /// Acknowledged above the cursor's place.
    ahead: AtomicU64,
    /// The sink is no longer configured and has no place. Held while the place is written.
    pub removed: Mutex<bool>,
}

pub(super) struct Status {
    state: SinkState,
    since: Moment,
    pub(super) reason: Option<String>,
    next_try: Option<Moment>,
    pub(super) last_delivered: Option<Moment>,
    pub(super) oldest_waiting_unix_ns: Option<i64>,
}

impl SinkLive {
    pub fn new(
        name: Arc<str>,
        kind: &'static str,
        state: SinkState,
        now: Moment,
        events: Arc<Events>,
    ) -> SinkLive {
        SinkLive {
            events,
            name,
            kind,
            status: Mutex::new(Status {
                state,
                since: now,
                reason: None,
                next_try: None,
                last_delivered: None,
                oldest_waiting_unix_ns: None,
            }),
            delivered_samples: AtomicU64::new(0),
            delivered_messages: AtomicU64::new(0),
            rejected_messages: AtomicU64::new(0),
            dropped_samples: AtomicU64::new(0),
            in_flight: AtomicU64::new(0),
            cursor_next: AtomicU64::new(u64::MAX),
            ahead: AtomicU64::new(0),
            removed: Mutex::new(false),
        }
    }

    pub(super) fn set(
        &self,
        state: SinkState,
        reason: Option<String>,
        next_try: Option<Moment>,
        now: Moment,
    ) {
        let mut status = self.status.lock();
        let reason = match state {
            SinkState::Connected => None,
            _ => reason.or(status.reason.take()),
        };
        if status.state != state
            && !(matches!(
                (status.state, state),
                (SinkState::Retrying, SinkState::Connecting)
                    | (SinkState::Connecting, SinkState::Retrying)
            ) && status.reason.is_some())
        {
            status.since = now;
            match state {
                SinkState::Connected => {
                    tracing::info!(sink = %self.name, "sink is connected");
                    let text = "the sink is connected";
                    self.events.changed(RecordKind::Sink, EventSeverity::Info, &self.name, text);
                }
                SinkState::Retrying | SinkState::Failed => {
                    tracing::warn!(sink = %self.name, reason, "sink is not connected");
                    let text = format!("not connected: {}", reason.as_deref().unwrap_or("?"));
                    let severity = EventSeverity::Warning;
                    self.events.changed(RecordKind::Sink, severity, &self.name, &text);
                }
                _ => {}
            }
        }
        status.state = state;
        status.reason = reason;
        status.next_try = next_try;
    }

    pub fn view(&self, now: Now, end: u64) -> SinkView {
        let status = self.status.lock();
        let next = self.cursor_next.load(Ordering::Relaxed);
        let backlog = end.saturating_sub(next).saturating_sub(self.ahead.load(Ordering::Relaxed));
        SinkView {
            name: self.name.clone(),
            kind: self.kind,
            state: status.state,
            since_unix_ns: now.unix(status.since),
            reason: status.reason.clone(),
            next_try: status.next_try.map(|m| m.since(now.moment)),
            backlog_samples: backlog,
            delivered_samples: self.delivered_samples.load(Ordering::Relaxed),
            delivered_messages: self.delivered_messages.load(Ordering::Relaxed),
            rejected_messages: self.rejected_messages.load(Ordering::Relaxed),
            dropped_samples: self.dropped_samples.load(Ordering::Relaxed),
            in_flight: self.in_flight.load(Ordering::Relaxed) as usize,
            last_delivered_unix_ns: status.last_delivered.map(|m| now.unix(m)),
            oldest_waiting_unix_ns: status.oldest_waiting_unix_ns.filter(|_| backlog > 0),
        }
    }

    pub(super) fn show(&self, cursor: &Cursor) {
        self.cursor_next.store(cursor.next(), Ordering::Relaxed);
        self.ahead.store(cursor.ranges().iter().map(|r| r.count()).sum(), Ordering::Relaxed);
    }
}
