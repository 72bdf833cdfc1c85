//! THE LIST of routes of the edge, in the order of the documentation.

mod alarms;
mod commission;
mod history;
mod ledger;
mod notify;
mod rules;
mod tables;
mod upkeep;

pub use alarms::*;
pub use commission::*;
pub use history::*;
pub use ledger::*;
pub use notify::*;
pub use rules::*;
pub use tables::*;
pub use upkeep::*;

use crate::Access::{Open, OpenOnLoopback};
use crate::Method::{Delete, Get, Post, Put};
use crate::Role::{Admin, Engineer, Operator, Viewer};
use crate::*;
use route::Shape;
use tagwerk_model::limits;

const fn route(
    method: Method,
    path: &'static str,
    access: Access,
    summary: &'static str,
    response: Response,
) -> Route {
    let body_bytes_max = match method {
        Get | Delete => 0,
        Post | Put => limits::BODY_BYTES_MAX,
    };
    let status = match response {
        Response::Empty => 204,
        _ => 200,
    };
    Route {
        method,
        path,
        summary,
        access,
        body_bytes_max,
        audit: Audit::Nothing,
        query: &[],
        headers: &[],
        request: Request::Empty,
        status,
        response,
    }
}

const fn json<T: utoipa::ToSchema>() -> Response {
    Response::Json(Shape::of::<T>())
}

const fn takes<T: utoipa::ToSchema>(route: Route) -> Route {
    Route { request: Request::Json(Shape::of::<T>()), ..route }
}

const fn takes_config(route: Route) -> Route {
    Route { request: Request::Yaml, body_bytes_max: limits::CONFIG_BYTES_MAX, ..route }
}

const fn audited(audit: Audit, route: Route) -> Route {
    Route { audit, ..route }
}

const fn asks(query: &'static [(&'static str, &'static str)], route: Route) -> Route {
    Route { query, ..route }
}

const fn up_to(body_bytes_max: usize, route: Route) -> Route {
    Route { body_bytes_max, ..route }
}

const fn takes_file(bytes_max: usize, route: Route) -> Route {
    Route { request: Request::File, body_bytes_max: bytes_max, ..route }
}

/// A table to import. Larger: 413, naming this limit.
pub const IMPORT_BYTES_MAX: usize = 16 * 1024 * 1024;
/// A backup to restore. Larger: 413, naming this limit.
pub const BACKUP_BYTES_MAX: usize = 512 * 1024 * 1024;
/// The value of a secret. Longer: refused.
pub const SECRET_BYTES_MAX: usize = 64 * 1024;
/// A body with a secret: JSON may write a character as six.
const SECRET_BODY_BYTES_MAX: usize = 6 * SECRET_BYTES_MAX + 1024;
/// A device to try, with its templates. Larger: 413, naming this limit.
const TRIAL_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Certificates and revocation lists as text. Larger: 413, naming this limit.
const CERTIFICATE_BODY_BYTES_MAX: usize = 1024 * 1024;
/// A statement. Larger: 413, naming this limit.
const SQL_BYTES_MAX: usize = 256 * 1024;

const VIEWER: Access = Access::Role(Viewer);
const OPERATOR: Access = Access::Role(Operator);
const ENGINEER: Access = Access::Role(Engineer);
const ADMIN: Access = Access::Role(Admin);

const OFFSET: (&str, &str) = ("offset", "items to leave out at the beginning");
const LIMIT: (&str, &str) = ("limit", "items of the page: 100 unless told, at most 1000");
const FILTER: (&str, &str) = ("filter", "part of the name, description or address, in any case");
const FILTER_OF_ALL: (&str, &str) = (
    "filter",
    "part of the name, description or address, or of the device's or rule's name, in any case",
);
const QUALITY: (&str, &str) = ("quality", "good, uncertain, bad or stale");
const PAGED: &[(&str, &str)] = &[OFFSET, LIMIT];

pub const LIVE: Route =
    route(Get, "/health/live", Open, "Whether the process is up", json::<Health>());
pub const READY: Route =
    route(Get, "/health/ready", Open, "Whether it does its work; 503 when not", json::<Health>());
pub const METRICS: Route = route(
    Get,
    "/metrics",
    OpenOnLoopback(Viewer),
    "Counters in Prometheus' text form",
    Response::Text,
);

pub const SETUP_STATE: Route = route(
    Get,
    "/api/v1/setup",
    Open,
    "Whether the first administrator is still to be set",
    json::<SetupState>(),
);
pub const SETUP: Route = audited(
    Audit::Login,
    takes::<SetupRequest>(route(
        Post,
        "/api/v1/setup",
        Open,
        "Sets the first administrator, with the token that the edge printed",
        json::<Me>(),
    )),
);
pub const LOGIN: Route = audited(
    Audit::Login,
    takes::<LoginRequest>(route(Post, "/api/v1/login", Open, "Starts a session", json::<Me>())),
);
pub const LOGOUT: Route = audited(
    Audit::Login,
    route(Post, "/api/v1/logout", VIEWER, "Ends the session", Response::Empty),
);
pub const ME: Route = route(Get, "/api/v1/me", VIEWER, "Who the caller is", json::<Me>());
pub const ME_PASSWORD: Route = audited(
    Audit::Access,
    takes::<PasswordChange>(route(
        Put,
        "/api/v1/me/password",
        VIEWER,
        "Changes the caller's own password",
        Response::Empty,
    )),
);

pub const STATUS: Route =
    route(Get, "/api/v1/status", VIEWER, "How the edge fares", json::<Status>());
pub const DEVICES: Route =
    route(Get, "/api/v1/devices", VIEWER, "All devices", json::<List<Device>>());
pub const DEVICE: Route =
    route(Get, "/api/v1/devices/{device}", VIEWER, "One device", json::<Device>());
pub const DEVICE_TAGS: Route = asks(
    &[OFFSET, LIMIT, FILTER, QUALITY, ("group", "only this group")],
    route(
        Get,
        "/api/v1/devices/{device}/tags",
        VIEWER,
        "Tags of one device with their values",
        json::<Page<Tag>>(),
    ),
);
pub const TAGS: Route = asks(
    &[OFFSET, LIMIT, FILTER_OF_ALL, QUALITY],
    route(
        Get,
        "/api/v1/tags",
        VIEWER,
        "Tags of all devices with their values",
        json::<Page<Tag>>(),
    ),
);
pub const TAG: Route = route(
    Get,
    "/api/v1/devices/{device}/tags/{tag}",
    VIEWER,
    "One tag with its value",
    json::<Tag>(),
);
pub const SAMPLES: Route = asks(
    &[
        ("from", "an instant as in RFC 3339; an hour before `to` unless told"),
        ("to", "an instant as in RFC 3339; now unless told"),
        ("points", "samples to answer with at most: 500 unless told"),
    ],
    route(
        Get,
        "/api/v1/devices/{device}/tags/{tag}/samples",
        VIEWER,
        "A tag's past from the journal; thinning keeps minima and maxima",
        json::<Samples>(),
    ),
);
pub const READ_NOW: Route = route(
    Post,
    "/api/v1/devices/{device}/tags/{tag}/read",
    OPERATOR,
    "Reads a tag from its device now",
    json::<Tag>(),
);
pub const LIVE_EVENTS: Route = asks(
    &[
        ("device", "values of this device's tags"),
        ("tags", "values of these tags: `device/tag,device/tag`"),
    ],
    route(
        Get,
        "/api/v1/live",
        VIEWER,
        "Server-sent events: `tags` (LiveTags), `status` (Status), `ping`",
        Response::Events,
    ),
);
pub const SINKS: Route =
    route(Get, "/api/v1/sinks", VIEWER, "All sinks", json::<List<SinkStatus>>());
pub const COMPONENTS: Route = route(
    Get,
    "/api/v1/components",
    VIEWER,
    "The drivers and sinks there are, with the schemas of their settings",
    json::<Components>(),
);

pub const CONFIG: Route = route(
    Get,
    "/api/v1/config",
    VIEWER,
    "The running configuration; its revision is the ETag",
    Response::YamlOrJson(Shape::of::<ConfigText>()),
);
pub const REVISIONS: Route = asks(
    PAGED,
    route(
        Get,
        "/api/v1/config/revisions",
        VIEWER,
        "Configurations applied, newest first",
        json::<Page<Revision>>(),
    ),
);
pub const REVISION: Route = route(
    Get,
    "/api/v1/config/revisions/{revision}",
    VIEWER,
    "One configuration applied, with its text",
    json::<RevisionText>(),
);
pub const CONFIG_SCHEMA: Route = route(
    Get,
    "/api/v1/config/schema",
    VIEWER,
    "JSON schema of the configuration document",
    json::<ConfigSchema>(),
);
pub const COMMANDS: Route = asks(
    PAGED,
    route(Get, "/api/v1/commands", VIEWER, "Commands, newest first", json::<Page<Command>>()),
);
pub const COMMAND: Route =
    route(Get, "/api/v1/commands/{id}", VIEWER, "One command", json::<Command>());
pub const OPENAPI: Route =
    route(Get, "/api/v1/openapi.json", VIEWER, "This document", json::<Anything>());

pub const NEW_COMMAND: Route = audited(
    Audit::Command,
    takes::<NewCommand>(route(
        Post,
        "/api/v1/commands",
        OPERATOR,
        "Writes a value to a device; 202 when it has not ended within `wait_ms`",
        json::<Command>(),
    )),
);

pub const LINT: Route = takes_config(route(
    Post,
    "/api/v1/config/lint",
    ENGINEER,
    "Everything that is wrong with a configuration",
    json::<LintAnswer>(),
));
pub const DIFF: Route = takes_config(route(
    Post,
    "/api/v1/config/diff",
    ENGINEER,
    "What applying a configuration would change",
    json::<DiffAnswer>(),
));
pub const APPLY: Route = asks(
    &[("comment", "why, for those who read the revisions later")],
    audited(
        Audit::Config,
        takes_config(route(
            Put,
            "/api/v1/config",
            ENGINEER,
            "Applies a configuration; `If-Match` names the revision it is based on",
            json::<ApplyAnswer>(),
        )),
    ),
);
pub const ROLLBACK: Route = audited(
    Audit::Config,
    takes::<RollbackRequest>(route(
        Post,
        "/api/v1/config/rollback",
        ENGINEER,
        "Applies the text of an earlier revision as a new one",
        json::<RollbackAnswer>(),
    )),
);

pub const ALL: &[Route] = &[
    LIVE,
    READY,
    METRICS,
    SETUP_STATE,
    SETUP,
    LOGIN,
    LOGOUT,
    ME,
    ME_PASSWORD,
    STATUS,
    DEVICES,
    DEVICE,
    DEVICE_TAGS,
    TAGS,
    TAG,
    SAMPLES,
    READ_NOW,
    LIVE_EVENTS,
    SINKS,
    COMPONENTS,
    CONFIG,
    REVISIONS,
    REVISION,
    CONFIG_SCHEMA,
    COMMANDS,
    COMMAND,
    OPENAPI,
    NEW_COMMAND,
    LINT,
    DIFF,
    APPLY,
    ROLLBACK,
    TRACE,
    TRACE_SWITCH,
    TRIAL_READ,
    TRIAL_BROWSE,
    TRIAL_ESTIMATE,
    TEMPLATES,
    EXPORT,
    IMPORT,
    EVENTS,
    STORAGE,
    TAG_STORAGE,
    EXPORT_HISTORY,
    SQL,
    SQL_TABLES,
    ALARMS,
    ALARM_CHANGES,
    OPERATE_ALARMS,
    NOTIFY,
    TEST_CHANNEL,
    RULES,
    RULE,
    CHECK_RULE,
    CHECK_FORMULA,
    TRY_RULE,
    LOOKUP_TABLES,
    LOOKUP_TABLE,
    REFRESH_TABLE,
    FUNCTIONS,
    TRY_FUNCTION,
    LEDGER,
    LEDGER_GROUPS,
    DEAD_LETTERS,
    EXPORT_DEAD_LETTERS,
    RETRY_DEAD_LETTERS,
    DISCARD_DEAD_LETTERS,
    CERTIFICATES,
    NEW_CERTIFICATE,
    TRUST_CERTIFICATE,
    REMOVE_CERTIFICATE,
    CERTIFICATE_PEM,
    SECRETS,
    SET_SECRET,
    REMOVE_SECRET,
    BACKUP,
    RESTORE,
    USERS,
    NEW_USER,
    CHANGE_USER,
    REMOVE_USER,
    TOKENS,
    NEW_TOKEN,
    REMOVE_TOKEN,
];

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn routes_are_unique_and_only_the_few_are_open() {
        let mut seen = HashSet::new();
        for route in ALL {
            assert!(seen.insert((route.method, route.path)), "{} twice", route.path);
            let open = matches!(route.access, Open);
            let known = ["/health/live", "/health/ready", "/api/v1/setup", "/api/v1/login"];
            assert_eq!(open, known.contains(&route.path), "{}", route.path);
            let changes = route.method.changes_state();
            let only_asks = [
                "/api/v1/config/lint",
                "/api/v1/config/diff",
                "/api/v1/trials/estimate",
                "/api/v1/sql",
                "/api/v1/rules/check",
                "/api/v1/rules/trial",
                "/api/v1/tables/{name}/refresh",
                "/api/v1/formulas/check",
                "/api/v1/functions/try",
                "/api/v1/import",
                "/api/v1/devices/{device}/tags/{tag}/read",
            ]
            .contains(&route.path);
            assert_eq!(route.audit != Audit::Nothing, changes && !only_asks, "{}", route.path);
        }
    }
}
