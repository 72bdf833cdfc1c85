//! Randomness as an argument, so that a test can foresee it.

pub trait Random: Send + Sync + 'static {
    /// Fills `bytes` so that nobody can guess them.
    fn fill(&self, bytes: &mut [u8]);
}

/// The operating system's randomness.
pub struct SystemRandom;

impl Random for SystemRandom {
    fn fill(&self, bytes: &mut [u8]) {
        getrandom::fill(bytes).expect("every supported kernel has getrandom(2)");
    }
}
