//! The doors for fuzzing: anything at all may come from the network, in pieces of any size.

use crate::apci::{Frame, FrameBuffer};
use crate::asdu::{Asdu, Object, Sizes, encode};
use crate::words::Words;

/// Takes bytes as a stream, cut into pieces of `bytes[0]` bytes.
pub fn apdu(bytes: &[u8]) {
    let Some((&piece, mut rest)) = bytes.split_first() else { return };
    let sizes = Sizes::default();
    let mut frames = FrameBuffer::new();
    while !rest.is_empty() {
        let space = frames.space();
        let count = usize::from(piece).max(1).min(space.len()).min(rest.len());
        let Some((now, later)) = rest.split_at_checked(count) else { return };
        if let Some(place) = space.get_mut(..count) {
            place.copy_from_slice(now);
        }
        frames.arrived(count);
        rest = later;
        loop {
            match frames.take() {
                Ok(Some((frame, _))) => {
                    let _ = Words { frame, sizes }.to_string();
                    if let Frame::Information { asdu, .. } = frame {
                        check(asdu, sizes);
                    }
                }
                Ok(None) => break,
                Err(_) => return,
            }
        }
    }
}

/// Takes bytes as one ASDU, with the sizes that the first byte chooses.
pub fn asdu(bytes: &[u8]) {
    let Some((&choice, rest)) = bytes.split_first() else { return };
    let at = |list: &[u8], index: u8| list.get(usize::from(index)).copied().unwrap_or(2);
    let sizes = Sizes {
        cause: at(&[1, 2], choice & 1),
        common_address: at(&[1, 2], choice >> 1 & 1),
        object_address: at(&[1, 2, 3, 3], choice >> 2 & 3),
    };
    check(rest, sizes);
}

/// Panics where what was understood is not understood the same when it is said again.
fn check(bytes: &[u8], sizes: Sizes) {
    let Ok(asdu) = Asdu::decode(bytes, sizes) else { return };
    let objects: Vec<Object> = asdu.objects().collect();
    assert_eq!(objects.len(), usize::from(asdu.header.count));
    let _ = asdu.to_string();
    for time in objects.iter().filter_map(|object| object.time) {
        if let crate::TimeTag::Cp56(time) = time {
            let _ = time.local_ms().map(crate::Cp56::from_local_ms);
        }
    }
    let mut again = Vec::new();
    if encode(&asdu.header, &objects, sizes, &mut again).is_err() {
        assert!(bytes.len() > crate::ASDU_BYTES_MAX, "only what no frame can hold is refused");
        return;
    }
    let Ok(second) = Asdu::decode(&again, sizes) else {
        panic!("what was encoded cannot be decoded: {again:02x?}");
    };
    let mut once_more = Vec::new();
    let objects: Vec<Object> = second.objects().collect();
    let encoded = encode(&second.header, &objects, sizes, &mut once_more);
    assert!(encoded.is_ok() && again == once_more && second.header == asdu.header);
}
