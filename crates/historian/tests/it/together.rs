//! Readers beside the writer: what they see is always a beginning of what came, without a gap.

use crate::feed::{Feeder, START, Sample, definition, open, options, read_together};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::thread::ThreadId;
use tagwerk_env::{Access, Disk, DiskFile, Env};
use tagwerk_historian::{Historian, Options, Scan};
use tagwerk_model::{DataType, TagId, Value};
use tagwerk_testkit::simulated::{SimDisk, machine};

#[test]
fn readers_see_every_sample_once_while_chunks_move() {
    let folder = tempfile::tempdir().unwrap();
    let options = Options { group_bytes: 300, segment_bytes: 6 * 1024, ..options() };
    let (historian, _) = Historian::open(&Env::system(), folder.path(), options).unwrap();
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for tag in [1, 2] {
            let (historian, done) = (&historian, &done);
            scope.spawn(move || {
                let mut before = 0;
                // By chunks, and by pieces of several, in turn.
                for together in [0, 8_192].into_iter().cycle() {
                    if done.load(Ordering::Relaxed) {
                        break;
                    }
                    let request = Scan { tags: vec![TagId(tag)], together, ..Scan::default() };
                    let found = read_together(historian, &request);
                    let in_turn = |(i, all): (usize, &(Sample, _, _))| all.0.0 == START + i as i64;
                    assert!(found.iter().enumerate().all(in_turn), "a gap or a double");
                    assert!(found.len() >= before, "samples went away");
                    before = found.len();
                }
            });
        }
        let set = definition(1, &[(1, DataType::Float64, ""), (2, DataType::Text, "")]);
        let mut feeder = Feeder::new(set);
        for i in 0..4_000i64 {
            let values =
                [Some(Value::F64(i as f64)), Some(Value::Text(format!("{}", i % 3).into()))];
            let (block, batch) = feeder.add(START + i, &values);
            historian.append(block, batch).unwrap();
            historian.maintain(&|_| Ok(())).unwrap();
        }
        done.store(true, Ordering::Relaxed);
        feeder.check(&historian, "in the end");
        assert!(historian.stats().segments > 3);
    });
}

/// Holds up one thread when it opens a file to read it.
#[derive(Default)]
struct HeldUp {
    disk: SimDisk,
    thread: Mutex<Option<ThreadId>>,
    /// Told that it is about to open the file, and what it then waits for.
    held: Mutex<Option<(mpsc::Sender<()>, mpsc::Receiver<()>)>>,
}

impl Disk for HeldUp {
    fn open(&self, path: &Path, access: Access) -> io::Result<Box<dyn DiskFile>> {
        if access == Access::Read
            && *self.thread.lock().unwrap() == Some(std::thread::current().id())
            && let Some((about, go_on)) = self.held.lock().unwrap().take()
        {
            about.send(()).unwrap();
            go_on.recv().unwrap();
        }
        self.disk.open(path, access)
    }

    fn list(&self, directory: &Path) -> io::Result<Vec<PathBuf>> {
        self.disk.list(directory)
    }

    fn create_directories(&self, path: &Path) -> io::Result<()> {
        self.disk.create_directories(path)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.disk.rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.disk.remove(path)
    }

    fn sync_directory(&self, path: &Path) -> io::Result<()> {
        self.disk.sync_directory(path)
    }

    fn free_bytes(&self, path: &Path) -> io::Result<u64> {
        self.disk.free_bytes(path)
    }
}

#[test]
fn who_is_about_to_open_a_segment_reads_it_also_when_it_goes() {
    let (mut env, disk, _clock) = machine();
    let held_up = Arc::new(HeldUp { disk, ..HeldUp::default() });
    env.disk = held_up.clone();
    let options = Options { bytes_max: 40 * 1024, ..options() };
    let (historian, _) = open(&env, options);
    let mut feeder = Feeder::new(definition(1, &[(1, DataType::Int32, "")]));
    let mut feed = |count: i64| {
        for _ in 0..count {
            let at = feeder.blocks.len() as i64;
            let (block, batch) =
                feeder.add(START + at, &[Some(Value::I64(at * at * 7_919 % 1_000_003))]);
            historian.append(block, batch).unwrap();
            while historian.maintain(&|_| Ok(())).unwrap().more {}
        }
    };
    let request = Scan { tags: vec![TagId(1)], ..Scan::default() };
    feed(8_000);
    let there = read_together(&historian, &request).len();
    assert!(historian.stats().segments > 2 && there < 8_000, "{:?}", historian.stats());
    feed(1_000);
    let (about, is_about) = mpsc::channel();
    let (go_on, may_go_on) = mpsc::channel();
    *held_up.held.lock().unwrap() = Some((about, may_go_on));
    std::thread::scope(|scope| {
        let reading = scope.spawn(|| {
            *held_up.thread.lock().unwrap() = Some(std::thread::current().id());
            read_together(&historian, &request)
        });
        is_about.recv().unwrap();
        feed(8_000);
        go_on.send(()).unwrap();
        let found = reading.join().unwrap();
        let times: Vec<i64> = found.iter().map(|((time, _), ..)| time - START).collect();
        let from = 9_000 - times.len() as i64;
        assert_eq!(times, (from..9_000).collect::<Vec<_>>());
        assert!(times.len() * 2 > there, "{} of {there}", times.len());
    });
}
