//! The door for fuzzing: anything at all may come from the network, in pieces of any size.

use crate::bytes::Reader;
use crate::channel::{Channel, Message, Mode};
use crate::frame::FrameBuffer;
use crate::policy::Policy;
use crate::service;
use crate::variant::Variant;

/// Takes bytes as the stream of a server without security, cut into pieces of `bytes[0]` bytes.
pub fn stream(bytes: &[u8]) {
    let Some((&piece, stream)) = bytes.split_first() else { return };
    let mut frames = FrameBuffer::default();
    let mut channel = Channel::new(Policy::None, Mode::None, None);
    let mut rest = stream;
    while !rest.is_empty() {
        let space = frames.space();
        let count = usize::from(piece).max(1).min(space.len()).min(rest.len());
        let (now, later) = rest.split_at(count);
        space[..count].copy_from_slice(now);
        frames.arrived(count);
        rest = later;
        loop {
            let chunk = match frames.take() {
                Ok(Some(chunk)) => chunk,
                Ok(None) => break,
                Err(_) => return,
            };
            match channel.receive(chunk) {
                Ok(Some(Message::Answer { body, .. })) => answer(&body),
                Ok(_) => {}
                Err(_) => return,
            }
        }
    }
}

/// One message, as every answer that there is.
pub fn answer(body: &[u8]) {
    let mut reader = Reader::new(body);
    // Headers are checked too, but what follows is wanted even where they are wrong.
    let _ = service::ResponseHeader::decode(&mut reader, service::id::answer_to(service::id::READ));
    for start in [reader.remaining(), body] {
        let reader = || Reader::new(start);
        let _ = service::endpoints(&mut reader());
        let _ = service::Session::decode(&mut reader());
        let _ = service::activate_session_result(&mut reader());
        let _ = service::read_results(&mut reader());
        let _ = service::history_results(&mut reader());
        let _ = service::references(&mut reader());
        let _ = service::paths(&mut reader());
        let _ = service::created_items(&mut reader());
        let _ = service::statuses(&mut reader());
        let _ = service::Subscription::decode(&mut reader());
        let _ = service::Publish::decode(&mut reader(), |_| {});
    }
    value(body);
}

/// A value that was decoded is the same after it was written and read again.
pub fn value(bytes: &[u8]) {
    let Ok(value) = Variant::decode(&mut Reader::new(bytes)) else { return };
    // What is no value cannot be written.
    if format!("{value:?}").contains("Invalid") || format!("{value:?}").contains("NaN") {
        return;
    }
    let mut again = Vec::new();
    value.encode(&mut again);
    assert_eq!(Variant::decode(&mut Reader::new(&again)), Ok(value));
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn nothing_breaks_the_reader(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            super::stream(&bytes);
            super::answer(&bytes);
        }
    }
}
