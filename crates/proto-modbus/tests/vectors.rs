//! Bytes and their meaning, both ways, from `vectors/`.

use tagwerk_proto_modbus::tcp::{self, FrameBuffer};
use tagwerk_proto_modbus::{Request, Response};

fn from_hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.chars().filter_map(|c| c.to_digit(16)).map(|d| d as u8).collect();
    assert!(digits.len().is_multiple_of(2), "half a byte in `{text}`");
    digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect()
}

fn to_hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02X}")).collect()
}

/// The lines of a file, cut at the mark that says whether the bytes are right or wrong.
fn lines(text: &str) -> impl Iterator<Item = (Vec<u8>, char, &str)> {
    text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).map(|line| {
        let at = line.find(['|', '!']).expect("a line has its mark");
        let mark = line.as_bytes()[at] as char;
        (from_hex(&line[..at]), mark, line[at + 1..].trim())
    })
}

#[test]
fn requests_mean_what_the_specification_says() {
    for (bytes, mark, meaning) in lines(include_str!("../vectors/requests.txt")) {
        match Request::decode(&bytes) {
            Ok(request) => {
                assert_eq!((mark, format!("{request:?}")), ('|', meaning.to_owned()));
                let mut again = Vec::new();
                request.encode(&mut again).unwrap();
                assert_eq!(to_hex(&again), to_hex(&bytes), "{meaning}");
            }
            Err(error) => assert_eq!((mark, error.to_string()), ('!', meaning.to_owned())),
        }
    }
}

#[test]
fn responses_mean_what_the_specification_says() {
    for (bytes, mark, meaning) in lines(include_str!("../vectors/responses.txt")) {
        match Response::decode(&bytes) {
            Ok(response) => {
                assert_eq!((mark, format!("{response:?}")), ('|', meaning.to_owned()));
                let mut again = Vec::new();
                response.encode(&mut again).unwrap();
                assert_eq!(to_hex(&again), to_hex(&bytes), "{meaning}");
            }
            Err(error) => assert_eq!((mark, error.to_string()), ('!', meaning.to_owned())),
        }
    }
}

/// Everything found in a stream that arrives in pieces, in words.
fn found(pieces: &[&[u8]]) -> String {
    let mut frames = FrameBuffer::new();
    let mut said = Vec::new();
    for piece in pieces {
        let mut rest = *piece;
        loop {
            let space = frames.space();
            let count = rest.len().min(space.len());
            space[..count].copy_from_slice(&rest[..count]);
            frames.arrived(count);
            rest = &rest[count..];
            loop {
                match frames.take() {
                    Ok(Some(frame)) => {
                        said.push(format!(
                            "{}/{} {}",
                            frame.transaction,
                            frame.unit,
                            to_hex(frame.pdu)
                        ));
                    }
                    Ok(None) => break,
                    Err(error) => {
                        said.push(error.to_string());
                        return said.join("; ");
                    }
                }
            }
            if rest.is_empty() {
                break;
            }
        }
    }
    said.push("more".into());
    said.join("; ")
}

#[test]
fn streams_are_cut_into_frames() {
    for (bytes, _, meaning) in lines(include_str!("../vectors/streams.txt")) {
        assert_eq!(found(&[&bytes]), meaning);
        let singly: Vec<&[u8]> = bytes.chunks(1).collect();
        assert_eq!(found(&singly), meaning, "byte by byte");
    }
}

#[test]
fn a_stream_of_any_length_passes_through_the_one_buffer() {
    let (mut stream, mut expected) = (Vec::new(), Vec::new());
    let words = [7; 250];
    for transaction in 0..100u16 {
        let length = usize::from(transaction) * 2 % 252;
        let response = Response::HoldingRegisters { words: &words[..length] };
        let before = stream.len();
        tcp::encode_response(transaction, 1, &response, &mut stream).unwrap();
        expected.push(format!("{transaction}/1 {}", to_hex(&stream[before + 7..])));
    }
    expected.push("more".into());
    for size in [1, 7, 100, 259, 260, 261, 2048, 100_000] {
        let pieces: Vec<&[u8]> = stream.chunks(size).collect();
        assert_eq!(found(&pieces), expected.join("; "), "pieces of {size}");
    }
}

#[test]
fn what_modbus_cannot_carry_is_not_encoded() {
    let mut out = vec![1, 2, 3];
    for request in [
        Request::ReadCoils { start: 0, count: 2001 },
        Request::ReadHoldingRegisters { start: 0, count: 0 },
        Request::WriteRegisters { start: 0, words: &[0; 248] },
        Request::WriteRegisters { start: 0, words: &[0; 3] },
        Request::WriteRegisters { start: 0, words: &[] },
        Request::WriteCoils { start: 0, count: 9, bits: &[0] },
    ] {
        tcp::encode_request(1, 1, &request, &mut out).unwrap_err();
        assert_eq!(out, [1, 2, 3], "{request:?}");
    }
    let response = Response::HoldingRegisters { words: &[0; 252] };
    tcp::encode_response(1, 1, &response, &mut out).unwrap_err();
    assert_eq!(out, [1, 2, 3]);
}

mod properties {
    use super::*;
    use proptest::prelude::*;
    use tagwerk_proto_modbus::fuzz;

    /// Streams that are mostly whole frames, so that chance gets past the header.
    fn streams() -> impl Strategy<Value = Vec<u8>> {
        let frame = (any::<u16>(), any::<u8>(), prop::collection::vec(any::<u8>(), 1..254));
        prop::collection::vec(frame, 0..6).prop_map(|frames| {
            let mut stream = Vec::new();
            for (transaction, unit, pdu) in frames {
                stream.extend_from_slice(&transaction.to_be_bytes());
                stream.extend_from_slice(&[0, 0]);
                stream.extend_from_slice(&(pdu.len() as u16 + 1).to_be_bytes());
                stream.push(unit);
                stream.extend_from_slice(&pdu);
            }
            stream
        })
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
            fuzz::stream(&bytes);
        }

        #[test]
        fn no_frames_panic(piece in any::<u8>(), stream in streams()) {
            let mut bytes = vec![piece];
            bytes.extend(stream);
            fuzz::stream(&bytes);
        }

        #[test]
        fn pdus_near_a_function_do_not_panic(
            code in prop::sample::select(vec![1u8, 2, 3, 4, 5, 6, 15, 16, 22, 23, 0x83, 0x90]),
            rest in prop::collection::vec(any::<u8>(), 0..20),
        ) {
            let mut pdu = vec![code];
            pdu.extend(rest);
            fuzz::pdu(&pdu);
        }

        #[test]
        fn a_stream_means_the_same_however_it_is_cut(
            stream in streams(),
            cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..12),
        ) {
            let mut places: Vec<usize> =
                cuts.iter().map(|cut| cut.index(stream.len() + 1)).collect();
            places.sort_unstable();
            let mut pieces = Vec::new();
            let mut from = 0;
            for place in places {
                pieces.push(&stream[from..place]);
                from = place;
            }
            pieces.push(&stream[from..]);
            prop_assert_eq!(found(&pieces), found(&[&stream]));
        }
    }
}
