//! The ways of samples to a sink: one for what is new, and one beside it for what has waited, when the sink
//! wants what is new first.

use std::time::Duration;
use tagwerk_env::{Clock, Moment};
use tagwerk_journal::{CURSOR_RANGES_MAX, Cursor, Item, Reader, Span};

/// What has waited goes no faster than this beside what is new.
const PAST_SAMPLES_PER_SECOND_MAX: u64 = 500_000;
/// Debts below this are not waited for: a timer is not that exact.
const DEBT: Duration = Duration::from_millis(5);
/// After the disk could not be read.
const AGAIN: Duration = Duration::from_secs(1);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    Live,
    Past,
    /// A dead letter once more, by its number.
    Again(u64),
}

pub(super) struct Lane {
    pub reader: Reader,
    /// Everything below was handed over or needs no handing over.
    pub covered: u64,
    /// Where the range of the next delivery begins. What lies between and holds nothing for this sink
    /// belongs to it, so that a receiver sees no hole where nothing is missing.
    pub told: u64,
}

impl Lane {
    pub fn new(reader: Reader) -> Lane {
        let at = reader.position();
        Lane { reader, covered: at, told: at }
    }

    /// What the reader has passed since the last time.
    pub fn pass(&mut self) -> Span {
        let span = Span { from: self.covered, to: self.reader.position().max(self.covered) };
        self.covered = span.to;
        span
    }

    /// What lies below was given up.
    pub fn leave(&mut self, to: u64) {
        if self.reader.position() < to {
            self.reader.seek(to);
        }
        self.covered = self.covered.max(to);
        self.told = self.told.max(to);
    }
}

/// What had waited when the sink connected.
pub(super) struct Past {
    pub lane: Lane,
    /// What is new begins here.
    pub until: u64,
    pub in_flight: usize,
    due: Moment,
    over: bool,
}

impl Past {
    pub fn new(lane: Lane, until: u64) -> Past {
        Past { lane, until, in_flight: 0, due: Moment(0), over: false }
    }

    /// When the next may go; not while half of what may be on its way is of the past.
    pub fn due(&self, in_flight_max: usize) -> Option<Moment> {
        (self.in_flight < (in_flight_max / 2).max(1)).then_some(self.due)
    }

    /// The next item; none at the end, or when the disk cannot be read now.
    pub fn next(&mut self, now: Moment) -> Option<Item> {
        let item = self.lane.reader.try_next();
        let from = match &item {
            Some(Item::Block(block)) => block.span.from,
            Some(Item::Missing { span, .. }) => span.from,
            Some(Item::Record(record)) => record.seq,
            Some(Item::Gap { seq, .. }) => *seq,
            None => self.lane.reader.position(),
        };
        if from >= self.until {
            // It is on the way of what is new.
            self.over = true;
            return None;
        }
        if item.is_none() {
            self.due = now.after(AGAIN);
        }
        item
    }

    pub fn is_over(&self) -> bool {
        self.over
    }

    pub fn pace(&mut self, now: Moment, samples: u64) {
        let nanoseconds = samples.saturating_mul(1_000_000_000) / PAST_SAMPLES_PER_SECOND_MAX;
        self.due = now.max(self.due).after(Duration::from_nanos(nanoseconds));
    }
}

pub(super) async fn wait(clock: &dyn Clock, due: Option<Moment>) {
    if let Some(due) = due
        && clock.now().after(DEBT) < due
    {
        clock.sleep_until(due).await;
    }
}

/// Each connection that overtakes leaves one hole more in the cursor, until the past is delivered. Near the
/// bound it goes in order.
pub(super) fn may_overtake(cursor: &Cursor) -> bool {
    cursor.ranges().len() < CURSOR_RANGES_MAX / 2
}
