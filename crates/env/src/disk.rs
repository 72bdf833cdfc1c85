//! Files. A trait narrow enough that a test can fail, tear or lose any single operation.

use std::io;
use std::path::{Path, PathBuf};

/// How a file is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    Read,
    /// Read and write an existing file.
    Write,
    /// Create a file that must not exist yet, for reading and writing.
    CreateNew,
}

pub trait Disk: Send + Sync + 'static {
    fn open(&self, path: &Path, access: Access) -> io::Result<Box<dyn DiskFile>>;
    /// Names (not paths) of the entries of a directory, in no order.
    fn list(&self, directory: &Path) -> io::Result<Vec<PathBuf>>;
    fn create_directories(&self, path: &Path) -> io::Result<()>;
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    fn remove(&self, path: &Path) -> io::Result<()>;
    /// Makes creations, renames and removals inside the directory durable.
    fn sync_directory(&self, path: &Path) -> io::Result<()>;
    /// Free bytes where `path` lies.
    fn free_bytes(&self, path: &Path) -> io::Result<u64>;

    /// A whole file of at most `bytes_max` bytes.
    fn read(&self, path: &Path, bytes_max: u64) -> io::Result<Vec<u8>> {
        let file = self.open(path, Access::Read)?;
        let length = file.length()?;
        if length > bytes_max {
            return Err(io::Error::new(
                io::ErrorKind::FileTooLarge,
                format!("{} has {length} bytes, the limit is {bytes_max}", path.display()),
            ));
        }
        let mut bytes = vec![0; length as usize];
        let got = file.read_at(&mut bytes, 0)?;
        bytes.truncate(got);
        Ok(bytes)
    }

    /// Replaces a file's content so that a crash leaves the old content or the new, never a mix.
    fn replace(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        let mut name = path.file_name().unwrap_or_default().to_os_string();
        name.push(".new");
        let staged = path.with_file_name(name);
        match self.remove(&staged) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let file = self.open(&staged, Access::CreateNew)?;
        file.write_all_at(bytes, 0)?;
        file.sync_data()?;
        self.rename(&staged, path)?;
        self.sync_directory(path.parent().unwrap_or(Path::new(".")))
    }
}

pub trait DiskFile: Send + Sync {
    /// Reads until `buffer` is full or the file ends; returns the number of bytes read.
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize>;
    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()>;
    fn sync_data(&self) -> io::Result<()>;
    fn length(&self) -> io::Result<u64>;
    fn set_length(&self, length: u64) -> io::Result<()>;
    /// Reserves space so that later writes up to `length` cannot fail for want of it; the file reads
    /// as zeros there.
    fn preallocate(&self, length: u64) -> io::Result<()>;
    /// Takes the file's exclusive lock, held until the file is dropped. `WouldBlock` when another
    /// process holds it.
    fn lock(&self) -> io::Result<()>;
    /// Restricts the file to its owner (mode 0600).
    fn make_private(&self) -> io::Result<()>;
}

/// The machine's own file systems.
pub struct SystemDisk;

struct SystemFile(std::fs::File);

#[allow(clippy::disallowed_methods)]
impl Disk for SystemDisk {
    fn open(&self, path: &Path, access: Access) -> io::Result<Box<dyn DiskFile>> {
        let mut options = std::fs::OpenOptions::new();
        options.read(true);
        match access {
            Access::Read => {}
            Access::Write => {
                options.write(true);
            }
            Access::CreateNew => {
                options.write(true).create_new(true);
            }
        }
        Ok(Box::new(SystemFile(options.open(path)?)))
    }

    fn list(&self, directory: &Path) -> io::Result<Vec<PathBuf>> {
        std::fs::read_dir(directory)?.map(|entry| Ok(PathBuf::from(entry?.file_name()))).collect()
    }

    fn create_directories(&self, path: &Path) -> io::Result<()> {
        std::fs::create_dir_all(path)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        std::fs::rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        std::fs::remove_file(path)
    }

    fn sync_directory(&self, path: &Path) -> io::Result<()> {
        std::fs::File::open(path)?.sync_all()
    }

    #[allow(unsafe_code)]
    fn free_bytes(&self, path: &Path) -> io::Result<u64> {
        use std::os::unix::ffi::OsStrExt;
        let name = std::ffi::CString::new(path.as_os_str().as_bytes())?;
        // SAFETY: `name` ends in a zero byte and `stat` is a valid place for one statvfs.
        unsafe {
            let mut stat: libc::statvfs = std::mem::zeroed();
            if libc::statvfs(name.as_ptr(), &mut stat) != 0 {
                return Err(io::Error::last_os_error());
            }
            Ok(stat.f_bavail as u64 * stat.f_frsize as u64)
        }
    }
}

impl DiskFile for SystemFile {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        use std::os::unix::fs::FileExt;
        let mut done = 0;
        while done < buffer.len() {
            match self.0.read_at(&mut buffer[done..], offset + done as u64) {
                Ok(0) => break,
                Ok(n) => done += n,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(done)
    }

    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        use std::os::unix::fs::FileExt;
        self.0.write_all_at(bytes, offset)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.0.sync_data()
    }

    fn length(&self) -> io::Result<u64> {
        Ok(self.0.metadata()?.len())
    }

    fn set_length(&self, length: u64) -> io::Result<()> {
        self.0.set_len(length)
    }

    #[allow(unsafe_code)]
    fn preallocate(&self, length: u64) -> io::Result<()> {
        use std::os::fd::AsRawFd;
        // SAFETY: the descriptor is open for as long as `self` lives.
        let result = unsafe { libc::fallocate(self.0.as_raw_fd(), 0, 0, length as libc::off_t) };
        if result == 0 {
            return Ok(());
        }
        let error = io::Error::last_os_error();
        match error.raw_os_error() {
            // Some file systems (overlay on old kernels, NFS) cannot reserve; the length will do.
            Some(libc::EOPNOTSUPP) => self.0.set_len(length),
            _ => Err(error),
        }
    }

    #[allow(unsafe_code)]
    fn lock(&self) -> io::Result<()> {
        use std::os::fd::AsRawFd;
        // SAFETY: the descriptor is open for as long as `self` lives.
        match unsafe { libc::flock(self.0.as_raw_fd(), libc::LOCK_EX | libc::LOCK_NB) } {
            0 => Ok(()),
            _ => Err(io::Error::last_os_error()),
        }
    }

    fn make_private(&self) -> io::Result<()> {
        use std::os::unix::fs::PermissionsExt;
        self.0.set_permissions(std::fs::Permissions::from_mode(0o600))
    }
}
