//! What the allocator keeps for itself.

/// Lets all threads share few heaps. Each thread that allocates gets a heap of its own otherwise, and
/// what one frees the others cannot use. To be called before the first thread starts.
#[allow(unsafe_code)]
pub fn share_memory() {
    #[cfg(target_env = "gnu")]
    // SAFETY: a number for a tunable of the allocator, which ignores what it does not like.
    unsafe {
        libc::mallopt(libc::M_ARENA_MAX, 2);
    }
}

/// Gives memory that was freed back to the machine. For after something large and passing, such as a
/// configuration of a hundred thousand tags: the allocator would keep its pages for ever.
#[allow(unsafe_code)]
pub fn release_memory() {
    #[cfg(target_env = "gnu")]
    // SAFETY: trimming the heap has no preconditions.
    unsafe {
        libc::malloc_trim(0);
    }
}
