//! The door for fuzzing: anything at all may come from the network, in pieces of any size.

use crate::tcp::FrameBuffer;
use crate::{Request, Response};

/// Takes bytes as a stream, cut into pieces of `bytes[0]` bytes, and as PDUs. Panics where what was
/// understood is not said again in the same bytes.
pub fn stream(bytes: &[u8]) {
    let Some((&piece, stream)) = bytes.split_first() else { return };
    pdu(stream);
    let mut frames = FrameBuffer::new();
    let mut rest = stream;
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
                Ok(Some(frame)) => pdu(frame.pdu),
                Ok(None) => break,
                Err(_) => return,
            }
        }
    }
}

/// One PDU, as a request and as a response.
pub fn pdu(bytes: &[u8]) {
    let mut again = Vec::new();
    if let Ok(request) = Request::decode(bytes) {
        request.encode(&mut again).expect("a request that was decoded can be encoded");
        assert_eq!(again, bytes);
    }
    again.clear();
    if let Ok(response) = Response::decode(bytes)
        && response.encode(&mut again).is_ok()
    {
        assert_eq!(again, bytes);
    }
}
