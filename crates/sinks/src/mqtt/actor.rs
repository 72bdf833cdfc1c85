//! The task behind a connection: turns deliveries into packets, acknowledgements into receipts, and
//! time into faults. The connection itself is the wire's.

use super::link::{Command, Terms};
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;
use tagwerk_component::SinkFault;
use tagwerk_env::{Clock, Moment, Stream};
use tagwerk_mqtt::packets::{GenericPacketTrait, Packet, Properties, Property, Qos};
use tagwerk_mqtt::{Answers, Letter, Manner, Wire};
use tokio::sync::{mpsc, oneshot};

/// Largest packet taken from a broker. This client subscribes to nothing; larger: connection closed.
const RECEIVED_PACKET_BYTES_MAX: u32 = 1024 * 1024;
/// Bytes prepared for the socket before the rest of a delivery waits.
const OUT_BYTES_MAX: usize = 256 * 1024;

/// A delivery whose receipt is open.
struct Pending {
    /// Messages not yet acknowledged.
    open: usize,
    /// Messages not yet handed to the socket.
    unsent: usize,
    fault: Option<SinkFault>,
    properties: Arc<Properties>,
    written: Option<oneshot::Sender<()>>,
    done: Option<oneshot::Sender<Result<(), SinkFault>>>,
    /// When it fails unless something moves.
    deadline: Moment,
}

pub struct Actor {
    clock: Arc<dyn Clock>,
    terms: Terms,
    wire: Wire,
    commands: mpsc::Receiver<Command>,
    pending: BTreeMap<u64, Pending>,
    next_pending: u64,
    /// Messages that have no packet id yet, with their delivery.
    waiting: VecDeque<(u64, Letter)>,
    in_flight: HashMap<u16, u64>,
}

impl Actor {
    pub async fn connect(
        clock: Arc<dyn Clock>,
        stream: Box<dyn Stream>,
        terms: Terms,
        commands: mpsc::Receiver<Command>,
    ) -> Result<Actor, SinkFault> {
        let manner = Manner {
            packet_bytes_max: RECEIVED_PACKET_BYTES_MAX,
            unanswered_max: None,
            // Answers PUBREC with PUBREL, and messages that some brokers send unasked.
            answers: Answers::ByItself,
        };
        let (wire, welcome) = Wire::connect(clock.clone(), stream, &terms.hello, manner).await?;
        let actor = Actor {
            clock,
            terms,
            wire,
            commands,
            pending: BTreeMap::new(),
            next_pending: 0,
            waiting: VecDeque::new(),
            in_flight: HashMap::new(),
        };
        actor.check_terms(&welcome.properties)?;
        Ok(actor)
    }

    /// Publishes the birth message and waits for its acknowledgement.
    pub async fn announce(&mut self) -> Result<(), SinkFault> {
        let Some(birth) = self.terms.birth.clone() else { return Ok(()) };
        let (written, _) = oneshot::channel();
        let (done, mut outcome) = oneshot::channel();
        self.accept(vec![birth], Arc::default(), written, done)?;
        loop {
            if let Ok(outcome) = outcome.try_recv() {
                return outcome;
            }
            self.step().await?;
        }
    }

    /// Waits for one thing to happen, and handles it.
    pub async fn step(&mut self) -> Result<(), SinkFault> {
        let ready = self.waiting.is_empty() && self.wire.is_idle() && !self.wire.is_closing();
        let due = self.pending.values().map(|p| p.deadline).min();
        let clock = self.clock.clone();
        tokio::select! {
            result = self.wire.step() => {
                result?;
                self.stepped()
            }
            command = self.commands.recv(), if ready => match command {
                Some(Command::Deliver { messages, properties, written, done }) => {
                    let (qos, retain) = (self.terms.qos, self.terms.retain);
                    let letters = messages
                        .into_iter()
                        .map(|m| Letter { topic: m.topic, payload: m.payload, qos, retain })
                        .collect();
                    self.accept(letters, properties, written, done)
                }
                Some(Command::Close) | None => self.say_goodbye(),
            },
            () = sleep_until(&*clock, due), if due.is_some() => Err(self.waited_too_long()),
        }
    }

    fn waited_too_long(&self) -> SinkFault {
        let timeout = tagwerk_component::Duration(self.terms.ack_timeout);
        let what = match self.wire.is_idle() {
            true => format!("did not acknowledge a message within {timeout}"),
            false => format!("took no data for {timeout}"),
        };
        self.wire.gone(&what).into()
    }

    /// Something has arrived, or left.
    fn stepped(&mut self) -> Result<(), SinkFault> {
        while let Some(packet) = self.wire.packet() {
            self.on_packet(packet);
        }
        if self.wire.is_idle() {
            let open: Vec<u64> = self.pending.keys().copied().collect();
            open.into_iter().for_each(|id| self.settle(id));
        }
        self.pump()
    }

    fn on_packet(&mut self, packet: Packet) {
        match packet {
            Packet::V3_1_1Puback(ack) => self.on_ack(ack.packet_id(), Ok(())),
            Packet::V3_1_1Pubcomp(ack) => self.on_ack(ack.packet_id(), Ok(())),
            Packet::V5_0Puback(ack) => {
                let code = ack.reason_code().map_or(0, |code| code as u8);
                let outcome = self.outcome(code, ack.props().as_ref());
                self.on_ack(ack.packet_id(), outcome);
            }
            Packet::V5_0Pubrec(ack) => {
                let code = ack.reason_code().map_or(0, |code| code as u8);
                let outcome = self.outcome(code, ack.props().as_ref());
                // Success is known only with PUBCOMP.
                if outcome.is_err() {
                    self.on_ack(ack.packet_id(), outcome);
                }
            }
            // Whatever PUBCOMP says, the broker has answered for the message with its PUBREC.
            Packet::V5_0Pubcomp(ack) => self.on_ack(ack.packet_id(), Ok(())),
            _ => {}
        }
    }

    fn outcome(&self, code: u8, properties: Option<&Properties>) -> Result<(), SinkFault> {
        Ok(tagwerk_mqtt::of_publish(code, properties, self.wire.address())?)
    }

    /// Heeds what the broker cannot do.
    fn check_terms(&self, properties: &Properties) -> Result<(), SinkFault> {
        let address = self.wire.address();
        for property in properties {
            match property {
                Property::MaximumQos(qos) if (self.terms.qos as u8) > qos.val() => {
                    return Err(SinkFault::Settings(format!(
                        "the broker at {address} supports no quality of service above {}: write \
                         `qos: {}`",
                        qos.val(),
                        qos.val(),
                    )));
                }
                Property::RetainAvailable(available)
                    if available.val() == 0
                        && (self.terms.retain || self.terms.birth.is_some()) =>
                {
                    return Err(SinkFault::Settings(format!(
                        "the broker at {address} keeps no messages for new subscribers: \
                         remove `retain` and `status_topic`",
                    )));
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn accept(
        &mut self,
        letters: Vec<Letter>,
        properties: Arc<Properties>,
        written: oneshot::Sender<()>,
        done: oneshot::Sender<Result<(), SinkFault>>,
    ) -> Result<(), SinkFault> {
        let id = self.next_pending;
        self.next_pending += 1;
        let pending = Pending {
            open: letters.len(),
            unsent: letters.len(),
            fault: None,
            properties,
            written: Some(written),
            done: Some(done),
            deadline: self.clock.now().after(self.terms.ack_timeout),
        };
        self.pending.insert(id, pending);
        self.waiting.extend(letters.into_iter().map(|letter| (id, letter)));
        self.pump()?;
        self.settle(id);
        Ok(())
    }

    /// Turns waiting messages into packets, as far as the broker and the buffer allow.
    fn pump(&mut self) -> Result<(), SinkFault> {
        while let Some((id, letter)) = self.waiting.front() {
            let (id, limited) = (*id, letter.qos != Qos::AtMostOnce);
            let vacancy = self.wire.vacancy();
            let full =
                limited && (self.in_flight.len() >= self.terms.in_flight_max || vacancy == Some(0));
            if full || self.wire.unsent_bytes() > OUT_BYTES_MAX {
                break;
            }
            let Some((_, letter)) = self.waiting.pop_front() else { break };
            self.publish(id, letter)?;
            self.settle(id);
        }
        Ok(())
    }

    fn publish(&mut self, id: u64, letter: Letter) -> Result<(), SinkFault> {
        let Some(pending) = self.pending.get_mut(&id) else { return Ok(()) };
        pending.unsent -= 1;
        pending.deadline = self.clock.now().after(self.terms.ack_timeout);
        let properties = pending.properties.clone();
        let packet_id = match letter.qos {
            Qos::AtMostOnce => None,
            _ => Some(self.wire.acquire_packet_id()?),
        };
        let (bytes, topic) = (letter.payload.len(), letter.topic.clone());
        let version = self.wire.version();
        let refused = match tagwerk_mqtt::publish(version, letter, packet_id, &properties) {
            Err(error) => Some(format!(
                "a message of {bytes} bytes to `{topic}` cannot be expressed in MQTT ({error:?})"
            )),
            Ok(packet) => match self.wire.packet_bytes_max() {
                Some(max) if packet.size() > max as usize => Some(format!(
                    "a message to `{topic}` makes a packet of {} bytes, but the broker at {} \
                     takes at most {max}; make the group smaller or use `{{tag}}` in the topic",
                    packet.size(),
                    self.wire.address(),
                )),
                _ => {
                    match packet_id {
                        Some(packet_id) => drop(self.in_flight.insert(packet_id, id)),
                        None => self.count_down(id),
                    }
                    return Ok(self.wire.send(packet)?);
                }
            },
        };
        if let Some(packet_id) = packet_id {
            self.wire.release_packet_id(packet_id);
        }
        self.worsen(id, refused.map(SinkFault::Reject));
        self.count_down(id);
        Ok(())
    }

    fn on_ack(&mut self, packet_id: u16, outcome: Result<(), SinkFault>) {
        let Some(id) = self.in_flight.remove(&packet_id) else { return };
        self.worsen(id, outcome.err());
        self.count_down(id);
        self.settle(id);
    }

    fn count_down(&mut self, id: u64) {
        if let Some(pending) = self.pending.get_mut(&id) {
            pending.open -= 1;
            pending.deadline = self.clock.now().after(self.terms.ack_timeout);
        }
    }

    fn worsen(&mut self, id: u64, fault: Option<SinkFault>) {
        if let (Some(pending), Some(fault)) = (self.pending.get_mut(&id), fault)
            && pending.fault.as_ref().is_none_or(|known| rank(known) < rank(&fault))
        {
            pending.fault = Some(fault);
        }
    }

    /// Resolves a delivery of which nothing is left to do.
    fn settle(&mut self, id: u64) {
        let Some(pending) = self.pending.get_mut(&id) else { return };
        if pending.unsent > 0 || !self.wire.is_idle() {
            return;
        }
        if let Some(written) = pending.written.take() {
            let _ = written.send(());
        }
        if pending.open > 0 {
            return;
        }
        let outcome = pending.fault.take().map_or(Ok(()), Err);
        if let Some(done) = pending.done.take() {
            let _ = done.send(outcome);
        }
        self.pending.remove(&id);
    }

    /// Queues the farewell and DISCONNECT; the connection ends when they are flushed.
    fn say_goodbye(&mut self) -> Result<(), SinkFault> {
        if let Some(letter) = self.terms.farewell.take() {
            // Nobody waits for its acknowledgement.
            let letter = Letter { qos: Qos::AtMostOnce, ..letter };
            let version = self.wire.version();
            if let Ok(packet) = tagwerk_mqtt::publish(version, letter, None, &Vec::new()) {
                self.wire.send(packet)?;
            }
        }
        Ok(self.wire.close()?)
    }

    pub fn fail_all(&mut self, fault: &SinkFault) {
        for (_, mut pending) in std::mem::take(&mut self.pending) {
            if let Some(done) = pending.done.take() {
                let _ = done.send(Err(SinkFault::Retry(fault.to_string())));
            }
        }
    }
}

/// Of several faults of one delivery, the one that decides what is done next.
fn rank(fault: &SinkFault) -> u8 {
    match fault {
        SinkFault::Reject(_) => 0,
        SinkFault::Settings(_) => 1,
        SinkFault::Retry(_) => 2,
    }
}

async fn sleep_until(clock: &dyn Clock, due: Option<Moment>) {
    if let Some(due) = due {
        clock.sleep_until(due).await;
    }
}
