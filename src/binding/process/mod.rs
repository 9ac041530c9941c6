//! The callbacks of `process`.

use napi::bindgen_prelude::*;

use super::raw::Exports;

/// Exports the callbacks.
pub fn register(_exports: &Exports) -> Result<()> {
    Ok(())
}
