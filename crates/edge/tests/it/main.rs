//! The built program from outside: one process per test, over its command line and its API.

#![allow(clippy::disallowed_methods, clippy::unwrap_used)]

mod access;
mod alarms;
mod archive;
mod backup;
mod bad_input;
mod certificates;
mod command_line;
mod configuration;
mod documents;
mod heavy;
mod history;
mod http;
mod http_sink;
mod kill;
mod ledger;
mod lint_cases;
mod live;
mod modbus_pymodbus;
mod mqtt_mosquitto;
mod operations_guide;
mod outage;
mod past;
mod postgres;
mod process;
mod retention;
mod rig;
mod roles;
mod rules;
mod secrets;
mod sql;
mod start;
mod tables;
mod trials;
mod walkthrough;
