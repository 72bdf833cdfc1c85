//! The door for fuzzing: anything at all may come from the network, in pieces of any size.

use crate::{
    Event, ITEMS_MAX, Pdu, ReadAnswer, Receiver, Setup, Status, WriteAnswer, block_size, blocks,
};

/// Takes bytes as a stream, cut into pieces of `bytes[0]` bytes, and as a PDU.
pub fn stream(bytes: &[u8]) {
    let Some((&piece, stream)) = bytes.split_first() else { return };
    pdu(stream);
    let mut receiver = Receiver::new();
    let mut rest = stream;
    while !rest.is_empty() {
        let space = receiver.space();
        assert!(!space.is_empty(), "there must be room for what arrives");
        let count = usize::from(piece).max(1).min(space.len()).min(rest.len());
        let Some((now, later)) = rest.split_at_checked(count) else { return };
        if let Some(place) = space.get_mut(..count) {
            place.copy_from_slice(now);
        }
        receiver.arrived(count);
        rest = later;
        loop {
            match receiver.take() {
                Ok(Some(Event::Pdu)) => pdu(receiver.pdu()),
                Ok(Some(_)) => {}
                Ok(None) => break,
                Err(_) => return,
            }
        }
    }
}

/// One PDU, as an answer to everything that can be asked.
pub fn pdu(bytes: &[u8]) {
    let Ok(pdu) = Pdu::decode(bytes) else { return };
    let _ = Setup::decode(&pdu);
    let _ = WriteAnswer::decode(&pdu);
    for items in 1..=ITEMS_MAX {
        if let Ok(answer) = ReadAnswer::decode(&pdu, items) {
            assert!(answer.count() <= items, "no more items than were asked for");
        }
    }
    if let Ok(status) = Status::decode(&pdu) {
        blocks(status.payload).for_each(drop);
        let _ = block_size(status.payload);
    }
}
