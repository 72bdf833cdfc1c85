//! The sink `mqtt`: publishes each delivery to an MQTT broker, version 3.1.1 or 5.
//!
//! At least once: a receipt resolves when the broker has acknowledged every message of the delivery.
//! There is no protocol session to resume; the runtime delivers again from the journal.

mod actor;
mod link;
mod settings;
pub(crate) mod topic;

use crate::payload::runner::Runner;
use crate::payload::{self, Choice, Format, Origin};
use crate::template::Template;
use link::{Command, Link, Message, Terms};
use settings::{Checked, Settings};
use std::sync::Arc;
use std::time::Duration;
use tagwerk_component::{
    BoxFuture, Delivery, Findings, OpenSink, Receipt, Sink, SinkContext, SinkFault, SinkPlan,
    SinkRequest, SinkSession, Spec,
};
use tagwerk_env::{Clock, timeout};
use tagwerk_mqtt::packets::{ContentType, Properties, UserProperty};
use tagwerk_mqtt::{Hello, Kept, Letter, Version, quality_of_service};
use tagwerk_tls::Means;
use tokio::sync::oneshot;

/// Publishes samples to an MQTT broker.
pub struct Mqtt;

/// Time to say goodbye.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(3);

impl Sink for Mqtt {
    fn spec(&self) -> Spec {
        Spec {
            name: "mqtt",
            summary: "Publishes samples as JSON to an MQTT broker, version 3.1.1 or 5.",
            settings: schemars::schema_for!(Settings),
            addresses: Vec::new(),
            data_types: Vec::new(),
            abilities: Vec::new(),
            example: "url: mqtts://broker.example.com:8883\n\
                      username: plant7\n\
                      password_file: /etc/tagwerk/broker-password\n\
                      topic: plant7/{device}/{group}\n\
                      qos: 1\n\
                      status_topic: plant7/{edge}/status\n\
                      tls:\n  ca_file: /etc/tagwerk/broker-ca.pem\n",
        }
    }

    fn check(&self, sink: &SinkRequest<'_>, findings: &mut Findings) -> Option<SinkPlan> {
        let checked = Checked::from_settings(sink.settings, findings)?;
        let in_flight_max = checked.settings.in_flight_max;
        Some(SinkPlan { open: Arc::new(Plan(Arc::new(checked))), in_flight_max })
    }
}

struct Plan(Arc<Checked>);

impl OpenSink for Plan {
    fn open<'a>(
        &'a self,
        context: &'a SinkContext,
    ) -> BoxFuture<'a, Result<Box<dyn SinkSession>, SinkFault>> {
        Box::pin(async move {
            let limit = self.0.settings.connect_timeout;
            let clock = &*context.env.clock;
            match timeout(clock, clock.now().after(limit.0), self.connect(context)).await {
                Some(session) => Ok(Box::new(session?) as Box<dyn SinkSession>),
                None => Err(SinkFault::Retry(format!(
                    "the broker at {} did not answer within {limit}; \
                     check `url` and whether the network lets this edge through",
                    self.0.address
                ))),
            }
        })
    }
}

impl Plan {
    async fn connect(&self, context: &SinkContext) -> Result<MqttSession, SinkFault> {
        let checked = &self.0;
        let terms = self.terms(context)?;
        let means = Means::from(context);
        let tls = checked.settings.tls.as_ref();
        let stream = tagwerk_mqtt::dial(means, &checked.address, tls).await?;
        let link = Link::connect(context.env.clock.clone(), stream, terms).await?;
        Ok(MqttSession {
            checked: checked.clone(),
            clock: context.env.clock.clone(),
            edge: context.edge.clone(),
            link,
            buffer: Vec::new(),
            runner: checked
                .program
                .clone()
                .map(|program| Runner::new(program, context.env.clock.clone())),
        })
    }

    fn terms(&self, context: &SinkContext) -> Result<Terms, SinkFault> {
        let Checked { settings, .. } = &*self.0;
        let fill = |text: &Template| topic::for_connection(text, &context.edge, &context.sink);
        let password = tagwerk_mqtt::password(
            Means::from(context),
            settings.password.as_ref(),
            settings.password_file.as_deref(),
        )?;
        let qos = quality_of_service(settings.qos);
        let status = self.0.status_topic.as_ref().map(|topic| Letter {
            topic: fill(topic),
            payload: Arc::from(*b"online"),
            qos,
            retain: true,
        });
        let offline =
            |letter: &Letter| Letter { payload: Arc::from(*b"offline"), ..letter.clone() };
        let will = match (&settings.will, &self.0.will_topic) {
            (Some(will), Some(topic)) => Some(Letter {
                topic: fill(topic),
                payload: Arc::from(will.payload.as_bytes()),
                qos: quality_of_service(will.qos),
                retain: will.retain,
            }),
            _ => status.as_ref().map(offline),
        };
        Ok(Terms {
            hello: Hello {
                address: self.0.address.to_string(),
                version: settings.version,
                client_id: fill(&self.0.client_id),
                username: settings.username.clone(),
                password,
                keep_alive: settings.keep_alive.0,
                session: Kept::Nothing,
                will,
            },
            ack_timeout: settings.ack_timeout.0,
            in_flight_max: settings.in_flight_max,
            qos,
            retain: settings.retain,
            farewell: status.as_ref().map(offline),
            birth: status,
        })
    }
}

struct MqttSession {
    checked: Arc<Checked>,
    clock: Arc<dyn Clock>,
    edge: Arc<str>,
    link: Link,
    buffer: Vec<u8>,
    runner: Option<Runner>,
}

/// A delivery as messages.
struct Encoded {
    messages: Vec<Message>,
    /// All payloads are JSON.
    json: bool,
}

impl MqttSession {
    async fn encode(&mut self, delivery: &Delivery<'_>) -> Result<Encoded, SinkFault> {
        match self.runner {
            Some(_) => self.filter(delivery).await,
            None => Ok(Encoded { messages: self.write(delivery), json: true }),
        }
    }

    async fn filter(&mut self, delivery: &Delivery<'_>) -> Result<Encoded, SinkFault> {
        let Checked { topic, .. } = &*self.checked;
        let choice = self.choice(delivery);
        let Some(runner) = &mut self.runner else {
            return Ok(Encoded { messages: Vec::new(), json: true });
        };
        if !payload::write_filter_input(delivery.batch, &self.edge, choice, &mut self.buffer) {
            return Ok(Encoded { messages: Vec::new(), json: true });
        }
        let outputs = runner.run(&self.buffer).await?;
        let json = !outputs.iter().any(|output| output.text);
        let default = topic::for_data(topic, &self.edge, &delivery.batch.set, "");
        let messages = outputs
            .into_iter()
            .map(|output| Message {
                topic: output.topic.unwrap_or_else(|| default.clone()),
                payload: output.payload.into(),
            })
            .collect();
        Ok(Encoded { messages, json })
    }

    fn choice(&self, delivery: &Delivery<'_>) -> Choice {
        let settings = &self.checked.settings;
        Choice { errors: settings.errors, origin: settings.sequence.then(|| Origin::of(delivery)) }
    }

    /// The messages of the built-in formats.
    fn write(&mut self, delivery: &Delivery<'_>) -> Vec<Message> {
        let choice = self.choice(delivery);
        let Checked { settings, topic, .. } = &*self.checked;
        let (batch, edge) = (delivery.batch, &*self.edge);
        let buffer = &mut self.buffer;
        let mut write = |pick: Option<usize>| {
            let pick = |sample: &tagwerk_model::SampleRef<'_>| {
                pick.is_none_or(|index| sample.index == index)
            };
            let any = match settings.format {
                Format::Values => payload::write_values(batch, choice, pick, buffer),
                _ => payload::write_tags(batch, choice, pick, buffer),
            };
            any.then(|| Arc::<[u8]>::from(buffer.as_slice()))
        };
        if !topic.mentions("tag") {
            let topic = topic::for_data(topic, edge, &batch.set, "");
            return write(None).map(|payload| Message { topic, payload }).into_iter().collect();
        }
        batch
            .samples()
            .filter_map(|sample| {
                let name = &batch.set.tags()[sample.index].name;
                let payload = write(Some(sample.index))?;
                Some(Message { topic: topic::for_data(topic, edge, &batch.set, name), payload })
            })
            .collect()
    }

    /// What MQTT 5 says beside the payload.
    fn properties(&self, delivery: &Delivery<'_>, json: bool) -> Properties {
        if self.checked.settings.version == Version::V3 {
            return Properties::new();
        }
        let pair = |key: &str, value: String| UserProperty::new(key, value).map(Into::into).ok();
        [
            json.then(|| ContentType::new("application/json").map(Into::into).ok()).flatten(),
            pair("epoch", delivery.epoch.to_string()),
            pair("from", delivery.from.to_string()),
            pair("to", delivery.to.to_string()),
            pair("replayed", delivery.replayed.to_string()),
        ]
        .into_iter()
        .flatten()
        .collect()
    }
}

impl SinkSession for MqttSession {
    fn deliver<'a>(
        &'a mut self,
        delivery: &'a Delivery<'a>,
    ) -> BoxFuture<'a, Result<Option<Receipt>, SinkFault>> {
        Box::pin(async move {
            let Encoded { messages, json } = self.encode(delivery).await?;
            if messages.is_empty() {
                return Ok(None);
            }
            let properties = Arc::new(self.properties(delivery, json));
            let (written, bytes_gone) = oneshot::channel();
            let (done, outcome) = oneshot::channel();
            self.link.send(Command::Deliver { messages, properties, written, done }).await?;
            if bytes_gone.await.is_err() {
                return Err(self.link.fault());
            }
            Ok(Some(Box::pin(async move {
                outcome.await.unwrap_or_else(|_| {
                    Err(SinkFault::Retry(
                        "the connection to the broker was closed before it acknowledged".into(),
                    ))
                })
            }) as Receipt))
        })
    }

    fn lost(&mut self) -> BoxFuture<'_, SinkFault> {
        Box::pin(self.link.lost())
    }

    fn close(self: Box<Self>) -> BoxFuture<'static, ()> {
        Box::pin(async move {
            let MqttSession { clock, link, .. } = *self;
            timeout(&*clock, clock.now().after(CLOSE_TIMEOUT), link.close()).await;
        })
    }
}
