//! A wall clock that steps by hours and decades, under a journal with limits of age: nothing is lost,
//! nothing comes twice, nothing expires that is not old.

use crate::store::journal::check::check;
use crate::store::journal::writer::{options, payload, tag_set};
use crate::store::promises::Promises;
use crate::store::random::Random;
use crate::store::subject::Subject;
use crate::store::{Form, Row};
use anyhow::Result;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tagwerk_env::{BoxFuture, Clock, Env, Moment, SystemClock, WallTime};
use tagwerk_journal::{Journal, Options, Stream};

const HOUR_NS: i64 = 3_600_000_000_000;
const YEAR_NS: i64 = 365 * 24 * HOUR_NS;
/// The limit of age. The rig's own time stays below.
const AGE_MAX: Duration = Duration::from_secs(3_600);

/// The machine's clock with another wall, and a monotonic clock that can run ahead.
struct SteppedClock {
    machine: SystemClock,
    /// Set to this at that moment; else the machine's.
    wall: Mutex<Option<(i64, Moment)>>,
    synchronised: Mutex<bool>,
    ahead: Mutex<Duration>,
}

impl Clock for SteppedClock {
    fn now(&self) -> Moment {
        self.machine.now().after(*self.ahead.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn wall(&self) -> WallTime {
        let synchronised = *self.synchronised.lock().unwrap_or_else(PoisonError::into_inner);
        let unix_ns = match *self.wall.lock().unwrap_or_else(PoisonError::into_inner) {
            None => self.machine.wall().unix_ns,
            Some((unix_ns, at)) => unix_ns.saturating_add(self.now().since(at).as_nanos() as i64),
        };
        WallTime { unix_ns, synchronised }
    }

    fn boot_id(&self) -> [u8; 16] {
        self.machine.boot_id()
    }

    fn sleep_until(&self, moment: Moment) -> BoxFuture<'static, ()> {
        self.machine.sleep_until(moment)
    }

    fn park_until(&self, moment: Moment) {
        self.machine.park_until(moment);
    }
}

impl SteppedClock {
    fn step(&self, random: &mut Random) {
        let now = self.wall().unix_ns;
        let to = match random.below(6) {
            0 => now.saturating_add(HOUR_NS),
            1 => now.saturating_sub(HOUR_NS),
            2 => 0,
            3 => now.saturating_add(20 * YEAR_NS),
            4 => now.saturating_sub(20 * YEAR_NS),
            _ => self.machine.wall().unix_ns,
        };
        *self.wall.lock().unwrap_or_else(PoisonError::into_inner) = Some((to, self.now()));
        *self.synchronised.lock().unwrap_or_else(PoisonError::into_inner) = random.below(2) == 0;
    }
}

pub fn run(form: Form, mut random: Random) -> Result<Row> {
    let mut row = Row { rig: "clock steps", ..Row::default() };
    let stores = if form == Form::Long { 60 } else { 4 };
    for store in 0..stores {
        one_store(&mut random, &format!("store {store}"), Duration::ZERO, &mut row)?;
    }
    // Time that really passes must expire: else the rig would not see that anything does.
    let mut control = Row::default();
    one_store(&mut random, "control", AGE_MAX * 3, &mut control)?;
    row.control_failed = control.failed > 0;
    row.control = format!("three hours on the monotonic clock dropped {}", control.lost);
    Ok(row)
}

fn one_store(random: &mut Random, context: &str, passes: Duration, row: &mut Row) -> Result<()> {
    let scratch = tempfile::tempdir()?;
    let mut promises = Promises::default();
    let clock = Arc::new(SteppedClock {
        machine: SystemClock::new(),
        wall: Mutex::new(None),
        synchronised: Mutex::new(true),
        ahead: Mutex::new(Duration::ZERO),
    });
    let mut env = Env::system();
    env.clock = clock.clone();
    for life in 0..4 {
        live(&env, &clock, scratch.path(), random, &mut promises)?;
        if passes > Duration::ZERO {
            *clock.ahead.lock().unwrap_or_else(PoisonError::into_inner) += passes;
        }
        if life == 2 {
            clock.step(random);
        }
    }
    let (journal, _) = Journal::open(&env, scratch.path(), limited(scratch.path()))?;
    journal.observe_clock();
    let dropped = journal.oldest(Stream::Samples);
    journal.close()?;
    drop(journal);
    row.take(context, &check(scratch.path(), &promises)?);
    if dropped > 0 {
        row.fail(format!("{context}: {dropped} samples expired that are seconds old"));
        row.lost += dropped;
    }
    Ok(())
}

/// Only age is a limit here.
fn limited(folder: &Path) -> Options {
    let mut options = options(&Subject::Journal.arguments(folder));
    options.samples.bytes_max = 64 << 20;
    options.samples.age_max = Some(AGE_MAX);
    options
}

fn live(
    env: &Env,
    clock: &SteppedClock,
    folder: &Path,
    random: &mut Random,
    promises: &mut Promises,
) -> Result<()> {
    let (journal, _) = Journal::open(env, folder, limited(folder))?;
    let mut before = journal.end(Stream::Samples);
    for step in 0..60 {
        if step % 10 == 5 {
            clock.step(random);
        }
        journal.observe_clock();
        let bytes = payload(random.next(), random.below(900) as usize);
        let count = 1 + random.below(5) as u32;
        let span =
            journal.append_block(Stream::Samples, &tag_set(1), count, clock.now(), &bytes)?;
        anyhow::ensure!(span.from == before, "numbers jump from {before} to {}", span.from);
        before = span.to;
        let key = ("samples".to_owned(), journal.epoch(), span.from);
        promises.appended.insert(key, (span.to, crc32c::crc32c(&bytes)));
    }
    match random.below(2) {
        0 => journal.close()?,
        _ => journal.commit(Stream::Samples)?,
    }
    Ok(())
}
