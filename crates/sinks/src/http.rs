//! The sink `http`: sends deliveries to an HTTP server, one by one or several in a request.
//!
//! At least once: a receipt resolves when the server has answered that it took the samples. What an
//! answer means is in `answer.rs`.

pub(crate) mod access;
pub(crate) mod address;
pub(crate) mod answer;
pub(crate) mod exchange;
mod memory;
mod request;
mod sender;
pub(crate) mod settings;

use crate::payload::runner::Runner;
use crate::payload::{self, Choice, Format, Origin};
use access::TokenSource;
use address::encoded;
use exchange::Client;
use memory::Memory;
use sender::{Command, Part, Payload, Sender, Terms};
use settings::{Body, Checked, Settings};
use std::sync::Arc;
use std::time::Duration;
use tagwerk_component::{
    BoxFuture, Delivery, Findings, OpenSink, Receipt, Sink, SinkContext, SinkFault, SinkPlan,
    SinkRequest, SinkSession, Spec,
};
use tagwerk_env::{Clock, timeout};
use tagwerk_model::limits;
use tokio::sync::{mpsc, oneshot, watch};

/// Sends samples to an HTTP server.
pub struct Http;

/// Placeholders of the address.
const DATA: &[&str] = &["edge", "sink", "device", "group"];
/// Time for requests that are on their way at the end.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(3);

impl Sink for Http {
    fn spec(&self) -> Spec {
        Spec {
            name: "http",
            summary: "Sends samples to an HTTP server, each delivery alone or several at once.",
            settings: schemars::schema_for!(Settings),
            addresses: Vec::new(),
            data_types: Vec::new(),
            abilities: Vec::new(),
            example: "url: https://historian.example.com/ingest/{edge}\n\
                      auth:\n  bearer: { secret: historian-token }\n\
                      body: list\n\
                      batch_samples: 2000\n\
                      linger: 1s\n\
                      sequence: true\n\
                      tls:\n  ca_file: /etc/tagwerk/historian-ca.pem\n",
        }
    }

    fn check(&self, sink: &SinkRequest<'_>, findings: &mut Findings) -> Option<SinkPlan> {
        let checked = Checked::from_settings(sink.settings, findings)?;
        let in_flight_max = match checked.settings.body {
            Body::One => checked.settings.in_flight_max,
            // So many deliveries can be put together.
            Body::List | Body::Lines => limits::SINK_IN_FLIGHT_MAX,
        };
        let plan = Plan { checked: Arc::new(checked), memory: Arc::default(), in_flight_max };
        Some(SinkPlan { open: Arc::new(plan), in_flight_max })
    }
}

struct Plan {
    checked: Arc<Checked>,
    memory: Arc<Memory>,
    in_flight_max: usize,
}

impl OpenSink for Plan {
    fn open<'a>(
        &'a self,
        context: &'a SinkContext,
    ) -> BoxFuture<'a, Result<Box<dyn SinkSession>, SinkFault>> {
        Box::pin(async move {
            let terms = self.terms(context)?;
            self.wait(&terms.client).await?;
            let line = terms.client.connect().await?;
            if let Some(tokens) = &terms.tokens {
                tokens.token(&terms.memory).await?;
            }
            let (commands, received) = mpsc::channel(self.in_flight_max);
            let (ended, lost) = watch::channel(None);
            let mut sender = Sender::new(Arc::new(terms), line, received, self.in_flight_max);
            let task = tokio::spawn(async move {
                if let Err(fault) = sender.run().await {
                    sender.fail_all(&fault);
                    ended.send_replace(Some(fault));
                }
            });
            let clock = context.env.clock.clone();
            let program = self.checked.program.clone();
            Ok(Box::new(HttpSession {
                checked: self.checked.clone(),
                edge: context.edge.clone(),
                sink: context.sink.clone(),
                runner: program.map(|program| Runner::new(program, clock.clone())),
                clock,
                buffer: Vec::new(),
                link: Link { commands, lost, task },
            }) as Box<dyn SinkSession>)
        })
    }
}

impl Plan {
    fn terms(&self, context: &SinkContext) -> Result<Terms, SinkFault> {
        let checked = &self.checked;
        let settings = &checked.settings;
        let tokens = match (&checked.token, &settings.auth.oauth2) {
            (Some((address, path)), Some(oauth2)) => {
                let client = Client::new(context, address, settings);
                Some(TokenSource::new(context, client, path.clone(), oauth2)?)
            }
            _ => None,
        };
        Ok(Terms {
            checked: checked.clone(),
            client: Client::new(context, &checked.address, settings),
            tokens,
            memory: self.memory.clone(),
            headers: access::headers(context, checked)?,
            key_prefix: format!("{}/{}", encoded(&context.edge), encoded(&context.sink)),
        })
    }

    /// Heeds the server's wish to be left alone for a time.
    async fn wait(&self, client: &Client) -> Result<(), SinkFault> {
        let clock = &*client.env.clock;
        let Some(until) = self.memory.not_before() else { return Ok(()) };
        let rest = until.since(clock.now());
        if rest > client.connect_timeout.0 {
            return Err(SinkFault::Retry(format!(
                "{} asked to be left alone; still {} s",
                client.words(),
                rest.as_secs().max(1)
            )));
        }
        clock.sleep_until(until).await;
        self.memory.wait_until(None);
        Ok(())
    }
}

struct HttpSession {
    checked: Arc<Checked>,
    clock: Arc<dyn Clock>,
    edge: Arc<str>,
    sink: Arc<str>,
    buffer: Vec<u8>,
    runner: Option<Runner>,
    link: Link,
}

/// The session's end of the sender's task.
struct Link {
    commands: mpsc::Sender<Command>,
    lost: watch::Receiver<Option<SinkFault>>,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Link {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Link {
    /// Why the session has ended.
    async fn fault(&mut self) -> SinkFault {
        let fault = self.lost.wait_for(Option::is_some).await.ok().and_then(|fault| fault.clone());
        // Only a panic drops the task's end without a word.
        fault.unwrap_or_else(|| SinkFault::Retry("the sender's task has failed".into()))
    }
}

impl HttpSession {
    async fn encode(&mut self, delivery: &Delivery<'_>) -> Result<Vec<Payload>, SinkFault> {
        let settings = &self.checked.settings;
        let origin = settings.sequence.then(|| Origin::of(delivery));
        let choice = Choice { errors: settings.errors, origin };
        let (batch, buffer) = (delivery.batch, &mut self.buffer);
        if let Some(runner) = &mut self.runner {
            if !payload::write_filter_input(batch, &self.edge, choice, buffer) {
                return Ok(Vec::new());
            }
            let outputs = runner.run(buffer).await?;
            let payload = |output: payload::filter::Output| Payload {
                bytes: output.payload,
                text: output.text,
            };
            return Ok(outputs.into_iter().map(payload).collect());
        }
        let any = match settings.format {
            Format::Values => payload::write_values(batch, choice, |_| true, buffer),
            _ => payload::write_tags(batch, choice, |_| true, buffer),
        };
        Ok(any.then(|| Payload { bytes: buffer.clone(), text: false }).into_iter().collect())
    }
}

impl SinkSession for HttpSession {
    fn deliver<'a>(
        &'a mut self,
        delivery: &'a Delivery<'a>,
    ) -> BoxFuture<'a, Result<Option<Receipt>, SinkFault>> {
        Box::pin(async move {
            let payloads = self.encode(delivery).await?;
            if payloads.is_empty() {
                return Ok(None);
            }
            let (done, outcome) = oneshot::channel();
            let set = &delivery.batch.set;
            let part = Part {
                target: self.checked.target.fill(&self.edge, &self.sink, set),
                payloads,
                samples: delivery.batch.len(),
                origin: Origin::of(delivery),
                done,
            };
            if self.link.commands.send(Command::Deliver(part)).await.is_err() {
                return Err(self.link.fault().await);
            }
            let mut lost = self.link.lost.clone();
            Ok(Some(Box::pin(async move {
                match outcome.await {
                    Ok(outcome) => outcome,
                    // The sender has ended: by a fault, or because it was closed.
                    Err(_) => {
                        let fault = lost.wait_for(Option::is_some).await;
                        let fault = fault.ok().and_then(|fault| fault.clone());
                        Err(fault.unwrap_or_else(|| {
                            SinkFault::Retry("closed before the server answered".into())
                        }))
                    }
                }
            }) as Receipt))
        })
    }

    fn lost(&mut self) -> BoxFuture<'_, SinkFault> {
        Box::pin(self.link.fault())
    }

    fn close(self: Box<Self>) -> BoxFuture<'static, ()> {
        Box::pin(async move {
            let HttpSession { clock, mut link, .. } = *self;
            let closing = async {
                if link.commands.send(Command::Close).await.is_ok() {
                    let _ = (&mut link.task).await;
                }
            };
            timeout(&*clock, clock.now().after(CLOSE_TIMEOUT), closing).await;
        })
    }
}
