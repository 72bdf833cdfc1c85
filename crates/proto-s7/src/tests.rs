//! Bytes as they are on the wire, and anything at all in their place.

#![allow(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use crate::*;
use proptest::prelude::*;

fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> =
        text.chars().filter_map(|c| c.to_digit(16)).map(|digit| digit as u8).collect();
    digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect()
}

/// What a stream given in one piece means, and the PDUs in it.
fn events(bytes: &[u8]) -> Result<Vec<(Event, Vec<u8>)>, Framing> {
    let mut receiver = Receiver::new();
    receiver.space()[..bytes.len()].copy_from_slice(bytes);
    receiver.arrived(bytes.len());
    let mut all = Vec::new();
    while let Some(event) = receiver.take()? {
        let pdu = if event == Event::Pdu { receiver.pdu().to_vec() } else { Vec::new() };
        all.push((event, pdu));
    }
    Ok(all)
}

#[test]
fn requests_are_written_as_the_wire_has_them() {
    let mut out = Vec::new();
    cotp::connect(0x0100, 0x0102, &mut out);
    assert_eq!(out, hex("03000016 11E00000000100 C0010A C1020100 C2020102"));
    let mut out = Vec::new();
    setup(1, 480, &mut out);
    assert_eq!(out, hex("32010000 0001 0008 0000 F000 0001 0001 01E0"));
    let mut out = Vec::new();
    let items = [
        Item::bytes(Area::Block, 1, 4, 2),
        Item::bytes(Area::Timer, 0, 10, 4),
        Item::bytes(Area::Flag, 0, 3, 1),
    ];
    read(7, &items, &mut out).unwrap();
    let expected = "32010000 0007 0026 0000 0403
        120A1002 0002 0001 84 000020
        120A101D 0002 0000 1D 000005
        120A1002 0001 0000 83 000018";
    assert_eq!(out, hex(expected));
    let mut out = Vec::new();
    write(8, &Item::bit(Area::Block, 20, 2, 5), &[1], &mut out).unwrap();
    let expected = "32010000 0008 000E 0005 0501 120A1001 0001 0014 84 000015 00030001 01";
    assert_eq!(out, hex(expected));
    let mut out = Vec::new();
    write(9, &Item::bytes(Area::Output, 0, 1, 2), &[0xAB, 0xCD], &mut out).unwrap();
    let expected = "32010000 0009 000E 0006 0501 120A1002 0002 0000 82 000008 00040010 ABCD";
    assert_eq!(out, hex(expected));
    assert_eq!(out.len(), WRITE_JOB_BYTES + 2);
    let none = read(1, &[], &mut out).unwrap_err();
    assert_eq!(none, Malformed::Quantity { items: 0 });
    let many = read(1, &[items[0]; 21], &mut out).unwrap_err();
    assert_eq!(many, Malformed::Quantity { items: 21 });
}

#[test]
fn the_sizes_that_planning_counts_with_are_those_of_the_wire() {
    let mut out = Vec::new();
    read(1, &[Item::bytes(Area::Flag, 0, 0, 1); 3], &mut out).unwrap();
    assert_eq!(out.len(), READ_JOB_BYTES + 3 * ITEM_BYTES);
}

#[test]
fn questions_about_blocks_are_written_as_the_wire_has_them() {
    let mut out = Vec::new();
    ask(3, Function::ListDataBlocks, &mut out).unwrap();
    assert_eq!(out, hex("32070000 0003 0008 0006 0001120411430200 FF090002 3041"));
    let mut out = Vec::new();
    ask(4, Function::DataBlock(12), &mut out).unwrap();
    let expected = "32070000 0004 0008 000C 0001120411430300 FF090008 3041 3030303132 41";
    assert_eq!(out, hex(expected));
    let mut out = Vec::new();
    ask(5, Function::StatusList { id: 0x11, index: 0 }, &mut out).unwrap();
    assert_eq!(out, hex("32070000 0005 0008 0008 0001120411440100 FF090004 00110000"));
    let first = hex("32070000 0003 000C 0008 0001120812830209 00 01 0000 FF090004 00050000");
    let pdu = Pdu::decode(&first).unwrap();
    let status = Status::decode(&pdu).unwrap();
    assert_eq!(blocks(status.payload).collect::<Vec<_>>(), [5]);
    let mut out = Vec::new();
    go_on(6, Function::ListDataBlocks, status.more.unwrap(), &mut out).unwrap();
    assert_eq!(out, hex("32070000 0006 000C 0004 000112081243020900000000 0A000000"));
    let refused = hex("32070000 0003 000C 0004 0001120812830200 00 00 D401 0A000000");
    let status = Status::decode(&Pdu::decode(&refused).unwrap()).unwrap();
    assert_eq!((status.error, status.more), (ErrorCode(0xD401), None));
}

#[test]
fn data_goes_out_in_pieces_and_comes_back_whole() {
    let pdu: Vec<u8> = (0..=255).collect();
    for (tpdu_bytes, packets) in [(1024, 1), (256, 2), (128, 3), (1, 3)] {
        let mut out = Vec::new();
        cotp::data(&pdu, tpdu_bytes, &mut out).unwrap();
        let events = events(&out).unwrap();
        assert_eq!(events.len(), packets, "{tpdu_bytes}");
        assert_eq!(events.last().unwrap(), &(Event::Pdu, pdu.clone()));
    }
}

#[test]
fn connections_are_confirmed_refused_or_nonsense() {
    let only = |text: &str| events(&hex(text)).map(|events| events[0].0);
    let confirmed = only("03000016 11D00001000200 C0010A C1020100 C2020102");
    assert_eq!(confirmed, Ok(Event::Confirmed { tpdu_bytes: 1024 }));
    let without = only("0300000B 06D00001000200");
    assert_eq!(without, Ok(Event::Confirmed { tpdu_bytes: 128 }));
    assert_eq!(only("0300000B 06800000000103"), Ok(Event::Disconnected { reason: 3 }));
    assert_eq!(only("03000009 0470000102"), Ok(Event::Rejected { cause: 2 }));
    assert_eq!(only("48545450"), Err(Framing::Version(0x48)));
    assert_eq!(only("03000006 1122"), Err(Framing::Length(6)));
    assert_eq!(only("0300FFFF 1122"), Err(Framing::Length(0xFFFF)));
    assert_eq!(only("03000007 02A080"), Err(Framing::Tpdu(0xA0)));
    assert_eq!(only("03000007 FFF080"), Err(Framing::Tpdu(0xF0)), "a header beyond the packet");
}

#[test]
fn answers_are_taken_apart() {
    let read = hex("32030000 0007 0002 001B 0000 0403
         FF040008 2A00  FF040010 0102  0A000000  FF09000200AA 00");
    let pdu = Pdu::decode(&read[..]).unwrap_err();
    assert_eq!(pdu, Malformed::Short { bytes: read.len() });
    let read =
        hex("32030000 0007 0002 0015 0000 0404 FF040008 2A00 FF030001 0100 0A000000 FF090001AA");
    let pdu = Pdu::decode(&read).unwrap();
    assert_eq!((pdu.kind, pdu.reference), (Kind::AckData, 7));
    let items: Vec<_> = ReadAnswer::decode(&pdu, 4).unwrap().map(Result::unwrap).collect();
    assert_eq!(items, [Ok(&[0x2A][..]), Ok(&[1]), Err(ItemCode::NO_OBJECT), Ok(&[0xAA])]);
    assert_eq!(ReadAnswer::decode(&pdu, 3), Err(Malformed::Items { stated: 4 }));
    assert_eq!(WriteAnswer::decode(&pdu), Err(Malformed::Parameter));
    let cut = hex("32030000 0007 0002 0006 0000 0401 FF040020 2A00");
    let items: Vec<_> = ReadAnswer::decode(&Pdu::decode(&cut).unwrap(), 1).unwrap().collect();
    assert_eq!(items, [Err(Malformed::Data { stated: 0x20 })]);
    let refused = hex("32020000 0007 0000 0000 8104");
    let pdu = Pdu::decode(&refused).unwrap();
    assert_eq!(pdu.error, ErrorCode::NOT_AVAILABLE);
    assert!(pdu.error.to_string().contains("not permitted"));
    let written = hex("32030000 0008 0002 0001 0000 0501 05");
    let code = WriteAnswer::decode(&Pdu::decode(&written).unwrap()).unwrap().0;
    assert_eq!(code.to_string(), "0x05 (address out of range)");
    assert_eq!(Pdu::decode(&[0x72]), Err(Malformed::Protocol(0x72)));
    let agreed = hex("32030000 0001 0008 0000 0000 F000 0001 0001 00F0");
    assert_eq!(Setup::decode(&Pdu::decode(&agreed).unwrap()).unwrap().pdu_bytes, 240);
}

proptest! {
    #[test]
    fn anything_is_survived(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        fuzz::stream(&bytes);
    }

    /// Frames with random insides get further than random frames.
    #[test]
    fn anything_in_a_frame_is_survived(
        piece in any::<u8>(),
        kind in prop_oneof![Just(1u8), Just(2), Just(3), Just(7)],
        function in prop_oneof![Just(4u8), Just(5), Just(0xF0), Just(0)],
        parameter in proptest::collection::vec(any::<u8>(), 0..14),
        data in proptest::collection::vec(any::<u8>(), 0..60),
    ) {
        let (p, d) = (parameter.len() as u8 + 1, data.len() as u8);
        let mut pdu = vec![0x32, kind, 0, 0, 0, 1, 0, p, 0, d];
        if kind == 2 || kind == 3 {
            pdu.extend([0, 0]);
        }
        pdu.push(function);
        pdu.extend(parameter);
        pdu.extend(data);
        let mut bytes = vec![piece];
        cotp::data(&pdu, 128, &mut bytes).unwrap();
        fuzz::stream(&bytes);
    }
}
