//! What the framings of serial lines, RTU and ASCII, have in common. Neither numbers its requests,
//! so a reader is told what was asked, and says of everything on the line what it is. After the
//! Modbus over Serial Line Specification and Implementation Guide V1.02. Time is the caller's.

use crate::{Malformed, Request, Response, ascii, rtu};

/// How messages are marked off on a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Framing {
    /// Bytes, a CRC, and silence between messages.
    Rtu,
    /// Hexadecimal digits between a colon and a line end, with an LRC.
    Ascii,
}

/// One message as received.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame<'a> {
    pub unit: u8,
    /// At least one byte, the function code.
    pub pdu: &'a [u8],
    /// As on the line.
    pub raw: &'a [u8],
}

/// What was on the line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found<'a> {
    Frame(Frame<'a>),
    /// What was sent, come back.
    Echo(&'a [u8]),
    /// Bytes that are no frame.
    Noise {
        raw: &'a [u8],
        damage: Damage,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Damage {
    /// A frame's form, but a wrong check sum.
    CheckSum,
    /// Not even that.
    Form,
}

/// The request whose answer is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Asked<'a> {
    pub unit: u8,
    pub function: u8,
    /// Length of the PDU of an answer that does not refuse, [`Request::answer_bytes`].
    pub answer_bytes: usize,
    /// The request as it was sent; empty once its echo is gone.
    pub sent: &'a [u8],
    pub echo: Echo,
}

/// Whether the line is known to give back what is sent on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Echo {
    /// No: a message that is equal to the request is an answer if it can be one.
    Unknown,
    /// Yes: the first message that is equal to the request is not its answer.
    Expected,
}

/// Whether the line has been silent for as long as RTU wants between messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Line {
    Active,
    Silent,
}

impl Asked<'_> {
    /// Whether a message can be the answer: unit, function and length are those asked for.
    pub fn is_answered_by(&self, unit: u8, pdu: &[u8]) -> bool {
        let Some((function, rest)) = pdu.split_first() else { return false };
        let whole = *function == self.function && pdu.len() == self.answer_bytes;
        let refused = *function == self.function | 0x80 && rest.len() == 1;
        unit == self.unit && (whole || refused)
    }
}

/// Appends a request's frame.
pub fn encode_request(
    framing: Framing,
    unit: u8,
    request: &Request<'_>,
    out: &mut Vec<u8>,
) -> Result<(), Malformed> {
    match framing {
        Framing::Rtu => rtu::framed(unit, out, |out| request.encode(out)),
        Framing::Ascii => ascii::framed(unit, out, |out| request.encode(out)),
    }
}

/// Appends a response's frame.
pub fn encode_response(
    framing: Framing,
    unit: u8,
    response: &Response<'_>,
    out: &mut Vec<u8>,
) -> Result<(), Malformed> {
    match framing {
        Framing::Rtu => rtu::framed(unit, out, |out| response.encode(out)),
        Framing::Ascii => ascii::framed(unit, out, |out| response.encode(out)),
    }
}

/// Finds answers in what comes over a line, however it is cut. Holds one buffer and never grows.
pub struct Reader {
    framing: Framing,
    bytes: Box<[u8]>,
    /// What has arrived and was not taken lies in `start..end`.
    start: usize,
    end: usize,
    /// The last frame's bytes, where they had to be decoded.
    decoded: Vec<u8>,
}

/// Room for some frames.
const BUFFER_BYTES: usize = 2048;

/// What lies at the start of the bytes.
pub(crate) enum Head {
    /// A frame of so many bytes on the line.
    Frame(usize),
    Echo(usize),
    /// Too few bytes to say.
    More,
    /// So many bytes that are no frame.
    Noise(usize, Damage),
}

impl Reader {
    pub fn new(framing: Framing) -> Reader {
        let bytes = vec![0; BUFFER_BYTES].into();
        Reader { framing, bytes, start: 0, end: 0, decoded: Vec::with_capacity(256) }
    }

    /// Where to put what arrives next: never empty once [`Reader::take`] has said `None`. Tell
    /// [`Reader::arrived`] afterwards.
    pub fn space(&mut self) -> &mut [u8] {
        if self.start > 0 {
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

    /// Whether nothing has arrived that was not taken.
    pub fn is_empty(&self) -> bool {
        self.start == self.end
    }

    /// The next thing on the line; `None` until more arrives or the line has been silent.
    pub fn take(&mut self, asked: Option<&Asked<'_>>, line: Line) -> Option<Found<'_>> {
        let waiting = self.bytes.get(self.start..self.end).unwrap_or_default();
        if waiting.is_empty() {
            return None;
        }
        // A full buffer without a frame in it holds none that is still to be completed.
        let full = waiting.len() == self.bytes.len();
        let line = if full { Line::Silent } else { line };
        let head = match self.framing {
            Framing::Rtu => rtu::head(waiting, asked, line),
            Framing::Ascii => ascii::head(waiting, asked, line),
        };
        let head = match head {
            Head::More if full => Head::Noise(waiting.len(), Damage::Form),
            head => head,
        };
        let (Head::Frame(count) | Head::Echo(count) | Head::Noise(count, _)) = head else {
            return None;
        };
        let raw = waiting.get(..count).unwrap_or(waiting);
        self.start = self.start.saturating_add(raw.len());
        match head {
            Head::Echo(_) => return Some(Found::Echo(raw)),
            Head::Noise(_, damage) => return Some(Found::Noise { raw, damage }),
            _ => {}
        }
        let body = match self.framing {
            Framing::Rtu => raw.get(..raw.len().saturating_sub(2)).unwrap_or_default(),
            Framing::Ascii => {
                ascii::decode(raw, &mut self.decoded);
                self.decoded.split_last().map_or(&[][..], |(_, body)| body)
            }
        };
        let (unit, pdu) = body.split_first().unwrap_or((&0, &[]));
        Some(Found::Frame(Frame { unit: *unit, pdu, raw }))
    }
}
