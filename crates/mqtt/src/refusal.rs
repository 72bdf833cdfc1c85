//! What a broker's reason codes mean, in words and by what to do next.

use crate::fault::MqttFault;
use mqtt_protocol_core::mqtt::packet::{Properties, Property};
use mqtt_protocol_core::mqtt::result_code::ConnectReturnCode;
use tagwerk_env::WallTime;
use tagwerk_tls::TlsFault;

/// Outcome of an MQTT 3.1.1 CONNACK (section 3.2.2.3).
pub(crate) fn of_connack_v3(code: ConnectReturnCode, address: &str) -> Result<(), MqttFault> {
    let (settings, reason) = match code {
        ConnectReturnCode::Accepted => return Ok(()),
        ConnectReturnCode::UnacceptableProtocolVersion => {
            (true, "it does not speak MQTT 3.1.1; try `version: \"5\"`")
        }
        ConnectReturnCode::IdentifierRejected => {
            (true, "it does not accept the client id; change `client_id`")
        }
        ConnectReturnCode::ServerUnavailable => (false, "its service is not available"),
        ConnectReturnCode::BadUserNameOrPassword => {
            (true, "user name or password are wrong; check `username` and the password")
        }
        ConnectReturnCode::NotAuthorized => {
            (true, "this client may not connect; check `username`, the password and `client_id`")
        }
    };
    Err(fault(settings, format!("the broker at {address} refuses the connection: {reason}")))
}

/// Outcome of an MQTT 5 CONNACK (section 3.2.2.2).
pub(crate) fn of_connack_v5(
    code: u8,
    properties: &Properties,
    address: &str,
) -> Result<(), MqttFault> {
    let (settings, remedy) = match code {
        code if code < 0x80 => return Ok(()),
        0x84 => (true, "; try `version: \"3.1.1\"`"),
        0x85 => (true, "; change `client_id`"),
        0x86 => (true, "; check `username` and the password"),
        0x87 | 0x8A | 0x8C => (true, "; check `username`, the password and `client_id`"),
        0x90 | 0x95 | 0x99 => (true, "; check `will` or `status_topic`"),
        0x9A => (true, "; remove `retain` from `will`, or `status_topic`"),
        0x9B => (true, "; lower `qos` of `will`"),
        0x9C | 0x9D => (true, "; change `url`"),
        _ => (false, ""),
    };
    let reason = reason(code, Some(properties));
    Err(fault(
        settings,
        format!("the broker at {address} refuses the connection: {reason}{remedy}"),
    ))
}

/// Outcome of a PUBACK or PUBREC of MQTT 5 (sections 3.4.2.1 and 3.5.2.1).
pub fn of_publish(
    code: u8,
    properties: Option<&Properties>,
    address: &str,
) -> Result<(), MqttFault> {
    if code < 0x80 {
        return Ok(());
    }
    let text =
        format!("the broker at {address} does not take a message: {}", reason(code, properties));
    Err(match code {
        0x87 => MqttFault::Settings(format!("{text}; check the broker's rules for the topic")),
        0x90 | 0x95 | 0x99 => MqttFault::Rejected(text),
        _ => MqttFault::Passing(text),
    })
}

/// Why a broker does not take a subscription (MQTT 5, section 3.9.3; 3.1.1 has 0x80 alone), or that
/// it does.
pub fn of_subscription(
    code: u8,
    properties: Option<&Properties>,
    filter: &str,
    address: &str,
) -> Result<(), String> {
    let remedy = match code {
        code if code < 0x80 => return Ok(()),
        0x80 | 0x83 | 0x87 => "check the broker's rules for the topic",
        0x8F => "check how the filter is written",
        0x97 => "the broker allows no more subscriptions of this client",
        0x9E => "the broker has no shared subscriptions; remove `$share/…/` from the filter",
        0xA2 => "the broker takes no filters with `+` or `#`; name each topic",
        _ => "see the broker's log",
    };
    let reason = reason(code, properties);
    Err(format!("the broker at {address} refuses the subscription `{filter}`: {reason}; {remedy}"))
}

/// Why an MQTT 5 broker ended the connection (section 3.14.2.1).
pub(crate) fn of_disconnect(
    code: u8,
    properties: Option<&Properties>,
    address: &str,
    client_id: &str,
) -> MqttFault {
    let reason = reason(code, properties);
    let text = format!("the broker at {address} ended the connection: {reason}");
    match code {
        0x8E => MqttFault::Settings(format!(
            "{text}; another client uses the client id `{client_id}`, each must have its own"
        )),
        0x87 => MqttFault::Settings(format!("{text}; check the broker's rules for the topic")),
        0x9A => MqttFault::Settings(format!("{text}; remove `retain` and `status_topic`")),
        0x9B => MqttFault::Settings(format!("{text}; lower `qos`")),
        0x9C | 0x9D => MqttFault::Settings(format!("{text}; change `url`")),
        _ => MqttFault::Passing(text),
    }
}

/// What a failed read or write means. TLS 1.3 refuses the edge's certificate this late.
pub(crate) fn of_io(error: &std::io::Error, address: &str, wall: WallTime) -> MqttFault {
    match TlsFault::of_io(error, &format!("the broker at {address}"), wall) {
        Some(fault) => fault.into(),
        None => {
            MqttFault::Passing(format!("the connection to the broker at {address} broke: {error}"))
        }
    }
}

fn fault(settings: bool, text: String) -> MqttFault {
    if settings { MqttFault::Settings(text) } else { MqttFault::Passing(text) }
}

/// The code's meaning (MQTT 5, section 2.4), with the broker's own words.
fn reason(code: u8, properties: Option<&Properties>) -> String {
    let meaning = match code {
        0x00 => "no reason given",
        0x80 => "unspecified error",
        0x81 => "malformed packet",
        0x82 => "protocol error",
        0x83 => "implementation specific error",
        0x84 => "unsupported protocol version",
        0x85 => "client identifier not valid",
        0x86 => "bad user name or password",
        0x87 => "not authorized",
        0x88 => "server unavailable",
        0x89 => "server busy",
        0x8A => "banned",
        0x8B => "server shutting down",
        0x8C => "bad authentication method",
        0x8D => "keep alive timeout",
        0x8E => "session taken over",
        0x8F => "topic filter invalid",
        0x90 => "topic name invalid",
        0x91 => "packet identifier in use",
        0x93 => "receive maximum exceeded",
        0x94 => "topic alias invalid",
        0x95 => "packet too large",
        0x96 => "message rate too high",
        0x97 => "quota exceeded",
        0x98 => "administrative action",
        0x99 => "payload format invalid",
        0x9A => "retain not supported",
        0x9B => "quality of service not supported",
        0x9C => "use another server",
        0x9D => "server moved",
        0x9F => "connection rate exceeded",
        0x9E => "shared subscriptions not supported",
        0xA0 => "maximum connect time",
        0xA1 => "subscription identifiers not supported",
        0xA2 => "wildcard subscriptions not supported",
        _ => "unknown reason",
    };
    let mut text = format!("{meaning} (0x{code:02X})");
    for property in properties.into_iter().flatten() {
        let words = match property {
            Property::ReasonString(words) => words.val(),
            Property::ServerReference(words) => words.val(),
            _ => continue,
        };
        let words: String =
            words.chars().map(|c| if c.is_control() { ' ' } else { c }).take(200).collect();
        text.push_str(&format!(", {words}"));
    }
    text
}
