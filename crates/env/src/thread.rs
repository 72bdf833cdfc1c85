//! How much of the processor a thread may take beside others.

/// The calling thread gives way to others of this process and of the machine that want to run: for work
/// that may take long and must delay nothing.
#[allow(unsafe_code)]
pub fn yield_to_other_threads() {
    const NICE: libc::c_int = 10;
    // SAFETY: no memory is touched; on Linux the number 0 means the calling thread.
    let lowered = unsafe { libc::setpriority(libc::PRIO_PROCESS, 0, NICE) };
    // A machine that does not allow it runs the thread like any other.
    let _ = lowered;
}
