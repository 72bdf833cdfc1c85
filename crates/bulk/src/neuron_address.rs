//! Addresses of Neuron's plug-ins, and what they are with us. Pure text to text.

/// An address with us, and what should be looked at once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Translated {
    pub address: String,
    /// Something that was taken for granted: `byte order #LB read as CDAB`.
    pub assumed: Option<String>,
}

/// The plug-ins whose addresses are understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Plugin {
    Modbus,
    OpcUa,
    S7,
    Iec104,
}

impl Plugin {
    /// By the name under which Neuron lists it.
    pub fn named(name: &str) -> Option<Plugin> {
        let name: String = name
            .chars()
            .filter(char::is_ascii_alphanumeric)
            .collect::<String>()
            .to_ascii_lowercase();
        match name.as_str() {
            n if n.starts_with("modbus") => Some(Plugin::Modbus),
            "opcua" => Some(Plugin::OpcUa),
            n if n.contains("s7") && (n.contains("siemens") || n.contains("isotcp")) => {
                Some(Plugin::S7)
            }
            n if n.contains("608705104") || n == "iec104" => Some(Plugin::Iec104),
            _ => None,
        }
    }
}

/// `1!400001.3#BB`: unit, area digit and number, bit or length, byte order.
pub(crate) fn modbus(address: &str, data_type: &str, base: u64) -> Result<Translated, String> {
    let (unit, rest) = address.split_once('!').ok_or("it has no unit before a `!`")?;
    let unit: u8 = unit.trim().parse().map_err(|_| "its unit is not a number up to 255")?;
    let (rest, order) = match rest.split_once('#') {
        Some((rest, order)) => (rest, Some(order)),
        None => (rest, None),
    };
    let (place, suffix) = match rest.split_once('.') {
        Some((place, suffix)) => (place, Some(suffix)),
        None => (rest, None),
    };
    let area = match place.as_bytes().first() {
        Some(b'0') => "coil",
        Some(b'1') => "discrete",
        Some(b'3') => "input",
        Some(b'4') => "holding",
        _ => return Err("its area is none of 0, 1, 3 and 4".to_owned()),
    };
    let number: u64 = place[1..].parse().map_err(|_| "its register is not a number")?;
    let offset = number.checked_sub(base).filter(|offset| *offset <= 65_535);
    let offset = offset.ok_or("its register is out of range")?;
    let mut translated = Translated { address: format!("{unit}!{area}:{offset}"), assumed: None };
    let mut order_of_text = None;
    match (suffix, data_type) {
        (None, _) => {}
        (Some(suffix), "text" | "bytes") => {
            let digits = suffix.trim_end_matches(|c: char| c.is_ascii_alphabetic());
            let letter = &suffix[digits.len()..];
            let length: u16 = digits.parse().map_err(|_| "its length is not a number")?;
            translated.address.push_str(&format!("/{length}"));
            order_of_text = match letter {
                "" | "H" => None,
                "L" => Some("#BA"),
                _ => {
                    return Err(format!("one character in each register (`{letter}`) is not read"));
                }
            };
        }
        (Some(bit), _) => {
            let bit: u8 = bit.parse().map_err(|_| "its bit is not a number")?;
            translated.address.push_str(&format!(".{bit}"));
        }
    }
    if let Some(mark) = order_of_text {
        translated.address.push_str(mark);
    }
    if let Some(order) = order {
        let ours = byte_order(order, data_type).ok_or(format!("`#{order}` is not known"))?;
        translated.address.push_str(&format!("#{ours}"));
        translated.assumed = Some(format!("the byte order `#{order}` was read as {ours}"));
    }
    Ok(translated)
}

fn byte_order(order: &str, data_type: &str) -> Option<&'static str> {
    let wide = matches!(data_type, "int64" | "uint64" | "float64");
    Some(match (order, wide) {
        ("B", false) => "AB",
        ("L", false) => "BA",
        ("BB", false) => "ABCD",
        ("BL", false) => "BADC",
        ("LL", false) => "DCBA",
        ("LB", false) => "CDAB",
        ("B" | "BB", true) => "ABCDEFGH",
        ("L" | "LL", true) => "HGFEDCBA",
        ("LB", true) => "GHEFCDAB",
        ("BL", true) => "BADCFEHG",
        _ => return None,
    })
}

/// `2!Demo.Static`: namespace and identifier.
pub(crate) fn opc_ua(address: &str) -> Result<Translated, String> {
    let (namespace, identifier) =
        address.split_once('!').ok_or("it has no namespace before a `!`")?;
    let namespace: u16 = namespace.trim().parse().map_err(|_| "its namespace is not a number")?;
    let is_number = identifier.parse::<u32>().is_ok();
    let groups: Vec<usize> = identifier.split('-').map(str::len).collect();
    let is_guid = groups == [8, 4, 4, 4, 12]
        && identifier.bytes().all(|b| b.is_ascii_hexdigit() || b == b'-');
    let letter = match (is_number, is_guid) {
        (true, _) => 'i',
        (_, true) => 'g',
        _ => 's',
    };
    if identifier.is_empty() {
        return Err("its identifier is empty".to_owned());
    }
    let assumed = is_number.then(|| format!("`{identifier}` was read as a numeric identifier"));
    Ok(Translated { address: format!("ns={namespace};{letter}={identifier}"), assumed })
}

/// `DB10.DBW20`, `I0`, `F2.1`, `DB1.DBW12.20`.
pub(crate) fn s7(address: &str, data_type: &str) -> Result<Translated, String> {
    let upper = address.trim().to_ascii_uppercase();
    let plain = |address: String| Ok(Translated { address, assumed: None });
    if let Some((block, rest)) = upper.split_once('.')
        && let Some(number) = block.strip_prefix("DB").and_then(|n| n.parse::<u16>().ok())
    {
        let rest = rest.strip_prefix("DB").unwrap_or(rest);
        let digits = rest.trim_start_matches(|c: char| c.is_ascii_alphabetic());
        let (byte, suffix) = match digits.split_once('.') {
            Some((byte, suffix)) => (byte, Some(suffix)),
            None => (digits, None),
        };
        let byte: u32 = byte.parse().map_err(|_| "its byte is not a number")?;
        let suffix: Option<u16> = match suffix {
            Some(suffix) => Some(suffix.parse().map_err(|_| "what follows its byte is no number")?),
            None => None,
        };
        return match data_type {
            "bool" => {
                // A bit of a word lies in the word's low byte, which is its second.
                let word = rest.starts_with('W');
                let bit = suffix.unwrap_or(0);
                match (word, bit) {
                    (false, 0..=7) => plain(format!("DB{number}.DBX{byte}.{bit}")),
                    (true, 0..=7) => plain(format!("DB{number}.DBX{}.{bit}", byte + 1)),
                    (true, 8..=15) => plain(format!("DB{number}.DBX{byte}.{}", bit - 8)),
                    _ => Err("its bit is out of range".to_owned()),
                }
            }
            "text" => {
                let length = suffix.ok_or("its length is missing")?;
                let address = format!("DB{number}.STRING{byte}.{length}");
                let assumed = Some("the text was read as an S7 STRING".to_owned());
                Ok(Translated { address, assumed })
            }
            _ => plain(format!("DB{number}.DB{}{byte}", width(data_type)?)),
        };
    }
    let (letter, rest) = upper.split_at(upper.len().min(1));
    let area = match letter {
        "I" => "I",
        "O" | "Q" => "Q",
        "F" | "M" => "M",
        "T" | "C" => {
            let number: u16 = rest.parse().map_err(|_| "its number is not one")?;
            return plain(format!("{letter}{number}"));
        }
        _ => return Err("its area is not known".to_owned()),
    };
    let digits = rest.trim_start_matches(|c: char| c.is_ascii_alphabetic());
    let (byte, bit) = digits.split_once('.').unwrap_or((digits, "0"));
    let byte: u32 = byte.parse().map_err(|_| "its byte is not a number")?;
    match data_type {
        "bool" => {
            let bit: u8 =
                bit.parse().ok().filter(|bit| *bit < 8).ok_or("its bit is out of range")?;
            plain(format!("{area}{byte}.{bit}"))
        }
        _ => plain(format!("{area}{}{byte}", width(data_type)?)),
    }
}

fn width(data_type: &str) -> Result<&'static str, String> {
    Ok(match data_type {
        "int8" | "uint8" => "B",
        "int16" | "uint16" => "W",
        "int32" | "uint32" | "float32" => "D",
        "int64" | "uint64" | "float64" => "L",
        other => return Err(format!("the type {other} has no address there")),
    })
}

/// An information object address, for reading or for a command.
pub(crate) fn iec_104(address: &str, data_type: &str, writes: bool) -> Result<Translated, String> {
    let object: u32 = address.trim().parse().map_err(|_| "it is not a number")?;
    if !writes {
        return Ok(Translated { address: object.to_string(), assumed: None });
    }
    let command = match data_type {
        "bool" => "C_SC_NA_1",
        "int16" => "C_SE_NB_1",
        "float32" => "C_SE_NC_1",
        other => return Err(format!("the type of command cannot be told from the type {other}")),
    };
    let assumed = Some(format!("the command was taken to be {command}"));
    Ok(Translated { address: format!("{command}:{object}"), assumed })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(found: Result<Translated, String>, expected: &str) {
        assert_eq!(found.map(|translated| translated.address).as_deref(), Ok(expected));
    }

    #[test]
    fn addresses_are_translated() {
        check(modbus("1!400001", "int16", 1), "1!holding:0");
        check(modbus("1!400001", "int16", 0), "1!holding:1");
        check(modbus("2!300101.15", "bool", 1), "2!input:100.15");
        check(modbus("2!000011", "bool", 1), "2!coil:10");
        check(modbus("1!400010.16H", "text", 1), "1!holding:9/16");
        check(modbus("1!400010.16L", "text", 1), "1!holding:9/16#BA");
        check(modbus("1!400001#LB", "float32", 1), "1!holding:0#CDAB");
        check(modbus("1!400001#L", "float64", 1), "1!holding:0#HGFEDCBA");
        check(opc_ua("2!Demo.Static"), "ns=2;s=Demo.Static");
        check(opc_ua("0!2258"), "ns=0;i=2258");
        check(
            opc_ua("1!72962b91-fa75-4ae6-8d28-b404dc7daf63"),
            "ns=1;g=72962b91-fa75-4ae6-8d28-b404dc7daf63",
        );
        check(s7("DB10.DBW20", "int16"), "DB10.DBW20");
        check(s7("DB10.DBW20", "float32"), "DB10.DBD20");
        check(s7("DB10.DBW1.2", "bool"), "DB10.DBX2.2");
        check(s7("DB10.DBX1.2", "bool"), "DB10.DBX1.2");
        check(s7("DB1.DBW12.20", "text"), "DB1.STRING12.20");
        check(s7("I0", "uint16"), "IW0");
        check(s7("F2.3", "bool"), "M2.3");
        check(s7("T3", "uint16"), "T3");
        check(iec_104("100", "bool", false), "100");
        check(iec_104("1000", "bool", true), "C_SC_NA_1:1000");
        for wrong in ["", "1", "!4", "1!", "1!5001", "x!400001", "1!40x", "1!400000", "1!400001#XX"]
        {
            assert!(modbus(wrong, "int16", 1).is_err(), "{wrong}");
        }
        assert!(modbus("1!400010.16D", "text", 1).is_err());
        for wrong in ["", "DB", "DBx.DBW1", "Z1", "DB1.", "I", "DB1.DBX0.9"] {
            assert!(s7(wrong, "bool").is_err(), "{wrong}");
        }
        assert_eq!(Plugin::named("IEC60870-5-104"), Some(Plugin::Iec104));
        assert_eq!(Plugin::named("Siemens S7 ISOTCP"), Some(Plugin::S7));
        assert_eq!(Plugin::named("Modbus TCP QH"), Some(Plugin::Modbus));
        assert_eq!(Plugin::named("MQTT"), None);
    }
}
