//! One connection to a broker: a task that owns the stream and the protocol's state, so that
//! acknowledgements and keep-alive go on whatever the runtime waits for.
//!
//! Always starts a clean session. The journal is the store: after a loss the runtime delivers again
//! from the last acknowledged place, with new packet ids. A kept session could take a new QoS 2
//! message for the repeat of an old one with the same id, and swallow it.

use super::actor::Actor;
use std::sync::Arc;
use std::time::Duration;
use tagwerk_component::SinkFault;
use tagwerk_env::{Clock, Stream};
use tagwerk_mqtt::packets::{Properties, Qos};
use tagwerk_mqtt::{Hello, Letter};
use tokio::sync::{mpsc, oneshot, watch};

/// How to connect, with all placeholders filled in.
pub struct Terms {
    pub hello: Hello,
    pub ack_timeout: Duration,
    pub in_flight_max: usize,
    pub qos: Qos,
    pub retain: bool,
    /// What to publish, retained, before anything else and at the end.
    pub birth: Option<Letter>,
    pub farewell: Option<Letter>,
}

pub struct Message {
    pub topic: String,
    pub payload: Arc<[u8]>,
}

pub enum Command {
    Deliver {
        messages: Vec<Message>,
        /// Sent along with each message where the protocol has a place for it.
        properties: Arc<Properties>,
        /// All bytes have gone to the socket.
        written: oneshot::Sender<()>,
        done: oneshot::Sender<Result<(), SinkFault>>,
    },
    Close,
}

/// The session's end of the connection's task.
pub struct Link {
    commands: mpsc::Sender<Command>,
    lost: watch::Receiver<Option<SinkFault>>,
    task: tokio::task::JoinHandle<()>,
}

impl Link {
    /// Connects over an open stream; the caller bounds the time.
    pub async fn connect(
        clock: Arc<dyn Clock>,
        stream: Box<dyn Stream>,
        terms: Terms,
    ) -> Result<Link, SinkFault> {
        let (commands, received) = mpsc::channel(1);
        let (lost_sender, lost) = watch::channel(None);
        let mut actor = Actor::connect(clock, stream, terms, received).await?;
        actor.announce().await?;
        let task = tokio::spawn(async move {
            let fault = loop {
                if let Err(fault) = actor.step().await {
                    break fault;
                }
            };
            actor.fail_all(&fault);
            lost_sender.send_replace(Some(fault));
        });
        Ok(Link { commands, lost, task })
    }

    pub async fn send(&self, command: Command) -> Result<(), SinkFault> {
        match self.commands.send(command).await {
            Ok(()) => Ok(()),
            Err(_) => Err(self.fault()),
        }
    }

    /// Why the connection is lost, as it concerns a delivery.
    pub fn fault(&self) -> SinkFault {
        match &*self.lost.borrow() {
            Some(fault) => SinkFault::Retry(fault.to_string()),
            None => SinkFault::Retry("the connection to the broker has ended".into()),
        }
    }

    pub async fn lost(&mut self) -> SinkFault {
        let fault = self.lost.wait_for(Option::is_some).await.ok().and_then(|fault| fault.clone());
        // Only a panic drops the sender without a word.
        fault.unwrap_or_else(|| SinkFault::Retry("the connection's task has failed".into()))
    }

    /// Says goodbye and waits for the connection's end; the caller bounds the time.
    pub async fn close(mut self) {
        if self.commands.send(Command::Close).await.is_ok() {
            let _ = (&mut self.task).await;
        }
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.task.abort();
    }
}
