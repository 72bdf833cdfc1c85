//! Time. Intervals run on the monotonic clock, which counts from the machine's start and includes
//! time asleep; the wall clock is only ever read to be recorded or shown.

use crate::BoxFuture;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// How long the kernel's word is taken on whether the wall clock can be trusted: asking costs as much as
/// dozens of looks at the clock.
const TRUST: Duration = Duration::from_millis(100);

/// Nanoseconds on the monotonic clock since the machine started (`CLOCK_BOOTTIME`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Moment(pub u64);

impl Moment {
    pub fn after(self, duration: Duration) -> Moment {
        Moment(self.0.saturating_add(duration.as_nanos() as u64))
    }

    /// Time since `earlier`; zero if `earlier` is later.
    pub fn since(self, earlier: Moment) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }
}

/// What the wall clock says: nanoseconds since 1970-01-01 UTC, and whether it can be trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WallTime {
    pub unix_ns: i64,
    /// The kernel says that the clock is disciplined by a time source.
    pub synchronised: bool,
}

pub trait Clock: Send + Sync + 'static {
    fn now(&self) -> Moment;
    fn wall(&self) -> WallTime;
    /// Differs from one start of the machine to the next; monotonic moments of different boots do
    /// not compare.
    fn boot_id(&self) -> [u8; 16];
    fn sleep_until(&self, moment: Moment) -> BoxFuture<'static, ()>;
    /// Blocks the calling thread; for threads that are not asynchronous.
    fn park_until(&self, moment: Moment);
}

/// Runs `future` until `moment`; `None` when the time is over.
pub async fn timeout<F: Future>(clock: &dyn Clock, moment: Moment, future: F) -> Option<F::Output> {
    tokio::select! {
        biased;
        output = future => Some(output),
        () = clock.sleep_until(moment) => None,
    }
}

/// The machine's own clocks.
pub struct SystemClock {
    boot_id: [u8; 16],
    /// When the kernel was asked last whether the wall clock can be trusted, and in the lowest bit what it
    /// said. Zero: never.
    trusted: AtomicU64,
}

impl SystemClock {
    #[allow(clippy::disallowed_methods)]
    pub fn new() -> SystemClock {
        let text = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
        let mut boot_id = [0u8; 16];
        let digits: Vec<u8> =
            text.chars().filter_map(|c| c.to_digit(16)).map(|d| d as u8).collect();
        for (byte, pair) in boot_id.iter_mut().zip(digits.chunks_exact(2)) {
            *byte = pair[0] << 4 | pair[1];
        }
        SystemClock { boot_id, trusted: AtomicU64::new(0) }
    }

    fn is_synchronised(&self) -> bool {
        let (known, now) = (self.trusted.load(Ordering::Relaxed), self.now());
        if known != 0 && now.since(Moment(known)) < TRUST {
            return known & 1 == 1;
        }
        let synchronised = ask_kernel();
        self.trusted.store((now.0 & !1) | u64::from(synchronised), Ordering::Relaxed);
        synchronised
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        SystemClock::new()
    }
}

#[allow(unsafe_code)]
fn read_clock(id: libc::clockid_t) -> libc::timespec {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `time` is a valid place for the kernel to write one timespec.
    unsafe { libc::clock_gettime(id, &mut time) };
    time
}

#[allow(unsafe_code)]
fn ask_kernel() -> bool {
    // SAFETY: a zeroed timex with modes = 0 only reads the clock's state.
    let state = unsafe {
        let mut timex: libc::timex = std::mem::zeroed();
        libc::adjtimex(&mut timex)
    };
    state >= 0 && state != libc::TIME_ERROR
}

impl Clock for SystemClock {
    fn now(&self) -> Moment {
        let time = read_clock(libc::CLOCK_BOOTTIME);
        Moment(time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64)
    }

    fn wall(&self) -> WallTime {
        let time = read_clock(libc::CLOCK_REALTIME);
        WallTime {
            // The field's type differs between platforms.
            #[allow(clippy::unnecessary_cast)]
            unix_ns: time.tv_sec as i64 * 1_000_000_000 + time.tv_nsec as i64,
            synchronised: self.is_synchronised(),
        }
    }

    fn boot_id(&self) -> [u8; 16] {
        self.boot_id
    }

    #[allow(clippy::disallowed_methods)]
    fn sleep_until(&self, moment: Moment) -> BoxFuture<'static, ()> {
        let wait = moment.since(self.now());
        Box::pin(tokio::time::sleep(wait))
    }

    #[allow(clippy::disallowed_methods)]
    fn park_until(&self, moment: Moment) {
        std::thread::sleep(moment.since(self.now()));
    }
}
