//! Packets in the form of the protocol version in use.

use super::link::{Letter, Terms};
use mqtt_protocol_core::mqtt;
use mqtt_protocol_core::mqtt::packet::{Packet, Properties, v3_1_1, v5_0};
use mqtt_protocol_core::mqtt::result_code::MqttError;

pub fn connect(terms: &Terms) -> Result<Packet, MqttError> {
    let keep_alive = terms.keep_alive.as_secs() as u16;
    macro_rules! build {
        ($version:ident) => {{
            let mut builder = $version::Connect::builder()
                .client_id(terms.client_id.as_str())?
                .clean_start(true)
                .keep_alive(keep_alive);
            if let Some(name) = &terms.username {
                builder = builder.user_name(name.as_str())?;
            }
            if let Some(password) = &terms.password {
                builder = builder.password(password.clone())?;
            }
            if let Some(will) = &terms.will {
                builder = builder.will_message(
                    will.topic.as_str(),
                    will.payload.to_vec(),
                    will.qos,
                    will.retain,
                )?;
            }
            builder.build()?.into()
        }};
    }
    Ok(match terms.version {
        mqtt::Version::V5_0 => build!(v5_0),
        _ => build!(v3_1_1),
    })
}

pub fn publish(
    version: mqtt::Version,
    letter: Letter,
    packet_id: Option<u16>,
    properties: &Properties,
) -> Result<Packet, MqttError> {
    macro_rules! build {
        ($version:ident) => {
            $version::Publish::builder()
                .topic_name(letter.topic.as_str())?
                .qos(letter.qos)
                .retain(letter.retain)
                .payload(letter.payload)
        };
    }
    Ok(match version {
        mqtt::Version::V5_0 => {
            let mut builder = build!(v5_0).props(properties.clone());
            if let Some(packet_id) = packet_id {
                builder = builder.packet_id(packet_id);
            }
            builder.build()?.into()
        }
        _ => {
            let mut builder = build!(v3_1_1);
            if let Some(packet_id) = packet_id {
                builder = builder.packet_id(packet_id);
            }
            builder.build()?.into()
        }
    })
}

pub fn disconnect(version: mqtt::Version) -> Result<Packet, MqttError> {
    Ok(match version {
        mqtt::Version::V5_0 => v5_0::Disconnect::builder().build()?.into(),
        _ => v3_1_1::Disconnect::builder().build()?.into(),
    })
}
