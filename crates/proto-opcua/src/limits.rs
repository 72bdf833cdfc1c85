//! Bounds on what a server may make us keep.

/// A chunk that we are ready to receive, announced in Hello. Larger: the connection is dropped.
pub const CHUNK_BYTES_MAX: usize = 65_536;
/// Smallest chunk that a peer may ask us to send (Part 6, 7.1.2.3).
pub const CHUNK_BYTES_MIN: usize = 8_192;
/// A whole message, announced in Hello. Larger: the connection is dropped.
pub const MESSAGE_BYTES_MAX: usize = 8 * 1024 * 1024;
/// Chunks of one message, announced in Hello. More: the connection is dropped.
pub const MESSAGE_CHUNKS_MAX: usize = 1_024;
/// Messages of which some chunks have arrived. More: the connection is dropped.
pub const PARTIAL_MESSAGES_MAX: usize = 4;
/// Elements of all arrays in one message. More: the message is malformed.
pub const MESSAGE_ITEMS_MAX: u32 = 1_000_000;
/// Variants and structures within each other. Deeper: the message is malformed.
pub const DEPTH_MAX: u8 = 32;
/// Elements for which place is made before they are read.
pub const RESERVE_MAX: usize = 4_096;
/// Certificates that a server sends with its own. More: the rest are not looked at.
pub const CHAIN_MAX: usize = 8;
