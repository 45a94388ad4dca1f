//! The allocator of the crate. Trie nodes and EVM frames are many small, short-lived objects: the
//! system allocator took a fifth of the time of a block.

use std::ffi::{c_int, c_long};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// mimalloc's `mi_option_purge_delay`.
const PURGE_DELAY: c_int = 15;

/// Freed memory goes back to the system after this long. The default of 10 ms gives it back after
/// every block and takes it again for the next, which costs a page fault for every page.
const PURGE_DELAY_MS: c_long = 5_000;

unsafe extern "C" {
    fn mi_option_set(option: c_int, value: c_long);
}

/// Call once, when the module is loaded.
pub fn configure() {
    // SAFETY: a plain setter of an integer option, linked with the allocator above.
    unsafe { mi_option_set(PURGE_DELAY, PURGE_DELAY_MS) }
}
