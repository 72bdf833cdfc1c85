//! The communication log of one link: the last frames, with what they mean. Costs one look at a flag
//! while it is off.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tagwerk_env::{Clock, Moment};
use tagwerk_model::limits;

#[derive(Clone)]
pub struct Trace(Arc<Inner>);

struct Inner {
    clock: Option<Arc<dyn Clock>>,
    on: AtomicBool,
    log: Mutex<Log>,
}

#[derive(Default)]
struct Log {
    frames: VecDeque<Frame>,
    next: u64,
    /// The device that the link works for at present.
    device: Option<Arc<str>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    Sent,
    Received,
    Note,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// Counted per link from 0.
    pub number: u64,
    pub at: Moment,
    pub direction: Direction,
    /// As much of it as the limit allows.
    pub bytes: Box<[u8]>,
    /// How long it was.
    pub length: usize,
    pub meaning: Box<str>,
    /// The device for which it was, where that is known.
    pub device: Option<Arc<str>>,
}

impl Trace {
    pub fn new(clock: Arc<dyn Clock>) -> Trace {
        Trace(Arc::new(Inner {
            clock: Some(clock),
            on: AtomicBool::new(false),
            log: Mutex::default(),
        }))
    }

    /// One that is never on.
    pub fn off() -> Trace {
        Trace(Arc::new(Inner { clock: None, on: AtomicBool::new(false), log: Mutex::default() }))
    }

    pub fn is_on(&self) -> bool {
        self.0.on.load(Ordering::Relaxed)
    }

    /// Switching off keeps the frames for reading.
    pub fn switch(&self, on: bool) {
        self.0.on.store(on && self.0.clock.is_some(), Ordering::Relaxed);
    }

    pub fn sent(&self, bytes: &[u8], meaning: impl FnOnce() -> String) {
        self.add(Direction::Sent, bytes, meaning);
    }

    pub fn received(&self, bytes: &[u8], meaning: impl FnOnce() -> String) {
        self.add(Direction::Received, bytes, meaning);
    }

    /// Something that happened, without bytes.
    pub fn note(&self, meaning: impl FnOnce() -> String) {
        self.add(Direction::Note, &[], meaning);
    }

    /// Whom the next frames are for; the runtime says so.
    pub fn for_device(&self, device: Option<&Arc<str>>) {
        if self.is_on() {
            self.log().device = device.cloned();
        }
    }

    /// Frames from this number on, oldest first, as far as they are still kept.
    pub fn frames_after(&self, number: u64) -> Vec<Frame> {
        self.log().frames.iter().filter(|frame| frame.number >= number).cloned().collect()
    }

    /// Number of the oldest frame that is kept, and of the next one.
    pub fn numbers(&self) -> (u64, u64) {
        let log = self.log();
        (log.frames.front().map_or(log.next, |frame| frame.number), log.next)
    }

    fn add(&self, direction: Direction, bytes: &[u8], meaning: impl FnOnce() -> String) {
        let (true, Some(clock)) = (self.is_on(), &self.0.clock) else { return };
        let at = clock.now();
        let meaning = meaning().into();
        let mut log = self.log();
        let (number, device) = (log.next, log.device.clone());
        log.next += 1;
        if log.frames.len() >= limits::TRACE_FRAMES_MAX {
            log.frames.pop_front();
        }
        let shown = bytes.get(..limits::TRACE_FRAME_BYTES_MAX).unwrap_or(bytes);
        let length = bytes.len();
        log.frames.push_back(Frame {
            number,
            at,
            direction,
            bytes: shown.into(),
            length,
            meaning,
            device,
        });
    }

    fn log(&self) -> MutexGuard<'_, Log> {
        // A panic elsewhere leaves whole frames behind.
        self.0.log.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tagwerk_env::SystemClock;

    #[test]
    fn keeps_the_last_frames_while_it_is_on() {
        let trace = Trace::new(Arc::new(SystemClock::new()));
        trace.sent(&[1], || panic!("not asked for while it is off"));
        trace.switch(true);
        let device: Arc<str> = "press".into();
        trace.for_device(Some(&device));
        for n in 0..limits::TRACE_FRAMES_MAX + 5 {
            trace.received(&vec![0; limits::TRACE_FRAME_BYTES_MAX + n], || n.to_string());
        }
        trace.switch(false);
        let frames = trace.frames_after(0);
        assert_eq!(trace.numbers(), (5, limits::TRACE_FRAMES_MAX as u64 + 5));
        assert_eq!(frames.len(), limits::TRACE_FRAMES_MAX);
        assert_eq!((&*frames[0].meaning, frames[0].number), ("5", 5));
        assert_eq!(frames[0].bytes.len(), limits::TRACE_FRAME_BYTES_MAX);
        assert_eq!(frames[0].length, limits::TRACE_FRAME_BYTES_MAX + 5);
        assert_eq!(frames[0].device.as_deref(), Some("press"));
        assert_eq!(trace.frames_after(1_000_000).len(), 0);
    }

    #[test]
    fn one_that_is_off_stays_off() {
        let trace = Trace::off();
        trace.switch(true);
        trace.note(|| panic!("never asked for"));
        assert_eq!(trace.numbers(), (0, 0));
    }
}
