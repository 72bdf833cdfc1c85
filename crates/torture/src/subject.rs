//! The drivers under test: how each is configured, and what its foreign server is called.

use crate::control::Stubborn;
use tagwerk_component::Driver;

/// The time-out that every device is given.
pub const TIMEOUT_MS: u64 = 1_000;

pub struct Subject {
    pub name: &'static str,
    /// What the script of the servers calls the protocol.
    pub protocol: &'static str,
    /// Settings, with `PORT` in the place of the port.
    settings: &'static str,
    /// In how many time-outs a link on which nothing comes is known to be dead.
    pub patience: u64,
    /// Address of the value.
    address: &'static str,
}

pub const DRIVERS: &[&dyn Driver] = &[
    &tagwerk_driver_modbus::ModbusTcp,
    &tagwerk_driver_opcua::OpcUa,
    &tagwerk_driver_iec104::Iec104,
    &tagwerk_driver_s7::S7,
    &tagwerk_driver_sim::Sim,
    &Stubborn,
];

impl Subject {
    pub fn all() -> Vec<Subject> {
        vec![
            Subject {
                name: "modbus-tcp",
                protocol: "modbus",
                settings: "{host: 127.0.0.1, port: PORT, timeout: 1s, connect_timeout: 1s, \
                           retries: 0}",
                patience: 1,
                address: "holding:0",
            },
            Subject {
                name: "opcua",
                protocol: "opcua",
                settings: "{endpoint: 'opc.tcp://127.0.0.1:PORT/', security: None, timeout: 1s, connect_timeout: 1s, \
                           keep_alive: 500ms}",
                patience: 1,
                address: "nsu=urn:torture:plant;s=value",
            },
            Subject {
                name: "iec104",
                protocol: "iec104",
                settings: "{host: 127.0.0.1, port: PORT, t0: 1s, t1: 1s, t2: 500ms, t3: 1s}",
                patience: 2,
                address: "M_ME_NC_1:1001",
            },
            Subject {
                name: "s7",
                protocol: "s7",
                settings: "{host: 127.0.0.1, port: PORT, timeout: 1s, connect_timeout: 1s, \
                           retries: 0}",
                patience: 1,
                address: "DB1.DBD0",
            },
        ]
    }

    /// The driver that waits for ever.
    pub fn control() -> Subject {
        Subject {
            name: "stubborn",
            protocol: "modbus",
            settings: "{host: 127.0.0.1, port: PORT}",
            patience: 1,
            address: "holding:0",
        }
    }

    /// A configuration with the device, and beside it a simulated neighbour and one of the same driver
    /// at a server of its own.
    pub fn configuration(&self, port: u16, neighbour: u16) -> String {
        let device = |name: &str, port: u16| {
            format!(
                "  - name: {name}\n    driver: {driver}\n    settings: {settings}\n    groups:\n      \
                 - name: g\n        interval: 100ms\n        tags:\n          \
                 - {{name: value, address: '{address}', type: float32}}\n",
                driver = self.name,
                settings = self.settings.replace("PORT", &port.to_string()),
                address = self.address,
            )
        };
        format!(
            "version: 1\nedge: {{name: torture}}\ndevices:\n{}{}  - name: bystander\n    driver: sim\n    \
             settings: {{latency: 1ms}}\n    groups:\n      - name: g\n        interval: 50ms\n        \
             tags:\n          - {{name: value, address: counter, type: uint64}}\n",
            device("subject", port),
            device("neighbour", neighbour),
        )
    }
}
