//! The stored example of format version 1. What it was written from is below; it must be readable,
//! and be written byte for byte the same, for as long as version 1 is.

use crate::crash::{FOLDER, small_options};
use std::path::{Path, PathBuf};
use std::time::Duration;
use tagwerk_env::Env;
use tagwerk_journal::{
    Acknowledged, Cursor, Gap, GapReason, Item, Journal, Moment, ReaderFilter, Span, Stream, TagSet,
};
use tagwerk_testkit::simulated::{env, machine};

fn stored() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("examples-v1")
}

fn boiler() -> std::sync::Arc<TagSet> {
    let dictionary = b"boiler: temperature f64, pressure f64".to_vec();
    std::sync::Arc::new(TagSet { id: 7, revision: 3, tags: vec![100, 101], dictionary })
}

const FILES: [&str; 3] = [
    "samples/00000000000000000000-0000000001.seg",
    "outputs/00000000000000000000-0000000001.seg",
    "record/00000000000000000000-0000000001.seg",
];

#[test]
fn version_1_is_still_written_as_it_was() {
    let (_, disk, clock) = machine();
    let (journal, _) =
        Journal::open(&env(&disk, &clock), Path::new(FOLDER), small_options()).unwrap();
    let append = |stream, text: &[u8], at| {
        journal.append_block(stream, &boiler(), 2, Moment(at), text).unwrap();
    };
    append(Stream::Samples, b"first block", 2_000);
    clock.advance(Duration::from_secs(1));
    clock.set_wall(1_700_000_000_000_000_000, true);
    journal.observe_clock();
    append(Stream::Samples, b"second block", 1_000_002_000);
    append(Stream::Outputs, b"output block", 1_000_003_000);
    journal.append_record(42, b"a record").unwrap();
    let mut cursor = Cursor::new(Stream::Samples, 1);
    assert_eq!(cursor.acknowledge(Span { from: 2, to: 3 }), Acknowledged::Kept);
    journal.save_cursor("historian", &cursor).unwrap();
    journal.append_gap(&gap()).unwrap();
    journal.close().unwrap();
    for file in FILES {
        let (stored, path) = (stored().join(file), Path::new(FOLDER).join(file));
        let mut written = Vec::new();
        disk.alter(&path, |bytes| written = bytes.clone());
        // Renews the example; only ever right before version 1 is released.
        if std::env::var_os("TAGWERK_WRITE_EXAMPLES").is_some() {
            std::fs::create_dir_all(stored.parent().unwrap()).unwrap();
            std::fs::write(&stored, &written).unwrap();
        }
        assert!(std::fs::read(&stored).unwrap() == written, "{file} differs");
    }
}

fn gap() -> Gap {
    let reader = Some("historian".to_owned());
    let span = Span { from: 0, to: 1 };
    Gap { stream: Stream::Samples, span, reader, reason: GapReason::Backlog }
}

#[test]
fn version_1_is_still_read() {
    let folder = tempfile::tempdir().unwrap();
    for file in FILES {
        let to = folder.path().join(file);
        std::fs::create_dir_all(to.parent().unwrap()).unwrap();
        std::fs::copy(stored().join(file), to).unwrap();
    }
    let (journal, opened) = Journal::open(&Env::system(), folder.path(), small_options()).unwrap();
    assert!(opened.clean && opened.epoch == 1, "{opened:?}");
    let mut reader = journal.reader(Stream::Samples, 0, ReaderFilter::default());
    // The clock was set a second after the first block.
    for (text, unix_ns) in [
        (&b"first block"[..], 1_699_999_999_000_001_000),
        (&b"second block"[..], 1_700_000_000_000_001_000),
    ] {
        let Some(Item::Block(block)) = reader.try_next() else { panic!("no {text:?}") };
        assert_eq!((&*block.payload, &block.set), (text, &boiler()));
        assert_eq!((block.unix_ns, block.synchronised, block.boot), (unix_ns, true, [7; 16]));
    }
    let mut reader = journal.reader(Stream::Outputs, 0, ReaderFilter::default());
    let Some(Item::Block(block)) = reader.try_next() else { panic!("no output") };
    assert_eq!(&*block.payload, b"output block");
    let mut reader = journal.reader(Stream::Record, 0, ReaderFilter::default());
    let Some(Item::Record(record)) = reader.try_next() else { panic!("no record") };
    assert_eq!((record.kind, &*record.payload), (42, &b"a record"[..]));
    let Some(Item::Gap { gap: found, .. }) = reader.try_next() else { panic!("no gap") };
    assert_eq!(found, gap());
    let cursor = journal.cursor("historian").unwrap();
    assert_eq!((cursor.next(), cursor.ranges()), (1, &[Span { from: 2, to: 3 }][..]));
}
