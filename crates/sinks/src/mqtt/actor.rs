//! The task behind a connection: turns deliveries into packets, acknowledgements into receipts, and
//! time into pings and faults. The protocol's own state is the library's.

use super::link::{Command, Letter, Terms};
use super::{packet, refusal};
use mqtt_protocol_core::mqtt;
use mqtt_protocol_core::mqtt::common::Cursor;
use mqtt_protocol_core::mqtt::connection::{ConnectionOptions, Event, TimerKind};
use mqtt_protocol_core::mqtt::packet::{GenericPacketTrait, Packet, Properties, Property, Qos};
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;
use tagwerk_component::SinkFault;
use tagwerk_env::{Clock, Moment, Stream};
use tokio::io::{AsyncReadExt, AsyncWriteExt, ReadHalf, WriteHalf};
use tokio::sync::{mpsc, oneshot};

/// Largest packet taken from a broker. This client subscribes to nothing; larger: connection closed.
const RECEIVED_PACKET_BYTES_MAX: u32 = 1024 * 1024;
/// Bytes prepared for the socket before the rest of a delivery waits.
const OUT_BYTES_MAX: usize = 256 * 1024;

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    Connecting,
    Connected,
    /// The last bytes are on their way.
    Closing,
}

/// What the output is doing.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Output {
    Idle,
    Writing,
    Flushing,
}

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
    connection: mqtt::Connection<mqtt::role::Client>,
    reader: ReadHalf<Box<dyn Stream>>,
    writer: WriteHalf<Box<dyn Stream>>,
    received: Box<[u8; 4096]>,
    out: Vec<u8>,
    written: usize,
    output: Output,
    pub phase: Phase,
    commands: mpsc::Receiver<Command>,
    pending: BTreeMap<u64, Pending>,
    next_pending: u64,
    /// Messages that have no packet id yet, with their delivery.
    waiting: VecDeque<(u64, Letter)>,
    in_flight: HashMap<u16, u64>,
    ping_due: Option<Moment>,
    ping_answer_due: Option<Moment>,
    packet_bytes_max: Option<u32>,
}

impl Actor {
    pub fn new(
        clock: Arc<dyn Clock>,
        stream: Box<dyn Stream>,
        terms: Terms,
        commands: mpsc::Receiver<Command>,
    ) -> Actor {
        let (reader, writer) = tokio::io::split(stream);
        let options = ConnectionOptions::new().maximum_packet_size_recv(RECEIVED_PACKET_BYTES_MAX);
        let mut connection = mqtt::Connection::with_options(terms.version, options);
        // Answers PUBREC with PUBREL, and messages that some brokers send unasked.
        connection.set_auto_pub_response(true);
        connection.set_pingresp_recv_timeout(terms.keep_alive.as_millis() as u64 / 2);
        Actor {
            clock,
            terms,
            connection,
            reader,
            writer,
            received: Box::new([0; 4096]),
            out: Vec::new(),
            written: 0,
            output: Output::Idle,
            phase: Phase::Connecting,
            commands,
            pending: BTreeMap::new(),
            next_pending: 0,
            waiting: VecDeque::new(),
            in_flight: HashMap::new(),
            ping_due: None,
            ping_answer_due: None,
            packet_bytes_max: None,
        }
    }

    pub fn say_hello(&mut self) -> Result<(), SinkFault> {
        let hello = packet::connect(&self.terms).map_err(|error| {
            SinkFault::Settings(format!(
                "cannot ask the broker at {} for a connection: {error:?}; \
                 check client_id, username, password and will",
                self.terms.address
            ))
        })?;
        let events = self.connection.send(hello);
        self.handle(events)
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
        let ready = self.waiting.is_empty() && self.output == Output::Idle;
        let due = self.next_due();
        let clock = self.clock.clone();
        tokio::select! {
            count = self.reader.read(&mut self.received[..]) => match count {
                Ok(0) => Err(self.closed()),
                Ok(count) => self.receive(count),
                Err(error) => Err(self.broken(&error)),
            },
            result = write(&mut self.writer, &self.out[self.written..], self.output),
                if self.output != Output::Idle =>
            {
                match result {
                    Ok(count) => self.advance(count),
                    Err(error) => Err(self.broken(&error)),
                }
            }
            command = self.commands.recv(), if ready && self.phase == Phase::Connected => {
                match command {
                    Some(Command::Deliver { messages, properties, written, done }) => {
                        let (qos, retain) = (self.terms.qos, self.terms.retain);
                        let letters = messages
                            .into_iter()
                            .map(|m| Letter { topic: m.topic, payload: m.payload, qos, retain })
                            .collect();
                        self.accept(letters, properties, written, done)
                    }
                    Some(Command::Close) | None => self.say_goodbye(),
                }
            }
            () = sleep_until(&*clock, due), if due.is_some() => self.act_on_time(),
        }
    }

    fn next_due(&self) -> Option<Moment> {
        let deadlines = self.pending.values().map(|p| p.deadline).min();
        [self.ping_due, self.ping_answer_due, deadlines].into_iter().flatten().min()
    }

    fn act_on_time(&mut self) -> Result<(), SinkFault> {
        let now = self.clock.now();
        if self.pending.values().any(|p| p.deadline <= now) {
            let timeout = tagwerk_component::Duration(self.terms.ack_timeout);
            return Err(self.gone(&match self.output {
                Output::Idle => format!("did not acknowledge a message within {timeout}"),
                _ => format!("took no data for {timeout}"),
            }));
        }
        if self.ping_answer_due.is_some_and(|due| due <= now) {
            let silence = tagwerk_component::Duration(self.terms.keep_alive);
            return Err(self.gone(&format!(
                "did not answer whether it is still there (keep-alive {silence})"
            )));
        }
        if self.ping_due.is_some_and(|due| due <= now) {
            self.ping_due = None;
            let events = self.connection.notify_timer_fired(TimerKind::PingreqSend);
            return self.handle(events);
        }
        Ok(())
    }

    fn receive(&mut self, count: usize) -> Result<(), SinkFault> {
        let received = self.received.clone();
        let mut cursor = Cursor::new(&received[..count]);
        while (cursor.position() as usize) < count {
            let events = self.connection.recv(&mut cursor);
            self.handle(events)?;
        }
        self.pump()
    }

    fn handle(&mut self, events: Vec<Event>) -> Result<(), SinkFault> {
        for event in events {
            match event {
                Event::RequestSendPacket { packet, .. } => {
                    for part in packet.to_buffers() {
                        self.out.extend_from_slice(&part);
                    }
                    self.output = Output::Writing;
                }
                Event::NotifyPacketReceived(packet) => self.on_packet(packet)?,
                Event::RequestTimerReset { kind, duration_ms } => {
                    let due = self.clock.now().after(Duration::from_millis(duration_ms));
                    *self.timer(kind) = Some(due);
                }
                Event::RequestTimerCancel(kind) => *self.timer(kind) = None,
                Event::NotifyError(error) => {
                    let hint = match (self.phase, self.terms.version) {
                        (Phase::Connecting, mqtt::Version::V5_0) => {
                            "; if it speaks only MQTT 3.1.1, write `version: \"3.1.1\"`"
                        }
                        _ => "",
                    };
                    return Err(self.gone(&format!("broke the MQTT protocol ({error:?}){hint}")));
                }
                Event::RequestClose if self.phase == Phase::Closing => {}
                Event::RequestClose => return Err(self.gone("broke the MQTT protocol")),
                Event::NotifyPacketIdReleased(_) => {}
            }
        }
        Ok(())
    }

    fn timer(&mut self, kind: TimerKind) -> &mut Option<Moment> {
        match kind {
            TimerKind::PingreqSend => &mut self.ping_due,
            TimerKind::PingrespRecv | TimerKind::PingreqRecv => &mut self.ping_answer_due,
        }
    }

    fn on_packet(&mut self, packet: Packet) -> Result<(), SinkFault> {
        let address = &self.terms.address;
        match packet {
            Packet::V3_1_1Connack(_) | Packet::V5_0Connack(_)
                if self.phase != Phase::Connecting =>
            {
                return Err(self.gone("broke the MQTT protocol (a second CONNACK)"));
            }
            Packet::V3_1_1Connack(connack) => {
                refusal::of_connack_v3(connack.return_code(), address)?;
                self.phase = Phase::Connected;
            }
            Packet::V5_0Connack(connack) => {
                refusal::of_connack_v5(connack.reason_code() as u8, connack.props(), address)?;
                self.take_terms(connack.props())?;
                self.phase = Phase::Connected;
            }
            Packet::V3_1_1Puback(ack) => self.on_ack(ack.packet_id(), Ok(())),
            Packet::V3_1_1Pubcomp(ack) => self.on_ack(ack.packet_id(), Ok(())),
            Packet::V5_0Puback(ack) => {
                let code = ack.reason_code().map_or(0, |code| code as u8);
                let outcome = refusal::of_publish(code, ack.props().as_ref(), address);
                self.on_ack(ack.packet_id(), outcome);
            }
            Packet::V5_0Pubrec(ack) => {
                let code = ack.reason_code().map_or(0, |code| code as u8);
                let outcome = refusal::of_publish(code, ack.props().as_ref(), address);
                // Success is known only with PUBCOMP.
                if outcome.is_err() {
                    self.on_ack(ack.packet_id(), outcome);
                }
            }
            // Whatever PUBCOMP says, the broker has answered for the message with its PUBREC.
            Packet::V5_0Pubcomp(ack) => self.on_ack(ack.packet_id(), Ok(())),
            Packet::V5_0Disconnect(bye) => {
                let code = bye.reason_code().map_or(0, |code| code as u8);
                let client_id = &self.terms.client_id;
                return Err(refusal::of_disconnect(code, bye.props().as_ref(), address, client_id));
            }
            _ => {}
        }
        Ok(())
    }

    /// Heeds what the broker cannot do.
    fn take_terms(&mut self, properties: &Properties) -> Result<(), SinkFault> {
        for property in properties {
            match property {
                Property::MaximumPacketSize(size) => self.packet_bytes_max = Some(size.val()),
                Property::ServerKeepAlive(seconds) => {
                    let half = u64::from(seconds.val()) * 500;
                    self.connection.set_pingresp_recv_timeout(half);
                }
                Property::MaximumQos(qos) if (self.terms.qos as u8) > qos.val() => {
                    return Err(SinkFault::Settings(format!(
                        "the broker at {} supports no quality of service above {}: write `qos: {}`",
                        self.terms.address,
                        qos.val(),
                        qos.val(),
                    )));
                }
                Property::RetainAvailable(available)
                    if available.val() == 0
                        && (self.terms.retain || self.terms.birth.is_some()) =>
                {
                    return Err(SinkFault::Settings(format!(
                        "the broker at {} keeps no messages for new subscribers: \
                         remove `retain` and `status_topic`",
                        self.terms.address
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
            let vacancy = self.connection.get_receive_maximum_vacancy_for_send();
            let full =
                limited && (self.in_flight.len() >= self.terms.in_flight_max || vacancy == Some(0));
            if full || self.out.len() - self.written > OUT_BYTES_MAX {
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
            _ => Some(self.connection.acquire_packet_id().map_err(|error| {
                SinkFault::Retry(format!("no packet id is free for a message ({error:?})"))
            })?),
        };
        let (bytes, topic) = (letter.payload.len(), letter.topic.clone());
        let refused = match packet::publish(self.terms.version, letter, packet_id, &properties) {
            Err(error) => Some(format!(
                "a message of {bytes} bytes to `{topic}` cannot be expressed in MQTT ({error:?})"
            )),
            Ok(packet) => match self.packet_bytes_max {
                Some(max) if packet.size() > max as usize => Some(format!(
                    "a message to `{topic}` makes a packet of {} bytes, but the broker at {} \
                     takes at most {max}; make the group smaller or use `{{tag}}` in the topic",
                    packet.size(),
                    self.terms.address,
                )),
                _ => {
                    match packet_id {
                        Some(packet_id) => drop(self.in_flight.insert(packet_id, id)),
                        None => self.count_down(id),
                    }
                    let events = self.connection.send(packet);
                    return self.handle(events);
                }
            },
        };
        if let Some(packet_id) = packet_id {
            self.connection.release_packet_id(packet_id);
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
        if pending.unsent > 0 || self.output != Output::Idle {
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

    /// Some bytes have gone to the socket, or all of them are flushed.
    fn advance(&mut self, count: usize) -> Result<(), SinkFault> {
        if self.output == Output::Writing {
            if count == 0 && self.written < self.out.len() {
                return Err(self.gone("takes no more data"));
            }
            self.written += count;
            if self.written == self.out.len() {
                self.output = Output::Flushing;
            }
            return Ok(());
        }
        self.out.clear();
        self.written = 0;
        self.output = Output::Idle;
        if self.phase == Phase::Closing {
            return Err(SinkFault::Retry("the connection has been closed".into()));
        }
        let open: Vec<u64> = self.pending.keys().copied().collect();
        open.into_iter().for_each(|id| self.settle(id));
        self.pump()
    }

    /// Queues the farewell and DISCONNECT; the connection ends when they are flushed.
    fn say_goodbye(&mut self) -> Result<(), SinkFault> {
        if let Some(letter) = self.terms.farewell.take() {
            // Nobody waits for its acknowledgement.
            let letter = Letter { qos: Qos::AtMostOnce, ..letter };
            if let Ok(packet) = packet::publish(self.terms.version, letter, None, &Vec::new()) {
                let events = self.connection.send(packet);
                self.handle(events)?;
            }
        }
        self.phase = Phase::Closing;
        let events = match packet::disconnect(self.terms.version) {
            Ok(packet) => self.connection.send(packet),
            Err(_) => Vec::new(),
        };
        self.handle(events)
    }

    pub fn fail_all(&mut self, fault: &SinkFault) {
        for (_, mut pending) in std::mem::take(&mut self.pending) {
            if let Some(done) = pending.done.take() {
                let _ = done.send(Err(SinkFault::Retry(fault.to_string())));
            }
        }
    }

    fn gone(&self, what: &str) -> SinkFault {
        SinkFault::Retry(format!("the broker at {} {what}", self.terms.address))
    }

    fn closed(&self) -> SinkFault {
        match self.phase {
            Phase::Connecting => self.gone("closed the connection without an answer"),
            // Most brokers do so without a word when the id comes a second time.
            _ => self.gone(&format!(
                "closed the connection; if this repeats, see whether another client uses the \
                 client id `{}`",
                self.terms.client_id
            )),
        }
    }

    fn broken(&self, error: &std::io::Error) -> SinkFault {
        refusal::of_io(error, &self.terms.address, self.clock.wall())
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

async fn write(
    writer: &mut WriteHalf<Box<dyn Stream>>,
    bytes: &[u8],
    output: Output,
) -> std::io::Result<usize> {
    match output {
        Output::Writing if !bytes.is_empty() => writer.write(bytes).await,
        _ => writer.flush().await.map(|()| 0),
    }
}

async fn sleep_until(clock: &dyn Clock, due: Option<Moment>) {
    if let Some(due) = due {
        clock.sleep_until(due).await;
    }
}
