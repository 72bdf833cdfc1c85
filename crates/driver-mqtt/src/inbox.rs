//! Messages that have arrived and were not handed out yet, within bounds.

use crate::payload::Message;
use std::collections::VecDeque;
use std::sync::Arc;
use tagwerk_model::limits;
use tagwerk_mqtt::Acknowledgement;
use tagwerk_mqtt::packets::{Packet, Property, Qos};

/// A message as it arrived.
#[derive(Clone)]
pub struct Arrived {
    pub topic: String,
    payload: Arc<[u8]>,
    pub qos: u8,
    pub retain: bool,
    /// What the broker waits for, and of which packet.
    pub answer: Option<(Acknowledgement, u16)>,
    /// The subscriptions for which the broker sent it, where it says so.
    pub subscriptions: Vec<u32>,
}

impl Arrived {
    /// A PUBLISH of either version; the packet itself, if it is another.
    pub fn of(packet: Packet) -> Result<Arrived, Box<Packet>> {
        macro_rules! arrived {
            ($publish:ident, $subscriptions:expr) => {
                Arrived {
                    topic: $publish.topic_name().to_owned(),
                    payload: $publish.payload().as_slice().into(),
                    qos: $publish.qos() as u8,
                    retain: $publish.retain(),
                    answer: $publish.packet_id().and_then(|id| match $publish.qos() {
                        Qos::AtMostOnce => None,
                        Qos::AtLeastOnce => Some((Acknowledgement::Puback, id)),
                        Qos::ExactlyOnce => Some((Acknowledgement::Pubrec, id)),
                    }),
                    subscriptions: $subscriptions,
                }
            };
        }
        match packet {
            Packet::V3_1_1Publish(publish) => Ok(arrived!(publish, Vec::new())),
            Packet::V5_0Publish(publish) => {
                let ids = publish.props().iter().filter_map(|property| match property {
                    Property::SubscriptionIdentifier(id) => Some(id.val()),
                    _ => None,
                });
                let ids = ids.collect();
                Ok(arrived!(publish, ids))
            }
            other => Err(Box::new(other)),
        }
    }

    pub fn message(&self) -> Message<'_> {
        let Arrived { topic, payload, qos, retain, .. } = self;
        Message { topic, payload, qos: *qos, retain: *retain }
    }

    fn size(&self) -> usize {
        self.payload.len() + self.topic.len()
    }
}

/// In the order of arrival.
#[derive(Default)]
pub struct Inbox {
    waiting: VecDeque<Arrived>,
    bytes: usize,
}

/// What became of a message for which there was no room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Overflow {
    /// It is gone.
    Dropped,
    /// The broker must send it again.
    Unanswered,
}

impl Inbox {
    pub fn put(&mut self, arrived: Arrived) -> Result<(), Overflow> {
        let bytes = self.bytes + arrived.size();
        if self.waiting.len() >= limits::MESSAGES_WAITING_MAX
            || (bytes > limits::MESSAGES_WAITING_BYTES_MAX && !self.waiting.is_empty())
        {
            return Err(match arrived.answer {
                None => Overflow::Dropped,
                Some(_) => Overflow::Unanswered,
            });
        }
        self.bytes = bytes;
        self.waiting.push_back(arrived);
        Ok(())
    }

    pub fn take(&mut self) -> Option<Arrived> {
        let arrived = self.waiting.pop_front()?;
        self.bytes -= arrived.size();
        Some(arrived)
    }

    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    pub fn len(&self) -> usize {
        self.waiting.len()
    }

    /// Those behind the first so many.
    pub fn after(&self, count: usize) -> impl Iterator<Item = &Arrived> {
        self.waiting.iter().skip(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arrived(payload: usize, answer: Option<(Acknowledgement, u16)>) -> Arrived {
        let payload = vec![0; payload].into();
        let (topic, subscriptions) = (String::new(), Vec::new());
        Arrived { topic, payload, qos: 0, retain: false, answer, subscriptions }
    }

    #[test]
    fn there_is_room_for_so_many_messages_and_bytes() {
        let mut inbox = Inbox::default();
        (0..limits::MESSAGES_WAITING_MAX).for_each(|_| inbox.put(arrived(1, None)).unwrap());
        assert_eq!(inbox.put(arrived(1, None)), Err(Overflow::Dropped));
        let answered = arrived(1, Some((Acknowledgement::Puback, 1)));
        assert_eq!(inbox.put(answered), Err(Overflow::Unanswered));
        inbox.take().unwrap();
        inbox.put(arrived(1, None)).unwrap();

        let mut inbox = Inbox::default();
        // A single message is taken however large it is: the packet's own bound holds.
        inbox.put(arrived(limits::MESSAGES_WAITING_BYTES_MAX + 1, None)).unwrap();
        assert_eq!(inbox.put(arrived(0, None)), Err(Overflow::Dropped));
        inbox.take().unwrap();
        inbox.put(arrived(limits::MESSAGES_WAITING_BYTES_MAX, None)).unwrap();
        assert_eq!((inbox.len(), inbox.bytes), (1, limits::MESSAGES_WAITING_BYTES_MAX));
    }
}
