//! A connection to an MQTT broker, version 3.1.1 or 5: its settings, how it comes about, its bytes
//! and its keep-alive, and a broker's refusals in words. What is sent and what is done with what
//! arrives is left to the sink and to the driver.

mod access;
mod address;
mod dial;
mod fault;
mod packet;
mod refusal;
mod topic;
mod wire;

pub use access::{Access, Version, quality_of_service};
pub use address::Address;
pub use dial::{dial, password};
pub use fault::MqttFault;
pub use packet::{
    Acknowledgement, Hello, Kept, Letter, Subscription, acknowledge, disconnect, publish,
    subscribe, unsubscribe,
};
pub use refusal::{of_publish, of_subscription};
pub use topic::{TOPIC_BYTES_MAX, topic_problem};
pub use wire::{Answers, Manner, Welcome, Wire};

pub use mqtt_protocol_core::mqtt::packet as packets;
