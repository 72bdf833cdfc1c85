//! A statement at work for a connection: its rows, sent as fast as the client takes them.

use crate::copy::CopyRows;
use crate::io::Out;
use crate::refusal::Refusal;
use crate::rows::{Rows, fields};
use crate::server::Shared;
use crate::settings::Settings;
use crate::wire::Field;
use arrow::array::RecordBatch;
use tagwerk_env::Moment;
use tagwerk_model::limits;
use tagwerk_sql::postgres::{Ask, CopyForm, Parameter, Session};
use tagwerk_sql::{Fault, Limits, Query, SqlError};

/// Why work ended before its end.
pub enum Stop {
    Refused(Refusal),
    /// The client is gone.
    Gone,
}

impl From<Refusal> for Stop {
    fn from(refusal: Refusal) -> Stop {
        Stop::Refused(refusal)
    }
}

impl From<std::io::Error> for Stop {
    fn from(_: std::io::Error) -> Stop {
        Stop::Gone
    }
}

pub fn limits(settings: &Settings) -> Limits {
    Limits {
        memory_max: limits::SQL_MEMORY_MAX,
        rows_max: usize::MAX,
        time_max: settings.time_max(),
    }
}

pub struct Running {
    query: Query,
    pub fields: Vec<Field>,
    part: Option<(Rows, usize)>,
    /// Beyond it, nothing of the statement is kept for a client that does not read.
    pub deadline: Moment,
    pub sent: u64,
    pub ended: bool,
}

impl Running {
    /// `text` is the statement as the client wrote it, to which errors point.
    pub async fn start(
        shared: &Shared,
        session: &Session,
        settings: &Settings,
        ask: &Ask,
        values: Vec<Parameter>,
        formats: &[i16],
        text: &str,
    ) -> Result<Running, Refusal> {
        let bounds = limits(settings);
        let clock = &*shared.parts.env.clock;
        let deadline = clock.now().after(bounds.time_max);
        let begun = shared.parts.sql.answer(session, ask, values, bounds);
        let query = match tagwerk_env::timeout(clock, deadline, begun).await {
            None => return Err(late()),
            Some(query) => query.map_err(|error| Refusal::of(error, text))?,
        };
        let schema = query.schema();
        let fields = fields(&schema, ask.column_names(&schema), formats)?;
        Ok(Running { query, fields, part: None, deadline, sent: 0, ended: false })
    }

    async fn batch(&mut self, shared: &Shared) -> Result<Option<RecordBatch>, Refusal> {
        let clock = &*shared.parts.env.clock;
        let next = tagwerk_env::timeout(clock, self.deadline, self.query.next()).await;
        match next {
            None => Err(late()),
            Some(batch) => batch.transpose().map_err(|error| Refusal::of(error, "")),
        }
    }

    async fn flush(&self, shared: &Shared, out: &mut Out) -> Result<(), Stop> {
        let clock = &*shared.parts.env.clock;
        match tagwerk_env::timeout(clock, self.deadline, out.flush()).await {
            None => Err(late().into()),
            Some(flushed) => Ok(flushed?),
        }
    }

    /// Sends rows, at most `most` where it is not zero. False when there are more.
    pub async fn send(&mut self, shared: &Shared, out: &mut Out, most: u32) -> Result<bool, Stop> {
        let mut left = if most == 0 { u64::MAX } else { u64::from(most) };
        while !self.ended {
            if self.part.is_none() {
                let Some(batch) = self.batch(shared).await? else {
                    self.ended = true;
                    break;
                };
                let formats = self.fields.iter().map(|field| field.format);
                let rows = Rows::new(&batch, formats).map_err(inside)?;
                self.part = Some((rows, 0));
            }
            while let Some((rows, at)) = &mut self.part {
                if *at == rows.count {
                    self.part = None;
                    break;
                }
                if left == 0 {
                    return Ok(false);
                }
                rows.write(*at, &mut out.bytes);
                *at += 1;
                left -= 1;
                self.sent += 1;
                if out.is_full() {
                    self.flush(shared, out).await?;
                }
            }
        }
        Ok(true)
    }

    /// Sends all rows as COPY does.
    pub async fn copy(
        &mut self,
        shared: &Shared,
        out: &mut Out,
        form: &CopyForm,
    ) -> Result<(), Stop> {
        let fields = self.fields.clone();
        let copy = CopyRows::new(form, &fields);
        copy.begin(&mut out.bytes);
        while let Some(batch) = self.batch(shared).await? {
            let formats = fields.iter().map(|_| 0);
            let rows = Rows::new(&batch, formats).map_err(inside)?;
            for row in 0..rows.count {
                copy.row(&rows, row, &mut out.bytes);
                self.sent += 1;
                if out.is_full() {
                    self.flush(shared, out).await?;
                }
            }
        }
        copy.end(&mut out.bytes);
        self.ended = true;
        Ok(())
    }
}

pub fn late() -> Refusal {
    Refusal::new("57014", "canceling statement due to statement timeout")
        .hint(SqlError::new(Fault::TimedOut, "").remedy())
}

fn inside(error: arrow::error::ArrowError) -> Refusal {
    Refusal::new("XX000", format!("rows could not be written: {error}"))
}
