//! tagwerk-auth
