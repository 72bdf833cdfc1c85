//! Tests that look inside; those of the session speak to a scripted peer.

#![allow(clippy::disallowed_methods)]

mod addresses;
mod backup;
mod bits;
mod line;
mod packing;
mod rig;
mod session;
mod values;

use crate::settings::{Settings, TcpSettings};

#[test]
fn the_drivers_are_what_every_driver_must_be() {
    tagwerk_testkit::conformance::driver(&crate::ModbusTcp);
    tagwerk_testkit::conformance::driver(&crate::ModbusSerial);
}

/// Settings of a device, from those that matter to a test, as JSON.
fn settings(json: &str) -> Settings {
    let mut object: serde_json::Value = serde_json::from_str(json).unwrap();
    object["host"] = "plc".into();
    serde_json::from_value::<TcpSettings>(object).unwrap().common()
}
