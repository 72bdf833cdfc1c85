//! A pure look at the image of one segment, for tools and for fuzzing: never panics, whatever the
//! bytes are.

use crate::frame::{FRAMES_AT, SECOND_HEADER_AT, SegmentHeader};
use crate::walk::{Step, Walker};
use crate::{Span, Stream};

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scan {
    /// Stream, epoch and first sequence, if either copy of the segment header is good.
    pub segment: Option<(Stream, u32, u64)>,
    pub frames: Vec<ScannedFrame>,
    /// Byte ranges that are no frame although a good frame follows.
    pub bad: Vec<(u64, u64)>,
    /// Something that is no frame follows the last good one.
    pub torn: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScannedFrame {
    pub offset: u64,
    /// The number of the frame's kind in the format.
    pub kind: u8,
    pub span: Span,
    /// None if the payload's checksum is wrong.
    pub payload: Option<Vec<u8>>,
}

pub fn scan(image: &[u8]) -> Scan {
    let mut scan = Scan::default();
    let second = image.get(SECOND_HEADER_AT as usize..).unwrap_or_default();
    let Ok((header, seed)) =
        SegmentHeader::decode(image).or_else(|_| SegmentHeader::decode(second))
    else {
        return scan;
    };
    scan.segment = Some((header.stream, header.epoch, header.first_seq));
    let mut walker = Walker::new(image, seed, image.len() as u64);
    // Reading from memory cannot fail.
    while let Ok(step) = walker.step() {
        match step {
            Step::Frame { offset, header } => {
                let payload = walker.payload(offset, &header).ok().flatten().map(<[u8]>::to_vec);
                let (kind, span) = (header.kind.code(), header.span());
                scan.frames.push(ScannedFrame { offset, kind, span, payload });
                walker.pass(&header);
            }
            Step::Bad { from, to } => scan.bad.push((from, to)),
            Step::End { torn, .. } => {
                scan.torn = torn;
                break;
            }
        }
    }
    debug_assert!(scan.frames.iter().all(|frame| frame.offset >= FRAMES_AT));
    scan
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn never_panics_on_a_damaged_example(
            changes in prop::collection::vec((0usize..5000, any::<u8>()), 0..40),
            length in 0usize..5000,
        ) {
            let mut image = include_bytes!(
                "../examples-v1/samples/00000000000000000000-0000000001.seg"
            ).to_vec();
            let whole = scan(&image);
            for (at, byte) in changes {
                if let Some(place) = image.get_mut(at) {
                    *place = byte;
                }
            }
            image.truncate(length);
            for frame in scan(&image).frames {
                prop_assert!(frame.payload.is_none() || whole.frames.contains(&frame));
            }
        }

        #[test]
        fn never_panics(bytes in prop::collection::vec(any::<u8>(), 0..6000)) {
            scan(&bytes);
        }
    }
}
