//! What the ledger reads in the record stream besides gaps.

use crate::bytes::{Input, put, put_text};
use std::sync::Arc;
use tagwerk_model::TagId;

/// The account of a minute.
pub const MINUTE_KIND: u16 = 32;
/// Device, group and tags of a set, so that they are known when the samples are gone.
pub const SET_KIND: u16 = 33;
/// A sink's cursor was made, where it begins.
pub const BEGINS_KIND: u16 = 34;
/// For a while the journal could not take samples.
pub const UNSTORED_KIND: u16 = 35;

/// Where a sink began to read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SinkBegins {
    pub sink: String,
    pub at: u64,
}

/// Samples that the journal could not take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unstored {
    pub from_ns: i64,
    pub to_ns: i64,
    pub samples: u64,
}

/// The edge started: samples from here on are of another run.
pub const STARTED_KIND: u16 = 36;

/// A record as the ledger understands it.
#[derive(Clone, Debug, PartialEq)]
pub enum Noted {
    Minute(crate::Minute),
    Set(crate::SetInfo),
    Begins(SinkBegins),
    Unstored(Unstored),
    Started(u64),
}

pub fn encode_begins(begins: &SinkBegins) -> (u16, Vec<u8>) {
    let mut out = Vec::new();
    put_text(&begins.sink, &mut out);
    put(begins.at, &mut out);
    (BEGINS_KIND, out)
}

pub fn encode_unstored(unstored: &Unstored) -> (u16, Vec<u8>) {
    let mut out = Vec::new();
    put(unstored.from_ns.max(0) as u64, &mut out);
    put((unstored.to_ns - unstored.from_ns).max(0) as u64, &mut out);
    put(unstored.samples, &mut out);
    (UNSTORED_KIND, out)
}

pub(crate) fn encode_started(at: u64) -> Vec<u8> {
    let mut out = Vec::new();
    put(at, &mut out);
    out
}

pub(crate) fn encode_set(set: &crate::SetInfo) -> Vec<u8> {
    let mut out = Vec::new();
    put(u64::from(set.id), &mut out);
    put_text(&set.device, &mut out);
    put_text(&set.group, &mut out);
    put(set.tags.len() as u64, &mut out);
    set.tags.iter().for_each(|tag| put(u64::from(tag.0), &mut out));
    out
}

impl Noted {
    pub fn decode(kind: u16, bytes: &[u8]) -> Option<Noted> {
        let mut input = Input(bytes);
        let noted = match kind {
            MINUTE_KIND => return crate::Minute::decode(bytes).map(Noted::Minute),
            SET_KIND => Noted::Set(decode_set(&mut input)?),
            BEGINS_KIND => {
                let sink = input.text()?.to_owned();
                Noted::Begins(SinkBegins { sink, at: input.number()? })
            }
            UNSTORED_KIND => {
                let from_ns = input.i64()?;
                let to_ns = from_ns.checked_add(input.i64()?)?;
                Noted::Unstored(Unstored { from_ns, to_ns, samples: input.number()? })
            }
            STARTED_KIND => Noted::Started(input.number()?),
            _ => return None,
        };
        input.0.is_empty().then_some(noted)
    }
}

fn decode_set(input: &mut Input<'_>) -> Option<crate::SetInfo> {
    let id = input.u32()?;
    let (device, group) = (Arc::from(input.text()?), Arc::from(input.text()?));
    let count = input.count()?;
    let tags = (0..count).map(|_| input.u32().map(TagId)).collect::<Option<_>>()?;
    Some(crate::SetInfo { id, device, group, tags })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SetInfo;

    #[test]
    fn records_come_back_as_they_were() {
        let begins = SinkBegins { sink: "cloud".into(), at: u64::MAX };
        let (kind, bytes) = encode_begins(&begins);
        assert_eq!(Noted::decode(kind, &bytes), Some(Noted::Begins(begins)));
        let unstored = Unstored { from_ns: 5, to_ns: 1 << 60, samples: 7 };
        let (kind, bytes) = encode_unstored(&unstored);
        assert_eq!(Noted::decode(kind, &bytes), Some(Noted::Unstored(unstored)));
        assert_eq!(Noted::decode(kind, &bytes[..3]), None);
        let tags = vec![TagId(1), TagId(900), TagId(u32::MAX)];
        let set = SetInfo { id: 9, device: "press".into(), group: "fast".into(), tags };
        assert_eq!(Noted::decode(SET_KIND, &encode_set(&set)), Some(Noted::Set(set)));
        assert_eq!(Noted::decode(STARTED_KIND, &encode_started(9)), Some(Noted::Started(9)));
        assert_eq!(Noted::decode(1, b"{}"), None);
    }
}
