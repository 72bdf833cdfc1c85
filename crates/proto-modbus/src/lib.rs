//! tagwerk-proto-modbus
