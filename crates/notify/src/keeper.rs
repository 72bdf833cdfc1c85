//! Reads what becomes of alarms off the journal, makes notices of it, and has them delivered. Each is
//! written before it leaves, and what came of it afterwards: after a start it goes on where it was.

use crate::board::{Board, Phase, State};
use crate::desk::{Desk, Letter, Outcome};
use crate::episode::Heard;
use crate::plan::Plan;
use crate::record::{Made, NOTICE_KIND, OUTCOME_KIND, Replay, SNAPSHOT_KIND, Snapshot};
use crate::words;
use serde::Serialize;
use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc;
use std::time::Duration;
use tagwerk_alarms::alarm::Stamp;
use tagwerk_alarms::{AlarmChange, CHANGE_KIND};
use tagwerk_component::{Certificates, Secrets, SinkFault, Told};
use tagwerk_env::{Env, Moment};
use tagwerk_journal::{Item, Journal, Reader, ReaderFilter, Stream};
use tagwerk_model::limits;
use tokio::runtime::Handle;
use tokio::sync::watch;

/// The longest time until the keeper looks for what is due and what is new.
const IDLE: Duration = Duration::from_millis(100);
/// Records read under one hold of the lock that those who ask need too.
const RECORDS_AT_ONCE: usize = 1_000;
/// States are written at least so far apart, and farther when they are large: at most so many bytes a
/// second, since the audit is in the same stream.
const SNAPSHOT_AFTER: Duration = Duration::from_secs(60);
const SNAPSHOT_BYTES_PER_SECOND: u64 = 128;
/// How long notices that are on their way may take at the end.
const END_TIME_MAX: Duration = Duration::from_secs(3);

/// What happens to channels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tell {
    Failing {
        channel: Box<str>,
        cause: String,
    },
    Recovered {
        channel: Box<str>,
    },
    Refused {
        channel: Box<str>,
        subject: String,
        cause: String,
    },
    GivenUp {
        channel: Box<str>,
        subject: String,
        cause: String,
    },
    /// No way leads there any more.
    Dropped {
        notices: usize,
    },
}

/// One thread.
pub struct Keeper {
    board: Board,
    records: Reader,
    tasks: Handle,
    tell: Arc<dyn Fn(Tell) + Send + Sync>,
    news: Vec<Tell>,
    results: (mpsc::Sender<Answer>, mpsc::Receiver<Answer>),
    /// Something happened since the last snapshot.
    dirty: bool,
    snapshot: Moment,
    snapshot_bytes: u64,
}

/// What came of a letter, by its number.
type Answer = (u64, Vec<Told>);

impl Keeper {
    /// Channels work on the runtime that this is called in.
    pub fn open(
        env: &Env,
        journal: &Journal,
        alarms: tagwerk_alarms::Board,
        held: (Arc<dyn Secrets>, Arc<dyn Certificates>),
        tell: Arc<dyn Fn(Tell) + Send + Sync>,
    ) -> (Keeper, Board) {
        let board = Board::new(env, journal, alarms, held);
        let end = journal.end(Stream::Record);
        let keeper = Keeper {
            board: board.clone(),
            records: journal.reader(Stream::Record, end, ReaderFilter::default()),
            tasks: Handle::current(),
            tell,
            news: Vec::new(),
            results: mpsc::channel(),
            dirty: false,
            snapshot: env.clock.now(),
            snapshot_bytes: 0,
        };
        (keeper, board)
    }

    /// Takes what is new. Returns whether there may be more at once.
    pub fn step(&mut self) -> bool {
        let more = self.work();
        self.tell_news();
        more
    }

    fn work(&mut self) -> bool {
        let board = self.board.clone();
        let Some(stamp) = board.0.alarms.time() else { return false };
        let mut state = board.0.state.lock();
        let state = &mut *state;
        let Some(plan) = state.plan.clone() else { return false };
        match state.phase {
            Phase::Idle => return false,
            Phase::Ending => return self.cease(state),
            Phase::Resuming(begin) => self.resume(state, &plan, begin),
            Phase::Beginning(begin) => self.begin(state, begin),
            Phase::Running => {}
        }
        if std::mem::take(&mut state.redefined) {
            let notices = state.desk.follow(&plan);
            if notices > 0 {
                self.news.push(Tell::Dropped { notices });
            }
            self.save(&state.desk, true);
        }
        self.take_answers(state, stamp);
        let more = self.read(state, &plan);
        state.desk.advance(stamp.logical_ns, &plan);
        self.make(&mut state.desk, &plan, stamp);
        self.send(state, &plan, stamp);
        self.save(&state.desk, false);
        more
    }

    /// What happened to channels, once nobody holds the lock.
    fn tell_news(&mut self) {
        self.news.drain(..).for_each(|news| (self.tell)(news));
    }

    fn begin(&mut self, state: &mut State, begin: u64) {
        (state.desk, state.phase, state.redefined) = (Desk::default(), Phase::Running, true);
        self.records.seek(begin);
    }

    /// Nobody is told of anything any more.
    fn cease(&mut self, state: &mut State) -> bool {
        let notices = state.desk.letters.len();
        if notices > 0 {
            self.news.push(Tell::Dropped { notices });
        }
        (state.desk, state.phase) = (Desk::default(), Phase::Idle);
        state.tries.clear();
        state.failing.clear();
        self.write_snapshot(Snapshot::of(&state.desk, None));
        false
    }

    /// Goes on where the run before was.
    fn resume(&mut self, state: &mut State, plan: &Plan, begin: u64) {
        let mut replay = Replay::default();
        let mut end = 0;
        self.board.0.journal.records(&mut |item| {
            if let Item::Record(record) = item {
                end = record.seq + 1;
                let bytes = &*record.payload;
                match record.kind {
                    CHANGE_KIND => {
                        if let Ok(change) = serde_json::from_slice::<AlarmChange>(bytes) {
                            replay.change(record.seq, Heard::of(&change));
                        }
                    }
                    NOTICE_KIND => {
                        if let Ok(made) = serde_json::from_slice(bytes) {
                            replay.made(made, plan);
                        }
                    }
                    OUTCOME_KIND => {
                        if let Ok(outcome) = serde_json::from_slice(bytes) {
                            replay.outcome(&outcome);
                        }
                    }
                    SNAPSHOT_KIND => {
                        if let Ok(part) = serde_json::from_slice(bytes) {
                            replay.snapshot(part);
                        }
                    }
                    _ => {}
                }
            }
            ControlFlow::Continue(())
        });
        match replay.end(end, plan) {
            Some((desk, end)) => {
                (state.desk, state.phase, state.redefined) = (desk, Phase::Running, true);
                self.records.seek(end);
            }
            // Nobody is told today of what was too hot last week.
            None => self.begin(state, begin),
        }
    }

    /// Takes changes of alarms.
    fn read(&mut self, state: &mut State, plan: &Plan) -> bool {
        for _ in 0..RECORDS_AT_ONCE {
            let Some(item) = self.records.try_next() else { return false };
            let Item::Record(record) = item else { continue };
            if record.kind != CHANGE_KIND {
                continue;
            }
            if let Ok(change) = serde_json::from_slice::<AlarmChange>(&record.payload) {
                state.desk.take(&Heard::of(&change), plan);
                self.dirty = true;
            }
        }
        true
    }

    /// Makes notices of what waits. Each is on disk before it is anywhere else.
    fn make(&mut self, desk: &mut Desk, plan: &Plan, stamp: Stamp) {
        for (place, taken) in desk.ready(plan, stamp.unix_ns) {
            let leg = &desk.legs[place];
            let (route, channel) = (leg.route.clone(), leg.channel.clone());
            let (id, now_ns) = (desk.next_id, desk.now_ns);
            let told = leg.clone().take(taken, id, now_ns);
            let way = (&*route, &*channel);
            let letter = words::letter(plan, way, told, (id, now_ns, stamp.unix_ns));
            let position = self.records.position();
            let made = Made { at_ns: now_ns, position, taken, letter: letter.clone() };
            if !self.write(NOTICE_KIND, &made) {
                return;
            }
            desk.hand_over(way, taken, |_, _| letter);
        }
    }

    /// Hands letters to their channels.
    fn send(&mut self, state: &mut State, plan: &Arc<Plan>, stamp: Stamp) {
        let now = self.board.0.env.clock.now();
        state.tries.retain(|id, _| state.desk.letters.contains_key(id));
        let mut stale = Vec::new();
        for (id, letter) in &state.desk.letters {
            let try_ = state.tries.entry(*id).or_default();
            if try_.under_way || try_.not_before > now {
                continue;
            }
            match plan.channel(&letter.channel) {
                Some(_) if state.desk.is_stale(letter) => stale.push((*id, try_.cause.clone())),
                Some(_) => {
                    try_.under_way = true;
                    self.spawn(*id, letter, plan, state.desk.now_ns);
                }
                None => {}
            }
        }
        for (id, cause) in stale {
            self.give_up(state, id, cause, stamp);
        }
    }

    fn spawn(&self, id: u64, letter: &Letter, plan: &Arc<Plan>, now_ns: i64) {
        let Some(channel) = plan.channel(&letter.channel) else { return };
        let (open, to) = (channel.plan.open.clone(), letter.to.clone());
        let context = self.board.0.context(plan);
        let notice = words::as_sent(plan, letter, now_ns);
        let (results, all) = (self.results.0.clone(), to.clone());
        self.tasks.spawn(async move {
            let telling = async move { open.tell(&context, &notice, &to).await };
            let told = tokio::spawn(telling).await.unwrap_or_else(|error| {
                let fault = SinkFault::Retry(format!("a fault inside the channel: {error}"));
                Told::all(&all, &Err(fault))
            });
            // An error means that the keeper has ended: the notice is sent again after the start.
            let _ = results.send((id, told));
        });
    }

    fn take_answers(&mut self, state: &mut State, stamp: Stamp) {
        while let Ok((id, told)) = self.results.1.try_recv() {
            self.take_answer(state, stamp, id, told);
        }
    }

    fn take_answer(&mut self, state: &mut State, stamp: Stamp, id: u64, told: Vec<Told>) {
        let now = self.board.0.env.clock.now();
        let Some(letter) = state.desk.letters.get(&id) else { return };
        let (channel, subject) = (letter.channel.clone(), letter.notice.subject.clone());
        let try_ = state.tries.entry(id).or_default();
        try_.under_way = false;
        let mut outcome = Outcome { id, unix_ns: stamp.unix_ns, ..Outcome::default() };
        let mut passing: Option<String> = None;
        for Told { recipient, result } in told {
            match self.board.0.redacted(&result) {
                Ok(_) => outcome.delivered.push(recipient),
                Err(SinkFault::Reject(cause)) => {
                    let (channel, subject) = (channel.clone(), subject.clone());
                    self.news.push(Tell::Refused { channel, subject, cause: cause.clone() });
                    outcome.refused.push((recipient, cause.into()));
                }
                Err(SinkFault::Retry(cause)) => {
                    try_.wait = (try_.wait * 2).clamp(MIN, MAX);
                    passing = Some(cause);
                }
                Err(SinkFault::Settings(cause)) => {
                    try_.wait = MAX;
                    passing = Some(cause);
                }
            }
        }
        if let Some(cause) = &passing {
            try_.not_before = now.after(try_.wait);
            try_.cause.clone_from(cause);
        }
        let delivered = !outcome.delivered.is_empty();
        if delivered || !outcome.refused.is_empty() {
            self.write(OUTCOME_KIND, &outcome);
            state.desk.settle(&outcome);
        }
        self.note_channel(state, stamp, channel, passing, delivered);
    }

    /// That a channel begins to fail, or works again.
    fn note_channel(
        &mut self,
        state: &mut State,
        stamp: Stamp,
        channel: Box<str>,
        failure: Option<String>,
        delivered: bool,
    ) {
        match failure {
            Some(cause) => {
                let since = state.failing.get(&channel).map(|(since, _)| *since);
                if since.is_none() {
                    let (channel, cause) = (channel.clone(), cause.clone());
                    self.news.push(Tell::Failing { channel, cause });
                }
                let tally = state.desk.channels.entry(channel.clone()).or_default();
                tally.last_failure = Some((stamp.unix_ns, cause.as_str().into()));
                state.failing.insert(channel, (since.unwrap_or(stamp.unix_ns), cause));
            }
            None if delivered => {
                state.retry_at_once(&channel);
                if state.failing.remove(&channel).is_some() {
                    self.news.push(Tell::Recovered { channel });
                }
            }
            None => {}
        }
    }

    fn give_up(&mut self, state: &mut State, id: u64, cause: String, stamp: Stamp) {
        let Some(letter) = state.desk.letters.get(&id) else { return };
        let (channel, subject) = (letter.channel.clone(), letter.notice.subject.clone());
        let mut outcome = Outcome { id, unix_ns: stamp.unix_ns, ..Outcome::default() };
        outcome.given_up = Some(cause.as_str().into());
        self.write(OUTCOME_KIND, &outcome);
        state.desk.settle(&outcome);
        self.news.push(Tell::GivenUp { channel, subject, cause });
    }

    fn write(&mut self, kind: u16, record: &impl Serialize) -> bool {
        let payload = match serde_json::to_vec(record) {
            Ok(payload) => payload,
            Err(error) => {
                tracing::error!(%error, "a record of a notice cannot be made");
                return false;
            }
        };
        self.dirty = true;
        match self.board.0.journal.append_record(kind, &payload) {
            Ok(_) => true,
            Err(error) => {
                tracing::warn!(%error, "what becomes of a notice cannot be written now");
                false
            }
        }
    }

    /// Writes all that waits, when it is time or at once.
    fn save(&mut self, desk: &Desk, at_once: bool) {
        let now = self.board.0.env.clock.now();
        let apart = Duration::from_secs(self.snapshot_bytes / SNAPSHOT_BYTES_PER_SECOND);
        let due = self.dirty && now.since(self.snapshot) >= SNAPSHOT_AFTER.max(apart);
        if at_once || due {
            self.snapshot = now;
            self.write_snapshot(Snapshot::of(desk, Some(self.records.position())));
        }
    }

    fn write_snapshot(&mut self, parts: Vec<Snapshot>) {
        let mut bytes = 0;
        for part in parts {
            let Ok(payload) = serde_json::to_vec(&part) else { return };
            bytes += payload.len() as u64;
            if let Err(error) = self.board.0.journal.append_record(SNAPSHOT_KIND, &payload) {
                tracing::warn!(%error, "the notices that wait cannot be written now");
                return;
            }
        }
        (self.snapshot_bytes, self.dirty) = (bytes, false);
    }

    /// Waits for what is on its way, not for long, and writes all that waits.
    fn end(&mut self) {
        let board = self.board.clone();
        let clock = board.0.env.clock.clone();
        let deadline = clock.now().after(END_TIME_MAX);
        loop {
            while self.step_without_sending() {}
            let state = board.0.state.lock();
            let under_way = state.tries.values().any(|try_| try_.under_way);
            drop(state);
            if !under_way || clock.now() >= deadline {
                break;
            }
            clock.park_until(clock.now().after(Duration::from_millis(10)));
        }
        let state = board.0.state.lock();
        if state.phase == Phase::Running {
            self.save(&state.desk, true);
        }
        drop(state);
        self.tell_news();
    }

    fn step_without_sending(&mut self) -> bool {
        let board = self.board.clone();
        let Some(stamp) = board.0.alarms.time() else { return false };
        let mut state = board.0.state.lock();
        let Some(plan) = state.plan.clone() else { return false };
        if state.phase != Phase::Running {
            return false;
        }
        self.take_answers(&mut state, stamp);
        self.read(&mut state, &plan)
    }
}

const MIN: Duration = limits::NOTIFY_RETRY_MIN;
const MAX: Duration = limits::NOTIFY_RETRY_MAX;

/// Keeps notices until `stop` is true or its sender is gone. Blocking: on a thread of its own.
pub fn run(mut keeper: Keeper, stop: watch::Receiver<bool>) {
    let clock = keeper.board.0.env.clock.clone();
    let stopping = || *stop.borrow() || stop.has_changed().is_err();
    let mut pause = limits::PANIC_FIRST;
    while !stopping() {
        match catch_unwind(AssertUnwindSafe(|| keeper.step())) {
            Ok(true) => {}
            Ok(false) => clock.park_until(clock.now().after(IDLE)),
            Err(_) => {
                tracing::error!("notices panicked and go on after the change that did it");
                clock.park_until(clock.now().after(pause));
                pause = (pause * 2).min(limits::PANIC_MAX);
            }
        }
    }
    keeper.end();
}
