//! A store beside another, and beside what a receiver got.

use crate::writer::{record, samples, store};
use tagwerk_verify::{Compared, MemoryFolder, Other, Report, verify};

fn kept() -> MemoryFolder {
    store([
        samples(1, 10, 1).set(10).block(10, 3).block(13, 2),
        samples(2, 15, 2).set(15).block(15, 5).block(20, 5),
        record().cursor(0, "sink/hub", 20).gap(0, 4, 13, 15, "sink/hub"),
    ])
}

fn lines(store: &MemoryFolder, lines: &str, reader: Option<&str>) -> (Report, Compared) {
    let mut lines = lines.as_bytes();
    let report = verify(store, Some(Other::Lines(&mut lines)), reader).unwrap();
    let samples = report.compared[0].clone();
    (report, samples)
}

const ALL: &str = r#"{"epoch":1,"from":10,"to":13,"tags":[]}
{"epoch":1,"from":13,"to":15}
{"epoch":2,"from":15,"to":20,"replayed":true}
"#;

#[test]
fn what_arrived_in_order_is_good_and_the_rest_is_to_come() {
    let (report, samples) = lines(&kept(), ALL, None);
    assert!(report.is_good(), "{report}");
    assert_eq!((samples.matched, samples.pending), (10, 5));
}

#[test]
fn a_receiver_loses_repeats_and_disorders() {
    let got = r#"{"epoch":1,"from":10,"to":13}
        {"epoch":2,"seq":16} {
        {"epoch":2,"seq":18}
        {"epoch":2,"seq":17}
        {"epoch":2,"seq":17}
        nonsense
        {"epoch":2,"from":30,"to":31}
        {"epoch":1,"from":2,"to":4}
        "#;
    let (report, samples) = lines(&kept(), got, None);
    assert_eq!((samples.duplicated.numbers, samples.reordered.numbers), (1, 3), "{report}");
    assert_eq!((samples.invented.numbers, samples.before), (1, 2), "{report}");
    // 13..17 and from 19 on, below the greatest that arrived.
    assert_eq!((samples.lost.numbers, samples.pending), (2 + 2 + 6, 0), "{report}");
    assert_eq!(samples.unreadable_lines, 2);
    assert!(!report.is_good());
}

#[test]
fn the_cursor_says_what_should_have_arrived_and_the_gaps_what_was_given_up() {
    let got = "{\"epoch\":1,\"from\":10,\"to\":13}\n{\"epoch\":2,\"from\":15,\"to\":18}";
    let (report, samples) = lines(&kept(), got, Some("sink/hub"));
    assert_eq!((samples.given_up, samples.pending), (2, 5), "{report}");
    assert_eq!(samples.lost.numbers, 2);
}

#[test]
fn content_is_compared_where_the_receiver_knows_it() {
    let crc = crc32c::crc32c(b"numbers from 10");
    let line = |crc: u32| format!("{{\"epoch\":1,\"from\":10,\"to\":13,\"crc\":{crc}}}");
    assert_eq!(lines(&kept(), &line(crc), None).1.differs.numbers, 0);
    assert_eq!(lines(&kept(), &line(crc + 1), None).1.differs.numbers, 3);
}

#[test]
fn a_range_that_reaches_back_into_an_older_epoch_is_nothing_invented() {
    let got = "{\"epoch\":1,\"from\":10,\"to\":13}\n{\"epoch\":2,\"from\":13,\"to\":20}";
    let (report, samples) = lines(&kept(), got, None);
    assert!(report.is_good(), "{report}");
    assert_eq!(samples.matched, 10);
}

#[test]
fn copies_agree_until_one_changes() {
    let beside = |second: MemoryFolder| {
        let report = verify(&kept(), Some(Other::Store(&second)), None).unwrap();
        report.compared[0].clone()
    };
    let same = beside(kept());
    assert_eq!((same.matched, same.lost.numbers, same.invented.numbers), (15, 0, 0));
    // Less old data, one block missing in the middle, and something that was never kept.
    let second = store([
        samples(3, 13, 1).set(13).block(13, 2),
        samples(4, 15, 2).set(15).block(20, 5).block(25, 1),
    ]);
    let found = beside(second);
    assert_eq!((found.matched, found.before, found.pending), (7, 3, 0));
    assert_eq!((found.lost.numbers, found.invented.numbers), (5, 1));
    let behind = beside(store([samples(1, 10, 1).set(10).block(10, 3)]));
    assert_eq!((behind.matched, behind.pending, behind.lost.numbers), (3, 12, 0));
    let other = beside(store([samples(1, 10, 1).set(10).frame(1, 10, 3, b"else")]));
    assert_eq!((other.differs.numbers, other.matched), (3, 0));
}
