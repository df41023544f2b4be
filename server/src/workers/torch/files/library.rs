//! libtorch's presence, asked for before its first call.

/// Loads libtorch, or says why it cannot be. Costs nothing the second time, and nothing at all in a program that is
/// linked to it.
#[cfg(lazy_libtorch)]
pub(in crate::workers) fn load() -> Result<(), String> {
    use std::ffi::{CStr, c_char};

    #[expect(unsafe_code, reason = "declares a function of the stubs")]
    // SAFETY: the signature is that of the stubs' source, `xtask/src/provision/lazy/bind.c`.
    unsafe extern "C" {
        fn tidegate_tch_load() -> *const c_char;
    }

    #[expect(unsafe_code, reason = "calls it")]
    // SAFETY: it takes nothing and may be called from any thread, at any time.
    let reason = unsafe { tidegate_tch_load() };
    if reason.is_null() {
        return Ok(());
    }
    #[expect(unsafe_code, reason = "reads its answer")]
    // SAFETY: an answer that is not null is a terminated text that is never changed after the load.
    let reason = unsafe { CStr::from_ptr(reason) }.to_string_lossy();
    Err(format!(
        "libtorch cannot be loaded ({reason}); run `cargo xtask libtorch`, which provisions it, or put its directory \
         into LD_LIBRARY_PATH"
    ))
}

/// The program would not have started without it.
#[cfg(not(lazy_libtorch))]
#[expect(clippy::unnecessary_wraps, reason = "its twin with stubs can fail")]
pub(in crate::workers) fn load() -> Result<(), String> {
    Ok(())
}
