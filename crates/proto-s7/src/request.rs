//! Jobs: setting up, reading and writing. Appends whole PDUs, without their frames.

use crate::bytes::length;
use crate::item::{Item, ItemSize};
use crate::{ITEMS_MAX, Malformed};

pub(crate) const SETUP: u8 = 0xF0;
pub(crate) const READ: u8 = 0x04;
pub(crate) const WRITE: u8 = 0x05;

/// Agrees on the length of PDUs. Asks for one job at a time.
pub fn setup(reference: u16, pdu_bytes: u16, out: &mut Vec<u8>) {
    let [high, low] = pdu_bytes.to_be_bytes();
    header(reference, 8, 0, out);
    out.extend_from_slice(&[SETUP, 0, 0, 1, 0, 1, high, low]);
}

/// Reads items, 1 to [`ITEMS_MAX`].
pub fn read(reference: u16, items: &[Item], out: &mut Vec<u8>) -> Result<(), Malformed> {
    let count = quantity(items.len())?;
    let parameter = items.len().saturating_mul(crate::ITEM_BYTES).saturating_add(2);
    header(reference, length(parameter)?, 0, out);
    out.extend_from_slice(&[READ, count]);
    items.iter().for_each(|item| item.encode(out));
    Ok(())
}

/// Writes one item: a bit as one byte 0 or 1, everything else as its bytes.
pub fn write(reference: u16, item: &Item, data: &[u8], out: &mut Vec<u8>) -> Result<(), Malformed> {
    let bytes = data.len();
    let (transport, stated) = match item.size {
        ItemSize::Bit => (0x03, 1),
        ItemSize::Byte => (0x04, length(bytes.saturating_mul(8))?),
        ItemSize::Counter | ItemSize::Timer => (0x09, length(bytes)?),
    };
    if bytes == 0 {
        return Err(Malformed::Quantity { items: 0 });
    }
    header(reference, 14, length(bytes.saturating_add(4))?, out);
    out.extend_from_slice(&[WRITE, 1]);
    item.encode(out);
    let [high, low] = stated.to_be_bytes();
    out.extend_from_slice(&[0, transport, high, low]);
    out.extend_from_slice(data);
    Ok(())
}

fn quantity(items: usize) -> Result<u8, Malformed> {
    match u8::try_from(items) {
        Ok(count) if (1..=ITEMS_MAX).contains(&items) => Ok(count),
        _ => Err(Malformed::Quantity { items }),
    }
}

fn header(reference: u16, parameter: u16, data: u16, out: &mut Vec<u8>) {
    let [r0, r1] = reference.to_be_bytes();
    let [p0, p1] = parameter.to_be_bytes();
    let [d0, d1] = data.to_be_bytes();
    out.extend_from_slice(&[0x32, 0x01, 0, 0, r0, r1, p0, p1, d0, d1]);
}
