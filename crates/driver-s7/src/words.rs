//! What a controller's answers mean: for people, for the runtime, and for the communication log.

use tagwerk_component::Fault;
use tagwerk_model::Quality;
use tagwerk_proto_s7::{ErrorCode, ItemCode, Kind, Malformed, Pdu, ReadAnswer, Setup};

const PERMIT: &str = "in the CPU's properties, under protection and security, permit access with \
                      PUT/GET communication, and load them";

/// What to do about a refused item.
fn advice(code: ItemCode) -> &'static str {
    match code {
        ItemCode::ACCESS_DENIED => {
            "permit access with PUT/GET communication in the CPU's properties, and switch off \
             optimised block access of the data block"
        }
        ItemCode::OUT_OF_RANGE => {
            "the data block is shorter, or the area smaller, than the address"
        }
        ItemCode::NO_OBJECT => {
            "the data block is not in the CPU, or has optimised block access: switch that off in \
             its properties"
        }
        ItemCode::TYPE_NOT_SUPPORTED | ItemCode::TYPE_INCONSISTENT => {
            "this CPU does not know such an access; try another width"
        }
        ItemCode::HARDWARE => "look at the CPU's diagnostics",
        _ => "look the code up in the CPU's manual",
    }
}

pub fn quality_of(code: ItemCode) -> Quality {
    let quality = match code {
        ItemCode::OUT_OF_RANGE | ItemCode::NO_OBJECT => Quality::BAD_UNKNOWN_ADDRESS,
        ItemCode::ACCESS_DENIED => Quality::BAD_NOT_READABLE,
        ItemCode::TYPE_NOT_SUPPORTED | ItemCode::TYPE_INCONSISTENT => Quality::BAD_NOT_SUPPORTED,
        _ => Quality::BAD_DEVICE_FAILURE,
    };
    quality.with_detail(code.0.into())
}

/// Whether asking again changes nothing, unless the controller's program changes.
pub fn is_lasting(code: ItemCode) -> bool {
    matches!(
        code,
        ItemCode::OUT_OF_RANGE
            | ItemCode::NO_OBJECT
            | ItemCode::ACCESS_DENIED
            | ItemCode::TYPE_NOT_SUPPORTED
            | ItemCode::TYPE_INCONSISTENT
    )
}

/// An item that the controller refused; `what` such as `reading DB1 byte 4`.
pub fn refused_item(what: &str, code: ItemCode) -> Fault {
    Fault::Refused {
        quality: quality_of(code),
        reason: format!("the CPU refused {what} with {code}: {}", advice(code)),
    }
}

/// A job that the controller refused as a whole.
pub fn refused_job(what: &str, error: ErrorCode) -> Fault {
    let reason = format!("the CPU refused {what} with {error}");
    if error.is_protection() {
        return Fault::Refused {
            quality: Quality::BAD_NOT_READABLE.with_detail(error.0),
            reason: format!("{reason}: {PERMIT}"),
        };
    }
    let (quality, advice) = match error.class() {
        0x83 => (Quality::BAD_DEVICE_BUSY, "; it is short of resources: poll less often"),
        0x85 => (Quality::BAD_NOT_SUPPORTED, "; try a smaller `pdu_size`"),
        0x81 | 0xD4 => (Quality::BAD_NOT_SUPPORTED, ""),
        0x82 | 0xD2 => (Quality::BAD_UNKNOWN_ADDRESS, "; check the data block's number"),
        0x84 => (Quality::BAD_UNKNOWN_ADDRESS, "; check the address, and the data block's length"),
        _ => (Quality::BAD_DEVICE_FAILURE, ""),
    };
    Fault::Refused { quality: quality.with_detail(error.0), reason: format!("{reason}{advice}") }
}

pub fn not_understood(what: &str, why: &Malformed) -> Fault {
    Fault::Refused {
        quality: Quality::BAD_COMMUNICATION,
        reason: format!("the answer to {what} was not understood: {why}"),
    }
}

/// A fault with what it means put before it.
pub fn prefixed(fault: Fault, prefix: &str) -> Fault {
    let joined = |text: String| format!("{prefix}: {text}");
    match fault {
        Fault::Settings(text) => Fault::Settings(joined(text)),
        Fault::Link(text) => Fault::Link(joined(text)),
        Fault::Silent(text) => Fault::Silent(joined(text)),
        Fault::Refused { quality, reason } => Fault::Refused { quality, reason: joined(reason) },
    }
}

/// One line about a PDU that arrived, for the communication log.
pub fn received(bytes: &[u8]) -> String {
    let pdu = match Pdu::decode(bytes) {
        Ok(pdu) => pdu,
        Err(why) => return format!("Not understood: {why}"),
    };
    let number = pdu.reference;
    match pdu.kind {
        Kind::Job => format!("Job {number} from the CPU, which nothing here serves"),
        _ if !pdu.error.is_none() => format!("Answer {number}: refused with {}", pdu.error),
        Kind::UserData => {
            format!("Answer {number}: {} bytes about the CPU's blocks or state", pdu.data.len())
        }
        Kind::Ack => format!("Answer {number}: acknowledged"),
        Kind::AckData => match pdu.parameter {
            [0xF0, ..] => match Setup::decode(&pdu) {
                Ok(setup) => format!("Answer {number}: PDUs have up to {} bytes", setup.pdu_bytes),
                Err(why) => format!("Answer {number}: {why}"),
            },
            [0x04, count, ..] => match ReadAnswer::decode(&pdu, usize::from(*count)) {
                Ok(items) => format!("Answer {number}: {}", items_read(items)),
                Err(why) => format!("Answer {number}: {why}"),
            },
            [0x05, ..] => {
                let code = pdu.data.first().map_or(ItemCode(0), |code| ItemCode(*code));
                format!("Answer {number}: write: {code}")
            }
            _ => format!("Answer {number}: of an unknown function"),
        },
    }
}

fn items_read(items: ReadAnswer<'_>) -> String {
    let said: Vec<String> = items
        .map(|item| match item {
            Ok(Ok(data)) => format!("{} bytes", data.len()),
            Ok(Err(code)) => code.to_string(),
            Err(why) => why.to_string(),
        })
        .collect();
    format!("read: {}", said.join(", "))
}
