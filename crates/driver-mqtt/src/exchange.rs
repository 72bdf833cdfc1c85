//! One open connection as the driver uses it: what arrives is sorted, what is asked gets its answer. It
//! knows of filters and packets, not of devices.

use crate::filter::Filter;
use crate::inbox::{Arrived, Inbox, Overflow};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tagwerk_component::Trace;
use tagwerk_env::{Clock, Moment};
use tagwerk_mqtt::packets::{GenericPacketTrait, Packet, Properties};
use tagwerk_mqtt::{Acknowledgement, Letter, MqttFault, Subscription, Wire};

/// What became of a command.
pub enum Published {
    /// The broker has taken it; whether anybody subscribes to it, where the broker says so.
    Taken {
        heard: bool,
    },
    Refused(MqttFault),
    /// Nothing has left.
    Unsent(MqttFault),
    /// It left, and no answer came.
    Unknown(MqttFault),
}

/// An answer to a packet: its code and what else the broker says.
type Answer = (u8, Option<Properties>);

#[derive(Default)]
pub struct Counts {
    pub messages: u64,
    pub bytes: u64,
    pub dropped: u64,
}

pub struct Exchange {
    wire: Wire,
    clock: Arc<dyn Clock>,
    trace: Trace,
    ack_timeout: Duration,
    pub inbox: Inbox,
    asked: BTreeMap<u16, Filter>,
    /// What the broker said to subscriptions since that was last looked at.
    pub outcomes: BTreeMap<Filter, Result<(), String>>,
    /// The command that waits for its answer.
    command: Option<(u16, Option<Answer>)>,
    broken: Option<MqttFault>,
    pub counts: Counts,
}

impl Exchange {
    pub fn new(wire: Wire, clock: Arc<dyn Clock>, trace: Trace, ack_timeout: Duration) -> Exchange {
        Exchange {
            wire,
            clock,
            trace,
            ack_timeout,
            inbox: Inbox::default(),
            asked: BTreeMap::new(),
            outcomes: BTreeMap::new(),
            command: None,
            broken: None,
            counts: Counts::default(),
        }
    }

    /// Waits for one thing to happen. Nothing is lost when it is dropped instead; messages that came
    /// before the connection broke are in the inbox.
    pub async fn step(&mut self) -> Result<(), MqttFault> {
        if let Some(fault) = &self.broken {
            return Err(fault.clone());
        }
        let stepped = self.wire.step().await;
        let sorted = self.sort();
        let result = stepped.and(sorted);
        self.broken = result.as_ref().err().cloned();
        result
    }

    /// Steps until it is so; false when that takes too long.
    async fn until(
        &mut self,
        deadline: Moment,
        is_so: impl Fn(&Exchange) -> bool,
    ) -> Result<bool, MqttFault> {
        let clock = self.clock.clone();
        while !is_so(self) {
            tokio::select! {
                biased;
                result = self.step() => result?,
                () = clock.sleep_until(deadline) => return Ok(is_so(self)),
            }
        }
        Ok(true)
    }

    /// Waits, at most so long, for a message behind the first so many of the inbox that is wanted.
    pub async fn wait_for(
        &mut self,
        time: Duration,
        first: usize,
        wanted: impl Fn(&Arrived) -> bool,
    ) -> Result<Option<Arrived>, MqttFault> {
        let deadline = self.clock.now().after(time);
        let found = |exchange: &Exchange| exchange.inbox.after(first).any(&wanted);
        self.until(deadline, found).await?;
        Ok(self.inbox.after(first).find(|arrived| wanted(arrived)).cloned())
    }

    /// Asks for a subscription; what the broker says comes into `outcomes`.
    pub fn subscribe(
        &mut self,
        filter: &Filter,
        wanted: &Subscription<'_>,
    ) -> Result<(), MqttFault> {
        let packet_id = self.wire.acquire_packet_id()?;
        match tagwerk_mqtt::subscribe(self.wire.version(), packet_id, wanted) {
            Ok(packet) => {
                self.trace.sent(&[], || format!("SUBSCRIBE {}", filter.as_str()));
                self.asked.insert(packet_id, filter.clone());
                self.wire.send(packet)
            }
            Err(error) => {
                self.wire.release_packet_id(packet_id);
                let text = filter.as_str();
                let reason = format!("`{text}` cannot be subscribed to in MQTT ({error:?})");
                self.outcomes.insert(filter.clone(), Err(reason));
                Ok(())
            }
        }
    }

    /// Waits until the broker has answered all that was asked.
    pub async fn subscribed(&mut self) -> Result<(), MqttFault> {
        let deadline = self.clock.now().after(self.ack_timeout);
        if self.until(deadline, |exchange| exchange.asked.is_empty()).await? {
            return Ok(());
        }
        let timeout = tagwerk_component::Duration(self.ack_timeout);
        let fault = self.wire.gone(&format!("did not acknowledge a subscription within {timeout}"));
        self.broken = Some(fault.clone());
        Err(fault)
    }

    pub fn unsubscribe(&mut self, filter: &Filter) -> Result<(), MqttFault> {
        let packet_id = self.wire.acquire_packet_id()?;
        match tagwerk_mqtt::unsubscribe(self.wire.version(), packet_id, filter.as_str()) {
            Ok(packet) => {
                self.trace.sent(&[], || format!("UNSUBSCRIBE {}", filter.as_str()));
                self.wire.send(packet)
            }
            Err(_) => {
                self.wire.release_packet_id(packet_id);
                Ok(())
            }
        }
    }

    /// Tells the broker that a message is taken.
    pub fn answer(&mut self, (what, packet_id): (Acknowledgement, u16)) -> Result<(), MqttFault> {
        match tagwerk_mqtt::acknowledge(self.wire.version(), what, packet_id) {
            Ok(packet) => self.wire.send(packet),
            Err(error) => {
                Err(self.wire.gone(&format!("sent a message that has no answer ({error:?})")))
            }
        }
    }

    /// Publishes a message once, and waits for the broker to take it.
    pub async fn publish(&mut self, letter: Letter) -> Published {
        if let Some(fault) = self.broken.clone() {
            return Published::Unsent(fault);
        }
        let (topic, payload) = (letter.topic.clone(), letter.payload.clone());
        let packet_id = match self.wire.acquire_packet_id() {
            Ok(packet_id) => packet_id,
            Err(fault) => return Published::Unsent(fault),
        };
        let version = self.wire.version();
        let packet = match tagwerk_mqtt::publish(version, letter, Some(packet_id), &Vec::new()) {
            Ok(packet) if self.fits(&packet) => packet,
            _ => {
                self.wire.release_packet_id(packet_id);
                let (bytes, address) = (payload.len(), self.wire.address());
                return Published::Refused(MqttFault::Rejected(format!(
                    "a command of {bytes} bytes to `{topic}` is more than the broker at {address} \
                     takes"
                )));
            }
        };
        self.trace.sent(&payload, || format!("PUBLISH {topic}, QoS 1, a command"));
        if let Err(fault) = self.wire.send(packet) {
            self.broken = Some(fault.clone());
            return Published::Unsent(fault);
        }
        self.command = Some((packet_id, None));
        let deadline = self.clock.now().after(self.ack_timeout);
        let answered = |exchange: &Exchange| {
            exchange.command.as_ref().is_some_and(|(_, answer)| answer.is_some())
        };
        let waited = self.until(deadline, answered).await;
        match (self.command.take().and_then(|(_, answer)| answer), waited) {
            (Some((code, properties)), _) => {
                let address = self.wire.address();
                match tagwerk_mqtt::of_publish(code, properties.as_ref(), address) {
                    // No matching subscribers (MQTT 5, section 3.4.2.1).
                    Ok(()) => Published::Taken { heard: code != 0x10 },
                    Err(fault) => Published::Refused(fault),
                }
            }
            (None, Err(fault)) => Published::Unknown(fault),
            (None, Ok(_)) => {
                let timeout = tagwerk_component::Duration(self.ack_timeout);
                let what = format!("did not acknowledge a command within {timeout}");
                let fault = self.wire.gone(&what);
                self.broken = Some(fault.clone());
                Published::Unknown(fault)
            }
        }
    }

    fn fits(&self, packet: &Packet) -> bool {
        self.wire.packet_bytes_max().is_none_or(|max| packet.size() <= max as usize)
    }

    /// Puts what has arrived where it belongs.
    fn sort(&mut self) -> Result<(), MqttFault> {
        while let Some(packet) = self.wire.packet() {
            match Arrived::of(packet) {
                Ok(arrived) => self.take(arrived)?,
                Err(packet) => self.on_packet(*packet)?,
            }
        }
        Ok(())
    }

    fn take(&mut self, arrived: Arrived) -> Result<(), MqttFault> {
        let message = arrived.message();
        self.counts.messages += 1;
        self.counts.bytes += message.payload.len() as u64;
        self.trace.received(message.payload, || {
            let kept = if message.retain { ", retained" } else { "" };
            format!("PUBLISH {}, QoS {}{kept}", message.topic, message.qos)
        });
        match self.inbox.put(arrived) {
            Ok(()) => Ok(()),
            Err(Overflow::Dropped) => {
                self.counts.dropped += 1;
                Ok(())
            }
            Err(Overflow::Unanswered) => Err(MqttFault::Passing(format!(
                "the broker at {} sent more messages than can wait here while the link did \
                 something else; it sends them again",
                self.wire.address()
            ))),
        }
    }

    fn on_packet(&mut self, packet: Packet) -> Result<(), MqttFault> {
        match packet {
            Packet::V3_1_1Suback(ack) => {
                let code = ack.return_codes().first().map_or(0x80, |code| *code as u8);
                self.on_suback(ack.packet_id(), code, None);
            }
            Packet::V5_0Suback(ack) => {
                let code = ack.reason_codes().first().map_or(0x80, |code| *code as u8);
                self.on_suback(ack.packet_id(), code, Some(ack.props()));
            }
            Packet::V3_1_1Puback(ack) => self.on_puback(ack.packet_id(), (0, None)),
            Packet::V5_0Puback(ack) => {
                let code = ack.reason_code().map_or(0, |code| code as u8);
                self.on_puback(ack.packet_id(), (code, ack.props().clone()));
            }
            // The end of a message of quality of service 2: its row is with the runtime since PUBREC.
            Packet::V3_1_1Pubrel(release) => {
                self.answer((Acknowledgement::Pubcomp, release.packet_id()))?;
            }
            Packet::V5_0Pubrel(release) => {
                self.answer((Acknowledgement::Pubcomp, release.packet_id()))?;
            }
            _ => {}
        }
        Ok(())
    }

    fn on_suback(&mut self, packet_id: u16, code: u8, properties: Option<&Properties>) {
        let Some(filter) = self.asked.remove(&packet_id) else { return };
        let address = self.wire.address();
        let outcome = tagwerk_mqtt::of_subscription(code, properties, filter.as_str(), address);
        self.trace.received(&[], || match &outcome {
            Ok(()) => format!("SUBACK {}, QoS {code}", filter.as_str()),
            Err(reason) => format!("SUBACK: {reason}"),
        });
        self.outcomes.insert(filter, outcome);
    }

    fn on_puback(&mut self, packet_id: u16, answer: Answer) {
        if let Some((waiting, place)) = &mut self.command
            && *waiting == packet_id
        {
            *place = Some(answer);
        }
    }

    /// Ends the connection, for a reason that the caller has.
    pub fn give_up(&mut self, fault: MqttFault) {
        self.broken.get_or_insert(fault);
    }
}
