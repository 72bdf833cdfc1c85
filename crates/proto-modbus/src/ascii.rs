//! ASCII: a colon, hexadecimal digits of unit, PDU and LRC, and a line end (Modbus over Serial Line
//! V1.02, 2.5.2). A colon always begins a frame, so the place in the stream is found again by
//! itself.

use crate::Malformed;
use crate::limits::PDU_BYTES_MAX;
use crate::serial::{Asked, Damage, Echo, Head, Line};

/// The longest frame on the line: colon, two digits for each byte of unit, PDU and LRC, line end.
pub const FRAME_BYTES_MAX: usize = 513;

/// The LRC over a frame's bytes: their sum with the sign changed.
pub fn lrc(bytes: &[u8]) -> u8 {
    bytes.iter().fold(0u8, |sum, byte| sum.wrapping_add(*byte)).wrapping_neg()
}

/// Appends the frame of unit and PDU, or nothing.
pub(crate) fn framed(
    unit: u8,
    out: &mut Vec<u8>,
    pdu: impl FnOnce(&mut Vec<u8>) -> Result<(), Malformed>,
) -> Result<(), Malformed> {
    let mut body = vec![unit];
    pdu(&mut body)?;
    body.push(lrc(&body));
    out.push(b':');
    let digit = |four: u8| b"0123456789ABCDEF".get(usize::from(four)).copied().unwrap_or(b'0');
    for byte in body {
        out.extend_from_slice(&[digit(byte >> 4), digit(byte & 15)]);
    }
    out.extend_from_slice(b"\r\n");
    Ok(())
}

/// The bytes that a frame's digits stand for, LRC included.
pub(crate) fn decode(frame: &[u8], out: &mut Vec<u8>) {
    out.clear();
    let digits = frame.strip_prefix(b":").unwrap_or(frame);
    let digits = digits.strip_suffix(b"\r\n").unwrap_or(digits);
    let value = |digit: &u8| char::from(*digit).to_digit(16).unwrap_or_default();
    out.extend(digits.as_chunks::<2>().0.iter().map(|[high, low]| {
        u8::try_from(value(high).wrapping_shl(4) | value(low)).unwrap_or_default()
    }));
}

/// What the bytes begin with. Characters may be a second apart, so silence only matters when
/// nothing is asked any more.
pub(crate) fn head(bytes: &[u8], asked: Option<&Asked<'_>>, line: Line) -> Head {
    let next_colon = |from: usize| {
        let rest = bytes.get(from..).unwrap_or_default();
        rest.iter().position(|byte| *byte == b':').map_or(bytes.len(), |at| at.saturating_add(from))
    };
    if bytes.first() != Some(&b':') {
        return Head::Noise(next_colon(0), Damage::Form);
    }
    let digits = bytes.iter().skip(1).take_while(|byte| byte.is_ascii_hexdigit()).count();
    let end = digits.saturating_add(1);
    let wrong = Head::Noise(next_colon(1), Damage::Form);
    match bytes.get(end..).unwrap_or_default() {
        _ if end.saturating_add(2) > FRAME_BYTES_MAX => wrong,
        [] | [b'\r'] if line == Line::Active || asked.is_some() => Head::More,
        [b'\r', b'\n', ..] => {
            let count = end.saturating_add(2);
            whole(bytes.get(..count).unwrap_or_default(), asked)
        }
        _ => wrong,
    }
}

/// A frame with its line end.
fn whole(frame: &[u8], asked: Option<&Asked<'_>>) -> Head {
    let count = frame.len();
    let mut bytes = Vec::with_capacity(PDU_BYTES_MAX.saturating_add(2));
    decode(frame, &mut bytes);
    // Colon, an even count of digits, line end; at least unit, function and LRC.
    if count.is_multiple_of(2) || bytes.len() < 3 {
        return Head::Noise(count, Damage::Form);
    }
    let Some((sum, body)) = bytes.split_last() else { return Head::Noise(count, Damage::Form) };
    if lrc(body) != *sum {
        return Head::Noise(count, Damage::CheckSum);
    }
    let Some(asked) = asked.filter(|asked| frame == asked.sent) else { return Head::Frame(count) };
    let answers = body.split_first().is_some_and(|(unit, pdu)| asked.is_answered_by(*unit, pdu));
    match answers && asked.echo == Echo::Unknown {
        true => Head::Frame(count),
        false => Head::Echo(count),
    }
}
