//! Alarms after ISA-18.2, as decisions over values: when a condition is met, and what becomes of an
//! alarm. No I/O; time comes in with every call.

pub mod alarm;
