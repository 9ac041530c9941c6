//! The callbacks of `gc`.

use napi::bindgen_prelude::*;

use super::raw::Exports;

/// Exports the callbacks.
pub fn register(_exports: &Exports) -> Result<()> {
    Ok(())
}
