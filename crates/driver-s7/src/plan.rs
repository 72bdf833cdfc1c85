//! From points to requests: blocks of neighbouring tags, packed into the fewest jobs that a PDU
//! holds, and the way to write each tag. Pure; what is sent, and when, is the session's.

use crate::point::{Codec, Point, Span};
use crate::settings::Settings;
use std::sync::Arc;
use std::time::Duration;
use tagwerk_component::{ReadRequest, Token};
use tagwerk_proto_s7::{
    ITEM_BYTES, ITEM_HEAD_BYTES, ITEMS_MAX, ItemCode, READ_ANSWER_BYTES, READ_JOB_BYTES,
};

/// What all requests of one device have in common; devices on one link may differ in it.
#[derive(Debug, PartialEq, Eq)]
pub struct Manner {
    pub timeout: Duration,
    pub pause: Duration,
    pub gap: u32,
    pub read_back: bool,
}

impl Manner {
    pub fn of(settings: &Settings) -> Arc<Manner> {
        Arc::new(Manner {
            timeout: settings.timeout.0,
            pause: settings.pause.0,
            gap: settings.gap.into(),
            read_back: settings.read_back,
        })
    }
}

/// One tag in a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Item {
    /// Index in the group.
    pub tag: u32,
    /// Bytes from the block's first.
    pub place: u32,
    pub codec: Codec,
}

/// Bytes that are read as one item of a job, and the tags in them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    pub span: Span,
    /// By place.
    pub items: Box<[Item]>,
}

/// The token of a read.
#[derive(Debug, PartialEq, Eq)]
pub struct Read {
    pub manner: Arc<Manner>,
    pub blocks: Box<[Block]>,
    /// The PDU for which the blocks were cut.
    pub pdu_bytes: u16,
}

/// The token of a tag that can be written.
#[derive(Debug, PartialEq, Eq)]
pub struct Write {
    pub manner: Arc<Manner>,
    pub point: Point,
}

/// What a job holds so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Load {
    items: usize,
    /// Of the answer's items.
    bytes: usize,
}

impl Load {
    /// Adds an item of so many bytes, unless the job or its answer would outgrow the PDU.
    pub fn add(&mut self, bytes: u32, pdu_bytes: u16) -> bool {
        let items = self.items + 1;
        // Items are filled up to whole words, all but the last; this counts it too.
        let bytes = self.bytes + ITEM_HEAD_BYTES + (bytes as usize).next_multiple_of(2);
        let pdu = usize::from(pdu_bytes);
        let fits = items <= ITEMS_MAX
            && READ_JOB_BYTES + items * ITEM_BYTES <= pdu
            && READ_ANSWER_BYTES + bytes <= pdu;
        if fits {
            (self.items, self.bytes) = (items, bytes);
        }
        fits
    }
}

/// The longest block that one job reads.
pub fn block_bytes_max(pdu_bytes: u16) -> u32 {
    let room = usize::from(pdu_bytes).saturating_sub(READ_ANSWER_BYTES + ITEM_HEAD_BYTES);
    (room & !1).max(2) as u32
}

/// The fewest requests that read these points, each given with its tag's index. Every request is
/// one job, as long as the controller grants the PDU that was asked for.
pub fn reads(
    mut wanted: Vec<(u32, Point)>,
    pdu_bytes: u16,
    manner: &Arc<Manner>,
) -> Vec<ReadRequest> {
    wanted.sort_unstable_by_key(|(tag, p)| (p.area, p.block, p.start, p.codec.width(), *tag));
    pack(cut(&wanted, manner.gap, pdu_bytes), pdu_bytes, manner)
}

/// Blocks of neighbours, none longer than a job can read; only a single value may be. Points come
/// sorted by place.
fn cut(points: &[(u32, Point)], gap: u32, pdu_bytes: u16) -> Vec<Block> {
    let max = block_bytes_max(pdu_bytes);
    let mut blocks = Vec::new();
    let mut rest = points;
    while let Some(((_, first), _)) = rest.split_first() {
        let mut span = first.span();
        let same = |other: &Span| (other.area, other.block) == (span.area, span.block);
        let mut end = span.end();
        let mut taken = 1;
        for (_, point) in rest.iter().skip(1) {
            let next = point.span();
            let to = end.max(next.end());
            if !same(&next) || next.start > end + gap || to - span.start > max {
                break;
            }
            end = to;
            taken += 1;
        }
        let (now, later) = rest.split_at(taken);
        span.bytes = end - span.start;
        let items = now.iter().map(|(tag, point)| Item {
            tag: *tag,
            place: point.start - span.start,
            codec: point.codec,
        });
        blocks.push(Block { span, items: items.collect() });
        rest = later;
    }
    blocks
}

/// Requests that still have room; looked at before another is begun.
const OPEN_MAX: usize = 8;

/// Puts blocks together to requests that are one job each.
pub fn pack(blocks: Vec<Block>, pdu_bytes: u16, manner: &Arc<Manner>) -> Vec<ReadRequest> {
    let mut jobs: Vec<(Load, Vec<Block>)> = Vec::new();
    for block in blocks {
        let begin = jobs.len().saturating_sub(OPEN_MAX);
        let open = jobs[begin..]
            .iter_mut()
            .find_map(|(load, blocks)| load.add(block.span.bytes, pdu_bytes).then_some(blocks));
        match open {
            Some(blocks) => blocks.push(block),
            None => {
                let mut load = Load::default();
                if !load.add(block.span.bytes, pdu_bytes) {
                    // A value longer than a job: nothing goes with it.
                    load.items = ITEMS_MAX;
                }
                jobs.push((load, vec![block]));
            }
        }
    }
    jobs.into_iter().map(|(_, blocks)| request(manner, blocks, pdu_bytes)).collect()
}

fn request(manner: &Arc<Manner>, blocks: Vec<Block>, pdu_bytes: u16) -> ReadRequest {
    let tags = blocks.iter().flat_map(|block| block.items.iter().map(|item| item.tag)).collect();
    let read = Read { manner: manner.clone(), blocks: blocks.into(), pdu_bytes };
    ReadRequest { tags, token: Token::new(read) }
}

/// The blocks of a read cut anew for a smaller PDU, between values where that is possible.
pub fn recut(read: &Read, pdu_bytes: u16) -> Vec<Block> {
    let points: Vec<(u32, Point)> = read.blocks.iter().flat_map(points_of).collect();
    // Blocks are not in the order of places among each other, only within.
    let mut points = points;
    points.sort_by_key(|(_, p)| (p.area, p.block, p.start, p.codec.width()));
    cut(&points, read.manner.gap, pdu_bytes)
}

fn points_of(block: &Block) -> impl Iterator<Item = (u32, Point)> + '_ {
    let Span { area, block: number, start, .. } = block.span;
    block.items.iter().map(move |item| {
        (item.tag, Point { area, block: number, start: start + item.place, codec: item.codec })
    })
}

/// A block with only some of its tags; as long as they need.
fn part(block: &Block, items: &[Item]) -> Block {
    let first = items.first().map_or(0, |item| item.place);
    let ends = items.iter().map(|item| item.place + item.codec.width() as u32);
    let end = ends.max().unwrap_or(first + 1);
    let span = Span { start: block.span.start + first, bytes: end - first, ..block.span };
    let items = items.iter().map(|item| Item { place: item.place - first, ..*item }).collect();
    Block { span, items }
}

/// Two parts with half of the tags each, if there is more than one.
fn halves(block: &Block) -> Option<[Block; 2]> {
    if block.items.len() < 2 {
        return None;
    }
    let (low, high) = block.items.split_at(block.items.len() / 2);
    Some([part(block, low), part(block, high)])
}

/// Whether a part of a block that was refused so may be readable.
pub fn is_curable(block: &Block, code: ItemCode) -> bool {
    code == ItemCode::OUT_OF_RANGE && block.items.len() > 1
}

/// Requests for what a read has taught: blocks that answered and halves of those that may answer in
/// part go together, refused ones by themselves, so that they can be left alone for a while.
pub fn divide_by(
    outcome: &[(Block, ItemCode)],
    pdu_bytes: u16,
    manner: &Arc<Manner>,
) -> Option<Vec<ReadRequest>> {
    let mut good = Vec::new();
    let mut refused: Vec<(ItemCode, Vec<Block>)> = Vec::new();
    for (block, code) in outcome {
        if code.is_success() {
            good.push(block.clone());
        } else if let (true, Some(halves)) = (is_curable(block, *code), halves(block)) {
            good.extend(halves);
        } else {
            match refused.iter_mut().find(|(known, _)| known == code) {
                Some((_, blocks)) => blocks.push(block.clone()),
                None => refused.push((*code, vec![block.clone()])),
            }
        }
    }
    let alone = good.is_empty() && refused.len() == 1;
    let mut requests = pack(good, pdu_bytes, manner);
    for (_, blocks) in refused {
        requests.extend(pack(blocks, pdu_bytes, manner));
    }
    (!alone).then_some(requests)
}

/// Two requests for half of a read each, when the job as a whole was refused.
pub fn divide(read: &Read) -> Option<Vec<ReadRequest>> {
    let sets = match &read.blocks[..] {
        [] => return None,
        [one] => halves(one)?.map(|half| vec![half]),
        several => {
            let (low, high) = several.split_at(several.len() / 2);
            [low.to_vec(), high.to_vec()]
        }
    };
    Some(sets.map(|blocks| request(&read.manner, blocks, read.pdu_bytes)).into())
}
