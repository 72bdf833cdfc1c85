//! One connection to a broker: bytes and packets, keep-alive, and what ends it. The protocol's own
//! state is the library's; whoever holds the wire drives it, by steps that can be given up at any time.

use crate::access::Version;
use crate::fault::MqttFault;
use crate::packet::{self, Hello};
use crate::refusal;
use mqtt_protocol_core::mqtt;
use mqtt_protocol_core::mqtt::common::Cursor;
use mqtt_protocol_core::mqtt::connection::{ConnectionOptions, Event, TimerKind};
use mqtt_protocol_core::mqtt::packet::{GenericPacketTrait, Packet, Properties, Property};
use mqtt_protocol_core::mqtt::result_code::MqttError;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;
use tagwerk_env::{Clock, Moment, Stream};
use tokio::io::{AsyncReadExt, AsyncWriteExt, ReadHalf, WriteHalf};

/// Read from the socket at once.
const READ_BYTES: usize = 4096;

/// Who acknowledges messages of quality of service 1 and 2 that arrive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answers {
    /// The wire, at once.
    ByItself,
    /// Whoever takes them, by [`packet::acknowledge`].
    ByHand,
}

/// How a connection is kept, on this side.
#[derive(Clone, Copy, Debug)]
pub struct Manner {
    /// Largest packet taken. Larger: the connection ends; MQTT 5 tells the broker before.
    pub packet_bytes_max: u32,
    /// Messages that may wait for their acknowledgement by this side; MQTT 5 only.
    pub unanswered_max: Option<u16>,
    pub answers: Answers,
}

/// What a broker said to the connection.
#[derive(Clone, Debug, Default)]
pub struct Welcome {
    /// The broker kept subscriptions and messages.
    pub session_present: bool,
    pub properties: Properties,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
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

pub struct Wire {
    clock: Arc<dyn Clock>,
    address: String,
    client_id: String,
    version: Version,
    keep_alive: Duration,
    protocol: mqtt::Connection<mqtt::role::Client>,
    reader: ReadHalf<Box<dyn Stream>>,
    writer: WriteHalf<Box<dyn Stream>>,
    received: Vec<u8>,
    out: Vec<u8>,
    written: usize,
    output: Output,
    phase: Phase,
    welcome: Welcome,
    inbox: VecDeque<Packet>,
    ping_due: Option<Moment>,
    ping_answer_due: Option<Moment>,
    packet_bytes_max: Option<u32>,
}

impl Wire {
    /// Asks for a connection over an open stream and waits for the answer; the caller bounds the time.
    pub async fn connect(
        clock: Arc<dyn Clock>,
        stream: Box<dyn Stream>,
        hello: &Hello,
        manner: Manner,
    ) -> Result<(Wire, Welcome), MqttFault> {
        let mut wire = Wire::new(clock, stream, hello, manner);
        let packet = packet::connect(hello).map_err(|error| {
            MqttFault::Settings(format!(
                "cannot ask the broker at {} for a connection: {error:?}; \
                 check client_id, username, password and will",
                hello.address
            ))
        })?;
        wire.send(packet)?;
        while wire.phase == Phase::Connecting {
            wire.step().await?;
        }
        let welcome = std::mem::take(&mut wire.welcome);
        Ok((wire, welcome))
    }

    fn new(clock: Arc<dyn Clock>, stream: Box<dyn Stream>, hello: &Hello, manner: Manner) -> Wire {
        let (reader, writer) = tokio::io::split(stream);
        let mut options =
            ConnectionOptions::new().maximum_packet_size_recv(manner.packet_bytes_max);
        if let Some(max) = manner.unanswered_max.filter(|_| hello.version == Version::V5) {
            options = options.receive_maximum(max);
        }
        let mut protocol = mqtt::Connection::with_options(hello.version.of_protocol(), options);
        protocol.set_auto_pub_response(manner.answers == Answers::ByItself);
        protocol.set_pingresp_recv_timeout(hello.keep_alive.as_millis() as u64 / 2);
        Wire {
            clock,
            address: hello.address.clone(),
            client_id: hello.client_id.clone(),
            version: hello.version,
            keep_alive: hello.keep_alive,
            protocol,
            reader,
            writer,
            received: vec![0; READ_BYTES],
            out: Vec::new(),
            written: 0,
            output: Output::Idle,
            phase: Phase::Connecting,
            welcome: Welcome::default(),
            inbox: VecDeque::new(),
            ping_due: None,
            ping_answer_due: None,
            packet_bytes_max: None,
        }
    }

    /// The broker's address, for messages.
    pub fn address(&self) -> &str {
        &self.address
    }

    pub fn version(&self) -> Version {
        self.version
    }

    /// Largest packet that the broker takes, where it says so.
    pub fn packet_bytes_max(&self) -> Option<u32> {
        self.packet_bytes_max
    }

    /// How many more messages the broker lets be on their way, where it says so.
    pub fn vacancy(&self) -> Option<u16> {
        self.protocol.get_receive_maximum_vacancy_for_send()
    }

    /// For a message, a subscription or its end.
    pub fn acquire_packet_id(&mut self) -> Result<u16, MqttFault> {
        self.protocol.acquire_packet_id().map_err(|error| {
            MqttFault::Passing(format!("no packet id is free for a message ({error:?})"))
        })
    }

    pub fn release_packet_id(&mut self, packet_id: u16) {
        self.protocol.release_packet_id(packet_id);
    }

    /// Everything sent so far has gone to the socket.
    pub fn is_idle(&self) -> bool {
        self.output == Output::Idle
    }

    pub fn is_closing(&self) -> bool {
        self.phase == Phase::Closing
    }

    /// Bytes that have not gone to the socket yet.
    pub fn unsent_bytes(&self) -> usize {
        self.out.len() - self.written
    }

    /// What has arrived from the broker and is the caller's, in order.
    pub fn packet(&mut self) -> Option<Packet> {
        self.inbox.pop_front()
    }

    /// Puts a packet after those that wait for the socket.
    pub fn send(&mut self, packet: Packet) -> Result<(), MqttFault> {
        let events = self.protocol.send(packet);
        self.handle(events)
    }

    /// Says goodbye; the connection ends when the wire is idle again.
    pub fn close(&mut self) -> Result<(), MqttFault> {
        self.phase = Phase::Closing;
        let events = match packet::disconnect(self.version) {
            Ok(packet) => self.protocol.send(packet),
            Err(_) => Vec::new(),
        };
        self.handle(events)
    }

    /// Waits for one thing to happen, and handles it. Nothing is lost when it is dropped instead.
    pub async fn step(&mut self) -> Result<(), MqttFault> {
        let due = [self.ping_due, self.ping_answer_due].into_iter().flatten().min();
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
            () = sleep_until(&*clock, due), if due.is_some() => self.act_on_time(),
        }
    }

    fn act_on_time(&mut self) -> Result<(), MqttFault> {
        let now = self.clock.now();
        if self.ping_answer_due.is_some_and(|due| due <= now) {
            let silence = tagwerk_component::Duration(self.keep_alive);
            return Err(self.gone(&format!(
                "did not answer whether it is still there (keep-alive {silence})"
            )));
        }
        if self.ping_due.is_some_and(|due| due <= now) {
            self.ping_due = None;
            let events = self.protocol.notify_timer_fired(TimerKind::PingreqSend);
            return self.handle(events);
        }
        Ok(())
    }

    fn receive(&mut self, count: usize) -> Result<(), MqttFault> {
        let received = std::mem::take(&mut self.received);
        let result = self.parse(&received[..count]);
        self.received = received;
        result
    }

    fn parse(&mut self, bytes: &[u8]) -> Result<(), MqttFault> {
        let mut cursor = Cursor::new(bytes);
        while (cursor.position() as usize) < bytes.len() {
            let events = self.protocol.recv(&mut cursor);
            self.handle(events)?;
        }
        Ok(())
    }

    fn handle(&mut self, events: Vec<Event>) -> Result<(), MqttFault> {
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
                Event::NotifyError(error) => return Err(self.wrong(error)),
                Event::RequestClose if self.phase == Phase::Closing => {}
                Event::RequestClose => return Err(self.gone("broke the MQTT protocol")),
                Event::NotifyPacketIdReleased(_) => {}
            }
        }
        Ok(())
    }

    fn wrong(&self, error: MqttError) -> MqttFault {
        let hint = match (self.phase, self.version) {
            (Phase::Connecting, Version::V5) => {
                "; if it speaks only MQTT 3.1.1, write `version: \"3.1.1\"`"
            }
            _ => "",
        };
        self.gone(&format!("broke the MQTT protocol ({error:?}){hint}"))
    }

    fn timer(&mut self, kind: TimerKind) -> &mut Option<Moment> {
        match kind {
            TimerKind::PingreqSend => &mut self.ping_due,
            TimerKind::PingrespRecv | TimerKind::PingreqRecv => &mut self.ping_answer_due,
        }
    }

    fn on_packet(&mut self, packet: Packet) -> Result<(), MqttFault> {
        let address = &self.address;
        match packet {
            Packet::V3_1_1Connack(_) | Packet::V5_0Connack(_)
                if self.phase != Phase::Connecting =>
            {
                return Err(self.gone("broke the MQTT protocol (a second CONNACK)"));
            }
            Packet::V3_1_1Connack(connack) => {
                refusal::of_connack_v3(connack.return_code(), address)?;
                self.welcome.session_present = connack.session_present();
                self.phase = Phase::Connected;
            }
            Packet::V5_0Connack(connack) => {
                refusal::of_connack_v5(connack.reason_code() as u8, connack.props(), address)?;
                self.welcome = Welcome {
                    session_present: connack.session_present(),
                    properties: connack.props().clone(),
                };
                self.take_terms();
                self.phase = Phase::Connected;
            }
            Packet::V5_0Disconnect(bye) => {
                let code = bye.reason_code().map_or(0, |code| code as u8);
                let client_id = &self.client_id;
                return Err(refusal::of_disconnect(code, bye.props().as_ref(), address, client_id));
            }
            Packet::V3_1_1Pingresp(_) | Packet::V5_0Pingresp(_) => {}
            packet => self.inbox.push_back(packet),
        }
        Ok(())
    }

    /// Heeds what the broker says of itself.
    fn take_terms(&mut self) {
        for property in &self.welcome.properties {
            match property {
                Property::MaximumPacketSize(size) => self.packet_bytes_max = Some(size.val()),
                Property::ServerKeepAlive(seconds) => {
                    let half = u64::from(seconds.val()) * 500;
                    self.protocol.set_pingresp_recv_timeout(half);
                }
                Property::AssignedClientIdentifier(id) => id.val().clone_into(&mut self.client_id),
                _ => {}
            }
        }
    }

    /// Some bytes have gone to the socket, or all of them are flushed.
    fn advance(&mut self, count: usize) -> Result<(), MqttFault> {
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
        match self.phase {
            Phase::Closing => Err(MqttFault::Passing("the connection has been closed".into())),
            _ => Ok(()),
        }
    }

    /// The connection is of no use any more; what the broker did.
    pub fn gone(&self, what: &str) -> MqttFault {
        MqttFault::Passing(format!("the broker at {} {what}", self.address))
    }

    fn closed(&self) -> MqttFault {
        match self.phase {
            Phase::Connecting => self.gone("closed the connection without an answer"),
            // Most brokers do so without a word when the id comes a second time.
            _ => self.gone(&format!(
                "closed the connection; if this repeats, see whether another client uses the \
                 client id `{}`",
                self.client_id
            )),
        }
    }

    fn broken(&self, error: &std::io::Error) -> MqttFault {
        refusal::of_io(error, &self.address, self.clock.wall())
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
