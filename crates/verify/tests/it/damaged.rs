//! One store: what is lost, there twice, out of order, damaged, or explained.

use crate::writer::{BLOCK, RECORD, alone, record, samples, store};
use proptest::prelude::*;
use std::path::Path;
use tagwerk_env::SystemDisk;
use tagwerk_verify::{MemoryFolder, Range, Report, StreamReport, verify, verify_paths};

fn of_samples(report: &Report) -> &StreamReport {
    report.stream("samples").unwrap()
}

#[test]
fn the_stored_example_of_version_1_is_whole() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../journal/examples-v1");
    let report = verify_paths(&SystemDisk, &path, None, None).unwrap();
    assert!(report.is_good() && report.clean_end, "{report}");
    let found = of_samples(&report);
    assert_eq!((found.kept, found.end, found.frames), (4, 4, 2));
    assert_eq!(report.cursors[0].name, "historian");
    assert_eq!((report.cursors[0].next, report.cursors[0].pending), (1, 2));
    let gap = &found.gaps[0];
    assert_eq!((gap.reason, gap.reader.as_deref()), ("backlog limit", Some("historian")));
    let same = verify_paths(&SystemDisk, &path, Some(&path), None).unwrap();
    assert!(same.is_good());
    assert_eq!(same.compared.iter().map(|c| c.matched).collect::<Vec<_>>(), [4, 2, 2]);
}

#[test]
fn a_path_without_a_store_is_an_error_that_says_what_to_name() {
    let folder = tempfile::tempdir().unwrap();
    let error = verify_paths(&SystemDisk, folder.path(), None, None).unwrap_err();
    assert!(error.to_string().contains("data directory"), "{error}");
}

#[test]
fn whole_segments_in_order_are_good() {
    let report = alone([
        samples(1, 0, 1).set(0).block(0, 3).block(3, 2),
        samples(2, 5, 1).set(5).block(5, 5).close(10),
        record().frame(RECORD, 0, 1, b"x").close(1),
    ]);
    assert!(report.is_good(), "{report}");
    assert_eq!((of_samples(&report).kept, of_samples(&report).segments), (10, 2));
}

#[test]
fn holes_are_lost_unless_a_gap_record_knows_them() {
    let holes = || [samples(1, 0, 1).set(0).block(0, 3).block(5, 2), samples(2, 10, 1)];
    let report = alone(holes());
    let found = of_samples(&report);
    let ranges = [Range::new(3, 5), Range::new(7, 10)];
    assert_eq!((found.lost.numbers, &found.lost.ranges[..]), (5, &ranges[..]));
    assert!(!report.is_good());
    let known = record().gap(0, 2, 3, 5, "").gap(1, 3, 7, 9, "").gap(2, 1, 9, 10, "hub");
    let report = alone(holes().into_iter().chain([known]));
    let found = of_samples(&report);
    assert_eq!((found.missing.numbers, found.lost.numbers), (5, 1));
    let said: Vec<_> = found.gaps.iter().map(|gap| gap.reason).collect();
    assert_eq!(said, ["retention", "damaged", "unclean end"]);
    assert_eq!(report.wrong.len(), 3, "{report}");
}

#[test]
fn numbers_there_twice_and_out_of_order_are_told_apart() {
    let report = alone([samples(1, 0, 1).set(0).block(0, 4).block(2, 4).block(10, 2).block(8, 2)]);
    let found = of_samples(&report);
    assert_eq!(found.duplicated.numbers, 2);
    assert_eq!((found.reordered.numbers, found.lost.numbers), (2, 2));
    assert_eq!(found.kept, 10);
}

#[test]
fn a_later_segment_supersedes_what_lies_at_or_above_its_first_number() {
    let report = alone([
        samples(1, 0, 1).set(0).block(0, 3).block(3, 3),
        samples(3, 3, 1).set(3).block(3, 4),
        samples(2, 6, 1).set(6).block(6, 9),
    ]);
    assert!(report.is_good(), "{report}");
    let found = of_samples(&report);
    assert_eq!((found.kept, found.end, found.superseded), (7, 7, 1));
    // A rewrite that never got its data hides nothing.
    let report = alone([samples(1, 0, 1).set(0).block(0, 6), samples(2, 3, 1)]);
    assert_eq!((of_samples(&report).kept, report.is_good()), (6, true), "{report}");
}

#[test]
fn damage_costs_what_it_hits() {
    let whole = || samples(1, 0, 1).set(0).block(0, 3).block(3, 3).block(6, 3).close(9);
    let frames = whole().frames;
    // In a payload, in a header, in the last frame.
    for (at, lost, damaged) in [(frames[2] + 50, 3, 1), (frames[2] + 10, 3, 1), (frames[4], 0, 0)] {
        let mut segment = whole();
        segment.bytes[at] ^= 1;
        let report = alone([segment]);
        let found = of_samples(&report);
        assert_eq!((found.lost.numbers, found.damaged.places), (lost, damaged), "{report}");
        assert!(!report.clean_end);
    }
    let mut torn = whole();
    torn.bytes.truncate(frames[3] + 60);
    let report = alone([torn]);
    let found = of_samples(&report);
    assert_eq!((found.lost.numbers, found.end, found.torn_end), (3, 9, true), "{report}");
    let mut headless = whole();
    headless.bytes[0] ^= 1;
    assert!(alone([headless]).is_good());
    let mut headless = whole();
    (headless.bytes[0], headless.bytes[4096]) = (0, 0);
    let report = alone([headless]);
    assert_eq!(of_samples(&report).bad_segments, 1);
    assert!(!report.is_good());
}

#[test]
fn a_block_needs_a_description_near_it() {
    let far = |count: u64| {
        let middle = (0..count).map(|n| samples(n + 2, 3 + n, 1).frame(BLOCK, 3 + n, 0, b""));
        let first = samples(1, 0, 1).set(0).block(0, 3);
        let last = samples(count + 2, 3 + count, 1).block(3 + count, 1);
        let report = alone([first].into_iter().chain(middle).chain([last]));
        of_samples(&report).undescribed
    };
    assert_eq!((far(0), far(3), far(4)), (0, 0, 1));
    // Behind it is as good.
    assert!(alone([samples(1, 0, 1).block(0, 3), samples(2, 3, 1).set(3)]).is_good());
    let two = samples(1, 0, 1).set(0).frame(2, 0, 0, b"another").block(0, 1);
    assert_eq!(of_samples(&alone([two])).conflicts, 1);
}

fn example() -> MemoryFolder {
    store([
        samples(1, 0, 1).set(0).block(0, 3).block(3, 3),
        samples(2, 6, 1).set(6).block(6, 3).close(9),
        record().frame(RECORD, 0, 1, b"x").gap(1, 2, 0, 3, "").cursor(2, "hub", 4).close(2),
    ])
}

proptest! {
    #[test]
    fn damage_never_panics_and_never_adds(
        changes in prop::collection::vec((0usize..3, 0usize..5000, any::<u8>()), 0..40),
        length in (0usize..3, 0usize..5000),
    ) {
        let mut damaged = example();
        for (segment, at, byte) in changes {
            if let Some(place) = damaged.segments[segment].2.get_mut(at) {
                *place = byte;
            }
        }
        damaged.segments[length.0].2.truncate(length.1);
        let report = verify(&damaged, None, None).unwrap();
        prop_assert!(report.stream("samples").unwrap().kept <= 9);
        prop_assert!(!report.to_string().is_empty());
    }
}
