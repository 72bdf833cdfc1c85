//! Why something does not come about with a broker, by what to do next.

use tagwerk_component::{Fault, SinkFault};
use tagwerk_model::Quality;
use tagwerk_tls::TlsFault;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MqttFault {
    /// A person must change something: here, or at the broker.
    Settings(String),
    /// May pass by itself: connect again.
    Passing(String),
    /// The broker will never take this message; the connection stays.
    Rejected(String),
}

impl std::fmt::Display for MqttFault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            MqttFault::Settings(text) | MqttFault::Passing(text) | MqttFault::Rejected(text) => {
                f.write_str(text)
            }
        }
    }
}

impl std::error::Error for MqttFault {}

impl From<TlsFault> for MqttFault {
    fn from(fault: TlsFault) -> MqttFault {
        match fault {
            TlsFault::Settings(text) => MqttFault::Settings(text),
            TlsFault::Passing(text) => MqttFault::Passing(text),
        }
    }
}

impl From<MqttFault> for SinkFault {
    fn from(fault: MqttFault) -> SinkFault {
        match fault {
            MqttFault::Settings(text) => SinkFault::Settings(text),
            MqttFault::Passing(text) => SinkFault::Retry(text),
            MqttFault::Rejected(text) => SinkFault::Reject(text),
        }
    }
}

impl From<MqttFault> for Fault {
    fn from(fault: MqttFault) -> Fault {
        match fault {
            MqttFault::Settings(text) => Fault::Settings(text),
            MqttFault::Passing(text) => Fault::Link(text),
            MqttFault::Rejected(reason) => {
                Fault::Refused { quality: Quality::BAD_OUT_OF_RANGE, reason }
            }
        }
    }
}
