//! Power cuts: a file system in an image is cloned while the writer writes to it. The clone is what a disk
//! would hold if the power had gone at that moment: what was not synced is not in it.

use crate::store::process::Running;
use crate::store::promises::Promises;
use crate::store::random::Random;
use crate::store::subject::Subject;
use crate::store::writer::{Commits, WriterArguments};
use crate::store::{Form, Row};
use anyhow::{Context, Result, bail};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

const CUTS: u64 = 200;
const SHORT_CUTS: u64 = 4;
/// Cuts of one running writer.
const CUTS_PER_LIFE: u64 = 20;

pub fn run(subject: Subject, form: Form, mut random: Random) -> Result<Row> {
    let mut row = Row { rig: "power cuts", ..Row::default() };
    let disk = match CutDisk::new(subject) {
        Ok(disk) => disk,
        Err(error) => {
            row.skipped = Some(format!(
                "it needs root, loop devices and a file system that clones files (btrfs-progs): \
                 {error:#}"
            ));
            return Ok(row);
        }
    };
    let cuts = if form == Form::Long { CUTS } else { SHORT_CUTS };
    let mut promises = Promises::default();
    while row.tried < cuts {
        let lives = CUTS_PER_LIFE.min(cuts - row.tried);
        if subject == Subject::History {
            // It forgets nothing: a new one each time, for the sake of the disk's size.
            disk.empty()?;
            promises = Promises::default();
        }
        one_life(&disk, lives, &mut promises, &mut random, &mut row, &|_| {})?;
    }
    let mut control = Row::default();
    let disk = CutDisk::new(subject)?;
    let mut promises = Promises::default();
    let lies = |writer: &mut WriterArguments| writer.lies = true;
    one_life(&disk, 3, &mut promises, &mut random, &mut control, &lies)?;
    row.control_failed = control.lost > 0;
    row.control = format!("{} lost {} in 3 cuts", subject.unsynced(), control.lost);
    Ok(row)
}

fn one_life(
    disk: &CutDisk,
    cuts: u64,
    promises: &mut Promises,
    random: &mut Random,
    row: &mut Row,
    change: &dyn Fn(&mut WriterArguments),
) -> Result<()> {
    let mut writer = disk.subject.arguments(&disk.store());
    writer.seed = random.next();
    match disk.subject {
        Subject::Journal => (writer.pause_us, writer.stream_kib) = (300, 1024),
        Subject::History => writer.pause_us = 4_000,
    }
    if random.below(2) == 0 {
        writer.commits = Commits::Thread;
    }
    change(&mut writer);
    let mut running = Running::start(&writer, &[])?;
    // The control must have something to lose.
    let enough = if writer.lies { disk.subject.volatile_after() } else { 20 };
    running.until("the writer's start", |said| said.appends > enough)?;
    for _ in 0..cuts {
        std::thread::sleep(Duration::from_micros(random.below(150_000)));
        let mut said = promises.clone();
        // Before the cut: what is said while the image is cloned may or may not be in it.
        said.add(running.promises());
        let image = disk.cut()?;
        let context = format!("cut {}", row.tried);
        let mounted = Mounted::new(&image, "ext4").context("a power cut left no file system")?;
        let outcome = disk.subject.check(&mounted.path.join("store"), &said.committed_only())?;
        drop(mounted);
        std::fs::remove_file(&image)?;
        row.take(&context, &outcome);
        if !running.runs() {
            row.fail(format!("{context}: the writer ended"));
            break;
        }
    }
    promises.add(running.kill());
    // A kill leaves everything that an append returned for; the next life goes on from there.
    Ok(())
}

/// An ext4 in an image on a btrfs in an image.
struct CutDisk {
    subject: Subject,
    /// Unmounted before what it lies on.
    inside: Mounted,
    outside: Mounted,
    _folder: tempfile::TempDir,
}

impl CutDisk {
    fn new(subject: Subject) -> Result<CutDisk> {
        let folder = tempfile::tempdir()?;
        let base = folder.path().join("base.img");
        sparse(&base, 1 << 30)?;
        run_tool("mkfs.btrfs", &["-q", path(&base)])?;
        let outside = Mounted::new(&base, "btrfs")?;
        let image = outside.path.join("disk.img");
        sparse(&image, 48 << 20)?;
        make_file_system(&image, &[])?;
        let inside = Mounted::new(&image, "ext4")?;
        Ok(CutDisk { subject, inside, outside, _folder: folder })
    }

    fn store(&self) -> PathBuf {
        self.inside.path.join("store")
    }

    fn empty(&self) -> Result<()> {
        match std::fs::remove_dir_all(self.store()) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error.into()),
            _ => Ok(()),
        }
    }

    fn cut(&self) -> Result<PathBuf> {
        let image = self.outside.path.join("cut.img");
        let from = self.outside.path.join("disk.img");
        run_tool("cp", &["--reflink=always", path(&from), path(&image)])?;
        Ok(image)
    }
}

/// Unmounted with its value.
pub struct Mounted {
    pub path: PathBuf,
    _folder: tempfile::TempDir,
}

impl Mounted {
    pub fn new(image: &Path, kind: &str) -> Result<Mounted> {
        let folder = tempfile::tempdir()?;
        run_tool("mount", &["-t", kind, "-o", "loop", path(image), path(folder.path())])?;
        Ok(Mounted { path: folder.path().to_owned(), _folder: folder })
    }

    /// Memory of a fixed size.
    pub fn memory(bytes: u64) -> Result<Mounted> {
        let folder = tempfile::tempdir()?;
        let size = format!("size={bytes}");
        run_tool("mount", &["-t", "tmpfs", "-o", &size, "tmpfs", path(folder.path())])?;
        Ok(Mounted { path: folder.path().to_owned(), _folder: folder })
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        // A process that is just ending may hold it for a moment; lazily, it goes with that process.
        if run_tool("umount", &[path(&self.path)]).is_err() {
            let _ = run_tool("umount", &["-l", path(&self.path)]);
        }
    }
}

fn path(path: &Path) -> &str {
    path.to_str().unwrap_or_default()
}

pub fn make_file_system(image: &Path, options: &[&str]) -> Result<()> {
    run_tool("mkfs.ext4", &[&["-q", "-F"], options, &[path(image)]].concat())
}

pub fn sparse(path: &Path, bytes: u64) -> Result<()> {
    Ok(std::fs::File::create(path)?.set_len(bytes)?)
}

fn run_tool(program: &str, arguments: &[&str]) -> Result<()> {
    // Debian keeps these in sbin, which is not in everybody's PATH.
    let mut paths = std::env::var("PATH").unwrap_or_default();
    paths.push_str(":/usr/sbin:/sbin");
    let output = Command::new(program).args(arguments).env("PATH", paths).output();
    let output = output.with_context(|| format!("starting {program}"))?;
    if !output.status.success() {
        bail!("{program}: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(())
}
