//! The HTTP API as data: its types, its routes, and the OpenAPI document made from both.
//!
//! No behaviour: the edge answers, the console and the command line ask.

mod access;
mod alarms;
mod backup;
mod certificates;
mod commands;
mod components;
mod config;
mod devices;
mod error;
mod events;
mod functions;
mod history;
mod json;
mod ledger;
mod notify;
mod openapi;
mod route;
pub mod routes;
mod rules;
mod secrets;
mod status;
mod tables;
mod tags;
mod templates;
mod trace;
mod transfer;
mod trials;

pub use access::*;
pub use alarms::*;
pub use backup::*;
pub use certificates::*;
pub use commands::*;
pub use components::*;
pub use config::*;
pub use devices::*;
pub use error::*;
pub use events::*;
pub use functions::*;
pub use history::*;
pub use json::{Anything, Time};
pub use ledger::*;
pub use notify::*;
pub use openapi::openapi;
pub use route::{Access, Audit, Method, Request, Response, Role, Route};
pub use rules::*;
pub use secrets::*;
pub use status::*;
pub use tables::*;
pub use tags::*;
pub use templates::*;
pub use trace::*;
pub use transfer::*;
pub use trials::*;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A listing, or the part of one that was asked for.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Page<T> {
    pub items: Vec<T>,
    pub total: u64,
    /// Offset of the next page; missing on the last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<u64>,
}

impl<T> Page<T> {
    pub fn new(items: Vec<T>, offset: usize, total: usize) -> Page<T> {
        let end = offset + items.len();
        let next = (end < total && !items.is_empty()).then_some(end as u64);
        Page { items, total: total as u64, next }
    }
}

/// A listing that is always complete.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct List<T> {
    pub items: Vec<T>,
}

/// Prefix of every route but health and metrics.
pub const PREFIX: &str = "/api/v1";
/// Header that a state-changing request with a session cookie must carry: a foreign page cannot set
/// it without the edge's leave.
pub const REQUEST_HEADER: &str = "x-tagwerk-request";
/// Header with the passphrase of a backup: a URL would leave it in logs.
pub const PASSPHRASE_HEADER: &str = "x-passphrase";
/// The session's cookie.
pub const SESSION_COOKIE: &str = "tagwerk_session";
