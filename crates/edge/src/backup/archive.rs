//! The form of a backup: a list of what it holds, then files, all sealed with a passphrase. Read and
//! written part by part, so that its size is not the edge's memory.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::io;
use tagwerk_auth::{
    Cost, End, HEAD_BYTES, HeadRefused, PART_BYTES, Random, SEALED_PART_BYTES, SealedHead,
    SealedParts,
};
use tagwerk_env::DiskFile;

/// Form of the list and the files. Greater: of a later version.
pub const FORMAT: u32 = 2;
const LIST_BYTES_MAX: usize = 4 * 1024 * 1024;
const FILES_MAX: usize = 4_096;
const NAME_BYTES_MAX: usize = 255;

/// What a backup holds; the first thing in it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    pub format: u32,
    pub edge: String,
    pub made_unix_ns: i64,
    /// Of the Tagwerk that made it.
    pub version: String,
    /// Number of steps of the store's schema.
    pub schema: i64,
    pub revision: Option<u64>,
    pub devices: u64,
    pub tags: u64,
    pub users: u64,
    pub tokens: u64,
    pub certificates: u64,
    /// Names only.
    pub secrets: Vec<String>,
    /// In their order.
    pub files: Vec<FileEntry>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileEntry {
    /// Below the data directory.
    pub path: String,
    pub bytes: u64,
}

#[derive(Debug)]
pub enum ArchiveError {
    Head(HeadRefused),
    /// The passphrase is another, or the file is damaged: the cipher cannot tell which.
    Sealed,
    /// It opens, and does not hold what it should.
    Form(String),
    Disk(io::Error),
}

impl fmt::Display for ArchiveError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ArchiveError::Head(HeadRefused::NotSealed) => {
                f.write_str("the file is no backup of Tagwerk, or its beginning is damaged")
            }
            ArchiveError::Head(HeadRefused::Newer(format)) => write!(
                f,
                "the backup has the form {format}, which only a later version of Tagwerk knows"
            ),
            ArchiveError::Head(HeadRefused::TooCostly) => f.write_str(
                "opening the file would take more memory or time than any backup does: it is damaged",
            ),
            ArchiveError::Sealed => {
                f.write_str("the passphrase is wrong, or the file is damaged or cut off")
            }
            ArchiveError::Form(text) => write!(f, "the backup cannot be read: {text}"),
            ArchiveError::Disk(error) => write!(f, "the data directory failed: {error}"),
        }
    }
}

impl std::error::Error for ArchiveError {}

impl From<io::Error> for ArchiveError {
    fn from(error: io::Error) -> ArchiveError {
        ArchiveError::Disk(error)
    }
}

pub struct ArchiveWriter<'a> {
    file: &'a dyn DiskFile,
    offset: u64,
    parts: SealedParts,
    text: Vec<u8>,
}

impl<'a> ArchiveWriter<'a> {
    /// Begins a backup in an empty file. Takes seconds of CPU.
    pub fn begin(
        file: &'a dyn DiskFile,
        random: &dyn Random,
        passphrase: &str,
        manifest: &Manifest,
    ) -> io::Result<ArchiveWriter<'a>> {
        let head = SealedHead::new(random, Cost::BACKUP);
        file.write_all_at(&head.encode(), 0)?;
        let parts = head.parts(passphrase);
        let mut writer = ArchiveWriter { file, offset: HEAD_BYTES as u64, parts, text: Vec::new() };
        let list = serde_json::to_vec(manifest).map_err(io::Error::other)?;
        writer.write(&(list.len() as u32).to_le_bytes())?;
        writer.write(&list)?;
        Ok(writer)
    }

    pub fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.text.extend_from_slice(bytes);
        // A full part is kept back until more follows: the last one is sealed as such.
        while self.text.len() > PART_BYTES {
            let rest = self.text.split_off(PART_BYTES);
            let part = std::mem::replace(&mut self.text, rest);
            self.put(part, End::More)?;
        }
        Ok(())
    }

    /// Returns the length of the whole.
    pub fn finish(mut self) -> io::Result<u64> {
        let part = std::mem::take(&mut self.text);
        self.put(part, End::Last)?;
        Ok(self.offset)
    }

    fn put(&mut self, part: Vec<u8>, end: End) -> io::Result<()> {
        let sealed = self.parts.seal(part, end);
        self.file.write_all_at(&sealed, self.offset)?;
        self.offset += sealed.len() as u64;
        Ok(())
    }
}

pub struct ArchiveReader<'a> {
    file: &'a dyn DiskFile,
    offset: u64,
    length: u64,
    parts: SealedParts,
    text: Vec<u8>,
    /// How much of `text` was taken.
    taken: usize,
    pub manifest: Manifest,
}

impl<'a> ArchiveReader<'a> {
    /// Opens a backup and reads its list. Takes seconds of CPU.
    pub fn open(
        file: &'a dyn DiskFile,
        passphrase: &str,
    ) -> Result<ArchiveReader<'a>, ArchiveError> {
        let length = file.length()?;
        let mut head = [0; HEAD_BYTES];
        let got = file.read_at(&mut head, 0)?;
        let head = SealedHead::decode(&head[..got]).map_err(ArchiveError::Head)?;
        let mut reader = ArchiveReader {
            file,
            offset: HEAD_BYTES as u64,
            length,
            parts: head.parts(passphrase),
            text: Vec::new(),
            taken: 0,
            manifest: Manifest::default(),
        };
        reader.read_manifest()?;
        Ok(reader)
    }

    fn read_manifest(&mut self) -> Result<(), ArchiveError> {
        let mut length = [0; 4];
        self.read_exact(&mut length)?;
        let length = u32::from_le_bytes(length) as usize;
        if length > LIST_BYTES_MAX {
            return Err(ArchiveError::Form(format!("its list has {length} bytes")));
        }
        let mut list = vec![0; length];
        self.read_exact(&mut list)?;
        self.manifest = read_list(&list).map_err(ArchiveError::Form)?;
        Ok(())
    }

    pub fn read_exact(&mut self, buffer: &mut [u8]) -> Result<(), ArchiveError> {
        let mut done = 0;
        while done < buffer.len() {
            if self.taken == self.text.len() {
                self.next_part()?;
            }
            let rest = &self.text[self.taken..];
            let count = rest.len().min(buffer.len() - done);
            buffer[done..done + count].copy_from_slice(&rest[..count]);
            self.taken += count;
            done += count;
        }
        Ok(())
    }

    /// Makes sure that nothing follows.
    pub fn finish(self) -> Result<(), ArchiveError> {
        match self.taken == self.text.len() && self.offset == self.length {
            true => Ok(()),
            false => Err(ArchiveError::Form("something follows its last file".to_owned())),
        }
    }

    fn next_part(&mut self) -> Result<(), ArchiveError> {
        let left = self.length.saturating_sub(self.offset);
        if left == 0 {
            return Err(ArchiveError::Form("it ends before its last file does".to_owned()));
        }
        let end = if left > SEALED_PART_BYTES as u64 { End::More } else { End::Last };
        let mut sealed = vec![0; left.min(SEALED_PART_BYTES as u64) as usize];
        if self.file.read_at(&mut sealed, self.offset)? != sealed.len() {
            return Err(ArchiveError::Sealed);
        }
        self.offset += sealed.len() as u64;
        self.text = self.parts.open(sealed, end).ok_or(ArchiveError::Sealed)?;
        self.taken = 0;
        Ok(())
    }
}

/// The list of a backup, from outside.
fn read_list(bytes: &[u8]) -> Result<Manifest, String> {
    #[derive(Deserialize)]
    struct Form {
        format: u32,
    }
    let form: Form = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
    if form.format > FORMAT {
        return Err(format!(
            "it has the form {}, which only a later version of Tagwerk knows",
            form.format
        ));
    }
    let manifest: Manifest = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
    if manifest.files.len() > FILES_MAX {
        return Err(format!("it has {} files", manifest.files.len()));
    }
    let mut seen = std::collections::HashSet::new();
    for file in &manifest.files {
        if !is_known_path(&file.path) || !seen.insert(&file.path) {
            return Err(format!("it has the file {:?}, which no backup has", file.path));
        }
    }
    Ok(manifest)
}

/// Whether a file may be written at this place below the data directory.
pub(super) fn is_known_path(path: &str) -> bool {
    if [super::STORE, super::SECRETS].contains(&path) || super::tables::is_file(path) {
        return true;
    }
    let mut parts = path.split('/');
    let folders = (parts.next(), parts.next(), parts.next(), parts.next());
    let (Some(crate::certificates::FOLDER), Some(folder), Some(name), None) = folders else {
        return false;
    };
    crate::certificates::FOLDERS.contains(&folder)
        && !name.is_empty()
        && name.len() <= NAME_BYTES_MAX
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-%~".contains(&byte))
        && !name.starts_with('.')
}

#[cfg(test)]
mod tests {
    use super::*;
    use tagwerk_auth::SystemRandom;
    use tagwerk_env::{Access, Disk, SystemDisk};

    fn manifest(files: &[(&str, u64)]) -> Manifest {
        let entry = |(path, bytes): &(&str, u64)| FileEntry { path: (*path).into(), bytes: *bytes };
        Manifest {
            format: FORMAT,
            edge: "press-hall".into(),
            made_unix_ns: 7,
            version: "1".into(),
            schema: 2,
            revision: Some(3),
            devices: 1,
            tags: 2,
            users: 1,
            tokens: 0,
            certificates: 0,
            secrets: vec!["mqtt".into()],
            files: files.iter().map(entry).collect(),
        }
    }

    #[test]
    fn what_goes_in_comes_out_and_nothing_of_it_can_be_read_or_changed() {
        let folder = tempfile::tempdir().unwrap();
        let file = SystemDisk.open(&folder.path().join("b"), Access::CreateNew).unwrap();
        let content = b"kanarienvogel".repeat(20_000);
        let list = manifest(&[("edge.db", content.len() as u64)]);
        let phrase = "a fine long sentence";
        let mut writer = ArchiveWriter::begin(&*file, &SystemRandom, phrase, &list).unwrap();
        writer.write(&content).unwrap();
        let length = writer.finish().unwrap();
        assert_eq!(file.length().unwrap(), length);

        let mut bytes = vec![0; length as usize];
        file.read_at(&mut bytes, 0).unwrap();
        let holds = |word: &[u8]| bytes.windows(word.len()).any(|part| part == word);
        assert!(!holds(b"kanarienvogel") && !holds(b"press-hall") && !holds(b"mqtt"));

        let mut reader = ArchiveReader::open(&*file, phrase).unwrap();
        assert_eq!(reader.manifest, list);
        let mut back = vec![0; content.len()];
        reader.read_exact(&mut back).unwrap();
        assert!(back == content);
        reader.finish().unwrap();
        let wrong = ArchiveReader::open(&*file, "another long sentence");
        assert!(matches!(wrong.err(), Some(ArchiveError::Sealed)));

        let read_all = || -> Result<(), ArchiveError> {
            let mut reader = ArchiveReader::open(&*file, phrase)?;
            let mut back = vec![0; content.len()];
            reader.read_exact(&mut back)?;
            reader.finish()
        };
        for at in [HEAD_BYTES as u64 + 9, length / 2, length - 1] {
            file.write_all_at(&[bytes[at as usize] ^ 4], at).unwrap();
            assert!(matches!(read_all(), Err(ArchiveError::Sealed)), "changed at {at}");
            file.write_all_at(&[bytes[at as usize]], at).unwrap();
        }
        let part = SEALED_PART_BYTES as u64;
        for cut in [length - 1, HEAD_BYTES as u64 + 2 * part, HEAD_BYTES as u64, 3] {
            file.set_length(cut).unwrap();
            assert!(read_all().is_err(), "cut at {cut}");
        }
    }

    #[test]
    fn no_file_leaves_the_data_directory() {
        let known =
            ["edge.db", "secrets.json", "certificates/trusted/ab.der", "files/mes/orders.csv"];
        for path in known {
            assert!(is_known_path(path), "{path}");
        }
        let wrong = [
            "",
            "cli.token",
            "../edge.db",
            "certificates/trusted/../x",
            "certificates/trusted/..",
            "certificates/other/a",
            "certificates/own/",
            "certificates/own/a/b",
            "files/../edge.db",
            "files/",
            "files//x",
            "files\\..\\x",
            "/etc/passwd",
        ];
        for path in wrong {
            assert!(!is_known_path(path), "{path}");
        }
        let twice = serde_json::to_vec(&manifest(&[("edge.db", 1), ("edge.db", 1)])).unwrap();
        assert!(read_list(&twice).unwrap_err().contains("no backup has"));
        let later = br#"{"format": 3, "news": true}"#;
        assert!(read_list(later).unwrap_err().contains("later version"));
        assert!(read_list(b"[]").is_err());
    }
}
