//! However history cuts samples into pieces, and whether a piece is a batch by itself or one of many:
//! the rows are the same.

use super::{LIMITS, START, ask_within, entry};
use crate::{Limits, Pieces, Source, Sql, TagTable};
use std::sync::Arc;
use tagwerk_env::Env;
use tagwerk_historian::{Piece, Scan, Values};
use tagwerk_model::{DataType, Qualities, Quality, TagId};

const SAMPLES: usize = 9_000;
const TYPES: [DataType; 4] =
    [DataType::Float64, DataType::Float64, DataType::Int64, DataType::Text];

/// Pieces of so many samples; some of the first tag's are bad, and some have times of their source.
struct Cut(Arc<TagTable>, usize);

impl Cut {
    fn piece(&self, tag: TagId, from: usize) -> Piece {
        let places = from..(from + self.1).min(SAMPLES);
        let all: Vec<i64> = places.map(|place| place as i64).collect();
        let data_type = TYPES[tag.0 as usize];
        let values = match data_type {
            DataType::Int64 => Values::I64(all.iter().map(|n| i64::MAX - n).collect()),
            DataType::Text => {
                Values::Text(all.iter().map(|n| format!("R{}", n / 900).into()).collect())
            }
            _ => Values::F64(all.iter().map(|n| *n as f64 / 7.0).collect()),
        };
        let times = all.iter().map(|n| START + n * 1_000_000).collect();
        let mut piece = Piece::new(tag, data_type, "u".into(), times, values);
        if tag.0 == 0 {
            let bad = |n: &i64| *n > 4_000 && n % 5 == 0;
            let quality = |n| if bad(n) { Quality::BAD_TIMEOUT } else { Quality::GOOD };
            piece.qualities = Qualities::Each(all.iter().map(quality).collect());
            piece.source_times = Some(all.iter().map(|n| START + n).collect());
        }
        piece
    }
}

impl Source for Cut {
    fn tags(&self) -> Arc<TagTable> {
        self.0.clone()
    }

    fn history(&self, scan: &Scan) -> Pieces {
        let pieces = |tag: &TagId| {
            let tag = *tag;
            (0..SAMPLES).step_by(self.1).map(move |from| Ok(self.piece(tag, from)))
        };
        Box::new(scan.tags.iter().flat_map(pieces).collect::<Vec<_>>().into_iter())
    }
}

#[tokio::test]
async fn rows_are_the_same_however_history_is_cut() {
    let limits = Limits { rows_max: 100_000, memory_max: 256 << 20, ..LIMITS };
    for text in [
        "SELECT * FROM samples ORDER BY tag, time",
        "SELECT value_f64 + 0, value, quality FROM samples ORDER BY tag, time",
        "SELECT tag, count(*), count(value), sum(value), max(time), min(source_time) FROM samples \
         GROUP BY tag ORDER BY tag",
    ] {
        let mut known: Option<String> = None;
        // The last by far the shortest: all are put together.
        for samples in [SAMPLES, 8_192, 5_000, 2_048, 2_047, 100] {
            let entry = |id: u32| entry(id, "press", &format!("tag {id}"), TYPES[id as usize]);
            let table = Arc::new(TagTable::new((0..4).map(entry).collect()));
            let sql = Sql::start(&Env::system(), Arc::new(Cut(table, samples))).unwrap();
            let rows = ask_within(&sql, text, limits).await.unwrap();
            assert!(rows.len() > 100, "{text}: {rows}");
            let known = known.get_or_insert_with(|| rows.clone());
            assert!(*known == rows, "{text}: other rows in pieces of {samples}");
        }
    }
}
