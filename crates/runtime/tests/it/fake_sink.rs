//! A destination in memory that acknowledges, refuses or disappears as a test tells it.

use parking_lot::Mutex;
use std::collections::HashMap;
use std::sync::{Arc, LazyLock};
use tagwerk_component::{
    BoxFuture, Delivery, Findings, OpenSink, Receipt, Sink, SinkContext, SinkFault, SinkPlan,
    SinkRequest, SinkSession, Spec,
};
use tagwerk_model::SampleBatch;
use tokio::sync::watch;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    #[default]
    Up,
    Down,
    /// Takes deliveries and never acknowledges them.
    Mute,
    /// Rejects every second delivery.
    Picky,
    /// Has nothing to say of every second delivery.
    Terse,
}

pub struct Delivered {
    pub batch: SampleBatch,
    pub from: u64,
    pub to: u64,
    pub replayed: bool,
}

#[derive(Default)]
pub struct Place {
    pub mode: watch::Sender<Mode>,
    pub delivered: Mutex<Vec<Delivered>>,
    pub rejected: Mutex<Vec<(u64, u64)>>,
}

static PLACES: LazyLock<Mutex<HashMap<String, Arc<Place>>>> = LazyLock::new(Default::default);

/// The destination that a sink with `settings: {place: NAME}` delivers to.
pub fn place(name: &str) -> Arc<Place> {
    PLACES.lock().entry(name.to_owned()).or_default().clone()
}

pub struct FakeSink;

#[derive(serde::Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
struct Settings {
    place: String,
}

impl Sink for FakeSink {
    fn spec(&self) -> Spec {
        Spec {
            name: "fake",
            summary: "A destination in memory.",
            settings: schemars::schema_for!(Settings),
            addresses: Vec::new(),
            data_types: Vec::new(),
            abilities: Vec::new(),
            example: "place: a\n",
        }
    }

    fn check(&self, sink: &SinkRequest<'_>, _: &mut Findings) -> Option<SinkPlan> {
        let settings: Settings = serde_json::from_value(sink.settings.clone()).ok()?;
        Some(SinkPlan { open: Arc::new(Open(place(&settings.place))), in_flight_max: 8 })
    }
}

struct Open(Arc<Place>);

impl OpenSink for Open {
    fn open<'a>(
        &'a self,
        _: &'a SinkContext,
    ) -> BoxFuture<'a, Result<Box<dyn SinkSession>, SinkFault>> {
        Box::pin(async move {
            if *self.0.mode.borrow() == Mode::Down {
                return Err(SinkFault::Retry("down".into()));
            }
            let mode = self.0.mode.subscribe();
            Ok(Box::new(Session { place: self.0.clone(), mode, count: 0 }) as Box<dyn SinkSession>)
        })
    }
}

struct Session {
    place: Arc<Place>,
    mode: watch::Receiver<Mode>,
    count: u32,
}

impl SinkSession for Session {
    fn deliver<'a>(
        &'a mut self,
        delivery: &'a Delivery<'a>,
    ) -> BoxFuture<'a, Result<Option<Receipt>, SinkFault>> {
        Box::pin(async move {
            self.count += 1;
            let mode = *self.place.mode.borrow();
            match mode {
                Mode::Down => return Err(SinkFault::Retry("gone".into())),
                Mode::Picky if self.count.is_multiple_of(2) => {
                    self.place.rejected.lock().push((delivery.from, delivery.to));
                    return Err(SinkFault::Reject("every second one".into()));
                }
                Mode::Mute => return Ok(Some(Box::pin(std::future::pending()) as Receipt)),
                Mode::Terse if self.count.is_multiple_of(2) => return Ok(None),
                Mode::Up | Mode::Picky | Mode::Terse => {}
            }
            self.place.delivered.lock().push(Delivered {
                batch: delivery.batch.clone(),
                from: delivery.from,
                to: delivery.to,
                replayed: delivery.replayed,
            });
            Ok(Some(Box::pin(std::future::ready(Ok(()))) as Receipt))
        })
    }

    fn lost(&mut self) -> BoxFuture<'_, SinkFault> {
        Box::pin(async move {
            // The place outlives every session, so this ends only by going down.
            let _ = self.mode.wait_for(|mode| *mode == Mode::Down).await;
            SinkFault::Retry("the connection was lost".into())
        })
    }

    fn close(self: Box<Self>) -> BoxFuture<'static, ()> {
        Box::pin(std::future::ready(()))
    }
}
