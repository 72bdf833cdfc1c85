//! What the rigs' plant measures: time and values of every block follow from the epoch and the number that
//! it begins at, so that whoever reads a sample can tell whether it is right.

use crate::store::random::Random;
use std::sync::Arc;
use tagwerk_env::Moment;
use tagwerk_historian::{BlockSet, Keep, Kept, Retention, TagInfo};
use tagwerk_model::{
    BatchBuilder, DataType, Quality, TagDefinition, TagId, TagSet, TagSetDefinition, Value, codec,
};

/// Wall time at monotonic 0. It never steps here.
pub const START: i64 = 1_795_000_000_000_000_000;
/// The first block's moment: late ones lie before it.
const FIRST_NS: u64 = 1_000_000_000_000;
const NUMBER_NS: u64 = 2_000_000_000;
const EPOCH_NS: u64 = 1_000;
const LATE_NS: u64 = 90_000_000_000;
/// Keeps a late block apart from one that was in time.
const LATE_MARK_NS: u64 = 7;

/// The samples of these become rollups after some seconds.
pub const ROLLED: [u32; 2] = [4, 5];
/// In the same set as those, and kept as it is.
pub const BESIDE: u32 = 1;
pub const TAGS: [u32; 7] = [1, 2, 3, 4, 5, 11, 12];

/// The sets of the plant, as drivers and as the journal know them.
pub struct Plant(Vec<(Arc<TagSet>, Arc<BlockSet>)>);

impl Plant {
    pub fn new() -> Plant {
        let press = [
            (1, DataType::Int64, ""),
            (2, DataType::Float64, "°C"),
            (3, DataType::Text, ""),
            (4, DataType::Bool, ""),
            (5, DataType::Int64, "pcs"),
        ];
        let oven = [(11, DataType::Float64, "bar"), (12, DataType::Uint64, "Wh")];
        Plant(vec![set(1, "press", &press), set(2, "oven", &oven)])
    }

    /// Set, moment and payload of the block that begins there.
    pub fn block(&self, epoch: u32, from: u64) -> (&Arc<BlockSet>, u32, Moment, Vec<u8>) {
        let (set, block_set) = &self.0[usize::from(is_oven(epoch, from))];
        let moment = moment(epoch, from);
        let mut builder = BatchBuilder::new(set.clone(), vec![None; set.len()].into());
        for (index, tag) in set.tags().iter().enumerate() {
            match value(tag.id.0, time(epoch, from)) {
                Some(value) => builder.put(index, value.as_ref()),
                None => builder.put_quality(index, Quality::BAD_TIMEOUT),
            }
        }
        let count = set.len() as u32;
        let mut payload = Vec::new();
        codec::encode_batch(&builder.batch(moment.0, time(epoch, from), count), &mut payload);
        (block_set, count, moment, payload)
    }
}

fn set(id: u32, device: &str, tags: &[(u32, DataType, &str)]) -> (Arc<TagSet>, Arc<BlockSet>) {
    let tag = |(id, data_type, unit): &(u32, DataType, &str)| TagDefinition {
        id: TagId(*id),
        name: format!("tag {id}").into(),
        data_type: *data_type,
        unit: (*unit).into(),
    };
    let tags = tags.iter().map(tag).collect();
    let set =
        TagSet::new(TagSetDefinition { id, device: device.into(), group: "all".into(), tags });
    let tags = set.tags().iter().map(|tag| tag.id.0).collect();
    let dictionary = codec::encode_definition(&set.definition);
    (Arc::new(set), Arc::new(BlockSet { id, revision: 1, tags, dictionary }))
}

fn chance(epoch: u32, from: u64) -> u64 {
    Random::new(u64::from(epoch) << 40 ^ from).next()
}

fn is_oven(epoch: u32, from: u64) -> bool {
    chance(epoch, from).is_multiple_of(4)
}

fn is_late(epoch: u32, from: u64) -> bool {
    chance(epoch, from) / 4 % 11 == 3
}

/// The tags of the block that begins there.
pub fn tags(epoch: u32, from: u64) -> &'static [u32] {
    if is_oven(epoch, from) { &TAGS[5..] } else { &TAGS[..5] }
}

pub fn moment(epoch: u32, from: u64) -> Moment {
    let due = FIRST_NS + from * NUMBER_NS + u64::from(epoch) * EPOCH_NS;
    Moment(if is_late(epoch, from) { due - LATE_NS + LATE_MARK_NS } else { due })
}

/// When a journal that ends there is written on.
pub fn begins(end: u64) -> Moment {
    Moment(FIRST_NS + end * NUMBER_NS)
}

pub fn time(epoch: u32, from: u64) -> i64 {
    START + moment(epoch, from).0 as i64
}

/// Whether the plant ever measured the tag at that time.
pub fn is_measured(tag: u32, time: i64) -> bool {
    let Some(since) =
        u64::try_from(time - START).ok().and_then(|at| at.checked_sub(FIRST_NS - LATE_NS))
    else {
        return false;
    };
    let rest = since % NUMBER_NS;
    let (epoch, late) = ((rest / EPOCH_NS) as u32, rest % EPOCH_NS == LATE_MARK_NS);
    let ahead = if late { 0 } else { LATE_NS };
    let Some(from) = (since - rest).checked_sub(ahead).map(|at| at / NUMBER_NS) else {
        return false;
    };
    self::time(epoch, from) == time && tags(epoch, from).contains(&tag)
}

/// What the tag shows at that time; bad without one.
pub fn value(tag: u32, time: i64) -> Option<Value> {
    let chance = Random::new(time as u64 ^ u64::from(tag) << 56).next();
    Some(match tag {
        1 => Value::I64(chance as i64),
        2 => Value::F64((chance % 10_000) as f64 / 100.0),
        3 if chance.is_multiple_of(9) => return None,
        3 => Value::Text(format!("{chance:0width$}", width = 30 + (chance % 90) as usize).into()),
        4 => Value::Bool(chance.is_multiple_of(3)),
        5 => Value::I64((chance % 1_000) as i64),
        11 => {
            let bits = f64::from_bits(chance);
            Value::F64(if bits.is_finite() { bits } else { 0.5 })
        }
        _ => Value::U64(chance),
    })
}

/// What the rolled up tags come to in a sum.
pub fn number(tag: u32, time: i64) -> f64 {
    value(tag, time).and_then(|value| value.as_ref().as_f64()).unwrap_or(0.0)
}

pub fn retention() -> Retention {
    let samples = Keep::For(std::time::Duration::from_secs(20));
    let rule_of = |tag: &TagInfo| ROLLED.contains(&tag.id.0).then_some(0);
    let rules = vec![Kept { samples, ..Kept::default() }];
    Retention { rules, rule_of: Arc::new(rule_of) }
}
