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

/// Takes as many bytes as are asked for, or none.
pub(crate) fn take_slice<'a>(rest: &mut &'a [u8], count: usize) -> Option<&'a [u8]> {
    let (head, tail) = rest.split_at_checked(count)?;
    *rest = tail;
    Some(head)
}

/// A length as its field has it.
pub(crate) fn length(bytes: usize) -> Result<u16, crate::Malformed> {
    u16::try_from(bytes).map_err(|_| crate::Malformed::TooLong { bytes })
}
