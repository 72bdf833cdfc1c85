//! Which jobs a group's tags become; that every byte of every tag is covered, and that neither job
//! nor answer ever outgrows the PDU.

use crate::plan::{Block, Load, Manner, Read, block_bytes_max, divide, divide_by, reads, recut};
use crate::point::Point;
use crate::settings::Cpu;
use proptest::prelude::*;
use std::sync::Arc;
use std::time::Duration;
use tagwerk_component::ReadRequest;
use tagwerk_model::DataType;
use tagwerk_proto_s7::{self as s7, Item, ItemCode};

fn manner(gap: u32) -> Arc<Manner> {
    let (timeout, pause) = (Duration::from_secs(1), Duration::ZERO);
    Arc::new(Manner { timeout, pause, gap, read_back: false })
}

/// Points from lines such as `DB1.DBW4 int16`.
fn points(tags: &[&str]) -> Vec<(u32, Point)> {
    let parsed = tags.iter().enumerate().map(|(index, tag)| {
        let (address, data_type) = tag.split_once(' ').unwrap_or((tag, "uint16"));
        let data_type = DataType::from_name(data_type).unwrap();
        (index as u32, Point::parse(address, data_type, Cpu::S300).unwrap())
    });
    parsed.collect()
}

fn block_text(block: &Block) -> String {
    let tags: Vec<String> =
        block.items.iter().map(|item| format!("{}@{}", item.tag, item.place)).collect();
    format!("{} [{}]", block.span, tags.join(" "))
}

fn said(requests: &[ReadRequest]) -> Vec<String> {
    let text = |request: &ReadRequest| {
        let read: &Read = request.token.get();
        read.blocks.iter().map(block_text).collect::<Vec<_>>().join("; ")
    };
    requests.iter().map(text).collect()
}

#[test]
fn tags_become_the_fewest_jobs() {
    let check = |gap: u32, tags: &[&str], expected: &[&str]| {
        let requests = reads(points(tags), 240, &manner(gap));
        assert_eq!(said(&requests), expected, "{tags:?}");
    };
    check(16, &[], &[]);
    check(16, &["DB1.DBW4"], &["DB1 bytes 4 to 5 [0@0]"]);
    check(16, &["DB1.DBW6", "DB1.DBW4"], &["DB1 bytes 4 to 7 [1@0 0@2]"]);
    // A gap of sixteen is read along, of seventeen not: but both go in one job.
    check(16, &["DB1.DBB0 uint8", "DB1.DBB17 uint8"], &["DB1 bytes 0 to 17 [0@0 1@17]"]);
    check(16, &["DB1.DBB0 uint8", "DB1.DBB18 uint8"], &["DB1 byte 0 [0@0]; DB1 byte 18 [1@0]"]);
    check(
        0,
        &["DB1.DBW0", "DB2.DBW0", "MW0", "I0.1 bool", "T3", "T4", "C1"],
        &["C1 [6@0]; T3 to T4 [4@0 5@2]; input byte 0 [3@0]; flag bytes 0 to 1 [2@0]; \
           DB1 bytes 0 to 1 [0@0]; DB2 bytes 0 to 1 [1@0]"],
    );
    // Bits of one byte, and overlapping tags, are read once.
    check(
        0,
        &["M0.0 bool", "M0.7 bool", "MB0 uint8", "MD0 uint32"],
        &["flag bytes 0 to 3 [0@0 1@0 2@0 3@0]"],
    );
    // A full PDU: 222 bytes of one item.
    let words: Vec<String> = (0..112).map(|n| format!("DB1.DBW{}", n * 2)).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let requests = reads(points(&words), 240, &manner(16));
    assert_eq!(requests.len(), 2);
    assert_eq!(requests[0].tags.len(), 111);
    // Scattered: nineteen items fill a job of 240 bytes, and twenty are the most of any.
    let far: Vec<String> = (0..40).map(|n| format!("DB1.DBW{}", n * 100)).collect();
    let far: Vec<&str> = far.iter().map(String::as_str).collect();
    let counts = |pdu| {
        let requests = reads(points(&far), pdu, &manner(16));
        requests.iter().map(|request| request.tags.len()).collect::<Vec<_>>()
    };
    assert_eq!(counts(240), [19, 19, 2]);
    assert_eq!(counts(960), [20, 20]);
    // A value longer than a PDU stands alone.
    let requests = reads(points(&["DB1.DBB0/500 bytes", "DB1.DBW500"]), 240, &manner(16));
    assert_eq!(said(&requests), ["DB1 bytes 0 to 499 [0@0]", "DB1 bytes 500 to 501 [1@0]"]);
}

#[test]
fn what_is_refused_is_divided_and_set_apart() {
    let tags = ["DB1.DBW0", "DB1.DBW2", "DB1.DBW4", "DB1.DBW6", "DB2.DBW0", "DB3.DBW0", "DB3.DBW2"];
    let requests = reads(points(&tags), 240, &manner(16));
    assert_eq!(requests.len(), 1);
    let read: &Read = requests[0].token.get();
    let codes = [ItemCode::OUT_OF_RANGE, ItemCode::SUCCESS, ItemCode::NO_OBJECT];
    let outcome: Vec<_> = read.blocks.iter().cloned().zip(codes).collect();
    let parts = divide_by(&outcome, 240, &read.manner).unwrap();
    assert_eq!(
        said(&parts),
        [
            "DB1 bytes 0 to 3 [0@0 1@2]; DB1 bytes 4 to 7 [2@0 3@2]; DB2 bytes 0 to 1 [4@0]",
            "DB3 bytes 0 to 3 [5@0 6@2]",
        ]
    );
    let alone: &Read = parts[1].token.get();
    let outcome: Vec<_> = alone.blocks.iter().cloned().map(|b| (b, ItemCode::NO_OBJECT)).collect();
    assert!(divide_by(&outcome, 240, &read.manner).is_none(), "nothing is left to divide");
    // Refused as a whole: halves.
    let halves = divide(read).unwrap();
    assert_eq!(halves.iter().map(|half| half.tags.len()).collect::<Vec<_>>(), [4, 3]);
    let halves = divide(halves[0].token.get()).unwrap();
    assert_eq!(said(&halves), ["DB1 bytes 0 to 3 [0@0 1@2]", "DB1 bytes 4 to 7 [2@0 3@2]"]);
    let single = reads(points(&["MW0"]), 240, &manner(0));
    assert!(divide(single[0].token.get()).is_none());
}

/// Places a tag can have, small enough that many overlap and meet.
fn tags() -> impl Strategy<Value = Vec<(u32, Point)>> {
    let one = prop_oneof![
        4 => (1..4u16, 0..600u32, 0..7usize).prop_map(|(block, start, kind)| {
            let address = format!("DB{block}.{start}");
            match kind {
                0 => (format!("{address}.3"), "bool"),
                1 => (address, "uint8"),
                2 => (address, "int16"),
                3 => (address, "float32"),
                4 => (address, "uint64"),
                5 => (format!("{address}/{}", start % 90 + 1), "bytes"),
                _ => (format!("DB{block}.STRING{start}.{}", start % 254 + 1), "text"),
            }
        }),
        1 => (0..60u32).prop_map(|n| (format!("T{n}"), "float64")),
        1 => (0..200u32).prop_map(|n| (format!("M{n}.{}", n % 8), "bool")),
    ];
    proptest::collection::vec(one, 0..120).prop_map(|tags| {
        let lines: Vec<String> = tags.iter().map(|(a, t)| format!("{a} {t}")).collect();
        points(&lines.iter().map(String::as_str).collect::<Vec<_>>())
    })
}

/// Holds blocks against the points they were made of; gives the jobs that a session would send.
fn check_blocks(
    blocks: &[Block],
    wanted: &[(u32, Point)],
    seen: &mut [u32],
    pdu: u16,
) -> Result<usize, TestCaseError> {
    for block in blocks {
        for item in &block.items {
            let (_, point) = wanted[item.tag as usize];
            seen[item.tag as usize] += 1;
            prop_assert_eq!((block.span.area, block.span.block), (point.area, point.block));
            prop_assert_eq!(block.span.start + item.place, point.start);
            prop_assert_eq!(item.codec, point.codec);
            prop_assert!(point.span().end() <= block.span.end(), "a tag ends beyond its block");
        }
        let longest = block.items.iter().map(|item| item.codec.width() as u32).max();
        let fits = block.span.bytes <= block_bytes_max(pdu);
        prop_assert!(fits || block.items.len() == 1 || longest > Some(block_bytes_max(pdu)));
        if !fits {
            prop_assert_eq!(longest, Some(block.span.bytes), "only one long value outgrows a job");
        }
    }
    let (mut jobs, mut rest) = (0, blocks);
    while !rest.is_empty() {
        let mut load = Load::default();
        let count = rest.iter().take_while(|block| load.add(block.span.bytes, pdu)).count();
        let (now, later) = rest.split_at(count.max(1));
        if count > 0 {
            check_job(now, pdu)?;
        }
        (jobs, rest) = (jobs + 1, later);
    }
    Ok(jobs)
}

/// The real bytes of a job, and of the longest answer to it.
fn check_job(blocks: &[Block], pdu: u16) -> Result<(), TestCaseError> {
    let item =
        |b: &Block| Item::bytes(b.span.area, b.span.block, b.span.start, b.span.bytes as u16);
    let items: Vec<Item> = blocks.iter().map(item).collect();
    let mut job = Vec::new();
    s7::read(1, &items, &mut job).unwrap();
    prop_assert!(job.len() <= usize::from(pdu), "a job of {} bytes", job.len());
    let data: usize =
        blocks.iter().map(|block| 4 + (block.span.bytes as usize).next_multiple_of(2)).sum();
    prop_assert!(14 + data <= usize::from(pdu), "an answer of {} bytes", 14 + data);
    Ok(())
}

proptest! {
    #[test]
    fn every_tag_is_covered_once_and_no_pdu_is_exceeded(
        wanted in tags(),
        gap in 0..40u32,
        asked in prop_oneof![Just(240u16), Just(480), Just(960), 64..=960u16],
        granted in prop_oneof![Just(240u16), 64..=960u16],
    ) {
        let requests = reads(wanted.clone(), asked, &manner(gap));
        let mut seen = vec![0; wanted.len()];
        let mut seen_again = vec![0; wanted.len()];
        for request in &requests {
            let read: &Read = request.token.get();
            let jobs = check_blocks(&read.blocks, &wanted, &mut seen, asked)?;
            prop_assert_eq!(jobs, 1, "a request is one job while the PDU is as asked");
            let granted = granted.min(asked);
            check_blocks(&recut(read, granted), &wanted, &mut seen_again, granted)?;
        }
        prop_assert!(seen.iter().all(|count| *count == 1), "each tag once: {:?}", seen);
        prop_assert_eq!(seen, seen_again);
    }
}
