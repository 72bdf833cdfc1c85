//! Frames on TCP (IEC 60870-5-104, section 5): start 68H, length, four control octets, ASDU.
//!
//! A start or a length that cannot be true means that the place in the stream is lost; there is no
//! mark to find it again by, so the connection must end.

use std::fmt;

const START: u8 = 0x68;
/// What the length octet counts at least: the control octets.
const CONTROL_BYTES: usize = 4;
/// What the length octet counts at most.
const LENGTH_MAX: usize = 253;
/// The longest frame: start, length, and what the length counts.
const FRAME_BYTES_MAX: usize = 255;
/// Room for some frames, so that what arrives together is read together.
const BUFFER_BYTES: usize = 8192;

/// The number of an I frame, modulo 2^15.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Sequence(u16);

impl Sequence {
    pub const fn new(number: u16) -> Sequence {
        Sequence(number & 0x7FFF)
    }

    pub const fn number(self) -> u16 {
        self.0
    }

    #[must_use]
    pub const fn next(self) -> Sequence {
        Sequence::new(self.0.wrapping_add(1))
    }

    /// Frames from `earlier` up to here.
    pub const fn since(self, earlier: Sequence) -> u16 {
        self.0.wrapping_sub(earlier.0) & 0x7FFF
    }
}

impl fmt::Display for Sequence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What an unnumbered frame says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Function {
    StartActivation = 0x07,
    StartConfirmation = 0x0B,
    StopActivation = 0x13,
    StopConfirmation = 0x23,
    TestActivation = 0x43,
    TestConfirmation = 0x83,
}

impl Function {
    pub const ALL: [Function; 6] = [
        Function::StartActivation,
        Function::StartConfirmation,
        Function::StopActivation,
        Function::StopConfirmation,
        Function::TestActivation,
        Function::TestConfirmation,
    ];

    /// As in the standard.
    pub fn name(self) -> &'static str {
        match self {
            Function::StartActivation => "STARTDT act",
            Function::StartConfirmation => "STARTDT con",
            Function::StopActivation => "STOPDT act",
            Function::StopConfirmation => "STOPDT con",
            Function::TestActivation => "TESTFR act",
            Function::TestConfirmation => "TESTFR con",
        }
    }
}

/// One frame as received.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Frame<'a> {
    /// Numbered information: its own number, the number expected next, and the ASDU.
    Information {
        send: Sequence,
        receive: Sequence,
        asdu: &'a [u8],
    },
    /// Acknowledges everything before `receive`.
    Supervisory {
        receive: Sequence,
    },
    Unnumbered(Function),
}

/// Bytes that cannot be a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    Start(u8),
    Length(u8),
    /// An S or U frame with more than its control octets.
    Excess(u8),
    /// A U frame that says nothing, or several things at once.
    Function(u8),
}

impl fmt::Display for Framing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "not IEC 60870-5-104: ")?;
        match self {
            Framing::Start(byte) => write!(f, "{byte:02X}H where a frame starts with 68H"),
            Framing::Length(length) => {
                write!(f, "a frame of length {length}, where 4 to 253 is possible")
            }
            Framing::Excess(length) => {
                write!(f, "a frame without data of length {length}, where it is 4")
            }
            Framing::Function(byte) => write!(f, "an unnumbered frame of function {byte:02X}H"),
        }
    }
}

impl std::error::Error for Framing {}

/// Appends an I frame; an ASDU of more than [`crate::ASDU_BYTES_MAX`] bytes is refused.
pub fn encode_information(
    send: Sequence,
    receive: Sequence,
    asdu: &[u8],
    out: &mut Vec<u8>,
) -> Result<(), Framing> {
    let counted = asdu.len().saturating_add(CONTROL_BYTES);
    let length = u8::try_from(counted).ok().filter(|length| usize::from(*length) <= LENGTH_MAX);
    let length = length.ok_or(Framing::Length(u8::MAX))?;
    let [s0, s1] = (send.0 << 1).to_le_bytes();
    let [r0, r1] = (receive.0 << 1).to_le_bytes();
    out.extend_from_slice(&[START, length, s0, s1, r0, r1]);
    out.extend_from_slice(asdu);
    Ok(())
}

pub fn encode_supervisory(receive: Sequence, out: &mut Vec<u8>) {
    let [r0, r1] = (receive.0 << 1).to_le_bytes();
    out.extend_from_slice(&[START, 4, 1, 0, r0, r1]);
}

pub fn encode_unnumbered(function: Function, out: &mut Vec<u8>) {
    out.extend_from_slice(&[START, 4, function as u8, 0, 0, 0]);
}

impl<'a> Frame<'a> {
    /// What the length octet counts, 4 to 253 bytes.
    fn decode(control: [u8; CONTROL_BYTES], asdu: &'a [u8]) -> Result<Frame<'a>, Framing> {
        let [c0, c1, c2, c3] = control;
        let receive = Sequence::new(u16::from_le_bytes([c2, c3]) >> 1);
        if c0 & 1 == 0 {
            let send = Sequence::new(u16::from_le_bytes([c0, c1]) >> 1);
            return Ok(Frame::Information { send, receive, asdu });
        }
        if !asdu.is_empty() {
            return Err(Framing::Excess(asdu.len().saturating_add(CONTROL_BYTES) as u8));
        }
        if c0 & 2 == 0 {
            return Ok(Frame::Supervisory { receive });
        }
        let function = Function::ALL.into_iter().find(|function| *function as u8 == c0);
        function.map(Frame::Unnumbered).ok_or(Framing::Function(c0))
    }
}

/// Finds frames in a stream of bytes, however it is cut. Holds one buffer and never grows.
pub struct FrameBuffer {
    bytes: Box<[u8]>,
    /// What has arrived and was not taken lies in `start..end`.
    start: usize,
    end: usize,
}

impl Default for FrameBuffer {
    fn default() -> Self {
        FrameBuffer::new()
    }
}

impl FrameBuffer {
    pub fn new() -> FrameBuffer {
        FrameBuffer { bytes: vec![0; BUFFER_BYTES].into(), start: 0, end: 0 }
    }

    /// Where to put what arrives next: never empty once [`FrameBuffer::take`] has said `None`. Tell
    /// [`FrameBuffer::arrived`] afterwards.
    pub fn space(&mut self) -> &mut [u8] {
        if self.start == self.end {
            (self.start, self.end) = (0, 0);
        } else if self.bytes.len().saturating_sub(self.end) < FRAME_BYTES_MAX {
            self.bytes.copy_within(self.start..self.end, 0);
            self.end = self.end.saturating_sub(self.start);
            self.start = 0;
        }
        self.bytes.get_mut(self.end..).unwrap_or_default()
    }

    /// The first `count` bytes of the space are filled.
    pub fn arrived(&mut self, count: usize) {
        self.end = self.end.saturating_add(count).min(self.bytes.len());
    }

    /// The next whole frame with its bytes; `None` until more arrives.
    pub fn take(&mut self) -> Result<Option<(Frame<'_>, &[u8])>, Framing> {
        let waiting = self.bytes.get(self.start..self.end).unwrap_or_default();
        // A wrong start is an error as soon as it shows, not when a frame's worth has arrived.
        let Some((&start, rest)) = waiting.split_first() else { return Ok(None) };
        if start != START {
            return Err(Framing::Start(start));
        }
        let Some((&length, rest)) = rest.split_first() else { return Ok(None) };
        let counted = usize::from(length);
        if !(CONTROL_BYTES..=LENGTH_MAX).contains(&counted) {
            return Err(Framing::Length(length));
        }
        let Some((control, asdu)) = rest.get(..counted).and_then(<[u8]>::split_first_chunk) else {
            return Ok(None);
        };
        let frame = Frame::decode(*control, asdu)?;
        let whole = counted.saturating_add(2);
        let bytes = waiting.get(..whole).unwrap_or_default();
        self.start = self.start.saturating_add(whole);
        Ok(Some((frame, bytes)))
    }
}

#[allow(clippy::indexing_slicing, reason = "test code")]
#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_count_modulo_32768() {
        let last = Sequence::new(32_767);
        assert_eq!(last.next(), Sequence::new(0));
        assert_eq!(Sequence::new(2).since(Sequence::new(32_766)), 4);
        assert_eq!(Sequence::new(5).since(Sequence::new(5)), 0);
    }

    #[test]
    fn frames_are_found_however_the_stream_is_cut() {
        let mut stream = Vec::new();
        encode_unnumbered(Function::StartConfirmation, &mut stream);
        encode_information(Sequence::new(300), Sequence::new(7), &[1, 2, 3], &mut stream).unwrap();
        encode_supervisory(Sequence::new(32_767), &mut stream);
        for piece in 1..stream.len() {
            let mut buffer = FrameBuffer::new();
            let mut seen = Vec::new();
            for part in stream.chunks(piece) {
                buffer.space()[..part.len()].copy_from_slice(part);
                buffer.arrived(part.len());
                while let Some((frame, bytes)) = buffer.take().unwrap() {
                    seen.push(format!("{frame:?} {}", bytes.len()));
                }
            }
            assert_eq!(seen.len(), 3, "{seen:?}");
            assert!(seen[1].contains("Sequence(300)") && seen[1].contains("[1, 2, 3]"));
            assert!(seen[1].ends_with(" 9"));
        }
    }

    #[test]
    fn what_is_no_frame_is_said_at_once() {
        for (bytes, wrong) in [
            (&[0x67][..], Framing::Start(0x67)),
            (&[0x68, 3], Framing::Length(3)),
            (&[0x68, 254], Framing::Length(254)),
            (&[0x68, 5, 1, 0, 0, 0, 0], Framing::Excess(5)),
            (&[0x68, 4, 0x0F, 0, 0, 0], Framing::Function(0x0F)),
            (&[0x68, 4, 0x03, 0, 0, 0], Framing::Function(0x03)),
        ] {
            let mut buffer = FrameBuffer::new();
            buffer.space()[..bytes.len()].copy_from_slice(bytes);
            buffer.arrived(bytes.len());
            assert_eq!(buffer.take(), Err(wrong));
        }
    }

    #[test]
    fn an_asdu_that_is_too_long_is_not_framed() {
        let mut out = Vec::new();
        let (send, receive) = (Sequence::default(), Sequence::default());
        assert!(encode_information(send, receive, &[0; 249], &mut out).is_ok());
        assert_eq!(out.len(), 255);
        assert!(encode_information(send, receive, &[0; 250], &mut out).is_err());
        assert_eq!(out.len(), 255);
    }
}
