//! A clock on which waiting is when other things happen: the thread that feeds history waits for more, and
//! meanwhile there is more. So one thread does everything, in the same order every time.

use crate::store::history::plant;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tagwerk_env::{BoxFuture, Clock, Moment, SystemClock, WallTime};

type OnPark = Box<dyn FnMut() + Send>;

pub struct FeedClock {
    machine: SystemClock,
    /// Without it, waiting takes no time. It stands still between waits: what a block is stamped with then
    /// follows from its moment alone.
    real_time: bool,
    /// What a wait takes all the same.
    pause: Duration,
    now: AtomicU64,
    on_park: Mutex<Option<OnPark>>,
}

impl FeedClock {
    pub fn new(real_time: bool, pause: Duration) -> FeedClock {
        FeedClock {
            machine: SystemClock::new(),
            real_time,
            pause,
            now: AtomicU64::new(plant::begins(0).0),
            on_park: Mutex::new(None),
        }
    }

    /// It goes on from there, if that is ahead.
    pub fn forward(&self, to: Moment) {
        self.now.fetch_max(to.0, Ordering::AcqRel);
    }

    /// The plant has come to that moment; in real time it is only a name for what is read now.
    pub fn reach(&self, moment: Moment) {
        if !self.real_time {
            self.forward(moment);
        }
    }

    pub fn on_park(&self, on_park: Option<OnPark>) {
        *self.on_park.lock().unwrap_or_else(PoisonError::into_inner) = on_park;
    }
}

impl Clock for FeedClock {
    fn now(&self) -> Moment {
        Moment(self.now.load(Ordering::Acquire))
    }

    fn wall(&self) -> WallTime {
        let unix_ns = plant::START.saturating_add_unsigned(self.now().0);
        WallTime { unix_ns, synchronised: true }
    }

    /// The machine never started anew, as far as its clock knows.
    fn boot_id(&self) -> [u8; 16] {
        [7; 16]
    }

    fn sleep_until(&self, moment: Moment) -> BoxFuture<'static, ()> {
        self.machine.sleep_until(moment)
    }

    fn park_until(&self, moment: Moment) {
        let wait = if self.real_time { moment.since(self.now()) } else { self.pause };
        if wait > Duration::ZERO {
            self.machine.park_until(self.machine.now().after(wait));
        }
        self.forward(moment);
        let mut on_park = self.on_park.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(on_park) = &mut *on_park {
            on_park();
        }
    }
}
