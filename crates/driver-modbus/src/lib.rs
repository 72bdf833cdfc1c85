//! tagwerk-driver-modbus
