//! The way to the devices of a link, whatever the framing: numbered requests of Modbus TCP, or
//! those of a serial line, which nothing tells apart but their order.

use crate::bus::Bus;
use crate::link::Link;
use crate::plan::Manner;
use tagwerk_component::{Fault, WriteSent};
use tagwerk_proto_modbus::Request;

/// Whether the request is answered: broadcasts are not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reply {
    Expected,
    None,
}

/// A request that got no answer, and whether any of it left.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    pub fault: Fault,
    pub sent: WriteSent,
}

impl Failure {
    pub fn unsent(fault: Fault) -> Failure {
        Failure { fault, sent: WriteSent::No }
    }
}

pub enum Channel {
    Tcp(Box<Link>),
    Bus(Box<Bus>),
}

impl Channel {
    /// Sends a request, once, and waits for its answer.
    pub async fn exchange(
        &mut self,
        unit: u8,
        request: &Request<'_>,
        manner: &Manner,
    ) -> Result<(), Failure> {
        // Unit 0 means all of them, and none of them answers.
        let reads = matches!(
            request,
            Request::ReadCoils { .. }
                | Request::ReadDiscreteInputs { .. }
                | Request::ReadHoldingRegisters { .. }
                | Request::ReadInputRegisters { .. }
        );
        let reply = if unit == 0 && !reads { Reply::None } else { Reply::Expected };
        match self {
            Channel::Tcp(link) => link.exchange(unit, request, manner, reply).await,
            Channel::Bus(bus) => bus.exchange(unit, request, manner, reply).await,
        }
    }

    /// The PDU of the last answer: its function is the one that was asked, or its refusal.
    pub fn answer(&self) -> &[u8] {
        match self {
            Channel::Tcp(link) => link.answer(),
            Channel::Bus(bus) => bus.answer(),
        }
    }

    /// What happened since the last call.
    pub fn counters(&mut self) -> Vec<(&'static str, u64)> {
        match self {
            Channel::Tcp(link) => link.counters(),
            Channel::Bus(bus) => bus.counters(),
        }
    }
}
