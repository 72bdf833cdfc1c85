//! Two clocks for tests. [`ManualClock`] stands still until the test moves it; [`PausedClock`] follows
//! tokio's paused time, which jumps to the next timer when nothing else can run.

use std::pin::Pin;
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::task::{Context, Poll, Waker};
use std::time::Duration;
use tagwerk_env::{BoxFuture, Clock, Moment, WallTime};

/// Where both clocks begin, so that "an hour ago" exists.
const START: Moment = Moment(3_600_000_000_000);
/// 2026-01-01T00:00:00Z.
const START_UNIX_NS: i64 = 1_767_225_600_000_000_000;

/// Time that only the test moves.
#[derive(Clone)]
pub struct ManualClock {
    shared: Arc<Shared>,
}

struct Shared {
    state: Mutex<State>,
    moved: Condvar,
}

struct State {
    now: Moment,
    wall: WallTime,
    boot_id: [u8; 16],
    sleepers: Vec<(u64, Moment, Waker)>,
    next_sleeper: u64,
}

impl Default for ManualClock {
    fn default() -> Self {
        ManualClock::new()
    }
}

impl ManualClock {
    pub fn new() -> ManualClock {
        let state = State {
            now: START,
            wall: WallTime { unix_ns: START_UNIX_NS, synchronised: true },
            boot_id: [7; 16],
            sleepers: Vec::new(),
            next_sleeper: 0,
        };
        ManualClock { shared: Arc::new(Shared { state: Mutex::new(state), moved: Condvar::new() }) }
    }

    /// Moves the monotonic and the wall clock, and wakes whoever waited for it.
    pub fn advance(&self, duration: Duration) {
        let mut state = self.state();
        state.now = state.now.after(duration);
        state.wall.unix_ns += duration.as_nanos() as i64;
        let now = state.now;
        let due = state.sleepers.extract_if(.., |(_, until, _)| *until <= now).collect::<Vec<_>>();
        drop(state);
        due.into_iter().for_each(|(_, _, waker)| waker.wake());
        self.shared.moved.notify_all();
    }

    /// Steps the wall clock alone, as a time synchronisation does.
    pub fn set_wall(&self, wall: WallTime) {
        self.state().wall = wall;
    }

    /// From now on the machine has been started anew: another boot id, monotonic time near zero.
    pub fn reboot(&self) {
        let mut state = self.state();
        state.now = Moment(1_000_000_000);
        state.boot_id[0] = state.boot_id[0].wrapping_add(1);
    }

    /// How many futures wait for this clock.
    pub fn sleepers(&self) -> usize {
        self.state().sleepers.len()
    }

    /// When the first of them wakes.
    pub fn next_wake(&self) -> Option<Moment> {
        self.state().sleepers.iter().map(|(_, until, _)| *until).min()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.shared.state.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Moment {
        self.state().now
    }

    fn wall(&self) -> WallTime {
        self.state().wall
    }

    fn boot_id(&self) -> [u8; 16] {
        self.state().boot_id
    }

    fn sleep_until(&self, moment: Moment) -> BoxFuture<'static, ()> {
        Box::pin(Sleep { clock: self.clone(), until: moment, id: None })
    }

    fn park_until(&self, moment: Moment) {
        let mut state = self.state();
        while state.now < moment {
            state = self.shared.moved.wait(state).unwrap_or_else(|poisoned| poisoned.into_inner());
        }
    }
}

struct Sleep {
    clock: ManualClock,
    until: Moment,
    id: Option<u64>,
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let shared = self.clock.shared.clone();
        let mut state = shared.state.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        if let Some(id) = self.id.take() {
            state.sleepers.retain(|(sleeper, ..)| *sleeper != id);
        }
        if state.now >= self.until {
            return Poll::Ready(());
        }
        let id = state.next_sleeper;
        state.next_sleeper += 1;
        state.sleepers.push((id, self.until, context.waker().clone()));
        self.id = Some(id);
        Poll::Pending
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        if let Some(id) = self.id {
            self.clock.state().sleepers.retain(|(sleeper, ..)| *sleeper != id);
        }
    }
}

/// Tokio's own time, for tests under `#[tokio::test(start_paused = true)]`.
#[derive(Clone, Copy)]
pub struct PausedClock {
    start: tokio::time::Instant,
}

impl PausedClock {
    /// Call inside the paused runtime.
    pub fn new() -> PausedClock {
        PausedClock { start: tokio::time::Instant::now() }
    }
}

impl Default for PausedClock {
    fn default() -> Self {
        PausedClock::new()
    }
}

impl Clock for PausedClock {
    fn now(&self) -> Moment {
        START.after(self.start.elapsed())
    }

    fn wall(&self) -> WallTime {
        let unix_ns = START_UNIX_NS + self.start.elapsed().as_nanos() as i64;
        WallTime { unix_ns, synchronised: true }
    }

    fn boot_id(&self) -> [u8; 16] {
        [7; 16]
    }

    fn sleep_until(&self, moment: Moment) -> BoxFuture<'static, ()> {
        let until = self.start + moment.since(START);
        Box::pin(tokio::time::sleep_until(until))
    }

    fn park_until(&self, _: Moment) {
        panic!("paused time cannot move while its only thread is blocked; use a ManualClock");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_manual_clock_wakes_its_sleepers_when_it_is_moved() {
        let clock = ManualClock::new();
        let until = clock.now().after(Duration::from_secs(5));
        let task = tokio::spawn({
            let clock = clock.clone();
            async move {
                clock.sleep_until(until).await;
                clock.now()
            }
        });
        while clock.sleepers() == 0 {
            tokio::task::yield_now().await;
        }
        assert_eq!(clock.next_wake(), Some(until));
        clock.advance(Duration::from_secs(4));
        tokio::task::yield_now().await;
        assert!(!task.is_finished(), "a second is missing");
        clock.advance(Duration::from_secs(1));
        assert_eq!(task.await.unwrap(), until);
        assert_eq!(clock.sleepers(), 0);
    }

    #[test]
    fn a_parked_thread_goes_on_when_the_clock_is_moved() {
        let clock = ManualClock::new();
        let until = clock.now().after(Duration::from_secs(1));
        let thread = std::thread::spawn({
            let clock = clock.clone();
            move || clock.park_until(until)
        });
        clock.advance(Duration::from_secs(1));
        thread.join().unwrap();
    }

    #[test]
    fn the_wall_clock_steps_alone() {
        let clock = ManualClock::new();
        let before = clock.now();
        clock.set_wall(WallTime { unix_ns: 0, synchronised: false });
        assert_eq!(clock.now(), before);
        assert_eq!(clock.wall().unix_ns, 0);
    }

    #[tokio::test(start_paused = true)]
    async fn a_paused_clock_jumps_to_the_next_timer() {
        let clock = PausedClock::new();
        let until = clock.now().after(Duration::from_secs(3_600));
        clock.sleep_until(until).await;
        assert!(clock.now() >= until);
    }
}
