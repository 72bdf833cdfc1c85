//! tagwerk-driver-sim
