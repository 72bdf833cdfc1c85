//! Changing many files as one: the new ones lie ready, a plan says so, and whoever starts next brings
//! it to its end. A power cut at any step leaves the old state or the new.

use serde::{Deserialize, Serialize};
use std::io;
use std::path::{Path, PathBuf};
use tagwerk_env::Disk;

/// The folder in the data directory in which files wait.
const FOLDER: &str = "restore";
const PLAN: &str = "plan.json";
const PLAN_BYTES_MAX: u64 = 4 * 1024 * 1024;
/// What SQLite lays beside its file; it must go where that file goes.
const STORE_PARTS: [&str; 2] = ["edge.db-wal", "edge.db-shm"];

/// Files that take the place of others. Places are relative to the data directory.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Plan {
    phase: Phase,
    /// Moved out of the way, into `old-N`.
    old: Vec<String>,
    /// Moved in, from `new-N`.
    new: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Phase {
    MovingOldOut,
    MovingNewIn,
    /// The new state is in place; the old one is kept until somebody says that it works.
    Placed,
    MovingNewOut,
    MovingOldIn,
}

/// What a start finds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pending {
    Nothing,
    /// New state that nobody has confirmed yet.
    Placed,
}

/// The swap of one data directory.
#[derive(Clone)]
pub struct Swap {
    data: PathBuf,
}

impl Swap {
    pub fn of(data: &Path) -> Swap {
        Swap { data: data.to_owned() }
    }

    /// Where the new file number `n` must lie before [`Swap::place`].
    pub fn staged(&self, n: usize) -> PathBuf {
        self.folder().join(format!("new-{n}"))
    }

    /// Where an upload may lie meanwhile.
    pub fn scratch(&self, name: &str) -> PathBuf {
        self.folder().join(name)
    }

    /// Makes the folder and removes what an earlier try left in it.
    pub fn prepare(&self, disk: &dyn Disk) -> io::Result<()> {
        disk.create_directories(&self.folder())?;
        self.clear(disk)
    }

    /// Puts the staged files in place of the old ones. All must be synced. When it fails, the state is
    /// in between, and [`Swap::recover`] or [`Swap::back`] must be called.
    pub fn place(&self, disk: &dyn Disk, old: Vec<String>, new: Vec<String>) -> io::Result<()> {
        disk.sync_directory(&self.folder())?;
        let displaced = super::tables::displaced(&new);
        let old = old.into_iter().chain(displaced).collect();
        let mut plan = Plan { phase: Phase::MovingOldOut, old, new };
        // From here on there is no way back but through the plan.
        self.note(disk, &plan)?;
        self.go_on(disk, &mut plan)
    }

    /// Brings a swap to its end that a power cut or a kill interrupted.
    pub fn recover(&self, disk: &dyn Disk) -> io::Result<Pending> {
        let Some(mut plan) = self.plan(disk)? else {
            if disk.list(&self.folder()).is_ok() {
                self.clear(disk)?;
            }
            return Ok(Pending::Nothing);
        };
        self.go_on(disk, &mut plan)?;
        match self.plan(disk)? {
            Some(_) => Ok(Pending::Placed),
            None => Ok(Pending::Nothing),
        }
    }

    /// The new state works: the old one goes.
    pub fn confirm(&self, disk: &dyn Disk) -> io::Result<()> {
        if self.plan(disk)?.is_some() {
            self.drop_plan(disk)?;
        }
        self.clear(disk)
    }

    /// The new state does not work: the old one comes back.
    pub fn back(&self, disk: &dyn Disk) -> io::Result<()> {
        let Some(mut plan) = self.plan(disk)? else { return Ok(()) };
        plan.phase = match plan.phase {
            Phase::MovingOldOut | Phase::MovingOldIn => Phase::MovingOldIn,
            Phase::MovingNewIn | Phase::Placed | Phase::MovingNewOut => Phase::MovingNewOut,
        };
        self.note(disk, &plan)?;
        self.go_on(disk, &mut plan)
    }

    /// Every step may be done twice.
    fn go_on(&self, disk: &dyn Disk, plan: &mut Plan) -> io::Result<()> {
        loop {
            plan.phase = match plan.phase {
                Phase::MovingOldOut => {
                    self.move_all(disk, &plan.old, "old", Way::Out)?;
                    Phase::MovingNewIn
                }
                Phase::MovingNewIn => {
                    self.move_all(disk, &plan.new, "new", Way::In)?;
                    Phase::Placed
                }
                Phase::Placed => return Ok(()),
                Phase::MovingNewOut => {
                    // Once the new store has left, its parts have too, and what lies there is the old's.
                    let store = plan.new.iter().position(|place| place == super::STORE);
                    if store.is_some_and(|n| !exists(disk, &self.staged(n))) {
                        for part in STORE_PARTS {
                            remove(disk, &self.data.join(part))?;
                        }
                    }
                    self.move_all(disk, &plan.new, "new", Way::Out)?;
                    Phase::MovingOldIn
                }
                Phase::MovingOldIn => {
                    self.move_all(disk, &plan.old, "old", Way::In)?;
                    self.drop_plan(disk)?;
                    return self.clear(disk);
                }
            };
            self.note(disk, plan)?;
        }
    }

    fn move_all(&self, disk: &dyn Disk, places: &[String], kind: &str, way: Way) -> io::Result<()> {
        let mut folders = vec![self.folder(), self.data.clone()];
        for (n, place) in places.iter().enumerate() {
            let (inside, outside) =
                (self.data.join(place), self.folder().join(format!("{kind}-{n}")));
            let folder = inside.parent().unwrap_or(&self.data).to_owned();
            if !folders.contains(&folder) {
                disk.create_directories(&folder)?;
                folders.push(folder);
            }
            let (from, to) = match way {
                Way::Out => (&inside, &outside),
                Way::In => (&outside, &inside),
            };
            match disk.rename(from, to) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        folders.iter().try_for_each(|folder| disk.sync_directory(folder))
    }

    fn note(&self, disk: &dyn Disk, plan: &Plan) -> io::Result<()> {
        let text = serde_json::to_vec(plan).map_err(io::Error::other)?;
        disk.replace(&self.folder().join(PLAN), &text)
    }

    fn plan(&self, disk: &dyn Disk) -> io::Result<Option<Plan>> {
        let bytes = match disk.read(&self.folder().join(PLAN), PLAN_BYTES_MAX) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        serde_json::from_slice(&bytes).map(Some).map_err(io::Error::other)
    }

    fn drop_plan(&self, disk: &dyn Disk) -> io::Result<()> {
        remove(disk, &self.folder().join(PLAN))?;
        disk.sync_directory(&self.folder())
    }

    /// Removes what lies in the folder; never while there is a plan.
    pub fn clear(&self, disk: &dyn Disk) -> io::Result<()> {
        if self.plan(disk)?.is_some() {
            return Err(io::Error::other("another restore is under way in this data directory"));
        }
        match disk.list(&self.folder()) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(error),
            Ok(names) => names.iter().try_for_each(|name| remove(disk, &self.folder().join(name))),
        }
    }

    fn folder(&self) -> PathBuf {
        self.data.join(FOLDER)
    }
}

#[derive(Clone, Copy)]
enum Way {
    In,
    Out,
}

/// Everything whose place a restore takes.
pub fn old_files(disk: &dyn Disk, data: &Path) -> Vec<String> {
    use crate::certificates;
    let fixed = STORE_PARTS.iter().copied().chain([super::STORE, crate::secrets::KEY_FILE]);
    let mut places: Vec<String> = fixed.map(str::to_owned).collect();
    for folder in certificates::FOLDERS {
        let folder = format!("{}/{folder}", certificates::FOLDER);
        let names = disk.list(&data.join(&folder)).unwrap_or_default();
        places.extend(names.iter().map(|name| format!("{folder}/{}", name.display())));
    }
    places
}

fn exists(disk: &dyn Disk, path: &Path) -> bool {
    disk.open(path, tagwerk_env::Access::Read).is_ok()
}

fn remove(disk: &dyn Disk, path: &Path) -> io::Result<()> {
    match disk.remove(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use tagwerk_env::{Access, DiskFile, SystemDisk};

    /// A disk whose power fails after so many changes.
    struct Failing {
        left: AtomicUsize,
    }

    impl Failing {
        fn step(&self) -> io::Result<()> {
            let left = self.left.load(Ordering::Relaxed);
            if left == 0 {
                return Err(io::Error::other("the power is cut"));
            }
            self.left.store(left - 1, Ordering::Relaxed);
            Ok(())
        }
    }

    impl Disk for Failing {
        fn open(&self, path: &Path, access: Access) -> io::Result<Box<dyn DiskFile>> {
            if access != Access::Read {
                self.step()?;
            }
            SystemDisk.open(path, access)
        }

        fn list(&self, directory: &Path) -> io::Result<Vec<PathBuf>> {
            SystemDisk.list(directory)
        }

        fn create_directories(&self, path: &Path) -> io::Result<()> {
            self.step().and_then(|()| SystemDisk.create_directories(path))
        }

        fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
            self.step().and_then(|()| SystemDisk.rename(from, to))
        }

        fn remove(&self, path: &Path) -> io::Result<()> {
            self.step().and_then(|()| SystemDisk.remove(path))
        }

        fn sync_directory(&self, path: &Path) -> io::Result<()> {
            self.step().and_then(|()| SystemDisk.sync_directory(path))
        }

        fn free_bytes(&self, path: &Path) -> io::Result<u64> {
            SystemDisk.free_bytes(path)
        }
    }

    const OLD: [(&str, &str); 8] = [
        ("files/mes/orders.db", "old orders"),
        ("files/mes/orders.db-wal", "old log of orders"),
        ("files/other.csv", "nobody's"),
        ("edge.db", "old store"),
        ("edge.db-wal", "old log"),
        ("secrets.key", "old key"),
        ("certificates/trusted/a.der", "old a"),
        ("certificates/own/o.pem", "old o"),
    ];
    const NEW: [(&str, &str); 5] = [
        ("files/mes/orders.db", "new orders"),
        ("edge.db", "new store"),
        ("secrets.key", "new key"),
        ("certificates/trusted/a.der", "new a"),
        ("certificates/rejected/r.json", "new r"),
    ];
    /// What a restore leaves alone.
    const LEFT: (&str, &str) = ("files/other.csv", "nobody's");

    fn site() -> (tempfile::TempDir, Swap) {
        let folder = tempfile::tempdir().unwrap();
        for (place, text) in OLD {
            let path = folder.path().join(place);
            SystemDisk.create_directories(path.parent().unwrap()).unwrap();
            SystemDisk.replace(&path, text.as_bytes()).unwrap();
        }
        let swap = Swap::of(folder.path());
        (folder, swap)
    }

    fn stage(swap: &Swap) {
        swap.prepare(&SystemDisk).unwrap();
        for (n, (_, text)) in NEW.iter().enumerate() {
            SystemDisk.replace(&swap.staged(n), text.as_bytes()).unwrap();
        }
    }

    fn place(swap: &Swap, disk: &dyn Disk) -> io::Result<()> {
        let old = old_files(disk, &swap.data);
        swap.place(disk, old, NEW.iter().map(|(place, _)| (*place).to_owned()).collect())
    }

    /// All files of the state, with what is in them.
    fn state(data: &Path) -> BTreeMap<String, String> {
        let read = |path: String| {
            let bytes = SystemDisk.read(&data.join(&path), 99).ok()?;
            Some((path, String::from_utf8(bytes).unwrap()))
        };
        let fixed = ["edge.db", "edge.db-wal", "edge.db-shm", "secrets.key"];
        let mut places: Vec<String> = fixed.map(str::to_owned).to_vec();
        places.extend(old_files(&SystemDisk, data));
        let files = ["files/mes/orders.db", "files/mes/orders.db-wal", "files/other.csv"];
        places.extend(files.map(str::to_owned));
        places.into_iter().filter_map(read).collect()
    }

    fn expected(files: &[(&str, &str)]) -> BTreeMap<String, String> {
        files
            .iter()
            .chain([&LEFT])
            .map(|(place, text)| ((*place).to_owned(), (*text).to_owned()))
            .collect()
    }

    #[test]
    fn a_power_cut_at_any_step_leaves_the_old_state_or_the_new() {
        let (mut old_seen, mut new_seen) = (0, 0);
        for steps in 0.. {
            let (folder, swap) = site();
            stage(&swap);
            let disk = Failing { left: AtomicUsize::new(steps) };
            let done = place(&swap, &disk).is_ok();
            let pending = swap.recover(&SystemDisk).unwrap();
            match state(folder.path()) {
                state if state == expected(&OLD) => {
                    assert_eq!(pending, Pending::Nothing);
                    old_seen += 1;
                }
                state => {
                    assert_eq!(state, expected(&NEW), "cut after {steps} steps");
                    assert_eq!(pending, Pending::Placed);
                    new_seen += 1;
                }
            }
            if done {
                break;
            }
        }
        assert!(old_seen > 2 && new_seen > 10, "{old_seen} {new_seen}");
    }

    #[test]
    fn a_power_cut_on_the_way_back_still_leads_back() {
        for steps in 0.. {
            let (folder, swap) = site();
            stage(&swap);
            place(&swap, &SystemDisk).unwrap();
            // The new store was opened and has a log of its own.
            SystemDisk.replace(&folder.path().join("edge.db-wal"), b"new log").unwrap();
            let disk = Failing { left: AtomicUsize::new(steps) };
            let done = swap.back(&disk).is_ok();
            if swap.recover(&SystemDisk).unwrap() == Pending::Placed {
                assert!(!done);
                swap.back(&SystemDisk).unwrap();
            }
            assert_eq!(state(folder.path()), expected(&OLD), "cut after {steps} steps");
            if done {
                break;
            }
        }
    }

    #[test]
    fn a_power_cut_while_confirming_keeps_the_new_state() {
        for steps in 0.. {
            let (folder, swap) = site();
            stage(&swap);
            place(&swap, &SystemDisk).unwrap();
            let disk = Failing { left: AtomicUsize::new(steps) };
            let done = swap.confirm(&disk).is_ok();
            swap.recover(&SystemDisk).unwrap();
            assert_eq!(state(folder.path()), expected(&NEW), "cut after {steps} steps");
            if done {
                assert!(SystemDisk.list(&folder.path().join("restore")).unwrap().is_empty());
                break;
            }
        }
    }
}
