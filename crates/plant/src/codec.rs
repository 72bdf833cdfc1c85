//! Modbus TCP as a server sees it: frames cut out of a byte stream, requests read from their PDU,
//! answers built. Bytes only; what a register holds is `device.rs`.

/// Seven bytes of header and a PDU of at most 253 (Modbus Application Protocol 1.1b3, 4.1).
pub const FRAME_BYTES_MAX: usize = 260;
pub const HEADER_BYTES: usize = 7;

const READ_BITS_MAX: u16 = 2000;
const READ_REGISTERS_MAX: u16 = 125;
const WRITE_BITS_MAX: u16 = 1968;
const WRITE_REGISTERS_MAX: u16 = 123;

/// The exceptions this plant answers with (Modbus Application Protocol 1.1b3, section 7).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Exception {
    IllegalFunction = 1,
    IllegalAddress = 2,
    IllegalValue = 3,
    DeviceFailure = 4,
    Busy = 6,
    NoSuchUnit = 11,
}

/// What stands at the beginning of the bytes received so far.
#[derive(Debug, PartialEq, Eq)]
pub enum Split<'a> {
    /// Not a whole frame yet.
    Incomplete,
    /// One frame, and how many bytes it takes.
    Frame { transaction: u16, unit: u8, pdu: &'a [u8], bytes: usize },
    /// Not Modbus TCP; there is no way to find the next frame.
    Broken(&'static str),
}

pub fn split(bytes: &[u8]) -> Split<'_> {
    let [t1, t2, p1, p2, l1, l2, unit, rest @ ..] = bytes else { return Split::Incomplete };
    if (*p1, *p2) != (0, 0) {
        return Split::Broken("the protocol id is not 0");
    }
    let length = usize::from(u16::from_be_bytes([*l1, *l2]));
    if !(2..=FRAME_BYTES_MAX - HEADER_BYTES + 1).contains(&length) {
        return Split::Broken("the length is not between 2 and 254");
    }
    match rest.get(..length - 1) {
        None => Split::Incomplete,
        Some(pdu) => Split::Frame {
            transaction: u16::from_be_bytes([*t1, *t2]),
            unit: *unit,
            pdu,
            bytes: HEADER_BYTES + pdu.len(),
        },
    }
}

/// Appends one frame to `out`.
pub fn put_frame(out: &mut Vec<u8>, transaction: u16, unit: u8, pdu: &[u8]) {
    let length = u16::try_from(pdu.len() + 1).unwrap_or(u16::MAX);
    out.extend_from_slice(&transaction.to_be_bytes());
    out.extend_from_slice(&[0, 0]);
    out.extend_from_slice(&length.to_be_bytes());
    out.push(unit);
    out.extend_from_slice(pdu);
}

/// The four address spaces of a unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Area {
    Coil,
    Discrete,
    Input,
    Holding,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    ReadBits { area: Area, start: u16, count: u16 },
    ReadRegisters { area: Area, start: u16, count: u16 },
    WriteCoils { start: u16, values: Vec<bool>, single: bool },
    WriteRegisters { start: u16, values: Vec<u16>, single: bool },
}

/// Reads a request's PDU, or says with which exception to refuse it.
pub fn request(pdu: &[u8]) -> Result<Request, Exception> {
    let (function, rest) = pdu.split_first().ok_or(Exception::IllegalFunction)?;
    match function {
        1 | 2 => {
            let area = if *function == 1 { Area::Coil } else { Area::Discrete };
            let (start, count) = read_range(rest, READ_BITS_MAX)?;
            Ok(Request::ReadBits { area, start, count })
        }
        3 | 4 => {
            let area = if *function == 3 { Area::Holding } else { Area::Input };
            let (start, count) = read_range(rest, READ_REGISTERS_MAX)?;
            Ok(Request::ReadRegisters { area, start, count })
        }
        5 => {
            let (start, value) = two_words(rest)?;
            let on = match value {
                0xff00 => true,
                0 => false,
                _ => return Err(Exception::IllegalValue),
            };
            Ok(Request::WriteCoils { start, values: vec![on], single: true })
        }
        6 => {
            let (start, value) = two_words(rest)?;
            Ok(Request::WriteRegisters { start, values: vec![value], single: true })
        }
        15 => write_coils(rest),
        16 => write_registers(rest),
        _ => Err(Exception::IllegalFunction),
    }
}

/// The PDU that refuses `function`.
pub fn exception_pdu(function: u8, code: u8) -> Vec<u8> {
    vec![function | 0x80, code]
}

/// The answer to a read of bits.
pub fn bits_pdu(area: Area, bits: &[bool]) -> Vec<u8> {
    let mut pdu = vec![if area == Area::Coil { 1 } else { 2 }, bits.len().div_ceil(8) as u8];
    pdu.extend(bits.chunks(8).map(|eight| {
        eight.iter().enumerate().fold(0u8, |byte, (at, on)| byte | (u8::from(*on) << at))
    }));
    pdu
}

/// The answer to a read of registers.
pub fn registers_pdu(area: Area, registers: &[u16]) -> Vec<u8> {
    let mut pdu = vec![if area == Area::Holding { 3 } else { 4 }, (registers.len() * 2) as u8];
    pdu.extend(registers.iter().flat_map(|register| register.to_be_bytes()));
    pdu
}

/// The answer to a write: for every kind of write it is the first five bytes of the request.
pub fn written_pdu(request: &[u8]) -> Vec<u8> {
    request.iter().copied().take(5).collect()
}

fn two_words(rest: &[u8]) -> Result<(u16, u16), Exception> {
    match rest {
        [a, b, c, d] => Ok((u16::from_be_bytes([*a, *b]), u16::from_be_bytes([*c, *d]))),
        _ => Err(Exception::IllegalValue),
    }
}

fn read_range(rest: &[u8], most: u16) -> Result<(u16, u16), Exception> {
    let (start, count) = two_words(rest)?;
    range(start, count, most)
}

fn range(start: u16, count: u16, most: u16) -> Result<(u16, u16), Exception> {
    if count == 0 || count > most {
        return Err(Exception::IllegalValue);
    }
    start.checked_add(count - 1).ok_or(Exception::IllegalAddress)?;
    Ok((start, count))
}

fn write_head(rest: &[u8], most: u16) -> Result<(u16, u16, &[u8]), Exception> {
    let [a, b, c, d, bytes, data @ ..] = rest else { return Err(Exception::IllegalValue) };
    let start = u16::from_be_bytes([*a, *b]);
    let (start, count) = range(start, u16::from_be_bytes([*c, *d]), most)?;
    if usize::from(*bytes) != data.len() {
        return Err(Exception::IllegalValue);
    }
    Ok((start, count, data))
}

fn write_coils(rest: &[u8]) -> Result<Request, Exception> {
    let (start, count, data) = write_head(rest, WRITE_BITS_MAX)?;
    if data.len() != usize::from(count).div_ceil(8) {
        return Err(Exception::IllegalValue);
    }
    let bits = data.iter().flat_map(|byte| (0..8).map(move |at| byte >> at & 1 == 1));
    let values = bits.take(usize::from(count)).collect();
    Ok(Request::WriteCoils { start, values, single: false })
}

fn write_registers(rest: &[u8]) -> Result<Request, Exception> {
    let (start, count, data) = write_head(rest, WRITE_REGISTERS_MAX)?;
    if data.len() != usize::from(count) * 2 {
        return Err(Exception::IllegalValue);
    }
    let values = data.chunks_exact(2).map(|pair| u16::from_be_bytes([pair[0], pair[1]])).collect();
    Ok(Request::WriteRegisters { start, values, single: false })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn frames_are_cut_out_of_a_stream() {
        let mut stream = Vec::new();
        put_frame(&mut stream, 7, 3, &[3, 0, 0, 0, 2]);
        put_frame(&mut stream, 8, 4, &[4, 0, 1, 0, 1]);
        let Split::Frame { transaction: 7, unit: 3, pdu, bytes: 12 } = split(&stream) else {
            panic!("{:?}", split(&stream))
        };
        assert_eq!(pdu, [3, 0, 0, 0, 2]);
        let Split::Frame { transaction: 8, unit: 4, .. } = split(&stream[12..]) else {
            panic!("{:?}", split(&stream[12..]))
        };
        assert_eq!(split(&stream[..11]), Split::Incomplete);
        assert!(matches!(split(&[0, 0, 0, 1, 0, 2, 1, 3]), Split::Broken(_)));
        assert!(matches!(split(&[0, 0, 0, 0, 0xff, 0xff, 1, 3]), Split::Broken(_)));
        assert!(matches!(split(&[0, 0, 0, 0, 0, 1, 1]), Split::Broken(_)));
    }

    #[test]
    fn requests_and_their_refusals() {
        let check = |pdu: &[u8], want: Result<Request, Exception>| {
            assert_eq!(request(pdu), want, "{pdu:02x?}");
        };
        let (coil, holding) = (Area::Coil, Area::Holding);
        check(&[1, 0, 5, 0, 9], Ok(Request::ReadBits { area: coil, start: 5, count: 9 }));
        check(&[3, 0, 5, 0, 2], Ok(Request::ReadRegisters { area: holding, start: 5, count: 2 }));
        check(&[3, 0, 5, 0, 0], Err(Exception::IllegalValue));
        check(&[3, 0, 5, 0, 126], Err(Exception::IllegalValue));
        check(&[3, 0xff, 0xff, 0, 2], Err(Exception::IllegalAddress));
        check(&[3, 0, 5], Err(Exception::IllegalValue));
        check(&[43, 14, 1, 0], Err(Exception::IllegalFunction));
        let on = Request::WriteCoils { start: 1, values: vec![true], single: true };
        check(&[5, 0, 1, 0xff, 0], Ok(on));
        check(&[5, 0, 1, 0, 1], Err(Exception::IllegalValue));
        let three = vec![true, false, true];
        let coils = Request::WriteCoils { start: 1, values: three, single: false };
        check(&[15, 0, 1, 0, 3, 1, 0b101], Ok(coils));
        check(&[15, 0, 1, 0, 3, 2, 1, 1], Err(Exception::IllegalValue));
        let two = Request::WriteRegisters { start: 1, values: vec![0x0102, 0x0304], single: false };
        check(&[16, 0, 1, 0, 2, 4, 1, 2, 3, 4], Ok(two));
        check(&[16, 0, 1, 0, 2, 4, 1, 2, 3], Err(Exception::IllegalValue));
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
            let mut rest = &bytes[..];
            while let Split::Frame { pdu, bytes, .. } = split(rest) {
                prop_assert!(bytes <= FRAME_BYTES_MAX);
                let _ = request(pdu);
                rest = &rest[bytes..];
            }
            let _ = request(&bytes);
        }

        #[test]
        fn near_valid_requests_do_not_panic(
            function in prop::sample::select(vec![1u8, 2, 3, 4, 5, 6, 15, 16]),
            rest in prop::collection::vec(any::<u8>(), 0..260),
        ) {
            let mut pdu = vec![function];
            pdu.extend(rest);
            let _ = request(&pdu);
        }
    }
}
