//! One open link: answers reads and writes of the devices on it, and fails as they were told to.

use crate::Settings;
use crate::address::{self, Address};
use std::collections::HashMap;
use std::sync::Arc;
use tagwerk_component::{
    BoxFuture, BrowseNode, BrowsePage, BrowseRequest, Fault, LinkContext, Open, ReadRequest,
    Report, Session, Token, Unwatched, Watch, WatchId, WriteFault, WriteSent,
};
use tagwerk_env::{Clock, Moment};
use tagwerk_model::{BatchBuilder, DataType, Quality, Value};

/// What a session is told with each read: the tags, and whose they are.
pub struct Read {
    pub device: Arc<str>,
    pub points: Vec<Point>,
    pub settings: Arc<Settings>,
}

#[derive(Clone)]
pub struct Point {
    /// The tag's place in its group.
    pub index: u32,
    pub address: Address,
    pub data_type: DataType,
    pub refused: bool,
}

/// What a session is told with each write.
pub struct Write {
    pub device: Arc<str>,
    pub address: Address,
    pub refused: bool,
    pub settings: Arc<Settings>,
}

/// How the link is opened.
pub struct Link {
    settings: Arc<Settings>,
}

impl Link {
    pub fn new(settings: &Arc<Settings>) -> Link {
        Link { settings: settings.clone() }
    }
}

impl Open for Link {
    fn open<'a>(
        &'a self,
        context: &'a LinkContext,
    ) -> BoxFuture<'a, Result<Box<dyn Session>, Fault>> {
        Box::pin(async move {
            let env = &context.env;
            let answered = answer(&*env.clock, &self.settings, Answer::Given).await;
            if self.settings.unreachable || !answered {
                return Err(Fault::Link(
                    "the simulated device refuses the connection, as its settings tell it to"
                        .to_owned(),
                ));
            }
            Ok(Box::new(SimSession {
                clock: env.clock.clone(),
                devices: HashMap::new(),
                watched: Vec::new(),
            }) as Box<dyn Session>)
        })
    }
}

struct SimSession {
    clock: Arc<dyn Clock>,
    devices: HashMap<Arc<str>, Device>,
    watched: Vec<Watched>,
}

/// A group that its device reports, and when it does so next.
struct Watched {
    watch: Watch,
    next: Moment,
}

/// What one device remembers for as long as the link is open.
#[derive(Default)]
struct Device {
    reads: u32,
    answered: u64,
    writes: u32,
    setpoints: HashMap<Box<str>, Value>,
}

impl Device {
    fn value(&self, point: &Point, now: Moment) -> Option<Value> {
        match &point.address {
            Address::Counter => Some(address::number(self.answered as f64, point.data_type)),
            Address::Setpoint(name) => Some(match self.setpoints.get(name) {
                Some(value) => value.clone(),
                None => address::initial(point.data_type),
            }),
            other => other.value(now, point.data_type),
        }
    }

    fn report(&self, watch: WatchId, point: &Point, now: Moment, unix_ns: i64) -> Report {
        let quality = if point.refused { Quality::BAD_UNKNOWN_ADDRESS } else { Quality::GOOD };
        Report {
            watch,
            tag: point.index,
            value: self.value(point, now).filter(|_| !point.refused),
            quality,
            source_time: Some(unix_ns),
            past: false,
        }
    }
}

impl Session for SimSession {
    fn read<'a>(
        &'a mut self,
        request: &'a ReadRequest,
        out: &'a mut BatchBuilder,
    ) -> BoxFuture<'a, Result<(), Fault>> {
        Box::pin(async move {
            let read: &Read = request.token.get();
            let device = self.devices.entry(read.device.clone()).or_default();
            device.reads = device.reads.wrapping_add(1);
            let settings = &read.settings;
            assert!(!is_nth(device.reads, settings.panic_every), "asked for by `panic_every`");
            if is_nth(device.reads, settings.lost_every) {
                return Err(Fault::Link("the connection was lost, by `lost_every`".to_owned()));
            }
            let silent = is_nth(device.reads, settings.silent_every);
            if !answer(&*self.clock, settings, Answer::unless(silent)).await {
                return Err(Fault::Silent(format!("no answer within {}", settings.timeout)));
            }
            if read.points.iter().any(|point| point.refused) {
                return Err(refused());
            }
            device.answered += 1;
            let now = self.clock.now();
            for point in &read.points {
                if let Some(value) = device.value(point, now) {
                    out.put(point.index as usize, value.as_ref());
                }
            }
            Ok(())
        })
    }

    fn watch<'a>(
        &'a mut self,
        watches: &'a [Watch],
    ) -> BoxFuture<'a, Result<Vec<Unwatched>, Fault>> {
        self.watched.retain(|watched| watches.iter().any(|watch| watch.id == watched.watch.id));
        for watch in watches {
            if !self.watched.iter().any(|watched| watched.watch.id == watch.id) {
                // The values as they are now come first.
                self.watched.push(Watched { watch: watch.clone(), next: self.clock.now() });
            }
        }
        Box::pin(async { Ok(Vec::new()) })
    }

    /// Waits before it changes anything, and so loses nothing when it is dropped.
    fn event<'a>(&'a mut self, out: &'a mut Vec<Report>) -> BoxFuture<'a, Result<(), Fault>> {
        Box::pin(async move {
            let Some(next) = self.watched.iter().map(|watched| watched.next).min() else {
                return std::future::pending().await;
            };
            self.clock.sleep_until(next).await;
            let now = self.clock.now();
            for Watched { watch, next } in self.watched.iter_mut().filter(|w| w.next <= now) {
                *next = now.after(watch.interval);
                let read: &Read = watch.token.get();
                let device = self.devices.entry(read.device.clone()).or_default();
                device.reads = device.reads.wrapping_add(1);
                if is_nth(device.reads, read.settings.lost_every) {
                    return Err(Fault::Link("the connection was lost, by `lost_every`".to_owned()));
                }
                device.answered += 1;
                let wall = self.clock.wall().unix_ns;
                out.extend(
                    read.points.iter().map(|point| device.report(watch.id, point, now, wall)),
                );
            }
            Ok(())
        })
    }

    /// One folder a form of address, and an example inside each.
    fn browse<'a>(
        &'a mut self,
        request: &'a BrowseRequest<'a>,
    ) -> BoxFuture<'a, Result<BrowsePage, Fault>> {
        let forms = address::FORMS
            .iter()
            .filter(|(form, ..)| request.from.is_empty() || request.from == *form);
        let nodes = forms.map(|(form, meaning, example)| match request.from {
            "" => BrowseNode {
                id: (*form).to_owned(),
                name: form.split(':').next().unwrap_or(form).to_owned(),
                inside: true,
                description: Some((*meaning).to_owned()),
                ..BrowseNode::default()
            },
            _ => BrowseNode {
                id: (*example).to_owned(),
                name: example.replace([':', '.'], "_"),
                address: Some((*example).to_owned()),
                data_type: address::suggested_type(example),
                write: example.starts_with("setpoint"),
                ..BrowseNode::default()
            },
        });
        let page = BrowsePage { nodes: nodes.collect(), more: None };
        Box::pin(async { Ok(page) })
    }

    fn write<'a>(
        &'a mut self,
        tag: &'a Token,
        value: &'a Value,
    ) -> BoxFuture<'a, Result<(), WriteFault>> {
        Box::pin(async move {
            let write: &Write = tag.get();
            let device = self.devices.entry(write.device.clone()).or_default();
            device.writes = device.writes.wrapping_add(1);
            let silent = is_nth(device.writes, write.settings.silent_write_every);
            if !answer(&*self.clock, &write.settings, Answer::unless(silent)).await {
                let fault = Fault::Silent(format!("no answer within {}", write.settings.timeout));
                return Err(WriteFault { sent: WriteSent::Perhaps, fault });
            }
            match &write.address {
                Address::Setpoint(name) if !write.refused => {
                    device.setpoints.insert(name.clone(), value.clone());
                    Ok(())
                }
                _ => Err(WriteFault { sent: WriteSent::No, fault: refused() }),
            }
        })
    }

    /// Halves: a refused tag is found in a few steps, and its neighbours are read again.
    fn divide(&self, request: &ReadRequest) -> Option<Vec<ReadRequest>> {
        let read: &Read = request.token.get();
        if read.points.len() < 2 {
            return None;
        }
        let (left, right) = read.points.split_at(read.points.len() / 2);
        let part = |points: &[Point]| {
            Read {
                device: read.device.clone(),
                points: points.to_vec(),
                settings: read.settings.clone(),
            }
            .into_request()
        };
        Some(vec![part(left), part(right)])
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Answer {
    Given,
    Withheld,
}

impl Answer {
    fn unless(silent: bool) -> Answer {
        if silent { Answer::Withheld } else { Answer::Given }
    }
}

/// Waits as long as the answer takes, or the timeout when none comes; says whether one came.
async fn answer(clock: &dyn Clock, settings: &Settings, answer: Answer) -> bool {
    let in_time = answer == Answer::Given && settings.latency <= settings.timeout;
    let wait = if in_time { settings.latency } else { settings.timeout };
    if !wait.0.is_zero() {
        clock.sleep_until(clock.now().after(wait.0)).await;
    }
    in_time
}

fn is_nth(count: u32, every: u32) -> bool {
    every != 0 && count.is_multiple_of(every)
}

fn refused() -> Fault {
    Fault::Refused {
        quality: Quality::BAD_UNKNOWN_ADDRESS,
        reason: "the simulated device refuses this address, by `refuse`".to_owned(),
    }
}
