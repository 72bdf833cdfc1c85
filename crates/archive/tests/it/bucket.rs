//! Days go into a bucket once, whole, whatever the line to it does, and read as they were.

use crate::feed::{DAY, Feed, START, Sample, hours, name, samples};
use crate::store::{PREFIX, Store};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tagwerk_archive::{
    Archive, ArchiveError, Asked, BucketCache, BucketSettings, Direction, Done, KeepError, Keeper,
    Plan, image,
};
use tagwerk_env::Env;
use tagwerk_model::TagId;
use tagwerk_testkit::simulated::machine;
use tempfile::TempDir;

const NOW: i64 = START + 3 * DAY;
const CACHE_BYTES: u64 = 64 * 1024 * 1024;

/// What an edge has of a bucket on its own disk.
struct Rig {
    place: TempDir,
    secret: Arc<Mutex<Result<String, String>>>,
    told: Arc<Mutex<Vec<String>>>,
    cache_bytes: u64,
}

impl Rig {
    fn new(store: &Store) -> Rig {
        Rig {
            place: tempfile::tempdir().unwrap(),
            secret: Arc::new(Mutex::new(Ok(store.secret_key.clone()))),
            told: Arc::default(),
            cache_bytes: CACHE_BYTES,
        }
    }

    /// As an edge that was just started has it.
    fn archive(&self, settings: BucketSettings) -> Arc<Archive> {
        let (told, secret) = (self.told.clone(), self.secret.clone());
        let tell = Arc::new(move |trouble: &tagwerk_archive::Trouble| {
            told.lock().unwrap().push(trouble.text.clone());
        });
        let key = Arc::new(move || secret.lock().unwrap().clone());
        let cache = BucketCache { folder: self.cache(), bytes_max: self.cache_bytes };
        Archive::in_bucket(&Env::system(), settings, key, &cache, "edge-1".into(), tell)
    }

    fn keeper(&self, store: &Store, feed: &Feed, keep: Option<Duration>) -> Keeper {
        let plan = Plan { tags: Arc::new(|_| true), keep };
        Keeper::new(self.archive(store.settings()), feed.historian.clone(), plan)
    }

    fn cache(&self) -> PathBuf {
        self.place.path().join("cache")
    }

    fn parts(&self) -> Vec<PathBuf> {
        files(&self.cache().join("parts"))
    }

    fn staged(&self) -> Vec<PathBuf> {
        files(&self.cache().join("staging"))
    }

    fn clear_parts(&self) {
        self.parts().iter().for_each(|part| std::fs::remove_file(part).unwrap());
    }

    fn told(&self) -> Vec<String> {
        self.told.lock().unwrap().clone()
    }
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

/// What the steps until nothing is left have written and removed.
fn all(keeper: &mut Keeper, now: i64) -> Result<Vec<String>, KeepError> {
    let file = |path: PathBuf| path.to_str().unwrap().to_owned();
    let mut done = Vec::new();
    loop {
        match keeper.step(now, now)? {
            Done::Wrote { path, samples } => done.push(format!("{} {samples}", file(path))),
            Done::Removed { path } => done.push(format!("removed {}", file(path))),
            Done::Nothing => return Ok(done),
        }
    }
}

fn read(archive: &Arc<Archive>, tag: u32) -> Result<Vec<Sample>, ArchiveError> {
    let asked = Asked {
        name: name("press", &format!("tag {tag}")),
        tag: TagId(tag),
        from_unix_ns: i64::MIN,
        to_unix_ns: i64::MAX,
        direction: Direction::Forward,
        cancel: None,
    };
    let mut found = Vec::new();
    for piece in archive.pieces(asked) {
        found.extend(samples(&piece?));
    }
    Ok(found)
}

/// What an edge that knows nothing of the bucket reads of it.
fn read_anew(store: &Store, tag: u32) -> Vec<Sample> {
    let rig = Rig::new(store);
    let archive = rig.archive(store.settings());
    archive.refresh().unwrap();
    let found = read(&archive, tag).unwrap();
    assert_eq!(rig.told(), [""; 0]);
    found
}

fn fed(days: i64) -> Feed {
    let mut feed = Feed::new(&machine().0);
    feed.add_days(0, days);
    feed
}

fn key(file: &str) -> String {
    format!("{PREFIX}/{file}")
}

#[test]
fn days_become_objects_once_and_read_as_they_were() {
    let (mut store, feed) = (Store::start(), fed(3));
    let rig = Rig::new(&store);
    let mut keeping = rig.keeper(&store, &feed, None);
    let url = "s3://plant-history/plants/edge-1";
    let wrote = [18, 19, 20].map(|day| format!("{url}/samples-2026-11-{day}.parquet 288"));
    assert_eq!(all(&mut keeping, NOW).unwrap(), wrote);
    assert_eq!(rig.staged(), [""; 0].map(PathBuf::from), "the files have gone");
    let seen = store.list();
    assert_eq!(seen.len(), 3);
    for object in &seen {
        let body = store.get(&object.key);
        assert_eq!(body.len() as u64, object.size);
        assert_eq!(object.checksum, Some(format!("{:08x}", crc32c::crc32c(&body))));
        assert_eq!(object.media_type, "application/vnd.apache.parquet");
        let rows = tagwerk_archive::scan(&body, "edge-1").unwrap();
        assert_eq!(rows.iter().map(|(_, piece)| piece.len()).sum::<usize>(), 288);
    }
    for tag in [1, 2] {
        assert_eq!(read_anew(&store, tag), feed.read(tag));
    }
    // The same process, the next one, and one on a new disk write nothing.
    assert_eq!(all(&mut keeping, NOW).unwrap(), [""; 0]);
    assert_eq!(all(&mut rig.keeper(&store, &feed, None), NOW).unwrap(), [""; 0]);
    assert_eq!(all(&mut Rig::new(&store).keeper(&store, &feed, None), NOW).unwrap(), [""; 0]);
    assert_eq!(store.list(), seen);
    assert_eq!(rig.told(), [""; 0]);
}

#[test]
fn late_samples_get_an_object_and_old_days_are_removed() {
    let (mut store, mut feed) = (Store::start(), fed(3));
    let rig = Rig::new(&store);
    all(&mut rig.keeper(&store, &feed, None), NOW).unwrap();
    feed.add(START + 7);
    let wrote = ["s3://plant-history/plants/edge-1/samples-2026-11-18.2.parquet 2"];
    assert_eq!(all(&mut rig.keeper(&store, &feed, None), NOW).unwrap(), wrote);
    assert_eq!(read_anew(&store, 1), feed.read(1));
    let removed = all(&mut rig.keeper(&store, &feed, Some(hours(48))), NOW).unwrap();
    assert_eq!(removed.len(), 2, "{removed:?}");
    let left = ["samples-2026-11-19.parquet", "samples-2026-11-20.parquet"];
    assert_eq!(store.keys(), left.map(key));
    assert_eq!(rig.told(), [""; 0]);
}

#[test]
fn a_large_day_goes_in_parts() {
    let (mut store, mut feed) = (Store::start(), Feed::new(&machine().0));
    // Digits that do not repeat, so that nothing shrinks below a part.
    let mut state = 1u64;
    let mut text = || -> String {
        let mut word = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            format!("{:016x}", state ^ state >> 31)
        };
        (0..128).map(|_| word()).collect()
    };
    (0..5_000).for_each(|i| feed.add_text(START + i * 10_000_000_000, &text()));
    let rig = Rig::new(&store);
    assert_eq!(all(&mut rig.keeper(&store, &feed, None), START + DAY).unwrap().len(), 1);
    let seen = store.list();
    assert!(seen[0].size > 8 * 1024 * 1024, "{seen:?}");
    assert!(seen[0].etag.trim_matches('"').ends_with("-2"), "of two parts: {seen:?}");
    let body = store.get(&seen[0].key);
    assert_eq!(seen[0].checksum, Some(format!("{:08x}", crc32c::crc32c(&body))));
    assert_eq!(read_anew(&store, 1), feed.read(1));
    assert_eq!(store.open_uploads(), 0);
}

#[test]
fn an_outage_is_told_and_caught_up() {
    let (mut store, feed) = (Store::start(), fed(3));
    let rig = Rig::new(&store);
    let mut keeping = rig.keeper(&store, &feed, None);
    keeping.step(NOW, NOW).unwrap();
    let archive = rig.archive(store.settings());
    archive.refresh().unwrap();
    let first_day = read(&archive, 1).unwrap();
    assert_eq!(first_day.len(), 144);

    store.line.cut();
    for _ in 0..2 {
        let error = all(&mut keeping, NOW).unwrap_err();
        let text = error.to_string();
        assert!(text.contains("cannot be reached"), "{text}");
        assert!(text.contains("s3://plant-history/plants/edge-1"), "{text}");
        assert!(error.remedy().contains("check the network"), "{}", error.remedy());
    }
    assert_eq!(rig.staged(), [""; 0].map(PathBuf::from), "nothing is written in vain");
    // What was read stays readable; an edge that starts now knows of no day.
    assert_eq!(read(&archive, 1).unwrap(), first_day);
    let restarted = rig.archive(store.settings());
    restarted.refresh().unwrap_err();
    assert!(!restarted.is_listed() && archive.is_listed());

    store.line.heal();
    assert_eq!(all(&mut keeping, NOW).unwrap().len(), 2);
    restarted.refresh().unwrap();
    assert!(restarted.is_listed());
    store.line.cut();
    let error = read(&restarted, 1).unwrap_err();
    assert!(error.to_string().contains("cannot be reached"), "{error}");
    store.line.heal();
    assert_eq!(read(&restarted, 1).unwrap(), feed.read(1));
    assert_eq!(store.keys().len(), 3);
    assert_eq!(rig.told(), [""; 0]);
}

#[test]
fn a_line_that_breaks_at_any_byte_leaves_whole_objects_and_none_twice() {
    let feed = fed(2);
    let mut broke = 0;
    let mut store = Store::start();
    for (number, after) in [0, 300, 1_500, 2_500, 4_000, 6_000, 9_000, 14_000].iter().enumerate() {
        let mut settings = store.settings();
        settings.prefix = format!("try-{number}");
        let rig = Rig::new(&store);
        let keeper = || {
            let plan = Plan { tags: Arc::new(|_| true), keep: None };
            Keeper::new(rig.archive(settings.clone()), feed.historian.clone(), plan)
        };
        store.line.cut_after(*after);
        broke += u32::from(all(&mut keeper(), NOW).is_err());
        store.line.heal();
        all(&mut keeper(), NOW).unwrap();
        let archive = rig.archive(settings.clone());
        archive.refresh().unwrap();
        assert_eq!(read(&archive, 1).unwrap(), feed.read(1), "after {after}");
        let wanted = ["18", "19"].map(|day| format!("try-{number}/samples-2026-11-{day}.parquet"));
        let keys: Vec<String> = store.keys();
        let ours = keys.iter().filter(|key| key.starts_with(&format!("try-{number}/")));
        assert!(ours.eq(wanted.iter()), "after {after}: {keys:?}");
        assert_eq!(rig.told(), [""; 0]);
    }
    assert!(broke > 4, "{broke} broke");
}

#[test]
fn what_others_put_there_stays_and_is_left_out() {
    let (mut store, feed) = (Store::start(), fed(2));
    let other = image("edge-2", &[(name("press", "tag 1"), crate::feed::numbers(1, &[START]))]);
    let other = other.unwrap();
    store.put(&key("samples-2026-11-18.parquet"), &other);
    store.put(&key("samples-2026-11-19.parquet"), b"not at all");
    store.put(&key("notes/samples-2026-11-19.2.parquet"), b"in a folder of its own");
    store.put("samples-2026-11-20.parquet", b"beside the prefix");
    let rig = Rig::new(&store);
    let wrote = all(&mut rig.keeper(&store, &feed, None), NOW).unwrap();
    let wanted = ["18", "19"]
        .map(|day| format!("s3://plant-history/{PREFIX}/samples-2026-11-{day}.2.parquet 288"));
    assert_eq!(wrote, wanted);
    assert_eq!(store.get(&key("samples-2026-11-18.parquet")), other);
    assert_eq!(store.get(&key("samples-2026-11-19.parquet")), b"not at all");
    let told = rig.told();
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(told[0].contains("`edge-2`") && told[1].contains("no Parquet"), "{told:?}");
    let archive = rig.archive(store.settings());
    archive.refresh().unwrap();
    assert_eq!(read(&archive, 1).unwrap(), feed.read(1));
}

#[test]
fn an_object_that_was_altered_is_left_out_and_told() {
    let (mut store, feed) = (Store::start(), fed(2));
    let rig = Rig::new(&store);
    all(&mut rig.keeper(&store, &feed, None), NOW).unwrap();
    let altered = key("samples-2026-11-18.parquet");
    let good = store.get(&altered);
    let mut body = good.clone();
    body[100] ^= 1;
    store.put(&altered, &body);
    let archive = rig.archive(store.settings());
    archive.refresh().unwrap();
    assert_eq!(read(&archive, 1).unwrap(), feed.read(1)[144..]);
    let told = rig.told();
    assert!(told.len() == 1 && told[0].contains("checksum of a row group"), "{told:?}");
    // A good copy is taken at the next look.
    store.put(&altered, &good);
    archive.refresh().unwrap();
    assert_eq!(read(&archive, 1).unwrap(), feed.read(1));
    // And of one that was replaced since it was listed nothing is read.
    let archive = rig.archive(store.settings());
    archive.refresh().unwrap();
    store.put(&altered, &body);
    rig.clear_parts();
    read(&archive, 1).unwrap_err();
    archive.refresh().unwrap();
    assert_eq!(read(&archive, 1).unwrap(), feed.read(1)[144..]);
}

#[test]
fn a_bucket_that_cannot_be_entered_is_told_with_a_remedy() {
    let (mut store, feed) = (Store::start(), fed(2));
    let rig = Rig::new(&store);
    let check = |settings: BucketSettings, what: &str, remedy: &str| {
        let plan = Plan { tags: Arc::new(|_| true), keep: None };
        let archive = rig.archive(settings);
        let error = Keeper::new(archive, feed.historian.clone(), plan).step(NOW, NOW).unwrap_err();
        let text = error.to_string();
        assert!(text.contains(what), "{text}");
        assert!(error.remedy().contains(remedy), "{text}: {}", error.remedy());
        assert!(!text.contains(&store.secret_key), "{text}");
    };
    let settings = store.settings();
    let missing = BucketSettings { name: "no-such-bucket".to_owned(), ..settings.clone() };
    check(missing, "there is no such bucket", "make the bucket");
    let unknown = BucketSettings { access_key: "AKIAUNKNOWN".to_owned(), ..settings.clone() };
    check(unknown, "refused", "access_key");
    let ca_file = Some(rig.place.path().join("none.pem"));
    let no_file = BucketSettings { ca_file, ..settings.clone() };
    check(no_file, "none.pem cannot be read", "archive.bucket");
    let good = rig.secret.lock().unwrap().clone();
    *rig.secret.lock().unwrap() = Ok("of another".to_owned());
    check(settings.clone(), "refused", "access_key");
    *rig.secret.lock().unwrap() = Err("the edge holds no secret `archive-key`".to_owned());
    check(settings.clone(), "the edge holds no secret `archive-key`", "store the secret");
    // As soon as it is right, by the same keeper.
    let mut keeping = rig.keeper(&store, &feed, None);
    keeping.step(NOW, NOW).unwrap_err();
    *rig.secret.lock().unwrap() = good;
    assert_eq!(all(&mut keeping, NOW).unwrap().len(), 2);
    assert_eq!(store.keys().len(), 2);
}

#[test]
fn tls_is_entered_with_its_authority_alone() {
    let (mut store, feed) = (Store::start(), fed(1));
    let rig = Rig::new(&store);
    let ca_file = rig.place.path().join("ca.pem");
    std::fs::write(&ca_file, &store.authority).unwrap();
    let endpoint = Some(format!("https://127.0.0.1:{}", store.tls_port));
    let settings = BucketSettings { endpoint, ..store.settings() };
    let refused = rig.archive(settings.clone()).refresh().unwrap_err().to_string();
    assert!(refused.contains("certificate"), "{refused}");
    let archive = rig.archive(BucketSettings { ca_file: Some(ca_file), ..settings });
    let plan = Plan { tags: Arc::new(|_| true), keep: None };
    let mut keeping = Keeper::new(archive.clone(), feed.historian.clone(), plan);
    assert_eq!(all(&mut keeping, NOW).unwrap().len(), 1);
    assert_eq!(read(&archive, 1).unwrap(), feed.read(1));
    assert_eq!(store.keys().len(), 1);
}

#[test]
fn parts_are_kept_within_their_bound_and_believed_only_when_whole() {
    let (mut store, feed) = (Store::start(), fed(3));
    let mut rig = Rig::new(&store);
    all(&mut rig.keeper(&store, &feed, None), NOW).unwrap();
    let whole: u64 = store.list().iter().map(|object| object.size).sum();
    rig.cache_bytes = whole / 2;
    let archive = rig.archive(store.settings());
    archive.refresh().unwrap();
    assert_eq!(read(&archive, 1).unwrap(), feed.read(1));
    let kept =
        |rig: &Rig| -> u64 { rig.parts().iter().map(|part| part.metadata().unwrap().len()).sum() };
    assert!(kept(&rig) > 0 && kept(&rig) <= rig.cache_bytes, "{} of {whole}", kept(&rig));
    // The next process goes on with what lies there, and heeds the bound.
    rig.cache_bytes = whole / 4;
    let archive = rig.archive(store.settings());
    archive.refresh().unwrap();
    assert_eq!(read(&archive, 1).unwrap(), feed.read(1));
    assert!(kept(&rig) <= rig.cache_bytes, "{}", kept(&rig));

    // With room for all, nothing is fetched twice; what was altered meanwhile is.
    rig.cache_bytes = CACHE_BYTES;
    let archive = rig.archive(store.settings());
    archive.refresh().unwrap();
    read(&archive, 1).unwrap();
    let restarted = rig.archive(store.settings());
    restarted.refresh().unwrap();
    store.line.cut();
    assert_eq!(read(&restarted, 1).unwrap(), feed.read(1));
    store.line.heal();
    for part in rig.parts() {
        let mut bytes = std::fs::read(&part).unwrap();
        bytes[0] ^= 1;
        std::fs::write(&part, bytes).unwrap();
    }
    let archive = rig.archive(store.settings());
    archive.refresh().unwrap();
    assert_eq!(read(&archive, 1).unwrap(), feed.read(1));
    assert_eq!(rig.told(), [""; 0]);
}
