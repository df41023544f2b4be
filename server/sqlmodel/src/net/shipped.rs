//! The trained weights that are committed beside the code and become part of the binary.

/// What `cargo xtask train` made, as a safetensors file; `None` when the checkout it was built from has none.
pub fn weights() -> Option<&'static [u8]> {
    #[cfg(tidegate_weights)]
    let weights = Some(include_bytes!("../../weights/tidegate-sql.safetensors").as_slice());
    #[cfg(not(tidegate_weights))]
    let weights = None;
    weights
}
