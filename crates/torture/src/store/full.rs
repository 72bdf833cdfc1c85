//! A disk that somebody else fills, and empties again: the program goes on, and so does the data.

use crate::store::Row;
use crate::store::cut::Mounted;
use crate::store::process::Running;
use crate::store::promises::Promises;
use crate::store::subject::Subject;
use crate::store::writer::WriterArguments;
use anyhow::Result;
use std::io::Write;
use std::path::Path;
use std::time::Duration;

const DISK_BYTES: u64 = 4 << 20;
/// Writing must go on this soon after there is room.
const RESUMES_WITHIN: Duration = Duration::from_secs(10);

type Change = fn(&mut WriterArguments);

pub fn run(subject: Subject) -> Result<Row> {
    let mut row = Row { rig: "full disk", ..Row::default() };
    let kinds: [(&str, Change); 3] = [
        ("drops the oldest", |_| {}),
        ("keeps the oldest", |writer| writer.keep_oldest = true),
        ("has a reserve", |writer| writer.reserve_kib = 256),
    ];
    for (name, change) in kinds {
        let disk = match Mounted::memory(DISK_BYTES) {
            Ok(disk) => disk,
            Err(error) => {
                row.skipped = Some(format!("it needs root for a disk of its own: {error:#}"));
                return Ok(row);
            }
        };
        if let Err(error) = one(subject, &disk.path, name, change, &mut row) {
            row.fail(format!("{name}: {error:#}"));
        }
    }
    let disk = Mounted::memory(DISK_BYTES)?;
    let fragile: Change = |writer| (writer.fragile, writer.keep_oldest) = (true, true);
    let control = one(subject, &disk.path, "control", fragile, &mut Row::default());
    row.control_failed = control.is_err();
    row.control = "a writer that ends at the first error ".to_owned()
        + if control.is_err() { "was noticed" } else { "was not noticed" };
    Ok(row)
}

fn one(subject: Subject, disk: &Path, name: &str, change: Change, row: &mut Row) -> Result<()> {
    let store = disk.join("store");
    let mut writer = subject.arguments(&store);
    (writer.pause_us, writer.stream_kib, writer.real_time) = (500, 1024, true);
    if subject == Subject::History {
        (writer.pause_us, writer.stream_kib) = (2_000, 256);
    }
    change(&mut writer);
    let mut running = Running::start(&writer, &[])?;
    running.until("the writer's start", |said| said.appends > 100)?;
    let mut worst = Duration::ZERO;
    for _ in 0..5 {
        let ballast = disk.join("ballast");
        let before = running.promises();
        fill(&ballast)?;
        // Until it has met the full disk: an error, or the oldest dropped to go on.
        running.until("the full disk to be met", |said| {
            said.errors.len() > before.errors.len() + 3
                || said.oldest != before.oldest && said.appends > before.appends + 200
        })?;
        let met = running.promises();
        std::fs::remove_file(&ballast)?;
        let samples = |said: &Promises| {
            said.appended.keys().filter(|(stream, _, _)| stream == "samples").count()
        };
        let had = samples(&met);
        worst = worst.max(running.until("samples again", |said| samples(said) > had)?);
        running.until("some more", |said| said.appends > met.appends + 50)?;
        row.tried += 1;
    }
    if worst > RESUMES_WITHIN {
        row.fail(format!("{name}: writing went on after {worst:?}"));
    }
    let errors = running.promises().errors.len();
    row.notes.push(format!("{name}: {errors} refusals, went on within {} ms", worst.as_millis()));
    let promises = running.kill();
    let outcome = subject.check(&store, &promises)?;
    row.take(name, &outcome);
    Ok(())
}

/// Takes all the room there is.
fn fill(path: &Path) -> Result<()> {
    let mut file = std::fs::File::create(path)?;
    for size in [64 * 1024, 4096, 512] {
        while file.write_all(&vec![1; size]).is_ok() {}
    }
    Ok(())
}
