//! RTU and ASCII: frames and their check sums, and what is found on lines with noise, echoes,
//! pauses, and messages of others.

#![allow(clippy::unwrap_used)]

use tagwerk_proto_modbus::serial::{
    Asked, Damage, Echo, Found, Framing, Line, Reader, encode_request, encode_response,
};
use tagwerk_proto_modbus::{Exception, Function, Request, Response, ascii, fuzz, rtu};

fn from_hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.chars().filter_map(|c| c.to_digit(16)).map(|d| d as u8).collect();
    digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect()
}

fn to_hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02X}")).collect()
}

/// Registers 107 to 109 of unit 17, the specification's example.
const READ: Request<'static> = Request::ReadHoldingRegisters { start: 107, count: 3 };
const ANSWER: Response<'static> =
    Response::HoldingRegisters { words: &[0x02, 0x2B, 0, 0, 0, 0x64] };

fn request(framing: Framing, unit: u8, request: &Request<'_>) -> Vec<u8> {
    let mut frame = Vec::new();
    encode_request(framing, unit, request, &mut frame).unwrap();
    frame
}

fn answer(framing: Framing, unit: u8, response: &Response<'_>) -> Vec<u8> {
    let mut frame = Vec::new();
    encode_response(framing, unit, response, &mut frame).unwrap();
    frame
}

fn asked<'a>(unit: u8, request: &Request<'_>, sent: &'a [u8]) -> Asked<'a> {
    let (function, answer_bytes) = (request.function().code(), request.answer_bytes());
    Asked { unit, function, answer_bytes, sent, echo: Echo::Unknown }
}

fn arrive(reader: &mut Reader, bytes: &[u8]) {
    reader.space()[..bytes.len()].copy_from_slice(bytes);
    reader.arrived(bytes.len());
}

/// Everything that can be taken, in words.
fn found(reader: &mut Reader, asked: Option<&Asked<'_>>, line: Line) -> Vec<String> {
    let mut all = Vec::new();
    while let Some(found) = reader.take(asked, line) {
        all.push(match found {
            Found::Frame(frame) => format!("{}:{}", frame.unit, to_hex(frame.pdu)),
            Found::Echo(_) => "echo".into(),
            Found::Noise { raw, damage: Damage::CheckSum } => format!("damaged {}", raw.len()),
            Found::Noise { raw, damage: Damage::Form } => format!("noise {}", raw.len()),
        });
    }
    all
}

#[test]
fn frames_are_those_of_the_specification() {
    assert_eq!(to_hex(&request(Framing::Rtu, 17, &READ)), "1103006B00037687");
    assert_eq!(request(Framing::Ascii, 17, &READ), b":1103006B00037E\r\n");
    assert_eq!(rtu::crc(b"123456789"), 0x4B37);
    assert_eq!(ascii::lrc(&from_hex("F7031389000A")), 0x60);
    assert!(rtu::is_whole(&from_hex("1103006B00037687")));
    assert!(!rtu::is_whole(&from_hex("1103006B00037688")));
    let mut out = vec![9];
    let wrong = Request::ReadCoils { start: 0, count: 0 };
    for framing in [Framing::Rtu, Framing::Ascii] {
        encode_request(framing, 1, &wrong, &mut out).unwrap_err();
        assert_eq!(out, [9]);
    }
}

#[test]
fn each_function_has_its_length() {
    use rtu::Length::{Known, More, Unknown};
    for (hex, length) in [
        ("11", More),
        ("1103", More),
        ("110306", Known(11)),
        ("1101FF", Known(260)),
        ("1183", Known(5)),
        ("1105", Known(8)),
        ("110F", Known(8)),
        ("1116", Known(10)),
        ("111702", Known(7)),
        ("112B", Unknown),
        ("11AB", Unknown),
    ] {
        assert_eq!(rtu::answer_length(&from_hex(hex)), length, "{hex}");
    }
    for (hex, length) in [
        ("1103", Known(8)),
        ("1106", Known(8)),
        ("111000010002", More),
        ("11100001000204", Known(13)),
        ("1116", Known(10)),
        ("1117000300060004000102", Known(15)),
        ("112B", Unknown),
    ] {
        assert_eq!(rtu::request_length(&from_hex(hex)), length, "{hex}");
    }
    for code in Function::ALL.map(Function::code) {
        assert_ne!(rtu::answer_length(&[1, code | 0x80]), Unknown);
    }
}

#[test]
fn answers_know_their_length_beforehand() {
    let words = [0; 8];
    for (request, response) in [
        (READ, ANSWER),
        (Request::ReadCoils { start: 0, count: 9 }, Response::Coils { bits: &[0, 0] }),
        (
            Request::WriteRegisters { start: 1, words: &words },
            Response::RegistersWritten { start: 1, count: 4 },
        ),
        (
            Request::MaskWriteRegister { address: 1, and: 2, or: 3 },
            Response::RegisterMasked { address: 1, and: 2, or: 3 },
        ),
        (
            Request::ReadWriteRegisters {
                read_start: 0,
                read_count: 4,
                write_start: 0,
                words: &words,
            },
            Response::RegistersReadWritten { words: &words },
        ),
    ] {
        let mut pdu = Vec::new();
        response.encode(&mut pdu).unwrap();
        assert_eq!(request.answer_bytes(), pdu.len());
    }
}

/// What a line brought (`~` is a silence), and what is found while registers 107 to 109 of unit 17
/// are asked for.
#[test]
fn rtu_lines_are_understood() {
    let sent = request(Framing::Rtu, 17, &READ);
    let right = to_hex(&answer(Framing::Rtu, 17, &ANSWER));
    let refused = Response::Refused {
        function: Function::ReadHoldingRegisters,
        exception: Exception::ILLEGAL_ADDRESS,
    };
    let refused = to_hex(&answer(Framing::Rtu, 17, &refused));
    let other = to_hex(&answer(Framing::Rtu, 18, &ANSWER));
    let (half, rest) = right.split_at(8);
    let echo = to_hex(&sent);
    let damaged = right.replace("0064", "0065");
    let vendor = {
        let body = from_hex("1141AABBCC");
        format!("{}{}", to_hex(&body), to_hex(&rtu::crc(&body).to_le_bytes()))
    };
    const A: &str = "17:0306022B00000064";
    const O: &str = "18:0306022B00000064";
    for (stream, expected) in [
        (right.clone(), vec![A]),
        (refused, vec!["17:8302"]),
        (format!("{other}{right}"), vec![O, A]),
        // A device or an adapter that pauses in the middle, even for long.
        (format!("{half}~{rest}"), vec![A]),
        ("11~".into(), vec![]),
        // Noise before, after and between.
        (format!("FF{right}"), vec![]),
        (format!("FF{right}~"), vec!["noise 1", A]),
        (format!("{right}00FF~"), vec![A, "noise 2"]),
        (format!("00{other}FF{right}~"), vec!["noise 1", O, "noise 1", A]),
        // Noise that looks like the beginning of the answer.
        (format!("1103{right}~"), vec!["noise 2", A]),
        (format!("110306{right}~"), vec!["damaged 3", A]),
        (damaged.clone(), vec![]),
        (format!("{damaged}~"), vec!["damaged 11"]),
        (format!("{damaged}{right}~"), vec!["damaged 11", A]),
        // A partial frame of somebody else, then the answer.
        (format!("120306022B~{right}"), vec!["noise 5", A]),
        // The adapter hears itself.
        (format!("{echo}{right}"), vec!["echo", A]),
        (format!("FF{echo}{right}~"), vec!["noise 1", "echo", A]),
        (format!("{}~{}{right}~", &echo[..6], &echo[6..]), vec!["echo", A]),
        (format!("{vendor}~"), vec!["17:41AABBCC"]),
    ] {
        let mut reader = Reader::new(Framing::Rtu);
        let asked = asked(17, &READ, &sent);
        let mut all = Vec::new();
        let parts: Vec<&str> = stream.split('~').collect();
        for (number, part) in parts.iter().enumerate() {
            arrive(&mut reader, &from_hex(part));
            all.extend(found(&mut reader, Some(&asked), Line::Active));
            if number + 1 < parts.len() {
                all.extend(found(&mut reader, Some(&asked), Line::Silent));
            }
        }
        assert_eq!(all, expected, "{stream}");
    }
}

/// Noise before an answer may by chance leave the check sum of both together right.
#[test]
fn noise_like_another_function_does_not_swallow_the_answer() {
    let right = answer(Framing::Rtu, 17, &ANSWER);
    let noise = (0..=u16::MAX)
        .map(|end| [&[0x11, 0x41, 0xAA], &end.to_be_bytes()[..]].concat())
        .find(|noise| rtu::crc(noise) == 0xFFFF)
        .unwrap();
    let together = [noise, right].concat();
    assert!(rtu::is_whole(&together));
    let sent = request(Framing::Rtu, 17, &READ);
    let mut reader = Reader::new(Framing::Rtu);
    arrive(&mut reader, &together);
    let all = found(&mut reader, Some(&asked(17, &READ, &sent)), Line::Silent);
    assert_eq!(all, ["noise 5", "17:0306022B00000064"]);
}

#[test]
fn ascii_lines_are_understood() {
    let sent = request(Framing::Ascii, 17, &READ);
    let line = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    let right = line(answer(Framing::Ascii, 17, &ANSWER));
    let other = line(answer(Framing::Ascii, 18, &ANSWER));
    let echo = line(sent.clone());
    const A: &str = "17:0306022B00000064";
    const O: &str = "18:0306022B00000064";
    for (stream, expected) in [
        (right.clone(), vec![A]),
        (right.to_lowercase(), vec![A]),
        (format!("{other}{right}"), vec![O, A]),
        (format!("\0\u{7f}\r\n{right}"), vec!["noise 4", A]),
        (format!(":11030{right}"), vec!["noise 6", A]),
        (format!(":1103xx\r\n{right}"), vec!["noise 9", A]),
        (format!("{}\r\n{right}", &right[..right.len() - 3]), vec!["noise 22", A]),
        (format!(":\r\n:11\r\n{right}"), vec!["noise 3", "noise 5", A]),
        (right.replace("0064", "0065"), vec!["damaged 23"]),
        (format!("{echo}{right}"), vec!["echo", A]),
        (format!(":{}\r\n{right}", "00".repeat(256)), vec!["noise 515", A]),
        (right[..10].into(), vec![]),
        (right[..right.len() - 1].into(), vec![]),
    ] {
        for size in [1, 3, 1000] {
            let mut reader = Reader::new(Framing::Ascii);
            let asked = asked(17, &READ, &sent);
            let mut all = Vec::new();
            for piece in stream.as_bytes().chunks(size) {
                arrive(&mut reader, piece);
                all.extend(found(&mut reader, Some(&asked), Line::Silent));
            }
            // Noise is told as it comes, so pieces of it add up.
            let noise = |all: &[String]| -> usize {
                all.iter().filter_map(|f| f.strip_prefix("noise ")?.parse::<usize>().ok()).sum()
            };
            let frames = |all: &[String]| -> Vec<String> {
                all.iter().filter(|f| !f.starts_with("noise")).cloned().collect()
            };
            let expected: Vec<String> = expected.iter().map(|f| (*f).to_owned()).collect();
            assert_eq!(frames(&all), frames(&expected), "{stream:?}");
            assert_eq!(noise(&all), noise(&expected), "{stream:?}");
        }
    }
}

#[test]
fn an_echo_that_is_expected_confirms_no_write() {
    let write = Request::WriteRegister { address: 1, value: 3 };
    for framing in [Framing::Rtu, Framing::Ascii] {
        let sent = request(framing, 1, &write);
        let mut reader = Reader::new(framing);
        let unknown = asked(1, &write, &sent);
        arrive(&mut reader, &sent);
        assert_eq!(found(&mut reader, Some(&unknown), Line::Active), ["1:0600010003"]);
        let expected = Asked { echo: Echo::Expected, ..unknown };
        arrive(&mut reader, &sent);
        assert!(matches!(reader.take(Some(&expected), Line::Active), Some(Found::Echo(_))));
        arrive(&mut reader, &sent);
        let gone = Asked { sent: &[], ..expected };
        assert_eq!(found(&mut reader, Some(&gone), Line::Active), ["1:0600010003"]);
    }
}

#[test]
fn what_nobody_asked_for_is_gone_at_the_next_silence() {
    for framing in [Framing::Rtu, Framing::Ascii] {
        let mut reader = Reader::new(framing);
        arrive(&mut reader, &answer(framing, 17, &ANSWER)[..7]);
        assert_eq!(found(&mut reader, None, Line::Active), [""; 0]);
        assert_eq!(found(&mut reader, None, Line::Silent), ["noise 7"]);
        assert!(reader.is_empty());
    }
}

mod properties {
    use super::*;
    use proptest::prelude::*;

    /// What a bad line does between messages.
    #[derive(Clone, Debug)]
    enum Mischief {
        Noise(Vec<u8>),
        Echo,
        /// The answer of another unit.
        Foreign(u8),
        /// The first bytes of another unit's answer.
        Partial(u8, usize),
        /// The answer with a bit flipped.
        Damaged(prop::sample::Index, u8),
        Silence,
    }

    fn mischief() -> impl Strategy<Value = Mischief> {
        prop_oneof![
            prop::collection::vec(any::<u8>(), 0..40).prop_map(Mischief::Noise),
            Just(Mischief::Echo),
            (18..60u8).prop_map(Mischief::Foreign),
            (18..60u8, 0..10usize).prop_map(|(unit, count)| Mischief::Partial(unit, count)),
            (any::<prop::sample::Index>(), 0..8u8).prop_map(|(at, bit)| Mischief::Damaged(at, bit)),
            Just(Mischief::Silence),
        ]
    }

    /// Whatever came before, the right answer is found at the next silence, and no wrong one is.
    fn is_found(framing: Framing, before: &[Mischief], piece: usize) {
        let sent = request(framing, 17, &READ);
        let right = answer(framing, 17, &ANSWER);
        let asked = asked(17, &READ, &sent);
        let mut reader = Reader::new(framing);
        let mut all = Vec::new();
        let mut feed = |bytes: &[u8], reader: &mut Reader| {
            for piece in bytes.chunks(piece) {
                arrive(reader, piece);
                all.extend(found(reader, Some(&asked), Line::Active));
            }
        };
        for step in before {
            match step {
                Mischief::Noise(bytes) => feed(bytes, &mut reader),
                Mischief::Echo => feed(&sent, &mut reader),
                Mischief::Foreign(unit) => feed(&answer(framing, *unit, &ANSWER), &mut reader),
                Mischief::Partial(unit, count) => {
                    feed(&answer(framing, *unit, &ANSWER)[..*count], &mut reader);
                }
                Mischief::Damaged(at, bit) => {
                    let mut bytes = right.clone();
                    let at = at.index(bytes.len());
                    bytes[at] ^= 1 << bit;
                    // A colon in ASCII may become another digit's place, and a line end be lost.
                    feed(&bytes, &mut reader);
                }
                Mischief::Silence => while reader.take(Some(&asked), Line::Silent).is_some() {},
            }
        }
        feed(&right, &mut reader);
        all.extend(found(&mut reader, Some(&asked), Line::Silent));
        let answers: Vec<&String> = all.iter().filter(|f| f.starts_with("17:03")).collect();
        assert!(!answers.is_empty(), "{before:?}: {all:?}");
        // A flipped bit in a line end or in the case of a digit leaves an ASCII answer right.
        assert!(answers.iter().all(|a| *a == "17:0306022B00000064"), "{before:?}: {all:?}");
    }

    proptest! {
        #[test]
        fn no_line_panics(bytes in prop::collection::vec(any::<u8>(), 0..3000)) {
            fuzz::line(Framing::Rtu, &bytes);
            fuzz::line(Framing::Ascii, &bytes);
        }

        #[test]
        fn no_digits_panic(
            head in prop::collection::vec(any::<u8>(), 6),
            text in "[:0-9A-F\r\n]{0,700}",
        ) {
            fuzz::line(Framing::Ascii, &[head.as_slice(), text.as_bytes()].concat());
        }

        #[test]
        fn rtu_answers_are_found_behind_anything(
            before in prop::collection::vec(mischief(), 0..6),
            piece in 1..50usize,
        ) {
            is_found(Framing::Rtu, &before, piece);
        }

        #[test]
        fn ascii_answers_are_found_behind_anything(
            before in prop::collection::vec(mischief(), 0..6),
            piece in 1..50usize,
        ) {
            is_found(Framing::Ascii, &before, piece);
        }
    }
}
