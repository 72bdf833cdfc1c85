//! Taking numbers off the front of bytes, without panics.

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
    take::<2>(rest).map(|bytes| u16::from_be_bytes(*bytes))
}

/// Bytes that hold this many bits.
pub(crate) fn bytes_of_bits(bits: u16) -> usize {
    usize::from(bits.div_ceil(8))
}
