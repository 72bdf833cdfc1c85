//! One open link to a broker with all devices on it: hands out each message as rows, acknowledges what
//! the runtime has taken, and answers the runtime.

use crate::browse::{self, Seen};
use crate::command::Order;
use crate::convert::Bad;
use crate::exchange::{Exchange, Published};
use crate::filter::Filter;
use crate::inbox::Arrived;
use crate::payload::{Row, Rows};
use crate::settings::Checked;
use crate::silence::{self, Silence};
use crate::subscriptions::{Subscriptions, identifier};
use crate::{Group, Shape};
use std::sync::Arc;
use std::time::Duration;
use tagwerk_component::{
    BoxFuture, BrowsePage, BrowseRequest, Fault, LinkContext, Open, ReadRequest, Report, Session,
    Token, Trace, Unwatched, Watch, WriteFault, WriteSent,
};
use tagwerk_env::{Clock, Moment, timeout};
use tagwerk_model::{BatchBuilder, Quality, Value, limits};
use tagwerk_mqtt::packets::{Property, Qos};
use tagwerk_mqtt::{
    Acknowledgement, Answers, Hello, Kept, Letter, Manner, MqttFault, Subscription, Welcome, Wire,
    quality_of_service,
};
use tagwerk_tls::Means;

/// Largest packet taken; a payload has a bound of its own, beyond which the message is a bad row. Larger:
/// the connection ends. MQTT 5 tells the broker, which then does not send it.
const PACKET_BYTES_MAX: u32 = 16 * 1024 * 1024;
/// Messages that the broker may send before one of them is acknowledged; MQTT 5 only.
const UNANSWERED_MAX: u16 = 256;
/// Subscriptions asked for before the first of them is answered; each holds one of 65,535 packet ids.
const SUBSCRIPTIONS_AT_ONCE: usize = 1_000;
/// How long a trial waits for a message.
const LISTEN: Duration = Duration::from_secs(5);

/// How the link is opened.
pub struct OpenLink(Checked);

impl OpenLink {
    pub fn new(checked: Checked) -> OpenLink {
        OpenLink(checked)
    }

    async fn connect(&self, context: &LinkContext) -> Result<LinkSession, MqttFault> {
        let Checked { settings, address, .. } = &self.0;
        let means = Means::from(context);
        let (secret, file) = (settings.password.as_ref(), settings.password_file.as_deref());
        let hello = Hello {
            address: address.to_string(),
            version: settings.version,
            client_id: settings.client_id.clone().unwrap_or_default(),
            username: settings.username.clone(),
            password: tagwerk_mqtt::password(means, secret, file)?,
            keep_alive: settings.keep_alive.0,
            session: settings.keep_session.map_or(Kept::Nothing, |time| Kept::For(time.0)),
            will: None,
        };
        let stream = tagwerk_mqtt::dial(means, address, settings.tls.as_ref()).await?;
        let manner = Manner {
            packet_bytes_max: PACKET_BYTES_MAX,
            unanswered_max: Some(UNANSWERED_MAX),
            answers: Answers::ByHand,
        };
        let clock = context.env.clock.clone();
        let (wire, welcome) = Wire::connect(clock.clone(), stream, &hello, manner).await?;
        let trace = context.trace.clone();
        trace.note(|| match welcome.session_present {
            true => format!("Connected to {address}, which has kept the session"),
            false => format!("Connected to {address}"),
        });
        let exchange = Exchange::new(wire, clock.clone(), trace.clone(), settings.ack_timeout.0);
        Ok(LinkSession::new(exchange, clock, trace, &welcome))
    }
}

impl Open for OpenLink {
    fn open<'a>(
        &'a self,
        context: &'a LinkContext,
    ) -> BoxFuture<'a, Result<Box<dyn Session>, Fault>> {
        Box::pin(async move {
            let limit = self.0.settings.connect_timeout;
            let clock = &*context.env.clock;
            match timeout(clock, clock.now().after(limit.0), self.connect(context)).await {
                Some(session) => Ok(Box::new(session?) as Box<dyn Session>),
                None => Err(Fault::Link(format!(
                    "the broker at {} did not answer within {limit}; \
                     check `url` and whether the network lets this edge through",
                    self.0.address
                ))),
            }
        })
    }
}

/// A group that is watched.
struct Watched {
    watch: Watch,
    silence: Silence,
}

impl Watched {
    fn group(&self) -> &Group {
        self.watch.token.get()
    }
}

/// What has come to nothing, since the runtime last asked.
#[derive(Default)]
struct Counts {
    nobodys: u64,
    unreadable: u64,
    untimed: u64,
    values: u64,
}

struct LinkSession {
    exchange: Exchange,
    clock: Arc<dyn Clock>,
    trace: Trace,
    /// The broker sends back for which subscription a message is.
    identifies: bool,
    /// The broker takes messages that are acknowledged.
    acknowledges: bool,
    subscriptions: Subscriptions,
    watched: Vec<Watched>,
    /// Reports that come before the next message.
    told: Vec<Report>,
    /// What the runtime has had since the last call.
    handed: Option<(Acknowledgement, u16)>,
    /// When refused subscriptions are asked for again.
    again: Option<Moment>,
    /// What was heard in a trial of a device, for its other groups.
    tried: Option<(Arc<Shape>, Option<Arrived>)>,
    seen: Seen,
    counts: Counts,
}

impl LinkSession {
    fn new(
        exchange: Exchange,
        clock: Arc<dyn Clock>,
        trace: Trace,
        welcome: &Welcome,
    ) -> LinkSession {
        let lacks = |wanted: fn(&Property) -> bool| welcome.properties.iter().any(wanted);
        LinkSession {
            exchange,
            clock,
            trace,
            identifies: !lacks(
                |p| matches!(p, Property::SubscriptionIdentifierAvailable(v) if v.val() == 0),
            ),
            acknowledges: !lacks(|p| matches!(p, Property::MaximumQos(v) if v.val() == 0)),
            subscriptions: Subscriptions::default(),
            watched: Vec::new(),
            told: Vec::new(),
            handed: None,
            again: None,
            tried: None,
            seen: Seen::default(),
            counts: Counts::default(),
        }
    }

    /// The rows of a message, for everybody who is meant. False when that is nobody.
    fn hand_out(&mut self, arrived: &Arrived, out: &mut Vec<Report>) -> bool {
        let now = self.clock.now();
        let mut meant = Vec::new();
        for watched in &mut self.watched {
            if self.subscriptions.means(arrived, &watched.watch) {
                watched.silence.heard(now);
                meant.push(watched.watch.clone());
            }
        }
        let before = out.len();
        // The groups of a device share the rows; they stand next to each other.
        let is_same = |a: &Watch, b: &Watch| {
            Arc::ptr_eq(&a.token.get::<Group>().shape, &b.token.get::<Group>().shape)
        };
        for groups in meant.chunk_by(is_same) {
            self.put_rows(arrived, groups, out);
        }
        self.counts.nobodys += u64::from(meant.is_empty());
        out.len() > before
    }

    fn put_rows(&mut self, arrived: &Arrived, groups: &[Watch], out: &mut Vec<Report>) {
        let Some(first) = groups.first() else { return };
        let form = &first.token.get::<Group>().shape.form;
        let message = arrived.message();
        let rows = Rows::of(&message, form);
        if let Some(problem) = rows.problem() {
            self.counts.unreadable += 1;
            self.trace.note(|| format!("{}: {problem}", arrived.topic));
        }
        for row in rows.iter() {
            let source_time = match row.time(form) {
                Some(Ok(time)) => Some(time),
                Some(Err(problem)) => {
                    self.counts.untimed += 1;
                    self.trace.note(|| format!("{}: no time: {problem}", arrived.topic));
                    None
                }
                None => None,
            };
            for watch in groups {
                for point in &watch.token.get::<Group>().points {
                    let value = row.value(&message, point, form.format);
                    let quality = self.judge(&value, row, &arrived.topic);
                    out.push(Report {
                        watch: watch.id,
                        tag: point.index,
                        value: value.ok(),
                        quality,
                        source_time,
                        past: false,
                    });
                }
            }
        }
    }

    fn judge(&mut self, value: &Result<Value, Bad>, row: Row<'_>, topic: &str) -> Quality {
        let Err(bad) = value else { return Quality::GOOD };
        // A field that is not there is no mistake, and an unreadable payload was told of.
        if bad.quality != Quality::BAD_NO_DATA && !matches!(row, Row::Unreadable(_)) {
            self.counts.values += 1;
            self.trace.note(|| format!("{topic}: {}", bad.reason));
        }
        bad.quality
    }

    /// Takes over what the broker has said to subscriptions.
    fn take_outcomes(&mut self) {
        for (filter, outcome) in std::mem::take(&mut self.exchange.outcomes) {
            if self.subscriptions.answered(&filter, outcome) {
                // The runtime took the group for one that is not reported; now it is.
                self.exchange.give_up(MqttFault::Passing(format!(
                    "the broker grants the subscription `{}` now; connecting again",
                    filter.as_str()
                )));
            }
        }
    }

    fn ask_for(&mut self, filters: &[Filter]) -> Result<(), MqttFault> {
        for filter in filters {
            if let Some(wanted) = self.subscriptions.wanted(filter) {
                let identifier = wanted.identifier.filter(|_| self.identifies);
                self.exchange.subscribe(filter, &Subscription { identifier, ..wanted })?;
            }
        }
        Ok(())
    }

    /// What is to be done at a time of its own.
    fn next_due(&self) -> Option<Moment> {
        let silences = self.watched.iter().filter_map(|watched| watched.silence.due());
        silences.chain(self.again).min()
    }

    fn act_on_time(&mut self) -> Result<(), MqttFault> {
        let now = self.clock.now();
        for watched in &mut self.watched {
            watched.silence.tell(&watched.watch, now, &mut self.told);
        }
        if self.again.is_some_and(|again| again <= now) {
            let denied: Vec<Filter> = self.subscriptions.denied().cloned().collect();
            self.again = (!denied.is_empty()).then(|| now.after(limits::REFUSED_RETRY));
            return self.ask_for(&denied);
        }
        Ok(())
    }

    /// Until there is something for the runtime.
    async fn next(&mut self, out: &mut Vec<Report>) -> Result<(), MqttFault> {
        let clock = self.clock.clone();
        loop {
            // What was handed out before is with the runtime now.
            if let Some(answer) = self.handed.take() {
                self.exchange.answer(answer)?;
            }
            if !self.told.is_empty() {
                out.append(&mut self.told);
                return Ok(());
            }
            while let Some(arrived) = self.exchange.inbox.take() {
                let is_news = self.hand_out(&arrived, out);
                self.handed = arrived.answer;
                if is_news {
                    return Ok(());
                }
                if let Some(answer) = self.handed.take() {
                    self.exchange.answer(answer)?;
                }
            }
            let due = self.next_due();
            tokio::select! {
                result = self.exchange.step() => {
                    self.take_outcomes();
                    if let Err(fault) = result && self.exchange.inbox.is_empty() {
                        return Err(fault);
                    }
                }
                () = sleep_until(&*clock, due), if due.is_some() => self.act_on_time()?,
            }
        }
    }

    /// Subscribes for the time of a trial to what is not subscribed to; returns what that was.
    async fn subscribe_for_a_trial(
        &mut self,
        shape: &Shape,
    ) -> Result<Result<Vec<Filter>, String>, MqttFault> {
        let missing = |filter: &&Filter| !self.subscriptions.contains(filter);
        let filters: Vec<Filter> = shape.filters.iter().filter(missing).cloned().collect();
        let qos = quality_of_service(shape.qos);
        for filter in &filters {
            let wanted = Subscription {
                filter: filter.as_str(),
                qos,
                retained: shape.retained,
                // What comes for it is nothing to the devices that run.
                identifier: self.identifies.then(|| identifier(filter)),
            };
            self.exchange.subscribe(filter, &wanted)?;
        }
        self.exchange.subscribed().await?;
        let outcomes = std::mem::take(&mut self.exchange.outcomes);
        match outcomes.into_values().find_map(Result::err) {
            Some(reason) => {
                self.unsubscribe(&filters)?;
                Ok(Err(reason))
            }
            None => Ok(Ok(filters)),
        }
    }

    fn unsubscribe(&mut self, filters: &[Filter]) -> Result<(), MqttFault> {
        filters.iter().try_for_each(|filter| self.exchange.unsubscribe(filter))
    }

    /// The next message for a device, or the one that a trial has just heard.
    async fn heard(&mut self, shape: &Arc<Shape>) -> Result<Option<Arrived>, Fault> {
        if let Some((of, arrived)) = &self.tried
            && Arc::ptr_eq(of, shape)
        {
            return Ok(arrived.clone());
        }
        let first = self.exchange.inbox.len();
        let filters = match self.subscribe_for_a_trial(shape).await? {
            Ok(filters) => filters,
            Err(reason) => {
                return Err(Fault::Refused { quality: Quality::BAD_NOT_READABLE, reason });
            }
        };
        let fits = |arrived: &Arrived| shape.filters.iter().any(|f| f.fits(&arrived.topic));
        let found = self.exchange.wait_for(LISTEN, first, fits).await?;
        self.unsubscribe(&filters)?;
        self.tried = Some((shape.clone(), found.clone()));
        Ok(found)
    }

    async fn try_group(&mut self, group: &Group, out: &mut BatchBuilder) -> Result<(), Fault> {
        let shape = &group.shape;
        let Some(arrived) = self.heard(shape).await? else {
            let topics: Vec<&str> = shape.filters.iter().map(Filter::as_str).collect();
            return Err(Fault::Refused {
                quality: Quality::BAD_NO_DATA,
                reason: format!(
                    "no message came within {} s on `{}`; check `topics`, and whether the machine \
                     sends",
                    LISTEN.as_secs(),
                    topics.join("`, `")
                ),
            });
        };
        let message = arrived.message();
        let rows = Rows::of(&message, &shape.form);
        let Some(row) = rows.iter().next() else { return Ok(()) };
        for point in &group.points {
            let index = point.index as usize;
            match row.value(&message, point, shape.form.format) {
                Ok(value) => out.put(index, value.as_ref()),
                Err(bad) => out.put_quality(index, bad.quality),
            }
            if let Some(Ok(time)) = row.time(&shape.form) {
                out.put_source_time(index, time);
            }
        }
        Ok(())
    }

    async fn command(&mut self, order: &Order, value: &Value) -> Result<(), WriteFault> {
        let refused = |reason: String| WriteFault {
            sent: WriteSent::No,
            fault: Fault::Refused { quality: Quality::BAD_NOT_SUPPORTED, reason },
        };
        if !self.acknowledges {
            return Err(refused(
                "the broker acknowledges no messages, so that nobody would know what became of a \
                 command"
                    .to_owned(),
            ));
        }
        let topic = order.command.topic.clone();
        let payload = order.payload(value).into();
        let letter = Letter { topic, payload, qos: Qos::AtLeastOnce, retain: false };
        match self.exchange.publish(letter).await {
            Published::Taken { heard: true } => Ok(()),
            Published::Taken { heard: false } => Err(refused(format!(
                "the broker took the command, but nobody subscribes to `{}`",
                order.command.topic
            ))),
            // The broker has answered, and the connection is as good as before.
            Published::Refused(fault) => Err(refused(fault.to_string())),
            Published::Unsent(fault) => {
                Err(WriteFault { sent: WriteSent::No, fault: fault.into() })
            }
            Published::Unknown(fault) => {
                Err(WriteFault { sent: WriteSent::Perhaps, fault: Fault::Link(fault.to_string()) })
            }
        }
    }

    async fn tell_watches(&mut self, watches: &[Watch]) -> Result<Vec<Unwatched>, MqttFault> {
        let now = self.clock.now();
        let change = self.subscriptions.update(watches);
        let mut before = std::mem::take(&mut self.watched);
        self.watched = watches
            .iter()
            .map(|watch| match before.iter().position(|known| known.watch.id == watch.id) {
                Some(place) => {
                    Watched { watch: watch.clone(), silence: before.swap_remove(place).silence }
                }
                None => {
                    let silence = Silence::new(watch.token.get(), now);
                    Watched { watch: watch.clone(), silence }
                }
            })
            .collect();
        self.unsubscribe(&change.unsubscribe)?;
        for part in change.subscribe.chunks(SUBSCRIPTIONS_AT_ONCE) {
            self.ask_for(part)?;
            self.exchange.subscribed().await?;
        }
        for (filter, outcome) in std::mem::take(&mut self.exchange.outcomes) {
            self.subscriptions.answered(&filter, outcome);
        }
        let mut unwatched = Vec::new();
        for watched in &self.watched {
            let Some((reason, all)) = self.subscriptions.refusal(&watched.watch) else { continue };
            let id = watched.watch.id;
            if all {
                silence::bad(id, watched.group(), Quality::BAD_NOT_READABLE, &mut self.told);
            }
            unwatched.push(Unwatched { id, reason });
        }
        self.again = (!unwatched.is_empty()).then(|| now.after(limits::REFUSED_RETRY));
        Ok(unwatched)
    }
}

impl Session for LinkSession {
    fn read<'a>(
        &'a mut self,
        _: &'a ReadRequest,
        _: &'a mut BatchBuilder,
    ) -> BoxFuture<'a, Result<(), Fault>> {
        Box::pin(async {
            Err(Fault::Refused {
                quality: Quality::BAD_NOT_SUPPORTED,
                reason: "a broker cannot be asked for a value; it sends what comes".to_owned(),
            })
        })
    }

    fn write<'a>(
        &'a mut self,
        tag: &'a Token,
        value: &'a Value,
    ) -> BoxFuture<'a, Result<(), WriteFault>> {
        Box::pin(self.command(tag.get(), value))
    }

    fn watch<'a>(
        &'a mut self,
        watches: &'a [Watch],
    ) -> BoxFuture<'a, Result<Vec<Unwatched>, Fault>> {
        Box::pin(async move { Ok(self.tell_watches(watches).await?) })
    }

    fn event<'a>(&'a mut self, out: &'a mut Vec<Report>) -> BoxFuture<'a, Result<(), Fault>> {
        self.tried = None;
        Box::pin(async move { Ok(self.next(out).await?) })
    }

    fn listen<'a>(
        &'a mut self,
        watch: &'a Token,
        out: &'a mut BatchBuilder,
    ) -> BoxFuture<'a, Result<(), Fault>> {
        Box::pin(self.try_group(watch.get(), out))
    }

    fn browse<'a>(
        &'a mut self,
        request: &'a BrowseRequest<'a>,
    ) -> BoxFuture<'a, Result<BrowsePage, Fault>> {
        Box::pin(async move {
            let Some(shape) = request.token.map(|token| token.get::<Arc<Shape>>()) else {
                return Err(Fault::Settings("which topics to browse is not known".to_owned()));
            };
            let is_known = self.seen.knows(request.from);
            if !is_known && request.after.is_none() {
                let first = self.exchange.inbox.len();
                let filters = match self.subscribe_for_a_trial(shape).await? {
                    Ok(filters) => filters,
                    Err(reason) => {
                        let quality = Quality::BAD_NOT_READABLE;
                        return Err(Fault::Refused { quality, reason });
                    }
                };
                let wanted = |arrived: &Arrived| arrived.topic == request.from;
                self.exchange.wait_for(browse::LISTEN, first, wanted).await?;
                self.unsubscribe(&filters)?;
                self.seen.take(shape, self.exchange.inbox.after(first));
            }
            Ok(self.seen.page(shape, request))
        })
    }

    fn counters(&mut self) -> Vec<(&'static str, u64)> {
        let counts = std::mem::take(&mut self.counts);
        let of_exchange = std::mem::take(&mut self.exchange.counts);
        vec![
            ("messages received", of_exchange.messages),
            ("bytes received", of_exchange.bytes),
            ("messages dropped", of_exchange.dropped),
            ("messages for no device", counts.nobodys),
            ("payloads not read", counts.unreadable),
            ("values not read", counts.values),
            ("times not read", counts.untimed),
        ]
    }
}

async fn sleep_until(clock: &dyn Clock, due: Option<Moment>) {
    if let Some(due) = due {
        clock.sleep_until(due).await;
    }
}
