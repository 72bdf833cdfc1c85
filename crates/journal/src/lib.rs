//! tagwerk-journal
