//! Who may do what: passwords, tokens, sessions, roles, the brake on guessing, and sealed texts.
//!
//! Plain functions over values: no HTTP, no store, no clock. Times are nanoseconds of a clock that
//! never steps, given by the caller; randomness comes in through [`Random`].

mod password;
mod random;
mod role;
mod scram;
mod seal;
mod session;
mod throttle;
mod token;

pub use password::{PasswordRefused, check_password, hash_password, verify_password};
pub use random::{Random, SystemRandom};
pub use role::Role;
pub use scram::{ScramExchange, ScramRefused, ScramVerifier};
pub use seal::{
    Cost, End, HEAD_BYTES, HeadRefused, KEY_BYTES, PART_BYTES, SEAL_BYTES, SEALED_PART_BYTES,
    SealKey, SealedHead, SealedParts,
};
pub use session::{SESSION_ABSOLUTE, SESSION_IDLE, SessionTimes};
pub use throttle::Throttle;
pub use token::{Digest, new_id, new_secret};
