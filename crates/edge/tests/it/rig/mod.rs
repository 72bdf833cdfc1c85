//! What the acceptance tests stand on: the edge as a process, a simulated plant, a broker, foreign
//! peers in Python, and the proof that numbered answers arrived. Everything ends with its value.

mod broker;
mod edge;
mod http;
mod numbers;
mod plant;
mod program;

pub use broker::{Broker, Message, Subscriber};
pub use edge::{Edge, Site};
pub use numbers::{Numbers, Proof};
pub use plant::Plant;
pub use program::{Program, python, repository};

use std::time::{Duration, Instant};

/// Longer than anything here takes on the slowest machine; only a failing test waits so long.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Asks until there is an answer; fails the test when there is none for [`PATIENCE`].
#[track_caller]
pub fn until<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(Instant::now() < deadline, "not within {PATIENCE:?}: {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// A port that is free now. Outside the range from which the kernel takes ports for connections, so
/// that nobody takes it while the program that listens on it is stopped for a moment.
pub fn free_port() -> u16 {
    use std::sync::atomic::{AtomicU32, Ordering};
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let start = std::process::id().wrapping_mul(2_654_435_761) % 15_000;
    (0..15_000)
        .map(|_| 16_000 + ((start + NEXT.fetch_add(1, Ordering::Relaxed)) % 15_000) as u16)
        .find(|port| std::net::TcpListener::bind(("127.0.0.1", *port)).is_ok())
        .expect("one of 15,000 ports is free")
}
