//! What a sink knows of its server from one connection to the next.

use hyper::header::HeaderValue;
use std::sync::{Mutex, MutexGuard, PoisonError};
use tagwerk_env::Moment;

/// Requests are not made smaller than this because the server or the network is slow.
const SLOW_BYTES_MIN: usize = 4 * 1024;

#[derive(Default)]
pub struct Memory(Mutex<Remembered>);

#[derive(Default)]
struct Remembered {
    token: Option<(HeaderValue, Moment)>,
    not_before: Option<Moment>,
    /// What the server takes at once: less than the least that it refused.
    bytes_taken: Option<usize>,
    /// What gets through in time; grows again while requests do.
    bytes_in_time: Option<usize>,
}

impl Memory {
    fn remembered(&self) -> MutexGuard<'_, Remembered> {
        // A panic elsewhere leaves whole values behind.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn token(&self, now: Moment) -> Option<HeaderValue> {
        let remembered = self.remembered();
        remembered.token.as_ref().filter(|(_, until)| now < *until).map(|(token, _)| token.clone())
    }

    pub fn keep_token(&self, token: &HeaderValue, until: Moment) {
        self.remembered().token = Some((token.clone(), until));
    }

    pub fn forget_token(&self) {
        self.remembered().token = None;
    }

    /// Until when the server wishes to be left alone.
    pub fn not_before(&self) -> Option<Moment> {
        self.remembered().not_before
    }

    pub fn wait_until(&self, moment: Option<Moment>) {
        self.remembered().not_before = moment;
    }

    pub fn bytes_max(&self, wanted: usize) -> usize {
        let remembered = self.remembered();
        let limits = [remembered.bytes_taken, remembered.bytes_in_time];
        limits.into_iter().flatten().fold(wanted, usize::min)
    }

    /// The server refuses so many bytes at once.
    pub fn too_large(&self, bytes: usize) {
        let mut remembered = self.remembered();
        let limit = remembered.bytes_taken.map_or(bytes / 2, |known| known.min(bytes / 2));
        remembered.bytes_taken = Some(limit);
    }

    /// So many bytes did not get through in time.
    pub fn too_slow(&self, bytes: usize) {
        let limit = (bytes / 2).max(SLOW_BYTES_MIN);
        let mut remembered = self.remembered();
        remembered.bytes_in_time =
            Some(remembered.bytes_in_time.map_or(limit, |known| known.min(limit)));
    }

    /// A request got through: a somewhat larger one may.
    pub fn in_time(&self) {
        let mut remembered = self.remembered();
        remembered.bytes_in_time =
            remembered.bytes_in_time.and_then(|known| known.checked_add(known / 8));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_too_large_stays_so_and_what_was_too_slow_is_tried_again() {
        let memory = Memory::default();
        assert_eq!(memory.bytes_max(1_000_000), 1_000_000);
        memory.too_slow(400_000);
        assert_eq!(memory.bytes_max(1_000_000), 200_000);
        (0..100).for_each(|_| memory.in_time());
        assert_eq!(memory.bytes_max(1_000_000), 1_000_000);
        memory.too_large(100_000);
        memory.too_large(200_000);
        (0..100).for_each(|_| memory.in_time());
        assert_eq!(memory.bytes_max(1_000_000), 50_000);
        (0..100).for_each(|_| memory.too_slow(10));
        assert_eq!(memory.bytes_max(1_000_000), SLOW_BYTES_MIN);
        (0..10_000).for_each(|_| memory.in_time());
    }
}
