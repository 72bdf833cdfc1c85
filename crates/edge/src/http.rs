//! The edge's HTTP side: routes to handlers, and what every answer carries.

mod access;
mod alarms;
mod backup;
mod certificates;
mod commands;
mod components;
mod config;
mod console;
mod dead_letters;
mod devices;
mod events;
mod export;
mod extract;
mod functions;
mod gate;
mod ledger;
mod listen;
mod live;
mod lookups;
mod metrics;
mod mount;
mod notify;
mod record;
mod refusal;
mod rules;
mod secrets;
mod sql;
mod stall;
mod status;
mod storage;
mod tables;
mod templates;
mod tls;
mod trace;
mod trials;

pub use backup::finding as restore_finding;
pub use listen::{Encryption, Listening};
pub use tls::{TlsFiles, tls_acceptor};

use crate::app::Shared;
use axum::Router;
use axum::http::{HeaderName, HeaderValue, Uri, header};
use axum::middleware::map_response;
use axum::response::{IntoResponse, Response};
use mount::Mount;
use refusal::Refusal;
use tagwerk_api::{ErrorCode, routes};

/// Nothing inline, nothing from elsewhere: the console's editor keeps its styles in a shadow tree.
const CONTENT_SECURITY: &str = "default-src 'self'; object-src 'none'; base-uri 'none'; \
    form-action 'self'; frame-ancestors 'none'";

/// Everything that the edge answers.
pub fn router(app: Shared) -> Router {
    let mount = Mount::new(app.clone())
        .on(&routes::LIVE, status::live)
        .on(&routes::READY, status::ready)
        .on(&routes::METRICS, metrics::metrics)
        .on(&routes::SETUP_STATE, access::setup_state)
        .on(&routes::SETUP, access::set_up)
        .on(&routes::LOGIN, access::log_in)
        .on(&routes::LOGOUT, access::log_out)
        .on(&routes::ME, access::me)
        .on(&routes::ME_PASSWORD, access::change_own_password)
        .on(&routes::STATUS, status::status)
        .on(&routes::DEVICES, devices::devices)
        .on(&routes::DEVICE, devices::device)
        .on(&routes::DEVICE_TAGS, devices::device_tags)
        .on(&routes::TAGS, devices::tags)
        .on(&routes::TAG, devices::tag)
        .on(&routes::SAMPLES, devices::samples)
        .on(&routes::READ_NOW, devices::read_now)
        .on(&routes::LIVE_EVENTS, live::events)
        .on(&routes::SINKS, devices::sinks)
        .on(&routes::COMPONENTS, components::components)
        .on(&routes::CONFIG, config::running)
        .on(&routes::REVISIONS, config::revisions)
        .on(&routes::REVISION, config::revision)
        .on(&routes::CONFIG_SCHEMA, components::schema)
        .on(&routes::COMMANDS, commands::commands)
        .on(&routes::COMMAND, commands::command)
        .on(&routes::OPENAPI, components::openapi)
        .on(&routes::NEW_COMMAND, commands::new_command)
        .on(&routes::LINT, config::lint)
        .on(&routes::DIFF, config::diff)
        .on(&routes::APPLY, config::apply)
        .on(&routes::ROLLBACK, config::roll_back)
        .on(&routes::TRACE, trace::trace)
        .on(&routes::TRACE_SWITCH, trace::switch)
        .on(&routes::TRIAL_READ, trials::read)
        .on(&routes::TRIAL_BROWSE, trials::browse)
        .on(&routes::TRIAL_ESTIMATE, trials::estimate)
        .on(&routes::TEMPLATES, templates::templates)
        .on(&routes::EXPORT, tables::export)
        .on(&routes::IMPORT, tables::import)
        .on(&routes::EVENTS, events::events)
        .on(&routes::CERTIFICATES, certificates::certificates)
        .on(&routes::NEW_CERTIFICATE, certificates::add)
        .on(&routes::TRUST_CERTIFICATE, certificates::trust)
        .on(&routes::REMOVE_CERTIFICATE, certificates::remove)
        .on(&routes::CERTIFICATE_PEM, certificates::pem)
        .on(&routes::SECRETS, secrets::secrets)
        .on(&routes::SET_SECRET, secrets::set)
        .on(&routes::REMOVE_SECRET, secrets::remove)
        .on(&routes::BACKUP, backup::make)
        .on(&routes::RESTORE, backup::restore);
    access::mount_accounts(mount_history(mount))
        .finish()
        .method_not_allowed_fallback(wrong_method)
        .fallback(console::page)
        .layer(map_response(harden))
        .with_state(app)
}

/// What is kept, and what became of it.
fn mount_history(mount: Mount) -> Mount {
    mount
        .on(&routes::STORAGE, storage::storage)
        .on(&routes::TAG_STORAGE, storage::tags)
        .on(&routes::EXPORT_HISTORY, export::history)
        .on(&routes::SQL, sql::sql)
        .on(&routes::SQL_TABLES, sql::tables)
        .on(&routes::ALARMS, alarms::list)
        .on(&routes::ALARM_CHANGES, alarms::changes)
        .on(&routes::OPERATE_ALARMS, alarms::operate)
        .on(&routes::NOTIFY, notify::all)
        .on(&routes::TEST_CHANNEL, notify::test)
        .on(&routes::RULES, rules::list)
        .on(&routes::RULE, rules::one)
        .on(&routes::CHECK_RULE, rules::check)
        .on(&routes::CHECK_FORMULA, rules::check_formula)
        .on(&routes::TRY_RULE, rules::try_rule)
        .on(&routes::LOOKUP_TABLES, lookups::list)
        .on(&routes::LOOKUP_TABLE, lookups::one)
        .on(&routes::REFRESH_TABLE, lookups::refresh)
        .on(&routes::FUNCTIONS, functions::list)
        .on(&routes::TRY_FUNCTION, functions::try_function)
        .on(&routes::LEDGER, ledger::ledger)
        .on(&routes::LEDGER_GROUPS, ledger::groups)
        .on(&routes::DEAD_LETTERS, dead_letters::list)
        .on(&routes::EXPORT_DEAD_LETTERS, dead_letters::export)
        .on(&routes::RETRY_DEAD_LETTERS, dead_letters::retry)
        .on(&routes::DISCARD_DEAD_LETTERS, dead_letters::discard)
}

async fn wrong_method(uri: Uri) -> Response {
    Refusal::new(
        axum::http::StatusCode::METHOD_NOT_ALLOWED,
        ErrorCode::Invalid,
        format!("{} does not take this method", uri.path()),
        "see the API's description for the methods of each path",
    )
    .into_response()
}

/// Headers that every answer has; what a handler set stays.
async fn harden(mut response: Response) -> Response {
    let headers = response.headers_mut();
    let fixed: [(HeaderName, &'static str); 5] = [
        (header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    ];
    for (name, value) in fixed {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}
