//! Packets in the form of the protocol version in use.

use crate::access::Version;
use mqtt_protocol_core::mqtt::packet::{
    Packet, Properties, Property, Qos, RetainHandling, SessionExpiryInterval, SubEntry, SubOpts,
    SubscriptionIdentifier, v3_1_1, v5_0,
};
use mqtt_protocol_core::mqtt::result_code::MqttError;
use std::sync::Arc;
use std::time::Duration;

/// How to ask a broker for a connection.
pub struct Hello {
    /// The broker's address, for messages.
    pub address: String,
    pub version: Version,
    /// Empty, where the broker is to choose one.
    pub client_id: String,
    pub username: Option<String>,
    pub password: Option<Vec<u8>>,
    pub keep_alive: Duration,
    pub session: Kept,
    pub will: Option<Letter>,
}

/// What the broker is to keep of the client while it is away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kept {
    Nothing,
    /// Subscriptions and messages; MQTT 3.1.1 cannot say for how long.
    For(Duration),
}

/// A message that leaves.
#[derive(Clone)]
pub struct Letter {
    pub topic: String,
    pub payload: Arc<[u8]>,
    pub qos: Qos,
    pub retain: bool,
}

/// A filter to subscribe to.
pub struct Subscription<'a> {
    pub filter: &'a str,
    pub qos: Qos,
    /// Messages that the broker keeps for new subscribers are wanted.
    pub retained: bool,
    /// Comes back with each message that is sent for it; MQTT 5 only.
    pub identifier: Option<u32>,
}

/// The answers by which a message of quality of service 1 or 2 is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Acknowledgement {
    Puback,
    Pubrec,
    Pubcomp,
}

pub(crate) fn connect(hello: &Hello) -> Result<Packet, MqttError> {
    let keep_alive = hello.keep_alive.as_secs() as u16;
    macro_rules! build {
        ($version:ident) => {{
            let mut builder = $version::Connect::builder()
                .client_id(hello.client_id.as_str())?
                .clean_start(hello.session == Kept::Nothing)
                .keep_alive(keep_alive);
            if let Some(name) = &hello.username {
                builder = builder.user_name(name.as_str())?;
            }
            if let Some(password) = &hello.password {
                builder = builder.password(password.clone())?;
            }
            if let Some(will) = &hello.will {
                builder = builder.will_message(
                    will.topic.as_str(),
                    will.payload.to_vec(),
                    will.qos,
                    will.retain,
                )?;
            }
            builder
        }};
    }
    Ok(match (hello.version, hello.session) {
        (Version::V5, Kept::For(time)) => {
            let seconds = u32::try_from(time.as_secs()).unwrap_or(u32::MAX);
            let expiry: Property = SessionExpiryInterval::new(seconds)?.into();
            build!(v5_0).props(vec![expiry]).build()?.into()
        }
        (Version::V5, Kept::Nothing) => build!(v5_0).build()?.into(),
        (Version::V3, _) => build!(v3_1_1).build()?.into(),
    })
}

pub fn publish(
    version: Version,
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
        Version::V5 => {
            let mut builder = build!(v5_0).props(properties.clone());
            if let Some(packet_id) = packet_id {
                builder = builder.packet_id(packet_id);
            }
            builder.build()?.into()
        }
        Version::V3 => {
            let mut builder = build!(v3_1_1);
            if let Some(packet_id) = packet_id {
                builder = builder.packet_id(packet_id);
            }
            builder.build()?.into()
        }
    })
}

pub fn subscribe(
    version: Version,
    packet_id: u16,
    wanted: &Subscription<'_>,
) -> Result<Packet, MqttError> {
    let options = SubOpts::new().set_qos(wanted.qos);
    Ok(match version {
        Version::V5 => {
            let handling = match wanted.retained {
                true => RetainHandling::SendRetained,
                false => RetainHandling::DoNotSendRetained,
            };
            let entry = SubEntry::new(wanted.filter, options.set_rh(handling))?;
            let identifier = wanted.identifier.map(SubscriptionIdentifier::new).transpose()?;
            let properties: Properties = identifier.into_iter().map(Property::from).collect();
            v5_0::Subscribe::builder()
                .packet_id(packet_id)
                .entries(vec![entry])
                .props(properties)
                .build()?
                .into()
        }
        Version::V3 => v3_1_1::Subscribe::builder()
            .packet_id(packet_id)
            .entries(vec![SubEntry::new(wanted.filter, options)?])
            .build()?
            .into(),
    })
}

pub fn unsubscribe(version: Version, packet_id: u16, filter: &str) -> Result<Packet, MqttError> {
    macro_rules! build {
        ($version:ident) => {
            $version::Unsubscribe::builder()
                .packet_id(packet_id)
                .entries(vec![filter])?
                .build()?
                .into()
        };
    }
    Ok(match version {
        Version::V5 => build!(v5_0),
        Version::V3 => build!(v3_1_1),
    })
}

pub fn acknowledge(
    version: Version,
    what: Acknowledgement,
    packet_id: u16,
) -> Result<Packet, MqttError> {
    macro_rules! build {
        ($packet:ident) => {
            match version {
                Version::V5 => v5_0::$packet::builder().packet_id(packet_id).build()?.into(),
                Version::V3 => v3_1_1::$packet::builder().packet_id(packet_id).build()?.into(),
            }
        };
    }
    Ok(match what {
        Acknowledgement::Puback => build!(Puback),
        Acknowledgement::Pubrec => build!(Pubrec),
        Acknowledgement::Pubcomp => build!(Pubcomp),
    })
}

pub fn disconnect(version: Version) -> Result<Packet, MqttError> {
    Ok(match version {
        Version::V5 => v5_0::Disconnect::builder().build()?.into(),
        Version::V3 => v3_1_1::Disconnect::builder().build()?.into(),
    })
}
