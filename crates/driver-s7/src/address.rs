//! Addresses as engineers write them, taken apart: `DB1.DBX0.3`, `MW2`, `EB4`, `DB1.STRING10.20`,
//! `DB1.DBB8#DT`. What the parts mean for a tag's type is `point`'s to say.

use std::fmt;
use tagwerk_proto_s7::Area;

/// An address taken apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Address {
    pub area: Area,
    /// Number of the data block; 0 in other areas.
    pub block: u16,
    /// Byte, or the number of a timer or counter.
    pub start: u16,
    pub width: Option<Width>,
    /// 0 to 7.
    pub bit: Option<u8>,
    /// Behind a slash, or behind the dot of a string: bytes or characters.
    pub length: Option<u16>,
    /// In brackets: elements of a list.
    pub count: Option<u16>,
    /// Behind a `#`: the S7 type.
    pub kind: Option<Kind>,
}

/// How much the letters of an address say to take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Width {
    Bit,
    Byte,
    Word,
    Double,
    Long,
    /// `STRING`
    Text,
    /// `WSTRING`
    WideText,
}

impl Width {
    fn from_letter(letter: char) -> Option<Width> {
        Some(match letter {
            'X' => Width::Bit,
            'B' => Width::Byte,
            'W' => Width::Word,
            'D' => Width::Double,
            'L' => Width::Long,
            _ => return None,
        })
    }

    /// Bytes, of those that are numbers.
    pub fn bytes(self) -> Option<usize> {
        Some(match self {
            Width::Byte => 1,
            Width::Word => 2,
            Width::Double => 4,
            Width::Long => 8,
            Width::Bit | Width::Text | Width::WideText => return None,
        })
    }

    pub fn name(self) -> &'static str {
        match self {
            Width::Bit => "a bit",
            Width::Byte => "a byte",
            Width::Word => "a word of 2 bytes",
            Width::Double => "a double word of 4 bytes",
            Width::Long => "a long word of 8 bytes",
            Width::Text => "a STRING",
            Width::WideText => "a WSTRING",
        }
    }
}

/// The S7 types that a `#` names: times, and elements of lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Date,
    Time,
    S5Time,
    TimeOfDay,
    DateAndTime,
    Dtl,
    LTime,
    LTimeOfDay,
    LDateAndTime,
    Sint,
    Usint,
    Int,
    Uint,
    Dint,
    Udint,
    Lint,
    Ulint,
    Real,
    Lreal,
}

impl Kind {
    /// The first name of each is the one that messages use.
    const NAMES: [(&str, Kind); 31] = [
        ("DATE", Kind::Date),
        ("TIME", Kind::Time),
        ("S5TIME", Kind::S5Time),
        ("TOD", Kind::TimeOfDay),
        ("TIME_OF_DAY", Kind::TimeOfDay),
        ("DT", Kind::DateAndTime),
        ("DATE_AND_TIME", Kind::DateAndTime),
        ("DTL", Kind::Dtl),
        ("LTIME", Kind::LTime),
        ("LTOD", Kind::LTimeOfDay),
        ("LTIME_OF_DAY", Kind::LTimeOfDay),
        ("LDT", Kind::LDateAndTime),
        ("DATE_AND_LTIME", Kind::LDateAndTime),
        ("SINT", Kind::Sint),
        ("USINT", Kind::Usint),
        ("BYTE", Kind::Usint),
        ("INT", Kind::Int),
        ("UINT", Kind::Uint),
        ("WORD", Kind::Uint),
        ("DINT", Kind::Dint),
        ("UDINT", Kind::Udint),
        ("DWORD", Kind::Udint),
        ("LINT", Kind::Lint),
        ("ULINT", Kind::Ulint),
        ("LWORD", Kind::Ulint),
        ("REAL", Kind::Real),
        ("LREAL", Kind::Lreal),
        ("FLOAT", Kind::Real),
        ("DOUBLE", Kind::Lreal),
        ("S5T", Kind::S5Time),
        ("T", Kind::Time),
    ];

    fn from_name(name: &str) -> Option<Kind> {
        Kind::NAMES.iter().find(|(known, _)| *known == name).map(|(_, kind)| *kind)
    }

    pub fn name(self) -> &'static str {
        Kind::NAMES.iter().find(|(_, kind)| *kind == self).map_or("", |(name, _)| name)
    }
}

/// What is wrong with an address, and how a right one looks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wrong {
    /// The key of the tag that is at fault: `address` or `type`.
    pub key: &'static str,
    pub problem: String,
    pub remedy: String,
}

impl Wrong {
    pub fn address(problem: impl Into<String>, remedy: impl Into<String>) -> Wrong {
        Wrong { key: "address", problem: problem.into(), remedy: remedy.into() }
    }

    pub fn data_type(problem: impl Into<String>, remedy: impl Into<String>) -> Wrong {
        Wrong { key: "type", problem: problem.into(), remedy: remedy.into() }
    }
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}; {}", self.problem, self.remedy)
    }
}

impl Address {
    pub fn parse(text: &str) -> Result<Address, Wrong> {
        let text = text.trim().to_ascii_uppercase();
        let text = text.strip_prefix('%').unwrap_or(&text);
        if text.is_empty() {
            return Err(Wrong::address("the address is empty", SHAPES));
        }
        let (rest, kind) = match text.split_once('#') {
            Some((rest, kind)) => (rest, Some(parse_kind(kind)?)),
            None => (text, None),
        };
        let (rest, count) = match rest.split_once('[') {
            Some((rest, count)) => (rest, Some(parse_count(count)?)),
            None => (rest, None),
        };
        let (rest, length) = match rest.split_once('/') {
            Some((rest, length)) => (rest, Some(parse_length(length)?)),
            None => (rest, None),
        };
        let mut address = match rest.strip_prefix("DB") {
            Some(rest) => parse_block(rest)?,
            None => parse_area(rest)?,
        };
        if let Some(length) = length {
            if address.length.is_some() {
                return Err(Wrong::address(
                    format!("`/{length}` gives a length that the string has already"),
                    "leave it out: `DB1.STRING10.20` has 20 characters",
                ));
            }
            address.length = Some(length);
        }
        Ok(Address { count, kind, ..address })
    }
}

const SHAPES: &str = "write one such as `DB1.DBW4`, `DB1.DBX0.3`, `M0.1`, `MW2`, `IB0` or `Q0.0`";

/// Digits and nothing else, as a number that fits.
fn number(text: &str) -> Option<u16> {
    let plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    plain.then(|| text.parse().ok()).flatten()
}

fn parse_kind(text: &str) -> Result<Kind, Wrong> {
    Kind::from_name(text).ok_or_else(|| {
        Wrong::address(
            format!("`#{text}` is not an S7 type that this driver knows"),
            "times are #DATE, #TIME, #S5TIME, #TOD, #DT, #DTL, #LTIME, #LTOD and #LDT; elements of \
             lists are #SINT, #INT, #DINT, #LINT, their unsigned forms with U, #REAL and #LREAL",
        )
    })
}

fn parse_count(text: &str) -> Result<u16, Wrong> {
    let count = text.strip_suffix(']').and_then(number);
    count.filter(|count| (1..=4096).contains(count)).ok_or_else(|| {
        Wrong::address(
            format!("`[{text}` is not a number of elements from 1 to 4096"),
            "write a list as `DB1.DBW10[8]#INT`",
        )
    })
}

/// The longest text or run of bytes of one tag.
const LENGTH_MAX: u16 = 8192;

fn parse_length(text: &str) -> Result<u16, Wrong> {
    number(text).filter(|length| (1..=LENGTH_MAX).contains(length)).ok_or_else(|| {
        Wrong::address(
            format!("`/{text}` is not a length from 1 to {LENGTH_MAX} bytes"),
            "write the length in bytes behind the slash, such as `DB1.DBB10/20`",
        )
    })
}

/// What follows `DB`: the block's number, and a place in it.
fn parse_block(text: &str) -> Result<Address, Wrong> {
    let Some((block, place)) = text.split_once(['.', ',']) else {
        return Err(match number(text) {
            Some(_) => Wrong::address(
                format!("`DB{text}` is a whole data block"),
                format!("name a place in it, such as `DB{text}.DBW0`"),
            ),
            None => Wrong::address(
                format!("`DB{text}` names no data block"),
                "write the block's number too, such as `DB1.DBW4`",
            ),
        });
    };
    if block.starts_with(|c: char| c.is_ascii_alphabetic()) {
        return Err(Wrong::address(
            format!("`DB{text}` names no data block"),
            format!("write the block's number too, such as `DB1.DB{text}`"),
        ));
    }
    let block = number(block).filter(|block| *block >= 1).ok_or_else(|| {
        Wrong::address(
            format!("`DB{block}` is not a data block"),
            "data blocks have numbers from 1 to 65535",
        )
    })?;
    let address = address(Area::Block, block);
    for (name, width, max) in [("STRING", Width::Text, 254), ("WSTRING", Width::WideText, 16_382)] {
        if let Some(place) = place.strip_prefix(name) {
            return parse_string(address, width, max, place);
        }
    }
    let place = place.strip_prefix("DB").unwrap_or(place);
    parse_place(address, place)
}

fn address(area: Area, block: u16) -> Address {
    let (width, bit, length, count, kind) = (None, None, None, None, None);
    Address { area, block, start: 0, width, bit, length, count, kind }
}

fn parse_string(address: Address, width: Width, max: u16, place: &str) -> Result<Address, Wrong> {
    let (start, length) = match place.split_once('.') {
        Some((start, length)) => (start, number(length).filter(|n| (1..=max).contains(n))),
        None => (place, Some(max.min(254))),
    };
    let length = length.ok_or_else(|| {
        Wrong::address(
            format!("`{place}` does not end in a number of characters from 1 to {max}"),
            "write the string's declared length, such as `DB1.STRING10.20` for STRING[20]",
        )
    })?;
    let start = parse_start(start)?;
    Ok(Address { start, width: Some(width), length: Some(length), ..address })
}

/// An area's letters, and a place in it.
fn parse_area(text: &str) -> Result<Address, Wrong> {
    let letters = text.len() - text.trim_start_matches(|c: char| c.is_ascii_alphabetic()).len();
    let (word, _) = text.split_at(letters);
    if word.starts_with('P') && word.len() >= 2 {
        return Err(Wrong::address(
            format!("`{word}` is peripheral access, which S7 communication does not offer"),
            format!(
                "leave the P out: `{}` is the same place in the process image",
                text.trim_start_matches('P')
            ),
        ));
    }
    let mut rest = text.chars();
    let area = match rest.next() {
        Some('I' | 'E') => address(Area::Input, 0),
        Some('Q' | 'A') => address(Area::Output, 0),
        Some('M') => address(Area::Flag, 0),
        // LOGO! and S7-200 SMART show their variables as DB1.
        Some('V') => address(Area::Block, 1),
        Some('T') => return parse_numbered(Area::Timer, rest.as_str()),
        Some('C' | 'Z') => return parse_numbered(Area::Counter, rest.as_str()),
        _ => return Err(unknown_area(text)),
    };
    if word.len() > 2 || rest.as_str().is_empty() {
        return Err(unknown_area(text));
    }
    parse_place(area, rest.as_str())
}

fn unknown_area(text: &str) -> Wrong {
    let shown: String = text.chars().take(40).collect();
    Wrong::address(
        format!("`{shown}` names no area"),
        "areas are DB, I (or E), Q (or A), M, T and C (or Z), such as `DB1.DBW4`, `M0.1` or `IW2`",
    )
}

fn parse_numbered(area: Area, place: &str) -> Result<Address, Wrong> {
    let start = number(place).ok_or_else(|| {
        Wrong::address(
            format!("`{place}` is not the number of a timer or counter"),
            "write it as `T5` or `C5`",
        )
    })?;
    if start >= 1 << 15 {
        return Err(Wrong::address(
            format!("there is no timer or counter {start}"),
            "their numbers end at 32767 at the latest",
        ));
    }
    Ok(Address { start, ..address(area, 0) })
}

/// A letter for the width, a byte, and perhaps a bit.
fn parse_place(address: Address, place: &str) -> Result<Address, Wrong> {
    let letter = place.chars().next().filter(char::is_ascii_alphabetic);
    let (width, digits) = match letter {
        None => (None, place),
        Some(letter) => {
            let width = Width::from_letter(letter).ok_or_else(|| {
                Wrong::address(
                    format!("`{letter}` is not a width"),
                    "widths are X (bit), B (byte), W (word), D (double word) and L (long word)",
                )
            })?;
            (Some(width), &place[1..])
        }
    };
    let (start, bit) = match digits.split_once('.') {
        Some((start, bit)) => (start, Some(bit)),
        None => (digits, None),
    };
    let start = parse_start(start)?;
    let bit = match (bit, width) {
        (None, Some(Width::Bit)) => {
            return Err(Wrong::address(
                format!("`{place}` is a bit without its number"),
                format!("write the bit behind a dot, such as `{place}.0`"),
            ));
        }
        (None, _) => None,
        (Some(bit), None | Some(Width::Bit)) => Some(parse_bit(bit)?),
        (Some(bit), Some(width)) => {
            return Err(Wrong::address(
                format!("`.{bit}` picks a bit of {}", width.name()),
                format!("a bit is written as byte and bit, such as `DB1.DBX{start}.{bit}`"),
            ));
        }
    };
    Ok(Address { start, width, bit, ..address })
}

fn parse_start(text: &str) -> Result<u16, Wrong> {
    number(text).ok_or_else(|| {
        let plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        match plain {
            true => Wrong::address(
                format!("byte {text} is outside 0 to 65535"),
                "a data block with standard access has 65536 bytes at most",
            ),
            false => Wrong::address(format!("`{text}` is not the number of a byte"), SHAPES),
        }
    })
}

fn parse_bit(text: &str) -> Result<u8, Wrong> {
    let bit = number(text).and_then(|bit| u8::try_from(bit).ok()).filter(|bit| *bit <= 7);
    bit.ok_or_else(|| {
        Wrong::address(
            format!("`.{text}` is not a bit from 0 to 7"),
            match number(text) {
                Some(8..=15) => {
                    "a byte has bits 0 to 7; bit 8 of a word is bit 0 of its first byte".to_owned()
                }
                _ => "write byte and bit, such as `DB1.DBX0.3`".to_owned(),
            },
        )
    })
}
