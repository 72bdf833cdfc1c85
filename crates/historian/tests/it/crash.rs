//! The machine stops, loses power or fails at every single operation of a run. Whatever happens,
//! the journal gives again what lies above `position`, and then every sample is there once.

use crate::feed::{Feeder, SECOND, START, definition, options};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tagwerk_historian::{Historian, Keep, Kept, Options, Retention};
use tagwerk_model::{DataType, Value};
use tagwerk_testkit::simulated::{Fault, HandClock, Random, SimDisk, env};

const FOLDER: &str = crate::feed::FOLDER;

struct Run {
    disk: SimDisk,
    clock: Arc<HandClock>,
    feeder: Feeder,
    options: Options,
    /// Seconds between samples.
    every: i64,
    /// The highest position that was ever told: the journal may have forgotten what lies below.
    position: u64,
}

fn small() -> Options {
    Options {
        segment_bytes: 5 * 1024,
        seal_after: Duration::from_secs(5),
        compact_bytes_max: 64 * 1024,
        compact_step_bytes: 700,
        ..options()
    }
}

impl Run {
    fn new() -> Run {
        let set = definition(
            1,
            &[
                (1, DataType::Float64, "°C"),
                (2, DataType::Bool, ""),
                (3, DataType::Text, ""),
                (4, DataType::Int64, ""),
            ],
        );
        Run {
            disk: SimDisk::default(),
            clock: HandClock::new(),
            feeder: Feeder::new(set),
            options: small(),
            every: 1,
            position: 0,
        }
    }

    /// The same with samples that become rollups of hours and days.
    fn rolling() -> Run {
        let keep = |seconds| Keep::For(Duration::from_secs(seconds));
        let kept = Kept { samples: keep(900), hours: keep(5_000), ..Kept::default() };
        let retention = Retention { rules: vec![kept], rule_of: Arc::new(|_| Some(0)) };
        let run = Run { every: 60, ..Run::new() };
        run.clock.set_wall(START, true);
        Run { options: Options { retention, ..run.options }, ..run }
    }

    /// A machine that had a life already.
    fn lived(steps: i64) -> Run {
        Run::new().living(steps)
    }

    fn living(self, steps: i64) -> Run {
        let mut run = self;
        let historian = run.open();
        run.live(&historian, steps);
        drop(historian);
        run.disk.kill();
        run
    }

    fn open(&self) -> Historian {
        let env = env(&self.disk, &self.clock);
        Historian::open(&env, Path::new(FOLDER), self.options.clone()).unwrap().0
    }

    /// Takes samples in and stores them; what the disk does is its own affair.
    fn live(&mut self, historian: &Historian, steps: i64) {
        self.feeder.replay_from(historian, self.position);
        for _ in 0..steps {
            let i = self.feeder.blocks.len() as i64;
            let late = if i % 11 == 3 { 30 } else { 0 };
            let values = [
                Some(Value::F64((i * 37 % 100) as f64 / 100.0)),
                Some(Value::Bool(i / 20 % 2 == 0)),
                (i % 9 != 0).then(|| Value::Text(format!("{}", i % 5).into())),
                Some(Value::I64(i * i)),
            ];
            let (block, batch) =
                self.feeder.add(START + (i * self.every - late) * SECOND + i, &values);
            historian.append(block, batch).unwrap();
            self.clock.advance(Duration::from_secs(self.every as u64));
            let _ = historian.maintain(&|_| Ok(()));
            self.position = self.position.max(historian.position());
        }
    }

    /// What must hold after any restart: with what the journal gives again, every sample once.
    fn check(&mut self, context: &str) {
        let historian = self.open();
        self.feeder.replay_from(&historian, self.position);
        self.feeder.check(&historian, context);
        historian.seal_all(&|_| Ok(())).unwrap();
        self.feeder.check(&historian, &format!("{context}, sealed"));
        assert_eq!(historian.position(), self.feeder.next, "{context}");
        drop(historian);
        self.disk.kill();
        let historian = self.open();
        assert_eq!(historian.position(), self.feeder.next, "{context}");
        self.feeder.check(&historian, &format!("{context}, opened again"));
    }
}

/// A sample is there or its rollup is, and never both.
#[test]
fn rollups_survive_a_stop_at_every_operation() {
    let run = || Run::rolling().living(BEFORE);
    let start = run().disk.operations();
    let mut whole = run();
    let historian = whole.open();
    whole.live(&historian, STEPS);
    let usage = historian.usage();
    assert!(usage.rollup_bytes[1] > 0 && usage.rollup_bytes[2] > 0, "{usage:?}");
    whole.feeder.check_folds(&historian, "no stop");
    let end = whole.disk.operations();
    for at in (start..=end).step_by(stride(5)) {
        let context = format!("stopped at {at}");
        let mut run = run();
        run.disk.fail_at(at, Fault::Stop);
        let env = env(&run.disk, &run.clock);
        if let Ok((historian, _)) = Historian::open(&env, Path::new(FOLDER), run.options.clone()) {
            run.live(&historian, STEPS);
        }
        match at % 3 {
            0 => run.disk.kill(),
            1 => run.disk.cut_power_losing_all(),
            _ => run.disk.cut_power(&mut Random::new(at)),
        }
        run.disk.heal();
        let historian = run.open();
        run.feeder.replay_from(&historian, run.position);
        run.feeder.check_folds(&historian, &context);
        run.live(&historian, 20);
        run.feeder.check_folds(&historian, &format!("{context}, later"));
    }
}

/// Operations of a whole run without faults.
fn operations(before: i64, steps: i64) -> (u64, u64) {
    let mut run = Run::lived(before);
    let start = run.disk.operations();
    let historian = run.open();
    run.live(&historian, steps);
    let compacted = historian.stats().compactions;
    assert!(compacted >= 2, "the run must compact too: {compacted}");
    let _ = historian.seal_all(&|_| Ok(()));
    (start, run.disk.operations())
}

/// The long form tries everything: `TAGWERK_LONG=1`.
pub fn stride(short: usize) -> usize {
    if std::env::var_os("TAGWERK_LONG").is_some() { 1 } else { short }
}

const BEFORE: i64 = 90;
const STEPS: i64 = 140;

#[test]
fn killed_or_cut_at_every_operation() {
    let (start, end) = operations(BEFORE, STEPS);
    assert!(end - start > 50, "the run does {} operations", end - start);
    for at in start..=end {
        let (one, other) = (at % 3, 3 + at % 2);
        for mode in (0..5).filter(|mode| stride(2) == 1 || *mode == one || *mode == other) {
            let mut run = Run::lived(BEFORE);
            run.disk.fail_at(at, Fault::Stop);
            let env = env(&run.disk, &run.clock);
            let opened = Historian::open(&env, Path::new(FOLDER), run.options.clone());
            if let Ok((historian, _)) = opened {
                run.live(&historian, STEPS);
                let _ = historian.seal_all(&|_| Ok(()));
            }
            let mut random = Random::new(at * 7 + mode);
            match mode {
                0 => run.disk.kill(),
                1 => run.disk.cut_power_losing_all(),
                2 => run.disk.cut_power_keeping_removals(),
                _ => run.disk.cut_power(&mut random),
            }
            run.disk.heal();
            run.check(&format!("stopped at {at}, mode {mode}"));
        }
    }
}

#[test]
fn a_failing_operation_loses_and_doubles_nothing() {
    let (start, end) = operations(BEFORE, STEPS);
    for at in (start..=end).step_by(stride(2)) {
        for fault in [Fault::Io, Fault::Full] {
            let context = format!("{fault:?} at {at}");
            let mut run = Run::lived(BEFORE);
            run.disk.fail_at(at, fault);
            let env = env(&run.disk, &run.clock);
            let opened = Historian::open(&env, Path::new(FOLDER), run.options.clone());
            if let Ok((historian, _)) = opened {
                run.live(&historian, STEPS);
                run.feeder.check(&historian, &context);
                if fault == Fault::Full {
                    run.disk.heal();
                    // Storing resumes within ten seconds.
                    run.live(&historian, 10);
                    assert!(!historian.stats().failing, "{context}: does not heal");
                    run.feeder.check(&historian, &context);
                }
            }
            let mut random = Random::new(at);
            match at % 3 {
                0 => run.disk.kill(),
                1 => run.disk.cut_power_losing_all(),
                _ => run.disk.cut_power(&mut random),
            }
            run.disk.heal();
            run.check(&context);
        }
    }
}

#[test]
fn stopped_again_while_recovering() {
    let (start, end) = operations(BEFORE, STEPS);
    for at in (start..=end).step_by(stride(19)) {
        for again in 0..6 {
            let context = format!("stopped at {at} and {again} operations later");
            let mut run = Run::lived(BEFORE);
            let mut random = Random::new(at * 31 + again);
            for stop in [at, again] {
                run.disk.fail_at(
                    if stop == at { at } else { run.disk.operations() + again },
                    Fault::Stop,
                );
                let env = env(&run.disk, &run.clock);
                let opened = Historian::open(&env, Path::new(FOLDER), run.options.clone());
                if let Ok((historian, _)) = opened {
                    run.live(&historian, 30);
                }
                run.disk.cut_power(&mut random);
                run.disk.heal();
            }
            run.check(&context);
        }
    }
}

/// NEGATIVE CONTROL: the rig must notice what it is there for.
#[test]
fn the_rig_notices_a_lost_and_a_doubled_sample() {
    let noticed = |spoil: &dyn Fn(&mut Run, &Historian)| {
        let mut run = Run::lived(BEFORE);
        let historian = run.open();
        spoil(&mut run, &historian);
        drop(historian);
        run.disk.kill();
        catch_unwind(AssertUnwindSafe(|| run.check("spoiled"))).is_err()
    };
    assert!(!noticed(&|_, _| {}), "nothing is wrong");
    assert!(
        noticed(&|run, historian| {
            run.live(historian, 2);
            let lost = run.feeder.blocks.len() - 1;
            run.feeder.blocks.remove(lost);
        }),
        "a lost block"
    );
    assert!(
        noticed(&|run, historian| {
            // As if nobody knew what is stored.
            historian.begin_era();
            for (block, batch) in &run.feeder.blocks {
                historian.append(block, batch).unwrap();
            }
            historian.seal_all(&|_| Ok(())).unwrap();
        }),
        "doubled samples"
    );
    assert!(
        noticed(&|run, _| {
            let folder = Path::new(FOLDER);
            let files = run.disk.files(folder);
            let segment = files.iter().find(|file| file.extension().is_some()).unwrap();
            run.disk.alter(segment, |content| content.truncate(4096));
        }),
        "a segment without its chunks"
    );
}
