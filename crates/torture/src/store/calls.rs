//! Every call of the kernel that changes a file, in turn: the process is killed at it, or it fails.
//! strace does both.

use crate::store::process::Running;
use crate::store::promises::{Outcome, Promises, copy_folder};
use crate::store::subject::Subject;
use crate::store::writer::WriterArguments;
use crate::store::{Form, Row};
use anyhow::{Context, Result};
use std::path::Path;

/// `write` is the writer's own output.
const CALLS: [&str; 8] =
    ["pwrite64", "fdatasync", "fsync", "rename", "ftruncate", "fallocate", "unlink", "write"];
/// Points of each call in the short form.
const SHORT_POINTS: u64 = 2;

/// How often each call is made in a life.
fn count_calls(writer: &WriterArguments, scratch: &Path) -> Result<Vec<(&'static str, u64)>> {
    let log = scratch.join("calls");
    let options = ["-o".to_owned(), log.display().to_string(), trace(&CALLS.join(","))];
    let (status, _) = Running::start(writer, &options)?.wait()?;
    anyhow::ensure!(status.success(), "the writer failed by itself ({status})");
    let text = std::fs::read_to_string(&log).context("reading what strace saw")?;
    let made = |call: &str| {
        let begins = format!("{call}(");
        text.lines().filter(|line| line.contains(&begins)).count() as u64
    };
    Ok(CALLS.into_iter().map(|call| (call, made(call))).collect())
}

fn trace(calls: &str) -> String {
    format!("--trace={calls}")
}

fn inject(call: &str, what: &str, when: &str) -> Vec<String> {
    let rule = format!("--inject={call}:{what}:when={when}");
    vec!["-o".to_owned(), "/dev/null".to_owned(), trace(call), rule]
}

/// Which of `count` calls: all of them, or a few from the beginning to the end.
fn points(count: u64, form: Form) -> Vec<u64> {
    match form {
        Form::Long => (1..=count).collect(),
        Form::Short if count <= SHORT_POINTS => (1..=count).collect(),
        Form::Short => {
            (0..SHORT_POINTS).map(|n| 1 + n * (count - 1) / (SHORT_POINTS - 1)).collect()
        }
    }
}

/// A store whose first life was killed, so that the second begins with a recovery.
struct Base {
    subject: Subject,
    folder: tempfile::TempDir,
    promises: Promises,
}

impl Base {
    fn new(subject: Subject) -> Result<Base> {
        let folder = tempfile::tempdir()?;
        let mut writer = subject.arguments(&folder.path().join("store"));
        writer.steps = 0;
        let writes = subject.first_life_writes();
        let killed = Running::start(&writer, &inject("pwrite64", "signal=KILL", writes))?;
        let (_, promises) = killed.wait()?;
        Ok(Base { subject, folder, promises })
    }

    /// A second life in a copy of the store, with strace in its way.
    fn live(
        &self,
        seed: u64,
        change: &dyn Fn(&mut WriterArguments),
        strace: &[String],
    ) -> Result<Life> {
        let scratch = tempfile::tempdir()?;
        let store = scratch.path().join("store");
        copy_folder(&self.folder.path().join("store"), &store)?;
        let mut writer = self.subject.arguments(&store);
        (writer.steps, writer.seed) = (self.subject.steps(), seed);
        change(&mut writer);
        let (status, later) = Running::start(&writer, strace)?.wait()?;
        let mut promises = self.promises.clone();
        let ended = later.ended && status.success();
        promises.add(later);
        let outcome = self.subject.check(&store, &promises)?;
        let steps = self.subject.steps();
        Ok(Life { outcome, promises, steps, ended })
    }

    fn calls(&self) -> Result<Vec<(&'static str, u64)>> {
        let scratch = tempfile::tempdir()?;
        let store = scratch.path().join("store");
        copy_folder(&self.folder.path().join("store"), &store)?;
        let mut writer = self.subject.arguments(&store);
        (writer.steps, writer.seed) = (self.subject.steps(), 2);
        count_calls(&writer, scratch.path())
    }
}

struct Life {
    outcome: Outcome,
    promises: Promises,
    /// Asked for.
    steps: u64,
    ended: bool,
}

pub fn kill_at_every_call(subject: Subject, form: Form) -> Result<Row> {
    let mut row = Row { rig: "kill at every call", ..Row::default() };
    let base = Base::new(subject)?;
    let calls = base.calls()?;
    for (call, count) in &calls {
        let points = points(*count, form);
        row.notes.push(format!("{call}: {} of {count}", points.len()));
        for point in points {
            let strace = inject(call, "signal=KILL", &point.to_string());
            let life = base.live(2, &|_| {}, &strace)?;
            let context = format!("killed at {call} {point}");
            row.take(&context, &life.outcome);
            if life.ended {
                row.fail(format!("{context}: it was not"));
            }
        }
    }
    // One that keeps data to itself must be caught.
    let lines = 3 * subject.volatile_after();
    let strace = inject("write", "signal=KILL", &lines.to_string());
    let change = |writer: &mut WriterArguments| {
        (writer.buffered, writer.steps) = (Some(1 << 20), 0);
    };
    let life = base.live(2, &change, &strace)?;
    row.control_failed = life.outcome.lost > 0;
    row.control = format!("{} lost {}", subject.volatile(), life.outcome.lost);
    Ok(row)
}

pub fn fail_at_every_call(subject: Subject, form: Form) -> Result<Row> {
    let mut row = Row { rig: "every call fails", ..Row::default() };
    let base = Base::new(subject)?;
    let calls = base.calls()?;
    for (call, count) in calls.iter().filter(|(call, _)| *call != "write") {
        for error in ["EIO", "ENOSPC"] {
            if error == "ENOSPC" && ["fdatasync", "fsync", "unlink"].contains(call) {
                continue;
            }
            let points = points(*count, form);
            row.notes.push(format!("{call} {error}: {} of {count}", points.len()));
            for point in points {
                // With the next three, and alone.
                let both = [format!("{point}..{}", point + 3), point.to_string()];
                for when in both.into_iter().take(if form == Form::Long { 2 } else { 1 }) {
                    let strace = inject(call, &format!("error={error}"), &when);
                    let life = base.live(2, &|_| {}, &strace)?;
                    judge_failure(&mut row, &format!("{call} {error} at {when}"), &life);
                }
            }
        }
    }
    let strace = inject("pwrite64", "error=EIO", "60");
    let life = base.live(2, &|writer| writer.fragile = true, &strace)?;
    row.control_failed = !life.ended;
    row.control = "a writer that ends at the first error ".to_owned()
        + if life.ended { "was not noticed" } else { "was noticed" };
    Ok(row)
}

fn judge_failure(row: &mut Row, context: &str, life: &Life) {
    row.take(context, &life.outcome);
    if !life.promises.ready {
        row.fail(format!("{context}: it did not start"));
    } else if !life.promises.ended && !ends_with_error(life) {
        row.fail(format!("{context}: it ended by itself"));
    }
}

/// The one error that may show in the exit code is that of the end itself: the marks of a clean end could
/// not be written.
fn ends_with_error(life: &Life) -> bool {
    let steps_done = life.promises.appends >= life.steps / 2;
    !life.ended && steps_done
}
