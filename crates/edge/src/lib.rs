//! The edge: the program `tagwerk` around the runtime. Store, accounts, HTTP and command line.
//!
//! A library only so that its tests can hold the generated documents against the code.

mod accounts;
mod alarms;
mod app;
mod archiving;
mod backup;
mod certificates;
pub mod cli;
mod configuration;
mod feeding;
mod formulas;
mod functions;
mod history;
mod http;
mod instant;
mod ledger;
mod ledger_rows;
mod lookups;
mod notify;
mod past;
mod postgres;
mod private_file;
mod process;
mod registry;
mod rules;
mod run;
mod secret_use;
mod secrets;
mod show;
mod store;

pub use registry::CATALOGUE;
