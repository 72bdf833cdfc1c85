//! Trying a device before it is saved: reading its tags once, or looking inside it.
//!
//! Uses the link that runs, where there is one, since a serial line or a small controller has room for
//! one connection only; otherwise one of its own, for the length of the trial.

use crate::live::Now;
use std::sync::Arc;
use std::time::Duration;
use tagwerk_component::{
    BrowsePage, BrowseRequest, Fault, Frame, LinkContext, ReadRequest, Session,
};
use tagwerk_config::CheckedDevice;
use tagwerk_env::{Clock, timeout};
use tagwerk_model::{
    BatchBuilder, Quality, SampleRef, TagDefinition, TagId, TagSet, TagSetDefinition, Value, limits,
};
use tokio::sync::oneshot;

/// What a trial asks for.
#[derive(Clone, Debug)]
pub enum TrialAsk {
    /// Every readable tag of the device, once.
    Read,
    /// What is below a node; the root is empty.
    Browse { from: String, after: Option<String> },
}

/// What a trial found.
#[derive(Clone, Debug)]
pub struct Trial {
    pub result: Result<TrialFound, String>,
    /// The connection of a running device was used.
    pub used_running_link: bool,
    /// How long connecting took, where that was necessary.
    pub connect: Option<Duration>,
    pub elapsed: Duration,
    /// The communication, with wall-clock times.
    pub frames: Vec<(i64, Frame)>,
}

#[derive(Clone, Debug, PartialEq)]
pub enum TrialFound {
    Values(Vec<TrialValue>),
    Nodes(BrowsePage),
}

#[derive(Clone, Debug, PartialEq)]
pub struct TrialValue {
    /// Places in the configuration.
    pub group: usize,
    pub tag: usize,
    /// After scaling.
    pub value: Option<Value>,
    pub quality: Quality,
    pub source_time: Option<i64>,
    /// Why there is no value, in the device's words.
    pub reason: Option<String>,
}

/// What a device would ask of its link.
#[derive(Clone, Debug, PartialEq)]
pub struct Estimate {
    pub groups: Vec<GroupEstimate>,
    pub requests_per_second: f64,
    /// Mean of what was measured on the running device of this name, or else on its link.
    pub round_trip: Option<Duration>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct GroupEstimate {
    pub name: Arc<str>,
    pub interval: Duration,
    pub tags: usize,
    pub requests_per_read: usize,
    /// The device can report the group by itself.
    pub watched: bool,
}

/// A trial on its way to a link's task.
pub(crate) struct TrialJob {
    pub device: Arc<CheckedDevice>,
    pub ask: TrialAsk,
    pub done: oneshot::Sender<Trial>,
}

/// With a connection of its own.
pub(crate) async fn alone(context: LinkContext, device: &CheckedDevice, ask: &TrialAsk) -> Trial {
    let clock = context.env.clock.clone();
    context.trace.switch(true);
    let started = clock.now();
    let deadline = started.after(limits::TRIAL_TIME_MAX);
    let too_long =
        || Fault::Silent(format!("no end within {} s", limits::TRIAL_TIME_MAX.as_secs()));
    let opened = timeout(&*clock, deadline, device.plan.open.open(&context)).await;
    let connect = clock.now().since(started);
    let result = match opened.unwrap_or_else(|| Err(too_long())) {
        Err(fault) => Err(fault),
        Ok(mut session) => {
            let asked = run(session.as_mut(), device, ask);
            timeout(&*clock, deadline, asked).await.unwrap_or_else(|| Err(too_long()))
        }
    };
    Trial {
        result: result.map_err(|fault| fault.to_string()),
        used_running_link: false,
        connect: Some(connect),
        elapsed: clock.now().since(started),
        frames: frames(&context, clock.as_ref(), 0),
    }
}

/// On a session that runs; a fault of the link is the caller's to act on as well.
pub(crate) async fn beside(
    context: &LinkContext,
    session: &mut dyn Session,
    device: &CheckedDevice,
    ask: &TrialAsk,
) -> (Trial, Option<Fault>) {
    let clock = context.env.clock.clone();
    let (was_on, (_, first)) = (context.trace.is_on(), context.trace.numbers());
    context.trace.switch(true);
    let name: Arc<str> = Arc::from(&*device.name);
    context.trace.for_device(Some(&name));
    let started = clock.now();
    let deadline = started.after(limits::TRIAL_TIME_MAX);
    let result = timeout(&*clock, deadline, run(session, device, ask)).await;
    // Nobody knows what a session was about that was left in the middle.
    let result = result.unwrap_or_else(|| {
        let reason = format!("the trial did not end within {} s", limits::TRIAL_TIME_MAX.as_secs());
        Err(Fault::Link(reason))
    });
    context.trace.switch(was_on);
    let trial = Trial {
        result: result.clone().map_err(|fault| fault.to_string()),
        used_running_link: true,
        connect: None,
        elapsed: clock.now().since(started),
        frames: frames(context, clock.as_ref(), first),
    };
    (trial, result.err())
}

/// Frames from this number on, with their wall-clock times.
pub(crate) fn frames(context: &LinkContext, clock: &dyn Clock, first: u64) -> Vec<(i64, Frame)> {
    let now = Now::of(clock);
    let frames = context.trace.frames_after(first);
    frames.into_iter().map(|frame| (now.unix(frame.at), frame)).collect()
}

async fn run(
    session: &mut dyn Session,
    device: &CheckedDevice,
    ask: &TrialAsk,
) -> Result<TrialFound, Fault> {
    match ask {
        TrialAsk::Read => Ok(TrialFound::Values(read(session, device).await?)),
        TrialAsk::Browse { from, after } => {
            let token = device.plan.browse.as_ref();
            let request = BrowseRequest { token, from, after: after.as_deref() };
            Ok(TrialFound::Nodes(session.browse(&request).await?))
        }
    }
}

async fn read(session: &mut dyn Session, device: &CheckedDevice) -> Result<Vec<TrialValue>, Fault> {
    let mut values = Vec::new();
    for (position, (group, plan)) in device.groups.iter().zip(&device.plan.groups).enumerate() {
        let set = Arc::new(TagSet::new(TagSetDefinition {
            id: 0,
            device: device.name.clone(),
            group: group.name.clone(),
            tags: group
                .tags
                .iter()
                .map(|tag| TagDefinition {
                    id: TagId(0),
                    name: tag.name.clone(),
                    data_type: tag.published,
                    unit: Box::from(&*tag.unit),
                })
                .collect(),
        }));
        let scales = group.tags.iter().map(|tag| tag.scale).collect();
        let mut builder = BatchBuilder::new(set, scales);
        let mut reasons = vec![None; group.tags.len()];
        // Requests that the device refuses are divided until each names the tags to blame.
        let mut requests: Vec<ReadRequest> = plan.reads.iter().rev().cloned().collect();
        while let Some(request) = requests.pop() {
            match session.read(&request, &mut builder).await {
                Ok(()) => {}
                Err(Fault::Refused { quality, reason }) => match session.divide(&request) {
                    Some(parts) => requests.extend(parts.into_iter().rev()),
                    None => request.tags.iter().for_each(|tag| {
                        builder.put_quality(*tag as usize, quality);
                        reasons[*tag as usize] = Some(reason.clone());
                    }),
                },
                Err(fault) => return Err(fault),
            }
        }
        if let (Some(watch), true) = (&plan.watch, plan.reads.is_empty()) {
            match session.listen(watch, &mut builder).await {
                Ok(()) => {}
                Err(Fault::Refused { quality, reason }) => {
                    for (index, told) in reasons.iter_mut().enumerate() {
                        builder.put_quality(index, quality);
                        *told = Some(reason.clone());
                    }
                }
                Err(fault) => return Err(fault),
            }
        }
        let batch = builder.batch(0, 0, 0);
        let is_read = |s: &SampleRef<'_>| {
            let tag = &group.tags[s.index];
            tag.access.reads() && tag.formula.is_none()
        };
        values.extend(batch.samples().filter(is_read).map(|sample| TrialValue {
            group: position,
            tag: sample.index,
            value: sample.value.map(|value| value.to_value()),
            quality: sample.quality,
            source_time: sample.source_time.filter(|time| *time != 0),
            reason: reasons[sample.index].take(),
        }));
    }
    Ok(values)
}

/// What reading the device as planned asks of its link.
pub(crate) fn estimate(device: &CheckedDevice, round_trip: Option<Duration>) -> Estimate {
    let groups: Vec<GroupEstimate> = device
        .groups
        .iter()
        .zip(&device.plan.groups)
        .map(|(group, plan)| GroupEstimate {
            name: Arc::from(&*group.name),
            interval: group.interval,
            tags: group.tags.len(),
            requests_per_read: plan.reads.len(),
            watched: plan.watch.is_some(),
        })
        .collect();
    let polled = groups.iter().filter(|group| !group.watched);
    let requests_per_second = polled
        .map(|g| g.requests_per_read as f64 / g.interval.max(limits::INTERVAL_MIN).as_secs_f64())
        .sum();
    Estimate { groups, requests_per_second, round_trip }
}
