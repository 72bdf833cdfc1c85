//! What every route states of itself; without it nothing can be mounted.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa::openapi::{RefOr, Schema};

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    Viewer,
    Operator,
    Engineer,
    Admin,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Method {
    Get,
    Post,
    Put,
    Delete,
}

impl Method {
    pub fn name(self) -> &'static str {
        match self {
            Method::Get => "GET",
            Method::Post => "POST",
            Method::Put => "PUT",
            Method::Delete => "DELETE",
        }
    }

    pub fn changes_state(self) -> bool {
        self != Method::Get
    }
}

/// Who may call a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Anybody.
    Open,
    /// Anybody on the edge itself; the role from elsewhere.
    OpenOnLoopback(Role),
    Role(Role),
}

/// What is written into the record stream when a route is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Audit {
    /// Nothing: it only shows.
    Nothing,
    /// Who logged in or out, or failed to.
    Login,
    /// Who changed users or tokens.
    Access,
    /// Who changed the configuration.
    Config,
    /// Who wrote to a device; the command itself is the record.
    Command,
    /// Who set or removed a secret; never its value.
    Secret,
    /// Who trusted or removed a certificate.
    Certificate,
    /// Who did something to an alarm; the change itself is the record.
    Alarm,
    /// Who sent a test by a channel.
    Notify,
    /// Who retried or discarded dead letters.
    Sink,
    /// Who made a backup or put one in place.
    Backup,
}

type Schemas = Vec<(String, RefOr<Schema>)>;

/// A type's place in the OpenAPI document.
#[derive(Clone, Copy)]
pub struct Shape {
    pub(crate) schema: fn() -> RefOr<Schema>,
    pub(crate) name: fn() -> std::borrow::Cow<'static, str>,
    pub(crate) parts: fn(&mut Schemas),
}

impl Shape {
    pub const fn of<T: ToSchema>() -> Shape {
        Shape { schema: T::schema, name: T::name, parts: T::schemas }
    }
}

#[derive(Clone, Copy)]
pub enum Request {
    Empty,
    Json(Shape),
    /// A configuration document.
    Yaml,
    /// A file of any kind.
    File,
}

#[derive(Clone, Copy)]
pub enum Response {
    Empty,
    Json(Shape),
    Text,
    /// The configuration as YAML, or as JSON when asked for.
    YamlOrJson(Shape),
    /// Server-sent events, without an end.
    Events,
    /// A file to keep; the header `Content-Disposition` names it.
    File,
}

/// One route, as mounted, guarded and documented.
pub struct Route {
    pub method: Method,
    /// As axum and OpenAPI write it: `/api/v1/devices/{device}`.
    pub path: &'static str,
    pub summary: &'static str,
    pub access: Access,
    /// Larger: 413, naming this limit.
    pub body_bytes_max: usize,
    pub audit: Audit,
    /// Names and meanings of the query's parameters.
    pub query: &'static [(&'static str, &'static str)],
    /// Names and meanings of headers that it demands.
    pub headers: &'static [(&'static str, &'static str)],
    pub request: Request,
    /// Status of success and what it brings.
    pub status: u16,
    pub response: Response,
}

impl Route {
    /// Names of the parameters in the path.
    pub fn path_parameters(&self) -> impl Iterator<Item = &'static str> {
        self.path.split('/').filter_map(|s| s.strip_prefix('{')?.strip_suffix('}'))
    }
}
