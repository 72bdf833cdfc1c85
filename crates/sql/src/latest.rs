//! The newest sample of each tag, as pieces of one row.

use crate::source::{Latest, Pieces, Source};
use std::collections::HashMap;
use std::sync::Arc;
use tagwerk_historian::{Piece, Scan, Values};
use tagwerk_model::{DataType, Kind, Qualities, TagId, Value};

pub fn pieces(source: &dyn Source, scan: &Scan) -> Pieces {
    let table = source.tags();
    let known: HashMap<TagId, (DataType, Arc<str>)> =
        table.tags().iter().map(|tag| (tag.id, (tag.data_type, tag.unit.clone()))).collect();
    let span = scan.from_unix_ns..scan.to_unix_ns;
    let newest = source.latest(&scan.tags).into_iter().filter(move |l| span.contains(&l.unix_ns));
    Box::new(newest.filter_map(move |latest| {
        let (data_type, unit) = known.get(&latest.tag)?;
        Some(Ok(piece(latest, *data_type, unit.clone())))
    }))
}

fn piece(latest: Latest, data_type: DataType, unit: Arc<str>) -> Piece {
    let values = values(latest.value, data_type.kind());
    let mut piece = Piece::new(latest.tag, data_type, unit, vec![latest.unix_ns], values);
    piece.source_times = latest.source_time.map(|time| vec![time]);
    piece.qualities = Qualities::One(latest.quality);
    piece
}

/// One value; where there is none, any of its kind.
fn values(value: Option<Value>, kind: Kind) -> Values {
    match (value, kind) {
        (Some(Value::Bool(v)), _) => Values::Bool(vec![v]),
        (Some(Value::I64(v)), _) => Values::I64(vec![v]),
        (Some(Value::U64(v)), _) => Values::U64(vec![v]),
        (Some(Value::F64(v)), _) => Values::F64(vec![v]),
        (Some(Value::Text(v)), _) => Values::Text(vec![v.as_ref().into()]),
        (Some(Value::Bytes(v)), _) => Values::Bytes(vec![v.as_ref().into()]),
        (Some(Value::List(v)), _) => Values::List(vec![v]),
        (None, Kind::Bool) => Values::Bool(vec![false]),
        (None, Kind::I64) => Values::I64(vec![0]),
        (None, Kind::U64) => Values::U64(vec![0]),
        (None, Kind::F64) => Values::F64(vec![0.0]),
        (None, Kind::Text) => Values::Text(vec!["".into()]),
        (None, Kind::Bytes) => Values::Bytes(vec![[].as_slice().into()]),
        (None, Kind::List) => Values::List(vec![Box::default()]),
    }
}
