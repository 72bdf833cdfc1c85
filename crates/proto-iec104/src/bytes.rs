//! Taking numbers off the front of bytes, lowest byte first, without panics.

/// Takes a fixed number of bytes off the front.
pub(crate) fn take<'a, const N: usize>(rest: &mut &'a [u8]) -> Option<&'a [u8; N]> {
    let (head, tail) = rest.split_first_chunk::<N>()?;
    *rest = tail;
    Some(head)
}

pub(crate) fn take_u8(rest: &mut &[u8]) -> Option<u8> {
    take::<1>(rest).map(|[byte]| *byte)
}

pub(crate) fn take_u16(rest: &mut &[u8]) -> Option<u16> {
    take::<2>(rest).map(|bytes| u16::from_le_bytes(*bytes))
}

pub(crate) fn take_u32(rest: &mut &[u8]) -> Option<u32> {
    take::<4>(rest).map(|bytes| u32::from_le_bytes(*bytes))
}

/// A number of `size` bytes, 1 to 4.
pub(crate) fn take_number(rest: &mut &[u8], size: u8) -> Option<u32> {
    let (head, tail) = rest.split_at_checked(usize::from(size))?;
    *rest = tail;
    Some(head.iter().rev().fold(0, |number, byte| number << 8 | u32::from(*byte)))
}

pub(crate) fn put_number(number: u32, size: u8, out: &mut Vec<u8>) {
    out.extend(number.to_le_bytes().iter().take(usize::from(size)));
}
