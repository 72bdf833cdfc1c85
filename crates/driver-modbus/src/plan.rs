//! From points to requests: the fewest reads that fetch a group, each with its decode table, and
//! the way to write each tag. Pure; what is sent, and when, is the session's.

use crate::address::Area;
use crate::codec::Item;
use crate::point::{Codec, Point};
use crate::settings::{BitWrite, Settings, WriteSingle};
use std::sync::Arc;
use std::time::Duration;
use tagwerk_component::{ReadRequest, Token};
use tagwerk_env::{Parity, SerialLine};
use tagwerk_proto_modbus::Request;
use tagwerk_proto_modbus::serial::Framing;

/// What all requests of one device have in common; devices on one link may differ in it.
#[derive(Debug, PartialEq, Eq)]
pub struct Manner {
    pub timeout: Duration,
    pub pause: Duration,
    /// What follows a broadcast before the next request.
    pub turnaround: Duration,
    pub write_single: WriteSingle,
    pub bit_write: BitWrite,
    pub write_read: bool,
    pub read_back: bool,
    /// The serial line as this device wants it, on which all devices must agree.
    pub line: Option<Arc<Line>>,
}

impl Manner {
    pub fn of(settings: &Settings) -> Manner {
        Manner {
            timeout: settings.timeout.0,
            pause: settings.pause.0,
            turnaround: Duration::ZERO,
            write_single: settings.write_single,
            bit_write: settings.bit_write,
            write_read: settings.write_read,
            read_back: settings.read_back,
            line: None,
        }
    }
}

/// A serial line and how it is used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    pub serial: SerialLine,
    pub framing: Framing,
    /// Before each request, and at the end of each message.
    pub silence: Duration,
    pub echo: bool,
}

impl Line {
    /// How long a character is on the line.
    pub fn character(&self) -> Duration {
        Duration::from_secs(1) * self.serial.bits_per_character() / self.serial.baud.max(1)
    }
}

/// As people write it: `9600 baud 8N1, rtu`.
impl std::fmt::Display for Line {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let SerialLine { baud, data_bits, stop_bits, .. } = self.serial;
        let parity = match self.serial.parity {
            Parity::None => 'N',
            Parity::Even => 'E',
            Parity::Odd => 'O',
        };
        let framing = match self.framing {
            Framing::Rtu => "rtu",
            Framing::Ascii => "ascii",
        };
        write!(f, "{baud} baud {data_bits}{parity}{stop_bits}, {framing}")
    }
}

/// A run of coils or registers of one unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    pub unit: u8,
    pub area: Area,
    pub start: u16,
    pub count: u16,
}

impl Span {
    pub fn request(&self) -> Request<'static> {
        let Span { start, count, .. } = *self;
        match self.area {
            Area::Coil => Request::ReadCoils { start, count },
            Area::Discrete => Request::ReadDiscreteInputs { start, count },
            Area::Input => Request::ReadInputRegisters { start, count },
            Area::Holding => Request::ReadHoldingRegisters { start, count },
        }
    }

    /// Bytes of data in a right answer.
    pub fn data_bytes(&self) -> usize {
        match self.area.is_bits() {
            true => usize::from(self.count.div_ceil(8)),
            false => usize::from(self.count) * 2,
        }
    }
}

/// As the protocol counts, and as six digits, which count from 1 whatever `address_base` says.
impl std::fmt::Display for Span {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Span { unit, area, start, count } = *self;
        let (name, first) = (area.name(), area.number() + u32::from(start));
        match count {
            0 | 1 => write!(f, "{name}:{start} ({first:06}) of unit {unit}"),
            _ => {
                let more = u32::from(count) - 1;
                let (end, last) = (u32::from(start) + more, first + more);
                write!(f, "{name}:{start} to {name}:{end} ({first:06} to {last:06}) of unit {unit}")
            }
        }
    }
}

/// The token of a read.
#[derive(Debug, PartialEq, Eq)]
pub struct Read {
    pub manner: Arc<Manner>,
    pub span: Span,
    /// By place.
    pub items: Box<[Item]>,
}

/// The token of a tag that can be written.
#[derive(Debug, PartialEq, Eq)]
pub struct Write {
    pub manner: Arc<Manner>,
    pub span: Span,
    pub codec: Codec,
}

impl Write {
    pub fn token(point: &Point, manner: &Arc<Manner>) -> Token {
        Token::new(Write { manner: manner.clone(), span: span_of(point), codec: point.codec })
    }
}

fn span_of(point: &Point) -> Span {
    let Point { unit, area, offset: start, codec } = *point;
    Span { unit, area, start, count: codec.width() }
}

/// The fewest requests that read these points, each given with its tag's index.
pub fn reads(
    mut wanted: Vec<(u32, Point)>,
    settings: &Settings,
    manner: &Arc<Manner>,
) -> Vec<ReadRequest> {
    wanted.sort_unstable_by_key(|(tag, p)| (p.unit, p.area, p.offset, p.codec.width(), *tag));
    let mut requests = Vec::new();
    let mut rest = wanted.as_slice();
    while let Some(((_, first), _)) = rest.split_first() {
        let (span, taken) = reach(first, rest, settings);
        let (now, later) = rest.split_at(taken);
        let items = now
            .iter()
            .map(|(tag, point)| Item {
                tag: *tag,
                place: point.offset - span.start,
                codec: point.codec,
            })
            .collect();
        requests.push(request(Read { manner: manner.clone(), span, items }));
        rest = later;
    }
    requests
}

/// How far one request from `first` on reaches: its span, and how many of the points it holds.
fn reach(first: &Point, points: &[(u32, Point)], settings: &Settings) -> (Span, usize) {
    // As many coils as registers would be absurd: sixteen fit where one register does.
    let scale = if first.area.is_bits() { 16 } else { 1 };
    let (gap, size) = (u32::from(settings.gap) * scale, u32::from(settings.size) * scale);
    let start = u32::from(first.offset);
    let mut end = start + u32::from(first.codec.width());
    let mut taken = 0;
    for (_, point) in points {
        let from = u32::from(point.offset);
        let to = end.max(from + u32::from(point.codec.width()));
        let same = point.unit == first.unit && point.area == first.area;
        if !same || from > end + gap || to - start > size {
            break;
        }
        end = to;
        taken += 1;
    }
    // The first point alone always fits: tags wider than a request were refused before.
    (Span { count: (end - start) as u16, ..span_of(first) }, taken.max(1))
}

fn request(read: Read) -> ReadRequest {
    ReadRequest { tags: read.items.iter().map(|item| item.tag).collect(), token: Token::new(read) }
}

/// Two requests for half of the tags each, if there is more than one.
pub fn divide(read: &Read) -> Option<Vec<ReadRequest>> {
    if read.items.len() < 2 {
        return None;
    }
    let (low, high) = read.items.split_at(read.items.len() / 2);
    Some([low, high].map(|items| request(part(read, items))).into())
}

/// The part of a read that fetches these of its items.
fn part(read: &Read, items: &[Item]) -> Read {
    let first = items.first().map_or(0, |item| item.place);
    let end = items.iter().map(|item| item.place + item.codec.width()).max().unwrap_or(first + 1);
    let items = items.iter().map(|item| Item { place: item.place - first, ..*item }).collect();
    let span = Span { start: read.span.start + first, count: end - first, ..read.span };
    Read { manner: read.manner.clone(), span, items }
}
