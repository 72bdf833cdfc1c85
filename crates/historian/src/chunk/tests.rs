//! Chunks come back exactly, whatever they hold.

use super::*;
use proptest::prelude::*;
use tagwerk_model::{Value, ValueRef};

use crate::value::{Interner, Values};

fn head(data_type: DataType, guess: Option<Guess>) -> Head {
    let (first_seq, last_seq) = (1_000_000, 1_900_000);
    Head { tag: TagId(77), data_type, unit: "°C".into(), epoch: 3, first_seq, last_seq, guess }
}

fn check(head: &Head, columns: &Columns) -> usize {
    let (bytes, summary) = seal(head, columns, &mut Scratch::default());
    let (back_head, back) = decode(&bytes).unwrap();
    assert_eq!(&back_head, head);
    let mut wanted = columns.clone();
    let mut usable = vec![false; columns.len()];
    columns.usable(|place| usable[place] = true);
    wanted.bits.iter_mut().zip(usable).filter(|(_, usable)| !usable).for_each(|(b, _)| *b = 0);
    assert_eq!(back, wanted);
    assert_eq!(summary, Summary::of(&back_head, &back));
    for end in (0..bytes.len()).step_by(bytes.len() / 40 + 1) {
        assert!(decode(&bytes[..end]).is_none(), "cut at {end} of {}", bytes.len());
    }
    bytes.len()
}

fn columns(times: Vec<i64>, bits: Vec<u64>) -> Columns {
    let runs = vec![Run { count: times.len() as u32, quality: Quality::GOOD }];
    Columns { times, bits, runs, ..Columns::default() }
}

#[test]
fn a_usual_chunk_is_small() {
    let times = (0..512).map(|i| 1_795_234_506_000_000_000 + i * 1_000_000_000).collect();
    let bits = (0..512i32).map(|i| (f64::from(2000 + i * 31 % 9) / 100.0).to_bits()).collect();
    let size = check(&head(DataType::Float64, None), &columns(times, bits));
    assert!(size < 400, "{size}");
}

#[test]
fn text_and_lists_come_back() {
    let mut interner = Interner::default();
    let list = [Value::I64(1), Value::Text("x".into())];
    let values = [ValueRef::List(&list), ValueRef::List(&[]), ValueRef::List(&list)];
    let bits: Vec<u64> = values.iter().map(|v| interner.place_of(*v)).collect();
    let mut stored = columns(vec![3, 2, 9], bits);
    stored.dictionary = interner.contents().to_vec();
    check(&head(DataType::List, None), &stored);
    let read = Values::from_bits(Kind::List, stored.bits, &stored.dictionary);
    assert_eq!(read, Values::List(vec![list.clone().into(), [].into(), list.into()]));
}

fn qualities() -> impl Strategy<Value = Quality> {
    prop_oneof![
        4 => Just(Quality::GOOD),
        1 => Just(Quality::BAD_TIMEOUT),
        1 => Just(Quality::UNCERTAIN),
        1 => any::<u32>().prop_map(Quality),
    ]
}

type Sample = (i64, u64, Quality, Option<i64>);

fn samples() -> impl Strategy<Value = Vec<Sample>> {
    let time = prop_oneof![0i64..10_000, any::<i64>()];
    let source = prop_oneof![
        Just(None),
        any::<i64>().prop_filter_map("none", |t| (t != NO_SOURCE_TIME).then_some(Some(t))),
    ];
    prop::collection::vec((time, any::<u64>(), qualities(), source), 1..150)
}

fn from_samples(data_type: DataType, samples: &[Sample]) -> Columns {
    let mut columns = Columns::default();
    let mut interner = Interner::default();
    let timed = samples.iter().any(|s| s.3.is_some());
    for (time, bits, quality, _) in samples {
        columns.times.push(*time);
        columns.push_quality(*quality);
        columns.bits.push(match data_type.kind() {
            Kind::Bool => bits & 1,
            Kind::Text => interner.place(format!("state {}", bits % 5).as_bytes()),
            Kind::Bytes => interner.place(&bits.to_le_bytes()),
            _ => *bits,
        });
    }
    columns.dictionary = interner.contents().to_vec();
    let sources = samples.iter().map(|s| s.3.unwrap_or(NO_SOURCE_TIME)).collect();
    columns.source_times = timed.then_some(sources);
    columns
}

proptest! {
    /// Chunks one behind the other are what they are by themselves, whatever is wanted of them.
    #[test]
    fn chunks_are_read_onto_others(
        chunks in prop::collection::vec(samples(), 1..5),
        times in any::<bool>(),
        source_times in any::<bool>(),
        values in any::<bool>(),
    ) {
        let wanted = Wanted { times: times || source_times, source_times, values };
        let (mut onto, mut signed) = (Columns::default(), Vec::new());
        let mut by_themselves = Columns::default();
        for samples in &chunks {
            let one = from_samples(DataType::Uint64, samples);
            let (bytes, _) = seal(&head(DataType::Uint64, None), &one, &mut Scratch::default());
            let own = decode_some(&bytes, wanted).unwrap().1;
            decode_onto(&bytes, wanted, &mut signed, &mut onto).unwrap();
            let at = by_themselves.count();
            if let Some(sources) = &own.source_times {
                let all = by_themselves.source_times.get_or_insert_default();
                all.resize(at, NO_SOURCE_TIME);
                all.extend(sources);
            }
            by_themselves.times.extend(own.times);
            by_themselves.bits.extend(own.bits);
            for run in own.runs {
                (0..run.count).for_each(|_| by_themselves.push_quality(run.quality));
            }
            let count = by_themselves.count();
            by_themselves.source_times.iter_mut().for_each(|t| t.resize(count, NO_SOURCE_TIME));
        }
        prop_assert_eq!(onto, by_themselves);
    }

    #[test]
    fn everything_comes_back(samples in samples(), kind in 0usize..6, guessed in any::<bool>()) {
        let types = [
            DataType::Bool,
            DataType::Int64,
            DataType::Uint64,
            DataType::Float64,
            DataType::Text,
            DataType::Bytes,
        ];
        let guess = guessed.then_some(Guess { boot: [9; 16], offset_ns: -5 });
        check(&head(types[kind], guess), &from_samples(types[kind], &samples));
    }

    #[test]
    fn never_panics(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = decode(&bytes);
    }

    #[test]
    fn never_panics_on_a_changed_chunk(
        samples in samples(),
        changes in prop::collection::vec((any::<u16>(), any::<u8>()), 1..6),
    ) {
        let head = head(DataType::Float32, None);
        let columns = from_samples(DataType::Float32, &samples);
        let (mut bytes, _) = seal(&head, &columns, &mut Scratch::default());
        for (at, byte) in changes {
            let at = usize::from(at) % bytes.len();
            bytes[at] = byte;
        }
        if let Some((_, columns)) = decode(&bytes) {
            prop_assert_eq!(columns.times.len(), columns.bits.len());
        }
    }
}
