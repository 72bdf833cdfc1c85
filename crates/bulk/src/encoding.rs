//! Bytes to text, in the encodings that spreadsheet programs write. Never fails: what cannot be told is
//! assumed, and said.

/// The text, and what was assumed of its encoding.
pub(crate) fn decode(bytes: &[u8]) -> (String, Option<&'static str>) {
    if let Some(rest) = bytes.strip_prefix(b"\xef\xbb\xbf") {
        return match std::str::from_utf8(rest) {
            Ok(text) => (text.to_owned(), None),
            Err(_) => (windows_1252(rest), Some(WESTERN)),
        };
    }
    if let Some(rest) = bytes.strip_prefix(b"\xff\xfe") {
        return (utf_16(rest, u16::from_le_bytes), Some("the file was read as UTF-16"));
    }
    if let Some(rest) = bytes.strip_prefix(b"\xfe\xff") {
        return (utf_16(rest, u16::from_be_bytes), Some("the file was read as UTF-16"));
    }
    // Of Western text in UTF-16, every other byte is 0.
    let sample = &bytes[..bytes.len().min(512)];
    let zeros = |offset: usize| sample.iter().skip(offset).step_by(2).filter(|b| **b == 0).count();
    if sample.len() >= 8 {
        let many = sample.len() / 4;
        if zeros(1) > many {
            return (utf_16(bytes, u16::from_le_bytes), Some("the file was read as UTF-16"));
        }
        if zeros(0) > many {
            return (utf_16(bytes, u16::from_be_bytes), Some("the file was read as UTF-16"));
        }
    }
    match std::str::from_utf8(bytes) {
        Ok(text) => (text.to_owned(), None),
        // A sample may be cut within a character.
        Err(error) if error.error_len().is_none() => {
            (String::from_utf8_lossy(&bytes[..error.valid_up_to()]).into_owned(), None)
        }
        Err(_) => (windows_1252(bytes), Some(WESTERN)),
    }
}

const WESTERN: &str = "the file is not UTF-8 and was read as Windows-1252 (Western European)";

fn utf_16(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> String {
    let units = bytes.chunks_exact(2).map(|pair| unit([pair[0], pair[1]]));
    char::decode_utf16(units).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER)).collect()
}

/// Latin-1, with printable characters from 0x80 to 0x9f.
fn windows_1252(bytes: &[u8]) -> String {
    const HIGH: [char; 32] = [
        '€', '\u{81}', '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', '\u{8d}', 'Ž',
        '\u{8f}', '\u{90}', '‘', '’', '“', '”', '•', '–', '—', '˜', '™', 'š', '›', 'œ', '\u{9d}',
        'ž', 'Ÿ',
    ];
    let character = |byte: &u8| match byte {
        0x80..=0x9f => HIGH[usize::from(byte - 0x80)],
        _ => char::from(*byte),
    };
    bytes.iter().map(character).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_of_spreadsheet_programs_are_read() {
        let text = "Füllstand;°C;€";
        let units = |bytes: fn(u16) -> [u8; 2]| -> Vec<u8> {
            text.encode_utf16().flat_map(bytes).collect()
        };
        let with = |mark: &[u8], rest: Vec<u8>| [mark.to_vec(), rest].concat();
        for bytes in [
            text.as_bytes().to_vec(),
            with(b"\xef\xbb\xbf", text.as_bytes().to_vec()),
            with(b"\xff\xfe", units(u16::to_le_bytes)),
            with(b"\xfe\xff", units(u16::to_be_bytes)),
            units(u16::to_le_bytes),
            units(u16::to_be_bytes),
            b"F\xfcllstand;\xb0C;\x80".to_vec(),
        ] {
            assert_eq!(decode(&bytes).0, text, "{bytes:x?}");
        }
        assert!(decode(b"F\xfcll").1.is_some());
        assert_eq!(decode(b"").0, "");
    }
}
