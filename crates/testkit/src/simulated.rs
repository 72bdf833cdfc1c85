//! A machine in memory: a clock set by hand, and a disk that remembers what is synced, fails or
//! stops at the N-th operation, and loses or tears what is not synced when the power goes.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tagwerk_env::{Access, BoxFuture, Clock, Disk, DiskFile, Env, Moment, SystemNet, WallTime};

/// xorshift64*: the same seed gives the same run.
#[derive(Clone)]
pub struct Random(pub u64);

impl Random {
    pub fn new(seed: u64) -> Random {
        Random(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    pub fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) % limit
    }
}

pub struct HandClock {
    state: Mutex<(u64, WallTime, [u8; 16])>,
}

impl HandClock {
    pub fn new() -> Arc<HandClock> {
        let wall = WallTime { unix_ns: 1_000_000_000_000, synchronised: false };
        Arc::new(HandClock { state: Mutex::new((1_000, wall, [7; 16])) })
    }

    pub fn advance(&self, duration: Duration) {
        let mut state = self.state.lock().unwrap();
        state.0 += duration.as_nanos() as u64;
        state.1.unix_ns += duration.as_nanos() as i64;
    }

    pub fn set_wall(&self, unix_ns: i64, synchronised: bool) {
        self.state.lock().unwrap().1 = WallTime { unix_ns, synchronised };
    }

    pub fn reboot(&self) {
        let mut state = self.state.lock().unwrap();
        state.0 = 1_000;
        state.2[0] = state.2[0].wrapping_add(1);
    }
}

impl Clock for HandClock {
    fn now(&self) -> Moment {
        Moment(self.state.lock().unwrap().0)
    }

    fn wall(&self) -> WallTime {
        self.state.lock().unwrap().1
    }

    fn boot_id(&self) -> [u8; 16] {
        self.state.lock().unwrap().2
    }

    fn sleep_until(&self, _moment: Moment) -> BoxFuture<'static, ()> {
        Box::pin(async {})
    }

    fn park_until(&self, _moment: Moment) {}
}

#[derive(Clone)]
enum Change {
    Write { offset: usize, bytes: Vec<u8> },
    Length(usize),
}

impl Change {
    fn apply(&self, content: &mut Vec<u8>) {
        match self {
            Change::Write { offset, bytes } => {
                let end = offset + bytes.len();
                if content.len() < end {
                    content.resize(end, 0);
                }
                content[*offset..end].copy_from_slice(bytes);
            }
            Change::Length(length) => content.resize(*length, 0),
        }
    }
}

#[derive(Clone, Default)]
struct Inode {
    current: Vec<u8>,
    synced: Vec<u8>,
    unsynced: Vec<Change>,
}

#[derive(Clone)]
enum Naming {
    Link(PathBuf, usize),
    Unlink(PathBuf),
    Rename(PathBuf, PathBuf, usize),
}

impl Naming {
    fn folder(&self) -> &Path {
        match self {
            Naming::Link(path, _) | Naming::Unlink(path) | Naming::Rename(_, path, _) => {
                path.parent().unwrap()
            }
        }
    }

    fn apply(&self, names: &mut BTreeMap<PathBuf, usize>) {
        match self {
            Naming::Link(path, inode) => {
                names.insert(path.clone(), *inode);
            }
            Naming::Unlink(path) => {
                names.remove(path);
            }
            Naming::Rename(from, to, inode) => {
                names.remove(from);
                names.insert(to.clone(), *inode);
            }
        }
    }
}

/// What goes wrong at an operation that changes something.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Fault {
    /// The machine stops: this operation (a write is torn) and all later ones fail.
    Stop,
    /// This operation alone fails with EIO; a failed sync loses the pages, as Linux may.
    Io,
    /// All operations that need space fail from here on.
    Full,
}

#[derive(Clone, Default)]
struct State {
    inodes: Vec<Inode>,
    live: BTreeMap<PathBuf, usize>,
    durable: BTreeMap<PathBuf, usize>,
    unsynced_names: Vec<Naming>,
    locked: BTreeSet<PathBuf>,
    operations: u64,
    fault: Option<(u64, Fault)>,
    stopped: bool,
    /// Data syncs so far.
    syncs: u64,
    reads: u64,
    /// Bytes that all files together may have.
    space: Option<usize>,
    read_only: bool,
}

impl State {
    fn used(&self) -> usize {
        self.live.values().map(|inode| self.inodes[*inode].current.len()).sum()
    }

    /// Counts one operation; says what goes wrong with it.
    fn operate(&mut self, needs_space: bool) -> io::Result<()> {
        let number = self.operations;
        self.operations += 1;
        if self.stopped {
            return Err(io::Error::other("the machine has stopped"));
        }
        if self.read_only {
            return Err(io::ErrorKind::ReadOnlyFilesystem.into());
        }
        match self.fault {
            Some((at, Fault::Stop)) if number >= at => {
                self.stopped = true;
                Err(io::Error::other("the machine stops"))
            }
            Some((at, Fault::Io)) if number == at => Err(io::Error::from_raw_os_error(5)),
            Some((at, Fault::Full)) if number >= at && needs_space => {
                Err(io::Error::from_raw_os_error(28))
            }
            _ => Ok(()),
        }
    }
}

#[derive(Clone, Default)]
pub struct SimDisk(Arc<Mutex<State>>);

impl SimDisk {
    pub fn fail_at(&self, operation: u64, fault: Fault) {
        self.0.lock().unwrap().fault = Some((operation, fault));
    }

    pub fn heal(&self) {
        let mut state = self.0.lock().unwrap();
        state.fault = None;
        state.stopped = false;
    }

    /// Whether anything is to go wrong, or did.
    pub fn fails(&self) -> bool {
        let state = self.0.lock().unwrap();
        state.fault.is_some() || state.stopped
    }

    /// Reads so far, which are no operations.
    pub fn reads(&self) -> u64 {
        self.0.lock().unwrap().reads
    }

    pub fn operations(&self) -> u64 {
        self.0.lock().unwrap().operations
    }

    /// From here on only `more` bytes fit.
    pub fn fill(&self, more: usize) {
        let mut state = self.0.lock().unwrap();
        state.space = Some(state.used() + more);
    }

    /// There is room again.
    pub fn empty(&self) {
        self.0.lock().unwrap().space = None;
    }

    pub fn set_read_only(&self, read_only: bool) {
        self.0.lock().unwrap().read_only = read_only;
    }

    pub fn syncs(&self) -> u64 {
        self.0.lock().unwrap().syncs
    }

    /// A copy that goes its own way.
    pub fn fork(&self) -> SimDisk {
        let state = self.0.lock().unwrap().clone();
        SimDisk(Arc::new(Mutex::new(state)))
    }

    /// The power goes: unsynced changes are kept, lost or torn at random.
    pub fn cut_power(&self, random: &mut Random) {
        let mut state = self.0.lock().unwrap();
        state.fault = None;
        state.stopped = false;
        state.locked.clear();
        let mut names = state.durable.clone();
        for naming in std::mem::take(&mut state.unsynced_names) {
            if random.below(2) == 0 {
                naming.apply(&mut names);
            }
        }
        state.live = names.clone();
        state.durable = names;
        for inode in &mut state.inodes {
            let mut content = std::mem::take(&mut inode.synced);
            let keep = random.below(4);
            for change in std::mem::take(&mut inode.unsynced) {
                match (keep, &change) {
                    (0, _) => {}
                    (1, _) => change.apply(&mut content),
                    (_, Change::Write { offset, bytes }) => {
                        tear(*offset, bytes, &mut content, random);
                    }
                    _ if random.below(2) == 0 => change.apply(&mut content),
                    _ => {}
                }
            }
            inode.current = content.clone();
            inode.synced = content;
        }
    }

    /// The power goes; of what is unsynced only removals arrive.
    pub fn cut_power_keeping_removals(&self) {
        {
            let mut state = self.0.lock().unwrap();
            for naming in state.unsynced_names.clone() {
                if matches!(naming, Naming::Unlink(_)) {
                    naming.apply(&mut state.durable);
                }
            }
        }
        self.cut_power_losing_all();
    }

    /// The power goes and nothing unsynced arrives.
    pub fn cut_power_losing_all(&self) {
        let mut state = self.0.lock().unwrap();
        state.fault = None;
        state.locked.clear();
        state.live = state.durable.clone();
        state.unsynced_names.clear();
        for inode in &mut state.inodes {
            inode.unsynced.clear();
            inode.current = inode.synced.clone();
        }
    }

    /// The process is killed: the kernel keeps everything.
    pub fn kill(&self) {
        let mut state = self.0.lock().unwrap();
        state.fault = None;
        state.stopped = false;
        state.locked.clear();
    }

    pub fn files(&self, folder: &Path) -> Vec<PathBuf> {
        let state = self.0.lock().unwrap();
        state.live.keys().filter(|path| path.starts_with(folder)).cloned().collect()
    }

    /// Changes a file behind everybody's back, durably.
    pub fn alter(&self, path: &Path, change: impl FnOnce(&mut Vec<u8>)) {
        let mut state = self.0.lock().unwrap();
        let inode = state.live[path];
        let inode = &mut state.inodes[inode];
        change(&mut inode.current);
        inode.synced = inode.current.clone();
        inode.unsynced.clear();
    }

    pub fn length(&self, path: &Path) -> usize {
        let state = self.0.lock().unwrap();
        state.inodes[state.live[path]].current.len()
    }
}

/// Each 512-byte sector of the write arrives or does not.
fn tear(offset: usize, bytes: &[u8], content: &mut Vec<u8>, random: &mut Random) {
    let mut at = 0;
    while at < bytes.len() {
        let sector_end = ((offset + at) / 512 + 1) * 512;
        let end = (sector_end - offset).min(bytes.len());
        if random.below(3) != 0 {
            Change::Write { offset: offset + at, bytes: bytes[at..end].to_vec() }.apply(content);
        }
        at = end;
    }
}

struct SimFile {
    disk: SimDisk,
    path: PathBuf,
    inode: usize,
    locked: Mutex<bool>,
}

impl Drop for SimFile {
    fn drop(&mut self) {
        if *self.locked.lock().unwrap() {
            self.disk.0.lock().unwrap().locked.remove(&self.path);
        }
    }
}

impl Disk for SimDisk {
    fn open(&self, path: &Path, access: Access) -> io::Result<Box<dyn DiskFile>> {
        let mut state = self.0.lock().unwrap();
        let known = state.live.get(path).copied();
        let inode = match (access, known) {
            (Access::CreateNew, Some(_)) => return Err(io::ErrorKind::AlreadyExists.into()),
            (Access::CreateNew, None) => {
                state.operate(true)?;
                state.inodes.push(Inode::default());
                let inode = state.inodes.len() - 1;
                state.live.insert(path.to_owned(), inode);
                state.unsynced_names.push(Naming::Link(path.to_owned(), inode));
                inode
            }
            (_, None) => return Err(io::ErrorKind::NotFound.into()),
            (Access::Write, Some(_)) if state.read_only => {
                return Err(io::ErrorKind::ReadOnlyFilesystem.into());
            }
            (_, Some(inode)) => inode,
        };
        let (disk, path) = (self.clone(), path.to_owned());
        Ok(Box::new(SimFile { disk, path, inode, locked: Mutex::new(false) }))
    }

    fn list(&self, directory: &Path) -> io::Result<Vec<PathBuf>> {
        let state = self.0.lock().unwrap();
        let inside = state.live.keys().filter(|path| path.parent() == Some(directory));
        Ok(inside.map(|path| path.file_name().unwrap().into()).collect())
    }

    fn create_directories(&self, _path: &Path) -> io::Result<()> {
        Ok(())
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut state = self.0.lock().unwrap();
        state.operate(false)?;
        let Some(inode) = state.live.get(from).copied() else {
            return Err(io::ErrorKind::NotFound.into());
        };
        let naming = Naming::Rename(from.to_owned(), to.to_owned(), inode);
        naming.apply(&mut state.live);
        state.unsynced_names.push(naming);
        Ok(())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let mut state = self.0.lock().unwrap();
        if !state.live.contains_key(path) {
            return Err(io::ErrorKind::NotFound.into());
        }
        state.operate(false)?;
        state.live.remove(path);
        state.unsynced_names.push(Naming::Unlink(path.to_owned()));
        Ok(())
    }

    fn sync_directory(&self, path: &Path) -> io::Result<()> {
        let mut state = self.0.lock().unwrap();
        state.operate(false)?;
        let (done, rest) = std::mem::take(&mut state.unsynced_names)
            .into_iter()
            .partition::<Vec<_>, _>(|naming| naming.folder() == path);
        state.unsynced_names = rest;
        for naming in done {
            naming.apply(&mut state.durable);
        }
        Ok(())
    }

    fn free_bytes(&self, _path: &Path) -> io::Result<u64> {
        Ok(1 << 30)
    }
}

impl SimFile {
    fn change(&self, change: Change, needs_space: bool) -> io::Result<()> {
        let mut state = self.disk.0.lock().unwrap();
        let mut outcome = state.operate(needs_space);
        if let (Some(space), Change::Length(length)) = (state.space, &change) {
            let grows = length.saturating_sub(state.inodes[self.inode].current.len());
            if state.used() + grows > space {
                outcome = Err(io::Error::from_raw_os_error(28));
            }
        }
        let torn = match (&outcome, change) {
            (Ok(()), change) => change,
            // A write that fails has still done a part.
            (Err(_), Change::Write { offset, mut bytes }) if !bytes.is_empty() => {
                bytes.truncate(bytes.len() / 2);
                Change::Write { offset, bytes }
            }
            _ => return outcome,
        };
        let inode = &mut state.inodes[self.inode];
        torn.apply(&mut inode.current);
        inode.unsynced.push(torn);
        outcome
    }
}

impl DiskFile for SimFile {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let mut state = self.disk.0.lock().unwrap();
        state.reads += 1;
        let content = &state.inodes[self.inode].current;
        let start = (offset as usize).min(content.len());
        let count = buffer.len().min(content.len() - start);
        buffer[..count].copy_from_slice(&content[start..start + count]);
        Ok(count)
    }

    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        let change = Change::Write { offset: offset as usize, bytes: bytes.to_vec() };
        self.change(change, false)
    }

    fn sync_data(&self) -> io::Result<()> {
        let mut state = self.disk.0.lock().unwrap();
        let outcome = state.operate(false);
        state.syncs += 1;
        let stopped = state.stopped;
        let inode = &mut state.inodes[self.inode];
        match &outcome {
            Ok(()) => {
                for change in std::mem::take(&mut inode.unsynced) {
                    change.apply(&mut inode.synced);
                }
            }
            // The pages count as clean now although they never reached the disk.
            Err(_) if !stopped => inode.unsynced.clear(),
            Err(_) => {}
        }
        outcome
    }

    fn length(&self) -> io::Result<u64> {
        Ok(self.disk.0.lock().unwrap().inodes[self.inode].current.len() as u64)
    }

    fn set_length(&self, length: u64) -> io::Result<()> {
        self.change(Change::Length(length as usize), false)
    }

    fn preallocate(&self, length: u64) -> io::Result<()> {
        let current = self.length()? as usize;
        self.change(Change::Length(current.max(length as usize)), true)
    }

    fn lock(&self) -> io::Result<()> {
        let mut state = self.disk.0.lock().unwrap();
        if !state.locked.insert(self.path.clone()) {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        *self.locked.lock().unwrap() = true;
        Ok(())
    }

    fn make_private(&self) -> io::Result<()> {
        Ok(())
    }
}

pub fn machine() -> (Env, SimDisk, Arc<HandClock>) {
    let (disk, clock) = (SimDisk::default(), HandClock::new());
    (env(&disk, &clock), disk, clock)
}

pub fn env(disk: &SimDisk, clock: &Arc<HandClock>) -> Env {
    Env { clock: clock.clone(), disk: Arc::new(disk.clone()), net: Arc::new(SystemNet) }
}
