//! A connection after its login: messages one after the other, transactions that hold nothing, and
//! what stops a statement at work: its client, its account, or the end of the edge.

mod extended;

use crate::io::{Out, Reader};
use crate::refusal::Refusal;
use crate::running::{Running, Stop};
use crate::server::{Arrived, Handle, Login, Shared};
use crate::settings::Settings;
use crate::wire::{self, Asked, Field, Malformed, Stage};
use extended::{Portal, Prepared};
use std::collections::HashMap;
use std::pin::pin;
use std::sync::Arc;
use tagwerk_env::Moment;
use tagwerk_model::limits;
use tagwerk_sql::postgres::{self, Ask, Command, Discarded};
use tokio::sync::watch;

const TEXT_OID: i64 = 25;

/// Transactions hold nothing here, but clients count on their states.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Transaction {
    None,
    Open,
    Failed,
}

struct Session {
    shared: Arc<Shared>,
    handle: Handle,
    login: Login,
    settings: Settings,
    statements: HashMap<String, Prepared>,
    portals: HashMap<String, Portal>,
    transaction: Transaction,
    /// After an error, the extended protocol ignores everything up to a Sync.
    skipping: bool,
    /// Nothing was asked since the last answer.
    idle: bool,
}

/// How handling a message ended.
enum Handled {
    On,
    End,
}

pub(crate) async fn run(shared: &Arc<Shared>, arrived: Arrived) {
    let Arrived { mut reader, mut out, login, settings } = arrived;
    let mut session = Session {
        shared: Arc::clone(shared),
        handle: Handle::new(shared),
        login,
        settings,
        statements: HashMap::new(),
        portals: HashMap::new(),
        transaction: Transaction::None,
        skipping: false,
        idle: true,
    };
    session.greet(&mut out);
    if out.flush().await.is_err() {
        return;
    }
    let mut watched = Watched::new(shared, &session.login);
    loop {
        let handled = match reader.asked(Stage::Session) {
            Ok(Some(asked)) => session.take(asked, &mut reader, &mut out, &mut watched).await,
            Ok(None) => session.wait(&mut reader, &mut out, &mut watched).await,
            Err(malformed) => session.refuse_malformed(&mut out, malformed),
        };
        if matches!(handled, Handled::End) {
            break;
        }
    }
    let clock = &*shared.parts.env.clock;
    let deadline = clock.now().after(std::time::Duration::from_secs(1));
    // A client that does not read must not hold the connection.
    tagwerk_env::timeout(clock, deadline, out.close()).await;
}

/// What ends a session from outside.
struct Watched {
    shared: Arc<Shared>,
    login: Login,
    changes: watch::Receiver<u64>,
    ending: watch::Receiver<bool>,
}

impl Watched {
    fn new(shared: &Arc<Shared>, login: &Login) -> Watched {
        let mut changes = shared.parts.door.changes();
        // What changed between the login and now must be seen.
        changes.mark_changed();
        let ending = shared.parts.ending.clone();
        Watched { shared: Arc::clone(shared), login: login.clone(), changes, ending }
    }

    /// Comes back with the reason for the end. Cancel safe.
    async fn end(&mut self) -> Refusal {
        loop {
            tokio::select! {
                _ = self.ending.wait_for(|ending| *ending) => {
                    return Refusal::fatal("57P01", "terminating connection: the edge ends");
                }
                changed = self.changes.changed() => {
                    if changed.is_err() || !self.shared.parts.door.holds(&self.login) {
                        let text = "terminating connection: the account was changed or removed";
                        return Refusal::fatal("57P01", text).hint("log in again");
                    }
                }
            }
        }
    }
}

impl Session {
    fn greet(&mut self, out: &mut Out) {
        let out = &mut out.bytes;
        self.settings.reported().for_each(|(name, value)| wire::setting(out, name, value));
        wire::message(out, b'K', |out| {
            out.extend(self.handle.pid.to_be_bytes());
            out.extend(self.handle.key);
        });
        wire::ready(out, b'I');
    }

    fn context(&self) -> postgres::Session {
        postgres::Session {
            user: self.login.name.clone(),
            pid: self.handle.pid,
            settings: self.settings.values().to_vec(),
        }
    }

    /// Until there is more of a message.
    async fn wait(&mut self, reader: &mut Reader, out: &mut Out, watched: &mut Watched) -> Handled {
        let clock = Arc::clone(&self.shared.parts.env.clock);
        let held = self.portals.values().filter_map(Portal::deadline).min();
        let deadline = async {
            match held {
                Some(moment) => clock.sleep_until(moment).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            more = reader.more() => match more {
                Ok(true) => Handled::On,
                _ => Handled::End,
            },
            refusal = watched.end() => {
                refusal.write(&mut out.bytes);
                Handled::End
            }
            () = deadline => {
                self.let_go(clock.now());
                Handled::On
            }
        }
    }

    /// A portal that waits for its client keeps its statement no longer than a statement may take.
    fn let_go(&mut self, now: Moment) {
        let late = |portal: &&mut Portal| portal.deadline().is_some_and(|moment| moment <= now);
        self.portals.values_mut().filter(late).for_each(Portal::stop);
    }

    fn refuse_malformed(&mut self, out: &mut Out, malformed: Malformed) -> Handled {
        let refusal = match malformed {
            Malformed::TooLong => Refusal::fatal(
                "54000",
                format!(
                    "the message is longer than its limit of {} bytes",
                    limits::POSTGRES_MESSAGE_BYTES_MAX
                ),
            ),
            Malformed::Broken => Refusal::protocol("this is no message of the PostgreSQL protocol"),
        };
        refusal.write(&mut out.bytes);
        Handled::End
    }

    /// Handles one message; whatever stops its work drops it where it stands.
    async fn take(
        &mut self,
        asked: Asked,
        reader: &mut Reader,
        out: &mut Out,
        watched: &mut Watched,
    ) -> Handled {
        if asked == Asked::Terminate {
            return Handled::End;
        }
        let simple = matches!(asked, Asked::Query(_));
        if self.skipping && asked != Asked::Sync {
            if !simple {
                return Handled::On;
            }
            self.skipping = false;
        }
        // Nothing may follow the answer that ends a batch.
        let stoppable = !matches!(asked, Asked::Sync | Asked::Flush);
        let canceled = Arc::clone(&self.handle.canceled);
        if std::mem::take(&mut self.idle) {
            // What was canceled while nothing was at work is over.
            pin!(canceled.notified()).enable();
        }
        let stopped = {
            let mut canceled = pin!(canceled.notified());
            let mut work = pin!(self.handle(asked, out));
            loop {
                tokio::select! {
                    biased;
                    worked = &mut work => break worked,
                    () = &mut canceled, if stoppable => break Err(Refusal::canceled().into()),
                    more = reader.more(), if reader.has_room() => match more {
                        Ok(true) => {}
                        _ => break Err(Stop::Gone),
                    },
                    refusal = watched.end() => break Err(refusal.into()),
                }
            }
        };
        match stopped {
            Ok(()) => {}
            Err(Stop::Gone) => return Handled::End,
            Err(Stop::Refused(refusal)) => {
                refusal.write(&mut out.bytes);
                if refusal.fatal {
                    return Handled::End;
                }
                self.fail();
                self.skipping = !simple;
            }
        }
        if simple {
            self.ready(out);
        }
        // Whatever the client waits for is a Sync, a Flush or a Query, which flush by themselves.
        let urgent = simple || out.is_full();
        if urgent && out.flush().await.is_err() {
            return Handled::End;
        }
        Handled::On
    }

    fn fail(&mut self) {
        match self.transaction {
            Transaction::None => self.portals.clear(),
            _ => {
                self.transaction = Transaction::Failed;
                self.portals.values_mut().for_each(Portal::stop);
            }
        }
    }

    fn ready(&mut self, out: &mut Out) {
        if self.transaction == Transaction::None {
            self.portals.clear();
        }
        let state = match self.transaction {
            Transaction::None => b'I',
            Transaction::Open => b'T',
            Transaction::Failed => b'E',
        };
        self.idle = true;
        wire::ready(&mut out.bytes, state);
    }

    async fn handle(&mut self, asked: Asked, out: &mut Out) -> Result<(), Stop> {
        match asked {
            Asked::Query(text) => self.query(&text, out).await,
            Asked::Parse { name, text, types } => Ok(self.parse(name, text, types, out)?),
            Asked::Bind(bind) => Ok(self.bind(bind, out).await?),
            Asked::Describe(target) => Ok(self.describe(target, out).await?),
            Asked::Execute { portal, rows } => self.execute(&portal, rows, out).await,
            Asked::Close(target) => {
                self.close(&target);
                wire::message(&mut out.bytes, b'3', |_| {});
                Ok(())
            }
            Asked::Flush => Ok(out.flush().await?),
            Asked::Sync => {
                self.skipping = false;
                self.ready(out);
                Ok(out.flush().await?)
            }
            Asked::Call => {
                Err(Refusal::new("0A000", "functions are called in statements only").into())
            }
            Asked::Copy | Asked::Terminate => Ok(()),
            Asked::Login(_) => Err(Refusal::protocol("the login is over").into()),
        }
    }

    /// Begins a statement that has no parameters and answers in text.
    async fn start(&self, ask: &Ask, text: &str) -> Result<Running, Refusal> {
        let context = self.context();
        Running::start(&self.shared, &context, &self.settings, ask, Vec::new(), &[], text).await
    }

    /// The simple protocol: all statements of a text, up to the first that fails.
    async fn query(&mut self, text: &str, out: &mut Out) -> Result<(), Stop> {
        let commands = postgres::commands(text).map_err(|error| Refusal::of(error, text))?;
        if commands.is_empty() {
            wire::message(&mut out.bytes, b'I', |_| {});
        }
        for command in commands {
            self.may(&command)?;
            match &command {
                Command::Ask(ask) => {
                    let shared = Arc::clone(&self.shared);
                    let mut running = self.start(ask, text).await?;
                    wire::row_description(&mut out.bytes, &running.fields);
                    running.send(&shared, out, 0).await?;
                    wire::complete(&mut out.bytes, &format!("SELECT {}", running.sent));
                }
                Command::Copy(ask, form) => {
                    let shared = Arc::clone(&self.shared);
                    let mut running = self.start(ask, text).await?;
                    running.copy(&shared, out, form).await?;
                    wire::complete(&mut out.bytes, &format!("COPY {}", running.sent));
                }
                Command::Show(name) => {
                    let (fields, rows) = self.shown(name)?;
                    wire::row_description(&mut out.bytes, &fields);
                    text_rows(&mut out.bytes, &rows);
                    wire::complete(&mut out.bytes, "SHOW");
                }
                other => self.command(other, out)?,
            }
        }
        Ok(())
    }

    /// After a failure, a transaction only ends.
    fn may(&self, command: &Command) -> Result<(), Refusal> {
        let ends =
            matches!(command, Command::Rollback | Command::Commit | Command::Mark("ROLLBACK"));
        if self.transaction == Transaction::Failed && !ends {
            let text =
                "current transaction is aborted, commands ignored until end of transaction block";
            return Err(Refusal::new("25P02", text).hint("send ROLLBACK"));
        }
        Ok(())
    }

    /// A command that answers with no rows.
    fn command(&mut self, command: &Command, out: &mut Out) -> Result<(), Refusal> {
        let out = &mut out.bytes;
        let tag = match command {
            Command::Begin => {
                self.transaction = Transaction::Open;
                "BEGIN"
            }
            Command::Commit | Command::Rollback => {
                let failed = self.transaction == Transaction::Failed;
                self.transaction = Transaction::None;
                if failed || *command == Command::Rollback { "ROLLBACK" } else { "COMMIT" }
            }
            Command::Mark(tag) => {
                if *tag == "ROLLBACK" && self.transaction == Transaction::Failed {
                    self.transaction = Transaction::Open;
                }
                tag
            }
            Command::Set(name, value) => {
                self.settings.set(name, value.as_deref())?;
                self.report(name, out);
                "SET"
            }
            Command::SetNothing => "SET",
            Command::Reset(name) => {
                match name {
                    Some(name) => self.settings.set(name, None)?,
                    None => self.settings.reset_all(),
                }
                self.report(name.as_deref().unwrap_or_default(), out);
                "RESET"
            }
            Command::Discard(what) => {
                if *what == Discarded::All {
                    self.settings.reset_all();
                    self.statements.clear();
                    self.portals.clear();
                    self.report("", out);
                }
                match what {
                    Discarded::All => "DISCARD ALL",
                    Discarded::Plans => "DISCARD PLANS",
                    Discarded::Nothing => "DISCARD TEMP",
                }
            }
            Command::Deallocate(name) => match name {
                None => {
                    self.statements.clear();
                    "DEALLOCATE ALL"
                }
                Some(name) if self.statements.remove(name).is_some() => "DEALLOCATE",
                Some(name) => return Err(extended::no_statement(name)),
            },
            Command::CloseCursor(Some(name)) => {
                return Err(Refusal::new("34000", format!("cursor \"{name}\" does not exist")));
            }
            Command::CloseCursor(None) => "CLOSE CURSOR ALL",
            Command::Ask(_) | Command::Copy(..) | Command::Show(_) => return Ok(()),
        };
        wire::complete(out, tag);
        Ok(())
    }

    /// Tells the client of a setting that changed; of all when none is named.
    fn report(&self, name: &str, out: &mut Vec<u8>) {
        let changed = |known: &str| name.is_empty() || known.eq_ignore_ascii_case(name);
        let told = self.settings.reported().filter(|(known, _)| changed(known));
        told.for_each(|(name, value)| wire::setting(out, name, value));
    }

    /// What SHOW answers.
    fn shown(&self, name: &str) -> Result<(Vec<Field>, Vec<Vec<String>>), Refusal> {
        let field =
            |name: &str| Field { name: name.to_owned(), type_oid: TEXT_OID, size: -1, format: 0 };
        if name == "all" {
            let values = self.settings.values().iter();
            let rows = values.map(|(name, value)| vec![name.clone(), value.clone(), String::new()]);
            return Ok((["name", "setting", "description"].map(field).into(), rows.collect()));
        }
        let (name, value) = self.settings.show(name)?;
        Ok((vec![field(name)], vec![vec![value.to_owned()]]))
    }
}

fn text_rows(out: &mut Vec<u8>, rows: &[Vec<String>]) {
    for row in rows {
        wire::message(out, b'D', |out| {
            out.extend((row.len() as u16).to_be_bytes());
            for cell in row {
                out.extend((cell.len() as u32).to_be_bytes());
                out.extend(cell.bytes());
            }
        });
    }
}
