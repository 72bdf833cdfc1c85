//! The door for fuzzing: anything at all may come from the network, in pieces of any size.

use crate::serial::{Asked, Echo, Found, Framing, Line, Reader};
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

/// What comes over a serial line, cut and with silences as the first bytes say. Panics where a byte
/// is lost or invented.
pub fn line(framing: Framing, bytes: &[u8]) {
    let Some(([piece, silences, unit, function, length, sent], stream)) =
        bytes.split_first_chunk::<6>()
    else {
        return;
    };
    let asked = Asked {
        unit: *unit,
        function: function & 0x7F,
        answer_bytes: usize::from(*length),
        sent: stream.get(..usize::from(*sent)).unwrap_or_default(),
        echo: if silences & 1 == 1 { Echo::Expected } else { Echo::Unknown },
    };
    let mut reader = Reader::new(framing);
    let mut seen = Vec::new();
    for (number, piece) in stream.chunks(usize::from(*piece).max(1)).enumerate() {
        let mut rest = piece;
        while !rest.is_empty() {
            let space = reader.space();
            let count = rest.len().min(space.len());
            assert!(count > 0, "there is always room after `take` has said `None`");
            let (now, later) = rest.split_at_checked(count).unwrap_or_default();
            if let Some(place) = space.get_mut(..count) {
                place.copy_from_slice(now);
            }
            reader.arrived(count);
            rest = later;
            let silent = silences.wrapping_shr(u32::try_from(number % 8).unwrap_or(0)) & 1 == 1;
            take_all(
                &mut reader,
                Some(&asked),
                if silent { Line::Silent } else { Line::Active },
                &mut seen,
            );
        }
    }
    take_all(&mut reader, None, Line::Silent, &mut seen);
    assert!(reader.is_empty());
    assert_eq!(seen, stream);
}

fn take_all(reader: &mut Reader, asked: Option<&Asked<'_>>, line: Line, seen: &mut Vec<u8>) {
    while let Some(found) = reader.take(asked, line) {
        match found {
            Found::Frame(frame) => {
                assert!(!frame.pdu.is_empty() && frame.pdu.len() <= 254);
                pdu(frame.pdu);
                seen.extend_from_slice(frame.raw);
            }
            Found::Echo(raw) | Found::Noise { raw, .. } => {
                assert!(!raw.is_empty());
                seen.extend_from_slice(raw);
            }
        }
    }
}
