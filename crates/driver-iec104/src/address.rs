//! Addresses as users write them: `[TYPE:]OBJECT[.bit][@part]` to read, `TYPE:OBJECT[/option…]` to
//! write, and both with `>` between. What they mean for a tag's type is `point`'s and `command`'s
//! to say.

use crate::settings::CommandMode;
use tagwerk_component::{AddressForm, nearest};
use tagwerk_proto_iec104::{Family, Sizes, TypeId};

/// Why an address cannot be, and what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wrong {
    pub problem: String,
    pub remedy: String,
}

impl Wrong {
    pub fn new(problem: impl Into<String>, remedy: impl Into<String>) -> Wrong {
        Wrong { problem: problem.into(), remedy: remedy.into() }
    }
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Address {
    pub read: Option<Monitored>,
    pub write: Option<Command>,
}

/// Where a tag is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Monitored {
    /// Any, where the address names none.
    pub family: Option<Family>,
    pub object: u32,
    pub part: Part,
}

/// Which part of an object's content is the value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    Value,
    Bit(u8),
    /// The quality bits as a number.
    Quality,
    /// Whether a step position's equipment moves.
    Moving,
    /// The sequence number of a counter.
    Sequence,
    /// Which packed single points changed.
    Changes,
    /// The duration that protection equipment reports, in milliseconds.
    Elapsed,
}

impl Part {
    const NAMES: [(&str, Part); 5] = [
        ("quality", Part::Quality),
        ("moving", Part::Moving),
        ("sequence", Part::Sequence),
        ("changes", Part::Changes),
        ("elapsed", Part::Elapsed),
    ];

    /// Whether objects of a family have this part.
    pub fn is_of(self, family: Family) -> bool {
        match self {
            Part::Value | Part::Quality => true,
            Part::Bit(bit) => match family {
                Family::Bits => bit < 32,
                Family::PackedSingles => bit < 16,
                Family::ProtectionStart => bit < 6,
                Family::ProtectionCircuit => bit < 4,
                _ => false,
            },
            Part::Moving => family == Family::Step,
            Part::Sequence => family == Family::Counter,
            Part::Changes => family == Family::PackedSingles,
            Part::Elapsed => matches!(
                family,
                Family::ProtectionEvent | Family::ProtectionStart | Family::ProtectionCircuit
            ),
        }
    }
}

/// Where and how a tag is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Command {
    pub type_id: TypeId,
    pub object: u32,
    pub mode: Option<CommandMode>,
    pub qualifier: Option<u8>,
}

pub const FORMS: [AddressForm; 8] = [
    AddressForm {
        form: "TYPE:OBJECT",
        meaning: "An object by its type and its information object address. Types are named as in \
                  the standard; with or without time tag is the same (`M_ME_NC_1` takes \
                  `M_ME_TF_1` too).",
        example: "M_ME_NC_1:1001",
    },
    AddressForm {
        form: "OBJECT",
        meaning: "An object of whatever type the station sends, if the tag's type can hold it.",
        example: "1001",
    },
    AddressForm {
        form: "A.B.C",
        meaning: "The three octets of an object address, the highest first: 65536 A + 256 B + C.",
        example: "M_SP_NA_1:0.3.233",
    },
    AddressForm {
        form: "OBJECT.bit",
        meaning: "One bit, 0 (the lowest) to 31, of a bitstring, of packed single points or of \
                  protection equipment, for type `bool`.",
        example: "M_BO_NA_1:700.5",
    },
    AddressForm {
        form: "…@part",
        meaning: "Another part of the object: `@quality` (its quality bits as a number), `@moving` \
                  (of a step position), `@sequence` (of a counter), `@changes` (of packed single \
                  points), `@elapsed` (milliseconds, of protection equipment).",
        example: "M_ST_NA_1:400@moving",
    },
    AddressForm {
        form: "COMMAND:OBJECT",
        meaning: "A command or set point, for tags that are only written.",
        example: "C_SC_NA_1:3001",
    },
    AddressForm {
        form: "COMMAND:OBJECT/option",
        meaning: "With `/sbo` (select before operate), `/direct`, or `/q=N` (qualifier, such as 1 \
                  for a short pulse), instead of the device's settings.",
        example: "C_DC_NA_1:3002/sbo/q=1",
    },
    AddressForm {
        form: "READ > WRITE",
        meaning: "A tag that is read at one object and written at another.",
        example: "M_ME_NC_1:1001 > C_SE_NC_1:2001",
    },
];

impl Address {
    pub fn parse(text: &str, sizes: Sizes) -> Result<Address, Wrong> {
        let Some((read, write)) = text.split_once('>') else {
            return match Side::parse(text, sizes)? {
                Side::Read(read) => Ok(Address { read: Some(read), write: None }),
                Side::Write(write) => Ok(Address { read: None, write: Some(write) }),
            };
        };
        let Side::Read(read) = Side::parse(read, sizes)? else {
            return Err(Wrong::new(
                format!("`{}` before `>` is a command, which cannot be read", read.trim()),
                "put what is read before `>` and the command after it",
            ));
        };
        let Side::Write(write) = Side::parse(write, sizes)? else {
            return Err(Wrong::new(
                format!("`{}` after `>` is not a command", write.trim()),
                "name the command's type after `>`, such as `C_SE_NC_1:2001`",
            ));
        };
        Ok(Address { read: Some(read), write: Some(write) })
    }
}

enum Side {
    Read(Monitored),
    Write(Command),
}

impl Side {
    fn parse(text: &str, sizes: Sizes) -> Result<Side, Wrong> {
        let text = text.trim();
        let (type_id, rest) = match text.split_once(':') {
            Some((name, rest)) => (Some(parse_type(name.trim())?), rest.trim()),
            None => (None, text),
        };
        let mut options = rest.split('/');
        let place = options.next().unwrap_or_default().trim();
        match type_id {
            Some(type_id) if type_id.family().is_command() => {
                command(type_id, place, options, sizes).map(Side::Write)
            }
            _ => match options.next() {
                None => monitored(type_id, place, sizes).map(Side::Read),
                Some(option) => Err(Wrong::new(
                    format!("`/{option}` is for commands"),
                    "name a command's type before it, such as `C_SC_NA_1:3001/sbo`",
                )),
            },
        }
    }
}

fn parse_type(name: &str) -> Result<TypeId, Wrong> {
    let found = match name.parse() {
        Ok(code) => TypeId::from_code(code),
        Err(_) => TypeId::from_name(name),
    };
    if let Some(id) = found {
        return match id.family().is_monitored() || id.family().is_command() {
            true => Ok(id),
            false => Err(Wrong::new(
                format!("{id} ({}) has no value", id.family().name()),
                "name a type with process data, such as `M_ME_NC_1`, or a command",
            )),
        };
    }
    let upper = name.to_ascii_uppercase();
    Err(Wrong::new(
        format!("`{name}` is not a type of IEC 60870-5-104"),
        match nearest(&upper, TypeId::all().map(TypeId::name)) {
            Some(near) => format!("did you mean `{near}`?"),
            None => "write `TYPE:OBJECT`, such as `M_ME_NC_1:1001` or `C_SC_NA_1:3001`".to_owned(),
        },
    ))
}

fn monitored(type_id: Option<TypeId>, place: &str, sizes: Sizes) -> Result<Monitored, Wrong> {
    let (place, part) = match place.split_once('@') {
        None => (place, Part::Value),
        Some((place, name)) => {
            let found = Part::NAMES.iter().find(|(known, _)| *known == name);
            let (_, part) = found.ok_or_else(|| {
                let names = Part::NAMES.map(|(name, _)| format!("`@{name}`")).join(", ");
                Wrong::new(format!("there is no part `@{name}`"), format!("parts are {names}"))
            })?;
            (place, *part)
        }
    };
    let (object, bit) = parse_object(place, sizes)?;
    let part = match (part, bit) {
        (part, None) => part,
        (Part::Value, Some(bit)) => Part::Bit(bit),
        (_, Some(bit)) => {
            return Err(Wrong::new(
                format!("`.{bit}` and `@` cannot both be there"),
                "remove one of the two",
            ));
        }
    };
    let family = type_id.map(TypeId::family);
    if let Some(family) = family
        && !part.is_of(family)
    {
        let what = match part {
            Part::Bit(bit) => format!("bit {bit}"),
            part => {
                let name = Part::NAMES.iter().find(|(_, known)| *known == part);
                format!("`@{}`", name.map_or("", |(name, _)| name))
            }
        };
        return Err(Wrong::new(
            format!("a {} has no {what}", family.name()),
            "remove what follows the object's address, or correct the type",
        ));
    }
    Ok(Monitored { family, object, part })
}

fn command<'a>(
    type_id: TypeId,
    place: &str,
    options: impl Iterator<Item = &'a str>,
    sizes: Sizes,
) -> Result<Command, Wrong> {
    let (object, bit) = parse_object(place, sizes)?;
    if let Some(bit) = bit {
        return Err(Wrong::new(
            format!("a command has no bit {bit}"),
            "remove what follows the point",
        ));
    }
    let mut command = Command { type_id, object, mode: None, qualifier: None };
    let set_mode = |command: &mut Command, mode| match command.mode.replace(mode) {
        None => Ok(()),
        Some(_) => Err(Wrong::new("`/sbo` or `/direct` is there twice", "remove one of the two")),
    };
    for option in options {
        match option.trim() {
            "sbo" => set_mode(&mut command, CommandMode::SelectBeforeOperate)?,
            "direct" => set_mode(&mut command, CommandMode::Direct)?,
            other => {
                let number = other.strip_prefix("q=").and_then(|number| number.parse().ok());
                let number = number.ok_or_else(|| {
                    Wrong::new(
                        format!("`/{other}` is not an option of commands"),
                        "options are `/sbo`, `/direct` and `/q=N`",
                    )
                })?;
                command.qualifier = Some(number);
            }
        }
    }
    if let Some(qualifier) = command.qualifier {
        check_qualifier(type_id, qualifier)?;
    }
    if type_id.family() == Family::SetBits && command.mode == Some(CommandMode::SelectBeforeOperate)
    {
        return Err(Wrong::new(
            format!("{type_id} cannot be selected: it has no bit for that"),
            "write `/direct`",
        ));
    }
    Ok(command)
}

/// The largest qualifier of a command's type.
pub fn check_qualifier(type_id: TypeId, qualifier: u8) -> Result<(), Wrong> {
    let max = match type_id.family() {
        Family::SingleCommand | Family::DoubleCommand | Family::StepCommand => 31,
        Family::SetBits => 0,
        _ => 127,
    };
    match qualifier <= max {
        true => Ok(()),
        false => Err(Wrong::new(
            format!("qualifier {qualifier} is more than {max}, the largest of {type_id}"),
            format!("give one from 0 to {max}"),
        )),
    }
}

/// `1001`, `1001.5`, `0.3.233` or `0.3.233.5`: an address, and a bit.
fn parse_object(text: &str, sizes: Sizes) -> Result<(u32, Option<u8>), Wrong> {
    let wrong = || {
        Wrong::new(
            format!("`{text}` is not the address of an object"),
            "write a number such as `1001`, or its three octets such as `0.3.233`",
        )
    };
    let mut numbers = [0u32; 4];
    let mut count = 0;
    for part in text.split('.') {
        let place = numbers.get_mut(count).ok_or_else(wrong)?;
        let digits =
            !part.is_empty() && part.len() <= 9 && part.bytes().all(|b| b.is_ascii_digit());
        *place = part.parse().ok().filter(|_| digits).ok_or_else(wrong)?;
        count += 1;
    }
    let (object, bit) = match count {
        1 => (numbers[0], None),
        2 => (numbers[0], Some(numbers[1])),
        _ => {
            if numbers[..3].iter().any(|octet| *octet > 255) {
                return Err(wrong());
            }
            let object = numbers[0] << 16 | numbers[1] << 8 | numbers[2];
            (object, (count == 4).then_some(numbers[3]))
        }
    };
    let max = sizes.object_address_max();
    if object == 0 || object > max {
        return Err(Wrong::new(
            format!("object address {object} is outside 1 to {max}"),
            "correct it, or set `object_address_size` as the station has it",
        ));
    }
    let bit = match bit {
        None => None,
        Some(bit) if bit < 32 => Some(bit as u8),
        Some(bit) => {
            return Err(Wrong::new(
                format!("there is no bit {bit}"),
                "bits count from 0, the lowest, to 31",
            ));
        }
    };
    Ok((object, bit))
}
