//! The extended protocol: statements prepared with parameters, and portals that give their rows in
//! portions.

use super::{Session, text_rows};
use crate::io::Out;
use crate::parameter;
use crate::refusal::Refusal;
use crate::rows::fields;
use crate::running::{self, Running, Stop};
use crate::wire::{self, Bind, Field, Target};
use std::sync::Arc;
use tagwerk_env::Moment;
use tagwerk_model::limits;
use tagwerk_sql::postgres::{self, Ask, Command, Parameter, ParameterKind, Shape};

/// Texts of the prepared statements of a connection, and values of its portals. More: refused.
const KEPT_BYTES_MAX: usize = 4 * limits::POSTGRES_MESSAGE_BYTES_MAX;

pub struct Prepared {
    /// None where the text is empty.
    command: Option<Command>,
    text: Arc<str>,
    /// As the client said them; zero where it did not.
    types: Vec<u32>,
    shape: Option<Shape>,
}

pub struct Portal {
    command: Option<Command>,
    text: Arc<str>,
    values: Vec<Parameter>,
    formats: Vec<i16>,
    state: State,
    bytes: usize,
}

enum State {
    New,
    Running(Box<Running>),
    Done,
    /// It took longer than it may, or its transaction failed.
    Stopped,
}

impl Portal {
    pub fn deadline(&self) -> Option<Moment> {
        match &self.state {
            State::Running(running) => Some(running.deadline),
            _ => None,
        }
    }

    pub fn stop(&mut self) {
        if matches!(self.state, State::Running(_)) {
            self.state = State::Stopped;
        }
    }
}

pub fn no_statement(name: &str) -> Refusal {
    Refusal::new("26000", format!("prepared statement \"{name}\" does not exist"))
}

fn no_portal(name: &str) -> Refusal {
    Refusal::new("34000", format!("portal \"{name}\" does not exist"))
}

fn too_much(what: &str) -> Refusal {
    Refusal::new("53400", format!("too many {what} are kept on this connection"))
        .hint("close those that are no longer needed, or DEALLOCATE ALL")
}

/// The question in a command that answers with rows.
fn question(command: &Option<Command>) -> Option<&Ask> {
    match command {
        Some(Command::Ask(ask) | Command::Copy(ask, _)) => Some(ask),
        _ => None,
    }
}

impl Session {
    pub fn parse(
        &mut self,
        name: String,
        text: String,
        types: Vec<u32>,
        out: &mut Out,
    ) -> Result<(), Refusal> {
        let mut commands = postgres::commands(&text).map_err(|error| Refusal::of(error, &text))?;
        if commands.len() > 1 {
            let text = "cannot insert multiple commands into a prepared statement";
            return Err(Refusal::new("42601", text));
        }
        let command = commands.pop();
        if let Some(command) = &command {
            self.may(command)?;
        }
        if name.is_empty() {
            self.statements.remove("");
        } else if self.statements.contains_key(&name) {
            let text = format!("prepared statement \"{name}\" already exists");
            return Err(Refusal::new("42P05", text));
        }
        let kept: usize = self.statements.values().map(|kept| kept.text.len()).sum();
        if self.statements.len() >= limits::POSTGRES_STATEMENTS_MAX
            || kept + text.len() > KEPT_BYTES_MAX
        {
            return Err(too_much("prepared statements"));
        }
        let prepared = Prepared { command, text: text.into(), types, shape: None };
        self.statements.insert(name, prepared);
        wire::message(&mut out.bytes, b'1', |_| {});
        Ok(())
    }

    /// What the statement takes and gives, planned once.
    async fn shape(&mut self, name: &str) -> Result<Option<Shape>, Refusal> {
        let context = self.context();
        let bounds = running::limits(&self.settings);
        let prepared = self.statements.get_mut(name).ok_or_else(|| no_statement(name))?;
        if prepared.shape.is_none()
            && let Some(ask) = question(&prepared.command)
        {
            let said = prepared.types.iter().map(|oid| parameter::kind(*oid)).collect();
            let shape = self.shared.parts.sql.shape(&context, ask, said, bounds).await;
            prepared.shape = Some(shape.map_err(|error| Refusal::of(error, &prepared.text))?);
        }
        Ok(prepared.shape.clone())
    }

    /// The types of the parameters: as said, else as found.
    async fn types(&mut self, name: &str) -> Result<Vec<u32>, Refusal> {
        let prepared = self.statements.get(name).ok_or_else(|| no_statement(name))?;
        let count = question(&prepared.command).map_or(0, Ask::parameters);
        let said = prepared.types.clone();
        let known = |at: usize| {
            let said = said.get(at).copied();
            said.filter(|oid| parameter::kind(*oid) != ParameterKind::Unknown)
        };
        let found = match (0..count).all(|at| known(at).is_some()) {
            true => None,
            false => self.shape(name).await?,
        };
        let found = found.map(|shape| shape.parameters).unwrap_or_default();
        let oid = |at: usize| {
            let found = found.get(at).copied().unwrap_or(ParameterKind::Text);
            known(at).unwrap_or_else(|| parameter::oid(found))
        };
        Ok((0..count).map(oid).collect())
    }

    pub async fn bind(&mut self, bind: Bind, out: &mut Out) -> Result<(), Refusal> {
        let types = self.types(&bind.statement).await?;
        if types.len() != bind.values.len() {
            let text = format!(
                "bind message supplies {} parameters, but prepared statement \"{}\" requires {}",
                bind.values.len(),
                bind.statement,
                types.len()
            );
            return Err(Refusal::new("08P01", text));
        }
        let format =
            |at: usize| bind.formats.get(at).or(bind.formats.first()).copied().unwrap_or(0);
        let values = bind
            .values
            .iter()
            .zip(&types)
            .enumerate()
            .map(|(at, (value, oid))| parameter::value(*oid, format(at), value.as_deref()));
        let values = values.collect::<Result<Vec<_>, _>>()?;
        let name = &bind.statement;
        let prepared = self.statements.get(name).ok_or_else(|| no_statement(name))?;
        if bind.portal.is_empty() {
            self.portals.remove("");
        } else if self.portals.contains_key(&bind.portal) {
            let text = format!("portal \"{}\" already exists", bind.portal);
            return Err(Refusal::new("42P03", text));
        }
        let bytes: usize = bind.values.iter().flatten().map(Vec::len).sum();
        let kept: usize = self.portals.values().map(|portal| portal.bytes).sum();
        if self.portals.len() >= limits::POSTGRES_STATEMENTS_MAX || kept + bytes > KEPT_BYTES_MAX {
            return Err(too_much("portals"));
        }
        let portal = Portal {
            command: prepared.command.clone(),
            text: prepared.text.clone(),
            values,
            formats: bind.results,
            state: State::New,
            bytes,
        };
        self.portals.insert(bind.portal, portal);
        wire::message(&mut out.bytes, b'2', |_| {});
        Ok(())
    }

    pub async fn describe(&mut self, target: Target, out: &mut Out) -> Result<(), Refusal> {
        let described: Option<Vec<Field>> = match target {
            Target::Statement(name) => {
                let types = self.types(&name).await?;
                wire::parameter_description(&mut out.bytes, &types);
                let shape = self.shape(&name).await?;
                let prepared = self.statements.get(&name).ok_or_else(|| no_statement(&name))?;
                match (&prepared.command, shape) {
                    (Some(Command::Ask(ask)), Some(shape)) => {
                        Some(fields(&shape.schema, ask.column_names(&shape.schema), &[])?)
                    }
                    (Some(Command::Show(name)), _) => Some(self.shown(name)?.0),
                    _ => None,
                }
            }
            Target::Portal(name) => {
                let portal = self.portals.get(&name).ok_or_else(|| no_portal(&name))?;
                match &portal.command {
                    Some(Command::Ask(_)) => {
                        self.begin(&name).await?;
                        match self.portals.get(&name).map(|portal| &portal.state) {
                            Some(State::Running(running)) => Some(running.fields.clone()),
                            _ => None,
                        }
                    }
                    Some(Command::Show(name)) => Some(self.shown(name)?.0),
                    _ => None,
                }
            }
        };
        match described {
            Some(fields) => wire::row_description(&mut out.bytes, &fields),
            None => wire::message(&mut out.bytes, b'n', |_| {}),
        }
        Ok(())
    }

    /// Starts a portal's statement, once.
    async fn begin(&mut self, name: &str) -> Result<(), Refusal> {
        let (shared, context) = (Arc::clone(&self.shared), self.context());
        let portal = self.portals.get_mut(name).ok_or_else(|| no_portal(name))?;
        if let (State::New, Some(ask)) = (&portal.state, question(&portal.command)) {
            let (values, formats) = (portal.values.clone(), &portal.formats);
            let (settings, text) = (&self.settings, &portal.text);
            let running =
                Running::start(&shared, &context, settings, ask, values, formats, text).await?;
            portal.state = State::Running(Box::new(running));
        }
        Ok(())
    }

    pub async fn execute(&mut self, name: &str, rows: u32, out: &mut Out) -> Result<(), Stop> {
        let portal = self.portals.get(name).ok_or_else(|| no_portal(name))?;
        let command = portal.command.clone();
        let Some(command) = command else {
            wire::message(&mut out.bytes, b'I', |_| {});
            return Ok(());
        };
        self.may(&command)?;
        match &command {
            Command::Ask(_) | Command::Copy(..) => self.begin(name).await?,
            Command::Show(setting) => {
                text_rows(&mut out.bytes, &self.shown(setting)?.1);
                wire::complete(&mut out.bytes, "SHOW");
                return Ok(());
            }
            other => return Ok(self.command(other, out)?),
        }
        let shared = Arc::clone(&self.shared);
        let portal = self.portals.get_mut(name).ok_or_else(|| no_portal(name))?;
        let running = match &mut portal.state {
            State::Running(running) => running,
            State::Stopped => return Err(running::late().into()),
            _ => {
                wire::complete(&mut out.bytes, "SELECT 0");
                return Ok(());
            }
        };
        if let Command::Copy(_, form) = &command {
            running.copy(&shared, out, form).await?;
            wire::complete(&mut out.bytes, &format!("COPY {}", running.sent));
        } else {
            let before = running.sent;
            if !running.send(&shared, out, rows).await? {
                wire::message(&mut out.bytes, b's', |_| {});
                return Ok(());
            }
            wire::complete(&mut out.bytes, &format!("SELECT {}", running.sent - before));
        }
        portal.state = State::Done;
        Ok(())
    }

    pub fn close(&mut self, target: &Target) {
        match target {
            Target::Statement(name) => drop(self.statements.remove(name)),
            Target::Portal(name) => drop(self.portals.remove(name)),
        }
    }
}
