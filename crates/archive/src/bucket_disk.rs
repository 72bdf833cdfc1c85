//! A bucket in the place of a folder: files are written on the edge's disk and become objects when
//! they are renamed; objects are read in parts, which are kept for a while.

use crate::bucket::{Bucket, BucketSettings, Object, SecretKey};
use crate::bucket_error::{BucketError, Why};
use crate::folder::{Archive, OnTrouble, is_staged};
use crate::parts::Parts;
use parking_lot::Mutex;
use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tagwerk_env::{Access, Disk, DiskFile, Env};

/// Below the folder of the cache.
const PARTS: &str = "parts";
const STAGING: &str = "staging";

/// What lies on the edge's own disk for a bucket.
#[derive(Clone, Debug)]
pub struct BucketCache {
    pub folder: PathBuf,
    /// Of fetched parts; a day that is being written comes on top.
    pub bytes_max: u64,
}

impl Archive {
    /// Days in a bucket. Nothing is asked of it yet.
    pub fn in_bucket(
        env: &Env,
        settings: BucketSettings,
        secret: SecretKey,
        cache: &BucketCache,
        edge: Arc<str>,
        on_trouble: OnTrouble,
    ) -> Arc<Archive> {
        let bucket = Bucket::new(env, settings, secret);
        let folder = PathBuf::from(bucket.url());
        let disk = BucketDisk {
            local: env.disk.clone(),
            bucket: Arc::new(bucket),
            staging: cache.folder.join(STAGING),
            parts: Arc::new(Parts::new(
                env.disk.clone(),
                &cache.folder.join(PARTS),
                cache.bytes_max,
            )),
            objects: Mutex::default(),
        };
        Archive::new(Arc::new(disk), &folder, edge, on_trouble)
    }
}

struct BucketDisk {
    local: Arc<dyn Disk>,
    bucket: Arc<Bucket>,
    staging: PathBuf,
    parts: Arc<Parts>,
    /// As they were listed last.
    objects: Mutex<HashMap<String, Object>>,
}

impl BucketDisk {
    /// Where a file lies before it is an object; none for objects.
    fn staged(&self, path: &Path) -> Option<PathBuf> {
        let name = name(path);
        is_staged(name).then(|| self.staging.join(name))
    }
}

fn name(path: &Path) -> &str {
    path.file_name().and_then(|name| name.to_str()).unwrap_or_default()
}

impl Disk for BucketDisk {
    fn open(&self, path: &Path, access: Access) -> io::Result<Box<dyn DiskFile>> {
        if let Some(staged) = self.staged(path) {
            return self.local.open(&staged, access);
        }
        if access != Access::Read {
            return Err(read_only());
        }
        let object = self.objects.lock().get(name(path)).cloned();
        let object = object.ok_or_else(|| BucketError::new(Why::NoObject, "it is not there"))?;
        let (bucket, parts) = (self.bucket.clone(), self.parts.clone());
        Ok(Box::new(Remote { key: key(&bucket.url(), &object), object, bucket, parts }))
    }

    fn list(&self, _: &Path) -> io::Result<Vec<PathBuf>> {
        let objects = self.bucket.list()?;
        self.local.create_directories(&self.staging)?;
        let mut names: Vec<PathBuf> =
            self.local.list(&self.staging)?.into_iter().filter(|n| is_staged(name(n))).collect();
        names.extend(objects.iter().map(|object| PathBuf::from(&object.name)));
        let objects = objects.into_iter().map(|object| (object.name.clone(), object));
        *self.objects.lock() = objects.collect();
        Ok(names)
    }

    fn create_directories(&self, _: &Path) -> io::Result<()> {
        Ok(())
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let staged = self.staged(from).ok_or_else(read_only)?;
        let file = self.local.open(&staged, Access::Read)?;
        self.bucket.put(name(to), &*file)?;
        drop(file);
        // Removed with the next start otherwise.
        let _ = self.local.remove(&staged);
        Ok(())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        match self.staged(path) {
            Some(staged) => self.local.remove(&staged),
            None => Ok(self.bucket.remove(name(path))?),
        }
    }

    /// An object that was confirmed is durable.
    fn sync_directory(&self, _: &Path) -> io::Result<()> {
        Ok(())
    }

    fn free_bytes(&self, _: &Path) -> io::Result<u64> {
        self.local.free_bytes(&self.staging)
    }
}

/// Tells the parts of an object from those of another that had its name, here or in another bucket.
fn key(url: &str, object: &Object) -> String {
    let etag = object.etag.as_deref().unwrap_or_default();
    let told = format!("{url} {etag}");
    format!("{}-{:08x}-{:x}", object.name, crc32c::crc32c(told.as_bytes()), object.size)
}

/// An object, read in the parts that its reader asks for.
struct Remote {
    key: String,
    object: Object,
    bucket: Arc<Bucket>,
    parts: Arc<Parts>,
}

impl DiskFile for Remote {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let left = self.object.size.saturating_sub(offset);
        let count = left.min(buffer.len() as u64) as usize;
        if count == 0 {
            return Ok(0);
        }
        let name = format!("{}-{offset:x}-{count:x}", self.key);
        let bytes = match self.parts.get(&name, count) {
            Some(bytes) => bytes.into(),
            None => {
                let bytes = self.bucket.read(&self.object, offset..offset + count as u64)?;
                self.parts.put(&name, &bytes);
                bytes
            }
        };
        buffer[..count].copy_from_slice(&bytes);
        Ok(count)
    }

    fn length(&self) -> io::Result<u64> {
        Ok(self.object.size)
    }

    fn write_all_at(&self, _: &[u8], _: u64) -> io::Result<()> {
        Err(read_only())
    }

    fn sync_data(&self) -> io::Result<()> {
        Err(read_only())
    }

    fn set_length(&self, _: u64) -> io::Result<()> {
        Err(read_only())
    }

    fn preallocate(&self, _: u64) -> io::Result<()> {
        Err(read_only())
    }

    fn lock(&self) -> io::Result<()> {
        Err(read_only())
    }

    fn make_private(&self) -> io::Result<()> {
        Err(read_only())
    }
}

fn read_only() -> io::Error {
    io::Error::new(io::ErrorKind::Unsupported, "an object is only read")
}
