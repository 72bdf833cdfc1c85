//! OPC UA as bytes: the binary encoding, messages, chunks and the secure channel (Parts 4 and 6),
//! as far as a client needs them. No I/O: whoever uses it moves the bytes and keeps the time.

pub mod bytes;
pub mod channel;
pub mod frame;
pub mod fuzz;
pub mod limits;
pub mod node_id;
pub mod policy;
pub mod service;
pub mod status;
pub mod time;
pub mod variant;

pub use bytes::{Malformed, Put, Reader};
pub use channel::{Channel, Message, Mode};
pub use frame::FrameBuffer;
pub use node_id::{ExpandedNodeId, Identifier, LocalizedText, NodeId, QualifiedName};
pub use policy::{OwnKey, PeerKey, Policy};
pub use status::Status;
pub use variant::{DataValue, Encoding, ExtensionObject, Variant, builtin};
