//! A blocking scan over the past of one tag, for charts: skips segments by their times and blocks by
//! their headers.

use crate::log::Log;
use crate::reader::{Block, Item, Reader, ReaderFilter};
use crate::{TagSet, lock};
use std::ops::ControlFlow;
use std::sync::Arc;
use tagwerk_env::Moment;

pub(crate) fn look_back(
    log: &Arc<Log>,
    tag: u32,
    from_unix_ns: i64,
    to_unix_ns: i64,
    visit: &mut dyn FnMut(&Block) -> ControlFlow<()>,
) {
    let (segments, end) = {
        let tail = lock(&log.tail);
        (tail.segments.clone(), tail.end)
    };
    let tags = Arc::new(move |set: &TagSet| set.tags.contains(&tag));
    let mut reader = Reader::new(log.clone(), 0, ReaderFilter { tags: Some(tags) });
    for (index, segment) in segments.iter().enumerate() {
        let next = segments.get(index + 1);
        let (boot, began) = (segment.header.boot, segment.header.moment);
        let ended = match next {
            Some(next) if next.header.boot == boot => next.header.moment,
            Some(_) => Moment(u64::MAX),
            None => log.shared.env.clock.now(),
        };
        let bounds = lock(&log.shared.timeline).bounds(&boot, began, ended);
        if bounds.is_some_and(|(least, most)| most < from_unix_ns || least >= to_unix_ns) {
            continue;
        }
        let upper = next.map_or(end, |next| next.first_seq()).min(end);
        if reader.position() < segment.first_seq() {
            reader.seek(segment.first_seq());
        }
        while reader.position() < upper {
            match reader.try_next() {
                Some(Item::Block(block)) => {
                    let inside = (from_unix_ns..to_unix_ns).contains(&block.unix_ns);
                    if inside && visit(&block).is_break() {
                        return;
                    }
                }
                Some(_) => {}
                None => break,
            }
        }
    }
}
