//! THE LIST of drivers, in the order in which users see them. The sinks and channels have theirs.

use tagwerk_component::Driver;
use tagwerk_config::Catalogue;

pub const DRIVERS: &[&dyn Driver] = &[
    // One line a driver; this comment keeps the list from being folded into one.
    &tagwerk_driver_modbus::ModbusTcp,
    &tagwerk_driver_modbus::ModbusSerial,
    &tagwerk_driver_opcua::OpcUa,
    &tagwerk_driver_iec104::Iec104,
    &tagwerk_driver_s7::S7,
    &tagwerk_driver_mqtt::Mqtt,
    &tagwerk_driver_calculated::Calculated,
    &tagwerk_driver_system::System,
    &tagwerk_driver_sim::Sim,
];
pub use tagwerk_sinks::{CHANNELS, SINKS};

/// All that a configuration can name.
pub const CATALOGUE: Catalogue = Catalogue { drivers: DRIVERS, sinks: SINKS, channels: CHANNELS };
