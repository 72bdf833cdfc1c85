//! Everything that can be said is understood as it was said, and nothing that arrives breaks
//! anything.
#![allow(clippy::unwrap_used, reason = "test code")]

use proptest::prelude::*;
use tagwerk_proto_iec104::{
    Asdu, Cause, CommandQualifier, Counter, Cp24, Cp56, Element, Family, Header, Malformed, Object,
    Quality, SetQualifier, Sign, Sizes, Stage, TimeForm, TimeTag, TypeId, Unfit, encode, fuzz,
};

fn element(family: Family, n: u64) -> Element {
    let quality = Quality((n >> 32) as u8 & 0xF1);
    let upper = Quality((n >> 32) as u8 & 0xF0);
    let protection = Quality((n >> 32) as u8 & 0xF8);
    let (low, flag) = (n as u32, n >> 40 & 1 != 0);
    let short = (n >> 16) as u16;
    match family {
        Family::Single => Element::Single { on: flag, quality: upper },
        Family::Double => Element::Double { state: low as u8 & 3, quality: upper },
        Family::Step => {
            let position = (low as i8) >> 1;
            Element::Step { position, transient: flag, quality }
        }
        Family::Bits => Element::Bits { bits: low, quality },
        Family::Normalized => Element::Normalized { raw: low as i16, quality },
        Family::NormalizedBare => Element::NormalizedBare { raw: low as i16 },
        Family::Scaled => Element::Scaled { value: low as i16, quality },
        Family::Float => Element::Float { value: float(low), quality },
        Family::Counter => Element::Counter(Counter {
            value: low as i32,
            sequence: (n >> 32) as u8 & 0x1F,
            carry: flag,
            adjusted: n >> 41 & 1 != 0,
            invalid: n >> 42 & 1 != 0,
        }),
        Family::ProtectionEvent => Element::ProtectionEvent {
            state: low as u8 & 3,
            quality: protection,
            elapsed_ms: short,
        },
        Family::ProtectionStart => Element::ProtectionStart {
            events: low as u8 & 0x3F,
            quality: protection,
            duration_ms: short,
        },
        Family::ProtectionCircuit => Element::ProtectionCircuit {
            circuits: low as u8 & 0x0F,
            quality: protection,
            operating_ms: short,
        },
        Family::PackedSingles => {
            Element::PackedSingles { states: low as u16, changes: short, quality }
        }
        Family::EndOfInitialisation => {
            Element::EndOfInitialisation { cause: low as u8 & 0x7F, changed: flag }
        }
        order => command(order, n),
    }
}

/// NaN is no value to compare.
fn float(bits: u32) -> f32 {
    Some(f32::from_bits(bits)).filter(|float| !float.is_nan()).unwrap_or(1.5)
}

/// Commands and system information.
fn command(family: Family, n: u64) -> Element {
    let (low, flag) = (n as u32, n >> 40 & 1 != 0);
    let stage = if flag { Stage::Select } else { Stage::Execute };
    let command = CommandQualifier { code: (n >> 48) as u8 & 0x1F, stage };
    let set = SetQualifier { code: (n >> 48) as u8 & 0x7F, stage };
    match family {
        Family::SingleCommand => Element::SingleCommand { on: low & 1 != 0, qualifier: command },
        Family::DoubleCommand => {
            Element::DoubleCommand { state: low as u8 & 3, qualifier: command }
        }
        Family::StepCommand => {
            Element::StepCommand { direction: low as u8 & 3, qualifier: command }
        }
        Family::SetNormalized => Element::SetNormalized { raw: low as i16, qualifier: set },
        Family::SetScaled => Element::SetScaled { value: low as i16, qualifier: set },
        Family::SetFloat => Element::SetFloat { value: float(low), qualifier: set },
        Family::SetBits => Element::SetBits { bits: low },
        Family::Interrogation => Element::Interrogation { qualifier: low as u8 },
        Family::CounterInterrogation => {
            Element::CounterInterrogation { request: low as u8 & 0x3F, freeze: low as u8 >> 6 }
        }
        Family::Read => Element::Read,
        Family::ClockSync => Element::ClockSync,
        Family::Test => Element::Test { pattern: low as u16 },
        Family::Reset => Element::Reset { qualifier: low as u8 },
        _ => Element::Delay { millis: low as u16 },
    }
}

fn time(form: TimeForm, ms: u64) -> Option<TimeTag> {
    // Up to the end of 2099.
    let ms = 946_684_800_000 + (ms % 3_155_760_000_000) as i64;
    let full = Cp56::from_local_ms(ms).unwrap();
    assert_eq!(full.local_ms(), Some(ms));
    let time = Cp24 { invalid: ms & 1 != 0, substituted: ms & 2 != 0, ..full.time };
    match form {
        TimeForm::None => None,
        TimeForm::Cp24 => Some(TimeTag::Cp24(time)),
        TimeForm::Cp56 => Some(TimeTag::Cp56(Cp56 { time, summer: ms & 4 != 0, ..full })),
    }
}

proptest! {
    #[test]
    fn asdus_are_understood_as_they_were_said(
        type_at in 0usize..55,
        seeds in prop::collection::vec(any::<u64>(), 1..16),
        cause in 0u8..64, flags in 0u8..8, originator: u8, station in 0u16..256, first in 0u32..200,
        widths in (1u8..=2, 1u8..=2, 1u8..=3),
    ) {
        let sizes = Sizes { cause: widths.0, common_address: widths.1, object_address: widths.2 };
        let type_id = TypeId::all().nth(type_at).unwrap();
        let objects: Vec<Object> = seeds
            .iter()
            .enumerate()
            .map(|(i, seed)| Object {
                address: first + i as u32,
                element: element(type_id.family(), *seed),
                time: time(type_id.time(), seed.rotate_left(17)),
            })
            .collect();
        let header = Header {
            in_a_row: flags & 1 != 0,
            sign: if flags & 2 != 0 { Sign::Negative } else { Sign::Positive },
            test: flags & 4 != 0,
            originator: if sizes.cause == 2 { originator } else { 0 },
            ..Header::new(type_id, Cause::new(cause), station)
        };
        let mut bytes = Vec::new();
        encode(&header, &objects, sizes, &mut bytes).unwrap();
        let asdu = Asdu::decode(&bytes, sizes).unwrap();
        prop_assert_eq!(asdu.header, Header { count: objects.len() as u8, ..header });
        prop_assert_eq!(asdu.objects().collect::<Vec<_>>(), objects);
        prop_assert!(!asdu.to_string().is_empty());
        for cut in 0..bytes.len() {
            prop_assert!(Asdu::decode(&bytes[..cut], sizes).is_err());
        }
        bytes.push(0);
        prop_assert!(Asdu::decode(&bytes, sizes).is_err());
    }

    #[test]
    fn nothing_that_arrives_breaks_anything(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        fuzz::apdu(&bytes);
        fuzz::asdu(&bytes);
    }

    #[test]
    fn nothing_inside_a_frame_breaks_anything(
        piece: u8, type_code: u8, rest in prop::collection::vec(any::<u8>(), 0..245),
    ) {
        let mut bytes = vec![piece, 0x68, rest.len() as u8 + 5, 0, 0, 0, 0, type_code];
        bytes.extend(&rest);
        fuzz::apdu(&bytes);
        let mut bytes = vec![piece, type_code];
        bytes.extend(&rest);
        fuzz::asdu(&bytes);
    }
}

/// Bytes that were put together by hand from the standard's figures.
#[test]
fn asdus_have_the_bytes_of_the_standard() {
    let sizes = Sizes::default();
    let cases: [(&[u8], &str); 6] = [
        (
            &[100, 1, 6, 0, 1, 0, 0, 0, 0, 20],
            "C_IC_NA_1 (interrogation), activation, station 1: the whole station",
        ),
        (
            &[13, 1, 3, 0, 0x34, 0x12, 0xE9, 3, 0, 0, 0, 0xAC, 0x41, 0],
            "M_ME_NC_1 (short float), spontaneous, station 4660: 1001 = 21.5",
        ),
        (
            &[1, 0x83, 20, 0, 1, 0, 10, 0, 1, 1, 0x80, 0x10],
            "M_SP_NA_1 (single point), general interrogation, station 1: 65546 = on, 65547 = off \
             [IV], 65548 = off [BL]",
        ),
        (
            &[46, 1, 0x47, 5, 1, 0, 1, 0, 0, 0x82],
            "C_DC_NA_1 (double command), activation confirmation, negative, station 1, originator \
             5: 1 = select on (QU 0)",
        ),
        (
            &[5, 1, 3, 0, 1, 0, 2, 0, 0, 0xFF, 0x40],
            "M_ST_NA_1 (step position), spontaneous, station 1: 2 = -1 (moving) [NT]",
        ),
        (
            &[103, 1, 6, 0, 1, 0, 0, 0, 0, 0x39, 0x30, 0x9E, 0x8D, 0x6F, 0x0B, 0x1A],
            "C_CS_NA_1 (clock synchronisation), activation, station 1:  at 2026-11-15 \
             13:30:12.345 (invalid time) (summer time)",
        ),
    ];
    for (bytes, words) in cases {
        let asdu = Asdu::decode(bytes, sizes).unwrap();
        assert_eq!(asdu.to_string(), words);
        let mut again = Vec::new();
        encode(&asdu.header, &asdu.objects().collect::<Vec<_>>(), sizes, &mut again).unwrap();
        assert_eq!(again, bytes);
    }
}

#[test]
fn what_is_wrong_is_named() {
    let sizes = Sizes::default();
    let wrong = |bytes: &[u8]| Asdu::decode(bytes, sizes).err().unwrap();
    assert_eq!(wrong(&[1, 1]), Malformed::Header(2));
    assert_eq!(wrong(&[200, 1, 3, 0, 1, 0, 0]), Malformed::UnknownType(200));
    assert_eq!(wrong(&[1, 0, 3, 0, 1, 0]), Malformed::NoObjects(TypeId::M_SP_NA_1));
    let length =
        Malformed::Length { type_id: TypeId::M_SP_NA_1, count: 127, needed: 508, bytes: 4 };
    assert_eq!(wrong(&[1, 127, 3, 0, 1, 0, 1, 0, 0, 1]), length);
    let row = wrong(&[1, 0x82, 3, 0, 1, 0, 0xFF, 0xFF, 0xFF, 1, 1]);
    assert_eq!(row, Malformed::Address { first: 0xFF_FFFF, count: 2 });
}

#[test]
fn what_cannot_be_said_is_refused_and_leaves_no_bytes() {
    let sizes = Sizes { cause: 1, common_address: 1, object_address: 1 };
    let header = Header::new(TypeId::M_SP_NA_1, Cause::SPONTANEOUS, 1);
    let object =
        |address| Object::new(address, Element::Single { on: true, quality: Quality::GOOD });
    let mut out = vec![7];
    let mut check = |header: &Header, objects: &[Object], unfit| {
        assert_eq!(encode(header, objects, sizes, &mut out), Err(unfit));
        assert_eq!(out, [7]);
    };
    check(&header, &[], Unfit::Count(0));
    check(&header, &[object(1); 128], Unfit::Count(128));
    check(&header, &[object(256)], Unfit::Address(256));
    check(&header, &[object(1); 124], Unfit::Bytes(252));
    let row = Header { in_a_row: true, ..header };
    check(&row, &[object(1), object(3)], Unfit::Address(3));
    check(&Header { common_address: 256, ..header }, &[object(1)], Unfit::CommonAddress(256));
    let time = Header { type_code: TypeId::M_SP_TB_1.code(), ..header };
    let unfit = Unfit::Object { address: 1, type_id: TypeId::M_SP_TB_1 };
    check(&time, &[object(1)], unfit);
}
