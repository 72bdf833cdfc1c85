//! Files of samples through their public door.
#![allow(clippy::disallowed_methods, clippy::unwrap_used)]

mod bucket;
mod feed;
mod files;
mod folder;
mod keeping;
mod size;
mod store;
