//! One station of a link: what it is asked for, one thing after the other, and when. Puts requests
//! into words of the protocol; what its data means is `stations`' to say.

use crate::line::Line;
use crate::settings::{ClockSync, ClockTrust, CommandEnd, CounterInterrogation, CounterMode};
use crate::zone;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;
use tagwerk_env::{Moment, WallTime};
use tagwerk_model::Quality;
use tagwerk_proto_iec104::{Asdu, Cause, Element, Header, Object, Sign, TimeTag, TypeId, encode};

/// How soon a station is interrogated again that did not answer.
const RETRY: Duration = Duration::from_secs(60);
/// An interrogation may take this many of its longest silences as a whole.
const SILENCES_MAX: u32 = 20;

/// A station as configured.
#[derive(Debug)]
pub struct StationPlan {
    pub common_address: u16,
    /// 20 the whole station, 21 to 36 a group.
    pub interrogation: u8,
    pub interrogation_interval: Option<Duration>,
    pub interrogation_timeout: Duration,
    pub counters: Option<CounterInterrogation>,
    pub clock: Option<ClockSync>,
    pub offset_ms: i64,
    pub command_timeout: Duration,
    pub command_end: CommandEnd,
}

/// Something to ask the station for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Job {
    Interrogation,
    ClockSync,
    /// Freeze counters, as the settings say.
    Freeze,
    Counters,
}

const JOBS: usize = 4;

impl Job {
    fn name(self) -> &'static str {
        match self {
            Job::Interrogation => "the interrogation",
            Job::ClockSync => "the clock synchronisation",
            Job::Freeze => "the freezing of counters",
            Job::Counters => "the counter interrogation",
        }
    }
}

/// How a job ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Outcome {
    #[default]
    Done,
    /// The station said no.
    Refused {
        quality: Quality,
        reason: String,
    },
    Silent,
}

#[derive(Default)]
pub struct Counts {
    pub interrogations: u64,
    pub failed: u64,
    pub clock_syncs: u64,
    pub clock_syncs_withheld: u64,
}

struct Running {
    job: Job,
    deadline: Moment,
    /// However much comes, not longer than this.
    end: Moment,
    /// The station has confirmed it, or has sent data of it.
    confirmed: bool,
}

pub struct Station {
    plan: Arc<StationPlan>,
    begun: bool,
    jobs: VecDeque<Job>,
    running: Option<Running>,
    /// How often each job ended, and how it did last.
    finished: [u64; JOBS],
    outcomes: [Outcome; JOBS],
    next_interrogation: Option<Moment>,
    next_counters: Option<Moment>,
    next_clock: Option<Moment>,
    /// Whether it has answered a read of a single object, or may.
    pub reads_singly: bool,
    /// Whether tags that nothing reported are to be told so once it is settled.
    pub tells_missing: bool,
    pub counts: Counts,
}

impl Station {
    pub fn new(plan: &Arc<StationPlan>) -> Station {
        Station {
            plan: plan.clone(),
            begun: false,
            jobs: VecDeque::new(),
            running: None,
            finished: [0; JOBS],
            outcomes: Default::default(),
            next_interrogation: None,
            next_counters: None,
            next_clock: None,
            reads_singly: true,
            tells_missing: true,
            counts: Counts::default(),
        }
    }

    pub fn plan(&self) -> &Arc<StationPlan> {
        &self.plan
    }

    pub fn set_plan(&mut self, plan: &Arc<StationPlan>) {
        self.plan = plan.clone();
    }

    /// Everything that is due after connecting, once.
    pub fn begin(&mut self) {
        if !std::mem::replace(&mut self.begun, true) {
            self.restart();
        }
    }

    /// Everything that is due after the station's own start.
    pub fn restart(&mut self) {
        self.jobs.clear();
        self.running = None;
        self.tells_missing = true;
        self.jobs.push_back(Job::Interrogation);
        if self.plan.clock.is_some() {
            self.jobs.push_back(Job::ClockSync);
        }
        self.request_counters();
    }

    pub fn request(&mut self, job: Job) {
        let running = self.running.as_ref().is_some_and(|running| running.job == job);
        if !running && !self.jobs.contains(&job) {
            self.jobs.push_back(job);
        }
    }

    fn request_counters(&mut self) {
        let Some(counters) = &self.plan.counters else { return };
        if counters.mode != CounterMode::Read {
            self.request(Job::Freeze);
        }
        self.request(Job::Counters);
    }

    /// How often a job has ended.
    pub fn finished(&self, job: Job) -> u64 {
        self.finished[job as usize]
    }

    pub fn outcome(&self, job: Job) -> &Outcome {
        &self.outcomes[job as usize]
    }

    /// Nothing more is to be expected of what the station was asked for.
    pub fn is_settled(&self) -> bool {
        self.begun && self.running.is_none() && self.jobs.is_empty()
    }

    pub fn due(&self) -> Option<Moment> {
        let running = self.running.as_ref().map(|running| running.deadline);
        let periods = [self.next_interrogation, self.next_counters, self.next_clock];
        running.into_iter().chain(periods.into_iter().flatten()).min()
    }

    /// Starts what is due, gives up what takes too long. Returns what happened, for the log.
    pub fn tick(&mut self, now: Moment, wall: WallTime, line: &mut Line) -> Option<String> {
        let mut news = None;
        if let Some(running) = &self.running
            && now >= running.deadline
        {
            let (job, confirmed) = (running.job, running.confirmed);
            news = Some(match confirmed {
                true => format!("station {}: {} has no end", self.plan.common_address, job.name()),
                false => self.unanswered(job),
            });
            self.finish(if confirmed { Outcome::Done } else { Outcome::Silent }, now);
        }
        let is_due = |next: &mut Option<Moment>| next.take_if(|due| *due <= now).is_some();
        if is_due(&mut self.next_interrogation) {
            self.request(Job::Interrogation);
        }
        if is_due(&mut self.next_clock) {
            self.request(Job::ClockSync);
        }
        if is_due(&mut self.next_counters) {
            self.request_counters();
        }
        while self.running.is_none()
            && let Some(job) = self.jobs.pop_front()
        {
            self.start(job, now, wall, line);
        }
        news
    }

    fn unanswered(&self, job: Job) -> String {
        let (address, waited) = (self.plan.common_address, self.plan.command_timeout.as_secs_f64());
        format!("station {address} did not confirm {} within {waited} s", job.name())
    }

    fn start(&mut self, job: Job, now: Moment, wall: WallTime, line: &mut Line) {
        self.running = Some(Running {
            job,
            deadline: now.after(self.plan.command_timeout),
            end: now.after(self.plan.interrogation_timeout * SILENCES_MAX),
            confirmed: false,
        });
        let (type_id, element, time) = match job {
            Job::Interrogation => {
                self.counts.interrogations += 1;
                let element = Element::Interrogation { qualifier: self.plan.interrogation };
                (TypeId::C_IC_NA_1, element, None)
            }
            Job::Freeze | Job::Counters => {
                let counters = self.plan.counters.as_ref();
                let request = match counters.map_or(0, |counters| counters.group) {
                    0 => 5,
                    group => group,
                };
                let freeze = self.freeze(job);
                let element = Element::CounterInterrogation { request, freeze };
                (TypeId::C_CI_NA_1, element, None)
            }
            Job::ClockSync => {
                let trust = self.plan.clock.as_ref().map(|clock| clock.when);
                let withheld = trust == Some(ClockTrust::Synchronised) && !wall.synchronised;
                let Some(time) = zone::tag(wall.unix_ns, self.plan.offset_ms).filter(|_| !withheld)
                else {
                    self.counts.clock_syncs_withheld += 1;
                    return self.finish(Outcome::Done, now);
                };
                self.counts.clock_syncs += 1;
                (TypeId::C_CS_NA_1, Element::ClockSync, Some(TimeTag::Cp56(time)))
            }
        };
        let object = Object { address: 0, element, time };
        match request(line, type_id, Cause::ACTIVATION, self.plan.common_address, object) {
            Ok(asdu) => {
                line.send(asdu, now);
            }
            Err(reason) => {
                self.finish(Outcome::Refused { quality: Quality::BAD_CONFIGURATION, reason }, now);
            }
        }
    }

    fn freeze(&self, job: Job) -> u8 {
        match (job, self.plan.counters.as_ref().map(|counters| counters.mode)) {
            (Job::Freeze, Some(CounterMode::FreezeAndReset)) => 2,
            (Job::Freeze, _) => 1,
            _ => 0,
        }
    }

    fn finish(&mut self, outcome: Outcome, now: Moment) {
        let Some(Running { job, .. }) = self.running.take() else { return };
        let failed = outcome != Outcome::Done;
        self.tells_missing |= matches!(job, Job::Interrogation | Job::Counters);
        self.counts.failed += u64::from(failed);
        self.finished[job as usize] += 1;
        self.outcomes[job as usize] = outcome;
        match job {
            Job::Interrogation => {
                let retry = failed.then_some(RETRY);
                let interval = self.plan.interrogation_interval.into_iter().chain(retry).min();
                self.next_interrogation = interval.map(|interval| now.after(interval));
            }
            Job::ClockSync => {
                let interval = self.plan.clock.as_ref().map(|clock| clock.interval.0);
                self.next_clock = interval.map(|interval| now.after(interval));
            }
            Job::Freeze => {}
            Job::Counters => {
                let interval = self.plan.counters.as_ref().map(|counters| counters.interval.0);
                self.next_counters = interval.map(|interval| now.after(interval));
            }
        }
    }

    /// Data came that belongs to what was asked for.
    pub fn progress(&mut self, cause: Cause, now: Moment) {
        let Some(running) = &mut self.running else { return };
        let belongs = match running.job {
            Job::Interrogation => cause.is_interrogated(),
            Job::Counters => (37..=41).contains(&cause.code()),
            _ => false,
        };
        if belongs {
            running.confirmed = true;
            running.deadline = now.after(self.plan.interrogation_timeout).min(running.end);
        }
    }

    /// The station answers a request; `false` when nothing of the kind is under way.
    pub fn answer(&mut self, asdu: &Asdu<'_>, now: Moment) -> bool {
        let Some(running) = &mut self.running else { return false };
        let job = running.job;
        let element = asdu.objects().next().map(|object| object.element);
        let belongs = match (job, asdu.type_id) {
            (Job::Interrogation, TypeId::C_IC_NA_1) | (Job::ClockSync, TypeId::C_CS_NA_1) => true,
            // The end of a freeze may come after its reading was asked for.
            (Job::Freeze | Job::Counters, TypeId::C_CI_NA_1) => {
                let wanted = self.freeze(job);
                matches!(element, Some(Element::CounterInterrogation { freeze, .. })
                    if freeze == wanted)
            }
            _ => false,
        };
        if !belongs {
            return false;
        }
        let header = &asdu.header;
        let negative = header.sign == Sign::Negative || header.cause.is_unknown();
        match header.cause {
            cause if negative => {
                let outcome = self.refusal(job, cause);
                self.finish(outcome, now);
            }
            Cause::ACTIVATION_CONFIRMATION if matches!(job, Job::ClockSync | Job::Freeze) => {
                self.finish(Outcome::Done, now);
            }
            Cause::ACTIVATION_CONFIRMATION => {
                if let Some(running) = &mut self.running {
                    running.confirmed = true;
                    running.deadline = now.after(self.plan.interrogation_timeout).min(running.end);
                }
            }
            Cause::ACTIVATION_TERMINATION => self.finish(Outcome::Done, now),
            _ => return false,
        }
        true
    }

    fn refusal(&self, job: Job, cause: Cause) -> Outcome {
        let (address, job) = (self.plan.common_address, job.name());
        let why = match cause.is_unknown() {
            true => format!(": {cause}"),
            false => String::new(),
        };
        let remedy = match cause {
            Cause::UNKNOWN_COMMON_ADDRESS => "; check `common_address`",
            _ => "",
        };
        let reason = format!("station {address} refused {job}{why}{remedy}");
        Outcome::Refused { quality: refusal(cause), reason }
    }
}

/// One object as an ASDU to send.
pub fn request(
    line: &Line,
    type_id: TypeId,
    cause: Cause,
    common_address: u16,
    object: Object,
) -> Result<Vec<u8>, String> {
    let header =
        Header { originator: line.originator(), ..Header::new(type_id, cause, common_address) };
    let mut asdu = Vec::new();
    encode(&header, &[object], line.sizes(), &mut asdu).map_err(|unfit| unfit.to_string())?;
    Ok(asdu)
}

/// What a refusal says of the tag that was asked for.
pub fn refusal(cause: Cause) -> Quality {
    let quality = match cause {
        Cause::UNKNOWN_COMMON_ADDRESS | Cause::UNKNOWN_OBJECT_ADDRESS => {
            Quality::BAD_UNKNOWN_ADDRESS
        }
        Cause::UNKNOWN_TYPE | Cause::UNKNOWN_CAUSE => Quality::BAD_NOT_SUPPORTED,
        _ => Quality::BAD_DEVICE_FAILURE,
    };
    quality.with_detail(cause.code().into())
}
