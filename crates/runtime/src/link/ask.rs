//! What somebody asks of a link beside its schedule: commands, reads on demand, trials.

use super::LinkTask;
use crate::command::{Job, Outcome};
use crate::trial::{self, TrialJob};
use crate::view::CommandState;
use tagwerk_component::{Fault, LinkContext, Trace, WriteSent};
use tagwerk_env::Moment;
use tokio::sync::oneshot;

impl LinkTask {
    /// Tries something on the open session, or on one of its own while there is none.
    pub(super) async fn trial(&mut self, job: TrialJob) {
        let context = self.shared.context.clone();
        let Some(session) = self.session.as_mut() else {
            // While the link is down it has nothing to delay.
            let context = LinkContext { trace: Trace::new(context.env.clock.clone()), ..context };
            return drop(job.done.send(trial::alone(context, &job.device, &job.ask).await));
        };
        let (trial, fault) = trial::beside(&context, session.as_mut(), &job.device, &job.ask).await;
        drop(job.done.send(trial));
        if let Some(Fault::Link(reason)) = fault {
            self.link_lost(&reason);
        }
    }

    pub(super) fn read_now(
        &mut self,
        device: &str,
        group: &str,
        done: oneshot::Sender<Result<(), String>>,
    ) {
        let Some(found) = self.devices.iter_mut().find(|d| *d.task.live.name == *device) else {
            return drop(done.send(Err(format!("device {device} is not running"))));
        };
        if self.session.is_none() {
            let reason = found.task.live.status.lock().reason.clone().unwrap_or_default();
            return drop(done.send(Err(format!("no connection to {device}: {reason}"))));
        }
        match found.groups.iter_mut().find(|g| *g.task.live.name == *group) {
            None => drop(done.send(Err(format!("{device} has no group {group}")))),
            Some(group) => {
                if let Some(silence) = &mut found.silence {
                    silence.until = Moment(0);
                }
                group.read_again(Some(done));
            }
        }
    }

    pub(super) async fn command(&mut self, job: Job) {
        let shared = self.shared.clone();
        let id = job.id.clone();
        *shared.writing.lock() = Some(id.clone());
        let outcome = self.carry(job).await;
        shared.writing.lock().take();
        shared.commands.end(&id, outcome);
    }

    /// Writes once, or not at all.
    async fn carry(&mut self, job: Job) -> Outcome {
        let failed = |reason: String| Outcome { state: CommandState::Failed, reason: Some(reason) };
        let Some(position) = self.devices.iter().position(|d| d.task.live.name == job.device)
        else {
            return failed("the device was removed; nothing was sent".into());
        };
        if self.devices[position].silence.is_some() && self.session.is_some() {
            self.probe(position).await;
        }
        let clock = self.shared.env.clock.clone();
        if clock.now() >= job.expires {
            let reason = "its time was over before it could be sent; nothing was sent".to_owned();
            return Outcome { state: CommandState::Expired, reason: Some(reason) };
        }
        let device = &mut self.devices[position];
        let Some(session) = self.session.as_mut().filter(|_| device.silence.is_none()) else {
            let reason = device.task.live.status.lock().reason.clone();
            let reason = reason.unwrap_or_else(|| "no connection yet".into());
            return failed(format!("{reason}; nothing was sent"));
        };
        let token = device.groups.iter().find(|g| *g.task.live.name == *job.group).and_then(|g| {
            let index = g.task.live.tags.iter().position(|t| *t.name == *job.tag)?;
            g.task.writes.get(index)?.clone()
        });
        let Some(token) = token else {
            return failed("the tag was removed or is not writable; nothing was sent".into());
        };
        self.shared.commands.sent(&job.id);
        device.task.live.counters.lock().plain.writes += 1;
        self.shared.context.trace.for_device(Some(&device.task.live.name));
        let asked = clock.now();
        let result = session.write(&token, &job.raw).await;
        device.task.live.counters.lock().busy(asked, clock.now());
        if let Some(group) = device.groups.iter_mut().find(|g| *g.task.live.name == *job.group) {
            // The new value is on the screen as soon as the device has it, not an interval later.
            group.read_again(None);
        }
        let Err(fault) = result else {
            return Outcome { state: CommandState::Done, reason: None };
        };
        device.task.live.counters.lock().plain.errors += 1;
        let reason = fault.fault.to_string();
        if let Fault::Link(text) = &fault.fault {
            self.link_lost(text);
        }
        match fault.sent {
            WriteSent::No => failed(reason),
            WriteSent::Perhaps => Outcome { state: CommandState::Unknown, reason: Some(reason) },
        }
    }

    /// Asks a silent device for something small, so that a command to a device that is back does not
    /// fail, and a command to one that is not is never sent into the dark.
    async fn probe(&mut self, position: usize) {
        let device = &mut self.devices[position];
        let Some(session) = self.session.as_mut() else { return };
        let Some(group) = device.groups.iter_mut().find(|g| g.has_reads()) else {
            device.silence = None;
            return;
        };
        match group.probe(session.as_mut()).await {
            Ok(()) | Err(Fault::Refused { .. }) => self.answered(position),
            Err(Fault::Link(reason)) => self.link_lost(&reason),
            Err(Fault::Silent(_) | Fault::Settings(_)) => {}
        }
    }
}
