//! What the operating system is told about threads.

/// The calling thread gives way to others of this process and of the machine that want to run: for work
/// that may take long and must delay nothing.
pub fn yield_to_other_threads() {
    // On Linux the number 0 means the calling thread.
    lower(0);
}

/// A thread, as others may name it while it is there.
#[derive(Clone, Copy, Debug)]
pub struct ThreadMark(libc::id_t);

impl ThreadMark {
    /// The calling thread.
    #[allow(unsafe_code)]
    pub fn own() -> ThreadMark {
        // SAFETY: takes nothing and cannot fail.
        let number = unsafe { libc::gettid() };
        ThreadMark(libc::id_t::try_from(number).unwrap_or_default())
    }

    /// It gives way to others from now on, as by [`yield_to_other_threads`]. It must not have ended: its
    /// number could be another's.
    pub fn yields(self) {
        if self.0 != 0 {
            lower(self.0);
        }
    }
}

#[allow(unsafe_code)]
fn lower(thread: libc::id_t) {
    const NICE: libc::c_int = 10;
    // SAFETY: no memory is touched.
    let lowered = unsafe { libc::setpriority(libc::PRIO_PROCESS, thread, NICE) };
    // A machine that does not allow it runs the thread like any other.
    let _ = lowered;
}
